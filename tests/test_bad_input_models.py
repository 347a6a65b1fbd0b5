"""What emlit says to bad input beyond coins: `fit`, `Mixture`, every family, and both estimators. One row for each, readable from top to bottom.

A row holds the cause, the call, the error, and words that its message must contain: the argument's name, what it got, what is allowed.
At most three rows share a cause. A second table holds data that are no error, but have no maximum: what the fit's warning says."""
import re
from collections import Counter

import numpy as np
import pytest
import scipy.sparse

from emlit import (Bernoulli, Categorical, Exponential, Gamma, GaussianMixture, Geometric, Mixture, MixtureModel, Multinomial, MultivariateNormal, Normal, Poisson,
                   Uniform, data, fit, scale_floor, starts)
from emlit.estimators import select

nan, inf = float("nan"), float("inf")
V, T = ValueError, TypeError
faithful, iris = data.load_faithful(), data.load_iris()
eye = np.eye(2)
two = Mixture([.4, .6], MultivariateNormal([[2, 55], [4.5, 80]], [[[.5, 1], [1, 40]]] * 2))
one = Mixture([.5, .5], Normal([55., 80.], [6., 6.]))
waiting = faithful[:, 1]
deaths = Mixture([.5, .5], Poisson([1., 3.]))
survey = Mixture([1.], Categorical([[[.5, .5]], [[.2, .3, .5]]]))
def gm(K=2, **options): return GaussianMixture(K, **{"random_state": 0} | options)
fitted = gm().fit(faithful)
counts = MixtureModel("poisson", 2, random_state=0).fit([[0], [1], [2], [5], [6], [7]])
rows = np.arange(12.).reshape(6, 2) ** 2

def hole(x, value=nan):
    x = np.array(x, float)
    x[3, 1] = value
    return x

