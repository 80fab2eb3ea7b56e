"""The path in p against enumeration, exact arithmetic and the dynamic programme."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reluctant import InfeasibleError, critical_p, p_path
from reluctant.univariate import _flips, _pair_weights
from reluctant.univariate.interpolation import interpolate_line
from reluctant.univariate.ppath import MatchingPath, path_of_runs

GRID = np.concatenate([[1e-6, 1e-3], np.linspace(0.011, 0.991, 99), [0.9999]])
FALLING = [0.007326, 1.134, 6.483, 4.628, 2.533, 0.1031, 1.21, 0.7615]


def path_of(*runs: list[float], **options: float) -> MatchingPath:
    return path_of_runs(
        np.concatenate([np.asarray(g, float) for g in runs]),
        np.cumsum([0, *(len(g) for g in runs)]),
        **options,
    )


def all_matchings(n: int) -> Iterator[tuple[bool, ...]]:
    """Every matching of a path of n vertices, as n flags, the last one false."""
    if n == 0:
        yield ()
    elif n == 1:
        yield (False,)
    else:
        for rest in all_matchings(n - 1):
            yield (False, *rest)
        for rest in all_matchings(n - 2):
            yield (True, False, *rest)


def changes_of(g: list, matching: tuple[bool, ...]) -> list:
    changes, j = [], 0
    while j < len(g):
        changes.append(g[j] + g[j + 1] if matching[j] else g[j])
        j += 2 if matching[j] else 1
    return changes


def enumerate_costs(g: list[float], grid: np.ndarray) -> tuple[list[tuple[bool, ...]], np.ndarray]:
    """All matchings and their V_p on the grid, in long double."""
    matchings = list(all_matchings(len(g)))
    changes = np.zeros((len(matchings), len(g)), dtype=np.longdouble)
    for row, matching in zip(changes, matchings):
        values = changes_of([np.longdouble(v) for v in g], matching)
        row[: len(values)] = values
    powers = changes[:, :, None] ** grid.astype(np.longdouble)
    return matchings, np.where(changes[:, :, None] > 0, powers, 0).sum(axis=1)


def check_against_enumeration(
    g: list[float], grid: np.ndarray = GRID, slack: float = 1e-15, **options: float
) -> MatchingPath:
    path = path_of(g, **options)
    matchings, costs = enumerate_costs(g, grid)
    index = {m: i for i, m in enumerate(matchings)}
    for i, p in enumerate(grid):
        if np.any((path.intervals[:, 0] <= p) & (p <= path.intervals[:, 1])):
            continue
        cost = costs[index[tuple(path.matching(p).tolist())], i]
        assert cost <= costs[:, i].min() * (1 + slack), (g, p)
    return path


def random_run(rng: np.random.Generator, kind: int, n: int) -> list[float]:
    half = np.exp(2 * rng.normal(size=n))
    return {
        0: lambda: half,
        1: lambda: rng.integers(1, 5, size=n).astype(float),
        2: lambda: np.exp(10 * rng.normal(size=n)),
        3: lambda: np.concatenate([half, half[::-1]])[-n:] if n % 2 else np.concatenate([half, half[-2::-1]])[:n],
        4: lambda: np.full(n, 0.3),
        5: lambda: 1 + 1e-4 * rng.normal(size=n),
    }[kind]().tolist()


@pytest.mark.parametrize("kind", range(6))
def test_path_is_optimal_wherever_enumeration_looks(kind: int) -> None:
    rng = np.random.default_rng(kind)
    for n in [2, 3, 4, 5, 6, 7, 8, 9, 10]:
        for _ in range(5):
            g = random_run(rng, kind, n)
            check_against_enumeration(g, slack=1e-10)
            check_against_enumeration(g, tie_rtol=0.0)


@pytest.mark.slow
def test_path_is_optimal_on_a_thousand_runs() -> None:
    rng = np.random.default_rng(100)
    for _ in range(1000):
        g = random_run(rng, int(rng.integers(6)), int(rng.integers(2, 12)))
        check_against_enumeration(g, slack=1e-10)
        check_against_enumeration(g, tie_rtol=0.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1e-12, 1e12), min_size=2, max_size=9))
def test_path_is_optimal_for_any_jumps(g: list[float]) -> None:
    check_against_enumeration(g, GRID[::5], slack=1e-10)
    check_against_enumeration(g, GRID[::5], tie_rtol=0.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=10))
def test_path_is_optimal_for_small_integers(g: list[int]) -> None:
    path = check_against_enumeration([float(v) for v in g], GRID[::5])
    # Products of slope changes may tie as p → 0, and entropies as p → 1.
    assert np.all(path.resolved | (path.intervals[:, 1] < 1e-5) | (path.intervals[:, 0] > 1 - 1e-5))


def exact_cost(g: list[float], matching: np.ndarray, p: Decimal) -> Decimal:
    changes = changes_of([Decimal(v) for v in g], tuple(matching.tolist()))
    return sum(((p * c.ln()).exp() for c in changes), Decimal(0))


def test_costs_cross_inside_every_bracket() -> None:
    rng = np.random.default_rng(3)
    crossings = 0
    with localcontext() as context:
        context.prec = 50
        for _ in range(60):
            g = random_run(rng, 0, int(rng.integers(6, 30)))
            path = path_of(g)
            assert path.resolved.all()
            for low, high in path.intervals:
                before, after = path.matching(np.nextafter(low, 0)), path.matching(high)
                low, high = Decimal(low), Decimal(high)
                assert exact_cost(g, before, low) < exact_cost(g, after, low)
                assert exact_cost(g, after, high) < exact_cost(g, before, high)
                assert high - low <= Decimal("1.0000001e-10")
                crossings += 1
    assert crossings > 60


def test_no_change_of_the_optimum_on_a_fine_grid_is_missed() -> None:
    rng = np.random.default_rng(4)
    grid = np.linspace(0.0005, 0.9995, 1000)
    for _ in range(8):
        g = random_run(rng, 0, 9)
        _, costs = enumerate_costs(g, grid)
        best = np.argmin(costs, axis=0)
        changed = np.flatnonzero(best[1:] != best[:-1])
        path = path_of(g)
        for i in changed:
            assert np.any((path.intervals[:, 1] >= grid[i]) & (path.intervals[:, 0] <= grid[i + 1]))


def test_number_of_knots_can_fall_again() -> None:
    path = path_of(FALLING)
    middles = path.intervals.mean(axis=1)
    assert middles == pytest.approx([0.26246, 0.94719], abs=1e-4)
    knots = [8 - np.count_nonzero(path.matching(p)) for p in (0.1, 0.5, 0.97)]
    assert knots == [4, 5, 4]
    assert path.extra_knots.tolist() == [1, -1]


def test_first_matching_is_the_sparsest_with_least_log_sum() -> None:
    rng = np.random.default_rng(5)
    for _ in range(150):
        g = random_run(rng, int(rng.integers(3)), int(rng.integers(2, 11)))
        exact = [Fraction(v) for v in g]
        best = min((len(c), math.prod(c)) for c in (changes_of(exact, m) for m in all_matchings(len(g))))
        changes = changes_of(exact, tuple(path_of(g).first.tolist()))
        assert len(changes) == best[0]
        assert float(math.prod(changes) / best[1]) <= 1 + 1e-9


@pytest.mark.parametrize("n", [3, 5, 8, 9])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_ties_for_every_p_go_to_the_leftmost_pairs(kind: int, n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(4):
        g = random_run(rng, kind, n)
        path = path_of(g)
        matchings = list(all_matchings(n))
        multisets = [Counter(Fraction(c) for c in changes_of([Fraction(v) for v in g], m)) for m in matchings]
        ends = [0.0, *path.intervals[:, 1], 1.0]
        for p in np.add(ends[1:], ends[:-1]) / 2:
            chosen = tuple(path.matching(p).tolist())
            same = multisets[matchings.index(chosen)]
            assert chosen == max(m for m, multiset in zip(matchings, multisets) if multiset == same)


def test_runs_of_up_to_three_jumps_never_change() -> None:
    rng = np.random.default_rng(6)
    for _ in range(100):
        g = np.exp(3 * rng.normal(size=3)).tolist()
        _, costs = enumerate_costs(g, GRID)
        assert len(set(np.argmin(costs, axis=0).tolist())) == 1
        assert len(path_of(g).intervals) == 0


def plain_matching(g: np.ndarray, p: float) -> np.ndarray:
    """M_j = max(M_{j+1}, w_j + M_{j+2}) in long double."""
    powers, sums = g.astype(np.longdouble) ** p, (g[:-1] + g[1:].astype(np.longdouble)) ** p
    w = powers[:-1] + powers[1:] - sums
    best = np.zeros(len(g) + 2, dtype=np.longdouble)
    for j in range(len(g) - 2, -1, -1):
        best[j] = max(best[j + 1], w[j] + best[j + 2])
    matched, j = np.zeros(len(g), dtype=bool), 0
    while j < len(g) - 1:
        matched[j] = w[j] + best[j + 2] >= best[j + 1]
        j += 2 if matched[j] else 1
    return matched


def test_every_piece_of_a_long_run_equals_the_dynamic_programme() -> None:
    rng = np.random.default_rng(7)
    x = np.sort(rng.random(3000))
    for g in (np.diff(np.diff(np.exp(x)) / np.diff(x)), np.exp(rng.normal(size=3001))):
        path = path_of(g.tolist())
        assert path.resolved.all()
        assert len(path.intervals) > 50
        ends = np.concatenate([[0.0], path.intervals[:, 1], [1.0]])
        for p in (ends[1:] + ends[:-1])[::5] / 2:
            assert np.array_equal(path.matching(p), plain_matching(g, p))


def exact_weight(a: float, b: float, p: Decimal) -> Decimal:
    a, b = Decimal(a), Decimal(b)
    if p == 1:
        return a * ((a + b) / a).ln() + b * ((a + b) / b).ln()
    return ((p * a.ln()).exp() + (p * b.ln()).exp() - (p * (a + b).ln()).exp()) / (1 - p)


@pytest.mark.parametrize("p", [0.0, 1e-9, 1e-3, 0.4, 0.9, 1 - 1e-9, 1 - 2.0**-53, 1.0])
def test_scaled_weight_is_accurate_up_to_both_ends(p: float) -> None:
    rng = np.random.default_rng(8)
    with localcontext() as context:
        context.prec = 80
        for _ in range(40):
            a, b = 10 ** rng.uniform(-12, 12, 2)
            _, edges = _pair_weights.edge_logs(np.array([a, b]), np.array([0, 2]))
            unit = Decimal(2) ** math.frexp(max(a, b))[1]
            exact = exact_weight(Decimal(a) / unit, Decimal(b) / unit, Decimal(p))
            computed = Decimal(_pair_weights.pair_weight(*edges[0], p))
            assert abs(computed / exact - 1) < Decimal("3e-14")
            if 0 < p <= 0.2:
                slope = Decimal(_pair_weights.pair_weight_slope(*edges[0], p))
                assert abs(slope - (exact - 1) / Decimal(p)) < Decimal("5e-14")


@pytest.mark.parametrize(
    ("p0", "p1"), [(0.0, 0.12), (0.0, 1e-3), (0.12, 1.0), (0.3, 0.4), (0.5, 0.5004), (0.7, 0.7 + 1e-9)]
)
def test_bernstein_bounds_are_below_the_costs_and_close(p0: float, p1: float) -> None:
    rng = np.random.default_rng(9)
    g = 10 ** rng.uniform(-1, 1, 40)
    _, edges = _pair_weights.edge_logs(g, np.array([0, 40]))
    log_scale = _pair_weights.middle_log(0, 38, edges)
    matched = rng.random(41) < 0.5
    out = np.empty((_pair_weights.MOST_COEFFICIENTS, 40))
    n = _pair_weights.flip_costs(0, 38, p0, p1, edges, matched, out)
    t = np.linspace(0.003, 0.997, 31)
    basis = np.array([math.comb(n - 1, k) * t**k * (1 - t) ** (n - 1 - k) for k in range(n)])
    bound = out[:n, :39].T @ basis
    with localcontext() as context:
        context.prec = 60
        unit = Decimal(2) ** math.frexp(g.max())[1] * Decimal(log_scale).exp()
        for j in range(39):
            for i, s in enumerate(t):
                p = Decimal(p0 + (p1 - p0) * s)
                w = exact_weight(Decimal(g[j]) / unit, Decimal(g[j + 1]) / unit, p)
                w = (w - 1) / p if p0 == 0 else w
                gap = (w if matched[j] else -w) - Decimal(bound[j, i])
                assert 0 <= gap < Decimal((p1 - p0) ** 3 * 30 + 1e-12)


def test_magnitudes_from_1e_minus_12_to_1e12_in_one_run_make_no_false_claim() -> None:
    rng = np.random.default_rng(10)
    for _ in range(60):
        check_against_enumeration((10 ** rng.uniform(-12, 12, 10)).tolist(), GRID[::3], tie_rtol=0.0)


def test_what_float64_cannot_tell_is_reported_and_not_claimed() -> None:
    g = np.ones(301)
    g[::7] += 2.0**-52
    path = path_of(g.tolist(), tie_rtol=0.0)
    assert 0 < len(path.intervals) < 20
    assert not path.resolved.any()
    assert path_of(g.tolist()).resolved.all()


def test_matchings_stay_matchings_where_rounding_decides() -> None:
    path = path_of([17749363964.0, 0.1, 180829672282.0, 0.1, 643259558688.0, 1.0000000000000002e-12])
    for p in GRID:
        matched = path.matching(p)
        assert not np.any(matched[1:] & matched[:-1])


def test_a_tie_in_the_limit_is_one_doubtful_interval_at_zero() -> None:
    """(2 + 6)(4 + 1) = 2 (6 + 4)(1 + 1): only terms of second order in p tell the two solutions apart."""
    path = path_of([2, 6, 4, 1, 1])
    assert path.intervals[0, 0] == 0.0
    assert path.intervals[0, 1] < 1e-6
    assert not path.resolved[0]
    assert path.resolved[1:].all()
    check_against_enumeration([2, 6, 4, 1, 1])


def test_runs_do_not_influence_each_other() -> None:
    rng = np.random.default_rng(11)
    runs = [random_run(rng, 0, n) for n in (1, 9, 2, 12, 7)]
    together = path_of(*runs)
    start = 0
    for g in runs:
        alone = path_of(g)
        for p in (0.05, 0.5, 0.95):
            assert np.array_equal(together.matching(p)[start : start + len(g)], alone.matching(p))
        start += len(g)


# From data.


def convex_table(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.sort(np.random.default_rng(seed).random(n))
    return x, np.exp(3 * x)


@pytest.mark.parametrize("seed", [0, 1])
def test_solution_of_the_path_is_the_interpolant_at_that_p(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for x, y in (convex_table(400, seed), (np.arange(400.0), np.cumsum(np.cumsum(rng.normal(size=400))))):
        path = p_path(x, y)
        for p in (0.0, 1e-3, *rng.random(15), 1.0, *path.breakpoints[:2]):
            ours, direct = path.solution(p), interpolate_line(x, y, p)
            assert ours.n_neurons == direct.n_neurons == path.n_knots(p)
            assert ours.value == direct.value
            assert np.array_equal(ours.function.knots, direct.function.knots)


def test_critical_p_is_where_the_fewest_knots_end() -> None:
    x, y = convex_table(200, 2)
    path = p_path(x, y)
    low, high = path.critical_bracket
    assert 0 < high - low <= 1.0000001e-10
    assert low < path.critical_p < high
    fewest = path.n_knots(0)
    below = np.linspace(1e-4, path.critical_p - 1e-6, 40)
    assert {interpolate_line(x, y, p).n_neurons for p in below} == {fewest}
    assert interpolate_line(x, y, path.critical_p + 1e-6).n_neurons > fewest
    assert critical_p(x, y) == path.critical_p


def test_critical_p_can_be_later_than_the_first_breakpoint() -> None:
    rng = np.random.default_rng(12)
    later = 0
    for _ in range(30):
        g = random_run(rng, 0, 9)
        x = np.arange(11.0)
        y = np.concatenate([[0, 0], np.cumsum(np.cumsum(g))])
        path = p_path(x, y)
        if len(path.breakpoints) and path.breakpoints[0] < path.critical_p:
            later += 1
            p = (path.brackets[0, 1] + path.critical_bracket[0]) / 2
            assert interpolate_line(x, y, p).n_neurons == 5
    assert later > 3


def test_units_of_y_and_the_order_of_rows_do_not_matter() -> None:
    x, y = convex_table(300, 3)
    path = p_path(x, y)
    shuffled = np.random.default_rng(0).permutation(300)
    for other in (
        p_path(x[shuffled], y[shuffled]),
        p_path(x, y * 2.0**-300),
        p_path(x * 2.0**200, y),
        p_path(x, -y),
    ):
        assert np.array_equal(other.brackets, path.brackets)
        assert other.critical_p == path.critical_p


@pytest.mark.parametrize("f", [np.square, np.exp, np.sin])
def test_smooth_data_on_an_even_grid_are_resolved(f: np.ufunc) -> None:
    x = np.linspace(0, 2, 1001)
    path = p_path(x, f(x))
    assert len(path.unresolved) == 0
    for p in (0.1, 0.5, 0.9):
        assert path.n_knots(p) == interpolate_line(x, f(x), p).n_neurons


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_few_points_have_no_breakpoints(n: int) -> None:
    path = p_path(np.arange(n), np.arange(n) ** 2)
    assert len(path.breakpoints) == len(path.unresolved) == 0
    assert path.critical_p == 1.0
    assert path.solution(0.5).n_neurons == [0, 0, 1, 1][n - 1]


def test_peak_and_plateau_is_the_same_for_every_p() -> None:
    path = p_path([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0])
    assert path.critical_p == 1.0
    assert [path.n_knots(p) for p in (0, 0.3, 1)] == [3, 3, 3]


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="y has NaN at row 1"):
        p_path([0, 1], [0, float("nan")])
    with pytest.raises(InfeasibleError, match=r"x = 1\.0"):
        p_path([0, 1, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="width must be greater than 0"):
        p_path([0, 1], [0, 1], width=0)
    with pytest.raises(ValueError, match="2 columns"):
        p_path([[0, 1], [1, 2]], [0, 1])
    with pytest.raises(ValueError, match="p must"):
        p_path([0, 1], [0, 1]).solution(1.5)


def test_flips_that_lose_a_pair_keep_edges_open_beyond_the_true_breakpoint() -> None:
    """A certificate on an interval with a known crossing inside would be false."""
    g = np.array(FALLING)
    run_starts = np.array([0, 8])
    log_jumps, edges = _pair_weights.edge_logs(g, run_starts)
    prints = _pair_weights.fingerprints(log_jumps, edges, run_starts, 1e-10)
    matched = np.append(path_of(FALLING).first, False)
    is_open = np.zeros(9, dtype=bool)
    work = np.empty((_pair_weights.MOST_COEFFICIENTS + 2, 8))
    _flips.unsettled_edges(0, 6, 0.2, 0.26, edges, prints, matched, work, is_open)
    assert not is_open[:5].any()
    _flips.unsettled_edges(0, 6, 0.26, 0.2625, edges, prints, matched, work, is_open)
    assert is_open[:5].all()
