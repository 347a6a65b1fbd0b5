"""Every kind of family and model with every public function: the right answer, or an error whose words say what is missing.

A row of TABLE is a function or an option, a column a family or a model. "." means the right answer, checked against
something that knows nothing of the code under test; a letter is the error in ERRORS."""
import copy
import pickle
import warnings
from dataclasses import dataclass, replace
from itertools import islice, product

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import emlit
from emlit import (Categorical, Chunks, Degenerate, Expectation, Family, Mixture, MixtureModel, Normal, Poisson, Prior, Stats, aic, bic, bootstrap,
                   bootstrap_lrt, canonical, elbo, em, fit, icl, impute, incremental_em, match, multistart, online_em, permute,
                   q_function, regress, select, standard_errors, starts)
from emlit.mixture import frozen_names
from emlit.inference import suspicions
from laplace import Laplace
from linkage import Linkage

matplotlib.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore:.*(converge|approximation|grid)")

TABLE = """
                    Laplace  Categorical  own-simplex  point-mass  Student-t  regressions  HMM  Linkage
fit                    .          .            .           .           .           .        .      .
accelerate             .          .            .           .           .           .        .      a
sample_weight          .          .            .           .           .           .        .      W
labels                 .          .            .           .           .           .        L      L
missing                E          .            E           E           E           S        M      M
dtype                  .          .            .           .           .           .        D      D
engine                 .          .            .           .           .           .        G      G
freeze                 .          .            .           .           .           .        .      f
prior-weights          .          .            .           .           .           .        w      B
prior-of-family        P          .            P           .           P           P        .      B
em                     .          .            .           .           .           .        .      .
chunks                 .          .            .           .           .           .        .      .
incremental_em         .          .            .           .           .           .        .      +
online_em              .          .            .           .           .           .        .      +
n_parameters           .          .            .           .           .           .        .      n
errors-louis           .          .            .           .           .           .        X      X
errors-oakes           .          .            .           .           .           .        X      X
errors-map             .          .            .           .           .           .        .      .
rate                   .          .            .           .           .           .        .      .
permute                .          .            .           .           .           .        X      X
canonical              .          .            .           .           .           .        X      X
match                  .          .            .           .           .           .        X      X
bootstrap              .          .            .           .           .           s        .      s
bootstrap-of-rows      .          .            .           .           .           .        .      W
bootstrap_lrt          .          .            .           F           .           s        X      X
start                  .          .            .           .           .           .        K      K
multistart             .          .            .           Z           .           .        K      K
suspicions             .          .            .           .           .           .        X      X
aic                    .          .            .           .           .           .        .      n
bic                    .          .            .           .           .           .        .      n
icl                    .          .            .           .           .           .        R      R
sample                 .          .            .           .           .           s        .      A
impute                 .          .            O           .           .           S        A      A
marginal               O          .            O           O           O           O        A      A
conditional            C          .            O           C           C           S        A      A
regress                C          N            O           C           C           S        A      A
bound                  .          .            .           .           .           .        J      J
MixtureModel           .          .            .           .           .           .        K      K
select                 .          .            .           z           .           .        K      K
plot_density           .          V            V           .           .           V        A      A
plot_path              .          .            .           .           .           .        .      .
pickle                 .          .            .           .           .           .        .      .
"""
COLUMNS, *LINES = TABLE.strip().splitlines()
CELLS = [(line.split()[0], column, cell) for line in LINES for column, cell in zip(COLUMNS.split(), line.split()[1:])]

ERRORS = { # letter: words of a TypeError or ValueError
    "W": "unexpected keyword argument 'sample_weight'", "L": "unexpected keyword argument 'labels'",
    "M": "unexpected keyword argument 'missing'", "D": "unexpected keyword argument 'dtype'", "G": "unexpected keyword argument 'engine'",
    "a": "accelerate needs an E-step that returns", "f": "unexpected keyword argument 'freeze'", "E": "does not read missing values|does not define marginal", "O": r"does not define marginal\(columns\)",
    "S": r"must say the shape of one observation.*event_shape = \(\) or \(d,\)", "s": r"(must have|must define) sample\(rng, n\)",
    "w": "weights bears on those of a Mixture", "B": r"needs a model with blocks\(\)", "P": "a family of your own names it in `priors`",
    "+": "must return what adds up", "n": "must have n_parameters, or n_parameters be given", "X": "must be a Mixture", "F": "of one and the same family",
    "R": r"responsibilities\(x\)", "C": "x must have columns", "N": "has no means to fill in", "J": "log_joint", "K": "family must be a name such as|a class of Family",
    "V": "1-D observations", "Z": "impossible under PointMass", "z": "one value for each of the 2 families", "A": "has no|must be a Mixture"}


# the families and models

@dataclass(frozen=True, eq=False)
class Faces(Family):
    "Ten throws of a die of one's own."
    p: np.ndarray
    constraints = {"p": "simplex"}
    def log_prob(self, x): return np.asarray(x, float) @ np.log(self.p).T + stats.multinomial.logpmf(x, 10, [1 / 3] * 3)[:, None] + 10 * np.log(3)
    def statistics(self, x, r): return Stats(r.sum(0), r.T @ x)
    def maximise(self, stats, freeze=(), prior=None): return self if "p" in freeze else Faces(stats.total / stats.total.sum(1, keepdims=True))
    def sample(self, rng, n): return rng.multinomial(10, self.p, (n, len(self.p)))

