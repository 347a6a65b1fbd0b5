"""Mixtures with the interface of scikit-learn, and what they do differently."""
from emlit.estimators.gaussian import GaussianMixture
from emlit.estimators.mixture import MixtureModel
from emlit.estimators.parameters import InvalidParameter
from emlit.estimators.search import Selection, select

__all__ = ["GaussianMixture", "InvalidParameter", "MixtureModel", "Selection", "select"]
