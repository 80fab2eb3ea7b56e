"""Options that several commands share, and the checks of what is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer


class Tolerance(NamedTuple):
    """A tolerance in the units of y, or a share of each |y|."""

    value: float
    is_share: bool


def parsed_tolerance(text: str) -> Tolerance:
    """A number, or one with a per cent sign."""
    is_share = text.rstrip().endswith("%")
    try:
        value = float(text.rstrip().removesuffix("%"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor one with a per cent sign.") from None
    if not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter(f"{text} is not a finite number that is at least 0.")
    return Tolerance(value / 100 if is_share else value, is_share)


def check_shape(names: list[str] | None) -> list[str]:
    """Names of shapes, of slopes and of bends at most one."""
    names = names or []
    kinds = ("increasing", "decreasing"), ("convex", "concave")
    for name in names:
        if name not in kinds[0] + kinds[1]:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(kinds[0] + kinds[1])}.")
    for kind in kinds:
        if sum(name in kind for name in names) > 1:
            raise typer.BadParameter(f"give one of {' and '.join(kind)}, once.")
    return names


def check_p(value: float | None) -> float | None:
    """Between 0 and 1."""
    if value is not None and not 0 <= value <= 1:
        raise typer.BadParameter(f"{value:g} is not between 0 and 1.")
    return value


def check_bias_name(value: str | None) -> str | None:
    """l1 or l2."""
    if value not in (None, "l1", "l2"):
        raise typer.BadParameter(f"{value!r} is not l1 or l2.")
    return value


def check_separator(value: str | None) -> str | None:
    """One ASCII character; ``tab`` is a tab, and ``blank`` any number of blanks."""
    value = {"tab": "\t", "blank": " "}.get(value or "", value)
    if value is not None and (len(value) != 1 or not value.isascii() or value in '\r\n"'):
        raise typer.BadParameter(f"{value!r} is not one ASCII character.")
    return value


Table = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="CSV text (any separator and encoding, also packed by gzip), .xlsx or Parquet; - is standard input.",
    ),
]
_NUMBERED = "or its number from 1 on where no column has that name."
Input = Annotated[list[str], typer.Option("--x", metavar="COLUMN", help=f"Input column by its name, {_NUMBERED}")]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--x",
        metavar="COLUMN",
        help=f"Input column by its name, {_NUMBERED} Give it again for more. Default: all others.",
    ),
]
Output = Annotated[str, typer.Option("--y", metavar="COLUMN", help=f"Output column by its name, {_NUMBERED}")]
DecimalComma = Annotated[
    bool | None,
    typer.Option(
        "--decimal-comma/--decimal-point",
        help="Read 1,5 as one and a half, or 1.5. Default: a comma where all numbers agree on it.",
        show_default=False,
    ),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether a line names the columns. Default: found by the names of the columns.",
        show_default=False,
    ),
]
MissingCells = Annotated[
    Literal["error", "drop", "mean", "hinge"],
    typer.Option(
        "--missing",
        help="Empty cells: name them and stop, leave out their rows, put in the mean of the column, or that and an "
        "input that says which cells were empty.",
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        metavar="CHARACTER",
        callback=check_separator,
        help="What separates the columns of a text; 'tab' is a tab, 'blank' any number of them. Default: "
        "found by the names of the columns and equal rows.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def one_input(x: list[str], y: str) -> str:
    """The one column of inputs, other than the output."""
    if len(x) > 1:
        raise typer.BadParameter("paths are of one input; give it once.", param_hint="'--x'")
    check_inputs(x, y)
    return x[0]


def check_inputs(x: Sequence[str], y: str) -> None:
    """Refuse a column that is given twice."""
    if y.strip() in map(str.strip, x):
        raise typer.BadParameter("it names the same column as --x.", param_hint="'--y'")
    for i, name in enumerate(x):
        if name in x[:i]:
            raise typer.BadParameter(f"it names {name!r} twice.", param_hint="'--x'")


def check_at_most_one(given: list[str]) -> None:
    """Refuse a second option of which one decides."""
    if len(given) > 1:
        raise typer.BadParameter(f"give either {given[-1]} or {given[0]}.", param_hint=f"'{given[-1]}'")


def check_band(banded: bool, asked: dict[str, bool]) -> None:
    """Refuse what says how a tolerance holds where there is none, and two sides at once."""
    for name, wanted in asked.items():
        if wanted and not banded:
            raise typer.BadParameter("it goes with --tolerance or --tolerance-column.", param_hint=f"'{name}'")
    if asked["--below"] and asked["--above"]:
        raise typer.BadParameter("give either --below or --above.", param_hint="'--below'")
