"""Units, origin and extremes: the transformed data give the transformed answer, and finite input never makes a NaN."""
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from emlit import (Bernoulli, Categorical, Exponential, Gamma, GaussianMixture, Geometric, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson,
                   Prior, Uniform, elbo, entropy, fit, kl, q_function, scale_floor)
from emlit.algorithm.acceleration import EMMap
from emlit.data import load_faithful
from emlit.algorithm.diagnosis import near_saddle
from emlit.sources import as_source
from emlit.starts import start

STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
each_structure = pytest.mark.parametrize("structure", STRUCTURES)


def clouds(seed=0, n=80):
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.normal(size=(n, 2)) @ [[1, .7], [0, .5]], rng.normal(size=(n, 2)) * [.6, .9] + [3, -1]])
    return x, rng.dirichlet([.5, .5], 2 * n)


def moved_fits(structure, unit, origin, steps=10): # at an origin of 1e8 each step rounds the means by 1e-8, and EM adds that up
    x, r = clouds()
    moved = x * unit + origin
    x = (moved - origin) / unit # what is left of the digits after the move
    return x, *(fit(start(MultivariateNormal, y, r, structure=structure), y, tol=0, max_iter=steps) for y in (x, moved))


@each_structure
@pytest.mark.parametrize("unit, origin, close", [(1e8, 0, 1e-12), (1e-8, 0, 1e-12), (1, 1e6, 1e-9), (1, -1e8, 1e-7), (1e-8, 1, 1e-7), (1e8, 1e14, 1e-9), (2, [1e8, -1e6], 1e-7)])
def test_units_and_origin(structure, unit, origin, close):
    "Means in standard deviations, covariances relative to the variances, weights and responsibilities: to 1e-7 where the origin is 1e8 away."
    x, a, b = moved_fits(structure, unit, origin)
    sd, old, new = x.std(0), a.model.components[0], b.model.components[0]
    assert_allclose((new.mean - origin) / unit / sd, old.mean / sd, rtol=0, atol=close)
    assert_allclose(new.cov / unit**2, old.cov, rtol=0, atol=close * 10 * sd.max()**2)
    assert_allclose(b.model.weights, a.model.weights, atol=close * 10)
    assert_allclose(b.loglik, a.loglik - x.size * np.log(unit), rtol=max(close, 1e-11))


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "tied_diag"])
def test_columns_in_different_units(structure):
    unit, origin = np.array([1e-6, 1e6]), np.array([1e-3, 1e9])
    x, a, b = moved_fits(structure, unit, origin)
    old, new = a.model.components[0], b.model.components[0]
    assert_allclose((new.mean - origin) / unit, old.mean, atol=1e-10)
    assert_allclose(new.cov / (np.outer(unit, unit) if structure in ("full", "tied") else unit**2), old.cov, atol=1e-9)
    assert_allclose(b.loglik, a.loglik, rtol=1e-9)   # the units multiply to 1


@pytest.mark.parametrize("unit, origin", [(1e8, 0), (1e-8, 0), (1, 1e8), (1e-8, 1)])
def test_units_and_origin_of_one_column(unit, origin):
    x, r = clouds()
    x = x[:, 0]
    a, b = (fit(start(Normal, y, r), y, tol=0, max_iter=25).model for y in (x, x * unit + origin))
    close = 1e-7 if origin else 1e-12
    assert_allclose((b.components[0].mean - origin) / unit, a.components[0].mean, atol=close)
    assert_allclose(b.components[0].std / unit, a.components[0].std, atol=close)


