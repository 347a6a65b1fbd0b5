"The estimators: scikit-learn's own checks, its names and shapes, and what is to differ."
import importlib.util
import inspect
import pickle
import types
import warnings
from pathlib import Path
from unittest.mock import patch

import joblib
import numpy as np
import pytest
import sklearn.mixture
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import emlit
from emlit import Chunks, GaussianMixture, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson, select
from emlit.data import load_deaths, load_faithful, load_iris

Sklearn = sklearn.mixture.GaussianMixture
STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
each_structure = pytest.mark.parametrize("structure", STRUCTURES)
faithful, (iris, species) = load_faithful(), load_iris(species=True)

def rng(seed=0): return np.random.default_rng(seed)


# scikit-learn's checks

@parametrize_with_checks([GaussianMixture(), MixtureModel("normal"), GaussianMixture(2, covariance_type="tied_diag")])
def test_check_estimator(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


# scikit-learn's own tests of its mixtures, run against our class

WORDS = { # an error or a warning of the same kind, in words of our own: what a test says of the words is left out
    "test_check_weights", "test_check_means", "test_check_precisions"}
NOT_OURS = { # the test, or how its name begins: why it does not apply
    "test_suffstat_sk_": "looks at private functions", "test_gaussian_suffstat_sk_": "looks at private functions",
    "test_compute_log_det_cholesky": "looks at private functions", "test_gaussian_mixture_log_probabilities": "looks at private functions",
    "test_gaussian_mixture_precisions_init": "looks at private methods; test_what_is_given_is_the_start is its like",
    "test_gaussian_mixture_all_init_does_not_estimate": "counts the calls of a private function",
    "test_gaussian_mixture_array_api": "arrays of other libraries are not taken", "test_gaussian_mixture_raises_where_array_api": "arrays of other libraries are not taken",
    "test_monotonic_likelihood": "600 runs of one iteration each, without acceleration, do not climb to within tol, which bounds what is still to come; test_warm_start_goes_on is its like",
    "test_regularisation": "fewer distinct rows than components are an error, with reg_covar too; test_bad_data is its like"}
APPLIES = {"test_gaussian_mixture_precisions_init_diag"}

class _AnyWords:
    "pytest, but the words of an error are not looked at."
    def __getattr__(self, name): return getattr(pytest, name)
    def raises(self, error, match=None): return pytest.raises(error)

def _their_tests(name, any_words=False):
    "The tests of a module of scikit-learn's, with our class in the place of theirs."
    spec = importlib.util.find_spec(f"sklearn.mixture.tests.{name}")
    if spec is None: return {} # some distributions leave the tests out
    module = types.ModuleType(name)
    with patch.object(sklearn.mixture, "GaussianMixture", GaussianMixture):
        exec(compile(Path(spec.origin).read_text(encoding="utf-8"), spec.origin, "exec"), vars(module))
    if any_words: module.pytest = _AnyWords()
    return {n: test for n, test in vars(module).items() if n.startswith("test_")}

def _is_ours(name): return name in APPLIES or not any(name.startswith(begin) for begin in NOT_OURS)

THEIRS = _their_tests("test_mixture") | _their_tests("test_gaussian_mixture")
LOOSE = _their_tests("test_gaussian_mixture", any_words=True)
for _name in filter(_is_ours, THEIRS):
    globals()[_name.replace("test_", "test_of_scikit_learn_", 1)] = (LOOSE if _name in WORDS else THEIRS)[_name]

@pytest.fixture
def global_random_seed(): return 42

@pytest.fixture
def global_dtype(): return np.float64 # our results are float64, whatever the input

@pytest.mark.skipif(not THEIRS, reason="scikit-learn is installed without its tests")
def test_most_of_scikit_learns_tests_apply():
    assert len([name for name in THEIRS if _is_ours(name)]) >= 25 and WORDS | APPLIES <= set(THEIRS)
    assert THEIRS["test_score"].__globals__["GaussianMixture"] is GaussianMixture and Sklearn is not GaussianMixture


# names and shapes

def test_parameters_and_methods_are_those_of_scikit_learn():
    ours, theirs = (inspect.signature(cls.__init__).parameters for cls in (GaussianMixture, Sklearn))
    for name, parameter in theirs.items():
        assert ours[name].kind == parameter.kind
        if name not in ("tol", "reg_covar", "max_iter"): assert ours[name].default == parameter.default
    for name in (n for n in dir(Sklearn) if not n.startswith("_")):
        ours, theirs = (list(inspect.signature(getattr(cls, name)).parameters.values()) for cls in (GaussianMixture, Sklearn))
        assert [(p.name, p.kind, p.default) for p in ours[:len(theirs)]] == [(p.name, p.kind, p.default) for p in theirs]
        assert all(p.default is None for p in ours[len(theirs):])
        assert hasattr(MixtureModel, name)

@pytest.mark.parametrize("K", [1, 3])
def test_methods_return_the_same_types_and_shapes(K):
    g, s = (cls(K, random_state=0).fit(iris) for cls in (GaussianMixture, Sklearn))
    for call in (lambda m: m.predict(iris), lambda m: m.predict_proba(iris), lambda m: m.score_samples(iris), lambda m: m.sample(7)[0], lambda m: m.sample(7)[1]):
        assert call(g).shape == call(s).shape and call(g).dtype == call(s).dtype
    for call in (lambda m: m.score(iris), lambda m: m.aic(iris), lambda m: m.bic(iris), lambda m: m.lower_bound_): assert isinstance(call(g), float) and isinstance(call(s), float)
    for name in ("n_iter_", "converged_", "lower_bounds_"): assert not hasattr(s, name) or type(getattr(g, name)) is type(getattr(s, name)) # the last is new in 1.7
    assert len(g.lower_bounds_) == g.n_iter_ and g.__sklearn_tags__() == s.__sklearn_tags__()

@pytest.mark.parametrize("structure", STRUCTURES[:3] + STRUCTURES[4:5])
def test_attributes_are_those_of_scikit_learn(structure):
    a, b = (cls(2, covariance_type=structure, random_state=0).fit(iris) for cls in (GaussianMixture, Sklearn))
    theirs = {name for name in vars(b) if name.endswith("_")}
    assert theirs <= {name for name in vars(a) if name.endswith("_")}
    for name in theirs: assert np.shape(getattr(a, name)) == np.shape(getattr(b, name)) or name == "lower_bounds_"
    assert set(b.get_params()) <= set(a.get_params())
    for method in ("fit", "fit_predict", "predict", "predict_proba", "score", "score_samples", "sample", "aic", "bic"): assert hasattr(a, method)

@each_structure
def test_precisions_invert_covariances(structure):
    g = GaussianMixture(3, covariance_type=structure, random_state=0).fit(iris)
    U, P, S = g.precisions_cholesky_, g.precisions_, g.covariances_
    if structure in ("full", "tied"):
        assert_allclose(P @ S, np.broadcast_to(np.eye(4), P.shape), atol=1e-8)
        assert_allclose(U @ np.swapaxes(U, -1, -2), P, rtol=1e-6, atol=1e-9)
        assert_array_equal(np.tril(U, -1), 0)
    else:
        assert_allclose(P * S, np.ones_like(S))
        assert_allclose(U**2, P)

@pytest.mark.parametrize("structure", STRUCTURES[:3] + STRUCTURES[4:5])
def test_every_method_agrees_with_scikit_learn_on_the_same_parameters(structure):
    g, s = (cls(3, covariance_type=structure, random_state=0) for cls in (GaussianMixture, Sklearn))
    g.fit(iris)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"): setattr(s, name, getattr(g, name))
    assert_array_equal(g.predict(iris), s.predict(iris))
    assert_allclose(g.predict_proba(iris), s.predict_proba(iris), rtol=1e-6, atol=1e-12)
    assert_allclose(g.score_samples(iris), s.score_samples(iris), rtol=1e-8)
    for method in ("score", "aic", "bic"): assert_allclose(getattr(g, method)(iris), getattr(s, method)(iris), rtol=1e-9)
    assert g._n_parameters() == s._n_parameters()

def test_attributes_may_be_set_by_hand():
    g, h = GaussianMixture(2, random_state=0).fit(faithful), GaussianMixture(2)
    for name in ("weights_", "means_", "precisions_cholesky_"): setattr(h, name, getattr(g, name))
    assert_allclose(h.score_samples(faithful), g.score_samples(faithful), rtol=1e-10)
    g.means_ += 100
    assert g.score(faithful) < -100

_THEIRS = {"tied_diag": "diag", "tied_spherical": "spherical"} # scikit-learn's structure that can say the same

def _theirs(g, **changed):
    "scikit-learn's class with the attributes of g, a structure of ours written out in one of theirs."
    s, K = Sklearn(g.n_components, covariance_type=_THEIRS.get(g.covariance_type, g.covariance_type), random_state=0), g.n_components
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        value = changed.get(name, getattr(g, name))
        setattr(s, name, np.array([value] * K) if g.covariance_type in _THEIRS and name[0] in "cp" else np.array(value))
    return s

def _same_densities(ours, theirs, X):
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-9, atol=1e-11)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-7, atol=1e-12)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_allclose(ours.score(X), theirs.score(X), rtol=1e-9)

