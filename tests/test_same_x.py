"""The same data in every form that holds them, to every function that takes data; and rows of weight 0, which hold whatever they like.

What is right is what the plain array gives, or the table without the rows that do not count."""
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from emlit import (Bernoulli, Categorical, Chunks, GaussianMixture, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson, Prior, Stream,
                   Uniform, aic, bic, bootstrap, bootstrap_lrt, elbo, em, fit, icl, impute, incremental_em, match, multistart, online_em, plots, regress, select,
                   standard_errors)
from emlit.sources import sample
from emlit.families import scale_floor
from emlit.foundations.batch import refuse_empty_columns
from emlit.models.missing import conditional
from emlit.mixture import as_mixture
from emlit.starts import kmeans, kmeans_plus_plus, random_responsibilities, sketch, start
from emlit.inference import suspicions
from laplace import Laplace

nan = np.nan
rng = np.random.default_rng


def same(found, right):
    "Equal, whatever it is."
    if isinstance(right, (tuple, list)):
        assert len(found) == len(right)
        for one, other in zip(found, right): same(one, other)
    elif isinstance(right, Mixture):
        for name, value in right.parameters().items(): assert_allclose(found.parameters()[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    elif isinstance(right, str): assert found == right
    else: assert_allclose(found, right, rtol=1e-9, atol=1e-10)

def quietly(f, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*args, **options)


RIGHT = {} # what plain data give, by test: found once


# one column

counts = np.concatenate([rng(0).poisson(1, 40), rng(1).poisson(7, 40)]).astype(float)
COLUMN = {"(n, 1)": lambda x: x[:, None], "list": lambda x: x.tolist(), "list of rows": lambda x: x[:, None].tolist(), "integers": lambda x: x.astype(int),
          "float32": lambda x: x.astype(np.float32), "Fortran": lambda x: np.asfortranarray(np.column_stack([x, x]))[:, :1],
          "Series": pd.Series, "named Series": lambda x: pd.Series(x, name="visits", index=x * 2), "frame": lambda x: pd.DataFrame({"visits": x}),
          "nullable Series": lambda x: pd.Series(x, dtype="Float64"), "nullable frame": lambda x: pd.DataFrame({"visits": pd.array(x, dtype="Int64")})}
ONE = {"Poisson": Poisson([1., 6]), "Poisson of a column": Poisson([[1.], [6]]), "Normal": Normal([1., 6], [1., 2]), "Normal of a column": Normal([[1.], [6]], [[1.], [2]]),
       "MultivariateNormal": MultivariateNormal([[1.], [6]], [[[1.]], [[4.]]]), "Categorical": Categorical(rng(0).dirichlet(np.ones(20), 2)),
       "own": Laplace(np.array([1., 6]), np.array([1., 2])), "blocks": (Normal([1.], [1.]), Poisson([6.]))}
each_column = pytest.mark.parametrize("form", COLUMN.values(), ids=COLUMN)
each_one = pytest.mark.parametrize("name", ONE)

# what a function makes of a model and its data, as numbers
TOOLS = {
    "log_prob": lambda m, x: m.log_prob(x), "log_joint": lambda m, x: m.log_joint(x), "responsibilities": lambda m, x: m.responsibilities(x),
    "predict": lambda m, x: m.predict(x), "loglik": lambda m, x: m.loglik(x), "e_step": lambda m, x: m.m_step(m.e_step(x)),
    "missing": lambda m, x: m.log_prob(x, missing="em"), "labels": lambda m, x: m.loglik(x, labels=[0] * 40 + [-1] * 40)}
MEANT = { # these take an estimator or a Trace, too
    "em": lambda m, x: [s.loglik for s in em(m, x, max_iter=3)], "fit": lambda m, x: fit(m, x, max_iter=5, tol=0).model,
    "elbo": lambda m, x: elbo(m, x, np.full((len(x), as_mixture(m).n_components), 1 / as_mixture(m).n_components)),
    "aic": aic, "bic": bic, "icl": icl, "match": lambda m, x: match(m, m, x), "suspicions": lambda m, x: suspicions(m, x),
    "standard_errors": lambda m, x: standard_errors(m, x).errors, "map": lambda m, x: standard_errors(m, x, method="map").errors,
    "bootstrap": lambda m, x: bootstrap(m, x, 3, rng(0), max_iter=3).samples,
    "resampled": lambda m, x: bootstrap(m, x, 3, rng(0), parametric=False, max_iter=3).samples}
LACKING = {"own": {"missing"}, "Categorical": {"map"}} # what a family does not offer, and what would take long

@each_column
@each_one
@pytest.mark.slow
def test_one_column_in_every_form(name, form):
    blocks = ONE[name]
    K = sum(b.n_components for b in blocks) if isinstance(blocks, tuple) else 2
    model = Mixture(np.full(K, 1 / K), blocks)
    x = counts[:, None] if "column" in name or name == "MultivariateNormal" else counts
    for what, tool in (TOOLS | MEANT).items():
        if what in LACKING.get(name, ()): continue
        if (name, what) not in RIGHT: RIGHT[name, what] = quietly(tool, model, x)
        same(quietly(tool, model, form(counts)), RIGHT[name, what])

@each_column
@pytest.mark.slow
def test_a_column_with_a_gap(form):
    x = counts.copy()
    x[[3, 50]] = nan
    if form is COLUMN["integers"]: return # which have no NaN
    if form is COLUMN["nullable frame"]: form = lambda x: pd.DataFrame({"visits": pd.array([None if np.isnan(v) else v for v in x], dtype="Int64")})
    for block in (Poisson([1., 6]), Normal([1., 6], [1., 2]), MultivariateNormal([[1.], [6]], [[[1.]], [[4.]]])):
        model = Mixture([.3, .7], block)
        right = fit(model, x[~np.isnan(x)], max_iter=5000, tol=1e-15) # what was not seen tells nothing, so the maximum is the same
        found = fit(model, form(x), max_iter=5000, tol=1e-15, missing="em")
        assert_allclose(found.model.weights, right.model.weights, rtol=1e-5)
        assert_allclose(found.loglik, right.loglik, rtol=1e-10)
        filled = impute(found, form(x))
        assert filled.shape == np.shape(form(x))
        block = found.model.components[0]
        mean = found.model.weights @ (block.rate if isinstance(block, Poisson) else block.mean.ravel())
        assert_allclose(filled.ravel()[[3, 50]], mean, rtol=1e-9)
        drawn = impute(found, form(x), rng(0))
        assert not np.isnan(drawn).any() and np.array_equal(drawn.ravel()[~np.isnan(x)], x[~np.isnan(x)])


# tables

flowers = np.concatenate([rng(2).normal(0, 1, (60, 2)), rng(3).normal(4, 1, (60, 2))]).round(2)
TABLE = {"list": lambda x: x.tolist(), "frame": lambda x: pd.DataFrame(x, columns=["a", "b"]), "Fortran": np.asfortranarray,
         "nullable frame": lambda x: pd.DataFrame(x, columns=["a", "b"]).astype("Float64"),
         "frame of objects": lambda x: pd.DataFrame(x, columns=["a", "b"]).astype(object),
         "one nullable column": lambda x: pd.DataFrame({"a": x[:, 0], "b": pd.array(x[:, 1], dtype="Float64")})}
each_table = pytest.mark.parametrize("form", TABLE.values(), ids=TABLE)
plane = Mixture([.5, .5], MultivariateNormal([[0., 0], [4, 4]], [np.eye(2)] * 2))
TWO = MEANT | {"regress": lambda m, x: list(regress(m, x[["a"]] if hasattr(x, "iloc") else np.asarray(x)[:, :1], [0])),
               "impute": lambda m, x: impute(m, x), "lrt": lambda m, x: bootstrap_lrt(Mixture([1.], MultivariateNormal([[2., 2]], [4 * np.eye(2)])), m, x, 2, rng(0), n_starts=1).draws}

@each_table
@pytest.mark.slow
def test_a_table_in_every_form(form):
    for tool in TWO.values(): same(quietly(tool, plane, form(flowers)), quietly(tool, plane, flowers))
    for chunks in (Chunks([form(flowers)[:50], form(flowers)[50:]]), Chunks([form(flowers)])):
        same(fit(plane, chunks, max_iter=5, tol=0).model, fit(plane, flowers, max_iter=5, tol=0).model)
    if not isinstance(form(flowers), list): same(fit(plane, Chunks.slices(form(flowers), 50), max_iter=5, tol=0).model, fit(plane, flowers, max_iter=5, tol=0).model)

@pytest.mark.parametrize("form", [TABLE[name] for name in ("frame", "nullable frame", "frame of objects", "one nullable column")])
@pytest.mark.slow
def test_gaps_of_a_frame(form):
    x = flowers.copy()
    x[::7, 1] = nan
    table = form(x)
    if form is not TABLE["frame"]: table.iloc[0, 1] = pd.NA
    if form is TABLE["frame of objects"]: table.iloc[7, 1] = None
    right = fit(plane, x, missing="em", max_iter=4, tol=0)
    for data in (table, Chunks([table]), Chunks.slices(table, 30)):
        same(fit(plane, data, missing="em", max_iter=4, tol=0).model, right.model)
    same(impute(right, table), impute(right.model, x))
    if form is TABLE["nullable frame"]: same(*(quietly(standard_errors, plane, data, missing="em", method="map").errors for data in (table, x)))
    same(multistart(MultivariateNormal, table, 2, n_starts=2, rng=rng(0), options={"missing": "em", "max_iter": 5}).best.model,
         multistart(MultivariateNormal, x, 2, n_starts=2, rng=rng(0), options={"missing": "em", "max_iter": 5}).best.model)
    if form is TABLE["frame of objects"]: table = pd.DataFrame(x, columns=["a", "b"]) # scikit-learn does not read the other
    g, h = (GaussianMixture(2, missing="em", random_state=0).fit(data) for data in (table, x))
    same(g.model_, h.model_)
    for criterion in (aic, bic, icl): assert_allclose(criterion(g, table), getattr(h, criterion.__name__)(x), rtol=1e-12)
    same(impute(g, table), impute(h.model_, x))
    same(quietly(bootstrap, g, table, 2, rng(0), max_iter=2).samples, quietly(bootstrap, h.trace_, x, 2, rng(0), max_iter=2, missing="em").samples)

def test_polars():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": flowers[:, 0], "b": flowers[:, 1]})
    same(fit(plane, table, max_iter=3, tol=0).model, fit(plane, flowers, max_iter=3, tol=0).model)
    x = flowers.copy()
    x[3, 1] = nan
    gaps = table.with_columns(polars.Series("b", [None if np.isnan(v) else v for v in x[:, 1]]))
    same(fit(plane, gaps, missing="em", max_iter=3, tol=0).model, fit(plane, x, missing="em", max_iter=3, tol=0).model)
    flags = polars.DataFrame({"a": [True, None, False, True], "b": [True, False, None, True]})
    coins = Mixture([.5, .5], Bernoulli([[.2, .3], [.7, .8]]))
    same(coins.log_prob(flags, missing="em"), coins.log_prob([[1, 1], [nan, 0], [0, nan], [1, 1]], missing="em"))


# estimators and traces in place of models

ESTIMATORS = {"GaussianMixture": (GaussianMixture(2, random_state=0), flowers), "one column": (GaussianMixture(2, random_state=0), counts[:, None]),
              "diag": (GaussianMixture(2, covariance_type="diag", random_state=0), flowers), "poisson": (MixtureModel("poisson", 2, random_state=0), counts[:, None]),
              "normal": (MixtureModel("normal", 2, random_state=0), flowers), "own": (MixtureModel(Laplace(np.array([1., 6]), np.array([1., 2])), random_state=0), counts[:, None])}

@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("frame", [False, True], ids=["array", "frame"])
@pytest.mark.parametrize("estimator, X", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.slow
def test_what_an_estimator_was_fitted_on_is_taken_by_all_tools(estimator, X, frame):
    table = pd.DataFrame(X, columns=list("ab")[:X.shape[1]]) if frame else X
    g = clone(estimator).fit(table)
    for what, tool in MEANT.items():
        if what == "map": continue # which takes long
        for model in (g, g.trace_): same(quietly(tool, model, table), quietly(tool, g.model_, X))
    for criterion in (aic, bic, icl): assert_allclose(criterion(g, table), getattr(g, criterion.__name__)(table), rtol=1e-12)
    assert_array_equal(g.model_.predict(table), g.predict(table))
    assert_allclose(g.model_.log_prob(table), g.score_samples(table), rtol=1e-12)
    if X.shape[1] == 1: same(standard_errors(g, X[:, 0]).errors, standard_errors(g, X).errors) # the root of it all
    same(fit(g, Chunks([table]), max_iter=2, tol=0).model, fit(g.model_, X, max_iter=2, tol=0).model)

def test_a_series_is_a_table_of_one_column():
    x = pd.Series(counts, name="visits")
    one, table = (MixtureModel("poisson", 2, random_state=0).fit(data) for data in (x, x.to_frame()))
    assert list(one.feature_names_in_) == ["visits"] and one.model_ == table.model_
    for method in ("predict", "predict_proba", "score_samples", "score", "aic", "bic", "icl"): assert_array_equal(getattr(one, method)(x), getattr(table, method)(x.to_frame()))
    same(standard_errors(one, x).errors, standard_errors(one.model_, counts).errors)

def test_columns_by_name():
    frame = pd.DataFrame(flowers, columns=["income", "age"])
    g = GaussianMixture(2, random_state=0).fit(frame)
    for x, columns in ((frame[["age"]], ["age"]), (frame, ["age"]), (frame, "age"), (frame["age"], "age"), (flowers[:, 1], ["age"]), (frame["age"], 1)):
        same(list(regress(g, x, columns)), list(regress(g.model_, flowers[:, 1], [1])))
    same(conditional(g, "age", 3.), g.model_.conditional([1], [3.]))
    same(conditional(g.trace_, [1], [3.]), g.model_.conditional([1], [3.]))
    with pytest.raises(ValueError, match="columns must be among 'income', 'age'; got 'size'"): regress(g, frame, ["size"])
    with pytest.raises(TypeError, match="columns must be numbers of columns"): regress(g.model_, frame, ["age"])

def test_plots_take_estimators_and_traces():
    g, h = GaussianMixture(2, random_state=0).fit(flowers), MixtureModel("normal", 2, random_state=0).fit(counts[:, None])
    for draw, model, x in ((plots.plot_parameters, g, None), (plots.plot_ellipses, g, flowers), (plots.plot_contours, g, flowers), (plots.plot_density, h, counts[:, None])):
        for one in (model, model.trace_): plots.plt.close((draw(one) if x is None else draw(one, x)).figure)
    plots.plt.close(plots.plot_density(h.model_, pd.DataFrame(counts)).figure)

def test_an_estimator_before_its_fit_and_what_holds_no_model():
    for tool in MEANT.values():
        with pytest.raises(ValueError, match="not fitted yet"): tool(GaussianMixture(2), flowers)
        with pytest.raises(TypeError, match="model|model_a"): tool(GaussianMixture, flowers)
        with pytest.raises(TypeError, match="must"): tool("model", flowers)
    with pytest.raises(TypeError, match="model must have e_step"): fit(3, flowers)

def test_streams_start_from_a_trace():
    trace = fit(plane, flowers, max_iter=2, tol=0)
    for learn in (lambda m: next(incremental_em(m, Chunks([flowers]), hold=0)).model, lambda m: next(online_em(m, [flowers], hold=0)).model, lambda m: Stream(m).learn(flowers).model):
        same(learn(trace), learn(trace.model))


# rows of weight 0

JUNK = {"nan": nan, "negative": -3., "a fraction": .5, "huge": 1e6, "infinite": np.inf}
WEIGHED = { # name: (model, data, other junk)
    "Poisson": (Mixture([.5, .5], Poisson([1., 6])), counts), "Normal": (Mixture([.5, .5], Normal([1., 6], [1., 2])), counts),
    "Bernoulli": (Mixture([.5, .5], Bernoulli([[.2, .3], [.7, .8]])), (flowers > 2).astype(float)),
    "Categorical": (Mixture([.5, .5], Categorical([[[.2, .8, 0], [.6, .3, .1]], [[.5, .5], [.7, .3]]])), (flowers > 2).astype(float)),
    "MultivariateNormal": (plane, flowers), "blocks": (Mixture([.5, .4, .1], [MultivariateNormal([[0., 0], [4, 4]], [np.eye(2)] * 2), Uniform([[-9., -9]], [[9., 9]])]), flowers)}
WITH = { # functions of model, data, weights
    "loglik": lambda m, x, w: m.loglik(x, w), "e_step": lambda m, x, w: m.m_step(m.e_step(x, w)), "em": lambda m, x, w: [s.loglik for s in em(m, x, max_iter=3, sample_weight=w)],
    "fit": lambda m, x, w: fit(m, x, max_iter=5, tol=0, sample_weight=w).model, "to the end": lambda m, x, w: fit(m, x, max_iter=200, sample_weight=w).loglik,
    "squarem": lambda m, x, w: fit(m, x, max_iter=9, tol=0, sample_weight=w, accelerate="squarem").loglik,
    "missing": lambda m, x, w: fit(m, x, max_iter=3, tol=0, sample_weight=w, missing="em").model,
    "labels": lambda m, x, w: fit(m, x, max_iter=3, tol=0, sample_weight=w, labels=np.where(np.arange(len(x)) == np.argmax(w > 0), 0, -1)).model,
    "elbo": lambda m, x, w: elbo(m, x, np.full((len(x), m.n_components), 1 / m.n_components), w),
    "aic": aic, "bic": bic, "icl": icl, "suspicions": lambda m, x, w: suspicions(m, x, w),
    "standard_errors": lambda m, x, w: standard_errors(m, x, w).errors, "bootstrap": lambda m, x, w: bootstrap(m, x, 2, rng(0), sample_weight=w, max_iter=2).samples,
    "start": lambda m, x, w: start(m.components, x, np.full((len(x), m.n_components), 1 / m.n_components), sample_weight=w),
    "sketch": lambda m, x, w: list(sketch(x, rng(0), sample_weight=w)), "scale_floor": lambda m, x, w: scale_floor(x, sample_weight=w),
    "k-means++": lambda m, x, w: (kmeans_plus_plus(x, 1, rng(0), w) * np.reshape(w, (-1, 1))).sum(), "k-means": lambda m, x, w: (kmeans(x, 1, rng(0), w) * np.reshape(w, (-1, 1))).sum(),
    "multistart": lambda m, x, w: multistart(m.components, x, m.n_components, n_starts=2, rng=rng(0), sample_weight=w, recipe=random_responsibilities, options={"max_iter": 5, "tol": 0}).best.loglik,
    "Chunks": lambda m, x, w: fit(m, Chunks([(x[:9], w[:9]), (x[9:], w[9:])]), max_iter=3, tol=0).model,
    "Stream": lambda m, x, w: Stream(m, hold=0).learn(x, w).model, "columns": lambda m, x, w: refuse_empty_columns(x, w) or 0}

@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("name", WEIGHED)
@pytest.mark.slow
def test_a_row_of_weight_0_is_no_row(name, junk):
    model, x = WEIGHED[name]
    x, w = x.copy(), rng(0).integers(1, 4, len(x)).astype(float)
    w[[0, 5, 6, len(x) - 1]] = 0
    right = x[w > 0], w[w > 0]
    x[w == 0] = junk
    for what, tool in WITH.items():
        if (name, what, "weighed") not in RIGHT: RIGHT[name, what, "weighed"] = quietly(tool, model, *right)
        same(quietly(tool, model, x, w), RIGHT[name, what, "weighed"])

def test_rows_keep_their_numbers():
    w = [0, 1, 0, 1, 1]
    with pytest.raises(ValueError, match=r"x\[3\] is -1"): fit(Mixture([1.], Poisson([1.])), [9., 2, nan, -1, 3], sample_weight=w)
    with pytest.raises(ValueError, match=r"x\[3\] has probability zero"): fit(Mixture([1.], Bernoulli([0.])), [nan, 0, 1, 1, 0], sample_weight=w)
    with pytest.raises(ValueError, match=r"labels must be possible; x\[3\]"): fit(Mixture([.5, .5], Bernoulli([0., .5])), [nan, 0, 1, 1, 0], sample_weight=w, labels=[0, 0, 0, 0, -1])

@pytest.mark.filterwarnings("ignore:.*guard")
@pytest.mark.parametrize("junk", [nan, 9., -1.], ids=str)
@pytest.mark.slow
def test_estimators_do_not_look_at_rows_of_weight_0(junk):
    "Category 9 occurs only there, and so do NaN and −1."
    X = rng(0).integers(0, 3, (60, 2)).astype(float)
    w = rng(1).integers(1, 3, 60).astype(float)
    w[[0, 59]] = 0
    Y, v = X[w > 0], w[w > 0]
    X[w == 0] = junk
    for data in (X, pd.DataFrame(X, columns=["a", "b"])):
        for estimator in (MixtureModel("categorical", 2, random_state=0), MixtureModel("normal", 2, random_state=0), GaussianMixture(2, random_state=0)):
            right, g = (clone(estimator).fit(x, sample_weight=u) for x, u in ((Y, v), (data, w)))
            same(g.model_, right.model_)
            for what in ("aic", "bic", "icl"): assert_allclose(getattr(g, what)(data, w), getattr(right, what)(Y, v), rtol=1e-9)
            assert_allclose(g.score(data, sample_weight=w), right.score(Y, sample_weight=v), rtol=1e-9)
            for criterion in (aic, bic, icl): assert_allclose(criterion(g, data, w), criterion(right, Y, v), rtol=1e-9)
            assert_allclose(quietly(standard_errors, g, data, w).errors, quietly(standard_errors, right, Y, v).errors, rtol=1e-6)
        found, right = (select(x, [1, 2], estimator=MixtureModel("categorical", random_state=0), sample_weight=u, n_jobs=1, progress=False) for x, u in ((data, w), (Y, v)))
        for one, other in zip(found.table, right.table): same([one[c] for c in ("loglik", "aic", "bic", "icl")], [other[c] for c in ("loglik", "aic", "bic", "icl")])

def test_an_impossible_row_that_counts_makes_criteria_infinite():
    g = MixtureModel("bernoulli", 1, random_state=0).fit([[0, 1], [0, 0], [0, 1]])
    X = [[0, 1], [1, 1], [0, 0]]
    for criterion in ("aic", "bic", "icl"):
        assert getattr(g, criterion)(X) == np.inf == {"aic": aic, "bic": bic, "icl": icl}[criterion](g, X)
        assert np.isfinite(getattr(g, criterion)(X, [1, 0, 2]))
    assert g.score(X) == -np.inf and np.isfinite(g.score(X, sample_weight=[1, 0, 2]))


# lists, small types, and other things that came to light late

def test_labels_and_weights_may_be_lists():
    y = [-3., -2, -4, 3, 2, 4] * 20
    alike = Mixture([.5, .5], Normal([0., 1e-9], [3.2, 3.2]))
    for labels in ([-1] * 120, tuple([-1] * 120), pd.Series([-1] * 120)): # the end is a saddle, where the labels are asked for
        assert quietly(fit, alike, y, labels=labels).reason == quietly(fit, alike, y, labels=np.full(120, -1)).reason == "identical"
    for w in ([1] * 120, tuple([1.] * 120), pd.Series([1] * 120)):
        assert quietly(fit, alike, y, labels=[-1] * 120, sample_weight=w).reason == "identical"
        assert quietly(fit, alike, [nan, *y[1:]], missing="em", sample_weight=w).reason == "identical"

@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint8", "bool"])
def test_weights_are_summed_in_double_precision(dtype):
    x = np.linspace(0, 1, 400)
    w = np.ones(400, dtype) if dtype == "bool" else np.full(400, 100).astype(dtype)
    v, model = w.astype(float), Mixture([.5, .5], Normal([.2, .8], [1., 1]))
    assert Chunks([(x, w)]).count() == v.sum() == sample(Chunks([(x, w)]), 9, rng(0)).count
    assert Stream(model, hold=0).learn(x, w).n == v.sum()
    same([next(incremental_em(model, Chunks([(x, w)]), hold=0)).score], [next(incremental_em(model, Chunks([(x, v)]), hold=0)).score])
    same(fit(model, Chunks([(x, w)]), max_iter=3, tol=0).model, fit(model, x, sample_weight=v, max_iter=3, tol=0).model)
    same(list(sketch(x, rng(0), sample_weight=w)), list(sketch(x, rng(0), sample_weight=v)))
    g, h = (GaussianMixture(2, random_state=0).fit(x[:, None], sample_weight=u) for u in (w, v))
    assert g.model_ == h.model_ and g.lower_bound_ == h.lower_bound_ and g.score(x[:, None], sample_weight=w) == g.score(x[:, None], sample_weight=v)

@pytest.mark.parametrize("more", [{}, {"labels": [0, -1, -1, -1, -1, -1]}, {"missing": "em"}, {"labels": [-1] * 6, "missing": "em"}], ids=str)
def test_a_wrong_engine_or_precision_is_refused_with_labels_and_gaps_too(more):
    model = Mixture([.5, .5], Normal([-3., 3], [1., 1]))
    y = [-3., -2, 3, 2, -4, nan if "missing" in more else 4]
    for run in (fit, lambda *args, **given: list(em(*args, **given)), lambda *args, max_iter, **given: model.e_step(args[1], **given)):
        with pytest.raises(ValueError, match="engine must be 'numpy' or 'numba'; got 'torch'"): run(model, y, max_iter=2, engine="torch", **more)
        with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32'; got 'int8'"): run(model, y, max_iter=2, dtype="int8", **more)

def test_parts_that_become_empty_and_full():
    "The M-step sees all rows that the parts hold now, so a normal's mean is theirs."
    a, b, c = rng(0).normal(0, 1, 30), rng(1).normal(10, 1, 50), rng(2).normal(5, 1, 40)
    passes = [[a[:0], b, c], [a, b, c], [a, b[:0], c], [a[:0], b, (c, np.zeros(40))], [a, b, c]]
    reads = [0] * 3
    def read(i):
        reads[i] += 1
        return passes[reads[i] - 1][i]
    visits = incremental_em(Mixture([1.], Normal([0.], [1.])), Chunks([0, 1, 2], read), hold=0)
    held = [None] * 3
    for parts in passes:
        for i, part in enumerate(parts):
            gone = isinstance(part, tuple) or not len(part)
            held[i] = None if gone else part
            if not gone: assert_allclose(next(visits).model.components[0].mean[0], np.concatenate([h for h in held if h is not None]).mean(), rtol=1e-12)

def test_resamples_that_allow_no_fit_are_counted():
    x = rng(0).normal(size=(40, 2))
    x[2:, 1] = nan # two values in column 1: one in eight resamples holds none of them
    trace = fit(Mixture([1.], Normal([[0., 0]], [[1., 1]])), x, missing="em", max_iter=5, tol=0)
    found = bootstrap(trace, x, 40, rng(1), parametric=False, missing="em", max_iter=2)
    lost = sum(not np.any(rng(seed).multinomial(40, np.full(40, 1 / 40))[:2]) for seed in rng(1).integers(2**63, size=40))
    assert found.failed >= lost > 0 and len(found.samples) == 40 - found.failed

@pytest.mark.parametrize("options, error, match", [
    ({"tol": -1}, ValueError, "tol must be at least 0"), ({"freeze": "means"}, ValueError, "freeze must name"), ({"max_iter": -1}, ValueError, "max_iter must be at least 0"),
    ({"engine": "torch"}, ValueError, "engine must be"), ({"accelerate": "fast"}, ValueError, "accelerate must be"), ({"speed": 1}, TypeError, "speed"),
    ({"prior": Prior(weights=[2., 2, 2])}, ValueError, "weights"), ({"labels": [5] * 80}, ValueError, "labels must be")], ids=str)
def test_what_the_options_cause_is_raised_at_once(options, error, match):
    model = Mixture([.5, .5], Poisson([1., 6]))
    for parametric in (True, False):
        with pytest.raises(error, match=match): bootstrap(model, counts, 3, rng(0), parametric=parametric, **options)
    if "labels" in options: return
    with pytest.raises(error, match=match): bootstrap_lrt(Mixture([1.], Poisson([4.])), fit(model, counts), counts, 3, rng(0), **options)

DATES = {"dates": np.array(["2020-01-01"] * 20, "M8[ns]"), "times": np.arange(20).astype("m8[s]"), "NaT": np.array(["NaT"] * 20, "M8[s]")}
@pytest.mark.parametrize("values", DATES.values(), ids=DATES)
def test_dates_are_refused_by_estimators_too(values):
    objects = np.empty((20, 1), object)
    objects[:, 0] = list(values) # NumPy's own scalars; of pandas the last two
    for X in (values[:, None], list(values[:, None]), [[v] for v in values], objects, pd.DataFrame({"a": values}).astype(object), [[pd.NaT], [1.], [2.]],
              pd.DataFrame({"a": values}), pd.DataFrame({"a": values, "b": np.arange(20.)}), pd.Series(values)):
        for estimator in (GaussianMixture(2), GaussianMixture(2, missing="em"), MixtureModel("normal", 2)):
            with pytest.raises(TypeError, match="X must"): estimator.fit(X)
    with pytest.raises(TypeError, match="x must hold real numbers"): fit(Mixture([1.], Normal([0.], [1.])), values)

def test_a_fit_that_is_refused_leaves_the_estimator_as_it_was():
    frame = pd.DataFrame(flowers, columns=["a", "b"])
    g = GaussianMixture(2, random_state=0).fit(frame)
    before = dict(vars(g))
    for bad in (flowers[:, :1] * nan, np.zeros((50, 3)), [[1., 2]]):
        with pytest.raises((ValueError, TypeError)): quietly(g.fit, bad, labels=[0])
        assert vars(g) == before and g.predict(frame).shape == (120,)
    g.fit(flowers[:, :1])
    assert g.n_features_in_ == 1 and not hasattr(g, "feature_names_in_")

def test_a_prior_that_is_no_number():
    class Lost(Prior):
        def log_prob(self, model): return nan
    with pytest.raises(ValueError, match="prior must have a log_prob that is a number; it is nan at iteration 0"): fit(Mixture([.5, .5], Poisson([1., 6])), counts, prior=Lost(weights=2.))

def test_columns_that_change_between_passes():
    frame, reads = pd.DataFrame(flowers, columns=["a", "b"]), []
    def read(i):
        reads.append(i)
        return frame if len(reads) < 4 else frame[["b", "a"]]
    with pytest.raises(ValueError, match=r"parts\[\d\]: X must have the columns \['a', 'b'\] in every pass; got \['b', 'a'\]"): GaussianMixture(2).fit(Chunks([0, 1], read))

def test_rows_that_come_between_passes_are_given_as_a_reason():
    reads = []
    def read(i):
        reads.append(i)
        return flowers if len(reads) < 4 else np.concatenate([flowers, flowers + 9])
    with pytest.warns(RuntimeWarning, match="fell from .* or the parts do not hold the same rows in every pass"): fit(plane, Chunks([0], read), max_iter=5, tol=0)

def test_sparse_tables_and_chunks_where_a_table_is_meant():
    import scipy.sparse
    thin, chunks = scipy.sparse.csr_array(flowers), Chunks([flowers])
    for run in (lambda: fit(plane, thin), lambda: plane.predict(thin), lambda: fit(plane, Chunks([thin])), lambda: fit(plane, Chunks([(thin, np.ones(120))])),
                lambda: fit(plane, Chunks.slices(thin)), lambda: multistart(Normal, thin, 2, n_starts=1, rng=rng(0)), lambda: impute(plane, thin)):
        with pytest.raises(TypeError, match=r"x must hold real numbers in a dense array; .*say x.toarray\(\)"): run()
    with pytest.raises(TypeError, match="toarray"): GaussianMixture(2).fit(thin)
    for run in (lambda: multistart(Normal, chunks, 2, n_starts=1, rng=rng(0)), lambda: impute(plane, chunks), lambda: plane.predict(chunks),
                lambda: start(Normal, chunks, [0] * 120), lambda: bootstrap(plane, chunks, 2, rng(0)), lambda: plane.log_joint(chunks)):
        with pytest.raises(TypeError, match="x must be a table here, and not Chunks; take some rows"): run()
    with pytest.raises(ValueError, match="in column 1 all are missing"):
        multistart(Normal, flowers * [1, nan], 2, n_starts=1, rng=rng(0), options={"missing": "em"})

def test_data_that_do_not_know_their_length():
    class Lazy:
        shape = (nan, 2)
    with pytest.raises(TypeError, match=r"x must have a known number of rows; got a Lazy without: pass its partitions, Chunks\(x.to_delayed"): Chunks.slices(Lazy())

@pytest.mark.slow
def test_dask():
    dask = pytest.importorskip("dask.dataframe")
    table = dask.from_pandas(pd.DataFrame(flowers, columns=["a", "b"]), npartitions=3)
    with pytest.raises(TypeError, match="x must have a known number of rows"): Chunks.slices(table)
    right = fit(plane, flowers, max_iter=3, tol=0).model
    same(fit(plane, Chunks(table.to_delayed(), lambda part: part.compute()), max_iter=3, tol=0).model, right) # as the message says
    same(fit(plane, Chunks.slices(table.to_dask_array(lengths=True)), max_iter=3, tol=0).model, right)
