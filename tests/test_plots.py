"Plots: what they show is so, the same component looks the same everywhere, and legends and labels can be read."
import itertools
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose, assert_array_equal

from emlit import Bernoulli, Binomial, Categorical, GaussianMixture, Mixture, MixtureModel, MultivariateNormal, Normal, Poisson, Uniform, fit, plots, select
from emlit.data import load_faithful, load_iris
from emlit.plots.reading import numbers_of
from later import Later

faithful, iris = load_faithful(), load_iris()
heads = [5, 9, 8, 4, 7]
STRUCTURES = "full", "tied", "diag", "tied_diag", "spherical", "tied_spherical"

@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")

def two_coins(**options): return fit(Mixture([.5, .5], Binomial(10, [.6, .5])), heads, freeze=("weights",), **options)

def estimator(K=3, X=faithful, structure="tied", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GaussianMixture(K, covariance_type=structure, accelerate=None, random_state=0, **options).fit(X)

ours = Later(estimator)


# what was not kept is not drawn

def test_the_climb_of_an_estimator_is_drawn_step_by_step():
    for given in (ours(), ours().trace_):
        line, = plots.plot_loglik(given).lines
        assert_array_equal(line.get_xdata(), np.arange(len(ours().trace_.logliks)))
        assert_array_equal(line.get_ydata(), ours().trace_.logliks)

def test_lines_break_where_steps_are_missing():
    every = two_coins()
    some = [*every.steps[:3], *every.steps[7:9]]
    line, = plots.plot_loglik(some).lines
    assert_array_equal(line.get_ydata(), [*every.logliks[:3], np.nan, *every.logliks[7:9]])
    axes = plots.plot_path(some, "p")
    assert_array_equal(axes.lines[1].get_ydata(), [*(s.model.components[0].p[1] for s in some[:3]), np.nan, *(s.model.components[0].p[1] for s in some[3:])])
    assert 'not kept (keep="all")' in [t.get_text() for t in axes.get_legend().texts]
    assert 'keep="all"' not in str([t.get_text() for t in plots.plot_path(every, "p").get_legend().texts])

def test_no_point_between_two_gaps_is_invisible():
    for line in plots.plot_path(ours(), "weights").lines: assert line.get_marker() not in ("", "None") # t = 0 stands alone

def test_the_map_breaks_its_paths():
    ends, every = two_coins(keep="ends"), two_coins()
    fig = plots.path_contours({"ends": ends, "all": every}, heads, "p")
    first, second = fig.frames[-1].data
    assert None in first.x and None not in second.x and first.connectgaps is False
    assert len(first.x) == len(first.marker.size) == len(ends.steps) + 1
    assert_allclose([second.x[-1], second.y[-1]], every.model.components[0].p, atol=1e-4)

def test_the_ridge_breaks_its_paths():
    start = Mixture([.46, .54], Bernoulli([.55, .67]))
    steps = fit(start, [1, 1, 0, 1, 0, 0, 1, 0, 1, 1], max_iter=4, tol=0).steps
    assert None not in plots.coin_ridge([steps]).data[1].x
    assert list(plots.coin_ridge([[steps[0], *steps[3:]]]).data[1].x).count(None) == 1

def test_the_bound_wants_every_step_and_plain_ones():
    known = Mixture([.5, .5], [Binomial(10, [.8]), Binomial(10, [.95])])
    frozen = dict(freeze=("weights", "components[0].p"))
    with pytest.raises(ValueError, match='fit with keep="all"'): plots.bound_slider(fit(known, heads, keep="ends", **frozen), heads, "components[1].p")
    fast = fit(known, heads, accelerate="squarem", **frozen)
    assert fast.accelerated is not None
    with pytest.raises(ValueError, match="fit with accelerate=None"): plots.bound_slider(fast, heads, "components[1].p")

@pytest.mark.parametrize("draw", [lambda: plots.iterations(ours(), faithful), lambda: plots.ellipse_steps(ours(), faithful),
                                  lambda: plots.density_steps(MixtureModel("normal", 2, random_state=0, accelerate=None).fit(faithful[:, 1:]), faithful[:, 1:])])
def test_sliders_say_what_was_not_kept(draw):
    assert 'not kept: keep="all"' in draw().layout.sliders[0].currentvalue.suffix

def test_a_slider_over_all_steps_says_nothing():
    assert not plots.iterations(two_coins(), heads).layout.sliders[0].currentvalue.suffix

def test_the_growing_curve_below_ellipses_is_that_of_every_iteration():
    growth = plots.ellipse_steps(ours(), faithful).frames[-1].data[-1]
    logliks = ours().trace_.logliks
    drawn = np.interp(np.arange(len(logliks)), growth.x, growth.y)
    assert np.abs(drawn - logliks).max() < 2e-3 * np.ptp(logliks)
    kept = [ours().trace_.steps[0], *ours().trace_.steps[-2:]] # Steps alone: nothing is known between them
    assert None in plots.ellipse_steps(kept, faithful).frames[-1].data[-1].x


# one look

def colours_of(K, structure="full"):
    "The colours of the components in every plot that shows them, by plot."
    means = np.arange(2. * K).reshape(K, 2) * 5
    cov = {"full": [np.eye(2)] * K, "tied": np.eye(2), "diag": np.ones((K, 2)), "tied_diag": np.ones(2), "spherical": np.ones(K), "tied_spherical": 1.}[structure]
    plane = Mixture(np.full(K, 1 / K), MultivariateNormal(means, cov, structure))
    x = plane.sample(np.random.default_rng(0), 200)[0]
    steps = list(fit(plane, x, max_iter=2, tol=0).steps)
    line = Mixture(np.full(K, 1 / K), Normal(means[:, 0], np.ones(K)))
    along = list(fit(line, x[:, 0], max_iter=2, tol=0).steps)
    legend = lambda ax: [to_hex(h.get_facecolor()) for h in ax.get_legend().legend_handles]
    drawn = lambda ax, n: [to_hex(a.get_color()) for a in ax.lines if a.get_label().startswith("component")][:n]
    yield "parameters", legend(plots.plot_parameters(plane))
    yield "path", drawn(plots.plot_path(steps, "components[0].mean"), K)
    yield "weights", drawn(plots.plot_path(steps, "weights"), K)
    yield "ellipses", list(dict.fromkeys(to_hex(p.get_edgecolor()) for p in plots.plot_ellipses(plane, x).patches))
    yield "density", drawn(plots.plot_density(line), K)
    yield "counts", drawn(plots.plot_density(Mixture(np.full(K, 1 / K), Poisson(1. + np.arange(K)))), K)
    yield "iterations", [t.marker.color.lower() for t in plots.iterations(along, x[:, 0]).frames[0].data[:K]]
    yield "density_steps", [t.line.color.lower() for t in plots.density_steps(along, x[:, 0]).frames[0].data[1:K + 1]]
    yield "ellipse_steps", [t.line.color.lower() for t in plots.ellipse_steps(steps, x).frames[0].data[1:K + 1]]
    yield "points", plots.mixed_colours(np.eye(K))

@pytest.mark.parametrize("K, structure", [*((3, s) for s in STRUCTURES), (1, "full"), (2, "full"), (5, "tied")])
@pytest.mark.slow
def test_a_component_has_one_colour_in_every_plot(K, structure):
    right = [plots.look(k, K).colour.lower() for k in range(K)]
    for name, found in colours_of(K, structure): assert found == right, name

def test_blocks_continue_the_components_of_those_before():
    noisy = Mixture([.5, .3, .2], [Normal([0, 4], [1, 1]), Uniform([-10], [10])])
    x = noisy.sample(np.random.default_rng(0), 100)[0]
    steps = list(fit(noisy, x, max_iter=2, tol=0).steps)
    axes = plots.plot_path(steps, "mean")
    assert [(a.get_label(), a.get_color()) for a in axes.lines] == [(plots.look(k, 3).name, plots.look(k, 3).colour) for k in (0, 1)]
    last = plots.plot_parameters(noisy).figure.axes[-1]
    assert [t.get_text() for t in last.get_xticklabels()][0].startswith("[0].") # a uniform has nothing to draw
    assert [c.get_label() for c in plots.plot_density(noisy).lines][1:] == ["component 0", "component 1", "component 2"]

def test_more_components_than_colours_are_told_apart():
    looks = [plots.look(k, 12) for k in range(12)]
    for parts in ("colour marker", "colour dash", "colour hatch", "colour plotly_dash", "colour plotly_marker"):
        assert len({tuple(map(str, (getattr(a, p) for p in parts.split()))) for a in looks}) == 12

def test_components_are_counted_from_0():
    names = [t.get_text() for t in plots.plot_parameters(ours()).get_legend().texts]
    assert names == ["component 0", "component 1", "component 2"]
    axes = plots.plot_ellipses(ours(), faithful)
    assert [t.get_text() for t in axes.texts] == ["0", "1", "2"] and [t.get_text() for t in axes.get_legend().texts] == names
    for k, text in enumerate(axes.texts): assert_allclose(text.get_position(), ours().means_[k])
    assert [t.name for t in plots.ellipse_steps(ours(), faithful).frames[0].data[1:4]] == names
    fig = plots.path_contours([two_coins()], heads, "p")
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("p, component 0", "p, component 1")

def test_two_numbers_of_one_component_are_no_two_components():
    start = Mixture([1.], MultivariateNormal([[0., 0.]], [np.eye(2)]))
    x = np.random.default_rng(0).normal(size=(50, 2))
    fig = plots.path_contours([fit(start, x, max_iter=3, tol=0)], x, "mean")
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("mean[0]", "mean[1]")


# what is drawn, and how it is called

def bars(axes):
    "Every bar by its name: (label of its group, component) → height."
    found = {}
    for panel, container in ((p, c) for p in axes.figure.axes for c in p.containers):
        labels = [t.get_text() for t in panel.get_xticklabels()]
        for bar in container: found[labels[int(round(bar.get_x() + bar.get_width() / 2))], container.get_label()] = bar.get_height()
    return found

def written_out(block):
    "The covariance matrices of a family, (K, d, d), whatever their structure."
    K, d = block.mean.shape
    cov = block.cov if block.structure in ("full", "tied") else np.reshape(block.cov, (-1, 1 if "spherical" in block.structure else d, 1)) * np.eye(d)
    return np.broadcast_to(cov, (K, d, d))

@pytest.mark.parametrize("structure", STRUCTURES)
def test_bars_are_the_parameters(structure):
    g = estimator(3, iris[:, :3], structure)
    drawn, cov = bars(plots.plot_parameters(g)), written_out(g.model_.components[0])
    for k in range(3):
        who = f"component {k}"
        assert_allclose([drawn["weight", who], *(drawn[f"mean[{j}]", who] for j in range(3))], [g.weights_[k], *g.means_[k]])
        if structure in ("full", "tied"):
            for i, j in itertools.combinations_with_replacement(range(3), 2): assert_allclose(drawn[f"cov[{i}, {j}]", who], cov[k, i, j])
        elif "spherical" in structure: assert_allclose(drawn["cov", who], cov[k, 0, 0])
        else: assert_allclose([drawn[f"cov[{j}]", who] for j in range(3)], np.diagonal(cov[k]))
    assert "cov[1, 0]" not in {label for label, _ in drawn}

def test_probabilities_are_called_by_column_and_category():
    tables = [np.array([[.2, .8], [.7, .3]]), np.array([[.1, .2, .7], [.5, .25, .25]])]
    drawn = bars(plots.plot_parameters(Mixture([.5, .5], Categorical(tables))))
    for j, table in enumerate(tables):
        for (k, c), p in np.ndenumerate(table): assert drawn[f"p[{j}, {c}]", f"component {k}"] == p
    drawn = bars(plots.plot_parameters(Mixture([.5, .5], Categorical(tables[1]))))
    assert drawn["p[2]", "component 0"] == .7

@pytest.mark.parametrize("scale", [1, 1e6])
def test_parameters_of_different_size_have_axes_of_their_own(scale):
    mixture = Mixture([.5, .5], MultivariateNormal([[1, 900 * scale], [2, 300 * scale]], [np.diag([.01, 1e5 * scale**2])] * 2))
    axes = plots.plot_parameters(mixture)
    axes.figure.canvas.draw()
    for panel in axes.figure.axes:
        height = np.ptp(panel.get_ylim())
        for group in range(len(panel.get_xticklabels())):
            tall = max(abs(bar.get_height()) for c in panel.containers for bar in list(c)[group:group + 1])
            assert tall > .1 * height or tall == 0, panel.get_xticklabels()[group].get_text()

def test_a_path_has_a_panel_for_each_column():
    axes = plots.plot_path(ours(), "components[0].mean").figure.axes
    assert [a.get_ylabel() for a in axes] == ["mean[0]", "mean[1]"]
    kept = [s.model.components[0].mean for s in ours().trace_.steps]
    for j, panel in enumerate(axes):
        for k, line in enumerate(panel.lines): assert_array_equal([v for v in line.get_ydata() if not np.isnan(v)], [m[k, j] for m in kept])
    shared = plots.plot_path(ours(), "cov").figure.axes
    assert [a.get_ylabel() for a in shared] == ["cov[0, 0]", "cov[0, 1]", "cov[1, 1]"]
    assert [a.get_label() for a in shared[0].lines] == ["all components"]

def test_a_path_of_very_many_numbers_is_one_panel():
    start = Mixture([.5, .5], Bernoulli(np.random.default_rng(0).uniform(.2, .8, (2, 60))))
    steps = fit(start, np.random.default_rng(1).integers(0, 2, (30, 60)), max_iter=3, tol=0).steps
    axes = plots.plot_path(steps, "p")
    assert len(axes.figure.axes) == 1 and len(axes.lines) == 120
    assert [t.get_text() for t in axes.get_legend().texts] == ["component 0", "component 1"]

def test_iterations_have_an_axis_for_each_parameter():
    fig = plots.iterations(ours(), faithful)
    values = list(numbers_of(ours().model_))
    drawn = sorted(v for trace in fig.frames[-1].data[3:] for v in trace.y)
    assert_allclose(drawn, sorted(np.concatenate([n.values for n in values])), rtol=1e-2)
    assert len({trace.yaxis for trace in fig.data[3:]}) == 5 # weight, two means, covariances of two sizes

def test_discrete_families_are_drawn_as_probabilities():
    mixture = Mixture([.3, .7], Poisson([2., 9.]))
    x = mixture.sample(np.random.default_rng(0), 300)[0]
    lines = {a.get_label(): a for a in plots.plot_density(mixture, x).lines}
    places = lines["sum"].get_xdata()
    assert_array_equal(places, np.round(places))
    assert_allclose(lines["sum"].get_ydata(), np.exp(mixture.log_prob(places.astype(int))))
    assert_allclose(lines["component 1"].get_ydata(), .7 * np.exp(mixture.components[0].log_prob(places.astype(int))[:, 1]))
    with pytest.raises(ValueError, match="families that have a density; got Poisson"): plots.plot_density(Mixture([.5, .5], [Normal([0.], [1.]), Poisson([3.])]))


# traces, estimators and models alike

@pytest.mark.parametrize("draw", [plots.plot_parameters, lambda m: plots.plot_ellipses(m, faithful), lambda m: plots.plot_contours(m, faithful)])
@pytest.mark.slow
def test_a_trace_an_estimator_and_a_model_give_one_picture(draw):
    pictures = []
    for given in (ours(), ours().trace_, ours().model_):
        figure = draw(given).figure
        figure.canvas.draw()
        pictures.append(np.asarray(figure.canvas.buffer_rgba()))
    assert_array_equal(pictures[0], pictures[1])
    assert_array_equal(pictures[0], pictures[2])

@pytest.mark.slow
def test_the_same_of_figures_that_move():
    for draw in (plots.iterations, plots.ellipse_steps): assert draw(ours(), faithful) == draw(ours().trace_, faithful)
    assert plots.density_surface(ours(), faithful) == plots.density_surface(ours().model_, faithful)

def test_what_was_set_by_hand_is_drawn():
    g = estimator(2)
    g.means_ = g.means_ + 1
    assert_allclose([t.get_position() for t in plots.plot_ellipses(g).texts], g.means_)

@pytest.mark.parametrize("wrong", [3, "x", faithful, Normal([0.], [1.])])
def test_other_things_are_refused(wrong):
    with pytest.raises(TypeError, match="mixture must be a Mixture, or a Trace or a fitted estimator of one; got an object of type"): plots.plot_parameters(wrong)
    with pytest.raises(TypeError, match="trace must be a Trace, a sequence of Steps or a fitted estimator; got"): plots.plot_loglik(wrong)


# what can be read

def laid_out(axes):
    "The figure, drawn, and its legends."
    axes.figure.canvas.draw()
    return axes.figure, [a.get_legend() for a in axes.figure.axes if a.get_legend()]

def check_readable(axes, least=.3):
    "Legends within the figure and beside the axes, which keep their room; labels of groups that do not overlap."
    figure, legends = laid_out(axes)
    frame, boxes = figure.bbox, [a.get_window_extent() for a in figure.axes]
    for box in (legend.get_window_extent() for legend in legends):
        assert frame.x0 <= box.x0 + 1 and box.x1 <= frame.x1 + 1 and frame.y0 <= box.y0 + 1 and box.y1 <= frame.y1 + 1, (box, frame)
        for other in boxes: assert min(box.x1, other.x1) - max(box.x0, other.x0) < 3 or min(box.y1, other.y1) - max(box.y0, other.y0) < 3
    assert max(b.x1 for b in boxes) - min(b.x0 for b in boxes) > .75 * frame.width
    assert sum(np.ptp([b.y0, b.y1]) for b in {round(b.y0): b for b in boxes}.values()) > least * frame.height
    for panel in figure.axes:
        shown = [t.get_window_extent() for t in panel.get_xticklabels() if "[" in t.get_text()]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(shown, 2))

