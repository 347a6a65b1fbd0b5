"""The old path of what is in `emlit.algorithm` now."""
from emlit.algorithm.beginning import check_model as _check_model
from emlit.algorithm.fitting import Trace, fit, silent_fit as _silent_fit
from emlit.algorithm.runs import Note
from emlit.algorithm.loop import Step, convergence_rate, em, remaining_gain
