"""What must hold for any mixture of coins and any tosses."""
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import emlit.models.parts
from emlit import Bernoulli, Binomial, Degenerate, Expectation, Mixture, Stats, coins, elbo, em, entropy, kl, q_function

pytestmark = pytest.mark.filterwarnings("error")
for_any = settings(deadline=None, derandomize=True, max_examples=60)


class Problem:
    "A mixture, data that it can produce, and what random choices a test needs."
    def __init__(self, seed, n, K, d, kind, extreme):
        self.rng = rng = np.random.default_rng(seed)
        self.shape = (K,) if d == 0 else (K, d)
        self.tosses = rng.integers(1, 9, d or ())
        p, weights = rng.random(self.shape), rng.dirichlet(np.ones(K))
        if extreme: # probabilities and weights at the end of their range
            p[rng.random(self.shape) < .4] = rng.integers(0, 2)
            weights[rng.random(K) < .4] = 0
            weights = weights / weights.sum() if weights.any() else np.eye(K)[0]
        self.kind, self.K, self.n = kind, K, n
        self.model = Mixture(weights, self.family(p))
        self.x = self.model.sample(rng, n)[0]
        self.w = rng.integers(0, 4, n)
        self.w[0] = 1 # not all zero

    def family(self, p): return Bernoulli(p) if self.kind == "Bernoulli" else Binomial(self.tosses, p)

    def other(self): return Mixture(self.rng.dirichlet(np.ones(self.K)), self.family(self.rng.random(self.shape)))

    def q(self):
        "Random distributions, some with zeros."
        q = self.rng.random((self.n, self.K)) * (self.rng.random((self.n, self.K)) < .8) + np.eye(self.K)[self.rng.integers(0, self.K, self.n)]
        return q / q.sum(1, keepdims=True)


def problems(extreme=st.booleans()):
    return st.builds(Problem, seed=st.integers(0, 10**9), n=st.integers(1, 12), K=st.integers(1, 4), d=st.sampled_from([0, 0, 1, 3]),
                     kind=st.sampled_from(["Bernoulli", "Binomial"]), extreme=extreme)

def steps(model, x, last, **options):
    "The steps of EM up to `last`, or up to where a component is left without data."
    path = []
    try:
        for step in em(model, x, max_iter=last, **options): path.append(step)
    except Degenerate as error: assert "no data left" in str(error)
    return path

def assert_same_model(a, b, **tolerance):
    for name, value in a.parameters().items(): assert_allclose(value, b.parameters()[name], **tolerance)

def assert_same_expectation(a, b):
    assert_allclose(a.loglik, b.loglik, rtol=1e-12, atol=1e-12)
    for s, t in zip(a.stats, b.stats, strict=True):
        assert_allclose(s.weight, t.weight, rtol=1e-12, atol=1e-12)
        assert_allclose(s.total, t.total, rtol=1e-12, atol=1e-12)


# densities

@given(problems())
@for_any
def test_log_prob_is_the_log_of_a_brute_force_sum(a):
    n = a.tosses if a.kind == "Binomial" else 1
    p = a.model.components[0].p
    f = np.array([[np.prod(stats.binom.pmf(x, n, p_k)) for p_k in p] for x in a.x])
    assert_allclose(np.exp(a.model.log_prob(a.x)), f @ a.model.weights, rtol=1e-10)
    assert_allclose(np.exp(a.model.log_joint(a.x)), f * a.model.weights, rtol=1e-10)
    assert_allclose(a.model.loglik(a.x), np.log(f @ a.model.weights).sum(), rtol=1e-10, atol=1e-12)


@given(problems())
@for_any
def test_probabilities_of_all_outcomes_sum_to_1(a):
    n = np.broadcast_to(a.tosses if a.kind == "Binomial" else 1, a.shape[1:])
    outcomes = np.indices(n + 1).reshape(n.size, -1).T if n.shape else np.arange(n + 1)
    assert_allclose(np.exp(a.model.log_prob(outcomes)).sum(), 1, rtol=1e-12)


@given(problems())
@for_any
def test_rows_of_responsibilities_are_distributions(a):
    r = a.model.responsibilities(a.x)
    assert np.all((r >= 0) & (r <= 1)) and r.shape == (a.n, a.K)
    assert_allclose(r.sum(1), 1, rtol=1e-14)
    assert not r[:, a.model.weights == 0].any()
    assert_array_equal(a.model.predict(a.x), r.argmax(1))


# the E-step

