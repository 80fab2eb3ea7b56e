"""The command as scripts and people meet it: exit codes, one-line errors, whole files."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from reluctant import ReLUNetwork, approximate, interpolate, load
from reluctant.command import job
from reluctant.command.cli import main

ROOT = Path(__file__).parents[2]
THERMOCOUPLE = ROOT / "examples" / "thermocouple_type_k.csv"
INVERT = ["fit", str(THERMOCOUPLE), "--x", "emf_mv", "--y", "temperature_c"]


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
    path.write_text("x,y\n-2,0\n-1,0\n0,1\n1,1\n2,0\n3,0\n")
    return path


def thermocouple():
    with THERMOCOUPLE.open() as file:
        rows = [(float(r["emf_mv"]), float(r["temperature_c"])) for r in csv.DictReader(file)]
    return np.array(rows).T


def test_the_thermocouple_is_inverted_within_half_a_degree(reluctant, tmp_path):
    code, out, err = reluctant(*INVERT, "--tolerance", 0.5)
    assert (code, err) == (0, "")
    assert "neurons, proved minimal" in out
    x, y = thermocouple()
    network = ReLUNetwork.load(tmp_path / "reluctant-out" / "temperature_c_from_emf_mv.json")
    assert np.abs(network(x) - y).max() <= 0.5 * (1 + 2e-9)
    assert f"found          {network.n_neurons} neurons, proved minimal" in out
    for ending in ("c", "h", "png", "svg", "json"):
        path = tmp_path / "reluctant-out" / f"temperature_c_from_emf_mv.{ending}"
        assert path.stat().st_size > 0
        assert f"reluctant-out/temperature_c_from_emf_mv.{ending}" in out
    assert len(list((tmp_path / "reluctant-out").iterdir())) == 5


def test_json_holds_the_result_and_nothing_else(reluctant, table):
    code, out, err = reluctant(
        "fit", table, "--x", "x", "--y", "y", "--json", "--no-plot", "--out", "o", "--name", "hat"
    )
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["neurons"] == 3
    assert result["certificate"]["kind"] == "proved"
    assert result["certificate"]["lower_bound"] == 3
    assert result["rows"] == 6
    assert result["table_entries"] == 12
    assert result["c"]["bytes"] == 8 * 15
    assert result["c"]["full_table_bytes"] == 8 * 12
    assert result["files"] == {"model": "o/hat.json", "source": "o/hat.c", "header": "o/hat.h"}
    network = ReLUNetwork.load(result["files"]["model"])
    np.testing.assert_array_equal(network([-2, -1, 0, 1, 2, 3]), [0, 0, 1, 1, 0, 0])


def test_p_is_handed_on(reluctant, table):
    _, out, _ = reluctant("fit", table, "--x", "x", "--y", "y", "--p", 0.5, "--json", "--no-plot")
    assert json.loads(out)["value"] == pytest.approx(2 + 2**0.5)
    code, out, _ = reluctant("fit", table, "--x", "x", "--y", "y", "--p", 0.5, "--no-plot")
    assert code == 0
    assert "ℓp value 3.41421, proved minimal, for p = 0.5" in out


def test_bias_is_handed_on(reluctant, table):
    request = ("fit", table, "--x", "x", "--y", "y", "--p", 1, "--bias", "l1", "--no-plot")
    result = json.loads(reluctant(*request, "--json")[1])
    assert (result["bias"], result["value"]) == ("l1", 8.0)
    assert "ℓp value 8, proved minimal, for p = 1 with biases penalised, l1" in reluctant(*request)[1]


def test_quiet_prints_nothing(reluctant, table):
    assert reluctant("fit", table, "--x", "x", "--y", "y", "--no-plot", "--quiet") == (0, "", "")


def test_help_shows_an_example_and_the_exit_codes(reluctant):
    code, out, _ = reluctant("fit", "--help")
    assert code == 0
    assert "--x emf_mv --y temperature_c --tolerance 0.5" in " ".join(out.split())
    assert "Exit codes" in out
    assert reluctant()[0] == 0


def test_version(reluctant):
    import reluctant as package

    assert reluctant("--version") == (0, f"reluctant {package.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit"], "Missing argument 'TABLE'"),
        (["fit", "t.csv"], "Missing option"),
        (["bogus"], "No such command"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--bogus"], "No such option"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "-1"], "at least 0"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "nan"], "finite"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "wide"], "'--tolerance'"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "-1%"], "at least 0"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "1%%"], "neither a number nor one with a per cent"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "1", "--tolerance-column", "e"], "either"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance-column", "y"], "same column as --x or --y"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--between", "lines"], "it goes with --tolerance"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--between", "line", "--tolerance", "1"], "'--between'"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--max-neurons", "1", "--below"], "it goes with --tolerance"),
        (
            ["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "1", "--below", "--above"],
            "either --below or --above",
        ),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--p", "1.5"], "between 0 and 1"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--p", "0.5", "--tolerance", "1"], "either --p or --tolerance"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--max-neurons", "-1"], "--max-neurons"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--max-neurons", "1.5"], "--max-neurons"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--max-neurons", "1", "--p", "0"], "either --max-neurons or --p"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--max-neurons", "1", "--tolerance", "1"], "or --tolerance"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--bias", "l1"], "it goes with --p 1"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--p", "1", "--bias", "l3"], "'l3' is not l1 or l2"),
        (["path", "t.csv", "--x", "x", "--y", "y", "--max-neurons", "1"], "it goes with --errors"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--shape", "convex"], "it goes with --tolerance"),
        (["fit", "t.csv", "--x", "x", "--y", "y", "--shape", "flat"], "'flat' is not one of increasing, decreasing"),
        (
            ["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "1", "--shape", "convex", "--shape", "concave"],
            "give one of convex and concave, once",
        ),
        (
            ["fit", "t.csv", "--x", "x", "--y", "y", "--tolerance", "1", "--shape", "convex", "--between", "lines"],
            "leave out --between",
        ),
        (["fit", "t.csv", "--x", "x", "--x", "x", "--y", "y"], "it names 'x' twice"),
        (["fit", "t.csv", "--x", "x", "--y", "x"], "same column"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(reluctant, table, arguments, message):
    code, out, err = reluctant(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, [], "none.csv: No such file or directory"),
        ("", [], "none.csv: the file is empty"),
        ("x,y\n1,2\n1,3\n", [], "x = 1.0 appears with y = 2.0 and y = 3.0"),
        ("x,y\n1,2\n1,3\n", ["--tolerance", "0.1"], "a tolerance of 0.5"),
        ("x,y\n1,2\n2,?\n", [], "line 3, which is not a number; correct it or remove the row"),
        ("x,z\n1,2\n2,?\n", [], "there is no column 'y'"),
        ("x,y\n0,0\n1,1e300\n2,0\n", ["--float"], "beyond single precision"),
        ("x,y\n0,0\n1,1\n", ["--out", "none.csv"], "none.csv: File exists"),
        ("x,y\n0,0\n1,1\n", ["--out", "none.csv/deeper"], "none.csv/deeper: Not a directory"),
    ],
)
def test_bad_data_and_files_are_exit_code_1(reluctant, tmp_path, content, arguments, message):
    if content is not None:
        (tmp_path / "none.csv").write_text(content)
    code, out, err = reluctant("fit", "none.csv", "--x", "x", "--y", "y", "--no-plot", "--json", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "reluctant-out").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="file size limits need a POSIX system")
def test_a_full_disk_leaves_the_old_files_whole(table, tmp_path):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))

    out = tmp_path / "out"
    out.mkdir()
    (out / "y_from_x.json").write_text("old")
    command = [sys.executable, "-m", "reluctant", "fit", table, "--x", "x", "--y", "y", "--out", out, "--no-plot"]
    run = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "File too large" in run.stderr
    assert [path.name for path in out.iterdir()] == ["y_from_x.json"]
    assert (out / "y_from_x.json").read_text() == "old"


@pytest.mark.parametrize("out", ["new", "new/deeper"])
def test_a_fit_that_fails_leaves_no_directory_behind(reluctant, table, tmp_path, monkeypatch, out):
    def fail(contents):
        raise OSError(28, "No space left on device", str(next(iter(contents))))

    monkeypatch.setattr(job, "write_together", fail)
    code, printed, err = reluctant("fit", table, "--x", "x", "--y", "y", "--no-plot", "--out", out)
    assert (code, printed, err) == (1, "", f"error: {out}/y_from_x.json: No space left on device\n")
    assert not (tmp_path / "new").exists()


STREAMS = {"stdout closed": ">&-", "stderr closed": "2>&-", "both closed": ">&- 2>&-", "nobody reads": "| true"}
if os.path.exists("/dev/full"):
    STREAMS |= {"stdout full": "> /dev/full", "both full": "> /dev/full 2>&1"}


@pytest.mark.gate(2)
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs a shell")
@pytest.mark.parametrize(
    ("arguments", "code"), [("show n.json", 0), ("show none.json", 1), ("bogus", 2), ("fit --help", 0)]
)
def test_closed_and_full_streams_never_end_in_a_traceback(tmp_path, arguments, code):
    """The exit code is that of the command, or 1 where its output is lost; what is said is one line."""
    ReLUNetwork([[1.0]], [1.0], [1.0]).save(tmp_path / "n.json")
    for name, redirection in STREAMS.items():
        line = f"set -o pipefail; {sys.executable} -m reluctant {arguments} {redirection}"
        run = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
        lost = code == 0 and "full" in name
        assert run.returncode == (1 if lost else code) or name == "nobody reads", (name, run)
        assert run.stderr.count("\n") <= 1, (name, run.stderr)
        assert not run.stderr or run.stderr.startswith("error: "), (name, run.stderr)
        if name == "stdout full" and code == 0:
            assert "No space left on device" in run.stderr


def test_a_file_opened_while_stdout_is_closed_does_not_take_its_place(tmp_path, table):
    """Else what a library prints would go into the network file."""
    code = """
