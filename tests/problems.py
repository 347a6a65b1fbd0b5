"""Random problems: a mixture of any families, data for it, weights of the data, and the options of a fit.

Everything follows from one number, the seed. The properties and the fuzz run share them."""
import numpy as np

from emlit import (Bernoulli, Binomial, Categorical, Exponential, Gamma, Geometric, Mixture, Multinomial, MultivariateNormal, Normal, Poisson, Uniform)

STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
COUNTS = "Bernoulli", "Binomial", "Poisson", "Geometric"
UNIVARIATE = *COUNTS, "Exponential", "Gamma", "Uniform", "Normal"
ALONE = *UNIVARIATE, "Categorical", "tables", "Multinomial", *STRUCTURES
SIDE_BY_SIDE = { # families that may read the same numbers
    "mixed counts": ("Poisson", "Binomial", "Geometric", "Bernoulli", "Categorical"),
    "mixed numbers": ("Normal", "Exponential", "Gamma", "Uniform"),
    "mixed tables": ("full", "diag", "spherical", "Normal", "Uniform")}
KINDS = *ALONE, *SIDE_BY_SIDE


def covariance(rng, K, d, structure):
    "Random covariances of that structure, neither round nor flat."
    a = rng.normal(size=(K, d, d + 2))
    full, v = a @ a.swapaxes(1, 2) / d, rng.uniform(.2, 4, (K, d))
    return {"full": full, "tied": full[0], "diag": v, "tied_diag": v[0], "spherical": v[:, 0], "tied_spherical": v[0, 0]}[structure]


def family(kind, rng, K, d, known):
    "K random components; d = 0 is x of shape (n,). `known`: what a model and its rivals have in common."
    shape = (K,) if d == 0 else (K, d)
    def some(low, high): return rng.uniform(low, high, shape)
    if kind in STRUCTURES: return MultivariateNormal(rng.normal(0, 3, (K, d or 2)), covariance(rng, K, d or 2, kind), kind)
    if kind == "Bernoulli": return Bernoulli(some(.05, .95))
    if kind == "Binomial": return Binomial(known["tosses"], some(.05, .95))
    if kind == "Poisson": return Poisson(some(.2, 5))
    if kind == "Geometric": return Geometric(some(.1, .95))
    if kind == "Exponential": return Exponential(some(.2, 3))
    if kind == "Gamma": return Gamma(some(.3, 6), some(.2, 3))
    if kind == "Uniform": return Uniform(known["low"][:K], known["high"][:K])
    if kind == "Normal": return Normal(some(-4, 4), some(.2, 3))
    if kind == "Categorical": return Categorical(rng.dirichlet(np.ones(3), K))
    if kind == "Multinomial": return Multinomial(6, rng.dirichlet(np.ones(3), K))
    return Categorical([rng.dirichlet(np.ones(c), K) for c in range(2, 2 + max(d, 1))])


class Problem:
    """A mixture that may have made the data, and another one as a start.

    `kind`, `K`, `n`, `d` are drawn from the seed where they are not given."""
    def __init__(self, seed, kind=None, n=None, K=None, d=None):
        self.seed, self.rng = seed, np.random.default_rng(seed)
        rng = self.rng
        drawn = rng.integers(len(KINDS)), rng.integers(1, 26), rng.integers(1, 5), rng.choice([0, 0, 1, 2, 3])
        self.kind = KINDS[drawn[0]] if kind is None else kind
        self.n, self.K, self.d = (int(b if a is None else a) for a, b in zip((n, K, d), drawn[1:]))
        if self.kind == "mixed tables": self.d = self.d or 2
        elif self.kind in SIDE_BY_SIDE: self.d = 0
        self._blocks()
        self.truth = self.other()
        self.model = self.truth if rng.random() < .3 else self.other()
        self.x = self.truth.sample(rng, self.n)[0].astype(float)
        self.w = rng.integers(0, 4, self.n)
        self.w[rng.integers(self.n)] = 1 # not all zero

    def _blocks(self):
        "What all rivals share: the kinds of the blocks, their sizes, and known numbers."
        rng, d = self.rng, self.d
        shape = (4,) if d == 0 else (4, d)
        self.known = {"tosses": rng.integers(1, 9, d or ()), "low": -rng.uniform(0, 3, shape), "high": rng.uniform(1, 9, shape)}
        self.known["low"][0], self.known["high"][0] = -3, 9 # one that holds all the others
        if self.kind not in SIDE_BY_SIDE: self.blocks = [(self.kind, self.K)]
        else:
            names = rng.choice(SIDE_BY_SIDE[self.kind], size=rng.integers(2, 4))
            self.blocks = [(str(name), int(rng.integers(1, 3))) for name in names]
            self.K = sum(k for _, k in self.blocks)

    def other(self):
        "Another mixture of the same kind."
        blocks = [family(kind, self.rng, k, self.d, self.known) for kind, k in self.blocks]
        return Mixture(self.rng.dirichlet(np.full(self.K, 2.)), blocks)

    def q(self):
        "A random distribution over the components for each observation, 0 where a component cannot have made it."
        possible = np.isfinite(self.model.log_joint(self.x))
        q = self.rng.random((self.n, self.K)) * possible * (self.rng.random((self.n, self.K)) < .8)
        q = np.where(q.sum(1, keepdims=True) > 0, q, possible)
        return q / q.sum(1, keepdims=True)

    @property
    def normal(self): return all(kind in (*STRUCTURES, "Normal") for kind, _ in self.blocks)

    def __repr__(self): return f"Problem(seed={self.seed}, kind={self.kind!r}, n={self.n}, K={self.K}, d={self.d})"


def moved(f, shift, scale):
    "The same family for scale · x + shift; None where the family has no such relative. Shift and scale: numbers, or one for each column."
    scale = np.asarray(scale, float)
    if isinstance(f, Normal): return Normal(f.mean * scale + shift, f.std * scale)
    if isinstance(f, Uniform): return Uniform(f.low * scale + shift, f.high * scale + shift)
    if isinstance(f, MultivariateNormal):
        if f.structure in ("full", "tied"): s = np.ones(f.mean.shape[1]) * scale; cov = f.cov * s[:, None] * s
        else: cov = f.cov * scale**2
        return MultivariateNormal(f.mean * scale + shift, cov, f.structure)
    if np.any(np.asarray(shift) != 0): return None
    if isinstance(f, Exponential): return Exponential(f.rate / scale)
    if isinstance(f, Gamma): return Gamma(f.shape, f.scale * scale)
    return None


def moved_mixture(model, shift, scale):
    blocks = [moved(b, shift, scale) for b in model.components]
    return None if any(b is None for b in blocks) else Mixture(model.weights, blocks)


def permuted(model, order):
    "The same mixture of one block, with its components in another order."
    block, = model.components
    rows = {name: value if "cov" in name and getattr(block, "structure", "").startswith("tied") else value[order]
            for name, value in block.parameters().items()}
    if isinstance(block, Uniform): return Mixture(model.weights[order], Uniform(block.low[order], block.high[order]))
    return Mixture(model.weights[order], block.replace(rows))
