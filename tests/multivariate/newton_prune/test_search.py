"""Newton-prune end to end: what every returned network must satisfy."""

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from reluctant.effort import Clock
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.newton_prune.search import generic_target, sparsest_interpolant
from reluctant.multivariate.newton_prune.starts import line_start
from reluctant.multivariate.newton_prune.state import Data, Units


def uniform(n, d, seed, m=None):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, n if m is None else (n, m))


def exact_output(network, x):
    """One output of a network without affine part at one point, in rational arithmetic."""
    total = Fraction(0)
    for w, b, v in zip(network.input_weights, network.biases, network.output_weights[:, 0]):
        z = Fraction(float(b)) + sum(Fraction(float(wj)) * Fraction(float(xj)) for wj, xj in zip(w, x))
        total += Fraction(float(v)) * max(z, Fraction(0))
    return total


def assert_sound(found, X, y, affine=False):
    """The promises that hold for every result."""
    network = found.network
    error = np.abs(network(X) - y).max()
    assert error <= 1e-9 * np.abs(y).max()
    assert found.max_error == error
    assert network.n_neurons == len(network.input_weights) <= y.size
    assert network.merged(affine=affine).n_neurons == network.n_neurons
    counts = [step.n_parameters for step in found.history]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == network.n_parameters
    assert np.isfinite(network.input_weights).all()
    assert np.isfinite(network.biases).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "d"), [(10, 50), (20, 20), (20, 5), (50, 10)])
def test_reaches_n_parameters_on_uniform_data(n, d, seed):
    X, y = uniform(n, d, seed)
    found = sparsest_interpolant(X, y, random_state=seed)
    assert found.network.n_parameters == n
    assert found.ended == "target"
    assert_sound(found, X, y)


def test_labels_are_met_in_rational_arithmetic():
    X, y = uniform(20, 5, 7)
    network = sparsest_interpolant(X, y, random_state=0).network
    for x, label in zip(X, y):
        assert abs(exact_output(network, x) - Fraction(float(label))) <= Fraction(1, 10**9)


@pytest.mark.parametrize(("n", "d", "m"), [(30, 5, None), (15, 4, 2)])
def test_an_affine_part_saves_one_parameter_for_each_of_its_own(n, d, m):
    X, y = uniform(n, d, 1, m)
    found = sparsest_interpolant(X, y, affine=True, random_state=0)
    assert found.network.n_parameters == (m or 1) * (n - d - 1)
    assert_sound(found, X, y, affine=True)


def test_affine_part_of_dependent_inputs_is_counted_by_rank():
    X, y = uniform(20, 3, 1)
    X = np.column_stack([X, X[:, 0], X[:, 1] + X[:, 2], np.ones(20)])
    found = sparsest_interpolant(X, y, affine=True, random_state=0)
    assert found.network.n_parameters == 20 - 4
    assert_sound(found, X, y, affine=True)


def test_several_outputs_share_neurons_and_reach_m_n():
    X, y = uniform(15, 5, 3, m=2)
    found = sparsest_interpolant(X, y, random_state=0)
    assert found.network.n_parameters == 30
    assert found.network.n_neurons < 30
    assert_sound(found, X, y)


def test_fewest_neurons_reach_their_bound():
    X, y = uniform(40, 5, 2)
    found = sparsest_interpolant(X, y, aim=Aim("neurons"), random_state=0)
    assert found.network.n_neurons == 7
    assert 40 <= found.network.n_parameters <= 42
    assert np.abs(found.network(X) - y).max() <= 1e-9


def test_same_seed_gives_the_same_network():
    X, y = uniform(25, 4, 0)
    first, second = (sparsest_interpolant(X, y, random_state=5).network for _ in range(2))
    assert np.array_equal(first.input_weights, second.input_weights)
    assert np.array_equal(first.biases, second.biases)


@pytest.mark.parametrize(("n", "d"), [(1, 3), (20, 5), (60, 2), (30, 1)])
def test_no_time_still_gives_an_interpolant(n, d):
    X, y = uniform(n, d, 0)
    found = sparsest_interpolant(X, y, clock=Clock(0.0), random_state=0)
    assert_sound(found, X, y)
    assert found.ended in ("time", "target")


def test_interruption_returns_the_best_so_far():
    X, y = uniform(100, 3, 0)
    clock = Clock()
    found = sparsest_interpolant(X, y, clock=clock, random_state=0, report=lambda step: clock.interrupt())
    assert found.ended == "interrupted"
    assert_sound(found, X, y)


def test_a_time_limit_is_used_up_while_the_target_is_not_reached():
    X, y = uniform(6, 3, 0)
    found = sparsest_interpolant(X, y, aim=Aim(target=1), clock=Clock(0.5), random_state=0)
    assert found.ended == "time"
    assert found.network.n_parameters == 6


