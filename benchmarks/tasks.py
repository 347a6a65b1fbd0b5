"What the workers are asked to do. Functions of a module, so that a fresh process can find them."
import tracemalloc
import warnings
from functools import lru_cache
from time import perf_counter

import numpy as np

import cases
from peers import PEERS, awake, precisions, timed


def iterate(peer, case, m, keep=False, threads=None):
    "Seconds of a fit of m iterations from the case's start; with `keep`, the ℓ it reached, too."
    x, start = cases.load(case)
    p = PEERS[peer]
    rows = p.rows(case)
    if rows < case.n: # the textbook's loops on large data: one iteration on a part, scaled
        return p.fit(x[:rows], start, case.reg, 1)[0] * m * case.n / rows, None
    if threads:
        from threadpoolctl import threadpool_limits
        with threadpool_limits(threads): seconds, found = p.fit(x, start, case.reg, m)
    else: seconds, found = p.fit(x, start, case.reg, m)
    return seconds, cases.loglik(x, found) if keep else None


def default(peer, data, K):
    "A whole default fit: seconds, ℓ and iterations."
    x = dataset(data)
    seconds, found, n_iter = PEERS[peer].default(x, K)
    return seconds, cases.loglik(x, found), n_iter


def dataset(data):
    "A small data set by name, or clusters by (n, d, K)."
    if not isinstance(data, str): return cases.clusters(*data)
    from emlit import data as sets
    x = {"fifteen": sets.load_fifteen, "faithful": sets.load_faithful, "iris": sets.load_iris}[data]()
    return np.asarray(x, float).reshape(len(x), -1)


# ---------------------------------------------------------------- the fifteen points

def fifteen(peer, m):
    "Seconds of a whole fit of two normals to fifteen points, from one and the same start."
    from cases import Parameters
    x = dataset("fifteen")
    low, high = np.quantile(x, [.25, .75])
    return PEERS[peer].fit(x, Parameters(np.array([.5, .5]), np.array([[low], [high]]), np.full((2, 1, 1), x.var())), 0.0, m)[0]


# ---------------------------------------------------------------- exponentials

