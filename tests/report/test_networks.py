"""Figures of networks: what is drawn is what the network holds."""

import numpy as np
import pandas as pd
import pytest

from reluctant import ReLUNetwork, SparseReLUClassifier, SparseReLURegressor, size_path
from reluctant.report import plot_neurons, plot_partial, plot_path, save_figure


@pytest.fixture
def network():
    return ReLUNetwork([[1.0, 0.0, 0.0], [2.0, 0.0, -1.0]], [0.0, 1.0], [1.0, -1.0], [0.0, 0.0, 3.0], 2.0)


def test_path_is_drawn_as_it_is():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (100, 2))
    path = size_path(X, np.abs(X[:, 0]), random_state=0)
    axes = plot_path(path).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), path.sizes)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), path.training_loss)


def test_estimator_without_a_path_has_none_to_draw():
    with pytest.raises(ValueError, match="nothing was cross-validated"):
        plot_path(None)


def test_neurons_show_every_nonzero_weight_and_only_inputs_in_use(network):
    axes = plot_neurons(network, names=["a", "b", "c"]).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "c"]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1", "3", "−2"]


def test_neurons_scaled_by_data_are_multiplied_by_deviations(network):
    X = np.random.default_rng(0).standard_normal((50, 3)) * [1.0, 1.0, 10.0]
    drawn = plot_neurons(network, X).axes[0].images[0].get_array()
    np.testing.assert_allclose(np.asarray(drawn)[0, 1], 3.0 * X[:, 2].std())


def test_partial_plot_is_the_mean_over_the_rows(network):
    X = np.random.default_rng(1).standard_normal((30, 3))
    figure = plot_partial(network, X, names=["a", "b", "c"])
    assert [axes.get_xlabel() for axes in figure.axes] == ["a", "c"]
    mean = next(line for line in figure.axes[0].lines if line.get_color() == "#000000")
    for value, drawn in zip(mean.get_xdata()[::50], mean.get_ydata()[::50]):
        moved = np.column_stack([np.full(30, value), X[:, 1:]])
        assert drawn == pytest.approx(network(moved).mean(), rel=1e-12)


def test_figures_are_written(network, tmp_path):
    X = np.random.default_rng(1).standard_normal((30, 3))
    for figure in (plot_neurons(network, X), plot_partial(network, X)):
        save_figure(figure, tmp_path / "figure.png")
        save_figure(figure, tmp_path / "figure.svg")
        assert (tmp_path / "figure.png").stat().st_size > 5000


def test_what_cannot_be_drawn_is_refused(network):
    X = np.zeros((3, 3))
    with pytest.raises(ValueError, match="one output"):
        plot_neurons(ReLUNetwork([[1.0]], [0.0], [[1.0, 1.0]]))
    with pytest.raises(ValueError, match="X must be a table of 3 columns"):
        plot_partial(network, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="inputs has 7"):
        plot_partial(network, X, [7])
    with pytest.raises(ValueError, match="uses no input"):
        plot_partial(ReLUNetwork(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 1))), X)


def test_what_is_no_path_network_or_index_is_refused(network):
    for path in ("path", network):
        with pytest.raises(ValueError, match="path must be a SizePath or the path_ of an estimator, got a"):
            plot_path(path)
    with pytest.raises(ValueError, match="got a SparseReLURegressor; pass its network_"):
        plot_neurons(SparseReLURegressor())
    for inputs in ([], 0):
        with pytest.raises(ValueError, match="inputs must be a list of one or more indices, or 'interactions', got"):
            plot_partial(network, np.zeros((3, 3)), inputs)


def test_partial_dependence_of_an_input_of_zeros_and_ones_has_a_bar_for_either():
    X = np.array([[0.0, 0.3], [1.0, -0.2], [1.0, 0.9], [0.0, -0.7], [1.0, 0.1]])
    f = ReLUNetwork([[2.0, 1.0]], [0.5], [1.0])
    axes = plot_partial(f, X, inputs=[0], names=["is a", "b"]).axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([f(np.column_stack([np.full(5, v), X[:, 1]])).mean() for v in (0.0, 1.0)])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0 (40%)", "1 (60%)"]


def test_two_inputs_have_contours_of_the_mean_over_the_rows():
    X = np.random.default_rng(2).uniform(-1, 1, (60, 3))
    f = ReLUNetwork([[1.0, 1.0, 0.0], [0.0, 0.0, 2.0]], [0.0, 0.1], [1.0, -1.0])
    axes = plot_partial(f, X, [(0, 1)], names=["a", "b", "c"]).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")) == ("a", "b", "prediction")
    (contours,) = axes.collections
    drawn = 0
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        for a, b in path.vertices[::7]:
            moved = np.column_stack([np.full(60, a), np.full(60, b), X[:, 2]])
            assert f(moved).mean() == pytest.approx(level, abs=0.02)
            drawn += 1
    assert drawn > 10