@pytest.mark.parametrize("K, X", [(1, iris[:, :1]), (2, faithful), (3, faithful), (9, faithful), (5, iris), (9, iris)], ids=["K1d1", "K2d2", "K3d2", "K9d2", "K5d4", "K9d4"])
@pytest.mark.slow
def test_pictures_can_be_read(K, X):
    g = estimator(K, X, "full", reg_covar=.01, max_iter=60)
    check_readable(plots.plot_parameters(g))
    for name in g.model_.parameters(): check_readable(plots.plot_path(g, name))
    if X.shape[1] == 2: check_readable(plots.plot_ellipses(g, X), .5)
    if X.shape[1] == 1: check_readable(plots.plot_density(g, X), .5)
    if K > 2: check_readable(plots.plot_density(MixtureModel("normal", K, random_state=0, max_iter=50, tol=1).fit(X[:, 1:2]), X[:, 1:2]), .5)

@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("size", [(4, 3), (6, 4), (9, 5)])
@pytest.mark.slow
def test_legends_stay_within_a_figure_that_was_given(size, layout):
    g = estimator(5, iris, "full", reg_covar=.01, max_iter=30)
    for draw in (lambda ax: plots.plot_parameters(g, ax), lambda ax: plots.plot_path(g, "weights", ax), lambda ax: plots.plot_path(g, "mean", ax)):
        ax = plt.subplots(figsize=size, layout=layout)[1]
        assert draw(ax) is ax
        figure, legends = laid_out(ax)
        for box in (legend.get_window_extent() for legend in legends):
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1

