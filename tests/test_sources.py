"""Every public function that takes data, with every source of it: the number that the plain array gives, or words that say what to do.

What returns a row for each row of the data cannot be had of a source, and says how to go on."""
import pickle
import re
import sqlite3
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emlit import (Chunks, GaussianMixture, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson, Prior, Source, aic, bic, bootstrap,
                   bootstrap_lrt, elbo, em, fit, icl, impute, incremental_em, match, multistart, online_em, plots, q_function, regress, scale_floor,
                   select, squash, standard_errors)
from emlit.inference import suspicions
from emlit.sources import Fewer, Rows, as_source, sample
from emlit.starts import kmeans, kmeans_plus_plus, quantiles, random_points, random_responsibilities, sketch, start

rng = np.random.default_rng


class Query(Source):
    "The rows of a table of a database, some at a time."
    def __init__(self, connection, query, weighted=False):
        self.connection, self.query, self.weighted = connection, query, weighted

    def __iter__(self):
        cursor = self.connection.execute(self.query)
        while rows := cursor.fetchmany(7):
            table = np.array(rows)
            yield (table[:, :-1], table[:, -1]) if self.weighted else table


class Sums(Source):
    "A source that only adds up."
    def __init__(self, x): self.x = x
    def total(self, work): return work(self.x[:20], None) + work(self.x[20:], None)


@pytest.fixture(scope="module")
def table():
    draw = rng(0)
    return np.concatenate([draw.normal(0, 1, (30, 2)), draw.normal(5, 1, (20, 2))]).round(3)

@pytest.fixture(scope="module")
def weights(): return rng(1).integers(1, 4, 50).astype(float)

@pytest.fixture(scope="module")
def database(table, weights):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE points (x REAL, y REAL, w REAL)")
    connection.executemany("INSERT INTO points VALUES (?, ?, ?)", np.column_stack([table, weights]).tolist())
    yield connection
    connection.close()

PLAIN = {"list": lambda c: c.table.tolist(), "frame": lambda c: pd.DataFrame(c.table, columns=["a", "b"]), "rows": lambda c: Rows(c.table)}
PARTS = {"chunks": lambda c: Chunks(np.split(c.table, [11, 11, 30])), "slices": lambda c: Chunks.slices(c.table, rows=8),
         "chunks of frames": lambda c: Chunks([pd.DataFrame(part, columns=["a", "b"]) for part in np.split(c.table, [20])]),
         "query": lambda c: Query(c.database, "SELECT x, y FROM points"), "fewer": lambda c: Fewer(Chunks.slices(c.table, rows=20)), "sums": lambda c: Sums(c.table)}
WEIGHTED = {"chunks": lambda c: Chunks(list(zip(np.split(c.table, [13]), np.split(c.weights, [13])))),
            "slices": lambda c: Chunks.slices(c.table, rows=9, sample_weight=c.weights), "rows": lambda c: Rows(c.table, c.weights),
            "query": lambda c: Query(c.database, "SELECT x, y, w FROM points", weighted=True)}

class Case:
    def __init__(self, table, weights, database):
        self.table, self.weights, self.database = table, weights, database
        self.model = Mixture([0.6, 0.4], MultivariateNormal([[0.0, 0.0], [5.0, 5.0]], [np.eye(2)] * 2))

@pytest.fixture(scope="module")
def case(table, weights, database): return Case(table, weights, database)

def parameters(model): return np.concatenate([np.ravel(v) for v in model.parameters().values()])
def estimator(**options): return GaussianMixture(2, random_state=0, tol=1e-12, **options)

