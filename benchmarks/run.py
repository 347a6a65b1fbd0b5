"""make bench: emlit beside its peers, in one run. README.md says how to read what it writes.

python benchmarks/run.py [--quick | --tiny] [--only SECTION …] [--peers NAME …] [--threads N] [--out FOLDER]
"""
import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cases
import tasks
from cases import Case
from measure import Failed, Worker, blas_threads, load, machine, ratios, say, spread, threads, versions
from peers import PEERS

HERE = Path(__file__).resolve().parent
AGREE = 1e-8 # relative difference of two ℓ after the same iterations that counts as the same


class Run:
    "The settings of a run, its workers, and what has been found."

    def __init__(self, size, peers=None):
        self.size = size                                  # "full", "quick" or "tiny"
        self.repeats = {"full": 5, "quick": 3, "tiny": 2}[size]
        self.budget = {"full": 3, "quick": 1.5, "tiny": 1}[size]      # seconds for a peer in a case, after which it is not repeated
        self.patience = {"full": 40, "quick": 15, "tiny": 5}[size]  # seconds for a case, after which it gets no further turn
        self.found = {"size": size, "machine": machine(), "threads": Worker().call(threads), "load_before": load(), "goals": []}
        self.present, self.absent = {}, {}
        self.workers = {name: Worker() for name in PEERS}
        for name, peer in PEERS.items():
            try: self.present[name] = self.call(name, peer.version)
            except Failed as error:
                if name in ("emlit", "scikit-learn"): raise
                self.absent[name] = str(error)
            if peers is not None and name not in (*peers, "emlit", "emlit, all rows", "emlit, Normal", "emlit, numba", "scikit-learn") and name in self.present:
                del self.present[name]
                self.absent[name] = "left out by --peers"
        self.found |= {"versions": self.present | versions(), "absent": self.absent}

    def call(self, name, f, *args, **kw):
        "A call in that competitor's process, after a pause: threads of BLAS keep spinning for some 30 ms after their last work, at the next one's cost."
        time.sleep(0.05)
        return self.workers[name].call(f, *args, **kw)

    def pair(self, name, case, keep=False, **kw):
        "Seconds of two fits, of one iteration and of case.m more; and, with `keep`, the ℓ of the longer one."
        short, _ = self.call(name, tasks.iterate, name, case, 1, **kw)
        return short, *self.call(name, tasks.iterate, name, case, 1 + case.m, keep, **kw)

    def goal(self, name, goal, result, at_least=True):
        "Set a result beside its goal. It is met if the median of the repeats meets it."
        met = result["median"] >= goal if at_least else result["median"] <= goal
        self.found["goals"].append({"name": name, "goal": goal, "at_least": at_least, "met": bool(met), **result})

    def turns(self, names, one, repeats, budget=None):
        "one(name) in turn for all names, `repeats` times. Slow ones are repeated less, those that fail not at all."
        results, spent, failed = {n: [] for n in names}, dict.fromkeys(names, 0.0), {}
        started = time.perf_counter()
        for turn in range(repeats):
            if turn >= 2 and time.perf_counter() - started > self.patience: break # a busy machine: two turns must do
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                slow = turn and budget and spent[name] * (turn + 1) / turn > budget and name not in ("emlit", "scikit-learn")
                if name in failed or slow: continue
                begin = time.perf_counter()
                try: results[name].append(one(name))
                except Failed as error: failed[name] = str(error)
                spent[name] += time.perf_counter() - begin
        return {n: r for n, r in results.items() if r and n not in failed}, failed

    def close(self):
        for worker in self.workers.values(): worker.close()


def an_iteration(pairs, m):
    """Seconds of one iteration, turn by turn, from fits of 1 and of 1 + m.

    The shortest of the short fits is what the rest of a fit costs; a difference within each turn would
    fall below the truth whenever the machine was busy during the short one."""
    least = min(p[0] for p in pairs)
    return [(p[1] - least) / m if p[1] > least else p[1] / (1 + m) for p in pairs]


# ---------------------------------------------------------------- sections

