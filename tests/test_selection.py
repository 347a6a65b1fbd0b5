"""Criteria: their definitions, published values, scikit-learn's values, counts of parameters, bad input."""
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.mixture import GaussianMixture

from emlit import Bernoulli, Binomial, Categorical, Mixture, MultivariateNormal, Normal, Poisson, Uniform, fit, q_function
from emlit.data import load_faithful, load_iris
from emlit.inference import aic, bic, icl

CRITERIA = {"aic": aic, "bic": bic, "icl": icl}
each_criterion = pytest.mark.parametrize("f", CRITERIA.values(), ids=CRITERIA)
rng = np.random.default_rng(0)
plane = rng.normal(size=(60, 2)) + 3 * rng.integers(0, 2, (60, 1))
MODELS = {
    "coins": (Mixture([.4, .6], Bernoulli([.3, .8])), rng.integers(0, 2, 40), 3),
    "columns": (Mixture([.4, .6], Bernoulli([[.3, .5], [.8, .1]])), rng.integers(0, 2, (40, 2)), 5),
    "counts": (Mixture([.4, .6], Binomial(5, [.3, .8])), rng.integers(0, 6, 40), 3),
    "dice": (Mixture([.5, .5], Categorical([[.2, .3, .5], [.6, .2, .2]])), rng.integers(0, 3, 40), 5),
    "poisson": (Mixture([.2, .3, .5], Poisson([1., 2, 5])), rng.poisson(3, 40), 5),
    "normal": (Mixture([.4, .6], Normal([0., 3], [1., 2])), rng.normal(size=40), 5),
    "outliers": (Mixture([.9, .1], [Normal([0.], [1.]), Uniform([-9.], [9.])]), rng.normal(size=40), 3),
    "plane": (Mixture([.5, .5], MultivariateNormal([[0., 0], [3, 3]], [np.eye(2)] * 2)), plane, 11),
    "one": (Mixture([1.], MultivariateNormal([[0., 0]], np.eye(2), "tied")), plane, 5),
}
each_model = pytest.mark.parametrize("model, x, size", MODELS.values(), ids=MODELS)


@each_model
def test_definitions_by_brute_force(model, x, size):
    density = np.exp(model.log_joint(x))
    loglik, r = np.log(density.sum(1)).sum(), density / density.sum(1, keepdims=True)
    entropy = -sum(p * np.log(p) for p in r.ravel() if p > 0)
    assert_allclose(aic(model, x), -2 * loglik + 2 * size)
    assert_allclose(bic(model, x), -2 * loglik + size * np.log(len(x)))
    assert_allclose(icl(model, x), -2 * loglik + size * np.log(len(x)) + 2 * entropy)

@each_model
def test_icl_scores_the_complete_data(model, x, size):
    r = model.responsibilities(x)
    assert_allclose(icl(model, x), -2 * q_function(model, x, r) + size * np.log(len(x)), rtol=1e-12)
    assert icl(model, x) >= bic(model, x)

@each_model
@each_criterion
def test_weights_count_as_repeated_rows(f, model, x, size):
    w = np.random.default_rng(1).integers(0, 4, len(x))
    assert_allclose(f(model, x, w), f(model, np.repeat(x, w, axis=0)), rtol=1e-12)
    assert f(model, x, sample_weight=np.ones(len(x))) == f(model, x)

@each_criterion
def test_order_of_components_does_not_matter(f):
    model, x, _ = MODELS["normal"]
    assert_allclose(f(Mixture(model.weights[::-1], Normal([3., 0], [2., 1])), x), f(model, x), rtol=1e-13)

@each_criterion
def test_a_result_is_a_plain_number(f):
    model, x, _ = MODELS["poisson"]
    assert type(f(model, x)) is float
    assert f(model, x.tolist()) == f(model, x)

@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_scikit_learn_agrees(structure):
    their = GaussianMixture(3, covariance_type=structure, random_state=0).fit(plane)
    ours = Mixture(their.weights_ / their.weights_.sum(), MultivariateNormal(their.means_, their.covariances_, structure))
    assert_allclose([aic(ours, plane), bic(ours, plane)], [their.aic(plane), their.bic(plane)], rtol=1e-10)