@dataclass(frozen=True, eq=False)
class PointMass(Family):
    at: np.ndarray
    constants = ("at",)
    discrete = True
    n_components = property(lambda self: len(self.at))
    def supports(self, x): return np.isin(x, self.at)
    def log_prob(self, x): return np.where(np.asarray(x)[:, None] == self.at, 0, -np.inf)
    def statistics(self, x, r): return Stats(r.sum(0), np.zeros(len(self.at)))
    def maximise(self, stats, freeze=(), prior=None): return self
    def sample(self, rng, n): return np.tile(self.at, (n, 1))

@dataclass(frozen=True, eq=False)
class StudentT(Family):
    "Normal with a hidden scale for each observation."
    mean: np.ndarray
    scale: np.ndarray
    df: float = 3.0
    constants, hidden = ("df",), True
    constraints = {"mean": "real", "scale": "positive"}
    def log_prob(self, x): return stats.t.logpdf(self.check(x)[:, None], self.df, self.mean, self.scale)
    def statistics(self, x, r):
        u = r * (self.df + 1) / (self.df + ((x[:, None] - self.mean) / self.scale)**2)
        return Stats(r.sum(0), np.stack([u.sum(0), u.T @ x, u.T @ x**2], -1))
    def maximise(self, stats, freeze=(), prior=None):
        u, a, b = stats.total.T
        mean = self.mean if "mean" in freeze else a / u
        square = (b - 2 * mean * a + mean**2 * u) / stats.weight
        if not np.all(square > 1e-9): raise Degenerate("a component has collapsed")
        return replace(self, mean=mean, scale=self.scale if "scale" in freeze else np.sqrt(square))
    def sample(self, rng, n): return self.mean + self.scale * rng.standard_t(self.df, (n, len(self.mean)))

@dataclass(frozen=True, eq=False)
class Line(Family):
    "A regression of y on t: rows of x are (t, y), and nobody says how t comes about."
    slope: np.ndarray
    level: np.ndarray
    sd: np.ndarray
    def log_prob(self, x): return stats.norm.logpdf(x[:, 1:], self.level + self.slope * x[:, :1], self.sd)
    def statistics(self, x, r):
        t, y = x.T
        return Stats(r.sum(0), r.T @ np.stack([t, y, t * t, t * y, y * y], -1))
    def maximise(self, stats, freeze=(), prior=None):
        t, y, tt, ty, yy = stats.total.T / stats.weight
        slope = self.slope if "slope" in freeze else (ty - t * y) / (tt - t * t)
        return Line(slope, y - slope * t, np.sqrt(yy - y * y - 2 * slope * (ty - t * y) + slope**2 * (tt - t * t)))

@dataclass(frozen=True)
class HMM:
    "A hidden Markov model of three families; rows of x are sequences of five numbers."
    initial: Family
    transitions: Family
    emissions: Family
    def blocks(self): return vars(self).copy()
    def parameters(self): return {f"{b}.{n}": v for b, block in self.blocks().items() for n, v in block.parameters().items()}
    def replace(self, changes):
        return HMM(*(block.replace({n.split(".")[1]: v for n, v in changes.items() if n.startswith(f"{b}.")}) for b, block in self.blocks().items()))
    @property
    def n_parameters(self): return sum(block.n_parameters for block in self.blocks().values())
    def e_step(self, x, sample_weight=None):
        x, w = np.asarray(x, float), np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, float)
        f, A = np.exp(self.emissions.log_prob(x.ravel())).reshape(*x.shape, -1), self.transitions.p
        a, b = [self.initial.p * f[:, 0]], [np.ones_like(f[:, 0])]
        for t in range(1, x.shape[1]): a.append(a[-1] @ A * f[:, t])
        for t in range(x.shape[1] - 1, 0, -1): b.insert(0, (f[:, t] * b[0]) @ A.T)
        p, a, b = a[-1].sum(1), np.stack(a, 1), np.stack(b, 1)
        each = (w / p)[:, None, None]
        states, moves = each * a * b, np.einsum("nti,ij,ntj->ij", each * a[:, :-1], A, f[:, 1:] * b[:, 1:])
        return Expectation(float(w @ np.log(p)), (Stats(np.array([w.sum()]), states[:, 0].sum(0)[None]), Stats(moves.sum(1), moves),
                                                  self.emissions.statistics(x.ravel(), states.reshape(-1, states.shape[-1]))))
    def m_step(self, expectation, freeze=(), prior=None):
        full = frozen_names(self, freeze)
        frozen = [[n.split(".")[1] for n in full if n.startswith(f"{b}.")] for b in self.blocks()]
        found = expectation.stats if prior is None else prior.add(self, expectation.stats, frozen)
        return HMM(*(block.maximise(s, freeze=names) for block, s, names in zip(self.blocks().values(), found, frozen)))
    def sample(self, rng, n):
        z, x = rng.choice(2, n, p=self.initial.p[0]), []
        for _ in range(5):
            x.append(self.emissions.sample(rng, n)[np.arange(n), z])
            z = (rng.random(n) >= self.transitions.p[z, 0]).astype(int)
        return np.stack(x, 1)


# what is right, by SciPy and brute force

