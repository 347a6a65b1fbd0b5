"Data in parts: the same answers as in one piece, for every family and option, and clear words where something is wrong."

import pickle
import warnings
from functools import partial
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emlit import Chunks, Degenerate, GaussianMixture, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson, Prior, Stream, em, fit, incremental_em, online_em, select
from emlit.sources import as_source, sample
from problems import ALONE, KINDS, Problem


def cut(x, w, places):
    "Parts of the rows, some of them empty."
    return list(zip(np.split(x, places), np.split(w, places)))


def e_step(model, x, **options): return as_source(x).e_step(model, **options)


def parameters(model): return np.concatenate([np.ravel(v) for v in model.parameters().values()])


# ---------------------------------------------------------------- the same as in one piece

@given(st.sampled_from(KINDS), st.integers(0, 10**6), st.data())
def test_any_cut_gives_the_same_e_step(kind, seed, draw):
    a = Problem(seed, kind, n=40)
    places = sorted(draw.draw(st.lists(st.integers(0, 40), max_size=6)))
    w = np.maximum(a.w, (np.arange(40) == 0)) # not all are 0
    whole = a.model.e_step(a.x, sample_weight=w)
    parts = e_step(a.model, Chunks(cut(a.x, w, places)))
    np.testing.assert_allclose(parts.loglik, whole.loglik, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(parts.weight, whole.weight, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ALONE)
@pytest.mark.parametrize("accelerate", [None, "anderson"])
def test_a_fit_of_parts_is_a_fit(kind, accelerate):
    a = Problem(7, kind, n=300, K=2)
    options = dict(max_iter=6, tol=0, accelerate=accelerate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore") # of collapse, in both
        whole, parts = fit(a.model, a.x, **options), fit(a.model, Chunks.slices(a.x, rows=70), **options)
    assert whole.reason == parts.reason
    np.testing.assert_allclose(parts.logliks, whole.logliks, rtol=1e-8)
    np.testing.assert_allclose(parameters(parts.model), parameters(whole.model), rtol=1e-5, atol=1e-7)


def clusters(n=3000, d=2, seed=0):
    rng = np.random.default_rng(seed)
    truth = Mixture([0.4, 0.6], MultivariateNormal(rng.normal(scale=3, size=(2, d)), [np.eye(d)] * 2))
    return truth, truth.sample(rng, n)[0]


@pytest.mark.parametrize("options", [dict(missing="em"), dict(dtype="float32"), dict(engine="numba"), dict(freeze="weights"),
                                     dict(prior="weak")], ids=str)
@pytest.mark.slow
def test_options_reach_the_parts(options):
    truth, x = clusters()
    if options.get("missing"): x = np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.nan, x)
    if options.get("prior"): options = {"prior": Prior.weak(truth, x) if hasattr(Prior, "weak") else Prior(weights=3.0)}
    whole = fit(truth, x, max_iter=5, tol=0, **options)
    parts = fit(truth, Chunks.slices(x, rows=1000), max_iter=5, tol=0, **options)
    close = 1e-4 if options.get("dtype") else 1e-10
    np.testing.assert_allclose(parts.logliks, whole.logliks, rtol=close)
    np.testing.assert_allclose(parts.objective, whole.objective, rtol=close)


def test_em_yields_the_same_steps():
    truth, x = clusters()
    for one, other in zip(em(truth, x, max_iter=4), em(truth, Chunks.slices(x, rows=999), max_iter=4)):
        assert one.t == other.t
        np.testing.assert_allclose(one.loglik, other.loglik, rtol=1e-12)


@pytest.mark.slow
def test_tol_counts_observations_by_weight():
    truth, x = clusters(600)
    w = np.random.default_rng(0).integers(1, 50, len(x)).astype(float)
    start = truth.replace({"components[0].mean": truth.components[0].mean + 1})
    whole, parts = fit(start, x, sample_weight=w), fit(start, Chunks.slices(x, 100, sample_weight=w))
    assert whole.n_iter == parts.n_iter and parts.reason == "converged"


def test_a_model_of_ones_own_is_enough():
    class Mean: # one number; the E-step has the rows themselves for statistics
        def __init__(self, mu): self.mu = mu
        def e_step(self, x): return Sums(-0.5 * ((np.asarray(x) - self.mu)**2).sum(), len(x), np.sum(x))
        def m_step(self, s): return Mean(s.total / s.n)
        def parameters(self): return {"mu": np.array([self.mu])}

    class Sums:
        def __init__(self, loglik, n, total): self.loglik, self.n, self.total = loglik, n, total
        def __add__(self, other): return Sums(self.loglik + other.loglik, self.n + other.n, self.total + other.total)

    trace = fit(Mean(0.0), Chunks([[1.0, 2.0], [], [6.0]]))
    assert trace.model.mu == 3 and trace.converged


# ---------------------------------------------------------------- reading

def test_parts_may_be_anything_that_read_reads(tmp_path):
    truth, x = clusters()
    for i, part in enumerate(np.array_split(x, 3)): np.save(tmp_path / f"{i}.npy", part)
    files = Chunks(sorted(tmp_path.glob("*.npy")), read=np.load)
    assert files.count() == 3000
    np.testing.assert_allclose(e_step(truth, files).loglik, truth.loglik(x), rtol=1e-12)


@pytest.mark.parametrize("kind", ["memmap", "frame", "float32", "integers", "one column"])
def test_slices_of(kind, tmp_path):
    import pandas as pd
    truth, x = clusters()
    np.save(tmp_path / "x.npy", x)
    if kind == "one column": truth, x = Mixture([0.5, 0.5], Normal([-2.0, 2.0], [2.0, 2.0])), x[:, 0]
    given = {"memmap": lambda: np.load(tmp_path / "x.npy", mmap_mode="r"), "frame": lambda: pd.DataFrame(x),
             "float32": lambda: x.astype("float32"), "integers": lambda: x.astype(int), "one column": lambda: x}[kind]()
    chunks = Chunks.slices(given, rows=700)
    assert len(chunks.parts) == 5 and chunks.count() == 3000
    np.testing.assert_allclose(e_step(truth, chunks).loglik, truth.loglik(np.asarray(given)), rtol=1e-6 if kind == "float32" else 1e-12)


def test_default_slices_hold_some_million_numbers():
    x = np.lib.stride_tricks.as_strided(np.zeros(1), shape=(10**7, 4), strides=(0, 0)) # takes no memory
    assert [s.stop - s.start for s in Chunks.slices(x).parts][:2] == [2**20, 2**20]


def test_parts_that_hold_nothing_are_passed_over():
    truth, x = clusters(100)
    parts = [x[:0], (x[:50], np.zeros(50)), (x[:50], np.ones(50)), x[50:], []]
    np.testing.assert_allclose(e_step(truth, Chunks(parts)).loglik, truth.loglik(x), rtol=1e-12)
    assert len(list(Chunks(parts))) == 2


def test_it_can_be_copied_and_stored(tmp_path):
    truth, x = clusters(100)
    chunks = pickle.loads(pickle.dumps(Chunks.slices(x, rows=30)))
    assert chunks.count() == 100 and repr(chunks) == "Chunks(4 parts)"
    assert repr(Chunks([x], n_jobs=2)) == "Chunks(1 part, n_jobs=2)"


# ---------------------------------------------------------------- several processes

@pytest.mark.slow
def test_processes_change_nothing(tmp_path):
    truth, x = clusters()
    np.save(tmp_path / "x.npy", x)
    one = Chunks.slices(np.load(tmp_path / "x.npy", mmap_mode="r"), rows=500)
    two = Chunks(one.parts, one.read, n_jobs=2)
    a, b = (fit(truth, c, max_iter=3, tol=0) for c in (one, two))
    assert np.array_equal(a.logliks, b.logliks) and a.model == b.model
    drawn = [sample(c, 20, np.random.default_rng(3)) for c in (one, two)]
    assert np.array_equal(drawn[0].x, drawn[1].x) and drawn[0].count == drawn[1].count == 3000


@pytest.mark.slow
def test_an_error_in_a_process_names_the_part():
    truth, x = clusters(90)
    x[70, 1] = np.nan
    with pytest.raises(ValueError, match=r"parts\[2\]: x must be finite .*; x\[10, 1\] is nan"):
        fit(truth, Chunks(np.split(x, 3), n_jobs=2))


@pytest.mark.slow
def test_dask_is_a_backend_of_joblib_and_a_source_of_slices():
    import dask.array
    from dask.distributed import Client
    from joblib import parallel_config
    truth, x = clusters()
    right = truth.loglik(x)
    lazy = Chunks.slices(dask.array.from_array(x, chunks=(500, 2)), rows=500)
    np.testing.assert_allclose(e_step(truth, lazy).loglik, right, rtol=1e-12)
    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None), parallel_config(backend="dask"):
        found = e_step(truth, Chunks(np.split(x, 3), n_jobs=-1))
    np.testing.assert_allclose(found.loglik, right, rtol=1e-12)


