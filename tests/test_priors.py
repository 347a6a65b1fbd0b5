"""MAP: every family's answer against a numerical optimiser, the objective against SciPy's densities, and clear errors."""
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, stats
from scipy.special import expit, softmax

import emlit
from emlit import (Bernoulli, Binomial, Categorical, Exponential, Gamma, Geometric, Mixture, Multinomial, MultivariateNormal, Normal, Poisson, Prior, Uniform, fit)

K, D = 2, 2
PSI = np.array([[2., .5], [.5, 1]])


def covariance(u, structure):
    v = np.exp(u)
    if structure in ("full", "tied"):
        L = np.zeros((K if structure == "full" else 1, D, D))
        L[:, 0, 0], L[:, 1, 1], L[:, 1, 0] = v[0::3], v[1::3], u[2::3]
        S = L @ L.swapaxes(1, 2)
        return S if structure == "full" else S[0]
    return {"diag": v.reshape(-1, D) if structure == "diag" else v, "tied_diag": v, "spherical": v, "tied_spherical": v[0]}[structure]


def vectors(structure):
    size = {"full": 6, "tied": 3, "diag": 4, "tied_diag": 2, "spherical": 2, "tied_spherical": 1}[structure]
    return (4 + size, lambda u: MultivariateNormal(u[:4].reshape(K, D), covariance(u[4:], structure), structure),
            Prior(weights=[2, 3], normal=([1, 0], 3), inverse_wishart=(4, PSI)), None)


# family: number of free values, the family made of them, a prior, the name to freeze
CASES = {
    "Bernoulli": (2, lambda u: Bernoulli(expit(u)), Prior(weights=2, beta=(3, 2)), None),
    "Bernoulli columns": (4, lambda u: Bernoulli(expit(u).reshape(2, 2)), Prior(beta=([1, 2], 2.5)), None),
    "Binomial": (2, lambda u: Binomial(6, expit(u)), Prior(beta=(3, 2)), None),
    "Geometric": (2, lambda u: Geometric(expit(u)), Prior(weights=[1, 3], beta=(2, 4)), None),
    "Geometric columns": (4, lambda u: Geometric(expit(u).reshape(2, 2)), Prior(beta=([2, 3], [4, 1])), None),
    "Poisson": (2, lambda u: Poisson(np.exp(u)), Prior(gamma=(3, 2)), None),
    "Poisson columns": (4, lambda u: Poisson(np.exp(u).reshape(2, 2)), Prior(gamma=([3, 1], [2, 5])), None),
    "Exponential": (2, lambda u: Exponential(np.exp(u)), Prior(weights=2, gamma=(3, 2)), None),
    "Exponential columns": (4, lambda u: Exponential(np.exp(u).reshape(2, 2)), Prior(gamma=([3, 2], 2)), None),
    "Categorical": (6, lambda u: Categorical(softmax(u.reshape(2, 3), 1)), Prior(dirichlet=[1, 2, 4]), None),
    "latent class": (6, lambda u: Categorical([softmax(u.reshape(2, 3), 1), np.full((2, 2), .5)]), Prior(dirichlet=1.5), None),
    "Multinomial": (6, lambda u: Multinomial(4, softmax(u.reshape(2, 3), 1)), Prior(weights=3, dirichlet=2), None),
    "Gamma": (2, lambda u: Gamma([2., 5], np.exp(u)), Prior(inverse_gamma=(2, 3)), "shape"),
    "Normal": (4, lambda u: Normal(u[:2], np.exp(u[2:])), Prior(weights=2, normal=(1, 4), inverse_gamma=(2, 3)), None),
    "Normal columns": (8, lambda u: Normal(u[:4].reshape(2, 2), np.exp(u[4:]).reshape(2, 2)), Prior(normal=([1, 0], [4, 2]), inverse_gamma=(2, [3, .5])), None),
    "variance alone": (4, lambda u: Normal(u[:2], np.exp(u[2:])), Prior(inverse_gamma=(2, 3)), None),
    "mean alone": (4, lambda u: Normal(u[:2], np.exp(u[2:])), Prior(normal=(1, 4)), None),
    **{s: vectors(s) for s in ("full", "tied", "diag", "tied_diag", "spherical", "tied_spherical")}}


