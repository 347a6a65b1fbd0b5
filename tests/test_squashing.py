"""Squashed data against all data: sums, fits, and what must not be squashed."""

import tracemalloc
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

import emlit
from emlit import Chunks, GaussianMixture, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson, fit, squash
from emlit.families import Family, Stats
from emlit.foundations.arrays import set_fields
from emlit.sources import Fewer, Rows, as_source
from emlit.sources.fewer import Stock, extent, fewer_e_step, stand_in
from emlit.sources.squashing import Cells, arcs, cells_between, chebyshev_sums, different_rows, gauss_rules, level_of_cells, resolved


def mixture_of(rng, K, spread=3.0):
    return Mixture(rng.dirichlet(np.full(K, 3.0)), Normal(rng.normal(scale=spread, size=K), rng.uniform(0.3, 2, K)))


def level_of(x, width): return level_of_cells(Rows(x), cells_between(x.min(), x.max(), width))


def stock_of(x): return Stock(as_source(x))


def squashed_e_step(model, stock): return fewer_e_step(stock, True, model, {})


def sums(e, model):
    s = e.stats[0]
    about = s.about(np.zeros_like(s.origin))
    return np.concatenate([[e.loglik], s.weight, about.total.ravel(), about.square.ravel()])


# ---------------------------------------------------------------- rules

@given(st.integers(0, 10**6))
@example(11183) # where rounding puts a node outside the cell
@settings(max_examples=60, deadline=None)
def test_moments_of_the_nodes_are_those_of_the_data(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 3000))
    t = rng.choice([rng.uniform(-1, 1, n), rng.beta(0.3, 2, n) * 2 - 1, np.sign(rng.normal(size=n)) * rng.beta(5, 1, n)])
    w = rng.exponential(size=n)
    _, found = chebyshev_sums(t, w, Cells(-1.0, 2.0, 1))
    nodes, weights, error = gauss_rules(found)
    if not error[0] < 1e-13: return # then the data are kept
    assert np.all(np.abs(nodes) <= 1 + 1e-9) and np.all(weights >= 0)
    for power in range(20):
        np.testing.assert_allclose((weights * nodes**power).sum(), (w * t**power).sum(), atol=1e-12 * w.sum())


def test_rules_exist_for_ordinary_data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=100_000)
    count, found = chebyshev_sums(x, None, cells_between(x.min(), x.max(), 0.05))
    busy = count > 20
    assert np.all(gauss_rules(found[:, busy])[2] < 1e-14)


def test_a_rule_with_an_atom(): # half of the data are zeros
    rng = np.random.default_rng(0)
    x = np.concatenate([np.zeros(20_000), rng.exponential(size=20_000)])
    few, w = squash(x, 0.1)
    assert len(few) < 1000 and w.min() > 0
    for f in (np.cos, np.exp, np.square):
        np.testing.assert_allclose(w @ f(-few), f(-x).sum(), rtol=1e-13)


@pytest.mark.parametrize("values", [1, 2, 5, 15])
def test_few_values_are_kept_as_they_are(values):
    x = np.random.default_rng(0).choice(np.linspace(0, 1, values) ** 2, 5000)
    few, w = squash(x, 5.0)
    right, counts = np.unique(x, return_counts=True)
    if values <= 10: # no rule of ten nodes exists
        np.testing.assert_array_equal(few, right)
        np.testing.assert_array_equal(w, counts)
    np.testing.assert_allclose(w @ few**3, (x**3).sum(), rtol=1e-12)


@pytest.mark.parametrize("shift, scale", [(0, 1), (1e9, 1), (-1e6, 1e-3), (0, 1e-140), (0, 1e140), (5, 1e-12)])
def test_units_and_origin(shift, scale):
    z = np.random.default_rng(0).normal(size=50_000)
    x = shift + scale * z
    few, w = squash(x, 0.05 * scale)
    assert len(few) < 5000 or shift / scale > 1e11
    np.testing.assert_allclose(w.sum(), len(x), rtol=1e-13)
    rounding = np.spacing(abs(float(shift))) # nodes are rounded, too
    np.testing.assert_allclose(w @ (few - shift), (x - shift).sum(), atol=(1e-12 * scale + rounding) * len(x))
    np.testing.assert_allclose(w @ ((few - shift) / scale)**2, (((x - shift) / scale)**2).sum(), rtol=1e-12 + rounding / scale)



