"""The floor under variances: exact, inactive on healthy data, monotone, free of units; and scikit-learn's additive constant."""
import copy
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize

import emlit
from emlit import Degenerate, Mixture, MultivariateNormal, Normal, fit, scale_floor
from emlit.starts import start

STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
each_structure = pytest.mark.parametrize("structure", STRUCTURES)


def shares(rng, n, K): return rng.dirichlet(np.full(K, .5), n)


def clusters(rng, n=60): return np.concatenate([rng.normal(size=(n, 2)) @ [[1, .7], [0, .5]], rng.normal(size=(n, 2)) * .6 + [4, -1]])


@each_structure
def test_a_floor_changes_nothing_on_healthy_data(structure):
    rng = np.random.default_rng(0)
    x, r = clusters(rng), shares(rng, 120, 2)
    free = start(MultivariateNormal, x, r, structure=structure)
    held = start(MultivariateNormal, x, r, structure=structure, floor=scale_floor(x, structure))
    a, b = fit(free, x, tol=0, max_iter=30), fit(held, x, tol=0, max_iter=30)
    assert_array_equal(a.logliks, b.logliks)
    for name, value in a.model.parameters().items(): assert_array_equal(b.model.parameters()[name], value)
    assert not b.model.components[0].guarded().any() and fit(held, x).reason == "converged"


@each_structure
@pytest.mark.parametrize("far", ["outlier", "clusters", "oblique clusters"])
def test_a_million_standard_deviations_are_healthy(structure, far):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 2))
    x = np.concatenate([x, {"outlier": [[1e6, 0]], "clusters": x + [1e6, 0], "oblique clusters": x + np.array([1e6, 1e6]) / np.sqrt(2)}[far]])
    r = np.eye(2)[(np.arange(len(x)) >= 100).astype(int)]
    if far == "outlier": r[-1] = r[0] # the outlier has no component of its own: one cluster holds all of it
    r = r if far != "outlier" else np.eye(2)[np.r_[np.tile([0, 1], 50), 1]]
    model = MultivariateNormal(np.zeros((2, 2)), start(MultivariateNormal, x, shares(rng, len(x), 2), structure=structure).components[0].cov, structure, scale_floor(x, structure))
    assert not model.maximise(model.statistics(x, r)).guarded().any()


@each_structure
def test_the_guarded_m_step_is_a_maximum(structure):
    "Against a general optimiser over all covariances above the floor."
    rng = np.random.default_rng(2)
    x, r = rng.normal(size=(20, 2)) @ [[1, .9], [0, .1]], shares(rng, 20, 2)
    dense = structure in ("full", "tied")
    floor = {"full": np.array([[.3, .1], [.1, .2]]), "diag": np.array([.5, 1.3]), "spherical": 1.4}[structure.removeprefix("tied_") if structure != "tied" else "full"]
    begin = start(MultivariateNormal, x, r, structure=structure).components[0]
    best = replace(begin, floor=floor)
    best = best.maximise(best.statistics(x, r))
    shape = begin.cov.shape

    def cov(u):
        if not dense: return floor + u.reshape(shape)**2
        m = u.reshape(shape)
        return floor + m @ m.swapaxes(-1, -2)

    def minus(u): return -np.sum(r * MultivariateNormal(best.mean, cov(u), structure).log_prob(x))
    found = min((optimize.minimize(minus, rng.normal(size=int(np.prod(shape, initial=1))), method="BFGS", options={"gtol": 1e-8}) for _ in range(4)), key=lambda f: f.fun)
    assert_allclose(np.sum(r * best.log_prob(x)), -found.fun, rtol=1e-6)
    assert_allclose(best.cov, cov(found.x), atol=2e-3)
    assert best.guarded().any()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
@pytest.mark.slow
def test_guarded_fits_climb(structure, seed):
    "Duplicates, points on a line, fewer points than columns, dependent columns: ℓ never falls by more than rounding, and fit says so."
    rng = np.random.default_rng(seed)
    x = [lambda: np.concatenate([np.repeat(rng.normal(size=(1, 3)), 10, 0), rng.normal(size=(40, 3))]),
         lambda: np.concatenate([rng.normal(size=(20, 1)) @ rng.normal(size=(1, 3)), rng.normal(size=(40, 3))]),
         lambda: rng.normal(size=(12, 15)),
         lambda: (a := rng.normal(size=(60, 2))) @ [[1, 0, .3], [0, 1, -.7]]][seed % 4]()
    begin = start(MultivariateNormal, x, shares(rng, len(x), 3), structure=structure, floor=scale_floor(x, structure))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trace = fit(begin, x, max_iter=400)
    assert not [w for w in caught if "fell" in str(w.message)]
    assert np.diff(trace.logliks).min(initial=0) >= -1e-12 * (abs(trace.loglik) + len(x))
    assert trace.reason in ("converged", "guarded", "max_iter") and np.isfinite(trace.loglik)
    assert_allclose(trace.model.loglik(x), trace.loglik, rtol=1e-9)


