"""What the verbs have in common: where a request goes, and checks that need more than one argument."""

from __future__ import annotations

from typing import Any

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.validation import check_number


def is_line(X: Array, y: Array) -> bool:
    """Whether a table has one input and one output, for which there are exact solvers."""
    return X.shape[1] == 1 and y.ndim == 1


def share_exactly(X: Array, y: Array) -> bool:
    """Whether a table has one input, and two or three outputs whose fewest shared knots are found exactly."""
    return X.shape[1] == 1 and y.ndim == 2 and y.shape[1] <= 3


def has_affine_part(affine: bool | None, X: Array) -> bool:
    """As in the paper: an affine part for one input, none for more."""
    return X.shape[1] == 1 if affine is None else affine


def check_rtol(rtol: Any) -> float:
    """Return `rtol` as a float in [0, 1)."""
    value = check_number(rtol, "rtol")
    if value >= 1:
        raise ValueError(f"rtol must be less than 1, as it is relative to the size of the data, got {rtol!r}")
    return value


def check_one_curve(X: Array, y: Array) -> None:
    """Raise a ValueError unless a table has one input and one output."""
    if not is_line(X, y):
        what = f"x has {X.shape[1]} columns" if X.shape[1] > 1 else f"y has {y.shape[1]} columns"
        raise ValueError(f"the path in p is known for one input and one output, but {what}; give one")


def check_start(start: Any, X: Array, y: Array) -> None:
    """Raise a ValueError unless `start` is None or a network of the shape of the data."""
    if start is None:
        return
    n_inputs, n_outputs = X.shape[1], 1 if y.ndim == 1 else y.shape[1]
    if not isinstance(start, ReLUNetwork) or (start.n_inputs, start.n_outputs) != (n_inputs, n_outputs):
        raise ValueError(f"start must be a ReLUNetwork of {n_inputs} inputs and {n_outputs} outputs, got {start!r}")
