"""`reluctant report` and `explore`: pages about what is found in a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reluctant.command.models import Model
from reluctant.command.options import AsJson, DecimalComma, Header, Separator, Table
from reluctant.command.terminal import errors_in_one_line, print_json, print_rows, status


def _check_page(value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{str(value)!r} does not end in .html.")
    return value


def report(
    model: Model,
    table: Table,
    x: Annotated[
        list[str] | None,
        typer.Option(
            "--x",
            metavar="COLUMN",
            help="Columns of the inputs in the order of the model. Default: by name.",
        ),
    ] = None,
    y: Annotated[
        str | None, typer.Option("--y", metavar="COLUMN", help="Column of the output. Default: that of the model.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=_check_page, help="The page. Default: Y_from_X.html.")
    ] = None,
    missing: Annotated[
        Literal["error", "drop"], typer.Option("--missing", help="Empty cells: name them, or leave out their rows.")
    ] = "error",
    decimal_comma: DecimalComma = None,
    separator: Separator = None,
    header: Header = None,
    as_json: AsJson = False,
) -> None:
    """Write one page about a model and its table: what was found, what is proved, figures to move, code to copy.

    The page is one file that needs no network; any browser shows and prints it.

    Example:

        reluctant report reluctant-out/temperature_c_from_emf_mv.json type_k.csv
    """
    with errors_in_one_line(table), status(quiet=False) as say:
        from reluctant.command.reporting import page_of
        from reluctant.command.tables import Reading

        page = page_of(model, table, tuple(x or ()), y, Reading(separator, decimal_comma, header, missing), say)
        say("drawing (the first run on a machine compiles the solver)")
        path = out or Path(f"{page.name}.html")
        n_bytes = page.write(path)
    if as_json:
        print_json({"model": str(model), "table": str(table), "rows": len(page.X), "file": str(path), "bytes": n_bytes})
    else:
        print_rows([("found", page.found), ("page", f"{path}, {n_bytes / 1000:,.0f} kB")])


def explore(
    table: Table,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where it listens. Default: one that is free.")
    ] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    decimal_comma: DecimalComma = None,
    separator: Separator = None,
    header: Header = None,
) -> None:
    """Show the page of `report` live: choose columns, task and size in the browser.

    Listens on 127.0.0.1 alone, under an address that nobody can guess; it reads the table and writes nothing. Ctrl-C
    ends it.

    Example:

        reluctant explore type_k.csv
    """
    with errors_in_one_line(table):
        from reluctant.command.explorer import serve
        from reluctant.command.tables import Reading

        serve(table, Reading(separator, decimal_comma, header, "drop"), port, open_browser, typer.echo)