@pytest.fixture(params=CASES)
def case(request):
    rng = np.random.default_rng(len(request.param))
    size, make, prior, frozen = CASES[request.param]
    begin = Mixture([.4, .6], make(rng.normal(0, .5, size)))
    x, _ = Mixture([.4, .6], make(np.random.default_rng(8).normal(0, .8, size))).sample(np.random.default_rng(9), 40)
    return size, make, prior, (frozen,) if frozen else (), begin, np.asarray(x, float)


@pytest.mark.slow
def test_fit_ends_at_a_maximum_of_the_posterior(case):
    "Monotone; and an optimiser started there finds nothing higher, nor does any small step."
    size, make, prior, freeze, begin, x = case
    if begin.components[0].__class__ is Categorical and len(begin.components[0].sizes) > 1: freeze = ()
    if prior.given().keys() == {"normal"}: freeze = ("std",) # or a component may collapse
    trace = fit(begin, x, prior=prior, freeze=freeze, tol=1e-13, max_iter=20_000)
    assert np.diff(trace.objective).min(initial=0) >= -1e-10 * (abs(trace.objective[-1]) + len(x)) and trace.converged | (trace.reason == "stalled")
    assert_allclose(trace.objective[-1], trace.model.loglik(x) + prior.log_prob(trace.model), rtol=1e-12)
    rng, top = np.random.default_rng(10), trace.objective[-1]
    for name, value in trace.model.parameters().items():
        short = name.split(".")[-1]
        if short in freeze: continue
        for _ in range(20):
            step = value * np.exp(rng.normal(0, 1e-3, value.shape)) + (rng.normal(0, 1e-3, value.shape) if short == "mean" else 0)
            if short == "weights": step = step / step.sum()
            if short == "cov" and value.ndim >= 2 and trace.model.components[0].structure in ("full", "tied"): step = (step + step.swapaxes(-1, -2)) / 2
            if short == "p":
                if isinstance(begin.components[0], (Categorical, Multinomial)):
                    ends = np.cumsum(begin.components[0].sizes)[:-1] if isinstance(begin.components[0], Categorical) else []
                    step = np.concatenate([q / q.sum(1, keepdims=True) for q in np.split(step, ends, axis=1)], axis=1)
                step = np.minimum(step, 1)
            other = trace.model.replace({name: step})
            assert other.loglik(x) + prior.log_prob(other) <= top + 1e-9, name


@pytest.mark.slow
def test_one_m_step_against_an_optimiser(case):
    "With responsibilities held, the M-step's parameters are those that BFGS finds for Q + log prior."
    size, make, prior, freeze, begin, x = case
    if isinstance(begin.components[0], Categorical) and len(begin.components[0].sizes) > 1: return # a part of it is held here, not in the M-step
    r = begin.responsibilities(x)
    block = begin.m_step(begin.e_step(x), prior=prior, freeze=freeze).components[0]
    blind = Prior(**{name: value for name, value in prior.given().items() if name != "weights"})

    def minus(u):
        f = make(u)
        return -(np.sum(r * f.log_prob(x)) + blind.log_prob(Mixture([.5, .5], f)))
    best = min((optimize.minimize(minus, np.random.default_rng(s).normal(0, .3, size), method="BFGS", options={"gtol": 1e-7}) for s in range(3)), key=lambda b: b.fun)
    reached = -(np.sum(r * block.log_prob(x)) + blind.log_prob(Mixture([.5, .5], block)))
    assert_allclose(reached, best.fun, rtol=1e-9, atol=1e-8)
    for name, value in make(best.x).parameters().items(): assert_allclose(block.parameters()[name], value, rtol=2e-3, atol=2e-4)


