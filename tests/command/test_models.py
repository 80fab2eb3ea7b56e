"""`fit`, `predict`, `show` and `export` on any table, and what is said where something does not fit."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer

import reluctant as package
from reluctant import ReLUNetwork, SparseReLUClassifier, SparseReLURegressor, approximate
from reluctant.command import cli, training
from reluctant.command.cli import main

ROOT = Path(__file__).parents[2]


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
def line(tmp_path):
    """A table of a smooth curve, its model, and both columns."""
    x = np.linspace(0, 10, 101)
    rows = np.c_[x, np.sin(x)].tolist()
    (tmp_path / "t.csv").write_text("x,y\ns,m\n" + "".join(f"{a!r},{b!r}\n" for a, b in rows))
    return x, np.sin(x)


@pytest.fixture
def mixed(tmp_path):
    """A table with a category, in which t is a plane of a, b and c, and k says on which side of it a row is."""
    rng = np.random.default_rng(16)
    rows = [(*rng.integers(0, 200, 2) / 100, str(rng.choice(["red", "blue"]))) for _ in range(30)]
    lines = [
        f"{a},{b},{c},{a - b + 3 * (c == 'red')},{'yes' if a + 2 * (c == 'red') > 1.5 else 'no'}" for a, b, c in rows
    ]
    (tmp_path / "m.csv").write_text("\n".join(["a,b,c,t,k", *lines, ""]))


FIT_LINE = ("fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", 0.05, "--no-plot", "--out", ".", "--name", "f", "-q")


def test_a_model_is_fitted_predicted_shown_and_exported(reluctant, line, tmp_path):
    x, y = line
    assert reluctant(*FIT_LINE) == (0, "", "")
    model = package.load(tmp_path / "f.json")
    expected = approximate(x, y, tolerance=0.05)
    assert (model.n_neurons, model.tolerance) == (expected.n_neurons, 0.05)
    assert [c.label for c in (*model.columns.inputs, *model.columns.outputs)] == ["x [s]", "y [m]"]
    for words in ('x, "x [s]".', 'The result is "y [m]".'):
        assert words in (tmp_path / "f.h").read_text()
    code, out, err = reluctant("predict", "f.json", "t.csv")
    assert (code, err) == (0, "")
    assert [float(row["y"]) for row in csv.DictReader(io.StringIO(out))] == expected.predict(x).tolist()
    code, out, err = reluctant("predict", "f.json", "t.csv", "--json")
    said = json.loads(out)
    assert (said["rows"], said["max_error"]) == (101, expected.max_error)
    assert said["predictions"]["y"] == expected.predict(x).tolist()
    code, out, err = reluctant("predict", "f.json", "t.csv", "--out", "p.parquet")
    assert (code, err) == (0, "")
    assert "max error    0.05" in out
    code, out, err = reluctant("show", "f.json")
    assert (code, err) == (0, "")
    for words in (
        expected.verdict,
        "x [s]; from 0 to 10",
        "y in m against x in s: ",
        "      101 rows, sha",
    ):
        assert words in out
    assert json.loads(reluctant("show", "f.json", "--json")[1])["tolerance"] == 0.05
    targets = ("c", "json", "onnx", "python", "javascript", "rust", "vnnlib")
    options = [word for target in targets for word in ("--to", target)]
    code, out, err = reluctant("export", "f.json", *options, "--high", 2, "--out", "d", "--json")
    assert (code, err) == (0, "")
    endings = ("c", "h", "network.json", "onnx", "py", "mjs", "rs", "vnnlib")
    assert sorted(os.listdir("d")) == sorted(f"f.{ending}" for ending in endings)
    assert set(json.loads(out)["files"].values()) == {f"d/f.{ending}" for ending in endings}
    space = {}
    exec(Path("d/f.py").read_text(), space)
    assert space["f"](1.25) == model.predict([1.25])[0]
    assert ReLUNetwork.load("d/f.network.json").n_neurons == expected.n_neurons


INPUTS = ("--x", "a", "--x", "b", "--x", "c")


def test_classes_and_categories_go_through_the_model(reluctant, mixed, tmp_path, monkeypatch):
    """With a penalty in the place of the cross-validation, which takes seconds and has tests of its own."""
    monkeypatch.setattr(training, "SparseReLUClassifier", lambda **options: SparseReLUClassifier(alpha=0.01))
    options = ("--max-parameters", 3, "--out", ".", "--name", "f", "--json")
    code, out, err = reluctant("fit", "m.csv", "--y", "k", "--x", "a", "--x", "c", *options)
    said = json.loads(out)
    assert (code, err, said["task"], said["x"]) == (0, "", "classification", ["a", "c"])
    assert said["accuracy"] > 0.9
    model = package.load(tmp_path / "f.json")
    assert model.columns_.names == ("a", "c = blue", "c = red")
    # Other order, another column, no class.
    (tmp_path / "new.csv").write_text("c;more;b;a\nred;?;0;1\nblue;;0;0,1\n")
    code, out, err = reluctant("predict", "f.json", "new.csv")
    assert (code, err) == (0, "")
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["a", "c", "k", "probability of no", "probability of yes"]
    assert [row[2] for row in rows[1:]] == model.predict([[1, 0, 1], [0.1, 1, 0]]).tolist() == ["yes", "no"]
    assert [float(row[4]) for row in rows[1:]] == model.predict_proba([[1, 0, 1], [0.1, 1, 0]])[:, 1].tolist()
    code, out, _ = reluctant("show", "f.json")
    assert (code, "log-odds of yes" in out) == (0, True)
    code, out, err = reluctant("predict", "f.json", "m.csv", "--json")
    assert json.loads(out)["accuracy"] == said["accuracy"]


def test_missing_cells_are_filled_in_as_in_the_fit(reluctant, mixed, tmp_path):
    with open("m.csv", "a") as file:
        file.write(",1,red,4,yes\n1,,blue,0,no\n1,1,,2,yes\n1,1,red,,no\n")
    fit = ("fit", "m.csv", "--y", "t", *INPUTS, "--tolerance", 9, "--out", ".", "-q", "--name", "f")
    code, _, err = reluctant(*fit)
    assert code == 1
    assert "4 cells are empty: nothing in column 'a' at line 32, nothing in column 'b' at line 33" in err
    assert reluctant(*fit, "--missing", "mean")[0] == 0
    (tmp_path / "new.csv").write_text("a,b,c\n,1,red\n1,,\n")
    code, out, err = reluctant("predict", "f.json", "new.csv")
    assert (code, err) == (0, "")
    model = package.load("f.json")
    fills = [fill for column in model.columns.inputs for fill in column.fill]
    expected = model.predict([[fills[0], 1, 0, 1], [1, fills[1], *fills[2:]]])
    assert [float(row["t"]) for row in csv.DictReader(io.StringIO(out))] == expected.tolist()
    assert reluctant(*fit, "--missing", "drop")[0] == 0
    code, _, err = reluctant("predict", "f.json", "new.csv")
    assert (code, "3 cells are empty" in err) == (1, True)
    code, _, err = reluctant("predict", "f.json", "new.csv", "--missing", "drop")
    assert (code, "every row has a missing cell" in err) == (1, True)
    code, out, _ = reluctant("predict", "f.json", "m.csv", "--missing", "drop", "--json")
    assert (code, json.loads(out)["rows"], json.loads(out)["rows_left_out"]) == (0, 31, 3)


def test_a_model_with_an_encoding_that_python_made_predicts_tables(reluctant, mixed):
    table = pl.read_csv("m.csv")
    model = SparseReLURegressor(alpha=0.01, missing="hinge").fit(table[["b", "c"]], table["t"])
    model.save("f.json", data=(table[["b", "c"]], table["t"]))
    code, out, err = reluctant("predict", "f.json", "m.csv", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["predictions"]["t"] == model.predict(table[["b", "c"]]).tolist()
    assert "c = red" in reluctant("show", "f.json")[1]


SPOILED = [
    ("x\n1\n", "there is no column 'a'; the columns are 'x'"),
    ("a,b\n1,2\n", "there is no column 'c'; the columns are 'a', 'b'"),
    (
        "a,b,c\n1,2,green\n",
        "column 'c' has 'green' at line 2, which is no category that the model knows; the model knows",
    ),
    (
        "a,b,c\n1,2,green\n1,x,red\n",
        "2 cells are no category that the model knows or not a number: 'green' in column 'c'",
    ),
    ("a,b,c\n", "header but no rows"),
    ("", "the file is empty"),
    (b"\x89PNG\r\n\x1a\n\xff", "a PNG image, not a table"),
]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("classifier") / "f.json"
    from reluctant.columns import Column, Columns

    X = np.random.default_rng(0).uniform(-1, 1, (30, 4))
    columns = Columns((Column("a"), Column("b"), Column("c", categories=("blue", "red"))), (Column("class"),))
    SparseReLUClassifier(alpha=0.1).fit(X, X[:, 0] > 0).save(path, columns=columns)
    return path


@pytest.mark.parametrize(("content", "message"), SPOILED, ids=[message for _, message in SPOILED])
def test_tables_that_do_not_fit_the_model_are_one_sentence(reluctant, classifier, tmp_path, content, message):
    (tmp_path / "new.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    code, out, err = reluctant("predict", classifier, "new.csv", "--out", "p.csv")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert message in err
    assert os.listdir() == ["new.csv"]


@pytest.mark.parametrize("command", ["show", "predict", "export"])
def test_models_cut_edited_newer_or_no_models_are_one_sentence(reluctant, classifier, tmp_path, command):
    content = classifier.read_text()
    faults = {
        content[:-30]: "truncated or not JSON",
        content.replace('"blue"', '"bleu"'): "is damaged or was edited: its digest does not",
        content.replace('"version": 1', '"version": 9'): "format version 9, this release reads up to 1",
        "{}": "is not a network saved by reluctant",
        "[1, 2": "is truncated or not JSON",
    }
    more = {"show": [], "predict": ["t.csv"], "export": ["--to", "c"]}[command]
    for spoiled, message in faults.items():
        (tmp_path / "m.json").write_text(spoiled)
        code, out, err = reluctant(command, "m.json", *more)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert message in err
        assert os.listdir() == ["m.json"]


NAMES = [
    'int x; /* "x" */ #include <stdio.h>',
    "<script>alert(1)</script> & &amp;",
    "$(rm -rf ~); `ls` && | > out ' \" \\",
    "$\\frac{a}{b}$ _x^2 %",
    "",
    "温度 °C\u202e",
    "double",
    "../../etc/passwd",
    "-rf",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_column_may_be_named_like_anything(reluctant, tmp_path, name):
    with open("t.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[name, "y"], *[[i, abs(i - 3)] for i in range(8)]])
    code, out, err = reluctant("fit", "t.csv", f"--x={name}", "--y", "y", "--no-plot", "--out", "o", "--json")
    assert (code, err) == (0, "")
    files = [Path(file) for file in json.loads(out)["files"].values()]
    assert all(file.parent == Path("o") and re.fullmatch(r"\w+\.(json|c|h)", file.name) for file in files)
    assert sorted(os.listdir()) == ["o", "t.csv"]
    code, out, err = reluctant("predict", files[0], "t.csv")
    assert (code, err, out.count("\n")) == (0, "", 9)
    assert reluctant("show", files[0])[0] == 0
    assert reluctant("export", files[0], "--to", "python", "--to", "rust", "--to", "javascript", "--out", "o")[0] == 0
    if shutil.which("cc"):
        subprocess.run(["cc", "-std=c99", "-Wall", "-Werror", "-c", files[1], "-o", "o/f.o"], check=True)


def test_umlauts_are_spelt_out_in_file_names(reluctant, tmp_path):
    (tmp_path / "t.csv").write_bytes("Größe;Höhe\n1;2\n2;5\n".encode("cp1252"))
    code, out, _ = reluctant("fit", "t.csv", "--x", "Größe", "--y", "Höhe", "--no-plot", "--json")
    assert (code, json.loads(out)["files"]["source"]) == (0, "reluctant-out/Hoehe_from_Groesse.c")


def test_a_rounded_table_gets_a_ladder_of_tolerances(reluctant, line, tmp_path):
    x, y = line
    rounded = np.round(y, 2)
    (tmp_path / "r.csv").write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), rounded.tolist())))
    code, out, err = reluctant("fit", "r.csv", "--x", "x", "--y", "y", "--json")
    said = json.loads(out)
    assert (code, err, said["rounded_to"], said["files"]) == (2, "", 0.01, {})
    assert said["exact_neurons"] == approximate(x, rounded, tolerance=0).n_neurons > 30
    assert said["choices"][0]["tolerance"] == 0.005
    for choice in said["choices"]:
        assert choice["neurons"] == approximate(x, rounded, tolerance=choice["tolerance"]).n_neurons
    assert [c["neurons"] for c in said["choices"]] == sorted({c["neurons"] for c in said["choices"]}, reverse=True)
    code, out, _ = reluctant("fit", "r.csv", "--x", "x", "--y", "y")
    assert code == 2
    assert "y is rounded to 0.01, half of it 0.005" in out
    assert "--tolerance 0.05" in out
    assert "nothing was written" in out
    assert sorted(os.listdir()) == ["r.csv", "t.csv"]
    assert reluctant("fit", "r.csv", "--x", "x", "--y", "y", "--p", 0, "--no-plot", "-q")[0] == 0


def test_standard_input_is_a_table(reluctant, line, monkeypatch):
    content = Path("t.csv").read_bytes()

    class Input:
        buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Input)
    assert reluctant("fit", "-", *FIT_LINE[2:])[0] == 0
    Input.buffer = io.BytesIO(b"x,y\n1,?\n")
    code, _, err = reluctant("fit", "-", *FIT_LINE[2:])
    assert (code, err.startswith("error: standard input: column 'y' has '?' at line 2")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["fit", "m.csv", "--y", "k", "--task", "classification", "--tolerance", "1"],
            1,
            "a tolerance is for numbers; for",
        ),
        (["fit", "m.csv", "--y", "a", "--p", "1"], 1, "--p is for one input of numbers; this table has"),
        (["fit", "m.csv", "--y", "a", "--x", "b", "--x", "a"], 2, "same column"),
        (["fit", "m.csv", "--y", "a", "--task", "clustering"], 2, "'--task'"),
        (["fit", "m.csv", "--y", "a", "--missing", "guess"], 2, "'--missing'"),
        (["fit", "m.csv", "--y", "a", "--max-parameters", "0"], 2, "'--max-parameters'"),
        (["fit", "m.csv", "--y", "a", "--max-parameters", "3", "--tolerance", "1"], 2, "either"),
        (["fit", "m.csv", "--y", "c", "--x", "a", "--task", "regression"], 1, "30 cells are not a number"),
        (["predict", "f.json"], 2, "Missing argument 'TABLE'"),
        (["predict", "f.json", "m.csv", "--out", "p.txt"], 2, "does not end in .csv or .parquet"),
        (["predict", "none.json", "m.csv"], 1, "none.json: No such file or directory"),
        (["export", "f.json"], 2, "'--to'"),
        (["export", "f.json", "--to", "cobol"], 2, "'cobol' is not one of"),
        (["export", "f.json", "--to", "vnnlib"], 2, "--to vnnlib and --low or --high go together"),
        (["export", "f.json", "--to", "c", "--low", "0"], 2, "--to vnnlib and --low or --high go together"),
        (["export", "f.json", "--to", "c", "--sequential"], 2, "it goes with --to onnx"),
        (["show"], 2, "Missing argument 'MODEL'"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_exit_code(reluctant, mixed, arguments, code, message):
    found, out, err = reluctant(*arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert message in err
    assert os.listdir() == ["m.csv"]


def test_a_network_file_predicts_with_columns_that_are_named(reluctant, tmp_path):
    ReLUNetwork([[1.0, 2.0]], [0.0], [1.0]).save("n.json")
    (tmp_path / "t.csv").write_text("b,a\n1,2\n3,4\n")
    code, _, err = reluctant("predict", "n.json", "t.csv")
    assert (code, "knows no names of columns; give the columns of its 2 inputs with --x" in err) == (1, True)
    code, out, _ = reluctant("predict", "n.json", "t.csv", "--x", "a", "--x", "b")
    assert (code, out) == (0, "a,b,prediction\n2.0,1.0,4.0\n4.0,3.0,10.0\n")


def examples():
    """The command lines that the help texts show."""
    for command in cli.app.registered_commands:
        for text in re.findall(r"^        (reluctant .+)$", command.callback.__doc__, re.MULTILINE):
            if " explore " in text:
                continue
            quick = any(f" {name} " in text for name in ("predict", "show", "export"))
            yield pytest.param(text, marks=[] if quick else [pytest.mark.slow])


@pytest.mark.parametrize("text", list(examples()))
def test_the_examples_of_the_help_texts_run(reluctant, tmp_path, text):
    shutil.copy(ROOT / "examples" / "thermocouple_type_k.csv", "type_k.csv")
    shutil.copy(ROOT / "examples" / "iris.csv", "iris.csv")
    model = tmp_path / "reluctant-out" / "temperature_c_from_emf_mv.json"
    if model.name in text:
        x, y = np.loadtxt("type_k.csv", delimiter=",", skiprows=1, unpack=True)[::-1]
        from reluctant.columns import Columns

        model.parent.mkdir()
        approximate(x, y, tolerance=0.5).save(model, columns=Columns.named(["emf_mv"], ["temperature_c"]))
    code, _, err = reluctant(*shlex.split(text)[1:])
    assert code == 0
    assert not err or "experiment" in text, err  # which tells there how far it is


def test_every_command_speaks_json_and_shows_examples():
    for command in typer.main.get_command(cli.app).commands.values():
        serves = command.name == "explore"  # until it is interrupted, and prints an address alone
        assert serves or "--json" in [option for parameter in command.params for option in parameter.opts], command.name
        assert "reluctant " in command.help
        assert "Exit codes" in command.epilog


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(reluctant, monkeypatch, shell):
    monkeypatch.setenv("_RELUCTANT_COMPLETE", f"source_{shell}")
    code, out, _ = reluctant()
    assert code == 0
    assert "_RELUCTANT_COMPLETE" in out


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals as on POSIX systems")
def test_an_interrupt_leaves_nothing_half_written(tmp_path, mixed):
    """Ctrl-C in the middle of a fit: 130, one line, and neither a directory nor a file."""
    arguments = [
        "fit",
        str(tmp_path / "m.csv"),
        "--y",
        "t",
        "--x",
        "a",
        "--x",
        "b",
        "--tolerance",
        "0.3",
        "--out",
        str(tmp_path / "o"),
    ]
    code = f"import sys; sys.argv = ['reluctant', *{arguments!r}]; from reluctant.command.cli import main; main()"
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode in (0, 130, -signal.SIGINT), err
    if run.returncode:
        assert not (tmp_path / "o").exists()
    else:
        assert sorted(os.listdir(tmp_path / "o")) == ["t.c", "t.h", "t.json"]
