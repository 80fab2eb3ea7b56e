"""What the estimators check before any work: rows, targets, weights and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from reluctant.arrays import Array
from reluctant.columns import Columns
from reluctant.estimators.shape import check_no_category
from reluctant.regression.protocol import Loss
from reluctant.regression.tables import ParquetTable, Table
from reluctant.validation import (
    GAPS,
    as_array,
    as_floats,
    check_bool,
    check_columns,
    check_finite,
    check_integer,
    check_number,
    column_names,
    is_date,
    is_missing,
)

REACH = 2.0**1000
"""Largest |entry| of X that fits are given: sums and multiples of a thousand of them are floats."""
DECIDERS = ("max_parameters", "max_neurons", "tolerance", "alpha")


def check_decider(params: dict[str, Any]) -> str | None:
    """Name of the one parameter that decides the size; None for cross-validation."""
    given = [name for name in DECIDERS if params.get(name) is not None]
    if len(given) > 1:
        raise ValueError(
            f"{' and '.join(given)} both decide the size of the network; give one of "
            f"{', '.join(name for name in DECIDERS if name in params)}, or none for cross-validation"
        )
    if params["p"] is not None and params["alpha"] is None:
        raise ValueError(f"p = {params['p']!r} is the exponent of a penalty of strength alpha; give alpha too")
    return given[0] if given else None


def check_no_shape(estimator: Any, takes: str) -> None:
    """Raise a ValueError if a constraint is wanted that speaks of the columns of X, and inputs are others."""
    for name in ("monotonic_cst", "interactions"):
        if getattr(estimator, name, None) is not None:
            raise ValueError(f"{name} takes {takes}, or leave {name} out")


def check_steering(params: dict[str, Any]) -> None:
    """Check the parameters that steer the work."""
    if params["n_jobs"] is not None and check_integer(params["n_jobs"], "n_jobs", low=-(1 << 31)) == 0:
        raise ValueError("n_jobs must not be 0; give a number of workers, or -1 for one a core")
    if params["time_limit"] is not None:
        check_number(params["time_limit"], "time_limit", strict=True)


def check_switch(value: Any, name: str) -> None:
    """Check that `value` is True or False, or 1 or 0, as scikit-learn's `verbose` often is."""
    if not (isinstance(value, Integral) and value in (0, 1)):
        check_bool(value, name)


@contextmanager
def restored_on_failure(estimator: BaseEstimator) -> Iterator[None]:
    """Leave the estimator as it was where its fit fails or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def as_seed(random_state: Any) -> int:
    """A seed drawn from an int, a generator of either kind, or None for a fresh one."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(1 << 31, dtype=np.int64))
    if not (random_state is None or isinstance(random_state, np.random.Generator)):
        random_state = check_integer(random_state, "random_state", low=0)
    return int(np.random.default_rng(random_state).integers(1 << 31))


def checked_inputs(estimator: BaseEstimator, X: Any, y: Any = "no_validation", *, reset: bool = True) -> Array:
    """Return X as finite floats (N, d), and let the estimator remember, or compare, the columns and their names."""
    if reset:
        check_no_category(estimator.monotonic_cst, X)
    check_columns(X, "X")
    try:
        with np.errstate(over="ignore"):  # of longer floats, whose infinities are refused below
            floats = validate_data(
                estimator,
                X,
                y if y is None else "no_validation",
                reset=reset,
                dtype=np.float64,
                order="C",
                ensure_all_finite=False,
                ensure_min_samples=2 if reset else 1,
            )
    except TypeError as error:  # what its conventions make one: sparse matrices, names that are not all text
        raise ValueError(f"X is no table of numbers: {error}") from error
    names = column_names(X)
    check_finite(floats, "X", names, GAPS)
    if reset:
        check_reach(floats, names)
    return floats


def check_reach(X: Array, names: Sequence[Any] | None = None) -> None:
    """Raise a ValueError naming the first entry of X (N, d), or column of (d,), whose differences overflow."""
    beyond = np.abs(X) > REACH
    if beyond.any():
        *row, j = np.argwhere(beyond)[0]
        column = f"column {int(j) if names is None else names[j]!r}"
        raise ValueError(
            f"X has {X[*row, j]:.3g}{f' at row {row[0]}' if row else ''}, {column}, too near the largest float; "
            "rescale the column, or replace the entry"
        )


def set_columns(estimator: Any, columns: Columns | None) -> None:
    """Let the estimator remember how it encodes columns; None: not at all."""
    estimator._encodes = columns is not None
    if columns is not None:
        estimator.columns_ = columns
    elif hasattr(estimator, "columns_"):
        del estimator.columns_


