"""Small random problems, many of them: no NaN out of finite input, no error but a clear one, ℓ never falls, and ℓ is that of the reported parameters.

    make fuzz                      100 000 problems, all cores
    make fuzz N=1000 SEED=5000000  fewer, and others
    python tests/fuzz.py --one 17  a single problem, with its traceback

Each problem follows from its number alone. What counts as a failure: a NaN; an error that is neither ValueError nor TypeError, or
that names no argument; any warning but emlit's own; a log-likelihood that falls; one that is not that of the parameters beside it."""
import argparse
import inspect
import os
import re
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import scipy.sparse

import emlit
from emlit.algorithm.stopping import blur
from emlit.foundations.errors import Refused
from emlit import Prior
from emlit import Degenerate, Gamma, Mixture, MultivariateNormal, Normal, fit, scale_floor, starts
from problems import STRUCTURES, Problem, moved_mixture

OPTIONS = set(inspect.signature(fit).parameters)
OURS = ("EM stopped at iteration", "components", "EM converged on the guard", "EM converged on fewer components", "EM went on with fewer", "EM stands still", "Best performing", "the best start", "Number of distinct clusters",
        "the information is", "on the border", "not at a maximum", "only ", "the fit ended on its floor") # how emlit's own warnings begin
SECONDS = 20 # of processor time, for a single problem: a busy or sleeping machine is no finding

nan, inf = float("nan"), float("inf")
GARBAGE = [nan, inf, -inf, None, "text", "", b"bytes", [], [[]], -1, 0, 2, .5, -.5, 1e308, 1e-320, 1j, object(), {}, {"a": 1}, {1, 2}, True, [nan], [inf, 1],
           [None], ["a", "b"], [1, [2]], np.zeros((2, 2, 2)), np.zeros((0, 2)), np.zeros(3), np.ones((3, 1)), np.array([1, "b"], dtype=object),
           np.array(["2020-01-01"], "M8[D]"), np.ma.array([1, 2], mask=[0, 1]), scipy.sparse.eye(3), scipy.sparse.eye_array(2), lambda: 0, range(3), int, Normal,
           np.array([1e200, -1e200]), np.array([1 + 0j]), ("weights", 1), ["weights", "weights"], "weights", "p", "components[9].p", [0, 1, 0], [-1, 5],
           np.float32(.1), np.int8(3), np.bool_(True), np.array(3), np.array([2.5]), (x for x in range(3)), Ellipsis, slice(3), 10**400, [10**400], "em", "squarem"]


class Wrong(Exception): "A finding."


def choose(rng, *values, p=None): return values[rng.choice(len(values), p=p)]


def ugly(a):
    "Make the data extreme in one of many ways; the start goes with them, or not."
    rng, x, model = a.rng, a.x, a.model
    how = choose(rng, "as they are", "moved", "moved away", "duplicates", "constant column", "all the same", "outlier", "far columns", "tiny weights", "copy of a column")
    table = x.reshape(len(x), -1)
    numbers = moved_mixture(model, 0., 2.) is not None # a continuous family
    if how in ("moved", "moved away") and numbers:
        scale = 10. ** choose(rng, -100, -12, -8, -3, 3, 8, 12, 100)
        shift = choose(rng, 0., 1e3, 1e6, 1e8, -1e10) * scale
        if moved_mixture(model, shift, scale) is None: shift = 0.
        x = x * scale + shift
        if how == "moved": model = moved_mixture(model, shift, scale)
    elif how == "duplicates": x = x[rng.integers(0, min(len(x), 3), len(x))]
    elif how == "constant column": table[:, rng.integers(table.shape[1])] = table[0, 0] if a.kind != "Multinomial" else table[:, 0]
    elif how == "all the same": x = np.repeat(x[:1], len(x), axis=0)
    elif how == "outlier" and a.normal: table[rng.integers(len(x))] *= 10. ** rng.integers(1, 13)
    elif how == "far columns" and a.normal and x.ndim == 2:
        scale = 10. ** rng.integers(-12, 13, x.shape[1])
        x = x * scale
        if all(getattr(b, "structure", "diag") not in ("spherical", "tied_spherical") for b in model.components): model = moved_mixture(model, 0., scale)
    elif how == "tiny weights":
        weights = 10. ** -rng.choice([0., 3, 16, 100, 300, 320], a.K)
        weights[rng.integers(a.K)] = 1
        model = Mixture(weights / weights.sum(), model.components)
    elif how == "copy of a column" and a.normal and x.ndim == 2: table[:, -1] = table[:, 0] * choose(rng, 1, -2, 1e6)
    return x, model


