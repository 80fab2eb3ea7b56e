"""Networks as self-contained C99: constant tables, one function, no heap, nothing to link against."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array, Index
from reluctant.export.forward import forward_tables, rounding_bound
from reluctant.export.identifiers import comment_text, identifier, string_literal
from reluctant.export.link_table import clipped_line, line_function, link_table
from reluctant.export.predictor import DType, Model, Predictor, numpy_type
from reluctant.files import write_together
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.validation import check_table
from reluctant.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

_SUFFIX = {"float": "f", "double": ""}
_LINE_WIDTH = 100
_LOCAL_NAMES = frozenset(("x", "y", "p", "e", "j", "best", "largest", "total"))
"""What the functions of classes, which call that of the network, name their own."""
_NOT_IN_AN_INCLUDE = "\"\\'*?<>|:"
"""Ends of the name, escapes, comments, trigraphs, and what some systems keep out of names."""


@dataclass(frozen=True)
class CExport:
    """C source and header of a network, and how accurate they are.

    Parameters
    ----------
    name : str
        Name of the C function.
    dtype : {"float", "double"}
        Type of its arguments, its tables and its arithmetic.
    source, header : str
        Contents of the two files.
    table_bytes : int
        Size of the constant tables.
    error_bound : float or None
        Bound of the distance from the network in exact arithmetic, for every argument of that type within the range
        of the data, else of the knots; without data for every argument, where a clip bounds all that are used. None
        for a network of several inputs without data and clip.
    data_error : float or None
        max_i |C(x_i) − y_i| over the data, with x_i rounded to the type; None without data.
    error_between : float or None
        On the line, the largest distance of the network in exact arithmetic from the straight lines between the data
        points; None without data.
    """

    name: str
    dtype: DType
    source: str
    header: str
    table_bytes: int
    error_bound: float | None
    data_error: float | None
    error_between: float | None = None


def export_c(
    model: Model,
    path: str | PathLike[str],
    *,
    name: str | None = None,
    dtype: DType = "double",
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> CExport:
    """Write a network as a C99 file and its header.

    A function of one variable becomes a table of links, searched by bisection; every link is kept with a point of its
    own, so neither many links nor offsets in x or y add up errors. A network of several inputs or outputs becomes a
    forward pass over its nonzero weights. Needs jinja2, which comes with ``reluctant[cli]``.

    Of an estimator the file computes `predict`, or `decision_function`, up to rounding and for every finite input: its
    `clip_` is part of it, and the header names inputs and bounds. A classifier's has three things more: the array of
    strings ``name_labels``, ``name_class``, which returns the row of the likeliest class among them, or their number
    where an input is NaN, and ``name_probabilities``, for which it needs ``exp``. Its temperature is in the weights.

    Parameters
    ----------
    model : Solution, PiecewiseLinear, ReLUNetwork, or fitted SparseReLURegressor or SparseReLUClassifier
        What to export.
    path : str or path-like
        Name of the source file, ending in ``.c``; the header goes beside it. Both appear, whole, or neither.
    name : str, optional
        Name of the C function, by default that of the file. Any text: it is turned into a valid identifier.
    dtype : {"double", "float"}
        Type of arguments, tables and arithmetic. In single precision the error is bounded, and measured at the data,
        when the file is written; both figures stand in the header.
    data : tuple (X, y), optional
        The data at which to measure the error, not of a classifier; on the line it is measured between them too, and
        the header states both.

    Returns
    -------
    CExport

    Raises
    ------
    ValueError
        If the path does not end in ``.c``, has a character in its name that C cannot include, a number of the
        network is beyond single precision, or the model is of another kind or not fitted.
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import interpolate
    >>> solution = interpolate([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0])
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     exported = export_c(solution, f"{directory}/hat.c", dtype="float")
    >>> exported.name, exported.table_bytes
    ('hat', 60)
    """
    path = Path(path)
    if path.suffix != ".c":
        raise ValueError(f"the path of the C source must end in .c, got {path.name!r}")
    _check_includable(path.name)
    exported = render_c(model, path.stem if name is None else name, dtype, data, header_file=f"{path.stem}.h")
    write_together({path.with_suffix(".h"): exported.header.encode(), path: exported.source.encode()})
    return exported


def _check_includable(file: str) -> None:
    """Raise a ValueError unless ``#include "file"`` means that file everywhere: C has no escapes there."""
    for character in file:
        if not character.isprintable() or character in _NOT_IN_AN_INCLUDE:
            raise ValueError(
                f"the file name {file!r} has the character {character!r}, which a C file cannot include; use letters, "
                "digits, '-' and '_'"
            )


def render_c(
    model: Model,
    name: str,
    dtype: DType = "double",
    data: tuple[ArrayLike, ArrayLike] | None = None,
    header_file: str | None = None,
) -> CExport:
    """Return what `export_c` writes, without writing it."""
    numpy_type(dtype)
    predictor = Predictor.of(model)
    if predictor.labels is not None and data is not None:
        raise ValueError("data measure the error of numbers, and a classifier has labels; leave data out")
    checked = None if data is None else check_table(*data)
    name = identifier(name)
    if predictor.labels is not None and name in _LOCAL_NAMES:
        name = f"n_{name}"
    header_file = f"{name}.h" if header_file is None else header_file
    function = predictor.function
    if isinstance(function, ReLUNetwork):
        if not function.n_inputs == function.n_outputs == 1:
            return _forward(function, predictor, name, dtype, checked, header_file)
        function = line_function(function)
    return _line(function, predictor, name, dtype, checked, header_file)


