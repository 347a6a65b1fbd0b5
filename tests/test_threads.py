"Fits in threads: nothing that the process shares changes, and results are the same to the last bit."
import multiprocessing
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

import emlit.engine
from emlit.algorithm.fitting import silent_fit
from emlit import GaussianMixture, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson, Uniform, bootstrap, bootstrap_lrt, fit, multistart, select, standard_errors


def clusters(n, d, K, seed=0):
    rng = np.random.default_rng(seed)
    mean, z = rng.normal(scale=3, size=(K, d)), rng.integers(K, size=n)
    return mean[z] + rng.normal(size=(n, d)), Mixture(np.full(K, 1 / K), MultivariateNormal(mean, np.broadcast_to(np.eye(d), (K, d, d))))

def numbers(model):
    return b"".join(np.ascontiguousarray(v).tobytes() for v in model.parameters().values())

def shared():
    "What all threads of the process share, and what NumPy holds for this one."
    machinery = [warnings.showwarning, warnings._showwarnmsg_impl, list(warnings.filters), warnings.defaultaction]
    return machinery, np.geterr(), [(p["user_api"], p["num_threads"]) for p in threadpool_info()], dict(os.environ)


X, START = clusters(4000, 3, 4)
WIDE, WIDE_START = clusters(3000, 60, 3)
COUNTS = np.random.default_rng(1).poisson(np.where(np.arange(20_000) % 3, 3., 9.))
APART = np.concatenate([np.zeros(50), np.ones(50) * 7]) + np.random.default_rng(2).normal(size=100)
PAIR = Mixture([.5, .5], Normal([0., 7.], [1., 1.]))

def six(): # name → what a thread does, and what of it is compared
    return {
        "GaussianMixture": lambda: numbers(GaussianMixture(4, random_state=0, n_init=2, max_iter=20).fit(X).model_), # which warns
        "MixtureModel": lambda: numbers(MixtureModel("poisson", 2, random_state=0, max_iter=10).fit(COUNTS[:, None]).model_),
        "fit": lambda: numbers(fit(WIDE_START, WIDE, max_iter=5, accelerate="squarem").model),
        "bootstrap": lambda: bootstrap(PAIR, APART, 3, np.random.default_rng(0), sample_weight=np.ones(100)).samples.tobytes(),
        "e_step": lambda: np.array(START.e_step(np.tile(X, (30, 1))).loglik).tobytes() + START.responsibilities(np.tile(X, (5, 1))).tobytes(),
        "multistart": lambda: numbers(multistart(Poisson, COUNTS[:3000], 2, n_starts=2, rng=np.random.default_rng(0)).best.model)}

@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_six_fits_in_six_threads_are_the_same_and_change_nothing():
    before = shared()
    alone = {name: work() for name, work in six().items()}
    assert shared() == before
    with ThreadPoolExecutor(6) as pool:
        for turn in range(3):
            jobs = {name: pool.submit(work) for name, work in six().items()}
            for name, job in jobs.items(): assert job.result() == alone[name], name
            assert shared() == before

@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_select_and_bootstraps_in_joblibs_threads_change_nothing():
    before, rng = shared(), np.random.default_rng
    small, large = fit(Mixture([1.], Normal([3.], [4.])), APART), fit(PAIR, APART)
    def everything(n_jobs):
        table = select(X[:300], [1, 2, 3], ["full", "diag"], n_jobs=n_jobs, progress=False).table
        return ([row["bic"] for row in table], bootstrap(large, APART, 4, rng(0), n_jobs=n_jobs).samples.tolist(),
                bootstrap_lrt(small, large, APART, 3, rng(0), n_jobs=n_jobs).draws.tolist(),
                multistart(Normal, APART, 2, n_starts=3, rng=rng(0), n_jobs=n_jobs).best.loglik)
    alone = everything(1)
    with parallel_config(backend="threading"): beside = everything(4)
    assert beside == alone
    assert shared() == before


# warnings as values

