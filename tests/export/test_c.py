"""The C files against the network, through a real compiler where there is one."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from networks import AT, far_network
from reluctant import ReLUNetwork, approximate, interpolate
from reluctant.export import export_c
from reluctant.export.c import render_c
from reluctant.export.identifiers import identifier
from reluctant.export.link_table import link_table
from reluctant.model.piecewise_linear import PiecewiseLinear

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
CXX = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler (cc, gcc or clang) on the path")
needs_cxx = pytest.mark.skipif(CXX is None, reason="no C++ compiler on the path")

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wdouble-promotion"]
C99 = ["-std=c99", "-ffp-contract=off", *STRICT]
CTYPE = {"float": ctypes.c_float, "double": ctypes.c_double}
NUMPY = {"float": np.float32, "double": np.float64}
DTYPES = ["float", "double"]


def compiled(source: Path) -> ctypes.CDLL:
    library = source.with_suffix(".so")
    subprocess.run([CC, *C99, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


def line_in_c(source: Path, name: str, dtype: str):
    function = getattr(compiled(source), name)
    function.argtypes, function.restype = [CTYPE[dtype]], CTYPE[dtype]
    return lambda x: np.array([function(v) for v in np.asarray(x, NUMPY[dtype]).tolist()], NUMPY[dtype])


def network_in_c(source: Path, name: str, dtype: str, d: int, m: int):
    function = getattr(compiled(source), name)
    vector = np.ctypeslib.ndpointer(NUMPY[dtype], flags="C")
    function.argtypes, function.restype = ([vector], CTYPE[dtype]) if m == 1 else ([vector, vector], None)

    def evaluate(X):
        X = np.ascontiguousarray(X, NUMPY[dtype])
        Y = np.empty((len(X), m), NUMPY[dtype])
        for x, y in zip(X, Y):
            if m == 1:
                y[0] = function(x)
            else:
                function(x, y)
        return Y

    return evaluate


@pytest.fixture(scope="module")
def sensor():
    """A calibration curve, its points, and 100,000 arguments: in the range, at the knots and far outside."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-6, 55, 500))
    y = 24 * x + 40 * np.sin(x / 7) - 200 * np.exp(-(x + 6))
    solution = approximate(x, y, tolerance=0.5)
    knots = solution.function.knots
    near = np.concatenate([knots, np.nextafter(knots, -np.inf), np.nextafter(knots, np.inf)])
    far = np.concatenate([rng.uniform(-1e6, 1e6, 20_000), [-1e30, 1e30, 0.0, -0.0, x[0], x[-1]]])
    inside = rng.uniform(x[0], x[-1], 100_000 - len(near) - len(far))
    return solution, x, y, np.concatenate([inside, near, far])


def random_network(rng, K, d, m, density=0.6, affine=True):
    W = rng.standard_normal((K, d)) * (rng.random((K, d)) < density)
    V = rng.standard_normal((K, m)) * (rng.random((K, m)) < density)
    slope = rng.standard_normal((d, m)) if affine else np.zeros((d, m))
    return ReLUNetwork(W, rng.standard_normal(K), V, slope, rng.standard_normal(m))


@needs_cc
def test_double_equals_predict_bit_for_bit(sensor, tmp_path):
    solution, _, _, points = sensor
    export_c(solution, tmp_path / "sensor.c")
    np.testing.assert_array_equal(
        line_in_c(tmp_path / "sensor.c", "sensor", "double")(points), solution.predict(points)
    )


@needs_cc
def test_double_is_a_few_ulp_from_the_network(sensor, tmp_path):
    solution, _, _, points = sensor
    export_c(solution, tmp_path / "sensor.c")
    f = solution.function
    k = np.searchsorted(f.knots, points, side="right")
    magnitude = np.abs(f.anchors[1, k]) + np.abs(f.slopes[k] * (points - f.anchors[0, k])) + np.abs(f.anchors[1]).max()
    error = np.abs(line_in_c(tmp_path / "sensor.c", "sensor", "double")(points) - solution.network(points))
    assert np.all(error <= 4 * np.spacing(magnitude))


