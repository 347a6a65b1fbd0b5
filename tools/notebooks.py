"Run notebooks: several at a time, telling how far it is, stopping at the first cell that fails."

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class CellFailed(Exception):
    "A cell raised an error; the message says which cell of which notebook, and what it said."


def first_line(source):
    "The first line of a cell that is code, not an option."
    return next((s for s in source.splitlines() if s.strip() and not s.startswith("#|")), "")


def explain(path, nb, error):
    "Say where and why a notebook stopped."
    for number, cell in enumerate(nb.cells, start=1):
        for out in cell.get("outputs", []):
            if out.output_type == "error":
                trace = ANSI.sub("", "\n".join(out.traceback)).rstrip().splitlines()[-25:]
                return "\n".join([
                    f"{path.name}, cell {number}, which starts with: {first_line(cell.source)}",
                    f"{out.ename}: {ANSI.sub('', out.evalue)}", "", *(f"    {s}" for s in trace)])
    return f"{path.name}: {ANSI.sub('', str(error))}"


def join_printed(nb):
    "Put together what a cell printed in several pieces, or every piece becomes a box of its own."
    for cell in nb.cells:
        joined = []
        for out in cell.get("outputs", []):
            if out.output_type == "stream" and joined and joined[-1].get("name") == out.name:
                joined[-1].text += out.text
            else:
                joined.append(out)
        if cell.cell_type == "code":
            cell.outputs = joined


def execute(path, timeout=300, stop=None):
    "Run one notebook in a fresh kernel and return it with its outputs; the file stays as it is."
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:  # nothing of an earlier run may pass for a result of this one
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None

    def give_up(**_):
        if stop is not None and stop.is_set():
            raise InterruptedError(path.name)

    client = NotebookClient(nb, timeout=timeout, kernel_name="python3", record_timing=False,
                            extra_arguments=["--log-level=ERROR"],
                            on_cell_start=give_up, resources={"metadata": {"path": str(path.parent)}})
    try:
        asyncio.run(client.async_execute())  # not client.execute(), which leaves its event loop open
    except CellExecutionError as e:
        raise CellFailed(explain(path, nb, e)) from None
    except TimeoutError:
        raise CellFailed(f"{path.name}: a cell ran for more than {timeout} s") from None
    join_printed(nb)
    return nb


def execute_all(paths, workers=None):
    "Run notebooks side by side; returns {path: notebook}, or raises CellFailed for the first that fails."
    workers = max(1, min(workers or os.cpu_count() or 1, len(paths)))
    print(f"Running {len(paths)} notebooks, {workers} at a time:", flush=True)
    done, stop, start = {}, threading.Event(), time.time()

    def timed(path):
        begin = time.time()
        return execute(path, stop=stop), time.time() - begin

    longest_first = sorted(paths, key=lambda p: -p.stat().st_size)
    with tempfile.TemporaryDirectory() as profile, ThreadPoolExecutor(workers) as pool:
        os.environ["IPYTHONDIR"] = profile        # no reader's own start-up files, no shared history
        os.environ.setdefault("EMLIT_PLOTLY", "fragment")
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
        jobs = {pool.submit(timed, p): p for p in longest_first}
        try:
            for job in as_completed(jobs):
                path = jobs[job]
                done[path], seconds = job.result()
                print(f"  {len(done):2d}/{len(paths)}  {path.name:32s} {seconds:5.1f} s", flush=True)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    print(f"All notebooks ran, in {time.time() - start:.0f} s.", flush=True)
    return done


def nbdev(command, cwd=ROOT):
    "Run one of nbdev's commands from the environment this script runs in."
    subprocess.run([Path(sys.executable).parent / command], cwd=cwd, check=True)


def main():
    parser = argparse.ArgumentParser(description="Re-execute notebooks in place: export, run, save, clean, write README.md.")
    parser.add_argument("notebooks", nargs="*", help="file names in nbs/, all by default")
    names = parser.parse_args().notebooks
    paths = [ROOT / "nbs" / Path(n).name for n in names] or sorted((ROOT / "nbs").glob("*.ipynb"))
    nbdev("nbdev_export")
    try:
        results = execute_all(paths)
    except CellFailed as e:
        sys.exit(f"\nA cell failed, so no notebook was saved.\n{e}")
    for path, nb in results.items():
        nbformat.write(nb, path)
    nbdev("nbdev_clean")
    nbdev("nbdev_export")
    subprocess.run([sys.executable, ROOT / "tools" / "readme.py"], check=True)


if __name__ == "__main__":
    main()
