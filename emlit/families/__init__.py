"Families of distributions: K of one kind, side by side."
from emlit.families.constraints import KINDS, directions, kinds, n_free
from emlit.families.continuous import Exponential, Gamma, Uniform
from emlit.families.discrete import Bernoulli, Binomial, Geometric, Poisson
from emlit.families.family import Family, Univariate
from emlit.families.floors import scale_floor
from emlit.families.gaussian import MultivariateNormal
from emlit.families.normal import Normal
from emlit.families.tables import Categorical, Multinomial
from emlit.foundations.errors import Degenerate
from emlit.foundations.statistics import Moments, Stats

# on the way out: names from before these modules were apart
from emlit.families.rounds import as_totals as _as_totals
from emlit.families.floors import lift as _lift
from emlit.foundations.arrays import (ALONE as _ALONE, alone as _alone, by_columns as _by_columns, calm as _calm, cuts as _cuts,
                                      each_column as _each_column, each_row as _each_row, frozen_array as _frozen_array,
                                      over_rows as _over_rows, set_fields as _set)
from emlit.foundations.reading import as_columns as _as_columns
from emlit.foundations.statistics import STRIPE as _STRIPE, moments_of as _moments, refuse_huge as _refuse_huge
