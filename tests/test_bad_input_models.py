"""Every kind of bad value, in every place that takes one: what the table of test_bad_input.py says of a few, holds for all families, all methods
that read data, and all parameters of both estimators. The error is a ValueError or a TypeError, and its message names the argument."""
import re
import warnings

import numpy as np
import pytest
import scipy.sparse

import emlit
from emlit import GaussianMixture, Mixture, MixtureModel, data, fit

pytestmark = pytest.mark.filterwarnings("error")
nan, inf, eye = float("nan"), float("inf"), np.eye(2)
FAMILIES = {
    "Bernoulli": dict(p=[.3, .6]), "Binomial": dict(n=5, p=[.3, .6]), "Geometric": dict(p=[.3, .6]), "Poisson": dict(rate=[1., 2]),
    "Exponential": dict(rate=[1., 2]), "Gamma": dict(shape=[1., 2], scale=[1., 2]), "Uniform": dict(low=[0., 1], high=[2., 3]),
    "Normal": dict(mean=[0., 1], std=[1., 2]), "Categorical": dict(p=[[.2, .8], [.5, .5]]), "Multinomial": dict(n=5, p=[[.2, .8], [.5, .5]]),
    "MultivariateNormal": dict(mean=[[0., 1], [1, 2]], cov=[eye] * 2)}

NO_NUMBERS = {
    "None": None, "text": "text", "a list of text": ["a", "b"], "objects": np.array([1, None], object), "an object": object(), "a dictionary": {"a": 1},
    "complex numbers": [.5 + 1j, .5], "a sparse matrix": scipy.sparse.csr_array(eye), "dates": np.array(["2020-01-01"], "M8[D]"), "a function": len,
    "masked values": np.ma.array([.5, .5], mask=[0, 1]), "a generator": (v for v in (.5, .5))}
WRONG_NUMBERS = {
    "NaN": nan, "a list with NaN": [.5, nan], "infinity": inf, "a list with infinity": [inf, .5], "beyond floating point": [10**400, .5], "nothing": [],
    "ragged rows": [[.5], [.5, .5]], "four dimensions": np.full((2, 2, 2, 2), .5)}
BAD = NO_NUMBERS | WRONG_NUMBERS


def assert_refused(call, name, error=(ValueError, TypeError)):
    with pytest.raises(error) as caught: call()
    assert type(caught.value).__module__.startswith(("builtins", "emlit."))
    assert re.search(rf"(?<!\w){name}(?!\w)", str(caught.value)), f"{name} is not named: {caught.value}"


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("family, name", [(f, name) for f, given in FAMILIES.items() for name in given])
def test_a_family_refuses_a_bad_parameter(family, name, what):
    error = TypeError if what in NO_NUMBERS else (ValueError, TypeError) if name == "n" else ValueError # what is no whole number is a TypeError
    if (name, what) == ("n", "None"): return # rows then bring totals of their own
    assert_refused(lambda: getattr(emlit, family)(**FAMILIES[family] | {name: BAD[what]}), name, error)


@pytest.mark.parametrize("what", BAD)
def test_a_mixture_refuses_bad_weights(what):
    assert_refused(lambda: Mixture(BAD[what], emlit.Normal([0., 1], [1., 2])), "weights", TypeError if what in NO_NUMBERS else ValueError)


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_refuses_bad_data(family, what):
    model, x = Mixture([.5, .5], getattr(emlit, family)(**FAMILIES[family])), BAD[what]
    error = TypeError if what in NO_NUMBERS else ValueError
    for call in (lambda: fit(model, x), lambda: model.e_step(x), lambda: model.log_prob(x), lambda: model.responsibilities(x), lambda: model.predict(x),
                 lambda: model.components[0].log_prob(x)): assert_refused(call, "x", error)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_refuses_tables_of_another_shape(family):
    model = Mixture([.5, .5], getattr(emlit, family)(**FAMILIES[family]))
    for x in (1., np.ones((2, 3)), np.ones((1, 2, 2)), np.ones((3, 0))):
        for call in (lambda: fit(model, x), lambda: model.predict(x)): assert_refused(call, "x", ValueError)


faithful = data.load_faithful()[:30]
TABLES = {
    "NaN": np.where(faithful > 80, nan, faithful), "infinity": [[1, inf], [2, 3], [3, 4]], "no rows": np.zeros((0, 2)), "no columns": np.zeros((30, 0)),
    "numbers": faithful[:, 1], "one number": 3., "three dimensions": faithful[None], "sparse": scipy.sparse.csr_array(faithful),
    "text": [["a", "b"], ["c", "d"]], "objects": np.array([[1, "a"], [2, 3]], object), "None in a table": np.array([[1, None], [2, 3]], object),
    "complex numbers": faithful + 1j, "ragged rows": [[1, 2], [3]], "None": None, "a dictionary": {"a": 1}, "a word": "abc",
    "masked values": np.ma.array(faithful, mask=faithful > 80), "number of features": np.ones((30, 3))}
ESTIMATORS = {"GaussianMixture": GaussianMixture, "MixtureModel": lambda K, **given: MixtureModel("normal", K, **given)}


@pytest.mark.parametrize("what", TABLES)
@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_an_estimator_refuses_a_bad_table(make, what):
    model, X = make(2, random_state=0), TABLES[what]
    if what != "number of features": assert_refused(lambda: model.fit(X), "X")
    model.fit(faithful)
    for call in (model.predict, model.predict_proba, model.score_samples, model.score, model.aic, model.bic): assert_refused(lambda: call(X), "X")


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_an_estimator_refuses_a_bad_parameter(make):
    "By name, whatever the value. What `progress` is given counts as true or false."
    harmless = {"random_state": [True], "reg_covar": [2.5], "tol": [2.5], "verbose": [True], "warm_start": [True], "guard": [True], "squash": [True]}
    for name in set(make(2).get_params()) - {"progress"}:
        for value in (object(), "zzz", nan, inf, -3, 2.5, 1j, [], True):
            if value not in harmless.get(name, []): assert_refused(lambda: make(2).set_params(**{name: value}).fit(faithful), name)