def begin(a, x, model):
    "The start: the random one, or one made from the data."
    rng = a.rng
    if rng.random() < .6: return model
    r = choose(rng, rng.dirichlet(np.ones(a.K), len(x)), np.eye(a.K)[rng.integers(0, a.K, len(x))])
    x = model.check(x)
    possible = np.concatenate([np.repeat(b.supports(x)[:, None], b.n_components, 1) for b in model.components], 1)
    r = np.where(possible, r, 0)
    r = np.where(r.sum(1, keepdims=True) > 0, r, possible)
    return starts.start(model.components, x, r / r.sum(1, keepdims=True))


def guarded(a, x, w, model):
    "Some normals get a floor, some what is added to variances."
    blocks = []
    for b in model.components:
        if isinstance(b, Normal) and a.rng.random() < .3:
            b = Normal(b.mean, b.std, floor=scale_floor(x, "diag", w))
        elif isinstance(b, MultivariateNormal) and a.rng.random() < .5:
            floor = scale_floor(x, b.structure, w) if a.rng.random() < .7 else None
            b = MultivariateNormal(b.mean, b.cov, b.structure, floor=floor, reg_covar=choose(a.rng, 0., 1e-6, p=(.8, .2)))
        blocks.append(b)
    return Mixture(model.weights, blocks)


def options(a, n):
    "Random options of `fit`: those that it has."
    rng = a.rng
    weight = choose(rng, None, a.w, rng.random(n), 10. ** rng.uniform(-8, 8, n), (rng.random(n) < .5) + 0., rng.random(n) * choose(rng, 1e-30, 1e-12, 1e12, 1e30))
    if weight is not None and not np.any(weight): weight = None
    names = list(a.model.parameters())
    out = {"sample_weight": weight, "tol": choose(rng, 0, 1e-8, 1e-3), "max_iter": int(rng.integers(0, 12)),
           "freeze": () if rng.random() < .7 else tuple(rng.choice(names, rng.integers(1, len(names) + 1), replace=False))}
    if "keep" in OPTIONS and rng.random() < .2: out["keep"] = "ends"
    if "accelerate" in OPTIONS and rng.random() < .4: out["accelerate"] = choose(rng, "squarem", "anderson", "auto")
    return out


def prior(a):
    "A random prior that bears on what the model has."
    rng, kinds = a.rng, {type(b).__name__ for b in a.model.components}
    d = a.x[0].size
    out = {"weights": rng.uniform(1, 5)} if rng.random() < .7 else {}
    if kinds & {"Bernoulli", "Binomial", "Geometric"}: out["beta"] = tuple(rng.uniform(1, 9, 2))
    if kinds & {"Categorical", "Multinomial"}: out["dirichlet"] = rng.uniform(1, 5)
    if kinds & {"Poisson", "Exponential"}: out["gamma"] = tuple(rng.uniform(1, 5, 2))
    if kinds & {"Normal", "MultivariateNormal"} and rng.random() < .5: out["normal"] = (rng.normal(0, 3), rng.uniform(.01, 3))
    if "Normal" in kinds: out["inverse_gamma"] = tuple(rng.uniform(.1, 4, 2))
    if "MultivariateNormal" in kinds: out["inverse_wishart"] = (rng.uniform(d, 9 + d), rng.uniform(.1, 4))
    return Prior(**out)


def holes(a, x, given):
    "Data with missing values or known labels, where `fit` takes them."
    rng, table = a.rng, x.reshape(len(x), -1)
    if "labels" in OPTIONS and rng.random() < .15: given["labels"] = np.where(rng.random(len(x)) < .5, -1, rng.integers(0, a.K, len(x)))
    if "missing" in OPTIONS and rng.random() < .15:
        given["missing"] = "em"
        x = np.where(rng.random(table.shape) < rng.choice([.05, .3, .7]), nan, table).reshape(x.shape)
    return x, given


def finite(what, value):
    if not np.all(np.isfinite(value)): raise Wrong(f"{what} is {value}")