@each_structure
def test_precisions_cholesky_alone_is_set_after_a_fit(structure):
    g = GaussianMixture(3, covariance_type=structure, random_state=0).fit(iris)
    before, drawn = g.score(iris), g.sample(50)[0]
    g.precisions_cholesky_ = g.precisions_cholesky_ / 2
    _same_densities(g, _theirs(g), iris)
    wide = Mixture(g.weights_, MultivariateNormal(g.means_, 4 * g.covariances_, structure)) # standard deviations twice as large
    assert_allclose(g.score_samples(iris), wide.log_prob(iris), rtol=1e-9)
    assert_allclose(g.bic(iris), -2 * 150 * g.score(iris) + g._n_parameters() * np.log(150), rtol=1e-12)
    assert_array_equal(g.sample(50)[0], drawn) # as in scikit-learn, draws follow covariances_
    g.precisions_cholesky_ = g.precisions_cholesky_ * 2 # back, to the bit
    assert g.score(iris) == before

@each_structure
def test_a_model_is_made_without_a_fit(structure):
    fitted = GaussianMixture(3, covariance_type=structure, random_state=0).fit(iris)
    for names in (("precisions_cholesky_",), ("covariances_",), ("covariances_", "precisions_cholesky_")):
        g = GaussianMixture(3, covariance_type=structure, random_state=0)
        for name in ("weights_", "means_", *names): setattr(g, name, getattr(fitted, name))
        state = {k: np.copy(v) for k, v in vars(g).items()}
        _same_densities(g, _theirs(fitted), iris)
        assert_allclose(g.sample(20)[0], fitted.sample(20)[0])
        assert g.bic(iris) == pytest.approx(fitted.bic(iris), rel=1e-10)
        assert vars(g).keys() - {"n_features_in_"} == state.keys() # asking changes nothing
        for name, value in state.items(): assert_array_equal(getattr(g, name), value)
        assert not hasattr(clone(g), "means_")
        assert_array_equal(pickle.loads(pickle.dumps(g)).score_samples(iris), g.score_samples(iris))

@each_structure
def test_what_was_set_of_the_two_decides(structure):
    g = GaussianMixture(3, covariance_type=structure, random_state=0).fit(iris)
    U, S = g.precisions_cholesky_, g.covariances_
    g.covariances_ = 4 * S # alone: densities and draws follow it
    wide = _theirs(g, precisions_cholesky_=U / 2)
    _same_densities(g, wide, iris)
    far = g.sample(4000)[0]
    g.precisions_cholesky_ = 3 * U # both, and they disagree: each does what it does in scikit-learn
    _same_densities(g, _theirs(g), iris)
    assert_array_equal(g.sample(4000)[0], far)
    g.covariances_, g.means_, g.weights_ = S, g.means_[::-1], np.array([.2, .3, .5])
    _same_densities(g, _theirs(g), iris)
    g.fit(iris) # and a fit sets all of them anew
    assert g.score(iris) == pytest.approx(g.lower_bound_, rel=1e-12) and g._mixture() is g.model_

