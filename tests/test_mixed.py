"""What must hold where families of different kinds, with different supports, share one mixture."""
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import emlit.models.parts
from emlit import (Bernoulli, Binomial, Categorical, Degenerate, Exponential, Family, Gamma, Geometric, Mixture, MultivariateNormal,
                   Normal, Poisson, Stats, Uniform, elbo, em, entropy, fit, kl, q_function)
from emlit.models import log_normalise

pytestmark = pytest.mark.filterwarnings("error")
for_any = settings(deadline=None, derandomize=True, max_examples=50)
nan, inf = float("nan"), float("inf")


@dataclass(frozen=True, eq=False)
class PointMass(Family):
    "A family by the contract of `Family` alone: all probability on one known value."
    at: np.ndarray
    constants = ("at",)
    n_components = property(lambda self: len(self.at))
    def supports(self, x): return np.isin(x, self.at)
    def log_prob(self, x): return np.where(np.asarray(x)[:, None] == self.at, 0, -inf)
    def statistics(self, x, r): return Stats(r.sum(0), np.zeros(len(self.at)))
    def maximise(self, stats, freeze=(), prior=None): return self
    def sample(self, rng, n): return np.tile(self.at, (n, 1))


# makers of blocks: (rng, K) → a family, and its density by SciPy, (x, family, k) → (n,)
DISCRETE = {
    "Poisson": (lambda g, K: Poisson(g.uniform(.5, 6, K)), lambda x, f, k: stats.poisson.pmf(x, f.rate[k])),
    "Binomial": (lambda g, K: Binomial(5, g.uniform(.2, .8, K)), lambda x, f, k: stats.binom.pmf(x, 5, f.p[k])),
    "Geometric": (lambda g, K: Geometric(g.uniform(.2, .8, K)), lambda x, f, k: stats.geom.pmf(x, f.p[k], -1)),
    "Bernoulli": (lambda g, K: Bernoulli(g.uniform(.2, .8, K)), lambda x, f, k: stats.bernoulli.pmf(x, f.p[k])),
    "Categorical": (lambda g, K: Categorical(g.dirichlet(np.ones(4), K)), lambda x, f, k: np.where(x < 4, f.p[k][np.minimum(x, 3).astype(int)], 0)),
    "PointMass": (lambda g, K: PointMass(np.arange(K, dtype=float)), lambda x, f, k: (x == k).astype(float))}
CONTINUOUS = {
    "Normal": (lambda g, K: Normal(g.normal(0, 3, K), g.uniform(.5, 2, K)), lambda x, f, k: stats.norm.pdf(x, f.mean[k], f.std[k])),
    "Exponential": (lambda g, K: Exponential(g.uniform(.2, 3, K)), lambda x, f, k: stats.expon.pdf(x, 0, 1 / f.rate[k])),
    "Gamma": (lambda g, K: Gamma(g.uniform(.8, 4, K), g.uniform(.5, 2, K)), lambda x, f, k: stats.gamma.pdf(x, f.shape[k], 0, f.scale[k])),
    "Uniform": (lambda g, K: Uniform(-g.uniform(1, 9, K), g.uniform(1, 9, K)),
                lambda x, f, k: stats.uniform.pdf(x, f.low[k], f.high[k] - f.low[k]))}


class Problem:
    "A mixture of blocks of one kind of measure, data from it, and random weights of the data."
    def __init__(self, seed, n, makers, names):
        self.rng = rng = np.random.default_rng(seed)
        self.densities = [makers[name][1] for name in names]
        blocks = [makers[name][0](rng, int(rng.integers(1, 3))) for name in names]
        self.K = sum(b.n_components for b in blocks)
        self.model = Mixture(rng.dirichlet(np.full(self.K, 2.)), blocks)
        self.x, self.n = self.model.sample(rng, n)[0], n
        self.w = rng.integers(0, 4, n)
        self.w[0] = 1

    def columns(self):
        "Which columns of a table of K belong to each block."
        ends = np.cumsum([0] + [b.n_components for b in self.model.components])
        return [slice(a, z) for a, z in zip(ends, ends[1:])]


