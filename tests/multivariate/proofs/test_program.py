import numpy as np
import pytest
from scipy.optimize import linprog

from patterns import enumerate_patterns
from reluctant.errors import InfeasibleError, SolverError
from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs import program as program_module
from reluctant.multivariate.proofs.program import PatternProgram


def problem(seed, N=6, d=2):
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)
    patterns = enumerate_patterns(X)[0]
    patterns = patterns[patterns.any(axis=1)]
    return X, y, np.vstack([patterns, patterns]), np.repeat([1.0, -1.0], len(patterns)), rng


def reference(X, y, patterns, signs, costs, loss, tolerance=0.0, affine=False):
    """The same program in full, all sign rows present, as one call of linprog."""
    Xbar = homogeneous(X)
    N, n = Xbar.shape
    K = len(signs)
    F = np.hstack([s * D[:, None] * Xbar for D, s in zip(patterns, signs)])
    rows = np.zeros((K * N, K * n))
    for k, D in enumerate(patterns):
        rows[k * N : (k + 1) * N, k * n : (k + 1) * n] = -(2.0 * D[:, None] - 1) * Xbar
    # variables: u⁺, u⁻, affine, slack (one a point, or one in all)
    slacks = {"equality": 0, "absolute": N, "hinge": N, "maximum": 1}[loss]
    n_affine = n if affine else 0
    values = np.hstack([F, -F, Xbar[:, :n_affine]])
    S = np.eye(N) if slacks == N else np.ones((N, slacks))
    A = [np.hstack([rows, -rows, np.zeros((K * N, n_affine + slacks))])]
    b = [np.zeros(K * N)]
    if loss == "hinge":
        A.append(np.hstack([-y[:, None] * values, -S]))
        b.append(-np.ones(N))
    else:
        A += [np.hstack([values, -S]), np.hstack([-values, -S])]
        b += [y + tolerance, tolerance - y]
    c = np.concatenate(
        [np.ravel(costs), np.ravel(costs), np.zeros(n_affine), np.full(slacks, 1.0 if loss == "maximum" else 1 / N)]
    )
    bounds = [(0, None)] * (2 * K * n) + [(None, None)] * n_affine + [(0, None)] * slacks
    result = linprog(c, np.vstack(A), np.concatenate(b), bounds=bounds)
    assert result.status == 0
    return result.fun


CASES = [
    ("equality", 0.0, False),
    ("equality", 0.15, False),
    ("equality", 0.0, True),
    ("absolute", 0.0, False),
    ("absolute", 0.1, True),
    ("maximum", 0.0, False),
    ("hinge", 0.0, False),
]