def test_target_ends_the_search():
    X, y = uniform(30, 3, 0)
    found = sparsest_interpolant(X, y, aim=Aim(target=45), random_state=0)
    assert found.ended == "target"
    assert found.network.n_parameters <= 45


def test_a_given_network_is_the_start():
    X, y = uniform(30, 4, 0)
    start = sparsest_interpolant(X, y, random_state=0).network
    found = sparsest_interpolant(X, y, start=start, restarts=1, random_state=1)
    np.testing.assert_allclose(found.network.input_weights, start.input_weights, rtol=1e-6)


@pytest.mark.parametrize(("x_size", "y_size"), [(1e12, 1e-12), (1e-12, 1e12)])
def test_units_do_not_change_the_count(x_size, y_size):
    X, y = uniform(20, 5, 0)
    X = X * np.array([x_size, 1.0, 1.0, x_size, 1.0])
    found = sparsest_interpolant(X, y * y_size, random_state=0)
    assert found.network.n_parameters == 20
    assert_sound(found, X, y * y_size)


def test_scaling_into_units_and_back_is_exact():
    X, y = uniform(10, 3, 0)
    units = Units.of(X * [1.0, 1e5, 1e-7], y[:, None] * 1e4)
    data = Data.from_arrays(X, y)
    weights = line_start(data, np.random.default_rng(0))
    back = units.scaled(units.network(weights))
    assert np.array_equal(back.U, weights.U)
    assert np.array_equal(back.V, weights.V)


def test_constant_and_copied_columns_cost_nothing():
    X, y = uniform(15, 4, 0)
    X = np.column_stack([X, X[:, 1], np.full(15, 3.0), np.zeros(15)])
    found = sparsest_interpolant(X, y, random_state=0)
    assert found.network.n_parameters == 15
    assert_sound(found, X, y)


@pytest.mark.parametrize(("labels", "affine", "count"), [(0.0, False, 0), (2.5, False, 1), (2.5, True, 0)])
def test_constant_labels(labels, affine, count):
    X, _ = uniform(12, 3, 0)
    found = sparsest_interpolant(X, np.full(12, labels), affine=affine, random_state=0)
    assert found.network.n_parameters == count
    assert np.abs(found.network(X) - labels).max() <= 1e-9 * labels


def test_integer_labels_with_ties():
    X, _ = uniform(25, 4, 0)
    y = np.random.default_rng(1).integers(0, 3, 25).astype(float)
    found = sparsest_interpolant(X, y, random_state=0)
    assert found.network.n_parameters <= 25
    assert_sound(found, X, y)


def close_pair(distance):
    X, y = uniform(12, 3, 0)
    X[1] = X[0] + distance * np.array([1.0, -1.0, 0.5])
    y[:2] = [-1.0, 1.0]
    return X, y


@pytest.mark.parametrize("distance", [1e-3, 1e-6])
def test_close_points_with_different_labels_are_met(distance):
    X, y = close_pair(distance)
    found = sparsest_interpolant(X, y, restarts=3, clock=Clock(5.0), random_state=0)
    assert_sound(found, X, y)
    assert np.abs(found.network.input_weights).max() > 0.1 / distance


def test_points_too_close_for_float64_weights_are_named():
    X, y = close_pair(1e-10)
    with pytest.raises(ValueError, match="between rows 0 and 1"):
        sparsest_interpolant(X, y, restarts=1, clock=Clock(2.0), random_state=0)


def test_one_input_is_not_refused():
    X, y = uniform(12, 1, 0)
    found = sparsest_interpolant(X, y, restarts=2, clock=Clock(3.0), random_state=0)
    assert np.abs(found.network(X) - y).max() <= 1e-9


@pytest.mark.parametrize(
    ("shape", "affine", "minimize", "target"),
    [
        ((50, 5, 1), False, "parameters", 50),
        ((50, 5, 1), False, "neurons", 9),
        ((50, 5, 1), True, "parameters", 44),
        ((50, 5, 3), True, "neurons", 17),
        ((4, 5, 1), True, "parameters", 0),
    ],
)
def test_generic_target(shape, affine, minimize, target):
    n, d, m = shape
    X, y = uniform(n, d, 0, m)
    assert generic_target(Data.from_arrays(X, y, affine), minimize) == target


COLD = """
import numpy as np
from reluctant import approximate, interpolate
rng = np.random.default_rng(0)
print(interpolate(rng.uniform(-1, 1, (10, 50)), rng.uniform(-1, 1, 10), time_limit=0.5).n_parameters)
X = rng.uniform(-1, 1, (40, 3))
print(approximate(X, np.abs(X[:, :1]) * [1, -2], tolerance=0.01, time_limit=1.0).n_parameters)
"""


@pytest.mark.slow
def test_compilation_takes_nothing_from_the_time_limit(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", COLD], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "10\n4\n"