def problems(n=st.integers(1, 25)):
    def of(makers): return st.builds(Problem, seed=st.integers(0, 10**9), n=n, makers=st.just(makers),
                                     names=st.lists(st.sampled_from(sorted(makers)), min_size=2, max_size=4))
    return of(DISCRETE) | of(CONTINUOUS)

def steps(model, x, last, **options):
    "The steps of EM up to `last`, or up to where an M-step has no answer."
    path = []
    try:
        for step in em(model, x, max_iter=last, **options): path.append(step)
    except Degenerate: pass
    return path

def assert_same_model(a, b, **tolerance):
    for name, value in a.parameters().items(): assert_allclose(value, b.parameters()[name], **tolerance)

def assert_same_expectation(a, b):
    assert_allclose(a.loglik, b.loglik, rtol=1e-10, atol=1e-10)
    assert_allclose(a.weight, b.weight, rtol=1e-10, atol=1e-10)
    for s, t in zip(a.stats, b.stats, strict=True):
        for part, other in zip(vars(s).values(), vars(t).values(), strict=True): assert_allclose(part, other, rtol=1e-9, atol=1e-9)


# densities

@given(problems())
@for_any
def test_the_joint_is_weights_times_scipys_densities_and_zero_outside_supports(a):
    f = np.concatenate([np.stack([pdf(a.x, b, k) for k in range(b.n_components)], 1)
                        for b, pdf in zip(a.model.components, a.densities)], axis=1)
    for b, columns in zip(a.model.components, a.columns()):
        if not isinstance(b, PointMass): f[~b.supports(a.x), columns] = 0 # SciPy's densities on the border of a support
    assert_allclose(np.exp(a.model.log_joint(a.x)), f * a.model.weights, rtol=1e-9, atol=1e-300)
    assert_allclose(a.model.loglik(a.x, a.w), a.w @ np.log(f @ a.model.weights), rtol=1e-9, atol=1e-9)


@given(problems())
@for_any
def test_no_responsibility_outside_a_support(a):
    r = a.model.responsibilities(a.x)
    assert_allclose(r.sum(1), 1, rtol=1e-14)
    for b, columns in zip(a.model.components, a.columns()): assert not r[~b.supports(a.x)][:, columns].any()


@pytest.mark.parametrize("blocks, lattice", [
    ([PointMass(np.zeros(1)), Poisson([2.]), Categorical([[.2, .3, .5]]), Geometric([.3])], True),
    ([Normal([0, 4], [1, 2]), Exponential([.5]), Gamma([3], [1])], False),
    ([Gamma([2], [1]), Uniform([-3], [5])], False)], ids=["discrete", "normal", "uniform"])
def test_all_there_is_has_probability_1(blocks, lattice):
    K = sum(b.n_components for b in blocks)
    x = np.arange(200.) if lattice else np.linspace(-40, 80, 240_000) # no point on the border of a support
    model, width = Mixture(np.arange(1, K + 1) / sum(range(K + 1)), blocks), 1 if lattice else x[1] - x[0]
    x = x[np.any([b.supports(x) for b in blocks], axis=0)]
    assert_allclose(np.exp(model.log_prob(x)).sum() * width, 1, atol=1e-9 if lattice else 1e-3)


# the E-step

@given(problems(), st.integers(0, 25))
@for_any
def test_statistics_add_up_over_any_split(a, at):
    parts = [a.model.e_step(part) for part in np.split(a.x, [min(at, a.n)]) if len(part)]
    assert_same_expectation(sum(parts), a.model.e_step(a.x))


@given(problems(), st.integers(1, 40))
@for_any
def test_the_size_of_a_slice_changes_nothing(a, size):
    whole = a.model.e_step(a.x, sample_weight=a.w)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emlit.models.parts, "IN_CACHE", size)
        assert_same_expectation(a.model.e_step(a.x, sample_weight=a.w), whole)
    assert_allclose(whole.loglik, a.model.loglik(a.x, a.w), rtol=1e-12, atol=1e-12)


