"""Categories: what occurs is encoded and decoded; how a category is written changes no number. The values come from the same table in codes 0 … C − 1."""
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from emlit import Bernoulli, Categorical, Chunks, Family, Mixture, MixtureModel, Normal, Poisson, Prior, bic, fit, standard_errors
from emlit import families
from emlit.estimators import select
from emlit.starts import start
from emlit.inference import multistart
from later import Later

pytestmark = pytest.mark.filterwarnings("error")
n = 240
g = np.random.default_rng(0)
z = g.random(n) < .4
codes = np.c_[g.random(n) < np.where(z, .9, .2), np.where(z, g.choice(3, n, p=[.7, .2, .1]), g.choice(3, n, p=[.1, .3, .6])), g.random(n) < np.where(z, .8, .3)].astype(int)
names = ["married", "region", "member"]
VALUES = [["no", "yes"], [4, 6, 8], [False, True]]

def written(values=VALUES, rows=codes):
    "The same table with other names for the categories."
    return pd.DataFrame({name: np.array(known)[column] for name, known, column in zip(names, values, rows.T)})

def model(K=2, **more): return MixtureModel("categorical", K, random_state=0, **more)

def gaps(X, at=((3, 0), (4, 1), (5, 2)), by=None):
    "The same with missing values."
    X = X.copy()
    for i, j in at: X[i, j] = by
    return X

frame, reference = written(), Later(lambda: model().fit(codes))
nullable = frame.assign(married=pd.Categorical(frame.married, categories=["no", "never", "yes"]), region=frame.region.astype("Int64"), member=frame.member.astype("boolean"))
TABLES = {
    "a frame": frame, "objects": frame.to_numpy(dtype=object), "lists": frame.to_numpy(dtype=object).tolist(), "text": frame.astype(str).to_numpy().astype("U9"),
    "nullable columns and categories": nullable, "strings of pandas": frame.astype("string"), "codes from 1": codes + 1, "codes from 4 with gaps": codes * 3 + 4,
    "negative codes": codes - 2, "floats": codes * .5, "huge codes": codes * 10**15, "dates": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "M8[D]")[codes],
    "truth values": codes > 0}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.slow
def test_how_categories_are_written_changes_no_number(kind):
    X, plain = TABLES[kind], (codes > 0).astype(int) if kind == "truth values" else codes
    found, right = model().fit(X), model().fit(plain)
    assert_allclose(found.trace_.loglik, right.trace_.loglik, rtol=1e-12)
    assert found.model_.n_parameters == right.model_.n_parameters == (7 if kind == "truth values" else 9)
    assert_array_equal(found.predict(X), right.predict(plain))
    assert_allclose(found.bic(X), right.bic(plain), rtol=1e-12)

@pytest.mark.slow
def test_counts_of_parameters_and_the_choice_of_k():
    "K − 1 weights and, in each component, one less than the categories that occur: counted by hand."
    for offset, step in ((0, 1), (1, 1), (4, 1), (0, 7)):
        table = select(codes * step + offset, [1, 2, 3], estimator=model(n_init=2), n_jobs=1, progress=False)
        assert [row["n_parameters"] for row in table.table] == [4, 9, 14]
        assert table.best.n_components == 2

def test_categories_are_those_of_scikit_learn():
    for X in (frame.to_numpy(dtype=object), codes * 3 + 4, codes > 0, frame.astype(str).to_numpy().astype("U9")):
        for own, theirs in zip(model().fit(X).categories_, OrdinalEncoder().fit(X).categories_):
            assert_array_equal(own, theirs)
            if X.dtype.kind in "ib": assert own.dtype == theirs.dtype

def test_categories_of_pandas_keep_their_order_and_only_those_that_occur():
    X = pd.DataFrame({"size": pd.Categorical(np.array(["small", "large", "medium"])[codes[:, 1]], categories=["small", "medium", "large", "huge"], ordered=True)})
    assert list(model(1).fit(X).categories_[0]) == ["small", "medium", "large"]

