"""The old path of `emlit.algorithm.online`."""
from emlit.algorithm import online


def __getattr__(name): return getattr(online, name)