def test_weights_and_single_precision():
    rng = np.random.default_rng(0)
    x = rng.normal(size=30_000)
    w = rng.integers(0, 3, len(x)).astype(float)
    few, counts = squash(x, 0.1, sample_weight=w)
    np.testing.assert_allclose(counts @ np.cos(few), w @ np.cos(x), rtol=1e-13)
    few, counts = squash(x.astype(np.float32), 0.1)
    np.testing.assert_allclose(counts @ np.cos(few), np.cos(x.astype(np.float32).astype(float)).sum(), rtol=1e-13)


@pytest.mark.parametrize("x, width, w, error, words", [
    ([[1.0, 2.0]], 1, None, ValueError, "x"), ([1.0, np.nan], 1, None, ValueError, "nan"), ([1.0, 2.0], 0, None, ValueError, "width must be above 0"),
    ([1.0, 2.0], -1, None, ValueError, "width"), ([1.0, 2.0], 1e-9, None, ValueError, "width must be more than"), ([1.0, 2.0], "a", None, (TypeError, ValueError), "width"),
    ([1.0, 2.0], np.nan, None, ValueError, "width"), ([], 1, None, ValueError, "x"), ([1.0, 2.0], 1, [1.0], ValueError, "sample_weight"), ([1.0, 2.0], 1, [1.0, -1], ValueError, "sample_weight")])
def test_bad_input(x, width, w, error, words):
    with pytest.raises(error, match=words): squash(x, width, sample_weight=w)


# ---------------------------------------------------------------- when it is safe

@given(st.integers(0, 10**6))
@settings(max_examples=80, deadline=None)
def test_resolved_means_right_to_rounding(seed):
    rng = np.random.default_rng(seed)
    K = int(rng.integers(1, 7))
    truth, model = mixture_of(rng, K), mixture_of(rng, int(rng.integers(1, 7)))
    x = rng.permutation(np.concatenate([truth.sample(rng, 20_000)[0], rng.uniform(-10, 10, 2000)])) # data where no component is
    level = level_of(x, 10 ** rng.uniform(-2, 0.5))
    normal = model.components[0]
    if not resolved(model.weights, normal.mean, normal.std, level): return
    a, b = sums(model.e_step(x), model), sums(model.e_step(level.x, sample_weight=level.weight), model)
    np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-13 * len(x) * max(1, np.abs(x).max()**2))


def test_every_second_random_model_is_resolved_by_narrow_cells(): # so that the test above tests something
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        model = mixture_of(rng, 4)
        x = model.sample(rng, 20_000)[0]
        normal = model.components[0]
        found.append(resolved(model.weights, normal.mean, normal.std, level_of(x, 0.04)))
    assert np.mean(found) > 0.5


def test_arcs_against_directions_of_complex_numbers():
    rng = np.random.default_rng(3)
    model = mixture_of(rng, 3, spread=1.0)
    mean, std, c, h = model.components[0].mean, model.components[0].std, 0.3, 0.05
    angle = np.linspace(0, 2 * np.pi, 400)
    z = h * ((6 + 1 / 6) / 2 * np.cos(angle) + 1j * (6 - 1 / 6) / 2 * np.sin(angle))
    slope, kappa = (mean - c) / std**2, std**-2.0
    turn = np.imag(slope[:, None] * z - kappa[:, None] * z**2 / 2)
    bound = arcs(model.weights, mean, std, np.array([c]), h)[0]
    assert np.ptp(turn, axis=0).max() <= bound < 3 * np.ptp(turn, axis=0).max()


