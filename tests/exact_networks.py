"""Networks in rational arithmetic, and tables with nearly equal rows: oracles that nothing rounds."""

from fractions import Fraction
from itertools import combinations

import numpy as np
from scipy.optimize import linprog

from reluctant import ReLUNetwork


def exact_outputs(network, X):
    """Outputs (N, m) of a network at the rows of X, as fractions."""
    w, b, v = (a.tolist() for a in (network.input_weights, network.biases, network.output_weights))
    slope = np.asarray(network.slope).reshape(network.n_inputs, -1).tolist()
    intercept = np.ravel(network.intercept).tolist()
    outputs = []
    for x in np.asarray(X).tolist():
        heights = [max(Fraction(c) + dot(row, x), Fraction(0)) for row, c in zip(w, b)]
        outputs.append(
            [
                Fraction(intercept[j])
                + dot([s[j] for s in slope], x)
                + sum(Fraction(o[j]) * h for o, h in zip(v, heights))
                for j in range(len(intercept))
            ]
        )
    return outputs


def dot(a, b):
    return sum((Fraction(s) * Fraction(t) for s, t in zip(a, b)), Fraction(0))


def close_rows_with_planted_labels(rng, affine=False):
    """Up to six rows, some 1e-4 to 1e-13 apart, labels of a network as steep as they are close, and that network."""
    N, d, K = int(rng.integers(2, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    X = rng.integers(-2, 3, (N, d)).astype(float)
    gap = 10.0 ** -rng.integers(4, 14)
    for _ in range(int(rng.integers(1, 3))):
        X = np.vstack([X, X[rng.integers(len(X))] + gap * rng.integers(-2, 3, d)])
    X = np.unique(X, axis=0)
    w = np.zeros((K, d))
    b = np.zeros(K)
    for k in range(K):
        i = rng.integers(len(X))
        w[k] = rng.integers(-2, 3, d) * (rng.uniform(size=d) < 0.6)
        steep = rng.choice([1.0, 1 / gap])
        w[k] *= steep
        b[k] = rng.choice([-w[k] @ X[i], 0.0, float(rng.integers(-2, 3))])
    slope = rng.integers(-1, 2, d).astype(float) if affine else np.zeros(d)
    network = ReLUNetwork(w, b, rng.choice([-1.0, 1.0], K), slope, 0.0)
    y = np.array([float(f[0]) for f in exact_outputs(network, X)])
    return X, y, network


def solve(A, b):
    """A x = b for a square matrix of fractions by elimination; None where it is singular."""
    rows = [[*map(Fraction, row), Fraction(t)] for row, t in zip(A, b)]
    for q in range(len(rows)):
        pivot = next((r for r in range(q, len(rows)) if rows[r][q]), None)
        if pivot is None:
            return None
        rows[q], rows[pivot] = rows[pivot], rows[q]
        for r, row in enumerate(rows):
            if r != q and row[q]:
                factor = row[q] / rows[q][q]
                rows[r] = [a - factor * c for a, c in zip(row, rows[q])]
    return [row[-1] / row[q] for q, row in enumerate(rows)]


def exact_rays(X):
    """All extreme hinges with ‖u‖_1 = 1 of the rows of X, as fractions."""
    Xbar = [[*map(Fraction, row), Fraction(1)] for row in np.asarray(X).tolist()]
    n, rays = len(Xbar[0]), set()
    for size in range(1, n + 1):
        for support in combinations(range(n), size):
            for points in combinations(range(len(Xbar)), size - 1):
                for pinned in range(size):  # the ray with u_pinned = 1
                    rows = [[Xbar[i][j] for j in support] for i in points]
                    rows.append([Fraction(j == pinned) for j in range(size)])
                    u = solve(rows, [Fraction(0)] * (size - 1) + [Fraction(1)])
                    if u is not None:
                        length = sum(map(abs, u))
                        full = [Fraction(0)] * n
                        for j, a in zip(support, u):
                            full[j] = a / length
                        rays |= {tuple(full), tuple(-a for a in full)}
                        break
    return sorted(rays)


def exact_l1_value(X, y, affine=False):
    """Least ℓ1 path norm: a linear program over all extreme hinges in float64, its basis solved in fractions.

    What is returned is the norm of an interpolant that meets every label exactly, so no true bound is above it.
    """
    Xbar = [[*map(Fraction, row), Fraction(1)] for row in np.asarray(X).tolist()]
    rays = exact_rays(X)
    columns = [[max(dot(u, x), Fraction(0)) for x in Xbar] for u in rays]
    columns, costs = [*columns, *([-a for a in c] for c in columns)], [1.0] * (2 * len(rays))
    free = len(Xbar[0]) if affine else 0
    columns += [[x[j] for x in Xbar] for j in range(free)]
    A = np.array([[float(a) for a in c] for c in columns]).T
    bounds = [(0, None)] * len(costs) + [(None, None)] * free
    result = linprog(costs + [0.0] * free, A_eq=A, b_eq=y, bounds=bounds, method="highs-ds")
    if result.status != 0:
        return None
    order = np.argsort(-np.abs(result.x) * (1 + 1e9 * (np.arange(len(result.x)) >= len(costs))), kind="stable")
    basis = []
    for j in order:  # an exactly independent set of the largest
        if len(basis) < len(y) and rank([*(columns[k] for k in basis), columns[j]]) == len(basis) + 1:
            basis.append(int(j))
    weights = solve(list(zip(*(columns[j] for j in basis))), [Fraction(t) for t in np.asarray(y).tolist()])
    return sum((abs(w) for w, j in zip(weights, basis) if j < len(costs)), Fraction(0))


def rank(rows):
    """Rank of a matrix of fractions."""
    rows, r = [list(row) for row in rows], 0
    for q in range(len(rows[0])):
        pivot = next((k for k in range(r, len(rows)) if rows[k][q]), None)
        if pivot is None:
            continue
        rows[r], rows[pivot] = rows[pivot], rows[r]
        for k in range(r + 1, len(rows)):
            factor = rows[k][q] / rows[r][q]
            rows[k] = [a - factor * c for a, c in zip(rows[k], rows[r])]
        r += 1
        if r == len(rows):
            break
    return r
