"""The path of error against size: planted networks, units, degenerate tables, bad arguments."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from networks import bits
from reluctant import ReLUNetwork, regress, size_path
from reluctant.regression.losses import Huber, Logistic, Quantile, Softmax, Squared
from reluctant.regression.path import takes_long


def planted(seed, n_rows=300):
    """Rows of a network of two neurons, three hinge weights and no slopes: six parameters."""
    X = np.random.default_rng(seed).uniform(-1, 1, (n_rows, 3))
    truth = ReLUNetwork([[1.3, 0, 0], [0, 0.8, 0.4]], [-0.26, 0.08], [1.0, -1.0], [0, 0, 0], 0.3)
    return X, truth(X), truth


def noisy(seed=0, n_rows=120):
    X, y, _ = planted(seed, n_rows)
    return X, y + 0.05 * np.random.default_rng(seed).standard_normal(n_rows)


@pytest.mark.parametrize("seed", range(8))
def test_a_planted_network_is_found_at_its_size(seed):
    X, y, truth = planted(seed)
    path = size_path(X, y, ridge=1e-10, random_state=seed)
    small = path.within(truth.size)
    assert np.abs(small(X) - y).max() < 1e-6
    assert small.isclose(truth, 1e-5)
    other = np.random.default_rng(99).uniform(-1, 1, (50, 3))
    assert_allclose(small(other), truth(other), atol=1e-6)


def test_sizes_and_losses_are_those_of_the_networks():
    X, y = noisy()
    weights = np.random.default_rng(1).uniform(0, 2, len(X))
    path = size_path(X, y, sample_weight=weights, random_state=0)
    assert [network.size for network in path] == list(path.sizes)
    assert (np.diff(path.sizes) < 0).all()
    expected = [0.5 * np.average((network(X) - y) ** 2, weights=weights) for network in path]
    assert_allclose(path.training_loss, expected)
    assert_allclose(path.losses(X, y), [0.5 * np.mean((network(X) - y) ** 2) for network in path])
    assert_allclose(path.losses(X, y, "absolute"), [np.mean(np.abs(network(X) - y)) for network in path])
    for size in (path.sizes[0] + 5, path.sizes[0], path.sizes[3], path.sizes[3] - 1, 1):
        assert path.within(size).size == path.sizes[path.sizes <= size].max()
    with pytest.raises(ValueError, match="the smallest network of this path has 1 parameters, more than 0"):
        path.within(0)
    for wrong in ("a", 2.5, -1, None):
        with pytest.raises(ValueError, match=re.escape(f"size must be an integer of at least 0, got {wrong!r}")):
            path.within(wrong)


def test_the_affine_end_of_a_path_is_least_squares():
    X, y = noisy()
    path = size_path(X, y, max_neurons=0, ridge=1e-9, random_state=0)
    design = np.column_stack([X, np.ones(len(X))])
    assert_array_equal(path.sizes, [4, 3, 2, 1])
    assert_allclose(path.networks[0](X), design @ np.linalg.lstsq(design, y, rcond=None)[0], atol=1e-6)
    assert_allclose(path.networks[-1](X), y.mean(), atol=1e-6)


def test_units_that_are_powers_of_two_change_nothing():
    X, y = noisy()
    plain = size_path(X, y, random_state=0)
    for x_unit, y_unit in ((2.0**20, 2.0**-10), (2.0**-600, 2.0**400)):
        scaled = size_path(X * x_unit, y * y_unit, random_state=0)
        assert_array_equal(scaled.sizes, plain.sizes)
        for a, b in zip(scaled, plain, strict=True):
            assert_allclose(a(X * x_unit) / y_unit, b(X), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("shift", "scale"), [(3.0, 0.1), (1e6, 1e-3), (1e9, 1.0)])
def test_other_units_give_networks_as_good(shift, scale):
    X, y = noisy()
    plain = size_path(X, y, random_state=0)
    shifted = size_path(X * scale + shift, y * 7 - 1e3, random_state=0)
    for size in (4, 8, 16):
        here, there = plain.within(size), shifted.within(size)
        error = np.mean((here(X) - y) ** 2)
        assert np.mean(((there(X * scale + shift) + 1e3) / 7 - y) ** 2) < 2 * error + 1e-3


def test_same_seed_same_path_and_weights_zero_do_not_count():
    X, y = noisy()
    first = size_path(X, y, random_state=3)
    again = size_path(X, y, random_state=np.random.default_rng(3))
    assert [bits(a) for a in first] == [bits(b) for b in again]
    more = np.vstack([X, 50 * X[:7]]), np.append(y, np.full(7, 1e6))
    weighted = size_path(*more, sample_weight=np.append(np.ones(len(X)), np.zeros(7)), random_state=3)
    assert [bits(a) for a in first] == [bits(b) for b in weighted]


def test_constant_and_duplicate_columns_do_not_matter():
    X, y = noisy()
    wide = np.column_stack([np.full(len(X), 0.1), X, X[:, 0], np.zeros(len(X))])
    path = size_path(wide, y, random_state=0)
    for network in path:
        assert not network.input_weights[:, [0, 5]].any()
        assert not network.slope[[0, 5]].any()
    assert path.losses(wide, y)[0] < 2 * size_path(X, y, random_state=0).losses(X, y)[0] + 1e-3


@pytest.mark.parametrize("n_rows", [1, 2, 3])
@pytest.mark.parametrize("loss", ["squared", "absolute", "logistic", "hinge", "softmax"])
def test_a_handful_of_rows_gives_a_small_finite_path(n_rows, loss):
    X = np.random.default_rng(0).normal(size=(n_rows, 5))
    y = np.arange(n_rows) % 2.0
    path = size_path(X, y, loss=loss, random_state=0)
    assert np.isfinite(path.training_loss).all()
    assert path.sizes[-1] <= path.networks[0].n_outputs


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.1, 1 / 3, -1e-300])
def test_constant_targets_are_met_by_their_constant_alone(value):
    X = np.random.default_rng(0).normal(size=(77, 3))
    y = np.full(77, value)
    for network in (*size_path(X, y, random_state=0), regress(X, y, alpha=1e-3, random_state=0).network):
        assert network.n_parameters == 0
        assert not network.slope.any()
        assert network.intercept == value


def test_of_two_outputs_the_constant_one_has_no_slopes():
    X, _ = noisy()
    targets = np.column_stack([np.full(len(X), 7.3), X[:, 0]])
    for network in (*size_path(X, targets, random_state=0), regress(X, targets, alpha=1e-3, random_state=0).network):
        assert not network.slope[:, 0].any()


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_one_class_alone_gives_bounded_networks(label, loss):
    X, _ = noisy()
    path = size_path(X, np.full(len(X), label), loss=loss, random_state=0)
    for network in path:
        assert ((network(X) > 0) == (label > 0)).all()
        assert np.abs(network(X)).max() < 100


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_separable_classes_do_not_run_away(loss):
    X, _ = noisy()
    labels = (X[:, 0] > 0.1).astype(float)
    path = size_path(X, labels, loss=loss, random_state=0)
    assert np.mean((path.networks[0](X) > 0) == labels) > 0.97
    assert max(np.abs(network(X)).max() for network in path) < 1000


def test_one_point_with_weight_is_a_constant():
    X, y = noisy()
    weights = np.zeros(len(X))
    weights[17] = 0.3
    path = size_path(X, y, sample_weight=weights, random_state=0)
    assert_array_equal(path.sizes, [1])
    assert path.networks[0](X[:1])[0] == pytest.approx(y[17])


@pytest.mark.parametrize("unit", [1e-100, 1e100])
@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_extreme_units(unit, loss):
    X, y = noisy()
    path = size_path(X / unit, y * unit, loss=loss, random_state=0)
    assert np.mean((path.within(12)(X / unit) / unit - y) ** 2) < 0.2 * np.var(y)


@pytest.mark.parametrize("unit", [1e2, 1e4, 1e6])
def test_huber_fits_targets_much_larger_than_its_threshold(unit):
    X, y, _ = planted(0, 400)
    noise = 0.05 * np.random.default_rng(0).standard_t(2, 400)
    path = size_path(X, (y + noise) * unit, loss="huber", random_state=0)
    assert np.mean((path.within(10)(X) / unit - y) ** 2) < 0.02 * np.var(y)


def test_huber_has_the_threshold_of_each_output():
    X, y, _ = planted(0, 400)
    noise = 0.05 * np.random.default_rng(0).standard_t(1.5, 400)
    both = size_path(X, np.column_stack([1e4 * (y + noise), y + noise]), loss=Huber((500.0, 0.05)), random_state=0)
    f = both.within(20)(X)
    assert np.mean((f[:, 0] / 1e4 - y) ** 2) < 0.05 * np.var(y)
    assert np.mean((f[:, 1] - y) ** 2) < 0.05 * np.var(y)


def test_without_an_affine_part_there_is_none():
    X, y = noisy()
    path = size_path(X, y + 5.0, affine=False, random_state=0)
    assert all(network.n_affine == 0 for network in path)
    assert path.losses(X, y + 5.0)[0] < 0.5 * np.var(y)
    assert path.sizes[-1] == 0


@pytest.mark.parametrize("level", [0.1, 0.9])
def test_quantiles_have_their_share_of_rows_below(level):
    X, y = noisy(n_rows=400)
    path = size_path(X, y, loss=Quantile(level), random_state=0)
    assert np.mean(y < path.within(10)(X)) == pytest.approx(level, abs=0.06)


def lp_objective(network, X, y, p, ridge):
    """The documented objective of a path with p, from the parameters of a network of one output."""
    gain, spread = np.abs(network.output_weights) / y.std(), X.std(axis=0)
    w = gain * network.input_weights * spread
    b = gain[:, 0] * (network.biases + network.input_weights @ X.mean(axis=0))
    slopes = network.slope[:, 0] * spread / y.std()
    intercept = (network.intercept[0] + X.mean(axis=0) @ network.slope[:, 0] - y.mean()) / y.std()
    smoothed = (np.column_stack([w, b]) ** 2 + 0.05**2) ** (p / 2) - 0.05**p
    mean_loss = 0.5 * np.mean((network(X) - y) ** 2) / np.var(y)
    return mean_loss + ridge / p * smoothed.sum() + 0.5e-3 * ridge * (np.sum(slopes**2) + intercept**2)


@pytest.mark.parametrize("p", [0.3, 1.0])
def test_lp_paths_have_smaller_lp_objectives_than_those_of_a_ridge(p):
    X, y = noisy()
    path, other = (size_path(X, y, p=q, ridge=0.01, random_state=0) for q in (p, None))
    assert (np.diff(path.sizes) < 0).all()
    values = [lp_objective(network, X, y, p, 0.01) for network in path]
    assert (np.diff(values) > -1e-9).all()
    larger = [network for network in other if network.n_neurons and network.size >= path.sizes[-1]]
    assert len(larger) > 5
    for network in larger:
        assert lp_objective(path.within(network.size), X, y, p, 0.01) < lp_objective(network, X, y, p, 0.01)


def test_a_start_is_where_the_path_begins():
    X, y, truth = planted(0)
    path = size_path(X, y, start=truth, ridge=1e-10, random_state=0)
    assert path.sizes[0] <= truth.size
    assert np.abs(path.networks[0](X) - y).max() < 1e-6


def test_a_cap_on_neurons_holds_for_the_path_of_a_larger_start():
    X, y = noisy()
    start = size_path(X, y, random_state=0).networks[0]
    assert start.n_neurons > 2
    path = size_path(X, y, start=start, max_neurons=2, random_state=0)
    assert max(network.n_neurons for network in path) == 2
    assert path.sizes[-1] == 1


def test_several_outputs_share_their_neurons():
    X, y, _ = planted(0)
    path = size_path(X, np.column_stack([y, -2 * y, X[:, 2]]), random_state=0)
    best = path.networks[0]
    assert best.n_outputs == 3
    assert best(X).shape == (300, 3)
    assert np.mean((best(X)[:, 1] + 2 * y) ** 2) < 0.05 * np.var(2 * y)


def test_softmax_losses_on_data_that_miss_a_class():
    X, _ = noisy()
    labels = np.digitize(X[:, 0], [-0.3, 0.3])
    path = size_path(X, labels, loss="softmax", random_state=0)
    some = labels == 0
    scores = path.networks[0](X[some])
    expected = np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[:, 0])
    assert path.losses(X[some], labels[some], "softmax")[0] == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"y has 3 at row 1; softmax wants labels 0, 1, 2, … below 3"):
        path.losses(X[:2], [0, 3], "softmax")


TABLE = noisy()
BAD = [
    ({"ridge": 0}, "ridge must be greater than 0, got 0"),
    ({"ridge": "a"}, "ridge must be a finite number, got 'a'"),
    ({"p": 0}, "p must be a number in (0, 1], got 0"),
    ({"p": 2}, "p must be a number in (0, 1], got 2"),
    ({"max_neurons": -1}, "max_neurons must be an integer of at least 0, got -1"),
    ({"max_neurons": 1.5}, "max_neurons must be an integer of at least 0, got 1.5"),
    ({"affine": "yes"}, "affine must be True or False, got 'yes'"),
    ({"loss": "mse"}, "loss must be one of"),
    ({"start": 3}, "start must be a ReLUNetwork of 3 inputs and 1 outputs, got 3"),
    ({"start": ReLUNetwork([[1.0]], [0.0], [1.0])}, "start must be a ReLUNetwork of 3 inputs and 1 outputs"),
    ({"random_state": "a"}, "random_state must be an integer of at least 0, got 'a'"),
    ({"sample_weight": [1, 2]}, "sample_weight must be one number or one for each of the 120 rows"),
    ({"sample_weight": np.zeros(120)}, "sample_weight is zero at every row; give at least one row a positive weight"),
    ({"sample_weight": -np.ones(120)}, "sample_weight must not be negative, got -1 at row 0"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD)
def test_bad_arguments_are_refused_in_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        size_path(*TABLE, **arguments)


@pytest.mark.parametrize(
    ("y", "loss", "sentence"),
    [
        (np.full(120, np.inf), "squared", "y has an infinite value at row 0"),
        (np.full(120, 1e200), "squared", "y has 1e+200 at row 0; its square is beyond float64, rescale y"),
        (np.full(120, 2.0), "logistic", "y has 2 at row 0; this loss wants classes 0 and 1"),
        (np.full(120, 0.3), "hinge", "y has 0.3 at row 0; the hinge loss wants classes 0 and 1"),
        (np.full(120, 0.5), "softmax", "y has 0.5 at row 0; softmax wants labels 0, 1, 2, …"),
        (np.full(120, 1e9), "softmax", "y has 1e+09 at row 0; softmax wants labels 0, 1, 2, …"),
        (np.ones((120, 2)), "softmax", "y has 2 at row 0; as the sum of the class shares, which must be 1"),
        (["a"] * 120, "squared", "y has the text 'a' at row 0; convert it to a number"),
        (np.ones((120, 2)), Huber((1.0, 2.0, 3.0)), "delta must be one number or one for each of the 2 outputs"),
        (np.ones(119), "squared", "X has 120 rows but y has 119; give one y for every row"),
    ],
)
def test_bad_targets_are_refused_in_a_sentence(y, loss, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        size_path(TABLE[0], y, loss=loss)


def test_time_limit_ends_the_path_at_larger_sizes_and_verbose_reports_it(capsys):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 5))
    y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(200)
    whole = size_path(X, y, random_state=0, verbose=True)
    reported = [int(line.split()[0]) for line in capsys.readouterr().err.splitlines()]
    assert max(reported) > 24 > min(reported) == whole.sizes[-1] == 1
    short = size_path(X, y, random_state=0, time_limit=1e-9)
    assert 1 <= len(short) <= 4
    assert short.sizes[0] > 5 >= whole.sizes[-1]
    with pytest.raises(ValueError, match="time_limit must be greater than 0"):
        size_path(X, y, time_limit=0)


def test_no_small_network_is_behind_the_affine_fit():
    """A second descent begins with it: what grows from many hinges seldom comes back to a plain line."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, (60, 6))
        y = X @ rng.normal(size=6) + rng.standard_normal(60)
        design = np.column_stack([X, np.ones(60)])
        least = 0.5 * np.mean((design @ np.linalg.lstsq(design, y, rcond=None)[0] - y) ** 2)
        path = size_path(X, y, random_state=0)
        assert path.training_loss[path.sizes <= 7].min() <= least * (1 + 1e-3)