def test_weights_are_shares_of_counts_and_pseudo_counts():
    begin = Mixture([.3, .7], Bernoulli([.2, .8]))
    found = begin.e_step([0, 1, 1, 0, 1])
    assert_allclose(begin.m_step(found, prior=Prior(weights=[3, 1])).weights, (found.weight + [2, 0]) / 7)
    assert begin.m_step(found, prior=Prior(weights=1)) == begin.m_step(found, prior=Prior()) == begin.m_step(found)
    assert np.all(begin.m_step(found, prior=Prior(weights=9), freeze="weights").weights == begin.weights)


DENSITIES = [
    (Bernoulli([.2, .6]), Prior(beta=(3, 2)), lambda f: stats.beta.logpdf(f.p, 3, 2)), (Poisson([2., 6]), Prior(gamma=(3, 2)), lambda f: stats.gamma.logpdf(f.rate, 3, scale=1 / 2)),
    (Categorical([[.2, .3, .5], [.1, .1, .8]]), Prior(dirichlet=[1, 2, 4]), lambda f: [stats.dirichlet.logpdf(p, [1, 2, 4]) for p in f.p]),
    (Normal([0., 3], [1, 2]), Prior(normal=(1, 4), inverse_gamma=(2, 3)), lambda f: stats.norm.logpdf(f.mean, 1, f.std / 2) + stats.invgamma.logpdf(f.std**2, 2, scale=3)),
    (MultivariateNormal([[0, 1], [2, 3]], [np.eye(2), PSI]), Prior(normal=([1, 0], 3), inverse_wishart=(4, PSI)),
     lambda f: [stats.multivariate_normal.logpdf(m, [1, 0], S / 3) + stats.invwishart.logpdf(S, 4, PSI) for m, S in zip(f.mean, f.cov)])]


@pytest.mark.parametrize("f, prior, density", DENSITIES, ids=lambda v: type(v).__name__)
def test_log_prob_is_that_of_scipy_up_to_a_constant(f, prior, density):
    rng = np.random.default_rng(11)
    other = f.replace({name: value[::-1] * (1 if name == "p" else 1.3) for name, value in f.parameters().items()})
    weights = rng.dirichlet([1, 1])
    a, b = Mixture([.5, .5], f), Mixture(weights, other)
    assert_allclose(prior.log_prob(b) - prior.log_prob(a), np.sum(density(other)) - np.sum(density(f)), rtol=1e-9, atol=1e-12)
    with_weights = Prior(weights=[2, 4], **prior.given())
    assert_allclose(with_weights.log_prob(b) - prior.log_prob(b), np.log(weights) @ [1, 3], rtol=1e-9)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"])
def test_a_prior_keeps_components_from_collapsing(structure):
    rng = np.random.default_rng(12)
    x = np.concatenate([np.tile([[1., 2.]], (6, 1)), rng.normal(size=(30, 2))])
    begin = Mixture([.5, .5], MultivariateNormal([[1., 2], [0, 0]], {"full": [np.eye(2)] * 2, "tied": np.eye(2), "diag": np.ones((2, 2)), "tied_diag": np.ones(2), "spherical": np.ones(2), "tied_spherical": 1.}[structure], structure))
    trace = fit(begin, x, prior=Prior(inverse_wishart=(3, .1)))
    assert trace.converged and trace.reason == "converged" and np.diff(trace.objective).min() > -1e-9


def test_an_empty_component_falls_back_on_its_prior():
    begin = Mixture([1, 0], Normal([0., 5], [1, 1]))
    found = begin.m_step(begin.e_step([-1., 0, 1]), prior=Prior(weights=2, normal=(3, 2), inverse_gamma=(2, 6)))
    assert_allclose(found.components[0].mean[1], 3) and assert_allclose(found.weights, [4 / 5, 1 / 5])
    assert_allclose(found.components[0].std[1]**2, 2 * 6 / (1 + 2 * 3))


