"""One page about a model: a single HTML file that needs no network, no server and no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.columns import Columns
from reluctant.export.predictor import Model
from reluctant.files import as_path, write_atomically
from reluctant.model.description import described
from reluctant.report.code import code_of, page_program
from reluctant.report.contents import contents
from reluctant.report.curves import MANY_EXACT_ROWS
from reluctant.report.form import Form
from reluctant.report.html import embedded, policy, static, template
from reluctant.report.subject import EXACT, SizesTried, Subject, Titles
from reluctant.report.words import findings_of, number
from reluctant.validation import check_number
from reluctant.version import __version__

MOST_LINES = 100
"""Segments or neurons that a page lists."""

_SCRIPTS = ("charts", "model", "live", "line", "paths", "inputs", "residuals", "network", "main", "form")
"""Parts of the script, in order."""


def write_page(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    path: str | PathLike[str],
    *,
    names: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    tolerance: float | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    sizes: SizesTried | None = None,
) -> Path:
    """Write a page that says what was found and what is proved, with figures to move and code to copy.

    On the line sliders go through the fits of fewest neurons for every tolerance, and through the exact fits for every
    p. The page computes with `export_javascript` of the model. Needs jinja2, which comes with ``reluctant[cli]``.

    Parameters
    ----------
    model : Solution, PiecewiseLinear, ReLUNetwork, or fitted SparseReLURegressor or SparseReLUClassifier
        What the page is about.
    X : array_like, shape (N,) or (N, d)
        The rows that it was made from.
    y : array_like, shape (N,) or (N, m)
        Their targets, or labels where the model has classes.
    path : str or path-like
        Name of the file, ending in ``.html``.
    names, outputs : sequence of str, optional
        Names of the d inputs and m outputs, by default those that the model or the columns have. Any text.
    units : mapping of str to str, optional
        Units of inputs and outputs, by name.
    tolerance : float, optional
        The tolerance that was asked for; the head of the page speaks of it, and residuals are drawn in its band.
    bounds : (lo, hi), each a number or array_like of shape (N,), optional
        Another band in its place.
    sizes : SizePath, optional
        Networks of other sizes, for the figure of error against size; estimators bring their own.

    Returns
    -------
    Path
        The file, which appears whole or not at all.

    Raises
    ------
    ValueError
        If model, rows and names do not belong together, or the path does not end in ``.html``.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import approximate
    >>> x, y = [0, 1, 2, 3, 4], [0, 1, 4, 9, 16]
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     page = write_page(approximate(x, y, tolerance=0.5), x, y, f"{directory}/square.html", tolerance=0.5)
    ...     "1 neuron stays within 0.5 of each of 5 rows." in page.read_text(encoding="utf-8")
    True
    """
    path = as_path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the path must end in .html, got {path.name!r}")
    page = render_page(
        model, X, y, names=names, outputs=outputs, units=units, tolerance=tolerance, bounds=bounds, sizes=sizes
    )
    write_atomically(path, page.encode())
    return path


def render_page(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
    tolerance: float | None = None,
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
    sizes: SizesTried | None = None,
    columns: Columns | None = None,
    are_own: bool | None = None,
    form: Form | None = None,
) -> str:
    """Return what `write_page` writes.

    Names and units may stand in `columns` instead; `are_own` says whether the model was made from these very rows,
    where that is known; `form` asks for another page, at its head.
    """
    page = template("page.html.jinja")
    columns = getattr(model, "columns", getattr(model, "columns_", None)) if columns is None else columns
    subject = Subject.of(model, X, y, _titles(columns, names, outputs, units), sizes)
    tolerance = getattr(model, "tolerance", None) if tolerance is None else check_number(tolerance, "tolerance")
    kept = getattr(model, "bounds", None)
    is_kept = bounds is None and kept is not None and kept[0].shape == (len(subject.X),)
    band = _band(kept if is_kept else bounds, len(subject.X))
    are_own = _are_own(subject, band) if are_own is None else are_own
    if is_kept and not are_own:
        band = None  # that of other rows
    data = contents(subject, tolerance, band)
    script = _script(subject)
    style = static("page.css")
    return page.render(
        version=__version__,
        title=_title(subject),
        subject=subject,
        findings=findings_of(subject, tolerance, are_own),
        parts=_parts(subject),
        most=MOST_LINES,
        codes=code_of(subject),
        data=data,
        payload=embedded(data),
        script=script,
        style=style,
        policy=policy(script, style, with_form=form is not None),
        form=form,
        describe_p=_about_p(data["pPath"]),
        most_exact=MANY_EXACT_ROWS,
    )


def _titles(
    columns: Columns | None,
    names: Sequence[str] | None,
    outputs: Sequence[str] | None,
    units: Mapping[str, str] | None,
) -> Titles:
    """What is given, and of the rest what the columns of the model say."""
    if columns is None:
        return Titles(names, outputs, units)
    known = {column.name: column.unit for column in (*columns.inputs, *columns.outputs) if column.unit}
    named = columns.names if names is None else names
    called = [column.name for column in columns.outputs] if outputs is None else outputs
    return Titles(named, called, {k: v for k, v in known.items() if k in (*named, *called)} if units is None else units)


def _are_own(subject: Subject, band: tuple[Array, Array] | None) -> bool:
    """Whether the model may have been made from these rows: its largest error at those that count is the one it has."""
    if subject.solution is None:
        return True
    counted = slice(None) if band is None else np.isfinite(band[0]) | np.isfinite(band[1])
    largest = float(np.abs(subject.residuals[counted]).max(initial=0.0))
    return abs(largest - subject.solution.max_error) <= EXACT * float(np.abs(subject.y).max())


def _band(bounds: tuple[ArrayLike, ArrayLike] | None, n_rows: int) -> tuple[Array, Array] | None:
    if bounds is None:
        return None
    lo, hi = (np.broadcast_to(np.asarray(bound, dtype=np.float64), (n_rows,)) for bound in bounds)
    return lo, hi


def _title(subject: Subject) -> str:
    outputs = ", ".join(column.name for column in subject.outputs[:3])
    inputs = ", ".join(column.name for column in subject.inputs[:3])
    more = f" and {len(subject.inputs) - 3} more" if len(subject.inputs) > 3 else ""
    return f"{outputs} from {inputs}{more}"


def _parts(subject: Subject) -> list[Any]:
    """Segments or neurons in the user's units, as the template writes them."""
    network = subject.network if subject.line is None else subject.line.to_network()
    names = [column.name for column in subject.inputs]
    outputs = list(subject.titles)
    names, outputs = _apart(names + outputs, len(names))
    units = {name: column.unit for name, column in zip(names, subject.inputs) if column.unit}
    if subject.classes is None and not subject.predictor.is_log:
        units |= {name: column.unit for name, column in zip(outputs, subject.outputs) if column.unit}
    return described(network.hinges, network.active, names, units, outputs, 4, subject.X)


