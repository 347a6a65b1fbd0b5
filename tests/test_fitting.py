"""How `em` and `fit` run, stop and report."""
import warnings
from itertools import islice

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emlit import (Bernoulli, Binomial, Degenerate, Mixture, MultivariateNormal, Normal, Poisson, Prior, Trace, em, fit, scale_floor,
                   starts)
from emlit.algorithm.diagnosis import same_density
from emlit.algorithm.stopping import plateau
from emlit.data import load_faithful
from linkage import Linkage

pytestmark = pytest.mark.filterwarnings("error")
y = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
heads = [5, 9, 8, 4, 7]
start = Mixture([.5, .5], Binomial(10, [.6, .5]))
OPTIONS = {"plain": {}, "frozen weights": {"freeze": ("weights",)}, "frozen p": {"freeze": "p"}, "weighted": {"sample_weight": [1, 2, .5, 0, 3]}}


# em

def test_em_yields_the_start_and_then_one_step_for_each_iteration():
    path = list(em(start, heads, max_iter=5))
    assert [s.t for s in path] == [0, 1, 2, 3, 4, 5] and path[0].model is start
    assert list(em(start, heads, max_iter=0)) == path[:1]
    assert list(islice(em(start, heads), 6)) == path

def test_em_refuses_bad_data_before_the_first_step():
    with pytest.raises(ValueError, match="x must"): em(start, [11])

@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_em_is_e_step_and_m_step_in_turn(options):
    weighting = {k: v for k, v in options.items() if k == "sample_weight"}
    freezing = {k: v for k, v in options.items() if k == "freeze"}
    model = start
    for step in em(start, heads, max_iter=4, **options):
        assert step.model == model and step.loglik == model.e_step(heads, **weighting).loglik
        model = model.m_step(model.e_step(heads, **weighting), **freezing)


# the trace

@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_loglik_belongs_to_the_model_beside_it(options):
    trace = fit(start, heads, **options)
    again = [s.model.loglik(heads, options.get("sample_weight")) for s in trace.steps]
    assert_allclose(trace.logliks, again, rtol=1e-13)
    assert [s.t for s in trace.steps] == list(range(trace.n_iter + 1))
    assert trace.loglik == trace.logliks[-1] and trace.model is trace.steps[-1].model
    assert_array_equal(trace.objective, trace.logliks)
    assert np.all(np.diff(trace.logliks) >= -1e-13 * abs(trace.loglik))
    assert trace.converged == (trace.reason == "converged") and trace.message
    assert isinstance(trace.loglik, float) and "converged" in repr(trace)

def test_fit_takes_the_path_of_em():
    assert fit(start, heads, max_iter=7, tol=0).steps == tuple(em(start, heads, max_iter=7))

def test_the_start_is_not_changed_by_a_fit():
    fit(start, heads)
    assert start == Mixture([.5, .5], Binomial(10, [.6, .5]))


# stopping

@pytest.mark.parametrize("m", [0, 1, 2, 10, 300])
def test_tol_0_runs_exactly_max_iter(m):
    trace = fit(start, heads, tol=0, max_iter=m)
    assert (trace.n_iter, trace.reason, len(trace.logliks)) == (m, "max_iter", m + 1)

@pytest.mark.parametrize("model, x", [(Mixture([.46, .54], Bernoulli([.55, .67])), y), (Mixture([1], Bernoulli([.5])), y)])
def test_tol_0_goes_on_at_a_fixed_point(model, x):
    assert fit(model, x, tol=0, max_iter=50).n_iter == 50

@pytest.mark.parametrize("tol", [1e-3, 1e-5, 1e-8, 1e-11])
def test_what_remains_to_be_gained_is_below_tol(tol):
    trace, best = fit(start, heads, tol=tol), fit(start, heads, tol=0, max_iter=500)
    assert trace.reason == "converged"
    assert best.loglik - trace.loglik <= tol * len(heads)

def test_max_iter_is_a_reason():
    trace = fit(start, heads, max_iter=3)
    assert trace.reason == "max_iter" and trace.n_iter == 3 and not trace.converged

def test_a_tol_below_rounding_stalls():
    trace = fit(start, heads, tol=1e-300)
    assert trace.reason == "stalled" and not trace.converged and trace.n_iter < 1000

def test_a_component_without_data_stays_and_the_others_go_on():
    "The right value is the maximum of the others alone."
    with pytest.warns(RuntimeWarning, match="component 0 has no data") as notes:
        trace = fit(Mixture([.5, .5], Binomial(1000, [.001, .6])), [1000, 999])
    assert len(notes) == 1 and trace.reason == "empty" and trace.converged and "component 0" in trace.message
    assert trace.loglik == trace.model.loglik([1000, 999])
    assert_array_equal(trace.model.weights, [0, 1])
    assert_allclose(trace.model.components[0].p, [.001, .9995], rtol=1e-12)

