"""The old path of what is in `emlit.algorithm` now."""
from emlit.algorithm import diagnosis, fitting, loop, stopping


def __getattr__(name):
    for home in (fitting, diagnosis, stopping, loop):
        if name in vars(home): return vars(home)[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
