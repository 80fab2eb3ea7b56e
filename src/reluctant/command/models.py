"""`reluctant predict`, `show` and `export`: what to do with a model that was fitted."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from reluctant.command.options import AsJson, DecimalComma, Header, Separator, Table
from reluctant.command.terminal import errors_in_one_line, print_json, print_rows, status


class Target(StrEnum):
    """What export writes."""

    c = "c"
    json = "json"
    onnx = "onnx"
    python = "python"
    javascript = "javascript"
    rust = "rust"
    vnnlib = "vnnlib"


Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model that fit wrote, or a network file.")]


def _check_table_name(value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() not in (".csv", ".parquet"):
        raise typer.BadParameter(f"{str(value)!r} does not end in .csv or .parquet.")
    return value


def predict(
    model: Model,
    table: Table,
    x: Annotated[
        list[str] | None,
        typer.Option(
            "--x",
            metavar="COLUMN",
            help="Columns of the inputs in the order of the model. Default: those of its names.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=_check_table_name, help="A .csv or .parquet file. Default: CSV to standard output."
        ),
    ] = None,
    missing: Annotated[
        Literal["error", "drop"],
        typer.Option(
            "--missing", help="Empty cells for which the model knows nothing: name them, or leave out their rows."
        ),
    ] = "error",
    decimal_comma: DecimalComma = None,
    separator: Separator = None,
    header: Header = None,
    as_json: AsJson = False,
) -> None:
    """Predict the rows of a table, and say how far that is from its own column of the output, if it has one.

    Columns are found by their names, in any order and with others beside them.

    Example:

        reluctant predict reluctant-out/temperature_c_from_emf_mv.json type_k.csv --out predicted.csv
    """
    with errors_in_one_line(table), status(quiet=False) as say:
        from reluctant.command.prediction import predicted
        from reluctant.command.tables import Reading

        say("reading the model")
        result = predicted(model, table, tuple(x or ()), Reading(separator, decimal_comma, header, missing), say)
        if out is not None:
            result.write(out)
    if as_json:
        print_json(result.as_json(out))
    elif out is None:
        sys.stdout.write(result.csv())
    else:
        print_rows(result.rows(out))


def show(model: Model, as_json: AsJson = False) -> None:
    """Print what a model holds: what was found, what is proved, and the function in words.

    Example:

        reluctant show reluctant-out/temperature_c_from_emf_mv.json
    """
    with errors_in_one_line(model):
        from reluctant.command.showing import Shown

        shown = Shown.of(model)
    if as_json:
        print_json(shown.as_json())
    else:
        print_rows(shown.rows())
        typer.echo(f"\n{shown.words}")


def export(
    model: Model,
    to: Annotated[
        list[Target],
        typer.Option("--to", help="What to write; give it again for more. json is the network alone."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go; made if missing.")] = Path("."),
    name: Annotated[
        str | None, typer.Option(metavar="IDENT", help="Name of the files and functions. Default: that of the model.")
    ] = None,
    single: Annotated[bool, typer.Option("--float/--double", help="Type of C and ONNX.")] = False,
    sequential: Annotated[
        bool,
        typer.Option("--sequential", help="ONNX of nothing but Gemm, Relu, Gemm, as verifiers and solvers want it."),
    ] = False,
    low: Annotated[float | None, typer.Option(metavar="Y", help="For vnnlib: the least output allowed.")] = None,
    high: Annotated[float | None, typer.Option(metavar="Y", help="For vnnlib: the largest output allowed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a model as source code, as ONNX, or as a question for verifiers: all files or none.

    Example:

        reluctant export reluctant-out/temperature_c_from_emf_mv.json --to python --to onnx --out deployed
    """
    if (low is not None or high is not None) != (Target.vnnlib in to):
        raise typer.BadParameter("--to vnnlib and --low or --high go together.", param_hint="'--to'")
    if sequential and Target.onnx not in to:
        raise typer.BadParameter("it goes with --to onnx.", param_hint="'--sequential'")
    with errors_in_one_line(model):
        from reluctant.command.exporting import Order, written

        targets = tuple(dict.fromkeys(target.value for target in to))
        order = Order(
            targets,
            out,
            name,
            "float" if single else "double",
            sequential,
            low,
            high,
        )
        files = written(model, order)
    if as_json:
        print_json({"model": str(model), "files": {kind: str(path) for kind, path in files.items()}})
    else:
        print_rows([(kind, str(path)) for kind, path in files.items()])