def test_published_values():
    x = load_faithful()
    two = fit(Mixture([.4, .6], MultivariateNormal([[2, 55], [4.5, 80]], [[[.5, 1], [1, 40]]] * 2)), x, tol=1e-12).model
    assert_allclose(-bic(two, x), -2322.1917, atol=5e-5)  # 2ℓ − ν log n, as R's mclust prints it
    flowers, species = load_iris(species=True)
    for groups, loglik, n_parameters in (((species > 0).astype(int), -214.354704, 29), (species, -180.185477, 44)):
        K = groups.max() + 1
        own = [flowers[groups == k] for k in range(K)]
        family = MultivariateNormal([g.mean(0) for g in own], [np.cov(g.T, bias=True) for g in own])
        model = fit(Mixture([len(g) / 150 for g in own], family), flowers, tol=1e-12).model
        assert_allclose(aic(model, flowers), -2 * loglik + 2 * n_parameters, atol=2e-6)

def test_frozen_parameters_are_not_charged():
    model, x, size = MODELS["poisson"]
    assert_allclose(aic(model, x) - aic(model, x, n_parameters=size - 2), 4)
    assert_allclose(bic(model, x) - bic(model, x, n_parameters=0), size * np.log(len(x)))
    assert_allclose(icl(model, x, n_parameters=size), icl(model, x))

@each_criterion
def test_an_impossible_observation_costs_everything(f):
    model = Mixture([.5, .5], Bernoulli([0., 0.]))
    assert f(model, [0, 1, 0]) == np.inf
    assert np.isfinite(f(model, [0, 1, 0], [1, 0, 1]))  # a weight of 0 removes it

@each_criterion
def test_no_warning_for_certain_responsibilities(f):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(f(Mixture([.5, .5], Normal([0., 1e6], [1., 1.])), [0., 1, 1e6]))

@each_criterion
@pytest.mark.parametrize("error, message, args, options", [
    (TypeError, "model must be a Mixture", (Poisson([1., 2]), [1, 2]), {}),
    (ValueError, "x must", (MODELS["poisson"][0], [1, -2]), {}),
    (ValueError, "x must be finite", (MODELS["normal"][0], [1, np.nan]), {}),
    (ValueError, "x must not be empty", (MODELS["normal"][0], []), {}),
    (ValueError, "sample_weight must hold one weight", (MODELS["normal"][0], [1., 2], [1]), {}),
    (ValueError, "sample_weight must be at least 0", (MODELS["normal"][0], [1., 2], [1, -1]), {}),
    (ValueError, "n_parameters must be at least 0", (MODELS["normal"][0], [1., 2]), {"n_parameters": -1}),
    (TypeError, "n_parameters must be a whole number", (MODELS["normal"][0], [1., 2]), {"n_parameters": 1.5}),
], ids=lambda v: v if isinstance(v, str) else "")
def test_bad_input(f, error, message, args, options):
    with pytest.raises(error, match=message): f(*args, **options)

@pytest.mark.parametrize("f", [bic, icl])
def test_shares_are_no_counts(f):
    model, x, _ = MODELS["normal"]
    for w in (np.full(40, 1 / 40), np.full(40, 1e-3), np.random.default_rng(3).dirichlet(np.ones(40))):
        with pytest.raises(ValueError, match="sample_weight must count observations; it sums to .*: shares, not counts?"): f(model, x, w)
    assert np.isfinite(f(model, x, np.eye(40)[0])) and np.isfinite(f(model, x, np.full(40, .5)))

@each_criterion
def test_a_trace_stands_for_its_model_and_a_list_for_none(f):
    trace = fit(MODELS["poisson"][0], [1, 2, 9], max_iter=1)
    assert f(trace, [1, 2, 9]) == f(trace.model, [1, 2, 9])
    with pytest.raises(TypeError, match="got an object of type list$"): f([1, 2], [1., 2])
