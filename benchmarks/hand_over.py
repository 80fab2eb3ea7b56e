"""What a model costs once it is found: seconds from the table to all files, latency in Python, ONNX Runtime and C.

    python benchmarks/hand_over.py [repetitions]

The example table (1,643 rows, within half a degree, 15 neurons), and beside it what people would use in its place: an
MLP of two hidden layers of 32 units, trained by scikit-learn with at most 3,000 steps of L-BFGS; its error is named.
Seconds are medians of whole calls, and of processes those of the processor stand beside those on the wall, since other
work on a machine disturbs them less; those of a million rows are per row. C is compiled with -O2 for speed and -Os for
its size; what is missing (a compiler, onnxruntime) is said and left out.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

TABLE = Path(__file__).parents[1] / "examples" / "thermocouple_type_k.csv"
TOLERANCE = 0.5
ROWS = 1_000_000
Figures = list[tuple[str, str]]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Millivolts and degrees."""
    temperature, emf = np.loadtxt(TABLE, delimiter=",", skiprows=1, unpack=True)
    return emf, temperature


def seconds(call: Callable[[], object], repetitions: int) -> float:
    """Median time of a call, after one that does not count."""
    call()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def written(value: float) -> str:
    """Seconds with their unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def table_to_files(repetitions: int) -> Figures:
    """One process that fits the table, and one that writes everything else; as a person runs them, warm."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "reluctant"]
        columns = ["--x", "emf_mv", "--y", "temperature_c", "--tolerance", str(TOLERANCE)]
        fit = [*command, "fit", str(TABLE), *columns, "--out", folder, "--name", "f", "--quiet"]
        targets = [word for kind in ("onnx", "python", "javascript", "rust") for word in ("--to", kind)]
        export = [*command, "export", f"{folder}/f.json", *targets, "--out", folder]

        first, second = (process_seconds(line, repetitions) for line in (fit, export))
        files = sorted(path.name for path in Path(folder).iterdir())
    both = first[0] + second[0], first[1] + second[1]
    return [
        (label, f"{wall:.2f} s, of them {processor:.2f} s of the processor")
        for label, (wall, processor) in (
            ("table to model, C, figures (fit)", first),
            ("model to ONNX, Python, JavaScript, Rust (export)", second),
            ("together, aim under 3 s", both),
        )
    ] + [("files", ", ".join(files))]


