"""Bounds on the ℓ1 path norm against interpolants whose norm is known as a fraction."""

from fractions import Fraction

import numpy as np
import pytest

from exact_networks import exact_l1_value, exact_rays
from reluctant import interpolate
from reluctant.errors import InfeasibleError, SolverError
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.column_generation import minimise_l1
from reluctant.multivariate.proofs.duality import largest_over_rays, orthogonal_multipliers, rounded_down
from reluctant.multivariate.proofs.frame import Frame


def problem(rng):
    """Two to five rows in one or two dimensions: uniform, integers, or some 1e-3 to 1e-7 apart; uniform labels."""
    N, d = int(rng.integers(2, 6)), int(rng.integers(1, 3))
    kind = rng.integers(3)
    X = rng.uniform(-1, 1, (N, d)) if kind == 0 else rng.integers(-2, 3, (N, d)).astype(float)
    if kind == 2:
        X = X[:1] + 10.0 ** -rng.integers(3, 8) * rng.uniform(-1, 1, (N, d))
    X = np.unique(X, axis=0)
    return X, rng.uniform(-1, 1, len(X))


def far_problem(rng):
    """The same, some columns 10 to 1e9 from zero, or from zero to it."""
    X, y = problem(rng)
    far = 10.0 ** rng.uniform(1, 9, X.shape[1]) * rng.choice([-1, 0, 1], X.shape[1])
    X = np.unique(X + (np.round(far) if rng.random() < 0.5 else far), axis=0)
    return X, y[: len(X)]


def never_above_an_exact_interpolant(seeds, problem=problem):
    sharp = 0
    for seed in seeds:
        X, y = problem(np.random.default_rng(seed))
        affine = bool(seed % 2)
        least = exact_l1_value(X, y, affine)
        if least is None:
            continue
        for by_rays in (True, False) if seed % 5 == 0 else (True,):
            try:
                bound = minimise_l1(X, y, affine=affine, enumerate_rays=by_rays).lower_bound
            except (InfeasibleError, SolverError):
                continue
            assert Fraction(bound) <= least, (seed, by_rays)
            sharp += bound >= float(least) * (1 - 1e-9)
    return sharp


@pytest.mark.parametrize("n", [50, pytest.param(150, marks=pytest.mark.slow)])
def test_bound_is_at_most_the_norm_of_an_exact_interpolant(n):
    assert never_above_an_exact_interpolant(range(n)) > 0.66 * n


OFFSETS = {"time stamps": ([1.6e9, 0], [1e4, 1]), "years, kelvin": ([2e3, 290], [35, 30]), "both": ([1e6, 1e6], [1, 1])}


@pytest.mark.parametrize("name", OFFSETS)
@pytest.mark.parametrize("affine", [False, True])
def test_far_from_zero_the_bound_is_met_by_an_exact_interpolant_and_above_none(name, affine):
    """Beyond 1e4 spreads nothing was proved; with exact heights the linear program of the oracle is as near zero."""
    offset, spread = OFFSETS[name]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, y = offset + np.array(spread) * rng.uniform(0, 1, (5, 2)), rng.uniform(-1, 1, 5)
        least = exact_l1_value(X, y, affine)
        bound = minimise_l1(X, y, affine=affine).lower_bound
        assert least * (1 - Fraction(1, 10**6)) <= Fraction(bound) <= least, seed


@pytest.mark.parametrize("other", ["uniform", "on or off"])
def test_time_stamps_keep_their_proof(other):
    for seed, spread in enumerate((1e3, 1e4, 1e5) if other == "uniform" else (1e5, 1e5)):
        rng = np.random.default_rng(seed)
        t = np.round(1.6e9 + spread * rng.uniform(0, 1, 12))
        X = np.column_stack([t, rng.uniform(0, 1, 12) if other == "uniform" else rng.integers(0, 2, 12)])
        solution = interpolate(X, rng.normal(size=12), 1.0, random_state=0)
        assert solution.certificate.kind == "proved"
        assert solution.certificate.lower_bound >= solution.value * (1 - 1e-5)


def test_a_network_that_float64_cannot_hold_keeps_the_bound():
    rng = np.random.default_rng(0)
    X, y = 1e8 + rng.uniform(0, 1, (8, 2)), rng.normal(size=8)
    solution = interpolate(X, y, 1.0, random_state=0, time_limit=0.5)
    assert np.abs(solution.network(X) - y).max() <= 1e-9 * np.abs(y).max()
    assert 0 < solution.certificate.lower_bound <= solution.value
    assert solution.certificate.kind == "proved"