# what has one answer for all rows: (model, x) → numbers
WHOLE = {
    "em": lambda m, x: [s.loglik for s in em(m, x, max_iter=3)],
    "fit": lambda m, x: fit(m, x, tol=1e-12).logliks[-1],
    "fit accelerated": lambda m, x: fit(m, x, tol=1e-12, accelerate="anderson").logliks[-1],
    "fit of a fit": lambda m, x: fit(fit(m, x, max_iter=2), x, tol=1e-12).logliks[-1],
    "e_step": lambda m, x: as_source(x).e_step(m).loglik,
    "count": lambda m, x: as_source(x).count(),
    "loglik": lambda m, x: m.loglik(x), "aic": aic, "bic": bic, "icl": icl,
    "louis": lambda m, x: standard_errors(m, x).errors, "oakes": lambda m, x: standard_errors(m, x, method="oakes").errors,
    "map": lambda m, x: standard_errors(m, x, method="map").errors,
    "prior": lambda m, x: standard_errors(m, x, prior=Prior(weights=2)).errors,
    "suspicions": lambda m, x: len(suspicions(m, x)), "suspicion": lambda m, x: len(suspicions(m.replace({"weights": [1.0, 0.0]}), x)),
    "match": lambda m, x: match(m, m.replace({"weights": [0.5, 0.5]}), x),
    "squash": lambda m, x: fit(m, x, squash=True, max_iter=12, tol=0).logliks,
}
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", WHOLE)
@pytest.mark.parametrize("form", PLAIN | PARTS)
@pytest.mark.slow
def test_the_same_as_of_the_array(what, form, case):
    model = fit(case.model, case.table).model if what in ("louis", "oakes", "map", "prior", "match") else case.model
    right = WHOLE[what](model, case.table)
    close = 1e-7 if what in ("louis", "oakes", "map", "prior") else 1e-12
    assert_allclose(WHOLE[what](model, (PLAIN | PARTS)[form](case)), right, rtol=close, atol=1e-12)

# ---------------------------------------------------------------- estimators

ESTIMATED = {
    "fit": lambda e, x: e.lower_bound_, "score": lambda e, x: e.score(x), "aic": lambda e, x: e.aic(x), "bic": lambda e, x: e.bic(x), "icl": lambda e, x: e.icl(x),
    "aic of an estimator": lambda e, x: aic(e, x), "bic of an estimator": lambda e, x: bic(e, x), "icl of an estimator": lambda e, x: icl(e, x),
    "errors of an estimator": lambda e, x: standard_errors(e, x).errors, "suspicions of an estimator": lambda e, x: len(suspicions(e, x)),
    "match of estimators": lambda e, x: match(e, e, x), "fit of an estimator": lambda e, x: fit(e, x, max_iter=2, tol=0).logliks}

@pytest.fixture(scope="module")
def fitted(case): return {form: estimator().fit(make(case)) for form, make in (PLAIN | PARTS).items() if form != "rows"} | {"table": estimator().fit(case.table)}

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", ESTIMATED)
@pytest.mark.parametrize("form", [form for form in PLAIN | PARTS if form != "rows"])
def test_estimators_find_the_same(what, form, case, fitted):
    found = ESTIMATED[what](fitted.get(form, fitted["table"]), (PLAIN | PARTS)[form](case))
    assert_allclose(found, ESTIMATED[what](fitted["table"], case.table), rtol=1e-5 if "errors" in what else 1e-9, atol=1e-9)

# ---------------------------------------------------------------- weights

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", [what for what in WHOLE if what not in ("match", "fit of a fit", "suspicion")])
@pytest.mark.parametrize("form", WEIGHTED)
def test_weights_come_with_the_parts(what, form, case):
    repeated = np.repeat(case.table, case.weights.astype(int), axis=0)
    model = fit(case.model, repeated).model if what in ("louis", "oakes", "map", "prior") else case.model
    close = 1e-6 if what in ("louis", "oakes", "map", "prior") else 1e-11
    assert_allclose(WHOLE[what](model, WEIGHTED[form](case)), WHOLE[what](model, repeated), rtol=close, atol=1e-12)

@pytest.mark.parametrize("form", PARTS)
def test_weights_and_labels_beside_a_source_are_refused(form, case):
    for options in ({"sample_weight": case.weights}, {"labels": np.full(50, -1)}):
        with pytest.raises(TypeError, match="must be None where x is"): fit(case.model, PARTS[form](case), **options)


# ---------------------------------------------------------------- what answers for each row

