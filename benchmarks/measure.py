"How things are measured: each competitor in a process of its own, turn by turn, and what machine this is."
import multiprocessing
import os
import platform
import statistics
import sysconfig
import time # noqa: for a worker to sleep in a test
import warnings
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

SPAWN = multiprocessing.get_context("spawn") # a fresh interpreter: no threads or memory of another competitor


def _serve(pipe):
    "The other side: carry out calls until the pipe closes."
    warnings.simplefilter("ignore")
    while True:
        try: f, args, kw = pipe.recv()
        except EOFError: return
        try: pipe.send((True, f(*args, **kw)))
        except Exception as error: pipe.send((False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"))


class Failed(Exception):
    "A call did not end well; the message says how."


class Worker:
    "A process that carries out calls of module-level functions, one at a time. It sleeps in between."

    def __init__(self): self.process = None

    def call(self, f, *args, timeout=120, **kw):
        "f(*args, **kw), over there. Raises Failed for an exception, a crash, or no answer in time."
        if self.process is None:
            self.pipe, theirs = SPAWN.Pipe()
            self.process = SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
            self.process.start()
            theirs.close()
        self.pipe.send((f, args, kw))
        try:
            if not self.pipe.poll(timeout): raise Failed(f"no answer within {timeout} s")
            good, result = self.pipe.recv()
        except (EOFError, OSError):
            self.close()
            raise Failed("the process died (out of memory, or a crash)") from None
        except Failed:
            self.close()
            raise
        if not good: raise Failed(result)
        return result

    def close(self):
        if self.process is not None:
            self.process.terminate()
            self.process.join()
            self.pipe.close()
            self.process = None


def spread(values):
    "Minimum, median and maximum; None for a figure that is not there."
    return {"min": min(values), "median": statistics.median(values), "max": max(values), "repeats": len(values)}


def ratios(theirs, ours):
    "Their seconds over ours, turn by turn; and `best`, the minimum of theirs over the minimum of ours, which load hurts least."
    return spread([a / b for a, b in zip(theirs, ours)]) | {"best": min(theirs) / min(ours)}


def load(): return [round(a, 2) for a in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _processor():
    "The processor's name, as well as the system tells it."
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration): return platform.processor() or platform.machine()


def _memory():
    "Memory in GiB, or None."
    try: return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError): return None


def machine():
    "What the run depends on. No name of the host."
    return {"processor": _processor(), "cores": os.cpu_count(), "memory_gib": _memory(),
            "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version() + (" free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""),
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")}


def versions():
    "Of the libraries below."
    found = {}
    for name in ("numpy", "scipy", "scikit-learn", "threadpoolctl", "joblib", "torch"):
        try: found[name] = version(name)
        except PackageNotFoundError: pass
    return found


def threads():
    "The thread pools of BLAS and OpenMP in a fresh process, and what the environment says of them."
    import numpy, scipy.linalg, sklearn.cluster # noqa: their libraries have to be loaded
    from threadpoolctl import threadpool_info
    pools = [{k: p.get(k) for k in ("user_api", "internal_api", "num_threads", "version")} for p in threadpool_info()]
    unique = [p for i, p in enumerate(pools) if p not in pools[:i]]
    return {"pools": unique, "environment": {k: os.environ[k] for k in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS") if k in os.environ}}


def blas_threads(pools):
    "The number of BLAS threads."
    return max((p["num_threads"] for p in pools["pools"] if p["user_api"] == "blas"), default=None)


def say(*words): print(*words, flush=True)
