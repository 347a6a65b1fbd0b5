"""The old home of what is in `emlit.sources` now."""
from emlit.sources.chunks import Chunks
from emlit.sources.sampling import Sample, sample
