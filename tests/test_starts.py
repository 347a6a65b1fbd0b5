"The starts: recipes return responsibilities, and one M-step makes a mixture of them."
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emlit import (Bernoulli, Binomial, Categorical, Degenerate, Exponential, Gamma, Geometric, Mixture, Multinomial,
                   MultivariateNormal, Normal, Poisson, Uniform, em, fit)
from emlit import starts
from emlit.data import load_faithful, load_fifteen, load_iris
from emlit.families import Family
from emlit.starts.clustering import lloyd, spread_centres
from emlit.starts.recipes import standardised
from emlit.starts import kmeans, kmeans_plus_plus, quantiles, random_points, random_responsibilities, sketch, start

pytestmark = pytest.mark.filterwarnings("error")
STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
iris, fifteen = load_iris(), load_fifteen()
RECIPES = {f.__name__: f for f in (random_points, random_responsibilities, kmeans_plus_plus, kmeans, quantiles)}
CENTRES = {name: RECIPES[name] for name in ("random_points", "kmeans_plus_plus", "kmeans")}
each_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
each_centre = pytest.mark.parametrize("recipe", CENTRES.values(), ids=CENTRES)

def rng(seed=0): return np.random.default_rng(seed)

def data_for(recipe): return iris[:, 2] if recipe is quantiles else iris


# recipes

@each_recipe
@pytest.mark.parametrize("K", [1, 2, 5])
def test_rows_are_distributions_and_no_component_is_empty(recipe, K):
    r = recipe(data_for(recipe), K, rng())
    assert r.shape == (150, K) and r.dtype == float
    assert_allclose(r.sum(1), 1, rtol=1e-12)
    assert np.all(r >= 0) and np.all(r.sum(0) > 0)
    if recipe is not random_responsibilities: assert set(np.unique(r)) <= {0., 1.}

@each_recipe
def test_the_same_generator_gives_the_same_start_and_goes_on(recipe):
    x, g = data_for(recipe), rng(3)
    first = recipe(x, 3, g)
    assert_array_equal(first, recipe(x, 3, rng(3)))
    if recipe not in (quantiles, kmeans): assert not np.array_equal(first, recipe(x, 3, g))

def test_the_global_generator_is_left_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    for recipe in RECIPES.values(): recipe(data_for(recipe), 3, rng())
    assert_array_equal(np.random.get_state()[1], before)

@each_recipe
def test_one_column_is_the_same_in_both_shapes(recipe):
    assert_array_equal(recipe(fifteen, 3, rng()), recipe(fifteen[:, None], 3, rng()))

@each_recipe
def test_data_may_be_a_list_and_is_not_changed(recipe):
    x = np.array([1., 5, 2, 8, 9, 4])
    x.setflags(write=False)
    assert_array_equal(recipe(x, 2, rng()), recipe(x.tolist(), 2, rng()))

@each_centre
@pytest.mark.parametrize("unit", [[10, 1, .1, 1000], [2.**300, 2.**-300, 1, 4]], ids=["metric", "extreme"])
def test_units_do_not_matter(recipe, unit):
    assert_array_equal(recipe(iris * unit, 3, rng(1)), recipe(iris, 3, rng(1)))

@each_centre
def test_offsets_do_not_matter(recipe):
    x = np.round(iris * 16)
    assert_array_equal(recipe(x + 2.**40, 3, rng(1)), recipe(x, 3, rng(1)))

@each_centre
def test_a_constant_column_has_no_say(recipe):
    # a constant column becomes exactly zero: the rows keep their order and their distances
    assert_array_equal(recipe(np.c_[iris, np.full(150, .1)], 3, rng()), recipe(np.c_[iris, np.zeros(150)], 3, rng()))

@each_centre
def test_as_many_components_as_distinct_rows(recipe):
    x = np.repeat([0., 1, 5, 7], [6, 1, 3, 2])
    for seed in range(20):
        r = recipe(x, 4, rng(seed))
        assert np.all(r.sum(0) > 0) and len({tuple(row) for row in r}) == 4