@given(problems(), st.integers(0, 12))
@for_any
def test_statistics_add_up_over_any_split(a, at):
    parts = [a.model.e_step(part) for part in np.split(a.x, [min(at, a.n)]) if len(part)]
    assert_same_expectation(sum(parts), a.model.e_step(a.x))


@given(problems())
@for_any
def test_multiples_of_statistics_are_repeated_data(a):
    assert_same_expectation(3 * a.model.e_step(a.x), a.model.e_step(np.concatenate([a.x] * 3)))
    assert_same_expectation(a.model.e_step(a.x) * .5, a.model.e_step(a.x, sample_weight=np.full(a.n, .5)))


@given(problems(), st.integers(1, 40))
@for_any
def test_the_size_of_a_block_changes_nothing(a, block):
    with pytest.MonkeyPatch.context() as patch:
        whole = a.model.e_step(a.x, sample_weight=a.w)
        patch.setattr(emlit.models.parts, "IN_CACHE", block)
        assert_same_expectation(a.model.e_step(a.x, sample_weight=a.w), whole)


@given(problems())
@for_any
def test_the_e_step_reports_the_loglik_of_its_own_mixture(a):
    assert_allclose(a.model.e_step(a.x, sample_weight=a.w).loglik, a.model.loglik(a.x, a.w), rtol=1e-12, atol=1e-12)
    assert_allclose(a.model.e_step(a.x).weight, a.model.responsibilities(a.x).sum(0), rtol=1e-12)


# EM

@given(problems(), st.sampled_from([(), "weights", "p", ("weights", "p")]))
@for_any
def test_the_loglik_never_falls_and_what_is_frozen_stays(a, freeze):
    path = steps(a.model, a.x, 12, freeze=freeze)
    logliks = np.array([s.loglik for s in path])
    assert np.all(np.isfinite(logliks)) and np.all(np.diff(logliks) >= -1e-12 * (a.n + abs(logliks[-1])))
    for step in path:
        assert_allclose(step.loglik, step.model.loglik(a.x), rtol=1e-12, atol=1e-12)
        if "weights" in freeze: assert_array_equal(step.model.weights, a.model.weights)
        if "p" in freeze: assert_array_equal(step.model.components[0].p, a.model.components[0].p)


@given(problems())
@for_any
def test_integer_weights_are_repeated_rows(a):
    weighted = steps(a.model, a.x, 10, sample_weight=a.w)
    repeated = steps(a.model, np.repeat(a.x, a.w, axis=0), 10)
    for s, t in zip(weighted, repeated, strict=True):
        assert_same_model(s.model, t.model, rtol=0, atol=1e-10)
        assert_allclose(s.loglik, t.loglik, rtol=1e-10, atol=1e-10)


@given(problems())
@for_any
def test_rows_of_weight_zero_are_removed_rows(a):
    weighted, removed = steps(a.model, a.x, 5, sample_weight=a.w), steps(a.model, a.x[a.w > 0], 5, sample_weight=a.w[a.w > 0])
    for s, t in zip(weighted, removed, strict=True): assert s.loglik == t.loglik and s.model == t.model


@given(problems())
@for_any
def test_the_order_of_rows_does_not_matter(a):
    order = a.rng.permutation(a.n)
    for s, t in zip(steps(a.model, a.x, 5), steps(a.model, a.x[order], 5), strict=True): assert_same_model(s.model, t.model, rtol=1e-9, atol=1e-12)


@given(problems())
@for_any
def test_the_order_of_components_is_kept(a):
    order = a.rng.permutation(a.K)
    swapped = Mixture(a.model.weights[order], a.family(a.model.components[0].p[order]))
    for s, t in zip(steps(a.model, a.x, 5), steps(swapped, a.x, 5), strict=True):
        assert_allclose(s.loglik, t.loglik, rtol=1e-12, atol=1e-12)
        assert_allclose(s.model.weights[order], t.model.weights, rtol=1e-9, atol=1e-12)
        assert_allclose(s.model.components[0].p[order], t.model.components[0].p, rtol=1e-9, atol=1e-12)


@given(problems())
@for_any
def test_blocks_side_by_side_equal_one_family(a):
    p = a.model.components[0].p
    blocks = Mixture(a.model.weights, [a.family(p[k:k + 1]) for k in range(a.K)])
    for s, t in zip(steps(a.model, a.x, 5), steps(blocks, a.x, 5), strict=True):
        assert_allclose(s.loglik, t.loglik, rtol=1e-12, atol=1e-12)
        assert_allclose(s.model.components[0].p, np.concatenate([b.p for b in t.model.components]), rtol=1e-9, atol=1e-12)