@pytest.mark.parametrize("start", [Mixture([1, 0], Bernoulli([.3, .6])), Mixture([1, 0], [Bernoulli([.3]), Bernoulli([.6])])], ids=["one block", "two blocks"])
@pytest.mark.parametrize("tol, reason", [(0, "max_iter"), (1e-8, "empty")])
def test_a_weight_of_zero_in_the_start_stays(start, tol, reason):
    with pytest.warns(RuntimeWarning, match="component 1 has no data") as notes: trace = fit(start, y, tol=tol, max_iter=20)
    assert len(notes) == 1 and trace.reason == reason and "component 1 has no data" in trace.message
    assert_array_equal(trace.model.weights, [1, 0])
    assert_allclose(np.concatenate([b.p for b in trace.model.components]), [.6, .6])
    assert_allclose(trace.loglik, 6 * np.log(.6) + 4 * np.log(.4))

@pytest.mark.parametrize("tol", [0, 1e-8])
def test_degenerate_keeps_the_last_good_model(tol):
    begin = Mixture([.5, .5], Normal([0, 5], [1, .1]))
    with pytest.warns(RuntimeWarning, match="component 1"): trace = fit(begin, [-1, 0, 1, 2, 5], tol=tol)
    assert trace.reason == "degenerate" and not trace.converged and trace.loglik == trace.model.loglik([-1, 0, 1, 2, 5])

def test_em_raises_degenerate():
    with pytest.raises(Degenerate) as error: list(em(Mixture([.5, .5], Normal([0, 5], [1, .1])), [-1, 0, 1, 2, 5], max_iter=30))
    assert error.value.component == 1 and str(error.value).startswith("component 1 has collapsed")

def test_no_component_with_data_is_degenerate():
    nothing = start.e_step(heads) * 0.0
    with pytest.raises(Degenerate, match="component 0 has no data left"): start.m_step(nothing)

@pytest.mark.parametrize("options", [{}, {"accelerate": "anderson"}, {"accelerate": "squarem"}, {"freeze": "weights"}, {"missing": "em"}, {"labels": [-1] * 60}], ids=str)
def test_what_is_empty_is_empty_in_every_way_of_fitting(options):
    x = np.r_[np.random.default_rng(3).normal(0, 1, 30), np.random.default_rng(4).normal(4, 1, 30)]
    with pytest.warns(RuntimeWarning, match="component 1 has no data"): trace = fit(Mixture([.3, .3, .4], Normal([0, 1e3, 4.], [1, 1, 1])), x, **options)
    two = fit(Mixture([.5, .5] if "freeze" not in options else [3 / 7, 4 / 7], Normal([0, 4.], [1, 1])), x, **{k: v for k, v in options.items() if k != "labels"})
    assert trace.reason == "empty"
    lost = 60 * np.log(.7) if "freeze" in options else 0
    assert_allclose(trace.loglik, two.loglik + lost, atol=1e-5)
    assert_allclose(trace.model.components[0].mean[[0, 2]], two.model.components[0].mean, atol=1e-3)
    assert trace.model.components[0].mean[1] == 1e3

def test_a_prior_that_counts_leaves_nothing_empty():
    "A component without data is at its prior's mode: Dirichlet(2, 2) on the weights, Beta(3, 2) on p."
    trace = fit(Mixture([1, 0], Bernoulli([.3, .6])), y, prior=Prior(weights=2, beta=(3, 2)))
    assert trace.reason == "converged"
    assert trace.model.weights[1] > 0

def test_impossible_data_has_loglik_minus_infinity_and_no_fit():
    impossible = Mixture([.5, .5], Bernoulli([0, 0]))
    assert impossible.loglik([0, 1]) == -np.inf
    assert_array_equal(impossible.log_prob([0, 1]), [0, -np.inf])
    with pytest.raises(ValueError, match=r"x\[1\]"): fit(impossible, [0, 1])
    with pytest.raises(ValueError, match=r"x\[1\]"): em(impossible, [0, 1])

def test_impossible_rows_of_weight_zero_do_no_harm():
    assert fit(Mixture([1], Bernoulli([0])), [0, 1], sample_weight=[1, 0]).loglik == 0

