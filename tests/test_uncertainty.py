"Standard errors, bootstrap, likelihood-ratio test, multistart and labels."
import pickle
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import xlogy

import emlit
from emlit import (Bernoulli, Binomial, Categorical, Exponential, Family, Gamma, Geometric, Mixture, Multinomial, MultivariateNormal,
                   Normal, Poisson, Stats, Uniform, bootstrap, bootstrap_lrt, canonical, fit, match, multistart, permute, standard_errors)
from emlit import starts
from emlit.data import load_deaths, load_faithful, load_linkage
from emlit.inference import suspicions
from emlit.inference.resampling import redraw
from linkage import Linkage as Plain

pytestmark = pytest.mark.filterwarnings("error")


class Linkage(Plain):
    def m_step(self, expected): return Linkage(super().m_step(expected).theta)
    def replace(self, changes): return Linkage(changes["theta"])


COVS = {"full": [[[1, .5], [.5, 2]], [[2, -.3], [-.3, .5]]], "tied": [[1, .5], [.5, 2]], "diag": [[1, 2], [3, .5]], "tied_diag": [1, 2],
        "spherical": [1, 2.], "tied_spherical": 1.5}
FAMILIES = {
    "bernoulli": Bernoulli([[.3, .2, .6, .3], [.7, .8, .1, .8]]), "binomial": Binomial(10, [.3, .8]), "poisson": Poisson([2., 9.]),
    "categorical": Categorical([[[.2, .8], [.7, .3]], [[.2, .2, .6], [.6, .3, .1]], [[.2, .8], [.7, .3]]]),
    "multinomial": Multinomial(8, [[.2, .3, .5], [.6, .3, .1]]), "geometric": Geometric([.1, .7]), "exponential": Exponential([.2, 5.]),
    "gamma": Gamma([2., 30.], [1., .5]), "normal": Normal([0., 4.], [1., 2.]), "columns": Normal([[0., 1], [4., 3]], [[1., 2.], [1, 1]]),
    "blocks": [Normal([0.], [1.]), Uniform([-20.], [20.])]} | {
    s: MultivariateNormal([[0, 0], [3, 2]], c, s) for s, c in COVS.items()}
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def fitted(family, n=400, weights=(.4, .6), seed=0, **options):
    truth = Mixture(weights, family)
    x, _ = truth.sample(np.random.default_rng(seed), n)
    return fit(truth, x, **({"tol": 1e-13, "max_iter": 20_000} | options)), x

def units(information): return np.sqrt(np.outer(*[np.diag(information)] * 2))


# information

def test_linkage():
    e = standard_errors(fit(Linkage(.5), load_linkage(), tol=1e-14), load_linkage())
    assert e.names == ("theta",) and e.method == "map"
    assert_allclose(e.errors, .051467, atol=5e-7)
    assert_allclose([e.observed[0, 0], e.complete[0, 0]], [377.517, 435.318], atol=5e-4)
    assert_allclose(e.rate, .132779, atol=5e-7)

@each_family
@pytest.mark.slow
def test_three_routes_agree_and_predict_the_rate(family):
    trace, x = fitted(family)
    louis, oakes, ell = (standard_errors(trace, x, method=m) for m in ("louis", "oakes", "map"))
    assert len(louis.names) == trace.model.n_parameters
    for other in (oakes, ell):
        assert_allclose(other.observed / units(louis.observed), louis.observed / units(louis.observed), atol=1e-7)
        assert_allclose(other.complete / units(louis.complete), louis.complete / units(louis.complete), atol=1e-5)
        assert_allclose(other.errors, louis.errors, rtol=1e-6)
    assert_allclose(louis.rate, trace.rate, rtol=1e-2)
    assert np.all(louis.missing > -1e-9) and np.all(louis.missing < 1)
    assert np.all(np.diff(louis.missing) <= 1e-12)

def test_information_is_the_hessian_in_the_models_own_numbers():
    "ℓ as a function of the eleven free numbers, written out here and bent by plain second differences."
    x = load_faithful()
    trace = fit(Mixture([.4, .6], MultivariateNormal([[2, 55], [4.5, 80]], [[[.5, 1], [1, 40]]] * 2)), x, tol=1e-14)
    e = standard_errors(trace, x)
    def ell(u):
        covs = [[[a, b], [b, c]] for a, b, c in u[5:].reshape(2, 3)]
        return np.log(sum(w * stats.multivariate_normal.pdf(x, m, c) for w, m, c in zip((u[0], 1 - u[0]), u[1:5].reshape(2, 2), covs))).sum()
    at = e.estimates
    assert_allclose(ell(at), trace.loglik, rtol=1e-12)
    steps = np.diag(.02 * e.errors)
    bend = np.array([[(ell(at + a + b) - ell(at + a - b) - ell(at - a + b) + ell(at - a - b)) / (4 * a.max() * b.max()) for b in steps] for a in steps])
    assert_allclose(-bend / units(e.observed), e.observed / units(e.observed), atol=2e-4)
    assert_allclose(e.errors, np.sqrt(np.diag(np.linalg.inv(-bend))), rtol=2e-4)
    slopes = [(ell(at + a) - ell(at - a)) / (2 * a.max()) for a in steps]
    assert_allclose(slopes * e.errors, 0, atol=1e-4)