def test_samples_are_the_original_values():
    drawn, who = model().fit(frame).sample(500)
    assert drawn.shape == (500, 3) and drawn.dtype == object and len(who) == 500
    assert [set(column) for column in drawn.T] == [set(v) for v in VALUES]
    assert all(isinstance(v, kind) for v, kind in zip(drawn[0], (str, (int, np.integer), (bool, np.bool_))))
    assert model().fit(codes * 3 + 4).sample(5)[0].dtype == codes.dtype and model().fit(codes > 0).sample(5)[0].dtype == bool
    numbers = np.stack([np.searchsorted(known, column.astype(type(known[0]))) for known, column in zip(VALUES, drawn.T)], axis=1)
    assert_allclose(numbers.mean(0), codes.mean(0), atol=.15)

def test_copies():
    found = model().fit(frame)
    again = pickle.loads(pickle.dumps(found))
    assert again.score(frame) == found.score(frame)
    assert not hasattr(clone(found), "categories_") and clone(found).fit(codes).score(codes) == reference.score(codes)

def test_pipeline_and_grid_search():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(make_pipeline(FunctionTransformer(), model()), {"mixturemodel__n_components": [1, 2]}, cv=3).fit(frame)
    assert search.best_params_ == {"mixturemodel__n_components": 2}
    assert list(search.best_estimator_[-1].feature_names_in_) == names


# missing values

@pytest.mark.parametrize("by", [None, np.nan, pd.NA, pd.NaT])
@pytest.mark.slow
def test_missing_codes(by):
    right = model(missing="em").fit(gaps(codes.astype(float), by=np.nan))
    X = gaps(frame.to_numpy(dtype=object), by=by)
    for table in (X, pd.DataFrame(X, columns=names)):
        found = model(missing="em").fit(table)
        assert_allclose(found.trace_.loglik, right.trace_.loglik, rtol=1e-12)
        assert [list(c) for c in found.categories_] == VALUES
        assert_allclose(found.predict_proba(table), right.predict_proba(gaps(codes.astype(float), by=np.nan)), rtol=1e-9)
    with pytest.raises(ValueError, match=r"Input X contains NaN.*row 3 of column 0.*missing=\"em\""): model().fit(X)

def test_missing_values_in_nullable_columns():
    X = nullable.copy()
    for i, name in enumerate(names): X.loc[3 + i, name] = pd.NA if i else None
    right = model(missing="em").fit(gaps(codes.astype(float), by=np.nan))
    found = model(missing="em").fit(X)
    assert_allclose(found.trace_.loglik, right.trace_.loglik, rtol=1e-12)
    assert [list(c) for c in found.categories_] == VALUES
    with pytest.raises(ValueError, match="column 'married'"): model().fit(X)

def test_a_column_of_nothing():
    with pytest.raises(ValueError, match="column 1 is all missing"): model(missing="em").fit([["a", None], ["b", None], ["a", None]])


# what fit did not see

def test_a_new_value_has_probability_zero():
    found, new = model().fit(frame), frame.iloc[:4].copy()
    new.loc[1, "region"] = 5
    log_p = found.score_samples(new)
    assert np.isneginf(log_p[1]) and np.isfinite(log_p[[0, 2, 3]]).all()
    assert_array_equal(log_p[[0, 2, 3]], found.score_samples(frame.iloc[[0, 2, 3]]))
    assert found.score(new) == -np.inf and found.bic(new) == found.icl(new) == np.inf
    for method in (found.predict, found.predict_proba):
        with pytest.raises(ValueError, match="column 'region' holds 5, which fit did not see: it knows 4, 6, 8"): method(new)

def test_a_value_in_rows_of_weight_0_is_no_parameter():
    X, w = frame.copy(), np.ones(n)
    X.loc[7, "married"], w[7] = "widowed", 0
    found, right = model().fit(X, sample_weight=w), model().fit(np.delete(codes, 7, axis=0))
    assert found.model_.n_parameters == 9
    assert_allclose(found.trace_.loglik, right.trace_.loglik, atol=1e-6)