def test_hard_assignment_is_to_the_nearest_centre():
    x = rng(5).normal(size=(60, 2))
    z = (x - x.mean(0)) / x.std(0)
    r = random_points(x, 4, rng(2))
    centres = rng(2).choice(np.unique(z, axis=0), 4, replace=False)
    for row, given in zip(z, r.argmax(1)):
        assert_allclose(np.linalg.norm(row - centres[given]), np.linalg.norm(row - centres, axis=1).min(), rtol=1e-9)

def test_plus_plus_draws_the_second_centre_by_squared_distance():
    x = np.array([0., 1, 3, 7])           # from centre a, P(b) = d²/Σd²; the pair decides who is with whom
    d2 = np.square(x[:, None] - x)
    pairs = d2 / d2.sum(1, keepdims=True) / 4
    expected = {}
    for a in range(4):
        for b in range(4):
            if a != b:
                key = tuple((np.abs(x - x[b]) < np.abs(x - x[a])).tolist())
                expected[key] = expected.get(key, 0) + pairs[a, b]
    g, seen = rng(1), {}
    for _ in range(4000):
        key = tuple((kmeans_plus_plus(x, 2, g)[:, 1] == 1).tolist())
        seen[key] = seen.get(key, 0) + 1 / 4000
    assert set(seen) <= set(expected)
    for key, p in expected.items(): assert_allclose(seen.get(key, 0), p, atol=5 * np.sqrt(p / 4000) + 1e-9)

def test_kmeans_is_a_fixed_point_of_lloyd():
    z = (iris - iris.mean(0)) / iris.std(0)
    r = kmeans(iris, 3, rng())
    centres = r.T @ z / r.sum(0)[:, None]
    assert_array_equal(np.square(z[:, None] - centres).sum(2).argmin(1), r.argmax(1))

def test_quantiles_are_equal_parts_in_order():
    x = rng(0).permutation(np.arange(31.))
    for K in (1, 2, 4, 7, 31):
        labels = quantiles(x, K).argmax(1)
        counts = np.bincount(labels, minlength=K)
        assert counts.max() - counts.min() <= 1 and np.all(np.diff(labels[np.argsort(x)]) >= 0)

def test_quantiles_need_no_generator_and_do_not_depend_on_the_order_of_ties():
    x = np.array([2., 2, 2, 1, 5, 5])
    a, b = (start(Normal, v, quantiles(v, 2)) for v in (x, x[::-1]))
    assert_allclose(a.components[0].mean, b.components[0].mean)

def test_random_responsibilities_have_the_moments_of_a_flat_dirichlet():
    r = random_responsibilities(np.zeros(40_000), 3, rng())
    assert_allclose(r.mean(0), 1 / 3, atol=5e-3)
    assert_allclose(r.var(0), 2 / (9 * 4), rtol=.03)


# bad input

@each_recipe
@pytest.mark.parametrize("K, error, says", [(0, ValueError, "n_components must be at least 1"), (2.5, TypeError, "n_components must be a whole number"),
                                             (True, TypeError, "n_components must be a whole number"), ("3", TypeError, "n_components")])
def test_bad_n_components(recipe, K, error, says):
    with pytest.raises(error, match=says): recipe(fifteen, K, rng())

@pytest.mark.parametrize("bad", [0, None, np.random.RandomState(0), np.random], ids=lambda bad: type(bad).__name__)
@pytest.mark.parametrize("recipe", [r for r in RECIPES.values() if r is not quantiles])
def test_rng_must_be_a_generator(recipe, bad):
    with pytest.raises(TypeError, match="rng must be a numpy Generator"): recipe(fifteen, 2, bad)

@each_recipe
@pytest.mark.parametrize("x, error, says", [([1., np.nan, 3], ValueError, "x must be finite"), ([], ValueError, "x must not be empty"),
                                            (["a", "b"], TypeError, "x must hold real numbers"), (np.zeros((2, 2, 2)), ValueError, "x must be 1-D or 2-D"),
                                            (3., ValueError, "x must be 1-D or 2-D")])
def test_bad_data(recipe, x, error, says):
    with pytest.raises(error, match=says): recipe(x, 2, rng())

