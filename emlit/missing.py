"""The older path of `emlit.models.missing` and `emlit.foundations.batch`, for as long as modules move."""
from emlit.foundations.batch import as_labels, filled, patterns, refuse_empty_columns
from emlit.models.missing import *
from emlit.models.missing import __all__
