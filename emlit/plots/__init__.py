"""Every picture of the course: what stands still is drawn by matplotlib, what moves by plotly."""
import matplotlib.pyplot as plt

from emlit.plots.appearance import (DASHES, HATCHES, Look, MARKERS, PALETTE, PLOTLY_DASHES, PLOTLY_MARKERS,
                                    PLOTLY_SHAPES, RED_GREEN_BLUE, STYLE, look, mixed_colours, style)
from emlit.plots.criteria import plot_criterion
from emlit.plots.densities import density_steps, histogram_box, plot_density
from emlit.plots.figures import Fragment
from emlit.plots.moving import bound_slider, iterations
from emlit.plots.parameters import plot_loglik, plot_parameters, plot_path
from emlit.plots.paths import coin_ridge, path_contours
from emlit.plots.planes import density_surface, ellipse_steps, plot_contours, plot_ellipses

__all__ = ["PALETTE", "RED_GREEN_BLUE", "DASHES", "MARKERS", "HATCHES", "PLOTLY_DASHES", "PLOTLY_MARKERS",
           "PLOTLY_SHAPES", "STYLE", "Look", "look", "style", "plot_parameters", "plot_loglik", "plot_path",
           "Fragment", "iterations", "coin_ridge", "bound_slider", "path_contours", "mixed_colours", "plot_density",
           "density_steps", "plot_ellipses", "plot_contours", "ellipse_steps", "density_surface", "histogram_box",
           "plot_criterion"]
