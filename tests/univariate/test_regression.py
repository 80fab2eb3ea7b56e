"""`regress_line` against bounded least squares, exact arithmetic, scalar minimisation and symmetries."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, minimize_scalar

from reluctant import interpolate, regress
from reluctant.univariate import filtering, reweighting
from reluctant.univariate._trend_filter import dual_value
from reluctant.univariate.regression import regress_line

EXAMPLE = Path(__file__).parents[2] / "examples" / "thermocouple_type_k.csv"
SPACINGS = {
    "even": lambda rng, n: np.arange(n) / n,
    "uniform": lambda rng, n: np.sort(rng.random(n)),
    "clustered": lambda rng, n: np.cumsum(10.0 ** rng.uniform(-6, 0, n)),
}


def noisy(rng, n, spacing="uniform"):
    x = SPACINGS[spacing](rng, n)
    return x, np.sin(12 * x / x[-1]) + 0.3 * rng.normal(size=n)


def second_differences(x):
    """D with (D f)_j = slope after minus slope before x_j, (N − 2, N)."""
    h = np.diff(x)
    D = np.zeros((len(x) - 2, len(x)))
    for j in range(len(x) - 2):
        D[j, j : j + 3] = 1 / h[j], -1 / h[j] - 1 / h[j + 1], 1 / h[j + 1]
    return D


def objective_of(solution, x, y, alpha, s=None):
    s = np.ones(len(x)) if s is None else s
    loss = np.sum(s * 0.5 * (solution.predict(x) - y) ** 2) / np.sum(s)
    return loss + alpha * np.sum(np.abs(solution.function.slope_changes) ** solution.p)


def largest_useful_alpha(x, y):
    """The multipliers of the least-squares line, from their definition."""
    r = (y - np.polyval(np.polyfit(x, y, 1), x)) / len(x)
    return max(abs(np.sum(np.maximum(x - knot, 0) * r)) for knot in x[1:-1])


@pytest.mark.parametrize("spacing", ["even", "uniform"])
@pytest.mark.parametrize("share", [0.5, 1e-1, 1e-2, 1e-3])
def test_fitted_values_equal_the_dual_box_problem(spacing, share):
    rng = np.random.default_rng(1)
    for n in (3, 5, 12, 40):
        x, y = noisy(rng, n, spacing)
        alpha = share * largest_useful_alpha(x, y)
        w = rng.uniform(0.5, 2, n)
        w /= w.sum()
        D = second_differences(x)
        u = lsq_linear(D.T / np.sqrt(w)[:, None], np.sqrt(w) * y, (-alpha, alpha), method="bvls", tol=1e-14).x
        fitted = y - D.T @ u / w
        solution = regress_line(x, y, alpha, 1.0, w)
        assert solution.predict(x) == pytest.approx(fitted, abs=1e-8)
        least = 0.5 * np.sum(w * (fitted - y) ** 2) + alpha * np.sum(np.abs(D @ fitted))
        assert solution.objective == pytest.approx(least, rel=1e-9)
        assert solution.certificate.lower_bound <= least * (1 + 1e-12)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("share", [0.3, 1e-2, 1e-4])
def test_conditions_for_the_optimum_hold_in_exact_arithmetic(spacing, share):
    rng = np.random.default_rng(2)
    x, y = noisy(rng, 120, spacing)
    alpha = share * largest_useful_alpha(x, y)
    solution = regress_line(x, y, alpha, 1.0)
    r = [Fraction(float(v)) for v in (y - solution.predict(x)) / len(x)]
    X = [Fraction(float(v)) for v in x]
    assert abs(float(sum(r))) < 1e-13
    u = np.array([float(sum(ri * (xi - knot) for ri, xi in zip(r, X) if xi > knot)) for knot in X]) / alpha
    assert np.max(np.abs(u[1:-1])) <= 1 + 1e-8
    changes = solution.function.slope_changes
    for knot, change in zip(solution.function.knots, changes):
        neighbours = [i for i in range(1, len(x) - 1) if x[i - 1] < knot < x[i + 1]]
        assert max(u[i] * np.sign(change) for i in neighbours) == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("n", [2**17, pytest.param(3 * 2**20, marks=pytest.mark.slow)])
def test_bound_is_below_the_optimum_where_a_plain_sum_of_squares_would_lose_digits(n):
    v = 0.7150368571167021  # the running sum of 2^17 times v² / n ends 4 · 2^-40 of itself too low
    y = np.tile([v, -v, -v, v], n // 4)  # orthogonal to lines: f = 0 is optimal for every large α
    bound = regress_line(np.arange(float(n)), y, 1e7, 1.0).certificate.lower_bound
    optimum = Fraction(v) ** 2 / 2
    assert optimum * (1 - Fraction(1, 10**11)) <= Fraction(bound) <= optimum


def exact_dual_value(x, w, y, r, up):
    """The highest Σ r y − Σ r² / (2 w) over multiples of r, made orthogonal to lines, within the bounds."""
    x, w, y, r = ([Fraction(float(v)) for v in column] for column in (x, w, y, r))
    total = sum(w)
    t = [xi - sum(wj * xj for wj, xj in zip(w, x)) / total for xi in x]
    level = sum(r) / total
    tilt = sum(ri * ti for ri, ti in zip(r, t)) / sum(wi * ti**2 for wi, ti in zip(w, t))
    r = [ri - wi * (level + tilt * ti) for ri, wi, ti in zip(r, w, t)]
    u = [sum(ri * (xj - xi) for ri, xi in zip(r[:j], x)) for j, xj in enumerate(x)]
    linear = sum(ri * yi for ri, yi in zip(r, y))
    square = sum(ri**2 / wi for ri, wi in zip(r, w))
    scale = min(1, up / max(map(abs, u)), max(0, linear / square))
    return scale * linear - scale**2 * square / 2


@pytest.mark.parametrize("spacing", SPACINGS)
def test_dual_value_of_any_numbers_is_below_the_exact_one(spacing):
    rng = np.random.default_rng(11)
    close = 0
    for up in 10.0 ** rng.uniform(-7, 1, 60):
        x = SPACINGS[spacing](rng, 12)
        x = 1e3 + x / (x[-1] - x[0])
        y = rng.uniform(-1, 1, 12)
        w = rng.uniform(0.1, 1, 12)
        w /= w.sum()
        r = w * (y + rng.normal(size=12) * 10.0 ** rng.uniform(-8, 0))
        exact = exact_dual_value(x, w, y, r, up)
        found = dual_value(x, w, y, 0.0, r, np.full(12, up), np.full(12, up))
        assert Fraction(float(found)) <= exact
        close += found >= float(exact) * (1 - 1e-9)
    assert close >= 10


def test_bound_of_rows_of_one_x_is_below_their_exact_loss():
    ulp = 2.0**-52
    x, y = np.array([0.0, 0, 1]), np.array([1 + ulp, 1 + 2 * ulp, -1])
    exact = Fraction(ulp) ** 2 / 12  # mean of ½ (± ulp / 2)² over two of three rows
    for alpha in (0.0, 1e-3):
        bound = regress_line(x, y, alpha, 1.0).certificate.lower_bound
        assert Fraction(bound) <= exact
    y = np.array([1.0, 2, -1])
    assert regress_line(x, y, 0.0, 1.0).certificate.lower_bound == pytest.approx(1 / 12, rel=1e-11)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("n", [30, 3000])
def test_duality_gap_is_small_and_the_bound_is_below(spacing, n):
    x, y = noisy(np.random.default_rng(3), n, spacing)
    largest = largest_useful_alpha(x, y)
    for share in (2.0, 0.5, 1e-2, 1e-4):
        solution = regress_line(x, y, share * largest, 1.0)
        objective = objective_of(solution, x, y, share * largest)
        assert solution.objective == pytest.approx(objective, rel=1e-9)
        assert solution.certificate.kind == "proved"
        assert solution.certificate.quantity == "objective"
        assert objective * (1 - 1e-8) <= solution.certificate.lower_bound <= objective


def test_certificate_says_when_the_kinks_were_not_settled(monkeypatch):
    x, y = noisy(np.random.default_rng(12), 300)
    alpha = 1e-4 * largest_useful_alpha(x, y)
    assert "not hold yet" not in regress_line(x, y, alpha, 1.0).certificate.reason
    monkeypatch.setattr(filtering, "_STEPS", 1)
    monkeypatch.setattr(filtering, "EXACT_SOLVES", 1)
    stopped = regress_line(x, y, alpha, 1.0)
    assert stopped.certificate.lower_bound < (1 - 1e-6) * stopped.objective
    assert stopped.certificate.reason.endswith("do not hold yet")


def test_gaps_over_twelve_orders_of_magnitude_leave_a_small_duality_gap():
    rng = np.random.default_rng(4)
    x = np.cumsum(10.0 ** rng.uniform(-9, 3, 2000))
    x = x[np.concatenate([[True], np.diff(x) > 0])]
    y = np.sin(20 * x / x[-1]) + 0.3 * rng.normal(size=len(x))
    for share in (0.1, 1e-3, 1e-5):
        alpha = share * largest_useful_alpha(x, y)
        solution = regress_line(x, y, alpha, 1.0)
        objective = solution.objective
        assert objective * (1 - 1e-8) <= solution.certificate.lower_bound <= objective


def test_solution_is_the_least_squares_line_exactly_from_the_largest_useful_alpha_on():
    x, y = noisy(np.random.default_rng(5), 50)
    largest = largest_useful_alpha(x, y)
    for factor in (1 + 1e-9, 10, 1e200, 1e308):
        line = regress_line(x, y, factor * largest, 1.0)
        assert line.n_neurons == 0
        assert line.value == 0
        assert line.predict(x) == pytest.approx(np.polyval(np.polyfit(x, y, 1), x), abs=1e-12)
    assert regress_line(x, y, 0.999 * largest, 1.0).n_neurons > 0


def test_bound_of_nearly_straight_data_is_below_what_an_interpolant_costs():
    x = np.arange(64.0)
    y = 1 + 2.0**-45 * np.tile([1.0, -1, -1, 1], 16)
    alpha = 1e-20
    cost = Fraction(alpha) * sum(abs(Fraction(2) ** -45 * int(c)) for c in np.diff(np.tile([1, -1, -1, 1], 16), 2))
    assert Fraction(regress_line(x, y, alpha, 1.0).certificate.lower_bound) <= cost


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_zero_alpha_interpolates_the_weighted_means_of_repeated_points(p):
    x, y, s = np.array([2.0, 0, 1, 1, 3]), np.array([0.0, 1, 2, 6, 5]), np.array([1.0, 1, 3, 1, 1])
    solution = regress_line(x, y, 0.0, p, s)
    assert solution.predict([0, 1, 2, 3]) == pytest.approx([1, 3, 0, 5])
    assert solution.value == pytest.approx(interpolate([0, 1, 2, 3], [1, 3, 0, 5], p=p).value)
    assert solution.mean_loss == pytest.approx((3 * 1 + 9) / 2 / 7)


def test_neighbouring_kinks_of_one_sign_share_a_knot_without_changing_fit_or_penalty():
    rng = np.random.default_rng(6)
    shared = 0
    for _ in range(30):
        x, y = noisy(rng, 25)
        solution = regress_line(x, y, 1e-2 * largest_useful_alpha(x, y), 1.0)
        fitted = solution.predict(x)
        changes = second_differences(x) @ fitted
        kinks = np.abs(changes) > 1e-7 * np.max(np.abs(changes))
        assert solution.value == pytest.approx(np.sum(np.abs(changes)), rel=1e-7)
        assert solution.n_neurons <= np.count_nonzero(kinks) <= len(x) - 2
        shared += np.count_nonzero(kinks) - solution.n_neurons
    assert shared > 0


on_small_tables = settings(derandomize=True, deadline=None, max_examples=60)
small_tables = st.lists(
    st.tuples(st.integers(-8, 8), st.integers(-9, 9), st.integers(1, 3)), min_size=1, max_size=12
).map(lambda rows: np.array(rows, float).T)


@on_small_tables
@given(table=small_tables, alpha=st.sampled_from([1e-3, 1e-2, 0.1, 0.7, 5.0]))
def test_small_tables_with_ties_reach_their_bound(table, alpha):
    x, y, s = table
    solution = regress_line(x, y, alpha, 1.0, s)
    objective = objective_of(solution, x, y, alpha, s)
    bound = solution.certificate.lower_bound
    assert bound <= objective
    assert objective - bound <= 1e-8 * objective + 1e-9


@on_small_tables
@given(table=small_tables, alpha=st.sampled_from([1e-2, 0.3]), p=st.sampled_from([0.3, 0.7, 1.0]))
def test_symmetries(table, alpha, p):
    x, y, s = table
    solution = regress_line(x, y, alpha, p, s)
    objective, fitted = solution.objective, solution.predict(x)

    repeated = regress_line(np.repeat(x, s.astype(int)), np.repeat(y, s.astype(int)), alpha, p)
    assert repeated.objective == pytest.approx(objective, rel=1e-6, abs=1e-9)
    tilted = regress_line(x + 4.0, y + 2 * x - 3, alpha, p, s)
    assert tilted.objective == pytest.approx(objective, rel=1e-6, abs=1e-9)
    if p == 1:
        assert tilted.predict(x + 4.0) == pytest.approx(fitted + 2 * x - 3, abs=1e-5)
    # Powers of two scale everything exactly.
    scaled = regress_line(0.25 * x, 8 * y, alpha * 64 / 32**p, p, s)
    assert scaled.predict(0.25 * x) == pytest.approx(8 * fitted, rel=1e-9, abs=1e-9)


def test_rows_without_weight_do_not_count():
    x, y = noisy(np.random.default_rng(7), 40)
    s = np.tile([1.0, 0.0], 20)
    kept = regress_line(x[::2], y[::2], 1e-4, 1.0)
    assert np.array_equal(regress_line(x, y, 1e-4, 1.0, s).function.knots, kept.function.knots)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("alpha", [1e-4, 1e-3, 1e-2])
def test_a_single_kink_has_the_size_of_the_scalar_problem(p, alpha):
    x = np.linspace(-1, 1, 41)
    y = np.abs(x)

    def cost(change):
        r = y - 0.5 * change * np.abs(x)
        return 0.5 * np.mean((r - r.mean()) ** 2) + alpha * change**p

    solution = regress_line(x, y, alpha, p)
    best = min(minimize_scalar(cost, bounds=(0, 3), method="bounded", options={"xatol": 1e-12}).fun, cost(0.0))
    assert solution.objective <= best * (1 + 1e-7)


@pytest.mark.parametrize("p", [0.3, 0.6, 0.9])
def test_below_one_the_objective_is_no_worse_than_that_of_the_line_and_of_the_solution_for_p_one(p):
    rng = np.random.default_rng(8)
    for _ in range(10):
        x, y = noisy(rng, 60)
        alpha = 10 ** rng.uniform(-5, -2)
        solution = regress_line(x, y, alpha, p)
        objective = objective_of(solution, x, y, alpha)
        assert solution.objective == pytest.approx(objective, rel=1e-9)
        for other in (regress_line(x, y, alpha, 1.0), regress_line(x, y, 1e9, 1.0)):
            assert objective <= objective_of(other.replace(p=p), x, y, alpha) * (1 + 1e-12)
        assert solution.certificate.kind == "none"


@pytest.mark.parametrize("seed", [6, 20, 22, 26, 35])
def test_solutions_for_other_exponents_are_hardly_lower(seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, 40)
    y = np.abs(x - 0.4) - np.maximum(x - 0.7, 0) * rng.normal() + 0.05 * rng.standard_normal(40)
    for alpha in (1e-3, 1e-2):
        solutions = {p: regress_line(x, y, alpha, p) for p in (0.2, 0.3, 0.5, 0.8, 1.0)}
        for p in (0.2, 0.5, 0.8):
            others = [objective_of(solution.replace(p=p), x, y, alpha) for solution in solutions.values()]
            assert solutions[p].objective <= min(others) * (1 + 1e-3)


def both_searches(monkeypatch, x, y, alpha, p):
    """The solutions of a search among groups of rows, and among the rows alone."""
    monkeypatch.setattr(reweighting, "_GROUPS", 128)
    grouped = regress_line(x, y, alpha, p)
    monkeypatch.setattr(reweighting, "_GROUPS", len(x))
    return grouped, regress_line(x, y, alpha, p)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("spacing", ["even", "uniform", "clustered"])
def test_a_search_among_groups_of_rows_ends_as_low_as_one_among_the_rows(monkeypatch, spacing, p):
    monkeypatch.setattr(reweighting, "_GROUPS_A_KINK", 8)
    ratios, other = [], 0
    for seed in range(4):
        x, y = noisy(np.random.default_rng(seed), 1500, spacing)
        x = x / x[-1]
        for alpha in (1e-2, 1e-3):
            grouped, plain = both_searches(monkeypatch, x, y, alpha, p)
            assert grouped.objective == pytest.approx(objective_of(grouped, x, y, alpha), rel=1e-9)
            ratios.append(grouped.objective / plain.objective)
            other += grouped.objective != plain.objective
    assert other >= 2
    assert max(ratios) < 1.03
    assert np.mean(ratios) < 1.006


def test_rows_are_not_grouped_where_kinks_are_many_or_gaps_vanish(monkeypatch):
    x, y = noisy(np.random.default_rng(0), 400)
    close = np.concatenate([1e-20 * np.arange(200), np.linspace(0.1, 1, 200)])
    for points, alpha in ((x, 1e-8), (close, 1e-2)):
        grouped, plain = both_searches(monkeypatch, points, y, alpha, 0.5)
        assert plain.n_neurons > 0
        assert grouped.objective == plain.objective


@pytest.mark.parametrize("p", [0.5, 1.0])
@pytest.mark.parametrize("unit", [2.0**-200, 1.0, 2.0**200])
def test_offsets_and_units_do_not_matter(p, unit):
    x, y = noisy(np.random.default_rng(9), 80)
    plain = regress_line(x, y, 1e-4, p)
    moved = regress_line(unit * x, unit * (y + 1e4), 1e-4 * unit**2, p)
    assert moved.n_neurons == plain.n_neurons
    assert moved.predict(unit * x) / unit - 1e4 == pytest.approx(plain.predict(x), abs=1e-7)


def test_noisy_thermocouple_table_is_solved_to_its_bound():
    temperature, emf = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1, unpack=True)
    y = temperature + np.random.default_rng(10).normal(scale=2.0, size=len(temperature))
    solution = regress_line(emf, y, 0.1, 1.0)
    objective = solution.objective
    assert objective * (1 - 1e-9) <= solution.certificate.lower_bound <= objective
    assert 3 <= solution.n_neurons <= 60


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("p", [0.5, 1.0])
def test_one_and_two_points_are_met_by_a_line(n, p):
    solution = regress_line(np.arange(float(n)), np.arange(float(n)) + 7, 0.1, p)
    assert solution.n_neurons == 0
    assert solution.objective == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": -1.0}, "alpha must be at least 0"),
        ({"p": 0.0}, "p must be greater than 0"),
        ({"p": 1.5}, r"p must be in \(0, 1\]"),
        ({"sample_weight": np.zeros(3)}, "sample_weight is zero at every row"),
        ({"sample_weight": np.array([1, -2.0, 1])}, "sample_weight must not be negative, got -2 at row 1"),
        ({"y": np.array([0, 1e200, 0]), "alpha": 1e300}, "beyond float64; rescale y"),
        ({"x": np.array([-1e308, 0, 1e308])}, "x reaches from"),
        ({"y": np.array([-1e308, 0, 1e308])}, "y reaches from"),
    ],
)
def test_bad_input_is_refused_by_name(changes, message):
    arguments = {"x": np.arange(3.0), "y": np.array([0.0, 1, 0]), "alpha": 0.1, "p": 1.0} | changes
    with pytest.raises(ValueError, match=message):
        regress_line(**arguments)


@pytest.mark.parametrize("offset", [0.0, 1e15])
def test_data_on_a_line_are_met_by_it_for_every_p(offset):
    x, y = np.arange(60.0) * 0.25 + offset, np.arange(60.0)
    for p in (0.3, 0.5, 1.0):
        solution = regress_line(x, y, alpha=0.01, p=p)
        assert (solution.n_neurons, solution.value) == (0, 0.0)
        np.testing.assert_allclose(solution.predict(x), y, atol=1e-12)


def far_values(rng: np.random.Generator) -> tuple:
    """Weights over many orders, close points beside far ones, offsets: where lines have values far beyond the data."""
    n = int(rng.integers(2, 9))
    x, y = np.sort(rng.uniform(0, 10.0 ** rng.integers(0, 4), n)), rng.normal(size=n) * 10.0 ** rng.integers(-5, 27)
    kind = rng.integers(4)
    if kind == 1:
        j = int(rng.integers(0, n - 1))
        x[j + 1 :] = x[j] + np.cumsum(rng.uniform(1, 9, n - 1 - j)) * 10.0 ** rng.uniform(-9, -3)
    elif kind == 2:
        x, y = x + 1e9, y + 10.0 ** rng.integers(0, 30)
    elif kind == 3:
        y[0] *= 1e6
    weights = 10.0 ** rng.uniform(-20, 2, n) if rng.random() < 0.5 else np.ones(n)
    return x, y, 10.0 ** rng.uniform(-6, 2) * np.ptp(y) * np.ptp(x), weights


def assert_objective_is_not_below_its_bound(x, y, alpha, weights) -> None:
    try:
        solution = regress_line(x, y, alpha, 1.0, weights)
    except ValueError:  # beyond float64
        return
    assert solution.certificate.lower_bound <= solution.objective
    assert "lowered" not in solution.certificate.reason


@pytest.mark.parametrize(("seed", "n"), [(60, 300), pytest.param(61, 20_000, marks=pytest.mark.slow)])
def test_objective_is_never_below_its_bound(seed, n):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        assert_objective_is_not_below_its_bound(*far_values(rng))


def test_figures_are_those_of_the_function_where_it_begins_far_from_the_rows_that_weigh():
    """The line has the value -2e36 at the first row, beside which those of the others would lose ten digits."""
    x = np.array([221.9034805657271, 900.6582613089117, 900.6582613257037, 900.6582613294231])
    y = np.array([-7.949446797696304e25, 6.069664899850428e25, 7.058487528519027e23, 1.437874434442734e26])
    w = np.array([1.1955100249667828e-20, 56.15658263194367, 6.034412308133816e-20, 105.55580041458677])
    alpha = 5.313555409099594e24
    solution = regress_line(x, y, alpha, 1.0, w)
    f = solution.function
    at = np.searchsorted(f.knots, x, side="right")
    X, Y, M = f.anchors[0, at], f.anchors[1, at], f.slopes[at]
    table = (map(Fraction, column.tolist()) for column in (w, x, y, X, Y, M))
    losses = [(s, s * (b + m * (t - a) - target) ** 2 / 2) for s, t, target, a, b, m in zip(*table)]
    exact_loss = float(sum(loss for _, loss in losses) / sum(s for s, _ in losses))
    assert solution.mean_loss == pytest.approx(exact_loss, rel=1e-12)
    assert solution.certificate.lower_bound <= solution.objective <= solution.certificate.lower_bound * (1 + 1e-9)


def test_the_smallest_power_is_solved_as_any_tiny_one():
    x, y = np.arange(6.0), np.array([0.0, 0, 1, 1, 0, 0.5])
    tiny, smallest = (regress(x, y, alpha=0.1, p=p).objective for p in (1e-300, 5e-324))
    assert smallest == tiny