def lowest(block):
    "The smallest eigenvalue of a covariance, as a multiple of the floor's; from the factors, which are exact."
    if block.structure not in ("full", "tied"): return np.min(block._scale**2 / block.floor)
    factors = np.linalg.solve(np.linalg.cholesky(block.floor), block._scale.reshape(-1, *block.floor.shape))
    return np.min(np.linalg.svd(factors, compute_uv=False)) ** 2

COMPANY = {"alone": lambda x: {}, "prior": lambda x: {"prior": emlit.Prior(weights=2.)}, "weights": lambda x: {"sample_weight": np.arange(len(x)) % 3 + 1},
           "labels": lambda x: {"labels": np.where(np.arange(len(x)) < 6, np.arange(len(x)) % 3, -1)}}

@pytest.mark.parametrize("company", COMPANY)
@pytest.mark.parametrize("seed", range(5))
@each_structure
@pytest.mark.slow
def test_acceleration_keeps_to_the_guard(structure, seed, company):
    "ℓ never falls, every covariance is above the floor, and the end is an end: plain EM gains no more from there."
    rng = np.random.default_rng(seed)
    x = [lambda: np.concatenate([np.repeat(rng.normal(size=(1, 3)), 10, 0), rng.normal(size=(40, 3))]),
         lambda: np.concatenate([rng.normal(size=(20, 1)) @ rng.normal(size=(1, 3)), rng.normal(size=(40, 3))]),
         lambda: rng.normal(size=(12, 15)),
         lambda: rng.normal(size=(60, 2)) @ [[1, 0, .3], [0, 1, -.7]],
         lambda: np.round(2 * rng.normal(size=(80, 2)))][seed]()
    begin = start(MultivariateNormal, x, shares(rng, len(x), 3), structure=structure, floor=scale_floor(x, structure))
    given = COMPANY[company](x)
    for method in ("squarem", "anderson", "auto"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trace = fit(begin, x, accelerate=method, max_iter=2000, **given)
            after = fit(trace.model, x, tol=0, max_iter=50, **given)
        assert not [w for w in caught if "fell" in str(w.message)]
        assert np.diff(trace.objective).min(initial=0) >= -1e-11 * (abs(trace.objective[-1]) + len(x))
        assert trace.reason in ("converged", "guarded") and lowest(trace.model.components[0]) >= 1 - 1e-3
        assert after.objective[-1] - trace.objective[-1] <= 2e-8 * len(x) * (3 if company == "weights" else 1)


@each_structure
@pytest.mark.parametrize("unit, origin", [(1e8, 0), (1e-8, 0), (1, 1e6), ([1e-6, 1e6], 0), (1, 1e8)])
def test_units_and_origin_change_only_the_numbers(structure, unit, origin):
    "Also where the guard is at work: eight equal rows, on which a component sits."
    if np.ndim(unit) and structure.endswith("spherical"): unit = 1e3 # a circle is none in other units for each column
    rng = np.random.default_rng(3)
    x = np.concatenate([clusters(rng), np.tile([[1., 2.]], (8, 1))])
    r = np.concatenate([np.repeat(np.eye(3)[[0, 1]], 60, 0), np.tile([[0, 0, 1.]], (8, 1))])
    r = .9 * r + .1 / 3 * (r[:, :1] * 0 + 1) if structure.startswith("tied") else r
    moved = x * unit + origin
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a, b = (fit(start(MultivariateNormal, y, r, structure=structure, floor=scale_floor(y, structure)), y, tol=0, max_iter=20).model for y in (x, moved))
    close = 1e-6 if np.max(origin) else 1e-9
    sd = x.std(0)
    assert_allclose((b.components[0].mean - origin) / unit / sd, a.components[0].mean / sd, atol=close)
    assert_allclose(b.weights, a.weights, atol=close)
    scale = np.outer(unit * np.ones(2), unit * np.ones(2)) if structure in ("full", "tied") else np.square(unit * np.ones(2)) if structure.endswith("diag") else np.square(unit)
    assert_allclose(b.components[0].cov / scale, a.components[0].cov, rtol=1e-5, atol=close * 1e-2)
    assert_array_equal(a.components[0].guarded(), b.components[0].guarded())


def test_one_point_gets_the_floor_and_no_point_is_degenerate():
    for structure in ("full", "diag", "spherical"):
        x = np.array([[1., 2], [0, 0], [1, 3], [2, -1]])
        model = MultivariateNormal(np.zeros((2, 2)), {"full": [np.eye(2)] * 2, "diag": np.ones((2, 2)), "spherical": [1, 1]}[structure], structure, scale_floor(x, structure))
        found = model.maximise(model.statistics(x, np.eye(2)[[0, 1, 1, 1]]))
        assert_allclose(found.cov[0], model.floor, rtol=1e-14)
        assert found.guarded().tolist() == [True, False]
        for freeze in ((), "mean"):
            with pytest.raises(Degenerate, match="component 0 has no data left"): model.maximise(model.statistics(x, np.eye(2)[[1, 1, 1, 1]]), freeze=freeze)


def test_normal_has_a_floor_too():
    x = np.array([2., 2, 2, 0, 1, 3])
    model = Normal([0., 0], [1., 1], scale_floor(x))
    found = model.maximise(model.statistics(x, np.eye(2)[[0, 0, 0, 1, 1, 1]]))
    assert_allclose(found.std**2, [1e-12 * x.var(), np.var([0, 1, 3])])
    assert found.guarded().tolist() == [True, False] and not found.replace({"std": [1, 1]}).guarded().any()
    columns = Normal([[0., 0]], [[1., 1]], [.5, .25])
    assert_allclose(columns.maximise(columns.statistics(np.zeros((3, 2)), np.ones((3, 1)))).std**2, [[.5, .25]])


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
@pytest.mark.slow
def test_reg_covar_adds_as_scikit_learn_does(structure):
    from sklearn.mixture._gaussian_mixture import _estimate_gaussian_parameters
    rng = np.random.default_rng(4)
    x, r = clusters(rng), shares(rng, 120, 3)
    found = start(MultivariateNormal, x, r, structure=structure, reg_covar=.01).components[0]
    assert_allclose(found.cov, _estimate_gaussian_parameters(x, r, .01, structure)[2], rtol=1e-12)
    assert_array_equal(start(MultivariateNormal, x, r, structure=structure, reg_covar=0).components[0].cov, start(MultivariateNormal, x, r, structure=structure).components[0].cov)


def test_copies_keep_the_floor_and_the_exact_factor():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(size=(20, 1)) @ rng.normal(size=(1, 3)), rng.normal(size=(40, 3))])
    model = MultivariateNormal(np.zeros((1, 3)), [np.eye(3)], floor=scale_floor(x))
    thin = model.maximise(model.statistics(x, (np.arange(60) < 20)[:, None].astype(float)))
    assert thin.guarded().all()
    for again in (copy.copy(thin), copy.deepcopy(thin), pickle.loads(pickle.dumps(thin))):
        assert again == thin and not again._scale.flags.writeable
        assert_array_equal(again.log_prob(x), thin.log_prob(x))
    assert thin.replace({"cov": [np.eye(3)]}).log_prob(x).max() < 0 and thin != replace(thin, floor=None)
    with np.printoptions(precision=17, floatmode="unique"):
        assert eval(repr(thin), {"array": np.array, **vars(emlit)}) == thin
    assert "floor" not in repr(MultivariateNormal([[0, 0]], [np.eye(2)])) and "floor" not in repr(Normal([0], [1]))