@each_centre
@pytest.mark.parametrize("x", [[1, 1, 2, 2], np.ones((5, 2)), [7.]], ids=str)
def test_too_few_distinct_rows(recipe, x):
    with pytest.raises(ValueError, match="at least n_components = 3 distinct rows; got"): recipe(x, 3, rng())

def test_quantiles_refuse_columns_and_too_few():
    with pytest.raises(ValueError, match=r"one column for quantiles; got shape \(150, 4\)"): quantiles(iris, 3)
    with pytest.raises(ValueError, match="at least n_components = 4 observations; got 3"): quantiles([1, 2, 3], 4)


# start

@pytest.mark.parametrize("structure", STRUCTURES)
def test_start_is_one_em_step_from_the_model_of_the_responsibilities(structure):
    x = load_faithful()
    model = start(MultivariateNormal, x, np.eye(2)[(x[:, 0] > 3).astype(int)], structure=structure)
    _, step = em(model, x, max_iter=1)
    again = start(MultivariateNormal, x, model.responsibilities(x), structure=structure)
    assert again.components[0].structure == structure
    for name, value in step.model.parameters().items(): assert_allclose(again.parameters()[name], value, rtol=1e-9)

g = rng(7)
CASES = {
    Bernoulli: (g.integers(0, 2, (40, 3)), {}), Binomial: (g.integers(0, 11, 40), {"n": 10}), Poisson: (g.integers(0, 9, 40), {}),
    Geometric: (g.integers(0, 9, (40, 2)), {}), Exponential: (g.exponential(size=40), {}), Gamma: (g.gamma(2., size=(40, 2)), {}),
    Normal: (g.normal(size=(40, 3)), {}), Multinomial: (g.multinomial(6, [.2, .3, .5], 40), {"n": 6}),
    Categorical: (g.integers(0, 4, 40), {}), MultivariateNormal: (g.normal(size=(40, 2)), {})}

@pytest.mark.parametrize("family", CASES, ids=lambda f: f.__name__)
def test_class_and_template_give_the_same_start(family):
    x, constants = CASES[family]
    r = random_responsibilities(x, 2, rng())
    made = start(family, x, r, **constants)
    again = start(made.components[0], x, r)
    assert_allclose(made.weights, r.mean(0))
    for name, value in made.parameters().items(): assert_allclose(again.parameters()[name], value, rtol=1e-7)
    assert np.isfinite(fit(made, x, max_iter=3, tol=0).loglik)

def test_latent_classes():
    x = np.stack([rng(1).integers(0, 3, 50), rng(2).integers(0, 2, 50)], axis=1)
    r = random_responsibilities(x, 2, rng())
    p = start(Categorical, x, r).components[0].p
    for j, size in enumerate((3, 2)):
        expected = np.stack([[r[x[:, j] == c, k].sum() for c in range(size)] for k in range(2)]) / r.sum(0)[:, None]
        assert_allclose(p[j], expected)

def test_sample_weight_counts_rows():
    r, w = random_responsibilities(fifteen, 2, rng()), np.arange(15)
    a, b = start(Normal, fifteen, r, sample_weight=w), start(Normal, np.repeat(fifteen, w), np.repeat(r, w, axis=0))
    for name, value in a.parameters().items(): assert_allclose(b.parameters()[name], value)

def test_several_families_side_by_side():
    x = np.array([-1., 0, 1, 2, 50, 51])
    r = np.eye(3)[[0, 1, 1, 0, 2, 2]]
    model = start([Normal([0, 0], [1, 1]), Uniform([-100], [100])], x, r)
    assert_allclose(model.weights, [1 / 3] * 3)
    assert_allclose(model.components[0].mean, [.5, .5])
    with pytest.raises(ValueError, match=r"x\[0\] is impossible under Poisson"): start([Poisson([1, 1]), Normal([0], [1])], x, r)
    counted = start([Normal([0], [1]), Poisson([1, 1])], x, r)
    assert_allclose(counted.components[1].rate, [.5, 50.5])

def test_order_of_the_components_is_that_of_the_columns():
    r = quantiles(fifteen, 3)
    means = start(Normal, fifteen, r).components[0].mean
    assert np.all(np.diff(means) > 0)
    assert_allclose(start(Normal, fifteen, r[:, ::-1]).components[0].mean, means[::-1])