def log_sum(a): return np.logaddexp.reduce(a, axis=1)
def log_weights(m): return np.log(m.weights)

def joint_categorical(m, x): # NaN: not seen
    out = np.tile(log_weights(m), (len(x), 1))
    for table, column in zip(m.components[0].p, x.T):
        seen = ~np.isnan(column)
        out[seen] += np.log(table.T[column[seen].astype(int)])
    return out

def joint_point(m, x):
    with np.errstate(divide="ignore"):
        return np.stack([np.log(m.weights[0] * (x == 0)), np.log(m.weights[1]) + stats.poisson.logpmf(x, m.components[1].rate[0])], 1)

def ell_hmm(m, x): # over all paths
    pi, A, f = m.initial.p[0], m.transitions.p, stats.norm.pdf(x[..., None], m.emissions.mean, m.emissions.std)
    paths = product(range(2), repeat=5)
    return np.log(sum(pi[z[0]] * np.prod([A[i, j] for i, j in zip(z, z[1:])]) * f[:, range(5), z].prod(1) for z in paths))

@dataclass
class Case:
    begin: object
    x: np.ndarray
    simplexes: tuple         # names of parameters whose rows sum to 1
    size: int                # free parameters, counted by hand
    freeze: str
    joint: object = None     # (model, x) → (n, K)
    each: object = None      # (model, x) → (n,), of a model that is no mixture
    z: np.ndarray = None     # the components that made x
    mean: object = None      # model → E[x]
    prior: object = None     # a Prior for the family, and its log density
    order: tuple = (1, 0)

    def rows(self, m, x): return log_sum(self.joint(m, x)) if self.each is None else self.each(m, x)
    def ell(self, m): return self.rows(m, self.x).sum()
    @property
    def template(self): return self.begin.components

def mixture(truth, begin, n, joint, simplexes, size, freeze, seed=1, x=None, **more):
    x, z = truth.sample(np.random.default_rng(seed), n) if x is None else x
    return Case(begin, x, ("weights", *simplexes), size, freeze, joint, z=z, **more)

def lines():
    g, z = np.random.default_rng(3), np.repeat([0, 1], 100)
    t = g.uniform(-2, 2, 200)
    return np.stack([t, np.where(z == 0, 2 * t + 4, -t - 3) + g.normal(0, [.8, 1.2], (200, 2))[np.arange(200), z]], 1), z

tables = [np.array(t) for t in ([[.7, .2, .1], [.1, .2, .7]], [[.9, .1], [.2, .8]], [[.8, .2], [.3, .7]])]
begin_tables = [np.array(t) for t in ([[.6, .2, .2], [.2, .2, .6]], [[.8, .2], [.4, .6]], [[.7, .3], [.4, .6]])]
chain = HMM(Categorical([[.4, .6]]), Categorical([[.8, .2], [.3, .7]]), Normal([0., 3], [1., .8]))
CASES = {
    "Laplace": mixture(Mixture([.4, .6], Laplace(np.array([0., 4]), np.array([1., .5]))), Mixture([.5, .5], Laplace(np.array([0., 4]), np.array([2., 2]))), 200,
        lambda m, x: log_weights(m) + stats.laplace.logpdf(x[:, None], [0, 4][::1 if m.components[0].centre[0] == 0 else -1], m.components[0].scale), (), 3, "scale",
        mean=lambda m: m.weights @ m.components[0].centre, prior=(Prior(gamma=(2, 1)), None)),
    "Categorical": mixture(Mixture([.4, .6], Categorical(tables)), Mixture([.5, .5], Categorical(begin_tables)), 500, joint_categorical, (), 9, "p",
        mean=lambda m: np.array([m.weights @ t @ np.arange(t.shape[1]) for t in m.components[0].p]),
        prior=(Prior(dirichlet=3), lambda m: sum(stats.dirichlet.logpdf(row, [3] * len(row)) for t in m.components[0].p for row in t))),
    "own-simplex": mixture(Mixture([.4, .6], Faces(np.array([[.6, .3, .1], [.2, .3, .5]]))), Mixture([.5, .5], Faces(np.array([[.5, .3, .2], [.3, .3, .4]]))), 150,
        lambda m, x: log_weights(m) + np.stack([stats.multinomial.logpmf(x, 10, p / p.sum()) for p in m.components[0].p], 1), ("components[0].p",), 5, "p",
        mean=lambda m: 10 * m.weights @ m.components[0].p, prior=(Prior(dirichlet=2), None)),
    "point-mass": mixture(Mixture([.3, .7], [PointMass(np.array([0.])), Poisson([2.])]), Mixture([.5, .5], [PointMass(np.array([0.])), Poisson([1.])]), 150,
        joint_point, (), 2, "rate", order=(0, 1), mean=lambda m: m.weights[1] * m.components[1].rate[0],
        prior=(Prior(gamma=(3, 1)), lambda m: stats.gamma.logpdf(m.components[1].rate[0], 3))),
    "Student-t": mixture(Mixture([.4, .6], StudentT(np.array([0., 6]), np.array([1., .8]))), Mixture([.5, .5], StudentT(np.array([-1., 7]), np.array([1., 1]))), 250,
        lambda m, x: log_weights(m) + stats.t.logpdf(x[:, None], 3, m.components[0].mean, m.components[0].scale), (), 5, "mean",
        mean=lambda m: m.weights @ m.components[0].mean, prior=(Prior(normal=(0, 1)), None)),
    "regressions": mixture(None, Mixture([.5, .5], Line(np.array([1., -1]), np.array([3., -2]), np.array([1., 1]))), 0,
        lambda m, x: log_weights(m) + stats.norm.logpdf(x[:, 1:], m.components[0].level + m.components[0].slope * x[:, :1], m.components[0].sd), (), 7, "slope",
        x=lines(), prior=(Prior(normal=(0, 1)), None)),
    "HMM": Case(HMM(Categorical([[.5, .5]]), Categorical([[.6, .4], [.4, .6]]), Normal([-1., 4], [1., 1])), chain.sample(np.random.default_rng(2), 100),
        ("initial.p", "transitions.p"), 7, "mean", each=ell_hmm, mean=lambda m: np.einsum("i,tij,j->t", m.initial.p[0], np.stack([np.linalg.matrix_power(m.transitions.p, t) for t in range(5)]), m.emissions.mean),
        prior=(Prior(dirichlet=3), lambda m: sum(stats.dirichlet.logpdf(row, [3, 3]) for row in [*m.initial.p, *m.transitions.p]))),
    "Linkage": Case(Linkage(.5), np.array([125, 18, 20, 34]), (), 1, "theta", prior=(Prior(beta=(2, 2)), None),
        each=lambda m, x: x * np.log(np.array([2 + m.theta, 1 - m.theta, 1 - m.theta, m.theta]) / 4))}
