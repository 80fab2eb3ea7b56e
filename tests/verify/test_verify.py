"""Facts on a box against all corners of the arrangement and all patterns of neurons, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import inf, lcm

import numpy as np
import pytest

from reluctant import ReLUNetwork, interpolate
from reluctant.multivariate.proofs.rational import feasible_point
from reluctant.verify import equivalent, is_monotone, lipschitz, output_range, reduced, regions, zero_set
from reluctant.verify.programs import exact_values


def drawn(seed, d=None, m=1, integers=True):
    """A small network and a box; integer weights make planes meet in one point, and lie on corners of the box."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4)) if d is None else d
    K = int(rng.integers(0, 5))

    def numbers(*shape):
        return rng.integers(-2, 3, shape).astype(float) if integers else rng.normal(size=shape)

    network = ReLUNetwork(numbers(K, d), numbers(K), numbers(K, m), numbers(d, m), numbers(m))
    low = rng.integers(-3, 2, d).astype(float)
    return network, np.column_stack([low, low + rng.integers(1, 4, d)])


def solved(planes):
    """The one point on d planes (w, c), w · x = c; None where there is none or more."""
    rows = [[*w, c] for w, c in planes]
    d = len(rows)
    for q in range(d):
        r = next((r for r in range(q, d) if rows[r][q]), None)
        if r is None:
            return None
        rows[q], rows[r] = rows[r], rows[q]
        rows[q] = [a / rows[q][q] for a in rows[q]]
        rows = [row if k == q else [a - row[q] * b for a, b in zip(row, rows[q])] for k, row in enumerate(rows)]
    return [row[-1] for row in rows]


def corners_of(network, bounds):
    """Every point of the box in which d planes of neurons and sides of the box meet."""
    d = network.n_inputs
    box = [[Fraction(v) for v in side] for side in bounds.tolist()]
    planes = [([Fraction(v) for v in w], Fraction(-b)) for w, b in zip(network.input_weights.tolist(), network.biases)]
    planes += [([Fraction(int(i == j)) for i in range(d)], box[j][side]) for j in range(d) for side in (0, 1)]
    points = [x for chosen in combinations(planes, d) if (x := solved(chosen)) is not None]
    return [x for x in points if all(a <= v <= b for v, (a, b) in zip(x, box))]


def exact(network, x):
    """All outputs at a point of fractions."""
    U, V, A = ([[Fraction(v) for v in row] for row in part.tolist()] for part in network.hinges)
    at = [*x, Fraction(1)]
    hidden = [max(sum(a * b for a, b in zip(u, at)), 0) for u in U]
    return [
        sum(row[j] * a for row, a in zip(A, at)) + sum(v[j] * h for v, h in zip(V, hidden))
        for j in range(network.n_outputs)
    ]


def gradients_of(network, bounds, output=0):
    """The gradients of the patterns that inner points have, one linear program in fractions each."""
    d = network.n_inputs
    U, V, A = ([[Fraction(v) for v in row] for row in part.tolist()] for part in network.hinges)
    box = [[Fraction(v) for v in side] for side in bounds.tolist()]
    sides = [[Fraction(0)] * d + [Fraction(1)]]
    for j, (a, b) in enumerate(box):
        sides += [[*(Fraction(int(i == j)) for i in range(d)), -a], [*(Fraction(-int(i == j)) for i in range(d)), b]]
    planes = [k for k in range(len(U)) if any(U[k][:-1])]
    constant = [k for k in range(len(U)) if not any(U[k][:-1])]
    found = []
    for signs in product((1, -1), repeat=len(planes)):
        rows = sides + [[s * v for v in U[k]] for s, k in zip(signs, planes)]
        integers = [[int(v * lcm(*(w.denominator for w in row))) for v in row] for row in rows]
        if feasible_point([(tuple(-v for v in row), -1) for row in integers]) is not None:
            on = [k for s, k in zip(signs, planes) if s > 0] + [k for k in constant if U[k][-1] > 0]
            found.append([A[j][output] + sum(V[k][output] * U[k][j] for k in on) for j in range(d)])
    return found


def check_facts(network, bounds):
    """All facts of the first output."""
    values = [exact(network, x) for x in corners_of(network, bounds)]
    found = output_range(network, bounds)
    assert found.kind == "proved"
    for j in range(network.n_outputs):
        column = [row[j] for row in values]
        assert found.low[j] == rounded(min(column), -inf)
        assert found.high[j] == rounded(max(column), inf)
    gradients = gradients_of(network, bounds)
    sizes = {
        1: max(max(map(abs, g)) for g in gradients),
        inf: max(sum(map(abs, g)) for g in gradients),
    }
    for norm, size in sizes.items():
        assert lipschitz(network, bounds, norm=norm).constants[0] == rounded(size, inf)
    square = max(sum(a * a for a in g) for g in gradients)
    root = Fraction(lipschitz(network, bounds).constants[0])
    assert square <= root**2 <= square * (1 + Fraction(1, 2**50))
    for j, direction in product(range(network.n_inputs), ("increasing", "decreasing")):
        sign = 1 if direction == "increasing" else -1
        least = min(sign * g[j] for g in gradients)
        fact = is_monotone(network, bounds, j, direction=direction)
        assert (fact.holds, fact.value) == (least >= 0, rounded(least, -inf))
        if not fact:
            first, second = fact.counterexample
            assert (np.delete(first, j) == np.delete(second, j)).all()
            assert first[j] < second[j]
            assert sign * exact_values(network, second)[0] < sign * exact_values(network, first)[0]