@given(problems(extreme=st.just(False)), st.sampled_from([(), "weights", "p"]))
@for_any
def test_the_m_step_maximises_q(a, freeze):
    "No random mixture, near or far, has a larger Q."
    r = a.model.responsibilities(a.x)
    best = a.model.m_step(a.model.e_step(a.x), freeze=freeze)
    for distance in (1, .1, .01, .001):
        other = a.other()
        moved = {name: (1 - distance) * value + distance * other.parameters()[name]
                 for name, value in best.parameters().items() if not name.endswith(freeze or "!")}
        assert q_function(best.replace(moved), a.x, r) <= q_function(best, a.x, r) + 1e-9


@given(problems(extreme=st.just(False)), st.floats(1, 9), st.floats(1, 9))
@for_any
def test_a_beta_prior_adds_its_pseudo_counts(a, alpha, beta):
    "MAP: heads + α − 1 over tosses + α + β − 2; the weights get no pseudo-counts where the prior's weight is 0."
    expected, total = a.model.e_step(a.x), np.empty(a.shape + (2,))
    total[...] = alpha - 1, beta - 1
    found = a.model.m_step(expected, prior=Expectation(0., (Stats(np.zeros(a.K), total),)))
    heads, tails = np.moveaxis(expected.stats[0].total, -1, 0)
    assert_allclose(found.components[0].p, (heads + alpha - 1) / (heads + tails + alpha + beta - 2), rtol=1e-9)
    assert_allclose(found.weights, expected.weight / a.n, rtol=1e-9, atol=1e-12)


# the bound

@given(problems())
@for_any
def test_loglik_is_the_bound_plus_a_divergence(a):
    q, r, loglik = a.q(), a.model.responsibilities(a.x), a.model.loglik(a.x)
    close = dict(rtol=1e-12, atol=1e-12)
    assert elbo(a.model, a.x, q) <= loglik + 1e-12 * (1 + abs(loglik))
    assert_allclose(elbo(a.model, a.x, q) + kl(q, r), loglik if np.isfinite(kl(q, r)) else np.nan, **close)
    assert_allclose(elbo(a.model, a.x, r), loglik, **close)
    assert_allclose(q_function(a.model, a.x, q) + entropy(q), elbo(a.model, a.x, q), **close)
    assert kl(q, r) >= 0 and kl(r, r) == 0 and 0 <= entropy(q) <= a.n * np.log(a.K) + 1e-12


# round trips

@given(problems())
@for_any
def test_parameters_and_replace_are_inverse(a):
    assert a.model.replace(a.model.parameters()) == a.model
    other = a.other()
    assert a.model.replace(other.parameters()) == other
    assert a.model.replace({}) == a.model


@given(st.integers(0, 10**9), st.integers(1, 12), st.integers(1, 10))
@for_any
def test_mixture_reproduces_the_coins_by_hand(seed, n, m):
    rng = np.random.default_rng(seed)
    theta = coins.ThreeCoins(*rng.uniform(.2, .8, 3)) # away from the corners, where 1 − π cancels
    y, z = coins.toss(theta, n, m, rng=rng)
    model = Mixture([theta.pi, 1 - theta.pi], Binomial(m, [theta.p, theta.q]))
    assert_allclose(model.log_joint(y), coins.log_joint(theta, y, m), rtol=1e-12)
    for step in islice(em(model, y), 4):
        assert_allclose(step.loglik, coins.log_likelihood(theta, y, m), rtol=1e-10, atol=1e-12)
        assert_allclose(step.model.responsibilities(y)[:, 0], coins.posterior(theta, y, m), atol=1e-8)
        assert_allclose([step.model.weights[0], *step.model.components[0].p], theta, atol=1e-8)
        theta = coins.update(coins.expected_counts(theta, y, m))


@pytest.mark.parametrize("kind", ["Bernoulli", "Binomial"])
@pytest.mark.parametrize("d", [0, 2])
def test_samples_have_the_density(kind, d):
    a = Problem(seed=1, n=20_000, K=3, d=d, kind=kind, extreme=False)
    x, z = a.model.sample(np.random.default_rng(2), a.n)
    outcomes, counts = np.unique(x, axis=0, return_counts=True)
    share = np.exp(a.model.log_prob(outcomes))
    assert np.all(abs(counts - a.n * share) < 5 * np.sqrt(a.n * share) + 5)
    assert_allclose(np.bincount(z) / a.n, a.model.weights, atol=.02)
    assert_allclose([x[z == k].mean(0) for k in range(3)], a.model.components[0].p * (a.tosses if kind == "Binomial" else 1), atol=.2)
