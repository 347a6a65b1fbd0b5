"Moved to emlit.inference."
from emlit.inference import *
from emlit.inference.information import spectrum as _spectrum
from emlit.inference.resampling import redraw as _redraw
