"The Laplace family, as a user would write it: several tests compose it with everything."
from dataclasses import dataclass

import numpy as np

from emlit import Family, Stats


@dataclass(frozen=True, eq=False)
class Laplace(Family):
    "It declares its known centres, and no more."
    centre: np.ndarray
    scale: np.ndarray
    constants = ("centre",)
    def distance(self, x): return np.abs(np.asarray(x)[:, None] - self.centre)
    def log_prob(self, x): return -self.distance(x) / self.scale - np.log(2 * self.scale)
    def statistics(self, x, r): return Stats(r.sum(0), (r * self.distance(x)).sum(0))
    def maximise(self, stats, freeze=(), prior=None): return self if "scale" in freeze else Laplace(self.centre, stats.total / stats.weight)
    def sample(self, rng, n): return rng.laplace(self.centre, self.scale, (n, len(self.scale)))
