"""Networks as self-contained C99: constant tables, one function, no heap, nothing to link against."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.export.forward import ForwardTables
from reluctant.export.identifiers import comment_text, identifier, string_literal
from reluctant.export.integers.formats import Fit
from reluctant.export.integers.request import Integers, fitted
from reluctant.export.integers.tables import IntegerTable
from reluctant.export.link_table import LinkTable
from reluctant.export.predictor import DType, Model, Predictor, numpy_type
from reluctant.export.provenance import provenance
from reluctant.export.rendering import rendered
from reluctant.export.self_test import worst_codes, worst_rows
from reluctant.export.tables import tables_of
from reluctant.files import write_together
from reluctant.regression.conformal import Margins
from reluctant.validation import check_choice

Ends = Literal["linear", "clamped"]

_SUFFIX = {"float": "f", "double": ""}
_LINE_WIDTH = 100
_LOCAL_NAMES = frozenset(("x", "y", "p", "e", "j", "best", "largest", "total", "mean", "spread", "ends"))
"""What the functions of classes, means and intervals, which call that of the network, name their own."""
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
        Contents of the two files; a header alone has all, and `source` is empty.
    table_bytes : int
        Size of the constant tables.
    error_bound : float or None
        Bound of the distance from the network in exact arithmetic, for every argument of that type within the range
        of the data, else of the knots; without data for every argument, where a clip bounds all that are used. None
        for a network of several inputs without data and clip. In integers the largest error at any code.
    data_error : float or None
        max_i |C(x_i) − y_i| over the data, with x_i rounded to the type, or to the nearest code; None without data.
    error_between : float or None
        On the line, the largest distance of the network in exact arithmetic from the straight lines between the data
        points; None without data, and in integers.
    integers : IntegerTable or None
        The function in integers: called with codes it returns what the C function returns; `n_links`, `n_bytes`,
        `count`, `low` and `step` say what it is.
    delta : float or None
        In integers, what of the tolerance was left for rounding.
    """

    name: str
    dtype: DType
    source: str = field(repr=False)
    header: str = field(repr=False)
    table_bytes: int
    error_bound: float | None
    data_error: float | None
    error_between: float | None = None
    integers: IntegerTable | None = field(default=None, repr=False)
    delta: float | None = None


