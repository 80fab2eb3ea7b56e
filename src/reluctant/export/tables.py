"""The tables of a model in a target's arithmetic, and how far that is from the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.export.forward import ForwardTables, forward_tables, rounding_bound
from reluctant.export.link_table import LinkTable, clipped_line, line_function, link_table
from reluctant.export.predictor import Predictor
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear


class Tables(NamedTuple):
    """What a file holds, and what its head says about accuracy; see `reluctant.export.CExport`."""

    held: LinkTable | ForwardTables
    error_bound: float | None
    data_error: float | None
    error_between: float | None
    low: float
    high: float
    n_rows: int

    @property
    def accuracy(self) -> dict[str, Any]:
        """What the templates call them."""
        return {name: getattr(self, name) for name in self._fields if name != "held"}


def tables_of(predictor: Predictor, dtype: np.dtype, data: tuple[Array, Array] | None) -> Tables:
    """A table of links for one input and one output, else sparse matrices for a forward pass.

    Raises
    ------
    ValueError
        If a number is beyond `dtype`.
    """
    line = line_of(predictor)
    if line is None:
        return _forward(predictor.network, predictor, dtype, data)
    return _links(line, dtype, data)


def line_of(predictor: Predictor) -> PiecewiseLinear | None:
    """The function of one input and one output as a table, constant from the bounds of a clip on; None for others."""
    function, clip = predictor.function, predictor.clip
    if isinstance(function, ReLUNetwork):
        if not function.n_inputs == function.n_outputs == 1:
            return None
        with np.errstate(over="ignore", invalid="ignore"):  # `link_table` refuses what is infinite
            function = line_function(function)
    return function if clip is None else clipped_line(function, float(clip.low[0]), float(clip.high[0]))


def _links(function: PiecewiseLinear, dtype: np.dtype, data: tuple[Array, Array] | None) -> Tables:
    table = link_table(function, dtype)
    x = np.concatenate([function.knots, function.anchors[0]]) if data is None else data[0]
    low, high = float(x.min()), float(x.max())
    bound = table.largest_rounding(low, high)
    if data is None:
        return Tables(table, bound, None, None, low, high, 0)
    error = _largest_error(lambda X: table(X[:, 0]), data)
    return Tables(table, bound, error, _largest_error_between(function, data), low, high, len(data[1]))


def _forward(network: ReLUNetwork, predictor: Predictor, dtype: np.dtype, data: tuple[Array, Array] | None) -> Tables:
    held = forward_tables(network, dtype, predictor.clip)
    bound = rounding_bound(network, dtype, None if data is None else data[0], predictor.clip)
    error = None if data is None else _largest_error(held, data)
    return Tables(held, bound, error, None, -np.inf, np.inf, 0 if data is None else len(data[1]))


def _largest_error(evaluate: Callable[[Array], NDArray[Any]], data: tuple[Array, Array]) -> float:
    X, y = data
    computed = evaluate(X).astype(np.float64).reshape(len(y), -1)
    finite = np.isfinite(computed).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"the exported function overflows at row {row} of the data; use double, or rescale X or y")
    return float(np.max(np.abs(computed.reshape(y.shape) - y)))


def _largest_error_between(function: PiecewiseLinear, data: tuple[Array, Array]) -> float:
    from reluctant.univariate.distance import errors_of  # compiles its loop

    X, y = data
    return errors_of(function, X[:, 0], y)[1]
