"""What emlit says to bad input: the table of it, readable from top to bottom.

A row holds the cause, the call, the error, and words that its message must contain: the argument's name, what it got, what is allowed.
At most three rows share a cause: that every family and every method says the same is for test_bad_input_models.py. A second table holds
data that are no error, but have no maximum (constant and collinear columns, identical rows, too few of them): what the fit's warning says."""
import re
from collections import Counter

import numpy as np
import pytest
import scipy.sparse

from emlit import (Bernoulli, Binomial, Categorical, Exponential, Gamma, GaussianMixture, Geometric, Mixture, MixtureModel, Multinomial, MultivariateNormal,
                   Normal, Poisson, Uniform, coins, data, elbo, em, entropy, fit, kl, q_function, scale_floor, starts)
from emlit.estimators import select
from later import Later

nan, inf = float("nan"), float("inf")
rng, eye = np.random.default_rng(0), np.eye(2)

# coins, of which most is known
y, heads = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1], [5, 9, 8, 4, 7]
coin_pair = Mixture([.5, .5], Bernoulli([.3, .6]))
two_columns = Mixture([.5, .5], Bernoulli([[.3, .2], [.6, .7]]))
rounds = Mixture([.5, .5], Binomial(10, [.6, .5]))
theta, q = (.46, .55, .67), [[.5, .5]] * 10
# tables and numbers
faithful, iris = data.load_faithful(), data.load_iris()
waiting, rows = faithful[:, 1], np.arange(12.).reshape(6, 2) ** 2
two = Mixture([.4, .6], MultivariateNormal([[2, 55], [4.5, 80]], [[[.5, 1], [1, 40]]] * 2))
one = Mixture([.5, .5], Normal([55., 80.], [6., 6.]))
deaths = Mixture([.5, .5], Poisson([1., 3.]))
survey = Mixture([1.], Categorical([[[.5, .5]], [[.2, .3, .5]]]))
def gm(K=2, **options): return GaussianMixture(K, **{"random_state": 0} | options)
fitted = Later(lambda: gm().fit(faithful))
counts = Later(lambda: MixtureModel("poisson", 2, random_state=0).fit([[0], [1], [2], [5], [6], [7]]))

def hole(x, value=nan):
    x = np.array(x, float)
    x[3, 1] = value
    return x

