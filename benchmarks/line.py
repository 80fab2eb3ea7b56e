"""The line: speed, memory and accuracy, beside splineops, pwlf and a NumPy floor, in one run.

    python benchmarks/line.py            everything, about five minutes (pwlf takes most of it)
    python benchmarks/line.py --quick    without pwlf and with at most 10^5 points

Times are medians of `--repeats` runs in CPU seconds of one thread, without compilation; the spread is (max − min) /
median. The floor is one NumPy pass over the data, cumsum(y) and diff(y) / diff(x).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from reluctant import LinkStream, approximate, error_path, interpolate, p_path
from reluctant.univariate import _sweep
from reluctant.univariate.band import sorted_band
from reluctant.univariate.budget import Brackets, Rows
from reluctant.univariate.fewest import fewest_links
from reluctant.univariate.shapes import Shape

TABLE = Path(__file__).parent.parent / "examples" / "thermocouple_type_k.csv"


def random_walk(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(size=n)), np.cumsum(rng.normal(size=n))


def convex(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.sort(np.random.default_rng(seed).uniform(size=n))
    return x, np.exp(x)


def sine(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.sort(np.random.default_rng(seed).uniform(size=n))
    return x, np.sin(40 * x)


def straight(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(float(n))
    return x, 0.1 * x


def floor(x: np.ndarray, y: np.ndarray) -> None:
    np.cumsum(y)
    np.diff(y) / np.diff(x)


def timed(action: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median CPU seconds and relative spread."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    middle = median(seconds)
    return middle, (max(seconds) - min(seconds)) / middle


def interpolation_speed(sizes: list[int], repeats: int) -> None:
    from splineops.adaptive_regression_splines.sparsification import sparsest_interpolant

    print("\nInterpolation: seconds (times the floor); network = building it on first access")
    heads = ("p = 0", "p = 0.5", "p = 1", "network", "splineops")
    print(f"{'data':8} {'N':>8} {'floor':>9} " + " ".join(f"{head:>16}" for head in heads))
    for name, data in (("walk", random_walk), ("convex", convex)):
        for n in sizes:
            x, y = data(n)
            base, _ = timed(lambda: floor(x, y), repeats)
            cells = []
            for p in (0, 0.5, 1):
                seconds, _ = timed(lambda: interpolate(x, y, p), repeats)
                cells.append(f"{seconds:9.5f} ({seconds / base:4.1f})")
            solutions = iter([interpolate(x, y) for _ in range(repeats)])
            seconds, _ = timed(lambda: next(solutions).network, repeats)
            cells.append(f"{seconds:9.5f} ({seconds / base:4.1f})")
            rival, _ = timed(lambda: sparsest_interpolant(x, y, sparsity_tol=0.0), min(repeats, 3))
            ours, _ = timed(lambda: interpolate(x, y), repeats)
            cells.append(f"{rival:9.4f} = {rival / ours:4.0f} x")
            print(f"{name:8} {n:8d} {base:9.6f} " + " ".join(f"{cell:>16}" for cell in cells))


def shared_knots_speed(n: int, repeats: int) -> None:
    print("\nThree outputs that share knots, p = 0: seconds (times one output), knots, gap")
    x, rng = np.arange(float(n)), np.random.default_rng(0)
    tables = {"noise": rng.normal(size=(n, 3)), "integers": rng.integers(-2, 3, (n, 3)).astype(float)}
    for name, Y in tables.items():
        base, _ = timed(lambda: interpolate(x, Y[:, 0]), repeats)
        seconds, _ = timed(lambda: interpolate(x, Y), repeats)
        solution = interpolate(x, Y)
        print(f"{name:8} {n:8d} {seconds:9.4f} ({seconds / base:5.1f}) {solution.n_neurons:8d} {solution.gap:g}")


def tolerance_speed(n: int, repeats: int) -> None:
    print(f"\nApproximation within a tolerance, N = {n}")
    print(f"{'data':28} {'tolerance':>9} {'knots':>8} {'seconds':>9} {'x floor':>8} {'spread':>7}")
    cases: list[tuple[str, Callable, float, float]] = [
        ("walk", random_walk, 1.0, 1e-9),
        ("walk", random_walk, 0.01, 1e-9),
        ("sine", sine, 1e-4, 1e-9),
        ("convex", convex, 1e-6, 1e-9),
        ("straight line", straight, 1e-12, 1e-9),
        ("straight line, rtol = 0", straight, 1e-12, 0.0),
    ]
    for name, data, tolerance, rtol in cases:
        x, y = data(n)
        base, _ = timed(lambda: floor(x, y), repeats)
        seconds, spread = timed(lambda: approximate(x, y, tolerance=tolerance, rtol=rtol), repeats)
        knots = approximate(x, y, tolerance=tolerance, rtol=rtol).n_neurons
        print(f"{name:28} {tolerance:9.0e} {knots:8d} {seconds:9.4f} {seconds / base:8.1f} {spread:7.0%}")


def band_speed(n: int, repeats: int) -> None:
    """Tolerances along lines, bounds and one bound alone, beside a tolerance at the rows."""
    print(f"\nBands, N = {n}: knots at the rows and along lines; seconds at the rows, and ratios to them")
    heads = f"{'knots':>8} {'lines':>8} {'rows s':>8} {'lines':>6} {'bounds':>7} {'one-sided':>10}"
    print(f"{'data':12} {'tolerance':>9} {heads}")
    for name, data, eps in (
        ("walk", random_walk, 100.0),
        ("walk", random_walk, 1.0),
        ("walk", random_walk, 0.01),
        ("sine", sine, 1e-4),
        ("convex", convex, 1e-6),
    ):
        x, y = data(n)
        actions: list[Callable] = [
            lambda x=x, y=y, eps=eps: approximate(x, y, tolerance=eps),
            lambda x=x, y=y, eps=eps: approximate(x, y, tolerance=eps, between="lines"),
            lambda x=x, y=y, eps=eps: approximate(x, y, bounds=(y - eps, y + eps)),
            lambda x=x, y=y, eps=eps: approximate(x, y, bounds=(y, np.inf)),
        ]
        knots, lines = (action().n_neurons for action in actions[:2])
        rows, *others = (timed(action, repeats)[0] for action in actions)
        ratios = " ".join(f"{seconds / rows:{width}.2f}" for seconds, width in zip(others, (6, 7, 10), strict=True))
        print(f"{name:12} {eps:9.0e} {knots:8d} {lines:8d} {rows:8.4f} {ratios}")


def shape_speed(n: int, repeats: int) -> None:
    """A shape beside the sweep without one, on the same bounds: the search alone, and the whole call."""
    print(f"\nShapes, N = {n}: seconds of the sweep without a shape and times as long with it; the same for the call")
    print(
        f"{'data':16} {'shape':18} {'tolerance':>9} {'knots':>6} {'sweep s':>8} {'times':>6} {'call s':>8} {'times':>6}"
    )
    x, noise = np.linspace(-3.0, 3.0, n), 0.01 * np.random.default_rng(0).normal(size=n)
    cases: list[tuple[str, np.ndarray, str | tuple[str, str], float]] = [
        ("tanh and noise", np.tanh(x) + noise, "increasing", 0.06),
        ("exp", np.exp(x), "increasing", 1e-3),
        ("exp", np.exp(x), "increasing", 1e-9),
        ("exp, falling", np.exp(-x), "decreasing", 1e-3),
        ("cosh and noise", np.cosh(x) + noise, "convex", 0.06),
        ("exp", np.exp(x), "convex", 1e-3),
        ("exp", np.exp(x), "convex", 1e-9),
        ("-exp", -np.exp(x), "concave", 1e-3),
        ("exp", np.exp(x), ("increasing", "convex"), 1e-3),
    ]
    for name, y, names, tolerance in cases:
        shape = Shape.checked(names)
        band = sorted_band(x, y, np.full(n, tolerance), 0.5e-9, 2.0**-51)
        plain, _ = timed(lambda: fewest_links(band, band.lo, band.hi), repeats)
        shaped, _ = timed(lambda: shape.links(band, *shape.tightened(band.lo, band.hi)), repeats)
        call, _ = timed(lambda: approximate(x, y, tolerance=tolerance), repeats)
        shaped_call, _ = timed(lambda: approximate(x, y, tolerance=tolerance, shape=names), repeats)
        knots = approximate(x, y, tolerance=tolerance, shape=names).n_neurons
        figures = f"{plain:8.4f} {shaped / plain:6.2f} {call:8.4f} {shaped_call / call:6.2f}"
        print(f"{name:16} {shape.name:18} {tolerance:9.0e} {knots:6d} {figures}")


def streamed(x: np.ndarray, y: np.ndarray, tolerance: float) -> LinkStream:
    stream = LinkStream(tolerance)
    stream.push(x, y)
    return stream


def stream_speed(n: int, repeats: int) -> None:
    print(f"\nStreams: one push of N = {n} rows beside the sweep over the table alone, and a push for each row")
    heads = f"{'links':>8} {'kept':>6} {'sweep s':>9} {'stream s':>9} {'ratio':>6}"
    print(f"{'data':12} {'tolerance':>9} {heads} {'row, us':>8}")
    cases = [("walk", random_walk, 1.0), ("walk", random_walk, 100.0), ("sine", sine, 1e-3), ("convex", convex, 1e-3)]
    for name, data, tolerance in cases:
        x, y = data(n)
        lo, hi = y - tolerance, y + tolerance
        batch, _ = timed(lambda: _sweep.sweep(x, lo, hi), repeats)
        seconds, _ = timed(lambda: streamed(x, y, tolerance), repeats)
        kept = streamed(x, y, tolerance)
        one_by_one = LinkStream(tolerance)
        rows = list(zip(x[:20_000].tolist(), y[:20_000].tolist(), strict=True))
        each, _ = timed(lambda: [one_by_one.push(*row) for row in rows], 1)
        figures = f"{kept.n_links:8d} {kept.n_kept:6d} {batch:9.4f} {seconds:9.4f} {seconds / batch:6.2f}"
        print(f"{name:12} {tolerance:9.0e} {figures} {each / len(rows) * 1e6:8.1f}")


def path_speed(quick: bool, repeats: int) -> None:
    print("\nThe path in p")
    print(f"{'data':8} {'N':>8} {'seconds':>9} {'breakpoints':>12} {'unresolved':>11} {'p*':>8}")
    for name, data, n in (("walk", random_walk, 10**6), ("convex", convex, 10**4), ("convex", convex, 10**5)):
        if quick and n > 10**5:
            n = 10**5
        x, y = data(n)
        seconds, _ = timed(lambda: p_path(x, y), min(repeats, 3))
        path = p_path(x, y)
        breaks, open_ = len(path.breakpoints), len(path.unresolved)
        print(f"{name:8} {n:8d} {seconds:9.3f} {breaks:12d} {open_:11d} {path.critical_p:8.4f}")


def budget_speed(n: int) -> None:
    print("\nThe smallest largest error for a number of knots, one run each")
    print(f"{'data':24} {'N':>8} {'knots':>8} {'error':>11} {'sweeps':>7} {'seconds':>8} {'one sweep':>10}")
    approximate([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], max_neurons=0)
    temperature, emf = np.loadtxt(TABLE, delimiter=",", skiprows=1, unpack=True)
    walk = random_walk(n)
    for name, (x, y), knots in (
        ("thermocouple, T(E)", (emf, temperature), 8),
        ("walk", walk, 10),
        ("walk", walk, 100),
        ("walk", walk, 1000),
        ("sine", sine(n), 100),
    ):
        start = time.process_time()
        solution = approximate(x, y, max_neurons=knots)
        spent = time.process_time() - start
        error = solution.certificate.lower_bound
        one, _ = timed(lambda: approximate(x, y, tolerance=error, rtol=0), 3)
        print(f"{name:24} {len(x):8d} {knots:8d} {error:11.5g} {sweeps(x, y, knots):7d} {spent:8.3f} {one:10.4f}")
    for name, (x, y) in (("thermocouple, T(E)", (emf, temperature)), ("walk", random_walk(1000)), ("walk", walk)):
        start = time.process_time()
        path = error_path(x, y, max_neurons=32)
        spent = time.process_time() - start
        print(f"{name:24} {len(x):8d} {'0 to 32':>8} {path.errors[-1]:11.5g} {path.n_sweeps:7d} {spent:8.3f}")


def sweeps(x: np.ndarray, y: np.ndarray, knots: int) -> int:
    """How many sweeps one number of knots takes."""
    brackets = Brackets(Rows.of(x, y, np.ones(len(x))), knots + 1)
    brackets.smallest(knots)
    return brackets.n_sweeps


def early_stop(n: int, repeats: int) -> None:
    """The sweep to its end, and the same one ended at 12 links."""
    x, y = random_walk(n)
    print(f"\nOne sweep over a walk, N = {n}: to its end and until 12 links")
    for tolerance in (0.01, 1.0, 100.0):
        whole, _ = timed(lambda: _sweep.sweep(x, y - tolerance, y + tolerance), repeats)
        ended, _ = timed(lambda: _sweep.sweep_until(x, y - tolerance, y + tolerance, 12), repeats)
        print(f"tolerance {tolerance:6g}: {whole:.4f} s, {ended:.4f} s")


def accuracy(n: int) -> None:
    print(f"\nAccuracy, random walk, N = {n}: largest error of predict and of the network's own call")
    print(f"{'offset':16} {'predict / max|y|':>17} {'predict in ulp of y':>20} {'network / max|y|':>17}")
    x, y = random_walk(n)
    wide = n * x  # spacing about one, so that an offset of 10^9 leaves the points apart
    for name, u, v in (("none", x, y), ("1e9 in x", wide + 1e9, y), ("1e12 in y", x, y + 1e12)):
        solution = interpolate(u, v)
        error = np.abs(solution.predict(u) - v)
        network = np.max(np.abs(solution.network(u) - v)) / np.max(np.abs(v))
        in_ulp = np.max(error / np.spacing(np.abs(v)))
        print(f"{name:16} {np.max(error) / np.max(np.abs(v)):17.1e} {in_ulp:20.1f} {network:17.1e}")


def memory(n: int) -> None:
    """Peak memory above the imported baseline, in arrays of length n, each case in a process of its own."""
    print(f"\nPeak memory above the imported baseline, in float64 arrays of length N = {n}, input included")
    for case in ("interpolate p=0", "interpolate p=0.5", "approximate", "p_path"):
        run = [sys.executable, __file__, "--memory-of", case, "--size", str(n)]
        grown = float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
        print(f"{case:20} {grown / (8 * n):6.1f}")


def memory_of(case: str, n: int) -> None:
    actions: dict[str, Callable] = {
        "interpolate p=0": lambda x, y: interpolate(x, y),
        "interpolate p=0.5": lambda x, y: interpolate(x, y, 0.5),
        "approximate": lambda x, y: approximate(x, y, tolerance=0.01),
        "p_path": lambda x, y: p_path(x, y),
    }
    actions[case](*random_walk(1000))
    before = peak_resident(reset=True)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=n), rng.normal(size=n)
    x.sort()
    np.cumsum(y, out=y)
    actions[case](x, y)
    print(peak_resident() - before)


def peak_resident(reset: bool = False) -> int:
    """Peak resident bytes of this process; with `reset`, from now on (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def pwlf_comparison() -> None:
    import pwlf

    temperature, emf = np.loadtxt(TABLE, delimiter=",", skiprows=1, unpack=True)
    print("\nThermocouple table, mV to degrees, 1,643 rows: pwlf.fitfast beside the exact sweep")
    print(f"{'segments':>8} {'pwlf error':>11} {'pwlf s':>8} {'our error':>10} {'our s':>8} {'ours at pwlf error':>19}")
    for segments in (4, 8, 12):
        start = time.perf_counter()
        model = pwlf.PiecewiseLinFit(emf, temperature, seed=0)
        model.fitfast(segments, pop=3)
        spent = time.perf_counter() - start
        error = float(np.max(np.abs(model.predict(emf) - temperature)))
        start = time.perf_counter()
        tolerance = approximate(emf, temperature, max_neurons=segments - 1).max_error
        ours = time.perf_counter() - start
        same = approximate(emf, temperature, tolerance=error).n_neurons + 1
        print(f"{segments:8d} {error:11.3f} {spent:8.1f} {tolerance:10.3f} {ours:8.3f} {same:10d} segments")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 10^5 points and no pwlf")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=10**6, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        memory_of(arguments.memory_of, arguments.size)
        return
    largest = 10**5 if arguments.quick else 10**6
    interpolation_speed([n for n in (10**3, 10**4, 10**5, 10**6) if n <= largest], arguments.repeats)
    shared_knots_speed(10**5, min(arguments.repeats, 3))
    tolerance_speed(largest, arguments.repeats)
    band_speed(largest, arguments.repeats)
    budget_speed(largest)
    early_stop(largest, arguments.repeats)
    shape_speed(largest, arguments.repeats)
    stream_speed(largest, arguments.repeats)
    path_speed(arguments.quick, arguments.repeats)
    accuracy(largest)
    memory(largest)
    if not arguments.quick:
        pwlf_comparison()


if __name__ == "__main__":
    main()
