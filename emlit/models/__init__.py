"""What is fitted: mixtures, models of one's own, and what is known beside the rows."""
from emlit.models.missing import conditional, impute, regress
from emlit.models.mixture import Expectation, Mixture, log_normalise
from emlit.models.model import Model, frozen_names
from emlit.models.priors import Prior
