"""What is fitted: mixtures, models of one's own, and what is known beside the rows."""
from emlit.models.missing import impute, regress
from emlit.models.mixture import Expectation, Mixture
from emlit.models.model import Model
from emlit.models.priors import Prior