def export_c(
    model: Model,
    path: str | PathLike[str],
    *,
    name: str | None = None,
    dtype: DType = "double",
    data: tuple[ArrayLike, ArrayLike] | None = None,
    ends: Ends = "linear",
    integers: Integers | None = None,
    level: float | None = None,
) -> CExport:
    """Write a network as a C99 file and its header, or as a header alone.

    A function of one variable becomes a table of links, searched by bisection; every link is kept with a point of its
    own, so neither many links nor offsets in x or y add up errors. A network of several inputs or outputs becomes a
    forward pass over its nonzero weights. Needs jinja2, which comes with ``reluctant[cli]``.

    Of an estimator the file computes `predict`, or `decision_function`, up to rounding and for every finite input: its
    `clip_` is part of it, and the header names inputs and bounds. With a log link the function is the logarithm of the
    mean, and ``name_mean``, which needs ``exp``, is `predict`. With `level` a function ``name_interval`` is
    `predict_interval`. A classifier's has three things more: the array of
    strings ``name_labels``, ``name_class``, which returns the row of the likeliest class among them, or their number
    where an input is NaN, and ``name_probabilities``, for which it needs ``exp``. Its temperature is in the weights.

    With `data` or `integers` the file has a self-test: compiled with ``-DRELUCTANT_SELF_TEST`` it is a program that
    returns how many of the rows with the largest errors come out otherwise than here. In integers it goes through all
    codes.

    Parameters
    ----------
    model : Solution, PiecewiseLinear, ReLUNetwork, or fitted SparseReLURegressor or SparseReLUClassifier
        What to export.
    path : str or path-like
        Name of the source file, ending in ``.c``, beside which the header goes, or of a header, ending in ``.h``, that
        has all. Files appear whole; both or neither.
    name : str, optional
        Name of the C function, by default that of the file. Any text: it is turned into a valid identifier.
    dtype : {"double", "float"}
        Type of arguments, tables and arithmetic. In single precision the error is bounded, and measured at the data,
        when the file is written; both figures stand in the header.
    data : tuple (X, y), optional
        The data at which to measure the error, not of a classifier; on the line it is measured between them too, and
        the header states both, and the digest of the data.
    ends : {"linear", "clamped"}
        What stands beyond the range of the data: what the model says, on the line its first and last link, or the
        value at the end of the range, each input by itself.
    integers : Integers, optional
        For one input and one output: integer codes in, integers out, in 32-bit integer arithmetic. The C function takes
        ``uint16_t`` and returns ``int16_t`` or ``int32_t``; `dtype` then stays at its default.
    level : float, optional
        Of a regressor of one output with rows kept back, the probability in (0, 1) of the intervals of
        ``name_interval(x, ends)``.

    Returns
    -------
    CExport

    Raises
    ------
    ValueError
        If the path ends in neither, has a character in its name that C cannot include, a number of the
        network is beyond single precision, the model is of another kind or not fitted, clamped ends have no data,
        the tolerance of `integers` is not reached, or there are no intervals of that `level`.
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import interpolate
    >>> solution = interpolate([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0])
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     exported = export_c(solution, f"{directory}/hat.c", dtype="float")
    ...     small = export_c(solution, f"{directory}/hat.h", integers=Integers(10, 0.01, low=-2, high=3))
    >>> exported.name, exported.table_bytes
    ('hat', 60)
    >>> small.integers.n_links, small.table_bytes, small.error_bound <= 0.01
    (4, 22, True)
    """
    path = Path(path)
    if path.suffix not in (".c", ".h"):
        raise ValueError(f"the path must end in .c for the C source, or in .h for a header alone, got {path.name!r}")
    _check_includable(path.name)
    named = path.stem if name is None else name
    header_file = f"{path.stem}.h"
    alone = path.suffix == ".h"
    exported = render_c(
        model, named, dtype, data, header_file, ends=ends, integers=integers, header_only=alone, level=level
    )
    header = {path.with_suffix(".h"): exported.header.encode()}
    write_together(header if alone else header | {path: exported.source.encode()})
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
    model: Model | Predictor,
    name: str,
    dtype: DType = "double",
    data: tuple[ArrayLike, ArrayLike] | None = None,
    header_file: str | None = None,
    *,
    ends: Ends = "linear",
    integers: Integers | None = None,
    header_only: bool = False,
    level: float | None = None,
) -> CExport:
    """Return what `export_c` writes, without writing it."""
    number = numpy_type(dtype)
    check_choice(ends, "ends", ("linear", "clamped"))
    predictor = Predictor.of(model)
    checked = predictor.checked(data)
    predictor = predictor.clamped(checked) if ends == "clamped" else predictor
    name = identifier(name)
    margins = _margins(predictor, level, integers)
    if (predictor.labels is not None or predictor.is_log or margins is not None) and name in _LOCAL_NAMES:
        name = f"n_{name}"
    shared = {
        "name": name,
        "header_file": f"{name}.h" if header_file is None else header_file,
        "header_only": header_only,
        "storage": "static inline " if header_only else "",
        "provenance": provenance(predictor, checked),
    }
    if integers is not None:
        return _render_integers(predictor, integers, checked, dtype, shared)
    tables = tables_of(predictor, number, checked)
    held = tables.held
    scalar = isinstance(held, LinkTable)
    described = _links(held, predictor, dtype) if isinstance(held, LinkTable) else _forward(held, dtype)
    described |= {"means": predictor.is_log, "margins": margins, "level": level}
    described |= tables.accuracy | _classes(predictor) | {"facts": predictor.facts(scalar=scalar)} | shared
    described |= {"dtype": dtype, "suffix": _SUFFIX[dtype], "test": worst_rows(tables, checked)}
    source, header = _files("table" if scalar else "forward", described)
    errors = tables.error_bound, tables.data_error, tables.error_between
    return CExport(name, dtype, source, header, held.n_bytes, *errors)