def test_labels_can_be_read_in_a_dark_style():
    with plt.style.context("dark_background"):
        for ax, dark in ((None, False), (plt.subplots()[1], True)):
            figure, _ = laid_out(plots.plot_parameters(ours(), ax))
            for panel in figure.axes:
                ground = np.mean(matplotlib.colors.to_rgb(figure.get_facecolor()))
                for text in (*panel.get_xticklabels(), *panel.get_yticklabels()): assert abs(np.mean(matplotlib.colors.to_rgb(text.get_color())) - ground) > .5
            assert (np.mean(matplotlib.colors.to_rgb(figure.get_facecolor())) < .5) == dark


# the picture of a grid

@pytest.mark.slow
def test_one_bad_structure_does_not_squash_the_others():
    grid = select(faithful, range(1, 5), ("full", "tied", "diag", "spherical"), n_jobs=1, progress=False)
    open_before = len(plt.get_fignums())
    axes = grid.plot()
    low, high = axes.get_ylim()
    good = [row["bic"] for row in grid.table if row["structure"] in ("full", "tied") and row["n_components"] > 1]
    assert low < min(good) and max(good) < high and np.ptp(good) > .25 * (high - low)
    far = [row["bic"] for row in grid.table if row["bic"] > high]
    assert f"beyond: {len(far)} of 16" in axes.get_title(loc="right")
    assert sum(len(a.get_xdata()) for a in axes.lines if a.get_label() == "_beyond") == len(far)
    lines = {a.get_label(): a for a in axes.lines}
    assert_array_equal(lines["full"].get_ydata(), [row["bic"] for row in grid.table if row["structure"] == "full"])
    assert "spherical (beyond)" in lines
    looks = {(a.get_color(), a.get_linestyle(), a.get_linewidth()) for a in axes.lines if a.get_label() in ("full", "tied", "diag", "spherical (beyond)")}
    assert len({c for c, *_ in looks}) == len({w for *_, w in looks}) == 4
    check_readable_grid(axes)
    assert len(plt.get_fignums()) == open_before + 1 # as every plot here: pyplot shows the figure, and then closes it
    ax = plt.subplots()[1]
    assert grid.plot(ax) is ax
    check_readable_grid(ax)