def test_a_component_that_gets_next_to_nothing_is_not_left_to_rules():
    x = np.random.default_rng(0).uniform(size=100_000)
    for mean, given in ((0.6, True), (1.2, False)): # the second: 10^-243 of the data, of which the rules know nothing
        model = Mixture([0.5, 0.5], Normal([0.5, mean], [0.3, 0.2 if given else 0.006]))
        assert stand_in(stock_of(x), model) is not None
        assert (squashed_e_step(model, stock_of(x)) is not None) == given
    empty = Mixture([1.0, 0.0], Normal([0.5, 0.5], [0.3, 0.2]))
    assert squashed_e_step(empty, stock_of(x)) is not None # one that gets nothing at all does no harm


# ---------------------------------------------------------------- standing in

def lengths_of(squashed, *models):
    return [len(squashed.source.x) if (found := stand_in(squashed, m)) is None else len(found.x) for m in models]


def test_levels_get_finer_as_components_get_narrower():
    x = np.random.default_rng(0).normal(size=200_000)
    squashed = stock_of(x)
    models = [Mixture([0.5, 0.5], Normal([-0.1, 0.1], [std, std])) for std in (1.0, 0.03, 1e-4)]
    lengths = lengths_of(squashed, *models)
    assert lengths == sorted(lengths) and lengths[0] < 5000 and lengths[1] > lengths[0] and lengths[-1] == len(x)
    for m in models:
        if (found := squashed_e_step(m, squashed)) is None: continue
        np.testing.assert_allclose(sums(found, m), sums(m.e_step(x), m), rtol=1e-12, atol=1e-8)


def test_nodes_are_taken_after_eight_iterations():
    x = np.random.default_rng(0).normal(size=50_000)
    fewer, model = Fewer(Rows(x)), Mixture([1.0], Normal([0.0], [1.0]))
    found = [stand_in(f.stock, model, f.nodes) for f in (fewer.at(t) for t in (0, 8, 9, 100, 3))]
    assert [one is None for one in found] == [True, True, False, False, True] and len(found[2].x) < 5000 and found[2] is found[3]


@pytest.mark.parametrize("x", [np.full(30_000, 2.5), np.r_[np.zeros(29_999), 1e100], np.r_[np.random.default_rng(0).normal(size=29_999), 1e12],
                               np.random.default_rng(0).standard_cauchy(30_000), np.exp(30 * np.random.default_rng(0).normal(size=30_000))])
def test_awkward_data_are_given_whole_or_right(x):
    model = Mixture([0.5, 0.5], Normal([x.mean(), x.mean()], [x.std() + 1, 2 * x.std() + 1]))
    found = squashed_e_step(model, stock_of(x))
    if found is not None: np.testing.assert_allclose(sums(found, model), sums(model.e_step(x), model), rtol=1e-11)


def test_data_far_from_zero_are_given_whole():
    z = np.random.default_rng(0).normal(size=30_000)
    for shift, whole in ((1e3, False), (1e7, True)):
        found = stand_in(stock_of(shift + z), Mixture([1.0], Normal([shift], [1.0])))
        assert (found is None) == whole


def test_extents_add_up():
    rng = np.random.default_rng(0)
    x, w = rng.normal(5, 2, 1000), rng.exponential(size=1000)
    whole, parts = extent(x, w), sum((extent(x[i:i + 77], w[i:i + 77]) for i in range(77, 1000, 77)), start=extent(x[:77], w[:77]))
    for field in ("rows", "weight", "low", "high", "mean", "var"):
        np.testing.assert_allclose(getattr(parts, field), getattr(whole, field), rtol=1e-12)


# ---------------------------------------------------------------- fits

CASES = {"normal": lambda: (Normal([-1.0, 0.5], [1.5, 1.5]), ()), "full": lambda: (MultivariateNormal([[-1.0], [0.5]], np.full((2, 1, 1), 2.0)), (1,)),
         "tied": lambda: (MultivariateNormal([[-1.0], [0.5]], np.full((1, 1), 2.0), "tied"), (1,)),
         "diag": lambda: (MultivariateNormal([[-1.0], [0.5]], np.full((2, 1), 2.0), "diag"), (1,)),
         "spherical": lambda: (MultivariateNormal([[-1.0], [0.5]], np.full(2, 2.0), "spherical"), (1,)),
         "tied_spherical": lambda: (MultivariateNormal([[-1.0], [0.5]], np.array(2.0), "tied_spherical"), (1,)),
         "tied_diag": lambda: (MultivariateNormal([[-1.0], [0.5]], np.array([2.0]), "tied_diag"), (1,))}


