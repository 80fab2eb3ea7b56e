"""C functions in integers: the compiled file against what was checked, at every code, and its fits against oracles."""

from __future__ import annotations

import ctypes
import importlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from reluctant import ReLUNetwork, approximate, interpolate
from reluctant.export import Integers, export_c
from reluctant.export.integers._greedy import greedy_pieces
from reluctant.export.integers.grid import nearest_values
from reluctant.export.integers.tables import GridCodes, IntegerTable
from reluctant.model.piecewise_linear import PiecewiseLinear

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
CXX = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler (cc, gcc or clang) on the path")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"]
SHAPES = ["links", "grid", "powers"]
ROOT = Path(__file__).parents[2]


def results_in_c(source, exported):
    """What the compiled function returns for every code."""
    library = source.with_suffix(".so")
    language = ["-x", "c"] if source.suffix == ".h" else []
    subprocess.run([CC, *STRICT, "-O2", "-shared", "-fPIC", "-o", library, *language, source], check=True)
    function = getattr(ctypes.CDLL(str(library)), exported.name)
    narrow = exported.integers.result_type == np.int16
    function.argtypes, function.restype = [ctypes.c_uint16], ctypes.c_int16 if narrow else ctypes.c_int32
    return np.array([function(code) for code in range(2**exported.integers.bits)])


def self_test(source, *options):
    """What the self-test of the file returns."""
    program = source.with_suffix(".test")
    language = ["-x", "c"] if source.suffix == ".h" else []
    subprocess.run(
        [CC, *STRICT, *options, "-DRELUCTANT_SELF_TEST", "-o", program, *language, source, "-lm"], check=True
    )
    return subprocess.run([program]).returncode


def curve(seed, n_rows=200):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-3, 7, n_rows))
    return x, 10.0 ** rng.integers(-3, 4) * (
        np.sin(x * rng.uniform(0.3, 2)) + rng.uniform(-3, 3) * x + rng.normal() * 20
    )


def check_every_code(folder, x, y, request, *, ends="linear"):
    """Compile, run all codes, and measure the error from a reference that is worked out here."""
    lines = PiecewiseLinear(x[1:-1], np.stack([x[:-1], y[:-1]]), np.diff(y) / np.diff(x))
    model = lines if request.reference == "model" else approximate(x, y, tolerance=np.ptp(y))
    exported = export_c(model, folder / "f.c", data=(x, y), integers=request, ends=ends)
    results = results_in_c(folder / "f.c", exported)
    table = exported.integers
    np.testing.assert_array_equal(results, table(np.arange(len(results))))
    inputs = table.low + table.step * np.arange(2**request.bits)
    expected = np.interp(inputs, x, y) if ends == "clamped" else lines(inputs)
    error = np.abs(results * table.count - expected).max()
    assert error <= request.tolerance + 1e-12 * np.abs(y).max()
    assert exported.error_bound == pytest.approx(error, rel=1e-9)
    assert f"All {2**request.bits:,} codes checked: largest error {exported.error_bound:.9g}" in exported.header
    assert self_test(folder / "f.c") == 0
    return exported


@needs_cc
@pytest.mark.parametrize(
    ("shape", "bits", "share", "reference"),
    [("links", 11, 1e-3, "rows"), ("grid", 12, 1e-2, "model"), ("powers", 16, 1e-2, "rows")],
)
def test_every_code_in_c_is_what_was_checked_and_within_the_tolerance(tmp_path, shape, bits, share, reference):
    x, y = curve(bits)
    check_every_code(tmp_path, x, y, Integers(bits, share * np.ptp(y), shape=shape, reference=reference))


@needs_cc
def test_ends_are_clamped_where_codes_go_beyond_the_data(tmp_path):
    x, y = curve(1)
    request = Integers(11, 1e-2 * np.ptp(y), low=-20.0, high=30.0, reference="rows")
    check_every_code(tmp_path, x, y, request, ends="clamped")
    assert "is moved to [" in (tmp_path / "f.h").read_text()


@needs_cc
@pytest.mark.parametrize(("scale", "offset"), [(1e-300, 0.0), (1e300, 0.0), (1.0, 1e6)])
def test_any_scale_and_offset_of_y_will_do(tmp_path, scale, offset):
    x = np.linspace(1e9, 1e9 + 1, 50)
    y = scale * (np.exp(x - x[0]) + offset)
    check_every_code(tmp_path, x, y, Integers(10, 0.01 * scale, reference="rows"))