def check_readable_grid(axes):
    figure, legends = laid_out(axes)
    box = legends[0].get_window_extent()
    assert box.x1 <= figure.bbox.x1 + 1 and box.y0 >= -1

def test_a_grid_without_far_values_is_shown_whole():
    table = {"full": [(1, 10.), (2, 8.), (3, 9.)], "tied": [(1, 10.), (2, 8.5), (3, 8.7)]}
    axes = plots.plot_criterion(table, (2, 8.), "BIC")
    assert axes.get_ylim()[0] < 8 and axes.get_ylim()[1] > 10 and not axes.get_title(loc="right")


# models and families of one's own

def test_a_model_that_is_no_mixture_has_a_path_too():
    from linkage import Linkage
    trace = fit(Linkage(.5), [125, 18, 20, 34], tol=1e-10)
    axes = plots.plot_path(trace, "theta")
    assert [a.get_label() for a in axes.lines] == ["theta"]
    assert_array_equal(axes.lines[0].get_ydata(), [s.model.theta for s in trace.steps])
    assert_array_equal(plots.plot_loglik(trace).lines[0].get_ydata(), trace.logliks)
    with pytest.raises(TypeError, match="mixture must be a Mixture"): plots.plot_parameters(trace)

def test_what_a_family_of_ones_own_shares_is_said_of_each_component():
    from dataclasses import dataclass
    from emlit import Family

    @dataclass(frozen=True)
    class Equal(Family):
        mean: np.ndarray # (K,)
        std: float       # one for all
        @property
        def n_components(self): return len(self.mean)
        def log_prob(self, x): return Normal(self.mean, np.full(len(self.mean), self.std)).log_prob(x)
    mixture = Mixture([.5, .5], Equal([0., 3.], 2.))
    drawn = bars(plots.plot_parameters(mixture))
    assert drawn["std", "component 0"] == drawn["std", "component 1"] == 2 and drawn["mean", "component 1"] == 3
    assert [a.get_label() for a in plots.plot_path([*fit(ours().model_, faithful, max_iter=1, tol=0).steps], "cov").lines] == ["all components"]