def test_one_component_is_the_textbook():
    x = np.random.default_rng(0).normal(3, 2, 500)
    e = standard_errors(fit(Mixture([1.], Normal([0.], [1.])), x), x)
    assert_allclose(e.errors, [x.std() / 500**.5, x.std() / 1000**.5], rtol=1e-8)
    assert_allclose(e.missing, 0, atol=1e-9)
    p = standard_errors(Mixture([1.], Poisson([x.size])), [x.size] * 10)
    assert_allclose(p.errors, (x.size / 10)**.5, rtol=1e-8)

@pytest.mark.parametrize("family, sizes", [(Poisson([1e6]), [1e6 / 50]), (Gamma([1e4], [2.]), None), (Binomial(10**6, [.3]), [.3 * .7 / 10**6 / 50]),
                                           (Bernoulli([1e-3]), None), (Geometric([.999]), None)])
def test_sharp_components(family, sizes):
    model = Mixture([1.], family)
    x, _ = model.sample(np.random.default_rng(0), 50 if sizes else 20_000)
    trace = fit(model, x)
    a, b = standard_errors(trace, x), standard_errors(trace, x, method="map")
    assert_allclose(a.errors, b.errors, rtol=2e-5)
    if sizes: assert_allclose(a.errors**2, sizes, rtol=1e-2)

def test_multinomial_shares_by_formula():
    x = np.random.default_rng(0).multinomial(20, [.2, .3, .5], 100)
    p = x.sum(0) / 2000
    e = standard_errors(Mixture([1.], Multinomial(20, [p])), x)
    assert_allclose(e.cov, (np.diag(p) - np.outer(p, p))[:2, :2] / 2000, rtol=1e-7)
    assert_allclose(e.by_name["components[0].p"][0], np.sqrt(p * (1 - p) / 2000), rtol=1e-7)

def test_units_and_origin_change_nothing_but_units():
    trace, x = fitted(FAMILIES["full"])
    far = MultivariateNormal(trace.model.components[0].mean * 1e6 + 1e7, trace.model.components[0].cov * 1e12)
    a, b = standard_errors(trace, x), standard_errors(Mixture(trace.model.weights, far), x * 1e6 + 1e7)
    assert_allclose(b.errors / a.errors, [1] + [1e6] * 4 + [1e12] * 6, rtol=1e-6)
    assert_allclose(b.missing, a.missing, atol=1e-7)

def test_nearly_singular_covariances():
    c = [[1, 1 - 1e-8], [1 - 1e-8, 1]]
    trace, x = fitted(MultivariateNormal([[0, 0], [3, 3.]], [c, c]))
    a, b = standard_errors(trace, x), standard_errors(trace, x, method="oakes")
    assert_allclose(a.errors, b.errors, rtol=1e-6)
    assert np.all(np.isfinite(a.errors))

def test_weights_are_repeats():
    deaths, days = load_deaths()
    model = fit(Mixture([.3, .7], Poisson([1., 2.5])), deaths, sample_weight=days, tol=1e-13).model
    a, b = standard_errors(model, deaths, days), standard_errors(model, np.repeat(deaths, days))
    assert_allclose(a.observed, b.observed, rtol=1e-9)
    assert_allclose(a.errors, [.1947, .3500, .2505], atol=5e-5)
    assert_allclose(a.rate, .995666, atol=1e-5)

def test_zero_weights_are_removed_rows():
    trace, x = fitted(FAMILIES["normal"])
    w = np.r_[np.ones(400), 0]
    assert_allclose(standard_errors(trace, np.r_[x, 1e9], w).errors, standard_errors(trace, x).errors, rtol=1e-12)

@pytest.mark.parametrize("freeze", ["weights", "mean", ("components[0].std", "weights")])
def test_frozen_parameters_are_known(freeze):
    trace, x = fitted(FAMILIES["normal"])
    a, b = standard_errors(trace, x, freeze=freeze), standard_errors(trace, x)
    held = [freeze] if isinstance(freeze, str) else freeze
    kept = [i for i, n in enumerate(b.names) if not any(h.split(".")[-1] in n for h in held)]
    assert a.names == tuple(b.names[i] for i in kept)
    assert_allclose(a.observed, b.observed[np.ix_(kept, kept)], rtol=1e-9)
    assert_allclose(standard_errors(trace, x, freeze=freeze, method="map").complete, a.complete, rtol=1e-5, atol=1e-4)

