"""Tables as they come: how the rows of a fit make inputs of the network of categories and missing entries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from reluctant.arrays import Array
from reluctant.columns import Column, Columns, ColumnTally, Missing
from reluctant.estimators.checks import check_reach, checked_inputs, set_columns
from reluctant.estimators.sparse import checked_sparse
from reluctant.regression.tables import ParquetTable, Table, entries_of
from reluctant.text import counted, shortened
from reluctant.validation import as_array, check_choice, check_weights, column_names, is_missing

Categorical = Literal["auto"] | Sequence[str | int] | None
_TEXTS = ("category", "categorical", "enum", "string", "str", "large_string", "dictionary")
"""How the types of columns of categories begin, in pandas and polars."""


def check_encoding(missing: Any, categorical: Any) -> None:
    """Check `missing`, and of `categorical` what can be said without a table."""
    check_choice(missing, "missing", get_args(Missing))
    if categorical is None or (isinstance(categorical, str) and categorical == "auto"):
        return
    if isinstance(categorical, (str, bytes)) or not hasattr(categorical, "__iter__"):
        raise ValueError(f"categorical must be 'auto', None or a list of columns, got {categorical!r}")
    for column in categorical:
        if isinstance(column, (bool, np.bool_)) or not isinstance(column, (str, Integral)):
            raise ValueError(f"categorical must list names or numbers of columns, got {column!r}")


def inputs_of_fit(estimator: Any, X: Any, y: Any, sample_weight: ArrayLike | None) -> Array | csr_array:
    """Inputs (N, d) of the network for the rows of a fit; the estimator remembers columns and how they are encoded."""
    _check_collected(X)
    if _is_sparse(X):
        for name, plain in (("missing", "error"), ("categorical", "auto")):
            if getattr(estimator, name) not in (plain, None):
                raise ValueError(
                    f"{name} is of frames and arrays, and X is sparse; encode it before, or leave {name} out"
                )
        set_columns(estimator, None)
        return checked_sparse(estimator, X, y)
    texts = _columns_of_texts(X, estimator.categorical)
    if not texts and estimator.missing == "error":
        set_columns(estimator, None)
        return checked_inputs(estimator, X, y)
    names, entries = _entries(X)
    _remember(estimator, X, y, reset=True)
    if (n := len(entries[0])) < 2:
        raise ValueError(f"X has {counted(n, 'rows')} (n_samples={n}); give at least two")
    weights = check_weights(sample_weight, len(entries[0]), least=2)
    columns = []
    for j, column in enumerate(entries):
        tally = ColumnTally(names[j], texts=j in texts)
        tally.add(column, weights)
        columns.append(tally.column(estimator.missing))
    _check_apart(columns)
    set_columns(estimator, Columns(tuple(columns), tuple(map(Column, output_names(y)))))
    used = np.where(weights > 0.0, 1.0, 0.0)
    inputs = np.hstack([_encoded(column, values, used) for column, values in zip(columns, entries)])
    check_reach(inputs, estimator.columns_.names)
    return inputs


def encoded_table(estimator: Any, table: Table) -> Table:
    """The table with what its columns become; the estimator remembers it. Others than files hold numbers."""
    if not isinstance(table, ParquetTable):
        if estimator.missing != "error":
            raise ValueError("missing is of frames, arrays and Parquet files; leave it out, or give one of these")
        return table
    types = table.types
    texts = _places(list(table.x), [_is_text(types[name]) for name in table.x], estimator.categorical)
    if not texts and estimator.missing == "error":
        return table
    tallies = [ColumnTally(name, texts=j in texts) for j, name in enumerate(table.x)]
    for start, frame in table.frames():
        weights = np.maximum(table.weights_of(frame, start), 0.0)
        for j, tally in enumerate(tallies):
            tally.add(entries_of(frame[table.x[j]], start, texts=j in texts), weights)
    inputs = tuple(tally.column(estimator.missing) for tally in tallies)
    _check_apart(inputs)
    columns = Columns(inputs, (Column(table.y),))
    set_columns(estimator, columns)
    return replace(table, columns=columns)


def inputs_of(estimator: Any, X: Any) -> Array | csr_array:
    """Inputs (N, d) of the network for rows to predict."""
    columns: Columns | None = getattr(estimator, "columns_", None)
    _check_collected(X)
    if _is_sparse(X):
        if estimator._encodes:
            raise ValueError(
                "X is sparse, and the model was fitted to a table with categories or gaps; give such a one"
            )
        return checked_sparse(estimator, X, reset=False)
    if columns is not None and estimator._encodes:
        _, entries = _entries(X)
        _remember(estimator, X, "no_validation", reset=False)
        return np.hstack([column.encoded(e, unseen="zeros") for column, e in zip(columns.inputs, entries)])
    if columns is None or columns.is_plain or not columns.are_in(X):
        return checked_inputs(estimator, X, reset=False)
    return columns.matrix(X, unseen="zeros")


def _check_collected(X: Any) -> None:
    """Raise a ValueError if X is a query of polars in the place of a table."""
    if type(X).__name__ == "LazyFrame":
        raise ValueError("X is a LazyFrame, a query that has no rows yet; give X.collect()")


def _is_sparse(X: Any) -> bool:
    """Whether X is a sparse matrix or array, or a frame of pandas whose columns are all sparse."""
    if issparse(X):
        return True
    types = [] if column_names(X) is None else [str(kind) for kind in X.dtypes]
    return bool(types) and all(kind.startswith("Sparse[") for kind in types)


def _encoded(column: Column, entries: Any, used: Array) -> Array:
    """Inputs of a column; rows of no weight may have what the others have not."""
    if column.categories is None or used.all():
        return column.encoded(entries)
    there = used > 0.0
    encoded = np.zeros((len(used), len(column.inputs)))
    encoded[there] = column.encoded(np.asarray(entries)[there])
    return encoded


def _check_apart(columns: Sequence[Column]) -> None:
    """Raise a ValueError if two columns become inputs of one name, as "shop = Ulm" and the level of a shop do."""
    owners: dict[str, str] = {}
    for column in columns:
        for name in column.inputs:
            if name in owners:
                raise ValueError(
                    f"columns {owners[name]!r} and {column.name!r} of X both become an input named {name!r}; rename one"
                )
            owners[name] = column.name


def _remember(estimator: BaseEstimator, X: Any, y: Any, *, reset: bool) -> None:
    """Let the estimator remember, or compare, the number of columns and their names."""
    try:
        validate_data(estimator, X, y if y is None else "no_validation", reset=reset, skip_check_array=True)
    except TypeError as error:
        raise ValueError(f"X is no table: {error}") from error


def _entries(X: Any) -> tuple[list[str], list[Any]]:
    """Names of the columns of a frame or an array, and their entries."""
    labels = column_names(X)
    if labels is not None:
        names, entries = list(map(str, labels)), [X[label] for label in labels]
    else:
        raw = as_array(X, "X")
        if raw.ndim != 2:
            raise ValueError(f"X must have rows and columns, got shape {raw.shape}; Reshape your data to (N, d)")
        names, entries = [f"x{j}" for j in range(raw.shape[1])], list(raw.T)
    if not entries:
        n_rows = len(X) if labels is not None else len(raw)
        raise ValueError(f"X has 0 feature(s) (shape=({n_rows}, 0)) while a minimum of 1 is required; give an input")
    return names, entries


def _columns_of_texts(X: Any, categorical: Any) -> set[int]:
    """Places of the columns of categories: those named or, of a frame, those of text."""
    labels = column_names(X)
    for label in labels or ():
        if labels is not None and labels.count(label) > 1:
            raise ValueError(f"X has two columns named {label!r}; rename one")
    if categorical is None:
        return set()
    if labels is None:
        if isinstance(categorical, str):
            return set()
        shape = as_array(X, "X").shape
        return {_place(column, None, shape[1] if len(shape) == 2 else 0) for column in categorical}
    return _places(labels, [_holds_texts(X[label]) for label in labels], categorical)


def _places(labels: Sequence[Any], are_texts: Sequence[bool], categorical: Any) -> set[int]:
    if categorical is None:
        return set()
    if isinstance(categorical, str):
        return {j for j, is_text in enumerate(are_texts) if is_text}
    return {_place(column, labels, len(labels)) for column in categorical}


def _place(column: Any, labels: Sequence[Any] | None, width: int) -> int:
    if isinstance(column, str):
        if labels is None:
            raise ValueError(f"categorical names column {column!r}, and X has no names; give its number")
        if column not in labels:
            listed = ", ".join(repr(shortened(str(label))) for label in labels[:10])
            raise ValueError(f"categorical names column {column!r}, which X does not have; its columns are {listed}")
        return list(labels).index(column)
    if not 0 <= column < width:
        raise ValueError(f"categorical names column {column}, and X has {counted(width, 'columns')}, counted from 0")
    return int(column)


def _holds_texts(entries: Any) -> bool:
    """Whether a column of a frame has a type of categories or text, or is made of text where its type says nothing."""
    kind = str(getattr(entries, "dtype", ""))
    if kind != "object":
        return _is_text(kind)
    there = [entry for entry in entries if not is_missing(entry)]
    return bool(there) and all(isinstance(entry, str) for entry in there)


def _is_text(kind: str) -> bool:
    return re.split(r"[(\[<]", kind.lower())[0] in _TEXTS


def output_names(y: Any) -> list[str]:
    """What the targets are called, by themselves or else y."""
    names = column_names(y)
    if names is not None:
        return list(map(str, names))
    name = getattr(y, "name", None)
    return [str(name) if name else "y"]