def examine(a, x, trace, given):
    "Raise Wrong unless the trace is what it says."
    w, model = given.get("sample_weight"), trace.model
    for step in trace.steps:
        for name, value in step.model.parameters().items(): finite(f"{name} at t = {step.t}", value)
    finite("logliks", trace.logliks)
    total = len(x) if w is None else float(np.sum(w))
    climbing = not any(np.any(getattr(b, "reg_covar", 0) > 0) for b in model.components)
    room = 1e-10 * (np.abs(trace.objective[:-1]) + total) + total * max(map(blur, (s.model for s in trace.steps)))
    if any(getattr(b, "floor", None) is not None for b in model.components): room[:1] = inf # the start may lie below the floor
    if np.isnan(trace.objective).any() or trace.objective.max() == inf: raise Wrong(f"the objective is {trace.objective}")
    room[np.isneginf(trace.objective[:-1])] = inf # a prior may give the start, or what is frozen, the density 0
    with np.errstate(invalid="ignore"): falls = np.diff(trace.objective) < -room
    if climbing and np.any(falls): raise Wrong(f"ℓ fell: {trace.objective}")
    own = model.e_step(x, sample_weight=w, **{k: given[k] for k in ("labels", "missing") if k in given}).loglik
    if abs(own - trace.loglik) > 1e-9 * (abs(own) + total): raise Wrong(f"ℓ is reported as {trace.loglik!r}, and is {own!r}")
    x = x if w is None else x[np.asarray(w) > 0] # the others need not be possible
    x = x[~np.isnan(x.reshape(len(x), -1)).any(1)]
    if not len(x): return trace.reason
    r = model.responsibilities(x)
    finite("responsibilities", r)
    if abs(r.sum(1) - 1).max() > 1e-12: raise Wrong("responsibilities do not sum to 1")
    if np.isnan(model.log_prob(x)).any() or np.isnan(model.log_joint(x)).any(): raise Wrong("log_prob is NaN")
    finite("sample", model.sample(a.rng, 3)[0])
    frozen = given["freeze"]
    for name, value in trace.steps[0].model.parameters().items():
        if name in frozen and not np.array_equal(value, model.parameters()[name]): raise Wrong(f"{name} was frozen and moved")
    if not np.isfinite(trace.rate) and trace.n_iter > 1: raise Wrong(f"rate is {trace.rate}")
    return trace.reason


def clear(error, names):
    "Whether an error is documented and names an argument."
    return (type(error) in (ValueError, TypeError, Degenerate) or isinstance(error, Refused)) and any(re.search(rf"(?<!\w){re.escape(n)}(?!\w)", str(error)) for n in names)


def answers(a, x, model, given):
    "What one asks of a fitted mixture: the answers are finite, or refused in words. Second derivatives of many parameters take too long."
    rng, w = a.rng, given.get("sample_weight")
    x = x if w is None else x[np.asarray(w) > 0]
    seen = x[~np.isnan(x.reshape(len(x), -1)).any(1)]
    if rng.random() < .5 or x.ndim == 1 or x.shape[1] == 1 or not len(seen):
        if rng.random() < .5 or model.n_parameters > 30: finite("match", emlit.match(model, emlit.permute(model, rng.permutation(model.n_components))))
        else:
            options = {k: given[k] for k in ("labels", "missing", "prior") if k in given}
            if w is not None and "labels" in options: options["labels"] = options["labels"][np.asarray(w) > 0]
            found = emlit.standard_errors(model, x, w if w is None else w[w > 0], freeze=given["freeze"], **options)
            finite("the observed information", found.observed)
            finite("the score", found.score)
        return
    d = x.shape[1]
    known = np.sort(rng.choice(d, rng.integers(1, d), replace=False))
    if np.isnan(model.marginal(known).log_prob(seen[:, known])).any(): raise Wrong("the marginal is NaN")
    if rng.random() < .5:
        mean, cov = emlit.regress(model, seen[:, known], known)
        finite("the conditional mean", mean)
        finite("the conditional covariance", cov)
        finite("a conditional sample", model.conditional(known, seen[0, known]).sample(rng, 2)[0])
    holes = seen.copy()
    holes[:, known] = nan
    finite("what was imputed", emlit.impute(model, np.where(rng.random(seen.shape) < .5, holes, seen), rng=choose(rng, None, rng)))


