"""What `reluctant path` does: the exact fit for every p between 0 and 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reluctant.command.summary import Rows
from reluctant.command.tables import read_columns
from reluctant.solve import p_path
from reluctant.univariate.ppath import PPath

_SHOWN = 20  # pieces printed for people


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


def follow(
    table: Path, x: str, y: str, decimal_comma: bool, separator: str | None, say: Callable[[str], None]
) -> Pieces:
    """Read the table and follow its fit; errors as in `reluctant.command.job.run`."""
    say("reading the table")
    x_values, y_values = read_columns(table, (x, y), decimal_comma, separator)
    say("following the path (the first run on a machine compiles the solver)")
    return Pieces(table, len(y_values), p_path(x_values, y_values))
