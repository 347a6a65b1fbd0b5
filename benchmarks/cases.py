"The data and the starts: the same for all, made from a seed wherever they are needed."
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular


class Parameters(NamedTuple):
    "A Gaussian mixture with full covariances; also the start of one."
    weights: np.ndarray # (K,)
    means: np.ndarray   # (K, d)
    covs: np.ndarray    # (K, d, d)


@dataclass(frozen=True)
class Case:
    "What is fitted, and for how long."
    n: int
    d: int
    K: int
    m: int              # iterations timed, after a first one that is not
    goal: float = None  # scikit-learn's time over ours: at least this
    reg: float = 0.0    # added to the diagonal of every covariance in every M-step, by all
    kind: str = "clusters"

    @property
    def name(self):
        if self.kind == "overlap": return f"overlapping, {_round(self.n)} × {self.d}, K = {self.K}"
        if self.kind == "digits": return f"digits, {self.n} × {self.d}, K = {self.K}"
        return f"{_round(self.n)} × {self.d}, K = {self.K}"


def _round(n):
    "1000000 as 10⁶, 200000 as 2·10⁵; other numbers as they are."
    zeros = len(str(n)) - len(str(n).rstrip("0"))
    if zeros < 4: return str(n)
    power = "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] for c in str(zeros))
    return power if n == 10**zeros else f"{n // 10**zeros}·{power}"


ITERATION = [
    Case(10**6, 2, 8, 3, goal=30), Case(10**5, 1, 3, 100, goal=20), Case(10**5, 8, 8, 10, goal=15),
    Case(2 * 10**5, 16, 16, 3, goal=8), Case(5 * 10**4, 64, 10, 3, goal=3),
    Case(1797, 41, 110, 5, goal=5, reg=1e-6, kind="digits")]
TINY = [Case(400, 2, 3, 3, goal=30), Case(300, 1, 2, 3, goal=20)] # for the smoke test: nothing to learn from


def clusters(n, d, K, spread=3.0):
    "K overlapping clusters, each with a covariance of its own."
    rng = np.random.default_rng([n, d, K])
    centres = rng.normal(0, spread / d**0.25, (K, d))
    z = rng.integers(K, size=n)
    x = rng.standard_normal((n, d))
    for k in range(K): # in place, so that making x takes little more memory than x
        shape = np.eye(d) + 0.5 * rng.standard_normal((d, d)) / np.sqrt(d)
        x[z == k] = x[z == k] @ shape.T + centres[k]
    return x


def broad_start(x, K):
    "K rows as means, the covariance of all data for each component, equal weights."
    rng = np.random.default_rng(K)
    means = x[rng.choice(len(x), K, replace=False)]
    return Parameters(np.full(K, 1 / K), means, np.tile(np.cov(x.T).reshape(x.shape[1], -1), (K, 1, 1)))


def digits():
    "scikit-learn's digits, whitened by the components that hold 99 % of the variance."
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA
    return np.ascontiguousarray(PCA(.99, whiten=True, svd_solver="full").fit_transform(load_digits().data))


def grouped_start(x, K, reg):
    "One M-step from the groups of k-means, with reg on every diagonal: what a default fit begins with."
    from sklearn.cluster import KMeans
    labels = KMeans(K, n_init=1, random_state=0).fit(x).labels_
    groups = [x[labels == k] for k in range(K)]
    covs = [(g - g.mean(0)).T @ (g - g.mean(0)) / len(g) + reg * np.eye(x.shape[1]) for g in groups]
    return Parameters(np.array([len(g) / len(x) for g in groups]), np.array([g.mean(0) for g in groups]), np.array(covs))


@lru_cache(maxsize=2)
def load(case):
    "The data of a case, (n, d), and its start."
    if case.kind == "digits":
        x = digits()
        return x, grouped_start(x, case.K, case.reg)
    x = clusters(case.n, case.d, case.K, spread=1.5 if case.kind == "overlap" else 3.0)
    return x, broad_start(x, case.K)


def deaths():
    "Days with 0 to 9 deaths of women over eighty in The Times (Hasselblad, 1969): a start, the counts, how many days each."
    from emlit import Mixture, Poisson
    return Mixture([.3, .7], Poisson([1.0, 2.5])), np.arange(10), np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])


def overlapping(seed):
    "Two clusters that overlap, and a start from random points."
    from emlit import Mixture, MultivariateNormal, starts
    truth = Mixture([.5, .5], MultivariateNormal([[0, 0], [1.7, 0]], [np.eye(2)] * 2))
    x, _ = truth.sample(np.random.default_rng(0), 500)
    return starts.start(MultivariateNormal, x, starts.random_points(x, 2, np.random.default_rng(seed))), x, None


def loglik(x, p):
    "ℓ of a Gaussian mixture by the plainest stable formula: Cholesky factors, then log-sum-exp. No code of any competitor."
    total = 0.0
    for rows in np.array_split(x, max(1, len(x) // 20_000)):
        log_joint = np.empty((len(p.weights), len(rows)))
        for k, (weight, mean, cov) in enumerate(zip(p.weights, p.means, p.covs)):
            L = np.linalg.cholesky(cov)
            z = solve_triangular(L, (rows - mean).T, lower=True)
            with np.errstate(divide="ignore"):
                log_joint[k] = np.log(weight) - np.log(np.diag(L)).sum() - 0.5 * ((z * z).sum(0) + len(mean) * np.log(2 * np.pi))
        top = log_joint.max(0)
        total += (top + np.log(np.exp(log_joint - top).sum(0))).sum()
    return float(total)