def _line(
    function: PiecewiseLinear,
    predictor: Predictor,
    name: str,
    dtype: DType,
    data: tuple[Array, Array] | None,
    header_file: str,
) -> CExport:
    if predictor.clip is not None:
        function = clipped_line(function, float(predictor.clip.low[0]), float(predictor.clip.high[0]))
    table = link_table(function, numpy_type(dtype))
    x = np.concatenate([function.knots, function.anchors[0]]) if data is None else data[0]
    low, high = float(x.min()), float(x.max())
    error_bound = table.largest_rounding(low, high)
    data_error = None if data is None else _largest_error(lambda X: table(X[:, 0]), data)
    error_between = None if data is None else _largest_error_between(function, data)
    texts = _render(
        "table",
        name=name,
        dtype=dtype,
        header_file=header_file,
        table=table,
        low=low,
        high=high,
        error_bound=error_bound,
        data_error=data_error,
        error_between=error_between,
        n_rows=0 if data is None else len(data[1]),
        counter=_counter(len(table.knots)),
        comparisons=len(table.knots).bit_length(),
        argument=f"{dtype} x",
        clipped=predictor.clip is not None,
        **_estimator_parts(predictor, np.arange(1), scalar=True),
    )
    return CExport(name, dtype, *texts, table.n_bytes, error_bound, data_error, error_between)


def _forward(
    network: ReLUNetwork,
    predictor: Predictor,
    name: str,
    dtype: DType,
    data: tuple[Array, Array] | None,
    header_file: str,
) -> CExport:
    number = numpy_type(dtype)
    tables = forward_tables(network, number, predictor.clip)
    error_bound = rounding_bound(network, number, None if data is None else data[0], predictor.clip)
    data_error = None if data is None else _largest_error(tables, data)
    texts = _render(
        "forward",
        name=name,
        dtype=dtype,
        header_file=header_file,
        tables=tables,
        error_bound=error_bound,
        data_error=data_error,
        error_between=None,
        n_rows=0 if data is None else len(data[1]),
        counter=_counter(tables.n_numbers + tables.n_indices),
        index=f"{tables.index_type.name}_t",
        argument=f"const {dtype} x[{tables.n_inputs}]",
        unbounded=tables.clipped is not None and bool(np.isinf([tables.clipped.low, tables.clipped.high]).any()),
        **_estimator_parts(predictor, network.inputs_used, scalar=False),
    )
    return CExport(name, dtype, *texts, tables.n_bytes, error_bound, data_error)


def _estimator_parts(predictor: Predictor, used: Index, *, scalar: bool) -> dict[str, Any]:
    """What the templates say of an estimator: its inputs, in comments, and its classes."""
    inputs = []
    if predictor.clip is not None or predictor.names is not None:
        for j in used.tolist():
            place = "x" if scalar else f"x[{j}]"
            named = "" if predictor.names is None else f', "{comment_text(predictor.names[j])}"'
            bounds = () if predictor.clip is None else (float(predictor.clip.low[j]), float(predictor.clip.high[j]))
            moved = f", is moved to [{bounds[0]!r}, {bounds[1]!r}] where it lies beyond" if bounds else ""
            inputs.append(f"{place}{named}{moved}")
    labels = predictor.labels
    return {
        "inputs": inputs,
        "labels": None if labels is None else [string_literal(label) for label in labels],
        "label_comments": None if labels is None else [comment_text(label) for label in labels],
        "class_type": None if labels is None else _counter(len(labels)),
        "temperature": predictor.temperature,
    }


def _largest_error(evaluate: Callable[[Array], NDArray[Any]], data: tuple[Array, Array]) -> float:
    X, y = data
    computed = evaluate(X).astype(np.float64).reshape(y.shape)
    return float(np.max(np.abs(computed - y)))


def _largest_error_between(function: PiecewiseLinear, data: tuple[Array, Array]) -> float:
    from reluctant.univariate.distance import errors_of  # compiles its loop

    X, y = data
    return errors_of(function, X[:, 0], y)[1]


def _counter(largest: int) -> str:
    """The narrower of C's unsigned types, not promoted in arithmetic, that is guaranteed to hold `largest`."""
    if largest >= 2**32:
        raise ValueError(f"{largest} table entries are more than C guarantees to index; export fewer neurons")
    return "unsigned int" if largest < 2**16 else "unsigned long"


def _render(template: str, **context: Any) -> tuple[str, str]:
    """Source and header."""
    context |= {"version": __version__, "suffix": _SUFFIX[context["dtype"]]}
    source, header = (_template(f"{template}.{ending}.jinja").render(context) for ending in ("c", "h"))
    return source, header


@cache
def _template(file: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reluctant.export"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["literals"] = _literals
    environment.filters["integers"] = lambda values: _lines(map(str, values.tolist()))
    return environment.get_template(file)


def _literals(values: NDArray[Any], suffix: str) -> str:
    """Shortest decimals that round to `values`, as an initialiser list."""
    infinite = {"inf": f"HUGE_VAL{suffix.upper()}", "-inf": f"-HUGE_VAL{suffix.upper()}"}  # bounds that are none
    texts = map(_shortest(values.dtype), values)
    return _lines(infinite.get(text, f"{text}{suffix}") for text in texts)


def _shortest(dtype: np.dtype) -> Callable[[Any], str]:
    return str if dtype == np.float32 else lambda value: repr(float(value))


def _lines(items: Iterable[str]) -> str:
    """Join items with commas, breaking lines before they get too long."""
    lines, line = [], ""
    for item in items:
        if line and len(line) + len(item) + 2 > _LINE_WIDTH:
            lines.append(line)
            line = ""
        line += f" {item}," if line else f"{item},"
    lines.append(line.rstrip(","))
    return "\n    ".join(lines)
