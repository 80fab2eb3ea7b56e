"""Figures: what is drawn is what is there, whatever the labels and however many points."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from reluctant import Certificate, ReLUNetwork, Solution, approximate, interpolate
from reluctant.report import plot_fit, save_figure
from reluctant.report.figures import thinned


@pytest.fixture(scope="module")
def wave():
    x = np.linspace(0, 6, 200)
    y = np.sin(x)
    return approximate(x, y, tolerance=0.05), x, y


def test_residual_panel_shows_function_minus_data(wave):
    solution, x, y = wave
    shuffled = np.random.default_rng(0).permutation(len(x))
    figure = plot_fit(solution, x[shuffled], y[shuffled], 0.05)
    drawn = next(line for line in figure.axes[1].lines if line.get_marker() == "o")
    np.testing.assert_array_equal(drawn.get_xdata(), x)
    np.testing.assert_allclose(drawn.get_ydata(), solution.predict(x) - y, atol=0)
    assert np.abs(drawn.get_ydata()).max() > 0.04


@pytest.mark.parametrize(
    "case", ["within a tolerance", "rows that do not count", "several y at one x", "worst at a row"]
)
def test_largest_error_between_rows_is_drawn_where_it_is_larger_than_at_any_row(case):
    x = np.linspace(0, 10, 12)
    y, tolerance = 50 - 0.3 * x**2, np.full(12, 0.6)
    if case == "rows that do not count":
        y[3], tolerance[3] = 1e3, np.inf
    if case == "several y at one x":
        x, y, tolerance = np.append(x, x[5]), np.append(y, y[5] + 0.3), np.append(tolerance, 0.6)
    if case == "worst at a row":
        y, tolerance = np.abs(np.arange(12) - 6.0), np.full(12, 0.2)
    solution = approximate(x, y, tolerance=tolerance)
    figure = plot_fit(solution, x, y, tolerance)
    marked = [line for line in figure.axes[1].lines if line.get_marker() == "D"]
    assert len(marked) == (solution.max_error_between > solution.max_error)
    for line in marked:
        assert np.abs(line.get_ydata()) == pytest.approx(solution.max_error_between, rel=1e-12)
        assert line.get_xdata() in solution.function.knots
        assert line.get_label() == f"{solution.max_error_between:.3g} between rows"
    assert bool(marked) == (case != "worst at a row")


def test_bounds_are_drawn_as_the_residuals_that_they_allow():
    x, y = np.arange(6.0), np.array([0.0, 1.0, 4.0, 9.0, 16.0, 25.0])
    lo, hi = y - 1, np.where(x == 3, np.inf, y + 0.5)
    solution = approximate(x, y, bounds=(lo, hi))
    order = np.array([3, 0, 5, 1, 4, 2])
    for figure in (
        plot_fit(solution, x[order], y[order], bounds=(lo[order], hi[order])),
        solution.plot(x, y, bounds=(lo, hi)),
    ):
        drawn = {line.get_label(): line.get_ydata() for line in figure.axes[1].lines}
        np.testing.assert_array_equal(drawn["bounds"], np.where(x == 3, np.nan, hi - y))
        assert any(np.array_equal(line.get_ydata(), lo - y) for line in figure.axes[1].lines)
    one_sided = plot_fit(approximate(x, y, bounds=(y, np.inf)), x, y, bounds=(y, np.inf))
    np.testing.assert_array_equal(next(a for a in one_sided.axes[1].lines if a.get_label() == "bounds").get_ydata(), 0)
    open_on_both = plot_fit(approximate(x, y, tolerance=np.inf), x, y, np.inf)
    assert open_on_both.axes[1].get_legend() is None


def test_knots_are_marked_on_the_function(wave):
    solution, x, y = wave
    legend = {text.get_text() for text in plot_fit(solution, x, y).axes[0].get_legend().texts}
    assert {"200 data points", "function", f"{solution.n_neurons} knots"} <= legend
    marked = plot_fit(solution, x, y).axes[0].lines[2]
    np.testing.assert_array_equal(marked.get_xdata(), solution.function.knots)
    np.testing.assert_array_equal(marked.get_ydata(), solution.predict(solution.function.knots))


def test_title_claims_no_more_than_the_certificate(wave):
    solution, x, y = wave
    assert "proved minimal" in plot_fit(solution, x, y).axes[0].get_title(loc="left")
    weaker = Solution(
        p=None,
        value=solution.value,
        max_error=solution.max_error,
        certificate=Certificate("neurons", solution.n_neurons - 1, "proved", "a test"),
        function=solution.function,
    )
    title = plot_fit(weaker, x, y).axes[0].get_title(loc="left")
    assert "minimal" not in title
    assert f"at least {solution.n_neurons - 1} proved" in title


def test_png_and_svg_are_whole_and_reproducible(wave, tmp_path):
    solution, x, y = wave
    for ending in ("png", "svg"):
        for copy in ("a", "b"):
            save_figure(plot_fit(solution, x, y, 0.05), tmp_path / f"{copy}.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
    pixels = imread(tmp_path / "a.png")
    assert pixels.shape == (810, 1200, 4)
    assert pixels.std() > 0.05
    assert ET.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize("label", ["$", "$x_{", r"\frac", "<b>&", "温度", "a\nb", "%s", ""])
def test_labels_are_taken_literally(wave, tmp_path, label):
    solution, x, y = wave
    figure = plot_fit(solution, x, y, x_label=label, y_label=label)
    save_figure(figure, tmp_path / "f.svg")
    assert figure.axes[1].get_xlabel() == label


def test_a_million_points_are_thinned():
    x = np.linspace(0, 1, 1_000_000)
    y = np.random.default_rng(0).standard_normal(len(x)).cumsum()
    figure = plot_fit(approximate(x, y, tolerance=100), x, y, 100)
    assert max(len(line.get_xdata()) for axes in figure.axes for line in axes.lines) <= 5000


@pytest.mark.parametrize("tolerance", [None, 0, 0.5, [0.5]])
@pytest.mark.parametrize("n", [1, 2])
def test_one_and_two_points_are_drawn(tmp_path, n, tolerance):
    x, y = [2.0, 3.0][:n], [5.0, 7.0][:n]
    if isinstance(tolerance, list):
        tolerance = tolerance * n
    save_figure(plot_fit(interpolate(x, y), x, y, tolerance), tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 1000


def test_what_cannot_be_drawn_is_refused():
    network = ReLUNetwork([[1.0, 2.0]], [0.0], [1.0])
    solution = Solution(
        network=network, p=0, value=2, max_error=0, certificate=Certificate("neurons", 0, "none", "a test")
    )
    with pytest.raises(ValueError, match="one variable"):
        plot_fit(solution, [[1, 2]], [5])
    x, y = [0, 1, 2], [0, 2e307, 0]
    with pytest.raises(ValueError, match="too large to draw"):
        plot_fit(interpolate(x, y), x, y)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(-5, 5)), min_size=1, max_size=80), st.integers(1, 6))
def test_thinning_keeps_the_extremes_of_every_bin(points, n_bins):
    points = sorted(points)
    x, y = (np.array(column, float) for column in zip(*points))
    kept = thinned(x, y, n_bins)
    assert np.all(np.diff(kept) > 0)
    edges = np.linspace(x[0], x[-1], n_bins + 1)[1:-1]
    which = np.array([sum(edge <= a for edge in edges) for a in x])
    for b in set(which.tolist()):
        there = kept[which[kept] == b]
        assert y[there].min() == y[which == b].min()
        assert y[there].max() == y[which == b].max()


@pytest.mark.parametrize("label", ["a\x00", "a\x1b[31m", "a\ud800", "a\ufffe", "a\x85"])
def test_control_characters_of_labels_are_drawn_as_escapes(wave, tmp_path, label):
    solution, x, y = wave
    for ending in ("svg", "png"):
        save_figure(plot_fit(solution, x, y, x_label=label, y_label=label), tmp_path / f"f.{ending}")
    ET.parse(tmp_path / "f.svg")