def test_priors_and_floors_together():
    x = np.r_[np.full(5, 2.), np.random.default_rng(13).normal(size=30)]
    with pytest.warns(RuntimeWarning, match="component 0 sits on its floor"): trace = fit(Mixture([.5, .5], Normal([2., 0], [.6, 1], .25)), x, prior=Prior(inverse_gamma=(.5, .01)))
    assert np.diff(trace.objective).min() > -1e-9
    assert_allclose(trace.model.components[0].std[0], .5)


def test_mixed_blocks_take_their_own():
    model = Mixture([.3, .4, .3], [Normal([0., 5], [1, 1]), Uniform([-9], [9])])
    x = np.random.default_rng(14).uniform(-9, 9, 50)
    trace = fit(model, x, prior=Prior(weights=2, inverse_gamma=(1, 1)), max_iter=50)
    assert np.diff(trace.objective).min() > -1e-9


def test_reading_and_writing():
    prior = Prior(weights=2, beta=(3, [2, 1]), inverse_wishart=(4, PSI))
    assert eval(repr(prior), {"Prior": Prior}) == prior == pickle.loads(pickle.dumps(prior)) and prior != Prior() and repr(Prior()) == "Prior()"


@pytest.mark.parametrize("make, error, says", [
    (lambda: Prior(weights=.5), ValueError, "weights must be 1 or more"), (lambda: Prior(dirichlet=[1, 0]), ValueError, r"dirichlet must be 1 or more .*; dirichlet\[1\] is 0"),
    (lambda: Prior(beta=3), TypeError, r"beta must be a pair \(a, b\); got 3"), (lambda: Prior(beta=(3, np.nan)), ValueError, "b of beta must be finite"),
    (lambda: Prior(beta=(.5, 1)), ValueError, "a of beta must be at least 1"), (lambda: Prior(gamma=(2, -1)), ValueError, "b of gamma must be at least 0"),
    (lambda: Prior(normal=(0, 0)), ValueError, "kappa of normal must be above 0"), (lambda: Prior(inverse_gamma=(1, 0)), ValueError, "b of inverse_gamma must be above 0"),
    (lambda: Prior(inverse_wishart=(-1, 1)), ValueError, "df of inverse_wishart must be at least 0"), (lambda: Prior(inverse_wishart=(4, [[1, 2], [2, 1]])), ValueError, "scale of inverse_wishart must be a positive definite"),
    (lambda: Prior(wishart=(4, 1)), TypeError, "wishart"), (lambda: Prior(weights="2"), TypeError, "weights must hold real numbers")])
def test_bad_priors_are_refused(make, error, says):
    with pytest.raises(error, match=says): make()


@pytest.mark.parametrize("prior, says", [
    (Prior(gamma=(2, 1)), "prior's gamma bears on Poisson and Exponential; the model has Bernoulli"), (Prior(weights=[2, 2, 2]), r"prior's weights must fit parameters of shape \(2,\); got shape \(3,\)"),
    (Prior(beta=([2, 2, 2], 1)), r"prior's beta must fit parameters of shape \(2,\)")])
def test_priors_that_do_not_fit_the_model(prior, says):
    with pytest.raises(ValueError, match=says): fit(Mixture([.5, .5], Bernoulli([.2, .6])), [0, 1, 1], prior=prior, max_iter=3)


def test_what_needs_a_frozen_shape_says_so():
    with pytest.raises(ValueError, match=r"shape is known; add freeze=\(\"shape\",\)"): fit(Mixture([1], Gamma([2.], [1.])), [1., 2], prior=Prior(inverse_gamma=(2, 1)))
    with pytest.raises(ValueError, match="kappa of normal must be one number"): fit(Mixture([1], MultivariateNormal([[0, 0]], [np.eye(2)])), np.eye(2), prior=Prior(normal=(0, [1, 2])))
    with pytest.raises(TypeError, match="prior must"): fit(Mixture([1], Gamma([2.], [1.])), [1., 2], prior=(2, 1))
    assert emlit.Prior is Prior