@each_structure
@pytest.mark.parametrize("unit, origin, close", [(1e8, 0, 1e-10), (1e-8, 0, 1e-10), (1, 1e6, 1e-8), (1, -1e8, 1e-7), (1e-8, 1, 1e-7), (1e8, 1e16, 1e-7)])
def test_units_and_origin_of_the_estimator(structure, unit, origin, close):
    "GaussianMixture from its own start, run until it stops: also the choice of the start and the guard know no units."
    x, _ = clouds(n=120)
    moved = x * unit + origin
    x = (moved - origin) / unit
    a, b = (GaussianMixture(2, covariance_type=structure, random_state=0, tol=1e-12).fit(y) for y in (x, moved))
    sd = x.std(0)
    assert_allclose((b.means_ - origin) / unit / sd, a.means_ / sd, rtol=0, atol=close)
    assert_allclose(b.covariances_ / unit**2, a.covariances_, rtol=0, atol=close * 10 * sd.max()**2)
    assert_allclose(b.weights_, a.weights_, atol=close * 10)
    assert (a.predict(x) == b.predict(moved)).all()


@pytest.mark.parametrize("unit, origin", [(1e8, 0), (1e-8, 0), (1, 1e8), (1e-8, 1)])
def test_units_and_origin_of_the_estimator_of_normal_columns(unit, origin):
    x, _ = clouds(n=120)
    moved = x * unit + origin
    x = (moved - origin) / unit
    a, b = (MixtureModel(Normal, n_components=2, random_state=0, tol=1e-12).fit(y).model_.components[0] for y in (x, moved))
    assert_allclose((b.mean - origin) / unit, a.mean, atol=1e-7)
    assert_allclose(b.std / unit, a.std, atol=1e-7)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "tied_diag"])
def test_columns_in_different_units_in_the_estimator(structure):
    unit, origin = np.array([1e-6, 1e6]), np.array([1e-3, 1e9])
    x, _ = clouds(n=120)
    moved = x * unit + origin
    x = (moved - origin) / unit
    a, b = (GaussianMixture(2, covariance_type=structure, random_state=0, tol=1e-12).fit(y) for y in (x, moved))
    assert_allclose((b.means_ - origin) / unit, a.means_, atol=1e-9)
    assert_allclose(b.weights_, a.weights_, atol=1e-9)


@pytest.mark.parametrize("unit", [1e8, 1e-8])
def test_units_of_positive_families(unit):
    x = np.random.default_rng(1).gamma(2, 1, 200)
    for begin, scaled, name, power in [(Gamma([1., 4], [1, .5]), Gamma([1., 4], [unit, unit / 2]), "scale", 1), (Exponential([.5, 2]), Exponential([.5 / unit, 2 / unit]), "rate", -1)]:
        a, b = (fit(Mixture([.5, .5], f), y, tol=0, max_iter=10).model.components[0] for f, y in ((begin, x), (scaled, x * unit)))
        assert_allclose(getattr(b, name) / unit**power, getattr(a, name), rtol=1e-8)


@each_structure
def test_densities_far_from_zero_and_ill_conditioned(structure):
    "The E-step against SciPy in long doubles of the residuals: near-singular, far-shifted data."
    rng = np.random.default_rng(2)
    L = np.array([[1, 0], [1 - 1e-5, 1e-5]])
    shift = np.array([1e6, -1e6])
    z = rng.normal(size=(60, 2))
    x = z @ L.T + shift
    r = rng.dirichlet([1, 1], 60)
    model = start(MultivariateNormal, x, r, structure=structure)
    block, weights = model.components[0], model.weights
    covs = {"full": lambda: block.cov, "tied": lambda: [block.cov] * 2}.get(structure, lambda: [np.diag(v) for v in np.broadcast_to(block.cov[:, None] if structure == "spherical" else block.cov, (2, 2))])()
    columns = []
    for m, c in zip(block.mean, covs):
        c = np.asarray(c, np.longdouble)
        l11 = np.sqrt(c[0, 0]); l21 = c[1, 0] / l11; l22 = np.sqrt(c[1, 1] - l21**2)
        d = x.astype(np.longdouble) - m
        u = d[:, 0] / l11
        v = (d[:, 1] - l21 * u) / l22
        columns.append(-(u**2 + v**2) / 2 - np.log(l11 * l22) - np.log(2 * np.pi))
    right = np.stack(columns, 1)
    assert_allclose(block.log_prob(x), right.astype(float), rtol=2e-5, atol=2e-4)
    assert_allclose(model.e_step(x).loglik, np.log((np.exp(right) * weights).sum(1)).sum().astype(float), rtol=1e-5)


