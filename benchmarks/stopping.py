"""How often a fit stops too early: with more than 1 nat, and ten times what tol leaves, still to be gained.

Twelve data sets, six structures, K = 2 … 6, two random starts: 720 runs for each tol. "before" trusts Aitken's
estimate alone; "after" is `fit`, which takes two looks ahead before it believes a tol above 1e-8. What was still
to be gained is told by the same path of EM, followed until 1e-10 a row are left, and accelerated from there on.

    python benchmarks/stopping.py            # about ten minutes; writes results/stopping.json, prints the table
    python benchmarks/stopping.py --every 24 # a part of the runs, and nothing is written
"""
import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from measure import machine, versions
from sklearn import datasets

from emlit import Mixture, MultivariateNormal, em, fit, scale_floor
from emlit.algorithm.loop import remaining_gain, rounding
from emlit.algorithm.stopping import gain_verdict
from emlit.data import load_faithful, load_iris
from emlit.sources import Rows
from emlit.starts import random_points, start

TOLS = 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8
STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"
MOST = 2500 # steps of a path


def groups(seed, n, d, K, apart):
    "K normal groups in d columns."
    rng = np.random.default_rng(seed)
    mean, z = rng.normal(size=(K, d)) * apart, rng.integers(K, size=n)
    root = rng.normal(size=(K, d, d)) / np.sqrt(d) + np.eye(d)
    return mean[z] + np.einsum("nij,nj->ni", root[z], rng.normal(size=(n, d)))


def tables():
    "The data, by name."
    unit = lambda x: (x - x.mean(0)) / x.std(0)
    wine, cancer, sugar = (unit(f().data) for f in (datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes))
    iris = load_iris()
    return {"faithful": load_faithful(), "iris": iris[0] if isinstance(iris, tuple) else iris, "wine": wine, "wine, 4 columns": wine[:, :4],
            "cancer, 5 columns": cancer[:, :5], "diabetes, 4 columns": sugar[:, [0, 2, 3, 4]],
            "3 near groups": groups(1, 400, 2, 3, 1.5), "4 far groups": groups(2, 400, 3, 4, 4.0), "4 groups, 5 columns": groups(3, 600, 5, 4, 2.0),
            "one group": np.random.default_rng(5).normal(size=(300, 2)), "heavy tails": np.random.default_rng(4).standard_t(3, size=(300, 2)),
            "a square": np.random.default_rng(6).random((300, 2))}


def begin(x, structure, K, i):
    "A random start: i = 0, one M-step from responsibilities of random rows; i = 1, random rows as means, each with the covariance of all."
    rng = np.random.default_rng([i, K, len(structure), len(x)])
    floor = scale_floor(x, structure)
    if i == 0: return start(MultivariateNormal, x, random_points(x, K, rng), structure=structure, floor=floor)
    cov = start(MultivariateNormal, x, np.ones((len(x), 1)), structure=structure, floor=floor).components[0].cov
    cov = cov if structure.startswith("tied") else np.repeat(cov, K, axis=0)
    return Mixture(np.full(K, 1 / K), MultivariateNormal(x[rng.choice(len(x), K, False)], cov, structure, floor))


def path(model, x):
    "What plain EM climbs, and the ℓ where it would end."
    n, values = len(x), []
    for step in em(model, x, max_iter=MOST):
        values.append(step.loglik)
        if remaining_gain(values[-4:], rounding(step.loglik, n)) <= 1e-10 * n: break
    return values, max(max(values), fit(step.model, x, accelerate="auto", keep="ends", tol=1e-10, max_iter=3000).loglik)


class Counted(Rows):
    "Rows that count the E-steps over them, those of looks ahead too."
    n = 0
    def e_step(self, model, **options):
        object.__setattr__(self, "n", self.n + 1)
        return super().e_step(model, **options)
    def prepared(self, reader): return self


def one(x, structure, K, i):
    "For each tol: what the old rule and the new one left to be gained, and took."
    model, n = begin(x, structure, K, i), len(x)
    values, top = path(model, x)
    for tol in TOLS:
        t = next((t for t in range(len(values)) if gain_verdict(values[max(0, t - 3):t + 1], n, tol)), len(values) - 1)
        trace = fit(model, counted := Counted(x), tol=tol, keep="ends", max_iter=MOST)
        yield {"tol": tol, "n": n, "before": top - values[t], "steps_before": t, "after": top - trace.loglik,
               "steps_after": trace.n_iter, "e_steps_after": counted.n}


def summary(rows):
    "The table: how often too early, and at what price."
    for tol in TOLS:
        mine = [r for r in rows if r["tol"] == tol]
        stopped = {k: [r for r in mine if r[f"steps_{k}"] < MOST] for k in ("before", "after")} # the others ran out of iterations, and say so
        early = {k: sum(r[k] > max(1, 10 * tol * r["n"]) for r in stopped[k]) / len(mine) for k in stopped}
        nat = {f"{k}_over_1_nat": sum(r[k] > 1 for r in stopped[k]) / len(mine) for k in stopped}
        most = {f"{k}_worst": round(float(max(r[k] for r in stopped[k])), 2) for k in stopped}
        price = {k: round(float(np.mean([r[k] for r in mine])), 1) for k in ("steps_before", "steps_after", "e_steps_after")}
        median = {f"{k}_median": float(np.median([r[k] for r in mine])) for k in ("steps_before", "steps_after", "e_steps_after")}
        yield {"tol": tol, "runs": len(mine)} | early | nat | most | price | median


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="take each so manieth run only")
    every = parser.parse_args().every
    begun, rows, todo = time.process_time(), [], [(name, s, K, i) for name in tables() for s in STRUCTURES for K in range(2, 7) for i in (0, 1)]
    data = {name: np.asarray(x, float) for name, x in tables().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for name, *rest in todo[::every]: rows += [{"data": name} | r for r in one(data[name], *rest)]
    table = list(summary(rows))
    print("| tol | too early, before | after | steps, before | after | E-steps, looks included |\n|---|---|---|---|---|---|")
    for r in table:
        print(f"| {r['tol']:.0e} | {100 * r['before']:.1f} % | {100 * r['after']:.1f} % | {r['steps_before']:.0f} | {r['steps_after']:.0f} | {r['e_steps_after']:.0f} |")
    if every == 1:
        found = {"machine": machine(), "versions": versions(), "table": table, "runs": len(todo), "how": "one call of stopping.py", "cpu_seconds": round(time.process_time() - begun, 1)}
        (Path(__file__).parent / "results" / "stopping.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__": main()