def test_result():
    trace, x = fitted(FAMILIES["tied"])
    e = standard_errors(trace, x)
    assert_allclose(np.diag(e.correlation), 1)
    assert_allclose(e.cov @ e.observed, np.eye(8), atol=1e-7)
    assert_allclose(e.interval(.9).mean(1), e.estimates)
    assert_allclose(np.diff(e.interval()).ravel(), 2 * 1.959964 * e.errors, rtol=1e-6)
    assert e.by_name["weights"].shape == (2,) and e.by_name["components[0].cov"].shape == (2, 2)
    assert_allclose(e.by_name["components[0].cov"], e.by_name["components[0].cov"].T)
    assert "components[0].mean[1, 0]" in repr(e) and "predicted rate" in repr(e) and not e.notes
    assert_allclose(pickle.loads(pickle.dumps(e)).errors, e.errors)
    with pytest.raises(ValueError, match="level must be above 0"): e.interval(95)

def test_three_weights_in_any_order():
    truth = Mixture([.2, .5, .3], Poisson([1., 10., 40.]))
    x, _ = truth.sample(np.random.default_rng(0), 500)
    trace = fit(truth, x, tol=1e-13)
    order = [2, 0, 1]
    a, b = standard_errors(trace, x), standard_errors(permute(trace, order), x)
    assert_allclose(b.by_name["weights"], a.by_name["weights"][order], rtol=1e-8)
    assert_allclose(b.missing, a.missing, atol=1e-9)


# a family of one's own, and a model that is no mixture

@dataclass(frozen=True, eq=False)
class Counts(Family):
    rate: np.ndarray
    def log_prob(self, x): return xlogy(x[:, None], self.rate) - self.rate
    def statistics(self, x, r): return Stats(r.sum(0), r.T @ x)
    def maximise(self, stats, freeze=(), prior=None): return Counts(stats.total / stats.weight)

def test_a_family_of_ones_own():
    deaths, days = load_deaths()
    own = Mixture([.36, .64], Counts(np.array([1.256, 2.663])))
    own = fit(own, deaths.astype(float), sample_weight=days, tol=1e-13).model
    ours = Mixture(own.weights, Poisson(own.components[0].rate))
    assert_allclose(standard_errors(own, deaths.astype(float), days).errors, standard_errors(ours, deaths, days).errors, rtol=1e-6)

class Found(NamedTuple):
    loglik: float
    total: float

@dataclass(frozen=True)
class Lamps:
    "Exponential lifetimes, of which some are only known to be longer: 8 seen of 12."
    mean: float
    def e_step(self, x): return Found(float(np.sum(-x[:, 1] * np.log(self.mean) - x[:, 0] / self.mean)), float(np.mean(x[:, 0] + (1 - x[:, 1]) * self.mean)))
    def m_step(self, e): return Lamps(e.total)
    def parameters(self): return {"mean": self.mean}
    def replace(self, changes): return replace(self, **changes)

def test_censored_lifetimes():
    x = np.array([(t, 1) for t in (.8, 1.7, 2.5, 3.1, 4.4, 5.2, 6.9, 9.1)] + [(10, 0)] * 4)
    trace = fit(Lamps(1.), x, tol=1e-14)
    e = standard_errors(trace, x)
    assert_allclose([e.observed[0, 0], e.complete[0, 0]], np.array([8, 12]) / trace.model.mean**2, rtol=1e-6)
    assert_allclose(e.rate, 1 / 3, atol=1e-6)


# when the theory does not hold

def test_the_coin_ridge_names_its_directions():
    y = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
    model = fit(Mixture([.46, .54], Bernoulli([.55, .67])), y).model
    for method in ("louis", "oakes", "map"):
        with pytest.warns(RuntimeWarning): e = standard_errors(model, y, method=method)
        assert np.all(np.isinf(e.errors)) and e.flat.shape == (3, 2) and e.identified.shape == (3, 1)
        (pi, rest), (p, q) = model.weights, model.components[0].p
        assert_allclose(e.identified[:, 0] / e.identified[2, 0], np.array([p - q, pi, rest]) / rest, rtol=1e-5)
        assert_allclose(e.flat.T @ [p - q, pi, rest], 0, atol=1e-6)
        assert "2 of 3" in e.notes[0] and "weights[0]" in e.notes[0]

