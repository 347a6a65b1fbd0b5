"""Every family: densities against SciPy, statistics against loops, M-steps against other parameters, samples against densities, and bad input."""
import copy
import pickle
import re
from collections import Counter
from itertools import chain, combinations, product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, stats
from scipy.special import digamma

import emlit
from emlit import (Bernoulli, Binomial, Categorical, Degenerate, Exponential, Family, Gamma, Geometric, Mixture, Multinomial,
                   MultivariateNormal, Normal, Poisson, Stats, Uniform, fit)
from emlit.families import Moments
from emlit.families.covariance import Dense, STRUCTURES as STRUCTURES_BY_NAME

pytestmark = pytest.mark.filterwarnings("error")
for_any = settings(deadline=None, derandomize=True, max_examples=60)
STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
UNIVARIATE = "Bernoulli", "Binomial", "Poisson", "Geometric", "Exponential", "Gamma", "Uniform", "Normal"
KINDS = *UNIVARIATE, "rounds", "Categorical", "latent class", "Multinomial", "documents", *STRUCTURES
each_kind = pytest.mark.parametrize("kind", KINDS)
each_structure = pytest.mark.parametrize("structure", STRUCTURES)


def covariance(rng, K, d, structure):
    a = rng.normal(size=(K, d, d + 2))
    full, v = a @ a.swapaxes(1, 2) / d, rng.uniform(.2, 4, (K, d))
    return {"full": full, "tied": full[0], "diag": v, "tied_diag": v[0], "spherical": v[:, 0], "tied_spherical": v[0, 0]}[structure]


def family(kind, rng, K, d):
    "A random family; d = 0 is x of shape (n,)."
    shape = (K,) if d == 0 else (K, d)
    some = lambda low, high: rng.uniform(low, high, shape)
    C = 3
    if kind in STRUCTURES: return MultivariateNormal(rng.normal(0, 3, (K, d or 2)), covariance(rng, K, d or 2, kind), kind)
    return {"Bernoulli": lambda: Bernoulli(some(.05, .95)), "Binomial": lambda: Binomial(5, some(.05, .95)), "Poisson": lambda: Poisson(some(.2, 5)),
            "Geometric": lambda: Geometric(some(.1, .95)), "Exponential": lambda: Exponential(some(.2, 3)), "Gamma": lambda: Gamma(some(.3, 6), some(.2, 3)),
            "Uniform": lambda: Uniform(some(-3, 0), some(1, 4)), "Normal": lambda: Normal(some(-4, 4), some(.2, 3)),
            "Categorical": lambda: Categorical(rng.dirichlet(np.ones(C), K)), "Multinomial": lambda: Multinomial(6, rng.dirichlet(np.ones(C), K)),
            "rounds": lambda: Binomial(None, rng.uniform(.05, .95, K)), "documents": lambda: Multinomial(None, rng.dirichlet(np.ones(C), K)),
            "latent class": lambda: Categorical([rng.dirichlet(np.ones(c), K) for c in range(2, 2 + max(d, 1))])}[kind]()


def draws(f, rng, n):
    "n draws of each component; of families whose rows have totals, with totals from 0 to 8."
    return f.sample(rng, n, totals=rng.integers(0, 9, n)) if f.needs_totals else f.sample(rng, n)


class Problem:
    "A random family, data that its components made, responsibilities, and a generator for what else a test needs."
    def __init__(self, seed, kind, n, K, d):
        self.rng = rng = np.random.default_rng(seed)
        self.kind, self.n, self.K, self.d = kind, n, K, d
        self.family = family(kind, rng, K, d)
        self.x = draws(self.family, rng, n)[np.arange(n), rng.integers(0, K, n)].astype(float)
        self.r = rng.dirichlet(np.ones(K), n) * rng.uniform(.5, 2, n)[:, None]

    def other(self): return family(self.kind, self.rng, self.K, self.d)

    def stats(self): return self.family.statistics(self.x, self.r)

    def objective(self, f):
        "Σ_ik r_ik log f_k(x_i), −∞ where something has become impossible."
        log_p = f.log_prob(self.x)
        return np.sum(np.where(self.r > 0, self.r * log_p, 0))


def problems(kinds=KINDS, n=st.integers(12, 30)):
    return st.builds(Problem, seed=st.integers(0, 10**9), kind=st.sampled_from(kinds), n=n, K=st.integers(1, 3), d=st.sampled_from([0, 0, 1, 2, 3]))


def assert_same_stats(a, b, **close):
    close = {"rtol": 1e-10, "atol": 1e-10} | close
    if isinstance(a, Moments): b = b.about(a.origin)
    for name in a.__dataclass_fields__: assert_allclose(getattr(a, name), getattr(b, name), **close)

def assert_same_family(a, b, **close):
    assert type(a) is type(b)
    for name, value in a.parameters().items(): assert_allclose(value, b.parameters()[name], **close)

def subsets(names): return chain.from_iterable(combinations(names, k) for k in range(len(names) + 1))


# densities

def scipy_log_prob(f, x):
    "The same by SciPy, one observation and component at a time."
    name, p = type(f).__name__, f.parameters()
    if name == "MultivariateNormal":
        K, d = f.mean.shape
        cov = [{"full": lambda: f.cov[k], "tied": lambda: f.cov, "diag": lambda: np.diag(f.cov[k]), "tied_diag": lambda: np.diag(f.cov),
                "spherical": lambda: f.cov[k] * np.eye(d), "tied_spherical": lambda: f.cov * np.eye(d)}[f.structure]() for k in range(K)]
        return [[stats.multivariate_normal.logpdf(row, m, c) for m, c in zip(f.mean, cov)] for row in x]
    if name == "Multinomial": return [[stats.multinomial.logpmf(row, row.sum() if f.n is None else f.n, p) for p in f.p] for row in x]
    if name == "Binomial" and f.n is None: return stats.binom.logpmf(x[:, :1], x[:, 1:], f.p)
    if name == "Categorical":
        tables = f.p if isinstance(f.p, tuple) else [f.p]
        return [[sum(stats.rv_discrete(values=(range(t.shape[1]), t[k])).logpmf(v) for t, v in zip(tables, np.atleast_1d(row)))
                 for k in range(f.n_components)] for row in x]
    one = {"Bernoulli": lambda x, p: stats.bernoulli.logpmf(x, p), "Binomial": lambda x, p: stats.binom.logpmf(x, f.n, p),
           "Poisson": lambda x, rate: stats.poisson.logpmf(x, rate), "Geometric": lambda x, p: stats.geom.logpmf(x + 1, p),
           "Exponential": lambda x, rate: stats.expon.logpdf(x, scale=1 / rate), "Gamma": lambda x, shape, scale: stats.gamma.logpdf(x, shape, scale=scale),
           "Normal": lambda x, mean, std: stats.norm.logpdf(x, mean, std), "Uniform": lambda x: stats.uniform.logpdf(x, f.low, f.high - f.low)}[name]
    terms = one(x.reshape(len(x), 1, *x.shape[1:]), **p)
    return terms if terms.ndim == 2 else terms.sum(-1)


