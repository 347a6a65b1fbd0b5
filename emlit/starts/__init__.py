"Where EM begins: a start from responsibilities, recipes for these, k-means, and sketches of large data."

from emlit.starts.clustering import drawn_in, kmeans, middle
from emlit.starts.recipes import (kmeans_plus_plus, quantiles, random_points, random_responsibilities,
                                  start)
from emlit.starts.sketches import sketch

__all__ = ["drawn_in", "kmeans", "kmeans_plus_plus", "middle", "quantiles", "random_points",
           "random_responsibilities", "sketch", "start"]
