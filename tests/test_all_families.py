"""What must hold for a mixture of any families, any weights of the data, and any shape. The problems are those of problems.py."""
import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize
from scipy.special import logsumexp

import emlit
from emlit import Degenerate, Mixture, elbo, em, entropy, kl, q_function
from problems import ALONE, KINDS, STRUCTURES, Problem, moved_mixture, permuted

pytestmark = pytest.mark.filterwarnings("error")
for_any = settings(deadline=None, derandomize=True, max_examples=120)
for_some = settings(deadline=None, derandomize=True, max_examples=40)
CLOSE = dict(rtol=1e-7, atol=1e-9)


def problems(kinds=KINDS, **given):
    return st.builds(Problem, seed=st.integers(0, 10**9), kind=st.sampled_from(kinds), **given)

def steps(model, x, last, **options):
    "The steps of EM up to `last`, or up to where an M-step has no answer."
    path = []
    try:
        for step in em(model, x, max_iter=last, **options): path.append(step)
    except Degenerate: pass
    return path

def assert_same_path(one, other, change=lambda model: model, **close):
    "Both go the same way, as long as no rounding has been blown up by a component near collapse."
    for s, t in zip(one, other):
        if near_collapse(s.model) or near_collapse(t.model): return
        assert_allclose(s.loglik, t.loglik, **(CLOSE | close))
        for name, value in change(s.model).parameters().items():
            assert_allclose(value, t.model.parameters()[name], **(CLOSE | close), err_msg=name)
    assert len(one) == len(other)

def near_collapse(model):
    "Whether some component has next to no data or next to no spread, so that rounding decides where it goes."
    if model.weights.min() < 1e-6: return True
    for b in model.components:
        p = b.parameters()
        if "cov" in p:
            full = p["cov"] if b.structure in ("full", "tied") else None
            least = np.linalg.eigvalsh(full).min() if full is not None else p["cov"].min()
            if least < 1e-4: return True
        if "std" in p and p["std"].min() < 1e-2: return True
        if "shape" in p and not 1e-2 < p["shape"].min() <= p["shape"].max() < 1e3: return True
    return False


# the E-step

@given(problems())
@for_any
def test_a_mixture_is_the_weighted_sum_of_its_components(a):
    each = np.full((a.n, a.K), -np.inf)
    for b, at in zip(a.model.components, np.split(np.arange(a.K), np.cumsum([k for _, k in a.blocks])[:-1])):
        possible = b.supports(a.x)
        if possible.any(): each[np.ix_(possible, at)] = b.log_prob(a.x[possible])
    assert_allclose(a.model.log_prob(a.x), logsumexp(each, axis=1, b=a.model.weights), rtol=1e-12, atol=1e-12)
    with np.errstate(divide="ignore"): joint = each + np.log(a.model.weights)
    assert_allclose(a.model.log_joint(a.x), joint, rtol=1e-12, atol=1e-12)
    assert_allclose(a.model.responsibilities(a.x), np.exp(joint - logsumexp(joint, axis=1, keepdims=True)), rtol=1e-9, atol=1e-12)


@given(problems())
@for_any
def test_rows_of_responsibilities_are_distributions(a):
    r = a.model.responsibilities(a.x)
    assert np.all((r >= 0) & (r <= 1)) and r.shape == (a.n, a.K)
    assert_allclose(r.sum(1), 1, rtol=1e-14)
    assert_array_equal(a.model.predict(a.x), r.argmax(1))
    assert not r[np.isneginf(a.model.log_joint(a.x))].any()


@given(problems())
@for_any
def test_the_e_step_reports_the_loglik_of_its_own_mixture(a):
    assert_allclose(a.model.e_step(a.x, sample_weight=a.w).loglik, a.model.loglik(a.x, a.w), rtol=1e-12, atol=1e-12)
    assert_allclose(a.model.e_step(a.x).weight, a.model.responsibilities(a.x).sum(0), rtol=1e-12)


