"""What `reluctant path` does: the exact fit for every p between 0 and 1, the error for every number of neurons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reluctant.command.summary import Rows
from reluctant.command.tables import Reading, read_placed_columns
from reluctant.solution import counted
from reluctant.solve import error_path, p_path
from reluctant.univariate.error_path import ErrorPath
from reluctant.univariate.ppath import PPath

_SHOWN = 20  # pieces printed for people
_ERRORS = 33  # numbers of neurons printed for people


@dataclass(frozen=True)
class Pieces:
    """The path in p, cut at its breakpoints."""

    table: Path
    n_rows: int
    path: PPath

    @property
    def pieces(self) -> list[tuple[float, float, int]]:
        """From, to and number of neurons of each piece."""
        ends = np.concatenate([[0.0], self.path.breakpoints, [1.0]])
        return [(a, b, self.path.n_knots((a + b) / 2)) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist())]

    @property
    def _certified(self) -> float:
        """Where p* may lie at the earliest; everything before is settled."""
        return float(self.path.critical_bracket[0])

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        return {
            "table": str(self.table),
            "rows": self.n_rows,
            "critical_p": self.path.critical_p,
            "critical_bracket": list(map(float, self.path.critical_bracket)),
            "pieces": [{"from": a, "to": b, "neurons": n} for a, b, n in self.pieces],
            "brackets": self.path.brackets.tolist(),
            "unresolved": self.path.unresolved.tolist(),
        }

    def rows(self) -> Rows:
        """Lines for people."""
        pieces = self.pieces
        shown = [(f"p in ({a:.10g}, {b:.10g})", f"{n:,} neurons") for a, b, n in pieces[:_SHOWN]]
        hidden = len(pieces) - len(shown)
        return [
            ("table", f"{self.table}, {self.n_rows:,} rows"),
            ("p*", f"{self.path.critical_p:.10g}; every p below {self._certified:.10g} gives the fewest neurons"),
            ("breakpoints", f"{len(self.path.breakpoints):,} certified, {len(self.path.unresolved):,} unresolved"),
            *shown,
            *([("", f"and {hidden:,} more; --json lists all")] if hidden else []),
        ]


@dataclass(frozen=True)
class Errors:
    """The smallest largest error for every number of neurons."""

    table: Path
    n_rows: int
    path: ErrorPath

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        path = self.path
        return {
            "table": str(self.table),
            "rows": self.n_rows,
            "complete": path.is_complete,
            "path": [{"neurons": k, "error": e} for k, e in zip(path.n_neurons.tolist(), path.errors.tolist())],
            "sweeps": path.n_sweeps,
        }

    def rows(self) -> Rows:
        """Lines for people."""
        path = self.path
        shown = path.errors[:_ERRORS].tolist()
        lines = [(counted(k, "neurons"), f"largest error {error:.6g}") for k, error in enumerate(shown)]
        hidden = len(path) - len(lines)
        end = "no more neurons can lower it" if path.is_complete else "--max-neurons goes further"
        return [
            ("table", f"{self.table}, {self.n_rows:,} row{'s' * (self.n_rows != 1)}"),
            ("errors", "the smallest that at most so many neurons can have, each proved"),
            *lines,
            *([("", f"and {hidden:,} more; --json lists all")] if hidden else []),
            ("end", f"{path.errors[-1]:.6g} with {counted(len(path) - 1, 'neurons')}; {end}"),
        ]


def follow(table: Path, x: str, y: str, reading: Reading, say: Callable[[str], None]) -> Pieces:
    """Read the table and follow its fit; errors as in `reluctant.command.job.run`."""
    say("reading the table")
    (x_values, y_values), places = read_placed_columns(table, (x, y), reading)
    say("following the path (the first run on a machine compiles the solver)")
    with places.named():
        return Pieces(table, len(y_values), p_path(x_values, y_values))


def follow_errors(
    table: Path,
    x: str,
    y: str,
    reading: Reading,
    say: Callable[[str], None],
    max_neurons: int | None,
) -> Errors:
    """Read the table and find its errors; errors as in `reluctant.command.job.run`."""
    say("reading the table")
    (x_values, y_values), places = read_placed_columns(table, (x, y), reading)
    say("sweeping (the first run on a machine compiles the solver)")
    with places.named():
        return Errors(table, len(y_values), error_path(x_values, y_values, max_neurons=max_neurons))
