"Moved to emlit.inference."
from emlit.inference.selection import aic, bic, icl, _count