@pytest.mark.parametrize("family, r, error, says", [
    ("normal", np.full((15, 2), .5), TypeError, "family must be a class of Family"),
    (dict, np.full((15, 2), .5), TypeError, "family must be a class of Family"),
    (Normal([0, 1, 2], [1, 1, 1]), np.full((15, 2), .5), ValueError, "one column for each of the 3 components; got 2"),
    (Normal, np.full((14, 2), .5), ValueError, "one row for each of the 15 observations; got 14"),
    (Normal, np.full((15, 2), .4), ValueError, "r must sum to 1"),
    (Normal, np.full((15, 1, 1), 1.), ValueError, "r must be 1-D or 2-D"),
    (Normal, np.c_[np.full(15, 2.), np.full(15, -1.)], ValueError, r"r must be in \[0, 1\]"),
    (Normal, np.eye(2)[[0] * 15], Degenerate, "component 1 has no data left"),
    (Normal, np.eye(2)[[1] + [0] * 14], Degenerate, "component 1"),
    (Poisson, np.full((15, 2), .5), ValueError, "x must be a whole number"),
    (MultivariateNormal, np.full((15, 2), .5), ValueError, "x must be 2-D")])
def test_bad_start(family, r, error, says):
    with pytest.raises(error, match=says): start(family, fifteen, r)

def test_constants_go_with_a_class():
    with pytest.raises(TypeError, match="family must be a class where constants are given"):
        start(MultivariateNormal(np.zeros((2, 4)), [np.eye(4)] * 2), iris, np.full((150, 2), .5), structure="full")
    with pytest.raises(ValueError, match="structure must be one of"): start(MultivariateNormal, iris, np.full((150, 2), .5), structure="round")

@pytest.mark.parametrize("family, constants, says", [
    (Binomial, {}, r"Binomial needs n, such as start\(Binomial, x, r, n=…\)"),
    (Uniform, {"low": [-9., -9]}, "Uniform needs high"),
    (Binomial, {"n": 9, "m": 1}, "Binomial takes n; got 'm'"),
    (Binomial, {"n": 9, "p": [.1, .2]}, "Binomial takes n; got 'p'"),
    (Uniform, {"structure": "full"}, "Uniform takes low and high; got 'structure'"),
    (Normal, {"structure": "full"}, "Normal takes floor; got 'structure'"),
    (Poisson, {"n": 3}, "Poisson takes no constants; got 'n'"),
    (MultivariateNormal, {"structure": ["full"]}, "structure must be text"),
    (MultivariateNormal, {"structure": np.array(["full"])}, "structure must be text"),
    (MultivariateNormal, {"structure": None}, "structure must be text"),
    (Family, {}, "family must be a class with parameters, such as Normal; got Family")])
def test_constants_must_be_those_of_the_class(family, constants, says):
    x = [[1., 2], [2, 1], [0, 5]] if family is MultivariateNormal else [1., 2, 5]
    with pytest.raises(TypeError, match=says): start(family, x, np.full((3, 2), .5), **constants)

def test_constants_with_a_default_may_be_left_out():
    x = load_faithful()
    assert start(MultivariateNormal, x, quantiles(x[:, 0], 2)).components[0].structure == "full"
    assert_allclose(start(Uniform, fifteen, quantiles(fifteen, 2), low=[-99., -99], high=[99., 99]).weights, [8 / 15, 7 / 15])

@pytest.mark.parametrize("x", [[0, 1, 1e12], [[0, 1], [1, 0], [1, 1e9]], [0, 1, 10**6]], ids=str)
def test_too_many_categories(x):
    with pytest.raises(ValueError, match=r"x must hold categories below 10\*\*6; got 1000"): start(Categorical, x, np.full((3, 2), .5))

def test_plus_plus_says_when_rows_are_too_close():
    x = [-1, 0, 1e-200, 2e-200, 1]
    for seed in range(5):
        with pytest.raises(ValueError, match="at least n_components = 4 distinct rows; got 3; the others are too close"):
            kmeans_plus_plus(x, 4, rng(seed))


# numbers

