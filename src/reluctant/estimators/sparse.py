"""Sparse X: columns are made dense some at a time to be screened, rows in blocks of the columns that are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from reluctant.arrays import Array, Index
from reluctant.effort import Effort
from reluctant.estimators.checks import REACH, check_reach
from reluctant.estimators.cross_validated import ValidatedPath
from reluctant.model.clip import Clip
from reluctant.model.network import ReLUNetwork
from reluctant.regression.folds import Config
from reluctant.regression.model import Rows
from reluctant.regression.path import MANY_INPUTS
from reluctant.regression.screening import AT_A_TIME, best_of, explained
from reluctant.regression.selection import folds_of
from reluctant.regression.standardise import Moments
from reluctant.regression.tables import RawBlock
from reluctant.validation import check_columns, column_names

ENTRIES = 1 << 23
"""Numbers that are made dense at a time: 64 megabytes."""
_EXACT_INTEGERS = 2**53


def checked_sparse(estimator: BaseEstimator, X: Any, y: Any = "no_validation", *, reset: bool = True) -> csr_array:
    """Return X as sparse rows of finite floats, and let the estimator remember, or compare, the number of columns."""
    if hasattr(X, "sparse"):  # a frame of sparse columns
        check_columns(X, "X")
        filled = [label for label, kind in zip(X.columns, X.dtypes) if kind.fill_value != 0]
        if filled:
            raise ValueError(f"column {filled[0]!r} of X is sparse about another value than 0; give it as a dense one")
    elif X.dtype.kind == "c":
        raise ValueError("X holds complex numbers (Complex data not supported); give real ones")
    elif X.dtype.kind in "iu" and X.nnz and max(int(X.max()), -int(X.min())) > _EXACT_INTEGERS:
        raise ValueError("X has integers beyond 2^53, which float64 does not tell apart; subtract an offset or rescale")
    try:
        floats = validate_data(
            estimator,
            X,
            y if y is None else "no_validation",
            reset=reset,
            accept_sparse="csr",
            dtype=np.float64,
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
    except TypeError as error:
        raise ValueError(f"X is no table of numbers: {error}") from error
    rows = csr_array(floats, dtype=np.float64)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    bad = ~np.isfinite(rows.data)
    if bad.any():
        at = int(np.argmax(bad))
        row = int(np.searchsorted(rows.indptr, at, side="right")) - 1
        what = "NaN" if np.isnan(rows.data[at]) else "an infinite value"
        names, j = column_names(X), int(rows.indices[at])
        raise ValueError(
            f"X has {what} at row {row}, column {j if names is None else repr(names[j])}; remove or replace it"
        )
    if reset and rows.nnz:
        check_reach(np.array(abs(rows).max(axis=0).toarray()).ravel())
    return rows


def kept_columns(X: csr_array, sampled: Index, targets: Array, weights: Array, config: Config, effort: Effort) -> Index:
    """The columns of X (N, d) that enter a path on the sampled rows or on the training rows of one of its folds.

    In each fold those are what `most_explaining` keeps there, so that no row that is left out has a say in what is
    kept for its fold; of the union, and some more, every fold keeps the same again. Columns are clipped as in `fit`.
    """
    columns = csc_array(X)
    parts = [sampled]
    parts += [sampled[train] for train, _ in folds_of(targets[sampled], config, X.shape[1], effort.seed())]
    scores: list[list[Array]] = [[] for _ in parts]
    for start, block in _dense_columns(columns):
        moments = Moments.of(block, weights)
        _check_scale(moments.input_scale(start), start)
        for rows, found in zip(parts, scores):
            part = block[rows]
            found.append(_explained(Clip.beyond(part)(part), targets[rows], weights[rows]))
    assert config.screen is not None
    kept = [best_of(np.concatenate(found), config.screen) for found in scores]
    kept.append(best_of(np.concatenate(scores[0]), MANY_INPUTS + 1))  # from so many on ridges are others
    return np.unique(np.concatenate(kept))


def _explained(X: Array, targets: Array, weights: Array) -> Array:
    """The score of every column; it is that of any units."""
    moments = Moments.of(X, weights)
    scale = np.where(moments.constant | (moments.deviation == 0.0), np.inf, moments.deviation)
    return explained(Rows.of((X - moments.mean) / scale, targets, weights))


def _check_scale(scale: Array, start: int) -> None:
    """Raise a ValueError naming the first column whose deviation leaves no floats for weights."""
    faint = scale < 1.0 / REACH
    if faint.any():
        j = int(np.argmax(faint))
        raise ValueError(f"column {start + j} of X deviates by {scale[j]:.3g}, too near the smallest float; rescale it")


def _dense_columns(X: csc_array) -> Iterator[tuple[int, Array]]:
    """All columns, with the number of the first, so many at a time as `most_explaining` scores; of many rows fewer."""
    n_rows, d = X.shape
    width = max(1, min(AT_A_TIME, ENTRIES // n_rows))
    for start in range(0, d, width):
        yield start, X[:, start : min(start + width, d)].toarray()


@dataclass(frozen=True)
class SparseTable:
    """Sparse rows that are made dense in blocks.

    Parameters
    ----------
    X : csr_array, shape (N, d)
    y : array, shape (N, m)
    weights : array, shape (N,)
    """

    X: csr_array
    y: NDArray
    weights: Array

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return self.X.shape[0]

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.X.shape[1]

    def blocks(self) -> Iterator[RawBlock]:
        """Yield all rows in order."""
        for part in row_blocks(*self.X.shape):
            yield RawBlock(self.X[part].toarray(), self.y[part], self.weights[part])


def row_blocks(n_rows: int, width: int) -> Iterator[slice]:
    """Slices of rows of so many numbers that `ENTRIES` are held at a time."""
    height = max(1, ENTRIES // width)
    for start in range(0, n_rows, height):
        yield slice(start, min(start + height, n_rows))


def narrowed(network: ReLUNetwork, columns: Index) -> ReLUNetwork:
    """The network of some of its inputs, the others 0."""
    w, slope = network.input_weights[:, columns], network.slope[columns]
    return ReLUNetwork(w, network.biases, network.output_weights, slope, network.intercept)


def widened(network: ReLUNetwork, columns: Index, n_inputs: int) -> ReLUNetwork:
    """The same function of so many inputs, of which it reads these."""
    w, slope = np.zeros((len(network.biases), n_inputs)), np.zeros((n_inputs, network.n_outputs))
    w[:, columns], slope[columns] = network.input_weights, network.slope
    return ReLUNetwork(w, network.biases, network.output_weights, slope, network.intercept)


@dataclass(frozen=True)
class Widened(Sequence[ReLUNetwork]):
    """Networks of few columns as such of all, made when they are asked for."""

    networks: Sequence[ReLUNetwork]
    columns: Index
    n_inputs: int

    @overload
    def __getitem__(self, i: int) -> ReLUNetwork: ...

    @overload
    def __getitem__(self, i: slice) -> Widened: ...

    def __getitem__(self, i: int | slice) -> ReLUNetwork | Widened:
        if isinstance(i, slice):
            return replace(self, networks=self.networks[i])
        return widened(self.networks[i], self.columns, self.n_inputs)

    def __len__(self) -> int:
        return len(self.networks)


def widened_path(path: ValidatedPath, columns: Index, n_inputs: int) -> ValidatedPath:
    """The same path, its networks of all inputs."""
    return replace(path, networks=Widened(path.networks, columns, n_inputs))


def widened_clip(clip: Clip, columns: Index, n_inputs: int) -> Clip:
    """The same bounds, infinite for other inputs."""
    low, high = np.full(n_inputs, -np.inf), np.full(n_inputs, np.inf)
    low[columns], high[columns] = clip.low, clip.high
    return Clip(low, high)


def evaluated(network: ReLUNetwork, clip: Clip, X: Any) -> Array:
    """Outputs (N, m) of a network for rows in blocks; of sparse ones only the inputs that it reads are made dense."""
    if issparse(X):
        used = network.inputs_used if network.inputs_used.size else np.zeros(1, dtype=np.intp)
        network, clip = narrowed(network, used), Clip(clip.low[used], clip.high[used])
        X = csr_array(csc_array(X)[:, used])
    parts = []
    for part in row_blocks(X.shape[0], max(X.shape[1], len(network.biases))):
        block = X[part].toarray() if issparse(X) else X[part]
        parts.append(network(clip(block)).reshape(len(block), -1))
    return np.concatenate(parts)