def exponentials(n, K):
    "Seconds of n·K exponentials and nothing else, in blocks that stay in the cache."
    block = -30 * np.random.default_rng(0).random(2**14)
    out = np.empty_like(block)
    blocks = max(1, n * K // len(block))
    awake()
    begin = perf_counter()
    for _ in range(blocks): np.exp(block, out=out)
    return (perf_counter() - begin) * n * K / (blocks * len(block))


# ---------------------------------------------------------------- single precision

def precision(case, m, dtype):
    "Seconds of m E- and M-steps of emlit computed in this precision, from data of this precision, and ℓ of the last E-step."
    x, start = cases.load(case)
    model, x = PEERS["emlit"].model(start), x.astype(dtype)
    awake()
    begin = perf_counter()
    for _ in range(m):
        expectation = model.e_step(x, dtype=dtype)
        model = model.m_step(expectation)
    return perf_counter() - begin, float(expectation.loglik)


# ---------------------------------------------------------------- data in parts

WAYS = "array", "file, one process", "file, two processes", "array, numba"


def in_parts(case, way, file):
    "Seconds of one E-step and one M-step of emlit, from an array or from a file in four parts, and ℓ."
    from emlit import Chunks
    from emlit.sources import as_source
    x, start = cases.load(case)
    if not file.exists(): np.save(file, x)
    jobs = {"file, one process": 1, "file, two processes": 2}.get(way)
    data = x if jobs is None else Chunks.slices(np.load(file, mmap_mode="r"), rows=-(-case.n // 4), n_jobs=jobs)
    model = PEERS["emlit"].model(start)
    awake()
    begin = perf_counter()
    expectation = as_source(data).e_step(model, engine="numba" if "numba" in way else "numpy")
    model.m_step(expectation)
    return perf_counter() - begin, float(expectation.loglik)


# ---------------------------------------------------------------- scores of single rows

ASKED = "predict", "predict_proba", "score_samples"


@lru_cache(maxsize=1)
def fitted(peer, case):
    "An estimator after two iterations from the case's start, on some of the rows."
    import emlit
    import sklearn.mixture
    x, start = cases.load(case)
    kind = {"emlit": emlit, "scikit-learn": sklearn.mixture}[peer].GaussianMixture
    estimator = kind(case.K, max_iter=2, reg_covar=1e-6, weights_init=start.weights, means_init=start.means, precisions_init=precisions(start.covs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore") # two iterations are too few, as they both say
        return estimator.fit(x[:20_000])


def score(peer, case, what):
    "Seconds of asking a fitted estimator about all rows, and the sum of the answers."
    x, _ = cases.load(case)
    seconds, found = timed(getattr(fitted(peer, case), what), x)
    return seconds, float(np.square(found, dtype=float).sum())


# ---------------------------------------------------------------- memory

def _resident():
    "The largest resident set since the last reset, in bytes; None where the system does not tell."
    try:
        with open("/proc/self/status") as f: return next(int(s.split()[1]) * 1024 for s in f if s.startswith("VmHWM"))
    except (OSError, StopIteration): return None


def _reset():
    "Start the high-water mark anew (Linux)."
    try:
        with open("/proc/self/clear_refs", "w") as f: f.write("5")
    except OSError: pass


def memory(peer, case, whole, traced):
    """Bytes beyond x at the highest point of two iterations, or of a default fit cut short after two.

    By tracemalloc, which sees every array of NumPy, or by the resident set, which sees all there is."""
    x, start = cases.load(case)
    def run(x):
        if not whole: return PEERS[peer].fit(x, start, case.reg, 2)
        return _estimator(peer)(case.K, max_iter=2, random_state=0).fit(x)
    run(x[:2000]) # what is loaded once is not counted
    if traced:
        tracemalloc.start()
        run(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak
    _reset()
    before = _resident()
    run(x)
    return None if before is None else _resident() - before


def _estimator(peer):
    if peer == "emlit":
        import emlit
        return emlit.GaussianMixture
    from sklearn.mixture import GaussianMixture
    return GaussianMixture


def has_estimator():
    import emlit
    return hasattr(emlit, "GaussianMixture")


# ---------------------------------------------------------------- to a given ℓ

def path(case, accelerate, max_iter):
    "Evaluations of the EM map and ℓ after each step of emlit, accelerated or not."
    from emlit import fit
    x, start = cases.load(case)
    options = {"accelerate": accelerate} if accelerate else {}
    trace = fit(PEERS["emlit"].model(start), x, tol=1e-13, max_iter=max_iter, **options)
    return [(int(s.t), float(s.loglik)) for s in trace.steps]


def until(case, accelerate, m):
    "Seconds of m evaluations of the EM map by emlit, and the ℓ reached."
    from emlit import fit
    x, start = cases.load(case)
    peer = PEERS["emlit"]
    options = {"accelerate": accelerate} if accelerate else {}
    seconds, trace = timed(fit, peer.model(start), x, tol=0, max_iter=m, **peer.options(), **options)
    return seconds, float(trace.loglik)


def evaluations(what, accelerate, most):
    """Evaluations of the EM map until a plain step moves the parameters by less than 1e-8, and ℓ there.

    `what`: "deaths", or a seed for a start on overlapping clusters."""
    from emlit import em, fit
    model, x, w = cases.deaths() if what == "deaths" else cases.overlapping(what)
    steps = fit(model, x, accelerate=accelerate, tol=0, max_iter=most, sample_weight=w).steps if accelerate else em(model, x, max_iter=most, sample_weight=w)
    seen = None
    for step in steps:
        if step.model is seen: continue # a jump was refused
        seen = step.model
        after = seen.m_step(seen.e_step(x, w))
        moves = [after.parameters()[name] - value for name, value in seen.parameters().items()]
        if np.linalg.norm(np.concatenate([np.ravel(m) for m in moves])) < 1e-8: return step.t, float(step.loglik)
    return most, float(step.loglik)


def accelerations():
    "The methods that fit(accelerate=…) takes."
    return ["squarem", "anderson"]


def sklearn_stop(case):
    "Where scikit-learn stops by its own rule (tol=1e-3, as many iterations as it likes): seconds, ℓ, iterations."
    from sklearn.mixture import GaussianMixture
    x, start = cases.load(case)
    model = GaussianMixture(case.K, reg_covar=case.reg, max_iter=100_000, weights_init=start.weights,
                            means_init=start.means, precisions_init=precisions(start.covs))
    seconds, _ = timed(model.fit, x)
    return seconds, float(model.score(x) * len(x)), int(model.n_iter_)


def emlit_stop(case, accelerate):
    "Where emlit stops by its own rule: seconds, ℓ, evaluations of the EM map."
    from emlit import fit
    x, start = cases.load(case)
    peer = PEERS["emlit"]
    options = {"accelerate": accelerate} if accelerate else {}
    seconds, trace = timed(fit, peer.model(start), x, **peer.options(), **options)
    return seconds, float(trace.loglik), int(trace.n_iter)