def test_singular_information_warns():
    with pytest.warns(RuntimeWarning, match="2 of 3 directions"):
        with pytest.warns(RuntimeWarning, match="only 1 combination is identified"):
            standard_errors(Mixture([.5, .5], Bernoulli([.5, .7])), [1, 1, 0, 1, 0] * 2)

def test_what_flat_directions_spare_keeps_its_error():
    "Two identical coins side by side with a normal block far away: the share of the coins is known, its parts are not."
    x = np.r_[np.tile([0., 1, 1], 40), np.random.default_rng(0).normal(50, 1, 100)]
    blocks = [Bernoulli([2 / 3, 2 / 3]), Normal([x[120:].mean()], [x[120:].std()])]
    with pytest.warns(RuntimeWarning, match="singular"):
        e = standard_errors(Mixture([60 / 220, 60 / 220, 100 / 220], blocks), x)
    assert np.isinf(e.by_name["weights"][:2]).all()
    assert_allclose(e.by_name["weights"][2], np.sqrt(120 * 100 / 220**3), rtol=1e-6)
    assert_allclose(e.by_name["components[1].mean"], x[120:].std() / 10, rtol=1e-6)

def test_a_saddle_is_no_maximum():
    x = np.array([-5., -4, -3, 3, 4, 5])
    model = Mixture([.5, .5], Normal([0., 0.], [1., 1.])) # narrower than the data: the means want to part
    for method in ("louis", "map"):
        with pytest.warns(RuntimeWarning, match="indefinite: this is no maximum"):
            e = standard_errors(model, x, freeze=("weights", "std"), method=method)
        assert_allclose(e.rising[:, 0] / e.rising[0, 0], [1, -1], rtol=1e-6)
        assert np.isnan(e.errors).all() and e.rate > 1

@pytest.mark.slow
def test_a_stop_near_a_saddle_is_told():
    "Random shares make all components alike; EM lingers at the fit of one component, and the gain still to come looks small."
    rng = np.random.default_rng(3)
    x = np.r_[rng.normal(size=(150, 3)) @ rng.normal(size=(3, 3)), rng.normal(size=(150, 3)) @ rng.normal(size=(3, 3)) + [4, -3, 2]]
    begin = starts.start(MultivariateNormal, x, np.random.default_rng(0).dirichlet([.5, .5], 300), structure="tied")
    with pytest.warns(RuntimeWarning, match="nearly the same, and parting them takes the log-likelihood up"): early = fit(begin, x)
    assert early.reason == "identical" and early.loglik < fit(begin, x, tol=1e-12, max_iter=50_000, accelerate="auto").loglik - 50
    with pytest.warns(RuntimeWarning, match="indefinite: this is no maximum"): e = standard_errors(early, x)
    assert e.rate > 1

def test_unfinished_runs_are_told():
    trace, x = fitted(FAMILIES["normal"], tol=0, max_iter=1)
    with pytest.warns(RuntimeWarning, match="not at a maximum.*standard errors away"):
        standard_errors(trace, x + .5)

def test_the_border_is_held_still():
    x = np.array([[0, 1], [0, 0], [1, 1], [1, 0]] * 5)
    trace = fit(Mixture([.5, .5], Bernoulli([[0., .5], [.7, .5]])), x, tol=1e-12)
    with pytest.warns(RuntimeWarning, match=r"on the border, and held still: components\[0\].p\[0, 0\]"):
        e = standard_errors(trace, x, freeze="weights")
    assert "components[0].p[0, 0]" not in e.names and np.isnan(e.by_name["components[0].p"][0, 0])

def test_a_weight_of_zero_is_on_the_border():
    x = np.random.default_rng(0).normal(size=100)
    model = Mixture([1., 0.], Normal([x.mean(), 7.], [x.std(), 1.]))
    with pytest.warns(RuntimeWarning, match=r"on the border.*weights\[1\]"): e = standard_errors(model, x)
    assert_allclose(e.errors, [x.std() / 10, x.std() / 200**.5], rtol=1e-6)