@given(problems(), st.integers(0, 25))
@for_any
def test_statistics_add_up_over_any_split(a, at):
    cut = lambda v: [part for part in np.split(v, [min(at, a.n)]) if len(part)]
    parts = [a.model.e_step(x, sample_weight=w) for x, w in zip(cut(a.x), cut(a.w)) if w.any()]
    total, whole = sum(parts), a.model.e_step(a.x, sample_weight=a.w)
    assert_allclose(total.loglik, whole.loglik, rtol=1e-12, atol=1e-12)
    for s, t in zip(total.stats, whole.stats, strict=True):
        if hasattr(s, "about"): s = s.about(t.origin)
        for name, value in vars(s).items(): assert_allclose(value, getattr(t, name), rtol=1e-9, atol=1e-9, err_msg=name)


# EM

@given(problems(), st.booleans(), st.data())
@for_any
@pytest.mark.slow
def test_the_loglik_never_falls_and_what_is_frozen_stays(a, weighted, data):
    w = a.w if weighted else None
    freeze = data.draw(st.sets(st.sampled_from(sorted(a.model.parameters()))))
    path = steps(a.model, a.x, 15, sample_weight=w, freeze=tuple(freeze))
    logliks = np.array([s.loglik for s in path])
    assert np.all(np.isfinite(logliks)) and np.all(np.diff(logliks) >= -1e-10 * (a.n + abs(logliks[:-1])))
    for step in path:
        assert_allclose(step.loglik, step.model.loglik(a.x, w), rtol=1e-10, atol=1e-10)
        for name in freeze: assert_array_equal(step.model.parameters()[name], a.model.parameters()[name])


@given(problems())
@for_any
@pytest.mark.slow
def test_integer_weights_are_repeated_rows(a):
    weighted, repeated = steps(a.model, a.x, 6, sample_weight=a.w), steps(a.model, np.repeat(a.x, a.w, axis=0), 6)
    assert_same_path(weighted, repeated)
    assert_allclose(weighted[0].loglik, repeated[0].loglik, rtol=1e-10, atol=1e-10)


@given(problems())
@for_any
@pytest.mark.slow
def test_rows_of_weight_zero_are_removed_rows(a):
    seen = a.w > 0
    assert_same_path(steps(a.model, a.x, 6, sample_weight=a.w), steps(a.model, a.x[seen], 6, sample_weight=a.w[seen]), rtol=1e-10, atol=1e-10)


@given(problems(), st.sampled_from([1e-6, .25, 3., 1e9]))
@for_any
@pytest.mark.slow
def test_the_unit_of_the_weights_does_not_matter(a, unit):
    w = a.w.astype(float)
    one, other = steps(a.model, a.x, 5, sample_weight=w), steps(a.model, a.x, 5, sample_weight=unit * w)
    assert_same_path(one, [s._replace(loglik=s.loglik / unit) for s in other])


@given(problems())
@for_any
@pytest.mark.slow
def test_the_order_of_rows_does_not_matter(a):
    order = a.rng.permutation(a.n)
    assert_same_path(steps(a.model, a.x, 5), steps(a.model, a.x[order], 5))


@given(problems(d=st.integers(2, 3)))
@for_any
@pytest.mark.slow
def test_the_order_of_columns_does_not_matter(a):
    if a.x.ndim == 1 or a.kind == "Multinomial": return # whose columns are one count
    order = a.rng.permutation(a.x.shape[1])
    assert_same_path(steps(a.model, a.x, 5), steps(a.model.marginal(order), a.x[:, order], 5), change=lambda m: m.marginal(order))


@given(problems(ALONE))
@for_any
@pytest.mark.slow
def test_the_order_of_components_is_kept(a):
    order = a.rng.permutation(a.K)
    assert_same_path(steps(a.model, a.x, 5), steps(permuted(a.model, order), a.x, 5), change=lambda m: permuted(m, order))


MOVABLE = "Normal", "Exponential", "Gamma", "Uniform", *STRUCTURES, "mixed numbers", "mixed tables"