def test_weights_scale_the_loglik_and_change_nothing_else():
    one = fit(start, heads)
    for c in (1e-200, 1e-6, 3, 1e6, 1e200):
        many = fit(start, heads, sample_weight=np.full(5, c))
        assert_allclose(many.loglik, c * one.loglik, rtol=1e-12)
        assert_allclose(many.model.components[0].p, one.model.components[0].p, rtol=1e-9)
        assert (many.n_iter, many.reason) == (one.n_iter, one.reason)


# freeze

def test_frozen_weights_are_held_to_the_last_bit():
    rng = np.random.default_rng(0)
    for K in (2, 3, 5, 7, 9) * 8:
        model = Mixture(rng.dirichlet(np.ones(K)), Bernoulli(rng.random(K)))
        assert_array_equal(fit(model, y, freeze="weights", tol=0, max_iter=20).model.weights, model.weights)

@pytest.mark.parametrize("name, moved", [("components[0].p", 1), ("components[1].p", 0)])
def test_one_block_can_be_frozen(name, moved):
    model = Mixture([.5, .5], [Binomial(10, [.6]), Binomial(10, [.5])])
    trace = fit(model, heads, freeze=name)
    assert trace.model.components[1 - moved] == model.components[1 - moved]
    assert trace.model.components[moved] != model.components[moved]
    assert np.all(np.diff(trace.logliks) >= -1e-13)

def test_everything_frozen_stays():
    trace = fit(start, heads, freeze=("weights", "p"))
    assert trace.model == start and trace.converged

@pytest.mark.parametrize("freeze", ["weights", ["weights"], {"weights"}, ("weights", "weights")], ids=str)
def test_freeze_takes_any_collection_of_names(freeze):
    assert fit(start, heads, freeze=freeze, max_iter=4) == fit(start, heads, freeze=("weights",), max_iter=4)


# small, large and awkward

@pytest.mark.parametrize("x", [[0], [1]])
def test_one_observation(x):
    trace = fit(Mixture([.3, .7], Bernoulli([.2, .9])), x)
    assert trace.converged and abs(trace.loglik) < 1e-15
    assert_array_equal(trace.model.components[0].p, [x[0], x[0]])

def test_one_component_is_the_share_of_heads():
    trace = fit(Mixture([1], Bernoulli([.5])), y)
    assert trace.converged and np.isclose(trace.model.components[0].p, .6)

def test_many_components():
    K = 2000
    trace = fit(Mixture(np.full(K, 1 / K), Bernoulli(np.linspace(0, 1, K))), y)
    assert trace.converged and np.isclose(trace.loglik, 6 * np.log(.6) + 4 * np.log(.4))

def test_more_components_than_observations():
    trace = fit(Mixture([.2] * 5, Binomial(10, [.1, .3, .5, .7, .9])), [2, 8])
    assert np.isfinite(trace.loglik) and trace.reason == "converged"

def test_identical_components_stay_identical():
    "A symmetric saddle: both take the share of all heads."
    with pytest.warns(RuntimeWarning, match="components 0 and 1 of the start are identical"):
        trace = fit(Mixture([.5, .5], Binomial(10, [.4, .4])), heads)
    assert_allclose(trace.model.components[0].p, [.66, .66], rtol=1e-14)

def test_probabilities_of_0_and_1_stay():
    trace = fit(Mixture([.2, .3, .5], Bernoulli([0, 1, .5])), y)
    assert_array_equal(trace.model.components[0].p[:2], [0, 1])
    assert_allclose(trace.loglik, 6 * np.log(.6) + 4 * np.log(.4))

@pytest.mark.parametrize("tiny", [1e-16, 1e-300, 5e-324])
def test_tiny_weights_and_probabilities(tiny):
    assert np.isfinite(fit(Mixture([1 - tiny, tiny], Bernoulli([.5, .6])), y).loglik)
    assert np.isfinite(fit(Mixture([.5, .5], Bernoulli([tiny, .6])), y).loglik)