@pytest.fixture(scope="module")
def numbers(): return np.random.default_rng(5).normal([-2.0, 1.0], [0.6, 1.2], size=(15_000, 2)).ravel()


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.slow
def test_a_fit_is_that_over_all_rows(numbers, kind, weighted, monkeypatch):
    block, shape = CASES[kind]()
    x = numbers.reshape(-1, *shape)
    w = np.random.default_rng(1).integers(0, 4, len(x)).astype(float) if weighted else None
    used = []
    monkeypatch.setattr("emlit.sources.fewer.stand_in", lambda *a: used.append(stand_in(*a)) or used[-1])
    a = fit(Mixture([0.5, 0.5], block), x, sample_weight=w)
    assert used[:8] == [None] * 8 and max(len(found.x) for found in used[8:]) < 5000, "nothing was squashed"
    b = fit(Mixture([0.5, 0.5], block), x, sample_weight=w, squash=False)
    assert (a.reason, a.n_iter) == (b.reason, b.n_iter) and a.n_iter > 10
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-13)
    for name, value in a.model.parameters().items(): np.testing.assert_allclose(value, b.model.parameters()[name], rtol=1e-9)


@pytest.mark.parametrize("options", [{"accelerate": "squarem"}, {"accelerate": "anderson"}, {"freeze": "mean"}, {"prior": True}])
def test_options_go_with_it(numbers, options):
    block = Normal([-1.0, 0.5], [1.5, 1.5])
    if "prior" in options:
        from emlit import Prior
        options = {"prior": Prior.gaussian(numbers, 2)} if hasattr(Prior, "gaussian") else {}
    a, b = (fit(Mixture([0.5, 0.5], block), numbers, squash=e, **options) for e in (None, False))
    np.testing.assert_allclose(a.objective[-1], b.objective[-1], rtol=1e-12)
    np.testing.assert_allclose(a.model.components[0].mean, b.model.components[0].mean, rtol=1e-3 if "accelerate" in options else 1e-9)


@pytest.mark.parametrize("change", [{"max_iter": 19}, {"squash": False}, {"dtype": "float32"}, {"labels": True}, {"missing": "em"}])
def test_what_is_not_squashed(numbers, change, monkeypatch):
    def refuse(*_): raise AssertionError("squashed")
    monkeypatch.setattr("emlit.sources.fewer.stand_in", refuse)
    if "labels" in change: change = {"labels": np.full(len(numbers), -1)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(Mixture([0.5, 0.5], Normal([-1.0, 0.5], [1.5, 1.5])), numbers, **{"max_iter": 25} | change)


def test_little_data_are_not_squashed(numbers, monkeypatch):
    def refuse(*_): raise AssertionError("squashed")
    monkeypatch.setattr("emlit.sources.fewer.stand_in", refuse)
    fit(Mixture([0.5, 0.5], Normal([-1.0, 0.5], [1.5, 1.5])), numbers[:19_999], max_iter=30)


def test_several_columns_are_given_whole_if_they_differ(numbers):
    squashed = stock_of(numbers.reshape(-1, 2))
    model = Mixture([1.0], MultivariateNormal([[0.0, 0.0]], [np.eye(2)]))
    assert [stand_in(squashed, model) for _ in range(3)] == [None] * 3


def test_counts_of_every_family():
    rng = np.random.default_rng(0)
    x = rng.poisson([1.0, 5.0], size=(20_000, 2)).ravel()
    for block in (Poisson([0.5, 4.0]), emlit.Geometric([0.3, 0.6]) if x.min() > 0 else Poisson([2.0, 9.0]), Normal([0.0, 5.0], [1.0, 2.0])):
        a, b = (fit(Mixture([0.5, 0.5], block), x, max_iter=40, tol=0, squash=e) for e in (None, False))
        np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


def test_families_side_by_side():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(40_000) < 0.3, 0, rng.poisson(4.0, 40_000)).astype(float)
    model = Mixture([0.3, 0.7], [Poisson([0.1]), Poisson([3.0])])
    a, b = (fit(model, x, max_iter=40, tol=0, squash=e) for e in (None, False))
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