ROWS = [
    # the data, given to fit
    ("NaN",                 lambda: fit(two, hole(faithful)),                        V, ["x[3, 1]", "nan", "finite"]),
    ("infinity",            lambda: fit(two, hole(faithful, -inf)),                  V, ["x[3, 1]", "-inf", "finite"]),
    ("no rows",             lambda: fit(two, np.zeros((0, 2))),                      V, ["x", "empty", "(0, 2)"]),
    ("text",                lambda: fit(two, [["a", "b"]]),                          T, ["x", "text", "real numbers"]),
    ("objects",             lambda: fit(two, np.array([[1, None]], object)),         T, ["x", "None", "real numbers"]),
    ("complex numbers",     lambda: fit(two, faithful + 0j),                         T, ["x", "complex128", "real numbers"]),
    ("sparse",              lambda: fit(two, scipy.sparse.csr_array(faithful)),      T, ["x", "csr_array", "real numbers"]),
    ("three dimensions",    lambda: fit(two, faithful[None]),                        V, ["x", "(1, 272, 2)", "1-D or 2-D"]),
    ("number of columns",   lambda: fit(two, iris),                                  V, ["x", "(150, 4)", "(n, 2)"]),
    ("rows for numbers",    lambda: fit(one, faithful[:, 1:]),                       V, ["x", "(272, 1)", "(n,)", "x[:, 0]"]),
    ("too large to square", lambda: fit(two, faithful * 1e160),                      V, ["x[0, 0]", "3.6e+160", "1e150"]),
    ("impossible data",     lambda: fit(deaths, [1, -2]),                            V, ["x[1]", "-2.0", "whole number"]),
    ("impossible data",     lambda: fit(Mixture([.5, .5], [Gamma([1.], [1.]), Exponential([1.])]), [1, -2]), V, ["x[1]", "-2.0", "Gamma, Exponential"]),
    ("impossible data",     lambda: fit(survey, [[0, 3]]),                           V, ["x[0, 1]", "3.0", "category"]),
    ("far from everything", lambda: fit(Mixture([1.], Normal([0.], [1e-150])), [1e100]), V, ["x[0]", "too far from every component"]),
    # the options of fit
    ("tolerance",           lambda: fit(two, faithful, tol=-1e-3),                   V, ["tol", "-0.001", "at least 0"]),
    ("tolerance",           lambda: fit(two, faithful, tol=nan),                     V, ["tol", "nan", "finite"]),
    ("tolerance",           lambda: fit(two, faithful, tol="small"),                 T, ["tol", "text", "real numbers"]),
    ("max_iter",            lambda: fit(two, faithful, max_iter=1.5),                T, ["max_iter", "1.5", "whole number"]),
    ("a name in freeze",    lambda: fit(two, faithful, freeze="means"),              V, ["freeze", "'means'", "weights", "mean", "cov"]),
    ("a name in freeze",    lambda: fit(two, faithful, freeze="components[1].mean"), V, ["freeze", "'components[1].mean'", "components[0].mean"]),
    ("a name in freeze",    lambda: fit(Mixture([1.], Uniform([0.], [99.])), waiting, freeze="low"), V, ["freeze", "'low'", "weights"]),
    ("unknown option",      lambda: fit(two, faithful, reg_covar=1e-6),              T, ["reg_covar"]),
    ("unknown option",      lambda: gm(tolerance=1e-3),                              T, ["tolerance"]),
    ("unknown option",      lambda: fit(two, faithful, accelerate="fast"),           V, ["accelerate", "'fast'", "squarem", "anderson"]),
    ("keep",                lambda: fit(two, faithful, keep="some"),                 V, ["keep", "'some'", '"all"', '"ends"']),
    ("no prior",            lambda: fit(two, faithful, prior=2.),                    T, ["prior", "float"]),
    ("no prior",            lambda: gm(prior="flat").fit(faithful),                  T, ["prior", "str"]),
    ("missing",             lambda: fit(two, hole(faithful), missing="mean"),        V, ["missing", "'mean'", '"em"']),
    ("missing",             lambda: fit(two, np.where([True, False], faithful, nan), missing="em"), V, ["x", "column 1", "at least one value"]),
    ("missing",             lambda: gm(missing=True).fit(hole(faithful)),            V, ["missing", "True", "'em'"]),
    ("labels",              lambda: fit(two, faithful, labels=[0, 1]),               V, ["labels", "272 observations", "(2,)"]),
    ("labels",              lambda: fit(two, faithful, labels=[2] * 272),            V, ["labels[0]", "2", "from 0 to 1"]),
    ("labels",              lambda: fit(two, faithful, labels=[.5] * 272),           T, ["labels", "whole numbers"]),
    ("sample_weight",       lambda: fit(two, faithful, sample_weight=[1.] * 271),    V, ["sample_weight", "271", "272 observations"]),
    ("sample_weight",       lambda: fit(deaths, [1, 2], sample_weight=[-1, 2]),      V, ["sample_weight[0]", "-1.0", "at least 0"]),
    ("sample_weight",       lambda: gm().fit(faithful, sample_weight=[[1.]] * 272),  V, ["sample_weight", "(272, 1)", "1-D"]),
    # the mixture
    ("sum of weights",      lambda: Mixture([.4, .4], two.components[0]),            V, ["weights", "0.8", "sum to 1"]),
    ("sum of weights",      lambda: two.replace({"weights": [.4, .4]}),              V, ["weights", "0.8", "sum to 1"]),
    ("sum of weights",      lambda: gm(weights_init=[.4, .4]).fit(faithful),         V, ["weights_init", "0.8", "sum to 1"]),
    ("number of weights",   lambda: Mixture([.3, .3, .4], two.components[0]),        V, ["weights", "3", "2 components"]),
    ("number of weights",   lambda: gm(weights_init=[.3, .3, .4]).fit(faithful),     V, ["weights_init", "(2,)", "(3,)"]),
    ("a class of Family",   lambda: Mixture([.5, .5], Normal),                       T, ["components", "Normal", "Family"]),
    ("blocks that read different data", lambda: fit(Mixture([.4, .3, .3], [Normal([55.], [6.]), two.components[0]]), faithful), V, ["components", "same shape", "Normal"]),
    # the families
    ("indefinite",          lambda: MultivariateNormal([[0, 0]], [[[1, 2], [2, 1]]]), V, ["cov[0]", "positive definite", "-1"]),
    ("indefinite",          lambda: gm(precisions_init=[eye, [[1, 2], [2, 1]]]).fit(faithful), V, ["precisions_init[1]", "positive definite", "-1"]),
    ("indefinite",          lambda: MultivariateNormal([[0, 0]], [eye], floor=[[1, 2], [2, 1]]), V, ["floor", "positive definite", "-1"]),
    ("not symmetric",       lambda: gm(precisions_init=[eye, [[1, .5], [0, 1]]]).fit(faithful), V, ["precisions_init[1]", "symmetric"]),
    ("a variance of 0",     lambda: MultivariateNormal([[0, 0]], [[1, 0]], "diag"),  V, ["cov[0, 1]", "0.0", "above 0"]),
    ("a variance of 0",     lambda: Normal([0.], [0.]),                              V, ["std[0]", "0.0", "above 0"]),
    ("a variance of 0",     lambda: gm(covariance_type="spherical", precisions_init=[1, 0]).fit(faithful), V, ["precisions_init", "positive", "0"]),
    ("floor",               lambda: Normal([0.], [1.], floor=-1),                    V, ["floor", "-1.0", "above 0"]),
    ("floor",               lambda: MultivariateNormal([[0, 0]], [eye], floor=1.),   V, ["floor", "(2, 2)", "()"]),
    ("floor",               lambda: scale_floor(faithful, "round"),                  V, ["structure", "'round'", "spherical"]),
    ("reg_covar",           lambda: MultivariateNormal([[0, 0]], [eye], reg_covar=-1), V, ["reg_covar", "-1", "at least 0"]),
    ("reg_covar",           lambda: gm(reg_covar=-1e-6).fit(faithful),               V, ["reg_covar", "-1e-06", "at least 0"]),
    ("reg_covar",           lambda: gm(reg_covar="floor").fit(faithful),             V, ["reg_covar", "'floor'", "'guard'"]),
    ("rate",                lambda: Exponential([1., 0.]),                           V, ["rate[1]", "0.0", "above 0"]),
    ("rate",                lambda: Poisson([-1.]),                                  V, ["rate[0]", "-1.0", "at least 0"]),
    ("probability",         lambda: Geometric([1.5]),                                V, ["p[0]", "1.5", "[0, 1]"]),
    ("probability",         lambda: Bernoulli([[nan]]),                              V, ["p[0, 0]", "nan", "finite"]),
    ("probability",         lambda: Multinomial(4, [[.5, .6]]),                      V, ["p", "1.1", "sum to 1"]),
    ("shape and scale",     lambda: Gamma([1.], [1., 2.]),                           V, ["shape and scale", "(1,)", "(2,)"]),
    ("ends",                lambda: Uniform([1.], [0.]),                             V, ["high[0]", "0.0", "above low"]),
    ("beyond floating point", lambda: Normal([10**400], [1.]),                       V, ["mean", "finite"]),
    # starts
    ("rows of r",           lambda: starts.start(Normal, waiting, np.full((271, 2), .5)), V, ["r", "272 observations", "271"]),
    ("rows of r",           lambda: starts.start(Normal, waiting, np.full((272, 2), .6)), V, ["r", "1.2", "sum to 1 in each row"]),
    ("fewer rows than components", lambda: starts.kmeans(waiting[:2], 3, np.random.default_rng(0)), V, ["x", "n_components = 3", "2"]),
    # GaussianMixture
    ("NaN, to the estimators", lambda: gm().fit(hole(faithful)),                     V, ["X", "NaN", 'missing="em"']),
    ("NaN, to the estimators", lambda: MixtureModel("normal", 2).fit(hole(rows)),    V, ["X", "NaN", 'missing="em"']),
    ("NaN, to the estimators", lambda: fitted.predict([[nan, 1]]),                   V, ["X", "NaN"]),
    ("infinity, to the estimators", lambda: gm().fit(hole(faithful, inf)),           V, ["X", "infinity"]),
    ("no rows, to the estimators", lambda: gm().fit(np.zeros((0, 2))),               V, ["0 sample", "minimum of 2"]),
    ("one row",             lambda: gm(1).fit([[1., 2.]]),                           V, ["1 sample", "minimum of 2"]),
    ("fewer rows than components", lambda: gm(7).fit(rows),                          V, ["n_components = 7", "n_samples = 6"]),
    ("fewer rows than components", lambda: MixtureModel("normal", 7).fit(rows),      V, ["n_components = 7", "n_samples = 6"]),
    ("fewer distinct rows than components", lambda: gm().fit(np.repeat(faithful[:1], 9, axis=0)), V, ["x", "n_components = 2", "distinct rows", "1"]),
    ("a column for a table", lambda: gm().fit(waiting),                              V, ["2D array", "1D array", "reshape(-1, 1)"]),
    ("three dimensions",    lambda: gm().fit(faithful[None]),                        V, ["3", "<= 2"]),
    ("sparse",              lambda: gm().fit(scipy.sparse.csr_array(faithful)),      T, ["Sparse", "dense"]),
    ("text",                lambda: gm().fit([["a", "b"], ["c", "d"]]),              V, ["string"]),
    ("complex numbers",     lambda: gm().fit(faithful + 1j),                         V, ["Complex"]),
    ("number of features",  lambda: fitted.predict(iris),                            V, ["X", "4 features", "2 features"]),
    ("number of features",  lambda: fitted.score_samples([[1.]]),                    V, ["X", "1 features", "2 features"]),
    ("number of features",  lambda: counts.predict_proba([[1, 2]]),                  V, ["X", "2 features", "1 features"]),
    ("not fitted",          lambda: gm().predict(faithful),                          V, ["GaussianMixture", "fitted"]),
    ("not fitted",          lambda: MixtureModel().sample(2),                        V, ["MixtureModel", "fitted"]),
    ("n_components",        lambda: gm(0).fit(faithful),                             V, ["n_components", "0", "at least 1"]),
    ("n_components",        lambda: gm(2.).fit(faithful),                            T, ["n_components", "2.0", "whole number"]),
    ("n_components",        lambda: MixtureModel(["normal", "poisson"], 2).fit(rows), V, ["n_components", "2 families", "2"]),
    ("covariance_type",     lambda: gm(covariance_type="round").fit(faithful),       V, ["covariance_type", "'round'", "'spherical'"]),
    ("covariance_type",     lambda: gm(covariance_type=None).fit(faithful),          V, ["covariance_type", "None", "'full'"]),
    ("init_params",         lambda: gm(init_params="best").fit(faithful),            V, ["init_params", "'best'", "'kmeans'"]),
    ("tolerance, of the estimators", lambda: gm(tol=-1).fit(faithful),               V, ["tol", "-1", "at least 0"]),
    ("tolerance, of the estimators", lambda: MixtureModel(tol=nan).fit(rows),        V, ["tol", "nan", "finite"]),
    ("numbers of runs",     lambda: gm(n_init=0).fit(faithful),                      V, ["n_init", "0", "at least 1"]),
    ("numbers of runs",     lambda: gm(max_iter=-5).fit(faithful),                   V, ["max_iter", "-5", "at least 0"]),
    ("random_state",        lambda: gm(random_state="zero").fit(faithful),           V, ["random_state|seed", "'zero'"]),
    ("accelerate",          lambda: gm(accelerate="fast").fit(faithful),             V, ["accelerate", "'fast'", "squarem", "anderson"]),
    ("warm_start",          lambda: gm(warm_start="yes").fit(faithful),              T, ["warm_start", "'yes'", "True or False"]),
    ("shape of a start",    lambda: gm(means_init=[[1, 2, 3]] * 2).fit(faithful),    V, ["means_init", "(2, 2)", "(2, 3)"]),
    ("shape of a start",    lambda: gm(precisions_init=eye).fit(faithful),           V, ["precisions_init", "(2, 2, 2)", "(2, 2)"]),
    ("labels, of the estimators", lambda: gm().fit(faithful, labels=[0, 1, 0]),      V, ["labels", "272 rows", "3"]),
    ("labels, of the estimators", lambda: gm().fit(faithful, labels=[5] * 272),      V, ["labels[0]", "5", "n_components - 1 = 1"]),
    ("size of a sample",    lambda: fitted.sample(0),                                V, ["n_samples", "0", "at least 1"]),
    # MixtureModel
    ("family",              lambda: MixtureModel("gauss", 2).fit(rows),              V, ["family", "'gauss'", "'normal'"]),
    ("family",              lambda: MixtureModel(3).fit(rows),                       T, ["family", "3", "'poisson'"]),
    ("family",              lambda: MixtureModel([]).fit(rows),                      V, ["family", "at least one"]),
    ("family_params",       lambda: MixtureModel("binomial", 2).fit([[1], [2], [3]]), T, ["Binomial", "n"]),
    ("family_params",       lambda: MixtureModel("binomial", 2, family_params={"m": 4}).fit([[1], [2], [3]]), T, ["Binomial", "'m'", "n"]),
    ("family_params",       lambda: MixtureModel("binomial", 2, family_params=4).fit([[1], [2], [3]]), T, ["family_params", "4", "dictionary"]),
    ("data outside the support", lambda: MixtureModel("poisson", 2).fit([[1], [2.5], [3]]), V, ["x[1]", "2.5", "whole number"]),
    ("data outside the support", lambda: counts.predict([[-1]]),                     V, ["x[0]", "-1.0", "whole number"]),
    ("data outside the support", lambda: MixtureModel("gamma", 2).fit([[1], [0], [3]]), V, ["x[1]", "0.0", "above 0"]),
    ("guard",               lambda: MixtureModel(guard="on").fit(rows),              T, ["guard", "'on'", "True or False"]),
    # select
    ("grid",                lambda: select(faithful, n_components=[]),               V, ["n_components"]),
    ("grid",                lambda: select(faithful, structures=["round"]),          V, ["structures|covariance_type", "'round'"]),
]
IDS = [f"{cause} {[r[0] for r in ROWS[:i]].count(cause) + 1}" for i, (cause, *_) in enumerate(ROWS)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cause, call, error, words", ROWS, ids=IDS)
def test_bad_input_is_named(cause, call, error, words):
    with pytest.raises(error) as caught: call()
    missing = [w for w in words if not any(re.search(rf"(?<!\w){re.escape(v)}(?!\w)", str(caught.value)) for v in w.split("|"))]
    assert not missing, f"the message lacks {missing}: {caught.value}"


same, line = np.repeat(faithful[:1], 9, axis=0), np.column_stack([waiting, waiting])
flat = np.column_stack([waiting, np.full(272, 7.)])
WITHOUT_A_MAXIMUM = [ # the call, the reason, words of the warning
    ("all rows identical",  lambda: fit(two, same),                                  "degenerate", ["component 0", "collapsed", "singular"]),
    ("all rows identical",  lambda: fit(one, np.full(9, 60.)),                       "degenerate", ["component 0", "collapsed onto one value"]),
    ("all rows identical",  lambda: fit(Mixture([.5, .5], Gamma([1., 2.], [1., 1.])), np.full(9, 3.)), "degenerate", ["component 0", "varies too little"]),
    ("constant column",     lambda: fit(two, flat + [0, 60]),                        "degenerate", ["component 0", "collapsed", "singular"]),
    ("collinear columns",   lambda: fit(Mixture(two.weights, MultivariateNormal([[55., 55], [80, 80]], [eye] * 2)), line), "degenerate", ["component 0", "singular"]),
    ("collinear columns",   lambda: fit(Mixture(two.weights, MultivariateNormal([[55., 55], [80, 80]], eye, "tied")), line), "degenerate", ["shared covariance", "singular"]),
    ("one row",             lambda: fit(two, faithful[:1]),                          "degenerate", ["component", "0|1", "no data|collapsed"]),
    ("fewer rows than components", lambda: fit(Mixture([.3, .3, .4], Normal([1., 5, 9], [1., 1, 1])), [1., 9.]), "degenerate", ["component", "collapsed|no data"]),
    ("identical components", lambda: fit(Mixture([.5, .5], Normal([70., 70.], [9., 9.])), waiting), "identical", ["components 0 and 1", "identical", "different parameters"]),
    ("nothing but zeros",   lambda: fit(Mixture([1.], Exponential([1.])), [0, 0, 0]), "degenerate", ["component 0", "collapsed onto one value"]),
    ("a guard",             lambda: fit(Mixture([.5, .5], Normal([43., 70.], [.01, 9.], floor=1e-6)), waiting, tol=1e-6), "guarded", ["component 0", "floor"]),
    ("a guard",             lambda: fit(Mixture([1.], MultivariateNormal([[70., 70]], [eye * 99], floor=eye * 1e-6)), line), "guarded", ["component 0", "floor"]),
]


@pytest.mark.parametrize("cause, call, reason, words", WITHOUT_A_MAXIMUM, ids=[f"{r[0]} {i}" for i, r in enumerate(WITHOUT_A_MAXIMUM)])
def test_a_fit_without_a_maximum_says_so(cause, call, reason, words):
    with pytest.warns(RuntimeWarning) as caught: trace = call()
    assert trace.reason == reason and np.isfinite(trace.loglik)
    text = " ".join(str(w.message) for w in caught)
    assert not [w for w in words if not any(v in text for v in w.split("|"))], text


@pytest.mark.parametrize("X", [flat, line, np.vstack([faithful[:3]] * 4)], ids=["constant column", "collinear columns", "three points, again and again"])
@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:.*distinct.*")
def test_the_estimators_are_finite_on_flat_data(X, structure):
    model = gm(covariance_type=structure).fit(X)
    assert np.isfinite(model.lower_bound_) and all(np.isfinite(v).all() for v in (model.weights_, model.means_, model.covariances_, model.precisions_))
    assert np.isfinite(model.predict_proba(X)).all()


def test_the_table_is_varied():
    assert len(ROWS) >= 80
    assert max(Counter(cause for cause, *_ in ROWS).values()) <= 3