@pytest.mark.parametrize("make, says", [
    (lambda: Normal([0.], [1.], -1), "floor must be above 0"), (lambda: Normal([0.], [1.], [1, 2]), r"floor must have shape \(\)"),
    (lambda: Normal([[0., 1]], [[1., 1]], [1, 2, 3]), r"floor must have shape \(\) or \(2,\); got \(3,\)"),
    (lambda: MultivariateNormal([[0, 0]], [np.eye(2)], floor=[[1, 2], [2, 1]]), "floor must be positive definite"),
    (lambda: MultivariateNormal([[0, 0]], [np.eye(2)], floor=[[1, .5], [0, 1]]), "floor must be symmetric"),
    (lambda: MultivariateNormal([[0, 0]], [[1, 1]], "diag", np.eye(2)), r"floor must have shape \(2,\); got \(2, 2\)"),
    (lambda: MultivariateNormal([[0, 0]], [1], "spherical", [1, 1]), r"floor must have shape \(\); got \(2,\)"),
    (lambda: MultivariateNormal([[0, 0]], [np.eye(2)], floor=np.full((2, 2), np.nan)), "floor must be finite"),
    (lambda: MultivariateNormal([[0, 0]], [np.eye(2)], reg_covar=-1e-6), "reg_covar must be at least 0"),
    (lambda: MultivariateNormal([[0, 0]], [np.eye(2)], reg_covar=np.inf), "reg_covar must be finite"),
    (lambda: scale_floor([[1., 2]], "round"), "structure must be one of full")])