def test_warm_start_keeps_its_categories():
    found = model(warm_start=True, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(60): found.fit(frame)
        assert_allclose(found.trace_.loglik, reference.trace_.loglik, atol=.01)
        found.fit(frame.iloc[:50].assign(married="yes")) # fewer categories
    assert [list(c) for c in found.categories_] == VALUES
    with pytest.raises(ValueError, match="column 'married' holds 'maybe', which the fit that warm_start goes on with did not see"): found.fit(frame.assign(married="maybe"))
    with pytest.raises(ValueError, match="number of columns"): found.fit(frame[["married"]])

def test_model_reads_the_numbers_of_categories():
    found = model().fit(frame)
    x = found._data(found._read(frame))
    assert_array_equal(x, codes)
    assert_array_equal(found.model_.predict(x), found.predict(frame))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning) # a probability may be on the border
        assert_array_equal(standard_errors(found, frame).estimates, standard_errors(reference(), codes).estimates) # as fit was given them


# parts

@pytest.mark.parametrize("table", ["a frame", "objects", "nullable columns and categories", "codes from 4 with gaps"])
def test_parts_are_encoded_alike(table):
    X = TABLES[table]
    order = np.argsort(codes[:, 1], kind="stable") # so that no part has all categories
    X = X.iloc[order] if hasattr(X, "iloc") else X[order]
    found = model().fit(Chunks([X[:80], X[80:160], X[160:]]))
    assert_allclose(found.trace_.loglik, model().fit(X).trace_.loglik, rtol=1e-6)
    assert [c.tolist() for c in found.categories_] == [c.tolist() for c in model().fit(X).categories_]
    assert found.predict(X).shape == (n,) and found.n_features_in_ == 3
    if hasattr(X, "columns"): assert list(found.feature_names_in_) == names

def test_parts_with_gaps_and_weights():
    X, w = pd.DataFrame(gaps(frame.to_numpy(dtype=object)), columns=names), np.arange(n) % 3
    parts = Chunks([(X[:100], w[:100]), (X[100:], w[100:])])
    found, right = model(missing="em", tol=1e-11).fit(parts), model(missing="em", tol=1e-11).fit(X, sample_weight=w)
    assert_allclose(found.trace_.loglik, right.trace_.loglik, rtol=1e-8)
    with pytest.raises(ValueError, match=r"parts\[0\].*missing"): model().fit(parts)
    with pytest.raises(ValueError, match="same columns"): model().fit(Chunks([frame[:50], frame[50:][names[::-1]]]))


# numbers of their own

def test_a_template_and_a_family_beside_it_read_their_own_numbers():
    template = Categorical([[[.5, .5], [.4, .6]], [[.2, .3, .5], [.5, .3, .2]], [[.5, .5], [.4, .6]]])
    found = MixtureModel(template, random_state=0).fit(codes)
    assert_allclose(found.trace_.loglik, reference.trace_.loglik, atol=1e-6)
    assert not hasattr(found, "categories_")
    with pytest.raises(ValueError, match=r"X must be a category from 0 to \[1 2 1\]"): found.fit(codes + 1)
    with pytest.raises(ValueError, match="template"): found.fit(frame)
    one = MixtureModel(Categorical([[.3, .7], [.5, .5]]), random_state=0).fit(codes[:, :1])
    assert_allclose(one.score(codes[:, :1]), np.log(np.where(codes[:, 0], codes[:, 0].mean(), 1 - codes[:, 0].mean())).mean(), atol=1e-6)
    beside = MixtureModel(["categorical", "bernoulli"], [1, 1], random_state=0).fit(codes[:, :1])
    assert not hasattr(beside, "categories_")

def test_unused_codes_of_the_family_are_no_parameters():
    x, r = codes * 2 + 4, z.astype(int)
    trace, right = fit(start(Categorical, x, r), x, tol=1e-12), fit(start(Categorical, codes, r), codes, tol=1e-12)
    assert trace.model.n_parameters == right.model.n_parameters == 9
    assert_allclose(bic(trace.model, x), bic(right.model, codes), rtol=1e-9)
    assert multistart(Categorical, x, 2, n_starts=2, rng=np.random.default_rng(0)).best.model.n_parameters == 9
    a, b = standard_errors(trace, x), standard_errors(right, codes)
    assert a.notes == b.notes == ()
    assert_allclose(np.sort(a.errors), np.sort(b.errors), rtol=1e-3)
    assert Categorical([[0, .5, .5], [0, 1, 0]]).n_parameters == 2 and Categorical([[0, 1.], [0, 1]]).n_parameters == 0
    with_prior = fit(start(Categorical, x[:, 0], r), x[:, 0], prior=Prior(dirichlet=2.)).model # which estimates them too
    assert with_prior.n_parameters == 1 + 2 * (with_prior.components[0].p.shape[1] - 1)


