"""Every figure is drawn on the axes that are given, and every model has its figure."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from reluctant import ReLUNetwork, approximate, interpolate, p_path, size_path
from reluctant.report import (
    plot_fit,
    plot_function,
    plot_neurons,
    plot_p_path,
    plot_partial,
    plot_path,
    save_figure,
)
from reluctant.report.style import STYLE

x = np.arange(10.0)
y = np.concatenate([[0], np.cumsum(np.cumsum([0, 0.01, 1.1, 6.5, 4.6, 2.5, 0.1, 1.2, 0.8]))])
X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
line, space = interpolate(x, y), ReLUNetwork([[1.0, 0.5], [2.0, -1.0]], [0.0, 1.0], [1.0, -1.0])


@pytest.fixture(scope="module")
def sizes():
    return size_path(X, np.abs(X[:, 0]), random_state=0)


DRAWN = {
    "plot_fit": lambda sizes, **ax: plot_fit(line, x, y, **ax),
    "plot_function": lambda sizes, **ax: plot_function(line.network, **ax),
    "plot_neurons": lambda sizes, **ax: plot_neurons(space, **ax),
    "plot_p_path": lambda sizes, **ax: plot_p_path(p_path(x, y), **ax),
    "plot_partial": lambda sizes, **ax: plot_partial(space, X, [1], **ax),
    "plot_path": lambda sizes, **ax: plot_path(sizes, **ax),
    "Solution": lambda sizes, **ax: line.plot(**ax),
    "Solution and data": lambda sizes, **ax: line.plot(x, y, **ax),
    "ReLUNetwork of one input": lambda sizes, **ax: line.network.plot(**ax),
    "ReLUNetwork": lambda sizes, **ax: space.plot(X, ["a", "b"], **ax),
    "PPath": lambda sizes, **ax: p_path(x, y).plot(**ax),
    "SizePath": lambda sizes, **ax: sizes.plot(**ax),
}


@pytest.mark.parametrize("name", DRAWN)
def test_figures_are_drawn_on_the_axes_given_and_on_no_others(sizes, name):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert DRAWN[name](sizes, ax=right) is figure
    assert right.has_data()
    assert not left.has_data()
    assert len(figure.axes) == 2
    assert DRAWN[name](sizes) is not figure
    for wrong in ("here", [left, right, right], figure):
        with pytest.raises(ValueError, match="ax must be"):
            DRAWN[name](sizes, ax=wrong)


def test_a_fit_takes_two_axes_for_function_and_residuals():
    figure = Figure()
    axes = figure.subplots(2, 1)
    plot_fit(line, x, y, 0.5, ax=axes)
    assert [one.get_ylabel() for one in axes] == ["y", "f(x) − y"]


def test_partial_plots_take_an_axes_for_each_input():
    figure = Figure()
    axes = figure.subplots(1, 2)
    plot_partial(space, X, ax=axes)
    assert all(one.has_data() for one in axes)
    with pytest.raises(ValueError, match="ax must be 2 matplotlib Axes"):
        plot_partial(space, X, ax=axes[0])


@pytest.mark.parametrize("data", [None, [-3.0, 30.0]])
def test_the_function_drawn_is_the_network(data):
    network = ReLUNetwork([[1.0], [-2.0], [0.0]], [-1.0, 6.0, 1.0], [[1.0, 0.5], [2.0, -1.0], [1.0, 0.0]])
    axes = plot_function(network, data).axes[0]
    at = np.linspace(*axes.lines[0].get_xdata()[[0, -1]], 500)
    for c in range(2):
        drawn = axes.lines[c]
        np.testing.assert_allclose(np.interp(at, drawn.get_xdata(), drawn.get_ydata()), network(at)[:, c], atol=1e-12)
    np.testing.assert_array_equal(axes.lines[2].get_xdata(), [1.0, 3.0])


def test_the_path_in_p_is_a_step_for_each_piece():
    path = p_path(x, y)
    axes = plot_p_path(path).axes[0]
    (steps,) = axes.patches
    data = steps.get_data()
    np.testing.assert_array_equal(data.values, [4, 5, 4])
    np.testing.assert_array_equal(data.edges, [0, *path.breakpoints, 1])
    for p in np.linspace(0.05, 0.99, 12):
        counted = data.values[np.searchsorted(data.edges, p) - 1]
        assert counted == interpolate(x, y, p).n_neurons
    assert axes.get_title(loc="left") == "fewest neurons: 4, for every p < 0.2784"


@pytest.mark.parametrize(
    ("d", "names"),
    [
        (2, ["mean radius of the cell", "smoothness (worst)"]),
        (4, ["a", "bb", "a name that goes on and on and on and on", "d"]),
        (12, [f"column {i}" for i in range(12)]),
        (24, [f"column {i}" for i in range(24)]),
    ],
)
def test_labels_and_numbers_of_neurons_do_not_overlap(d, names):
    rng = np.random.default_rng(d)
    network = ReLUNetwork(
        100 * rng.standard_normal((6, d)), np.zeros(6), rng.standard_normal(6), rng.standard_normal(d)
    )
    figure = plot_neurons(network, names=names)
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with rc_context(STYLE):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
    axes = figure.axes[0]
    cells = [text.get_window_extent(renderer) for text in axes.texts]
    assert len(cells) == 7 * d
    assert not any(a.overlaps(b) for i, a in enumerate(cells) for b in cells[:i])
    labels = axes.get_xticklabels()
    if labels[0].get_rotation() == 0:
        boxes = [label.get_window_extent(renderer) for label in labels]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    else:  # turned by 45 degrees they are strips: apart by more than their height
        apart = np.diff([label.get_window_extent(renderer).x1 for label in labels]).min()
        height = 10.5 / 72 * figure.dpi
        assert apart * np.sin(np.pi / 4) > height


def test_many_inputs_have_colours_and_their_scale_alone():
    rng = np.random.default_rng(0)
    figure = plot_neurons(ReLUNetwork(rng.standard_normal((3, 40)), np.zeros(3), np.ones(3)))
    assert not figure.axes[0].texts
    assert len(figure.axes) == 2


def test_control_characters_of_names_are_escaped(tmp_path):
    figure = plot_neurons(space, names=["a\x1b[31m", "b\ud800"])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [r"a\x1b[31m", r"b\ud800"]
    save_figure(figure, tmp_path / "f.svg")


@pytest.mark.parametrize("ending", ["gif", "", "txt"])
def test_other_endings_are_refused_and_nothing_is_written(tmp_path, ending):
    with pytest.raises(ValueError, match=r"must end in \.png, \.svg or \.pdf"):
        save_figure(plot_neurons(space), tmp_path / f"f.{ending}")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_remedy_is_named_and_the_package_loads():
    code = """
import sys
sys.modules["matplotlib"] = None
import reluctant, reluctant.report
try:
    reluctant.ReLUNetwork([[1.0]], [0.0], [1.0]).plot()
except ModuleNotFoundError as error:
    print(error.name, error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == 'matplotlib figures need matplotlib; install it with: pip install "reluctant[cli]"\n'


def test_a_solution_within_a_tolerance_is_drawn_with_its_band():
    solution = approximate(x, y, tolerance=2.0)
    figure = solution.plot(x, y, 2.0, x_label="t")
    assert len(figure.axes) == 2
    assert figure.axes[1].get_xlabel() == "t"
    assert "tolerance ±2" in [text.get_text() for text in figure.axes[1].get_legend().texts]
