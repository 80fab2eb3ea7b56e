"""Networks as self-contained C99: constant tables, one function, no heap, nothing to link against."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array
from reluctant.export.forward import forward_tables, rounding_bound
from reluctant.export.identifiers import identifier
from reluctant.export.link_table import line_function, link_table
from reluctant.files import write_together
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Solution
from reluctant.validation import check_table
from reluctant.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

DType = Literal["float", "double"]

_NUMPY_TYPE: dict[str, np.dtype] = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}
_SUFFIX = {"float": "f", "double": ""}
_LINE_WIDTH = 100
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
        of the data, else of the knots. None for a network of several inputs without data.
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
    model: Solution | PiecewiseLinear | ReLUNetwork,
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

    Parameters
    ----------
    model : Solution, PiecewiseLinear or ReLUNetwork
        What to export.
    path : str or path-like
        Name of the source file, ending in ``.c``; the header goes beside it. Both appear, whole, or neither.
    name : str, optional
        Name of the C function, by default that of the file. Any text: it is turned into a valid identifier.
    dtype : {"double", "float"}
        Type of arguments, tables and arithmetic. In single precision the error is bounded, and measured at the data,
        when the file is written; both figures stand in the header.
    data : tuple (X, y), optional
        The data at which to measure the error; on the line it is measured between them too, and the header states both.

    Returns
    -------
    CExport

    Raises
    ------
    ValueError
        If the path does not end in ``.c``, has a character in its name that C cannot include, or a number of the
        network is beyond single precision.
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
    model: Solution | PiecewiseLinear | ReLUNetwork,
    name: str,
    dtype: DType = "double",
    data: tuple[ArrayLike, ArrayLike] | None = None,
    header_file: str | None = None,
) -> CExport:
    """Return what `export_c` writes, without writing it."""
    if dtype not in _NUMPY_TYPE:
        raise ValueError(f"dtype must be 'float' or 'double', got {dtype!r}")
    if isinstance(model, Solution):
        model = model.network if model.function is None else model.function
    if isinstance(model, ReLUNetwork) and model.n_inputs == model.n_outputs == 1:
        model = line_function(model)
    checked = None if data is None else check_table(*data)
    name = identifier(name)
    header_file = f"{name}.h" if header_file is None else header_file
    if isinstance(model, PiecewiseLinear):
        return _line(model, name, dtype, checked, header_file)
    return _forward(model, name, dtype, checked, header_file)


def _line(
    function: PiecewiseLinear, name: str, dtype: DType, data: tuple[Array, Array] | None, header_file: str
) -> CExport:
    table = link_table(function, _NUMPY_TYPE[dtype])
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
    )
    return CExport(name, dtype, *texts, table.n_bytes, error_bound, data_error, error_between)


def _forward(
    network: ReLUNetwork, name: str, dtype: DType, data: tuple[Array, Array] | None, header_file: str
) -> CExport:
    numpy_type = _NUMPY_TYPE[dtype]
    tables = forward_tables(network, numpy_type)
    error_bound = None if data is None else rounding_bound(network, numpy_type, data[0])
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
    )
    return CExport(name, dtype, *texts, tables.n_bytes, error_bound, data_error)


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
    return _lines(f"{text}{suffix}" for text in map(_shortest(values.dtype), values))


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