def iteration(run):
    "Seconds of one EM iteration, for all peers: the difference of two fits, divided by the iterations between."
    some = {"full": cases.ITERATION, "quick": [replace(c, n=max(c.n // 10, 1797), m=3) for c in cases.ITERATION], "tiny": cases.TINY}[run.size]
    return [_iteration(run, case) for case in some]


def _iteration(run, case):
    refused = {n: r for n in run.present if (r := run.call(n, PEERS[n].refuses, case))}
    names = [n for n in run.present if n not in refused]
    found, slow = {}, set()

    def one(name):
        if name not in found: # to warm up: data made, libraries loaded
            took, _ = run.call(name, tasks.iterate, name, case, 1)
            if took < 1: took = min(took, run.call(name, tasks.iterate, name, case, 1)[0]) # the first may have loaded a compiler
            if PEERS[name].rows(case) == case.n and took * (case.m + 2) > 4 * run.budget and name not in ("emlit", "scikit-learn"): # too slow for more
                slow.add(name)
                found[name] = None
                return 0.0, took * case.m
            short, long, found[name] = run.pair(name, case, keep=True)
            return short, long
        if name in slow: return 0.0, run.call(name, tasks.iterate, name, case, 1)[0] * case.m
        return run.pair(name, case)[:2]

    pairs, failed = run.turns(names, one, run.repeats, run.budget)
    seconds = {name: an_iteration(p, case.m) for name, p in pairs.items()}
    out = {"name": case.name, "n": case.n, "d": case.d, "K": case.K, "iterations": case.m, "reg_covar": case.reg, "load": load(),
           "peers": {}, "not_run": refused | failed}
    reference = found.get("scikit-learn") or found.get("emlit")
    for name in names:
        if name not in seconds: continue
        one_peer = {"seconds": spread(seconds[name])}
        rows = PEERS[name].rows(case)
        if rows < case.n: one_peer["scaled_from_rows"] = rows
        if PEERS[name].own_start: one_peer["own_start"] = True
        if name in slow: one_peer["whole_fit_of_one_iteration"] = True
        if found[name] is not None:
            one_peer["loglik"] = found[name]
            if reference is not None and not PEERS[name].own_start:
                one_peer["relative_difference"] = abs(found[name] - reference) / abs(reference)
                one_peer["agrees"] = one_peer["relative_difference"] < AGREE
        if "emlit" in seconds: one_peer["over_emlit"] = ratios(seconds[name], seconds["emlit"])
        out["peers"][name] = one_peer
    for ours in ("emlit", "emlit, all rows", "emlit, numba"):
        if case.goal and {ours, "scikit-learn"} <= seconds.keys():
            run.goal(f"scikit-learn / {ours}, one iteration, {case.name}", case.goal, ratios(seconds["scikit-learn"], seconds[ours]))
    _show_iteration(out)
    return out


def _show_iteration(out):
    say(f"\n{out['name']}, seconds an iteration (minimum of the repeats), and how many times emlit's:")
    for name, p in sorted(out["peers"].items(), key=lambda item: item[1]["seconds"]["min"]):
        r = p.get("over_emlit")
        over = f"{r['median']:9.2f}  ({r['min']:.2f} to {r['max']:.2f})" if r else ""
        same = "" if "agrees" not in p else "  same ℓ" if p["agrees"] else f"  ℓ differs by {p['relative_difference']:.0e}"
        same += "  a whole fit of one iteration" if p.get("whole_fit_of_one_iteration") else "  own start" if p.get("own_start") else f"  scaled from {p['scaled_from_rows']} rows" if "scaled_from_rows" in p else ""
        say(f"  {name:16} {p['seconds']['min']:10.5f}  {over}{same}")
    for name, why in out["not_run"].items(): say(f"  {name:16} not run: {why}")


def fifteen(run):
    "A whole fit of two normals to the fifteen points: from one start with the same 50 iterations, and by default."
    repeats, names = {"full": 15, "quick": 7, "tiny": 2}[run.size], ["emlit", "scikit-learn"]
    for n in names: run.call(n, tasks.fifteen, n, 50), run.call(n, tasks.default, n, "fifteen", 2)
    same, _ = run.turns(names, lambda n: run.call(n, tasks.fifteen, n, 50), repeats)
    whole, _ = run.turns(names, lambda n: run.call(n, tasks.default, n, "fifteen", 2)[0], repeats)
    out = {"iterations": 50, "estimator": run.call("emlit", tasks.has_estimator)}
    for what, seconds in {"same_start": same, "default": whole}.items():
        out[what] = {n: spread(s) for n, s in seconds.items()} | {"ratio": ratios(seconds["scikit-learn"], seconds["emlit"])}
    run.goal("scikit-learn / emlit, 15 points, 50 iterations from one start", 1, out["same_start"]["ratio"])
    run.goal("scikit-learn / emlit, 15 points, whole default fit" + ("" if out["estimator"] else " (k-means and fit by hand)"), 1, out["default"]["ratio"])
    return out


def exponentials(run):
    "One iteration over the bare cost of its n·K exponentials."
    case = cases.TINY[0] if run.size == "tiny" else cases.ITERATION[0]
    names = [name for name in ("emlit", "emlit, numba") if name in run.present]
    pairs, bare = {name: [] for name in names}, []
    for name in names: run.call(name, tasks.iterate, name, case, 1)
    for _ in range(run.repeats):
        for name in names: pairs[name].append(run.pair(name, case))
        bare.append(run.call("emlit", tasks.exponentials, case.n, case.K))
    out = {"name": case.name, "exponentials": spread(bare), "iteration": {}, "ratio": {}}
    for name in names:
        seconds = an_iteration(pairs[name], case.m)
        out["iteration"][name], out["ratio"][name] = spread(seconds), ratios(seconds, bare)
        run.goal(f"one iteration{name.removeprefix('emlit')} / its bare exponentials, {case.name} (better: 2)", 3, out["ratio"][name], at_least=False)
    return out


def single_precision(run):
    "float32 beside float64."
    out = []
    for case in [cases.TINY[0]] if run.size == "tiny" else [cases.ITERATION[0], cases.ITERATION[2], cases.ITERATION[3]]:
        pairs, logliks = {"float64": [], "float32": []}, {}
        for turn in range(run.repeats + 1):
            for dtype in pairs:
                short, _ = run.call("emlit", tasks.precision, case, 1, dtype)
                long, logliks[dtype] = run.call("emlit", tasks.precision, case, 1 + case.m, dtype)
                if turn: pairs[dtype].append((short, long))
        seconds = {dtype: an_iteration(p, case.m) for dtype, p in pairs.items()}
        out.append({"name": case.name, **{k: spread(v) for k, v in seconds.items()}, "ratio": ratios(seconds["float64"], seconds["float32"]),
                    "relative_difference": abs(logliks["float32"] / logliks["float64"] - 1)})
        run.goal(f"float64 / float32, one iteration, {case.name}", 1, out[-1]["ratio"])
    return out


def in_parts(run):
    """One iteration over a file in parts, by one process and by two, beside the same data in memory and the bare exponentials.

    In this process and not in a worker, because workers may not start processes of their own."""
    case = {"full": Case(10**7, 2, 8, 1), "quick": Case(10**6, 2, 8, 1), "tiny": cases.TINY[0]}[run.size]
    seconds, logliks, bare = {way: [] for way in tasks.WAYS if "numba" not in way or "emlit, numba" in run.present}, {}, []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(run.repeats + 1):
            for way in seconds:
                took, logliks[way] = tasks.in_parts(case, way, Path(folder) / "x.npy")
                if turn: seconds[way].append(took) # the first starts the processes
            if turn: bare.append(tasks.exponentials(case.n, case.K))
    out = {"name": case.name, "exponentials": spread(bare), "relative_difference": max(abs(ll / logliks["array"] - 1) for ll in logliks.values()),
           "ways": {way: {"seconds": spread(s), "over_exponentials": ratios(s, bare)} for way, s in seconds.items()}}
    say(f"\n{case.name}, one iteration over its bare exponentials:")
    for way, found in out["ways"].items(): say(f"  {way:20} {found['over_exponentials']['median']:6.2f}")
    return out


def memory(run):
    "Bytes beyond X at the highest point, over the bytes of X, as K grows."
    n, d = {"full": 10**6, "quick": 10**5, "tiny": 2000}[run.size], 2
    estimator, out = run.call("emlit", tasks.has_estimator), []
    for K in {"full": (2, 8, 32), "quick": (2, 8, 32), "tiny": (2,)}[run.size]:
        row = {"n": n, "d": d, "K": K, "peers": {}}
        for name in ("emlit", "scikit-learn"):
            found = row["peers"][name] = {}
            for what, whole in {"iterations": False, "default": True}.items():
                if whole and name == "emlit" and not estimator: continue
                for how in ("arrays", "resident") if name == "emlit" else ("arrays",):
                    worker = Worker() # a fresh process for each, so that nothing freed before is used again
                    try: size = worker.call(tasks.memory, name, Case(n, d, K, 2), whole, how == "arrays")
                    except Failed as error: size, found["failed"] = None, str(error)
                    worker.close()
                    if size is not None: found[f"{what}_{how}"] = size / (8 * n * d)
        out.append(row)
    for what in ("iterations", "default"):
        for how in ("arrays", "resident"):
            values = [r["peers"]["emlit"].get(f"{what}_{how}") for r in out]
            if None not in values and how == "arrays":
                run.goal(f"memory beyond X / X, n = {n}, {'EM alone' if what == 'iterations' else 'default fit'}, K = " + ", ".join(str(r["K"]) for r in out),
                         1, spread(values) | {"median": max(values)}, at_least=False)
    return out


def to_a_likelihood(run):
    "Seconds until ℓ is within 1e-6 nats an observation of the optimum, from one start; and where each stops by its own rule."
    case = {"full": Case(10_000, 2, 4, 1, kind="overlap"), "quick": Case(5000, 2, 3, 1, kind="overlap"), "tiny": cases.TINY[0]}[run.size]
    methods = [None, *run.call("emlit", tasks.accelerations)]
    paths = {m: run.call("emlit", tasks.path, case, m, 20_000) for m in methods}
    best = max(l for p in paths.values() for _, l in p)
    target = best - 1e-6 * case.n
    out = {"name": case.name, "loglik": best, "target": target, "ways": {}, "own_stop": {}}
    plain = next(t for t, l in paths[None] if l >= target)
    ways = {f"emlit, {m or 'plain EM'}": (m, next((t for t, l in paths[m] if l >= target), None)) for m in methods}
    seconds = {w: [] for w in [*ways, "scikit-learn"]}
    for _ in range(max(2, run.repeats - 2)):
        for way, (m, t) in ways.items():
            if t is not None: seconds[way].append(run.call("emlit", tasks.until, case, m, t)[0])
        seconds["scikit-learn"].append(run.call("scikit-learn", tasks.iterate, "scikit-learn", case, plain)[0])
    for way, s in seconds.items():
        t = ways[way][1] if way in ways else plain
        out["ways"][way] = {"evaluations": t, "seconds": spread(s) if s else None,
                            "scikit-learn_over_this": ratios(seconds["scikit-learn"], s) if s else None}
    stops = {f"emlit, {m or 'plain EM'}": ("emlit", tasks.emlit_stop, case, m) for m in methods}
    for way, (who, f, *args) in {**stops, "scikit-learn": ("scikit-learn", tasks.sklearn_stop, case)}.items():
        took, loglik, n_iter = run.call(who, f, *args)
        out["own_stop"][way] = {"seconds": took, "below_best": best - loglik, "evaluations": n_iter}
    say(f"\n{case.name}: to within 1e-6 nats an observation of the best ℓ")
    for way, w in out["ways"].items():
        if w["seconds"]: say(f"  {way:24} {w['evaluations']:6} evaluations {w['seconds']['min']:9.4f} s; "
                             f"its own rule stops {out['own_stop'][way]['below_best']:.4f} nats below, after {out['own_stop'][way]['seconds']:.3f} s")
    return out


def acceleration(run):
    "Evaluations of the EM map until it stands still, from one start on the Times deaths, and from many on overlapping clusters."
    methods, out = run.call("emlit", tasks.accelerations), {"deaths": {}, "clusters": {}}
    count = lambda what, method, most: run.call("emlit", tasks.evaluations, what, method, most)
    for method in [None, *methods]: out["deaths"][method or "plain"] = count("deaths", method, 6000 if method is None else 300)[0]
    seeds = range({"full": 20, "quick": 5, "tiny": 1}[run.size])
    plain = [count(seed, None, 8000) for seed in seeds]
    say("\nevaluations of the EM map until it moves the parameters by less than 1e-8")
    say(f"  {'plain':10} Times deaths {out['deaths']['plain']:5}   clusters {statistics.median(t for t, _ in plain):7.0f} (median of {len(plain)} starts)")
    for method in methods:
        found = [count(seed, method, 800) for seed in seeds]
        saving = spread([a / b for (a, _), (b, _) in zip(plain, found)])
        ends = [b - a for (_, a), (_, b) in zip(plain, found)]
        out["clusters"][method] = {"evaluations": spread([t for t, _ in found]), "plain_over_this": saving,
                                   "ends_lower": sum(e < -1e-6 for e in ends), "ends_higher": sum(e > 1e-6 for e in ends)}
        say(f"  {method:10} Times deaths {out['deaths'][method]:5}   clusters {statistics.median(t for t, _ in found):7.0f}, {saving['median']:.1f} times fewer; "
            f"another optimum, lower {out['clusters'][method]['ends_lower']}, higher {out['clusters'][method]['ends_higher']}")
    if "anderson" in methods:
        run.goal("evaluations, Times deaths, Anderson", 30, spread([out["deaths"]["anderson"]]), at_least=False)
        run.goal("evaluations, plain EM / Anderson, overlapping clusters", 10, out["clusters"]["anderson"]["plain_over_this"])
    return out


def whole_fits(run):
    "Default fits, k-means and all: seconds and the ℓ reached. The defaults differ, so look at both."
    sets = [("fifteen", 2), ("faithful", 2), ("iris", 3), ((10_000, 2, 8), 8), ((100_000, 2, 8), 8), ((100_000, 8, 8), 8), ((1_000_000, 1, 3), 3)]
    sets = {"full": sets, "quick": sets[:4], "tiny": sets[:1]}[run.size]
    names, out = [n for n in run.present if PEERS[n].default], []
    for data, K in sets:
        found = {}
        def one(name):
            if name not in found and isinstance(data, str): run.call(name, tasks.default, name, data, K)
            took, *found[name] = run.call(name, tasks.default, name, data, K)
            return took
        seconds, failed = run.turns(names, one, run.repeats if isinstance(data, str) else max(2, run.repeats - 2), budget=run.budget)
        label = data if isinstance(data, str) else f"{cases._round(data[0])} × {data[1]}"
        best = max(l for l, _ in found.values())
        row = {"name": f"{label}, K = {K}", "not_run": failed, "estimator": run.call("emlit", tasks.has_estimator),
               "peers": {n: {"seconds": spread(s), "loglik": found[n][0], "below_best": best - found[n][0], "iterations": found[n][1],
                             "over_emlit": ratios(s, seconds["emlit"]) if "emlit" in seconds else None} for n, s in seconds.items()}}
        out.append(row)
        say(f"\n{row['name']}: whole default fit")
        for n, p in row["peers"].items():
            say(f"  {n:16} {p['seconds']['min']:10.5f} s  {p['below_best']:14.4f} nats below the best" + ("" if p["iterations"] is None else f", {p['iterations']} iterations"))
        for n, why in failed.items(): say(f"  {n:16} not run: {why}")
    return out


def scores(run):
    "Labels, responsibilities and log-densities of all rows by a fitted estimator."
    some = [cases.TINY[0]] if run.size == "tiny" else [cases.ITERATION[i] for i in (0, 1, 3, 4)]
    if run.size == "quick": some = [replace(c, n=c.n // 10) for c in some]
    out, names = [], ["emlit", "scikit-learn"]
    for case in some:
        row = {"name": case.name, "asked": {}}
        for what in tasks.ASKED:
            answers = {n: run.call(n, tasks.score, n, case, what)[1] for n in names} # and to warm up
            seconds, _ = run.turns(names, lambda n: run.call(n, tasks.score, n, case, what)[0], max(2, run.repeats - 2))
            row["asked"][what] = {n: spread(s) for n, s in seconds.items()} | {
                "ratio": ratios(seconds["scikit-learn"], seconds["emlit"]),
                "relative_difference": abs(answers["emlit"] / answers["scikit-learn"] - 1)}
        out.append(row)
        say(f"\n{row['name']}, scikit-learn / emlit: " + ", ".join(f"{what} {a['ratio']['median']:.1f}" for what, a in row["asked"].items()))
    return out


def growth(run):
    "Seconds of one iteration as n, d or K grows, the others fixed."
    sizes = {"n": [Case(n, 2, 4, 4) for n in (10**3, 10**4, 10**5, 10**6)], "d": [Case(20_000, d, 4, 4) for d in (1, 2, 4, 8, 16, 32, 64, 128)],
             "K": [Case(20_000, 4, K, 4) for K in (1, 2, 4, 8, 16, 32, 64)]}
    if run.size == "quick": sizes = {"n": sizes["n"][:3], "d": sizes["d"][:6:2], "K": sizes["K"][:6:2]}
    if run.size == "tiny": sizes = {"n": [Case(100, 2, 2, 2), Case(200, 2, 2, 2)]}
    out = {}
    for what, some in sizes.items():
        out[what] = []
        for case in some:
            case = replace(case, m=40) if case.n <= 10_000 and run.size != "tiny" else case
            pairs = {"emlit": [], "scikit-learn": []}
            for turn in range(max(2, run.repeats - 2) + 1):
                for name in pairs:
                    pair = run.pair(name, case)
                    if turn: pairs[name].append(pair)
            seconds = {name: an_iteration(p, case.m) for name, p in pairs.items()}
            out[what].append({what: getattr(case, what), "n": case.n, "d": case.d, "K": case.K,
                              "seconds": {k: spread(s) for k, s in seconds.items()}, "ratio": ratios(seconds["scikit-learn"], seconds["emlit"])})
    return out


def one_and_two_threads(run):
    "One iteration with one BLAS thread and with two."
    out = []
    for case in [cases.TINY[0]] if run.size == "tiny" else [cases.ITERATION[i] for i in (0, 3, 4)]:
        if run.size == "quick": case = replace(case, n=case.n // 10)
        pairs = {(name, t): [] for name in ("emlit", "scikit-learn") for t in (1, 2)}
        for turn in range(max(2, run.repeats - 2)):
            for name, t in pairs: pairs[name, t].append(run.pair(name, case, threads=t))
        seconds = {who: an_iteration(p, case.m) for who, p in pairs.items()}
        out.append({"name": case.name, "seconds": {name: {str(t): spread(seconds[name, t]) for t in (1, 2)} for name in ("emlit", "scikit-learn")},
                    "ratio": {str(t): ratios(seconds["scikit-learn", t], seconds["emlit", t]) for t in (1, 2)}})
    return out


SECTIONS = {f.__name__: f for f in (iteration, fifteen, exponentials, single_precision, in_parts, memory, to_a_likelihood, acceleration, whole_fits, scores, growth, one_and_two_threads)}


# ---------------------------------------------------------------- the end

def show_goals(found):
    say(f"\n{'':74} {'goal':>7} {'median':>8}   min to max")
    for g in found["goals"]:
        say(f"{'met   ' if g['met'] else 'MISSED'} {g['name']:67} {'≥' if g['at_least'] else '≤'} {g['goal']:5g} {g['median']:8.2f}   {g['min']:.2f} to {g['max']:.2f}")
    for name, why in found["absent"].items(): say(f"absent: {name} ({why})")
    say(f"BLAS threads: {blas_threads(found['threads'])}; load before {found['load_before']}, after {found['load_after']}; {found['seconds']:.0f} s")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller data, fewer repeats: about two minutes")
    parser.add_argument("--tiny", action="store_true", help="seconds only: shows that the programme runs, and nothing else")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help="of " + ", ".join(SECTIONS))
    parser.add_argument("--peers", nargs="*", choices=PEERS, metavar="NAME", help="beside emlit and scikit-learn, of " + ", ".join(PEERS))
    parser.add_argument("--threads", type=int, help="of BLAS and OpenMP, for all; by default, as many as each takes")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="the folder for the JSON file and the pictures")
    args = parser.parse_args(argv)
    size = "tiny" if args.tiny else "quick" if args.quick else "full"
    begin = time.perf_counter()
    if args.threads: os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(args.threads)) # workers inherit it
    run = Run(size, args.peers)
    say(f"emlit's benchmarks ({size}): {', '.join(run.present)}; BLAS threads: {blas_threads(run.found['threads'])}; load {run.found['load_before']}")
    try:
        for name in args.only or SECTIONS:
            at = time.perf_counter()
            run.found[name] = SECTIONS[name](run)
            say(f"[{name}: {time.perf_counter() - at:.0f} s, load {load()}]")
    finally: run.close()
    run.found |= {"load_after": load(), "seconds": round(time.perf_counter() - begin, 1)}
    show_goals(run.found)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{size}.json"
    path.write_text(json.dumps(_rounded(run.found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    import pictures
    pictures.draw(path)
    say(f"written: {path.name} and pictures, in {path.parent}")


def _rounded(value):
    "Numbers with as many digits as they deserve: seconds and ratios four, log-likelihoods all."
    if isinstance(value, dict): return {k: v if k in ("loglik", "target") else _rounded(v) for k, v in value.items()}
    if isinstance(value, list): return [_rounded(v) for v in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__": main()