@given(problems())
@for_any
def test_a_blocks_statistics_are_those_of_the_rows_it_supports(a):
    r, found = a.model.responsibilities(a.x), a.model.e_step(a.x)
    for block, columns, s in zip(a.model.components, a.columns(), found.stats):
        rows = block.supports(a.x)
        alone = block.statistics(a.x[rows], r[rows][:, columns])
        for part, other in zip(vars(s).values(), vars(alone).values(), strict=True): assert_allclose(part, other, rtol=1e-10, atol=1e-12)
        assert all(np.all(np.isfinite(part)) for part in vars(s).values())


# EM

@given(problems(), st.sampled_from([(), "weights"]))
@for_any
@pytest.mark.slow
def test_the_loglik_never_falls(a, freeze):
    path = steps(a.model, a.x, 15, freeze=freeze)
    logliks = np.array([s.loglik for s in path])
    assert np.all(np.isfinite(logliks)) and np.all(np.diff(logliks) >= -1e-9 * (a.n + np.abs(logliks[:-1])))
    for step in path:
        assert_allclose(step.loglik, step.model.loglik(a.x), rtol=1e-10, atol=1e-10)
        if freeze: assert_array_equal(step.model.weights, a.model.weights)


@given(problems(n=st.integers(15, 25)))
@for_any
def test_the_m_step_maximises_q(a):
    "No other parameters nearby have a larger Q, block by block and for the weights."
    r = a.model.responsibilities(a.x)
    try: best = a.model.m_step(a.model.e_step(a.x))
    except Degenerate: return
    top = q_function(best, a.x, r)
    for step in (1e-1, 1e-2, 1e-3):
        for name, value in best.parameters().items():
            moved = np.array(value) * (1 + step * a.rng.uniform(-1, 1, np.shape(value)))
            if name.endswith(".p"): moved = np.clip(moved, 0, 1)
            if name == "weights" or value.ndim == 2: moved = moved / moved.sum(-1, keepdims=True)
            assert q_function(best.replace({name: moved}), a.x, r) <= top + 1e-9 * (1 + abs(top))


@given(problems())
@for_any
@pytest.mark.slow
def test_integer_weights_are_repeated_rows(a):
    weighted, repeated = steps(a.model, a.x, 4, sample_weight=a.w), steps(a.model, np.repeat(a.x, a.w), 4)
    for s, t in zip(weighted[:3], repeated[:3]):
        assert_allclose(s.loglik, t.loglik, rtol=1e-8, atol=1e-8)
        assert_same_model(s.model, t.model, rtol=1e-6, atol=1e-8)


