"Moved to emlit.inference."
from emlit.inference.given import n_observations as _count
from emlit.inference.selection import aic, bic, icl
