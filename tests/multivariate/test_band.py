"""Few parameters within a band: membership by direct evaluation, counts against a known generator and by hand."""

import numpy as np
import pytest

from reluctant.errors import InfeasibleError, SolverError
from reluctant.multivariate.band import Band, group_prices, prune_neurons, reweighted_vertex, sparsest_within
from reluctant.multivariate.path_norm import minimise_path_norm
from reluctant.multivariate.program import PatternProgram
from reluctant.multivariate.reweighted import Equations, newton_into_band


def evaluate(X, signs, U):
    return np.maximum(np.column_stack([X, np.ones(len(X))]) @ U.T, 0.0) @ signs


SIGNS = np.array([1.0, -1.0, 1.0])
U = np.array([[1.0, 0, 0, 0.3], [0, 0.8, -1.0, 0], [0, 0, 1.5, -0.2]])


@pytest.mark.parametrize("seed", [0, 1])
def test_not_more_parameters_than_the_network_under_the_noise(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((40, 3))
    y = evaluate(X, SIGNS, U) + rng.uniform(-0.1, 0.1, 40)
    found = sparsest_within(X, y, 0.1, max_rounds=6, time_limit=None, random_state=0)
    assert found.n_parameters <= 6
    assert np.abs(evaluate(X, found.signs, found.U) - y).max() <= 0.1 * (1 + 1e-12)


def test_every_point_keeps_its_own_tolerance():
    rng = np.random.default_rng(2)
    X, y = rng.uniform(-1, 1, (20, 4)), 100 * rng.uniform(-1, 1, 20)
    tolerance = 100 * rng.uniform(0.01, 0.5, 20)
    found = sparsest_within(X, y, tolerance, max_rounds=2, time_limit=None, random_state=0)
    assert (np.abs(evaluate(X, found.signs, found.U) - y) <= tolerance * (1 + 1e-12)).all()
    assert found.n_parameters < 20


def test_a_wide_band_needs_nothing_and_a_shifted_one_a_constant():
    rng = np.random.default_rng(3)
    X, y = rng.uniform(-1, 1, (15, 2)), rng.uniform(-1, 1, 15)
    assert sparsest_within(X, y, 1.0, time_limit=1.0).n_parameters == 0
    shifted = sparsest_within(X, y + 7.0, 1.0, max_rounds=3, time_limit=None, random_state=0)
    assert shifted.n_parameters == 1


def test_free_affine_part_is_not_counted():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 3))
    y = evaluate(X, SIGNS, U) + X @ [3.0, -4.0, 1.0] + 2.0 + rng.uniform(-0.1, 0.1, 40)
    found = sparsest_within(X, y, 0.1, affine=True, max_rounds=6, time_limit=None, random_state=0)
    assert found.n_parameters <= 6
    assert np.abs(found(X) - y).max() <= 0.1 * (1 + 1e-12)


def test_an_interpolant_is_pruned_when_there_is_no_time_for_more():
    rng = np.random.default_rng(5)
    X, y = rng.uniform(-1, 1, (15, 3)), rng.uniform(-1, 1, 15)
    start = minimise_path_norm(X, y, 0.5, max_rounds=1, time_limit=None, random_state=0)
    found = sparsest_within(X, y, 0.2, start=(start.signs, start.U), max_rounds=0, time_limit=None)
    assert found.n_parameters < start.n_parameters
    assert np.abs(evaluate(X, found.signs, found.U) - y).max() <= 0.2 * (1 + 1e-12)


def test_the_same_seed_gives_the_same_network():
    rng = np.random.default_rng(6)
    X, y = rng.uniform(-1, 1, (15, 3)), rng.uniform(-1, 1, 15)
    one, other = (sparsest_within(X, y, 0.2, max_rounds=2, time_limit=None, random_state=9) for _ in range(2))
    assert np.array_equal(one.U, other.U)


def test_a_tolerance_of_zero_is_refused_by_name_and_row():
    with pytest.raises(ValueError, match=r"tolerance must be positive, got 0.0 at row 1"):
        sparsest_within(np.ones((3, 1)), np.ones(3), np.array([1.0, 0.0, 1.0]))