def test_the_scale_of_an_estimator_is_named():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, 2))
    cases = [
        (SparseReLURegressor(max_parameters=4), X[:, 0], "prediction"),
        (SparseReLURegressor(max_parameters=4, loss="poisson"), rng.poisson(np.exp(X[:, 0])), "log of the mean"),
        (SparseReLUClassifier(max_parameters=4), np.where(X[:, 0] > 0, "up", "down"), "log-odds of up"),
    ]
    for model, y, scale in cases:
        axes = plot_partial(model.set_params(random_state=0).fit(X, y), X, [0]).axes[0]
        assert axes.get_ylabel() == scale


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([(0, 0)], r"pairs \(i, j\) of two of them, got \(0, 0\)"),
        ([(0, 1, 2)], r"got \(0, 1, 2\)"),
        ([1, 0, 1], "inputs has 1 twice"),
        ([(0, 7)], "inputs has 7, but the network has inputs 0 to 2"),
    ],
)
def test_panels_that_cannot_be_drawn_are_refused(network, inputs, message):
    with pytest.raises(ValueError, match=message):
        plot_partial(network, np.zeros((3, 3)), inputs)


@pytest.mark.parametrize("missing", ["mean", "hinge"])
def test_a_category_has_a_bar_for_each_level_as_high_as_the_mean_prediction_there(missing):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.uniform(0, 1, 90), "shop": rng.choice(["Bonn", "Kiel", "Ulm"], 90)})
    y = table["age"] + 2.0 * (table["shop"] == "Ulm") + 0.01 * rng.standard_normal(90)
    table.loc[::10, "shop"] = None
    model = SparseReLURegressor(max_parameters=5, missing=missing, search="fast", random_state=0).fit(table, y)
    figure = plot_partial(model, table)
    assert [axes.get_xlabel() for axes in figure.axes] == ["age", "shop"]
    bars = [patch.get_height() for patch in figure.axes[1].patches]
    levels = ["Bonn", "Kiel", "Ulm", *[None] * (missing == "hinge")]
    expected = [model.predict(table.assign(shop=pd.Series([level] * 90, dtype=object))).mean() for level in levels]
    np.testing.assert_allclose(bars, expected, rtol=1e-12)
    ticks = [label.get_text().split("\n")[0] for label in figure.axes[1].get_xticklabels()]
    assert ticks == ["Bonn", "Kiel", "Ulm", "missing"][: len(levels)]


def test_of_many_levels_the_most_frequent_have_bars_whose_names_differ():
    rng = np.random.default_rng(0)
    names = np.array([f"department of {letter}" for letter in "abcdefghijklmnop"])
    departments = names[np.minimum(rng.geometric(0.15, 400), 16) - 1]
    table = pd.DataFrame({"department": departments})
    y = 1.0 * (departments == names[0]) + 0.1 * rng.standard_normal(400)
    model = SparseReLURegressor(max_parameters=3, search="fast", random_state=0).fit(table, y)
    axes = plot_partial(model, table).axes[0]
    levels, counts = np.unique(departments, return_counts=True)
    frequent = sorted(levels[np.argsort(-counts, kind="stable")[:12]])
    assert [label.get_text().split(" ")[-2] for label in axes.get_xticklabels()] == [name[-1] for name in frequent]
    assert axes.get_xlabel() == "department"


def test_interactions_are_the_pairs_that_meet_in_a_neuron_the_strongest_first():
    X = np.random.default_rng(0).uniform(-1, 1, (60, 4))
    meets = ReLUNetwork([[1.0, 0.5, 0, 0], [0, 2.0, 0, 3.0], [0, 0, 1.0, 0]], [0.1, 0.2, 0.3], [1.0, -1.0, 1.0])
    axes = plot_partial(meets, X, "interactions", names=["a", "b", "c", "d"]).axes
    assert [(one.get_xlabel(), one.get_ylabel()) for one in axes] == [("b", "d"), ("a", "b")]
    alone = ReLUNetwork([[1.0, 0, 0, 0], [0, 2.0, 0, 0]], [0.1, 0.2], [1.0, -1.0])
    with pytest.raises(ValueError, match="no two inputs meet in a neuron; leave inputs out"):
        plot_partial(alone, X, "interactions")
    dense = ReLUNetwork(np.random.default_rng(1).normal(size=(6, 4)), np.zeros(6), np.ones(6))
    assert len(plot_partial(dense, X, "interactions").axes) == 6