@given(problems())
@for_any
def test_the_order_of_blocks_does_not_matter(a):
    order = a.rng.permutation(len(a.model.components))
    columns = np.concatenate([np.arange(a.K)[a.columns()[i]] for i in order])
    swapped = Mixture(a.model.weights[columns], [a.model.components[i] for i in order])
    assert_allclose(swapped.log_joint(a.x), a.model.log_joint(a.x)[:, columns], rtol=1e-12)
    for s, t in zip(steps(a.model, a.x, 3), steps(swapped, a.x, 3)):
        assert_allclose(s.loglik, t.loglik, rtol=1e-9, atol=1e-9)
        assert_allclose(s.model.weights[columns], t.model.weights, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("family, parts", [
    (Normal([0, 5, 9], [1, 2, 3]), [Normal([0], [1]), Normal([5, 9], [2, 3])]),
    (Exponential([.1, 1, 3]), [Exponential([.1, 1]), Exponential([3])]),
    (Gamma([1, 2, 3], [1, 1, 2]), [Gamma([1], [1]), Gamma([2], [1]), Gamma([3], [2])]),
], ids=["Normal", "Exponential", "Gamma"])
def test_one_family_cut_into_blocks_is_the_same_mixture(family, parts):
    whole, cut = Mixture([.2, .3, .5], family), Mixture([.2, .3, .5], parts)
    x = whole.sample(np.random.default_rng(0), 300)[0]
    a, b = fit(whole, x, tol=0, max_iter=20), fit(cut, x, tol=0, max_iter=20)
    assert_allclose(a.logliks, b.logliks, rtol=1e-11)
    for name, value in a.model.components[0].parameters().items():
        assert_allclose(value, np.concatenate([block.parameters()[name] for block in b.model.components]), rtol=1e-8)
    assert a.model.n_parameters == b.model.n_parameters


@given(problems())
@for_any
def test_loglik_is_the_bound_plus_a_divergence(a):
    r, loglik = a.model.responsibilities(a.x), a.model.loglik(a.x)
    assert_allclose(elbo(a.model, a.x, r), loglik, rtol=1e-11, atol=1e-11)
    assert_allclose(q_function(a.model, a.x, r) + entropy(r), loglik, rtol=1e-11, atol=1e-11)
    q = r * a.rng.random(r.shape) # possible wherever r is
    q /= q.sum(1, keepdims=True)
    assert_allclose(elbo(a.model, a.x, q) + kl(q, r), loglik, rtol=1e-10, atol=1e-10)


# numbers found without EM

def test_rain_is_the_share_of_dry_days_and_the_gamma_of_the_wet_ones():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(500) < .6, 0, rng.gamma(.8, 6, 500))
    end = fit(Mixture([.5, .5], [PointMass(np.zeros(1)), Gamma([1], [1])]), x).model
    shape, _, scale = stats.gamma.fit(x[x > 0], floc=0)
    assert_allclose(end.weights[0], (x == 0).mean(), rtol=1e-12)
    assert_allclose([end.components[1].shape[0], end.components[1].scale[0]], [shape, scale], rtol=1e-6)

def test_zero_inflated_poisson_solves_its_equations():
    "Lambert, Technometrics 34 (1992): share of zeros, and mean of the positive counts."
    x = Mixture([.3, .7], [PointMass(np.zeros(1)), Poisson([2.5])]).sample(np.random.default_rng(1), 1000)[0]
    end = fit(Mixture([.5, .5], [PointMass(np.zeros(1)), Poisson([1])]), x, tol=1e-14).model
    pi, rate = end.weights[0], end.components[1].rate[0]
    assert_allclose(pi + (1 - pi) * np.exp(-rate), (x == 0).mean(), rtol=1e-6)
    assert_allclose(rate / -np.expm1(-rate), x[x > 0].mean(), rtol=1e-6)

def test_a_uniform_block_keeps_outliers_away_from_the_normals():
    truth = Mixture([.5, .4, .1], [Normal([0, 5], [1, .8]), Uniform([-25], [25])])
    x, z = truth.sample(np.random.default_rng(0), 400)
    trace = fit(Mixture([.45, .45, .1], [Normal([0, 5], [1, 1]), Uniform([-25], [25])]), x)
    assert trace.converged and trace.loglik > truth.loglik(x)
    assert_allclose(trace.model.components[0].mean, [0, 5], atol=.15)
    assert_allclose(trace.model.components[0].std, [1, .8], atol=.15)
    assert trace.model.components[1] == truth.components[1] and trace.model.n_parameters == 2 + 4

def test_two_columns():
    truth = Mixture([.4, .4, .2], [MultivariateNormal([[0, 0], [6, 6]], [[[1, .5], [.5, 1]], [[1, 0], [0, 2]]]), Uniform([[-20, -20]], [[20, 20]])])
    x, z = truth.sample(np.random.default_rng(2), 500)
    assert x.shape == (500, 2)
    trace = fit(truth, x)
    assert trace.converged and trace.loglik >= truth.loglik(x) and (trace.model.predict(x) == z).mean() > .9


# supports