def test_a_column_that_stays_above_its_price_ends_the_program():
    # Multipliers of 1e8, which the solver's tolerances leave 6e-9 above the price of a column that it has.
    X, y = problem(np.random.default_rng(1024))
    best = minimise_l1(X, y)
    assert Fraction(best.lower_bound) <= exact_l1_value(X, y)
    assert best.lower_bound >= best.value * (1 - 1e-7)


@pytest.mark.slow
def test_bound_is_at_most_the_norm_of_an_exact_interpolant_thousands():
    assert never_above_an_exact_interpolant(range(1000, 3000)) > 1200


def test_a_mixed_integer_program_over_large_entries_claims_nothing():
    # HiGHS bounded the price of a hinge by a 32nd of what it is, and the path norm by 1.6e8 where 4.8e6 do.
    X, y = [[3827309.0], [3827310.0], [3827311.0], [3827312.0]], [-0.48967472, 0.0429061, 0.06110524, -0.6490866]
    assert minimise_l1(X, y, affine=True, enumerate_rays=False).lower_bound == 0
    X, y = np.random.default_rng(0).uniform(0, 1000, (8, 30)), np.random.default_rng(1).uniform(-1, 1, 8)
    certificate = interpolate(X, y, 1.0, time_limit=2, random_state=0).certificate
    assert (certificate.kind, certificate.lower_bound) == ("none", 0)


@pytest.mark.parametrize("n", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_far_from_zero_too(n):
    assert never_above_an_exact_interpolant(range(n), far_problem) > 0.4 * n


def test_bound_of_nearly_equal_rows_is_below_a_network_known_in_rationals():
    # One hinge with exact weights and the affine part through all points costs 1666666.6648711672.
    X = [[1.0000004, 1.0000005], [0.9999999, 1.0000001], [1.0000001, 0.9999999], [0.9999996, 1.0000004]]
    y = [-2.0, 2.0, 3.0, 1.0]
    least = exact_l1_value(X, y, affine=True)
    assert float(least) == pytest.approx(1666666.6648711672, rel=1e-15)
    certificate = interpolate(X, y, 1.0, affine=True, random_state=0, time_limit=5).certificate
    assert certificate.kind == "proved"
    assert least * (1 - Fraction(1, 10**9)) < Fraction(certificate.lower_bound) <= least


@pytest.mark.parametrize("seed", range(20))
def test_largest_value_over_rays_is_an_upper_bound_and_close(seed):
    rng = np.random.default_rng(seed)
    X, _ = problem(rng)
    Xbar, pi = homogeneous(X), rng.normal(size=len(X))
    multipliers = [Fraction(a) for a in pi.tolist()]
    exact = Fraction(0)
    for u in exact_rays(X):
        heights = [max(sum(a * Fraction(b) for a, b in zip(u, x)), Fraction(0)) for x in Xbar.tolist()]
        exact = max(exact, abs(sum(Fraction(p) * h for p, h in zip(pi.tolist(), heights))))
    for about in (float(exact), 0.0):  # few rays in integers, or all
        upper = largest_over_rays(Frame.of(X), multipliers, about)
        assert exact <= Fraction(upper) <= exact * (1 + Fraction(1, 10**11))


def test_orthogonal_multipliers_are_orthogonal_and_rounding_goes_down():
    rng = np.random.default_rng(0)
    X = 1 + 1e-7 * rng.normal(size=(6, 2))
    pi = orthogonal_multipliers(Frame.of(X), [Fraction(a) for a in rng.normal(size=6).tolist()])
    for column in homogeneous(X).T.tolist():
        assert sum(p * Fraction(a) for p, a in zip(pi, column)) == 0
    for _ in range(100):
        value = Fraction(int(rng.integers(1, 10**9)), int(rng.integers(1, 10**9)))
        assert value * (1 - Fraction(1, 2**51)) < Fraction(rounded_down(value)) <= value


def test_entries_that_the_solver_refuses_do_not_end_the_call():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (12, 12))
    X[5] = 0
    y = rng.uniform(-1, 1, 12)
    values, bounds = [], []
    for tiny in (0.0, 1e-10, 1e-300):
        X[5, 0] = tiny
        solution = interpolate(X, y, 1.0, time_limit=1.5, random_state=0)
        assert solution.max_error <= 1e-9
        values.append(solution.value)
        bounds.append(solution.certificate.lower_bound)
    assert max(bounds) <= min(values) * (1 + 1e-6)  # the entry hardly changes the problem