def test_a_trace_holds_what_there_is_to_warn_of_and_fit_says_it_at_its_caller():
    twins = Mixture([.5, .5], Normal([1., 1.], [1., 1.]))
    with pytest.warns(RuntimeWarning, match="identical") as caught: trace = fit(twins, APART)
    assert [note.kind for note in trace.notes] == ["twins"]
    assert [str(w.message) for w in caught] == [note.message for note in trace.notes]
    assert {w.filename for w in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert silent_fit(twins, APART).notes == trace.notes

def test_a_degenerate_end_is_a_note_of_that_kind():
    spike = Mixture([.5, .5], Normal([0., 7.], [1e-3, 3.]))
    x = np.r_[0., np.linspace(3, 9, 30)]
    with pytest.warns(RuntimeWarning, match="EM stopped"): trace = fit(spike, x)
    assert trace.reason == "degenerate" == trace.notes[-1].kind

def test_the_estimator_gives_one_warning_of_the_end_at_its_caller():
    with pytest.warns(ConvergenceWarning, match="did not converge") as caught: model = GaussianMixture(4, random_state=0, max_iter=1).fit(X)
    assert len(caught) == 1 and caught[0].filename == __file__ and not model.converged_

@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.slow
def test_select_warns_of_no_cell(n_jobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = select(X[:200], [2], ["full"], estimator=GaussianMixture(random_state=0, max_iter=1), n_jobs=n_jobs, progress=False)
    assert found.table[0]["reason"] == "max_iter"

def test_nothing_in_the_package_touches_what_the_process_shares():
    for path in Path(emlit.__file__).parent.rglob("*.py"):
        text = path.read_text()
        for word in ("catch_warnings", "simplefilter", "filterwarnings", "seterr(", ".limit(", "threadpool_limits", "set_num_threads", "random.seed"):
            assert word not in text, f"{word} in {path.name}"

def test_a_forked_child_has_its_parents_threads():
    if "fork" not in multiprocessing.get_all_start_methods(): pytest.skip("no fork here")
    before = threads_of_blas()
    with ThreadPoolExecutor(1) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore") # newer Pythons warn of a fork beside threads
        job = pool.submit(lambda: [WIDE_START.e_step(WIDE) for _ in range(10)])
        for _ in range(3):
            with multiprocessing.get_context("fork").Pool(1) as child: assert child.apply(threads_of_blas) == before
        job.result()

def threads_of_blas(): return [p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"]


# the number of threads

PROGRAM = """
import hashlib, sys
import numpy as np
from threadpoolctl import threadpool_limits
import emlit.engine
from emlit import *
from emlit.foundations.batch import Batch
from emlit.models.mixture import exact_e_step
threads, own = map(int, sys.argv[1:])
threadpool_limits(threads, user_api="blas") # more than there are cores, too
emlit.engine.threads.cores = lambda: own
def say(*arrays): print(hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:12])
def all_of(e): return [e.loglik] + [getattr(s, f) for s in e.stats for f in s.__dataclass_fields__]
def covs(structure, K, d):
    return {"full": np.array([np.eye(d) * (1 + k) for k in range(K)]), "tied": np.eye(d), "diag": np.ones((K, d)),
            "spherical": np.ones(K), "tied_diag": np.ones(d), "tied_spherical": 1.}[structure]
for n, d, K in [(300_000, 1, 3), (150_000, 2, 8), (20_000, 8, 8), (10_000, 16, 16), (4000, 24, 4), (4000, 40, 20), (4000, 64, 3)]:
    rng = np.random.default_rng(d)
    mean = rng.normal(scale=2, size=(K, d))
    x = mean[rng.integers(K, size=n)] + rng.normal(size=(n, d))
    w = rng.random(n)
    for structure in ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"):
        m = Mixture(np.full(K, 1 / K), MultivariateNormal(mean, covs(structure, K, d), structure))
        say(*all_of(m.e_step(x, w)), m.responsibilities(x[:50_000]), m.log_prob(x))
        if structure in ("full", "diag"):
            say(*all_of(m.e_step(x)), *all_of(m.e_step(x.astype(np.float32), dtype="float32")), *all_of(exact_e_step(m, Batch(x[:20_000], w[:20_000]))))
            parts = emlit.Chunks([x[:n // 3], x[n // 3:]])
            say(*fit(m, parts, max_iter=2, tol=0).model.parameters().values())
            say(*fit(m, x[:20_000], max_iter=14, tol=0, accelerate="squarem").model.parameters().values())
            if d > 1:
                holes = np.where(rng.random(x[:10_000].shape) < 0.3 / d, np.nan, x[:10_000])
                say(*all_of(m.e_step(holes, missing="em")))
rng = np.random.default_rng(0)
for m, x in [(Mixture([.3, .7], Poisson([2., 6.])), rng.poisson(4, 300_000)), (Mixture([.3, .7], Poisson(rng.random((2, 20)) + 1)), rng.poisson(4, (60_000, 20))),
             (Mixture([.3, .7], Categorical(rng.dirichlet(np.ones(5), (4, 2)))), rng.integers(0, 5, (50_000, 4))), (Mixture([.3, .7], Bernoulli(rng.random((2, 64)))), rng.integers(0, 2, (30_000, 64))),
             (Mixture([.3, .7], Gamma([2., 5.], [1., 1.])), rng.gamma(3, 1, 200_000)), (Mixture([.3, .7], Multinomial(10, rng.dirichlet(np.ones(30), 2))), rng.multinomial(10, np.ones(30) / 30, 30_000)),
             (Mixture([.3, .3, .4], [Normal([0., 3], [1., 2]), Uniform([-9.], [9.])]), rng.normal(1, 2, 200_000).clip(-9, 9))]:
    say(*all_of(m.e_step(x)), m.responsibilities(x), *fit(m, x, max_iter=13, tol=0, accelerate="anderson").model.parameters().values())
say(GaussianMixture(3, random_state=0, max_iter=9).fit(rng.normal(size=(12_000, 4))).means_)
"""

def hashes(blas, own, variable=None):
    environment = os.environ | {"PYTHONWARNINGS": "ignore"} | ({} if variable is None else {"OPENBLAS_NUM_THREADS": str(variable)})
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(blas), str(own)], capture_output=True, text=True, env=environment, cwd=Path(emlit.__file__).parents[1])
    assert not done.returncode, done.stderr
    return done.stdout.split()

@pytest.mark.slow
def test_the_same_bits_with_any_number_of_threads_of_blas_and_of_our_own():
    first = hashes(1, 1, variable=1)
    assert len(first) > 90
    for blas, own in ((2, 2), (4, 4), (4, 1)): assert hashes(blas, own, variable=blas) == first, (blas, own)


# the caller's np.errstate

FAR = np.concatenate([np.random.default_rng(0).normal(size=(200, 2)), np.random.default_rng(1).normal(size=(200, 2)) + 1e4])

@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"])
@pytest.mark.parametrize("accelerate", [None, "squarem", "anderson", "auto"])
@pytest.mark.slow
def test_clusters_far_apart_fit_where_the_caller_raises_for_underflow(structure, accelerate):
    cov = {"full": np.array([np.eye(2)] * 2), "tied": np.eye(2), "diag": np.ones((2, 2)), "spherical": np.ones(2), "tied_diag": np.ones(2), "tied_spherical": 1.}[structure]
    start = Mixture([.5, .5], MultivariateNormal([[0., 0], [9e3, 9e3]], cov, structure))
    holes = FAR.copy()
    holes[::9, 1] = np.nan
    with np.errstate(all="raise"):
        trace = fit(start, FAR, accelerate=accelerate, max_iter=30, tol=0)
        fit(start, holes, missing="em", accelerate=accelerate, max_iter=13, tol=0)
        np.testing.assert_allclose(trace.model.components[0].mean, [FAR[:200].mean(0), FAR[200:].mean(0)], rtol=1e-9)
        assert (trace.model.predict(FAR) == np.repeat([0, 1], 200)).all()
        trace.model.responsibilities(FAR), trace.model.log_prob(FAR), standard_errors(trace.model, FAR)

@pytest.mark.parametrize("block, x", [
    (Poisson([3., 5000.]), np.repeat([3, 5000], 50)), (emlit.Exponential([1., 1e-6]), np.repeat([1., 2., 1e6, 2e6], 30)),
    (emlit.Gamma([2., 3000.], [1., 1.]), np.r_[np.linspace(1, 4, 40), np.linspace(2900, 3100, 40)]), (emlit.Binomial(5000, [.001, .9]), np.repeat([4, 6, 4500, 4510], 20)),
    ([Uniform([-1e6], [1e6]), Normal([0.], [1.])], np.r_[np.linspace(-2, 2, 50), np.linspace(-9e5, 9e5, 20)])], ids=["poisson", "exponential", "gamma", "binomial", "uniform"])
def test_other_families_too(block, x):
    with np.errstate(all="raise"):
        model = fit(Mixture([.5, .5], block), x, max_iter=30, accelerate="auto").model
        model.responsibilities(x), model.predict(x), model.loglik(x)

@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random_from_data", "random"])
def test_estimators_too(init):
    with np.errstate(all="raise"):
        model = GaussianMixture(2, random_state=0, init_params=init, max_iter=50).fit(FAR)
        model.predict(FAR), model.score(FAR), model.bic(FAR), model.icl(FAR)
        select(FAR, [1, 2], ["full"], n_jobs=1, progress=False)

def test_a_users_family_keeps_the_callers_settings_but_for_underflow():
    class Watched(Poisson):
        def log_prob(self, x):
            seen.append(np.geterr())
            return super().log_prob(x)
    seen = []
    with np.errstate(over="raise", invalid="print", divide="call"): fit(Mixture([.5, .5], Watched([1., 4.])), np.arange(9), max_iter=2)
    assert {(s["over"], s["invalid"], s["divide"], s["under"]) for s in seen} == {("raise", "print", "call", "ignore")}

@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-100, 1e100])
def test_extreme_units_give_no_warning_of_numpys(scale):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "components . and . of the start are identical")
        try: GaussianMixture(2, random_state=0).fit((FAR / 1e3 + 1) * scale)
        except ValueError: pass # a refusal in words is sound; a warning of NumPy's is an error here