EACH = {
    "log_prob": lambda m, x: m.log_prob(x), "log_joint": lambda m, x: m.log_joint(x), "responsibilities": lambda m, x: m.responsibilities(x), "predict": lambda m, x: m.predict(x),
    "impute": impute, "regress": lambda m, x: regress(m, x, [0]), "elbo": lambda m, x: elbo(m, x, np.full((50, 2), 0.5)), "q_function": lambda m, x: q_function(m, x, np.full((50, 2), 0.5)),
    "start": lambda m, x: start(MultivariateNormal, x, np.repeat([0, 1], 25)), "kmeans": lambda m, x: kmeans(x, 2, rng(0)), "kmeans++": lambda m, x: kmeans_plus_plus(x, 2, rng(0)),
    "quantiles": lambda m, x: quantiles(x, 2), "random_points": lambda m, x: random_points(x, 2, rng(0)), "random": lambda m, x: random_responsibilities(x, 2, rng(0)),
    "sketch": lambda m, x: sketch(x, rng(0)), "squash": lambda m, x: squash(x, 0.1), "scale_floor": lambda m, x: scale_floor(x),
    "bootstrap": lambda m, x: bootstrap(m, x, 2, rng(0)), "resampling": lambda m, x: bootstrap(m, x, 2, rng(0), parametric=False),
    "likelihood ratio": lambda m, x: bootstrap_lrt(Mixture([1.0], MultivariateNormal([[0.0, 0.0]], [np.eye(2)])), m, x, 2, rng(0)),
    "multistart": lambda m, x: multistart(MultivariateNormal, x, 2, n_starts=2, rng=rng(0)), "select": lambda m, x: select(x, [1, 2], progress=False),
    "predict of an estimator": lambda m, x: estimator(max_iter=1).fit(np.eye(5)[:, :2]).predict(x), "fit_predict": lambda m, x: estimator().fit_predict(x),
    "family": lambda m, x: m.components[0].log_prob(x),
    "plot_density": lambda m, x: plots.plot_density(m, x), "plot_ellipses": lambda m, x: plots.plot_ellipses(m, x)}

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", EACH)
@pytest.mark.parametrize("form", PARTS)
def test_what_answers_row_by_row_says_what_to_do(what, form, case):
    with pytest.raises(TypeError, match=r"must be a table here, and not \w+; (take|go through)"): EACH[what](case.model, PARTS[form](case))

# ---------------------------------------------------------------- one part after the other

def shuffled(c): return rng(0).permutation(c.table)
IN_TURN = {"chunks": lambda c: Chunks(np.split(shuffled(c), [11, 11, 30])), "a source": lambda c: Thirds(shuffled(c)),
           "mapped": lambda c: Thirds(2 * shuffled(c)).each(lambda x: x / 2)}

class Thirds(Source):
    def __init__(self, x): self.x = x
    def __iter__(self): return iter([self.x[:11], self.x[11:11], (self.x[11:30], None), self.x[30:]])

@pytest.mark.parametrize("form", IN_TURN)
def test_parts_are_learnt_one_after_the_other(form, case):
    right, found = ([v.score for v, _ in zip(incremental_em(case.model, make(case), hold=25), range(10))] for make in (IN_TURN["chunks"], IN_TURN[form]))
    assert_allclose(found, right, rtol=1e-11)
    right, found = ([s.score for s in online_em(case.model, make(case), hold=25)] for make in (IN_TURN["chunks"], IN_TURN[form]))
    assert len(found) == 4 and np.allclose(found, right, rtol=1e-11)

def test_a_generator_is_learnt_from_once(case):
    parts = [case.table[:20], case.table[20:]]
    right = [s.score for s in online_em(case.model, parts)]
    assert [s.score for s in online_em(case.model, iter(parts))] == right
    with pytest.raises(TypeError, match="chunks must be Chunks"): incremental_em(case.model, parts)
    with pytest.raises(TypeError, match="say Chunks.slices"): online_em(case.model, case.table)
    with pytest.raises(TypeError, match="Sums must define __iter__"): next(incremental_em(case.model, Sums(case.table)))


