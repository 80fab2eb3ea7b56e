"""The paths of a table on the line as a page keeps them: every number of neurons, and every p."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from reluctant.arrays import Array
from reluctant.errors import InfeasibleError, TooSteepError
from reluctant.model.links import Links
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.univariate.error_path import FEWEST, path_of_errors
from reluctant.univariate.points import sorted_points
from reluctant.univariate.ppath import PPath, path_on_line
from reluctant.validation import rounding_of

LINKS = 4000
"""Links of all functions of an error path together: a page holds four numbers for each, 170 kB."""
MANY_ROWS = 2000
"""Of longer tables the errors of a few numbers of neurons are found only, and no exact fits: they change with p at
thousands of places."""
STEPS = 1000
"""The values of the path norm stand in a page for p = 1/STEPS, 2/STEPS, …"""
WINDOW = 48
"""Rows drawn about the place where the exact fit changes at p*, where there are more."""
WIDTH = 1e-10


def packed(values: Any) -> str:
    """Numbers as base64 of their little-endian doubles: exact, and half as long as decimals."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode("ascii")


def links_as_json(links: Links) -> dict[str, str]:
    """A function of one variable: knots, the point of every link, and its slope."""
    return {
        "knots": packed(links.knots),
        "x": packed(links.anchors[0]),
        "y": packed(links.anchors[1]),
        "slopes": packed(links.slopes),
    }


def error_path_as_json(x: Array, y: Array, taken: int) -> dict[str, Any]:
    """The smallest largest error for every number of neurons, and the functions of those that a page has room for.

    The more links its own function has taken, the fewer others find room.
    """
    room = max(LINKS - 3 * taken, LINKS // 5)
    path = path_of_errors(x, y, np.ones(len(y)), None if len(y) <= MANY_ROWS else 2 * FEWEST, 0.0)
    functions, used = [], 0
    for k in range(len(path)):
        used += k + 1
        if used > room:
            break
        functions.append(links_as_json(path.solution(k).function.links))
    return {"errors": packed(path.errors), "complete": path.is_complete, "functions": functions}


def p_path_as_json(x: Array, y: Array) -> dict[str, Any] | None:
    """The exact fit for every p; None where no function passes through all rows, or where they are too many or few."""
    if not 3 <= len(y) <= MANY_ROWS:
        return None
    try:
        points = sorted_points(x, y)
        path = path_on_line(x, y, WIDTH, rounding_of(x, y))
    except (InfeasibleError, TooSteepError):
        return None
    ends = np.concatenate([[0.0], path.breakpoints, [1.0]])
    functions = [path.solution(float(p)).function for p in (ends[:-1] + ends[1:]) / 2]
    steps = np.arange(1, STEPS) / STEPS
    pieces = np.searchsorted(path.breakpoints, steps, side="right")
    values = [float((np.abs(functions[i].slope_changes) ** p).sum()) for p, i in zip(steps, pieces)]
    low, high = _window(points[0], functions, path)
    return {
        "breakpoints": packed(path.breakpoints),
        "neurons": [f.n_knots for f in functions],
        "values": packed(values),
        "steps": STEPS,
        "critical": path.critical_p,
        "unresolved": len(path.unresolved),
        "rows": {"low": low, "high": high, "of": len(points[0])},
        "points": {"x": packed(points[0][low:high]), "y": packed(points[1][low:high])},
        **_within(functions, points[0][low], points[0][high - 1]),
    }


def _window(x: Array, functions: list[PiecewiseLinear], path: PPath) -> tuple[int, int]:
    """Rows low:high that are drawn: all if few, else those about the first knot that comes or goes at p*."""
    middle = len(x) // 2
    if len(functions) > 1:
        at = int(np.argmin(np.abs(path.breakpoints - path.critical_p)))
        changed = np.setxor1d(functions[at].knots, functions[at + 1].knots)
        middle = int(np.searchsorted(x, changed[0])) if len(changed) else middle
    low = max(min(middle - WINDOW // 2, len(x) - WINDOW), 0)
    return low, min(low + WINDOW, len(x))


def _within(functions: list[PiecewiseLinear], low: float, high: float) -> dict[str, Any]:
    """The functions on a range as polylines, every one once, and which of them each piece has."""
    polylines: dict[bytes, int] = {}
    drawn: list[dict[str, str]] = []
    of: list[int] = []
    for f in functions:
        corners = np.concatenate([[low], f.knots[(f.knots > low) & (f.knots < high)], [high]])
        number = polylines.setdefault(corners.tobytes(), len(polylines))
        if number == len(drawn):
            drawn.append({"x": packed(corners), "y": packed(f(corners))})
        of.append(number)
    return {"polylines": drawn, "of": of}
