"""The algorithm: its loop, when it stops, how it jumps ahead, what a run leaves, EM part by part."""
from emlit.algorithm.acceleration import SQUAREM, Accelerator, Anderson
from emlit.algorithm.fitting import Trace, fit
from emlit.algorithm.loop import Step, convergence_rate, em, remaining_gain
from emlit.algorithm.online import Stream, Visit, incremental_em, online_em
from emlit.algorithm.runs import Note
from emlit.algorithm.stopping import Aitken, LastGain, StoppingRule
