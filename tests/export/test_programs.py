"""Networks as Python, JavaScript and Rust: what the programs print against predict, to the last bit where it can be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from networks import far_network
from reluctant import ReLUNetwork, SparseReLUClassifier, SparseReLURegressor, approximate, interpolate
from reluctant.export import export_javascript, export_python, export_rust
from reluctant.export.programs import JAVASCRIPT, PYTHON, RUST, _rust_string, render_program
from reluctant.export.rendering import nested
from reluctant.model.clip import Clip

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (60, 3))
FAR = np.vstack([RNG.normal(size=(300, 3)) * 30, X])
WORDS = np.array(['a "b" \\', "é\n*/", "日\u2028"])[np.digitize(X[:, 0], [-0.3, 0.3])]
WRITE = {"python": export_python, "javascript": export_javascript, "rust": export_rust}
SUFFIX = {"python": ".py", "javascript": ".mjs", "rust": ".rs"}
TOOL = {"python": "python3", "javascript": "node", "rust": "rustc"}
MAIN = {
    "python": "import json, sys\nprint(json.dumps([[{calls}] for x in json.load(sys.stdin)]))\n",
    "javascript": "import fs from 'node:fs';\n"
    "console.log(JSON.stringify(JSON.parse(fs.readFileSync(0, 'utf8')).map((x) => [{calls}])));\n",
    "rust": "fn main() {{\n    let rows: &[{row}] = &[{rows}];\n"
    "    for &x in rows {{ println!({format}, {calls}); }}\n}}\n",
}
languages = pytest.mark.parametrize(
    "language",
    [
        "python",
        pytest.param("javascript", marks=pytest.mark.skipif(not shutil.which("node"), reason="no node on the path")),
        pytest.param("rust", marks=pytest.mark.skipif(not shutil.which("rustc"), reason="no rustc on the path")),
    ],
)


@cache
def classifier(labels: str) -> SparseReLUClassifier:
    y = WORDS if labels == "three" else np.where(X[:, 0] > 0.1, WORDS[0], "né")
    return SparseReLUClassifier(alpha=0.01, random_state=0).fit(X, y)


def run(language: str, folder: Path, source: str, rows: list, functions: list[str]) -> list[list]:
    """What each function returns for each row, printed by a program made of the file and a few lines that call it."""
    file = folder / f"program{SUFFIX[language]}"
    if language == "rust":
        single = not isinstance(rows[0], list)
        literal = ", ".join(json.dumps(row) if single else f"[{', '.join(map(repr, row))}]" for row in rows)
        main = MAIN["rust"].format(
            row="f64" if single else f"[f64; {len(rows[0])}]",
            rows=literal,
            format='"[' + ", ".join(["{:?}"] * len(functions)) + ']"',
            calls=", ".join(f"{f}({'x' if single else '&x'})" for f in functions),
        )
        file.write_text(source + main, encoding="utf-8")
        command = ["rustc", "-D", "warnings", "-A", "dead_code", "-O", "-o", str(folder / "program"), str(file)]
        subprocess.run(command, check=True)
        printed = subprocess.run([folder / "program"], check=True, capture_output=True, text=True).stdout
        return [json.loads(_as_json(line)) for line in printed.splitlines()]
    calls = ", ".join(f"{f}(x)" for f in functions)
    file.write_text(source + MAIN[language].format(calls=calls), encoding="utf-8")
    tool = [TOOL[language], str(file)]
    return json.loads(subprocess.run(tool, input=json.dumps(rows), check=True, capture_output=True, text=True).stdout)


def _as_json(line: str) -> str:
    """Rust's debug format of numbers, arrays and options of text, as JSON."""
    line = re.sub(r'Some\("((?:[^"\\]|\\.)*)"\)', r'"\1"', line)
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: f"\\u{int(m[1], 16):04x}", line)


@languages
def test_a_solution_on_the_line_is_the_table_to_the_last_bit(language, tmp_path):
    x = 1e9 + np.linspace(0.0, 10.0, 300)
    solution = approximate(x, np.sin(x - 1e9), tolerance=0.01)
    exported = WRITE[language](solution, tmp_path / f"sine{SUFFIX[language]}", data=(x, np.sin(x - 1e9)))
    rows = np.concatenate([x - 20.0, x, x + 0.013]).tolist()
    values = run(language, tmp_path, exported.source, rows, ["sine"])
    np.testing.assert_allclose(np.ravel(values), solution.predict(rows), atol=exported.error_bound)
    assert exported.data_error == pytest.approx(solution.max_error)
    assert exported.error_between == pytest.approx(solution.max_error_between)
    assert "proved minimal" in exported.source.split("\n\n")[0]


@languages
def test_a_network_of_several_inputs_and_outputs(language, tmp_path):
    for K, d, m in ((0, 2, 1), (4, 3, 1), (3, 1, 2)):
        W = RNG.normal(size=(K, d)) * (RNG.random((K, d)) < 0.7)
        network = ReLUNetwork(W, RNG.normal(size=K), RNG.normal(size=(K, m)), RNG.normal(size=(d, m)))
        rows = FAR[:, :d]
        exported = WRITE[language](network, tmp_path / f"f{SUFFIX[language]}", name="f", data=(rows, network(rows)))
        values = np.array(run(language, tmp_path, exported.source, rows.tolist(), ["f"]))
        expected = network(rows)
        np.testing.assert_allclose(values.reshape(expected.shape), expected, atol=exported.error_bound)
        assert exported.data_error <= exported.error_bound