def test_slope_ridge_is_that_of_ridge_regression_in_standard_units():
    rng = np.random.default_rng(3)
    X, y = rng.normal(2.0, [1.0, 5.0, 0.1], (60, 3)), rng.standard_normal(60)
    affine = size_path(X, y, max_neurons=0, slope_ridge=0.3).networks[0]
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    slopes = Ridge(alpha=0.3 * 60).fit(Z, y).coef_ / X.std(axis=0)
    assert_allclose(affine.slope[:, 0], slopes, rtol=1e-6)
    with pytest.raises(ValueError, match="slope_ridge"):
        size_path(X, y, slope_ridge=-1.0)


@pytest.mark.parametrize("p", [None, 0.5])
@pytest.mark.parametrize("slope_ridge", [None, 0.3])
@pytest.mark.parametrize("d", [3, 21])
def test_the_affine_part_of_a_classifier_is_shrunk_as_documented(d, p, slope_ridge):
    """The gradient of the documented objective vanishes at the path's affine network."""
    rng = np.random.default_rng(0)
    X = rng.normal(2.0, 3.0, (300, d))
    labels = (X[:, 0] + 3.0 * rng.standard_normal(300) > 4.0).astype(float)
    affine = size_path(X, labels, loss="logistic", max_neurons=0, ridge=0.5, p=p, slope_ridge=slope_ridge).networks[0]
    by_default = 0.001 * 0.5 if p is not None else 0.1 * 0.5 if d == 3 else 0.5
    on_slopes = by_default if slope_ridge is None else slope_ridge
    on_intercept = 1e-9 if p is None else on_slopes
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    slopes, intercept = affine.slope[:, 0] * X.std(axis=0), affine.intercept[0] + X.mean(axis=0) @ affine.slope[:, 0]
    excess = 1.0 / (1.0 + np.exp(-affine(X))) - labels
    assert np.count_nonzero(slopes) == d
    assert_allclose(excess @ Z / 300 + on_slopes * slopes, 0, atol=1e-6)
    assert_allclose(np.mean(excess) + on_intercept * intercept, 0, atol=1e-6)


def test_many_inputs_of_many_classes_take_long_and_few_rows_or_neurons_do_not():
    assert takes_long(Softmax(), 1000, 64, 10)
    assert not takes_long(Softmax(), 40, 20, 3)
    assert takes_long(Softmax(), 1000, 40, 3)
    assert not takes_long(Softmax(), 1000, 40, 3, max_neurons=2)
    assert not takes_long(Softmax(), 1000, 13, 3)
    assert not takes_long(Logistic(), 1000, 6, 1)
    assert not takes_long(Squared(), 1000, 200, 1)


def test_the_default_ridge_of_slopes_is_the_documented_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 60))
    y = np.argmax(X[:, :3] + 0.5 * rng.normal(size=(90, 3)), axis=1)
    default, given = (size_path(X, y, loss="softmax", ridge=1e-3, slope_ridge=s, random_state=0) for s in (None, 1e-3))
    assert_array_equal(default.sizes, given.sizes)
    assert_array_equal(default.training_loss, given.training_loss)
