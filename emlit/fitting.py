"""The old path of what is in `emlit.algorithm` now."""
from emlit.algorithm import beginning, diagnosis, fitting, loop, stopping


def __getattr__(name):
    if name == "_check_model": return beginning.check_model
    for home in (fitting, diagnosis, stopping, loop):
        if name in vars(home): return vars(home)[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