def process_seconds(line: list[str], repetitions: int) -> tuple[float, float]:
    """Medians of the time of a process on the wall and on the processor, after one that does not count."""
    walls, processors = [], []
    for _ in range(repetitions + 1):
        before, start = os.times(), time.perf_counter()
        subprocess.run(line, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        processors.append(used)
    return statistics.median(walls[1:]), statistics.median(processors[1:])


def latencies(repetitions: int) -> Iterator[tuple[str, str]]:
    """One row and a million rows, in every form that is at hand."""
    from reluctant import approximate

    emf, temperature = table()
    solution = approximate(emf, temperature, tolerance=TOLERANCE)
    many = np.random.default_rng(0).uniform(emf.min(), emf.max(), ROWS)
    yield "neurons, largest error", f"{solution.n_neurons}, {solution.max_error:.3g}"
    for name, forms in (
        ("Solution.predict", _of_solution(solution)),
        ("Python file", _of_python(solution)),
        ("ONNX Runtime, double", _of_onnx(solution)),
        ("C, double, -O2", _of_c(solution)),
    ):
        if forms is None:
            yield name, "left out: its tool is not at hand"
            continue
        one, all_of = forms
        few = seconds(lambda one=one: [one(12.5) for _ in range(1000)], repetitions) / 1000
        rows = many if name != "Python file" else many[: ROWS // 20]
        each = seconds(lambda all_of=all_of, rows=rows: all_of(rows), max(3, repetitions // 2)) / len(rows)
        yield name, f"one row {written(few)}, of a million {written(each)} each"
    yield from _mlp(emf, temperature, many, repetitions)
    yield from code_size(solution)


Forms = tuple[Callable[[float], object], Callable[[np.ndarray], object]]


def _of_solution(solution: object) -> Forms:
    predict = solution.predict  # type: ignore[attr-defined]
    row = np.empty(1)

    def one(x: float) -> object:
        row[0] = x
        return predict(row)

    return one, predict


def _of_python(solution: object) -> Forms:
    from reluctant.export import export_python

    with tempfile.TemporaryDirectory() as folder:
        source = export_python(solution, f"{folder}/f.py").source  # type: ignore[arg-type]
    space: dict = {}
    exec(source, space)
    return space["f"], lambda rows: [space["f"](x) for x in rows.tolist()]


def _of_onnx(solution: object) -> Forms | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    from reluctant.export import export_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(solution, f"{folder}/f.onnx")  # type: ignore[arg-type]
        session = onnxruntime.InferenceSession(f"{folder}/f.onnx", options, providers=["CPUExecutionProvider"])
    row = np.empty((1, 1))

    def one(x: float) -> object:
        row[0, 0] = x
        return session.run(None, {"X": row})

    return one, lambda rows: session.run(None, {"X": rows[:, None]})


def _of_c(solution: object) -> Forms | None:
    """Loops in C, so that what calls them from Python does not count."""
    if shutil.which("cc") is None:
        return None
    from reluctant.export import export_c

    folder = Path(tempfile.mkdtemp())
    export_c(solution, folder / "f.c")  # type: ignore[arg-type]
    (folder / "loop.c").write_text(
        '#include "f.h"\n'
        "double again(double x, long n)\n"
        "{ double s = 0; for (long i = 0; i < n; i++) s += f(x + 1e-9 * i); return s; }\n"
        "void rows(const double *x, double *y, long n) { for (long i = 0; i < n; i++) y[i] = f(x[i]); }\n"
    )
    library = folder / "f.so"
    line = ["cc", "-std=c99", "-O2", "-shared", "-fPIC", f"{folder}/f.c", f"{folder}/loop.c", "-o", str(library)]
    subprocess.run(line, check=True)
    code = ctypes.CDLL(str(library))
    shutil.rmtree(folder)
    number = np.ctypeslib.ndpointer(np.float64)
    code.rows.argtypes = [number, number, ctypes.c_long]
    code.again.argtypes, code.again.restype = [ctypes.c_double, ctypes.c_long], ctypes.c_double
    code.f.argtypes, code.f.restype = [ctypes.c_double], ctypes.c_double
    start, calls = time.perf_counter(), 2_000_000
    code.again(12.5, calls)
    print(f"C alone, one row: {written((time.perf_counter() - start) / calls)} (the line below has ctypes in it)")
    result = np.empty(ROWS)
    return code.f, lambda rows: code.rows(rows, result, len(rows))


def _mlp(emf: np.ndarray, temperature: np.ndarray, many: np.ndarray, repetitions: int) -> Iterator[tuple[str, str]]:
    """Two hidden layers of 32 units in their place."""
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    mlp = MLPRegressor(hidden_layer_sizes=(32, 32), solver="lbfgs", max_iter=3000, random_state=0)
    target = (temperature - temperature.mean()) / temperature.std()
    model = make_pipeline(StandardScaler(), mlp).fit(emf[:, None], target)
    error = np.abs(model.predict(emf[:, None]) - target).max() * temperature.std()
    n = sum(w.size for w in (*mlp.coefs_, *mlp.intercepts_))
    row = np.array([[12.5]])
    one = seconds(lambda: model.predict(row), 100 * repetitions)
    each = seconds(lambda: model.predict(many[:, None]), 3) / len(many)
    words = f"one row {written(one)}, of a million {written(each)} each; {n:,} parameters, largest error {error:.3g}"
    yield "MLP (32, 32), scikit-learn", words


def code_size(solution: object) -> Iterator[tuple[str, str]]:
    """Bytes of code and tables, compiled for this machine with -Os."""
    if shutil.which("cc") is None or shutil.which("size") is None:
        yield "C, bytes with -Os", "left out: no compiler"
        return
    from reluctant.export import export_c

    for dtype in ("double", "float"):
        with tempfile.TemporaryDirectory() as folder:
            exported = export_c(solution, f"{folder}/f.c", dtype=dtype)  # type: ignore[arg-type]
            line = [
                "cc",
                "-std=c99",
                "-Os",
                "-fno-asynchronous-unwind-tables",
                "-c",
                f"{folder}/f.c",
                "-o",
                f"{folder}/f.o",
            ]
            subprocess.run(line, check=True)
            shown = subprocess.run(["size", f"{folder}/f.o"], check=True, capture_output=True, text=True).stdout
        text, data = map(int, shown.splitlines()[1].split()[:2])
        yield f"C, {dtype}, bytes with -Os", f"{text + data} in all, {exported.table_bytes} of them tables"


def main(repetitions: int = 5) -> None:
    for part in (table_to_files, latencies):
        print(f"\n{part.__doc__.splitlines()[0]}")
        for label, words in part(repetitions):
            print(f"  {label:50} {words}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