@pytest.mark.parametrize("call, error, words", [
    (lambda m, x: standard_errors("no", x), TypeError, "model must have e_step"),
    (lambda m, x: standard_errors(m, x, method="fisher"), ValueError, "method must be 'louis', 'oakes' or 'map'"),
    (lambda m, x: standard_errors(Linkage(.5), x, method="oakes"), TypeError, "model must be a Mixture"),
    (lambda m, x: standard_errors(m, x, method="louis", missing="em"), ValueError, "method must be 'map' with missing"),
    (lambda m, x: standard_errors(m, x, tol=3), TypeError, "no argument 'tol'"),
    (lambda m, x: standard_errors(m, x, freeze="rate"), ValueError, "freeze must name parameters"),
    (lambda m, x: standard_errors(m, x, freeze=("weights", "mean", "std")), ValueError, "free parameter"),
    (lambda m, x: standard_errors(m, [1., np.nan]), ValueError, "x must be finite"),
    (lambda m, x: standard_errors(m, x, [1, 2]), ValueError, "sample_weight must hold one weight"),
    (lambda m, x: bootstrap(m, x, 1, np.random.default_rng(0)), ValueError, "n must be at least 2"),
    (lambda m, x: bootstrap(m, x, 5, 0), TypeError, "rng must be a numpy Generator"),
    (lambda m, x: bootstrap(m, x, 5, np.random.default_rng(0), parametric="yes"), TypeError, "parametric must be"),
    (lambda m, x: bootstrap(m, x, 5, np.random.default_rng(0), sample_weight=x * 0 + .5), ValueError, "whole numbers"),
    (lambda m, x: bootstrap(Linkage(.5), load_linkage(), 5, np.random.default_rng(0)), TypeError, "model must have sample"),
    (lambda m, x: bootstrap_lrt(m, m, x, 5, np.random.default_rng(0)), ValueError, "one component more"),
    (lambda m, x: bootstrap_lrt(m, Mixture([1.], Poisson([1.])), x, 5, np.random.default_rng(0)), TypeError, "same family"),
    (lambda m, x: bootstrap_lrt(m, Mixture([.3, .3, .4], Normal([90., 91., 92.], [1.] * 3)), x, 5, np.random.default_rng(0)), ValueError, "larger log-likelihood"),
    (lambda m, x: multistart("normal", x, 2, n_starts=3, rng=np.random.default_rng(0)), TypeError, "family must be"),
    (lambda m, x: multistart(Normal, x, 2, n_starts=0, rng=np.random.default_rng(0)), ValueError, "n_starts must be at least 1"),
    (lambda m, x: match(m, "no"), TypeError, "model_b must be a Mixture"),
    (lambda m, x: match(m, Mixture([1.], Normal([0.], [1.]))), ValueError, "same families"),
    (lambda m, x: canonical(m, by="rate"), ValueError, "by must be 'weights' or a parameter"),
    (lambda m, x: permute(m, [0, 2]), ValueError, "permutation of 0 … 1"),
    (lambda m, x: permute(m, [0.5, 1]), ValueError, "permutation of 0 … 1")])
def test_bad_input(call, error, words):
    trace, x = fitted(FAMILIES["normal"], n=50)
    with pytest.raises(error, match=words.replace("[", r"\[")): call(trace, x)


# bootstrap

@pytest.mark.slow
def test_bootstrap_agrees_with_the_information():
    trace, x = fitted(FAMILIES["poisson"], n=1000)
    e, rng = standard_errors(trace, x), np.random.default_rng(0)
    for parametric in (True, False):
        b = bootstrap(trace, x, 300, rng, parametric=parametric)
        assert b.names == ("weights[0]", "weights[1]", "components[0].rate[0]", "components[0].rate[1]") and b.failed == 0
        assert_allclose(b.errors[[0, 2, 3]], e.errors, rtol=.15)
        assert np.all((b.interval()[:, 0] < b.estimates) & (b.estimates < b.interval()[:, 1]))
        assert "300 fits" in repr(b)

@pytest.mark.slow
def test_bootstrap_is_reproducible_whatever_the_number_of_processes():
    trace, x = fitted(FAMILIES["normal"], n=100)
    runs = [bootstrap(trace, x, 6, np.random.default_rng(5), n_jobs=n) for n in (1, 2)]
    assert np.array_equal(runs[0].samples, runs[1].samples)
    assert not np.array_equal(runs[0].samples, bootstrap(trace, x, 6, np.random.default_rng(6)).samples)

def test_bootstrap_of_weighted_data():
    deaths, days = load_deaths()
    one = fit(Mixture([1.], Poisson([2.])), deaths, sample_weight=days)
    for parametric in (True, False):
        b = bootstrap(one, deaths, 200, np.random.default_rng(0), sample_weight=days, parametric=parametric)
        assert_allclose(b.errors[1], (one.model.components[0].rate[0] / days.sum())**.5, rtol=.2)

def test_bootstrap_by_a_function():
    trace = fit(Linkage(.5), load_linkage(), tol=1e-12)
    def draw(model, rng): return rng.multinomial(197, np.array([2 + model.theta, 1 - model.theta, 1 - model.theta, model.theta]) / 4)
    b = bootstrap(trace, load_linkage(), 300, np.random.default_rng(0), parametric=draw)
    assert_allclose(b.errors, .0515, rtol=.15)

