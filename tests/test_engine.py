"""The fast E-step, by NumPy and compiled, against the careful one, above all where the fast one is in danger."""
import multiprocessing
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import emlit.engine.plans
import emlit.engine.threads
import emlit.models.parts
import emlit.models.mixture
from emlit.foundations.batch import Batch
from emlit import GaussianMixture, Mixture, MultivariateNormal, Normal, Poisson, fit
from emlit.engine import QuadraticForm
from emlit.engine.kernels import sum_blocks
from emlit.engine.plans import WhitenedPlan, block_size, make_plan
from emlit.engine.quadratic import precisions, whitening_factors
from emlit.engine.threads import take_turns
from emlit.starts import kmeans, start

pytestmark = pytest.mark.filterwarnings("error")
STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
ENGINES = "numpy", "numba"
each_engine = pytest.mark.parametrize("engine", ENGINES)


def problem(structure, n=4000, d=3, K=4, seed=0, shift=0.0, scale=1.0, spread=2.0):
    "Points, and a mixture that is near them but not fitted."
    rng = np.random.default_rng(seed)
    mean = spread * rng.normal(size=(K, d))
    x = mean[rng.integers(0, K, n)] + rng.normal(size=(n, d)) @ (np.eye(d) + .3 * rng.normal(size=(d, d)))
    root = np.eye(d) + .2 * rng.normal(size=(K, d, d))
    cov = {"full": root @ root.swapaxes(1, 2), "tied": root[0] @ root[0].T, "diag": rng.uniform(.5, 2, (K, d)),
           "tied_diag": rng.uniform(.5, 2, d), "spherical": rng.uniform(.5, 2, K), "tied_spherical": np.array(1.3)}[structure]
    return shift + scale * x, Mixture(rng.dirichlet(np.full(K, 5)), MultivariateNormal(shift + scale * mean, scale**2 * cov, structure))

def careful(model, x, w=None): return emlit.models.mixture.exact_e_step(model, Batch(x, w))

def fused(model, x, w=None, dtype="float64", engine="numpy"):
    "What the kernel of the only block finds; None where there is none, or it is not to be trusted."
    kernel = model.components[0].kernel(model.weights, np.dtype(dtype), engine)
    return kernel and kernel(x, w)

def is_fast(model, x, w=None, dtype="float64"):
    "Whether the fast form is used; by both engines, or by none."
    found = [fused(model, x, w, dtype, engine) for engine in (ENGINES if dtype == "float64" else ["numpy"])]
    used = [f is not None and len(f[2]) < len(x) for f in found]
    assert len(set(used)) == 1
    return used[0]

def assert_same(model, x, w=None, rtol=1e-9, ll=1e-11):
    "The public E-step agrees with the careful one, in ℓ and in what the M-step makes of it, by both engines."
    b = careful(model, x, w)
    right = model.m_step(b).components[0]
    std = np.sqrt(np.max(right.cov)) if isinstance(right, MultivariateNormal) else right.std.max()
    for engine in ENGINES:
        a = model.e_step(x, w, engine=engine)
        assert_allclose(a.loglik, b.loglik, rtol=ll)
        assert_allclose(a.weight, b.weight, rtol=rtol)
        new = model.m_step(a).components[0]
        assert_allclose(new.mean, right.mean, rtol=rtol, atol=rtol * std)
        for name in {"cov", "std"} & vars(right).keys():
            assert_allclose(getattr(new, name), getattr(right, name), rtol=rtol, atol=rtol * np.max(getattr(right, name)))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.slow
def test_fast_is_careful(structure, weighted):
    x, model = problem(structure)
    w = np.random.default_rng(1).integers(0, 4, len(x)).astype(float) if weighted else None
    assert is_fast(model, x, w)
    assert_same(model, x, w)