@pytest.mark.parametrize(("loss", "tolerance", "affine"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_value_equals_linprog_on_the_full_program(loss, tolerance, affine, seed):
    X, y, patterns, signs, rng = problem(seed)
    y = np.sign(y) if loss == "hinge" else y
    costs = 0.1 * rng.uniform(0.5, 2, (len(signs), 3))
    program = PatternProgram(X, y, loss=loss, tolerance=tolerance, affine=affine)
    program.add_neurons(patterns, signs, costs)
    value = program.solve()
    assert value == pytest.approx(reference(X, y, patterns, signs, costs, loss, tolerance, affine), abs=1e-8)
    f = program.network()(X)
    n_points = len(y)
    excess = np.maximum(np.abs(f - y) - tolerance, 0)
    fit = {
        "equality": 0.0,
        "absolute": excess.sum() / n_points,
        "maximum": excess.max(),
        "hinge": np.maximum(1 - y * f, 0).mean(),
    }[loss]
    assert np.sum(costs * np.abs(program.hinges)) + fit == pytest.approx(value, abs=1e-7)
    if loss == "equality":
        assert excess.max() < 1e-8


def test_hinges_keep_their_patterns():
    X, y, patterns, signs, _ = problem(0)
    program = PatternProgram(X, y)
    program.add_neurons(patterns, signs)
    program.solve()
    margin = np.where(patterns, 1, -1) * (program.hinges @ homogeneous(X).T)
    assert margin.min() > -1e-8


def test_edited_model_equals_one_built_afresh():
    X, y, patterns, signs, rng = problem(1)
    program = PatternProgram(X, y)
    program.add_neurons(patterns[::2], signs[::2])
    program.add_neurons(patterns[1::2], signs[1::2])
    program.solve()
    order = np.concatenate([np.arange(len(signs))[::2], np.arange(len(signs))[1::2]])
    costs = rng.uniform(0.5, 2, (len(signs), 3))
    program.set_costs(costs)
    np.testing.assert_array_equal(program.patterns, patterns[order])
    assert program.solve() == pytest.approx(reference(X, y, patterns[order], signs[order], costs, "equality"))


def test_infinite_cost_gives_a_support():
    X, y, patterns, signs, _ = problem(2)
    costs = np.ones((len(signs), 3))
    costs[:, 0] = np.inf
    program = PatternProgram(X, y, loss="absolute")
    program.add_neurons(patterns, signs, costs)
    program.solve()
    assert not program.hinges[:, 0].any()
    program.set_costs(0.01)
    program.solve()
    assert program.hinges[:, 0].any()


@pytest.mark.parametrize("seed", range(3))
def test_no_present_column_prices_out(seed):
    X, y, patterns, signs, _ = problem(seed)
    program = PatternProgram(X, y, loss="absolute")
    program.add_neurons(patterns, signs, 0.05)
    value = program.solve()
    pi = program.duals
    # Strong duality for the absolute loss: |π| ≤ 1/N, and the dual value is π · y.
    assert np.abs(pi).max() <= 1 / len(y) + 1e-9
    assert pi @ y == pytest.approx(value, abs=1e-9)
    U = np.random.default_rng(seed).normal(size=(2000, 3))
    gain = np.abs(np.maximum(U @ homogeneous(X).T, 0) @ pi)
    assert np.all(gain <= 0.05 * np.abs(U).sum(axis=1) + 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_counting_identity_at_a_vertex(seed):
    # Nonzero parameters = N + number of points on hinges, at a vertex that is not degenerate.
    X, y, patterns, signs, rng = problem(seed, N=7, d=3)
    program = PatternProgram(X, y)
    program.add_neurons(patterns, signs, rng.uniform(0.5, 2, (len(signs), 4)))
    program.solve()
    U = program.hinges
    sizes = np.abs(U) @ np.abs(program.Xbar.T)
    on_hinges = (np.abs(U @ program.Xbar.T) <= 1e-9 * sizes) & U.any(axis=1, keepdims=True)
    assert np.count_nonzero(np.abs(U) > 1e-9) == len(y) + np.count_nonzero(on_hinges)


def test_vertex_uses_at_most_n_neurons():
    # [NN, Prop 4.1] for extreme points of the finite program.
    for seed in range(5):
        X, y, patterns, signs, rng = problem(seed)
        program = PatternProgram(X, y)
        program.add_neurons(patterns, signs, rng.uniform(0.5, 2, (len(signs), 3)))
        program.solve()
        assert program.network().n_neurons <= len(y)


def test_what_the_patterns_cannot_reach_is_infeasible():
    program = PatternProgram([[0.0], [1.0]], [-1.0, 1.0])
    program.add_neurons([[False, True]], [1.0])
    with pytest.raises(InfeasibleError, match="add neurons"):
        program.solve()


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="row 1"):
        PatternProgram([[0.0], [1.0]], [1.0, 0.5], loss="hinge")
    with pytest.raises(ValueError, match="loss must be"):
        PatternProgram([[0.0]], [1.0], loss="squared")


def test_a_solve_that_is_cut_short_raises_a_solver_error(monkeypatch):
    monkeypatch.setattr(program_module, "LEAST_ITERATIONS", 0)
    monkeypatch.setattr(program_module, "ITERATIONS_PER_LINE", 0)
    program = PatternProgram([[0.0], [1.0], [2.0]], [0.0, 0.0, 1.0])
    program.add_neurons([[False, False, True]], [1.0])
    with pytest.raises(SolverError, match="HiGHS stopped with status"):
        program.solve()