def test_an_outlier_at_a_million_standard_deviations():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(size=100), [1e6]])
    with pytest.warns(RuntimeWarning, match="component 1 sits on its floor"):
        trace = fit(Mixture([.5, .5], Normal([0., 1e6], [1, 1], scale_floor(x))), x) # a component of its own
    assert_allclose(trace.model.components[0].mean, [x[:100].mean(), 1e6], rtol=1e-9)
    assert_allclose(trace.model.components[0].std[0], x[:100].std(), rtol=1e-9)
    assert trace.model.components[0].guarded().tolist() == [False, True]
    wide = fit(Mixture([.5, .5], Normal([-1., 1], [1, 1])), x[:-1])
    r = wide.model.responsibilities([1e6])
    assert np.isfinite(r).all() and r.sum() == 1 and np.isfinite(wide.model.log_prob([1e6]))


@each_structure
@pytest.mark.parametrize("recipe", ["kmeans", "k-means++"])
@pytest.mark.parametrize("far", [1e3, 1e6])
def test_an_outlier_does_not_spoil_the_estimator(structure, recipe, far):
    "The outlier gets a component, and the two clusters beside it are found as if it were not there."
    rng = np.random.default_rng(3)
    two = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + [6, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore") # it sits on the guard
        found = GaussianMixture(3, covariance_type=structure, random_state=0, init_params=recipe).fit(np.r_[two, [[far, -far]]])
    alone = GaussianMixture(2, covariance_type=structure, random_state=0).fit(two)
    z = found.predict(np.r_[two, [[far, -far]]])
    assert (z[:-1] != z[-1]).all()
    assert_allclose(np.sort(found.means_[np.arange(3) != z[-1], 0]), np.sort(alone.means_[:, 0]), atol=1e-3 if structure not in TIED else .05)


def test_densities_of_ten_to_the_minus_five_thousand():
    model = Mixture([.3, .7], Normal([0., 1], [1, 1]))
    log_p = model.log_prob([160.])
    assert log_p[0] < -5000 * np.log(10) and np.isfinite(log_p).all()
    assert_allclose(log_p, np.logaddexp(np.log(.3) + stats.norm.logpdf(160., 0), np.log(.7) + stats.norm.logpdf(160., 1)), rtol=1e-14)
    assert_allclose(model.responsibilities([160.]), [[np.exp(np.log(3 / 7) - 159.5), 1]], rtol=1e-10)
    assert_allclose(model.e_step([160., -160]).loglik, model.log_prob([160., -160]).sum())


@pytest.mark.parametrize("structure", ["diag", "spherical", "tied_diag"])
def test_a_thousand_dimensions(structure):
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.normal(size=(30, 1000)), rng.normal(size=(30, 1000)) + 1])
    trace = fit(start(MultivariateNormal, x, rng.dirichlet([1, 1], 60), structure=structure), x, max_iter=50)
    assert np.isfinite(trace.logliks).all() and np.diff(trace.logliks).min() > -1e-6
    r = trace.model.responsibilities(x)
    assert_allclose(r.sum(1), 1, rtol=1e-14)
    assert (r[:30].argmax(1) == r[0].argmax()).all() and (r[30:].argmax(1) != r[0].argmax()).all()


def test_fewer_rows_than_columns():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(10, 40))
    for structure in STRUCTURES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace = fit(start(MultivariateNormal, x, rng.dirichlet([1, 1], 10), structure=structure, floor=scale_floor(x, structure)), x, max_iter=30)
        assert np.isfinite(trace.logliks).all() and np.diff(trace.logliks).min(initial=0) >= -1e-12 * abs(trace.loglik)
        assert np.isfinite(trace.model.responsibilities(x)).all()


