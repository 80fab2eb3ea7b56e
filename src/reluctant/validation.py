"""Checks of what a user passes in: one sentence naming the argument, the row and the remedy."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.errors import EntryTypeError

_MOST = 2**31 - 1
"""Largest number of anything that can be asked for."""
_EXACT_INTEGERS = 2**53
VANISHING = 2.0**-100
"""Share of the largest weight below which a weight counts as zero."""
_DATES = "holds dates or times; convert them to numbers, for example seconds from the first"
_RECORDS = "is an array of records; give one array of numbers"
GAPS = ", or fit with missing='mean' or 'hinge'"
"""What estimators can do with missing entries of X."""
_DATE_TYPES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def as_floats(values: ArrayLike, name: str) -> Array:
    """Return `values` as a finite float64 array of at most two dimensions.

    Raises
    ------
    ValueError
        If an entry is not a finite number, or two different integers fall on one float; the message names the row.
    """
    raw = as_array(values, name)
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
    return _to_floats(as_array(values, name), name, first_row)


def as_column(values: Any, name: str) -> Array:
    """Return a column of a table as numbers (N,), NaN where one is missing; text is taken where it is a number.

    Raises
    ------
    ValueError
        If an entry is no finite number, or two different integers fall on one float; the message names the row.
    """
    raw = as_array(values, name)
    if _is_temporal(getattr(values, "dtype", raw.dtype)):
        raise ValueError(f"{name} {_DATES}")
    if raw.ndim != 1:
        raise ValueError(f"{name} has several entries a row; give each a column of its own")
    if raw.dtype == object:
        absent = np.array([is_missing(value) for value in raw], dtype=bool)
        if absent.any():
            raw = raw.copy()
            raw[absent] = math.nan
    _check_kept(raw, name)
    with np.errstate(over="ignore"):
        floats = raw.astype(np.float64, copy=False)
    check_finite(np.where(np.isnan(floats), 0.0, floats), name)
    return floats


def check_unmasked(values: Any, name: str) -> None:
    """Raise a ValueError naming the first row that is masked: numpy would hand out the value behind the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        row = int(np.argwhere(np.ma.getmaskarray(values))[0][0])
        raise ValueError(f"{name} has a masked value at row {row}; remove or replace it")


def check_columns(X: Any, name: str) -> None:
    """Raise a ValueError if an array or a frame holds entries that are no real numbers, or would turn to others.

    The latter are masked values, dates and times, and different integers that are one number in float64. Text is
    let through where it is a number. Messages name the column of a frame.

    Raises
    ------
    ValueError
        At the first such entry.
    """
    if isinstance(X, (str, bytes, dict, set)) and not hasattr(X, "shape"):  # sparse arrays may be dicts
        raise ValueError(f"{name} must be a table of numbers, got a {type(X).__name__}")
    if column_names(X) is None:
        if not hasattr(X, "toarray"):
            raw = as_array(X, name)
            _check_kept(raw, name)
            if raw.ndim == 1:
                raise ValueError(
                    f"{name} must have rows and columns, got shape {raw.shape}; Reshape your data to (N, d)"
                )
        return
    seen = set()
    for label in X.columns:
        if label in seen:
            raise ValueError(f"{name} has two columns named {label!r}; rename one")
        seen.add(label)
    for label in X.columns:
        if _is_temporal(X[label].dtype):
            raise ValueError(f"{name} column {label!r} {_DATES}")
        _check_kept(as_array(X[label], name), name, label)


def column_names(X: Any) -> list[Any] | None:
    """Labels of the columns of a frame; None where X is an array or a list."""
    return list(X.columns) if hasattr(X, "columns") and hasattr(X, "dtypes") else None


def _is_temporal(dtype: Any) -> bool:
    """Whether a column of pandas or polars holds dates or times."""
    return getattr(dtype, "kind", "") in ("m", "M") or (hasattr(dtype, "is_temporal") and dtype.is_temporal())


def _check_kept(raw: np.ndarray, name: str, label: Any = None) -> None:
    """Check entries of a table, or of the column of that label."""
    named = name if label is None else f"{name} column {label!r}"
    if raw.dtype.kind in "mM":
        raise ValueError(f"{named} {_DATES}")
    if raw.dtype.kind == "V":
        raise ValueError(f"{named} {_RECORDS}")
    if label is not None and raw.ndim > 1:  # what polars makes of records and of lists of one length
        raise ValueError(f"{named} has several entries a row; give each a column of its own")
    if raw.dtype.kind in "OUSTc":
        for where, value in np.ndenumerate(raw):
            fault = _fault(value, numeric_text=True)
            if fault is not None:
                raise fault.error(name, _place(where, raw.shape, label=label))
    _check_integers_stay_distinct(raw, named)


def _place(where: tuple[int, ...], shape: tuple[int, ...], first_row: int = 0, label: Any = None) -> str:
    """Row and column of an entry; the column by its label, or its number where there are several."""
    if not where:
        return ""
    if label is None and len(where) == 2 and shape[1] > 1:
        label = where[1]
    return f" at row {first_row + where[0]}" + ("" if label is None else f", column {label!r}")