@pytest.mark.slow
@needs_cc
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(40))
def test_every_code_in_c_for_many_curves(tmp_path, shape, seed):
    rng = np.random.default_rng(1000 + seed)
    x, y = curve(seed, int(rng.integers(2, 300)))
    request = Integers(
        int(rng.integers(10, 17)),
        10.0 ** rng.uniform(-3.5, 0) * np.ptp(y),
        shape=shape,
        reference=str(rng.choice(["model", "rows"])),
        low=float(x[0] - rng.choice([0, 2])),
        count=[None, np.ptp(y) / 2**15][int(rng.integers(2))],
    )
    ends = str(rng.choice(["linear", "clamped"]))
    try:
        check_every_code(tmp_path, x, y, request, ends=ends)
    except ValueError as error:
        if "the smallest that is reached is" not in str(error):
            raise


@needs_cc
@pytest.mark.parametrize("file", ["f.c", "f.h"])
def test_the_self_test_notices_one_changed_number(tmp_path, file):
    x, y = curve(2)
    exported = export_c(
        approximate(x, y, tolerance=0.01 * np.ptp(y)),
        tmp_path / file,
        data=(x, y),
        integers=Integers(10, 0.02 * np.ptp(y)),
    )
    assert self_test(tmp_path / file) == 0
    text = (tmp_path / file).read_text()
    slope = str(exported.integers.slope[1])
    head, tail = text[: text.index("f_slope[")], text[text.index("f_slope[") :]
    (tmp_path / file).write_text(head + tail.replace(f" {slope},", f" {int(slope) + 1},", 1))
    assert self_test(tmp_path / file) > 0


@pytest.mark.skipif(CXX is None, reason="no C++ compiler on the path")
@pytest.mark.parametrize("shape", SHAPES)
def test_headers_compile_as_cpp_without_warnings(tmp_path, shape):
    x, y = curve(4)
    model = approximate(x, y, tolerance=0.01 * np.ptp(y))
    export_c(model, tmp_path / "f.h", data=(x, y), integers=Integers(10, 0.05 * np.ptp(y), shape=shape))
    options = ["-std=c++11", *STRICT[1:], "-DRELUCTANT_SELF_TEST", "-fsyntax-only"]
    subprocess.run([CXX, "-x", "c++", *options, tmp_path / "f.h"], check=True)