@given(problems(MOVABLE), st.sampled_from([-4., 0., 1024.]), st.sampled_from([2.**-20, .5, 2.**10]))
@for_any
@pytest.mark.slow
def test_units_and_origin_do_not_matter(a, shift, scale):
    "Shifts and powers of two, which round nothing or little: the path is the moved path, and ℓ is less by n·d·log scale."
    other = moved_mixture(a.model, shift, scale)
    if other is None: shift, other = 0., moved_mixture(a.model, 0., scale)
    if abs(shift) > 1000 * scale: shift *= scale # no more than a thousand units away: further, the data themselves are rounded
    other = moved_mixture(a.model, shift, scale)
    there = steps(other, scale * a.x + shift, 5)
    columns = 1 if a.x.ndim == 1 else a.x.shape[1]
    back = [t._replace(model=moved_mixture(moved_mixture(t.model, -shift, 1.), 0., 1 / scale) if shift else moved_mixture(t.model, 0., 1 / scale),
                       loglik=t.loglik + a.n * columns * np.log(scale)) for t in there]
    assert_same_path(steps(a.model, a.x, 5), back, atol=1e-7)


@given(problems(("Normal", "full", "tied", "diag", "tied_diag"), d=st.integers(1, 3), n=st.integers(12, 25)))
@for_any
@pytest.mark.slow
def test_each_column_may_have_its_own_unit(a):
    scale = 2. ** a.rng.integers(-20, 21, a.x.shape[1])
    back = [t._replace(model=moved_mixture(t.model, 0., 1 / scale), loglik=t.loglik + a.n * np.log(scale).sum())
            for t in steps(moved_mixture(a.model, 0., scale), a.x * scale, 5)]
    assert_same_path(steps(a.model, a.x, 5), back)


@given(problems(("full", "tied", "spherical", "tied_spherical"), d=st.integers(2, 3), n=st.integers(12, 25)))
@for_any
@pytest.mark.slow
def test_a_rotation_does_not_matter(a):
    turn = np.linalg.qr(a.rng.normal(size=(a.d, a.d)))[0]
    def turned(model, u):
        f, = model.components
        cov = u.T @ f.cov @ u if f.structure in ("full", "tied") else f.cov
        if cov.ndim > 1: cov = (cov + cov.swapaxes(-1, -2)) / 2
        return Mixture(model.weights, type(f)(f.mean @ u, cov, f.structure))
    there = steps(turned(a.model, turn), a.x @ turn, 5)
    assert_same_path(steps(a.model, a.x, 5), [t._replace(model=turned(t.model, turn.T)) for t in there])


# the M-step

@given(problems(n=st.integers(10, 25)))
@for_any
def test_no_other_mixture_has_a_larger_q(a):
    try: best = a.model.m_step(a.model.e_step(a.x))
    except Degenerate: return
    r, p = a.model.responsibilities(a.x), best.parameters()
    top = q_function(best, a.x, r)
    for distance in (1, .3, .01, 1e-4):
        other = a.other().parameters()
        moved = best.replace({name: (1 - distance) * p[name] + distance * other[name] for name in p})
        with np.errstate(divide="ignore", invalid="ignore"):
            assert q_function(moved, a.x, r) <= top + 1e-9 * (a.n + abs(top))