def many_columns(d, n=3000, K=3, shift=0.0):
    "A mixture of K normals in d columns, well conditioned, and draws from it."
    rng = np.random.default_rng(d)
    root = rng.normal(size=(K, d, 2 * d)) / np.sqrt(2 * d)
    model = Mixture(rng.dirichlet(np.full(K, 5)), MultivariateNormal(shift + rng.normal(size=(K, d)), root @ root.swapaxes(1, 2)))
    return model.sample(rng, n)[0], model


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("d", [20, 64])
def test_triangles_are_careful(d, weighted):
    x, model = many_columns(d, shift=100.0)
    w = np.random.default_rng(1).integers(0, 4, len(x)).astype(float) if weighted else None
    assert is_fast(model, x, w)
    assert_same(model, x, w)
    far = x.copy()
    far[3] = 1e4 # is left out, and added with care
    if weighted: w[3] = 1
    assert len(fused(model, far, w)[2]) == 1
    assert_same(model, far, w)


@pytest.mark.parametrize("d, K, wide", [(19, 1, False), (20, 6, True), (20, 7, False), (48, 16, False), (49, 16, True), (64, 100, True)])
def test_triangles_are_for_many_columns_and_few_components(d, K, wide):
    form = QuadraticForm(np.zeros((K, d)), np.ones((K, d)), np.tile(np.eye(d), (K, 1, 1)))
    weights = np.full(K, 1 / K)
    assert isinstance(make_plan(form, weights), WhitenedPlan) == wide
    assert not isinstance(make_plan(form._replace(whitening=np.eye(d)), weights), WhitenedPlan)


def test_triangles_in_single_precision():
    x, model = many_columns(50)
    a, b = model.e_step(x.astype("float32"), dtype="float32"), careful(model, x)
    assert 0 < abs(a.loglik / b.loglik - 1) < 1e-5


def test_triangles_are_not_used_where_they_cancel():
    x, model = many_columns(40)
    apart = model.replace({"components[0].mean": 1e5 * model.components[0].mean})
    x = 1e5 * model.components[0].mean[np.arange(len(x)) % 3] + x - x.mean(0)
    assert not is_fast(apart, x)
    assert_same(apart, x)


@pytest.mark.parametrize("shape", [(), (3,)], ids=["numbers", "columns"])
def test_univariate_normals_too(shape):
    rng = np.random.default_rng(0)
    model = Mixture([.3, .7], Normal(rng.normal(size=(2, *shape)), rng.uniform(.5, 1, (2, *shape))))
    x = rng.normal(size=(3000, *shape))
    assert is_fast(model, x)
    assert_same(model, x)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("shift, scale", [(1e6, 1), (1e8, 1), (-1e8, 1e-2), (0, 1e-8), (1e10, 1e8), (0, 1e100), (0, 1e-120)])
def test_units_and_origin(structure, shift, scale):
    x, model = problem(structure, shift=shift, scale=scale)
    assert_same(model, x, rtol=1e-8, ll=1e-9)


@pytest.mark.parametrize("distance", [1e2, 1e3, 1e4, 1e6, 1e8])
def test_clusters_far_apart_in_units_of_their_spread(distance):
    x, model = problem("full", spread=distance)
    assert_same(model, x, rtol=1e-8)
    assert is_fast(model, x) == (distance <= 1e2)


@pytest.mark.parametrize("rho", [.9, .999, 1 - 1e-6, 1 - 1e-9])
def test_near_singular(rho):
    rng = np.random.default_rng(0)
    cov = np.array([[1, rho], [rho, 1]])
    x = np.concatenate([rng.multivariate_normal(m, cov, 2000, method="cholesky") for m in ([0, 0], [3, 1])])
    model = Mixture([.5, .5], MultivariateNormal([[0, 0], [3, 1.]], [cov, cov]))
    assert_same(model, x, rtol=1e-6)
    assert is_fast(model, x) == (rho <= .999)


def test_one_component_of_many_on_digits():
    "110 near-singular components in 41 columns: never by the fast form."
    x = PCA(.99, svd_solver="full").fit_transform(load_digits().data)
    model = start(MultivariateNormal, x, kmeans(x, 30, np.random.default_rng(0)), floor=1e-4 * np.cov(x.T))
    assert not is_fast(model, x)
    slices = sum(model.e_step(x[i:i + 100]) for i in range(0, len(x), 100))
    assert_allclose(model.e_step(x).loglik, slices.loglik, rtol=1e-12)