def _apart(labels: list[str], n_inputs: int) -> tuple[list[str], list[str]]:
    """The same names, numbered where two are equal: sentences tell columns by them."""
    apart: list[str] = []
    for label in labels:
        n = 1
        while (label if n == 1 else f"{label} ({n})") in apart:
            n += 1
        apart.append(label if n == 1 else f"{label} ({n})")
    return apart[:n_inputs], apart[n_inputs:]


def _about_p(path: dict[str, Any] | None) -> str:
    """What the exact fit does as p grows, in one sentence."""
    if path is None:
        return ""
    counts, critical = path["neurons"], path["critical"]
    if len(counts) == 1:
        return f"Every p below 1 gives the same fit through all rows, of {counts[0]:,} neurons."
    below = "1" if critical >= 1 else number(critical, 5)
    return (
        f"Below p* = {below} every p gives the fewest neurons that pass through all rows, {min(counts):,}; "
        f"the fit changes at {len(counts) - 1:,} values of p."
    )


def _script(subject: Subject) -> str:
    """The model and the figures as one script, which sees nothing of the page but what it asks for."""
    program, function = page_program(subject)
    probabilities = "null" if subject.classes is None else f"{function}_probabilities"
    predicted = f"{function}_mean" if subject.predictor.is_log else function
    bridge = (
        f"const exported = {predicted};\nconst exportedProbabilities = {probabilities};\n"
        f"const exportedTakesNumber = {'true' if subject.line is not None else 'false'};"
    )
    parts = [static(f"{name}.js") for name in _SCRIPTS]
    return "\n".join(['"use strict";', "(() => {", program, bridge, *parts, "})();"])