@pytest.mark.parametrize("blocks, x, place", [
    ([Gamma([1], [1]), Exponential([1])], [1, 0, -2], "x[2] is -2"),       # 0 is an exponential's
    ([Poisson([1]), Binomial(3, [.5])], [0, 9, 2.5, 1], "x[2] is 2.5"),
    ([Bernoulli([.5]), Categorical([[.2, .8]])], [0, 1, 2, 3], "x[2] is 2"),
    ([PointMass(np.zeros(1)), Gamma([1], [1])], [0, 1, -1], "x[2] is -1"),
], ids=lambda p: ", ".join(type(b).__name__ for b in p) if isinstance(p, list) and isinstance(p[0], Family) else None)
def test_refused_only_where_no_block_supports_it(blocks, x, place):
    model, allowed = Mixture([.5, .5], blocks), np.array(x, float)
    allowed = allowed[np.any([b.supports(allowed) for b in blocks], axis=0)]
    assert np.all(np.isfinite(model.log_prob(allowed)))
    for f in (model.log_prob, model.log_joint, model.responsibilities, model.predict, model.loglik, model.e_step, model.check, lambda x: fit(model, x)):
        with pytest.raises(ValueError) as error: f(x)
        for words in ("support", place, *(type(b).__name__ for b in blocks)): assert words in str(error.value)

def test_alone_a_family_still_refuses():
    for model in (Mixture([1], Gamma([1], [1])), Mixture([.5, .5], Gamma([1, 2], [1, 2]))):
        with pytest.raises(ValueError, match="above 0"): model.log_prob([1, 0])

@pytest.mark.parametrize("x, words", [
    ([1, nan], "finite"), ([1, inf], "finite"), ([], "empty"), ([[1, 2], [3, 4]], "shape"), (["a"], "text"), (3., "1-D"),
    (np.zeros((2, 2, 2)), "1-D or 2-D")], ids=str)
def test_bad_data_for_two_blocks(x, words):
    model = Mixture([.5, .5], [Normal([0], [1]), Exponential([1])])
    for f in (model.log_prob, model.e_step, model.check):
        with pytest.raises((ValueError, TypeError), match=words): f(x)

def test_blocks_that_expect_different_shapes():
    square = MultivariateNormal([[0, 0]], [[[1, 0], [0, 1]]])
    model = Mixture([.5, .5], [Normal([0], [1]), square])
    for f in (model.log_prob, model.e_step, model.responsibilities):
        for x in ([1., 2.], [[1., 2.]]):
            with pytest.raises(ValueError, match="components must all be for x of the same shape"): f(x)
    for blocks in ([Normal([0], [1]), square], [Poisson([[1, 2, 3]]), square]):
        with pytest.raises(ValueError, match="components must all be for x of the same shape"): Mixture([.5, .5], blocks).sample(np.random.default_rng(0), 3)
    with pytest.raises(ValueError, match="^x must have shape"): Mixture([.5, .5], [square, square]).log_prob([1., 2.])


# what does not belong together

def test_expectations_of_other_blocks_do_not_add():
    model = Mixture([.5, .5], Poisson([1., 2]))
    found, one = model.e_step([1, 2, 3]), Mixture([1], Poisson([1.])).e_step([1, 2, 3])
    for bad in (one, emlit.Expectation(0., found.stats * 2), emlit.Expectation(0., (Stats(1., np.ones(2)),))):
        with pytest.raises(ValueError, match="same blocks; got weights of shapes"): found + bad
        with pytest.raises(ValueError, match="same blocks"): model.m_step(found, prior=bad)
    for bad in (3, None, found.stats[0]):
        with pytest.raises(TypeError): found + bad

def test_a_prior_is_an_expectation():
    model = Mixture([.5, .5], Poisson([1., 2]))
    found, more = model.e_step([1, 2, 3]), Stats(np.ones(2), np.ones(2))
    with pytest.raises(TypeError, match="prior must be a Prior or an Expectation; got an object of type Stats"): model.m_step(found, prior=more)
    with pytest.raises(TypeError, match="expectation must be an Expectation"): model.m_step(None)
    assert_allclose(model.m_step(found, prior=emlit.Expectation(0., (more,))).weights, (found.weight + 1) / 5)