V, T = ValueError, TypeError
ROWS = [
    # data: no numbers, or not as many as there should be
    ("NaN",                 lambda: fit(two, hole(faithful)),                        V, ["x[3, 1]", "nan", "finite"]),
    ("NaN",                 lambda: coin_pair.loglik([0, nan, nan]),                 V, ["x[1]", "nan", "1 more", "finite"]),
    ("NaN",                 lambda: gm().fit(hole(faithful)),                        V, ["X", "NaN", 'missing="em"']),
    ("infinity",            lambda: fit(two, hole(faithful, -inf)),                  V, ["x[3, 1]", "-inf", "finite"]),
    ("infinity",            lambda: coins.posterior(theta, [1, inf]),                V, ["y[1]", "inf", "finite"]),
    ("infinity",            lambda: MixtureModel("normal").fit(hole(rows, inf)),     V, ["X", "infinity", "too large"]),
    ("too large to square", lambda: fit(two, faithful * 1e160),                      V, ["x[0, 0]", "3.6e+160", "1e150"]),
    ("text",                lambda: fit(coin_pair, ["1", "0"]),                      T, ["x", "text", "real numbers"]),
    ("text",                lambda: gm().fit([["a", "b"], ["c", "d"]]),              V, ["X", "'a'", "real numbers"]),
    ("text",                lambda: Bernoulli(["half"]),                             T, ["p", "text", "real numbers"]),
    ("objects",             lambda: fit(two, np.array([[1, None]], object)),         T, ["x", "None", "real numbers"]),
    ("objects",             lambda: fit(coin_pair, np.array([1, "0"], object)),      T, ["x", "'0'", "real numbers"]),
    ("objects",             lambda: MixtureModel("normal").fit(np.array([[1], ["b"]], object)), V, ["X", "'b'", "real numbers"]),
    ("None",                lambda: fit(coin_pair, None),                            T, ["x", "NoneType", "real numbers"]),
    ("None",                lambda: Bernoulli(None),                                 T, ["p", "NoneType", "real numbers"]),
    ("None",                lambda: gm().fit(None),                                  V, ["X", "real numbers", "scalar array"]),
    ("complex numbers",     lambda: fit(two, faithful + 0j),                         T, ["x", "complex128", "real numbers"]),
    ("complex numbers",     lambda: gm().fit(faithful + 1j),                         V, ["X", "Complex", "real numbers"]),
    ("complex numbers",     lambda: Bernoulli([.5 + 0j]),                            T, ["p", "complex128", "real numbers"]),
    ("sparse matrix",       lambda: fit(two, scipy.sparse.csr_array(faithful)),      T, ["x", "csr_array", "real numbers"]),
    ("sparse matrix",       lambda: two_columns.e_step(scipy.sparse.coo_array([[1, 0]])), T, ["x", "coo_array", "real numbers"]),
    ("sparse matrix",       lambda: gm().fit(scipy.sparse.csr_matrix(faithful)),     T, ["X", "Sparse", "toarray"]),
    ("masked values",       lambda: fit(coin_pair, np.ma.array([0, 1], mask=[0, 1])), T, ["x", "masked", "fill or remove"]),
    ("masked values",       lambda: Bernoulli(np.ma.array([.5, .6], mask=[0, 1])),   T, ["p", "masked", "fill or remove"]),
    ("masked values",       lambda: gm().fit(np.ma.array(faithful, mask=faithful > 90)), T, ["X", "masked", "fill or remove"]),
    ("dates",               lambda: fit(coin_pair, np.array(["2020-01-01"], "M8[D]")), T, ["x", "datetime64", "real numbers"]),
    ("generator",           lambda: fit(coin_pair, (toss for toss in y)),            T, ["x", "generator", "real numbers"]),
    ("dictionary, set",     lambda: fit(coin_pair, {"heads": 6}),                    T, ["x", "dict", "real numbers"]),
    ("dictionary, set",     lambda: Bernoulli({.5, .6}),                             T, ["p", "set", "real numbers"]),
    ("dictionary, set",     lambda: MixtureModel().fit({"heads": 6}),                T, ["X", "dict", "real numbers"]),
    ("no rows",             lambda: fit(two, np.zeros((0, 2))),                      V, ["x", "empty", "(0, 2)"]),
    ("no rows",             lambda: gm().fit(np.zeros((0, 2))),                      V, ["X", "0 sample", "minimum of 2"]),
    ("no rows",             lambda: coins.posterior(theta, []),                      V, ["y", "empty", "(0,)"]),
    ("no columns",          lambda: MixtureModel().fit(np.zeros((9, 0))),            V, ["X", "0 feature", "minimum of 1"]),
    ("one row",             lambda: gm(1).fit([[1., 2.]]),                           V, ["X", "1 sample", "minimum of 2"]),
    ("fewer rows than components", lambda: gm(7).fit(rows),                          V, ["n_components = 7", "n_samples = 6"]),
    ("fewer rows than components", lambda: MixtureModel("normal", 7).fit(rows),      V, ["n_components = 7", "n_samples = 6"]),
    ("fewer rows than components", lambda: starts.kmeans(waiting[:2], 3, rng),       V, ["x", "n_components = 3", "2"]),
    ("fewer distinct rows than components", lambda: gm().fit(np.repeat(faithful[:1], 9, axis=0)), V, ["X must", "n_components = 2", "distinct rows", "1"]),
    ("fewer distinct rows than components", lambda: MixtureModel("poisson", 3).fit([[1], [1], [2]]), V, ["X must", "n_components = 3", "distinct rows", "2"]),
    ("one number as data",  lambda: fit(coin_pair, 1),                               V, ["x", "shape ()", "1-D"]),
    ("one number as data",  lambda: coins.posterior(theta, 1),                       V, ["y", "shape ()", "1-D"]),
    ("one number as data",  lambda: gm().fit(1.),                                    V, ["X", "scalar array", "reshape"]),
    ("table for numbers",   lambda: fit(coin_pair, [[1, 0], [0, 0]]),                V, ["x", "(2, 2)", "(n,)"]),
    ("table for numbers",   lambda: fit(one, faithful),                              V, ["x", "(272, 2)", "(n,)"]),
    ("table for numbers",   lambda: coins.log_joint(theta, [[1, 0]]),                V, ["y", "(1, 2)", "1-D"]),
    ("numbers for a table", lambda: fit(two_columns, [1, 0]),                        V, ["x", "(2,)", "(n, 2)"]),
    ("numbers for a table", lambda: gm().fit(waiting),                               V, ["X", "1D array", "reshape(-1, 1)"]),
    ("three dimensions",    lambda: fit(two, faithful[None]),                        V, ["x", "(1, 272, 2)", "1-D or 2-D"]),
    ("three dimensions",    lambda: gm().fit(faithful[None]),                        V, ["X", "dim 3", "<= 2"]),
    ("three dimensions",    lambda: Bernoulli([[[.5]]]),                             V, ["p", "(1, 1, 1)", "1-D or 2-D"]),
    ("ragged rows",         lambda: fit(two_columns, [[1, 0], [0]]),                 V, ["x", "rectangular", "length"]),
    ("ragged rows",         lambda: Bernoulli([[.5], [.5, .6]]),                     V, ["p", "rectangular", "length"]),
    ("number of columns",   lambda: fit(two_columns, [[1, 0, 1]]),                   V, ["x", "(1, 3)", "(n, 2)"]),
    ("number of columns",   lambda: two.predict(iris),                               V, ["x", "(150, 4)", "(n, 2)"]),
    ("number of features in predict", lambda: fitted.predict(iris),                  V, ["X", "4 features", "2 features"]),
    ("number of features in predict", lambda: fitted.score_samples([[1.]]),          V, ["X", "1 features", "2 features"]),
    ("number of features in predict", lambda: counts.predict_proba([[1, 2]]),        V, ["X", "2 features", "1 features"]),
    # data: numbers that the model cannot have made
    ("not a toss",          lambda: fit(coin_pair, [0, 1, 2]),                       V, ["x[2]", "2", "0 or 1"]),
    ("not a toss",          lambda: coin_pair.log_prob([0, .5]),                     V, ["x[1]", "0.5", "0 or 1"]),
    ("not a toss",          lambda: coins.posterior(theta, [1, -1]),                 V, ["y[1]", "-1", "0 or 1"]),
    ("heads above n",       lambda: fit(rounds, [5, 11]),                            V, ["x[1]", "11", "0 to n = 10"]),
    ("heads above n",       lambda: fit(Mixture([1], Binomial([3, 5], [[.5, .5]])), [[3, 4], [4, 3]]), V, ["x[1, 0]", "4", "n = [3 5]"]),
    ("heads above n",       lambda: coins.log_joint(theta, [0, 6], m=5),             V, ["y[1]", "6", "0 to m = 5"]),
    ("a count below 0",     lambda: fit(rounds, [5, -1]),                            V, ["x[1]", "-1", "from 0"]),
    ("a count below 0",     lambda: fit(deaths, [1, -2]),                            V, ["x[1]", "-2.0", "whole number"]),
    ("a count below 0",     lambda: counts.predict([[-1]]),                          V, ["X must", "X[0]", "-1.0", "whole number"]),
    ("no whole number",     lambda: fit(rounds, [2.5, 3]),                           V, ["x[0]", "2.5", "whole number"]),
    ("no whole number",     lambda: coins.expected_counts(theta, [2.5], m=5),        V, ["y[0]", "2.5", "whole number"]),
    ("no whole number",     lambda: MixtureModel("poisson", 2).fit([[1], [2.5], [3]]), V, ["X must", "X[1]", "2.5", "whole number"]),
    ("below 0",             lambda: fit(Mixture([.5, .5], [Gamma([1.], [1.]), Exponential([1.])]), [1, -2]), V, ["x[1]", "-2.0", "Gamma, Exponential"]),
    ("not above 0",         lambda: MixtureModel("gamma", 2).fit([[1], [0], [3]]),   V, ["X must", "X[1]", "0.0", "above 0"]),
    ("no such category",    lambda: fit(survey, [[0, 3]]),                           V, ["x[0, 1]", "3.0", "category"]),
    ("sum of counts",       lambda: fit(Mixture([1.], Multinomial(4, [[.5, .5]])), [[1, 3], [2, 3]]), V, ["x[1]", "4"]),
    ("probability 0",       lambda: fit(Mixture([.5, .5], Bernoulli([0, 0])), [0, 1]), V, ["x[1]", "possible", "zero"]),
    ("probability 0",       lambda: Mixture([1, 0], Bernoulli([0, .6])).responsibilities([0, 1, 1]), V, ["x[1]", "1 more", "possible"]),
    ("probability 0",       lambda: coins.posterior((.5, 0, 0), y),                  V, ["y[0]", "possible"]),
    ("probability 0, after rows of weight 0", lambda: fit(Mixture([1], Bernoulli([0])), [0, 0, 0, 1], sample_weight=[0, 0, 1, 1]), V, ["x[3]", "possible"]),
    ("beyond the range",    lambda: fit(Mixture([1.], Uniform([0.], [90.])), waiting), V, ["x[65]", "92.0", "5 more", "low and high"]),
    ("far from everything", lambda: fit(Mixture([1.], Normal([0.], [1e-150])), [1e100]), V, ["x[0]", "too far from every component"]),
    # options
    ("tolerance below 0",   lambda: fit(rounds, heads, tol=-1e-3),                   V, ["tol", "-0.001", "at least 0"]),
    ("tolerance below 0",   lambda: gm(tol=-1).fit(faithful),                        V, ["tol", "-1", "at least 0"]),
    ("tolerance is not finite", lambda: fit(rounds, heads, tol=nan),                 V, ["tol", "nan", "finite"]),
    ("tolerance is not finite", lambda: fit(rounds, heads, tol=inf),                 V, ["tol", "inf", "finite"]),
    ("tolerance is not finite", lambda: MixtureModel(tol=nan).fit(rows),             V, ["tol", "nan", "finite"]),
    ("tolerance is no number", lambda: fit(rounds, heads, tol=None),                 T, ["tol", "NoneType", "real numbers"]),
    ("tolerance is no number", lambda: fit(rounds, heads, tol=[1e-3]),               V, ["tol", "(1,)"]),
    ("tolerance is no number", lambda: fit(two, faithful, tol="small"),              T, ["tol", "text", "real numbers"]),
    ("a truth value for a number", lambda: fit(rounds, heads, tol=True),             T, ["tol", "True", "number"]),
    ("a truth value for a number", lambda: fit(rounds, heads, max_iter=True),        T, ["max_iter", "True", "whole number"]),
    ("a truth value for a number", lambda: Binomial(True, [.5]),                     T, ["n", "number"]),
    ("max_iter below 0",    lambda: fit(rounds, heads, max_iter=-1),                 V, ["max_iter", "-1", "at least 0"]),
    ("max_iter below 0",    lambda: gm(max_iter=-5).fit(faithful),                   V, ["max_iter", "-5", "at least 0"]),
    ("max_iter is no whole number", lambda: fit(two, faithful, max_iter=10.),        T, ["max_iter", "10.0", "whole number"]),
    ("max_iter is no whole number", lambda: em(rounds, heads, max_iter=nan),         T, ["max_iter", "nan", "whole number"]),
    ("no such option",      lambda: fit(two, faithful, reg_covar=1e-6),              T, ["reg_covar"]),
    ("no such option",      lambda: gm(tolerance=1e-3),                              T, ["tolerance"]),
    ("no such option",      lambda: gm().set_params(tolerance=1e-3),                 V, ["tolerance", "tol", "max_iter"]),
    ("accelerate",          lambda: fit(two, faithful, accelerate="fast"),           V, ["accelerate", "'fast'", "squarem", "anderson"]),
    ("accelerate",          lambda: gm(accelerate="fast").fit(faithful),             V, ["accelerate", "'fast'", "squarem", "anderson"]),
    ("keep",                lambda: fit(two, faithful, keep="some"),                 V, ["keep", "'some'", '"all"', '"ends"']),
    ("no prior",            lambda: fit(two, faithful, prior=2.),                    T, ["prior", "float"]),
    ("no prior",            lambda: gm(prior="flat").fit(faithful),                  T, ["prior", "str"]),
    ("missing",             lambda: fit(two, hole(faithful), missing="mean"),        V, ["missing", "'mean'", '"em"']),
    ("missing",             lambda: gm(missing=True).fit(hole(faithful)),            V, ["missing", "True", "'em'"]),
    ("a column without a value", lambda: fit(two, np.where([True, False], faithful, nan), missing="em"), V, ["x", "column 1", "at least one value"]),
    ("number of labels",    lambda: fit(two, faithful, labels=[0, 1]),               V, ["labels", "272 observations", "(2,)"]),
    ("number of labels",    lambda: gm().fit(faithful, labels=[0, 1, 0]),            V, ["labels", "272 rows", "3"]),
    ("no such component",   lambda: fit(two, faithful, labels=[2] * 272),            V, ["labels[0]", "2", "from 0 to 1"]),
    ("no such component",   lambda: gm().fit(faithful, labels=[5] * 272),            V, ["labels[0]", "5", "n_components - 1 = 1"]),
    ("half a label",        lambda: fit(two, faithful, labels=[.5] * 272),           T, ["labels", "whole numbers"]),
    ("number of sample weights", lambda: fit(two, faithful, sample_weight=[1.] * 271), V, ["sample_weight", "271", "272 observations"]),
    ("number of sample weights", lambda: em(rounds, heads, sample_weight=[1] * 6),   V, ["sample_weight", "6", "5 observations"]),
    ("number of sample weights", lambda: counts.bic([[1], [2]], sample_weight=[1.]), V, ["sample_weight", "1", "2 observations"]),
    ("shape of sample_weight", lambda: rounds.loglik(heads, sample_weight=1),        V, ["sample_weight", "shape ()", "1-D"]),
    ("shape of sample_weight", lambda: gm().fit(faithful, sample_weight=[[1.]] * 272), V, ["sample_weight", "(272, 1)", "1-D"]),
    ("a sample weight below 0", lambda: fit(rounds, [5, 9], sample_weight=[1, -1]),  V, ["sample_weight[1]", "-1", "at least 0"]),
    ("a sample weight below 0", lambda: MixtureModel().fit(rows, sample_weight=[-1] * 6), V, ["sample_weight[0]", "-1", "at least 0"]),
    ("a sample weight of NaN", lambda: fit(rounds, [5, 9], sample_weight=[nan, 1]),  V, ["sample_weight[0]", "nan", "finite"]),
    ("no sample weight above 0", lambda: fit(rounds, [5, 9], sample_weight=[0, 0]),  V, ["sample_weight", "zeros", "above 0"]),
    ("sum of sample_weight", lambda: fit(rounds, [5, 9], sample_weight=[1e308, 1e308]), V, ["sample_weight", "finite", "overflows"]),
    ("no such parameter to freeze", lambda: fit(rounds, heads, freeze="weight"),     V, ["freeze", "'weight'", "weights", "components[0].p"]),
    ("no such parameter to freeze", lambda: em(rounds, heads, freeze=["weights", "q"]), V, ["freeze", "'q'", "weights", "components[0].p"]),
    ("no such parameter to freeze", lambda: fit(two, faithful, freeze="components[1].mean"), V, ["freeze", "'components[1].mean'", "components[0].mean"]),
    ("frozen, but never estimated", lambda: fit(rounds, heads, freeze="n", max_iter=0), V, ["freeze", "'n'", "weights", "components[0].p"]),
    ("frozen, but never estimated", lambda: fit(Mixture([1.], Uniform([0.], [99.])), waiting, freeze="low"), V, ["freeze", "'low'", "weights"]),
    ("freeze is no name",   lambda: fit(rounds, heads, freeze=None),                 T, ["freeze", "None"]),
    ("freeze is no name",   lambda: fit(rounds, heads, freeze=1),                    T, ["freeze", "1"]),
    ("swapped",             lambda: fit(heads, rounds),                              T, ["model", "list", "e_step"]),
    ("swapped",             lambda: em(heads, rounds),                               T, ["model", "list", "e_step"]),
    ("swapped",             lambda: elbo(y, coin_pair, q),                           T, ["model", "list", "log_joint"]),
    ("not a model",         lambda: fit(None, heads),                                T, ["model", "NoneType", "e_step"]),
    ("not a model",         lambda: fit(Binomial(10, [.6, .5]), heads),              T, ["model", "Binomial", "e_step"]),
    ("not a model",         lambda: fit(Mixture, heads),                             T, ["model", "Mixture"]),
    # the mixture
    ("sum of weights",      lambda: Mixture([.5, .6], Bernoulli([.3, .6])),          V, ["weights", "1.1", "sum to 1"]),
    ("sum of weights",      lambda: two.replace({"weights": [.4, .4]}),              V, ["weights", "0.8", "sum to 1"]),
    ("sum of weights",      lambda: gm(weights_init=[.4, .4]).fit(faithful),         V, ["weights_init", "0.8", "sum to 1"]),
    ("number of weights",   lambda: Mixture([.5, .5, 0], Bernoulli([.3, .6])),       V, ["weights", "3", "2 components"]),
    ("number of weights",   lambda: Mixture([.5, .5], [Bernoulli([.3, .6]), Bernoulli([.3])]), V, ["weights", "2", "3 components"]),
    ("number of weights",   lambda: gm(weights_init=[.3, .3, .4]).fit(faithful),     V, ["weights_init", "(2,)", "(3,)"]),
    ("weights as a table",  lambda: Mixture([[.5, .5]], Bernoulli([.3, .6])),        V, ["weights", "(1, 2)", "1-D"]),
    ("not a family",        lambda: Mixture([.5, .5], [.3, .6]),                     T, ["components", "[0.3, 0.6]", "Family"]),
    ("not a family",        lambda: Mixture([.5, .5], Bernoulli),                    T, ["components", "class", "Family"]),
    ("not a family",        lambda: Mixture(Bernoulli([.3, .6]), [.5, .5]),          T, ["components", "[0.5, 0.5]", "Family"]),
    ("blocks that read different data", lambda: fit(Mixture([.4, .3, .3], [Normal([55.], [6.]), two.components[0]]), faithful), V, ["components", "same shape", "Normal"]),
    ("no such parameter to replace", lambda: coin_pair.replace({"zz": 1}),           V, ["changes", "'zz'", "weights", "components[0].p"]),
    ("another model's statistics", lambda: coin_pair.m_step(Mixture([1], Bernoulli([.3])).e_step(y)), V, ["expectation"]),
    # the families
    ("outside [0, 1]",      lambda: Binomial(10, [[.5], [-.5]]),                     V, ["p[1, 0]", "-0.5", "[0, 1]"]),
    ("outside [0, 1]",      lambda: Mixture([1.5, -.5], Bernoulli([.3, .6])),        V, ["weights[0]", "1.5", "[0, 1]"]),
    ("outside [0, 1]",      lambda: coins.posterior((.5, .5, 1.5), y),               V, ["theta[2]", "1.5", "[0, 1]"]),
    ("certain never to end", lambda: Geometric([.5, 0.]),                            V, ["p[1]", "0.0", "above 0"]),
    ("NaN parameter",       lambda: MultivariateNormal([[nan, 0]], [eye]),           V, ["mean[0, 0]", "nan", "finite"]),
    ("NaN parameter",       lambda: Mixture([.5, nan], Bernoulli([.3, .6])),         V, ["weights[1]", "nan", "finite"]),
    ("NaN parameter",       lambda: coins.toss((.5, nan, .5), 3, rng=rng),           V, ["theta[1]", "nan", "finite"]),
    ("infinite parameter",  lambda: Normal([0.], [inf]),                             V, ["std[0]", "inf", "finite"]),
    ("beyond floating point", lambda: Normal([10**400], [1.]),                       V, ["mean", "finite"]),
    ("no components",       lambda: Bernoulli([]),                                   V, ["p", "empty", "(0,)"]),
    ("no components",       lambda: Mixture([1], []),                                T, ["components", "[]", "Family"]),
    ("one number for several", lambda: Bernoulli(.5),                                V, ["p", "shape ()", "1-D"]),
    ("one number for several", lambda: Binomial([.6, .5], 10),                       V, ["p", "shape ()", "1-D"]),
    ("one number for several", lambda: Mixture(1, Bernoulli([.3])),                  V, ["weights", "shape ()", "1-D"]),
    ("number of tosses",    lambda: Binomial(-1, [.5]),                              V, ["n", "-1", "whole number"]),
    ("number of tosses",    lambda: Multinomial(2.5, [[.5, .5]]),                    T, ["n", "2.5", "whole number"]),
    ("number of tosses",    lambda: coins.log_joint(theta, [1], m=0),                V, ["m", "0", "at least 1"]),
    ("too many tosses",     lambda: Binomial(1e300, [.5]),                           V, ["n", "1e+300"]),
    ("n and p disagree",    lambda: Binomial([10, 10], [.5, .5]),                    V, ["n", "(2,)", "one number"]),
    ("n and p disagree",    lambda: Binomial([10, 5, 3], [[.5, .5]]),                V, ["n", "(3,)", "(1, 2)"]),
    ("sum of a row",        lambda: Multinomial(4, [[.5, .5], [.5, .6]]),            V, ["p", "1.1", "sum to 1 in each row"]),
    ("sum of a row",        lambda: Categorical([[[.5, .5]], [[.2, .3, .6]]]),       V, ["p", "1.1", "sum to 1"]),
    ("rates",               lambda: Exponential([1., 0.]),                           V, ["rate[1]", "0.0", "above 0"]),
    ("rates",               lambda: Poisson([-1.]),                                  V, ["rate[0]", "-1.0", "at least 0"]),
    ("shape and scale",     lambda: Gamma([1.], [1., 2.]),                           V, ["shape and scale", "(1,)", "(2,)"]),
    ("shape and scale",     lambda: Gamma([1., -1.], [1., 2.]),                      V, ["shape[1]", "-1.0", "above 0"]),
    ("ends",                lambda: Uniform([1.], [0.]),                             V, ["high[0]", "0.0", "above low"]),
    ("indefinite",          lambda: MultivariateNormal([[0, 0]], [[[1, 2], [2, 1]]]), V, ["cov[0]", "positive definite", "-1"]),
    ("indefinite",          lambda: gm(precisions_init=[eye, [[1, 2], [2, 1]]]).fit(faithful), V, ["precisions_init[1]", "positive definite", "-1"]),
    ("indefinite",          lambda: MultivariateNormal([[0, 0]], [eye], floor=[[1, 2], [2, 1]]), V, ["floor", "positive definite", "-1"]),
    ("not symmetric",       lambda: MultivariateNormal([[0, 0]], [[[1, .5], [0, 1]]]), V, ["cov[0]", "symmetric"]),
    ("not symmetric",       lambda: gm(precisions_init=[eye, [[1, .5], [0, 1]]]).fit(faithful), V, ["precisions_init[1]", "symmetric"]),
    ("a variance of 0",     lambda: MultivariateNormal([[0, 0]], [[1, 0]], "diag"),  V, ["cov[0, 1]", "0.0", "above 0"]),
    ("a variance of 0",     lambda: Normal([0.], [0.]),                              V, ["std[0]", "0.0", "above 0"]),
    ("a variance of 0",     lambda: gm(covariance_type="spherical", precisions_init=[1, 0]).fit(faithful), V, ["precisions_init", "positive", "0"]),
    ("mean and cov disagree", lambda: MultivariateNormal([[0, 0]], [np.eye(3)]),     V, ["cov", "(1, 2, 2)", "(1, 3, 3)"]),
    ("structure",           lambda: MultivariateNormal([[0, 0]], [eye], "round"),    V, ["structure", "'round'", "spherical"]),
    ("structure",           lambda: gm(covariance_type="round").fit(faithful),       V, ["covariance_type", "'round'", "'spherical'"]),
    ("structure",           lambda: select(faithful, structures=["round"]),          V, ["structures|covariance_type", "'round'"]),
    ("floor",               lambda: Normal([0.], [1.], floor=-1),                    V, ["floor", "-1.0", "above 0"]),
    ("share of the variance", lambda: scale_floor(faithful, ratio=nan),              V, ["ratio", "nan", "finite"]),
    ("share of the variance", lambda: scale_floor(faithful, ratio=-1e-3),            V, ["ratio", "-0.001", "[0, 1]"]),
    ("floor",               lambda: MultivariateNormal([[0, 0]], [eye], floor=1.),   V, ["floor", "(2, 2)", "()"]),
    ("reg_covar",           lambda: MultivariateNormal([[0, 0]], [eye], reg_covar=-1), V, ["reg_covar", "-1", "at least 0"]),
    ("reg_covar",           lambda: gm(reg_covar=-1e-6).fit(faithful),               V, ["reg_covar", "-1e-06", "at least 0"]),
    ("reg_covar",           lambda: gm(reg_covar="floor").fit(faithful),             V, ["reg_covar", "'floor'", "'guard'"]),
    # coins by hand, and the functions of q
    ("theta is not three",  lambda: coins.posterior((.5, .5), y),                    V, ["theta", "2 numbers", "three"]),
    ("theta is not three",  lambda: coins.posterior(y, theta),                       V, ["theta", "10 numbers", "three"]),
    ("counts of tosses",    lambda: coins.update((1, 2, 0, 0)),                      V, ["counts", "coin C", "0"]),
    ("counts of tosses",    lambda: coins.update((-1, 2, 3, 4)),                     V, ["counts", "-1"]),
    ("counts of tosses",    lambda: coins.update((1, 2, 3)),                         V, ["counts", "3"]),
    ("infinite counts",     lambda: coins.update((1, 2, 3, inf)),                    V, ["counts", "inf", "finite"]),
    ("outside the ridge",   lambda: coins.ridge(.6, 1.5, .5),                        V, ["pi", "1.5", "[0, 1]"]),
    ("outside the ridge",   lambda: coins.ridge(6, .5, .5),                          V, ["rate", "6", "[0, 1]"]),
    ("shape of q",          lambda: elbo(coin_pair, y, [[.5, .5]] * 9),              V, ["q", "(9, 2)", "(10, 2)"]),
    ("shape of q",          lambda: q_function(coin_pair, y, [[.2, .3, .5]] * 10),   V, ["q", "(10, 3)", "(10, 2)"]),
    ("shape of q",          lambda: kl([[.5, .5]], [[.5, .5]] * 2),                  V, ["q and p", "(1, 2)", "(2, 2)"]),
    ("q out of range",      lambda: elbo(coin_pair, y, [[1.5, -.5]] * 10),           V, ["q[0, 0]", "1.5", "[0, 1]"]),
    ("q out of range",      lambda: entropy([[.5, .5], [nan, 1]]),                   V, ["q[1, 0]", "nan", "finite"]),
    ("q out of range",      lambda: kl([[.5, .5]], [[1, .25]]),                      V, ["p", "1.25", "sum to 1"]),
    ("model in q's place",  lambda: elbo(coin_pair, y, coin_pair),                   T, ["q", "Mixture", "real numbers"]),
    # starts and samples
    ("rows of r",           lambda: starts.start(Normal, waiting, np.full((271, 2), .5)), V, ["r", "272 observations", "271"]),
    ("rows of r",           lambda: starts.start(Normal, waiting, np.full((272, 2), .6)), V, ["r", "1.2", "sum to 1 in each row"]),
    ("size of a sample below 1", lambda: coin_pair.sample(rng, 0),                   V, ["n", "0", "at least 1"]),
    ("size of a sample below 1", lambda: fitted.sample(0),                           V, ["n_samples", "0", "at least 1"]),
    ("half a draw",         lambda: coin_pair.sample(rng, 2.5),                      T, ["n", "2.5", "whole number"]),
    ("half a draw",         lambda: coins.toss(theta, 3, 2.5, rng=rng),              T, ["m", "2.5", "whole number"]),
    ("not a generator",     lambda: coin_pair.sample(0, 3),                          T, ["rng", "int", "default_rng"]),
    ("not a generator",     lambda: coin_pair.sample(3, rng),                        T, ["rng", "int", "default_rng"]),
    ("not a generator",     lambda: coins.toss(theta, 3, rng=None),                  T, ["rng", "NoneType", "default_rng"]),
    # the estimators
    ("not fitted",          lambda: gm().predict(faithful),                          V, ["GaussianMixture", "fitted"]),
    ("not fitted",          lambda: MixtureModel().sample(2),                        V, ["MixtureModel", "fitted"]),
    ("n_components",        lambda: gm(0).fit(faithful),                             V, ["n_components", "0", "at least 1"]),
    ("n_components",        lambda: gm(2.).fit(faithful),                            T, ["n_components", "2.0", "whole number"]),
    ("n_components",        lambda: MixtureModel(["normal", "poisson"], 2).fit(rows), V, ["n_components", "2 families", "2"]),
    ("init_params",         lambda: gm(init_params="best").fit(faithful),            V, ["init_params", "'best'", "'kmeans'"]),
    ("n_init",              lambda: gm(n_init=0).fit(faithful),                      V, ["n_init", "0", "at least 1"]),
    ("random_state",        lambda: gm(random_state="zero").fit(faithful),           V, ["random_state", "'zero'", "Generator"]),
    ("warm_start",          lambda: gm(warm_start="yes").fit(faithful),              T, ["warm_start", "'yes'", "True or False"]),
    ("progress",            lambda: fit(two, faithful, progress="bar"),        T, ["progress", "'bar'", "True or False"]),
    ("progress",            lambda: gm(progress=2).fit(faithful),                    T, ["progress", "2", "True or False"]),
    ("progress",            lambda: select(faithful, [1], progress=None),            T, ["progress", "None", "True or False"]),
    ("shape of a start",    lambda: gm(means_init=[[1, 2, 3]] * 2).fit(faithful),    V, ["means_init", "(2, 2)", "(2, 3)"]),
    ("shape of a start",    lambda: gm(precisions_init=eye).fit(faithful),           V, ["precisions_init", "(2, 2, 2)", "(2, 2)"]),
    ("family",              lambda: MixtureModel("gauss", 2).fit(rows),              V, ["family", "'gauss'", "'normal'"]),
    ("family",              lambda: MixtureModel(3).fit(rows),                       T, ["family", "3", "'poisson'"]),
    ("family",              lambda: MixtureModel([]).fit(rows),                      V, ["family", "at least one"]),
    ("family_params",       lambda: MixtureModel("binomial", 2).fit([[1], [2], [3]]), T, ["Binomial", "n"]),
    ("family_params",       lambda: MixtureModel("binomial", 2, family_params={"m": 4}).fit([[1], [2], [3]]), T, ["Binomial", "'m'", "n"]),
    ("family_params",       lambda: MixtureModel("binomial", 2, family_params=4).fit([[1], [2], [3]]), T, ["family_params", "4", "dictionary"]),
    ("guard",               lambda: MixtureModel(guard="on").fit(rows),              T, ["guard", "'on'", "True or False"]),
    ("nothing to select from", lambda: select(faithful, n_components=[]),            V, ["n_components"]),
]
IDS = [f"{cause} {[r[0] for r in ROWS[:i]].count(cause) + 1}" for i, (cause, *_) in enumerate(ROWS)]


@pytest.mark.filterwarnings("error") # an error is enough: no warnings beside it
@pytest.mark.parametrize("cause, call, error, words", ROWS, ids=IDS)
def test_bad_input_is_named(cause, call, error, words):
    with pytest.raises(error) as caught: call()
    missing = [w for w in words if not any(re.search(rf"(?<!\w){re.escape(v)}(?!\w)", str(caught.value)) for v in w.split("|"))]
    assert not missing, f"the message lacks {missing}: {caught.value}"


def test_the_table_is_varied():
    assert len(ROWS) >= 80
    assert max(Counter(cause for cause, *_ in ROWS).values()) <= 3


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