# ---------------------------------------------------------------- samples

def test_a_sample_has_no_row_twice_and_brings_its_weights():
    x, w = np.arange(100.0), np.r_[np.zeros(50), np.arange(1.0, 51)]
    drawn = sample(Chunks.slices(x, rows=7, sample_weight=w), 20, np.random.default_rng(0))
    assert len(set(drawn.x)) == 20 and drawn.x.min() >= 50 and drawn.count == w.sum()
    np.testing.assert_array_equal(drawn.sample_weight, w[drawn.x.astype(int)])


def test_a_sample_larger_than_the_data_is_the_data():
    drawn = sample(Chunks([[1.0], [2.0, 3.0]]), 10, np.random.default_rng(0))
    assert sorted(drawn.x) == [1, 2, 3] and drawn.count == 3


@pytest.mark.parametrize("rows", [1, 10, 37])
@pytest.mark.slow
def test_samples_do_not_favour_a_place(rows):
    rng, chunks = np.random.default_rng(rows), Chunks.slices(np.arange(37.0), rows=rows)
    often = np.bincount(np.concatenate([sample(chunks, 5, rng).x.astype(int) for _ in range(1500)]), minlength=37)
    assert abs(often / 1500 - 5 / 37).max() < 5 * np.sqrt(5 / 37 * 32 / 37 / 1500)