def test_results_wrap_as_those_of_c():
    """In Python's own integers, with every wrap written out."""
    table = GridCodes(
        bits=10,
        low=0.0,
        step=1.0,
        count=1.0,
        offset=-3,
        shift=9,
        result_type=np.dtype(np.int16),
        value=np.array([2**31, 5, 2**32 - 1]),
        cell=9,
    )
    for code in (0, 1, 511, 512, 700, 1023, 4000):
        k, d = divmod(min(code, 1023), 512)
        left, right = int(table.value[k]), int(table.value[k + 1])
        total = (left * 512 + (right - left) % 2**32 * d + 256) % 2**32
        result = (total // 512 - 3) % 2**16
        assert table([code])[0] == (result - 2**16 if result >= 2**15 else result)


def fewest_pieces(y, half_width, slopes):
    """By dynamic programming over all first points and slopes."""
    n, best = len(y), [0]
    for j in range(1, n + 1):
        serves = [
            best[i] for i in range(j) if any(np.ptp(y[i:j] - s * np.arange(j - i)) <= 2 * half_width for s in slopes)
        ]
        best.append(1 + min(serves))
    return best[n]


@pytest.mark.parametrize("seed", range(5))
def test_powers_take_the_fewest_pieces(seed):
    rng = np.random.default_rng(seed)
    y, slopes = rng.normal(size=40).cumsum(), np.array([0.0, 0.5, 1.0, -0.5, -1.0])
    starts, values, chosen = greedy_pieces(y, 0.6, slopes)
    assert len(starts) == fewest_pieces(y, 0.6, slopes)
    for first, last, value, slope in zip(starts, [*starts[1:], len(y)], values, slopes[chosen]):
        assert np.abs(value + slope * np.arange(last - first) - y[first:last]).max() <= 0.6 + 1e-12


@pytest.mark.parametrize(("seed", "cell"), [(0, 1), (1, 2), (2, 3), (3, 5), (4, 6)])
def test_grid_values_are_nearest_of_all(seed, cell):
    """Against a linear programme for the values and the largest error."""
    rng = np.random.default_rng(seed)
    y = np.sin(np.arange(64) / 9) + 0.1 * rng.normal(size=64)
    n, width = 64 // 2**cell + 1, 2**cell
    weights = np.zeros((64, n))
    for i in range(64):
        k, d = divmod(i, width)
        weights[i, k], weights[i, k + 1] = 1 - d / width, d / width
    rows = np.block([[weights, -np.ones((64, 1))], [-weights, -np.ones((64, 1))]])
    least = linprog([0] * n + [1], rows, np.concatenate([y, -y]), bounds=[(None, None)] * (n + 1)).fun
    values, half_width = nearest_values(y, cell, 10.0)
    assert half_width == pytest.approx(least, abs=3e-5)
    assert np.abs(weights @ values - y).max() <= half_width + 1e-9


def test_a_tolerance_out_of_reach_is_refused_with_one_that_is_not(tmp_path):
    x = np.linspace(0, 1, 30)
    solution = interpolate(x, np.exp(x))
    with pytest.raises(
        ValueError, match=r"1e-12 is not reached by shape='links' with 10-bit codes.*reached is"
    ) as error:
        export_c(solution, tmp_path / "f.c", data=(x, np.exp(x)), integers=Integers(10, 1e-12))
    least = float(str(error.value).rsplit(" ", 1)[1])
    exported = export_c(solution, tmp_path / "f.c", data=(x, np.exp(x)), integers=Integers(10, 1.01 * least))
    assert exported.error_bound <= 1.01 * least < 1e-7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 8}, "bits must be from 10 to 16, got 8"),
        ({"bits": 17}, "bits must be from 10 to 16"),
        ({"tolerance": 0.0}, "tolerance must be"),
        ({"shape": "splines"}, "shape must be"),
        ({"reference": "data"}, "reference must be"),
        ({"count": -1.0}, "count must be"),
    ],
)
def test_requests_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Integers(**({"bits": 12, "tolerance": 0.1} | arguments))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (ReLUNetwork([[1.0, 1.0]], [0.0], [1.0]), {}, "one input and one output, and the model has 2 and 1"),
        (ReLUNetwork([[1.0]], [0.0], [1.0]), {}, "codes have no range; give data, or low and high"),
        (
            ReLUNetwork([[1.0]], [0.0], [1.0]),
            {"integers": Integers(10, 1, low=2, high=1)},
            "low must be less than high",
        ),
        (ReLUNetwork([[1.0]], [0.0], [1.0]), {"dtype": "float"}, "leave dtype='float' out"),
        (ReLUNetwork([[1.0]], [0.0], [1.0]), {"integers": 12}, "must be an Integers"),
        (ReLUNetwork([[1.0]], [0.0], [1.0]), {"integers": Integers(10, 1, 0, 1, reference="rows")}, "give data"),
        (ReLUNetwork([[1.0]], [0.0], [1.0]), {"ends": "clamped"}, "ends='clamped' moves inputs .* give data"),
        (ReLUNetwork([[1.0]], [0.0], [1.0]), {"ends": "flat"}, "ends must be"),
        (ReLUNetwork([[1.0]], [0.0], [1.0]), {"integers": Integers(10, 1, 0, 1, count=1e-310)}, "nor is any other"),
    ],
)
def test_exports_that_cannot_be_are_refused(tmp_path, model, options, message):
    with pytest.raises(ValueError, match=message):
        export_c(model, tmp_path / "f.c", **({"integers": Integers(10, 0.1)} | options))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def targets():
    """The module of the benchmark that compiles for other machines and runs there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("targets")


@pytest.mark.slow
@pytest.mark.parametrize("target", ["ARM", "AVR"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_code_comes_out_on_other_machines(tmp_path, targets, target, shape):
    machine = targets.TARGETS[target]
    if missing := machine.missing():
        pytest.skip(f"{target}: no {missing} on the path")
    x, y = curve(3)
    exported = export_c(
        approximate(x, y, tolerance=np.ptp(y)),
        tmp_path / "f.h",
        data=(x, y),
        integers=Integers(12, 0.02 * np.ptp(y), shape=shape),
    )
    report = machine.run(tmp_path / "f.h", exported.name, 4095)
    assert report.failures == 0
    assert isinstance(exported.integers, IntegerTable)