ARGUMENTS = "x", "r", "model", "components", "weights", "sample_weight", "log_prob", "component", "covariance", "floor", "labels", "missing", "columns", "prior", "scale", "shape", "accelerate"


def regular(seed):
    "A fit that should come to an end; it may be refused only in words."
    a = Problem(seed)
    x, model = ugly(a)
    given = options(a, len(x))
    try:
        model = begin(a, x, model)
        model = guarded(a, x, given["sample_weight"], model)
        x, given = holes(a, x, given)
        w = given["sample_weight"] # a prior of order 1, and data or weights out of all proportion, round each other away
        alike = (w is None or 1e-6 < np.sum(w) < 1e6) and np.nanmax(np.abs(x), initial=0) < 1e6
        if a.rng.random() < .15 and alike: given["prior"] = prior(a)
        trace = fit(model, x, **given)
    except Exception as error:
        if clear(error, ARGUMENTS): return "refused: " + re.sub(r"[-+\d.e]*\d[-+\d.e]*", "#", str(error))[:60]
        raise
    outcome = examine(a, x, trace, given)
    if a.rng.random() < .2 and "prior" not in given:
        try: answers(a, x, trace.model, given)
        except Exception as error:
            if not clear(error, (*ARGUMENTS, "family", "families")): raise
    return outcome


def garbage(seed):
    "One argument is nonsense: it is refused in words that name it, or harmless."
    a = Problem(seed)
    rng, b = a.rng, a.model.components[0]
    fields = list(b.__dataclass_fields__)
    call = choose(rng, "fit", "Mixture", "family", "method", "starts")
    value = choose(rng, *GARBAGE)
    given = {"tol": 1e-8, "max_iter": 3}
    if call == "fit":
        name = choose(rng, "model", "x", *sorted(OPTIONS - {"model", "x", "progress"}))
        if name == "max_iter" and isinstance(value, int): value = -5
        def run(): return fit(**({"model": a.model, "x": a.x} | given | {name: value}))
    elif call == "Mixture":
        name = choose(rng, "weights", "components")
        def run(): return fit(Mixture(**({"weights": a.model.weights, "components": a.model.components} | {name: value})), a.x, **given)
    elif call == "family":
        name = choose(rng, *fields)
        def run(): return fit(Mixture(a.model.weights, (type(b)(**({f: getattr(b, f) for f in fields} | {name: value})), *a.model.components[1:])), a.x, **given)
    elif call == "method":
        name, do = choose(rng, ("x", a.model.predict), ("x", a.model.responsibilities), ("x", a.model.log_prob), ("x", a.model.e_step), ("expectation", a.model.m_step),
                          ("rng", lambda v: a.model.sample(v, 3)), ("n", lambda v: a.model.sample(rng, v)), ("changes", a.model.replace), ("x", b.log_prob))
        if name == "changes" and not isinstance(value, dict): value = {"weights": value}
        if name == "n" and isinstance(value, int) and value > 10**6: value = -3
        def run(): return do(value)
    else:
        name = choose(rng, "family", "x", "r", "sample_weight")
        def run(): return starts.start(**({"family": a.model.components, "x": a.x, "r": np.full((a.n, a.K), 1 / a.K), "sample_weight": None} | {name: value}))
    try: result = run()
    except Exception as error:
        if clear(error, {name, *ARGUMENTS, *fields}): return "garbage refused"
        raise
    if isinstance(result, emlit.Trace): finite(f"loglik with {name} = {value!r}", result.loglik)
    elif isinstance(result, np.ndarray) and np.isnan(result).any(): raise Wrong(f"NaN from {name} = {value!r}")
    return "garbage harmless"