@needs_cc
def test_float_stays_within_the_documented_bound(sensor, tmp_path):
    solution, x, y, points = sensor
    exported = export_c(solution, tmp_path / "sensor.c", dtype="float", data=(x, y))
    arguments = points.astype(np.float32)
    error = np.abs(line_in_c(tmp_path / "sensor.c", "sensor", "float")(arguments) - solution.predict(arguments))
    bound = link_table(solution.function, np.dtype(np.float32)).rounding_bound(arguments)
    assert np.all(error <= bound)
    inside = (arguments >= x[0]) & (arguments <= x[-1])
    assert error[inside].max() <= exported.error_bound
    assert error[inside].max() >= 0.1 * exported.error_bound, "the bound says nothing"
    assert f"{exported.error_bound:.2g}" in exported.header


@needs_cc
@pytest.mark.parametrize("dtype", DTYPES)
def test_data_error_is_that_of_the_compiled_function(sensor, tmp_path, dtype):
    solution, x, y, _ = sensor
    exported = export_c(solution, tmp_path / "sensor.c", dtype=dtype, data=(x, y))
    computed = line_in_c(tmp_path / "sensor.c", "sensor", dtype)(x).astype(np.float64)
    assert exported.data_error == np.abs(computed - y).max()


@pytest.mark.parametrize("dtype", DTYPES)
def test_header_states_the_error_at_the_rows_and_between_them(tmp_path, dtype):
    x = np.linspace(0, 10, 12)
    y = 50 - 0.3 * x**2
    solution = approximate(x, y, tolerance=0.6)
    exported = export_c(solution, tmp_path / "pump.c", dtype=dtype, data=(x, y))
    assert exported.data_error == pytest.approx(solution.max_error, rel=1e-6)
    assert exported.error_between == solution.max_error_between > 1.5 * solution.max_error
    assert f"12 data points, with x rounded to {dtype}: {exported.data_error:.9g}." in exported.header
    assert f"straight lines between them: {solution.max_error_between:.9g}." in exported.header
    without = export_c(solution, tmp_path / "pump.c", dtype=dtype)
    assert without.error_between is None
    assert "between them" not in without.header


@needs_cc
def test_float_survives_an_offset_of_x(tmp_path):
    """Spacing 64 at 1e6, where floats are 1/16 apart: errors stay at the rounding of y, not of slope times x."""
    rng = np.random.default_rng(1)
    x = 1e6 + 64 * np.arange(200.0)
    y = rng.standard_normal(200).cumsum()
    exported = export_c(interpolate(x, y), tmp_path / "f.c", dtype="float", data=(x, y))
    computed = line_in_c(tmp_path / "f.c", "f", "float")(x)
    assert np.abs(computed - y).max() <= 4 * np.spacing(np.float32(np.abs(y).max()))
    assert exported.error_bound <= 1e-5


@needs_cc
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("K", [0, 1, 2, 5])
def test_few_knots(tmp_path, dtype, K):
    f = PiecewiseLinear(np.arange(K) + 0.0, np.stack([np.arange(K + 1) - 0.5, np.ones(K + 1)]), np.zeros(K + 1))
    export_c(f, tmp_path / "f.c", dtype=dtype)
    np.testing.assert_array_equal(line_in_c(tmp_path / "f.c", "f", dtype)([-9.0, -0.5, 0, 3.5, 9]), 1)


@needs_cc
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_gives_nan(sensor, tmp_path, dtype):
    export_c(sensor[0], tmp_path / "f.c", dtype=dtype)
    assert np.isnan(line_in_c(tmp_path / "f.c", "f", dtype)([np.nan])).all()
    network = ReLUNetwork([[1.0, 0.0]], [0.0], [1.0])
    export_c(network, tmp_path / "g.c", dtype=dtype)
    assert np.isnan(network_in_c(tmp_path / "g.c", "g", dtype, 2, 1)(np.array([[np.nan, 0.0]]))).all()


