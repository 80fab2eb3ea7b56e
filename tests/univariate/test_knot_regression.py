"""Least squares with counted knots against enumeration, exact fractions and the programme without bounds."""

from fractions import Fraction
from functools import partial
from itertools import combinations, product

import numpy as np
import pytest

from reluctant import interpolate, regress, regress_path
from reluctant.effort import Clock
from reluctant.univariate._bounds_from_right import Data, Ends, Narrowed, inner_points, narrowed, pass_over
from reluctant.univariate.least_squares import FREE, least_cost, rounded_up, run_programme
from reluctant.univariate.least_squares_path import Hull, best_of_size

KINDS = ("noise", "kinked", "integers", "line")


def table(rng, kind, n):
    x = np.sort(rng.uniform(size=n)) if kind != "integers" else np.arange(n) * 1.0
    y = {
        "noise": lambda: rng.normal(size=n),
        "kinked": lambda: np.interp(x, [0, 0.4, 0.7, 1], [0, 1, 0.2, 0.9]) + 0.1 * rng.normal(size=n),
        "integers": lambda: rng.integers(0, 4, n) * 1.0,
        "line": lambda: 2.0 * x - 1.0,
    }[kind]()
    return x, y, 10.0 ** rng.uniform(-2, 2, n) if rng.random() < 0.5 else np.ones(n)


def least_losses(x, y, w):
    """Least Σ w ½ r² for every number of knots at inner points, from all of their subsets."""
    root = np.sqrt(w)
    best = np.full(len(x) - 1, np.inf)
    for K in range(len(x) - 1):
        for knots in combinations(x[1:-1], K):
            A = np.stack([np.ones(len(x)), x - x[0], *(np.maximum(x - t, 0) for t in knots)], axis=1)
            c = np.linalg.lstsq(root[:, None] * A, root * y, rcond=None)[0]
            best[K] = min(best[K], 0.5 * np.sum(w * (A @ c - y) ** 2))
    return np.minimum.accumulate(best)


def data_of(x, y, w):
    return Data(x, np.concatenate([[0.0], np.diff(x)]), y, w / w.sum())


def check_all_prices_and_sizes(rng, kind):
    n = int(rng.integers(4, 9))
    x, y, w = table(rng, kind, n)
    losses = least_losses(x, y, w / w.sum())
    close = {"rel": 1e-8, "abs": 1e-13}
    alpha = 10.0 ** rng.uniform(-4, 0)
    solution = regress(x, y, alpha=alpha, p=0, sample_weight=w)
    least = np.min(losses + alpha * np.arange(n - 1))
    assert solution.objective == pytest.approx(least, **close)
    assert solution.certificate.lower_bound == pytest.approx(least, **close)
    assert solution.certificate.lower_bound <= solution.objective
    K = int(rng.integers(n - 1))
    sized = regress(x, y, p=0, max_neurons=K, sample_weight=w)
    assert sized.n_neurons <= K
    assert sized.mean_loss == pytest.approx(losses[K], **close)
    assert sized.certificate.lower_bound == pytest.approx(losses[K], **close)


def check_bounds_that_act(rng, kind):
    """Windows, cells and ceilings at random, so that every rule of the relaxed programme is met by a few points."""
    n = int(rng.integers(5, 9))
    x, y, w = table(rng, kind, n)
    data = data_of(x, y, w)
    price = 10.0 ** rng.uniform(-4, -0.5)
    least = np.min(least_losses(x, y, data.w) + price * np.arange(n - 1))
    ceiling = rounded_up(least * (1.0 if rng.random() < 0.5 else rng.uniform(1, 2)) + 1e-13)
    near, size = rng.random(n) < rng.random(), int(rng.integers(1, 6))
    record, thinned = rng.random(n) < rng.random(), (lambda: False, 2, rng.choice([0.01, 0.3]))
    nothing = Narrowed(np.zeros(n), Ends.none(n), inner_points(n), 0.0)
    right = pass_over(data.flipped(), price, ceiling, nothing, near[::-1].copy(), size, record[::-1].copy(), *thinned)
    rest = np.concatenate([right.costs[::-1][1:], [0.0]])
    allowed = inner_points(n) & ~right.ends.impossible[::-1]
    left = pass_over(data, price, ceiling, Narrowed(rest, right.ends, allowed, 0.0), near, size, record, *thinned)
    assert left.costs[-1] <= least * (1 + 1e-10) + 1e-13
    assert right.costs[-1] <= least * (1 + 1e-10) + 1e-13
    allowed &= ~left.ends.impossible & (left.costs + price + rest <= ceiling)
    found = run_programme(data, price, FREE, ceiling, rest, allowed, Clock(), right.ends)
    assert found.bound == pytest.approx(least, rel=1e-9, abs=1e-12)
    return data, price, ceiling, rest, allowed, right.ends, least