def test_many_tosses_in_a_round():
    n = 10**9
    trace = fit(Mixture([.5, .5], Binomial(n, [.4, .5])), [3 * n // 10, 6 * n // 10])
    assert_allclose(trace.model.components[0].p, [.3, .6], rtol=1e-12)

def test_many_columns_underflow_to_nothing_bad():
    x = np.tile([[1, 0], [0, 1]], (1, 2500)) # densities of about e^-6000
    trace = fit(Mixture([.5, .5], Bernoulli(np.tile([[.3, .1], [.1, .2]], (1, 2500)))), x)
    assert_array_equal(trace.model.components[0].p.round(12), x)
    assert_allclose(trace.loglik, -2 * np.log(2))

@pytest.mark.slow
def test_a_million_tosses():
    rng = np.random.default_rng(0)
    x, _ = Mixture([.3, .7], Binomial(20, [.2, .6])).sample(rng, 10**6)
    trace = fit(Mixture([.5, .5], Binomial(20, [.3, .5])), x, max_iter=4)
    assert_allclose(trace.model.components[0].p, [.2, .6], atol=3e-3)

@pytest.mark.slow
def test_no_nan_and_no_surprise_from_small_random_problems():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n, K, tosses = rng.integers(1, 6), rng.integers(1, 5), rng.integers(1, 4)
        p = np.where(rng.random(K) < .3, rng.integers(0, 2, K), rng.random(K))
        model = Mixture(rng.dirichlet(np.ones(K)), Binomial(tosses, p))
        x, _ = model.sample(rng, n)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "EM stopped|EM went on|EM converged on fewer")
            warnings.filterwarnings("ignore", ".* identical") # p is often 0 or 1 twice
            trace = fit(model, x, max_iter=60, sample_weight=rng.random(n) + .01)
        values = np.concatenate([np.ravel(v) for s in trace.steps for v in s.model.parameters().values()] + [trace.logliks])
        assert np.all(np.isfinite(values)) and np.all(np.diff(trace.logliks) > -1e-12)


# progress, warnings and other models

def test_progress_writes_to_stderr_and_changes_nothing(capsys):
    quiet = fit(start, heads)
    assert capsys.readouterr() == ("", "")
    assert fit(start, heads, progress=True) == quiet
    out, err = capsys.readouterr()
    assert out == "" and "EM" in err and str(quiet.n_iter) in err

def test_a_wrong_m_step_is_noticed():
    class Wrong(Linkage):
        def m_step(self, expected): return Wrong(.9)
    with pytest.warns(RuntimeWarning, match="log-likelihood fell from .* at iteration 1"): fit(Wrong(.5), [125, 18, 20, 34], max_iter=1)

def test_a_model_that_is_no_mixture():
    trace = fit(Linkage(.5), [125, 18, 20, 34])
    assert isinstance(trace, Trace) and trace.converged
    assert [s.t for s in em(Linkage(.5), [125, 18, 20, 34], max_iter=3)] == [0, 1, 2, 3]
    assert 0 < trace.rate < 1

def test_rates_of_convergence():
    "Where both coins meet, the rate is the rounds' variance over a binomial's; one component is found in one step."
    meeting = fit(Mixture([.5, .5], Binomial(5, [.2, .7])), [3, 2, 1, 3, 2], freeze="weights", tol=0, max_iter=100)
    assert_allclose(meeting.rate, np.var([3, 2, 1, 3, 2]) / (5 * .44 * .56), rtol=1e-5)
    assert fit(Mixture([1], Bernoulli([.5])), y).rate == 0
    assert np.isnan(fit(start, heads, max_iter=1).rate)


def test_a_component_that_cannot_be_is_no_twin():
    "On zeros a point mass and a unit exponential agree; elsewhere the point mass gives −∞."
    always_zero = Mixture([.5, .5], [Binomial(1, [0.]), Poisson([0.])])
    assert same_density(always_zero, np.zeros(3)) == (0, 1)
    mixed = Mixture([.5, .5], [Poisson([0.]), Poisson([1.])])
    assert same_density(mixed, np.array([2., 1.])) is None


def test_a_mixture_looks_for_mistakes_once(monkeypatch):
    "Steps after the first take the data as they were read; the result is the same as if each looked again."
    looks = []
    check = Mixture.check
    monkeypatch.setattr(Mixture, "check", lambda self, x: looks.append(1) or check(self, x))
    x, w = [0, 1, 2, 7, 8, 9], [1, 2, 1, 1, 1, 2]
    start = Mixture([.5, .5], Normal([1.0, 6.0], [2.0, 2.0]))
    trace = fit(start, x, tol=0, max_iter=20, sample_weight=w)
    assert len(looks) <= 4
    model = start
    for _ in range(20): model = model.m_step(model.e_step(x, sample_weight=w))
    assert model == trace.model and trace.loglik == model.e_step(x, sample_weight=w).loglik


# a plateau of rounding is an end

FAR = [(n, gap, d) for n in (1000, 10_000) for gap in (10, 60, 1000) for d in (1, 2, 5)]

@pytest.mark.parametrize("structure", ["full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"])
@pytest.mark.parametrize("options", [{}, {"accelerate": "squarem"}, {"accelerate": "anderson"}, {"accelerate": "auto"}, {"weights": True}, {"tol": 1e-12},
                                     {"reg_covar": 1e-6}, {"dtype": "float32", "tol": 1e-5}], ids=str)
@pytest.mark.slow
def test_groups_far_apart_converge_at_once(structure, options):
    "Nothing is left to be gained after two steps; what moves is rounding. Without a word, as no EM fell."
    options, rng = dict(options), np.random.default_rng(0)
    reg, weighted = options.pop("reg_covar", None), options.pop("weights", False)
    for n, gap, d in FAR:
        x, r = np.r_[rng.normal(0, 1, (n // 2, d)), rng.normal(gap, 1, (n // 2, d))], .1 + .8 * np.eye(2)[np.repeat([0, 1], n // 2)]
        begin = starts.start(MultivariateNormal, x, r, structure=structure, **({"reg_covar": reg} if reg else {"floor": scale_floor(x, structure)}))
        if weighted: options["sample_weight"] = rng.random(n) + .1
        trace = fit(begin, x, max_iter=100, keep="ends", **options)
        assert trace.n_iter < 20 and trace.reason in ("converged", "stalled"), (n, gap, d, trace)
        if not options: assert trace.reason == "converged"

def test_a_slow_climb_is_no_plateau():
    "Gains of 1e-9 and less, each a thousandth smaller than the one before: only a fall shows how large rounding is."
    climb = -3e4 - 1e-6 * .999**np.arange(4000)
    assert all(plateau(climb[:t][-9:], 10_000, 1e-8) is None for t in range(1, 4000, 7))
    noisy = climb + np.random.default_rng(0).normal(0, 1e-10, 4000)
    stopped = next(t for t in range(4000) if plateau(noisy[:t][-9:], 10_000, 1e-13))
    assert 0 < -3e4 - climb[stopped] < 2e-7

def test_a_wrong_m_step_that_goes_up_and_down_is_no_plateau():
    up_and_down = -3e4 + 1e-2 * np.resize([0, 1], 9)
    assert plateau(up_and_down, 10_000, 1e-8) is None


# going on from an earlier run

@pytest.mark.parametrize("accelerate", [None, "auto", "squarem", "anderson"])
@pytest.mark.parametrize("each", [1, 3, 40])
@pytest.mark.parametrize("tol", [1e-4, 1e-8])
@pytest.mark.slow
def test_runs_that_go_on_are_one_run(accelerate, each, tol):
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(0, 1, 300), rng.normal(2.5, 1, 300)]
    begin, options = Mixture([.5, .5], Normal([-1., 1.], [1., 1.])), {"tol": tol, "accelerate": accelerate}
    whole = fit(begin, x, max_iter=500, **options)
    trace, made = None, 0
    while not (trace and trace.converged) and made < 600:
        trace = fit(trace.model if trace else begin, x, max_iter=each, earlier=trace, **options)
        made += trace.n_iter
    assert whole.converged and made == whole.n_iter
    assert_allclose(trace.loglik, whole.loglik, rtol=1e-13)
    after = fit(trace.model, x, max_iter=1, earlier=trace, **options)
    assert after.converged and after.n_iter == 1 # and stays so

def test_what_an_earlier_run_knew_is_of_no_use_elsewhere():
    trace = fit(start, heads)
    assert fit(start, heads, earlier=trace) == fit(start, heads)
    assert fit(trace.model, [5, 5, 5], earlier=trace) == fit(trace.model, [5, 5, 5])
    with pytest.raises(TypeError, match="earlier must be None or a Trace"): fit(start, heads, earlier=start)


# tol

@pytest.mark.slow
def test_a_loose_tol_is_no_trap():
    "Old Faithful, tied, three components, as 14 nats lie behind a saddle: where the estimate alone stopped, more than 1 nat was to come in seven of eight."
    x, lost = load_faithful(), []
    for seed in range(8):
        begin = starts.start(MultivariateNormal, x, starts.random_responsibilities(x, 3, np.random.default_rng(seed)), structure="tied")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            loose = fit(begin, x, tol=1e-3, keep="ends")
            tight = fit(loose.model, x, tol=1e-9, keep="ends", accelerate="anderson", max_iter=3000)
        lost.append(tight.loglik - loose.loglik)
    assert np.max(lost) < 1, lost

def test_a_look_does_not_change_the_path():
    x = load_faithful()
    begin = starts.start(MultivariateNormal, x, starts.random_responsibilities(x, 3, np.random.default_rng(1)), structure="tied")
    trace = fit(begin, x, tol=1e-3)
    assert_array_equal(trace.logliks, [s.loglik for s in em(begin, x, max_iter=trace.n_iter)])
