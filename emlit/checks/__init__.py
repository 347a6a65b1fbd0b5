"On the way out: emlit.foundations.reading, under its name from before."
from emlit.foundations.reading import *
from emlit.foundations.reading import (counting_rows as _counting_rows, dtype_kinds as _kinds, read_array as _array, shown as _shown)
