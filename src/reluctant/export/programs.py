"""Networks as source code that needs nothing but its language: Python, JavaScript, Rust."""

from __future__ import annotations

import builtins
import json
import keyword
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from reluctant.export._reserved import JAVASCRIPT_WORDS, PROGRAM_WORDS, RUST_WORDS
from reluctant.export.forward import ForwardTables
from reluctant.export.identifiers import comment_text, identifier
from reluctant.export.link_table import LinkTable
from reluctant.export.predictor import Model, Predictor
from reluctant.export.rendering import nested, rendered
from reluctant.export.tables import Tables, tables_of
from reluctant.files import as_path, write_atomically


@dataclass(frozen=True)
class ProgramExport:
    """Source code of a network, and how accurate it is; the three errors are those of `CExport`.

    Parameters
    ----------
    name : str
        Name of the function.
    source : str
        Content of the file.
    error_bound, data_error, error_between : float or None
        In double precision, in which all three languages compute.
    """

    name: str
    source: str = field(repr=False)
    error_bound: float | None
    data_error: float | None
    error_between: float | None


@dataclass(frozen=True)
class Language:
    """How a language writes what the templates need."""

    template: str
    suffixes: tuple[str, ...]
    comment: str
    brackets: str  # of lists and of tuples, as `nested` takes them
    infinity: str
    taken: frozenset[str]
    quoted: Callable[[str], str]


def _rust_string(text: str) -> str:
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"the label {text!r} has half a surrogate pair, which no Rust string can hold; rename it")
    escaped = (c if " " <= c <= "~" and c not in '"\\' else f"\\u{{{ord(c):x}}}" for c in text)
    return '"' + "".join(escaped) + '"'


PYTHON = Language(
    "program.py.jinja", (".py",), "#", "[ ] ( )", 'float("inf")', frozenset([*keyword.kwlist, *dir(builtins)]), ascii
)
JAVASCRIPT = Language("program.js.jinja", (".js", ".mjs"), "//", "[ ] [ ]", "Infinity", JAVASCRIPT_WORDS, json.dumps)
RUST = Language("program.rs.jinja", (".rs",), "//", "&[ ] ( )", "f64::INFINITY", RUST_WORDS, _rust_string)


