"""Means of a log link and intervals in the files that are written, against predict and predict_interval."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reluctant import ReLUNetwork, SparseReLURegressor
from reluctant.export import export_c, export_javascript, export_onnx, export_python, export_rust
from reluctant.export.integers.request import Integers
from reluctant.model.clip import Clip
from reluctant.regression.conformal import Calibration

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler on the path")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wdouble-promotion"]
RNG = np.random.default_rng(0)
TYPE = {"double": (ctypes.c_double, np.float64, 1e-13), "float": (ctypes.c_float, np.float32, 2e-5)}
POWERS = {"identity": 0.0, "poisson": 0.5, "own": 0.25, "gamma": 1.0}


def estimator(kind: str, d: int = 2, m: int = 1) -> SparseReLURegressor:
    """A fitted regressor, without a fit."""
    model = SparseReLURegressor()
    model.network_ = ReLUNetwork(
        RNG.normal(size=(3, d)),
        RNG.normal(size=3),
        RNG.normal(size=(3, m)),
        RNG.normal(size=(d, m)),
        RNG.normal(size=m),
    )
    model.clip_, model.n_features_in_, model._one_column = Clip(np.full(d, -2.0), np.full(d, 2.0)), d, False
    model.link_ = "identity" if kind == "identity" else "log"
    model.calibration_ = Calibration(np.sort(RNG.normal(scale=2.0, size=(50, m)), axis=0), POWERS[kind], 0.3)
    return model


def library_of(model, folder, name, dtype, header_only, level):
    """The compiled file; of a header alone that of a source which includes it."""
    export_c(model, folder / f"{name}.{'h' if header_only else 'c'}", dtype=dtype, level=level)
    source = folder / f"{name}.c"
    if header_only:
        source = folder / "include.c"
        calls = f'#include "{name}.h"\n'
        argument = f"{dtype} x" if model.network_.n_inputs == 1 else f"const {dtype} *x"
        calls += f"void use({argument}, {dtype} ends[2]);\nvoid use({argument}, {dtype} ends[2])\n"
        calls += f"{{\n    n_{name}_interval(x, ends);\n}}\n"
        source.write_text(calls)
    library = source.with_suffix(".so")
    subprocess.run([CC, *STRICT, "-O1", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True)
    return ctypes.CDLL(str(library))


@needs_cc
@pytest.mark.gate(4)
@pytest.mark.parametrize("header_only", [False, True])
@pytest.mark.parametrize("dtype", ["double", "float"])
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("kind", POWERS)
def test_intervals_in_c_are_those_of_predict_interval(tmp_path, kind, d, dtype, header_only):
    model, (number, kept, rtol) = estimator(kind, d), TYPE[dtype]
    library = library_of(model, tmp_path, "mean", dtype, header_only, 0.8)  # a name that the function itself uses
    X = RNG.uniform(-4, 4, (20, d)).astype(kept)
    function = library.use if header_only else library.n_mean_interval
    ends, found = (number * 2)(), []
    for x in X:
        function(number(x[0]) if d == 1 else (number * d)(*x.tolist()), ends)
        found.append(list(ends))
    expected = model.predict_interval(X.astype(np.float64), 0.8)
    assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@needs_cc
@pytest.mark.parametrize(("d", "m"), [(1, 1), (2, 1), (2, 2)])
def test_means_in_c_are_predictions(tmp_path, d, m):
    model = estimator("poisson", d, m)
    library = library_of(model, tmp_path, "rate", "double", False, None)
    X = RNG.uniform(-4, 4, (20, d))
    if m == 1:
        library.rate_mean.restype = ctypes.c_double
    out, found = (ctypes.c_double * m)(), []
    for x in X:
        given = ctypes.c_double(x[0]) if d == 1 else (ctypes.c_double * d)(*x.tolist())
        result = library.rate_mean(given) if m == 1 else library.rate_mean(given, out)
        found.append(result if m == 1 else list(out))
    assert_allclose(found, model.predict(X), rtol=1e-13)
    assert "natural logarithm of the mean" in (tmp_path / "rate.h").read_text()
    assert "no library" not in (tmp_path / "rate.h").read_text()


@pytest.mark.parametrize(("d", "m"), [(1, 1), (2, 2)])
def test_means_in_python_and_onnx_are_predictions(tmp_path, d, m):
    model = estimator("gamma", d, m)
    X = RNG.uniform(-4, 4, (10, d))
    space: dict = {}
    exec(export_python(model, tmp_path / "rate.py").source, space)  # what a user would import
    rows = [space["rate_mean"](x[0] if d == 1 else x.tolist()) for x in X]
    assert_allclose(rows, model.predict(X), rtol=1e-13)
    runtime = pytest.importorskip("onnxruntime")
    exported = export_onnx(model, tmp_path / "rate.onnx", data=(X, model.predict(X)))
    session = runtime.InferenceSession(tmp_path / "rate.onnx")
    assert_allclose(session.run(None, {"X": X})[0].reshape(len(X), -1)[:, :m].squeeze(), model.predict(X), rtol=1e-12)
    assert exported.error_bound is None
    assert exported.data_error < 1e-9


def test_means_are_written_in_javascript_and_rust(tmp_path):
    model = estimator("gamma")
    assert "return Math.exp(rate(x));" in export_javascript(model, tmp_path / "rate.mjs").source
    assert "rate(x).exp()" in export_rust(model, tmp_path / "rate.rs").source
    assert "rate(x).map(f64::exp)" in export_rust(estimator("gamma", 2, 2), tmp_path / "rate.rs").source
    assert "_mean" not in export_rust(estimator("identity"), tmp_path / "rate.rs").source


def test_what_cannot_be_written_is_refused_before_any_file(tmp_path):
    path = tmp_path / "f.c"
    bare = estimator("identity")
    bare.calibration_ = None
    X = RNG.uniform(-1, 1, (5, 1))
    data = X, X[:, 0]
    for model, options, said in (
        (bare, {"level": 0.9}, "level asks for intervals, and the model has none"),
        (bare.network_, {"level": 0.9}, "level asks for intervals, and the model has none"),
        (estimator("identity", 2, 2), {"level": 0.8}, "level is of one output, and the model has 2"),
        (estimator("identity"), {"level": 1.5}, "level must lie between 0 and 1, got 1.5"),
        (estimator("identity"), {"level": 0.99}, "level = 0.99 needs at least 199 rows"),
        (estimator("identity", 1), {"level": 0.8, "integers": Integers(10, 0.1)}, "integers have no intervals"),
        (estimator("poisson", 1), {"integers": Integers(10, 0.1)}, "integers have no exponential"),
        (estimator("poisson", 1), {"data": data}, "data measure the error of the function, here the logarithm"),
    ):
        with pytest.raises(ValueError, match=said):
            export_c(model, path, **options)
    assert not list(tmp_path.iterdir())