def test_progress_bars(capsys):
    trace, x = fitted(FAMILIES["normal"], n=60)
    bootstrap(trace, x, 3, np.random.default_rng(0), progress=True)
    assert "bootstrap" in capsys.readouterr().err

@pytest.mark.slow
def test_joblib_and_tqdm_load_late():
    code = "import sys, emlit; print([m for m in ('joblib', 'tqdm', 'sklearn', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def holes_and_labels():
    x, rng = load_faithful(), np.random.default_rng(0)
    model = Mixture([.36, .64], MultivariateNormal([[2, 54.5], [4.3, 80]], [[[.07, .4], [.4, 34]], [[.17, .9], [.9, 36]]]))
    labels = np.where(rng.random(272) < .2, model.predict(x), -1)
    return np.where(rng.random(x.shape) < .2, np.nan, x), labels, model

def test_a_bootstrap_draws_rows_with_the_holes_and_the_labels_of_the_data():
    x, labels, model = holes_and_labels()
    w = np.random.default_rng(1).integers(0, 3, 272).astype(float)
    drawn, weight, known = redraw(model, x, w, np.random.default_rng(2), True, labels=labels, missing="em")
    rows = np.repeat(np.arange(272), w.astype(int))
    assert weight is None and np.array_equal(np.isnan(drawn), np.isnan(x)[rows]) and np.array_equal(known >= 0, labels[rows] >= 0)
    whole = (known >= 0) & ~np.isnan(drawn).any(1)
    assert (model.predict(drawn[whole]) == known[whole]).mean() > .95 # the component that made the row
    same, weight, known = redraw(model, x, w, np.random.default_rng(2), False, labels=labels, missing="em")
    assert same is x and known is labels and weight.sum() == w.sum()

@pytest.mark.parametrize("parametric", [True, False])
@pytest.mark.slow
def test_a_bootstrap_with_holes_agrees_with_the_information(parametric):
    x, labels, model = holes_and_labels()
    given = dict(missing="em", labels=labels)
    trace = fit(model, x, tol=1e-11, **given)
    e = standard_errors(trace, x, **given)
    b = bootstrap(trace, x, 60, np.random.default_rng(0), parametric=parametric, tol=1e-7, **given)
    at = [b.names.index(name) for name in e.names[:5]] # the weight and the means
    assert_allclose(b.errors[at], e.errors[:5], rtol=.35)

def test_multistart_and_suspicions_read_holes():
    x, _, model = holes_and_labels()
    best = fit(model, x, missing="em", tol=1e-10)
    report = multistart(MultivariateNormal, x, 2, n_starts=4, rng=np.random.default_rng(0), options=dict(missing="em", tol=1e-10))
    assert_allclose(report.best.loglik, best.loglik, atol=1e-4)
    assert suspicions(best, x, missing="em") == () and not report.optima[0].spurious
    assert list(match(best, permute(best, [1, 0]), x, missing="em")) == [1, 0]
    with pytest.raises(ValueError, match='say missing="em"'): suspicions(best, x)
    with pytest.raises(TypeError, match="bootstrap_lrt has no argument 'missing'"):
        bootstrap_lrt(fit(Mixture([1.], MultivariateNormal([[3., 70]], [[[1, 1], [1, 99]]])), x, missing="em"), best, x, 5, np.random.default_rng(0), missing="em")

def test_multistart_takes_the_labels_of_the_rows_that_count():
    x, labels, model = holes_and_labels()
    x = load_faithful()
    w = np.r_[np.ones(200), np.zeros(72)]
    report = multistart(MultivariateNormal, x, 2, n_starts=2, rng=np.random.default_rng(0), sample_weight=w, options=dict(labels=labels))
    assert any(abs(o.loglik - fit(model, x[:200], labels=labels[:200]).loglik) < 1e-4 for o in report.optima)


# likelihood ratio

@pytest.mark.slow
def test_ratio_test_finds_two_and_not_three():
    truth = Mixture([.5, .5], Poisson([2., 9.]))
    x, _ = truth.sample(np.random.default_rng(0), 200)
    one, two = fit(Mixture([1.], Poisson([5.])), x), fit(truth, x)
    three = fit(Mixture([.3, .3, .4], Poisson([1., 4., 9.])), x)
    options = dict(n_starts=1, max_iter=100)
    a = bootstrap_lrt(one, two, x, 39, np.random.default_rng(0), **options)
    b = bootstrap_lrt(two, three, x, 39, np.random.default_rng(0), **options)
    assert a.p_value == 1 / 40 and b.p_value > .05 and np.all(a.draws >= 0)
    assert_allclose(a.statistic, 2 * (two.loglik - one.loglik))
    assert "p_value=0.025" in repr(a)

