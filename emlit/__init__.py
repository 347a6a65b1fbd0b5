"""emlit: the EM algorithm, derived step by step and ready for use.

`import emlit` loads NumPy and SciPy only. The other modules, and the estimators, are loaded when they are first used."""
__version__ = "0.1.0"

from importlib import import_module

from emlit.bound import elbo, entropy, kl, q_function
from emlit.chunks import Chunks
from emlit.families import (Bernoulli, Binomial, Categorical, Degenerate, Exponential, Family, Gamma, Geometric, Moments,
                            Multinomial, MultivariateNormal, Normal, Poisson, Stats, Uniform, Univariate, scale_floor)
from emlit.fitting import Step, Trace, em, fit
from emlit.missing import impute, regress
from emlit.mixture import Expectation, Mixture
from emlit.online import Stream, incremental_em, online_em
from emlit.priors import Prior
from emlit.selection import aic, bic, icl
from emlit.squashing import squash
from emlit.uncertainty import bootstrap, bootstrap_lrt, canonical, match, multistart, permute, standard_errors

__all__ = ["Bernoulli", "Binomial", "Categorical", "Chunks", "Degenerate", "Expectation", "Exponential", "Family",
           "Gamma", "GaussianMixture", "Geometric", "Mixture", "MixtureModel", "Moments", "Multinomial",
           "MultivariateNormal", "Normal", "Poisson", "Prior", "Stats", "Step", "Stream", "Trace", "Uniform",
           "Univariate", "aic", "bic", "bootstrap", "bootstrap_lrt", "canonical", "elbo", "em", "entropy", "fit",
           "icl", "impute", "incremental_em", "kl", "match", "multistart", "online_em", "permute", "q_function",
           "regress", "scale_floor", "select", "squash", "standard_errors"]


def __getattr__(name):
    "Load the other modules on first use; `emlit.plots` brings matplotlib and plotly with it, the estimators scikit-learn, `emlit.compiled` needs numba."
    if name in ("coins", "compiled", "data", "estimators", "plots", "starts"): return import_module(f"emlit.{name}")
    if name in ("GaussianMixture", "MixtureModel", "select"): return getattr(import_module("emlit.estimators"), name)
    raise AttributeError(f"module 'emlit' has no attribute {name!r}")