def test_kmeans_leads_to_the_known_tops():
    assert_allclose(fit(start(MultivariateNormal, iris, kmeans(iris, 3, rng())), iris).loglik, -180.185477, atol=1e-5)
    x = load_faithful()
    assert_allclose(fit(start(MultivariateNormal, x, kmeans(x, 2, rng())), x).loglik, -1130.263960, atol=1e-5)

@pytest.mark.slow
def test_starts_need_no_scikit_learn():
    code = ("import sys, numpy as np, emlit.starts as s; x = np.arange(9.); g = np.random.default_rng(0)\n"
            "for recipe in (s.random_points, s.kmeans_plus_plus, s.quantiles, s.random_responsibilities, s.kmeans): recipe(x, 2, g)\n"
            "print([m for m in ('sklearn', 'matplotlib', 'pandas') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

@pytest.mark.parametrize("n, d, K", [(150, 4, 3), (400, 2, 5), (60, 1, 4)])
@pytest.mark.slow
def test_lloyd_ends_where_that_of_scikit_learn_does(n, d, K):
    from sklearn.cluster import KMeans
    z, w = rng(n).normal(size=(n, d)), rng(1).integers(1, 4, n).astype(float)
    z = standardised(z, w)
    centres = spread_centres(z, w, K, np.random.RandomState(2))
    labels, squares = lloyd(z, w, centres, tol=0)
    theirs = KMeans(K, init=centres, n_init=1, tol=0).fit(z, sample_weight=w)
    assert_array_equal(labels, theirs.labels_)
    assert_allclose(squares + w @ np.square(z).sum(1), theirs.inertia_, rtol=1e-10)

def test_an_empty_group_gets_the_row_that_is_worst_off():
    z = np.r_[rng().normal(size=(30, 1)), [[9.]]]
    labels, _ = lloyd(z, np.ones(31), np.array([[0.], [100.]]))
    assert labels[-1] == 1 and not labels[:-1].any()


# labels, weights, and few rows for many

def test_labels_are_a_hard_table():
    labels = rng().integers(0, 3, 150)
    for weight in (None, rng(1).integers(0, 4, 150)):
        a = start(MultivariateNormal, iris, labels, sample_weight=weight)
        b = start(MultivariateNormal, iris, np.eye(3)[labels], sample_weight=weight)
        for name, value in a.parameters().items(): assert_allclose(value, b.parameters()[name], rtol=1e-11)

def test_labels_of_many_rows_work_in_blocks():
    x, labels = rng().normal(size=200_000), rng(1).integers(0, 4, 200_000)
    found = start(Normal, x, labels)
    for k in range(4):
        assert_allclose(found.components[0].mean[k], x[labels == k].mean(), rtol=1e-11)
        assert_allclose(found.components[0].std[k], x[labels == k].std(), rtol=1e-11)

@pytest.mark.parametrize("labels, message", [
    ([0, 1, 2] * 5, "one label for each of the 2 components; got 3"), ([0.5] * 15, "whole number from 0"),
    ([-1, 0, 1] * 5, "whole number from 0"), ([0, 10**9, 1] * 5, "whole number from 0"), ([np.nan] * 15, "finite"), ([0, 1], "one row for each of the 15")])
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=message): start(Normal([0, 1], [1, 1]), fifteen, labels)

def test_a_template_may_have_more_components_than_labels():
    with pytest.raises(Degenerate, match="component 2 has no data"): start(Normal([0, 1, 2], [1, 1, 1]), fifteen, [0, 1] * 7 + [1])

@pytest.mark.parametrize("recipe", [kmeans, kmeans_plus_plus])
def test_weights_of_a_recipe_count_rows(recipe):
    x = np.r_[rng().normal(0, 1, 200), [50.]]
    apart = [recipe(x, 2, rng(s), np.r_[np.ones(200), w]).argmax(1) for w in (1, 1e-9) for s in range(30)]
    alone = [np.mean([z[-1] not in z[:-1] for z in group]) for group in (apart[:30], apart[30:])]
    assert alone[0] > .5 > .2 > alone[1]