import os, sys
from reluctant.command.cli import main
sys.argv = ["reluctant", "--version"]
try:
    main()
finally:
    print(os.open("t.csv", os.O_RDONLY) > 2, file=open("answer", "w"))
"""
    line = f'exec {sys.executable} -c "$CODE" <&- >&- 2>&-'
    subprocess.run(["bash", "-c", line], cwd=tmp_path, env=os.environ | {"CODE": code}, check=True)
    assert (tmp_path / "answer").read_text() == "True\n"


def test_an_unforeseen_fault_is_one_line_and_exit_code_3(reluctant, table, monkeypatch):
    def fail(*arguments, **options):
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(job, "interpolate", fail)
    code, out, err = reluctant("fit", table, "--x", "x", "--y", "y", "--no-plot")
    assert (code, out) == (3, "")
    assert err == "error: unforeseen ZeroDivisionError: a b; RELUCTANT_TRACEBACK=1 shows where\n"
    monkeypatch.setenv("RELUCTANT_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", ["reluctant", "fit", str(table), "--x", "x", "--y", "y", "--no-plot"])
    with pytest.raises(ZeroDivisionError):
        main()


def test_an_interrupt_while_an_extension_is_imported_is_an_interrupt(reluctant, table, monkeypatch):
    def fail(*arguments, **options):
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr(job, "interpolate", fail)
    code, out, err = reluctant("fit", table, "--x", "x", "--y", "y", "--no-plot")
    assert (code, out) == (130, "")
    assert "interrupted" in err
    assert "ImportError" not in err


def test_control_characters_in_names_do_not_reach_the_terminal(reluctant, tmp_path):
    (tmp_path / "t.csv").write_text("x\x1b[31m,y\n1,2\n2,4\n")
    code, out, _ = reluctant("fit", "t.csv", "--x", "x\x1b[31m", "--y", "y")
    assert code == 0
    assert r"y from x\x1b[31m" in out
    assert "\x1b" not in out
    ET.parse(tmp_path / "reluctant-out" / "y_from_x_31m.svg")


def test_separator_is_found_or_told(reluctant, tmp_path):
    (tmp_path / "t.csv").write_text("x:y\n1:2\n2:4\n")
    fit = ["fit", "t.csv", "--x", "x", "--y", "y", "--no-plot", "--quiet"]
    assert reluctant(*fit, "--separator", ":")[0] == 0
    assert reluctant(*fit)[0] == 1
    for wrong in ("::", "", "é"):
        assert reluctant(*fit, "--separator", wrong)[0] == 2
    (tmp_path / "t.csv").write_text("x\ty\n1\t2\n2\t4\n")
    assert reluctant(*fit, "--separator", "tab")[0] == 0


def fitted(tmp_path, x, y, **options):
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist())))
    return job.run(job.Job(path, "x", "y", out=tmp_path / "out", plot=False, **options))


def test_float_keeps_the_tolerance_with_as_many_neurons(tmp_path):
    """Smooth data leave room: the plain fit breaks the tolerance in float, the one delivered does not."""
    x = np.linspace(0, 10, 400)
    y = 1000 * np.sin(x)
    outcome = fitted(tmp_path, x, y, tolerance=3.0, dtype="float")
    plain = approximate(x, y, tolerance=3.0)
    from reluctant.export.c import render_c

    assert render_c(plain, "f", "float", (x, y)).data_error > 3.0 * (1 + 1e-9)
    assert outcome.c.data_error <= 3.0 * (1 + 1e-9)
    assert outcome.excess == 0
    assert outcome.solution.n_neurons == plain.n_neurons == outcome.solution.certificate.lower_bound


def test_a_tolerance_that_float_breaks_is_said(tmp_path, reluctant):
    """The example table has links that just fit within half a degree: in float they take one neuron more."""
    code, out, _ = reluctant(*INVERT, "--tolerance", 0.5, "--float", "--no-plot", "--json")
    result = json.loads(out)
    assert code == 0
    assert not result["c"]["keeps_tolerance"]
    assert result["c"]["max_error"] > 0.5
    remedy = result["c"]["remedy"]
    x, y = thermocouple()
    assert approximate(x, y, tolerance=remedy["tolerance"]).n_neurons == remedy["n_neurons"] > result["neurons"]
    _, out, _ = reluctant(*INVERT, "--tolerance", remedy["tolerance"], "--float", "--no-plot", "--json")
    assert json.loads(out)["c"]["max_error"] <= 0.5
    _, out, _ = reluctant(*INVERT, "--tolerance", 0.5, "--float", "--no-plot")
    assert "warning: rounding to float" in out


def test_double_breaks_no_tolerance_that_the_solution_keeps(tmp_path):
    x = np.linspace(0, 1, 50)
    outcome = fitted(tmp_path, x, np.sin(9 * x) / 3, tolerance=0.0)
    assert outcome.c.data_error == outcome.solution.max_error
    assert outcome.excess == 0


def test_values_near_the_largest_float_are_json_too(tmp_path):
    x, y = np.array([-8e307, 0.0, 8e307]), np.array([1.0, -2.0, 3.0])
    outcome = fitted(tmp_path, x, y)
    json.dumps(outcome.as_json(), allow_nan=False)
    assert outcome.solution.n_neurons == interpolate(x, y).n_neurons


def test_show_prints_what_a_file_holds(reluctant, tmp_path):
    ReLUNetwork([[1.0, 2.0], [0.0, 3.0]], [1.0, 0.0], [1.0, -1.0]).save(tmp_path / "n.npz")
    code, out, _ = reluctant("show", "n.npz")
    assert code == 0
    assert "2 -> 2 -> 1" in out
    (tmp_path / "n.json").write_text("{}")
    assert reluctant("show", "n.json")[0] == 1
    assert reluctant("show", "other.json")[0] == 1


def test_path_prints_the_pieces(reluctant, tmp_path):
    """The example of the documentation: 4 knots, then 5, then 4 again."""
    x = np.arange(10.0)
    y = np.concatenate([[0], np.cumsum(np.cumsum([0, 0.01, 1.1, 6.5, 4.6, 2.5, 0.1, 1.2, 0.8]))])
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist())))
    code, out, err = reluctant("path", "t.csv", "--x", "x", "--y", "y", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert [piece["neurons"] for piece in result["pieces"]] == [4, 5, 4]
    for piece in result["pieces"]:
        p = (piece["from"] + piece["to"]) / 2
        assert interpolate(x, y, p).n_neurons == piece["neurons"]
    assert result["critical_p"] == pytest.approx(0.2785, abs=1e-4)
    code, out, _ = reluctant("path", "t.csv", "--x", "x", "--y", "y")
    assert code == 0
    assert "2 certified, 0 unresolved" in out
    code, out, _ = reluctant("path", "t.csv", "--x", "x", "--y", "y", "--figure", "path.svg")
    assert (code, out.splitlines()[-1].split()) == (0, ["figure", "path.svg"])
    ET.parse("path.svg")
    assert reluctant("path", "t.csv", "--x", "x", "--y", "y", "--figure", "path.gif")[0] == 2


def test_experiment_needs_a_name_that_exists(reluctant):
    for arguments in ([], ["peak-plateau", "--all"]):
        assert reluctant("experiment", *arguments)[0] == 2
    code, out, err = reluctant("experiment", "no-such", "--out", "pages")
    assert (code, out) == (2, "")
    assert "'no-such' is not one of peak-plateau, high-dimensional, held-out, choice-of-p, optimality-gap" in err
    assert "pages" not in err


def test_the_smallest_error_for_so_many_neurons_is_fitted_and_said(reluctant, tmp_path):
    code, out, err = reluctant(*INVERT, "--max-neurons", 8)
    assert (code, err) == (0, "")
    assert "largest error 1.45502 with 8 neurons, proved minimal" in out
    code, out, err = reluctant(*INVERT, "--max-neurons", 8, "--json", "--no-plot")
    said = json.loads(out)
    assert (code, said["max_neurons"], said["neurons"]) == (0, 8, 8)
    assert said["certificate"]["quantity"] == "error"
    assert said["certificate"]["is_optimal"] is True
    x, y = thermocouple()
    assert said["max_error"] == approximate(x, y, max_neurons=8).max_error
    network = ReLUNetwork.load(tmp_path / "reluctant-out" / "temperature_c_from_emf_mv.json")
    assert np.abs(network(x) - y).max() == pytest.approx(said["max_error"], rel=1e-9)


def test_a_tolerance_along_lines_holds_between_the_rows(reluctant):
    x, y = thermocouple()
    code, out, err = reluctant(*INVERT, "--tolerance", 0.5, "--between", "lines", "--no-plot", "--json")
    result = json.loads(out)
    assert (code, err, result["between"]) == (0, "", "lines")
    assert result["neurons"] == approximate(x, y, tolerance=0.5, between="lines").n_neurons == 17
    assert result["max_error_between"] <= 0.5 * (1 + 1e-9)
    _, out, _ = reluctant(*INVERT, "--tolerance", 0.5, "--between", "lines", "--no-plot")
    assert "0.5 at the rows, 0.5 from the straight lines between them" in out
    assert "along the straight lines between the rows" in out


def test_a_tolerance_with_a_per_cent_sign_is_a_share_of_each_target(reluctant):
    x, y = thermocouple()
    _, out, _ = reluctant(*INVERT, "--tolerance", "1%", "--no-plot", "--json")
    result = json.loads(out)
    assert (result["tolerance"], result["relative"]) == (None, 0.01)
    network = ReLUNetwork.load(result["files"]["model"])
    assert (np.abs(network(x) - y) <= 0.01 * np.abs(y) * (1 + 1e-9) + 1e-9).all()
    assert result["neurons"] == approximate(x, y, relative=0.01).n_neurons


def test_a_column_holds_the_tolerance_of_each_row(reluctant, tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("x,y,e\n0,0,0\n1,1,1\n2,0,1\n3,3,0\n4,0,9\n")
    _, out, _ = reluctant("fit", path, "--x", "x", "--y", "y", "--tolerance-column", "e", "--no-plot", "--json")
    result = json.loads(out)
    assert (result["neurons"], result["tolerance_column"], result["c"]["keeps_tolerance"]) == (1, "e", True)
    path.write_text("x,y,e\n0,0,0\n1,1,-1\n")
    code, _, err = reluctant("fit", path, "--x", "x", "--y", "y", "--tolerance-column", "e")
    assert code == 1
    assert "column 'e' must not be negative, got -1 at line 3" in err


@pytest.mark.parametrize("between", ["rows", "lines"])
def test_a_row_of_infinite_tolerance_does_not_count(reluctant, tmp_path, between):
    path = tmp_path / "e.csv"
    path.write_text("x,y,e\n0,0,0.1\n1,50,inf\n2,2,0.1\n3,3,0.1\n")
    arguments = ("fit", path, "--x", "x", "--y", "y", "--tolerance-column", "e", "--between", between)
    _, out, _ = reluctant(*arguments, "--no-plot", "--json")
    result = json.loads(out)
    assert (result["neurons"], result["c"]["keeps_tolerance"]) == (0, True)
    assert result["c"]["max_error"] < 0.11
    path.write_text("x,y,e\n0,0,0.1\n1,inf,1\n")
    assert "column 'y' has 'inf' at line 3" in reluctant(*arguments)[2]


@pytest.mark.parametrize("between", ["rows", "lines"])
@pytest.mark.parametrize("kind", ["--float", "--double"])
@pytest.mark.parametrize("side", ["--below", "--above"])
def test_one_side_alone_is_kept_by_the_c_function_too(reluctant, tmp_path, side, kind, between):
    x = np.linspace(0, 10, 300)
    y = 100 * np.sin(x)
    path = tmp_path / "wave.csv"
    path.write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist())))
    options = ["--tolerance", 1, side, kind, "--between", between]
    code, out, _ = reluctant("fit", path, "--x", "x", "--y", "y", *options, "--no-plot", "--json")
    result = json.loads(out)
    assert (code, result["side"], result["c"]["keeps_tolerance"]) == (0, side.removeprefix("--"), True)
    function = approximate(x, y, bounds=(y - 1, y) if side == "--below" else (y, y + 1), between=between).function
    assert result["neurons"] == function.n_knots
    model = load(result["files"]["model"])
    assert model.tolerance is None
    assert np.array_equal(model.bounds, (y - 1, y) if side == "--below" else (y, y + 1))
    network = ReLUNetwork.load(result["files"]["model"])
    residual = (network(x) - y) * (-1 if side == "--below" else 1)
    assert residual.min() >= -1e-9
    assert residual.max() <= 1 + 1e-9


def test_a_shape_is_fitted_said_and_refused_by_its_rows(reluctant, table):
    fitted = ("fit", table, "--x", "x", "--y", "y", "--tolerance", 0.5, "--no-plot", "--shape", "increasing")
    code, out, err = reluctant(*fitted, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert (said["shape"], said["neurons"], said["c"]["keeps_tolerance"]) == (["increasing"], 0, True)
    assert "fewest knots of any increasing function within the band at the rows" in said["certificate"]["reason"]
    code, out, err = reluctant(*fitted, "--shape", "convex", "--below")
    assert (code, out) == (1, "")
    assert "no increasing convex function is within the band: it is to be at least 0.5 at x = 0.0 (line 4)" in err
    assert "bounds wider by 0.250001 would do\n" in err


def test_rounding_of_floats_is_kept_within_a_tolerance_that_the_shape_just_allows(reluctant, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n0,0.1\n1,0.3\n2,0.1\n3,0.7\n")
    arguments = ("fit", "t.csv", "--x", "x", "--y", "y", "--no-plot", "--shape", "increasing", "--float", "--json")
    code, out, err = reluctant(*arguments, "--tolerance", 0.1)
    assert (code, err) == (0, "")
    assert json.loads(out)["c"]["remedy"] is None


def test_path_of_errors_is_a_table_a_figure_and_json(reluctant, table, tmp_path):
    code, out, err = reluctant("path", "t.csv", "--x", "x", "--y", "y", "--errors", "--figure", "errors.svg")
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "0 neurons largest error 0.5" in lines
    assert "3 neurons largest error 0" in lines
    assert "end 0 with 3 neurons; no more neurons can lower it" in lines
    ET.parse(tmp_path / "errors.svg")
    code, out, _ = reluctant("path", "t.csv", "--x", "x", "--y", "y", "--errors", "--max-neurons", 1, "--json")
    said = json.loads(out)
    assert [entry["neurons"] for entry in said["path"]] == [0, 1]
    assert said["complete"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "x = 1.0 appears with y = 2.0 and y = 5.0 (lines 4 and 8)"),
        (("--tolerance", 1), "x = 1.0 appears with y = 2.0 and y = 5.0 (lines 4 and 8)"),
        (("--tolerance", 1, "--above"), "an upper bound of 3.0 (lines 8 and 4)"),
        (("--tolerance", 1, "--x", "z"), "lines 4 and 8 are equal but y = 2.0 and y = 5.0 differ"),
        (("--tolerance-column", "e"), "column 'e' must not be negative, got -1 at line 7"),
    ],
)
def test_what_a_solver_says_about_rows_names_lines_of_the_file(reluctant, tmp_path, arguments, said):
    """Comments, a blank line and a row that is left out stand before and among the rows."""
    lines = "# made by hand", "x,z,e,y", "0,0,1,1", "1,0,1,2", "", "2,0,1,NA", "3,0,-1,4", "1,0,1,5"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    code, out, err = reluctant("fit", "t.csv", "--x", "x", "--y", "y", "--missing", "drop", *arguments)
    assert (code, out) == (1, "")
    assert said in err, err


def test_a_path_names_lines_of_the_file(reluctant, tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n0,1\n1,2\n1,3\n2,0\n")
    assert "(lines 3 and 4)" in reluctant("path", "t.csv", "--x", "x", "--y", "y")[2]