@needs_cc
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("K", "d", "m"), [(7, 4, 1), (5, 3, 2), (0, 3, 1), (0, 2, 2), (300, 2, 1), (4, 1, 3)])
@pytest.mark.parametrize("affine", [True, False])
def test_several_inputs_and_outputs(tmp_path, dtype, K, d, m, affine):
    rng = np.random.default_rng(K + 10 * d)
    network = random_network(rng, K, d, m, affine=affine)
    X = rng.uniform(-3, 3, (400, d)).astype(NUMPY[dtype]).astype(np.float64)
    Y = network(X).reshape(len(X), m)
    exported = export_c(network, tmp_path / "net.c", dtype=dtype, data=(X, Y))
    computed = network_in_c(tmp_path / "net.c", "net", dtype, d, m)(X).astype(np.float64)
    assert np.abs(computed - Y).max() <= exported.error_bound
    assert exported.data_error == np.abs(computed - Y).max()


@needs_cc
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", AT)
def test_a_network_far_from_zero_is_counted_from_a_centre(tmp_path, dtype, name):
    network, X = far_network(name)
    X = X.astype(NUMPY[dtype]).astype(np.float64)
    y = network(X)
    exported = export_c(network, tmp_path / "distant.c", dtype=dtype, data=(X, y))
    computed = network_in_c(tmp_path / "distant.c", "distant", dtype, 3, 1)(X)[:, 0].astype(np.float64)
    assert np.abs(computed - y).max() <= exported.error_bound
    assert exported.data_error == np.abs(computed - y).max()
    assert exported.error_bound < np.abs(y).max() * (1e-13 if dtype == "double" else 1e-4)


@needs_cc
def test_one_input_network_without_a_table(tmp_path):
    rng = np.random.default_rng(3)
    network = random_network(rng, 40, 1, 1, density=1)
    export_c(network, tmp_path / "net.c")
    x = np.concatenate([rng.uniform(-5, 5, 2000), [-1e6, 1e6]])
    computed = line_in_c(tmp_path / "net.c", "net", "double")(x)
    plain = np.maximum(np.outer(x, network.input_weights[:, 0]) + network.biases, 0) @ network.output_weights[:, 0]
    expected = plain + network.slope[0, 0] * x + network.intercept[0]
    np.testing.assert_allclose(computed, expected, rtol=1e-12, atol=1e-12)


@needs_cxx
@pytest.mark.parametrize("dtype", DTYPES)
def test_cpp_compiles_without_warnings(sensor, tmp_path, dtype):
    export_c(sensor[0], tmp_path / "line.c", dtype=dtype)
    export_c(random_network(np.random.default_rng(0), 4, 3, 2), tmp_path / "net.c", dtype=dtype)
    for file in ("line.c", "net.c"):
        command = [CXX, "-x", "c++", "-std=c++11", *STRICT, "-fsyntax-only", tmp_path / file]
        subprocess.run(command, check=True)


@needs_cc
@pytest.mark.parametrize(
    "name", ["double", "2nd stage", "x", "k", "end", "strlen", "温度", "naïve name", "main", "exp"]
)
def test_any_name_compiles(tmp_path, name):
    exported = export_c(interpolate([0, 1, 2, 3], [0, 1, 0, 1]), tmp_path / "f.c", name=name)
    assert line_in_c(tmp_path / "f.c", exported.name, "double")([1.0]) == [1.0]


_C99_HEADERS = """
assert ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdarg stdbool stddef stdint stdio stdlib
string time wchar wctype
"""
C99_HEADERS = _C99_HEADERS.split()
POSIX_HEADERS = ["unistd", "fcntl", "sys/types", "sys/stat", "strings", "pthread", "sys/time", "sys/socket"]