def checked_table(
    estimator: BaseEstimator,
    table: Table,
    y: Any,
    sample_weight: Any,
    decider: str | None,
) -> Table:
    """Return the table if rows may be read from it alone; the estimator remembers its columns and names."""
    for name, column in (("y", y), ("sample_weight", sample_weight)):
        if column is not None:
            raise ValueError(f"a table has its own targets and weights; put {name} into it, or give X as an array")
    if decider in ("alpha", "tolerance"):
        raise ValueError(f"{decider} needs all rows at once; give X and y as arrays, or leave {decider} out")
    set_columns(estimator, None)
    estimator.n_features_in_ = len(table.x) if isinstance(table, ParquetTable) else table.n_inputs
    if isinstance(table, ParquetTable):
        estimator.feature_names_in_ = np.array(table.x, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    return table


def as_columns(targets: ArrayLike, loss: Loss) -> Array:
    """Targets (N, m) as finite floats that the loss takes."""
    columns = as_floats(targets, "y").reshape(len(targets), -1)  # type: ignore[arg-type]
    loss.check(columns)
    return columns


def weighed_classes(labels: NDArray, weights: Array) -> tuple[NDArray, Array]:
    """The labels of rows of positive weight, sorted, and the sum of weights of each."""
    kept = weights > 0.0
    classes, place = np.unique(labels[kept], return_inverse=True)
    return classes, np.bincount(place, weights[kept], len(classes)).astype(np.float64)


def classes_of(table: Table) -> tuple[NDArray, Array]:
    """The same from one pass over a table."""
    found, start = [], 0
    for block in table.blocks():
        found.append(weighed_classes(_labels(block.y, start), block.weights))
        start += len(block.weights)
    labels, totals = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return weighed_classes(labels, totals)


def class_shares(labels: ArrayLike, classes: NDArray) -> Array:
    """Rows of the identity for labels, of which two classes have the last column alone."""
    shares = np.equal(np.asarray(labels).reshape(-1, 1), classes).astype(np.float64)
    return shares[:, 1:] if classes.size == 2 else shares


def checked_targets(X: Array, y: Any, loss: Loss) -> Array:
    """Return y as finite floats, (N,) or (N, m), that the loss takes."""
    targets = as_floats(y, "y")
    if targets.ndim == 0:
        raise ValueError("y must be an array of rows, got a single number")
    check_consistent_length(X, targets)
    columns = targets.reshape(len(targets), -1)
    if columns.shape[1] == 0:
        raise ValueError("y has no columns; give at least one output")
    loss.check(columns)
    return targets


def checked_labels(X: Array, y: Any) -> NDArray:
    """Return y as class labels (N,)."""
    labels = _labels(y)
    check_consistent_length(X, labels)
    if 2 < labels.size == np.unique(labels).size:
        raise ValueError("y has every label once; give classes of several rows, or use SparseReLURegressor")
    return labels


def _labels(y: Any, first_row: int = 0) -> NDArray:
    """Text or numbers of one type (n,); rows in messages are counted from `first_row`."""
    raw = as_array(y, "y")
    labels = column_or_1d(raw.astype(object) if raw.dtype.kind in "Tc" else raw, warn=True)
    if labels.dtype.kind not in "biufU":
        labels = _of_one_kind(labels, first_row)
    if labels.dtype.kind == "f":
        check_finite(labels, "y")
    check_classification_targets(labels)
    return labels


def _of_one_kind(labels: NDArray, first_row: int) -> NDArray:
    """Objects as text, or as numbers of one type.

    Raises
    ------
    ValueError
        Naming the first label that is missing, is neither text nor a number, is no text among texts, or text among
        numbers, or is an integer beyond 64 bits.
    """
    for row, label in enumerate(labels, first_row):
        if is_missing(label):
            raise ValueError(f"y has a missing label at row {row}; remove or replace it")
        if not isinstance(label, (str, float, np.floating, np.bool_, Integral)) or is_date(label):
            raise ValueError(f"y has a label of type {type(label).__name__} at row {row}; make it text or a number")
        if isinstance(label, Integral) and not -(2**63) <= int(label) < 2**63:
            raise ValueError(f"y has an integer beyond 64 bits at row {row}; give smaller numbers, or text")
        if isinstance(label, str) != isinstance(labels[0], str):
            first = f"{labels[0]!r} at row {first_row}"
            raise ValueError(f"y has the labels {first} and {label!r} at row {row}; make all text or all numbers")
    return labels if isinstance(labels[0], str) else np.array(labels.tolist())