@pytest.mark.parametrize("kind", KINDS)
def test_optimal_among_all_sets_of_knots_at_data_points(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(25):
        check_all_prices_and_sizes(rng, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_from_the_right_lose_no_optimum(kind):
    rng = np.random.default_rng(10 + KINDS.index(kind))
    for _ in range(40):
        check_bounds_that_act(rng, kind)


def test_bounds_that_are_too_tight_are_caught():
    rng = np.random.default_rng(20)
    lost, met = 0, 0
    for _ in range(40):
        data, price, ceiling, rest, allowed, ends, least = check_bounds_that_act(rng, "kinked")
        raised = rest + 0.9 * price * (np.arange(len(rest)) < len(rest) - 1)
        found = run_programme(data, price, FREE, 2 * ceiling, raised, allowed, Clock())
        lost += found.bound > least * (1 + 1e-9)
        narrow = run_programme(data, price, FREE, ceiling, raised, allowed, Clock())
        lost += narrow.bound > least * (1 + 1e-9) or narrow.knots is None
        ends.table[0] += 0.9 * price
        narrow = run_programme(data, price, FREE, ceiling, rest, allowed, Clock(), ends)
        met += narrow.bound > least * (1 + 1e-9) or narrow.knots is None
    assert lost > 10
    assert met > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_optimal_in_thousands_of_tables(seed):
    rng = np.random.default_rng(1000 + seed)
    for _ in range(25):
        for kind in KINDS:
            check_all_prices_and_sizes(rng, kind)
            check_bounds_that_act(rng, kind)


def exact_losses(x, y, w):
    """As `least_losses`, in fractions, from the normal equations."""
    best = {}
    for K in range(len(x) - 1):
        for knots in combinations(x[1:-1], K):
            A = [[Fraction(1), t - x[0], *(max(t - k, Fraction(0)) for k in knots)] for t in x]
            size = K + 2
            M = [
                [sum(wi * r[a] * r[b] for wi, r in zip(w, A)) for b in range(size)]
                + [sum(wi * r[a] * yi for wi, r, yi in zip(w, A, y))]
                for a in range(size)
            ]
            for i in range(size):
                pivot = M[i][i]
                M[i] = [m / pivot for m in M[i]]
                for j in range(size):
                    if j != i and M[j][i]:
                        M[j] = [m - M[j][i] * e for m, e in zip(M[j], M[i])]
            c = [row[-1] for row in M]
            loss = sum(wi * (sum(a * b for a, b in zip(r, c)) - yi) ** 2 for wi, r, yi in zip(w, A, y)) / 2
            best[K] = min(best.get(K, loss), loss)
    return best


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_optimal_in_exact_arithmetic_with_offsets_and_close_points(offset):
    rng = np.random.default_rng(30)
    for _ in range(10):
        n = 6
        gaps = 10.0 ** rng.uniform(-10 if offset == 0 else -5, 0, n)
        x, y, w = offset + np.cumsum(gaps), rng.normal(size=n), 10.0 ** rng.uniform(-2, 2, n)
        exact = [[Fraction(float(v)) for v in a] for a in (x, y, w)]
        losses = exact_losses(*exact)
        alpha = 10.0 ** rng.uniform(-3, -1)
        total = sum(exact[2])
        least = float(min(losses[K] / total + Fraction(alpha) * K for K in losses))
        solution = regress(x, y, alpha=alpha, p=0, sample_weight=w)
        assert solution.objective == pytest.approx(least, rel=1e-7)
        assert solution.certificate.lower_bound <= least * (1 + 1e-12)
        assert solution.certificate.lower_bound == pytest.approx(least, rel=1e-8)


def noisy(rng, n, knots=3):
    x = np.sort(rng.uniform(size=n))
    return x, np.interp(x, np.linspace(0, 1, knots + 2), rng.normal(size=knots + 2)) + 0.1 * rng.normal(size=n)


def test_the_programme_with_bounds_equals_the_one_without():
    rng = np.random.default_rng(40)
    for n in (80, 110, 150, 150):
        x, y = noisy(rng, n)
        w = 10.0 ** rng.uniform(-1, 1, n)
        data = data_of(x + 1e9 * (n == 110), y, w)
        price = 0.02 * rng.uniform(0.5, 4) * np.log(n) / n
        plain = run_programme(data, price, FREE, np.inf, np.zeros(n), inner_points(n), Clock())
        ceiling = rounded_up(plain.bound)
        known, best = narrowed(data, price, lambda _, ceiling=ceiling: ceiling, [plain.knots], lambda: False)
        assert best is plain.knots
        assert known.lower <= ceiling
        pruned = run_programme(data, price, FREE, ceiling, known.rest, known.allowed, Clock(), known.ends)
        assert pruned.knots.tolist() == plain.knots.tolist()
        assert pruned.bound == pytest.approx(plain.bound, rel=1e-10)
        found = least_cost(data, price, Clock())
        assert found.cost(price) == pytest.approx(plain.bound, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_the_passes_lose_no_optimum_of_hundreds_of_tables(seed):
    """Prices from far below that of noise to far above it; equal steps, ties, weights and offsets."""
    rng = np.random.default_rng(2000 + seed)
    for i in range(20):
        n = int(rng.integers(201, 320))
        x, y = noisy(rng, n, int(rng.integers(1, 12)))
        if i % 3 == 0:
            x, y = np.arange(n) * 1.0, np.round(5 * y)
        w = 10.0 ** rng.uniform(-1, 1, n) if i % 2 else np.ones(n)
        data = data_of(x + 1e9 * (i % 5 == 0), y, w)
        price = np.var(y) * 10.0 ** rng.uniform(-4, -0.5)
        plain = run_programme(data, price, FREE, np.inf, np.zeros(n), inner_points(n), Clock())
        found = least_cost(data, price, Clock())
        assert found.cost(price) == pytest.approx(plain.bound, rel=1e-9), (seed, i)
        assert found.bound == pytest.approx(plain.bound, rel=1e-9), (seed, i)


def least_loss_anywhere(x, y, K):
    """Least Σ ½ r² with K knots anywhere: every knot at a point or inside a gap, where the two lines must cross."""
    n, best = len(x), np.inf
    for breaks in combinations(range(n - 1), K):
        ends = [-1, *breaks, n - 1]
        P = np.zeros((n, 2 * K + 2))
        for k in range(K + 1):
            rows = slice(ends[k] + 1, ends[k + 1] + 1)
            P[rows, 2 * k], P[rows, 2 * k + 1] = 1, x[rows]
        for places in product((None, 0, 1), repeat=K):
            C = np.zeros((0, 2 * K + 2))
            for k, place in enumerate(places):
                if place is not None:
                    row = np.zeros(2 * K + 2)
                    row[2 * k : 2 * k + 4] = 1, x[breaks[k] + place], -1, -x[breaks[k] + place]
                    C = np.vstack([C, row])
            free = np.linalg.svd(C)[2][len(C) :].T
            q = free @ np.linalg.lstsq(P @ free, y, rcond=None)[0]
            jumps = [
                (q[2 * k] - q[2 * k + 2]) + (q[2 * k + 1] - q[2 * k + 3]) * x[[j, j + 1]] for k, j in enumerate(breaks)
            ]
            if all(place is not None or d[0] * d[1] <= 1e-12 for place, d in zip(places, jumps)):
                best = min(best, 0.5 * np.sum((P @ q - y) ** 2))
    return best


def test_the_bound_for_knots_anywhere_is_below_the_best_of_them():
    rng = np.random.default_rng(50)
    nontrivial = 0
    for K, n in ((1, 8), (1, 9), (1, 12), (2, 7), (2, 8)) * 2:
        x, y, _ = table(rng, "kinked", n)
        best, anywhere = best_of_size(Hull.of(data_of(x, y, np.ones(n)), Clock()), K)
        least = least_loss_anywhere(x, y, K) / n
        assert anywhere <= least * (1 + 1e-9)
        assert least <= best.loss * (1 + 1e-9)
        nontrivial += anywhere > 0
    assert nontrivial >= 2


def test_the_path_is_optimal_at_every_price():
    rng = np.random.default_rng(60)
    x, y = noisy(rng, 60)
    path = regress_path(x, y, max_neurons=8)
    assert (np.diff(path.n_knots) > 0).all()
    assert (np.diff(path.alphas) < 0).all()
    for alpha in np.exp(rng.uniform(np.log(path.least_alpha), np.log(2 * path.alphas[0]), 12)):
        solution = path.solution(alpha=alpha)
        alone = regress(x, y, alpha=alpha, p=0)
        assert solution.mean_loss + alpha * solution.n_neurons == pytest.approx(alone.objective, rel=1e-9)
    assert all(solution.is_optimal for solution in path.solutions)
    with pytest.raises(ValueError, match="alpha must be at least"):
        path.solution(alpha=path.least_alpha / 2)


def test_sizes_between_vertices_of_the_path_are_optimal():
    rng = np.random.default_rng(61)
    x, y = noisy(rng, 30, 4)
    data = data_of(x, y, np.ones(30))
    for K in range(7):
        counted = run_programme(data, 0.0, K, np.inf, np.zeros(30), inner_points(30), Clock())
        assert regress(x, y, p=0, max_neurons=K).mean_loss == pytest.approx(counted.bound, rel=1e-9)


def test_the_path_has_a_solution_for_every_number_of_knots():
    rng = np.random.default_rng(62)
    x, y = noisy(rng, 40, 4)
    path = regress_path(x + 1e9, y, max_neurons=5)
    for k in range(9):
        alone = regress(x + 1e9, y, p=0, max_neurons=k)
        solution = path.solution(k)
        assert solution.n_neurons == alone.n_neurons <= k
        assert solution.mean_loss == pytest.approx(alone.mean_loss, rel=1e-12)
        assert solution.is_optimal
    assert set(range(6)) - set(path.n_knots), "no number between vertices was asked for"
    for arguments in ({}, {"k": 1, "alpha": 0.1}):
        with pytest.raises(ValueError, match="give k, the most knots, or alpha"):
            path.solution(**arguments)
    with pytest.raises(ValueError, match="k must be an integer"):
        path.solution(0.5)


def test_out_of_time_the_bound_still_holds():
    rng = np.random.default_rng(70)
    x, y = noisy(rng, 400)
    alpha = 0.01 * np.log(400) / 400
    exact = regress(x, y, alpha=alpha, p=0)
    hasty = regress(x, y, alpha=alpha, p=0, time_limit=1e-9)
    assert exact.is_optimal
    assert hasty.certificate.lower_bound <= exact.objective * (1 + 1e-12) <= hasty.objective * (1 + 1e-9)
    sized = regress(x, y, max_neurons=2, p=0, time_limit=1e-9)
    assert sized.certificate.lower_bound <= regress(x, y, max_neurons=2, p=0).mean_loss
    assert sized.mean_loss < regress(x, y, max_neurons=0, p=0).mean_loss
    assert "time limit" in sized.certificate.reason


def test_out_of_time_the_knots_asked_for_are_still_placed_well():
    """A zigzag of four knots: the line alone misses it by 35 times the noise; it was the answer."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 10, 300))
    y = np.interp(x, [0, 2, 4, 6, 8, 10], [0, 2, 0, 2, 0, 2]) + 0.1 * rng.normal(size=300)
    line, four, eight = (regress(x, y, max_neurons=k, p=0, time_limit=1e-9) for k in (0, 4, 8))
    assert (four.n_neurons, eight.n_neurons) == (4, 8)
    assert four.mean_loss < line.mean_loss / 5
    assert eight.mean_loss < 0.5 * 0.1**2


def test_order_repeated_rows_and_weights_do_not_matter():
    rng = np.random.default_rng(80)
    x, y = noisy(rng, 40)
    order = rng.permutation(40)
    plain = regress(x, y, alpha=0.001, p=0)
    assert regress(x[order], y[order], alpha=0.001, p=0).objective == pytest.approx(plain.objective, rel=1e-12)
    twice = regress(np.concatenate([x, x]), np.concatenate([y + 0.1, y - 0.1]), alpha=0.001, p=0)
    assert twice.objective == pytest.approx(plain.objective + 0.005, rel=1e-9)
    assert twice.is_optimal
    none = regress([*x, 0.5], [*y, 1e6], alpha=0.001, p=0, sample_weight=[1] * 40 + [0])
    assert none.objective == pytest.approx(plain.objective, rel=1e-12)
    shifted = regress(x + 1e9, y, alpha=0.001, p=0)
    assert shifted.certificate.lower_bound == pytest.approx(plain.objective, rel=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows(n):
    x, y = np.arange(n) * 1.0, np.array([0.0, 1.0, 0.0])[:n]
    assert regress(x, y, alpha=1.0, p=0).n_neurons == 0
    assert regress(x, y, alpha=0.0, p=0).max_error == 0
    assert regress(x, y, p=0, max_neurons=1).max_error == pytest.approx(0, abs=1e-15)
    assert regress_path(x, y).n_knots[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": 0}, "give alpha, the weight of the path norm, or max_neurons"),
        ({}, "give alpha, the weight of the path norm, or p=0, max_neurons=K on the line"),
        ({"max_neurons": 3}, "max_neurons goes with p = 0, got p = 0.5"),
        ({"p": 0, "alpha": 1, "max_neurons": 3}, "give alpha or max_neurons, not both"),
        ({"p": 0, "max_neurons": -1}, "max_neurons must be"),
        ({"p": 0, "alpha": 1, "loss": "absolute"}, "p = 0 is solved for one input and one output"),
        ({"p": 0, "alpha": 1, "affine": False}, "p = 0 is solved for one input and one output"),
        ({"p": 0, "alpha": -1}, "alpha must be"),
    ],
)
def test_requests_without_an_exact_answer_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        regress([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], **arguments)


def test_a_start_with_knots_between_points_is_kept_where_it_costs_less():
    x = np.linspace(-1, 1, 20)
    y = np.abs(x - 0.3)
    exact = interpolate(x, y)
    assert regress(x, y, alpha=1e-6, p=0).n_neurons == 2
    kept = regress(x, y, alpha=1e-6, p=0, start=exact.network)
    assert kept.n_neurons == 1
    assert kept.certificate.kind == "none"
    with pytest.raises(ValueError, match="start goes with alpha, not with max_neurons"):
        regress(x, y, max_neurons=1, p=0, start=exact.network)


def test_the_verdict_on_a_number_of_knots_speaks_of_the_mean_loss():
    x = np.linspace(0, 1, 30)
    solution = regress(x, np.sin(6 * x), p=0, max_neurons=2)
    loss = f"mean loss {solution.mean_loss:.6g} with 2 neurons, proved minimal"
    assert solution.verdict == f"{loss} among functions with knots at data points"
    assert str(solution.certificate).startswith("a mean loss of at least")


def test_points_closer_than_the_programme_can_tell_are_refused():
    with pytest.raises(ValueError, match="closer than 2\\^-100"):
        regress([0.0, 1e-40, 1.0], [0.0, 1.0, 0.0], alpha=1.0, p=0)


@pytest.mark.parametrize("solve", [regress_path, partial(regress, p=0, max_neurons=1)])
def test_targets_whose_squares_are_beyond_float64_are_refused(solve):
    with pytest.raises(ValueError, match="y has 1e\\+200 at row 1; its square is beyond float64, rescale y"):
        solve([0.0, 1.0, 2.0, 3.0], [0.0, 1e200, 0.0, 1.0])


def test_the_figure_of_a_path_shows_losses_against_whole_numbers_of_knots():
    x = np.linspace(0, 1, 30)
    path = regress_path(x, np.abs(x - 0.4) + 0.02 * np.random.default_rng(0).normal(size=30))
    axes = path.plot().axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), path.n_knots)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), path.losses)
    assert all(tick == round(tick) for tick in axes.get_xticks())
