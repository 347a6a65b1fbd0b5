"""What emlit says to bad input: one row for each, readable from top to bottom.

A row holds the cause, the call, the error, and words that its message must contain: the argument's name, what it got, what is allowed.
At most three rows share a cause."""
import re
from collections import Counter

import numpy as np
import pytest
import scipy.sparse

from emlit import Bernoulli, Binomial, Mixture, coins, elbo, em, entropy, fit, kl, q_function

pytestmark = pytest.mark.filterwarnings("error") # an error is enough: no warnings beside it
nan, inf = float("nan"), float("inf")
y = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
heads = [5, 9, 8, 4, 7]
coin_pair = Mixture([.5, .5], Bernoulli([.3, .6]))
two_columns = Mixture([.5, .5], Bernoulli([[.3, .2], [.6, .7]]))
rounds = Mixture([.5, .5], Binomial(10, [.6, .5]))
q = [[.5, .5]] * 10
theta = (.46, .55, .67)
rng = np.random.default_rng(0)

V, T = ValueError, TypeError
ROWS = [
    # the data
    ("not a toss",          lambda: fit(coin_pair, [0, 1, 2]),                       V, ["x", "x[2]", "2", "0 or 1"]),
    ("not a toss",          lambda: coin_pair.log_prob([0, .5]),                     V, ["x[1]", "0.5", "0 or 1"]),
    ("not a toss",          lambda: coins.posterior(theta, [1, -1]),                 V, ["y[1]", "-1", "0 or 1"]),
    ("heads above n",       lambda: fit(rounds, [5, 11]),                            V, ["x[1]", "11", "0 to n = 10"]),
    ("heads above n",       lambda: fit(Mixture([1], Binomial([3, 5], [[.5, .5]])), [[3, 4], [4, 3]]), V, ["x[1, 0]", "4", "n = [3 5]"]),
    ("heads above n",       lambda: coins.log_joint(theta, [0, 6], m=5),             V, ["y[1]", "6", "0 to m = 5"]),
    ("heads below 0",       lambda: fit(rounds, [5, -1]),                            V, ["x[1]", "-1", "from 0"]),
    ("half a head",         lambda: fit(rounds, [2.5, 3]),                           V, ["x[0]", "2.5", "whole number"]),
    ("half a head",         lambda: coins.expected_counts(theta, [2.5], m=5),        V, ["y[0]", "2.5", "whole number"]),
    ("NaN in data",         lambda: fit(coin_pair, [nan, 1]),                        V, ["x[0]", "nan", "finite"]),
    ("NaN in data",         lambda: coin_pair.loglik([0, nan, nan]),                 V, ["x[1]", "nan", "1 more", "finite"]),
    ("NaN in data",         lambda: coins.log_likelihood(theta, [nan]),              V, ["y[0]", "nan", "finite"]),
    ("infinity in data",    lambda: fit(coin_pair, [1, inf]),                        V, ["x[1]", "inf", "finite"]),
    ("infinity in data",    lambda: rounds.responsibilities([-inf]),                 V, ["x[0]", "-inf", "finite"]),
    ("no data",             lambda: fit(coin_pair, []),                              V, ["x", "empty", "(0,)"]),
    ("no data",             lambda: fit(two_columns, np.zeros((0, 2))),              V, ["x", "empty", "(0, 2)"]),
    ("no data",             lambda: coins.posterior(theta, []),                      V, ["y", "empty", "(0,)"]),
    ("one number as data",  lambda: fit(coin_pair, 1),                               V, ["x", "shape ()", "1-D"]),
    ("one number as data",  lambda: em(coin_pair, np.array(1)),                      V, ["x", "shape ()", "1-D"]),
    ("one number as data",  lambda: coins.posterior(theta, 1),                       V, ["y", "shape ()", "1-D"]),
    ("table for a column",  lambda: fit(coin_pair, [[1], [0]]),                      V, ["x", "(2, 1)", "(n,)", "x[:, 0]"]),
    ("table for a column",  lambda: rounds.predict([[1, 0], [0, 1]]),                V, ["x", "(2, 2)", "(n,)"]),
    ("table for a column",  lambda: coins.log_joint(theta, [[1, 0]]),                V, ["y", "(1, 2)", "1-D"]),
    ("column for a table",  lambda: fit(two_columns, [1, 0]),                        V, ["x", "(2,)", "(n, 2)"]),
    ("number of columns",   lambda: fit(two_columns, [[1, 0, 1]]),                   V, ["x", "(1, 3)", "(n, 2)"]),
    ("three dimensions",    lambda: fit(coin_pair, np.zeros((2, 2, 2))),             V, ["x", "(2, 2, 2)", "1-D or 2-D"]),
    ("three dimensions",    lambda: Bernoulli([[[.5]]]),                             V, ["p", "(1, 1, 1)", "1-D or 2-D"]),
    ("ragged rows",         lambda: fit(two_columns, [[1, 0], [0]]),                 V, ["x", "rectangular", "length"]),
    ("ragged rows",         lambda: Bernoulli([[.5], [.5, .6]]),                     V, ["p", "rectangular", "length"]),
    ("text",                lambda: fit(coin_pair, "1101"),                          T, ["x", "real numbers"]),
    ("text",                lambda: fit(coin_pair, ["1", "0"]),                      T, ["x", "real numbers"]),
    ("text",                lambda: Bernoulli(["half"]),                             T, ["p", "real numbers"]),
    ("nothing",             lambda: fit(coin_pair, None),                            T, ["x", "NoneType", "real numbers"]),
    ("nothing",             lambda: fit(coin_pair, [None, 1]),                       T, ["x", "object", "real numbers"]),
    ("nothing",             lambda: Bernoulli(None),                                 T, ["p", "NoneType", "real numbers"]),
    ("complex numbers",     lambda: fit(coin_pair, [1j, 0]),                         T, ["x", "complex128", "real numbers"]),
    ("complex numbers",     lambda: Bernoulli([.5 + 0j]),                            T, ["p", "complex128", "real numbers"]),
    ("array of objects",    lambda: fit(coin_pair, np.array([1, "0"], dtype=object)), T, ["x", "object", "real numbers"]),
    ("dates",               lambda: fit(coin_pair, np.array(["2020-01-01"], "M8[D]")), T, ["x", "datetime64", "real numbers"]),
    ("sparse matrix",       lambda: fit(two_columns, scipy.sparse.csr_matrix([[1, 0]])), T, ["x", "csr_matrix", "real numbers"]),
    ("sparse matrix",       lambda: two_columns.e_step(scipy.sparse.coo_array([[1, 0]])), T, ["x", "coo_array", "real numbers"]),
    ("masked values",       lambda: fit(coin_pair, np.ma.array([0, 1], mask=[0, 1])), T, ["x", "masked"]),
    ("masked values",       lambda: Bernoulli(np.ma.array([.5, .6], mask=[0, 1])),   T, ["p", "masked"]),
    ("generator",           lambda: fit(coin_pair, (toss for toss in y)),            T, ["x", "generator", "real numbers"]),
    ("dictionary, set",     lambda: fit(coin_pair, {"heads": 6}),                    T, ["x", "dict", "real numbers"]),
    ("dictionary, set",     lambda: Bernoulli({.5, .6}),                             T, ["p", "set", "real numbers"]),
    ("impossible data",     lambda: fit(Mixture([.5, .5], Bernoulli([0, 0])), [0, 1]), V, ["x[1]", "possible", "zero"]),
    ("impossible data",     lambda: Mixture([1, 0], Bernoulli([0, .6])).responsibilities([0, 1, 1]), V, ["x[1]", "1 more", "possible"]),
    ("impossible data",     lambda: coins.posterior((.5, 0, 0), y),                  V, ["y[0]", "possible"]),
    ("impossible after rows of weight 0", lambda: fit(Mixture([1], Bernoulli([0])), [0, 0, 0, 1], sample_weight=[0, 0, 1, 1]), V, ["x[3]", "possible"]),
    # the parameters
    ("outside [0, 1]",      lambda: Bernoulli([.5, 1.5]),                            V, ["p[1]", "1.5", "[0, 1]"]),
    ("outside [0, 1]",      lambda: Binomial(10, [[.5], [-.5]]),                     V, ["p[1, 0]", "-0.5", "[0, 1]"]),
    ("outside [0, 1]",      lambda: coins.posterior((.5, .5, 1.5), y),               V, ["theta[2]", "1.5", "[0, 1]"]),
    ("negative weight",     lambda: Mixture([1.5, -.5], Bernoulli([.3, .6])),        V, ["weights[0]", "1.5", "[0, 1]"]),
    ("NaN parameter",       lambda: Bernoulli([nan]),                                V, ["p[0]", "nan", "finite"]),
    ("NaN parameter",       lambda: Mixture([.5, nan], Bernoulli([.3, .6])),         V, ["weights[1]", "nan", "finite"]),
    ("NaN parameter",       lambda: coins.toss((.5, nan, .5), 3, rng=rng),           V, ["theta[1]", "nan", "finite"]),
    ("infinite parameter",  lambda: Bernoulli([inf]),                                V, ["p[0]", "inf", "finite"]),
    ("no components",       lambda: Bernoulli([]),                                   V, ["p", "empty", "(0,)"]),
    ("no components",       lambda: Mixture([1], []),                                T, ["components", "[]", "Family"]),
    ("a single probability", lambda: Bernoulli(.5),                                  V, ["p", "shape ()", "1-D"]),
    ("a single probability", lambda: Binomial([.6, .5], 10),                         V, ["p", "shape ()", "1-D"]),
    ("a single probability", lambda: Mixture(1, Bernoulli([.3])),                    V, ["weights", "shape ()", "1-D"]),
    ("number of tosses",    lambda: Binomial(-1, [.5]),                              V, ["n", "-1", "whole number"]),
    ("number of tosses",    lambda: Binomial(2.5, [.5]),                             V, ["n", "2.5", "whole number"]),
    ("number of tosses",    lambda: coins.log_joint(theta, [1], m=0),                V, ["m", "0", "at least 1"]),
    ("too many tosses",     lambda: Binomial(1e300, [.5]),                           V, ["n", "1e+300"]),
    ("n and p disagree",    lambda: Binomial([10, 10], [.5, .5]),                    V, ["n", "(2,)", "one number"]),
    ("n and p disagree",    lambda: Binomial([10, 5, 3], [[.5, .5]]),                V, ["n", "(3,)", "(1, 2)"]),
    ("sum is not 1",        lambda: Mixture([.5, .6], Bernoulli([.3, .6])),          V, ["weights", "1.1", "sum to 1"]),
    ("sum is not 1",        lambda: elbo(coin_pair, y, [[.5, .6]] * 10),             V, ["q", "1.1", "sum to 1 in each row"]),
    ("sum is not 1",        lambda: kl([[.5, .5]], [[1, .25]]),                      V, ["p", "1.25", "sum to 1"]),
    ("number of weights",   lambda: Mixture([.5, .5, 0], Bernoulli([.3, .6])),       V, ["weights", "3", "2 components"]),
    ("number of weights",   lambda: Mixture([.5, .5], [Bernoulli([.3, .6]), Bernoulli([.3])]), V, ["weights", "2", "3 components"]),
    ("weights as a table",  lambda: Mixture([[.5, .5]], Bernoulli([.3, .6])),        V, ["weights", "(1, 2)", "1-D"]),
    ("not a family",        lambda: Mixture([.5, .5], [.3, .6]),                     T, ["components", "[0.3, 0.6]", "Family"]),
    ("not a family",        lambda: Mixture([.5, .5], Bernoulli),                    T, ["components", "class", "Family"]),
    ("not a family",        lambda: Mixture(Bernoulli([.3, .6]), [.5, .5]),          T, ["components", "[0.5, 0.5]", "Family"]),
    ("theta is not three",  lambda: coins.posterior((.5, .5), y),                    V, ["theta", "2 numbers", "three"]),
    ("theta is not three",  lambda: coins.posterior(y, theta),                       V, ["theta", "10 numbers", "three"]),
    ("counts of tosses",    lambda: coins.update((1, 2, 0, 0)),                      V, ["counts", "coin C", "0"]),
    ("counts of tosses",    lambda: coins.update((-1, 2, 3, 4)),                     V, ["counts", "-1"]),
    ("counts of tosses",    lambda: coins.update((1, 2, 3)),                         V, ["counts", "3"]),
    ("infinite counts",     lambda: coins.update((1, 2, 3, inf)),                    V, ["counts", "inf", "finite"]),
    ("outside the ridge",   lambda: coins.ridge(.6, 1.5, .5),                        V, ["pi", "1.5", "[0, 1]"]),
    ("outside the ridge",   lambda: coins.ridge(6, .5, .5),                          V, ["rate", "6", "[0, 1]"]),
    # the functions of q
    ("shape of q",          lambda: elbo(coin_pair, y, [[.5, .5]] * 9),              V, ["q", "(9, 2)", "(10, 2)"]),
    ("shape of q",          lambda: q_function(coin_pair, y, [[.2, .3, .5]] * 10),   V, ["q", "(10, 3)", "(10, 2)"]),
    ("shape of q",          lambda: kl([[.5, .5]], [[.5, .5]] * 2),                  V, ["q and p", "(1, 2)", "(2, 2)"]),
    ("q out of range",      lambda: elbo(coin_pair, y, [[1.5, -.5]] * 10),           V, ["q[0, 0]", "1.5", "[0, 1]"]),
    ("q out of range",      lambda: entropy([[.5, .5], [nan, 1]]),                   V, ["q[1, 0]", "nan", "finite"]),
    ("model in q's place",  lambda: elbo(coin_pair, y, coin_pair),                   T, ["q", "Mixture", "real numbers"]),
    # the options
    ("tol below 0",         lambda: fit(rounds, heads, tol=-1),                      V, ["tol", "-1", "at least 0"]),
    ("tol is not finite",   lambda: fit(rounds, heads, tol=nan),                     V, ["tol", "nan", "finite"]),
    ("tol is not finite",   lambda: fit(rounds, heads, tol=inf),                     V, ["tol", "inf", "finite"]),
    ("tol is not a number", lambda: fit(rounds, heads, tol=None),                    T, ["tol", "NoneType", "real numbers"]),
    ("tol is not a number", lambda: fit(rounds, heads, tol=[1e-3]),                  V, ["tol", "(1,)"]),
    ("a truth value",       lambda: fit(rounds, heads, tol=True),                    T, ["tol", "number"]),
    ("a truth value",       lambda: fit(rounds, heads, max_iter=True),               T, ["max_iter", "True", "whole number"]),
    ("a truth value",       lambda: Binomial(True, [.5]),                            T, ["n", "number"]),
    ("max_iter",            lambda: fit(rounds, heads, max_iter=-1),                 V, ["max_iter", "-1", "at least 0"]),
    ("max_iter",            lambda: fit(rounds, heads, max_iter=10.),                T, ["max_iter", "10.0", "whole number"]),
    ("max_iter",            lambda: em(rounds, heads, max_iter=nan),                 T, ["max_iter", "nan", "whole number"]),
    ("length of sample_weight", lambda: fit(rounds, heads, sample_weight=[1]),       V, ["sample_weight", "1", "5 observations"]),
    ("length of sample_weight", lambda: em(rounds, heads, sample_weight=[1] * 6),    V, ["sample_weight", "6", "5 observations"]),
    ("length of sample_weight", lambda: rounds.loglik(heads, sample_weight=1),       V, ["sample_weight", "shape ()", "1-D"]),
    ("sample_weight",       lambda: fit(rounds, [5, 9], sample_weight=[1, -1]),      V, ["sample_weight[1]", "-1", "at least 0"]),
    ("sample_weight",       lambda: fit(rounds, [5, 9], sample_weight=[nan, 1]),     V, ["sample_weight[0]", "nan", "finite"]),
    ("sample_weight",       lambda: fit(rounds, [5, 9], sample_weight=[0, 0]),       V, ["sample_weight", "zeros", "above 0"]),
    ("sum of sample_weight", lambda: fit(rounds, [5, 9], sample_weight=[1e308, 1e308]), V, ["sample_weight", "finite"]),
    ("name in freeze",      lambda: fit(rounds, heads, freeze="weight"),             V, ["freeze", "'weight'", "weights", "components[0].p"]),
    ("name in freeze",      lambda: em(rounds, heads, freeze=["weights", "q"]),      V, ["freeze", "'q'", "weights", "components[0].p"]),
    ("name in freeze",      lambda: fit(rounds, heads, freeze="n", max_iter=0),      V, ["freeze", "'n'", "weights", "components[0].p"]),
    ("freeze is no name",   lambda: fit(rounds, heads, freeze=None),                 T, ["freeze", "None"]),
    ("freeze is no name",   lambda: fit(rounds, heads, freeze=1),                    T, ["freeze", "1"]),
    ("name in replace",     lambda: coin_pair.replace({"zz": 1}),                    V, ["changes", "'zz'", "weights", "components[0].p"]),
    ("replace",             lambda: coin_pair.replace({"weights": [.1, .2]}),        V, ["weights", "0.3", "sum to 1"]),
    ("swapped",             lambda: fit(heads, rounds),                              T, ["model", "list", "e_step"]),
    ("swapped",             lambda: em(heads, rounds),                               T, ["model", "list", "e_step"]),
    ("swapped",             lambda: elbo(y, coin_pair, q),                           T, ["model", "list", "log_joint"]),
    ("not a model",         lambda: fit(None, heads),                                T, ["model", "NoneType", "e_step"]),
    ("not a model",         lambda: fit(Binomial(10, [.6, .5]), heads),              T, ["model", "Binomial", "e_step"]),
    ("not a model",         lambda: fit(Mixture, heads),                             T, ["model", "Mixture"]),
    ("size of a sample",    lambda: coin_pair.sample(rng, 0),                        V, ["n", "0", "at least 1"]),
    ("size of a sample",    lambda: coin_pair.sample(rng, 2.5),                      T, ["n", "2.5", "whole number"]),
    ("size of a sample",    lambda: coins.toss(theta, 3, 2.5, rng=rng),              T, ["m", "2.5", "whole number"]),
    ("not a generator",     lambda: coin_pair.sample(0, 3),                          T, ["rng", "int", "default_rng"]),
    ("not a generator",     lambda: coin_pair.sample(3, rng),                        T, ["rng", "int", "default_rng"]),
    ("not a generator",     lambda: coins.toss(theta, 3, rng=None),                  T, ["rng", "NoneType", "default_rng"]),
    ("another model's statistics", lambda: coin_pair.m_step(Mixture([1], Bernoulli([.3])).e_step(y)), V, ["expectation"]),
]
IDS = [f"{cause} {[r[0] for r in ROWS[:i]].count(cause) + 1}" for i, (cause, *_) in enumerate(ROWS)]


@pytest.mark.parametrize("cause, call, error, words", ROWS, ids=IDS)
def test_bad_input_is_named(cause, call, error, words):
    with pytest.raises(error) as caught: call()
    missing = [w for w in words if not re.search(rf"(?<!\w){re.escape(w)}(?!\w)", str(caught.value))]
    assert not missing, f"the message lacks {missing}: {caught.value}"


def test_the_table_is_varied():
    assert len(ROWS) >= 80
    assert max(Counter(cause for cause, *_ in ROWS).values()) <= 3
