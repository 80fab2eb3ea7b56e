"""`reluctant report` writes one page or none; `reluctant explore` answers one reader at this machine."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import numpy as np
import pytest

from reluctant.command.cli import main
from reluctant.command.explorer import Explorer, application
from reluctant.solve import approximate

TOKEN, PORT = "a-token-of-the-test", 54321
HOME = f"/{TOKEN}/"


@pytest.fixture
def reluctant(monkeypatch, capsys, tmp_path):
    """Run the command in an empty directory: exit code, what it prints, what it complains."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["reluctant", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return run


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{x},{abs(x - 3)},{x * x},{'ab'[x > 3]}" for x in range(8)]
    path.write_text("x,<script>,square,kind\n" + "\n".join(rows) + "\n")
    return path


class Client:
    """A browser that speaks to an application without a socket, and sends what headers it likes."""

    def __init__(self, app):
        self._app = app

    def get(self, path, params=None):
        return self.request("GET", path, params=params)

    def request(self, method, path, headers=None, params=None):
        path, _, query = path.partition("?")
        sent = {"host": f"127.0.0.1:{PORT}"} | (headers or {})
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": (urlencode(params) if params else query).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        messages = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            messages.append(message)

        asyncio.run(self._app(scope, receive, send))
        fields = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        text = b"".join(message.get("body", b"") for message in messages[1:]).decode()
        return SimpleNamespace(status_code=messages[0]["status"], headers=fields, text=text)


@pytest.fixture
def client(table):
    return Client(application(Explorer(table), PORT, TOKEN))


def contents(page):
    return json.loads(re.search(r'<script type="application/json" id="contents">(.*?)</script>', page)[1])


