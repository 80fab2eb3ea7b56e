"""The command `reluctant`: a table in, a network, C and a figure out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

try:
    import typer
except ModuleNotFoundError:
    raise SystemExit(
        'error: the command needs more packages; install them with: pip install "reluctant[cli]"'
    ) from None

from reluctant.command.models import export, predict, show
from reluctant.command.options import (
    AsJson,
    DecimalComma,
    Header,
    Input,
    Inputs,
    MissingCells,
    Output,
    Quiet,
    Separator,
    Table,
    Tolerance,
    check_at_most_one,
    check_band,
    check_bias_name,
    check_inputs,
    check_p,
    check_shape,
    one_input,
    parsed_tolerance,
)
from reluctant.command.pages import explore, report
from reluctant.command.terminal import EXIT_CODES, complain, errors_in_one_line, print_json, print_rows, status
from reluctant.objective import check_bias
from reluctant.version import __version__

app = typer.Typer(
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_UsageError: type[Any] = typer.BadParameter.__bases__[0]  # of the parser's own errors too
_TRACEBACK = "RELUCTANT_TRACEBACK"


def main() -> None:
    """Run the command; entry point of the package."""
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = _exit_code(sys.argv[1:] or ["--help"])
    if not _flushed() and code == 0:
        code = 1
    sys.exit(code)


def _exit_code(arguments: Sequence[str]) -> int:
    """Run the command line, whatever happens."""
    try:
        return app(arguments, prog_name="reluctant", standalone_mode=False) or 0
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "reluctant"
        complain(f"{error.format_message().rstrip('.')}. See {command} --help.")
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        complain("interrupted")
        return 130
    except BrokenPipeError:  # who read the output has gone, as `head` does
        return 1
    except OSError as error:  # files were reported where they were used: these are the streams
        complain(f"cannot write what was found: {error.strerror or error}")
        return 1
    except Exception as error:
        if isinstance(error, ImportError) and _was_interrupted(error):
            complain("interrupted")
            return 130
        if os.environ.get(_TRACEBACK):
            raise
        complain(f"unforeseen {type(error).__name__}: {error}; {_TRACEBACK}=1 shows where")
        return 3


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error, as where an extension says that its initialisation failed."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _open_missing_streams() -> None:
    """Put the null device where a standard stream is closed: else the next file opened would take its number."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _flushed() -> bool:
    """Write out what is buffered; what cannot be written is given up, or the interpreter would complain at its end."""
    done = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            done = False
            if not isinstance(error, BrokenPipeError):
                complain(f"cannot write what was found: {error.strerror or error}")
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return done


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
    """Fit a table by a sparse one-hidden-layer ReLU network, say what is proved of it, and hand it over as code."""


