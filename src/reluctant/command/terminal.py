"""How the command speaks: results, what is being done, and faults in one line with an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer

from reluctant.errors import FileFormatError, SolverError
from reluctant.text import shown

EXIT_CODES = (
    "Exit codes: 0 done, 1 the data or the files do not allow it, 2 the command line is wrong or leaves a choice open, "
    "3 an unforeseen fault, 130 interrupted."
)

_EXTRA_OF = {"torch": "torch", "starlette": "explore", "uvicorn": "explore"}


@contextmanager
def errors_in_one_line(file: Path | None = None) -> Iterator[None]:
    """End the command with one line about what went wrong, and the exit code that belongs to it."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = _EXTRA_OF.get(str(error.name).partition(".")[0], "cli")
        fail(f'{error.name} is missing; install it with: pip install "reluctant[{extra}]"')
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except MemoryError:
        fail(f"{file or 'the experiment'}: there is not enough memory")
    except SolverError as error:
        fail(str(error))
    except ValueError as error:
        source = "standard input" if str(file) == "-" else file
        of_model = isinstance(error, FileFormatError)  # which names its own file
        named = "" if file is None or of_model or str(file) in str(error) else f"{source}: "
        fail(f"{named}{error}")
    except KeyboardInterrupt:
        fail("interrupted", 130)


def fail(message: str, code: int = 1) -> None:
    """Say what is wrong and end the command."""
    complain(message)
    raise typer.Exit(code)


def complain(message: str) -> None:
    """Say what is wrong, in one line."""
    with suppress(OSError):  # where nobody can be told, the exit code has to do
        typer.echo(f"error: {shown(' '.join(message.split()))}", err=True)


@contextmanager
def status(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A line on the terminal that tells what is being done; nothing where no one watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda message: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update


def print_json(result: dict[str, Any]) -> None:
    """A result for scripts."""
    typer.echo(json.dumps(result, indent=2, allow_nan=False))


def print_rows(rows: Sequence[tuple[str, str]]) -> None:
    """A result for people: labels and texts; a line without label goes on with what the one above says."""
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        typer.echo(f"{typer.style(label.ljust(width), bold=True)}  {shown(text)}")