def test_report_writes_the_page_of_the_fit(reluctant, table, tmp_path):
    code, out, err = reluctant("report", table, "--x", "x", "--y", "<script>", "--unit", "x=s", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["page"] == "script_from_x.html"
    assert said["neurons"] == 1
    page = (tmp_path / said["page"]).read_text(encoding="utf-8")
    assert len(page.encode()) == said["bytes"]
    held = contents(page)
    assert (held["inputs"][0]["title"], held["outputs"][0]["name"]) == ("x (s)", "<script>")
    assert held["exact"]


def test_report_takes_a_tolerance_and_the_sides_that_it_holds_on(reluctant, table, tmp_path):
    column = ("report", table, "--x", "x", "--y", "square")
    assert reluctant(*column, "--tolerance", 1, "--out", "both.html")[0] == 0
    assert reluctant(*column, "--tolerance", 1, "--below", "--out", "below.html")[0] == 0
    both, below = (contents((tmp_path / f"{name}.html").read_text(encoding="utf-8")) for name in ("both", "below"))
    x = np.arange(8.0)
    assert both["neurons"] == approximate(x, x * x, tolerance=1).n_neurons
    assert (both["tolerance"], both["band"]) == (1.0, None)
    assert below["tolerance"] is None
    assert below["band"] is not None


def test_report_of_several_inputs_searches_within_the_tolerance(reluctant, table, tmp_path):
    code, out, _ = reluctant("report", table, "--x", "x", "--x", "square", "--y", "<script>", "--tolerance", 20)
    assert code == 0
    assert "0 neurons" in out or "0 parameters" in out
    assert len(contents((tmp_path / "script.html").read_text(encoding="utf-8"))["inputs"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--x", "x", "--y", "x"], 2, "it names the same column as --x"),
        (["--x", "x", "--x", "x", "--y", "square"], 2, "'x' is given twice"),
        (["--x", "x", "--y", "square", "--out", "p.txt"], 2, "'p.txt' does not end in .html"),
        (["--x", "x", "--y", "square", "--unit", "z=m"], 2, "'z' is neither --x nor --y"),
        (["--x", "x", "--y", "square", "--unit", "m"], 2, "'m' is not COLUMN=UNIT"),
        (["--x", "x", "--y", "square", "--tolerance", "1", "--max-neurons", "2"], 2, "give either"),
        (["--x", "x", "--y", "kind", "--task", "classification", "--p", "0.5"], 2, "it is for one input of numbers"),
        (["--x", "x", "--y", "kind", "--task", "classification", "--tolerance", "1"], 2, "it is for numbers"),
        (["--x", "x", "--y", "kind"], 1, "column 'kind' has 'a' at row 0, which is not a number"),
        (["--x", "x", "--y", "none"], 1, "there is no column 'none'"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_written(reluctant, table, tmp_path, arguments, code, message):
    got, out, err = reluctant("report", table, *arguments)
    assert (got, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_the_explorer_shows_a_form_and_the_report_of_what_is_chosen(client, table):
    first = client.get(HOME)
    assert first.status_code == 200
    assert '<form id="request"' in first.text
    asked = client.get(HOME, params={"x": "x", "y": "square", "tolerance": "1"})
    x = np.arange(8.0)
    held = contents(asked.text)
    assert held["neurons"] == approximate(x, x * x, tolerance=1).n_neurons
    saved = re.search(r'href="(report\.html\?[^"]*)"', asked.text)[1].replace("&amp;", "&")
    alone = client.get(HOME + saved)
    assert contents(alone.text) == held
    assert "<form" not in alone.text
    assert alone.headers["content-disposition"] == 'attachment; filename="square_from_x.html"'
    assert asked.text.count("<script") == asked.text.count("</script") == 2
    table.write_text("x,square\n0,0\n1,1\n")
    assert contents(client.get(HOME, params={"x": "x", "y": "square", "tolerance": "1"}).text)["rows"]["of"] == 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"x": "x", "y": "none"}, "there is no column &#39;none&#39;"),
        ({"y": "x"}, "no input is chosen"),
        ({"x": "x", "y": "x"}, "is both output and input"),
        ({"x": "x", "y": "kind"}, "column &#39;kind&#39; has &#39;a&#39; at row 0, which is not a number"),
        ({"x": "x", "y": "square", "tolerance": "1", "neurons": "2"}, "give either tolerance or neurons"),
        ({"x": "x", "y": "square", "tolerance": "nan"}, "tolerance must be a number of at least 0, got &#39;nan&#39;"),
        ({"x": "x", "y": "square", "neurons": "1.5"}, "neurons must be a whole number of at least 0"),
        ({"x": "x", "y": "square", "task": "<b>"}, "the task is regression or classification, not &#39;&lt;b&gt;&#39;"),
        ({"x": "x", "y": "kind", "task": "classification", "tolerance": "1"}, "a tolerance is for numbers"),
    ],
)
def test_the_explorer_says_what_is_wrong_above_the_same_form(client, query, message):
    answer = client.get(HOME, params=query)
    assert answer.status_code == 400
    assert message in answer.text
    assert '<form id="request"' in answer.text


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", HOME, {"host": "evil.example"}, 403),
        ("GET", HOME, {"host": f"evil.example:{PORT}"}, 403),
        ("GET", HOME, {"host": f"127.0.0.1:{PORT + 1}"}, 403),
        ("GET", HOME, {"host": ""}, 403),
        ("GET", HOME, {"origin": "https://evil.example"}, 403),
        ("GET", HOME, {"origin": "null"}, 403),
        ("GET", HOME, {"origin": f"http://localhost:{PORT}"}, 403),
        ("GET", HOME, {"sec-fetch-site": "cross-site"}, 403),
        ("GET", HOME, {"sec-fetch-site": "same-site"}, 403),
        ("POST", HOME, {}, 405),
        ("PUT", HOME, {}, 405),
        ("DELETE", HOME, {}, 405),
        ("OPTIONS", HOME, {}, 405),
        ("GET", "/", {}, 404),
        ("GET", "/another-token/", {}, 404),
        ("GET", f"/{TOKEN[:-1]}/", {}, 404),
        ("GET", "/caf\u00e9/", {}, 404),
        ("GET", f"{HOME}../t.csv", {}, 404),
        ("GET", f"{HOME}t.csv", {}, 404),
        ("GET", HOME, {"origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}, 200),
        ("GET", HOME, {"host": f"localhost:{PORT}"}, 200),
        ("HEAD", HOME, {}, 200),
    ],
)
def test_nobody_else_is_answered_and_nothing_is_changed(client, method, path, headers, status):
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == status
    if status != 200:
        assert "x,<script>" not in answer.text
        assert len(answer.text) < 40
    if path == HOME:
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


def test_a_table_of_one_column_has_nothing_to_explore(reluctant, tmp_path):
    (tmp_path / "one.csv").write_text("x\n1\n2\n")
    code, out, err = reluctant("explore", "one.csv")
    assert (code, out) == (1, "")
    assert "one.csv: the table has one column; an input and an output are needed" in err
    assert reluctant("explore", "none.csv")[0] == 1


@pytest.mark.slow
def test_explore_listens_on_this_machine_alone_and_ends_at_ctrl_c(table):
    source = Path(__file__).parents[2] / "src"
    command = [sys.executable, "-u", "-m", "reluctant", "explore", str(table)]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **streams) as served:
        try:
            address = re.search(r"http://127\.0\.0\.1:(\d+)/([\w-]{32})/", served.stdout.readline())
            assert address is not None
            assert contents(fetched(address[0]))["rows"]["of"] == 8
            with socket.socket() as other, pytest.raises(OSError, match="refused"):
                other.connect(("127.0.0.2", int(address[1])))
            served.send_signal(signal.SIGINT)
            out, err = served.communicate(timeout=30)
        finally:
            served.kill()
    assert served.returncode == 0
    assert out.splitlines()[-1] == "ended"
    assert err == ""


def fetched(address):
    """A page from a server that has said where it is, and may not listen yet."""
    for _ in range(100):
        try:
            return urllib.request.urlopen(address, timeout=60).read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("nobody answers")