def test_freeze_must_be_names():
    model = Mixture([.5, .5], Poisson([1., 2]))
    for bad in (None, 3, True):
        for f in (lambda: model.m_step(model.e_step([1, 2]), freeze=bad), lambda: fit(model, [1, 2], freeze=bad)):
            with pytest.raises(TypeError, match="freeze must be a name or a sequence of names"): f()

class Flat(PointMass):
    "Forgets the columns."
    def supports(self, x): return np.ones(len(x), bool)
    def log_prob(self, x): return np.zeros(len(x))

class Broken(Flat):
    "Is NaN, or +inf, at one value."
    def log_prob(self, x): return np.where(np.asarray(x)[:, None] == 7, self.at, np.zeros(len(self.at)))

@pytest.mark.parametrize("blocks", [Flat(np.zeros(2)), [Flat(np.zeros(1)), Normal([0], [1])], [Normal([0], [1]), Flat(np.zeros(1))]], ids=["alone", "first", "last"])
def test_a_log_density_of_the_wrong_shape(blocks):
    model = Mixture([.5, .5], blocks)
    for x in ([1., 2.], [1., 2, 3], [1.]): # as many rows as components, or not
        for f in (model.log_prob, model.e_step, model.responsibilities):
            with pytest.raises(ValueError, match="Flat.log_prob must return shape"): f(x)

@pytest.mark.parametrize("value", [nan, inf], ids=str)
def test_a_log_density_that_is_no_number(value):
    model = Mixture([.5, .5], Broken(np.array([0, value])))
    for f in (model.e_step, model.responsibilities):
        with pytest.raises(ValueError, match=rf"log_prob of x\[2\] is {value} under component 1"): f([1., 2, 7, 3])

def test_too_far_for_the_logarithm():
    model = Mixture([.5, .5], Normal([-1e160, 1e160], [1, 1]))
    with pytest.raises(ValueError, match=r"x\[0\] has probability zero under every component, or is too far"): model.e_step([1.])

def test_a_block_with_nothing_to_estimate_may_lose_its_data():
    x = np.random.default_rng(5).normal(size=50)
    alone = fit(Mixture([1], Normal([0], [1])), x).model.components[0]
    for block, freeze in ((Uniform([50], [60]), ()), (PointMass(np.array([99.])), ()), (Gamma([1], [1]), ("components[1].shape", "components[1].scale"))):
        data = x if freeze == () else -abs(x)
        trace = fit(Mixture([.5, .5], [Normal([0], [1]), block]), data, freeze=freeze)
        assert trace.converged
        assert_array_equal(trace.model.weights, [1, 0])
        if freeze == (): assert_allclose(trace.model.components[0].mean, alone.mean, rtol=1e-12)

def test_a_block_that_supports_nothing_is_left_without_data():
    model = Mixture([.5, .5], [Normal([0], [1]), Exponential([1])])
    assert_array_equal(model.responsibilities([-1, -2, -3.5]), [[1, 0]] * 3)
    after = model.m_step(model.e_step([-1, -2, -3.5]))
    assert_array_equal(after.weights, [1, 0])
    assert after.components[1] == model.components[1]
    assert_allclose(after.components[0].mean, [-6.5 / 3])
    with pytest.warns(RuntimeWarning, match="component 1 has no data"): trace = fit(model, [-1, -2, -3.5])
    assert trace.reason == "empty" and trace.converged and trace.model.components[1] == model.components[1]

def test_a_collapse_names_its_block():
    model = Mixture([.5, .5], [Normal([0], [1]), Normal([50], [.1])])
    with pytest.raises(Degenerate, match=r"components\[1\].*collapsed"): model.m_step(model.e_step([-1, 0, 1, 50]))
    with pytest.raises(Degenerate) as error: Mixture([.5, .5], Normal([0, 50], [1, .1])).m_step(Mixture([.5, .5], Normal([0, 50], [1, .1])).e_step([-1, 0, 1, 50]))
    assert "components[" not in str(error.value) and "component 1" in str(error.value)