def includes(headers):
    return "".join(f"#include <{header}.h>\n" for header in headers)


@needs_cxx
@needs_cc
@pytest.mark.parametrize(
    ("compiler", "headers", "options"),
    [
        (CC, [*C99_HEADERS, "complex"], ["-std=c99"]),
        (CC, [*C99_HEADERS, *POSIX_HEADERS], ["-std=c99", "-D_XOPEN_SOURCE=700"]),
        (CXX, C99_HEADERS, ["-std=c++20", "-x", "c++"]),
    ],
    ids=["C99", "POSIX", "C++"],
)
def test_no_identifier_collides_with_anything_the_headers_of_this_machine_declare(compiler, headers, options):
    """Every word of the preprocessed headers, and every macro, declared as a network's function after all of them."""
    language = [] if "c++" in options else ["-x", "c"]

    def run(text, *arguments, check=True):
        command = [compiler, *options, *language, *arguments, "-"]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=check)

    words = set(re.findall(r"\b[A-Za-z]\w*", run(includes(headers), "-E", "-P").stdout))
    words |= set(re.findall(r"#define ([A-Za-z]\w*)", run(includes(headers), "-E", "-dM").stdout))
    assert len(words) > 800
    declared = "".join(f"double {name}(const double x[3]);\n" for name in sorted(set(map(identifier, words))))
    text = f'{includes(headers)}#ifdef __cplusplus\nextern "C" {{\n#endif\n{declared}#ifdef __cplusplus\n}}\n#endif\n'
    outcome = run(text, "-fsyntax-only", "-Wno-builtin-declaration-mismatch", check=False)
    assert outcome.returncode == 0, outcome.stderr[:2000]


@pytest.mark.parametrize("name", ["y_from_t", "speed", "total", "signal_mv", "feed_rate", "T_from_V", "heat", "Q2"])
def test_ordinary_names_stay_as_they_are(name):
    assert identifier(name) == (f"n_{name}" if name in ("total", "Q2") else name)


@needs_cc
def test_a_file_name_never_becomes_code(tmp_path):
    """Whatever the name, the source is refused or compiles to the one function, under trigraphs too."""
    bad = [
        'b"\nint evil = 42;\n#include "b',
        "a\\",
        "a'",
        "a/*",
        "??=",
        "a\r",
        "a\u2028b",
        "a\u202eb",
        "a\ud800",
        'a"b',
    ]
    for i, stem in enumerate(bad):
        with pytest.raises(ValueError, match="which a C file cannot include"):
            export_c(interpolate([0, 1], [0, 1]), str(tmp_path / f"{stem.replace('/', '')}.c"), name="f")
        assert not list(tmp_path.iterdir()), i
    for stem in ("plain", "with blank", "température (°C)", "温度", "a.b-c+d=e", "%s", "$x_{", "{{ name }}", "#define"):
        folder = tmp_path / str(len(stem))
        folder.mkdir(exist_ok=True)
        export_c(interpolate([0, 1, 2], [0, 1, 0]), folder / f"{stem}.c", name="f")
        assert line_in_c(folder / f"{stem}.c", "f", "double")([1.0]) == [1.0]


def test_source_and_header_appear_together_or_not_at_all(tmp_path, monkeypatch):
    export_c(interpolate([0, 1], [0, 1]), tmp_path / "f.c")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    replace, calls = os.replace, []

    def fail_at_the_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_second)
    with pytest.raises(OSError, match="No space left"):
        export_c(interpolate([0, 1, 2], [0, 1, 0]), tmp_path / "f.c")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