@given(problems())
@for_any
def test_log_prob_is_scipys(a):
    assert_allclose(a.family.log_prob(a.x), scipy_log_prob(a.family, a.x), rtol=1e-9, atol=1e-9)
    assert a.family.log_prob(a.x).shape == (a.n, a.K)


@pytest.mark.parametrize("f, outcomes", [
    (Bernoulli([[0, .5], [1, .2]]), list(product([0, 1], repeat=2))), (Binomial(4, [0, .3, 1]), range(5)), (Categorical([[0, 1, 0], [.2, .3, .5]]), range(3)),
    (Categorical([[[.1, .9], [1, 0]], [[0, 1, 0], [.2, .3, .5]]]), list(product(range(2), range(3)))),
    (Multinomial(3, [[0, 1, 0], [.2, .3, .5]]), [t for t in product(range(4), repeat=3) if sum(t) == 3]),
    (Poisson([0, 3.]), range(60)), (Geometric([1, .2]), range(400))], ids=lambda v: type(v).__name__)
def test_probabilities_sum_to_1_at_the_ends_of_the_range_too(f, outcomes):
    assert_allclose(np.exp(f.log_prob(list(outcomes))).sum(0), 1, rtol=1e-10)


@given(problems(UNIVARIATE))
@for_any
def test_columns_add_up(a):
    "A family of d columns is d families of one column."
    if a.d == 0: return
    parts = [type(a.family)(*(getattr(a.family, name)[:, j] if np.ndim(getattr(a.family, name)) == 2 else getattr(a.family, name)
                              for name in a.family.__dataclass_fields__)) for j in range(a.d)]
    assert_allclose(a.family.log_prob(a.x), sum(p.log_prob(a.x[:, j]) for j, p in enumerate(parts)), rtol=1e-10, atol=1e-10)
    best = a.family.maximise(a.stats())
    for j, p in enumerate(parts):
        for name, value in p.maximise(p.statistics(a.x[:, j], a.r)).parameters().items():
            assert_allclose(best.parameters()[name][:, j], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "tied_diag"])
def test_a_diagonal_covariance_is_the_same_in_every_structure(structure):
    rng = np.random.default_rng(0)
    mean, v, x = rng.normal(size=(2, 3)), np.array([.5, 1, 3]), rng.normal(size=(20, 3))
    cov = {"full": [np.diag(v)] * 2, "tied": np.diag(v), "diag": [v, v], "tied_diag": v}[structure]
    assert_allclose(MultivariateNormal(mean, cov, structure).log_prob(x), Normal(mean, np.sqrt([v, v])).log_prob(x), rtol=1e-12)


@pytest.mark.parametrize("a", [1e5, 1e8, 1e10])
def test_a_gamma_of_little_spread_keeps_its_digits(a):
    "Against the same formula in extended precision; Γ by Stirling's series. One column or two."
    x = 3 * (1 + np.array([-2, -.3, 0, 1, 4]) / np.sqrt(a))
    v, A, S = x.astype(np.longdouble), np.longdouble(a), np.longdouble(3 / a)
    right = (A - 1) * np.log(v / S) - v / S - np.log(S) - ((A - .5) * np.log(A) - A + .5 * np.log(2 * np.longdouble(np.pi)) + 1 / (12 * A))
    assert_allclose(Gamma([a], [3 / a]).log_prob(x)[:, 0], right.astype(float), atol=1e-6)
    assert_allclose(Gamma([[a, a]], [[3 / a] * 2]).log_prob(np.stack([x, x], 1))[:, 0], 2 * right.astype(float), atol=2e-6)


def test_gammas_of_little_spread_are_fitted_quietly():
    z, c = np.random.default_rng(0).normal(size=400), 1e-4
    x = np.concatenate([3 * (1 + c * z[:200]), 3 * (1 + c * (z[200:] + 4))])
    trace = fit(Mixture([.5, .5], Gamma([c**-2] * 2, [3 * c**2, 3 * (1 + 4 * c) * c**2])), x)
    near = fit(Mixture([.5, .5], Normal([3, 3 * (1 + 4 * c)], [3 * c] * 2)), x)
    assert trace.reason == "converged" and trace.n_iter < 60
    assert_allclose(trace.loglik, near.loglik, atol=.1)


