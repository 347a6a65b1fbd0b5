"""Numbers that others have printed: each row names its source."""
import numpy as np
import pytest
from scipy.stats import binom

from emlit import Bernoulli, Binomial, Mixture, coins, em, fit
from linkage import Linkage

y = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
LI = "Li Hang, Statistical Learning Methods, example 9.1"
DO = "Do & Batzoglou, Nature Biotechnology 26 (2008), figure 1"
FIVE = "two coins, five rounds of five tosses (a tutorial's example)"
DLR = "Dempster, Laird & Rubin (1977), section 1"
ISSUE = "issue: the whole path"


def three(theta):
    pi, p, q = theta
    return Mixture([pi, 1 - pi], Bernoulli([p, q]))

def theta(model): return [model.weights[0], *model.components[0].p]

def by_hand(start, steps):
    for _ in range(steps): start = coins.update(coins.expected_counts(start, y))
    return start

def soft(n, heads, start, t, free=False):
    return fit(Mixture([.5, .5], Binomial(n, start)), heads, freeze=() if free else "weights", max_iter=t, tol=0).model

def limit(n, heads, start, free=False):
    return fit(Mixture([.5, .5], Binomial(n, start)), heads, freeze=() if free else "weights", tol=1e-14, max_iter=100_000).model


contract = fit(three((.46, .55, .67)), y)
ten, five = [5, 9, 8, 4, 7], [3, 2, 1, 3, 2]
linkage = fit(Linkage(.5), [125, 18, 20, 34], tol=0, max_iter=30)
one_toss = Mixture([.5, .5], Binomial(5, [.2, .7])).components[0]

ROWS = [ # id, source, computed, printed, tolerance (half a unit of the last printed digit)
    ("P(B | x=1), P(B | x=0)", LI, coins.posterior((.46, .55, .67), [1, 0]), (.41151594, .53738318), 5e-9),
    ("the same from Mixture", LI, three((.46, .55, .67)).responsibilities([1, 0])[:, 0], (.41151594, .53738318), 5e-9),
    ("one step", LI, by_hand((.46, .55, .67), 1), (.461863, .534595, .656135), 1e-6),
    ("a fixed point", LI, by_hand((.46, .55, .67), 2), by_hand((.46, .55, .67), 1), 1e-14),
    ("one step from halves", LI, by_hand((.5, .5, .5), 1), (.5, .6, .6), 1e-12),
    ("one step from (0.4, 0.6, 0.7)", LI, by_hand((.4, .6, .7), 1), (.4064, .5368, .6432), 5e-5),
    *[(f"log-likelihood from {s}", LI, coins.log_likelihood(by_hand(s, 1), y), -6.730117, 5e-7)
      for s in ((.46, .55, .67), (.5, .5, .5), (.4, .6, .7))],
    ("maximum on the ridge", LI, coins.log_likelihood((.3, .6, .6), y), 6 * np.log(.6) + 4 * np.log(.4), 1e-12),
    ("ridge", LI, coins.ridge(.6, .461863, .534595), .656135, 2e-6),
    ("weights of the fit", ISSUE, contract.model.weights, (.461863, .538137), 1e-6),
    ("p of the fit", ISSUE, contract.model.components[0].p, (.534595, .656135), 1e-6),
    ("log-likelihood of the fit", ISSUE, contract.loglik, -6.730117, 5e-7),
    ("ten soft steps", ISSUE, soft(10, ten, [.6, .5], 10).components[0].p, (.7967, .5197), 5e-5),
    ("likelihood of each round, coin 1", FIVE, np.exp(one_toss.log_prob(five))[:, 0] / binom.pmf(five, 5, .5) / 32,
     (.00512, .02048, .08192, .00512, .02048), 5e-6),
    ("likelihood of each round, coin 2", FIVE, np.exp(one_toss.log_prob(five))[:, 1] / binom.pmf(five, 5, .5) / 32,
     (.03087, .01323, .00567, .03087, .01323), 5e-6),
    ("responsibilities of coin 1", FIVE, Mixture([.5, .5], Binomial(5, [.2, .7])).responsibilities(five)[:, 0],
     (.14, .61, .94, .14, .61), 5e-3),
    ("coin 1 after one step", FIVE, soft(5, five, [.2, .7], 1).components[0].p[0], .35, 5e-3),
    ("both coins after two steps", FIVE, soft(5, five, [.2, .7], 2).components[0].p, (.3996, .4797), 5e-5),
    ("both coins drift to", FIVE, limit(5, five, [.2, .7]).components[0].p, (.44, .44), 1e-4),
    ("E-step", DO, Mixture([.5, .5], Binomial(10, [.6, .5])).responsibilities(ten)[:, 0], (.4491, .8050, .7335, .3522, .6472), 5e-5),
    ("E-step by hand", DO, coins.posterior((.5, .6, .5), ten, m=10), (.4491, .8050, .7335, .3522, .6472), 5e-5),
    ("one step", DO, soft(10, ten, [.6, .5], 1).components[0].p, (.7130, .5813), 5e-5),
    ("ten steps, as printed", DO, soft(10, ten, [.6, .5], 10).components[0].p, (.80, .52), 5e-3),
    ("limit, equal weights", DO, limit(10, ten, [.6, .5]).components[0].p, (.796789, .519583), 5e-7),
    ("limit, free weights", DO, theta(limit(10, ten, [.6, .5], free=True)), (.5227, .7934, .5139), 6e-5),
    ("three iterates", DLR, [s.model.theta for s in linkage.steps[1:4]], (.608247423, .624321050, .626488879), 5e-10),
    ("limit", DLR, linkage.model.theta, (15 + 53809 ** .5) / 394, 1e-9),
    ("limit in decimals", DLR, linkage.model.theta, .6268214979, 1e-9),
    ("rate of convergence", DLR, linkage.rate, .132779, 1e-5),
]


@pytest.mark.parametrize("source, computed, printed, atol", [r[1:] for r in ROWS], ids=[f"{r[1].split(',')[0]}: {r[0]}" for r in ROWS])
def test_number(source, computed, printed, atol):
    np.testing.assert_allclose(computed, printed, rtol=0, atol=atol, err_msg=source)


def test_the_fit_of_ten_tosses_converges_in_at_most_three_iterations():
    assert contract.reason == "converged" and contract.n_iter <= 3