@pytest.mark.parametrize("block", [Normal([-3., 1], [1, 1]), MultivariateNormal([[-3.], [1]], [[[1.]], [[1]]]), Exponential([1e-3, 1.])])
def test_weights_of_ten_to_the_minus_three_hundred(block):
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.normal(-3, 1, 50), rng.normal(3, 1, 50)])
    x = abs(x) if isinstance(block, Exponential) else x[:, None] if isinstance(block, MultivariateNormal) else x
    tiny, plain = (Mixture(w, block).e_step(x) for w in ([1e-300, 1], [0, 1]))
    assert np.isfinite(tiny.loglik) and tiny.weight[0] > 0
    assert_allclose(tiny.loglik, plain.loglik, rtol=1e-14)
    log_f = block.log_prob(x)
    assert_allclose(tiny.weight[0], np.exp(np.log(1e-300) + log_f[:, 0] - log_f[:, 1]).sum(), rtol=1e-9)
    found = Mixture([1e-300, 1], block).m_step(tiny)
    assert all(np.isfinite(v).all() for v in found.parameters().values())
    if isinstance(block, Normal):
        r = np.exp(log_f[:, 0] - log_f[:, 1])
        assert_allclose(found.components[0].mean[0], r @ x / r.sum(), rtol=1e-9)
        assert_allclose(found.components[0].std[0]**2, r @ (x - r @ x / r.sum())**2 / r.sum(), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_sample_weights_of_any_size(scale):
    x, r = clouds()
    begin = start(MultivariateNormal, x, r)
    a, b = fit(begin, x, tol=0, max_iter=5), fit(begin, x, tol=0, max_iter=5, sample_weight=np.full(len(x), scale))
    for name, value in a.model.parameters().items(): assert_allclose(b.model.parameters()[name], value, rtol=1e-10)


EXTREMES = {
    "normal 1e149": (Normal([-1e149, 1e149], [1e149, 1e149]), lambda g: g.normal(size=40) * 1e149), "normal 1e-149": (Normal([-1e-149, 1e-149], [1e-149, 1e-149]), lambda g: g.normal(size=40) * 1e-149),
    "exponential 1e300": (Exponential([1e-300, 2e-300]), lambda g: g.exponential(1e300, 40)), "exponential 1e-300": (Exponential([1e300, 2e300]), lambda g: g.exponential(1e-300, 40)),
    "gamma 1e300": (Gamma([1., 2], [1e300, 1e299]), lambda g: g.gamma(2, 1e300, 40)), "gamma 1e-300": (Gamma([1., 2], [1e-300, 1e-301]), lambda g: g.gamma(2, 1e-300, 40)),
    "bernoulli 1e-300": (Bernoulli([1e-300, .5]), lambda g: g.integers(0, 2, 40)), "poisson 0": (Poisson([1e-300, 5]), lambda g: g.poisson(.1, 40)),
    "poisson 1e6": (Poisson([1e6, 1.001e6]), lambda g: g.poisson(1e6, 40)), "geometric": (Geometric([1e-9, 2e-9]), lambda g: g.geometric(1e-9, 40) - 1),
    "categorical": (Categorical([[1e-300, 1 - 1e-300], [.5, .5]]), lambda g: g.integers(0, 2, 40)), "uniform": (Uniform([-1.7e308, -1], [1.7e308, 1]), lambda g: g.uniform(-2, 2, 40) * 4e307)}


@pytest.mark.parametrize("case", EXTREMES)
def test_extremes_are_finite(case):
    block, draw = EXTREMES[case]
    x = np.asarray(draw(np.random.default_rng(7)), float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = fit(Mixture([.5, .5], block), x, max_iter=50)
    assert np.isfinite(trace.logliks).all() and trace.reason != "stalled"
    assert np.diff(trace.logliks).min(initial=0) >= -1e-9 * (abs(trace.loglik) + len(x))
    assert all(np.isfinite(v).all() for v in trace.model.parameters().values())
    assert np.isfinite(trace.model.responsibilities(x)).all()


def test_a_uniform_over_all_floats():
    wide = Uniform([-1.7e308, 0], [1.7e308, 1.7e308])
    assert_allclose(wide.log_prob([1.0]), [[-np.log(1.7e308) - np.log(2), -np.log(1.7e308)]], rtol=1e-15)
    drawn = wide.sample(np.random.default_rng(0), 1000)
    assert np.isfinite(drawn).all() and (abs(drawn) <= 1.7e308).all() and (drawn[:, 0] < 0).any() and (drawn[:, 1] >= 0).all()


@pytest.mark.parametrize("scale, x", [(1e-308, 1e-308), (1e-308, .5), (1e300, 1e-300), (1e300, 1e300), (1., 1.)])
def test_gamma_with_a_frozen_scale(scale, x):
    start_ = Gamma([1.], [scale])
    found = start_.maximise(start_.statistics(np.array([x, 1.5 * x]), np.ones((2, 1))), freeze="scale")
    assert np.isfinite(found.shape).all() and found.shape[0] > 0
    from scipy.special import digamma
    assert_allclose(digamma(found.shape) + np.log(scale), np.log([x, 1.5 * x]).mean(), rtol=1e-9)


@pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-4, 3e-5, 1e-6, 1e-7, 1e-9])
def test_gammas_that_hardly_vary_climb_or_say_that_they_cannot(spread):
    x = 1 + spread * np.random.default_rng(8).normal(size=300)
    begin = Mixture([.5, .5], Gamma(np.full(2, spread**-2), spread**2 * np.array([1 - spread, 1 + spread])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = fit(begin, x, max_iter=30)
    assert np.diff(trace.logliks).min(initial=0) >= -1e-9 * (abs(trace.loglik) + len(x))
    if trace.reason == "degenerate": assert spread < 3e-5 and "varies too little" in trace.message and "use Normal" in trace.message


# collapse, in every structure

COVS = {"full": lambda a, b: [a * np.eye(2), b * np.eye(2)], "tied": lambda a, b: b * np.eye(2), "diag": lambda a, b: [[a, a], [b, b]], "tied_diag": lambda a, b: [b, b],
        "spherical": lambda a, b: [a, b], "tied_spherical": lambda a, b: b}
TIED = "tied", "tied_diag", "tied_spherical" # one covariance for all: it cannot shrink onto a few rows


def collapsing(structure, rows, guard):
    "A component that begins on the last rows, which are all the same."
    x = np.concatenate([np.random.default_rng(20).normal(size=(60, 2)), np.tile([[9., 3.]], (rows, 1))])
    floor = scale_floor(x, structure) if guard else None
    return Mixture([.1, .9], MultivariateNormal([[9., 3], [0, 0]], COVS[structure](.01, 1.), structure, floor)), x


@each_structure
@pytest.mark.parametrize("rows", [1, 6], ids=["one point", "duplicates"])
def test_a_collapse_stops_or_is_guarded_and_is_named(structure, rows):
    model, x = collapsing(structure, rows, guard=False)
    if structure in TIED:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            trace = fit(model, x)
        assert trace.reason == "converged"
        return
    named = ", ".join(map(str, range(60, 60 + rows)))
    with pytest.warns(RuntimeWarning, match=f"component 0 has collapsed.*left with rows? {named};"): free = fit(model, x)
    assert free.reason == "degenerate" and not free.converged
    with pytest.warns(RuntimeWarning, match=f"component 0 sits on its floor with rows? {named}:"): held = fit(collapsing(structure, rows, guard=True)[0], x)
    assert held.reason == "guarded" and held.model.components[0].guarded().tolist() == [True, False]
    for trace in (free, held): assert_allclose(trace.loglik, trace.model.loglik(x), rtol=1e-12)


@each_structure
@pytest.mark.parametrize("guard", [True, False])
def test_an_empty_component_and_twins_are_named_in_every_structure(structure, guard):
    x = clouds()[0]
    floor = scale_floor(x, structure) if guard else None
    def run(other): return fit(Mixture([.3, .7], MultivariateNormal([[0., 0], other], COVS[structure](1., 1.), structure, floor)), x)
    with pytest.warns(RuntimeWarning, match="component 1 has no data"): empty = run([1e4, 0])
    with pytest.warns(RuntimeWarning, match="components 0 and 1 of the start are identical"): twins = run([0, 0])
    with pytest.warns(RuntimeWarning, match="components 0 and 1 of the start are identical"): nearly = run([1e-8, 0]) # as good as identical
    assert [t.reason for t in (empty, twins, nearly)] == ["empty", "identical", "identical"]
    assert [t.converged for t in (empty, twins, nearly)] == [True, False, False]
    assert_allclose(empty.loglik, fit(Mixture([1], MultivariateNormal([[0., 0]], COVS[structure](1., 1.)[:1] if structure in ("full", "diag", "spherical") else COVS[structure](1., 1.), structure)), x).loglik)
    for trace in (empty, twins, nearly): assert_allclose(trace.loglik, trace.model.loglik(x), rtol=1e-12)


@each_structure
def test_densities_of_ten_to_the_minus_sixteen_thousand_in_every_structure(structure):
    model = Mixture([.5, .5], MultivariateNormal([[0., 0], [6, 0]], COVS[structure](1., 1.), structure))
    x = np.concatenate([np.random.default_rng(21).normal(size=(50, 2)), [[200., 200]]])
    right = np.logaddexp(*(np.log(.5 / (2 * np.pi)) - ((x - mean)**2).sum(1) / 2 for mean in ([0, 0], [6, 0])))
    assert right[-1] < -16_000 * np.log(10)
    assert_allclose(model.log_prob(x), right, rtol=1e-12)
    assert_allclose(model.e_step(x).loglik, right.sum(), rtol=1e-12)
    assert_allclose(model.responsibilities(x)[-1], [0, 1], atol=1e-300)


# near a saddle: two components that are nearly the same

def stuck(x, r, structure="tied", **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trace = fit(start(MultivariateNormal, x, r, structure=structure), x, **options)
    return trace, [str(c.message) for c in caught]


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("unit, origin", [(1, 0), (1e8, 0), (1e-8, 1), ([1e-6, 1e6], 0)])
def test_a_near_saddle_is_named_in_any_unit(seed, unit, origin):
    faithful = load_faithful()
    r = np.random.default_rng(seed).dirichlet([1, 1], len(faithful))
    trace, said = stuck(faithful * unit + origin, r)
    gap = trace.loglik + len(faithful) * np.log(np.ones(2) * unit).sum()
    assert abs(gap + 1289.797) < 1e-2 and trace.reason == "identical" and not trace.converged
    assert len(said) == 1 and said[0].startswith("EM stands still: components 0 and 1 are nearly the same, and parting them takes")
    assert trace.message in said[0]


def test_a_near_saddle_is_named_with_weights_labels_gaps_and_a_prior():
    faithful = load_faithful()
    r = np.random.default_rng(1).dirichlet([1, 1], len(faithful))
    w, none = np.repeat([1., 2], [100, len(faithful) - 100]), np.full(len(faithful), -1)
    for options in ({"sample_weight": w}, {"labels": none}, {"prior": Prior(weights=2.)}, {"accelerate": "auto"}, {"dtype": "float32"}):
        trace, said = stuck(faithful, r, **options)
        assert trace.reason == "identical" and len(said) == 1, options
    gaps = faithful.copy()
    gaps[5, 0] = np.nan
    begin, repeated = start(MultivariateNormal, faithful, r, structure="tied"), np.repeat(np.arange(len(faithful)), w.astype(int))
    with pytest.warns(RuntimeWarning, match="EM stands still"): assert fit(begin, gaps, missing="em").reason == "identical"
    with pytest.warns(RuntimeWarning, match="EM stands still"): weighted = fit(begin, faithful, sample_weight=w)
    with pytest.warns(RuntimeWarning, match="EM stands still"): assert fit(begin, faithful[repeated]).message == weighted.message


NEAR = {"Bernoulli": (Bernoulli([[.4, .5, .6], [.41, .49, .6]]), Bernoulli([[.1, .2, .9], [.9, .8, .1]])),
        "Poisson":   (Poisson([4., 4.05]), Poisson([1., 7.])),
        "Normal":    (Normal([0., .02], [3., 3.]), Normal([-3., 3.], [1., 1.])),
        "mixed":     ([Normal([2.], [3.]), Normal([2.02], [3.])], Normal([-3., 6.], [1., 1.]))}

@pytest.mark.parametrize("name", NEAR)
def test_alike_components_are_put_to_the_test_in_every_family(name):
    near, true = NEAR[name]
    x = Mixture([.5, .5], true).sample(np.random.default_rng(0), 300)[0]
    em_map = EMMap(as_source(x), {}, {}, lambda model: 0.0)
    k, j, gain = near_saddle(em_map, Mixture([.5, .5], near), 0.01)
    assert (k, j) == (0, 1) and gain > 1
    assert near_saddle(em_map, fit(Mixture([.5, .5], true), x).model, 0.01) is None


def test_alike_components_on_a_ridge_are_no_saddle():
    "Single tosses: every point of the ridge is a maximum, also where the coins hardly differ."
    tosses = np.array([1, 1, 0, 1, 0, 0, 1, 0, 1, 1])
    for p in ([.55, .65], [.59, .61], [.2, .9]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert fit(Mixture([.5, .5], Bernoulli(p)), tosses).converged


@pytest.mark.parametrize("seed", range(5))
def test_too_many_components_for_one_normal_are_no_saddle(seed):
    x = np.random.default_rng(seed).normal(size=400)
    r = np.random.default_rng(seed).dirichlet([1, 1], 400)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = fit(start(Normal, x, r), x, accelerate="auto")
    assert trace.reason in ("converged", "stalled")


# weights in the bound

def test_weights_in_the_bound_are_repeated_rows():
    rng = np.random.default_rng(22)
    x, w = rng.normal(size=20), rng.integers(0, 4, 20)
    model, q, p = Mixture([.3, .7], Normal([-1., 1], [1, .5])), rng.dirichlet([1, 1], 20), rng.dirichlet([1, 1], 20)
    again = lambda v: np.repeat(v, w, axis=0)
    assert_allclose(q_function(model, x, q, w), q_function(model, again(x), again(q)), rtol=1e-12)
    assert_allclose(elbo(model, x, q, w), elbo(model, again(x), again(q)), rtol=1e-12)
    assert_allclose(entropy(q, w), entropy(again(q)), rtol=1e-12)
    assert_allclose(kl(q, p, w), kl(again(q), again(p)), rtol=1e-12)
    r = model.responsibilities(x)
    assert_allclose(elbo(model, x, r, w), model.loglik(x, w), rtol=1e-12)
    assert_allclose(elbo(model, x, q, w) + kl(q, r, w), model.loglik(x, w), rtol=1e-12)
    assert kl([[1, 0], [.5, .5]], [[.5, .5], [1, 0]], [1, 0]) == np.log(2) # a row of weight 0 is no row, whatever it holds
    with pytest.raises(ValueError, match="sample_weight must hold one weight"): elbo(model, x, q, [1, 2])
