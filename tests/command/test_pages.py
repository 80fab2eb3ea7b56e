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

from reluctant import ReLUNetwork, SparseReLUClassifier
from reluctant.columns import Column, Columns
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


@pytest.fixture
def model(table, tmp_path):
    """A model file as fit writes it, with the rows it was made from."""
    x, y = np.arange(8.0), np.arange(8.0) ** 2
    path = tmp_path / "model.json"
    columns = Columns((Column("x", "s"),), (Column("square", "m"),))
    approximate(x, y, tolerance=1).save(path, columns=columns, data=(x, y))
    return path


def test_report_writes_the_page_of_a_model_and_its_table(reluctant, model, table, tmp_path):
    code, out, err = reluctant("report", model, table, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert (said["file"], said["rows"]) == ("square_from_x.html", 8)
    page = (tmp_path / said["file"]).read_text(encoding="utf-8")
    assert len(page.encode()) == said["bytes"]
    held = contents(page)
    assert (held["inputs"][0]["title"], held["outputs"][0]["title"]) == ("x (s)", "square (m)")
    assert (held["neurons"], held["tolerance"]) == (
        approximate(range(8), np.arange(8.0) ** 2, tolerance=1).n_neurons,
        1,
    )
    assert "this is proved, for these very rows." in page


def test_what_is_proved_of_other_rows_is_not_said_of_these(reluctant, model, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("square,x\n" + "".join(f"{x * x + 0.25 * (x == 3)},{x}\n" for x in range(8)))
    assert reluctant("report", model, other, "--out", "other.html")[0] == 0
    page = (tmp_path / "other.html").read_text(encoding="utf-8")
    assert "this is proved, for the rows that it was made from." in page
    assert "these very rows" not in page


def test_report_of_classes_and_of_a_network_alone(reluctant, model, table, tmp_path):
    ReLUNetwork([[1.0, 0.0]], [-1.0], [2.0]).save(tmp_path / "network.json")
    code, _, err = reluctant("report", "network.json", table)
    assert code == 1
    assert "network.json knows no names of columns; give the columns of its 2 inputs with --x" in err
    columns = ("--x", "x", "--x", "square", "--y", "<script>")
    assert reluctant("report", "network.json", table, *columns, "--out", "network.html")[0] == 0
    held = contents((tmp_path / "network.html").read_text(encoding="utf-8"))
    assert [column["name"] for column in held["inputs"]] == ["x", "square"]
    X = np.column_stack([np.arange(8.0), np.arange(8.0) ** 2])
    labels = np.array(["a", "b"])[(X[:, 0] > 3).astype(int)]
    estimator = SparseReLUClassifier(max_parameters=2, random_state=0, time_limit=1).fit(X, labels)
    estimator.save("classes.json", columns=Columns.named(["x", "square"], ["kind"]))
    assert reluctant("report", "classes.json", table, "--out", "classes.html")[0] == 0
    assert contents((tmp_path / "classes.html").read_text(encoding="utf-8"))["classes"] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["model.json", "t.csv", "--out", "p.txt"], 2, "'p.txt' does not end in .html"),
        (["model.json", "none.csv"], 1, "none.csv: No such file"),
        (["none.json", "t.csv"], 1, "none.json: No such file"),
        (["t.csv", "t.csv"], 1, "t.csv"),
        (["model.json", "t.csv", "--y", "kind"], 1, "column 'kind'"),
        (["model.json", "t.csv", "--x", "none"], 1, "there is no column 'none'"),
        (["model.json", "t.csv", "--x", "x", "--x", "kind"], 1, "reads 1 column, and --x names 2"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_written(
    reluctant, model, table, tmp_path, arguments, code, message
):
    got, out, err = reluctant("report", *arguments)
    assert (got, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "t.csv"]


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
        ({"x": "x", "y": "kind", "task": "regression"}, "column &#39;kind&#39;"),
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