@given(st.text())
def test_identifiers_are_valid_and_stable(text):
    name = identifier(text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name)
    assert identifier(name) == name


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=20, unique=True), st.floats(-(2.0**99), 2.0**99, width=32))
def test_no_float_changes_its_link(knots, x):
    """Exact rationals say on which side of each knot a float lies; the rounded knots must say the same."""
    knots = np.sort(np.array(knots))
    f = PiecewiseLinear(knots, np.zeros((2, len(knots) + 1)), np.zeros(len(knots) + 1))
    rounded = link_table(f, np.dtype(np.float32)).knots
    for a in (x, *rounded.tolist(), *np.nextafter(rounded, np.float32(-np.inf)).tolist()):
        exact = sum(Fraction(t) <= Fraction(a) for t in knots.tolist())
        assert np.searchsorted(rounded, np.float32(a), side="right") == exact


def test_table_bytes_are_those_of_four_arrays(sensor):
    K = sensor[0].function.n_knots
    assert render_c(sensor[0], "f", "float").table_bytes == 4 * (4 * K + 3)
    assert render_c(sensor[0], "f", "double").table_bytes == 8 * (4 * K + 3)


def test_numbers_beyond_single_precision_are_refused(tmp_path):
    with pytest.raises(ValueError, match="single precision"):
        export_c(interpolate([0, 1, 2], [0, 1e300, 0]), tmp_path / "f.c", dtype="float")
    with pytest.raises(ValueError, match="single precision"):
        export_c(ReLUNetwork([[1e300, 1.0]], [0.0], [1.0]), tmp_path / "f.c", dtype="float")
    with pytest.raises(ValueError, match="beyond double precision; rescale X or y"):
        export_c(ReLUNetwork([[1e300]], [0.0], [1e300]), tmp_path / "f.c")
    assert not list(tmp_path.iterdir())


def test_wrong_arguments_are_refused(sensor, tmp_path):
    with pytest.raises(ValueError, match=r"end in \.c"):
        export_c(sensor[0], tmp_path / "f.cpp")
    with pytest.raises(ValueError, match="'float' or 'double'"):
        export_c(sensor[0], tmp_path / "f.c", dtype="half")


def self_test(source, *options):
    """What the self-test of a C file, or of a header that has all, returns."""
    program = source.with_suffix(".test")
    language = ["-x", "c"] if source.suffix == ".h" else []
    command = [CC, "-std=c99", *STRICT, *options, "-DRELUCTANT_SELF_TEST", "-o", program, *language, source, "-lm"]
    subprocess.run(command, check=True)
    return subprocess.run([program]).returncode


