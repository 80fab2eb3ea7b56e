"""Slow, plain solvers for networks on the line without an affine part, over dictionaries of hinges.

A neuron v (w x + b)_+ that is on at a side of an interval of the data is a line α x + β there, whose zero is in that
interval: linear conditions, once the sign of α is known. So networks with K neurons beside a constant are linear
programs, one for each choice of K intervals, sides and signs. Nothing here is the library's.
"""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np
from scipy.optimize import linprog


def least_variation(x, y) -> float:
    """The least Σ|v_k w_k| without an affine part, beside a free constant: hinges of either side at every point."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    hinges = np.column_stack([np.maximum(x[:, None] - x, 0), np.maximum(x - x[:, None], 0)])
    A = np.column_stack([hinges, -hinges, np.ones(len(x)), -np.ones(len(x))])
    costs = np.concatenate([np.ones(4 * len(x)), [0.0, 0.0]])
    found = linprog(costs, A_eq=A, b_eq=y, method="highs")
    assert found.status == 0
    return float(found.fun)


def fewest_neurons(x, y, most: int) -> int:
    """The fewest neurons beside a constant that interpolate, up to `most`; one more where so many do not."""
    return next((k for k in range(most + 1) if _exists(np.asarray(x, float), np.asarray(y, float), k)), most + 1)


def _exists(x, y, n_neurons: int) -> bool:
    n = len(x)
    # A kink left of all points belongs to a neuron that faces right, one right of all to a neuron that faces left.
    useless = {1: n - 1, -1: -1}
    kinds = [kind for kind in product((1, -1), range(-1, n), (1, -1)) if kind[1] != useless[kind[0]]]
    return any(_is_feasible(x, y, chosen) for chosen in combinations_with_replacement(kinds, n_neurons))


def _is_feasible(x, y, chosen) -> bool:
    """Whether α_k x + β_k on its side, α_k of its sign and its zero in its gap, and a constant sum to y."""
    n, n_columns = len(x), 2 * len(chosen) + 1
    A, rows = np.zeros((n, n_columns)), []
    A[:, -1] = 1.0
    bounds = [(None, None)] * n_columns
    for k, (side, gap, sign) in enumerate(chosen):
        on = np.arange(n) > gap if side == 1 else np.arange(n) <= gap
        A[on, 2 * k], A[on, 2 * k + 1] = x[on], 1.0
        bounds[2 * k] = (0, None) if sign == 1 else (None, 0)
        for i, where in (
            (gap, -1),
            (gap + 1, 1),
        ):  # sign · (α x + β) is ≤ 0 at the left end of the gap, ≥ 0 at the right
            if 0 <= i < n:
                row = np.zeros(n_columns)
                row[2 * k], row[2 * k + 1] = -where * sign * x[i], -where * sign
                rows.append(row)
    program = {"A_ub": np.array(rows), "b_ub": np.zeros(len(rows))} if rows else {}
    return linprog(np.zeros(n_columns), A_eq=A, b_eq=y, bounds=bounds, method="highs", **program).status == 0