def test_bad_floors_are_refused(make, says):
    with pytest.raises(ValueError, match=says): make()


def test_floors_of_poor_data_are_sane():
    "Constant and dependent columns, one row, huge and tiny units: a positive definite floor, tiny beside the data."
    rng = np.random.default_rng(6)
    a = rng.normal(size=(50, 2))
    for x in (np.c_[a, np.full(50, 3.)], np.c_[a, np.zeros(50)], np.c_[a, a @ [2, 1]], np.ones((4, 2)), a[:1], a * [1e-9, 1e9], a[:, [0, 0]], a[:1, :].repeat(9, 0), a * 1e100, a * 1e-100):
        for structure in STRUCTURES:
            floor = scale_floor(x, structure)
            values = np.linalg.eigvalsh(floor) if floor.ndim == 2 else np.atleast_1d(floor)
            assert np.all(values > 0) and np.isfinite(floor).all()
            model = MultivariateNormal(np.zeros((1, x.shape[1])), start(MultivariateNormal, rng.normal(size=(99, x.shape[1])), np.ones((99, 1)), structure=structure).components[0].cov, structure, floor)
            found = model.maximise(model.statistics(x, np.ones((len(x), 1))))
            assert np.isfinite(found.log_prob(x)).all()


def test_a_collapse_is_named_with_its_rows_and_a_remedy():
    x = np.random.default_rng(15).normal(size=40)
    x[[17, 33]] = 8.25
    begin = Mixture([.9, .1], Normal([0., 8.2], [1, .1]))
    with pytest.warns(RuntimeWarning, match=r"component 1 has collapsed .* It was left with rows 17, 33; use fewer components, another start, a floor or a prior"): free = fit(begin, x)
    assert free.reason == "degenerate" and not free.converged and "rows 17, 33" in free.message
    assert_allclose(free.loglik, free.model.loglik(x))
    with pytest.warns(RuntimeWarning, match="component 1 sits on its floor with rows 17, 33: without the guard"): held = fit(Mixture([.9, .1], Normal([0., 8.2], [1, .1], scale_floor(x))), x)
    assert held.reason == "guarded" and held.converged


def test_data_that_are_flat_themselves_are_named():
    a = np.random.default_rng(16).normal(size=(60, 2))
    x = np.c_[a, a.sum(1)]
    begin = start(MultivariateNormal, x, np.eye(2)[(a[:, 0] > 0).astype(int)], floor=scale_floor(x))
    with pytest.warns(RuntimeWarning, match="all components sit on their floor: a column is constant or follows from others"): assert fit(begin, x, max_iter=3000).reason == "guarded"


def test_twins_and_the_empty_are_named():
    x = np.random.default_rng(17).normal(size=40)
    with pytest.warns(RuntimeWarning, match="components 0 and 1 of the start are identical"): assert fit(Mixture([.5, .5], Normal([0., 0], [1, 1])), x).reason == "identical"
    with pytest.warns(RuntimeWarning, match="component 1 has no data, as no observation comes near, .*: use fewer components, or another start"): assert fit(Mixture([.5, .5], Normal([0., 1e3], [1, 1])), x).reason == "empty"


def test_what_lies_above_the_floor_and_cannot_be_factored_is_lifted():
    cov = np.array([[2.8405e-16, -2.1476e-16], [-2.1476e-16, 2.1476e-16**2 / 2.8405e-16]]) # singular to rounding
    floor = np.array([[1.2189e-31, -8.7771e-32], [-8.7771e-32, 7.7555e-32]])
    for nudge in np.linspace(-4, 4, 41) * np.finfo(float).eps:
        lifted, L = emlit.families.floors.lift(np.stack([cov * [[1, 1], [1, 1 + nudge]], 4 * floor]), floor)
        assert np.diagonal(L, axis1=1, axis2=2).min() > 0
        assert_allclose(L @ L.swapaxes(1, 2), lifted, rtol=1e-6, atol=1e-22)