@needs_cc
@pytest.mark.parametrize(("d", "m"), [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize(("dtype", "ending", "options"), [("double", "h", ["-O3"]), ("float", "c", ["-Os"])])
def test_the_self_test_repeats_the_worst_rows_and_notices_another_number(tmp_path, d, m, dtype, ending, options):
    rng = np.random.default_rng(d + m)
    network = random_network(rng, 4, d, m, density=1)
    X, Y = rng.uniform(-3, 3, (50, d)), rng.normal(size=(50, m))
    export_c(network, tmp_path / f"net.{ending}", dtype=dtype, data=(X, Y))
    text = (tmp_path / f"net.{ending}").read_text()
    assert self_test(tmp_path / f"net.{ending}", *options) == 0
    error = np.abs(network(X).reshape(50, m) - Y).max(axis=1)
    test = text[text.index("net_test_x[") :]
    first = test[test.index("{\n") + 2 : test.index("\n}")].split(",")[0].strip()
    assert float(first.rstrip("f")) == NUMPY[dtype](X[np.argmax(error), 0])
    head, tail = text.split("net_test_y[", 1)
    (tmp_path / f"net.{ending}").write_text(f"{head}net_test_y[{tail.replace('    ', '    9', 1)}")
    assert self_test(tmp_path / f"net.{ending}") == 1


@needs_cc
@pytest.mark.parametrize("dtype", DTYPES)
def test_clamped_ends_are_the_values_at_the_range_of_the_data(tmp_path, dtype):
    rng = np.random.default_rng(5)
    X = rng.uniform(-2, 3, (60, 2)).astype(np.float32).astype(float)
    network = random_network(rng, 5, 2, 1)
    exported = export_c(network, tmp_path / "net.c", dtype=dtype, data=(X, network(X)), ends="clamped")
    far = rng.uniform(-50, 50, (300, 2)).astype(np.float32).astype(float)
    inside = np.clip(far, X.min(axis=0), X.max(axis=0))
    assert np.abs(network_in_c(tmp_path / "net.c", "net", dtype, 2, 1)(far)[:, 0] - network(inside)).max() <= (
        exported.error_bound
    )
    x, y = X[:, 0], np.sin(X[:, 0])
    line = interpolate(x, y)
    bound = export_c(line, tmp_path / "f.c", dtype=dtype, data=(x, y), ends="clamped").error_bound
    computed = line_in_c(tmp_path / "f.c", "f", dtype)(far[:, 0])
    assert np.abs(computed - line.predict(np.clip(far[:, 0], x.min(), x.max()))).max() <= bound


@needs_cc
@needs_cxx
def test_a_header_alone_has_all_in_c_and_in_cpp(sensor, tmp_path):
    solution, x, y, points = sensor
    exported = export_c(solution, tmp_path / "sensor.h", data=(x, y))
    assert exported.source == ""
    assert [path.name for path in tmp_path.iterdir()] == ["sensor.h"]
    export_c(random_network(np.random.default_rng(0), 4, 3, 2), tmp_path / "net.h")
    user = tmp_path / "user.c"
    user.write_text(
        '#include "sensor.h"\n#include "sensor.h"\n#include "net.h"\ndouble f(double x);\n'
        "double f(double x)\n{\n    return sensor(x);\n}\n"
    )
    np.testing.assert_array_equal(line_in_c(user, "f", "double")(points[:2000]), solution.predict(points[:2000]))
    subprocess.run([CXX, "-x", "c++", "-std=c++11", *STRICT, "-fsyntax-only", user], check=True)


def test_the_header_says_where_the_function_comes_from(sensor, tmp_path):
    solution, x, y, _ = sensor
    header = export_c(solution, tmp_path / "sensor.c", data=(x, y)).header
    words = " ".join(header.replace("\n *", "").split())
    assert f"Found as: {solution.verdict}." in words
    assert "Certificate: at least" in words
    digest = hashlib.sha256(np.column_stack([x, y]).astype("<f8").tobytes()).hexdigest()
    assert f"Data: 500 rows, SHA-256 of (X, y) as little-endian float64 {digest}." in words


@pytest.mark.filterwarnings("error")
def test_a_function_that_overflows_at_the_data_is_refused_by_the_row_without_a_warning(tmp_path):
    network = ReLUNetwork([[1e30, 0.0]], [0.0], [1e5], [1.0, 2.0], 0.0)
    X = np.array([[1.0, 2.0], [1e10, 0.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match="overflows at row 1 of the data; use double, or rescale X or y"):
        export_c(network, tmp_path / "f.c", dtype="float", data=(X, network(X)))
    assert not list(tmp_path.iterdir())
    assert export_c(network, tmp_path / "f.c", data=(X, network(X))).data_error == 0
    far = ReLUNetwork([[1e300, 0.0]], [0.0], [1e5], [1.0, 2.0], 0.0)
    assert export_c(far, tmp_path / "f.c", data=(X[:1], [0.0])).error_bound > 0
    with pytest.raises(ValueError, match="overflows at row 1"):
        export_c(far, tmp_path / "f.c", data=(X, np.zeros(3)))


def test_what_an_export_returns_is_shown_in_a_line(tmp_path):
    solution = interpolate(np.arange(300.0), np.random.default_rng(0).normal(size=300))
    shown = repr(export_c(solution, tmp_path / "f.c"))
    assert shown.startswith("CExport(name='f', dtype='double', table_bytes=")
    assert len(shown) < 200
