"""Acceleration: fewer evaluations of the EM map, the same optimum, never downhill."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emlit import (Bernoulli, Binomial, Categorical, Exponential, Gamma, Geometric, Mixture, Multinomial, MultivariateNormal,
                   Normal, Poisson, Prior, Uniform, em, fit, scale_floor)
from emlit.algorithm.jumps import Coordinates
from linkage import Linkage

pytestmark = pytest.mark.filterwarnings("error")
deaths, days = np.arange(10), np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])
winter = Mixture([.5, .5], Poisson([1, 3]))
METHODS = "squarem", "anderson", "auto"
each_method = pytest.mark.parametrize("method", METHODS)


def cov(structure):
    full = np.array([[1., .3], [.3, .8]])
    return {"full": [full, full], "tied": full, "diag": [[1, .8]] * 2, "tied_diag": [1, .8], "spherical": [1, 1.2], "tied_spherical": 1.}[structure]

STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
MODELS = { # the truth; the start is the truth with the components moved together
    "bernoulli": Mixture([.4, .6], Bernoulli([[.2, .3, .7, .5], [.6, .7, .4, .2]])),
    "binomial": Mixture([.4, .6], Binomial(12, [.3, .55])),
    "categorical": Mixture([.4, .6], Categorical([[[.2, .3, .5], [.5, .3, .2]], [[.6, .4], [.3, .7]], [[.1, .9], [.6, .4]]])),
    "multinomial": Mixture([.4, .6], Multinomial(9, [[.2, .3, .5], [.4, .4, .2]])),
    "poisson": Mixture([.4, .6], Poisson([2, 5])),
    "geometric": Mixture([.4, .6], Geometric([.2, .6])),
    "exponential": Mixture([.4, .6], Exponential([[1., 3.], [4., 1.]])),
    "gamma": Mixture([.4, .6], Gamma([2., 9.], [1., .7])),
    "normal": Mixture([.4, .6], Normal([0, 2.], [1, .8])),
    "normal columns": Mixture([.4, .6], Normal([[0, 1.], [2., 0]], [[1, .8], [.7, 1.1]])),
    "outliers": Mixture([.4, .5, .1], [Normal([0, 2.2], [1, .8]), Uniform([-9], [9])]),
} | {s: Mixture([.4, .6], MultivariateNormal([[0, 0], [1.9, 1.2]], cov(s), s)) for s in STRUCTURES}
DATA = {name: m.sample(np.random.default_rng(3), 400)[0] for name, m in MODELS.items()}
each_family = pytest.mark.parametrize("name", MODELS)


def start_of(name):
    "The truth after one M-step from blurred responsibilities: near, but not at the optimum."
    from emlit.mixture import Expectation
    model, x = MODELS[name], DATA[name]
    r = .5 * model.responsibilities(x) + .5 * model.weights
    ends = np.cumsum([b.n_components for b in model.components])[:-1]
    return model.m_step(Expectation(0., tuple(b.statistics(x, p) for b, p in zip(model.components, np.split(r, ends, axis=1)))))

def theta(model): return np.concatenate([np.ravel(p) for v in model.parameters().values() for p in (v if isinstance(v, (tuple, list)) else [v])])


@each_family
@pytest.mark.parametrize("method", ["squarem", "anderson"])
@pytest.mark.slow
def test_monotone_feasible_and_never_below_plain_em(name, method):
    start, x = start_of(name), DATA[name]
    plain, fast = (fit(start, x, tol=1e-10, accelerate=a, max_iter=20_000) for a in (None, method))
    assert np.all(np.diff(fast.logliks) >= -1e-11 * (abs(fast.loglik) + len(x)))
    assert fast.reason == plain.reason == "converged"
    assert fast.loglik >= plain.loglik - 1e-6
    assert np.isfinite(theta(fast.model)).all() and np.isclose(fast.model.weights.sum(), 1) and np.all(fast.model.weights >= 0)
    assert_allclose([s.model.loglik(x) for s in fast.steps[::7]], fast.logliks[::7], rtol=1e-10)

# in company: priors, labels, missing values, weights, floors, single precision

PRIORS = {"bernoulli": Prior(beta=(2, 3)), "binomial": Prior(beta=(2, 3)), "categorical": Prior(dirichlet=2., weights=2.), "multinomial": Prior(dirichlet=3.),
          "poisson": Prior(gamma=(2, 1)), "geometric": Prior(beta=(2, 2)), "exponential": Prior(gamma=(2, 1)), "outliers": Prior(weights=2.),
          "normal": Prior(normal=(0, .1), inverse_gamma=(2, 1), weights=2.), "normal columns": Prior(inverse_gamma=(2, 1)),
          } | {s: Prior(normal=(0, .05), inverse_wishart=(4, 1.), weights=1.5) for s in STRUCTURES}
WIDE = [n for n, x in DATA.items() if x.ndim == 2 and n != "multinomial"] # a count of a multinomial cannot be missing alone

def labelled(name, x):
    "The likelier component as the label of every tenth row."
    labels = np.full(len(x), -1)
    labels[::10] = MODELS[name].predict(x[::10])
    return labels

def with_holes(x):
    x = np.where(np.random.default_rng(7).random(x.shape) < .15, np.nan, x)
    return x[~np.isnan(x).all(axis=1)]

def options(name, company):
    "Data and what goes with them."
    x = DATA[name]
    if company == "labels": return x, {"labels": labelled(name, x)}
    if company == "prior": return x, {"prior": PRIORS[name]}
    if company == "missing": return with_holes(x), {"missing": "em"}
    holes, labels = with_holes(x), np.full(len(x), -1)
    return holes, {"missing": "em", "prior": PRIORS[name], "sample_weight": 1 + np.arange(len(holes)) % 3,
                   "labels": np.r_[MODELS[name].predict(holes[:30], missing="em"), labels[30:len(holes)]]}

COMPANY = [(n, c) for c, names in {"prior": PRIORS, "labels": MODELS, "missing": WIDE, "all at once": [n for n in WIDE if n in PRIORS]}.items() for n in names]

@pytest.mark.parametrize("name, company", COMPANY)
@pytest.mark.slow
def test_in_company_it_climbs_the_same_hill(name, company):
    start, (x, given) = start_of(name), options(name, company)
    plain = fit(start, x, tol=1e-9, max_iter=20_000, **given)
    for method in METHODS:
        fast = fit(start, x, tol=1e-9, accelerate=method, **given)
        assert np.all(np.diff(fast.objective) >= -1e-11 * (abs(fast.objective[-1]) + len(x)))
        assert fast.reason == plain.reason == "converged" and fast.n_iter <= max(plain.n_iter, 30)
        assert fast.objective[-1] >= plain.objective[-1] - 1e-6
        assert_allclose(fast.model.loglik(x, **{k: v for k, v in given.items() if k != "prior"}), fast.loglik, rtol=1e-10)

@pytest.mark.parametrize("name", [*STRUCTURES, "normal", "normal columns"])
@pytest.mark.slow
def test_a_floor_that_is_not_touched_changes_nothing(name):
    from dataclasses import replace
    start, x = start_of(name), DATA[name]
    block = start.components[0]
    held = Mixture(start.weights, replace(block, floor=scale_floor(x, getattr(block, "structure", "diag"))))
    for method in METHODS:
        a, b = (fit(s, x, accelerate=method) for s in (start, held))
        assert_array_equal(a.logliks, b.logliks)
        assert not b.model.components[0].guarded().any()

@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.slow
def test_in_single_precision_it_climbs_to_within_rounding(method, structure):
    x, _ = MODELS[structure].sample(np.random.default_rng(4), 5000)
    start = start_of(structure)
    fine, coarse = (fit(start, x, accelerate=method, dtype=t, tol=0, max_iter=60) for t in (None, "float32"))
    rounding = 16 * np.finfo(np.float32).eps * (abs(fine.loglik) + len(x))
    assert np.diff(coarse.logliks).min() >= -rounding and np.isfinite(theta(coarse.model)).all()
    assert abs(coarse.loglik - coarse.model.loglik(x)) <= rounding
    assert coarse.model.loglik(x) >= fine.loglik - rounding

@pytest.mark.parametrize("method", [None, *METHODS])
def test_in_single_precision_it_ends_where_rounding_begins(method):
    x, _ = MODELS["full"].sample(np.random.default_rng(4), 20_000)
    fine, coarse = (fit(start_of("full"), x, accelerate=method, dtype=t) for t in (None, "float32"))
    assert coarse.reason == "stalled" and coarse.n_iter <= fine.n_iter + 20
    assert fine.loglik - coarse.model.loglik(x) <= 1e-4 * len(x)

def test_times_deaths_in_thirty_evaluations():
    trace = fit(winter, deaths, sample_weight=days, accelerate="anderson", tol=1e-12)
    assert trace.n_iter <= 34 and trace.accelerated == 10
    assert_allclose(trace.loglik, -1989.945860, atol=1e-6)
    assert_allclose(trace.model.components[0].rate, [1.2560951, 2.6634044], atol=1e-6)

@each_method
@pytest.mark.parametrize("m", [0, 1, 10, 11, 12, 40, 90])
def test_tol_0_makes_exactly_max_iter_evaluations(method, m):
    calls = []
    class Counted(Mixture):
        def e_step(self, x, **options): calls.append(1); return super().e_step(x, **options)
        def m_step(self, e, **options): return Counted(*(lambda r: (r.weights, r.components))(super().m_step(e, **options)))
    trace = fit(Counted(winter.weights, winter.components), deaths, sample_weight=days, accelerate=method, tol=0, max_iter=m)
    assert trace.n_iter == m and len(calls) == m + 1 and len(trace.logliks) == m + 1 and trace.reason == "max_iter"

@each_method
@pytest.mark.parametrize("tol", [1e-7, 1e-8, 1e-10])
def test_what_remains_is_below_tol(method, tol):
    for a, b in ((1, 3), (1, 2.5), (1.5, 2.5), (.2, 2)):
        trace = fit(Mixture([.5, .5], Poisson([a, b])), deaths, sample_weight=days, accelerate=method, tol=tol)
        assert trace.converged and -1989.94585988297 - trace.loglik <= 1.2 * tol * days.sum()

def test_none_is_exact_em():
    assert fit(winter, deaths, sample_weight=days, tol=0, max_iter=30).steps == tuple(em(winter, deaths, sample_weight=days, max_iter=30))
    assert fit(winter, deaths, sample_weight=days).accelerated is None

def test_auto_leaves_a_quick_run_alone():
    start = Mixture([.5, .5], Normal([0., 9.], [1., 1.]))
    x, _ = start.sample(np.random.default_rng(0), 300)
    assert fit(start, x, accelerate="auto") == fit(start, x) and fit(start, x, accelerate="auto").accelerated is None

def test_auto_says_when_it_began():
    trace = fit(winter, deaths, sample_weight=days, accelerate="auto")
    assert trace.accelerated >= 10 and "accelerated by anderson" in trace.message and trace.n_iter < 60

@each_method
@pytest.mark.parametrize("freeze", ["weights", "mean", "std", "components[0].mean"])
@pytest.mark.slow
def test_frozen_parameters_stay(method, freeze):
    model, x = Mixture([.3, .3, .4], [Normal([0.], [1.]), Normal([1., 2.5], [1., 1.])]), DATA["normal"]
    trace = fit(model, x, freeze=freeze, accelerate=method, tol=1e-10)
    for name, value in model.parameters().items():
        if freeze in (name, name.split(".")[-1]): assert_array_equal(trace.model.parameters()[name], value)
    assert np.all(np.diff(trace.logliks) >= -1e-9) and trace.loglik >= fit(model, x, freeze=freeze, tol=1e-10).loglik - 1e-5

@each_method
@pytest.mark.slow
def test_weights_equal_repeated_rows(method):
    x, start = DATA["full"], start_of("full")
    w = np.random.default_rng(1).integers(0, 3, len(x))
    a, b = fit(start, x, sample_weight=w, accelerate=method, tol=1e-11), fit(start, np.repeat(x, w, axis=0), accelerate=method, tol=1e-11)
    assert_allclose(a.loglik, b.loglik, atol=1e-6)
    assert_allclose(theta(a.model), theta(b.model), atol=1e-4)

@pytest.mark.parametrize("shift, scale", [(1e8, 1), (0, 1e-8), (0, 1e8), (1e6, 1e-2)])
@pytest.mark.parametrize("method", ["squarem", "anderson"])
@pytest.mark.slow
def test_far_from_the_origin_and_in_other_units(method, shift, scale):
    x, start = DATA["full"], start_of("full")
    moved = start.replace({"components[0].mean": shift + scale * start.components[0].mean, "components[0].cov": scale**2 * start.components[0].cov})
    here, there = fit(start, x, accelerate=method, tol=1e-10), fit(moved, shift + scale * x, accelerate=method, tol=1e-10)
    assert there.reason == here.reason == "converged"
    jacobian = 2 * len(x) * np.log(scale)
    assert_allclose(there.loglik + jacobian, here.loglik, atol=2e-5)

@each_method
def test_a_short_memory_changes_nothing_else(method):
    options = dict(sample_weight=days, accelerate=method)
    long, short = fit(winter, deaths, **options), fit(winter, deaths, keep="ends", **options)
    assert len(short.steps) <= 5 and short.n_iter == long.n_iter and short.model == long.model
    assert_array_equal(short.logliks, long.logliks)

@pytest.mark.slow
def test_ten_random_starts_leave_nothing_to_plain_em():
    x = DATA["full"]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        start = Mixture([1/3] * 3, MultivariateNormal(x[rng.choice(len(x), 3, replace=False)], [np.cov(x.T)] * 3))
        fast = fit(start, x, accelerate="anderson", max_iter=2000)
        assert np.all(np.diff(fast.logliks) >= -1e-9) and fast.reason == "converged"
        after = fit(fast.model, x, tol=0, max_iter=300)
        assert after.loglik - fast.loglik <= 1e-8 * len(x) # no plain step finds what acceleration missed

@each_method
def test_empty_and_degenerate_are_reported_as_ever(method):
    with pytest.warns(RuntimeWarning, match="component 0 has no data"):
        assert fit(Mixture([.5, .5], Binomial(1000, [.001, .6])), [1000, 1000], accelerate=method).reason == "empty"
    with pytest.warns(RuntimeWarning, match="component 1 has collapsed"):
        assert fit(Mixture([.5, .5], Normal([0, 5], [1, .1])), [-1, 0, 1, 2, 5], accelerate=method).reason == "degenerate"

@pytest.mark.parametrize("bad", ["fast", True, 1, "SQUAREM", ""])
def test_other_methods_are_refused_with_a_list(bad):
    with pytest.raises(ValueError, match="accelerate must be one of None, 'squarem', 'anderson', 'auto'; got"):
        fit(winter, deaths, accelerate=bad)

def test_models_without_expected_statistics():
    with pytest.raises(TypeError, match="use accelerate=None"): fit(Linkage(.5), [125, 18, 20, 34], accelerate="anderson")
    assert fit(Linkage(.5), [125, 18, 20, 34], accelerate="auto").accelerated is None

@each_family
def test_coordinates_there_and_back(name):
    model, x = start_of(name), DATA[name]
    here, there = model.e_step(x), MODELS[name].e_step(x)
    c = Coordinates(model, here)
    back = c.restore(c.flatten(there))
    assert_allclose(theta(model.m_step(back)), theta(model.m_step(there)), rtol=1e-9, atol=1e-12)
    assert_allclose(c.flatten(back), c.flatten(there), atol=1e-9)
    assert c.near(here)