def estimator(seed):
    "An estimator on any table: finite, or refused in words."
    a = Problem(seed)
    x, _ = ugly(a)
    rng, X = a.rng, x.reshape(len(x), -1)
    name = {"Gamma": "gamma", "Exponential": "exponential", "Poisson": "poisson", "Geometric": "geometric", "Bernoulli": "bernoulli"}.get(a.kind)
    common = {"n_components": a.K, "random_state": seed, "max_iter": int(rng.integers(0, 12)), "init_params": choose(rng, "kmeans", "k-means++", "random", "random_from_data")}
    if name is None or rng.random() < .5: model = emlit.GaussianMixture(covariance_type=choose(rng, *STRUCTURES), **common)
    else: model = emlit.MixtureModel(name, **common)
    w = choose(rng, None, a.w, rng.random(len(X)))
    labels = np.where(rng.random(len(X)) < .5, -1, rng.integers(0, a.K, len(X))) if rng.random() < .15 else None
    if rng.random() < .15:
        model.set_params(missing="em")
        X = np.where(rng.random(X.shape) < rng.choice([.05, .3, .7]), nan, X)
    model.set_params(accelerate=choose(rng, "auto", None, "squarem", "anderson"))
    try: model.fit(X, sample_weight=w, labels=labels)
    except Exception as error:
        if clear(error, ("X", "x", "n_components", "n_samples", "n_sample(s)", "sample(s)", *ARGUMENTS)): return "refused: " + re.sub(r"[-+\d.e]*\d[-+\d.e]*", "#", str(error))[:60]
        raise
    for p, value in model.model_.parameters().items(): finite(p, value)
    finite("lower_bound_", model.lower_bound_)
    X = X if w is None else X[np.asarray(w) > 0] # the others need not be possible
    finite("predict_proba", model.predict_proba(X))
    finite("score", model.score(X))
    finite("bic", model.bic(X))
    finite("sample", model.sample(2)[0])
    return "estimator " + model.reason_


def once(seed):
    "Run a problem: what came of it. Raises what is a finding."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome = (garbage if seed % 5 == 4 else estimator if seed % 20 == 10 else regular)(seed)
    for w in caught:
        if not str(w.message).startswith(OURS): raise Wrong(f"{w.category.__name__}: {w.message} ({Path(w.filename).name}, line {w.lineno})")
    return outcome


def too_slow(*_): raise Wrong(f"not done within {SECONDS} s of processor time")


def attempt(seed):
    "A problem's outcome, or its finding in a line."
    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, too_slow)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try: return seed, True, once(seed)
    except Exception as error:
        where = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == Path(emlit.__file__).parent and not isinstance(error, Wrong)]
        place = f" ({Path(where[-1].filename).name}, line {where[-1].lineno})" if where else ""
        return seed, False, f"{type(error).__name__}: {str(error)[:200]}{place}"
    finally:
        if hasattr(signal, "SIGPROF"): signal.setitimer(signal.ITIMER_PROF, 0)


def several(seeds): return [attempt(seed) for seed in seeds]


def run(n, first=0, processes=None, say=lambda line: None):
    "Run n problems: how often each outcome came, and the findings by seed."
    parts = [range(i, min(i + 100, first + n)) for i in range(first, first + n, 100)]
    outcomes, findings, since = Counter(), {}, time.monotonic()
    with Pool(processes) as pool:
        for i, part in enumerate(pool.imap_unordered(several, parts), 1):
            for seed, fine, what in part:
                if fine: outcomes[what] += 1
                else: findings[seed] = what; say(f"\nproblem {seed}: {what}\n  again: python tests/fuzz.py --one {seed}\n")
            done, spent = min(100 * i, n), time.monotonic() - since
            say(f"\r{done} of {n} problems, {done / spent:.0f} a second, {len(findings)} findings")
    say("\n")
    return outcomes, findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=100_000, help="how many problems")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first one")
    parser.add_argument("--one", type=int, help="run only this problem, and show its traceback")
    parser.add_argument("--processes", type=int, help="as many as there are cores, by default")
    args = parser.parse_args()
    if args.one is not None:
        print(repr(Problem(args.one)))
        return print(once(args.one))
    outcomes, findings = run(args.n, args.seed, args.processes, lambda line: (sys.stdout.write(line), sys.stdout.flush()))
    refused = sum(c for what, c in outcomes.items() if what.startswith("refused"))
    for what, c in outcomes.most_common():
        if not what.startswith("refused"): print(f"{c:8}  {what}")
    print(f"{refused:8}  refused in words, such as")
    for what, c in [(w, c) for w, c in outcomes.most_common() if w.startswith("refused")][:12]: print(f"{'':10}{c:6}  {what[9:]}")
    nans = sum("nan" in what.lower() or " is inf" in what for what in findings.values())
    print(f"{args.n} problems: {nans} NaN, {len(findings) - nans} other findings")
    sys.exit(bool(findings))


if __name__ == "__main__": main()
