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
"""Of longer tables the errors of a few numbers of neurons are found only."""
MANY_EXACT_ROWS = 100_000
"""Of longer tables a page has no exact fits for every p."""
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
    known = len(path.errors)
    return {"errors": packed(path.errors), "known": known, "complete": path.is_complete, "functions": functions}


def p_path_as_json(x: Array, y: Array) -> dict[str, Any] | None:
    """The exact fit for every p; None where no function passes through all rows, or where they are too many or few."""
    if not 3 <= len(y) <= MANY_EXACT_ROWS:
        return None
    try:
        points = sorted_points(x, y)
        path = path_on_line(x, y, WIDTH, rounding_of(x, y))
    except (InfeasibleError, TooSteepError):
        return None
    ends = np.concatenate([[0.0], path.breakpoints, [1.0]])
    middles = ((ends[:-1] + ends[1:]) / 2).tolist()
    low, high = _window(points[0], middles, path)
    steps = np.arange(1, STEPS) / STEPS
    pieces = np.searchsorted(path.breakpoints, steps, side="right")
    values, drawn = np.empty(len(steps)), _Drawn(points[0][low], points[0][high - 1], len(middles))
    for piece in np.unique(pieces).tolist():  # between two steps are pieces that nobody sees
        function = path.solution(middles[piece]).function
        changes = np.abs(function.slope_changes)
        for step in np.flatnonzero(pieces == piece).tolist():
            values[step] = (changes ** steps[step]).sum()
        drawn.add(piece, function)
    return {
        "breakpoints": packed(path.breakpoints),
        "neurons": [path.n_knots(p) for p in middles],
        "values": packed(values),
        "steps": STEPS,
        "critical": path.critical_p,
        "unresolved": len(path.unresolved),
        "rows": {"low": low, "high": high, "of": len(points[0])},
        "points": {"x": packed(points[0][low:high]), "y": packed(points[1][low:high])},
        "polylines": drawn.polylines,
        "of": drawn.of,
    }


def _window(x: Array, middles: list[float], path: PPath) -> tuple[int, int]:
    """Rows low:high that are drawn: all if few, else those about the first knot that comes or goes at p*."""
    middle = len(x) // 2
    if len(middles) > 1:
        at = int(np.argmin(np.abs(path.breakpoints - path.critical_p)))
        before, after = (path.solution(p).function.knots for p in middles[at : at + 2])
        changed = np.setxor1d(before, after)
        middle = int(np.searchsorted(x, changed[0])) if len(changed) else middle
    low = max(min(middle - WINDOW // 2, len(x) - WINDOW), 0)
    return low, min(low + WINDOW, len(x))


class _Drawn:
    """Functions on a range as polylines, every one once, and which of them each piece of the path has."""

    def __init__(self, low: float, high: float, n_pieces: int) -> None:
        self.polylines: list[dict[str, str]] = []
        self.of = [0] * n_pieces
        self._low, self._high, self._known = low, high, dict[bytes, int]()

    def add(self, piece: int, f: PiecewiseLinear) -> None:
        """Draw the function of a piece."""
        inside = f.knots[(f.knots > self._low) & (f.knots < self._high)]
        corners = np.concatenate([[self._low], inside, [self._high]])
        self.of[piece] = self._known.setdefault(corners.tobytes(), len(self._known))
        if self.of[piece] == len(self.polylines):
            self.polylines.append({"x": packed(corners), "y": packed(f(corners))})
