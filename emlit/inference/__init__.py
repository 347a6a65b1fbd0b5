"What is to be known of an estimate: information and standard errors, labels, new samples, other maxima, criteria, the bound."

from emlit.inference.bound import elbo, entropy, kl, q_function
from emlit.inference.labels import canonical, match, permute
from emlit.inference.reports import StandardErrors
from emlit.inference.resampling import Bootstrap, RatioTest, bootstrap, bootstrap_lrt
from emlit.inference.restarts import Multistart, Optimum, multistart
from emlit.inference.selection import aic, bic, icl
from emlit.inference.spurious import suspicions
from emlit.inference.tangent import Chart
from emlit.inference.uncertainty import standard_errors

__all__ = ["Bootstrap", "Chart", "Multistart", "Optimum", "RatioTest", "StandardErrors", "aic", "bic", "bootstrap",
           "bootstrap_lrt", "canonical", "elbo", "entropy", "icl", "kl", "match", "multistart", "permute", "q_function",
           "standard_errors", "suspicions"]
