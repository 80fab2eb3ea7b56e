"""Templates of the files that are text, and how tables are written in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reluctant.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

_LINE_WIDTH = 100


def rendered(file: str, **context: Any) -> str:
    """The template `file` filled in."""
    return _template(file).render(version=__version__, **context)


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
    environment.filters["nested"] = nested
    environment.globals["zip"] = zip
    return environment.get_template(file)


def _literals(values: NDArray[Any], suffix: str) -> str:
    """Shortest decimals that round to `values`, as an initialiser list of C."""
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


def nested(value: Any, brackets: str, infinity: str, wrapped: bool = True) -> str:
    """Lists, tuples and numbers as a literal of a language.

    Parameters
    ----------
    value : list, tuple, int or float
        What to write; the outermost list gets a line for each of its items that is no number.
    brackets : str
        How lists and tuples begin and end, four marks divided by blanks.
    infinity : str
        The infinite number.

    Examples
    --------
    >>> nested([1, 2.5], "[ ] ( )", "inf")
    '[1, 2.5]'
    >>> print(nested([(1.0, [(0, -1.5)])], "&[ ] ( )", "f64::INFINITY"))
    &[
        (1.0, &[(0, -1.5)]),
    ]
    """
    if isinstance(value, (list, tuple)):
        opening, closing = brackets.split()[:2] if isinstance(value, list) else brackets.split()[2:]
        items = [nested(item, brackets, infinity, wrapped=False) for item in value]
        if wrapped and items and any(isinstance(item, (list, tuple)) for item in value):
            return f"{opening}\n" + "".join(f"    {item},\n" for item in items) + closing
        text = _lines(items) if wrapped else ", ".join(items)
        return f"{opening}\n    {text},\n{closing}" if "\n" in text else f"{opening}{text}{closing}"
    if isinstance(value, float) and math.isinf(value):
        return infinity if value > 0 else f"-{infinity}"
    return repr(value)