def rounded(value, towards):
    nearest = float(value)
    beyond = Fraction(nearest) < value if towards > 0 else Fraction(nearest) > value
    return float(np.nextafter(nearest, towards)) if beyond else nearest


@pytest.mark.parametrize("seed", range(12))
def test_ranges_slopes_and_monotonicity_are_those_of_all_corners_and_patterns(seed):
    check_facts(*drawn(seed, m=1 + seed % 2))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(600))
def test_facts_of_many_networks(seed):
    check_facts(*drawn(10_000 + seed, m=1 + seed % 2, integers=seed % 3 > 0))


@pytest.mark.parametrize("seed", range(8))
def test_networks_differ_by_what_they_differ_at_all_corners(seed):
    rng = np.random.default_rng(seed)
    f, bounds = drawn(seed, d=2)
    order, scale = rng.permutation(len(f.biases)), 2.0 ** rng.integers(-3, 4, len(f.biases))
    same = ReLUNetwork(
        f.input_weights[order] * scale[:, None],
        f.biases[order] * scale,
        f.output_weights[order] / scale[:, None],
        f.slope,
        f.intercept,
    )
    assert (equivalent(f, same, bounds).holds, equivalent(f, same, bounds).value) == (True, 0.0)
    g = ReLUNetwork(
        np.vstack([same.input_weights, [[1.0, 1.0]]]),
        np.append(same.biases, -bounds[:, 1].sum() + 0.5),
        np.vstack([same.output_weights, [[3.0]]]),
        f.slope,
        f.intercept,
    )
    fact = equivalent(f, g, bounds, tolerance=1.0)
    assert (fact.holds, fact.value) == (False, 1.5)
    assert abs(exact_values(f, fact.counterexample)[0] - exact_values(g, fact.counterexample)[0]) > 1
    assert equivalent(f, g, bounds, tolerance=1.5)


def distance(point, corners):
    """From a point of the plane to a convex polygon, segment or point."""
    if len(corners) == 1:
        return np.linalg.norm(point - corners[0])
    ends = list(combinations(corners, 2))
    near = []
    for a, b in ends:
        t = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        near.append(np.linalg.norm(point - a - t * (b - a)))
    return min(near)


@pytest.mark.parametrize("seed", range(8))
def test_zeros_are_where_the_sign_changes(seed):
    network, bounds = drawn(100 + seed, d=2, integers=seed % 2 == 0)
    pieces = zero_set(network, bounds)
    for corners in pieces:
        np.testing.assert_allclose(network(np.vstack([corners, corners.mean(axis=0)])), 0, atol=1e-12)
    rng = np.random.default_rng(seed)
    for _ in range(40):
        a, b = rng.uniform(bounds[:, 0], bounds[:, 1], (2, 2))
        if network([a])[0] * network([b])[0] < 0:
            for _ in range(60):
                middle = 0.5 * (a + b)
                a, b = (middle, b) if network([a])[0] * network([middle])[0] > 0 else (a, middle)
            assert min(distance(a, corners) for corners in pieces) < 1e-9


def test_zeros_of_a_line_are_points_and_intervals():
    plateau = ReLUNetwork([[1.0], [1.0], [1.0]], [0.0, -1.0, -3.0], [1.0, -1.0, -2.0], intercept=-1.0)
    assert [sorted(corners.ravel().tolist()) for corners in zero_set(plateau, [[-5, 9]])] == [[1.0, 3.0]]
    assert [c.tolist() for c in zero_set(plateau, [[-5, 1]])] == [[[1.0]]]
    assert zero_set(plateau, [[-5, 0.5]]) == ()


def with_nothing_needless(f, bounds):
    """Neurons that change in the box, on different planes."""
    box = [[Fraction(v) for v in side] for side in bounds.tolist()]
    for u in f.hinges[0].tolist():
        corners = [sum(Fraction(w) * x for w, x in zip(u, [*corner, 1])) for corner in product(*box)]
        if not min(corners) < 0 < max(corners):
            return False
    rows = [[Fraction(v) for v in u] for u in f.hinges[0].tolist()]
    return not any(
        all(a[i] * b[j] == a[j] * b[i] for i, j in combinations(range(len(a)), 2)) for a, b in combinations(rows, 2)
    )