fits = {}

def best(c):
    "The fit of a case, made once."
    if id(c) not in fits: fits[id(c)] = fit(c.begin, c.x, tol=1e-13, max_iter=5000)
    return fits[id(c)]

def numbers(m): return np.concatenate([np.ravel(v) for v in m.parameters().values()])

def nudged(c, m, rng, size=.02):
    "A model nearby."
    def near(name, v):
        tables = np.split(v, [3, 5], axis=1) if name == "components[0].p" and np.shape(v)[-1] == 7 else [v]
        if name in c.simplexes or len(tables) > 1: moved = [t * np.exp(size * rng.normal(size=np.shape(t))) for t in tables]
        else: return v + size * np.abs(v) * rng.normal(size=np.shape(v))
        return np.concatenate([t / t.sum(-1, keepdims=True) for t in moved], axis=-1)
    return m.replace({n: near(n, v) if np.ndim(v) else float(near(n, v)) for n, v in m.parameters().items()})

def is_maximum(c, m, climbed, slack=1e-9):
    "No model nearby is better."
    rng, top = np.random.default_rng(0), climbed(m)
    for size in (.02, .001): assert all(climbed(nudged(c, m, rng, size)) <= top + slack for _ in range(20))

def information(c, names, m):
    "−∂²ℓ in the named numbers, by central differences; the last number of a row that sums to 1 follows."
    values = {n: np.array(v, float) for n, v in m.parameters().items()}
    flat = [f"{n}[{', '.join(map(str, i))}]" if i else n for n, v in values.items() for i in np.ndindex(v.shape)]
    at, theta = [flat.index(n) for n in names], np.concatenate([v.ravel() for v in values.values()])
    def ell(change):
        new = theta.copy()
        new[at] += change
        parts = {n: p.reshape(values[n].shape) for n, p in zip(values, np.split(new, np.cumsum([v.size for v in values.values()])[:-1]))}
        for n, p in parts.items():
            for part in (np.split(p, [3, 5], axis=1) if n == "components[0].p" and p.shape[-1] == 7 else [p] if n in c.simplexes else []): part[..., -1] = 1 - part[..., :-1].sum(-1)
        return c.ell(m.replace({n: p if p.ndim else float(p) for n, p in parts.items()}))
    step, eye = 3e-4 * np.maximum(np.abs(theta[at]), .1), np.eye(len(at))
    second = lambda i, j: sum(s * t * ell(s * step[i] * eye[i] + t * step[j] * eye[j]) for s in (1, -1) for t in (1, -1)) / (4 * step[i] * step[j])
    return -np.array([[second(i, j) for j in range(len(at))] for i in range(len(at))])


# the rows of the table

CHECKS = {}

def row(name):
    "Register the check of a row."
    def keep(f): CHECKS[name] = f; return f
    return keep

@row("fit")
def _(c):
    t = best(c)
    assert t.converged
    assert_allclose(t.loglik, c.ell(t.model), rtol=1e-10)
    is_maximum(c, t.model, c.ell)

@row("accelerate")
def _(c):
    for how in ("squarem", "anderson", "auto"): assert_allclose(fit(c.begin, c.x, accelerate=how, tol=1e-10).loglik, best(c).loglik, atol=1e-6)

@row("sample_weight")
def _(c):
    times = np.random.default_rng(4).integers(0, 3, len(c.x))
    few, many = fit(c.begin, c.x, sample_weight=times, tol=1e-12), fit(c.begin, np.repeat(c.x, times, axis=0), tol=1e-12)
    assert_allclose(numbers(few.model), numbers(many.model), rtol=1e-5)

@row("labels")
def _(c):
    m = fit(c.begin, c.x, labels=np.zeros(len(c.x), int) if c.z is None else c.z, tol=1e-12).model
    assert_allclose(m.weights, np.bincount(c.z) / len(c.z))
    is_maximum(c, m, lambda m: c.joint(m, c.x)[np.arange(len(c.x)), c.z].sum(), 1e-7)

