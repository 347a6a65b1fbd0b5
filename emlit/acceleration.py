"""The old path of `emlit.algorithm.acceleration`."""
from emlit.algorithm import acceleration


def __getattr__(name): return getattr(acceleration, name)