@languages
@pytest.mark.parametrize("clipped", [False, True])
def test_a_network_far_from_zero_is_counted_from_a_centre(language, tmp_path, clipped):
    network, rows = far_network("time stamps")
    model, expected = network, network(rows)
    if clipped:
        model = SparseReLURegressor(alpha=1e-3, random_state=0).fit(X[:30], X[:30, 0])
        model.network_ = network
        model.clip_ = Clip(np.array([1.6e9 - 2e3, -np.inf, 4.5]), np.array([1.6e9 + 3e3, np.inf, np.inf]))
        expected = network(model.clip_(rows))
    exported = WRITE[language](model, tmp_path / f"f{SUFFIX[language]}", name="f", data=(rows, expected))
    values = np.ravel(run(language, tmp_path, exported.source, rows.tolist(), ["f"]))
    np.testing.assert_allclose(values, expected, atol=exported.error_bound)
    assert exported.data_error <= exported.error_bound < 1e-12 * np.abs(expected).max()


@languages
@pytest.mark.parametrize("d", [1, 3])
def test_a_regressor_is_clipped_as_its_predict(language, tmp_path, d):
    model = SparseReLURegressor(alpha=1e-3, random_state=0).fit(X[:, :d], np.abs(X[:, 0] - 0.3))
    model.clip_ = Clip(np.full(d, -2.0), np.full(d, 3.0))  # with alpha given there is none
    exported = WRITE[language](model, tmp_path / f"m{SUFFIX[language]}")
    rows = FAR[:, 0].tolist() if d == 1 else FAR.tolist()
    values = run(language, tmp_path, exported.source, rows, ["m"])
    np.testing.assert_allclose(np.ravel(values), model.predict(FAR[:, :d]), atol=1e-10)


@languages
@pytest.mark.parametrize("labels", ["two", "three"])
def test_a_classifier_has_labels_and_probabilities(language, tmp_path, labels):
    model = classifier(labels)
    exported = WRITE[language](model, tmp_path / f"m{SUFFIX[language]}")
    values = run(language, tmp_path, exported.source, FAR.tolist(), ["m_label", "m_probabilities"])
    assert [row[0] for row in values] == model.predict(FAR).tolist()
    np.testing.assert_allclose([row[1] for row in values], model.predict_proba(FAR), atol=1e-12)


def test_nan_behind_a_clip_is_never_a_number():
    for model in (
        SparseReLURegressor(alpha=1e-3, random_state=0).fit(X[:, :1], np.abs(X[:, 0] - 0.3)),
        SparseReLUClassifier(alpha=0.01, random_state=0).fit(X[:, :1], np.where(X[:, 0] > 0.1, "a", "b")),
    ):
        model.clip_ = Clip(np.array([-1.0]), np.array([1.0]))
        module: dict = {}
        exec(render_program(PYTHON, model, "m").source, module)
        assert np.isnan(module["m"](np.nan))
        assert "m_label" not in module or module["m_label"](np.nan) is None


@pytest.mark.parametrize("language", [PYTHON, JAVASCRIPT, RUST])
def test_names_are_never_words_of_the_language(language):
    solution = interpolate([0, 1, 2], [0, 0, 1])
    for word in ("x", "class", "lambda", "fn", "k", "import", "await", "list", "2nd", "main"):
        name = render_program(language, solution, word).name
        assert name not in language.taken
        assert name not in ("x", "k")


def test_an_infinite_bound_of_a_clip_is_written_in_the_language():
    assert nested([(0, -np.inf, 1.0)], "[ ] ( )", 'float("inf")') == '[\n    (0, -float("inf"), 1.0),\n]'


def test_bad_requests_leave_no_file(tmp_path):
    solution = interpolate([0, 1, 2], [0, 0, 1])
    with pytest.raises(ValueError, match=r"the path must end in .js or .mjs, got 'f.ts'"):
        export_javascript(solution, tmp_path / "f.ts")
    with pytest.raises(ValueError, match="model must be a Solution"):
        export_python("f", tmp_path / "f.py")
    with pytest.raises(ValueError, match="a classifier has labels; leave data out"):
        export_rust(classifier("two"), tmp_path / "f.rs", data=(X, X[:, 0] > 0))
    for data in ((X, X[:, 0]), ([0, 1], np.eye(2))):
        with pytest.raises(ValueError, match="data must have 1 input and 1 output as the model has, got"):
            export_rust(solution, tmp_path / "f.rs", data=data)
    with pytest.raises(ValueError, match=r"data must be a pair \(X, y\)"):
        export_python(solution, tmp_path / "f.py", data=(1, 2, 3))
    with pytest.raises(ValueError, match="half a surrogate pair, which no Rust string can hold"):
        _rust_string("\ud800")
    assert list(tmp_path.iterdir()) == []