def test_a_collapse_is_told_the_same_way():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=30_000), np.full(500, 3.0)])
    start = Mixture([0.9, 0.1], Normal([0.0, 3.0], [1.0, 0.2]))
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        a, b = (fit(start, x, squash=e) for e in (None, False))
    assert a.reason == b.reason == "degenerate" and len(notes) == 2 and str(notes[0].message) == str(notes[1].message)


def test_estimators(numbers):
    X = numbers[:, None]
    a = GaussianMixture(2, random_state=0).fit(X)
    b = GaussianMixture(2, random_state=0, squash=False).fit(X)
    np.testing.assert_allclose(a.lower_bound_, b.lower_bound_, rtol=1e-9)
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-3)
    np.testing.assert_allclose(a.lower_bound_, a.score(X), rtol=1e-13) # ℓ is that of all data
    c = MixtureModel("normal", n_components=2, random_state=0).fit(X)
    np.testing.assert_allclose(c.lower_bound_, b.lower_bound_, rtol=1e-9)


def test_the_user_s_data_are_left_alone(numbers):
    x = numbers.copy()
    x.setflags(write=False)
    fit(Mixture([0.5, 0.5], Normal([-1.0, 0.5], [1.5, 1.5])), x)
    np.testing.assert_array_equal(x, numbers)


# ---------------------------------------------------------------- equal rows

def answers(n=24_000, d=5, seed=0): return (np.random.default_rng(seed).random((n, d)) < 0.4).astype(float)


ROWS = {"bernoulli": lambda: (emlit.Bernoulli(np.random.default_rng(1).uniform(0.2, 0.8, (2, 5))), answers()),
        "ints": lambda: (emlit.Bernoulli(np.random.default_rng(1).uniform(0.2, 0.8, (2, 5))), answers().astype(int)),
        "categorical": lambda: (emlit.Categorical([np.random.default_rng(j).dirichlet(np.ones(3), 2) for j in range(4)]), np.random.default_rng(2).integers(0, 3, (24_000, 4))),
        "multinomial": lambda: (emlit.Multinomial(p=np.random.default_rng(3).dirichlet(np.ones(3), 2), n=4), np.random.default_rng(3).multinomial(4, [0.2, 0.3, 0.5], 24_000)),
        "poisson table": lambda: (Poisson([[1.0, 2.0], [2.0, 1.0]]), np.random.default_rng(4).poisson(1.5, (24_000, 2))),
        "ratings": lambda: (MultivariateNormal([[1.0, 2.0], [3.0, 3.0]], [np.eye(2)] * 2), np.random.default_rng(5).integers(0, 5, (24_000, 2)).astype(float)),
        "one column": lambda: (Poisson([[1.0], [3.0]]), np.random.default_rng(6).poisson(2.0, (24_000, 1)))}


@pytest.mark.parametrize("case", ROWS)
@pytest.mark.parametrize("how", ["all", "weighted", "parts"])
@pytest.mark.slow
def test_equal_rows_count_more(case, how, monkeypatch):
    block, x = ROWS[case]()
    w = np.random.default_rng(7).integers(0, 3, len(x)).astype(float) if how == "weighted" else None
    used = []
    monkeypatch.setattr("emlit.sources.fewer.stand_in", lambda *a: used.append(stand_in(*a)) or used[-1])
    data = Chunks.slices(x, rows=5000) if how == "parts" else x
    a = fit(Mixture([0.4, 0.6], block), data, sample_weight=w, max_iter=25, tol=0)
    assert used and all(len(found.x) <= 400 for found in used)
    b = fit(Mixture([0.4, 0.6], block), x, sample_weight=w, max_iter=25, tol=0, squash=False)
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


def test_rows_that_have_the_same_key_by_chance():
    x = np.array([[2**53, 1.0], [2**53, 2.0], [2**53, 1.0]] * 3) # the key rounds the difference away
    first, of = different_rows(x)
    np.testing.assert_array_equal(x[first][of], x)
    assert len(first) == 2


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_different_rows(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 2, (int(rng.integers(1, 300)), int(rng.integers(1, 4)))) * 10.0 ** rng.integers(-3, 20)
    first, of = different_rows(x)
    np.testing.assert_array_equal(x[first][of], x)
    assert len(first) >= len(np.unique(x, axis=0))