@pytest.mark.slow
def test_the_ratio_test_accelerates_and_so_finds_larger_ratios():
    "Plain EM, cut short, is too low for the larger model: its draws are too small, and the test would reject too often."
    deaths, days = load_deaths()
    one = fit(Mixture([1.], Poisson([2.])), deaths, sample_weight=days)
    two = fit(Mixture([.3, .7], Poisson([1., 2.5])), deaths, sample_weight=days)
    draws = [bootstrap_lrt(one, two, deaths, 12, np.random.default_rng(3), sample_weight=days, n_starts=1, max_iter=100, **options).draws for options in ({}, {"accelerate": None})]
    assert np.all(draws[0] > draws[1] - .05) and draws[0].sum() > draws[1].sum() + .5

@pytest.mark.slow
def test_ratio_test_is_reproducible():
    deaths, days = load_deaths()
    one = fit(Mixture([1.], Poisson([2.])), deaths, sample_weight=days)
    two = fit(Mixture([.3, .7], Poisson([1., 2.5])), deaths, sample_weight=days)
    draws = [bootstrap_lrt(one, two, deaths, 4, np.random.default_rng(1), sample_weight=days, n_jobs=n, max_iter=50).draws for n in (1, 2)]
    assert np.array_equal(*draws)


# starts

def test_multistart_counts_its_runs():
    x = load_faithful()
    report = multistart(MultivariateNormal, x, 2, n_starts=12, rng=np.random.default_rng(0))
    assert sum(o.hits for o in report.optima) + report.failed == 12
    assert_allclose(report.best.loglik, -1130.26396, atol=1e-4)
    assert report.optima[0].loglik == max(o.loglik for o in report.optima)
    assert "of 12" in repr(report)
    again = multistart(MultivariateNormal, x, 2, n_starts=12, rng=np.random.default_rng(0), n_jobs=2)
    assert [o.hits for o in again.optima] == [o.hits for o in report.optima]

def test_spurious_maxima_are_flagged_and_not_the_best():
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(0, 1, 60), 2.5, 2.5 + 1e-6, 2.5 - 1e-6]
    bad = fit(Mixture([.95, .05], Normal([0., 2.5], [1., 1e-6])), x, max_iter=50)
    assert "component 1" in suspicions(bad, x)[0]
    good = fit(Mixture([1.], Normal([0.], [1.])), x)
    assert suspicions(good, x) == ()

@pytest.mark.parametrize("recipe", [starts.kmeans_plus_plus, starts.kmeans, starts.random_points, starts.random_responsibilities])
def test_multistart_begins_in_no_row_of_weight_zero(recipe):
    x = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0, 0], [6, 0]], 30, axis=0)
    far = np.r_[x, np.tile([[1e4, 0]], (5, 1))]
    options = dict(n_starts=8, recipe=recipe)
    a = multistart(MultivariateNormal, x, 2, rng=np.random.default_rng(0), sample_weight=np.ones(60), **options)
    b = multistart(MultivariateNormal, far, 2, rng=np.random.default_rng(0), sample_weight=np.r_[np.ones(60), np.zeros(5)], **options)
    assert b.failed == a.failed and [(o.loglik, o.hits) for o in a.optima] == [(o.loglik, o.hits) for o in b.optima]

def test_a_flag_says_less_than_it_asks_for():
    "A component with all but two observations is not said to hold 2, fewer than 2."
    report = multistart(Normal, emlit.data.load_fifteen(), 3, n_starts=40, rng=np.random.default_rng(0))
    flagged = [o for o in report.optima if o.spurious]
    assert flagged and "spurious?" in repr(report)
    for o in flagged:
        for why in o.suspicions:
            if "fewer" in why: assert float(why.split("holds ")[1].split()[0]) < float(why.split("= ")[1]) and why in repr(report)

def test_constants_reach_the_family():
    report = multistart(Binomial, [5, 9, 8, 4, 7], 2, n_starts=4, rng=np.random.default_rng(0), n=10, options={"tol": 1e-6})
    assert report.best.model.components[0].n == 10


# labels

@each_family
def test_permuting_changes_nothing_but_the_order(family):
    model = Mixture([.4, .6], family)
    x, _ = model.sample(np.random.default_rng(0), 60)
    if len(model.components) == 2:
        with pytest.raises(ValueError, match="inside their block"): permute(model, [1, 0])
        assert list(match(model, model)) == [0, 1]
        return
    turned = permute(model, [1, 0])
    assert_allclose(turned.log_prob(x), model.log_prob(x), rtol=1e-12)
    assert permute(turned, [1, 0]) == model and turned != model
    assert list(match(model, turned)) == [1, 0] and list(match(model, turned, x)) == [1, 0]
    assert permute(turned, match(model, turned)) == model
    assert canonical(turned) == canonical(model)
    assert_allclose(canonical(turned, by="weights").weights, [.4, .6])