def _margins(predictor: Predictor, level: float | None, integers: Integers | None) -> Margins | None:
    """The margins of intervals; None where none were asked for."""
    if predictor.is_log and integers is not None:
        raise ValueError("integers have no exponential for the mean of a log link; leave integers out")
    if level is None:
        return None
    if integers is not None:
        raise ValueError("integers have no intervals; leave level or integers out")
    if predictor.calibration is None:
        raise ValueError(
            "level asks for intervals, and the model has none: give a SparseReLURegressor fitted with "
            "calibration_share, or after conformalize(X, y)"
        )
    if predictor.network.n_outputs != 1:
        raise ValueError(f"level is of one output, and the model has {predictor.network.n_outputs}; leave level out")
    return predictor.calibration.margins(level)


def _files(template: str, described: dict[str, Any]) -> tuple[str, str]:
    """Source and header; a header alone includes the template of the source."""
    header = rendered(f"{template}.h.jinja", **described)
    return "" if described["header_only"] else rendered(f"{template}.c.jinja", **described), header


def _render_integers(
    predictor: Predictor,
    integers: Integers,
    data: tuple[Array, Array] | None,
    dtype: DType,
    shared: dict[str, Any],
) -> CExport:
    if not isinstance(integers, Integers):
        raise ValueError(f"integers must be an Integers(bits, tolerance, …), got {integers!r}")
    if dtype != "double":
        raise ValueError(f"integers have types of their own; leave dtype={dtype!r} out")
    fit = fitted(integers, predictor, data)
    table = fit.table
    data_error = None if data is None else _error_at_rows(table, *data)
    described = _integers(fit, integers, data_error) | {"facts": predictor.facts(scalar=True)} | shared
    described |= {"n_rows": 0 if data is None else len(data[1]), "test": worst_codes(fit)}
    source, header = _files("integers", described)
    return CExport(
        shared["name"], dtype, source, header, table.n_bytes, fit.error, data_error, integers=table, delta=fit.delta
    )


def _error_at_rows(table: IntegerTable, X: Array, y: Array) -> float:
    return float(np.abs(table.outputs(table.nearest_codes(X[:, 0])) - y.reshape(-1)).max())


def _integers(fit: Fit, integers: Integers, data_error: float | None) -> dict[str, Any]:
    table = fit.table
    return {
        "table": table,
        "types": {name: f"{kind.name}_t" for name, kind in table.types.items()},
        "result": f"{table.result_type.name}_t",
        "argument": "uint16_t x",
        "error": fit.error,
        "worst": fit.worst,
        "data_error": data_error,
        "request": integers,
    }


def _links(table: LinkTable, predictor: Predictor, dtype: DType) -> dict[str, Any]:
    return {
        "table": table,
        "counter": _counter(len(table.knots)),
        "comparisons": len(table.knots).bit_length(),
        "argument": f"{dtype} x",
        "clipped": predictor.clip is not None,
    }


def _forward(tables: ForwardTables, dtype: DType) -> dict[str, Any]:
    read = tables.prepared
    return {
        "tables": tables,
        "counter": _counter(tables.n_numbers + tables.n_indices),
        "index": f"{tables.index_type.name}_t",
        "argument": f"const {dtype} x[{tables.n_inputs}]",
        "clipped": read is not None and read.is_clipped,
        "centred": read is not None and read.is_centred,
        "unbounded": read is not None and read.is_clipped and bool(np.isinf([read.low, read.high]).any()),
    }


def _classes(predictor: Predictor) -> dict[str, Any]:
    labels = predictor.labels
    return {
        "labels": None if labels is None else [string_literal(label) for label in labels],
        "label_comments": None if labels is None else [comment_text(label) for label in labels],
        "class_type": None if labels is None else _counter(len(labels)),
    }


def _counter(largest: int) -> str:
    """The narrower of C's unsigned types, not promoted in arithmetic, that is guaranteed to hold `largest`."""
    if largest >= 2**32:
        raise ValueError(f"{largest} table entries are more than C guarantees to index; export fewer neurons")
    return "unsigned int" if largest < 2**16 else "unsigned long"