# ---------------------------------------------------------------- parts

@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("weighted, n_jobs", [(False, None), (True, None), (False, 2)])
@pytest.mark.slow
def test_parts_are_squashed_as_one(numbers, shape, weighted, n_jobs, monkeypatch):
    x, w = numbers.reshape(-1, *shape), np.random.default_rng(0).integers(0, 3, len(numbers)).astype(float) if weighted else None
    used = []
    monkeypatch.setattr("emlit.sources.fewer.stand_in", lambda *a: used.append(stand_in(*a)) or used[-1])
    block = MultivariateNormal([[-1.0], [0.5]], np.full((2, 1, 1), 2.0)) if shape else Normal([-1.0, 0.5], [1.5, 1.5])
    chunks = Chunks.slices(x, rows=7001, sample_weight=w, n_jobs=n_jobs)
    a, b = fit(Mixture([0.5, 0.5], block), chunks, max_iter=40, tol=0), fit(Mixture([0.5, 0.5], block), x, sample_weight=w, max_iter=40, tol=0, squash=False)
    assert used[:8] == [None] * 8 and max(len(found.x) for found in used[8:]) < 5000
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


def test_parts_of_counts(monkeypatch):
    x = np.random.default_rng(0).poisson([1.0, 5.0], size=(20_000, 2)).ravel()
    model = Mixture([0.5, 0.5], Poisson([0.5, 4.0]))
    a, b = fit(model, Chunks.slices(x, rows=3000), max_iter=30, tol=0), fit(model, x, max_iter=30, tol=0, squash=False)
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


def test_parts_are_read_a_few_times_only(numbers):
    reads = []
    def read(i):
        reads.append(i)
        return numbers[i * 10_000:(i + 1) * 10_000]
    fit(Mixture([0.5, 0.5], Normal([-1.0, 0.5], [1.5, 1.5])), Chunks(range(3), read), max_iter=100, tol=0)
    assert len(reads) / 3 < 20


def test_an_estimator_and_parts(numbers):
    a = GaussianMixture(2, random_state=0).fit(Chunks.slices(numbers[:, None], rows=7000))
    b = GaussianMixture(2, random_state=0, squash=False).fit(numbers[:, None])
    np.testing.assert_allclose(a.lower_bound_, b.lower_bound_, rtol=1e-8)


# ---------------------------------------------------------------- found by trying to break it

def test_parameters_of_shape_k_1(numbers):
    model = Mixture([0.5, 0.5], Normal([[-1.0], [0.5]], [[1.5], [1.5]]))
    a, b = (fit(model, numbers[:, None], max_iter=30, tol=0, squash=e) for e in (None, False))
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


@dataclass(frozen=True, eq=False)
class Half(Family):
    "A family of a user's own: the right half of a normal. In small integers x² would overflow."
    s: np.ndarray
    most: float = np.inf # the largest responsibility that it puts up with
    constants = ("most",)
    def __post_init__(self): set_fields(self, s=np.asarray(self.s, float))
    def log_prob(self, x): return -(x * x)[:, None] / (2 * self.s**2) - np.log(self.s) + 0.5 * np.log(2 / np.pi)

    def statistics(self, x, r):
        if r.max() > self.most: raise ValueError("r must be at most 1")
        return Stats(r.sum(0), r.T @ (x * x))

    def maximise(self, s, freeze=(), prior=None): return Half(np.sqrt(s.total / s.weight), self.most)
    def sample(self, rng, n): raise NotImplementedError


@pytest.mark.parametrize("kind", ["uint8", "int16", "float16", "float32", "longdouble"])
def test_a_family_sees_parts_as_it_would_see_all(kind):
    x = np.minimum(np.random.default_rng(1).geometric([0.02, 0.1], (12_000, 2)) - 1, 255).ravel().astype(kind)
    a, b = (fit(Mixture([0.5, 0.5], Half([20.0, 60.0])), Chunks.slices(x, rows=7000), max_iter=25, tol=0, squash=e) for e in (None, False))
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


