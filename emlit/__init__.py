"""emlit: the EM algorithm, derived step by step and ready for use.

`import emlit` loads NumPy and SciPy only. `emlit.plots` and `emlit.coins` are loaded when they are first used."""
__version__ = "0.1.0"

from importlib import import_module

from emlit.bound import elbo, entropy, kl, q_function
from emlit.families import Bernoulli, Binomial, Degenerate, Family, Stats
from emlit.fitting import Step, Trace, em, fit
from emlit.mixture import Expectation, Mixture

__all__ = ["Bernoulli", "Binomial", "Degenerate", "Expectation", "Family", "Mixture", "Stats", "Step", "Trace",
           "elbo", "em", "entropy", "fit", "kl", "q_function"]


def __getattr__(name):
    "Load `emlit.plots` (with matplotlib and plotly) and `emlit.coins` on first use."
    if name in ("coins", "plots"): return import_module(f"emlit.{name}")
    raise AttributeError(f"module 'emlit' has no attribute {name!r}")
