"""What the verbs have in common: where a request goes, and checks that need more than one argument."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.objective import Bias, check_bias
from reluctant.validation import as_evaluation_points, check_nonnegative, check_number

Between = Literal["rows", "lines"]
"""Where a band holds: at the rows, or along the straight lines between them too."""

MOST_WORK = 10**9
"""Rows times the cube of the outputs, up to which shared knots are found exactly."""


def is_line(X: Array, y: Array) -> bool:
    """Whether a table has one input and one output, for which there are exact solvers."""
    return X.shape[1] == 1 and y.ndim == 1


def share_exactly(X: Array, y: Array) -> bool:
    """Whether a table has one input, and several outputs whose fewest shared knots are found exactly in seconds."""
    return X.shape[1] == 1 and y.ndim == 2 and (y.shape[1] <= 3 or len(X) * y.shape[1] ** 3 <= MOST_WORK)


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
    check_curve(X, y, "the path in p")


def check_curve(X: Array, y: Array, what: str) -> None:
    """Raise a ValueError that names what is asked for unless a table has one input and one output."""
    if not is_line(X, y):
        columns = f"x has {X.shape[1]} columns" if X.shape[1] > 1 else f"y has {y.shape[1]} columns"
        raise ValueError(f"{what} is known for one input and one output, but {columns}; give one")


def check_penalised_bias(bias: Any, p: float, X: Array, y: Array, affine: bool | None, halve_p: bool) -> Bias | None:
    """Return `bias` if it is None, or goes with the rest of the request."""
    bias = check_bias(bias)
    if bias is None:
        return None
    if X.shape[1] > 1:
        raise ValueError(f"bias is for one input, but X has {X.shape[1]}, where biases always count; leave bias out")
    if y.ndim > 1:
        raise ValueError(f"bias is known for one output, but y has {y.shape[1]} columns; solve for each by itself")
    if p != 1 or halve_p:
        got = f"p = {p:g}" if p != 1 else "halve_p=True"
        raise ValueError(f"bias = {bias!r} is known for p = 1 alone, got {got}; give p=1, or leave bias out")
    if affine is False:
        raise ValueError("bias is known with an affine part, but affine is False; leave one of them out")
    return bias


def check_start(start: Any, X: Array, y: Array) -> None:
    """Raise a ValueError unless `start` is None or a network of the shape of the data."""
    if start is None:
        return
    n_inputs, n_outputs = X.shape[1], 1 if y.ndim == 1 else y.shape[1]
    if not isinstance(start, ReLUNetwork) or (start.n_inputs, start.n_outputs) != (n_inputs, n_outputs):
        raise ValueError(f"start must be a ReLUNetwork of {n_inputs} inputs and {n_outputs} outputs, got {start!r}")


def check_exactly_one(**given: Any) -> None:
    """Raise a ValueError unless exactly one of the arguments is given, that is, not None."""
    names = list(given)
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    got = [name for name, value in given.items() if value is not None]
    if len(got) != 1:
        raise ValueError(f"give exactly one of {listed}, got {' and '.join(got) or 'none'}")


def check_scale(scale: ArrayLike | None, y: Array) -> Array:
    """Scales of the shape of y, all above zero."""
    scales = check_half_widths(1.0 if scale is None else scale, y, "scale")
    if not (scales > 0.0).all():
        where = np.argwhere(scales == 0.0)[0].tolist()
        row = "" if scale is None or np.ndim(scale) == 0 else f" at row {where[0]}"
        raise ValueError(f"scale must be greater than 0, got 0{row}; give a small one to a row that counts for much")
    return scales


def shares_of(y: Array, relative: ArrayLike) -> Array:
    """The tolerances r |y_i|, of the shape of y; infinite where r is, whatever y_i."""
    shares = check_half_widths(relative, y, "relative")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isinf(shares), np.inf, shares * np.abs(y))


def check_bounds(bounds: Any, y: Array) -> tuple[Array, Array]:
    """A lower and an upper bound of the shape of y, from numbers or columns; −inf and inf say that there is none."""
    is_array = isinstance(bounds, np.ndarray) and bounds.ndim > 0
    if not (is_array or isinstance(bounds, (tuple, list))) or len(bounds) != 2:
        raise ValueError("bounds must be a pair (lo, hi), each a number or one for each row; give ±inf for none")
    lo, hi = (_bound(side, y, f"bounds[{k}]", none) for k, (side, none) in enumerate(zip(bounds, (-np.inf, np.inf))))
    if (lo > hi).any():
        where = tuple(np.argwhere(lo > hi)[0].tolist())
        place = f"row {where[0]}" + (f", output {where[1]}" if len(where) > 1 else "")
        raise ValueError(f"bounds cross at {place}: {lo[where]!s} is above {hi[where]!s}; widen them there")
    if not (np.isfinite(lo) | np.isfinite(hi)).any():
        raise ValueError("bounds are infinite at every row; give at least one that is finite")
    return lo, hi


def _bound(values: ArrayLike, y: Array, name: str, none: float) -> Array:
    bound = as_evaluation_points(values, name)
    if bound.ndim == 2 and bound.shape[1] == 1 and y.ndim == 1:
        bound = bound[:, 0]
    if y.ndim == 2 and bound.shape == y.shape[:1] != y.shape[1:]:
        bound = bound[:, None]
    if bound.shape not in ((), y.shape, (*y.shape[:1], 1)[: y.ndim]):
        raise ValueError(f"{name} must be one number or of the shape {y.shape} of y, got shape {bound.shape}")
    bound = np.broadcast_to(bound, y.shape)
    wrong = np.isnan(bound) | (bound == -none)
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        what = "NaN" if np.isnan(bound[where]) else f"{bound[where]:g}"
        raise ValueError(f"{name} has {what} at row {where[0]}; where there is no bound give {none:g}")
    return bound


def middle_of(y: Array, lo: Array, hi: Array) -> tuple[Array, Array]:
    """Targets and tolerances for bounds that are finite on both sides or on none; rounded, they reach both.

    Raises
    ------
    ValueError
        At the first row that has one.
    """
    no_lo, no_hi = np.isinf(lo), np.isinf(hi)
    if (no_lo != no_hi).any():
        row = int(np.argwhere(no_lo != no_hi)[0][0])
        raise ValueError(
            f"a bound on one side alone is known for one input and one output, but bounds has one at row {row}; give "
            "two that are finite, or two infinite ones if it does not count"
        )
    with np.errstate(invalid="ignore"):
        middle = np.where(no_lo, y, 0.5 * lo + 0.5 * hi)
        half = np.maximum(hi - middle, middle - lo)
    return middle, np.where(half > 0.0, np.nextafter(half, np.inf), half)


def check_half_widths(values: ArrayLike, y: Array, name: str) -> Array:
    """Half-widths of the shape of y, from one, one for each row, for each output or for each target."""

    def checked(values: ArrayLike) -> Array:
        return check_nonnegative(values, name, n_rows, infinite=True)

    n_rows, shape = len(y), np.shape(values)
    if y.ndim == 1:
        return checked(values)
    if not shape:
        return np.broadcast_to(checked(values)[:, None], y.shape)
    n_outputs, table = y.shape[1], np.asarray(values)
    if shape == (n_rows,) == (n_outputs,):
        raise ValueError(
            f"{name} has {n_rows} numbers, one for each row or each output; give a table of shape {y.shape}"
        )
    if shape in ((n_rows,), (n_rows, 1)):
        return np.tile(checked(table)[:, None], n_outputs)
    if shape not in ((n_outputs,), y.shape):
        raise ValueError(
            f"{name} must be one number, or one for each of the {n_rows} rows, the {n_outputs} outputs or both, "
            f"got shape {shape}"
        )
    return np.column_stack([checked(column) for column in (table if table.ndim == 1 else table.T)])
