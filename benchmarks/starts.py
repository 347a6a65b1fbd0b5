"""How high do default starts lead? emlit's default with n_init=10, for ten seeds, beside scikit-learn's four recipes.

    python benchmarks/starts.py            about ten minutes; writes results/starts.json
    python benchmarks/starts.py --tiny     seconds, to see that it runs

All log-likelihoods are computed by the same plain formula (cases.loglik); seconds are processor time, with one thread for
both. scikit-learn adds 1e-6 to each variance. Where an end lies on that border (a variance below 2e-6 in some direction) its
log-likelihood has no maximum but for what was added: such ends are counted, and not compared.
"""
import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"): os.environ[name] = "1" # before NumPy is imported

import argparse
import json
import time
import warnings
from pathlib import Path

import cases
import numpy as np
import tasks
from measure import machine, versions
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Theirs

import emlit

HERE = Path(__file__).resolve().parent
RECIPES = "kmeans", "k-means++", "random_from_data", "random"
SETS = [("fifteen", 2), ("faithful", 2), ("faithful", 3), ("iris", 3), ((10_000, 2, 8), 8), ((20_000, 2, 5), 5), ((100_000, 1, 3), 3),
        ((100_000, 2, 8), 8), ((100_000, 8, 8), 8), ((1_000_000, 1, 3), 3)]


def fitted(estimator, x):
    "Processor seconds of a fit, its ℓ, and whether it is sound: on no border, and not said to be one of two alike."
    at = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (ConvergenceWarning, RuntimeWarning))
        estimator.fit(x)
    took = time.process_time() - at
    found = cases.Parameters(estimator.weights_, estimator.means_, estimator.covariances_)
    sound = np.linalg.eigvalsh(estimator.covariances_).min() > 2e-6 and getattr(estimator, "reason_", "") not in ("guarded", "identical", "degenerate")
    return took, cases.loglik(x, found), bool(sound)


def compare(data, K, n_init, seeds):
    "One row of the table."
    x = tasks.dataset(data)
    theirs = [fitted(Theirs(K, n_init=n_init, init_params=recipe, random_state=0, max_iter=10_000), x) for recipe in RECIPES]
    ours, single = ([fitted(emlit.GaussianMixture(K, n_init=n, random_state=seed), x) for seed in range(seeds)] for n in (n_init, 1))
    best = max(loglik for _, loglik, sound in theirs if sound)
    level = lambda runs: float(np.median([loglik if sound else -np.inf for _, loglik, sound in runs]))
    return {"name": data if isinstance(data, str) else f"{cases._round(data[0])} × {data[1]}", "n": len(x), "K": K,
            "scikit-learn": {"best": best, "seconds": sum(t for t, _, _ in theirs), "on_the_border": sum(not sound for *_, sound in theirs)},
            "emlit": {"above": level(ours) - best, "lowest": min(l for _, l, _ in ours) - best, "seconds": float(np.median([t for t, _, _ in ours])),
                      "reached": float(np.mean([sound and l > best - 0.01 for _, l, sound in ours]))},
            "emlit, one start": {"above": level(single) - best, "seconds": float(np.median([t for t, _, _ in single])),
                                 "reached": float(np.mean([sound and l > best - 0.01 for _, l, sound in single]))}}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="two small data sets, two starts, two seeds")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="the folder for starts.json")
    args = parser.parse_args(argv)
    sets, n_init, seeds = (SETS[:2], 2, 2) if args.tiny else (SETS, 10, 10)
    rows = []
    for data, K in sets:
        rows.append(row := compare(data, K, n_init, seeds))
        print(f"{row['name']:12} K = {K}: median {row['emlit']['above']:+10.4f} nats over scikit-learn's best, reached by {row['emlit']['reached']:.0%}; "
              f"seconds {row['emlit']['seconds']:.2f} and {row['scikit-learn']['seconds']:.2f}; one start: {row['emlit, one start']['reached']:.0%}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / ("tiny-starts.json" if args.tiny else "starts.json")
    path.write_text(json.dumps({"machine": machine(), "versions": versions(), "n_init": n_init, "seeds": seeds, "rows": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__": main()
