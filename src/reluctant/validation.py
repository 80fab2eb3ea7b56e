"""Checks of what a user passes in: one sentence naming the argument, the row and the remedy."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array

_MOST = 2**31 - 1
"""Largest number of anything that can be asked for."""
_EXACT_INTEGERS = 2**53
VANISHING = 2.0**-100
"""Share of the largest weight below which a weight counts as zero."""
_DATES = "holds dates or times; convert them to numbers, for example seconds from the first"


def as_floats(values: ArrayLike, name: str) -> Array:
    """Return `values` as a finite float64 array of at most two dimensions.

    Raises
    ------
    ValueError
        If an entry is not a finite number, or two different integers fall on one float; the message names the row.
    """
    raw = _as_array(values, name)
    if raw.ndim > 2:
        raise ValueError(f"{name} must have one or two dimensions, got shape {raw.shape}")
    floats = _to_floats(raw, name)
    _check_integers_stay_distinct(raw, name)
    check_finite(floats, name)
    return floats


def as_evaluation_points(values: ArrayLike, name: str, first_row: int = 0) -> Array:
    """Return `values` as a float64 array of any shape, in which NaN is let through.

    Rows in messages are counted from `first_row`.

    Raises
    ------
    ValueError
        If an entry is not a real number, or is masked.
    """
    return _to_floats(_as_array(values, name), name, first_row)


def check_unmasked(values: Any, name: str) -> None:
    """Raise a ValueError naming the first row that is masked: numpy would hand out the value behind the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = int(np.argwhere(np.ma.getmaskarray(values))[0][0])
        raise ValueError(f"{name} has a masked value at row {row}; remove or replace it")


def check_columns(X: Any, name: str) -> None:
    """Raise a ValueError if columns of an array or a frame hold what numpy would turn to other numbers without a word.

    These are masked values, dates and times, and different integers that are one number in float64.
    """
    if isinstance(X, (str, bytes, dict, set)) and not hasattr(X, "shape"):  # sparse arrays may be dicts
        raise ValueError(f"{name} must be a table of numbers, got a {type(X).__name__}")
    if not hasattr(X, "columns"):
        _check_kept(_as_array(X, name), name)
        return
    seen = set()
    for label in X.columns:
        if label in seen:
            raise ValueError(f"{name} has two columns named {label!r}; rename one")
        seen.add(label)
    for label in X.columns:
        if _is_temporal(X[label].dtype):
            raise ValueError(f"{name} column {label!r} {_DATES}")
        _check_kept(np.asarray(X[label]), f"{name} column {label!r}")


def _is_temporal(dtype: Any) -> bool:
    """Whether a column of pandas or polars holds dates or times."""
    return getattr(dtype, "kind", "") in ("m", "M") or (hasattr(dtype, "is_temporal") and dtype.is_temporal())


def _check_kept(raw: np.ndarray, name: str) -> None:
    if raw.dtype.kind in "mM":
        raise ValueError(f"{name} {_DATES}")
    _check_integers_stay_distinct(raw, name)


def check_finite(a: Array, name: str) -> None:
    """Raise a ValueError naming the first row of `a` that is NaN or infinite."""
    # A sum is finite unless a term is not or it overflows: one fast pass settles nearly every table.
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(float(a.sum())):
            return
    finite = np.isfinite(a)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        what = "NaN" if np.isnan(a[where]) else "an infinite value"
        if not where:
            raise ValueError(f"{name} is {what}; give a finite number")
        column = f", column {where[1]}" if len(where) == 2 and a.shape[1] > 1 else ""
        raise ValueError(f"{name} has {what} at row {where[0]}{column}; remove or replace it")