def test_match_finds_the_nearest_of_many():
    rng = np.random.default_rng(0)
    model = Mixture(np.full(5, .2), Normal(np.arange(5.) * 3, np.linspace(1, 2, 5)))
    for _ in range(5):
        order = rng.permutation(5)
        noisy = permute(Mixture(model.weights, Normal(model.components[0].mean + rng.normal(0, .3, 5), model.components[0].std)), order)
        assert np.array_equal(order[match(model, noisy)], np.arange(5))

def test_a_uniform_takes_its_limits_along():
    model = Mixture([.3, .2, .5], [Uniform([0., 1.], [2., 5.]), Normal([0.], [1.])])
    turned = permute(model, [1, 0, 2])
    assert_allclose(turned.components[0].high, [5, 2])
    assert_allclose(turned.weights, [.2, .3, .5])


# what else the E-step may know

@pytest.mark.slow
def test_missing_values_labels_and_priors():
    x, start = load_faithful(), Mixture([.4, .6], MultivariateNormal([[2, 55], [4.5, 80]], [[[.5, 1], [1, 40]]] * 2))
    holes = np.where(np.random.default_rng(0).random(x.shape) < .1, np.nan, x)
    full = standard_errors(fit(start, x, tol=1e-13), x)
    trace = fit(start, holes, missing="em", tol=1e-13)
    e = standard_errors(trace, holes, missing="em")
    assert np.all(e.errors > full.errors) and e.method == "map"
    assert_allclose(e.rate, trace.rate, rtol=1e-3)
    known = trace.model.predict(x)
    trace = fit(start, x, labels=known, tol=1e-13)
    e = standard_errors(trace, x, labels=known)
    assert_allclose(e.missing, 0, atol=1e-6) # with all labels known nothing is missing
    assert_allclose(e.errors[0], np.sqrt(trace.model.weights.prod() / 272), rtol=1e-6)
    prior = emlit.Prior(weights=[20., 20.])
    trace = fit(start, x, prior=prior, tol=1e-13)
    assert_allclose(standard_errors(trace, x, prior=prior).rate, trace.rate, rtol=1e-3)

@pytest.mark.slow
def test_many_rows_are_read_in_parts_and_cost_no_more_derivatives():
    truth = Mixture([.4, .6], FAMILIES["full"])
    half, _ = truth.sample(np.random.default_rng(0), 75_000)
    x = np.r_[half, half]
    trace = fit(truth, x, keep="ends", tol=1e-11)
    a, b = standard_errors(trace, x), standard_errors(trace, half, sample_weight=np.full(75_000, 2.))
    assert_allclose(a.observed / units(a.observed), b.observed / units(a.observed), atol=1e-9)
    assert_allclose(a.rate, trace.rate, rtol=1e-3)

def test_a_fit_on_its_floor_is_told():
    x = np.r_[np.random.default_rng(0).normal(0, 1, 60), [2.5] * 4]
    with pytest.warns(RuntimeWarning): trace = fit(Mixture([.9, .1], Normal([0., 2.5], [1., .05], floor=1e-4)), x)
    assert trace.reason == "guarded"
    with pytest.warns(RuntimeWarning) as caught: e = standard_errors(trace, x)
    assert "ended on its floor" in str(caught[0].message) and "floor" in e.notes[0]

def test_estimators_are_read():
    x = load_faithful()
    model = emlit.GaussianMixture(2, random_state=0).fit(x)
    e = standard_errors(model, x)
    assert_allclose(e.estimates[0], model.weights_[0], rtol=1e-12)
    assert len(bootstrap(model, x, 3, np.random.default_rng(0)).samples) == 3
    assert sorted(match(model, canonical(model))) == [0, 1]


def test_units_of_very_different_size_do_not_make_directions_singular():
    from emlit.inference.information import spectrum
    units = np.array([1.0, 1e-50, 1e-140])
    complete = np.array([[3.0, 0.4, 0.1], [0.4, 2.0, 0.3], [0.1, 0.3, 1.0]])
    observed = complete - 0.5 * np.eye(3)
    plain = spectrum(observed, complete)
    scaled = spectrum(observed * np.outer(units, units), complete * np.outer(units, units))
    np.testing.assert_allclose(scaled[0], plain[0], rtol=1e-10)
    np.testing.assert_allclose(np.abs(scaled[1] * units[:, None]), np.abs(plain[1]), rtol=1e-8)
    np.testing.assert_allclose(scaled[2].T @ scaled[1], np.eye(3), atol=1e-10)
