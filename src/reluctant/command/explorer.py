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
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from reluctant.command.reporting import Answer, Question, answer
from reluctant.command.tables import column_names, read_columns
from reluctant.errors import SolverError
from reluctant.report.form import Form, render_question
from reluctant.text import shown

HOST = "127.0.0.1"
SECONDS = 10.0
"""Time of a search or a cross-validation; the line needs none."""
KEPT = 16
"""Answers kept, so that a page that is saved or asked for again is there at once."""
SEARCHED = 50
"""Columns among which the first question looks for numbers."""
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
    """A table and the answers found so far."""

    def __init__(self, table: Path, decimal_comma: bool = False, separator: str | None = None) -> None:
        self.table, self._decimal_comma, self._separator = table, decimal_comma, separator
        self.columns = tuple(dict.fromkeys(column_names(table, separator)))
        if len(self.columns) < 2:
            raise ValueError("the table has one column; an input and an output are needed")
        self._answers: OrderedDict[tuple[Form, int], Answer] = OrderedDict()
        self._lock = threading.Lock()

    async def page(self, request: Request) -> Response:
        """The report of what is asked for under a form to ask for something else."""
        form = self._form(request.query_params)
        try:
            found = await _in_thread(lambda: self._answer(form))
            saved = f"report.html?{request.query_params}"
            page = await _in_thread(lambda: found.page(_with(form, saved_at=saved)))
            return HTMLResponse(page, headers=_HEADERS)
        except (ValueError, OSError, SolverError) as error:
            return HTMLResponse(render_question(_with(form, message=_sentence(error))), 400, _HEADERS)

    async def saved(self, request: Request) -> Response:
        """The report alone, as `reluctant report` writes it."""
        form = self._form(request.query_params)
        try:
            found = await _in_thread(lambda: self._answer(form))
        except (ValueError, OSError, SolverError) as error:
            return PlainTextResponse(_sentence(error), 400, _HEADERS)
        attached = {"Content-Disposition": f'attachment; filename="{found.question.name}.html"'}
        return HTMLResponse(found.page(), headers=_HEADERS | attached)

    def _form(self, query: QueryParams) -> Form:
        """What is chosen; at first the last column of numbers from the first, within a small tolerance."""
        if not query:
            numbers = [name for name in self.columns[:SEARCHED] if self._range(name) is not None]
            x, y = (numbers or self.columns)[0], (numbers or self.columns)[-1]
            tolerance = "" if not numbers else f"{SHARE * (self._range(y) or 0.0):.2g}"
            return Form(self.table.name, self.columns, (x,), y, tolerance=tolerance)
        return Form(
            self.table.name,
            self.columns,
            tuple(query.getlist("x")),
            query.get("y", ""),
            query.get("task", "regression"),
            query.get("tolerance", ""),
            query.get("neurons", ""),
            query.get("parameters", ""),
        )

    def _range(self, name: str) -> float | None:
        """The largest less the smallest number of a column; None where not all of it is numbers."""
        try:
            (values,) = read_columns(self.table, [name], self._decimal_comma, self._separator)
        except ValueError:
            return None
        return float(values.max() - values.min())

    def _answer(self, form: Form) -> Answer:
        """One answer at a time: a fit takes what the machine has."""
        question = self._question(form)
        key = form, self.table.stat().st_mtime_ns
        with self._lock:
            found = self._answers.pop(key, None) or answer(question)
            self._answers[key] = found
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
            return found

    def _question(self, form: Form) -> Question:
        unknown = [name for name in (*form.x, form.y) if name not in self.columns]
        if unknown:
            raise ValueError(f"there is no column {unknown[0]!r}")
        if not form.x:
            raise ValueError("no input is chosen; choose one or more")
        if form.y in form.x:
            raise ValueError(f"{form.y!r} is both output and input; choose another output")
        if form.task not in ("regression", "classification"):
            raise ValueError(f"the task is regression or classification, not {form.task!r}")
        given = [name for name in ("tolerance", "neurons", "parameters") if getattr(form, name).strip()]
        if len(given) > 1:
            raise ValueError(f"give either {given[0]} or {given[1]}; one number decides the size")
        if form.task == "classification" and "tolerance" in given:
            raise ValueError("a tolerance is for numbers; for classes give neurons or parameters, or neither")
        tolerance, neurons, parameters = (
            _number(getattr(form, name), name) for name in ("tolerance", "neurons", "parameters")
        )
        return Question(
            self.table,
            form.x,
            form.y,
            "classification" if form.task == "classification" else "regression",
            tolerance,
            None if neurons is None else int(neurons),
            None if parameters is None else int(parameters),
            decimal_comma=self._decimal_comma,
            separator=self._separator,
            time_limit=SECONDS,
        )


def _with(form: Form, **changes: str) -> Form:
    return Form(**(vars(form) | changes))


def _number(text: str, name: str) -> float | None:
    """A number ≥ 0; a whole one where it counts."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf") or (name != "tolerance" and value != int(value)):
        kind = "a number" if name == "tolerance" else "a whole number"
        raise ValueError(f"{name} must be {kind} of at least 0, got {shown(text)!r}")
    return value


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


def serve(
    table: Path,
    port: int,
    decimal_comma: bool,
    separator: str | None,
    open_browser: bool,
    echo: Callable[[str], None],
) -> None:
    """Serve the pages of a table until Ctrl-C.

    Raises
    ------
    OSError
        If the table cannot be read, or the port is taken.
    ValueError
        If it is no table.
    """
    explorer = Explorer(table, decimal_comma, separator)
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
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