def check_finite(a: Array, name: str, columns: Sequence[Any] | None = None, gaps: str = "") -> None:
    """Raise a ValueError naming the first row of `a`, and its column, that is NaN or infinite.

    Of NaN the message ends with `gaps`, another remedy.
    """
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
        place = _place(where, a.shape, label=None if columns is None else columns[where[1]])
        raise ValueError(f"{name} has {what}{place}; remove or replace it{gaps if what == 'NaN' else ''}")


def check_table(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return X as (N, d) and y as (N,) or (N, m), both finite float64 with N ≥ 1.

    Raises
    ------
    ValueError
        If the shapes do not fit, there are no rows, or an entry is not a finite number.
    """
    X = as_array(X, "X")
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
    if as_array(values, name).dtype == bool:
        raise ValueError(f"{name} must be a number or one for each row, got True or False; give a number")
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


def check_level(value: Any, name: str) -> float:
    """Return `value` as a float strictly between 0 and 1."""
    number = as_number(value)
    if not 0.0 < number < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")
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


def check_choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of the words."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


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


def as_array(values: Any, name: str) -> np.ndarray:
    """Return `values` as an array of any type; of objects where numpy would make others of what stands in a list.

    It rounds integers beyond 2^53 among floats, and makes all entries text, complex or durations where one is.

    Raises
    ------
    ValueError
        If rows differ in length, or a value is masked.
    """
    check_unmasked(values, name)
    try:
        raw = np.asarray(values)
        if isinstance(values, (list, tuple)):
            rounded = raw.dtype.kind == "f" and bool((np.abs(raw) >= _EXACT_INTEGERS).any())
            if rounded or raw.dtype.kind not in "biufO":
                raw = np.asarray(values, dtype=object)
    except MemoryError:
        raise
    except Exception as error:  # of the container, polars or torch for example, which has classes of its own
        raise ValueError(f"{name} must be a table of numbers with rows of one length: {error}") from error
    return raw


def _to_floats(raw: np.ndarray, name: str, first_row: int = 0) -> Array:
    """Numbers of any kind as float64; text, dates, complex and missing values are refused."""
    if raw.dtype == np.float64:
        return raw
    if raw.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            return raw.astype(np.float64, copy=False)
    if raw.dtype.kind in "mM":
        raise ValueError(f"{name} {_DATES}")
    if raw.dtype.kind == "V":
        raise ValueError(f"{name} {_RECORDS}")
    for where, value in np.ndenumerate(raw):
        fault = _fault(value)
        if fault is not None:
            raise fault.error(name, _place(where, raw.shape, first_row))
    return raw.astype(np.float64)


class _Fault(NamedTuple):
    """Why an entry is no real number, and the remedy."""

    what: str
    remedy: str
    kind: type[ValueError] = ValueError

    def error(self, name: str, place: str) -> ValueError:
        return self.kind(f"{name} has {self.what}{place}{self.remedy.replace('{name}', name)}")


def is_missing(value: Any) -> bool:
    """Whether a value is None, masked, NaN of a float, or what pandas has for missing values and times."""
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)) and bool(value != value)


def is_date(value: Any) -> bool:
    """Whether a value is a date, a time, a duration or a period of any library."""
    return isinstance(value, _DATE_TYPES) or type(value).__name__ == "Period"


def _fault(value: Any, numeric_text: bool = False) -> _Fault | None:
    """What is wrong with an entry of a table; None where it is a real number, NaN and infinite ones included."""
    if isinstance(value, (float, np.floating)):
        return None
    if is_missing(value):
        return _Fault("a missing value", f"; remove or replace it{GAPS if numeric_text else ''}")
    if isinstance(value, (complex, np.complexfloating)):
        convention = " (Complex data not supported)" if numeric_text else ""  # the words scikit-learn's checks want
        return _Fault(f"the complex number {complex(value)}", f"{convention}; give real numbers")
    name = type(value).__name__
    named = f"an {name}" if name[0] in "AEIOUaeio" or name == "ndarray" else f"a {name}"
    if is_date(value):
        return _Fault(named, "; convert dates and times to numbers, for example seconds from the first")
    if isinstance(value, (str, bytes)) and not (numeric_text and _is_number(value)):
        remedy = (
            "; encode it as numbers, name its column in categorical, or leave the column out"
            if numeric_text
            else "; convert it to a number"
        )
        return _Fault(f"the text {str(value)!r}", remedy)
    try:
        float(value)
    except OverflowError:
        return _Fault(f"{'an integer' if isinstance(value, int) else named} too large for float64", "; rescale {name}")
    except (TypeError, ValueError):
        if numeric_text:
            return _Fault(named, "; convert it, every argument must be a number or string of a number", EntryTypeError)
        return _Fault(named, ", which is not a number; convert it")
    return None


def _is_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
                    f"subtract an offset from {name}, which integers do exactly"
                )