# what is no table of categories

def test_few_and_many_categories():
    one = model(1).fit([["a"], ["a"], ["a"]])
    assert one.model_.n_parameters == 0 and one.score([["a"]]) == 0
    with pytest.raises(ValueError, match="at least n_components = 2 distinct rows"): model(2).fit([["a"], ["a"], ["a"]])
    many = np.random.default_rng(0).integers(0, 3000, (9000, 1)) * 10**9
    found = model(1).fit(many)
    assert found.model_.n_parameters == len(np.unique(many)) - 1
    with pytest.warns(UserWarning, match="column 'id' holds a different value in each of the 30 rows"): model(1).fit(pd.DataFrame({"id": np.arange(30)}))

@pytest.mark.parametrize("X, error, words", [
    ([["a"], [1], ["a"]], TypeError, ["X must hold categories of one kind", "column 0", "int and str"]), ([[["a"]], [["b"]]], ValueError, ["dim 3"]),
    ([["a", 1], ["b"]], ValueError, ["2D"]), (["a", "b"], ValueError, ["2D"]), (np.zeros((0, 2)), ValueError, ["0 sample"]), (frame[:0], ValueError, ["0 sample"]),
    (np.array([[1.], [np.inf], [2]]), ValueError, ["column 0", "infinity"]), (np.array([[{"a": 1}], [{}]], object), TypeError, ["column 0", "unhashable"]),
    (np.ma.array([[1], [2], [3]], mask=[[0], [1], [0]]), TypeError, ["masked"]), (3, ValueError, ["2D"])])
def test_errors_say_what_is_wrong(X, error, words):
    with pytest.raises(error) as caught: model(1).fit(X)
    assert all(word in str(caught.value) for word in words), caught.value

def test_other_columns_than_those_of_fit():
    found = model().fit(frame)
    with pytest.raises(ValueError, match="feature names"): found.predict(frame[names[::-1]])
    with pytest.raises(ValueError, match="features"): model().fit(codes).predict(codes[:, :2])
    with pytest.raises(TypeError, match="Chunks"): found.predict(Chunks([frame]))


# densities beside probabilities

def test_families_say_whether_they_are_discrete():
    discrete = {"Bernoulli", "Binomial", "Categorical", "Multinomial", "Poisson", "Geometric"}
    for name in [*discrete, "Exponential", "Gamma", "Uniform", "Normal", "MultivariateNormal"]: assert getattr(families, name).discrete is (name in discrete)
    assert Family.discrete is None

class Spike(Poisson):
    discrete = None

@pytest.mark.parametrize("kinds, warned", [
    (["normal", "poisson"], True), ([Poisson, "gamma"], True), ([Bernoulli([.5]), Normal([0.], [1.])], True), (["poisson", "geometric"], False),
    (["normal", "gamma"], False), ([Spike([2.]), "normal"], False), (["poisson"], False)])
def test_densities_beside_probabilities_are_warned_of(kinds, warned):
    X = np.random.default_rng(0).integers(0, 2, (60, 1)) + (0 if kinds[0] != "normal" or kinds[1] == "poisson" else 1)
    X = X + np.arange(60)[:, None] % 3 * (not isinstance(kinds[0], Bernoulli))
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        try: MixtureModel(kinds, [1] * len(kinds), random_state=0).fit(X + 1.0 if "gamma" in kinds else X)
        except ValueError: pass
    said = [str(note.message) for note in notes if "goes by component, not by column" in str(note.message)]
    assert len(said) == warned
    if warned: assert all(word in said[0] for word in ("densities", "probabilities", "a family of your own"))

def test_a_mixture_by_hand_is_silent():
    fit(Mixture([.5, .5], [Normal([1.], [2.]), Poisson([2.])]), np.arange(20) % 5, max_iter=3, tol=0)
