"""Estimators as C: the compiled file against predict, decision_function and predict_proba, far outside the data too."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reluctant import ReLUNetwork, SparseReLUClassifier, SparseReLURegressor
from reluctant.export import export_c
from reluctant.export.c import render_c
from reluctant.export.identifiers import comment_text, string_literal
from reluctant.export.link_table import clipped_line, line_function
from reluctant.model.clip import Clip
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.regression import selection

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
CXX = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler (cc, gcc or clang) on the path")
needs_cxx = pytest.mark.skipif(CXX is None, reason="no C++ compiler on the path")
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wdouble-promotion", "-trigraphs"]
NUMPY = {"double": np.float64, "float": np.float32}
CTYPE = {"double": ctypes.c_double, "float": ctypes.c_float}
LABELS = np.array(['in"side', "out\\side??/", "d\u00e9j\u00e0 */ vu\n%s"])


class Compiled:
    """The functions of a compiled file: f (N, m), classes (N,), probabilities (N, C), labels."""

    def __init__(self, source: Path, name: str, dtype: str, d: int, m: int, n_classes: int = 0):
        library = source.with_suffix(".so")
        options = ["-std=c99", "-ffp-contract=off", *STRICT, "-O2", "-shared", "-fPIC"]
        subprocess.run([CC, *options, "-o", library, source, "-lm"], check=True)
        self.library, self.name, self.type, self.m, self.n_classes = ctypes.CDLL(library), name, dtype, m, n_classes
        self.vector = np.ctypeslib.ndpointer(NUMPY[dtype], flags="C")
        self.argument = CTYPE[dtype] if d == m == 1 else self.vector
        self.d = d

    def _function(self, ending, outputs, result):
        function = getattr(self.library, self.name + ending)
        function.argtypes, function.restype = [self.argument, *outputs], result
        return function

    def _rows(self, X):
        X = np.ascontiguousarray(X, NUMPY[self.type])
        return X[:, 0].tolist() if self.argument is not self.vector else X

    def __call__(self, X):
        if self.m == 1:
            function = self._function("", [], CTYPE[self.type])
            return np.array([[function(x)] for x in self._rows(X)])
        return self._filled("", X, self.m)

    def _filled(self, ending, X, m):
        function = self._function(ending, [self.vector], None)
        Y = np.empty((len(X), m), NUMPY[self.type])
        for x, y in zip(self._rows(X), Y, strict=True):
            function(x, y)
        return Y

    def probabilities(self, X):
        return self._filled("_probabilities", X, self.n_classes)

    def classes(self, X):
        function = self._function("_class", [], ctypes.c_uint)
        return np.array([function(x) for x in self._rows(X)])

    def labels(self):
        array = (ctypes.c_char_p * self.n_classes).in_dll(self.library, f"{self.name}_labels")
        return [text.decode("utf-8", "surrogatepass") for text in array]


def points(X, rng):
    """The rows, the neighbourhood of the bounds, and rows far outside, up to the largest floats."""
    d = X.shape[1]
    far = rng.standard_normal((200, d)) * 10.0 ** rng.integers(0, 30, (200, 1))
    extreme = rng.choice([-1.0, 0.0, 1.0], (50, d)) * np.finfo(np.float32).max
    return np.vstack([X[:100], rng.uniform(-12, 12, (300, d)), far, extreme])


def table(d, seed=0, n_rows=120):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, d)) * 3.0 ** np.arange(d)
    return X, np.abs(X[:, 0]) - 0.3 * X[:, -1] + 0.02 * rng.standard_normal(n_rows)


@pytest.fixture(autouse=True)
def _few_paths(monkeypatch):
    monkeypatch.setattr(selection, "RIDGES", (3e-3,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (3e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "FOLDS", 2)
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS", 1)
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS_CLASSES", 1)


@pytest.mark.gate(6)
@needs_cc
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize(("d", "m"), [(1, 1), (3, 1), (2, 2), (1, 2)])
@pytest.mark.parametrize("params", [{"max_parameters": 8}, {"alpha": 0.01}])
def test_a_regressor_in_c_is_predict(tmp_path, dtype, d, m, params):
    X, y = table(d)
    targets = y if m == 1 else np.column_stack([y, X[:, 0]])
    model = SparseReLURegressor(random_state=0, **params).fit(X, targets)
    exported = export_c(model, tmp_path / "model.c", dtype=dtype)
    at = points(X, np.random.default_rng(1)).astype(NUMPY[dtype]).astype(float)
    if "alpha" in params:
        at = at[np.abs(at).max(axis=1) < 1e9]
        assert "is moved" not in exported.header
    computed, expected = Compiled(tmp_path / "model.c", "model", dtype, d, m)(at), model.predict(at).reshape(-1, m)
    if "alpha" not in params:
        assert exported.error_bound < (1e-12 if dtype == "double" else 1e-3)
        assert np.abs(computed - expected).max() <= exported.error_bound * (1 + 1e-6) + 1e-13
        assert not np.allclose(model.network_(at).reshape(-1, m), expected, atol=1.0), "no point beyond the clip"
    else:
        np.testing.assert_allclose(computed, expected, rtol=1e-5 if dtype == "float" else 1e-12, atol=1e-4)


@pytest.mark.gate(6)
@needs_cc
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("params", [{"max_parameters": 9}, {"alpha": 0.01}])
def test_a_classifier_in_c_is_decision_function_probabilities_and_class(tmp_path, dtype, d, n_classes, params):
    X, y = table(d)
    labels = LABELS[np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))]
    model = SparseReLUClassifier(random_state=0, **params).fit(X, labels)
    m = 1 if n_classes == 2 else n_classes
    exported = export_c(model, tmp_path / "model.c", dtype=dtype)
    at = points(X, np.random.default_rng(1)).astype(NUMPY[dtype]).astype(float)
    if "alpha" in params:
        at = at[np.abs(at).max(axis=1) < 1e6]
    in_c = Compiled(tmp_path / "model.c", "model", dtype, d, m, n_classes)
    scores = model.decision_function(at).reshape(-1, m)
    error = np.abs(in_c(at) - scores)
    bound = 1e-12 if dtype == "double" else 1e-4
    assert np.all(error <= bound * (1.0 + np.abs(scores).max(axis=1, keepdims=True)))
    if "alpha" not in params:
        assert error.max() <= exported.error_bound * (1 + 1e-6) + 1e-13
    np.testing.assert_allclose(in_c.probabilities(at), model.predict_proba(at), atol=30 * bound)
    np.testing.assert_allclose(in_c.probabilities(at).sum(axis=1), 1.0, atol=1e-6)
    ordered = np.sort(np.hstack([np.zeros_like(scores), scores]) if m == 1 else scores, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 2 * bound * (1.0 + np.abs(scores).max(axis=1))
    assert clear.mean() > 0.9
    assert in_c.labels() == model.classes_.tolist()
    assert np.array_equal(model.classes_[in_c.classes(at[clear])], model.predict(at[clear]))
    nan = np.full((1, d), np.nan)
    assert in_c.classes(nan) == n_classes
    assert np.isnan(in_c.probabilities(nan)).all()
    assert (f"temperature {model.temperature_}" in exported.header) == ("alpha" not in params)


@pytest.mark.gate(2)
@needs_cc
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("d", [1, 3])
def test_infinite_inputs_are_moved_into_the_clip(tmp_path, dtype, d):
    X, y = table(d)
    model = SparseReLURegressor(max_parameters=8, random_state=0).fit(X, y)
    export_c(model, tmp_path / "model.c", dtype=dtype)
    in_c = Compiled(tmp_path / "model.c", "model", dtype, d, 1)
    largest = np.full((1, d), np.finfo(NUMPY[dtype]).max)
    for sign in (-1.0, 1.0):
        assert np.array_equal(in_c(sign * largest * np.inf), in_c(sign * largest))


@needs_cc
@pytest.mark.parametrize("dtype", NUMPY)
def test_bounds_may_be_infinite_on_one_side(tmp_path, dtype):
    X, y = table(2)
    model = SparseReLURegressor(max_parameters=8, random_state=0).fit(X, y)
    model.clip_ = replace(model.clip_, low=np.array([-np.inf, -1.0]), high=np.array([0.5, np.inf]))
    exported = export_c(model, tmp_path / "model.c", dtype=dtype)
    assert exported.error_bound is None
    at = np.array([[-1e6, -5.0], [7.0, 1e6], [0.25, 0.5]])
    np.testing.assert_allclose(Compiled(tmp_path / "model.c", "model", dtype, 2, 1)(at)[:, 0], model.predict(at), 1e-5)


@needs_cc
def test_a_network_that_reads_no_input_is_a_constant(tmp_path):
    X, _ = table(2)
    model = SparseReLURegressor(max_parameters=1, random_state=0).fit(X, np.full(len(X), 2.5))
    export_c(model, tmp_path / "model.c")
    assert Compiled(tmp_path / "model.c", "model", "double", 2, 1)([[1e9, np.nan]]) == model.predict(X[:1])


@pytest.mark.gate(2)
@needs_cxx
@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("d", [1, 3])
def test_cpp_links_a_classifier_of_c(tmp_path, dtype, d):
    X, y = table(d)
    for n_classes in (2, 3):
        labels = LABELS[np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))]
        export_c(SparseReLUClassifier(max_parameters=6, random_state=0).fit(X, labels), tmp_path / "m.c", dtype=dtype)
        command = [CXX, "-x", "c++", "-std=c++11", *STRICT, "-c", tmp_path / "m.c", "-o", tmp_path / "m.o"]
        subprocess.run(command, check=True)


EVIL = [
    "*/ int evil = 1; /*",
    "a\n*/",
    "a\\\n*/",
    "??/\n",
    "/*",
    "*",
    "/",
    "\u202e*/",
    "\ud800",
    '"',
    "%s {{ name }} {% raw %}",
    "#include <x>",
    "\x00",
    "",
]


@needs_cc
def test_names_of_columns_and_labels_never_become_code(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(-1, 1, (140, len(EVIL))), columns=pd.Index(EVIL, dtype=object))
    labels = np.array(EVIL, dtype=object)[np.arange(140) % len(EVIL)]
    model = SparseReLUClassifier(alpha=1e-3, random_state=0, time_limit=1).fit(X, labels)
    network = ReLUNetwork(np.eye(len(EVIL)), np.zeros(len(EVIL)), np.eye(len(EVIL)))
    model.network_, model.clip_ = network, Clip(np.full(len(EVIL), -2.0), np.full(len(EVIL), 2.0))
    exported = export_c(model, tmp_path / "m.c")
    in_c = Compiled(tmp_path / "m.c", "m", "double", len(EVIL), len(EVIL), len(EVIL))
    assert [text.replace("\x00", "") for text in in_c.labels()] == [text.split("\x00")[0] for text in model.classes_]
    assert exported.header.isascii()
    assert exported.source.isascii()
    assert len(re.findall(r"/\*", exported.header)) == len(re.findall(r"\*/", exported.header))
    assert "evil" not in re.sub(r"/\*.*?\*/", "", exported.header, flags=re.DOTALL)


@given(st.text())
def test_comments_and_strings_hold_any_text(text):
    comment, literal = comment_text(text), string_literal(text)
    assert comment.isascii()
    assert comment.isprintable()
    assert not set("*\\?") & set(comment)
    inside = literal[1:-1]
    assert not set('"?\n') & set(inside)
    octal = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), inside.encode("ascii"))
    assert octal == text.encode("utf-8", "surrogatepass")


@given(
    st.lists(st.floats(-100, 100), min_size=0, max_size=5, unique=True),
    st.floats(-120, 120),
    st.floats(1e-3, 100),
    st.lists(st.floats(-200, 200), min_size=1, max_size=9),
)
def test_a_clipped_line_is_the_line_at_clipped_arguments(knots, low, width, x):
    rng = np.random.default_rng(len(knots))
    w = np.array(knots).reshape(-1, 1)
    network = ReLUNetwork(np.ones_like(w), -w[:, 0], rng.standard_normal(len(w)), [0.5], [1.0])
    f, high = line_function(network), low + width
    x = np.array([*x, low, high, np.nextafter(low, -np.inf), np.nextafter(high, np.inf), *knots])
    for a, b in ((low, high), (-np.inf, high), (low, np.inf)):
        clipped = clipped_line(f, a, b)
        assert isinstance(clipped, PiecewiseLinear)
        np.testing.assert_array_equal(clipped(x), f(np.clip(x, a, b)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda X, y: SparseReLURegressor(), "after fit, got a SparseReLURegressor"),
        (lambda X, y: SparseReLURegressor, "after fit, got the class SparseReLURegressor"),
        (lambda X, y: make_pipeline(StandardScaler(), SparseReLURegressor(alpha=1.0)).fit(X, y), "got a Pipeline"),
        (lambda X, y: GridSearchCV(SparseReLURegressor(), {"alpha": [1.0]}, cv=2).fit(X, y), "got a GridSearchCV"),
        (lambda X, y: 3.0, "model must be a Solution, .* got a float"),
    ],
)
def test_other_models_are_refused_and_no_file_appears(tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        export_c(make(*table(2)), tmp_path / "m.c")
    assert not list(tmp_path.iterdir())


def test_data_of_a_classifier_are_refused_and_those_of_a_regressor_measured():
    X, y = table(2)
    model = SparseReLUClassifier(max_parameters=3, random_state=0).fit(X, y > 0)
    with pytest.raises(ValueError, match="a classifier has labels; leave data out"):
        render_c(model, "m", data=(X, y))
    model = SparseReLURegressor(max_parameters=6, random_state=0).fit(X, y)
    outliers = np.vstack([X, [[1e9, 1e9]]])
    exported = render_c(model, "m", data=(outliers, np.append(y, 0.0)))
    expected = np.abs(model.predict(outliers) - np.append(y, 0.0)).max()
    assert exported.data_error == pytest.approx(expected, rel=1e-12)
    assert exported.error_bound < 1e-12


def test_a_clip_beyond_single_precision_is_refused():
    model = SparseReLURegressor(max_parameters=6, random_state=0).fit(*table(2))
    model.network_ = ReLUNetwork([[1.0, 1.0]], [0.0], [1.0])
    model.clip_ = Clip(np.array([1e40, 0.0]), np.array([1e41, 1.0]))
    with pytest.raises(ValueError, match="bounds beyond single precision; use double"):
        render_c(model, "m", "float")


def test_the_line_in_c_needs_no_library_and_the_classifier_exp_alone():
    X, y = table(1)
    line = render_c(SparseReLURegressor(max_parameters=6, random_state=0).fit(X, y), "m")
    assert "#include <math.h>" not in line.source
    assert "no library" in line.header
    classes = render_c(SparseReLUClassifier(max_parameters=6, random_state=0).fit(X, y > 1), "m")
    code = re.sub(r"/\*.*?\*/", "", classes.source)
    assert set(re.findall(r"\b(\w+)\(", code)) == {"m", "m_class", "m_probabilities", "exp"}


def test_labels_longer_than_c99_grants_are_refused(tmp_path):
    X, y = table(2)
    model = SparseReLUClassifier(max_parameters=3, random_state=0).fit(X, np.where(y > 1, "a" * 4096, "b"))
    with pytest.raises(ValueError, match="has 4096 bytes, C99 grants 4095; shorten it"):
        export_c(model, tmp_path / "m.c")
    assert not list(tmp_path.iterdir())


@pytest.mark.gate(4)
@needs_cc
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["x", "y", "p", "best", "largest", "class"])
def test_any_name_of_a_classifier_compiles(tmp_path, name, n_classes):
    X, y = table(2)
    labels = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    model = SparseReLUClassifier(alpha=1.0, random_state=0).fit(X, labels)
    model.clip_ = Clip(np.full(2, -1.0), np.full(2, 1.0))
    exported = export_c(model, tmp_path / "m.c", name=name)
    in_c = Compiled(tmp_path / "m.c", exported.name, "double", 2, model.network_.n_outputs, n_classes)
    assert np.array_equal(in_c.classes(X), model.predict(X))
