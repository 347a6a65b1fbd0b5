"""emlit: the EM algorithm, derived step by step and ready for use.

`import emlit` loads NumPy alone; SciPy comes when something first needs it. The other modules, and the estimators, are loaded when they are first used."""
__version__ = "0.1.0"

import pkgutil as _pkgutil
from importlib import import_module as _import_module

from emlit.sources import Chunks, Source
from emlit.foundations.errors import Degenerate, EMWarning, Impossible, MissingValue
from emlit.families import (Bernoulli, Binomial, Categorical, Exponential, Family, Gamma, Geometric, Moments,
                            Multinomial, MultivariateNormal, Normal, Poisson, Stats, Uniform, Univariate, scale_floor)
from emlit.algorithm.acceleration import SQUAREM, Accelerator, Anderson
from emlit.algorithm.fitting import Trace, fit
from emlit.algorithm.loop import Step, em
from emlit.algorithm.stopping import Aitken, LastGain, StoppingRule
from emlit.inference import (aic, bic, bootstrap, bootstrap_lrt, canonical, elbo, entropy, icl, kl, match, multistart, permute,
                             q_function, standard_errors)
from emlit.models import Expectation, Mixture, Model, Prior, impute, regress
from emlit.algorithm.online import Stream, incremental_em, online_em
from emlit.sources import squash

__all__ = ["Accelerator", "Aitken", "Anderson", "Bernoulli", "Binomial", "Categorical", "Chunks",
           "Degenerate", "EMWarning", "Expectation", "Exponential", "Family", "Gamma",
           "GaussianMixture", "Geometric", "Impossible", "LastGain", "MissingValue", "Mixture",
           "MixtureModel", "Model", "Moments", "Multinomial", "MultivariateNormal", "Normal",
           "Poisson", "Prior", "SQUAREM", "Source", "Stats", "Step", "StoppingRule", "Stream",
           "Trace", "Uniform", "Univariate", "aic", "bic", "bootstrap", "bootstrap_lrt",
           "canonical", "elbo", "em", "entropy", "fit", "icl", "impute", "incremental_em", "kl",
           "match", "multistart", "online_em", "permute", "q_function", "regress", "scale_floor",
           "select", "squash", "standard_errors"]


_LAZY = {name: "estimators" for name in ("GaussianMixture", "MixtureModel", "select")}


def _modules(): return sorted(m.name for m in _pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def __getattr__(name):
    "Load the other modules on first use; `emlit.plots` brings matplotlib and plotly with it, the estimators scikit-learn, `emlit.engine.compiled` needs numba."
    if name in _LAZY: return getattr(_import_module(f"emlit.{_LAZY[name]}"), name)
    if not name.startswith("_") and name in _modules(): return _import_module(f"emlit.{name}")
    raise AttributeError(f"module 'emlit' has no attribute {name!r}")


def __dir__(): return sorted({*__all__, *_modules(), *(n for n in globals() if n.startswith("__"))})