@pytest.mark.parametrize("seed", range(12))
def test_what_is_left_out_changes_nothing_and_nothing_needless_is_left(seed):
    rng = np.random.default_rng(seed)
    f, bounds = drawn(200 + seed, m=2)
    factors = rng.choice([-2.0, 0.5, 4.0], len(f.biases))  # again in the same and in the opposite direction
    dense = ReLUNetwork(
        np.vstack([f.input_weights, f.input_weights * factors[:, None]]),
        np.append(f.biases, f.biases * factors),
        np.vstack([f.output_weights, rng.integers(-2, 3, (len(f.biases), 2))]),
        f.slope,
        f.intercept,
    )
    found = reduced(dense, bounds)
    assert found.change == 0
    assert equivalent(dense, found.network, bounds).value == 0
    assert with_nothing_needless(found.network, bounds)
    needed = len(dense.biases) - len(found.never) - len(found.always) - sum(len(group) - 1 for group in found.merged)
    assert len(found.network.biases) <= needed


def test_the_change_that_rounding_makes_is_bounded():
    rng = np.random.default_rng(0)
    W = rng.normal(size=(6, 2))
    dense = ReLUNetwork(
        np.vstack([W, 0.5 * W]),
        np.append(np.linspace(-9, 9, 6), np.linspace(-4.5, 4.5, 6)),
        rng.normal(size=12),
        rng.normal(size=2),
    )
    found = reduced(dense, [[-1, 1], [-1, 1]])
    difference = equivalent(dense, found.network, [[-1, 1], [-1, 1]]).value
    assert 0 < difference <= found.change < 1e-13


@pytest.mark.parametrize("seed", range(6))
def test_programs_say_what_regions_say(seed, monkeypatch):
    f, bounds = drawn(300 + seed, d=2, integers=False)
    g, _ = drawn(400 + seed, d=2, integers=False)
    asked = [
        lambda: output_range(f, bounds),
        lambda: is_monotone(f, bounds, 0),
        lambda: equivalent(f, g, bounds, tolerance=0.01),
        lambda: equivalent(f, f, bounds, tolerance=0.01),
    ]
    by_regions = [ask() for ask in asked]
    monkeypatch.setattr(regions, "MOST_INPUTS", 0)
    by_programs = [ask() for ask in asked]
    for a, b in zip(by_regions[1:], by_programs[1:]):
        assert a.holds == b.holds
        assert b.kind == ("numerical" if b.holds else "proved")
        assert (b.counterexample is None) == b.holds
    assert by_programs[0].kind == "numerical"
    np.testing.assert_allclose(by_programs[0].low, by_regions[0].low, atol=1e-4)
    np.testing.assert_allclose(by_programs[0].high, by_regions[0].high, atol=1e-4)
    assert (by_programs[0].low <= by_regions[0].low).all()
    with pytest.raises(ValueError, match="lipschitz looks at every linear region, at most 5,000"):
        lipschitz(f, bounds)


def test_inputs_that_cannot_change_do_not_count():
    network = ReLUNetwork([[1.0, 5.0]], [0.0], [1.0], slope=[0.0, 2.0])
    assert lipschitz(network, [[-1, 1], [3, 3]]).constants == [1.0]
    assert is_monotone(network, [[-1, 1], [3, 3]], 1, direction="decreasing").holds
    assert output_range(network, [[2, 2], [3, 3]]).high == [23.0]


def test_a_solution_is_asked_like_its_network():
    solution = interpolate([0, 1, 2, 3], [0, 0, 1, 1])
    assert output_range(solution, [[-5, 5]]).high == pytest.approx([1.0])
    assert is_monotone(solution, [[0, 3]], 0)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: output_range(f, [[0, 1]]), r"pair \(low, high\) for each of 2 inputs"),
        (lambda f: output_range("f", [[0, 1]]), "must be a ReLUNetwork or a Solution, got a str"),
        (lambda f: is_monotone(f, [[0, 1]] * 2, 2), "input must be less than 2"),
        (lambda f: is_monotone(f, [[0, 1]] * 2, 0, direction="up"), "direction must be"),
        (lambda f: lipschitz(f, [[0, 1]] * 2, norm=3), "norm must be 1, 2 or inf, got 3"),
        (lambda f: zero_set(f, [[0, 1]] * 2, output=1), "output must be less than 1"),
        (lambda f: equivalent(f, f, [[0, 1]] * 2, tolerance=-1), "tolerance must be"),
        (lambda f: equivalent(f, ReLUNetwork([[1.0]], [0.0], [1.0]), [[0, 1]] * 2), "got 2 -> 1 and 1 -> 1"),
    ],
)
def test_questions_that_make_no_sense_are_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(ReLUNetwork([[1.0, 1.0]], [0.0], [1.0]))