def export_python(
    model: Model,
    path: str | PathLike[str],
    *,
    name: str | None = None,
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> ProgramExport:
    """Write a network as a Python module that imports nothing beyond the standard library.

    Its function takes a number where the network has one input and one output, else the row as a list; it returns a
    number, or a list where there are several outputs. Of a classifier it returns the log-odds or scores, and
    ``name_label`` and ``name_probabilities`` stand beside it. Of an estimator the `clip_` is part of it. The comment at
    the head says how accurate it is. Needs jinja2, which comes with ``reluctant[cli]``.

    Parameters
    ----------
    model : Solution, PiecewiseLinear, ReLUNetwork, or fitted SparseReLURegressor or SparseReLUClassifier
        What to export.
    path : str or path-like
        Name of the file, ending in ``.py``.
    name : str, optional
        Name of the function, by default that of the file. Any text: it is turned into a valid identifier.
    data : tuple (X, y), optional
        Data at which to measure the error; not of a classifier.

    Returns
    -------
    ProgramExport

    Raises
    ------
    ValueError
        If the path does not end in ``.py``, or the model is of another kind or not fitted.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import interpolate
    >>> from reluctant.export import export_python
    >>> solution = interpolate([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0])
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     exported = export_python(solution, f"{directory}/plateau.py")
    >>> module = {}
    >>> exec(exported.source, module)
    >>> module["plateau"](0.5), module["plateau"](7.0)
    (1.5, 0.0)
    """
    return _export(PYTHON, model, path, name, data)


def export_javascript(
    model: Model,
    path: str | PathLike[str],
    *,
    name: str | None = None,
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> ProgramExport:
    """Write a network as an ECMAScript module that imports nothing.

    Parameters, result and errors are those of `export_python`; rows and several outputs are arrays, and the file ends
    in ``.js`` or ``.mjs``.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import interpolate
    >>> from reluctant.export import export_javascript
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     exported = export_javascript(interpolate([0, 1, 2], [0, 0, 1]), f"{directory}/ramp.mjs")
    >>> "export function ramp(x)" in exported.source
    True
    """
    return _export(JAVASCRIPT, model, path, name, data)


def export_rust(
    model: Model,
    path: str | PathLike[str],
    *,
    name: str | None = None,
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> ProgramExport:
    """Write a network as a Rust source file that needs ``core`` alone, or ``std`` for the probabilities of classes.

    Parameters, result and errors are those of `export_python`; rows and several outputs are arrays of fixed length,
    and the file ends in ``.rs``.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import interpolate
    >>> from reluctant.export import export_rust
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     exported = export_rust(interpolate([0, 1, 2], [0, 0, 1]), f"{directory}/ramp.rs")
    >>> "pub fn ramp(x: f64) -> f64" in exported.source
    True
    """
    return _export(RUST, model, path, name, data)


def _export(
    language: Language,
    model: Model,
    path: str | PathLike[str],
    name: str | None,
    data: tuple[ArrayLike, ArrayLike] | None,
) -> ProgramExport:
    path = as_path(path)
    if path.suffix not in language.suffixes:
        raise ValueError(f"the path must end in {' or '.join(language.suffixes)}, got {path.name!r}")
    exported = render_program(language, model, _stem(path) if name is None else name, data)
    write_atomically(path, exported.source.encode())
    return exported


def _stem(path: Path) -> str:
    return path.name[: -len(path.suffix)]


def render_program(
    language: Language, model: Model | Predictor, name: str, data: tuple[ArrayLike, ArrayLike] | None = None
) -> ProgramExport:
    """Return what the exporters write, without writing it."""
    predictor = Predictor.of(model)
    checked = predictor.checked(data)
    name = identifier(name)
    if name in language.taken or name in PROGRAM_WORDS:
        name = f"n_{name}"
    tables = tables_of(predictor, np.dtype(np.float64), checked)
    held = tables.held
    literals = {
        key: nested(value, language.brackets, language.infinity)
        for key, value in (_links(held) if isinstance(held, LinkTable) else _forward(held)).items()
    }
    context = {
        "name": name,
        "facts": _facts(name, predictor, tables),
        "comment": language.comment,
        "links": isinstance(held, LinkTable),
        "n_inputs": 1 if isinstance(held, LinkTable) else held.n_inputs,
        "n_outputs": 1 if isinstance(held, LinkTable) else held.n_outputs,
        **_preparation(held, predictor),
        "means": predictor.is_log,
        "labels": None if predictor.labels is None else [language.quoted(label) for label in predictor.labels],
    }
    return ProgramExport(name, rendered(language.template, **context, **literals), *tables[1:4])


def _links(table: LinkTable) -> dict[str, list]:
    return {
        "knots": table.knots.tolist(),
        "start": table.start.tolist(),
        "value": table.y.tolist(),
        "slope": table.slope.tolist(),
    }


def _preparation(held: LinkTable | ForwardTables, predictor: Predictor) -> dict[str, bool]:
    """Whether inputs are moved within bounds, and whether they are counted from a centre."""
    if isinstance(held, LinkTable):
        return {"clipped": predictor.clip is not None, "centred": False}
    read = held.prepared
    return {"clipped": read is not None and read.is_clipped, "centred": read is not None and read.is_centred}


def _forward(tables: ForwardTables) -> dict[str, list]:
    """Every neuron with its bias, the inputs it reads and the outputs it adds to; indices are those of the inputs."""
    read = tables.prepared
    columns = [] if read is None else [read.used] + [read.low, read.high] * read.is_clipped
    columns += [] if read is None else [read.centre] * read.is_centred
    prepared = list(zip(*(column.tolist() for column in columns)))
    neurons = [
        (float(bias), [(i, float(w)) for i, w in tables.into.row(k)], [(j, float(v)) for j, v in tables.out.row(k)])
        for k, bias in enumerate(tables.biases)
    ]
    affine = [[(i, float(w)) for i, w in tables.affine.row(j)] for j in range(tables.n_outputs)]
    return {"prepared": prepared, "neurons": neurons, "affine": affine, "intercept": tables.intercept.tolist()}


def _facts(name: str, predictor: Predictor, tables: Tables) -> list[str]:
    """What the comment at the head says, a line each."""
    held = tables.held
    if isinstance(held, LinkTable):
        facts = [f"{name}(x) is continuous and piecewise linear with {len(held.knots)} knots."]
        box = f" in [{tables.low!r}, {tables.high!r}]"
    else:
        facts = [f"{name}(x) is a ReLU network of {held.n_neurons} neurons, {held.n_inputs} inputs."]
        box = "" if predictor.clip is not None and not tables.n_rows else " in the box around the data"
    if predictor.verdict is not None:
        facts.append(f"Found as: {comment_text(predictor.verdict)}.")
    if tables.error_bound is not None:
        facts.append(f"For every x{box}, it is within {tables.error_bound:.2g} of the exact network.")
    if tables.data_error is not None:
        facts.append(f"Largest error at the {tables.n_rows} data points: {tables.data_error:.9g}.")
    if tables.error_between is not None:
        facts.append(f"Largest distance from the straight lines between them: {tables.error_between:.9g}.")
    return facts + predictor.facts(scalar=isinstance(held, LinkTable))