# values far away are no measure of the others

def with_far(rng, d, share, far): # 300 rows near 3, and some far out, to either side and in any direction
    x, v = rng.normal(3, 1, (300, d)), rng.normal(size=d)
    return x, np.r_[x, 3 + v / np.abs(v).max() * far * (np.linspace(1, 2, share) * rng.choice([-1, 1], share))[:, None]]

@each_structure
@pytest.mark.parametrize("d", [1, 2, 4])
def test_far_rows_do_not_widen_the_floor(structure, d):
    "The right floor is that of the rows without them."
    rng = np.random.default_rng(0)
    for far in (1e5, 1e7, 1e10, 1e15):
        for share in (1, 6, 12):
            x, y = with_far(rng, d, share, far)
            assert_allclose(scale_floor(y, structure), scale_floor(x, structure), rtol=1e-9)
            w, order = rng.integers(1, 4, len(y)).astype(float), rng.permutation(len(y))
            assert_allclose(scale_floor(y[order], structure), scale_floor(y, structure), rtol=1e-9)
            assert_allclose(scale_floor(y, structure, w), scale_floor(np.repeat(y, w.astype(int), axis=0), structure), rtol=1e-9)
            assert_allclose(scale_floor(2.**20 * y, structure), 2.**40 * scale_floor(y, structure), rtol=1e-12)

@pytest.mark.parametrize("structure", ["full", "diag", "spherical"])
@pytest.mark.parametrize("far", [1e7, 1e10, 1e16])
def test_a_sound_component_is_not_widened(structure, far):
    "The right standard deviations are those of the near rows."
    rng = np.random.default_rng(1)
    x, y = with_far(rng, 2, 5, far)
    y[300:] += rng.normal(size=(5, 2)) * far / 10
    trace = fit(start(MultivariateNormal, y, np.eye(2)[np.repeat([0, 1], [300, 5])], structure=structure, floor=scale_floor(y, structure)), y)
    right = {"full": np.cov(x.T, bias=True), "diag": x.var(0), "spherical": x.var(0).mean()}[structure]
    assert trace.reason == "converged"
    assert_allclose(trace.model.components[0].cov[0], right, rtol=1e-6)

def test_what_is_not_far_changes_nothing():
    "Bit for bit the share of the variance of all, and its rounding."
    rng = np.random.default_rng(2)
    for x in (rng.normal(size=500), np.r_[rng.normal(size=400), rng.normal(200, 1, 100)], rng.standard_t(3, 500), rng.exponential(size=500), rng.poisson(.05, 500).astype(float)):
        assert_allclose(scale_floor(x), 1e-12 * x.var(), rtol=1e-12)

def test_where_the_middle_is_one_value_the_others_tell():
    rng = np.random.default_rng(3)
    zeros = np.r_[np.zeros(600), rng.normal(5, 1, 100)]
    assert_allclose(scale_floor(np.r_[zeros, 1e9]), 1e-12 * zeros.var(), rtol=1e-9)
    assert_allclose(scale_floor(np.r_[np.zeros(100), 1e9]), 1e-12 * np.r_[np.zeros(100), 1e9].var())
    assert scale_floor(np.zeros(5)) == 1e-12

def test_far_numbers_in_every_row():
    x = np.random.default_rng(4).normal(size=(200, 60))
    y = x.copy()
    y[np.arange(200), np.arange(200) % 60] = 1e9
    for structure in ("full", "diag"): assert np.all(np.diag(np.atleast_2d(scale_floor(y, structure))) < 3e-12)

@pytest.mark.parametrize("far", [1e7, 1e13])
def test_a_component_far_out_ends_too(far):
    rng = np.random.default_rng(5)
    for group in ([far], [far, far], [far, far * (1 + 1e-15), far * (1 + 2e-15)]):
        x = np.r_[rng.normal(size=200), group]
        begin = start(Normal, x, np.eye(2)[np.repeat([0, 1], [200, len(group)])], floor=scale_floor(x))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "EM converged on the guard")
            trace = fit(begin, x, max_iter=50)
        assert trace.converged
        assert_allclose(trace.model.components[0].std[0], x[:200].std(), rtol=1e-9)