# ---------------------------------------------------------------- estimators

@pytest.mark.parametrize("make", [partial(GaussianMixture, 2), partial(GaussianMixture, 2, covariance_type="tied"),
                                  partial(MixtureModel, "normal", 2), partial(MixtureModel, "multivariate_normal", 2)], ids=str)
def test_estimators_read_parts(make):
    truth, x = clusters(5000)
    whole, parts = make(random_state=0).fit(x), make(random_state=0).fit(Chunks.slices(x, rows=800))
    np.testing.assert_allclose(parts.lower_bound_, whole.lower_bound_, atol=1e-7)
    np.testing.assert_allclose(np.sort(parts.weights_), np.sort(whole.weights_), atol=1e-3)
    assert parts.n_features_in_ == 2 and parts.reason_ == "converged" and len(parts.predict(x)) == 5000


def test_estimators_read_one_column_of_counts_and_weights():
    made = Mixture([0.3, 0.7], Poisson([2.0, 12.0]))
    counts = made.sample(np.random.default_rng(0), 2000)[0][:, None]
    w = np.random.default_rng(1).integers(0, 3, 2000)
    parts = MixtureModel("poisson", 2, random_state=0).fit(Chunks.slices(counts, rows=300, sample_weight=w))
    whole = MixtureModel("poisson", 2, random_state=0).fit(counts, sample_weight=w)
    np.testing.assert_allclose(parts.trace_.loglik, whole.trace_.loglik, atol=1e-3)
    np.testing.assert_allclose(parts.lower_bound_, parts.trace_.loglik / w.sum())


@pytest.mark.slow
def test_all_starts_are_run_on_the_sample_and_one_on_all():
    truth, x = clusters(5000)
    read = []
    def loud(part):
        read.append(part)
        return x[part]
    parts = [slice(i, i + 1000) for i in range(0, 5000, 1000)]
    estimator = GaussianMixture(2, n_init=20, random_state=0).fit(Chunks(parts, read=loud))
    passes = len(read) / 5
    assert passes <= estimator.n_iter_ + 4 # the sample, the first E-step, a look at some rows


