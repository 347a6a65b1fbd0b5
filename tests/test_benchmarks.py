"The benchmarks run, agree on ℓ, and write all that they should. Nothing here is timed."

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emlit import Mixture, MultivariateNormal, fit

HERE = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(HERE))
import cases  # noqa: E402
import measure  # noqa: E402
import naive  # noqa: E402

pytestmark = pytest.mark.slow

SECTIONS = {"iteration", "fifteen", "exponentials", "single_precision", "in_parts", "memory", "to_a_likelihood", "whole_fits", "scores", "growth", "one_and_two_threads"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "What a run on tiny data writes and prints."
    out = tmp_path_factory.mktemp("results")
    done = subprocess.run([sys.executable, HERE / "run.py", "--tiny", "--peers", "textbook loops", "--out", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((out / "tiny.json").read_text(encoding="utf-8")), done.stdout, out


def test_all_sections_are_there(written):
    found, _, out = written
    assert SECTIONS <= set(found)
    assert {"machine", "versions", "absent", "threads", "load_before", "load_after", "seconds", "goals"} <= set(found)
    assert {"emlit", "scikit-learn", "textbook loops", "numpy"} <= set(found["versions"])
    assert {p.name for p in out.glob("*.png")} == {"tiny-iteration.png", "tiny-growth.png", "tiny-memory.png"}


def test_all_reach_the_same_loglik(written):
    for row in written[0]["iteration"]:
        assert {"emlit", "scikit-learn", "textbook loops"} <= set(row["peers"])
        for name, peer in row["peers"].items():
            assert peer["agrees"] and peer["relative_difference"] < 1e-8, name


def test_figures_are_ratios_with_a_spread(written):
    found = written[0]
    for row in found["iteration"]:
        for peer in row["peers"].values():
            assert 0 < peer["over_emlit"]["min"] <= peer["over_emlit"]["median"] <= peer["over_emlit"]["max"]
    for goal in found["goals"]:
        assert {"name", "goal", "at_least", "met", "min", "median", "max"} <= set(goal)


def test_estimators_answer_the_same(written):
    for row in written[0]["scores"]:
        assert all(asked["relative_difference"] < 1e-4 for asked in row["asked"].values()) # reg_covar, and where each stops


def test_absent_peers_are_named_with_a_reason(written):
    found, printed, _ = written
    assert set(found["absent"]) == {"tgmm", "pomegranate", "mlpack", "mclust (R)", "mixem"}
    assert all(found["absent"].values())
    assert all(f"absent: {name} (" in printed for name in found["absent"])


def test_naive_loops_agree_with_the_package():
    x, start = cases.load(cases.Case(60, 2, 3, 1))
    trace = fit(Mixture(start.weights, MultivariateNormal(start.means, start.covs)), x, tol=0, max_iter=4)
    weights, means, covs = naive.em(x, *start, 4)
    assert_allclose(weights, trace.model.weights, rtol=1e-10)
    assert_allclose(means, trace.model.components[0].mean, rtol=1e-10, atol=1e-10)
    assert_allclose(covs, trace.model.components[0].cov, rtol=1e-10, atol=1e-10)
    assert_allclose(cases.loglik(x, cases.Parameters(weights, means, covs)), trace.loglik, rtol=1e-12)


def test_a_worker_reports_what_goes_wrong():
    worker = measure.Worker()
    assert worker.call(max, 1, 2) == 2
    with pytest.raises(measure.Failed, match="ZeroDivisionError"): worker.call(divmod, 1, 0)
    with pytest.raises(measure.Failed, match="no answer within"): worker.call(measure.time.sleep, 60, timeout=0.2)
    with pytest.raises(measure.Failed, match="process died"): worker.call(measure.os._exit, 1)
    assert worker.call(max, 1, 2) == 2 # a new process
    worker.close()


@pytest.mark.parametrize("path", sorted((HERE / "results").rglob("*.json")), ids=lambda p: p.name)
def test_stored_results_say_where_they_come_from(path):
    text = path.read_text(encoding="utf-8")
    found = json.loads(text)
    assert {"processor", "cores", "memory_gib", "system", "python", "date"} == set(found["machine"])
    assert "numpy" in found["versions"]
    assert platform.node() not in text or len(platform.node()) < 4
    assert path.stat().st_size < 200_000
    if "rows" in found or "table" in found: return # counts, not times beside peers
    assert found["load_before"] and found["load_after"] and found["goals"]
    for row in found["iteration"]:
        assert row["peers"]["emlit"]["agrees"], row["name"]


def test_the_front_page_promises_no_more_than_was_measured():
    assert "more than thirty times as long" in (HERE.parent / "README.md").read_text(encoding="utf-8")
    path = HERE / "results" / "full.json"
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", path], cwd=HERE).returncode: pytest.skip("these figures are of your own machine")
    found = json.loads(path.read_text(encoding="utf-8"))
    goal = next(g for g in found["goals"] if g["name"].endswith("one iteration, 10⁶ × 2, K = 8"))
    assert found["size"] == "full" and 30 < goal["median"]


def test_parts_and_processes_reach_the_same_loglik(written):
    found = written[0]["in_parts"]
    assert found["relative_difference"] < 1e-12
    assert {"array", "file, one process", "file, two processes"} <= set(found["ways"])


def test_the_stored_runs_say_which_python_they_are_from():
    for folder, free in {"results": False, "results/free-threaded": True}.items():
        found = json.loads((HERE / folder / "full.json").read_text(encoding="utf-8"))
        assert ("free-threaded" in found["machine"]["python"]) == free and found["goals"]


def test_the_table_of_stops_is_the_stored_one():
    "Chapter 3 shows what `stopping.py` found; and a part of its runs can be made."
    table = json.loads((HERE / "results" / "stopping.json").read_text(encoding="utf-8"))["table"]
    chapter = (HERE.parent / "nbs" / "03_em.ipynb").read_text(encoding="utf-8")
    for r in table:
        line = [f"{r['tol']:.0e}", f"{100 * r['before']:.1f} %", f"{100 * r['after']:.1f} %", *(f"{r[k]:.0f}" for k in ("steps_before", "steps_after", "e_steps_after"))]
        assert f"| {' | '.join(line)} |" in chapter
    done = subprocess.run([sys.executable, HERE / "stopping.py", "--every", "300"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count("\n") == 2 + len(table), done.stderr[-3000:]


def test_starts_are_compared(tmp_path):
    done = subprocess.run([sys.executable, HERE / "starts.py", "--tiny", "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    made = json.loads((tmp_path / "tiny-starts.json").read_text(encoding="utf-8"))["rows"]
    stored = json.loads((HERE / "results" / "starts.json").read_text(encoding="utf-8"))["rows"]
    assert made[0].keys() == stored[0].keys() and [r["name"] for r in made] == ["fifteen", "faithful"]
    for row in made: assert abs(row["emlit"]["above"]) < 0.1 # one top, for all
