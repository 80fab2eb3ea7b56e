"""The command `reluctant`: a table in, a network, C and a figure out."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

try:
    import typer
except ModuleNotFoundError:
    raise SystemExit(
        'error: the command needs more packages; install them with: pip install "reluctant[cli]"'
    ) from None

from reluctant.model.network import ReLUNetwork
from reluctant.version import __version__

if TYPE_CHECKING:
    from reluctant.command.summary import Rows
    from reluctant.export.c import DType

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_UsageError: type[Any] = typer.BadParameter.__bases__[0]  # of the parser's own errors too
_EXIT_CODES = "Exit codes: 0 done, 1 the data or the files do not allow it, 2 the command line is wrong."


def main() -> None:
    """Run the command; entry point of the package."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="reluctant", standalone_mode=False)
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "reluctant"
        typer.echo(f"error: {error.format_message().rstrip('.')}. See {command} --help.", err=True)
        code = error.exit_code
    sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reluctant {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Find the sparsest one-hidden-layer ReLU network that fits a table, and hand it over as C."""


def _check_tolerance(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter(f"{value:g} is not a finite number that is at least 0.")
    return value


def _check_p(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise typer.BadParameter(f"{value:g} is not between 0 and 1.")
    return value


Table = Annotated[Path, typer.Argument(metavar="TABLE", help="CSV (comma, semicolon, tab) or Parquet file.")]
Input = Annotated[list[str], typer.Option("--x", metavar="COLUMN", help="Input column; any text.")]
Output = Annotated[str, typer.Option("--y", metavar="COLUMN", help="Output column; any text.")]
DecimalComma = Annotated[bool, typer.Option("--decimal-comma", help="Read 1,5 as one and a half.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def _one_input(x: list[str], y: str) -> str:
    if len(x) > 1:
        raise typer.BadParameter("this release fits one input; give it once.", param_hint="'--x'")
    if x[0].strip() == y.strip():
        raise typer.BadParameter("it names the same column as --x.", param_hint="'--y'")
    return x[0]


@app.command(epilog=_EXIT_CODES)
def fit(
    table: Table,
    x: Input,
    y: Output,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="E",
            callback=_check_tolerance,
            help="Largest error allowed, in units of y. Default: fit exactly.",
        ),
    ] = None,
    p: Annotated[
        float | None,
        typer.Option(
            "--p",
            metavar="P",
            callback=_check_p,
            help="Fit exactly with minimal lp path norm, 0 to 1. Default: 0, the fewest neurons.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go; made if missing.")] = Path(
        "reluctant-out"
    ),
    name: Annotated[
        str | None, typer.Option(metavar="IDENT", help="Name of the files and the C function. Default: Y_from_X.")
    ] = None,
    single: Annotated[bool, typer.Option("--float/--double", help="Type of the C function.")] = False,
    plot: Annotated[bool, typer.Option("--plot/--no-plot", help="Draw the fit as PNG and SVG.")] = True,
    decimal_comma: DecimalComma = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit a column of a table by the network with the fewest neurons.

    Writes the network (JSON), a C99 source file with its header, and a figure (PNG and SVG).

    Example: invert a thermocouple table within half a degree.

        reluctant fit type_k.csv --x emf_mv --y temperature_c --tolerance 0.5
    """
    column = _one_input(x, y)
    if tolerance is not None and p is not None:
        raise typer.BadParameter("it goes with an exact fit; give either --tolerance or --p.", param_hint="'--p'")
    dtype: DType = "float" if single else "double"
    with _errors_in_one_line(table), _status(quiet) as say:
        from reluctant.command.job import Job, run

        outcome = run(Job(table, column, y, tolerance, p, out, name, dtype, plot, decimal_comma), say)
    if as_json:
        _print_json(outcome.as_json())
    elif not quiet:
        from reluctant.command.summary import summary

        _print_rows(summary(outcome))


@app.command(epilog=_EXIT_CODES)
def path(
    table: Table,
    x: Input,
    y: Output,
    decimal_comma: DecimalComma = False,
    as_json: AsJson = False,
) -> None:
    """Follow the exact fit of minimal lp path norm from p = 0 to p = 1.

    Prints p*, below which every p gives the fewest neurons, and where the fit changes.

    Example:

        reluctant path type_k.csv --x emf_mv --y temperature_c
    """
    column = _one_input(x, y)
    with _errors_in_one_line(table), _status(quiet=False) as say:
        from reluctant.command.pieces import follow

        pieces = follow(table, column, y, decimal_comma, say)
    if as_json:
        _print_json(pieces.as_json())
    else:
        _print_rows(pieces.rows())


@app.command(epilog=_EXIT_CODES)
def show(
    network: Annotated[Path, typer.Argument(metavar="NETWORK", help="A .json or .npz file that reluctant wrote.")],
) -> None:
    """Print what a saved network holds."""
    with _errors_in_one_line(network):
        f = ReLUNetwork.load(network)
    _print_rows(
        [
            ("network", str(network)),
            ("shape", f"{f.n_inputs} -> {f.n_neurons} -> {f.n_outputs}"),
            ("parameters", f"{f.n_parameters} of the hinges, {f.n_affine} of the affine part"),
            ("path norm", f"{f.path_norm(1.0):.6g} for p = 1, {f.path_norm(0.5):.6g} for p = 0.5"),
        ]
    )


@app.command(epilog=_EXIT_CODES)
def experiment(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="peak-plateau, high-dimensional, held-out, choice-of-p or optimality-gap.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="About a minute each: fewer epochs and seeds.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pages go; made if missing.")] = Path(
        "reluctant-experiments"
    ),
) -> None:
    """Run an experiment of the paper, or a study after it, and write its page with figures and numbers.

    Example:

        reluctant experiment peak-plateau --quick
    """
    if (name is None) == (not every):
        raise typer.BadParameter("give the name of an experiment, or --all.", param_hint="'NAME'")
    with _errors_in_one_line(out):
        from reluctant.experiments import NAMES, run

        for chosen in NAMES if name is None else [name]:
            typer.echo(run(chosen, out, quick=quick, say=lambda message: typer.echo(message, err=True)))


@contextmanager
def _errors_in_one_line(file: Path) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        _fail(f'{error.name} is missing; install it with: pip install "reluctant[cli]"')
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except MemoryError:
        _fail(f"{file}: the table does not fit into memory")
    except ValueError as error:
        counted = " (rows count from 0, the header not counted)" if re.search(r"\brows? \d", str(error)) else ""
        named = "" if str(file) in str(error) else f"{file}: "
        _fail(f"{named}{error}{counted}")
    except KeyboardInterrupt:
        _fail("interrupted", 130)


def _fail(message: str, code: int = 1) -> None:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)


@contextmanager
def _status(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A line on the terminal that tells what is being done; nothing where no one watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda message: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update


def _print_json(result: dict[str, Any]) -> None:
    typer.echo(json.dumps(result, indent=2, allow_nan=False))


def _print_rows(rows: Rows) -> None:
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        typer.echo(f"{typer.style(label.ljust(width), bold=True)}  {text}")