def test_warm_start_goes_on_from_parts():
    truth, x = clusters(5000)
    estimator = GaussianMixture(2, warm_start=True, max_iter=2, tol=0, random_state=0)
    chunks = Chunks.slices(x, rows=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = estimator.fit(chunks).trace_
        second = estimator.fit(chunks).trace_
    np.testing.assert_array_equal(parameters(second.steps[0].model), parameters(first.model)) # and not what a sample made of it


# ---------------------------------------------------------------- incremental and online

@pytest.mark.parametrize("kind", ALONE)
@pytest.mark.slow
def test_incremental_em_climbs_towards_the_end_of_em(kind):
    a = Problem(11, kind, n=400, K=2)
    plain = fit(a.truth, a.x, max_iter=200, tol=0).loglik
    goal = fit(a.truth, a.x, accelerate="auto").loglik
    *_, last = islice(incremental_em(a.truth, Chunks.slices(a.x, rows=50), hold=0), 8 * 200)
    assert plain - 1e-6 < last.model.loglik(a.x) < goal + 1e-4 # as many passes, and no less


def test_the_bound_of_incremental_em_never_falls():
    from emlit import elbo
    a = Problem(5, "full", n=240, K=3, d=2)
    q, bounds, model = a.truth.responsibilities(a.x), [], a.truth
    for visit in islice(incremental_em(a.truth, Chunks.slices(a.x, rows=30)), 8 * 5):
        part = slice(30 * ((visit.t - 1) % 8), 30 * ((visit.t - 1) % 8) + 30)
        q[part] = model.responsibilities(a.x[part])
        model = visit.model
        bounds.append(elbo(model, a.x, q))
    assert np.diff(bounds[8:]).min() > -1e-8 and bounds[-1] > bounds[8]


def test_incremental_em_with_one_part_is_em_and_obeys():
    truth, x = clusters(500)
    start = truth.replace({"components[0].mean": truth.components[0].mean + 1})
    one = Chunks([x])
    for step, visit in zip(islice(em(start, x, freeze="weights"), 1, 5), incremental_em(start, one, freeze="weights")):
        np.testing.assert_allclose(visit.model.components[0].mean, step.model.components[0].mean, rtol=1e-10)
        assert np.array_equal(visit.model.weights, start.weights)


@pytest.mark.parametrize("kind", ALONE)
def test_online_em_comes_near(kind):
    a = Problem(11, kind, n=6000, K=2)
    goal = fit(a.truth, a.x, accelerate="auto").loglik
    *_, last = online_em(a.truth, np.array_split(a.x, 40))
    assert last.t == 40 and last.n == 6000
    assert last.model.loglik(a.x) > goal - 0.02 * len(a.x)


def test_a_stream_can_stop_and_go_on():
    truth, x = clusters(2000)
    parts = np.array_split(x, 20)
    *_, whole = online_em(truth, parts)
    *_, first = online_em(truth, parts[:10])
    stored = pickle.loads(pickle.dumps(first))
    for part in parts[10:]: stored = stored.learn(part)
    assert stored.model == whole.model and stored.t == whole.t and stored.score == whole.score


def test_scores_are_taken_before_learning():
    truth, x = clusters(300)
    for stream, part in zip(online_em(truth, np.split(x, 3), hold=1e9), np.split(x, 3)):
        np.testing.assert_allclose(stream.score, truth.loglik(part) / 100)


def test_short_parts_take_short_steps():
    truth, x = clusters(4001)
    *_, before = online_em(truth, np.split(x[:4000], 40))
    after = before.learn(x[4000:] + 50) # one row, and far away
    gamma = 41**-0.6 / (4001 / 41)
    np.testing.assert_allclose(after.stats.weight.sum(), 1)
    moved = abs(after.stats.weight - before.stats.weight).max()
    assert moved <= 1.01 * gamma


def test_a_stream_has_gaps_weights_and_parts_without_rows():
    truth, x = clusters(2000)
    x = np.where(np.random.default_rng(1).random(x.shape) < 0.1, np.nan, x)
    parts = [(x[:1000], np.ones(1000)), x[:0], (x[1000:], np.zeros(1000)), x[1000:]]
    streams = list(online_em(truth, parts, missing="em"))
    assert [s.t for s in streams] == [1, 1, 1, 2] and streams[-1].n == 2000
    assert np.isfinite(streams[-1].model.components[0].cov).all()


# ---------------------------------------------------------------- bad input

X = np.arange(12.0).reshape(6, 2)


def frame(columns):
    import pandas as pd
    return pd.DataFrame(X, columns=list(columns))


def locked():
    "A function that holds on to what cannot be copied."
    from threading import Lock
    held = Lock()
    return lambda part: held and part


BAD = {
    "an array for parts": (lambda: Chunks(X), TypeError, r"parts must be several parts; got one array: say Chunks.slices\(x\)"),
    "a generator": (lambda: Chunks(x for x in [X]), TypeError, "parts must be a list, which can be gone through again and again"),
    "a name": (lambda: Chunks("x.npy"), TypeError, "parts must be a list"),
    "nothing": (lambda: Chunks([]), ValueError, "parts must not be empty"),
    "read": (lambda: Chunks([X], read="np.load"), TypeError, "read must be a function of a part; got 'np.load'"),
    "n_jobs": (lambda: Chunks([X], n_jobs=0), ValueError, "n_jobs must be None, or a number other than 0; got 0"),
    "n_jobs, text": (lambda: Chunks([X], n_jobs="2"), TypeError, "n_jobs must be a whole number"),
    "slices of a list": (lambda: Chunks.slices([1, 2]), TypeError, r"x must be an array of shape \(n,\) or \(n, d\)"),
    "slices of a cube": (lambda: Chunks.slices(np.zeros((2, 2, 2))), TypeError, r"of shape \(2, 2, 2\)"),
    "slices of nothing": (lambda: Chunks.slices(np.zeros((0, 2))), ValueError, r"x must not be empty; got shape \(0, 2\)"),
    "rows": (lambda: Chunks.slices(X, rows=0), ValueError, "rows must be at least 1; got 0"),
    "too few weights": (lambda: Chunks.slices(X, sample_weight=[1, 2]), ValueError, "sample_weight must hold one weight for each of the 6"),
    "only empty parts": (lambda: Chunks([X[:0], (X, np.zeros(6))]).count(), ValueError, "parts must hold at least one row that counts; all 2 are empty"),
    "weights of one part": (lambda: e_step(clusters()[0], Chunks([X, (X, [1.0])])), ValueError, r"parts\[1\]: sample_weight must hold one weight for each of the 6"),
    "columns of one part": (lambda: e_step(clusters()[0], Chunks([X, X[:, :1]])), ValueError, r"parts\[1\]: x must"),
    "an array for a stream": (lambda: online_em(clusters()[0], X), TypeError, "parts must be several parts; got one array"),
    "no array in a part": (lambda: e_step(clusters()[0], Chunks([X, None])), TypeError, r"parts\[1\]: "),
    "three in a part": (lambda: e_step(clusters()[0], Chunks([(X, None, None)])), (TypeError, ValueError), r"parts\[0\]: a part must be x, an array of rows, or \(x, sample_weight\)"),
    "weights beside parts": (lambda: fit(clusters()[0], Chunks([X]), sample_weight=np.ones(6)), TypeError, "sample_weight must be None where x is Chunks"),
    "labels beside parts": (lambda: em(clusters()[0], Chunks([X]), labels=np.zeros(6)), TypeError, "labels must be None where x is Chunks"),
    "weights beside X": (lambda: GaussianMixture(2).fit(Chunks([X]), sample_weight=np.ones(6)), TypeError, "sample_weight and labels must be None where X is Chunks"),
    "too few rows": (lambda: GaussianMixture(9).fit(Chunks([X])), ValueError, "Expected n_samples >= n_components"),
    "numbers for rows": (lambda: GaussianMixture(2).fit(Chunks([X[:, 0]])), ValueError, "Expected 2D array"),
    "rows of two lengths": (lambda: GaussianMixture(2).fit(Chunks([X, X[:, :1]])), ValueError, "parts must hold rows of the same shape"),
    "predict parts": (lambda: GaussianMixture(1).fit(clusters()[1]).predict(Chunks([X])), TypeError, "X must be a table here, and not Chunks"),
    "a column that is all missing": (lambda: fit(clusters()[0], Chunks([X * [1, np.nan]]), missing="em"), ValueError, "in column 1 all are missing"),
    "incremental without parts": (lambda: incremental_em(clusters()[0], X), TypeError, "chunks must be Chunks"),
    "a step too short": (lambda: Stream(clusters()[0], step=0.5), ValueError, "step must be a power above 0.5 and at most 1"),
    "a step of 0": (lambda: list(online_em(clusters()[0], [clusters()[1]] * 2, step=lambda t: 0.0, hold=0)), ValueError, "step must give sizes above 0 and at most 1"),
    "hold": (lambda: Stream(clusters()[0], hold=-1), ValueError, "hold must be"),
    "freeze": (lambda: Stream(clusters()[0], freeze="colour"), ValueError, "freeze must name parameters"),
    "a NaN in a stream": (lambda: list(online_em(clusters()[0], [X, X * np.nan])), ValueError, r"parts\[1\]: x must be finite"),
    "a NaN in incremental EM": (lambda: list(islice(incremental_em(clusters()[0], Chunks([X[:0], X, X * np.nan])), 2)), ValueError, r"parts\[2\]: x must be finite"),
    "a NaN after an empty part": (lambda: list(online_em(clusters()[0], Chunks([X[:0], X, X * np.nan]))), ValueError, r"parts\[2\]: x must be finite"),
    "incremental EM on nothing": (lambda: next(incremental_em(clusters()[0], Chunks([X[:0], X[:0]]))), ValueError, "all 2 are empty"),
    "masked values in a part": (lambda: GaussianMixture(2).fit(Chunks([X, np.ma.masked_greater(X, 3)])), TypeError, r"parts\[1\]: x must not hold masked values"),
    "slices of masked values": (lambda: GaussianMixture(2).fit(Chunks.slices(np.ma.masked_greater(X, 8), rows=3)), TypeError, r"parts\[1\]: x must not hold masked values"),
    "nothing read": (lambda: Chunks(["a"], read=lambda part: None).count(), TypeError, r"parts\[0\]: a part must be x"),
    "text read": (lambda: GaussianMixture(2).fit(Chunks(["a"], read=lambda part: "x")), TypeError, r"parts\[0\]: a part must be x"),
    "one number": (lambda: Stream(clusters()[0]).learn(3.0), TypeError, "a part must be x"),
    "one weight": (lambda: e_step(clusters()[0], Chunks([(X, 2.0)])), ValueError, r"parts\[0\]: sample_weight must"),
    "columns in another order": (lambda: GaussianMixture(2).fit(Chunks([frame("ab"), frame("ba")])), ValueError, "parts must have the same columns in the same order"),
    "fit_predict": (lambda: GaussianMixture(1).fit_predict(Chunks([X])), TypeError, "X must be a table here, and not Chunks"),
    "select": (lambda: select(Chunks([X]), [1, 2]), TypeError, "X must be a table here, and not Chunks"),
    "a count below 0": (lambda: MixtureModel("poisson", 2).fit(Chunks([np.array([[3.0], [-1.0]] * 5)])), ValueError, "in a sample of all parts"),
    "missing": (lambda: Stream(clusters()[0], missing="mean"), ValueError, "missing must be None or 'em'; got 'mean'"),
    "prior": (lambda: incremental_em(clusters()[0], Chunks([X]), prior=3), TypeError, "prior must have log_prob"),
    "what cannot be sent": (lambda: Chunks([X, X], read=locked(), n_jobs=2).count(), TypeError, "with n_jobs, read and parts must be what can be sent"),
    "impossible later": (lambda: list(online_em(Mixture([0.5, 0.5], Poisson([1.0, 2.0])), [np.zeros(99), np.ones(99)])), ValueError, r"learn from more of them first \(hold\)"),
    "no iterable": (lambda: online_em(clusters()[0], 3), TypeError, "parts must be"),
    "no model": (lambda: Stream(3), TypeError, "model must have e_step and m_step"),
    "size": (lambda: sample(Chunks([X]), 0, np.random.default_rng(0)), ValueError, "size must be at least 1"),
    "rng": (lambda: sample(Chunks([X]), 3, 0), TypeError, "rng must be a numpy Generator"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    act, kind, words = BAD[case]
    with pytest.raises(kind, match=words): act()


def test_a_part_too_small_to_estimate_from_is_no_disaster():
    truth, x = clusters(400)
    *_, last = online_em(truth, np.array_split(x, 200)) # two rows a part
    assert np.isfinite(last.model.components[0].cov).all()
    with pytest.raises(Degenerate): list(online_em(truth, [x[:1], x[1:2]], hold=0))


# ---------------------------------------------------------------- found by trying to break it

def test_a_few_rows_come_from_all_parts():
    few = Chunks.slices(np.arange(10_000.0), rows=100).few
    assert len(few) == 1000 and few.min() < 100 and few.max() > 9900


def test_verdicts_do_not_depend_on_the_first_part():
    rng = np.random.default_rng(0)
    half = np.r_[rng.normal(-2, 1, 500), rng.normal(2, 1, 500)]
    y = np.r_[np.zeros(50), half, -half] # two components that agree on the first part
    start = Mixture([0.5, 0.5], Normal([-1.0, 1.0], [1.0, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(start, Chunks.slices(y, rows=50)).reason == "converged"


def test_a_saddle_is_named_wherever_it_lies():
    rng = np.random.default_rng(0)
    y = np.r_[rng.normal(-50, 1, 1000), rng.normal(0, 1, 1000), rng.normal(48, 1, 1000), rng.normal(52, 1, 1000)] # sorted
    start = Mixture([0.25] * 4, Normal([-50.0, 0.0, 50.0, 50.001], [1.0, 1.0, 2.0, 2.0]))
    for data in (y, Chunks.slices(y, rows=1000)):
        with pytest.warns(RuntimeWarning, match="components 2 and 3 are nearly the same"):
            assert fit(start, data, tol=1e-6).reason == "identical"


def test_components_that_share_no_row_are_not_alike():
    rng = np.random.default_rng(1)
    y = np.sort(rng.normal(size=2000))
    start = Mixture([1 - 2e-300, 1e-300, 1e-300], Normal([0.0, 900.0, -900.0], [1.0, 1.0, 1.0]))
    from emlit.algorithm.diagnosis import nearest_pair
    assert nearest_pair(start, as_source(y))[1] > 100


@pytest.mark.slow
def test_a_column_may_be_all_missing_in_the_first_part():
    truth, x = clusters()
    x = x.copy()
    x[:500, 1] = np.nan
    parts = fit(truth, Chunks.slices(x, rows=500), missing="em")
    np.testing.assert_allclose(parts.loglik, fit(truth, x, missing="em").loglik, rtol=1e-10)


def test_estimators_know_the_names_of_columns():
    import pandas as pd
    table = pd.DataFrame(clusters()[1], columns=["a", "b"])
    for chunks in (Chunks([table[:1000], table[1000:]]), ):
        estimator = GaussianMixture(2, random_state=0).fit(chunks)
        assert list(estimator.feature_names_in_) == ["a", "b"]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            estimator.predict(table)


def test_missing_values_of_pandas():
    import pandas as pd
    table = pd.DataFrame((clusters()[1] * 10).round()).astype("Int64")
    table.iloc[5, 1] = pd.NA
    whole = GaussianMixture(2, missing="em", random_state=0).fit(table)
    parts = GaussianMixture(2, missing="em", random_state=0).fit(Chunks.slices(table, rows=500))
    np.testing.assert_allclose(parts.lower_bound_, whole.lower_bound_, atol=1e-6)


def test_slices_of_a_table_go_by_position():
    import pandas as pd
    table = pd.DataFrame(clusters(100)[1], index=np.linspace(-50, 50, 100))
    chunks = Chunks.slices(table, rows=30)
    assert chunks.count() == 100
    np.testing.assert_array_equal(np.concatenate([x for x, _ in chunks]), table.to_numpy())


def test_names_may_come_in_an_array(tmp_path):
    for i in range(3): np.save(tmp_path / f"{i}.npy", X)
    names = np.array([str(tmp_path / f"{i}.npy") for i in range(3)])
    assert Chunks(names, read=np.load).count() == 18
    assert Chunks(np.stack([X, X])).count() == 12


def test_other_errors_of_read_say_where():
    with pytest.raises(KeyError) as caught:
        Chunks([{}], read=lambda part: part["x"]).count()
    if hasattr(caught.value, "add_note"): assert caught.value.__notes__ == ["in parts[0]"]


def test_incremental_em_learns_after_one_pass_at_the_latest():
    truth, x = clusters(60)
    visits = list(islice(incremental_em(truth, Chunks.slices(x, rows=20)), 6))
    assert [v.model == truth for v in visits] == [True] * 3 + [False] * 3


def test_a_sample_of_wide_rows_is_small():
    from emlit.estimators.tables import sample_size
    assert sample_size(Chunks([np.zeros((1, 10_000))]), 3) == 5_000
    assert sample_size(Chunks([np.zeros((1, 2))]), 3) == 53_000


def test_a_sample_of_many_parts_keeps_no_more_than_it_must():
    from emlit.sources.sampling import draw
    draws = [draw(10, np.arange(100.0) + 100 * c, None, c) for c in range(50)]
    total = sum(draws[1:], start=draws[0])
    assert sum(len(keys) for keys, _, _ in total.kept) <= 20 and total.count == 5000
    every = np.concatenate([np.random.default_rng(c).random(100) for c in range(50)])
    assert sorted(total.smallest()[0]) == sorted(np.argsort(every)[:10])
