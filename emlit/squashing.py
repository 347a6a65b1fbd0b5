"""The old home of what is in `emlit.sources` now."""
from emlit.sources.squashing import *
