"""The pictures of a run, drawn from its JSON file alone.

python benchmarks/pictures.py [results/full.json]
"""
import json
import sys
from pathlib import Path

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from emlit.plots import DASHES, MARKERS, PALETTE, style


def draw(path):
    "Write a PNG beside the JSON file for each section that it holds."
    path = Path(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    for name, f in {"iteration": iteration, "growth": growth, "memory": memory}.items():
        if not found.get(name): continue
        with style():
            fig = f(found)
            fig.savefig(path.with_name(f"{path.stem}-{name}.png"), dpi=110, metadata={"Software": None})
            plt.close(fig)


def _label(found):
    m = found["machine"]
    return f"{m['processor']}, {m['cores']} cores, load {found['load_before'][0] if found['load_before'] else '?'} at the start, {m['date'][:10]}"


def iteration(found):
    "Seconds of an iteration of each peer over emlit's, case by case."
    rows = found["iteration"]
    peers = [n for n in found["versions"] if any(n in r["peers"] and n != "emlit" for r in rows)]
    fig, ax = plt.subplots(figsize=(6, 0.75 * len(rows) + 1.8))
    for j, name in enumerate(peers):
        seen = [(i, r["peers"][name]["over_emlit"]) for i, r in enumerate(rows) if name in r["peers"]]
        y, mid = [i for i, _ in seen], np.array([o["median"] for _, o in seen])
        wide = np.abs([[o["median"] - o["min"], o["max"] - o["median"]] for _, o in seen]).T
        ax.errorbar(mid, np.array(y) + 0.07 * (j - len(peers) / 2), xerr=wide, fmt=MARKERS[j % 6], color=PALETTE[j % 6], lw=1, ms=5,
                    mfc="white" if j >= 6 else None, label=name)
    goals = {g["name"].split("iteration, ")[-1]: g["goal"] for g in found["goals"] if "one iteration, " in g["name"] and g["name"].startswith("scikit")}
    for i, r in enumerate(rows):
        if r["name"] in goals: ax.plot([goals[r["name"]]] * 2, [i - .4, i + .4], color="#111111", lw=1.2, label="goal for scikit-learn" if i == 0 else None)
    ax.axvline(1, color="#777777", lw=1, ls=":")
    ax.set(xscale="log", yticks=range(len(rows)), yticklabels=[r["name"].replace(", K", ",\nK") for r in rows], xlabel="seconds of an iteration over emlit's")
    ax.set_title(_label(found), fontsize=8, loc="left")
    ax.invert_yaxis()
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    return fig


def growth(found):
    "Log–log: seconds of an iteration against n, d and K."
    panels = found["growth"]
    fig, axes = plt.subplots(len(panels), figsize=(5, 2.3 * len(panels)), squeeze=False)
    for ax, (what, rows) in zip(axes[:, 0], panels.items()):
        at = [r[what] for r in rows]
        for j, name in enumerate(rows[0]["seconds"]):
            s = [r["seconds"][name] for r in rows]
            ax.plot(at, [v["min"] for v in s], DASHES[j], marker=MARKERS[j], color=PALETTE[j], label=name)
            ax.fill_between(at, [v["min"] for v in s], [v["max"] for v in s], color=PALETTE[j], alpha=.15, lw=0)
        fixed = ", ".join(f"{k} = {rows[0][k]}" for k in ("n", "d", "K") if k != what)
        ax.set(xscale="log", yscale="log", xlabel=what, ylabel="seconds", title=fixed)
    axes[0][0].legend()
    return fig


def memory(found):
    "Memory beyond X, in units of X, against K."
    rows = found["memory"]
    fig, ax = plt.subplots(figsize=(5, 3))
    at = [r["K"] for r in rows]
    ways = [(n, w) for n in ("emlit", "scikit-learn") for w in ("iterations", "default") if all(f"{w}_arrays" in r["peers"][n] for r in rows)]
    for j, (n, w) in enumerate(ways):
        ax.plot(at, [r["peers"][n][f"{w}_arrays"] for r in rows], DASHES[j], marker=MARKERS[j], color=PALETTE[j], label=f"{n}, {'EM alone' if w == 'iterations' else 'default fit'}")
    ax.axhline(1, color="#777777", lw=1, ls=":")
    ax.set(xscale="log", yscale="log", xlabel="components K", ylabel="memory beyond X, over X", xticks=at, xticklabels=at)
    ax.minorticks_off()
    ax.legend()
    return fig


if __name__ == "__main__": draw(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent / "results" / "full.json")