@app.command(epilog=EXIT_CODES)
def fit(
    table: Table,
    y: Output,
    x: Inputs = None,
    task: Annotated[
        Literal["regression", "classification"] | None,
        typer.Option("--task", help="Numbers or classes. Default: classes where the output column holds text."),
    ] = None,
    tolerance: Annotated[
        Tolerance | None,
        typer.Option(
            "--tolerance",
            metavar="E",
            parser=parsed_tolerance,
            help="Largest error allowed, in units of y, or as a share of each |y|: 1%.",
        ),
    ] = None,
    tolerance_column: Annotated[
        str | None,
        typer.Option("--tolerance-column", metavar="COLUMN", help="Column with the largest error allowed at each row."),
    ] = None,
    between: Annotated[
        Literal["rows", "lines"],
        typer.Option(
            "--between", help="Where the tolerance holds: at the rows, or along the straight lines between them too."
        ),
    ] = "rows",
    below: Annotated[
        bool, typer.Option("--below", help="Nowhere above y, and at most the tolerance below it: an under-estimator.")
    ] = False,
    above: Annotated[
        bool, typer.Option("--above", help="Nowhere below y, and at most the tolerance above it: an over-estimator.")
    ] = False,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            "--shape",
            metavar="SHAPE",
            callback=check_shape,
            help="What the fit is to be, everywhere: increasing or decreasing, convex or concave; given twice, both.",
        ),
    ] = None,
    p: Annotated[
        float | None,
        typer.Option(
            "--p",
            metavar="P",
            callback=check_p,
            help="Fit exactly with minimal lp path norm, 0 to 1; 0 asks for the fewest neurons.",
        ),
    ] = None,
    bias: Annotated[
        str | None,
        typer.Option(
            "--bias",
            metavar="l1|l2",
            callback=check_bias_name,
            help="With --p 1: penalise biases too, by |c|(1 + |t|) or |c| sqrt(1 + t^2) for a knot at t.",
        ),
    ] = None,
    max_neurons: Annotated[
        int | None,
        typer.Option("--max-neurons", metavar="K", min=0, help="The smallest error with at most K neurons."),
    ] = None,
    max_parameters: Annotated[
        int | None,
        typer.Option(
            "--max-parameters", metavar="M", min=1, help="The smallest expected error with at most M parameters."
        ),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(
            "--categorical", metavar="COLUMN", help="An input whose numbers are names of categories, as text always is."
        ),
    ] = None,
    missing: MissingCells = "error",
    time_limit: Annotated[
        float | None,
        typer.Option("--time-limit", metavar="SECONDS", min=0.001, help="When searches over several inputs end."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all randomness; the same seed, the same model.")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go; made if missing.")] = Path(
        "reluctant-out"
    ),
    name: Annotated[
        str | None, typer.Option(metavar="IDENT", help="Name of the files and the C function. Default: Y_from_X, or Y.")
    ] = None,
    single: Annotated[bool, typer.Option("--float/--double", help="Type of the C function.")] = False,
    plot: Annotated[bool, typer.Option("--plot/--no-plot", help="Draw the fit as PNG and SVG.")] = True,
    decimal_comma: DecimalComma = None,
    separator: Separator = None,
    header: Header = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit a column of a table by a small network, within a tolerance or with so many neurons.

    One input of numbers: the fewest neurons within the tolerance, or the smallest error of so many, proved.

    Several inputs: a search within the tolerance; without one, and for classes, cross-validation chooses the size.

    Writes the model (JSON), C source and header, and for one input a figure (PNG and SVG).

    Without a tolerance, where an exact fit takes many neurons, tolerances are printed and nothing is written (exit 2).

    Example: invert a thermocouple table within half a degree; predict the species of an iris.

        reluctant fit type_k.csv --x emf_mv --y temperature_c --tolerance 0.5

        reluctant fit iris.csv --y species --max-parameters 8
    """
    inputs = tuple(x or ())
    check_inputs(inputs, y)
    given = {
        "--tolerance": tolerance,
        "--tolerance-column": tolerance_column,
        "--p": p,
        "--max-neurons": max_neurons,
        "--max-parameters": max_parameters,
    }
    check_at_most_one([name for name, value in given.items() if value is not None])
    banded = tolerance is not None or tolerance_column is not None
    check_band(banded, {"--between": between == "lines", "--below": below, "--above": above, "--shape": bool(shape)})
    if shape and between == "lines":
        raise typer.BadParameter("it is for a tolerance at the rows; leave out --between.", param_hint="'--shape'")
    if tolerance_column is not None and tolerance_column.strip() in [name.strip() for name in (*inputs, y)]:
        raise typer.BadParameter("it names the same column as --x or --y.", param_hint="'--tolerance-column'")
    if bias is not None and p != 1.0:
        raise typer.BadParameter("it goes with --p 1.", param_hint="'--bias'")
    is_share = tolerance is not None and tolerance.is_share
    value = None if tolerance is None else tolerance.value
    meant = task or ("regression" if banded or p is not None else None)
    with errors_in_one_line(table), status(quiet) as say:
        from reluctant.command.fitting import Request, run
        from reluctant.command.rows import Wanted
        from reluctant.command.tables import Reading

        request = Request(
            table,
            Wanted(y, inputs, meant, tuple(categorical or ()), tolerance_column),
            Reading(separator, decimal_comma, header, missing),
            tolerance=None if is_share else value,
            relative=value if is_share else None,
            p=p,
            bias=check_bias(bias),
            max_neurons=max_neurons,
            max_parameters=max_parameters,
            side="below" if below else "above" if above else "both",
            between=between,
            shape=tuple(shape or ()),
            out=out,
            name=name,
            dtype="float" if single else "double",
            plot=plot,
            seed=seed,
            time_limit=time_limit,
        )
        outcome = run(request, say)
    if as_json:
        print_json(outcome.as_json())
    elif not quiet:
        print_rows(outcome.rows())
    if not outcome.as_json()["files"]:
        raise typer.Exit(2)


for _command in (predict, show, export, report, explore):
    app.command(epilog=EXIT_CODES)(_command)


def _check_figure(value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise typer.BadParameter(f"{str(value)!r} does not end in .png, .svg or .pdf.")
    return value


@app.command(epilog=EXIT_CODES)
def path(
    table: Table,
    x: Input,
    y: Output,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", callback=_check_figure, help="Draw the path, as .png, .svg or .pdf."),
    ] = None,
    errors: Annotated[
        bool,
        typer.Option("--errors", help="The smallest largest error for every number of neurons."),
    ] = False,
    max_neurons: Annotated[
        int | None,
        typer.Option(
            "--max-neurons", metavar="K", min=0, help="With --errors: where it ends. Default: 32, or more for few rows."
        ),
    ] = None,
    decimal_comma: DecimalComma = None,
    separator: Separator = None,
    header: Header = None,
    missing: MissingCells = "error",
    as_json: AsJson = False,
) -> None:
    """Follow the exact fit of minimal lp path norm from p = 0 to p = 1, or the error for every number of neurons.

    Prints p*, below which every p gives the fewest neurons, and where the fit changes.

    With --errors: the smallest largest error that so many neurons can have, line by line.

    Example: what each further neuron gains.

        reluctant path type_k.csv --x emf_mv --y temperature_c --errors --figure errors.png
    """
    column = one_input(x, y)
    if max_neurons is not None and not errors:
        raise typer.BadParameter("it goes with --errors.", param_hint="'--max-neurons'")
    with errors_in_one_line(table), status(quiet=False) as say:
        from reluctant.command.pieces import follow, follow_errors
        from reluctant.command.tables import Reading

        source = (table, column, y, Reading(separator, decimal_comma, header, missing), say)
        pieces = follow_errors(*source, max_neurons) if errors else follow(*source)
        if figure is not None:
            say("drawing")
            from reluctant.report import save_figure

            save_figure(pieces.path.plot(), figure)
    if as_json:
        print_json(pieces.as_json())
    else:
        print_rows([*pieces.rows(), *([] if figure is None else [("figure", str(figure))])])


@app.command(name="warm-up", epilog=EXIT_CODES)
def warm_up(as_json: AsJson = False) -> None:
    """Compile all loops once for this installation, so that no later call waits for it.

    Loops are kept beside the installed files, or where NUMBA_CACHE_DIR says.

    Example:

        reluctant warm-up
    """
    from reluctant.command.warm_up import warm_up

    seconds = {}
    for what, seconds[what] in warm_up():
        if not as_json:
            typer.echo(f"{what}: {seconds[what]:.1f} s")
    if as_json:
        print_json(seconds)


@app.command(epilog=EXIT_CODES)
def experiment(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="peak-plateau, high-dimensional, held-out, choice-of-p, optimality-gap, noisy-interpolation, …",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="About a minute each: fewer epochs and seeds.")] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pages go; made if missing.")] = Path(
        "reluctant-experiments"
    ),
    as_json: AsJson = False,
) -> None:
    """Run an experiment of the paper, or a study after it, and write its page with figures and numbers.

    Example:

        reluctant experiment peak-plateau --quick
    """
    if (name is None) == (not every):
        raise typer.BadParameter("give the name of an experiment, or --all.", param_hint="'NAME'")
    from reluctant.experiments import NAMES, run

    if name is not None and name not in NAMES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(NAMES)}.", param_hint="'NAME'")
    pages = {}
    with errors_in_one_line():
        for chosen in NAMES if name is None else [name]:
            pages[chosen] = str(run(chosen, out, quick=quick, say=lambda message: typer.echo(message, err=True)))
            if not as_json:
                typer.echo(pages[chosen])
    if as_json:
        print_json({"pages": pages})
