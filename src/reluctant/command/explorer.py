"""`reluctant explore`: the page of a table served to one reader on this machine, and to nobody else."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import webbrowser
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from reluctant.command.band import Band
from reluctant.command.job import Job, solve, tolerances
from reluctant.command.reporting import Page
from reluctant.command.rows import Rows, Task, Wanted, read_rows
from reluctant.command.tables import DEFAULT, RawTable, Reading, read_table
from reluctant.command.training import TrainingJob, fitted
from reluctant.errors import SolverError
from reluctant.report.form import Form, render_question
from reluctant.solution import Solution
from reluctant.text import shown

HOST = "127.0.0.1"
SECONDS = 10.0
"""Time of a search or a cross-validation; the line needs none."""
KEPT = 16
"""Answers kept, so that a page that is saved or asked for again is there at once."""
LISTED = 200
"""Columns of a table that the form shows."""
SHARE = 0.01
"""The first tolerance, as a share of the range of the output."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Lets through what a reader at this machine asks for who knows the token, and only to read.

    The host must be this very one: a page of another site whose name is made to point here sends its own. No origin
    but ours, nothing but GET and HEAD, and an address that begins with the token.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        app = self._app if refusal is None else refusal
        await app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:
            return PlainTextResponse("This host is not served here.", 403, _HEADERS)
        if origin is not None and origin != f"http://{host}":
            return PlainTextResponse("Other sites are not answered.", 403, _HEADERS)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return PlainTextResponse("Other sites are not answered.", 403, _HEADERS)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Nothing is changed here.", 405, {**_HEADERS, "Allow": "GET, HEAD"})
        first = scope["path"].split("/")[1]
        if not secrets.compare_digest(first.encode(), self._token.encode()):
            return PlainTextResponse("There is nothing here.", 404, _HEADERS)
        return None


class Explorer:
    """A table and the pages found so far."""

    def __init__(self, table: Path, reading: Reading = DEFAULT) -> None:
        self.table, self._reading = table, reading
        raw = read_table(table, (), reading, others=True)
        self.columns = tuple(dict.fromkeys(raw.names))[:LISTED]
        if len(self.columns) < 2:
            raise ValueError("the table has one column; an input and an output are needed")
        self._first = self._first_question(raw)
        self._pages: OrderedDict[tuple[Form, int], Page] = OrderedDict()
        self._lock = threading.Lock()

    async def page(self, request: Request) -> Response:
        """The report of what is asked for under a form to ask for something else."""
        form = self._form(request.query_params)
        try:
            found = await _in_thread(lambda: self._page(form))
            saved = replace(form, saved_at=f"report.html?{request.query_params}")
            html = await _in_thread(lambda: found.html(saved))
            return HTMLResponse(html, headers=_HEADERS)
        except (ValueError, OSError, SolverError) as error:
            return HTMLResponse(render_question(replace(form, message=_sentence(error))), 400, _HEADERS)

    async def saved(self, request: Request) -> Response:
        """The report alone, as `reluctant report` writes it."""
        form = self._form(request.query_params)
        try:
            found = await _in_thread(lambda: self._page(form))
        except (ValueError, OSError, SolverError) as error:
            return PlainTextResponse(_sentence(error), 400, _HEADERS)
        attached = {"Content-Disposition": f'attachment; filename="{found.name}.html"'}
        return HTMLResponse(found.html(), headers=_HEADERS | attached)

    def _first_question(self, raw: RawTable) -> Form:
        """The last column of numbers from the first, within a small tolerance."""
        numbers = [j for j in range(len(self.columns)) if raw.kind(j) == "numbers"]
        if len(numbers) < 2:
            return Form(self.table.name, self.columns, (self.columns[0],), self.columns[-1])
        (values,), _ = raw.read_numbers([numbers[-1]])
        tolerance = f"{SHARE * float(np.nanmax(values) - np.nanmin(values)):.2g}"
        x, y = (raw.names[j] for j in (numbers[0], numbers[-1]))
        return Form(self.table.name, self.columns, (x,), y, tolerance=tolerance)

    def _form(self, query: QueryParams) -> Form:
        """What is chosen; an output is no input of itself."""
        if not query:
            return self._first
        y = query.get("y", "")
        return Form(
            self.table.name,
            self.columns,
            tuple(dict.fromkeys(name for name in query.getlist("x") if name != y)),
            y,
            query.get("task", ""),
            query.get("tolerance", ""),
            query.get("neurons", ""),
            query.get("parameters", ""),
        )

    def _page(self, form: Form) -> Page:
        """One at a time: a fit takes what the machine has."""
        wanted, sizes = self._wanted(form), _sizes(form)
        key = form, self.table.stat().st_mtime_ns
        with self._lock:
            found = self._pages.pop(key, None) or self._found(wanted, sizes)
            self._pages[key] = found
            while len(self._pages) > KEPT:
                self._pages.popitem(last=False)
            return found

    def _wanted(self, form: Form) -> Wanted:
        unknown = [name for name in (*form.x, form.y) if name not in self.columns]
        if unknown:
            raise ValueError(f"there is no column {unknown[0]!r}")
        tasks: dict[str, Task | None] = {"": None, "regression": "regression", "classification": "classification"}
        if form.task not in tasks:
            raise ValueError(f"the task is regression or classification, not {form.task!r}")
        return Wanted(form.y, form.x, tasks[form.task])

    def _found(self, wanted: Wanted, sizes: dict[str, Any]) -> Page:
        rows = read_rows(self.table, wanted, self._reading)
        if rows.task == "classification" and "tolerance" in sizes:
            raise ValueError("a tolerance is for numbers; for classes give neurons or parameters, or neither")
        model: Any
        with rows.places.named():
            if rows.is_line and "max_parameters" not in sizes:
                model = _on_line(Job(self.table, rows.columns.names[0], wanted.y, **sizes), rows)
            else:
                model = fitted(TrainingJob(self.table, wanted, **sizes, time_limit=SECONDS), rows)
        return Page(model, rows.X, rows.y, rows.columns, rows.places, True)