@pytest.mark.parametrize("d", [1, 2, 7])
def test_nearly_singular_precisions_are_taken_as_they_are(d):
    rng = np.random.default_rng(d)
    U = np.triu(rng.normal(size=(2, d, d)) / 3, 1) + np.eye(d) * 10.0 ** rng.uniform(-9, 9, (2, 1, d))
    ours, theirs = (cls(2) for cls in (GaussianMixture, Sklearn))
    for m in (ours, theirs):
        m.weights_, m.means_, m.precisions_cholesky_ = np.array([.4, .6]), rng.normal(size=(2, d)) * 0, U
        m.covariances_ = np.array([np.eye(d)] * 2)
    assert_allclose(ours.score_samples(x := rng.normal(size=(9, d))), theirs.score_samples(x), rtol=1e-9)
    lower = np.linalg.cholesky(U @ U.swapaxes(-1, -2)) if d == 2 else U.swapaxes(-1, -2)
    for m in (ours, theirs): m.precisions_cholesky_ = lower
    assert_allclose(ours.score_samples(x), theirs.score_samples(x), rtol=1e-9)

def test_warm_start_goes_on_from_what_was_set():
    g = GaussianMixture(2, random_state=0, warm_start=True).fit(faithful)
    g.set_params(max_iter=0).precisions_cholesky_ = g.precisions_cholesky_ / 2
    assert_allclose(g.fit(faithful).covariances_, 4 * GaussianMixture(2, random_state=0).fit(faithful).covariances_, rtol=1e-8)

@pytest.mark.parametrize("name, value, words", [
    ("precisions_cholesky_", np.eye(2), r"precisions_cholesky_ must have shape \(2, 2, 2\); got \(2, 2\)"),
    ("precisions_cholesky_", [[[1, 1], [1, 2]], np.eye(2)], r"precisions_cholesky_\[0\] must be a triangle with a diagonal above 0"),
    ("precisions_cholesky_", [np.eye(2), -np.eye(2)], r"precisions_cholesky_\[1\] must be a triangle with a diagonal above 0"),
    ("precisions_cholesky_", [np.eye(2), np.full((2, 2), np.nan)], "precisions_cholesky_ must be finite"),
    ("precisions_cholesky_", [np.eye(2), 1e-200 * np.eye(2)], "the covariances that follow from precisions_cholesky_ must be finite"),
    ("covariances_", [np.eye(2), -np.eye(2)], r"covariances_\[1\] must be positive definite"),
    ("covariances_", np.eye(3), r"covariances_ must have shape \(2, 2, 2\)"),
    ("means_", [1, 2], "means_ must be 2-D"), ("weights_", [.5, .6], "weights_ must sum to 1"), ("weights_", [1.], r"weights_ must have shape \(2,\)")])
def test_what_cannot_be_set_is_refused_by_name(name, value, words):
    g = GaussianMixture(2, random_state=0).fit(faithful)
    setattr(g, name, np.asarray(value, float))
    with pytest.raises(ValueError, match=words): g.score(faithful)

@pytest.mark.parametrize("structure", ["diag", "tied_spherical"])
def test_precisions_below_0_are_refused(structure):
    g = GaussianMixture(2, covariance_type=structure, random_state=0).fit(faithful)
    g.precisions_cholesky_ = -g.precisions_cholesky_
    with pytest.raises(ValueError, match="precisions_cholesky_.* must be above 0"): g.predict(faithful)

def test_what_was_not_set_is_named():
    g = GaussianMixture(2)
    with pytest.raises(NotFittedError): g.score(faithful)
    g.weights_, g.means_ = np.array([.5, .5]), np.zeros((2, 2))
    with pytest.raises(AttributeError, match="precisions_cholesky_"): g.score(faithful)

def test_weights_of_other_families_may_be_set_too():
    m = MixtureModel("poisson", 2, random_state=0).fit(np.random.default_rng(0).poisson([2, 9], (100, 2)).reshape(-1, 1))
    m.weights_ = np.array([.9, .1])
    assert_allclose(m.score_samples([[3], [7]]), m.model_.replace({"weights": [.9, .1]}).log_prob([3, 7]))
    m.weights_ = np.array([.9, .2])
    with pytest.raises(ValueError, match="weights_ must sum to 1"): m.predict([[3]])

@pytest.mark.parametrize("name, value", [("weights_init", [.2, .8]), ("means_init", [[2., 55], [4, 80]]), ("precisions_init", [np.eye(2)] * 2)])
def test_what_is_given_is_the_start(name, value):
    g = GaussianMixture(2, max_iter=0, random_state=0, **{name: value}).fit(faithful)
    assert_allclose(getattr(g, name.replace("init", "")), value)

def test_the_same_start_leads_to_scikit_learns_end():
    given = dict(weights_init=[.4, .6], means_init=[[2., 55], [4.5, 80]], precisions_init=[np.diag([2, 1 / 40])] * 2)
    a = GaussianMixture(2, **given, tol=1e-12).fit(faithful)
    b = Sklearn(2, **given, reg_covar=0, tol=1e-12, max_iter=1000).fit(faithful)
    assert_allclose(a.trace_.loglik, -1130.263960, atol=1e-5)
    assert_allclose(a.means_, b.means_, rtol=1e-6)
    assert_allclose(a.weights_[0], .355873, atol=1e-5)

def test_a_number_is_added_as_in_scikit_learn():
    given = dict(weights_init=[.4, .6], means_init=[[2., 55], [4.5, 80]], precisions_init=[np.diag([2, 1 / 40])] * 2, reg_covar=.3, max_iter=7, tol=0)
    with pytest.warns(ConvergenceWarning): a = GaussianMixture(2, **given, accelerate=None).fit(faithful)
    with pytest.warns(ConvergenceWarning): b = Sklearn(2, **given).fit(faithful)
    assert_allclose(a.covariances_, b.covariances_, rtol=1e-9)


# what differs

def test_the_stop_is_not_fooled():
    assert_allclose(GaussianMixture(3, covariance_type="tied", random_state=0).fit(faithful).trace_.loglik, -1126.315928, atol=1e-4)

def test_iris_from_every_seed():
    for seed in range(10): assert_allclose(GaussianMixture(3, random_state=seed).fit(iris).trace_.loglik, -180.185477, atol=1e-4)

@each_structure
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_units_do_not_matter(structure, scale):
    a, b = (GaussianMixture(3, covariance_type=structure, random_state=0).fit(c * iris) for c in (1, scale))
    assert_allclose(b.means_, scale * a.means_, rtol=1e-4)
    assert_allclose(b.score(scale * iris), a.score(iris) - 4 * np.log(scale), rtol=1e-6)

