"""Where rows come from: memory, parts, another process; or fewer rows in the place of many."""
from emlit.sources.chunks import Chunks
from emlit.sources.fewer import Fewer
from emlit.sources.sampling import Sample, sample
from emlit.sources.source import Rows, Source, as_source
from emlit.sources.squashing import squash