def test_a_component_that_shrinks_in_one_step_is_seen_in_the_moments():
    "The model looks harmless; the cluster that it finds lies far out, and is a million times narrower."
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=4000), 50 + 1e-5 * rng.normal(size=1000)])
    model = Mixture([.8, .2], Normal([0., 50], [1., 3]))
    assert not is_fast(model, x)
    assert_same(model, x)


@pytest.mark.parametrize("far", [40, 1e3, 1e8])
def test_outliers_are_left_out_and_added(far):
    x, model = problem("full")
    x[17] += far
    found = fused(model, x)
    assert found is None or 17 in found[2]
    assert_same(model, x)

@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [[250_000], [0, 7, 123_456, 299_999], range(1000, 300_000, 1000)], ids=["one", "some", "many"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.slow
def test_rows_that_are_too_far_out_wherever_they_stand(monkeypatch, threads, rows, weighted):
    with_threads(monkeypatch, threads)
    x, model = problem("full", n=300_000, d=2, K=8)
    x[rows] += 1e5
    w = np.random.default_rng(3).random(len(x)) if weighted else None
    assert fused(model, x, w)[2].tolist() == list(rows)
    assert_same(model, x, w)

@pytest.mark.parametrize("K", [3, 8]) # fewer components than features, and more
@pytest.mark.parametrize("order", ["mixed", "sorted"])
def test_exponentials_that_underflow(K, order):
    "Clusters so far apart that many exponents lie below −690; where they are sorted, not in the first block."
    x, model = problem("spherical", n=200_000, d=2, K=K, spread=60)
    if order == "sorted": x = x[np.argsort(model.predict(x), kind="stable")]
    assert is_fast(model, x)
    assert_same(model, x)

def test_exponentials_among_the_subnormal_numbers():
    "Exponents from −800 to −600, across the smallest numbers, in every block and in one of 200."
    near, far = np.random.default_rng(0).normal(size=100_000), np.linspace(-40, -34.6, 100_000)
    model = Mixture([.5, .5], Normal([0., -37.3], [1., 1.]))
    for x in (np.concatenate([near, far]), np.where(np.arange(100_000) % 300, near, far)):
        assert is_fast(model, x)
        assert_same(model, x)

def both_plans(model):
    "The products of all pairs, and whitening factors."
    form, plan = model.components[0].quadratic_form(), make_plan(model.components[0].quadratic_form(), model.weights)
    B, h, peak = whitening_factors(model.weights, form.whitening, precisions(form)[1], form.mean - plan.centre)
    return plan, WhitenedPlan(B, h, peak, plan.centre, plan.limit)

@pytest.mark.slow
def test_macro_blocks_of_any_length():
    "What comes last is shorter than a block, than a macro-block, or both."
    x, model = problem("full", n=5000, K=8, d=2)
    right = careful(model, x)
    for plan in both_plans(model):
        for size, blocks in ((528, 3), (528, 1), (5000, 1), (4999, 1), (6000, 2), (1, 700), (1250, 2)):
            total, starts = np.empty(min(size * blocks, 5000)), range(0, 5000, size * blocks)
            loglik, S, far = sum_blocks(plan.workspace, total, x, None, size * blocks, size, starts)
            assert_allclose(loglik + 5000 * plan.peak, right.loglik, rtol=1e-12)
            assert_allclose(S[:, 0], right.weight, rtol=1e-10)
            assert not len(far)


@each_engine
def test_an_outlier_of_weight_0_is_nothing(engine):
    x, model = problem("full")
    w = np.ones(len(x))
    x[17], w[17] = 1e140, 0
    without = model.e_step(np.delete(x, 17, axis=0))
    assert_allclose(model.e_step(x, w, engine=engine).loglik, without.loglik, rtol=1e-12)

@each_engine
def test_an_impossible_row_is_named(engine):
    x, model = problem("full")
    x[1234] = 1e154
    with pytest.raises(ValueError, match=r"x\[1234, 0\]"): model.e_step(np.asarray(x) * 1., engine=engine)


@each_engine
@pytest.mark.parametrize("weight", [0, 1e-300, 1e-120, 1e-20])
def test_tiny_weights_of_components(weight, engine):
    x, model = problem("full", K=2)
    model = Mixture([1 - weight, weight], model.components)
    found = model.e_step(x, engine=engine)
    assert_allclose(found.loglik, careful(model, x).loglik, rtol=1e-12)
    assert_allclose(found.weight, careful(model, x).weight, rtol=1e-9)


@each_engine
def test_a_whole_fit_is_the_same(monkeypatch, engine):
    x, model = problem("full", n=3000)
    fast = fit(model, x, max_iter=50, tol=0, engine=engine)
    monkeypatch.setattr(emlit.models.parts, "FEW", np.inf)
    slow = fit(model, x, max_iter=50, tol=0)
    assert_allclose(fast.logliks, slow.logliks, rtol=1e-12)
    assert_allclose(fast.model.components[0].cov, slow.model.components[0].cov, rtol=1e-8)


def test_single_precision_has_to_be_asked_for_and_is_good_to_six_digits():
    x, model = problem("full", n=20_000)
    exact = model.e_step(x)
    assert is_fast(model, x, dtype="float32")
    for data in (x, x.astype(np.float32)):
        found = model.e_step(data, dtype="float32")
        assert_allclose(found.loglik, exact.loglik, rtol=1e-6)
        assert_allclose(model.m_step(found).components[0].cov, model.m_step(exact).components[0].cov, rtol=1e-3, atol=1e-4)
    x32 = x.astype(np.float32) # not asked for: float64, of these numbers
    assert_allclose(model.e_step(x32).loglik, careful(model, x32.astype(float)).loglik, rtol=1e-12)

@pytest.mark.parametrize("spread", [15, 30])
def test_single_precision_keeps_six_digits_of_l_far_out_too(spread):
    x, model = problem("full", n=20_000, spread=spread) # κ about 1200, 4000
    assert is_fast(model, x, dtype="float32")
    data = x.astype(np.float32)
    found, exact = model.e_step(data, dtype="float32"), careful(model, data.astype(float))
    assert_allclose(found.loglik, exact.loglik, rtol=1e-6)
    new, right = model.m_step(found).components[0], model.m_step(exact).components[0]
    assert_allclose(new.mean, right.mean, atol=1e-4)
    assert_allclose(new.cov, right.cov, rtol=1e-3, atol=1e-3)

def test_single_precision_is_not_used_where_it_is_not_good_enough():
    x, model = problem("full", spread=50)
    assert not is_fast(model, x, dtype="float32")
    assert_allclose(model.e_step(x, dtype="float32").loglik, model.e_step(x).loglik, rtol=1e-11)

@pytest.mark.parametrize("dtype", ["float16", "int", None, "double precision", 32])
def test_other_precisions_are_refused(dtype):
    x, model = problem("full")
    with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32'; got"): model.e_step(x, dtype=dtype)


@each_engine
@pytest.mark.parametrize("K", [2, 16, 64])
@pytest.mark.parametrize("d, threads", [(1, 1), (1, 2), (2, 1), (2, 2), (2, 8)])
@pytest.mark.slow
def test_memory_beyond_the_data_is_less_than_the_data_whatever_K(monkeypatch, K, d, threads, engine):
    with_threads(monkeypatch, threads)
    x, model = problem("full", n=1_000_000, d=d, K=K)
    model.e_step(x[:10_000], engine=engine)
    def peak():
        tracemalloc.start()
        model.m_step(model.e_step(x, engine=engine))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most
    # by chance, more threads than there are cores hold a block at once: the least of up to three
    assert any(peak() < x.nbytes for _ in range(3))


# blocks that threads share

def with_threads(monkeypatch, number): monkeypatch.setattr(emlit.engine.threads, "cores", lambda: number)

@pytest.mark.parametrize("d, K", [(1, 3), (2, 8), (8, 8), (16, 16)]) # K·F from 9 to 2448
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.slow
def test_any_number_of_threads_finds_the_same(monkeypatch, d, K, weighted, locked):
    monkeypatch.setattr(emlit.engine.plans, "locked", lambda: locked) # free-threaded: other blocks
    x, model = problem("full", n=400_000 // (1 + d // 8), d=d, K=K)
    x[17] += 1e4 # too far out
    w = np.random.default_rng(2).random(len(x)) if weighted else None
    found = []
    for number in (1, 2, 3, 7):
        with_threads(monkeypatch, number)
        found.append(model.e_step(x, w))
        assert found[-1].loglik == model.e_step(x, w).loglik # whoever was first
    for other in found[1:]: # to the last bit
        assert other.loglik == found[0].loglik
        for name in ("weight", "total", "square"): assert_array_equal(getattr(other.stats[0], name), getattr(found[0].stats[0], name))

@pytest.mark.parametrize("n", [20_000, 300_000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("d", [1, 2, 8, 20])
def test_blocks_for_threads(n, d):
    F = 1 + d + d * (d + 1) // 2
    for K in (1, 3, 10, 30, 100):
        size, stretch = block_size(n, d, K, F)
        stretches = -(-n // stretch)
        assert size % 16 == 0 and stretch % size == 0 and size <= 46_000
        if stretches > 1: assert 2 * -(-stretches // 2) * stretch < 1.25 * n # nobody of two waits long
        if size > 1040: # the fewest
            assert 2 * (size * (K + F + 1) + stretch) < max(0.9 * n * d, 1_300_000) # less than the data, or 10 MB

@pytest.mark.parametrize("n, most, usual", [(1, 16, 99), (100, 100, 50), (101, 100, 50), (1009, 100, 50), (4096, 1000, 448), (5, 16, 8)])
def test_tiles_cover_all_rows(n, most, usual):
    cuts = emlit.foundations.arrays.cuts(n, most, usual)
    assert [at for begin, number, length in cuts for at in range(begin, begin + number * length)] == list(range(n))
    assert all(length <= most for _, _, length in cuts) and len(cuts) <= 2

@pytest.mark.parametrize("model, x", [
    (Mixture([.3, .7], Poisson([2., 5])), np.random.default_rng(0).poisson(4, 1_000_000)),
    (Mixture([.3, .7], Normal([2., 5], [1., 1]), ), np.random.default_rng(0).normal(4, 2, (1_000_000, 1))[:, 0])], ids=["poisson", "careful"])
def test_other_families_share_their_slices(monkeypatch, model, x):
    used, turns = [], take_turns
    monkeypatch.setattr(emlit.engine.threads, "take_turns", lambda *args: used.append(1) or turns(*args))
    found = []
    for number in (1, 2, 3):
        with_threads(monkeypatch, number)
        found.append(careful(model, x))
        assert used
    assert len({f.loglik for f in found}) == 1
    assert_array_equal([f.weight for f in found], np.broadcast_to(found[0].weight, (3, 2)))

def test_threads_warn_as_their_caller_wants():
    def work(items): return [np.log(np.zeros(1)), np.geterr()["divide"]][1]
    for wanted in ("ignore", "raise"):
        with np.errstate(divide=wanted):
            try: found = take_turns(lambda: work, [[0]] * 20, 3)
            except FloatingPointError: assert wanted == "raise"
            else: assert set(found) == {"ignore"} == {wanted}

def test_what_goes_wrong_in_a_thread_is_raised_the_first_first():
    def work(item):
        if item >= 5: raise ValueError(f"item {item}")
        return item
    with pytest.raises(ValueError, match="item 5"): take_turns(lambda: work, range(20), 3)
    def prepare(): raise MemoryError("no room")
    with pytest.raises(MemoryError, match="no room"): take_turns(prepare, range(20), 3)


# scores of single rows

def one_by_one(model, x):
    "What is said of rows, the careful way."
    joint = model.log_joint(x)
    with np.errstate(divide="ignore"): return np.logaddexp.reduce(joint, axis=1), joint

def assert_scores(model, x, fast=True, rtol=1e-12):
    used = []
    with pytest.MonkeyPatch.context() as patch:
        kind, made = type(model.components[0]), type(model.components[0]).score_kernel
        def watched(block, weights):
            kernel = made(block, weights)
            return lambda x, keep: used.append(kernel and kernel(x, keep)) or used[-1]
        patch.setattr(kind, "score_kernel", watched)
        log_p, r, labels = model.log_prob(x), model.responsibilities(x), model.predict(x)
    if fast is None: assert not any(u is not None for u in used) # a family without a kernel, or several blocks
    else: assert [u is not None and len(u) < len(x) for u in used] == [fast] * 3
    right, joint = one_by_one(model, x)
    assert_allclose(log_p, right, rtol=rtol, atol=1e-10)
    assert_allclose(r, np.exp(joint - right[:, None]), rtol=1e-8, atol=1e-13)
    assert_allclose(r.sum(axis=1), 1, rtol=1e-13)
    best = np.sort(joint, axis=1)
    clear = (best[:, -1] - best[:, -2] > 1e-8) if model.n_components > 1 else slice(None)
    np.testing.assert_array_equal(labels[clear], joint.argmax(axis=1)[clear])

@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.slow
def test_fast_scores_are_the_careful_ones(monkeypatch, structure, threads):
    with_threads(monkeypatch, threads)
    x, model = problem(structure, n=150_000)
    x[[3, 70_000, -1]] += 1e4 # too far out
    assert_scores(model, x)
    assert_scores(model, x.astype(np.float32))
    assert_scores(model, np.asfortranarray(x))

@pytest.mark.parametrize("d, K", [(1, 1), (1, 5), (2, 1), (2, 30), (16, 4), (64, 5), (24, 3)])
@pytest.mark.slow
def test_fast_scores_for_every_size(d, K):
    _, model = problem("full", d=d, K=K)
    if d > 7: model = Mixture(model.weights, MultivariateNormal(model.components[0].mean, np.tile(np.eye(d) + .1, (K, 1, 1)))) # well conditioned
    x, _ = model.sample(np.random.default_rng(0), 600_000 // (d + K))
    assert_scores(model, x)
    if d == 1: assert_scores(Mixture(model.weights, Normal(model.components[0].mean[:, 0], np.ones(K))), x[:, 0])
    assert_scores(Mixture(model.weights, Normal(model.components[0].mean, np.full((K, d), 3.))), x)

@pytest.mark.parametrize("shift, spread, fast", [(0, 2, True), (1e6, 2, True), (0, 1e3, False)])
def test_fast_scores_only_where_they_are_safe(shift, spread, fast):
    x, model = problem("full", n=100_000, shift=shift, spread=spread)
    assert_scores(model, x, fast, rtol=1e-9 if shift else 1e-12)

@pytest.mark.parametrize("K", [1, 2, 3, 8, 255, 256, 300])
def test_the_largest_of_each_column(K):
    rng = np.random.default_rng(K)
    for joint in (rng.random((K, 500)), rng.integers(0, 3, (K, 500)).astype(float), np.zeros((K, 3))): # ties: the first
        np.testing.assert_array_equal(emlit.models.parts.largest(joint), joint.argmax(axis=0))

def test_clusters_that_lie_apart_and_weights_of_zero():
    x, model = problem("spherical", n=100_000, spread=60)
    assert_scores(model, x)
    x, model = problem("full", n=100_000)
    assert_scores(Mixture([.5, 0, .5, 0], model.components), x)

@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.slow
def test_scores_of_other_families_go_slice_by_slice(monkeypatch, threads):
    with_threads(monkeypatch, threads)
    x = np.random.default_rng(0).poisson(4, 500_000)
    assert_scores(Mixture([.3, .7], Poisson([2., 5.])), x, fast=None)
    assert_scores(Mixture([.3, .3, .4], [Poisson([2., 5.]), emlit.Geometric([.2])]), x, fast=None)

def test_an_impossible_row_is_named_and_has_a_log_density_of_minus_infinity():
    x = np.zeros(400_000, int)
    x[345_678] = 1
    model = Mixture([.5, .5], Poisson([0., 0.]))
    assert np.flatnonzero(model.log_prob(x) == -np.inf).tolist() == [345_678]
    for ask in (model.responsibilities, model.predict):
        with pytest.raises(ValueError, match=r"x\[345678\] has probability zero"): ask(x)

def test_labels_and_densities_take_little_memory():
    x, model = problem("full", n=200_000, d=2, K=40)
    for ask in (model.predict, model.log_prob):
        ask(x[:20_000])
        tracemalloc.start()
        out = ask(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak - out.nbytes < 12e6 # a table of responsibilities would be 64 MB


# compiled loops

@pytest.mark.parametrize("n", [4095, 4096, 4097, 100_000]) # with and without a last block that is not full; one thread and several
@pytest.mark.parametrize("d, K", [(1, 1), (1, 7), (2, 3), (7, 2), (20, 5)])
def test_compiled_loops_for_every_size(n, d, K):
    x, model = problem("full", n=n, d=d, K=K)
    assert_same(model, x)
    assert_same(model, x, np.random.default_rng(2).random(n))

@pytest.mark.slow
def test_compiled_loops_read_any_array():
    x, model = problem("full", n=20_000, d=2)
    wide, frozen, weights = np.zeros((20_000, 5)), x.copy(), np.ones(40_000)[::2]
    wide[:, 1:4:2], frozen.flags.writeable = x, False
    right = model.e_step(x)
    for same in (np.asfortranarray(x), wide[:, 1:4:2], frozen, x.tolist(), x[::-1]):
        for w in (None, weights, weights.astype(int), weights.tolist()):
            assert_allclose(model.e_step(same, w, engine="numba").loglik, right.loglik, rtol=1e-13)
    single = x.astype(np.float32) # computed in double precision
    assert_allclose(model.e_step(single, engine="numba").loglik, model.e_step(single.astype(float)).loglik, rtol=1e-13)
    numbers, one = x[:, 0], Mixture([.4, .6], Normal([0., 1], [1., 2]))
    assert_allclose(one.e_step(numbers, engine="numba").loglik, one.e_step(numbers).loglik, rtol=1e-13)

@pytest.mark.slow
def test_estimators_fit_the_same_by_either_engine():
    x, _ = problem("full", n=6000)
    w = np.random.default_rng(3).integers(1, 3, len(x)).astype(float)
    for structure in ("full", "tied", "diag", "spherical"):
        a, b = (GaussianMixture(4, covariance_type=structure, engine=engine, random_state=0).fit(x, sample_weight=w) for engine in ENGINES)
        assert a.reason_ == b.reason_ # after as many iterations but for one or two: jumps magnify rounding
        assert_allclose(b.lower_bound_, a.lower_bound_, rtol=1e-8)
        assert_allclose(b.predict_proba(x), a.predict_proba(x), atol=1e-3)

def test_other_families_and_gaps_go_their_own_way():
    counts = np.random.default_rng(0).poisson(3, 5000)
    model = Mixture([.5, .5], Poisson([2., 4.]))
    assert model.e_step(counts, engine="numba").loglik == model.e_step(counts).loglik
    x, model = problem("full")
    x[5, 1] = np.nan
    assert model.e_step(x, missing="em", engine="numba").loglik == model.e_step(x, missing="em").loglik

@pytest.mark.parametrize("engine, dtype, error, message", [
    ("torch", None, ValueError, "engine must be 'numpy' or 'numba'; got 'torch'"), (1, None, ValueError, "engine must be 'numpy' or 'numba'; got 1"),
    ("numba", "float32", ValueError, "engine must be 'numpy' with dtype='float32'; got 'numba', which computes in double precision")])
def test_other_engines_are_refused(engine, dtype, error, message):
    x, model = problem("full")
    with pytest.raises(error, match=message): fit(model, x, engine=engine, dtype=dtype)
    with pytest.raises(error, match=message): GaussianMixture(2, engine=engine, dtype=dtype).fit(x)

def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(emlit.foundations.reading, "_installed", lambda package: False)
    x, model = problem("full")
    with pytest.raises(ImportError, match=r"engine='numba' needs the package numba; pip install 'emlit\[fast\]'"): fit(model, x, engine="numba")


def _in_a_child(pipe, model, x): pipe.send(model.e_step(x, engine="numba").loglik)

@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning") # of Python, for a process with threads
def test_a_forked_process_does_not_wait_for_threads_that_it_does_not_have():
    x, model = problem("full", n=200_000)
    right = model.e_step(x, engine="numba").loglik # the threads are there now
    mine, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_a_child, args=(theirs, model, x), daemon=True)
    child.start()
    assert mine.poll(60) and mine.recv() == right
    child.join()