def test_sketch_of_little_data_is_its_distribution():
    x, w = rng().integers(0, 4, (60, 2)).astype(float), rng(1).integers(0, 4, 60)
    rows, counts = sketch(x, rng(), sample_weight=w)
    again, more = sketch(np.repeat(x, w, axis=0)[::-1], rng(5))
    assert_array_equal(rows, again)
    assert_array_equal(counts, more)
    assert len(np.unique(rows, axis=0)) == len(rows) and counts.sum() == w.sum()

def test_sketch_of_much_data_is_short_and_fair():
    x, w = rng().normal(size=(50_000, 2)), np.r_[np.zeros(25_000), np.ones(25_000)]
    rows, counts = sketch(x, rng(1), size=1000, sample_weight=w)
    assert len(rows) <= 1000 == counts.sum() and set(map(tuple, rows)) <= set(map(tuple, x[25_000:]))

def test_sketch_finds_rare_rows_if_it_must():
    x = np.r_[np.zeros(50_000), 1, 2]
    assert sketch(x, rng(), size=100, least=3)[0].tolist() == [0, 1, 2]
    assert sketch(x, rng(), size=100, least=4)[0].tolist() == [0, 1, 2]


# far values, and starts that have seen all of the data

def test_middle_goes_by_weights_and_widens_where_half_is_alike():
    x, w = rng().normal(size=(50, 2)), rng(1).integers(0, 4, 50)
    for a, b in zip(starts.middle(x, w), starts.middle(np.repeat(x, w, axis=0))): assert_array_equal(a, b)
    centre, width = starts.middle(np.r_[np.zeros(80), np.arange(1., 21)][:, None]) # the middle 80 % reach beyond the zeros
    assert centre == 0 and 0 < width <= 20
    assert starts.middle(np.ones((9, 1)))[1] == 0

@pytest.mark.parametrize("unit", [1e-100, 1, 1e100])
def test_far_values_are_drawn_in_by_logarithms_and_keep_their_order(unit):
    x = np.r_[np.linspace(-1, 1, 101), 50, 1e3, 1e6, 1e12][:, None]
    z = starts.drawn_in(unit * x, *starts.middle(unit * x)) / unit
    assert np.all(np.diff(z.ravel()) > 0) and abs(z.max()) < 1000
    assert_allclose(z[:101], x[:101], rtol=1e-12) # what is not far stays
    assert_allclose(z[-1] - z[-2], 10 * np.ptp(np.quantile(x, [.25, .75], method="inverted_cdf")) * np.log(1e6), rtol=1e-3)
    near = x[:101]
    assert starts.drawn_in(near, *starts.middle(near)) is near

@pytest.mark.parametrize("weighted", [False, True])
def test_a_sketch_that_looks_far_out_keeps_sums(weighted):
    x = np.c_[rng().normal(size=50_000), rng(1).exponential(size=50_000)]
    x[:3] = [[500, 0], [501, 3], [502, 9]]
    w = rng(2).integers(0, 3, 50_000).astype(float) if weighted else None
    if weighted: w[:3] = 1
    rows, counts = sketch(x, rng(3), size=4000, sample_weight=w, far=0.5)
    assert set(map(tuple, x[:3])) <= set(map(tuple, rows)) <= set(map(tuple, x if w is None else x[w > 0]))
    v = np.ones(len(x)) if w is None else w
    assert_allclose(counts.sum(), 4000)
    assert_allclose(counts @ rows / 4000, v @ x / v.sum(), atol=0.15)
    assert_allclose(counts @ rows**2 / 4000, v @ x**2 / v.sum(), rtol=0.1)
    assert counts[rows[:, 0] > 400].sum() * v.sum() / 4000 < 6 # three rows, not thousands

def test_constant_columns_have_no_say_in_a_sketch():
    x = np.c_[np.ones(30_000), rng().normal(size=30_000)]
    x[7, 0] = 2 # but for one row
    assert [2, x[7, 1]] in sketch(x, rng(), far=0.5)[0].tolist()
    assert sketch(np.ones(30_000), rng(), far=0.5)[0].tolist() == [1]
    huge = np.r_[np.zeros(30_000), 1e300]
    assert 1e300 in sketch(huge, rng(), far=0.5)[0]
