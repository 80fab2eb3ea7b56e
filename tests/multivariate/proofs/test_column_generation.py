import numpy as np
import pytest
from scipy.optimize import linprog

from patterns import enumerate_patterns
from reluctant import InfeasibleError
from reluctant.effort import Clock
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.column_generation import minimise_l1
from reluctant.multivariate.proofs.program import PatternProgram
from reluctant.multivariate.proofs.rays import extreme_rays


def uniform(N, d, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)


def over_all_patterns(X, y, affine=False, tolerance=0.0):
    """ℓ1 over every signed pattern at once: no pricing, no rays."""
    patterns = enumerate_patterns(X)[0]
    program = PatternProgram(X, y, affine=affine, tolerance=tolerance)
    program.add_neurons(np.vstack([patterns, patterns]), np.repeat([1.0, -1.0], len(patterns)))
    return program.solve()


@pytest.mark.parametrize("by_rays", [True, False])
@pytest.mark.parametrize(
    ("N", "d", "affine", "tolerance"), [(5, 2, False, 0), (6, 2, True, 0), (5, 3, False, 0), (6, 2, False, 0.2)]
)
def test_value_equals_the_program_over_all_patterns(N, d, affine, tolerance, by_rays):
    for seed in range(3):
        X, y = uniform(N, d, seed)
        best = minimise_l1(X, y, affine=affine, tolerance=tolerance, enumerate_rays=by_rays)
        expected = over_all_patterns(X, y, affine, tolerance)
        assert best.value == pytest.approx(expected, rel=1e-7)
        assert best.lower_bound == pytest.approx(expected, rel=1e-6)
        assert best.lower_bound <= expected * (1 + 1e-9)
        assert np.abs(best.network(X) - y).max() <= tolerance + 1e-9


@pytest.mark.parametrize("name", ["grid", "collinear", "repeated", "constant column", "wide"])
def test_degenerate_data(name):
    rng = np.random.default_rng(0)
    X = {
        "grid": np.array([[i, j] for i in range(3) for j in range(2)], float),
        "collinear": np.column_stack([np.arange(5.0), 2 * np.arange(5.0)]),
        "repeated": np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        "constant column": np.column_stack([np.arange(4.0), np.full(4, 7.0)]),
        "wide": rng.normal(size=(3, 4)),
    }[name]
    y = rng.integers(-2, 3, len(X)).astype(float)
    y[2] = y[1] if name == "repeated" else y[2]
    best = minimise_l1(X, y)
    assert best.value == pytest.approx(over_all_patterns(X, y), rel=1e-8, abs=1e-9)
    assert best.lower_bound == pytest.approx(best.value, rel=1e-8)


@pytest.mark.parametrize("unit", [1e-12, 1e-7, 1e9, 1e12])
def test_extreme_rays_are_all_found_whatever_the_scale(unit):
    X = uniform(6, 2, 0)[0]
    rays = extreme_rays(X)[0] * [1 / unit, 1 / unit, 1]
    expected = rays / np.abs(rays).sum(axis=1, keepdims=True)
    found = extreme_rays(X * unit)[0]
    assert len(found) == len(expected)
    for ray in expected:
        assert np.min(np.max(np.abs(found - ray) / np.maximum(np.abs(ray), 1e-300), axis=1)) < 1e-8


def test_bound_holds_for_every_interpolant_tried():
    X, y = uniform(20, 5, 0)
    best = minimise_l1(X, y)
    rng = np.random.default_rng(1)
    for _ in range(30):
        U = rng.normal(size=(60, 6))
        H = np.maximum(homogeneous(X) @ U.T, 0)
        size = np.abs(U).sum(axis=1)
        result = linprog(np.tile(size, 2), A_eq=np.hstack([H, -H]), b_eq=y)
        assert best.lower_bound <= result.fun * (1 + 1e-9)


def test_twenty_points_in_five_dimensions_close_the_gap():
    X, y = uniform(20, 5, 0)
    best = minimise_l1(X, y)
    assert best.value - best.lower_bound <= 1e-8 * best.value
    assert best.network.n_neurons <= 20
    assert np.abs(best.network(X) - y).max() <= 1e-9


def test_many_inputs_are_priced_by_a_mixed_integer_program():
    X, y = uniform(8, 30, 0)
    best = minimise_l1(X, y, clock=Clock(30))
    assert "mixed-integer program" in best.pricing
    assert best.value - best.lower_bound <= 1e-6 * best.value


def test_time_limit_gives_a_valid_bound_below_the_value():
    X, y = uniform(30, 3, 0)
    exact = minimise_l1(X, y)
    early = minimise_l1(X, y, enumerate_rays=False, clock=Clock(0.0))
    assert early.lower_bound <= exact.value * (1 + 1e-9) <= early.value * (1 + 1e-8)


def test_same_seed_same_answer():
    X, y = uniform(8, 3, 0)
    first, second = (minimise_l1(X, y, enumerate_rays=False, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first.network.input_weights, second.network.input_weights)


def test_zero_labels_and_contradictions():
    assert minimise_l1([[0.0], [1.0]], [0.0, 0.0]).value == 0
    with pytest.raises(InfeasibleError):
        minimise_l1([[0.0], [0.0]], [0.0, 1.0])


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_of_y_do_not_matter(scale):
    X, y = uniform(6, 2, 0)
    assert minimise_l1(X, scale * y).value == pytest.approx(scale * minimise_l1(X, y).value)