# ---------------------------------------------------------------- a source of one's own

def test_a_source_must_say_where_rows_come_from():
    class Nothing(Source): pass
    with pytest.raises(TypeError, match="Nothing must define __iter__, which yields x or"): Nothing().count()
    class Empty(Source):
        def __iter__(self): return iter([np.zeros((0, 2)), (np.ones((2, 2)), [0, 0])])
    with pytest.raises(ValueError, match="at least one row that counts; every part is empty"): Empty().count()

@pytest.mark.parametrize("what", ["fit", "loglik", "bic"])
def test_what_is_wrong_in_a_part_is_said_with_its_number(what, case):
    class Bad(Source):
        def __iter__(self): return iter([case.table, case.table * [1, np.nan]])
    with pytest.raises(ValueError, match=r"parts\[1\]: x must be finite"): WHOLE[what](case.model, Bad())

def test_a_source_is_read_again_in_each_pass_and_never_kept(case):
    reads = []
    class Counted(Source):
        def __iter__(self):
            reads.append(1)
            yield case.table
    fit(case.model, Counted(), max_iter=5, tol=0)
    assert 6 <= len(reads) <= 9

def test_the_sample_of_a_source_is_fair():
    class Numbers(Source):
        def __iter__(self): return iter(np.split(np.arange(10.0), [1, 7]))
    drawn = [sample(Numbers(), 4, rng(seed)).x.astype(int) for seed in range(2000)]
    often = np.bincount(np.concatenate(drawn), minlength=10) / 2000
    assert all(len(set(d)) == 4 for d in drawn) and np.abs(often - 0.4).max() < 4.5 * np.sqrt(0.24 / 2000)

def test_fewer_rows_do_not_change_with_use(case):
    x = rng(0).normal([-3.0, 0.0], [1.0, 0.5], size=(15_000, 2)).ravel()
    model, fewer = Mixture([0.5, 0.5], Normal([-3.0, 0.0], [1.0, 0.5])), Fewer(Rows(x))
    first = [fewer.at(t).e_step(model).loglik for t in (1, 20, 3, 20, 1)]
    assert first[0] == first[2] == first[4] == model.e_step(x).loglik and first[1] == first[3]
    assert_allclose(first[1], first[0], rtol=1e-13)
    assert fewer.count() == len(x) and as_source(fewer) is fewer and fewer.total(lambda x, w: x.sum()) == x.sum()

def test_missing_values_in_a_source(case):
    x = case.table.copy()
    x[::7, 1] = np.nan
    for data in (Chunks.slices(x, rows=9), Thirds(x)):
        assert_allclose(fit(case.model, data, missing="em", tol=1e-10).loglik, fit(case.model, x, missing="em", tol=1e-10).loglik, rtol=1e-11)
        assert_allclose(bic(case.model, data, missing="em"), bic(case.model, x, missing="em"), rtol=1e-12)
    with pytest.raises(ValueError, match="in column 1 all are missing"): fit(case.model, Thirds(x * [1, np.nan]), missing="em")

def test_squash_is_yes_no_or_as_is_safe(case):
    for bad in ("yes", 2): 
        with pytest.raises(TypeError, match="squash must be True or False"): fit(case.model, case.table, squash=bad)
    for options in ({"labels": np.full(50, -1)}, {"missing": "em"}, {"dtype": "float32"}):
        with pytest.raises(ValueError, match="squash must be None or False where"): fit(case.model, case.table, squash=True, **options)
    counts = rng(0).poisson(3, 300)
    model = Mixture([0.5, 0.5], Poisson([1.0, 4.0]))
    for data in (counts, Chunks.slices(counts, rows=70)):
        assert_allclose(fit(model, data, squash=True, max_iter=30, tol=0).logliks, fit(model, data, squash=False, max_iter=30, tol=0).logliks, rtol=1e-12)
    assert_allclose([s.loglik for s in em(model, counts, squash=True, max_iter=5)], [s.loglik for s in em(model, counts, max_iter=5)], rtol=1e-12)
