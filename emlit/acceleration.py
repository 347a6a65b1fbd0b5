"""The old path of what is in `emlit.algorithm` now."""
from emlit.algorithm.acceleration import EMMap, Point, anderson_jump, directions, squarem_jump
from emlit.algorithm.jumps import WARM_UP, Coordinates
from emlit.algorithm.runs import METHODS