@pytest.mark.parametrize("max_iter", [1, 3, 1000])
def test_the_bound_is_that_of_the_final_parameters(max_iter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        g = GaussianMixture(3, max_iter=max_iter, init_params="random", random_state=0).fit(iris)
    assert_allclose(g.lower_bound_, g.score(iris), rtol=1e-12)
    assert g.lower_bounds_[-1] == g.lower_bound_ and g.trace_.loglik / 150 == g.lower_bound_
    assert g.reason_ == g.trace_.reason and g.converged_ == (g.reason_ == "converged")

def test_no_warning_without_a_cause():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianMixture(3, random_state=0).fit(iris)
        GaussianMixture(3, random_state=0, max_iter=0).fit(iris)

def test_a_short_run_warns_with_its_reason():
    with pytest.warns(ConvergenceWarning, match="did not converge.*max_iter after 2 iterations"): GaussianMixture(3, max_iter=2, tol=0).fit(iris)

def test_standing_still_is_an_end():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        g = GaussianMixture(2, tol=1e-17, random_state=0).fit(faithful)
    assert g.reason_ == "stalled" and g.converged_

def test_an_end_on_the_guard_is_named_and_avoided():
    x = np.r_[faithful, np.repeat(faithful[:1], 10, axis=0)]
    given = dict(means_init=[faithful[0], faithful.mean(0)], precisions_init=[1e6 * np.eye(2), .01 * np.eye(2)])
    with pytest.warns(ConvergenceWarning, match="component 0 sits on its floor"): spike = GaussianMixture(2, **given).fit(x)
    sane = GaussianMixture(2, random_state=0, n_init=3).fit(x)
    assert spike.reason_ == "guarded" and spike.converged_ and sane.reason_ == "converged"

@pytest.mark.slow
def test_the_better_of_two_runs_is_kept():
    one = [GaussianMixture(3, random_state=s, init_params="random").fit(iris).lower_bound_ for s in range(3)]
    g = rng()
    several = GaussianMixture(3, random_state=g, n_init=5, init_params="random").fit(iris)
    g = rng()
    alone = [GaussianMixture(3, random_state=g, init_params="random").fit(iris).lower_bound_ for _ in range(5)]
    assert_allclose(several.lower_bound_, max(alone), rtol=1e-12)
    assert len(set(one)) > 1

@pytest.mark.parametrize("recipe", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_recipe_works_and_a_seed_repeats_it(recipe):
    make = lambda: GaussianMixture(2, init_params=recipe, random_state=3, n_init=2).fit(faithful)
    assert_array_equal(make().means_, make().means_)
    assert_allclose(make().trace_.loglik, -1130.26396, atol=1e-4)

@pytest.mark.parametrize("state", [None, 5, np.random.RandomState(5), np.random.default_rng(5)], ids=["None", "int", "RandomState", "Generator"])
def test_every_random_state(state):
    x, y = GaussianMixture(2, random_state=state).fit(faithful).sample(7)
    assert x.shape == (7, 2) and y.shape == (7,) and np.all(np.diff(y) >= 0)

def test_no_seed_means_numpys_global_one():
    def fit():
        np.random.seed(1)
        return GaussianMixture(3, init_params="random").fit(iris).means_
    assert_array_equal(fit(), fit())

def test_warm_start_goes_on():
    g = GaussianMixture(3, covariance_type="tied", warm_start=True, max_iter=5, random_state=0, accelerate=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        bounds = [g.fit(faithful).lower_bound_ for _ in range(60)]
    assert np.all(np.diff(bounds) > -1e-12) and g.converged_
    assert_allclose(272 * bounds[-1], -1126.315928, atol=1e-3)
    with pytest.raises(ValueError, match="warm_start must go on with the same n_components"): g.set_params(n_components=2).fit(faithful)

def test_verbose_prints(capsys):
    GaussianMixture(2, verbose=2, verbose_interval=2, random_state=0).fit(faithful)
    out = capsys.readouterr().out
    assert "Initialization 0" in out and "Iteration 2" in out and "converged" in out


# weights, labels, gaps

@each_structure
def test_integer_weights_are_repeated_rows(structure):
    w = rng().integers(0, 4, 150)
    a = GaussianMixture(3, covariance_type=structure, random_state=0).fit(iris, sample_weight=w)
    b = GaussianMixture(3, covariance_type=structure, random_state=0).fit(rng(1).permutation(np.repeat(iris, w, axis=0)))
    assert_allclose(a.means_, b.means_, rtol=1e-6)
    assert_allclose(a.bic(iris, w), b.bic(np.repeat(iris, w, axis=0)), rtol=1e-9)
    assert_allclose(a.score(iris, sample_weight=w), a.lower_bound_, rtol=1e-10)

def test_labels_hold_components():
    labels = np.where(rng().random(150) < .2, species, -1)
    g = GaussianMixture(3, random_state=0).fit(iris, labels=labels)
    assert np.mean(g.predict(iris) == species) > .95

def test_missing_values():
    x = np.where(rng().random(iris.shape) < .1, np.nan, iris)
    g = GaussianMixture(3, missing="em", random_state=0).fit(x)
    assert_allclose(g.score(x), g.lower_bound_, rtol=1e-9)
    assert g.icl(x) > g.bic(x) and g.predict(x).shape == (150,)
    with pytest.raises(ValueError, match='say missing="em"'): GaussianMixture(3).fit(x)

def test_criteria_are_those_of_the_functions():
    g = GaussianMixture(3, random_state=0).fit(iris)
    for name in ("aic", "bic", "icl"): assert_allclose(getattr(g, name)(iris), getattr(emlit, name)(g.model_, iris), rtol=1e-12)


# single precision

BIG = rng(5).normal(size=(6000, 2)) @ [[1, .5], [0, .7]] + 2. * rng(6).integers(0, 3, (6000, 1)) * [1, -1]

@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("accelerate", [None, "squarem", "auto"])
@pytest.mark.slow
def test_single_precision_ends_where_double_does(structure, accelerate):
    a, b = (GaussianMixture(3, covariance_type=structure, accelerate=accelerate, random_state=0, dtype=t, max_iter=20_000) for t in (None, "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a.fit(BIG), b.fit(BIG)
    assert_allclose(b.lower_bound_, a.lower_bound_, atol=2e-8)
    assert_allclose(b.lower_bound_, b.score(BIG), rtol=1e-12)
    assert_allclose(b.means_, a.means_, atol=.05)
    assert b.reason_ == a.reason_ == "converged" and "evaluations in single precision" in b.trace_.message
    assert b.n_iter_ == len(b.lower_bounds_) == b.trace_.steps[-1].t and np.diff(b.lower_bounds_).min() > -5e-6 # where ℓ is cut to six digits

def test_single_precision_is_used_where_asked_for(monkeypatch):
    seen, real = [], MultivariateNormal.kernel
    monkeypatch.setattr(MultivariateNormal, "kernel", lambda self, weights, dtype=float, *more: seen.append(np.dtype(dtype).name) or real(self, weights, dtype, *more))
    for dtype in (None, "float64", float): GaussianMixture(2, dtype=dtype, random_state=0).fit(np.float32(BIG))
    assert set(seen) == {"float64"}
    seen.clear()
    for dtype in ("float32", np.float32, np.dtype("float32")):
        g = GaussianMixture(2, dtype=dtype, random_state=0).fit(BIG)
        assert g.get_params()["dtype"] is dtype and clone(g).dtype == dtype
    assert seen[0] == "float32" and seen[-1] == "float64" and seen.count("float32") > seen.count("float64")

@pytest.mark.parametrize("dtype", [None, "float32"])
@pytest.mark.parametrize("make", [lambda **k: GaussianMixture(2, random_state=0, **k), lambda **k: MixtureModel("multivariate_normal", 2, random_state=0, **k),
                                  lambda **k: MixtureModel("normal", 2, random_state=0, **k)])
def test_single_precision_input_gives_double_precision_results(make, dtype):
    g = make(dtype=dtype).fit(np.float32(BIG))
    for value in (*g.model_.parameters().values(), g.weights_, g.predict_proba(np.float32(BIG)), g.score_samples(np.float32(BIG)), g.sample(3)[0]): assert value.dtype == np.float64
    assert_allclose(g.lower_bound_, make().fit(BIG).lower_bound_, atol=1e-6)

@pytest.mark.slow
def test_single_precision_with_everything_else():
    holes = np.where(rng().random(BIG.shape) < .1, np.nan, BIG)
    labels = np.where(rng().random(len(BIG)) < .1, (BIG[:, 0] > 2).astype(int), -1)
    w = rng().integers(0, 3, len(BIG))
    for params, given, X in (({"missing": "em"}, {}, holes), ({}, {"labels": labels}, BIG), ({}, {"sample_weight": w}, BIG), ({"reg_covar": .1}, {}, BIG), ({"n_init": 3}, {}, BIG),
                             ({"prior": emlit.Prior(weights=2.)}, {}, BIG), ({"covariance_type": "diag", "init_params": "random"}, {}, BIG)):
        a, b = (GaussianMixture(2, random_state=0, dtype=t, **params).fit(X, **given) for t in (None, "float32"))
        assert_allclose(b.trace_.objective[-1], a.trace_.objective[-1], atol=2e-8 * len(BIG))
        assert a.reason_ == b.reason_ == "converged"
    a, b = (MixtureModel("poisson", 2, random_state=0, dtype=t).fit(rng().poisson(3, (500, 1))) for t in (None, "float32"))
    assert_allclose(b.lower_bound_, a.lower_bound_, atol=1e-8)

@pytest.mark.parametrize("max_iter", [0, 1, 7])
def test_single_precision_makes_max_iter_evaluations(max_iter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        g = GaussianMixture(3, max_iter=max_iter, tol=0, dtype="float32", random_state=0).fit(BIG)
    assert g.n_iter_ == max_iter and g.reason_ == "max_iter" and len(g.trace_.logliks) == max_iter + 1
    assert_allclose(g.lower_bound_, g.score(BIG), rtol=1e-12)

def test_single_precision_and_the_guard():
    x = np.r_[BIG, np.repeat(BIG[:1], 10, axis=0)]
    given = dict(means_init=[BIG[0], BIG.mean(0)], precisions_init=[1e8 * np.eye(2), .1 * np.eye(2)])
    with pytest.warns(ConvergenceWarning, match="component 0 sits on its floor"): spike = GaussianMixture(2, dtype="float32", **given).fit(x)
    assert spike.reason_ == "guarded" and spike.model_.components[0].guarded().tolist() == [True, False]

@pytest.mark.parametrize("dtype", ["float16", int, "double precision", 32])
def test_other_precisions_are_refused(dtype):
    for make in (GaussianMixture, MixtureModel):
        with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32'; got"): make(dtype=dtype).fit(faithful)


# company

def test_pipeline_search_clone_and_pickle():
    search = GridSearchCV(make_pipeline(StandardScaler(), GaussianMixture(random_state=0)), {"gaussianmixture__n_components": [1, 2, 3]}, cv=3)
    best = search.fit(rng().permutation(iris)).best_estimator_
    assert best[-1].n_components > 1
    for again in (pickle.loads(pickle.dumps(best)), joblib.load(_dumped(best))): assert_array_equal(again.predict(iris), best.predict(iris))
    assert not hasattr(clone(best[-1]), "weights_")
    assert "GaussianMixture" in best._repr_html_()

def _dumped(value):
    from io import BytesIO
    out = BytesIO()
    joblib.dump(value, out)
    out.seek(0)
    return out

def test_a_pipeline_of_frames():
    frame = pytest.importorskip("pandas").DataFrame(iris, columns=list("abcd"))
    pipe = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).set_output(transform="pandas").fit(frame)
    assert pipe[-1].feature_names_in_.tolist() == list("abcd") and pipe.predict(frame).shape == (150,)

def test_weights_through_a_search():
    with sklearn.config_context(enable_metadata_routing=True):
        routed = GaussianMixture(random_state=0).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(routed, {"n_components": [1, 2]}, cv=3).fit(faithful, sample_weight=rng().integers(1, 4, 272))
    assert search.best_params_ == {"n_components": 2}

@pytest.mark.slow
def test_fits_in_parallel():
    fits = joblib.Parallel(2)(joblib.delayed(GaussianMixture(k, random_state=0).fit)(faithful) for k in (1, 2))
    assert_allclose(fits[1].trace_.loglik, -1130.263960, atol=1e-5)

def test_feature_names():
    frame = pytest.importorskip("pandas").DataFrame(faithful, columns=["eruptions", "waiting"])
    g = GaussianMixture(2, random_state=0).fit(frame)
    assert list(g.feature_names_in_) == ["eruptions", "waiting"]
    assert_array_equal(g.predict(frame), g.fit_predict(frame))
    with pytest.raises(ValueError, match="Feature names must be in the same order"): g.predict(frame[["waiting", "eruptions"]])
    with pytest.raises(ValueError, match="Feature names unseen at fit time"): g.predict(frame.rename(columns={"waiting": "wait"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"): g.predict(faithful)
    with pytest.raises(ValueError, match="(?s)Expected 2D.*reshape"): g.fit(faithful[:, 1])

def test_a_column_of_a_table_is_a_table_of_one_column():
    frame = pytest.importorskip("pandas").DataFrame(faithful, columns=["eruptions", "waiting"])
    one, table = (GaussianMixture(2, random_state=0).fit(x) for x in (frame["waiting"], frame[["waiting"]]))
    assert list(one.feature_names_in_) == ["waiting"] and one.model_ == table.model_
    assert_array_equal(one.predict(frame["waiting"]), table.predict(frame[["waiting"]]))
    with pytest.raises(ValueError, match="Feature names unseen at fit time"): one.predict(frame["eruptions"])

def test_not_fitted():
    for method in ("predict", "predict_proba", "score", "score_samples", "aic", "bic", "icl"):
        with pytest.raises(NotFittedError): getattr(GaussianMixture(), method)(iris)
    with pytest.raises(NotFittedError): GaussianMixture().sample()


# bad parameters and data

BAD = [
    (dict(n_components=0), "n_components must be at least 1; got 0"), (dict(n_components=1.5), "n_components must be a whole number"),
    (dict(covariance_type="ful"), "covariance_type must be one of 'full'"), (dict(covariance_type=3), "covariance_type must be one of"),
    (dict(tol=-1), "tol must be at least 0"), (dict(tol=np.nan), "tol must be finite"), (dict(tol="a"), "tol must hold real numbers"),
    (dict(reg_covar=-1), "reg_covar must be at least 0"), (dict(reg_covar="floor"), "reg_covar must be 'guard' or a number"), (dict(max_iter=-1), "max_iter must be at least 0"),
    (dict(n_init=0), "n_init must be at least 1"), (dict(init_params="kmean"), "init_params must be one of 'kmeans'"), (dict(warm_start="yes"), "warm_start must be True or False"),
    (dict(verbose_interval=0), "verbose_interval must be at least 1"), (dict(missing="drop"), "missing must be one of 'em'"), (dict(random_state="x"), "random_state must be None, a seed"), (dict(random_state=-1), "random_state must be None.*got -1"),
    (dict(reg_covar=None), "reg_covar must be 'guard' or a number"), (dict(accelerate="fast"), "accelerate must be one of None, 'squarem', 'anderson', 'auto'"), (dict(n_components=2, weights_init="ab"), "weights_init must hold real numbers"),
    (dict(n_components=2, weights_init=[.5, .6]), "weights_init must sum to 1"), (dict(n_components=2, weights_init=[1.]), "weights_init must have shape"),
    (dict(n_components=2, means_init=[[1., 2]]), "means_init must have shape"), (dict(n_components=2, precisions_init=[np.eye(2)]), "precisions_init must have shape"),
    (dict(n_components=1, precisions_init=[[[1, 2], [2, 1]]]), r"precisions_init\[0\] must be positive definite; its smallest eigenvalue is -1"),
    (dict(n_components=1, precisions_init=[[[1, 2], [0, 1]]]), r"precisions_init\[0\] must be symmetric"), (dict(n_components=300), "Expected n_samples >= n_components")]

@pytest.mark.parametrize("params, message", BAD, ids=[str(m)[:40] for _, m in BAD])
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message): GaussianMixture(**params).fit(faithful)

def test_bad_parameters_are_type_errors_too():
    for params in (dict(n_components="2"), dict(n_components=2, weights_init=[.5, .6]), dict(n_components=2, means_init="ab")):
        for kind in (ValueError, TypeError):
            with pytest.raises(kind): GaussianMixture(**params).fit(faithful)

DATA = [
    (faithful[0], "Expected 2D array, got 1D array"), (faithful[None], "expected <= 2|dim 3"), (faithful[:0], "0 sample"), (faithful[:1], "minimum of 2"), (faithful[:, :0], "0 feature"),
    (faithful + 0j, "Complex data not supported"), (np.where(faithful > 90, np.inf, faithful), "infinity"), ([["a", "b"], ["c", "d"]], "could not convert|Unable to convert"),
    (np.tile([[1., 2], [3, 4]], (9, 1)), "n_components = 3 distinct rows; got 2")]

@pytest.mark.parametrize("X, message", DATA, ids=[m[:20] for _, m in DATA])
@pytest.mark.parametrize("make", [lambda: GaussianMixture(3), lambda: MixtureModel("normal", 3)], ids=["GaussianMixture", "MixtureModel"])
def test_bad_data(make, X, message):
    with pytest.raises(ValueError, match=message): make().fit(X)

def test_sparse_data():
    from scipy.sparse import csr_array
    with pytest.raises(TypeError, match="[Ss]parse"): GaussianMixture().fit(csr_array(faithful))

def test_another_number_of_features():
    with pytest.raises(ValueError, match="X has 1 features, but GaussianMixture is expecting 2"): GaussianMixture().fit(faithful).predict(faithful[:, :1])

@pytest.mark.parametrize("labels, message", [([0, 1], "one number for each of the 272 rows"), (np.full(272, 2), "to n_components - 1 = 1"), (np.full(272, .5), "whole numbers")])
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=message): GaussianMixture(2).fit(faithful, labels=labels)


# other families

def test_times_deaths():
    values, days = load_deaths()
    for family in ("poisson", Poisson, Poisson([1., 2])):
        m = MixtureModel(family, None if isinstance(family, Poisson) else 2, tol=1e-12, random_state=0).fit(values[:, None], sample_weight=days)
        assert_allclose(m.trace_.loglik, -1989.945860, atol=1e-5)
        assert_allclose(m.weights_.min(), .3598854, atol=1e-4)

FAMILIES = {
    "bernoulli": ({}, lambda g: g.integers(0, 2, (60, 3))), "binomial": ({"n": 5}, lambda g: g.integers(0, 6, (60, 2))), "categorical": ({}, lambda g: g.integers(0, 3, (60, 2))),
    "multinomial": ({"n": 6}, lambda g: g.multinomial(6, [.2, .3, .5], 60)), "poisson": ({}, lambda g: g.poisson(3, (60, 1))), "exponential": ({}, lambda g: g.exponential(2, (60, 2))),
    "geometric": ({}, lambda g: g.geometric(.3, (60, 1)) - 1), "gamma": ({}, lambda g: g.gamma(2, 1, (60, 1))), "normal": ({}, lambda g: g.normal(size=(60, 3))),
    "multivariate_normal": ({"structure": "tied"}, lambda g: g.normal(size=(60, 2)))}

@pytest.mark.parametrize("family", FAMILIES)
def test_every_family(family):
    params, draw = FAMILIES[family]
    x = draw(rng())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        m = MixtureModel(family, 2, family_params=params, max_iter=50, random_state=0).fit(x)
    assert np.all(np.diff(m.lower_bounds_) > -1e-10) and m.n_features_in_ == x.shape[1]
    assert m.predict_proba(x).shape == (60, 2) and m.score_samples(x).shape == (60,)
    drawn, z = m.sample(5)
    assert drawn.shape == (5, x.shape[1]) and z.shape == (5,)
    assert_allclose(m.score(x), m.lower_bound_, rtol=1e-10)

def test_several_families_side_by_side():
    x = np.r_[rng().normal(0, 1, 300), rng(1).uniform(-40, 40, 30)][:, None]
    m = MixtureModel(["normal", "uniform"], family_params=[{}, {"low": [-40], "high": [40]}], random_state=0, n_init=3).fit(x)
    assert_allclose(m.weights_, [300 / 330, 30 / 330], atol=.03)
    assert_allclose(m.model_.components[0].std, 1, atol=.15)

def test_normal_columns_are_the_diagonal_gaussian():
    a, b = MixtureModel("normal", 3, tol=1e-12, random_state=0).fit(iris), GaussianMixture(3, covariance_type="diag", tol=1e-12, random_state=0).fit(iris)
    assert_allclose(a.lower_bound_, b.lower_bound_, atol=1e-6)

@pytest.mark.parametrize("make, message", [
    (lambda: MixtureModel("cauchy"), "family must be one of 'bernoulli'"), (lambda: MixtureModel(3), "family must be a name"), (lambda: MixtureModel([]), "at least one family"),
    (lambda: MixtureModel("binomial", 2), "Binomial needs n"), (lambda: MixtureModel("normal", family_params=3), "family_params must be a dictionary"),
    (lambda: MixtureModel(Normal([0., 1], [1, 1]), 3), "n_components must be that of the template, 2"), (lambda: MixtureModel(["normal", "uniform"], [1]), "one value for each of the 2 families"),
    (lambda: MixtureModel("poisson", 2), "X must be"), (lambda: MixtureModel("normal", guard="yes"), "guard must be True or False")])
def test_bad_models(make, message):
    with pytest.raises((ValueError, TypeError), match=message): make().fit(faithful[:, :1] - 3)


# the grid

@pytest.mark.slow
def test_select_finds_the_model_of_the_literature():
    found = select(faithful, range(1, 5), n_jobs=1, progress=False)
    assert (found.best.n_components, found.best.covariance_type) == (3, "tied")
    assert len(found.table) == 16 and found.table[found.order[0]]["bic"] == min(row["bic"] for row in found.table)
    assert_allclose(found.best.bic(faithful), found.table[found.order[0]]["bic"])
    assert "tied" in repr(found) and "<table>" in found._repr_html_()

@pytest.mark.slow
def test_select_is_the_same_in_parallel():
    a, b = (select(faithful, [1, 2], "full", n_jobs=n, progress=False) for n in (1, 2))
    assert a.table == b.table

def test_select_takes_another_estimator_and_lists_failures():
    found = select(faithful[:, :1], [1, 2, 999], estimator=MixtureModel("normal", random_state=0), n_jobs=1, progress=False)
    assert [row["reason"] for row in found.table] == ["converged", "converged", "failed"] and found.best.n_components == 2
    with pytest.raises(ValueError, match="Expected n_samples"): select(faithful, [999], n_jobs=1, progress=False)

@pytest.mark.parametrize("args, message", [(dict(criterion="dic"), "criterion must be one of"), (dict(structures="round"), "structures must be one of"), (dict(n_components=[]), "must not be empty"),
                                           (dict(structures=[]), "must not be empty"), (dict(n_components=[0]), "at least 1")])
def test_bad_grids(args, message):
    with pytest.raises((ValueError, TypeError), match=message): select(faithful, **{"n_components": [1], "n_jobs": 1, "progress": False} | args)


# size

@pytest.mark.parametrize("n, most", [(300_000, 1.5), (1_000_000, 0.8)])
def test_a_fit_of_many_rows_makes_no_table_for_the_start(n, most):
    import tracemalloc
    x = rng().normal(size=(n, 2)) + 5 * rng(1).integers(0, 3, (n, 1))
    g = GaussianMixture(8, max_iter=0, random_state=0)
    g.fit(x[:10_000]) # what is imported when first used
    def peak():
        tracemalloc.start()
        g.fit(x)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found
    assert min(peak() for _ in range(3)) < most * x.nbytes # two threads may need their blocks at one time, or not


# ---------------------------------------------------------------- fits that go on, and components without data

@pytest.mark.parametrize("accelerate", [None, "auto"])
@pytest.mark.parametrize("tol", [1e-3, 1e-8])
@pytest.mark.parametrize("kind", ["gaussian", "poisson"])
@pytest.mark.slow
def test_a_loop_of_single_iterations_converges_as_one_fit(kind, tol, accelerate):
    "As for a progress bar; with gaussian data that take 2,000 plain steps, and with acceleration below a hundred."
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 1, (300, 2)), rng.normal(1.6, 1, (300, 2))] if kind == "gaussian" else np.r_[rng.poisson(3, 300), rng.poisson(6, 300)][:, None]
    make = lambda **k: GaussianMixture(2, random_state=0, tol=tol, accelerate=accelerate, **k) if kind == "gaussian" else MixtureModel("poisson", 2, random_state=0, tol=tol, accelerate=accelerate, **k)
    whole, loop = make().fit(X), make(warm_start=True, max_iter=1)
    rounds = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while not getattr(loop, "converged_", False) and rounds <= whole.n_iter_ + 5:
            loop.fit(X)
            rounds += 1
    assert loop.converged_ and rounds == whole.n_iter_ and loop.reason_ == whole.reason_
    assert_allclose(loop.lower_bound_, whole.lower_bound_, rtol=1e-12)
    assert loop.fit(X).converged_ and loop.n_iter_ == 1
    assert pickle.loads(pickle.dumps(loop)).fit(X).converged_

def test_an_empty_component_is_left_and_the_others_are_fitted():
    "The right means are those of the groups: scikit-learn finds them too."
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0.5, 1, (100, 2)), rng.normal(8.5, 1, (100, 2))]
    given = dict(means_init=[[0, 0], [8, 8], [1000, 1000]], precisions_init=[np.eye(2)] * 3, weights_init=[1 / 3] * 3)
    m = GaussianMixture(3, random_state=0, warm_start=True, **given)
    for data in (X, X, Chunks.slices(X, 50)):
        with pytest.warns(ConvergenceWarning, match="component 2 has no data") as notes: m.fit(data)
        assert len(notes) == 1 and m.reason_ == "empty" and m.converged_
        assert_allclose(m.means_[:2], [X[:100].mean(0), X[100:].mean(0)], atol=1e-3)
        assert_array_equal(m.means_[2], [1000, 1000])
        assert_array_equal(m.weights_[2], 0)
    assert set(m.predict(X)) == {0, 1} and m.predict_proba(X).shape == (200, 3) and np.isfinite([m.bic(X), m.icl(X), m.score(X)]).all()
    assert set(m.sample(50)[1]) <= {0, 1}


# ---------------------------------------------------------------- an interrupted fit

def interrupt(monkeypatch, family, after):
    "Somebody presses Ctrl-C in an M-step, after so many of them."
    real, made = family.maximise, iter(range(10**9))
    def maximise(self, *args, **options):
        if next(made) >= after: raise KeyboardInterrupt
        return real(self, *args, **options)
    monkeypatch.setattr(family, "maximise", maximise)

def interrupted(monkeypatch, family, after, estimator, X, **data):
    "The error that ends the fit, during which nothing is warned of."
    with monkeypatch.context() as patch, warnings.catch_warnings(), pytest.raises(KeyboardInterrupt) as stop:
        warnings.simplefilter("error")
        interrupt(patch, family, after)
        estimator.fit(X, **data)
    return stop.value

SLOW = dict(n_components=3, covariance_type="tied", random_state=0, accelerate=None)

@pytest.mark.parametrize("parts, after, steps", [(False, 22, 21), (True, 22, 21), (True, 67, 1)]) # in the sample; with all parts
def test_an_interrupted_fit_keeps_what_it_had_reached(monkeypatch, parts, after, steps):
    X, g = Chunks.slices(faithful, rows=100) if parts else faithful, GaussianMixture(**SLOW)
    stop = interrupted(monkeypatch, MultivariateNormal, after, g, X)
    assert g.trace_ is stop.trace and not g.converged_ and g.reason_ == stop.trace.reason == "interrupted"
    assert g.n_iter_ == len(g.lower_bounds_) == steps
    assert_allclose(g.lower_bound_, g.score(faithful), rtol=1e-12)
    assert_allclose(g.precisions_cholesky_.T @ g.covariances_ @ g.precisions_cholesky_, np.eye(2), atol=1e-9)
    assert g.predict(faithful).shape == (272,) and clone(g).get_params() == g.get_params()

def test_what_an_interrupted_fit_reached_is_a_point_of_its_path(monkeypatch):
    g = GaussianMixture(**SLOW)
    interrupted(monkeypatch, MultivariateNormal, 30, g, faithful)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same = GaussianMixture(**SLOW, max_iter=g.n_iter_, tol=0).fit(faithful)
    assert_array_equal(g.means_, same.means_)
    assert_array_equal(g.lower_bounds_, same.lower_bounds_)

def test_an_interrupted_fit_can_go_on(monkeypatch):
    g, whole = GaussianMixture(**SLOW, warm_start=True), GaussianMixture(**SLOW).fit(faithful)
    interrupted(monkeypatch, MultivariateNormal, 30, g, faithful)
    before = g.n_iter_
    assert g.fit(faithful).converged_ and before + g.n_iter_ == whole.n_iter_
    assert_allclose(g.means_, whole.means_, rtol=1e-9)

def test_interrupted_before_the_first_step_it_stays_as_it_was(monkeypatch):
    g = GaussianMixture(**SLOW)
    interrupted(monkeypatch, MultivariateNormal, 0, g, faithful)
    assert not hasattr(g, "means_") and not hasattr(g, "n_features_in_")
    g.fit(faithful)
    before = dict(vars(g))
    interrupted(monkeypatch, MultivariateNormal, 0, g, iris)
    assert vars(g).keys() == before.keys() and all(vars(g)[name] is value for name, value in before.items())

def test_interrupted_between_starts_it_keeps_the_better_run(monkeypatch):
    g, first = GaussianMixture(**SLOW, n_init=3), GaussianMixture(**SLOW).fit(faithful)
    interrupted(monkeypatch, MultivariateNormal, first.n_iter_ + 4, g, faithful) # the second has hardly begun
    assert_array_equal(g.means_, first.means_)

def test_an_interrupted_mixture_of_any_family(monkeypatch):
    values, days = load_deaths()
    m = MixtureModel("poisson", 2, random_state=0, accelerate=None, tol=1e-12)
    stop = interrupted(monkeypatch, Poisson, 40, m, values[:, None], sample_weight=days)
    assert m.trace_ is stop.trace and m.n_iter_ > 30 and not m.converged_
    assert_allclose(m.lower_bound_, m.score(values[:, None], sample_weight=days), rtol=1e-12)

def test_an_interrupted_search_tells_so(monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, MultivariateNormal, 10)
        select(faithful, [2], "tied", n_jobs=1, progress=False)

def test_interrupted_in_double_precision_it_keeps_the_climb_in_single(monkeypatch):
    x = np.concatenate([rng().normal(0, 1, (2000, 2)), rng(1).normal(2, 1, (2000, 2))])
    make = lambda: GaussianMixture(2, random_state=0, accelerate=None, dtype="float32")
    whole = make().fit(x)
    single = int(whole.trace_.message.split(" before that, ")[1].split()[0])
    for more in (0, 2):
        g = make()
        interrupted(monkeypatch, MultivariateNormal, 1 + single + more, g, x)
        assert g.n_iter_ == len(g.lower_bounds_) == single + more and not g.converged_
        assert_allclose(g.lower_bound_, g.score(x), rtol=1e-12)
        assert g.reason_ == "interrupted" and "in single precision" in g.trace_.message