def test_a_binomial_of_a_billion_tosses():
    n = 10**9
    assert_allclose(Binomial(n, [.5]).log_prob([n // 2])[0, 0], -.5 * np.log(np.pi * n / 2), atol=1e-4)
    assert Multinomial(10., [[.5, .5]]) == Multinomial(10, [[.5, .5]]) and isinstance(Multinomial(10., [[.5, .5]]).n, int)


# statistics

def brute_force(f, x, r, origin=None):
    "Statistics by the definition, one observation at a time."
    def T(row):
        if isinstance(f, Binomial) and f.n is None: return np.array([row[0], row[1] - row[0]])
        if isinstance(f, (Bernoulli, Binomial)): return np.stack([row, getattr(f, "n", 1) - row], -1)
        if isinstance(f, Gamma): return np.stack([row, np.log(row)], -1)
        if isinstance(f, Categorical): return np.concatenate([np.eye(C)[int(v)] for v, C in zip(np.atleast_1d(row), f.sizes)])
        return 0. if isinstance(f, Uniform) else row
    if origin is None: return [np.stack([sum(w * T(row) for w, row in zip(r[:, k], x)) for k in range(r.shape[1])])]
    dev = [[row - o for row in x] for o in origin]
    outer = getattr(f, "structure", "") in ("full", "tied")
    return [np.stack([sum(w * u for w, u in zip(r[:, k], dev[k])) for k in range(r.shape[1])]),
            np.stack([sum(w * (np.outer(u, u) if outer else u * u) for w, u in zip(r[:, k], dev[k])) for k in range(r.shape[1])])]


@given(problems())
@for_any
def test_statistics_are_sums_over_observations(a):
    s = a.stats()
    assert_allclose(s.weight, a.r.sum(0))
    total, *square = brute_force(a.family, a.x, a.r, getattr(s, "origin", None))
    assert_allclose(s.total, total, rtol=1e-10, atol=1e-10)
    if square: assert_allclose(s.square, square[0], rtol=1e-10, atol=1e-10)


@given(problems(), st.integers(1, 11))
@for_any
def test_statistics_add_up_over_any_split(a, at):
    parts = [a.family.statistics(x, r) for x, r in ((a.x[:at], a.r[:at]), (a.x[at:], a.r[at:]))]
    if isinstance(parts[0], Moments): assert not np.allclose(parts[0].origin, parts[1].origin) # each part about its own mean
    assert_same_stats(sum(parts), a.stats())
    assert_same_stats(parts[1] + parts[0], a.stats())


@given(problems())
@for_any
def test_multiples_of_statistics_are_repeated_data(a):
    assert_same_stats(3 * a.stats(), a.family.statistics(np.concatenate([a.x] * 3), np.concatenate([a.r] * 3)))
    assert_same_stats(a.stats() * .5, a.family.statistics(a.x, a.r / 2))


@given(problems(("Normal", *STRUCTURES)))
@for_any
def test_moments_can_be_moved_anywhere_and_back(a):
    s = a.stats()
    moved = s.about(a.rng.normal(0, 5, s.origin.shape))
    total, square = brute_force(a.family, a.x, a.r, moved.origin)
    assert_allclose(moved.total, total, rtol=1e-8, atol=1e-8)
    assert_allclose(moved.square, square, rtol=1e-8, atol=1e-8)
    assert_same_stats(s, moved.about(s.origin), rtol=1e-7, atol=1e-7)


def test_statistics_of_another_kind_do_not_add():
    a = Stats(np.ones(1), np.ones(1))
    b = Moments(np.ones(1), np.ones(1), np.ones(1), np.zeros(1))
    for left, right in ((a, b), (b, a), (a, 1), (1, a)):
        with pytest.raises(TypeError): left + right


@pytest.mark.parametrize("offset", [0, 1e4, 1e8, -1e8])
@pytest.mark.parametrize("kind", ["Normal", *STRUCTURES])
def test_an_offset_ruins_no_variance(kind, offset):
    "Also from a start that is far off, from blocks, and where one block holds almost none of a component."
    rng = np.random.default_rng(0)
    f, x = family(kind, rng, 2, 2), rng.normal(size=(300, 2)) + offset
    r = np.repeat(np.eye(2), 150, axis=0)
    r[:75, 1] = 1e-12
    blocks = sum(f.statistics(x[i:i + 75], r[i:i + 75]) for i in range(0, 300, 75))
    best, near = f.maximise(blocks), f.maximise(f.statistics(x - offset, r))
    scale = "std" if kind == "Normal" else "cov"
    assert_allclose(best.parameters()[scale], near.parameters()[scale], rtol=1e-7, atol=1e-8)
    assert_allclose(best.mean, near.mean + offset, rtol=1e-12, atol=1e-9)


# the M-step

@given(problems(tuple(k for k in KINDS if k != "Uniform")))
@for_any
def test_the_m_step_maximises_with_and_without_frozen_parameters(a):
    "No other parameters, near or far, do better; what is frozen stays."
    for freeze in subsets(a.family.parameters()):
        best = a.family.maximise(a.stats(), freeze=set(freeze))
        top = a.objective(best)
        assert top >= a.objective(a.family) - 1e-9
        for name in freeze: assert_array_equal(best.parameters()[name], a.family.parameters()[name])
        other = a.other().parameters()
        for distance in (1, .1, .01, .001):
            moved = {name: (1 - distance) * v + distance * other[name] for name, v in best.parameters().items() if name not in freeze}
            assert a.objective(best.replace(moved)) <= top + 1e-9 * (1 + abs(top))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("freeze", [(), ("mean",)], ids=["free", "mean frozen"])
def test_a_general_optimiser_finds_the_same_covariances(structure, freeze):
    a = Problem(seed=3, kind=structure, n=40, K=2, d=2)
    best = a.family.maximise(a.stats(), freeze=set(freeze))
    def make(u):
        mean = a.family.mean if freeze else u[:4].reshape(2, 2)
        v = u[0 if freeze else 4:]
        if structure in ("full", "tied"):
            L = np.zeros((len(v) // 3, 2, 2))
            L[:, [0, 1, 1], [0, 1, 0]] = v.reshape(-1, 3)
            L[:, [0, 1], [0, 1]] = np.exp(L[:, [0, 1], [0, 1]])
            return MultivariateNormal(mean, (L @ L.swapaxes(1, 2)).reshape(best.cov.shape), structure)
        return MultivariateNormal(mean, np.exp(v).reshape(best.cov.shape), structure)
    size = best.n_parameters - (4 if freeze else 0)
    found = optimize.minimize(lambda u: -a.objective(make(u)), np.zeros(size), method="BFGS")
    assert_allclose(a.objective(best), -found.fun, rtol=1e-7)
    assert_allclose(best.cov, make(found.x).cov, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("freeze", [(), ("shape",), ("scale",)], ids=str)
def test_a_general_optimiser_finds_the_same_gamma(freeze):
    a = Problem(seed=5, kind="Gamma", n=60, K=1, d=0)
    best = a.family.maximise(a.stats(), freeze=set(freeze))
    free = [name for name in ("shape", "scale") if name not in freeze]
    found = optimize.minimize(lambda u: -a.objective(a.family.replace({name: np.exp(u[[i]]) for i, name in enumerate(free)})), np.zeros(len(free)))
    assert_allclose([best.parameters()[name][0] for name in free], np.exp(found.x), rtol=1e-4)


@pytest.mark.parametrize("shape", [1e-3, .1, 1, 30, 1e4])
def test_the_gammas_equations_are_solved(shape):
    f = Gamma([shape], [2.])
    mean, mean_log = shape * 2, digamma(shape) + np.log(2)
    s = Stats(np.array([3.]), 3 * np.array([[mean, mean_log]]))
    for freeze in ((), {"scale"}, {"shape"}): assert_same_family(f.replace({"shape": f.shape}).maximise(s, freeze=freeze), f, rtol=1e-6)


@given(problems())
@for_any
def test_a_prior_is_data_added(a):
    more = draws(a.family, a.rng, 8)[np.arange(8), a.rng.integers(0, a.K, 8)].astype(float)
    weight = a.rng.dirichlet(np.ones(a.K), 8)
    together = a.family.maximise(a.family.statistics(np.concatenate([a.x, more]), np.concatenate([a.r, weight])))
    assert_same_family(a.family.maximise(a.stats(), prior=a.family.statistics(more, weight)), together, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("f, prior, log_prior", [
    (Poisson([1.]), Stats(np.array([2.]), np.array([1.5])), lambda rate: stats.gamma.logpdf(rate, 2.5, scale=1 / 2)),
    (Exponential([1.]), Stats(np.array([1.5]), np.array([2.])), lambda rate: stats.gamma.logpdf(rate, 2.5, scale=1 / 2)),
    (Geometric([.5]), Stats(np.array([1.]), np.array([2.])), lambda p: stats.beta.logpdf(p, 2, 3)),
    (Bernoulli([.5]), Stats(np.array([0.]), np.array([[1., 2.]])), lambda p: stats.beta.logpdf(p, 2, 3))], ids=lambda v: type(v).__name__)
def test_conjugate_priors_give_the_map_estimate(f, prior, log_prior):
    x, r = np.array([0., 1, 1, 0, 1]), np.ones((5, 1))
    (name, found), = f.maximise(f.statistics(x, r), prior=prior).parameters().items()
    best = optimize.minimize_scalar(lambda v: -(f.replace({name: [v]}).log_prob(x).sum() + log_prior(v)), bounds=(1e-6, .999999 if name == "p" else 9), method="bounded",
                                    options={"xatol": 1e-9}).x
    assert_allclose(found[0], best, rtol=1e-4)


@given(problems(("Normal", "Gamma", "Exponential", *STRUCTURES)), st.sampled_from([1e-150, 1e-3, 1e6]))
@for_any
def test_units_do_not_matter(a, unit):
    scale = {"mean": 1, "std": 1, "cov": 2, "scale": 1, "rate": -1, "shape": 0}
    if unit < 1e-100: unit = 1e-60 if a.kind in STRUCTURES else unit
    best, other = a.family.maximise(a.stats()), a.family.maximise(a.family.statistics(a.x * unit, a.r))
    for name, value in best.parameters().items(): assert_allclose(other.parameters()[name] / unit**scale[name], value, rtol=1e-6, atol=1e-9)


# EM

@given(problems(tuple(k for k in KINDS if k != "Uniform"), n=st.integers(25, 40)))
@for_any
def test_the_loglik_never_falls(a):
    start = a.other() if not isinstance(a.family, Binomial) else a.family
    for freeze in [(), *a.family.parameters()]:
        if isinstance(freeze, str): freeze = (freeze,)
        steps = []
        try:
            for step in emlit.em(Mixture(np.full(a.K, 1 / a.K), start), a.x, max_iter=8, freeze=freeze): steps.append(step)
        except Degenerate: pass
        logliks = np.array([s.loglik for s in steps])
        assert np.all(np.isfinite(logliks)) and np.all(np.diff(logliks) >= -1e-10 * (a.n + abs(logliks[1:])))
        for s in steps:
            for name in freeze: assert_array_equal(s.model.components[0].parameters()[name], start.parameters()[name])


def test_times_deaths():
    "Hasselblad, J. Amer. Statist. Assoc. 64 (1969)."
    counts = [162, 267, 271, 185, 111, 61, 27, 8, 3, 1]
    trace = fit(Mixture([.3, .7], Poisson([1., 2.5])), np.arange(10), sample_weight=counts, tol=1e-13)
    assert_allclose(trace.loglik, -1989.945860, atol=1e-6)
    assert_allclose(trace.model.weights[0], .3598854, atol=1e-5)
    assert_allclose(trace.model.components[0].rate, [1.2560951, 2.6634044], atol=2e-5)


def test_the_fifteen_points():
    "Li Hang, Statistical Learning Methods, exercise 9.3."
    x = [-67, -48, 6, 8, 14, 16, 23, 24, 28, 29, 41, 49, 56, 60, 75]
    trace = fit(Mixture([.5, .5], Normal([-50., 30], [20., 20])), x, tol=1e-13)
    assert_allclose(trace.model.weights, [.13317, .86683], atol=1e-5)
    assert_allclose(trace.model.components[0].mean, [-57.511, 32.985], atol=1e-3)
    assert_allclose(trace.model.components[0].std**2, [90.25, 429.46], atol=.01)
    assert_allclose(trace.loglik / 15, -4.73756, atol=1e-5)


# samples

@each_kind
@pytest.mark.parametrize("d", [0, 2])
@pytest.mark.slow
def test_samples_have_the_moments_of_the_density(kind, d):
    "The M-step on 200,000 draws of each component recovers the parameters; the draws are possible."
    f, n = family(kind, np.random.default_rng(11), 2, d), 200_000
    drawn = draws(f, np.random.default_rng(12), n)
    assert drawn.shape[:2] == (n, 2)
    x, r = np.concatenate([drawn[:, 0], drawn[:, 1]]).astype(float), np.repeat(np.eye(2), n, axis=0)
    assert f.supports(x).all()
    for name, value in f.maximise(f.statistics(x, r)).parameters().items(): assert_allclose(value, f.parameters()[name], rtol=.03, atol=.02)
    assert_array_equal(drawn, draws(f, np.random.default_rng(12), n))
    if kind == "Uniform": assert_allclose(drawn.mean(0), (f.low + f.high) / 2, atol=.02)


@pytest.mark.parametrize("f, cdf", [(Exponential([2.]), stats.expon(scale=.5).cdf), (Gamma([.7], [3.]), stats.gamma(.7, scale=3).cdf),
                                    (Normal([2.], [3.]), stats.norm(2, 3).cdf), (Uniform([1.], [4.]), stats.uniform(1, 3).cdf)], ids=lambda v: type(v).__name__)
def test_samples_follow_the_distribution(f, cdf):
    assert stats.kstest(f.sample(np.random.default_rng(0), 10_000)[:, 0], cdf).pvalue > 1e-3


@each_structure
def test_samples_of_normals_follow_the_distribution(structure):
    f = family(structure, np.random.default_rng(2), 2, 3)
    drawn = f.sample(np.random.default_rng(3), 10_000)
    for k in range(2):
        distance = -2 * (f.log_prob(drawn[:, k])[:, k] - f.log_prob(f.mean)[k, k])
        assert stats.kstest(distance, stats.chi2(3).cdf).pvalue > 1e-3


def test_impossible_categories_are_never_drawn():
    f = Categorical([[0, .5, .5, 0], [1 / 3, 1 / 3, 1 / 3, 0]])
    assert np.isfinite(f.log_prob(f.sample(np.random.default_rng(0), 100_000)[:, 1])[:, 1]).all()
    assert set(np.unique(f.sample(np.random.default_rng(0), 1000)[:, 0])) == {1, 2}


# support

@pytest.mark.parametrize("f, x, inside", [
    (Bernoulli([.5]), [0, 1, .5, -1], [1, 1, 0, 0]), (Binomial(3, [[.5, .5]]), [[0, 3], [1, 4], [-1, 0]], [1, 0, 0]),
    (Binomial(None, [.5]), [[0, 0], [2, 3], [4, 3], [-1, 3], [.5, 3], [1, 1.5], [0, 2e9]], [1, 1, 0, 0, 0, 0, 0]),
    (Multinomial(None, [[.5, .5]]), [[0, 0], [3, 4], [-1, 2], [.5, 1], [1e9, 1]], [1, 1, 0, 0, 0]), (Poisson([1.]), [0, 2, -1, .5], [1, 1, 0, 0]),
    (Geometric([.5]), [0, 7, -1], [1, 1, 0]), (Exponential([1.]), [0, 2.5, -.1], [1, 1, 0]), (Gamma([1.], [1.]), [0, 1, -1], [0, 1, 0]),
    (Uniform([0., 5], [1., 6]), [0, 1, 3, 5.5, 7], [1, 1, 0, 1, 0]), (Uniform([[0., 0]], [[1., 2]]), [[1, 2], [2, 1]], [1, 0]),
    (Categorical([[.5, .5]]), [0, 1, 2, -1, .5], [1, 1, 0, 0, 0]), (Categorical([[[.5, .5]], [[.2, .3, .5]]]), [[1, 2], [2, 1]], [1, 0]),
    (Multinomial(3, [[.5, .5]]), [[1, 2], [1, 1], [4, -1], [1.5, 1.5]], [1, 0, 0, 0]), (Normal([0.], [1.]), [-5, 5], [1, 1]),
    (MultivariateNormal([[0, 0]], 1, "tied_spherical"), [[1, 2]], [1])], ids=lambda v: type(v).__name__)
def test_supports_and_check_agree(f, x, inside):
    x = np.array(x, float)
    assert_array_equal(f.supports(x), np.array(inside, bool))
    for row, ok in zip(x, inside):
        if ok: assert_array_equal(f.check(row[None]), row[None])
        else:
            with pytest.raises(ValueError, match="x"): f.check(row[None])
            with pytest.raises(ValueError, match="x"): f.log_prob(row[None])


# objects

@given(problems())
@for_any
def test_copies_and_round_trips(a):
    f = a.family
    other = a.other()
    for again in (pickle.loads(pickle.dumps(f)), copy.copy(f), copy.deepcopy(f), f.replace({}), f.replace(f.parameters())):
        assert type(again) is type(f) and again is not f
        for name, value in again.parameters().items():
            assert_array_equal(value, f.parameters()[name])
            assert not value.flags.writeable
        assert_array_equal(again.log_prob(a.x), f.log_prob(a.x))
    assert pickle.loads(pickle.dumps(f)) == f == copy.deepcopy(f) == f.replace(f.parameters())
    if a.kind != "Uniform": assert f != other and f.replace(other.parameters()) == other
    assert f.n_components == a.K and f != "a family"


@each_kind
def test_a_repr_can_be_typed_in(kind):
    f = family(kind, np.random.default_rng(0), 2, 2)
    with np.printoptions(precision=17, floatmode="unique"): assert eval(repr(f), {"array": np.array, **vars(emlit)}) == f


@each_kind
def test_families_are_frozen(kind):
    f = family(kind, np.random.default_rng(0), 2, 2)
    for name in f.__dataclass_fields__:
        with pytest.raises(AttributeError): setattr(f, name, 1)
        value = getattr(f, name)
        for array in value if isinstance(value, tuple) else [value]:
            if isinstance(array, np.ndarray):
                with pytest.raises(ValueError, match="read-only"): array[...] = 0


@each_structure
def test_the_factor_follows_the_covariance(structure):
    "The Cholesky factor is kept beside cov: replaced and unpickled families must not use an old one."
    rng = np.random.default_rng(1)
    f, g, x = *(family(structure, rng, 2, 2) for _ in range(2)), rng.normal(size=(5, 2))
    changed = f.replace({"cov": g.cov})
    assert_allclose(changed.log_prob(x), scipy_log_prob(changed, x), rtol=1e-10)
    assert_allclose(pickle.loads(pickle.dumps(changed)).log_prob(x), changed.log_prob(x), rtol=0)
    assert "_scale" not in repr(f) and "_scale" not in f.parameters() and not f._scale.flags.writeable
    assert f != changed


class EqualVolumes(Dense):
    "Ellipsoids of one volume (EVV of mclust): Celeux & Govaert, Pattern Recognition 28 (1995)."
    def divided(self, scatter, weight):
        size = np.linalg.det(scatter)**(1 / scatter.shape[-1])
        cov = scatter / size[:, None, None] * size.sum() / weight.sum()
        return (cov + cov.swapaxes(-1, -2)) / 2
    def n_free(self, K, d): return super().n_free(K, d) - (K - 1)

def test_a_new_structure_is_one_class_and_one_name(monkeypatch):
    monkeypatch.setitem(STRUCTURES_BY_NAME, "equal_volumes", EqualVolumes())
    rng = np.random.default_rng(3)
    cov = covariance(rng, 3, 2, "full")
    cov /= np.sqrt(np.linalg.det(cov))[:, None, None]
    start = Mixture([.3, .3, .4], MultivariateNormal(rng.normal(0, 3, (3, 2)), cov, "equal_volumes"))
    x = start.sample(rng, 5000)[0]
    for data in (x, x[:300]): # by kernel, and row by row
        trace = emlit.fit(start, data, max_iter=30, tol=0)
        assert (np.diff(trace.logliks) > -1e-7).all()
        block = trace.model.components[0]
        assert_allclose(np.linalg.det(block.cov), np.linalg.det(block.cov[0]), rtol=1e-9)
        assert_allclose(trace.loglik, Mixture(trace.model.weights, MultivariateNormal(block.mean, block.cov)).loglik(data), rtol=1e-12)
    assert trace.model.n_parameters == 2 + 3 * 2 + 3 * 3 - 2
    assert block.marginal([0]).mean.shape == (3, 1) and block.sample(rng, 4).shape == (4, 3, 2)
    with pytest.raises(ValueError, match="equal_volumes; got 'round'"): MultivariateNormal([[0, 0]], [np.eye(2)], "round")

def test_counts_of_parameters():
    assert [family(s, np.random.default_rng(0), 3, 4).n_parameters for s in STRUCTURES] == [42, 22, 24, 16, 15, 13]
    assert Categorical([[.2, .8]]).n_parameters == 1 and Categorical([[[.2, .8]] * 3, [[.2, .3, .5]] * 3]).n_parameters == 9
    assert Multinomial(3, [[.2, .3, .5]] * 2).n_parameters == 4 and Uniform([0], [1]).n_parameters == 0
    assert Gamma([1, 2], [1, 2]).n_parameters == 4 and Poisson([[1, 2]]).n_parameters == 2


def test_tables_of_equal_size_may_come_as_one_array():
    p = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4)) # 2 columns, 4 components
    assert Categorical(p) == Categorical(list(p)) and isinstance(Categorical(p).p, tuple)
    assert Categorical(p[:1]) != Categorical(p[0]) and Categorical(p[:1]).supports([[1.]]).all()


def test_whole_number_data_and_lists_will_do():
    for f, x in ((Poisson([1, 2]), [0, 3]), (Normal([0, 1], [1, 2]), (0, 3)), (Categorical([[.5, .5]]), [True, False]), (MultivariateNormal([[0, 0]], [1, 2], "tied_diag"), [[0, 1]])):
        assert np.isfinite(f.log_prob(x)).all()


# no maximum

one, two = np.ones((4, 1)), np.array([[1., 0]] * 2 + [[0., 1]] * 2)
@pytest.mark.parametrize("f, x, r, words", [
    (Normal([0., 0], [1., 1]), [1., 2, 3, 3], two, ["component 1", "collapsed"]),
    (Normal([0.], [1.]), [.1] * 4, one, ["component 0", "collapsed"]),
    (Normal([[0., 0]], [[1., 1]]), [[1, 5.], [2, 5], [3, 5], [4, 5]], one, ["component 0", "collapsed"]),
    (Gamma([1., 1], [1., 1]), [1., 2, 3.3, 3.3], two, ["component 1", "varies too little"]),
    (Exponential([1., 1]), [1., 2, 0, 0], two, ["component 1", "collapsed"]),
    (MultivariateNormal([[0, 0]] * 2, [np.eye(2)] * 2), [[0., 1], [1, 0], [0, 0], [1, 1]], two, ["component 0", "singular"]),
    (MultivariateNormal([[0, 0]], [np.eye(2)]), [[.1, .3], [.2, .6], [.3, .9], [.7, 2.1]], one, ["component 0", "singular"]),
    (MultivariateNormal([[0, 0]] * 2, [[1, 1]] * 2, "diag"), [[0., 1], [1, 0], [0, 2], [1, 2]], two, ["component 1", "singular"]),
    (MultivariateNormal([[0, 0]] * 2, [1, 1], "spherical"), [[0., 1], [1, 0], [1, 2], [1, 2]], two, ["component 1", "singular"]),
    (MultivariateNormal([[0, 0]], np.eye(2), "tied"), [[1., 1]] * 4, one, ["shared covariance", "singular"]),
    (MultivariateNormal([[0, 0]], 1, "tied_spherical"), [[1., 1]] * 4, one, ["shared covariance", "singular"]),
    (MultivariateNormal([[0, 0]], [1, 1], "tied_diag"), [[1., 1], [1, 2], [1, 3], [1, 4]], one, ["shared covariance", "singular"])],
    ids=lambda v: type(v).__name__ + getattr(v, "structure", "") if isinstance(v, Family) else "")
def test_collapse_names_the_component(f, x, r, words):
    with pytest.raises(Degenerate) as caught: f.maximise(f.statistics(np.array(x), r))
    assert all(w in str(caught.value) for w in words), caught.value


@each_kind
def test_a_component_without_data_is_degenerate(kind):
    a = Problem(seed=1, kind=kind, n=30, K=2, d=2)
    a.r[:, 1] = 0
    if kind == "Uniform": assert a.family.maximise(a.stats()) == a.family; return
    with pytest.raises(Degenerate, match="component 1 has no data left"): a.family.maximise(a.stats())


@pytest.mark.parametrize("f, stats", [
    (Bernoulli([.5]), Stats(np.array([1.]), np.array([[1.5, -.5]]))), (Categorical([[.5, .5]]), Stats(np.array([1.]), np.array([[1.5, -.5]]))),
    (Multinomial(2, [[.5, .5]]), Stats(np.array([1.]), np.array([[1.5, -.5]]))), (Poisson([1.]), Stats(np.array([3.]), np.array([-.5]))),
    (Geometric([.5]), Stats(np.array([2.]), np.array([-.5]))), (Exponential([1.]), Stats(np.array([-.5]), np.array([2.]))),
    (Gamma([1.], [1.]), Stats(np.array([2.]), np.array([[-1., 0]])))], ids=lambda v: type(v).__name__)
def test_a_prior_with_its_maximum_at_the_border_says_so(f, stats):
    with pytest.raises(Degenerate, match="component 0 has a negative expected count: a prior with a number below 1"): f.maximise(stats)


def test_numbers_too_small_to_square_are_no_variance():
    for x in (np.array([1., 2, 4]) * 1e-163, np.array([1., 2, 4]) * 1e-158):
        with pytest.raises(Degenerate, match="collapsed"): Normal([0.], [1.]).maximise(Normal([0.], [1.]).statistics(x, np.ones((3, 1))))
    with pytest.raises(Degenerate, match="collapsed"): Exponential([1.]).maximise(Exponential([1.]).statistics([5e-324, 1e-310], np.ones((2, 1))))


def test_constant_data_is_fine_where_a_maximum_exists():
    same = np.full(5, 3.)
    for f, name, right in ((Poisson([1.]), "rate", 3), (Geometric([.5]), "p", .25), (Exponential([1.]), "rate", 1 / 3)):
        assert_allclose(f.maximise(f.statistics(same, np.ones((5, 1)))).parameters()[name], right)
    f = Normal([0.], [1.])
    assert_allclose(f.maximise(f.statistics(same, np.ones((5, 1))), freeze={"std"}).mean, 3)
    assert_allclose(f.maximise(f.statistics(same, np.ones((5, 1))), freeze={"mean"}).std, 3)
    g = Gamma([2.], [1.])
    assert_allclose(g.maximise(g.statistics(same, np.ones((5, 1))), freeze={"shape"}).scale, 1.5)
    tied = MultivariateNormal([[0., 0], [9, 9]], np.eye(2), "tied") # one component on one point, the others have spread
    x, r = np.array([[1., 1], [5, 6], [6, 4], [7, 7]]), np.array([[1., 0], [0, 1], [0, 1], [0, 1]])
    assert np.isfinite(tied.maximise(tied.statistics(x, r)).cov).all()


def test_a_fit_that_collapses_says_so():
    with pytest.warns(RuntimeWarning, match="component 0"): trace = fit(Mixture([.5, .5], Normal([0., 5], [.1, 2])), [0, 4, 5, 6, 7])
    assert trace.reason == "degenerate" and np.isfinite(trace.loglik)


# bad input

mix = lambda f: Mixture(np.full(f.n_components, 1 / f.n_components), f)
count = Stats(np.ones(1), np.ones(1))
eye, nan, inf = np.eye(2), float("nan"), float("inf")
normals = MultivariateNormal([[0, 0], [1, 1]], [eye, eye])
survey = Categorical([[[.5, .5]], [[.2, .3, .5]]])
V, T = ValueError, TypeError
ROWS = [
    # the data
    ("negative count",      lambda: fit(mix(Poisson([1., 2])), [0, -1]),             V, ["x[1]", "-1.0", "whole number, 0 or more"]),
    ("negative count",      lambda: fit(mix(Geometric([.5])), [-2, 1, -1]),          V, ["x[0]", "-2.0", "1 more"]),
    ("negative count",      lambda: fit(mix(Multinomial(3, [[.5, .5]])), [[4, -1]]), V, ["x[0, 1]", "-1.0", "whole number"]),
    ("half a count",        lambda: Poisson([1.]).log_prob([1, .5]),                 V, ["x[1]", "0.5", "whole number"]),
    ("half a count",        lambda: Geometric([[.5, .5]]).log_prob([[1, .5]]),       V, ["x[0, 1]", "0.5", "whole number"]),
    ("half a count",        lambda: Multinomial(3, [[.5, .5]]).log_prob([[1.5, 1.5]]), V, ["x[0, 0]", "1.5", "whole number"]),
    ("category out of range", lambda: fit(mix(Categorical([[.5, .5]])), [0, 2]),     V, ["x[1]", "2.0", "category from 0 to 1"]),
    ("category out of range", lambda: fit(mix(survey), [[0, 2], [2, 0]]),            V, ["x[1, 0]", "2.0", "[1 2]"]),
    ("category out of range", lambda: Categorical([[.5, .5]]).log_prob([-1]),        V, ["x[0]", "-1.0", "category"]),
    ("half a category",     lambda: Categorical([[.5, .5]]).log_prob([.5]),          V, ["x[0]", "0.5", "category"]),
    ("category as text",    lambda: Categorical([[.5, .5]]).log_prob(["yes", "no"]), T, ["x", "real numbers"]),
    ("sum of a row",        lambda: fit(mix(Multinomial(3, [[.5, .5]])), [[1, 2], [1, 1]]), V, ["x", "n = 3", "x[1]", "2"]),
    ("sum of a row",        lambda: Multinomial(3, [[.5, .5]]).log_prob([[3, 3], [1, 1]]), V, ["x[0]", "6", "1 more"]),
    ("negative time",       lambda: fit(mix(Exponential([1.])), [1, -.5]),           V, ["x[1]", "-0.5", "at least 0"]),
    ("not positive",        lambda: fit(mix(Gamma([1.], [1.])), [1, 0]),             V, ["x[1]", "0.0", "above 0"]),
    ("not positive",        lambda: Gamma([[1., 1]], [[1., 1]]).log_prob([[1, -1]]), V, ["x[0, 1]", "-1.0", "above 0"]),
    ("outside every box",   lambda: Uniform([0, 2], [1, 3]).log_prob([.5, 1.5]),     V, ["x[1]", "1.5", "between low and high"]),
    ("outside every box",   lambda: fit(mix(Uniform([[0, 0]], [[1, 1]])), [[1, 2]]), V, ["x[0]", "between low and high"]),
    ("NaN in data",         lambda: Normal([0.], [1.]).log_prob([nan]),              V, ["x[0]", "nan", "finite"]),
    ("NaN in data",         lambda: fit(mix(normals), [[0, 1], [nan, 1]]),           V, ["x[1, 0]", "nan", "finite"]),
    ("infinity in data",    lambda: fit(mix(normals), [[0, inf]]),                   V, ["x[0, 1]", "inf", "finite"]),
    ("infinity in data",    lambda: Poisson([1.]).supports([inf]),                   V, ["x[0]", "inf", "finite"]),
    ("no data",             lambda: fit(mix(normals), np.zeros((0, 2))),             V, ["x", "empty"]),
    ("no data",             lambda: fit(mix(Normal([0.], [1.])), []),                V, ["x", "empty"]),
    ("number of columns",   lambda: fit(mix(normals), [[1, 2, 3]]),                  V, ["x", "(1, 3)", "(n, 2)"]),
    ("number of columns",   lambda: normals.log_prob([1, 2]),                        V, ["x", "(2,)", "(n, 2)"]),
    ("number of columns",   lambda: survey.log_prob([0, 1]),                         V, ["x", "(2,)", "(n, 2)"]),
    ("table for a column",  lambda: Normal([0.], [1.]).log_prob([[1, 2], [2, 3]]),   V, ["x", "(2, 2)", "(n,)"]),
    ("table for a column",  lambda: Categorical([[.5, .5]]).log_prob([[0, 1]]),      V, ["x", "(1, 2)", "(n,)"]),
    ("table for a column",  lambda: Uniform([0], [1]).supports([[0, 1]]),            V, ["x", "(1, 2)", "(n,)"]),
    ("column for a table",  lambda: Gamma([[1., 1]], [[1., 1]]).log_prob([1, 2]),    V, ["x", "(2,)", "(n, 2)"]),
    ("faces",               lambda: Multinomial(3, [[.5, .5]]).log_prob([[1, 1, 1]]), V, ["x", "(1, 3)", "(n, 2)"]),
    # the parameters
    ("std",                 lambda: Normal([0, 0], [1, 0]),                          V, ["std[1]", "0.0", "above 0"]),
    ("std",                 lambda: Normal([0], [-1]),                               V, ["std[0]", "-1.0", "above 0"]),
    ("std",                 lambda: Normal([0], [nan]),                              V, ["std[0]", "nan", "finite"]),
    ("rate",                lambda: Poisson([1, -1]),                                V, ["rate[1]", "-1.0", "at least 0"]),
    ("rate",                lambda: Exponential([0]),                                V, ["rate[0]", "0.0", "above 0"]),
    ("rate",                lambda: Exponential([[1, inf]]),                         V, ["rate[0, 1]", "inf", "finite"]),
    ("shape and scale",     lambda: Gamma([0], [1]),                                 V, ["shape[0]", "0.0", "above 0"]),
    ("shape and scale",     lambda: Gamma([1], [-1]),                                V, ["scale[0]", "-1.0", "above 0"]),
    ("success never",       lambda: Geometric([0]),                                  V, ["p[0]", "0.0", "above 0"]),
    ("success never",       lambda: Geometric([1.5]),                                V, ["p[0]", "1.5", "[0, 1]"]),
    ("ends",                lambda: Uniform([0, 1], [1, 1]),                         V, ["high[1]", "1.0", "above low"]),
    ("ends",                lambda: Uniform([0], [inf]),                             V, ["high[0]", "inf", "finite"]),
    ("shapes differ",       lambda: Normal([0, 1], [1]),                             V, ["mean and std", "(2,)", "(1,)"]),
    ("shapes differ",       lambda: Gamma([1], [[1]]),                               V, ["shape and scale", "(1,)", "(1, 1)"]),
    ("shapes differ",       lambda: Uniform([0, 1], [[2, 3]]),                       V, ["low and high", "(2,)", "(1, 2)"]),
    ("a single number",     lambda: Normal(0, 1),                                    V, ["mean", "shape ()", "1-D"]),
    ("a single number",     lambda: Poisson(1.),                                     V, ["rate", "shape ()", "1-D"]),
    ("a single number",     lambda: Categorical(.5),                                 V, ["p", "shape ()", "2-D"]),
    ("no components",       lambda: Normal([], []),                                  V, ["mean", "empty"]),
    ("no components",       lambda: Categorical([]),                                 V, ["p", "empty|2-D"]),
    ("text",                lambda: Poisson(["one"]),                                T, ["rate", "real numbers"]),
    ("text",                lambda: MultivariateNormal("zero", [eye]),               T, ["mean", "real numbers"]),
    ("sum is not 1",        lambda: Categorical([[.5, .6]]),                         V, ["p", "1.1", "sum to 1"]),
    ("sum is not 1",        lambda: Categorical([[[.5, .5]], [[.5, .5, .5]]]),       V, ["p[1]", "1.5", "sum to 1"]),
    ("sum is not 1",        lambda: Multinomial(3, [[.5, .4]]),                      V, ["p", "0.9", "sum to 1"]),
    ("outside [0, 1]",      lambda: Categorical([[1.5, -.5]]),                       V, ["p[0, 0]", "1.5", "[0, 1]"]),
    ("components differ",   lambda: Categorical([[[.5, .5]] * 2, [[.2, .3, .5]]]),   V, ["p", "[2, 1]", "each component"]),
    ("ragged table",        lambda: Categorical([[.5, .5], [1]]),                    V, ["p", "rectangular"]),
    ("number of throws",    lambda: Multinomial(0, [[.5, .5]]),                      V, ["n", "0", "at least 1"]),
    ("number of throws",    lambda: Multinomial(2.5, [[.5, .5]]),                    T, ["n", "2.5", "whole number"]),
    ("number of throws",    lambda: Multinomial([3, 4], [[.5, .5]]),                 T, ["n", "[3, 4]", "whole number"]),
    # covariances
    ("not positive definite", lambda: MultivariateNormal([[0, 0]] * 2, [eye, [[1, 2], [2, 1]]]), V, ["cov[1]", "positive definite", "-1"]),
    ("not positive definite", lambda: MultivariateNormal([[0, 0]], [[1, 1], [1, 1]], "tied"), V, ["cov", "positive definite", "eigenvalue"]),
    ("not positive definite", lambda: normals.replace({"cov": [eye, -eye]}),         V, ["cov[1]", "positive definite", "-1"]),
    ("not symmetric",       lambda: MultivariateNormal([[0, 0]] * 2, [[[1, .5], [0, 1]], eye]), V, ["cov[0]", "symmetric"]),
    ("not symmetric",       lambda: MultivariateNormal([[0, 0]], [[1, .5], [0, 1]], "tied"), V, ["cov", "symmetric", "0.5"]),
    ("variance",            lambda: MultivariateNormal([[0, 0]], [[1, 0]], "diag"),  V, ["cov[0, 1]", "0.0", "above 0"]),
    ("variance",            lambda: MultivariateNormal([[0, 0]], [-1], "spherical"), V, ["cov[0]", "-1.0", "above 0"]),
    ("variance",            lambda: MultivariateNormal([[0, 0]], -1, "tied_spherical"), V, ["cov", "-1.0", "above 0"]),
    ("shape of cov",        lambda: MultivariateNormal([[0, 0]], eye),               V, ["cov", "(1, 2, 2)", "'full'", "(2, 2)"]),
    ("shape of cov",        lambda: MultivariateNormal([[0, 0]] * 2, [1, 1, 1], "spherical"), V, ["cov", "(2,)", "(3,)"]),
    ("shape of cov",        lambda: MultivariateNormal([[0, 0]], [eye], "diag"),     V, ["cov", "(1, 2)", "(1, 2, 2)"]),
    ("NaN in cov",          lambda: MultivariateNormal([[0, 0]], [[[1, nan], [nan, 1]]]), V, ["cov[0, 0, 1]", "nan", "finite"]),
    ("shape of mean",       lambda: MultivariateNormal([0, 0], [eye]),               V, ["mean", "(2,)", "2-D"]),
    ("structure",           lambda: MultivariateNormal([[0, 0]], [eye], "round"),    V, ["structure", "'round'", "tied_spherical"]),
    ("structure",           lambda: MultivariateNormal([[0, 0]], [eye], None),       T, ["structure", "None", "full"]),
    ("structure",           lambda: MultivariateNormal([[0, 0]], [eye], np.array(["full", "tied"])), T, ["structure", "full"]),
    ("too many",            lambda: Binomial(10**9 + 1, [.5]),                       V, ["n", "1000000001", "10**9"]),
    ("too many",            lambda: Multinomial(10**9 + 1, [[.5, .5]]),              V, ["n", "1000000001", "10**9"]),
    ("too large to square", lambda: Normal([0.], [1.]).statistics(np.array([1., 1e154]), np.ones((2, 1))), V, ["x[1]", "1e+154", "1e150"]),
    ("frozen name",         lambda: Poisson([1.]).maximise(count, freeze="rates"),   V, ["freeze", "'rates'", "rate", "Poisson"]),
    ("frozen name",         lambda: Uniform([0], [1]).maximise(count, freeze=["low"]), V, ["freeze", "'low'", "none"]),
    ("frozen name",         lambda: Normal([0.], [1.]).maximise(Moments(*np.ones((4, 1))), freeze="me"), V, ["freeze", "'me'", "mean, std"]),
    ("shape of r",          lambda: Poisson([1., 2]).statistics([1, 2, 3], np.ones((3, 1))), V, ["r", "(3, 2)", "(3, 1)"]),
    ("shape of r",          lambda: normals.statistics(np.ones((3, 2)), np.ones(3)), V, ["r", "(3, 2)", "(3,)"]),
    ("impossible x",        lambda: Bernoulli([.5]).statistics([0, 2], np.ones((2, 1))), V, ["x[1]", "2.0", "0 or 1"]),
    ("impossible x",        lambda: Gamma([1.], [1.]).statistics([0], np.ones((1, 1))), V, ["x[0]", "0.0", "above 0"]),
    ("weights of a prior",  lambda: Poisson([1., 2]).maximise(Stats(np.ones(2), np.ones(2)), prior=Stats(1, np.ones(2))), V, ["prior", "weights", "(2,)", "()"]),
    ("weights of a prior",  lambda: Bernoulli([.5]).maximise(Stats(np.ones(2), np.ones((1, 2)))), V, ["stats", "weights", "(1,)", "(2,)"]),
    ("origin of a prior",   lambda: Normal([0.], [1.]).maximise(Moments(*np.ones((4, 1))), prior=Moments(*np.ones((3, 1)), np.ones(2))), V, ["prior", "origins", "(1,)", "(2,)"]),
    ("sums of other shapes", lambda: count + Stats(np.ones(1), np.ones(2)),          V, ["totals", "(1,)", "(2,)"]),
    ("sums of other shapes", lambda: Moments(*np.ones((4, 1))) + Moments(*np.ones((3, 1)), np.ones(2)), V, ["origins", "(1,)", "(2,)"]),
    ("NaN in a prior",      lambda: Poisson([1.]).maximise(count, prior=Stats(np.ones(1), np.array([nan]))), V, ["prior", "finite", "totals"]),
    # statistics
    ("statistics of another shape", lambda: Poisson([1.]).maximise(Poisson([1., 2]).statistics(np.ones(3), np.ones((3, 2)))), V, ["stats", "(1,)", "(2,)"]),
    ("statistics of another shape", lambda: Normal([0.], [1.]).maximise(normals.statistics(np.ones((3, 2)), np.ones((3, 2)))), V, ["stats", "(1,)", "(2, 2)"]),
    ("statistics of another shape", lambda: survey.maximise(Stats(np.ones(1), np.ones((1, 4)))), V, ["stats", "(1, 5)", "(1, 4)"]),
    ("prior of another shape", lambda: Poisson([1., 2]).maximise(Stats(np.ones(2), np.ones(2)), prior=Stats(np.ones(1), np.ones(1))), V, ["prior", "(2,)", "(1,)"]),
    ("covariances of another structure", lambda: normals.maximise(Normal([[0., 0]] * 2, [[1., 1]] * 2).statistics(np.ones((3, 2)), np.ones((3, 2)))), V, ["stats", "squares", "(2, 2, 2)"]),
    ("Moments asked for",   lambda: Normal([0.], [1.]).maximise(Stats(np.ones(1), np.ones(1))), T, ["stats", "Moments"]),
    ("Moments asked for",   lambda: Normal([0.], [1.]).maximise(Normal([0.], [1.]).statistics(np.arange(3.), np.ones((3, 1))), prior=Stats(np.ones(1), np.ones(1))), T, ["prior", "Moments"]),
    # samples
    ("not a generator",     lambda: Normal([0.], [1.]).sample(0, 3),                 T, ["rng", "int", "default_rng"]),
    ("not a generator",     lambda: normals.sample(None, 3),                         T, ["rng", "NoneType", "default_rng"]),
    ("not a generator",     lambda: survey.sample(np.random, 3),                     T, ["rng", "module", "default_rng"]),
]
IDS = [f"{cause} {[r[0] for r in ROWS[:i]].count(cause) + 1}" for i, (cause, *_) in enumerate(ROWS)]


@pytest.mark.parametrize("cause, call, error, words", ROWS, ids=IDS)
def test_bad_input_is_named(cause, call, error, words):
    with pytest.raises(error) as caught: call()
    missing = [w for w in words if not any(re.search(rf"(?<!\w){re.escape(v)}(?!\w)", str(caught.value)) for v in w.split("|"))]
    assert not missing, f"the message lacks {missing}: {caught.value}"


def test_the_table_is_varied():
    assert max(Counter(cause for cause, *_ in ROWS).values()) <= 3


@each_kind
def test_every_sample_wants_a_generator(kind):
    with pytest.raises(TypeError, match="default_rng"): family(kind, np.random.default_rng(0), 2, 0).sample(7, 3)