def test_rows_of_weight_zero_do_not_count():
    model, x = Mixture([.4, .6], [Normal([0], [1]), Gamma([2], [1])]), [-1, .5, 2, 3, -.3]
    a, b = model.e_step(x, sample_weight=[1, 1, 1, 1, 0]), model.e_step(x[:4])
    assert_allclose(a.loglik, b.loglik, rtol=1e-14)
    assert_allclose(a.weight, b.weight, rtol=1e-14)

def test_freezing_in_one_block():
    x = np.random.default_rng(3).gamma(2, 3, 100)
    start = Mixture([.5, .5], [Normal([1], [1]), Gamma([1], [1])])
    trace = fit(start, x, freeze=("components[0].mean", "shape"), tol=0, max_iter=10)
    assert trace.model.components[0].mean == [1] and trace.model.components[1].shape == [1]
    assert trace.model.components[0].std != [1] and trace.model.components[1].scale != [1]
    assert np.all(np.diff(trace.logliks) >= -1e-10)

def test_samples_have_the_density():
    model = Mixture([.2, .5, .3], [PointMass(np.zeros(1)), Poisson([2.]), Binomial(9, [.7])])
    x, z = model.sample(np.random.default_rng(4), 20_000)
    values, counts = np.unique(x, return_counts=True)
    share = np.exp(model.log_prob(values))
    assert np.all(abs(counts - 20_000 * share) < 5 * np.sqrt(20_000 * share) + 5)
    assert_allclose(np.bincount(z) / 20_000, model.weights, atol=.02)


# Bayes' rule in log space

@given(st.integers(0, 10**9), st.integers(1, 9), st.integers(1, 5), st.floats(-1e6, 1e6))
@for_any
def test_a_shift_of_the_logs_changes_no_responsibility(seed, n, K, shift):
    joint = np.random.default_rng(seed).random((n, K)) + 1e-9
    log_p, r = log_normalise(np.log(joint) + shift)
    assert_allclose(r, joint / joint.sum(1, keepdims=True), rtol=1e-8)
    assert_allclose(log_p - shift, np.log(joint.sum(1)), atol=1e-8)

def test_the_start_that_underflows():
    "Fifteen points from N(-1, 1) and N(1, 1): Li Hang, exercise 9.3, by a start at which plain densities are 0/0."
    x = [-67, -48, 6, 8, 14, 16, 23, 24, 28, 29, 41, 49, 56, 60, 75]
    trace = fit(Mixture([.5, .5], Normal([-1, 1], [1, 1])), x, tol=1e-12)
    assert np.all(np.isfinite(trace.logliks))
    assert_allclose(trace.model.weights, [.13317, .86683], atol=5e-6)
    assert_allclose(trace.model.components[0].mean, [-57.511, 32.985], atol=5e-4)
    assert_allclose(trace.model.components[0].std**2, [90.25, 429.46], atol=5e-3)
    assert_allclose(trace.loglik / 15, -4.73756, atol=5e-6)

@pytest.mark.slow
def test_times_deaths():
    "Hasselblad, J. Amer. Statist. Assoc. 64 (1969)."
    days = [162, 267, 271, 185, 111, 61, 27, 8, 3, 1]
    trace = fit(Mixture([.5, .5], Poisson([1, 3])), np.arange(10), sample_weight=days, tol=1e-12)
    assert_allclose(trace.loglik, -1989.945860, atol=1e-6)
    end = fit(trace.model, np.arange(10), sample_weight=days, tol=0, max_iter=3000).model
    assert_allclose([end.weights[0], *end.components[0].rate], [.3598854, 1.2560951, 2.6634044], atol=2e-7)


def test_a_categorical_block_may_support_nothing():
    model = Mixture([.5, .5], [Categorical([[.5, .5]]), Poisson([3.])])
    assert_allclose(fit(model, [5, 6, 7], freeze="p", max_iter=2, tol=0).model.weights, [0, 1])
