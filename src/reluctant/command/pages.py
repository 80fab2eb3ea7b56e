"""`reluctant report` and `explore`: pages about what is found in a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reluctant.command.options import (
    AsJson,
    DecimalComma,
    Input,
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
    parsed_tolerance,
    parsed_units,
)
from reluctant.command.terminal import errors_in_one_line, print_json, print_rows, status
from reluctant.objective import check_bias


def _check_page(value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{str(value)!r} does not end in .html.")
    return value


def report(
    table: Table,
    x: Input,
    y: Output,
    task: Annotated[
        Literal["regression", "classification"], typer.Option("--task", help="Whether y holds numbers or classes.")
    ] = "regression",
    tolerance: Annotated[
        Tolerance | None,
        typer.Option("--tolerance", metavar="E", parser=parsed_tolerance, help="Largest error allowed, as for fit."),
    ] = None,
    tolerance_column: Annotated[
        str | None,
        typer.Option("--tolerance-column", metavar="COLUMN", help="Column with the largest error of each row."),
    ] = None,
    between: Annotated[
        Literal["rows", "lines"], typer.Option("--between", help="Where the tolerance holds, as for fit.")
    ] = "rows",
    below: Annotated[bool, typer.Option("--below", help="Nowhere above y.")] = False,
    above: Annotated[bool, typer.Option("--above", help="Nowhere below y.")] = False,
    shape: Annotated[
        list[str] | None, typer.Option("--shape", metavar="SHAPE", callback=check_shape, help="As for fit.")
    ] = None,
    p: Annotated[float | None, typer.Option("--p", metavar="P", callback=check_p, help="As for fit.")] = None,
    bias: Annotated[
        str | None, typer.Option("--bias", metavar="l1|l2", callback=check_bias_name, help="As for fit.")
    ] = None,
    max_neurons: Annotated[
        int | None, typer.Option("--max-neurons", metavar="K", min=0, help="The smallest error with so many neurons.")
    ] = None,
    max_parameters: Annotated[
        int | None, typer.Option("--max-parameters", metavar="M", min=1, help="The best of at most so many parameters.")
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option("--unit", metavar="COLUMN=UNIT", help="Unit of a column; once for each that has one."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=_check_page, help="The page. Default: Y_from_X.html.")
    ] = None,
    decimal_comma: DecimalComma = False,
    separator: Separator = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write one page about a fit: what was found, what is proved, figures to move, code to copy.

    Takes what fit takes. The page is one file that needs no network; any browser shows and prints it.

    Example:

        reluctant report type_k.csv --x emf_mv --y temperature_c --tolerance 0.5 --unit emf_mv=mV
    """
    check_inputs(x, y)
    units = parsed_units(unit or [], (*x, y))
    given = {
        "--tolerance": tolerance,
        "--tolerance-column": tolerance_column,
        "--p": p,
        "--max-neurons": max_neurons,
        "--max-parameters": max_parameters,
    }
    check_at_most_one([name for name, value in given.items() if value is not None])
    banded = tolerance is not None or tolerance_column is not None
    asked = {"--between": between == "lines", "--below": below, "--above": above, "--shape": bool(shape)}
    check_band(banded, asked)
    if bias is not None and p != 1.0:
        raise typer.BadParameter("it goes with --p 1.", param_hint="'--bias'")
    is_share = tolerance is not None and tolerance.is_share
    on_line = len(x) == 1 and task == "regression" and max_parameters is None
    asked |= {"--p": p is not None, "--tolerance-column": tolerance_column is not None, "--tolerance in %": is_share}
    refused = [name for name, wanted in asked.items() if wanted]
    if refused and not on_line:
        raise typer.BadParameter("it is for one input of numbers.", param_hint=f"'{refused[0]}'")
    if task == "classification" and tolerance is not None:
        raise typer.BadParameter("it is for numbers; leave it out.", param_hint="'--tolerance'")
    with errors_in_one_line(table), status(quiet) as say:
        from reluctant.command.job import Job
        from reluctant.command.reporting import Question, answer
        from reluctant.files import write_atomically

        value = None if tolerance is None else tolerance.value
        job = Job(
            *(table, x[0], y, None if is_share else value, p, max_neurons),
            decimal_comma=decimal_comma,
            separator=separator,
            relative=value if is_share else None,
            tolerance_column=tolerance_column,
            side="below" if below else "above" if above else "both",
            between=between,
            shape=tuple(shape or ()),
            bias=check_bias(bias),
        )
        question = Question(
            *(table, tuple(x), y, task, value, max_neurons, max_parameters, units),
            decimal_comma=decimal_comma,
            separator=separator,
            job=job if on_line else None,
        )
        found = answer(question, say)
        say("writing the page")
        path = out or Path(f"{question.name}.html")
        page = found.page().encode()
        write_atomically(path, page)
    if as_json:
        print_json({"table": str(table), "page": str(path), "bytes": len(page), "neurons": found.n_neurons})
    elif not quiet:
        print_rows([("found", found.verdict), ("page", f"{path}, {len(page) / 1000:,.0f} kB")])


def explore(
    table: Table,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where it listens. Default: one that is free.")
    ] = 0,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    decimal_comma: DecimalComma = False,
    separator: Separator = None,
) -> None:
    """Show the page of `report` live: choose columns, task and size in the browser.

    Listens on 127.0.0.1 alone, under an address that nobody can guess; it reads the table and writes nothing. Ctrl-C
    ends it.

    Example:

        reluctant explore type_k.csv
    """
    with errors_in_one_line(table):
        from reluctant.command.explorer import serve

        serve(table, port, decimal_comma, separator, open_browser, typer.echo)