@row("missing")
def _(c):
    x = np.where(np.random.default_rng(5).random(c.x.shape) < .1, np.nan, c.x)
    t = fit(c.begin, x, missing="em", tol=1e-12)
    assert_allclose(t.loglik, c.rows(t.model, x).sum())
    is_maximum(c, t.model, lambda m: c.rows(m, x).sum())

@row("dtype")
def _(c): assert_allclose(fit(c.begin, c.x, dtype="float32").loglik, best(c).loglik, rtol=1e-4)

@row("engine")
def _(c): assert_allclose(fit(c.begin, c.x, engine="numpy", tol=1e-12).loglik, best(c).loglik, rtol=1e-9)

@row("freeze")
def _(c):
    m = fit(c.begin, c.x, freeze=c.freeze).model
    held = [n for n in m.parameters() if n.split(".")[-1] == c.freeze]
    for n in held: assert_array_equal(m.parameters()[n], c.begin.parameters()[n])
    assert held and c.ell(c.begin) < c.ell(m) < c.ell(best(c).model)

@row("prior-weights")
def _(c):
    m = fit(c.begin, c.x, prior=Prior(weights=3), tol=1e-13).model
    is_maximum(c, m, lambda m: c.ell(m) + stats.dirichlet.logpdf(m.weights, [3] * len(m.weights)))

@row("prior-of-family")
def _(c):
    prior, log_prior = c.prior
    is_maximum(c, fit(c.begin, c.x, prior=prior, tol=1e-13).model, lambda m: c.ell(m) + log_prior(m))

@row("em")
def _(c):
    steps = list(islice(em(c.begin, c.x), 6))
    assert_allclose([s.loglik for s in steps], [c.ell(s.model) for s in steps])
    assert np.all(np.diff([s.loglik for s in steps]) > 0)

