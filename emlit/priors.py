"""The older path of `emlit.models.priors`, for as long as modules move."""
from emlit.models.priors import *
from emlit.models.priors import __all__