def test_long_doubles_in_parts(numbers):
    x = numbers.astype(np.longdouble)
    a, b = (fit(Mixture([0.5, 0.5], Normal([-1.0, 0.5], [1.5, 1.5])), Chunks.slices(x, rows=7000), max_iter=25, tol=0, squash=e) for e in (None, False))
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-12)


def test_a_family_that_does_not_like_counts_gets_all_rows():
    x = np.random.default_rng(1).poisson(3.0, 21_000)
    a, b = (fit(Mixture([0.5, 0.5], Half([2.0, 6.0], most=1.0)), x, max_iter=25, tol=0, squash=e) for e in (None, False))
    np.testing.assert_array_equal(a.logliks, b.logliks)


@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("unit", [1e160, 1e37])
def test_huge_numbers_give_no_warnings_of_numpy(unit, parts):
    x = np.round(np.random.default_rng(0).exponential(1, 24_000) + 0.05, 1)
    x = np.sort(x) * unit if unit > 1e40 else (np.random.default_rng(0).exponential(1, 24_000) * unit).astype(np.float32)
    data = Chunks.slices(x, rows=7000) if parts else x
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Mixture([0.5, 0.5], emlit.Exponential([0.5 / unit, 2 / unit])) if unit > 1e40 else Mixture([0.5, 0.5], Normal([0.0, unit], [unit, unit]))
        a, b = (fit(model, data, max_iter=25, tol=0, squash=e) for e in (None, False))
    np.testing.assert_allclose(a.logliks, b.logliks, rtol=1e-10)


def test_a_tiny_frozen_component_gives_no_warnings_of_numpy(numbers):
    model = Mixture([0.5, 0.5, 0.0], Normal([-1.0, 1.0, 3.0], [1.0, 1.5, 1e-160]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, numbers, freeze=["mean", "std"], max_iter=25, tol=0)


@pytest.mark.parametrize("seed", range(4, 9))
def test_narrow_clusters_far_from_zero(seed):
    rng = np.random.default_rng(seed)
    x = 1.6e6 + np.concatenate([rng.normal(0, 0.5, 10_000), rng.normal(100, 0.04, 20_000)])
    model = Mixture([1 / 3, 2 / 3], Normal([1.6e6, 1.6e6 + 100], [0.5, 0.04]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a, b = (fit(model, x, max_iter=22, tol=0, squash=e) for e in (None, False))
    np.testing.assert_allclose(a.logliks, b.logliks, atol=1e-11 * len(x))


def many_zeros(i):
    rng = np.random.default_rng(i)
    x = rng.normal(size=20_000)
    x[rng.random(len(x)) < 0.6] = 0.0
    return x

def all_in_one_cell(i):
    rng = np.random.default_rng(i)
    x = rng.normal(size=20_000) * 1e-6
    x[:20] = rng.normal(size=20) * 10
    return x

@pytest.mark.parametrize("read", [many_zeros, all_in_one_cell])
def test_parts_with_too_many_values_are_given_up(read):
    squashed = stock_of(Chunks(range(40), read))
    block = Normal([-1.0, 0.5], [1.5, 1.5]) if read is many_zeros else Normal([-1e-7, 0.5e-7], [1.5e-6, 10.0])
    tracemalloc.start()
    stand_in(squashed, Mixture([0.5, 0.5], block))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert squashed.values is None and peak < 60e6 # all values would be 100 MB and more


def test_rows_without_weight_are_no_part_of_the_range():
    z = np.random.default_rng(0).normal(size=1000)
    few, w = squash(np.append(z, 1e9), 0.1, sample_weight=np.append(np.ones(1000), 0))
    assert np.abs(few).max() < 10 and w.sum() == pytest.approx(1000)


def test_a_width_is_a_number():
    for bad in (True, "wide", None):
        with pytest.raises((TypeError, ValueError), match="width"): squash([1.0, 2.0], bad)
    with pytest.raises(ValueError, match="x must be between"): squash([-1e308, 1e308], 1e305)