def _on_line(job: Job, rows: Rows) -> Solution:
    """What `reluctant fit` finds, without files."""
    x, y = rows.X[:, 0], rows.y
    if not job.has_tolerance:
        return solve(job, x, y)
    solution = Band(x, y, tolerances(job, y)).solution()
    assert solution is not None
    return solution.replace(tolerance=job.tolerance)


def _sizes(form: Form) -> dict[str, Any]:
    """The one number that decides the size, as fits call it; empty where none is given."""
    fields = {"tolerance": form.tolerance, "max_neurons": form.neurons, "max_parameters": form.parameters}
    given = {name: text for name, text in fields.items() if text.strip()}
    if len(given) > 1:
        first, second = (name.removeprefix("max_") for name in list(given)[:2])
        raise ValueError(f"give either {first} or {second}; one number decides the size")
    return {name: _number(text, name.removeprefix("max_")) for name, text in given.items()}


def _number(text: str, name: str) -> float:
    """A number of at least 0; a whole one where it counts."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    counts = name != "tolerance"
    if not 0 <= value < float("inf") or (counts and value != int(value)):
        raise ValueError(f"{name} must be a {'whole ' * counts}number of at least 0, got {shown(text)!r}")
    return int(value) if counts else value


def _sentence(error: Exception) -> str:
    text = f"{error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    return shown(" ".join(text.split()))


async def _in_thread(work: Callable[[], Any]) -> Any:
    """What comes of work that takes its time; its thread does not keep the process alive after Ctrl-C."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def finish(deliver: Callable[[Any], None], value: Any) -> None:
        if not done.done():
            deliver(value)

    def run() -> None:
        try:
            deliver, value = done.set_result, work()
        except BaseException as error:
            deliver, value = done.set_exception, error
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, deliver, value)

    threading.Thread(target=run, daemon=True).start()
    return await done


def application(explorer: Explorer, port: int, token: str) -> ASGIApp:
    """The guarded application."""
    routes = [Route(f"/{token}/", explorer.page), Route(f"/{token}/report.html", explorer.saved)]
    return Guard(Starlette(routes=routes), port, token)


def serve(table: Path, reading: Reading, port: int, open_browser: bool, echo: Callable[[str], None]) -> None:
    """Serve the pages of a table until Ctrl-C.

    Raises
    ------
    OSError
        If the table cannot be read, or the port is taken.
    ValueError
        If it is no table.
    """
    explorer = Explorer(table, reading)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()  # who opens the address at once waits for the server, and is not refused
        port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
        config = uvicorn.Config(
            application(explorer, port, token),
            log_level="critical",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        address = f"http://{HOST}:{port}/{token}/"
        echo(f"{table} is shown at {address}")
        echo("Ctrl-C ends it.")
        if open_browser:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    echo("ended")