def check_table(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return X as (N, d) and y as (N,) or (N, m), both finite float64 with N ≥ 1.

    Raises
    ------
    ValueError
        If the shapes do not fit, there are no rows, or an entry is not a finite number.
    """
    X = _as_array(X, "X")
    x_name = "X" if X.ndim == 2 else "x"
    X = as_floats(X, x_name)
    y = as_floats(y, "y")
    if X.ndim == 0 or y.ndim == 0:
        raise ValueError(f"{x_name if X.ndim == 0 else 'y'} must be an array of rows, got a single number")
    if X.ndim == 1:
        X = X[:, None]
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if len(X) != len(y):
        raise ValueError(f"{x_name} has {len(X)} rows but y has {len(y)}; give one y for every row")
    if len(X) == 0:
        raise ValueError(f"{x_name} has no rows; give at least one data point")
    if X.shape[1] == 0:
        raise ValueError("X has no columns; give at least one input")
    if y.ndim == 2 and y.shape[1] == 0:
        raise ValueError("y has no columns; give at least one output")
    return X, y


def rounding_of(*values: ArrayLike) -> float:
    """The relative rounding of data: two units in the last place of the coarsest floats among checked tables.

    Lists, integers and objects count as float64.
    """
    dtypes = [np.asarray(v).dtype for v in values if not isinstance(v, (list, tuple))]
    return 2.0 * max([2.0**-52, *(float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f")])


def check_nonnegative(values: ArrayLike, name: str, n_rows: int, *, infinite: bool = False) -> Array:
    """Return one number ≥ 0 for every row, from a scalar or a column; a finite one unless `infinite`."""
    if np.asarray(values).dtype == bool:
        raise ValueError(f"{name} must be a number or one for each row, got True or False; give it in the units of y")
    if infinite:
        a = as_evaluation_points(values, name)
        check_finite(np.where(np.isinf(a), 0.0, a), name)
    else:
        a = as_floats(values, name)
    if a.ndim == 2 and a.shape[1] == 1:
        a = a[:, 0]
    if a.ndim > 1 or (a.ndim == 1 and len(a) != n_rows):
        raise ValueError(f"{name} must be one number or one for each of the {n_rows} rows, got shape {a.shape}")
    if np.any(a < 0):
        row = "" if a.ndim == 0 else f" at row {int(np.argmax(a < 0))}"
        value = float(a if a.ndim == 0 else a[a < 0][0])
        raise ValueError(f"{name} must not be negative, got {value:g}{row}")
    return np.broadcast_to(a, (n_rows,))


def check_weights(sample_weight: ArrayLike | None, n_rows: int, *, least: int = 1) -> Array:
    """Return weights of the rows (ones by default), of which at least `least` are positive.

    Those below 2^-100 of the largest count as zero. A common factor means nothing, but products of extreme ones
    overflow or vanish: where the largest is beyond 2^±100 a power of two brings it to [1, 2).
    """
    if sample_weight is None:
        return np.ones(n_rows)
    weights = check_nonnegative(sample_weight, "sample_weight", n_rows)
    largest = float(weights.max(initial=0.0))
    if largest > 0.0 and not VANISHING <= largest <= 1.0 / VANISHING:
        mantissas, exponents = np.frexp(weights)
        weights = np.ldexp(mantissas, exponents - (math.frexp(largest)[1] - 1))
        largest = float(weights.max())
    weights = np.where(weights < VANISHING * largest, 0.0, weights)
    n_zero = n_rows - int(np.count_nonzero(weights))
    if n_rows - n_zero < least:
        where = "every row" if n_zero == n_rows else f"{n_zero} of {n_rows} rows"
        rows = "one row" if least == 1 else f"{least} rows"
        raise ValueError(f"sample_weight is zero at {where}; give at least {rows} a positive weight")
    return weights


def check_number(value: Any, name: str, *, low: float = 0.0, strict: bool = False) -> float:
    """Return `value` as a float that is finite and ≥ low (> low when strict)."""
    number = as_number(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    if number < low or (strict and number == low):
        raise ValueError(f"{name} must be {'greater than' if strict else 'at least'} {low:g}, got {value!r}")
    return number


def as_number(value: Any) -> float:
    """Return `value` as a float: NaN if it is not a real number, infinite if it is beyond float64."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def check_bool(value: Any, name: str) -> bool:
    """Return `value` as a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_random_state(value: Any) -> int | np.random.Generator | None:
    """Return `value` if `numpy.random.default_rng` takes it: None, an integer of at least 0 or a Generator."""
    return (
        value
        if value is None or isinstance(value, np.random.Generator)
        else check_integer(value, "random_state", low=0)
    )


def check_integer(value: Any, name: str, *, low: int) -> int:
    """Return `value` as an int ≥ low."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}")
    if int(value) > _MOST:
        raise ValueError(f"{name} must be at most {_MOST:,}, got {value!r}")
    return int(value)


def _as_array(values: ArrayLike, name: str) -> np.ndarray:
    check_unmasked(values, name)
    if isinstance(values, (list, tuple)) and any(
        isinstance(v, Integral) and abs(int(v)) > _EXACT_INTEGERS for v in values
    ):
        return np.asarray(values, dtype=object)  # a mixed list would turn to floats before it can be checked
    try:
        raw = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be a table of numbers with rows of one length: {error}") from None
    return raw


def _to_floats(raw: np.ndarray, name: str, first_row: int = 0) -> Array:
    """Numbers of any kind as float64; text, dates, complex and missing values are refused."""
    kind = raw.dtype.kind
    if kind in "biuf":
        with np.errstate(over="ignore"):
            return raw.astype(np.float64, copy=False)
    if kind == "c":
        raise ValueError(f"{name} is complex; give real numbers")
    if kind in "mM":
        raise ValueError(f"{name} {_DATES}")
    if kind == "V":
        raise ValueError(f"{name} is an array of records; give one array of numbers")
    for where, value in np.ndenumerate(raw):
        row = f" at row {first_row + where[0]}" if where else ""
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            raise ValueError(f"{name} has a missing value{row}; remove or replace it")
        if isinstance(value, (str, bytes)):
            raise ValueError(f"{name} has the text {str(value)!r}{row}; convert it to a number")
        if not hasattr(value, "__float__"):
            raise ValueError(f"{name} has a {type(value).__name__}{row}, which is not a number; convert it")
    try:
        return raw.astype(np.float64)
    except OverflowError:
        raise ValueError(f"{name} has an integer too large for float64; rescale {name}") from None


def _check_integers_stay_distinct(raw: np.ndarray, name: str) -> None:
    """Integers beyond 2^53 may fall on one float; refuse the first such pair of a column."""
    if raw.size == 0 or raw.ndim == 0 or raw.dtype.kind not in "iuO":
        return
    if raw.dtype.kind != "O":
        if int(raw.max()) <= _EXACT_INTEGERS and int(raw.min()) >= -_EXACT_INTEGERS:
            return
        ranked = np.sort(raw, axis=0)
        floats = ranked.astype(np.float64)
        if not ((floats[1:] == floats[:-1]) & (ranked[1:] != ranked[:-1])).any():
            return
    for column in raw.reshape(len(raw), -1).T:
        seen: dict[float, tuple[int, int]] = {}
        for i, value in enumerate(column):
            if not isinstance(value, Integral):
                continue
            row, first = seen.setdefault(float(value), (i, int(value)))
            if first != int(value):
                raise ValueError(
                    f"{name} = {first} at row {row} and {name} = {value} at row {i} are the same number in float64; "
                    f"subtract an offset from {name}"
                )