def unconstrained(model):
    "Free numbers behind the parameters of a mixture of one block, and the way back."
    f, = model.components
    K, p = model.n_components, f.parameters()
    table = f._split if isinstance(getattr(f, "p", None), tuple) else lambda p: [p]
    def softmax(u): e = np.exp(u - u.max(-1, keepdims=True)); return e / e.sum(-1, keepdims=True)
    def logit(v): v = np.clip(v, 1e-6, 1 - 1e-6); return np.log(v / (1 - v))
    ways = {}
    for name, value in p.items():
        if name == "mean": ways[name] = (value, lambda u: u)
        elif name == "p" and type(f).__name__ in ("Categorical", "Multinomial"):
            ways[name] = (np.log(np.clip(value, 1e-6, 1)), lambda u: np.concatenate([softmax(t) for t in table(u)], 1))
        elif name == "p": ways[name] = (logit(value), lambda u: 1 / (1 + np.exp(-u)))
        elif name == "cov" and getattr(f, "structure", "") in ("full", "tied"):
            low = np.linalg.cholesky(value)
            def back(u):
                L = np.tril(u); c = L @ L.swapaxes(-1, -2)
                return c + 1e-12 * np.eye(c.shape[-1])
            ways[name] = (low, back)
        else: ways[name] = (np.log(np.maximum(value, 1e-9)), np.exp)
    ways["weights"] = (np.log(np.maximum(model.weights, 1e-9)), softmax)
    shapes = {name: np.shape(start) for name, (start, _) in ways.items()}
    def to_model(theta):
        parts, at, changes = theta, 0, {}
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            changes[name] = ways[name][1](parts[at:at + size].reshape(shape)); at += size
        weights = changes.pop("weights")
        return Mixture(weights, f.replace(changes))
    return np.concatenate([np.ravel(start) for start, _ in ways.values()]), to_model


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", [kind for kind in ALONE if kind != "Uniform"])
@pytest.mark.slow
def test_a_numerical_optimiser_finds_no_larger_q(kind, seed):
    "The optimiser knows nothing of the M-step; it begins at another mixture and at the M-step's answer."
    a = Problem(seed, kind=kind, n=25, K=2, d=2 if kind not in ("Categorical", "Multinomial") else 0)
    r = a.model.responsibilities(a.x)
    best = a.model.m_step(a.model.e_step(a.x))
    top = q_function(best, a.x, r)
    for begin in (best, a.other()):
        theta, to_model = unconstrained(begin)
        def loss(theta):
            try: value = -q_function(to_model(np.clip(theta, -30, 30)), a.x, r)
            except ValueError: return 1e6
            return value if np.isfinite(value) else 1e6
        found = optimize.minimize(loss, theta, method="BFGS", options={"maxiter": 400})
        assert -found.fun <= top + 1e-6 * (1 + abs(top))
        if begin is not best: assert -found.fun >= top - 1e-2 * (1 + abs(top)) # it did come near


# the bound

@given(problems())
@for_any
def test_loglik_is_the_bound_plus_a_divergence(a):
    q, r, loglik = a.q(), a.model.responsibilities(a.x), a.model.loglik(a.x)
    close = dict(rtol=1e-10, atol=1e-9)
    bound = elbo(a.model, a.x, q)
    assert bound <= loglik + 1e-10 * (1 + abs(loglik))
    if np.isfinite(kl(q, r)): assert_allclose(bound + kl(q, r), loglik, **close)
    assert_allclose(elbo(a.model, a.x, r), loglik, **close)
    assert_allclose(q_function(a.model, a.x, q) + entropy(q), bound, **close)


# round trips

@given(problems())
@for_any
@pytest.mark.slow
def test_parameters_come_back(a):
    other, parameters = a.other(), a.model.parameters()
    assert a.model.replace(parameters) == a.model == a.model.replace({})
    assert a.model.replace(other.parameters()) == other
    assert pickle.loads(pickle.dumps(a.model)) == a.model
    names = {name: getattr(emlit, name) for name in emlit.__all__} | {"array": np.array, "Mixture": Mixture}
    with np.printoptions(precision=17, floatmode="unique", threshold=10**6): assert eval(repr(a.model), names) == a.model
    assert a.model.n_parameters == sum(np.size(v) for v in parameters.values()) - dependent(a.model)


def dependent(model):
    "How many of the numbers follow from the others: each distribution has one, a matrix has its upper triangle."
    extra = 1
    for b in model.components:
        name = type(b).__name__
        if name == "Multinomial": extra += len(b.p)
        elif name == "Categorical": extra += b.n_components * len(b.sizes)
        elif name == "MultivariateNormal" and b.structure in ("full", "tied"):
            d = b.mean.shape[1]
            extra += d * (d - 1) // 2 * (b.n_components if b.structure == "full" else 1)
    return extra


@given(problems())
@for_some
def test_a_problem_is_its_seed(a):
    b = Problem(a.seed, kind=a.kind)
    assert b.model == a.model and np.array_equal(a.x, b.x) and np.array_equal(a.w, b.w)
