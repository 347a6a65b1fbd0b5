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