def parts(c): return Chunks([c.x]) if len(c.x) == 4 else Chunks([c.x[:len(c.x) // 2], c.x[len(c.x) // 2:]])

@row("chunks")
def _(c): assert_allclose(fit(c.begin, parts(c), tol=1e-12).loglik, best(c).loglik, rtol=1e-9)

@row("incremental_em")
def _(c):
    *_, last = islice(incremental_em(c.begin, parts(c)), 200)
    assert_allclose(c.ell(last.model), best(c).loglik, atol=1e-3)

@row("online_em")
def _(c):
    rng = np.random.default_rng(6)
    *_, last = online_em(c.begin, parts(c) if len(c.x) == 4 else (c.x[rng.integers(len(c.x), size=len(c.x) // 2)] for _ in range(60)))
    assert best(c).loglik - .02 * len(c.x) < c.ell(last.model) <= best(c).loglik + 1e-6

@row("n_parameters")
def _(c):
    if not hasattr(c.begin, "n_parameters"): bic(c.begin, c.x)
    assert c.begin.n_parameters == c.size

def errors(c, method):
    e, m = standard_errors(best(c), c.x, method=method), best(c).model
    assert len(e.names) == c.size and not e.notes
    assert_allclose(e.errors, np.sqrt(np.diag(np.linalg.inv(information(c, e.names, m)))), rtol=2e-3)

@row("errors-louis")
def _(c): errors(c, "louis")

@row("errors-oakes")
def _(c): errors(c, "oakes")

@row("errors-map")
def _(c): errors(c, "map")

@row("rate")
def _(c):
    "The rate that EM shows, from a model near the maximum."
    models = [s.model for s in islice(em(nudged(c, best(c).model, np.random.default_rng(8), 1e-3), c.x), 300)]
    moved = np.array([np.linalg.norm(numbers(b) - numbers(a)) for a, b in zip(models, models[1:])])
    last = np.flatnonzero(moved > 1e-10)[-1]
    assert_allclose(standard_errors(best(c), c.x).rate, moved[last] / moved[last - 1], atol=.01)

@row("permute")
def _(c):
    m = best(c).model
    turned = permute(m, c.order)
    assert_allclose(turned.log_joint(c.x), m.log_joint(c.x)[:, c.order], rtol=1e-13)
    assert_allclose(c.joint(turned, c.x), c.joint(m, c.x)[:, c.order], rtol=1e-13)

@row("canonical")
def _(c):
    m, turned = canonical(best(c)), canonical(permute(best(c), c.order))
    assert_array_equal(numbers(m), numbers(turned))
    assert_allclose(c.ell(m), best(c).loglik)

@row("match")
def _(c):
    m = best(c).model
    other = nudged(c, permute(m, c.order), np.random.default_rng(7), .05)
    assert_array_equal(match(m, other), c.order)
    assert_array_equal(match(m, other, c.x), c.order)

def spread(c, parametric):
    found, e = bootstrap(best(c), c.x, 30, np.random.default_rng(9), parametric=parametric, tol=1e-6), standard_errors(best(c), c.x)
    ratios = found.errors[[found.names.index(n) for n in e.names]] / e.errors
    assert np.all((ratios > .5) & (ratios < 2))

@row("bootstrap")
def _(c): spread(c, True)

@row("bootstrap-of-rows")
def _(c): spread(c, False)

@row("bootstrap_lrt")
def _(c):
    one = fit(Mixture([1.], c.begin.components[-1].select([0])), c.x) if isinstance(c.begin, Mixture) else c.begin
    assert bootstrap_lrt(one, best(c), c.x, 9, np.random.default_rng(1), n_starts=1).p_value == .1

@row("start")
def _(c):
    begun = starts.start(getattr(c.begin, "components", c.begin), c.x, c.z if c.z is not None else np.zeros(len(c.x), int))
    assert_allclose(begun.weights, np.bincount(c.z) / len(c.z))
    assert_allclose(fit(begun, c.x, tol=1e-12).loglik, best(c).loglik, atol=1e-6)

@row("multistart")
def _(c): assert multistart(getattr(c.begin, "components", c.begin), c.x, 2, n_starts=6, rng=np.random.default_rng(0)).best.loglik > best(c).loglik - 1e-4

@row("suspicions")
def _(c): assert suspicions(best(c), c.x) == ()

@row("aic")
def _(c): assert_allclose(aic(best(c).model, c.x), -2 * c.ell(best(c).model) + 2 * c.size)

@row("bic")
def _(c): assert_allclose(bic(best(c).model, c.x), -2 * c.ell(best(c).model) + np.log(len(c.x)) * c.size)

@row("icl")
def _(c):
    found, a = icl(best(c).model, c.x), c.joint(best(c).model, c.x)
    r = np.exp(a - log_sum(a)[:, None])
    assert_allclose(found, bic(best(c).model, c.x) - 2 * np.sum(r[r > 0] * np.log(r[r > 0])))

@row("sample")
def _(c):
    drawn = best(c).model.sample(np.random.default_rng(2), 20_000) if hasattr(c.begin, "sample") else refuse("sample")
    x = drawn[0] if isinstance(drawn, tuple) else drawn
    assert np.all(np.abs(x.mean(0) - c.mean(best(c).model)) < 4 * x.std(0) / 20_000**.5)

def refuse(name): raise TypeError(f"the model has no {name}") # what Python says by an AttributeError: there is nothing to call

@row("impute")
def _(c):
    if c.x.ndim == 1: # nothing else is known of the row: draws from the mixture
        drawn = impute(best(c).model, np.full(5000, np.nan), np.random.default_rng(0))
        return assert_allclose(drawn.mean(), c.mean(best(c).model), atol=4 * drawn.std() / 5000**.5)
    x = np.tile(np.where(np.arange(c.x[0].size) == 1, np.nan, c.x.reshape(len(c.x), -1)[0]), (3000, 1))
    found = impute(best(c).model, x if c.x.ndim == 2 else x[:, 0], np.random.default_rng(0))
    p = np.exp([c.rows(best(c).model, np.array([[x[0, 0], v, x[0, 2]]]))[0] for v in range(2)])
    assert_allclose(found[:, 1].mean(), p[1] / p.sum(), atol=.04)
    assert_array_equal(found[:, [0, 2]], x[:, [0, 2]])

def method(c, name): return getattr(best(c).model, name, None) or refuse(name)

@row("marginal")
def _(c):
    part = method(c, "marginal")([0, 2])
    whole = sum(np.exp(c.rows(best(c).model, np.array([[1, v, 0]]))) for v in range(2))
    assert_allclose(part.log_prob([[1, 0]]), np.log(whole))

@row("conditional")
def _(c):
    rest = method(c, "conditional")([1], [1])
    p = np.array([np.exp(c.rows(best(c).model, np.array([[a, 1, b]]))[0]) for a, b in product(range(3), range(2))])
    assert_allclose(np.exp(rest.log_prob(np.array(list(product(range(3), range(2)))))), p / p.sum())

@row("regress")
def _(c): regress(best(c).model, c.x.reshape(len(c.x), -1)[:, [0]], [0])

@row("bound")
def _(c):
    m, a = best(c).model, None if c.joint is None else c.joint(best(c).model, c.x)
    q = np.full((len(c.x), 2), .5) if a is None else np.exp(a - log_sum(a)[:, None])
    assert_allclose(elbo(m, c.x, q), c.ell(m))
    assert_allclose(q_function(m, c.x, q), np.sum(q[q > 0] * a[q > 0]))

@row("MixtureModel")
def _(c):
    model = MixtureModel(list(c.begin.components) if isinstance(c.begin, Mixture) else c.begin, n_init=5, random_state=0).fit(c.x.reshape(len(c.x), -1))
    assert_allclose(c.ell(model.model_), best(c).loglik, atol=1e-4)

@row("select")
def _(c):
    kinds = list(c.begin.components) if isinstance(c.begin, Mixture) else c.begin
    found = select(c.x.reshape(len(c.x), -1), [2], estimator=MixtureModel(kinds, n_init=5, random_state=0), n_jobs=1, progress=False)
    assert_allclose(found.table[0]["bic"], -2 * best(c).loglik + np.log(len(c.x)) * c.size, atol=1e-3)

@row("plot_density")
def _(c):
    ax = emlit.plots.plot_density(best(c).model, c.x)
    assert ax.lines or ax.collections

@row("plot_path")
def _(c):
    assert emlit.plots.plot_loglik(best(c)).lines and emlit.plots.plot_path(best(c), list(best(c).model.parameters())[-1]).lines
    matplotlib.pyplot.close("all")

@row("pickle")
def _(c):
    for again in (pickle.loads(pickle.dumps(best(c).model)), copy.deepcopy(best(c).model)):
        assert_array_equal(numbers(again), numbers(best(c).model))
        assert_allclose(c.ell(again), best(c).loglik)


def test_the_table_names_every_check(): assert list(CHECKS) == [line.split()[0] for line in LINES]

@pytest.mark.parametrize("what, name, cell", CELLS, ids=[f"{what}-{name}" for what, name, _ in CELLS])
@pytest.mark.slow
def test_cell(what, name, cell):
    if cell == ".": return CHECKS[what](CASES[name])
    with pytest.raises((TypeError, ValueError), match=ERRORS[cell]): CHECKS[what](CASES[name])


# what is not declared

def told(f, *arguments, **options):
    "The result, and the notes that came with it."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return f(*arguments, **options), [str(w.message) for w in caught]

class Undeclared(Faces): constraints = {}

def test_a_simplex_that_is_not_declared_is_seen():
    "The errors of shares are sqrt(p (1 − p) / 10 n), whether the family says that they sum to 1 or not."
    x = CASES["own-simplex"].x
    p = x.sum(0) / x.sum()
    for kind, size in ((Faces, 2), (Undeclared, 3)):
        m = Mixture([1.], kind(p[None]))
        for method in ("louis", "map"):
            e, notes = told(standard_errors, m, x, method=method)
            assert_allclose(e.by_name["components[0].p"], np.sqrt(p * (1 - p) / x.sum())[None], rtol=1e-5)
            assert m.n_parameters == size and [('constraints = {"p": "simplex"}' in n) for n in notes] == [True] * (size == 3)

class FreeRows(Faces):
    constraints = {"p": "real"}
    def maximise(self, stats, freeze=(), prior=None): return FreeRows(stats.total / stats.total.sum(1, keepdims=True))

def test_numbers_that_are_declared_free_are_moved_one_by_one():
    m = Mixture([1.], FreeRows(CASES["own-simplex"].x.sum(0)[None] / CASES["own-simplex"].x.sum()))
    e, notes = told(standard_errors, m, CASES["own-simplex"].x, method="louis")
    assert len(e.names) == 3 and "not at a maximum" in notes[0] # as the numbers could grow for ever

class Bare(StudentT): hidden, constraints = False, {}

def test_hidden_variables_are_noticed():
    c = CASES["Student-t"]
    m = best(c).model
    bare = m.components[0]
    bare = Mixture(m.weights, Bare(bare.mean, bare.scale))
    right = standard_errors(best(c), c.x)
    for method in ("louis", "oakes"):
        e, notes = told(standard_errors, bare, c.x, method=method)
        assert_allclose([e.rate, *e.errors], [right.rate, *right.errors], rtol=1e-6)
        assert len(notes) == 1 and "hidden = True" in notes[0]

@dataclass(frozen=True)
class Chain:
    "The same hidden Markov model, without `blocks`; its kind says how the table of transitions is kept."
    hmm: HMM
    kind: str = "rows"
    def parameters(self):
        p = self.hmm.parameters()
        return p | {"transitions.p": p["transitions.p"].T} if self.kind == "columns" else p
    def replace(self, changes):
        table = changes.get("transitions.p", self.hmm.transitions.p)
        return Chain(self.hmm.replace({**changes, "transitions.p": np.transpose(table) if self.kind == "columns" and "transitions.p" in changes else table}), self.kind)
    def e_step(self, x): return self.hmm.e_step(x)
    def m_step(self, e, freeze=()): return Chain(self.hmm.m_step(e, freeze), self.kind)

class Declared(Chain): constraints = {"initial.p": "simplex", "transitions.p": "simplex"}

def test_a_model_without_blocks():
    c = CASES["HMM"]
    right = standard_errors(best(c), c.x)
    for kind, n in ((Chain, 2), (Declared, 0)):
        e, notes = told(standard_errors, kind(best(c).model), c.x)
        assert_allclose(e.errors, right.errors, rtol=1e-4)
        assert len(notes) == n and all("seems to be constrained" in note for note in notes)

def test_what_is_held_by_nothing_declared_is_held_still_and_told():
    "A table whose columns sum to 1 refuses each number alone: that is no saddle."
    c = CASES["HMM"]
    e, notes = told(standard_errors, Chain(best(c).model, "columns"), c.x)
    assert not any("no maximum" in n for n in notes) and not [n for n in e.names if "transitions" in n]
    assert any("cannot change one by one" in n and "transitions.p[0, 1]" in n and "constraints" in n for n in notes)
    assert np.isfinite(e.errors).all()

@dataclass(frozen=True, eq=False)
class Bell(Family):
    mean: np.ndarray
    cov: np.ndarray
    def log_prob(self, x): return np.stack([stats.multivariate_normal.logpdf(x, m, S) for m, S in zip(self.mean, self.cov)], 1)
    def statistics(self, x, r): return emlit.MultivariateNormal(self.mean, self.cov).statistics(x, r)
    def maximise(self, stats, freeze=(), prior=None):
        m = emlit.MultivariateNormal(self.mean, self.cov).maximise(stats)
        return type(self)(m.mean, m.cov)

class DeclaredBell(Bell): constraints = {"mean": "real", "cov": "covariance"}

def test_covariances_of_ones_own():
    x = np.random.default_rng(0).normal(size=(60, 2)) @ [[1, .5], [0, 2]]
    ours = emlit.MultivariateNormal(x.mean(0)[None], np.cov(x.T, bias=True)[None])
    right = standard_errors(Mixture([1.], ours), x)
    for kind, size, n in ((Bell, 6, 1), (DeclaredBell, 5, 0)):
        m = Mixture([1.], kind(ours.mean, ours.cov))
        e, notes = told(standard_errors, m, x)
        assert_allclose(e.errors, right.errors, rtol=1e-5)
        assert e.names == right.names and m.n_parameters == size and len(notes) == n

def test_declarations_are_read():
    class Typo(Laplace): constraints = {"scael": "positive"}
    class Kind(Laplace): constraints = {"scale": "above 0"}
    for kind, words in ((Typo, "constraints must name parameters of Typo"), (Kind, "constraints must be one of real, positive")):
        with pytest.raises(ValueError, match=words): kind(np.zeros(2), np.ones(2)).n_parameters


# constants: one for each component, or one for all

@dataclass(frozen=True, eq=False)
class Steps(Family):
    "A density on a grid that all components share: as many steps as components, by chance."
    edges: np.ndarray
    height: np.ndarray
    constants = ("edges",)
    def log_prob(self, x): return np.log(self.height[:, np.searchsorted(self.edges, x, side="right") - 1].T)
    def sample(self, rng, n): return np.stack([rng.choice(self.edges, n, p=h) + .5 for h in self.height], 1)

class SharedSteps(Steps): shared = ("edges",)

def test_constants_that_all_share_stay():
    edges, height = np.array([0., 1, 2]), np.array([[.7, .2, .1], [.1, .8, .1], [.3, .3, .4]])
    x, w = np.array([.5, 1.5, 2.5]), [.2, .3, .5]
    with pytest.raises(TypeError, match="Steps must say which fields all components share"): permute(Mixture(w, Steps(edges, height)), [2, 0, 1])
    with pytest.raises(TypeError, match="shared"): match(*[Mixture(w, Steps(edges, height))] * 2)
    m = Mixture(w, SharedSteps(edges, height))
    assert_allclose(permute(m, [2, 0, 1]).log_prob(x), m.log_prob(x))
    assert_array_equal(match(m, permute(m, [2, 0, 1])), [1, 2, 0])

@pytest.mark.parametrize("block", [
    Normal([[0., 1], [2, 3]], np.ones((2, 2)), floor=[1e-3, 1e-9]), emlit.Binomial([2, 3], [[.1, .2], [.3, .4]]),
    emlit.MultivariateNormal([[0., 1], [2, 3]], [1., 2], "tied_diag", floor=[1e-3, 1e-9]), emlit.Uniform([[0., 0], [-1, -1]], [[2., 3], [1, 9]]),
    emlit.MultivariateNormal([[0., 1], [2, 3]], [[1., .5], [.5, 2]], "tied"), emlit.Multinomial(2, [[.1, .9], [.5, .5]]), Categorical(tables)], ids=lambda b: type(b).__name__)
def test_families_in_another_order(block):
    "As many columns as components: what belongs to columns stays."
    x, m = block.sample(np.random.default_rng(0), 5)[:, 0], Mixture([.3, .7], block)
    turned = permute(m, [1, 0])
    assert_allclose(turned.log_joint(x), m.log_joint(x)[:, ::-1])
    assert permute(turned, [1, 0]) == m and x.shape[1:] == block.event_shape
    for name in block.constants:
        if type(block) is not emlit.Uniform: assert_array_equal(getattr(turned.components[0], name), getattr(block, name))

def test_known_constants_tell_components_apart():
    "By their scales alone the two would be exchanged."
    a, b = (Mixture([.5, .5], Laplace(np.array([0., .1]), np.array(s))) for s in ([1., 1.1], [1.1, 1.]))
    assert_array_equal(match(a, b), [0, 1])
    assert_array_equal(match(a, permute(b, [1, 0])), [1, 0])

def test_uniforms_are_matched_by_their_limits():
    m = Mixture([.5, .5], emlit.Uniform([0., 5], [1., 9]))
    assert_array_equal(match(m, permute(m, [1, 0])), [1, 0])


@dataclass(frozen=True, eq=False)
class Doubled(Family):
    "Two Poissons of which one has twice the rate: they cannot change places."
    rate: float
    n_components = 2
    def both(self): return np.array([1, 2]) * self.rate
    def log_prob(self, x): return stats.poisson.logpmf(np.asarray(x)[:, None], self.both())
    def sample(self, rng, n): return rng.poisson(self.both(), (n, 2))

def test_components_that_cannot_change_places_do_not():
    m = Mixture([.3, .7], Doubled(4.))
    with pytest.raises(TypeError, match="select would change the densities"): permute(m, [1, 0])
    assert permute(m, [0, 1]) == m


# the same family twice

def test_one_object_may_be_two_blocks():
    x = np.random.default_rng(0).exponential(1, 50)
    twin = emlit.Exponential([1 / x.mean()])
    e, notes = told(standard_errors, Mixture([.5, .5], [twin, twin]), x)
    assert "singular" in notes[0] and e.names == ("weights[0]", "components[0].rate[0]", "components[1].rate[0]")
