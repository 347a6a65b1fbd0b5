"""The genetic-linkage multinomial of Dempster, Laird & Rubin (1977): a model for `em` that is no mixture."""
from typing import NamedTuple

import numpy as np


class Expected(NamedTuple):
    loglik: float
    hidden: float # expected part of the first count that carries θ
    counts: np.ndarray


class Linkage:
    "Counts in four cells of probability 1/2 + θ/4, (1 − θ)/4, (1 − θ)/4, θ/4."
    def __init__(self, theta): self.theta = float(theta)

    def e_step(self, x):
        p = np.array([2 + self.theta, 1 - self.theta, 1 - self.theta, self.theta]) / 4
        return Expected(float(np.dot(x, np.log(p))), x[0] * self.theta / (2 + self.theta), x)

    def m_step(self, expected):
        _, hidden, (_, b, c, d) = expected
        return Linkage((hidden + d) / (hidden + b + c + d))

    def parameters(self): return {"theta": self.theta}
    def replace(self, changes): return Linkage(changes.get("theta", self.theta))