def test_neurons_are_counted_when_asked_for():
    rng = np.random.default_rng(65)
    X, y = rng.uniform(-1, 1, (40, 10)), rng.uniform(-1, 1, 40)
    few = sparsest_within(X, y, 0.3, minimize="neurons", max_rounds=2, time_limit=None, random_state=0)
    sparse = sparsest_within(X, y, 0.3, max_rounds=2, time_limit=None, random_state=0)
    assert few.history[-1][1] == len(few.signs) < len(sparse.signs)
    assert np.abs(evaluate(X, few.signs, few.U) - y).max() <= 0.3 * (1 + 1e-12)


def test_target_ends_the_search_within_the_band():
    rng = np.random.default_rng(7)
    X, y = rng.uniform(-1, 1, (30, 4)), rng.uniform(-1, 1, 30)
    found = sparsest_within(X, y, 0.1, target=40, max_rounds=50, time_limit=None, random_state=0)
    assert found.n_parameters <= 40
    assert found.history[-1][0] == 1


def test_price_of_a_neuron_is_the_least_rise_of_the_squared_error():
    rng = np.random.default_rng(8)
    X = rng.uniform(-1, 1, (40, 2))
    signs, U = np.array([1.0, -1.0, 1.0]), rng.standard_normal((3, 3))
    data = Equations.of(X, evaluate(X, signs, U))
    A = data.design(signs, U, np.nonzero(U))
    prices = group_prices(data, signs, U)
    for k in range(3):
        rest = np.delete(A, np.arange(3 * k, 3 * k + 3), axis=1)
        left = data.y - rest @ np.linalg.lstsq(rest, data.y, rcond=None)[0]
        assert prices[k] == pytest.approx(left @ left, rel=1e-4)


def test_deleting_neurons_stops_at_a_solution_with_fewer():
    rng = np.random.default_rng(9)
    X, y = rng.uniform(-1, 1, (20, 3)), rng.uniform(-1, 1, 20)
    start = minimise_path_norm(X, y, 0.5, max_rounds=1, time_limit=None, random_state=0)
    data = Equations.of(X, y)

    def solve(signs, U):
        moved = newton_into_band(data, np.full(20, 0.4), signs, U, np.zeros(4))
        return None if moved is None else moved[0]

    signs, U = prune_neurons(data, start.signs, start.U, solve, lambda: False)
    assert len(U) < len(start.U)
    assert np.abs(evaluate(X, signs, U) - y).max() <= 0.4


def test_vertex_of_the_linear_program_stays_within_the_band_and_its_patterns():
    rng = np.random.default_rng(10)
    X, y = rng.uniform(-1, 1, (25, 4)), rng.uniform(-1, 1, 25)
    start = minimise_path_norm(X, y, 0.5, max_rounds=1, time_limit=None, random_state=0)
    tolerance = rng.uniform(0.05, 0.3, 25)
    signs, U = reweighted_vertex(Band(Equations.of(X, y), tolerance), start.signs, start.U)
    assert (np.abs(evaluate(X, signs, U) - y) <= tolerance + 1e-7).all()
    assert np.count_nonzero(U) <= start.n_parameters


def test_the_linear_program_gives_up_by_a_named_error_and_others_come_through(monkeypatch):
    X, y = np.random.default_rng(11).uniform(-1, 1, (2, 20))
    band = Band(Equations.of(X[:, None], y), np.full(20, 0.1))
    start = np.ones(1), np.array([[1.0, 0.3]])

    def ends_with(error):
        def solve(self):
            raise error

        monkeypatch.setattr(PatternProgram, "solve", solve)
        return reweighted_vertex(band, *start)

    assert ends_with(SolverError("status unknown")) is None
    assert ends_with(InfeasibleError("no")) is None
    with pytest.raises(RuntimeError, match="a mistake"):
        ends_with(RuntimeError("a mistake"))
