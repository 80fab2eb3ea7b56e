"""What leaves the library, measured: how fast it answers, how small it is, and how easily it is optimised over.

    python benchmarks/hand_over.py [--part latency|integers|milp]

The table is that of the type K thermocouple, millivolts to degrees within 0.5, and the rival a dense network of one
hidden layer with as small a root mean square error: the first of 4, 8, 16, … 256 neurons that scikit-learn trains to
it, the best of three seeds, else the one with the least; for binaries also one trained with Adam. Other machines than
this one are simulated; what is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

from reluctant import ReLUNetwork, SparseReLURegressor, approximate, regress
from reluctant.export import Integers, export_c, export_onnx
from reluctant.model.milp import ranges
from targets import TARGETS

TABLE = Path(__file__).parents[1] / "examples" / "thermocouple_type_k.csv"
TOLERANCE = 0.5
WIDTHS = (4, 8, 16, 32, 64, 128, 256)
MILLION = 1_000_000
LIMIT = 60.0
"""Seconds for one optimisation."""


def thermocouple():
    temperature, emf = np.loadtxt(TABLE, delimiter=",", skiprows=1).T
    return emf, temperature


def error_of(network, X, y):
    """Root mean square."""
    return float(np.sqrt(np.mean((network(X) - y) ** 2)))


def dense(X, y, target, held_out=None):
    """The smallest dense network whose root mean square error is at most `target`, else the best, and its error.

    On rows held out it has the choice among three penalties too.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor
    from sklearn.utils._testing import ignore_warnings

    X = np.asarray(X, float).reshape(len(y), -1)
    at, spread, middle, scale = X.mean(axis=0), X.std(axis=0), y.mean(), y.std()
    penalties, measured_on = ((1e-6,), (X, y)) if held_out is None else ((1e-6, 0.1, 10.0), held_out)
    best = None
    for width in WIDTHS:
        for penalty, seed in product(penalties, range(3)):
            settings = {"solver": "lbfgs", "max_iter": 3000, "max_fun": 10**6}
            model = MLPRegressor(hidden_layer_sizes=(width,), alpha=penalty, random_state=seed, **settings)
            ignore_warnings(category=ConvergenceWarning)(model.fit)((X - at) / spread, (y - middle) / scale)
            W = model.coefs_[0].T / spread
            intercept = middle + scale * model.intercepts_[1]
            network = ReLUNetwork(W, model.intercepts_[0] - W @ at, scale * model.coefs_[1], intercept=intercept)
            found = error_of(network, *measured_on)
            if best is None or found < best[1]:
                best = network, found
        if best[1] <= target:
            break
    return best


def adam(X, y, target, measured_on):
    """A dense network as users of OMLT train it, and its root mean square error.

    Columns scaled to spread one, one hidden layer, Adam with its defaults, batches of 32, 100 epochs and at least
    20,000 steps; of five seeds the median one, of the first width at which that has at most `target`, else of the best.
    """
    best = None
    for width in WIDTHS[2:]:
        networks = sorted(_trained(X, y, width, 5), key=lambda network: error_of(network, *measured_on))
        found = error_of(networks[2], *measured_on)
        if best is None or found < best[1]:
            best = networks[2], found
        if found <= target:
            break
    return best


def _trained(X, y, width, n_seeds):
    """Networks trained side by side, each from its own start, with its own batches."""
    import torch

    X = np.asarray(X, float).reshape(len(y), -1)
    at, spread, middle, scale = X.mean(axis=0), X.std(axis=0), y.mean(), y.std()
    torch.manual_seed(0)
    inputs = torch.as_tensor((X - at) / spread, dtype=torch.float32)
    target = torch.as_tensor((y - middle) / scale, dtype=torch.float32)
    reach, d = X.shape[1] ** -0.5, X.shape[1]
    W, b = (torch.empty(n_seeds, *s).uniform_(-reach, reach).requires_grad_() for s in ((d, width), (1, width)))
    reach = width**-0.5
    V, c = (torch.empty(n_seeds, *s).uniform_(-reach, reach).requires_grad_() for s in ((width, 1), (1, 1)))
    optimizer = torch.optim.Adam([W, b, V, c])
    each = -(-len(y) // 32)
    for step in range(max(100 * each, 20_000)):
        if step % each == 0:
            order = torch.rand(n_seeds, len(y)).argsort(dim=1)
        rows = order[:, step % each * 32 :][:, :32]
        optimizer.zero_grad(set_to_none=True)
        f = torch.baddbmm(c, torch.baddbmm(b, inputs[rows], W).relu(), V)[:, :, 0]
        ((f - target[rows]) ** 2).mean(dim=1).sum().backward()
        optimizer.step()
    W, b, V, c = (part.detach().double().numpy() for part in (W, b, V, c))
    into = [W[s].T / spread for s in range(n_seeds)]
    return [ReLUNetwork(into[s], b[s, 0] - into[s] @ at, scale * V[s], intercept=middle + scale * c[s, 0])
            for s in range(n_seeds)]  # fmt: skip


def seconds(call, least=0.2):
    """The shortest of several times of a call that go on for so long; of the processor, so that others do not count."""
    times, start = [], time.process_time()
    while not times or time.process_time() - start < least:
        before = time.process_time()
        call()
        times.append(time.process_time() - before)
    return min(times)


DENSE_C = """
#ifdef __AVR__ /* there data of constants would be copied to the memory for variables */
#define IN_FLASH __flash
#else
#define IN_FLASH
#endif
static inline float dense(float x);
static const IN_FLASH float w[N] = {W}, b[N] = {B}, v[N] = {V};
static inline float dense(float x)
{
    float y = C;
    int k;
    for (k = 0; k < N; ++k) {
        const float h = w[k] * x + b[k];
        if (h > 0) {
            y += v[k] * h;
        }
    }
    return y;
}
#ifdef RELUCTANT_SELF_TEST
int main(void)
{
    return 0;
}
#endif
"""
TIMER_C = """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <stdint.h>
INCLUDES
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}
int main(void)
{
    ARGUMENT *x = malloc(ROWS * sizeof *x);
    RESULT *y = malloc(ROWS * sizeof *y);
    double best = 1e9;
    int i, round;
    srand(1);
    for (i = 0; i < ROWS; ++i) {
        x[i] = (ARGUMENT)(LOW + (HIGH - LOW) * (rand() / (RAND_MAX + 1.0)));
    }
    for (round = 0; round < 7; ++round) {
        double before = now();
        for (i = 0; i < ROWS; ++i) {
            y[i] = NAME(x[i]);
        }
        before = now() - before;
        best = before < best ? before : best;
    }
    printf("%.9g %g\\n", best, (double)y[ROWS - 1]);
    return 0;
}
"""


def dense_c(network):
    """A dense network of one input in C: a loop over its neurons in float."""
    n = len(network.biases)
    code = DENSE_C.replace("[N]", f"[{n}]").replace("k < N", f"k < {n}")
    for letter, values in (("W", network.input_weights), ("B", network.biases), ("V", network.output_weights)):
        code = code.replace(f"{{{letter}}}", "{" + ", ".join(f"{v:.9e}f" for v in values.ravel()) + "}")
    return code.replace("y = C", f"y = {float(network.intercept[0]):.9e}f")


def c_seconds(folder, code, name, argument, result, low, high):
    """Seconds for a million rows in C, -O2."""
    filled = TIMER_C.replace("INCLUDES", code).replace("NAME", name).replace("ROWS", str(MILLION))
    for word, value in (("ARGUMENT", argument), ("RESULT", result), ("LOW", repr(low)), ("HIGH", repr(high))):
        filled = filled.replace(word, value)
    source = folder / "timer.c"
    source.write_text(filled)
    subprocess.run(["gcc", "-O2", "-std=gnu99", "-I", folder, "-o", folder / "timer", source, "-lm"], check=True)
    return float(subprocess.run([folder / "timer"], capture_output=True, text=True, check=True).stdout.split()[0])


def part_latency():
    """One row, and a million."""
    import onnxruntime

    x, y = thermocouple()
    solution = approximate(x, y, tolerance=TOLERANCE)
    ours = error_of(solution.network, x, y)
    rival, error = dense(x, y, ours)
    print(f"ours: {solution.n_neurons} neurons, rms {ours:.3f}; dense: {len(rival.biases)} neurons, {error:.3f}")
    many = np.random.default_rng(0).uniform(x.min(), x.max(), MILLION)
    rows = []
    W, b, V = rival.input_weights.T.copy(), rival.biases, rival.output_weights

    def plain(X):
        return np.maximum(X @ W + b, 0) @ V + rival.intercept

    rows.append(("Python", lambda X: solution.predict(X[:, 0]), plain))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sessions = []
        for model, file in ((solution, "ours"), (rival, "dense")):
            export_onnx(model, folder / f"{file}.onnx", dtype="float")
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            sessions.append(onnxruntime.InferenceSession(str(folder / f"{file}.onnx"), options))
        run = [lambda X, s=s: s.run(None, {s.get_inputs()[0].name: X.astype(np.float32)}) for s in sessions]
        rows.append(("ONNX Runtime, float, one thread", *run))
        print(f"{'':34}{'one row, µs':>22}{'a million rows, ms':>24}")
        print(f"{'':34}{'ours':>11}{'dense':>11}{'ours':>12}{'dense':>12}")
        for what, ours, other in rows:
            one = [1e6 * seconds(lambda f=f: f(many[:1, None])) for f in (ours, other)]
            all_ = [1e3 * seconds(lambda f=f: f(many[:, None])) for f in (ours, other)]
            print(f"{what:34}{one[0]:11.3f}{one[1]:11.3f}{all_[0]:12.1f}{all_[1]:12.1f}")
        export_c(solution, folder / "fine.h", dtype="double")
        export_c(solution, folder / "single.h", dtype="float")
        request = Integers(16, TOLERANCE, reference="rows")
        whole = export_c(solution, folder / "whole.h", data=(x, y), integers=request)
        low, high = float(x.min()), float(x.max())
        rival_s = c_seconds(folder, dense_c(rival), "dense", "float", "float", low, high)
        result = f"{whole.integers.result_type.name}_t"
        for what, ours in (
            ("C, double", c_seconds(folder, '#include "fine.h"', "fine", "double", "double", low, high)),
            ("C, float", c_seconds(folder, '#include "single.h"', "single", "float", "float", low, high)),
            ("C, integers of 16 bits", c_seconds(folder, '#include "whole.h"', "whole", "uint16_t", result, 0, 65536)),
        ):
            print(f"{what:34}{1e6 * ours / MILLION:11.4f}{1e6 * rival_s / MILLION:11.4f}"
                  f"{1e3 * ours:12.1f}{1e3 * rival_s:12.1f}")  # fmt: skip
        print("dense in C: a loop over its neurons in float, -O2")


def part_integers():
    """Bytes, stack and cycles in integers, and in float beside them."""
    x, y = thermocouple()
    solution = approximate(x, y, tolerance=TOLERANCE)
    there = {name: target for name, target in TARGETS.items() if not target.missing()}
    for name in TARGETS.keys() - there.keys():
        print(f"{name} is left out: no {TARGETS[name].missing()}")
    print(f"{'':20}{'pieces':>7}{'tables, B':>11}{'error':>8}{'seconds':>9}", end="")
    print("".join(f"{name + ': B, stack, cycles':>30}" for name in there), " wrong")
    step = float(np.ptp(x)) / 65535
    jobs = [(f"{shape}, {bits} bits", Integers(bits, TOLERANCE, reference="rows", shape=shape))
            for bits in (16, 14) for shape in ("links", "grid", "powers")]  # fmt: skip
    rival, rival_error = dense(x, y, error_of(solution.network, x, y))
    for what, request in [*jobs, ("float", None), (f"dense of {len(rival.biases)}, float", rival)]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "f.h"
            start = time.perf_counter()
            last, expression, name = 65535, f"{float(x.min())}f + {step}f * code", "f"
            if request is rival:
                name, pieces, n_bytes = "dense", len(rival.biases), 12 * len(rival.biases) + 4
                error = float(np.abs(rival(x) - y).max())
                file.write_text(dense_c(rival))
            else:
                dtype = "double" if request else "float"
                exported = export_c(solution, file, dtype=dtype, data=(x, y), integers=request)
                pieces, n_bytes, error = solution.n_neurons + 1, exported.table_bytes, exported.data_error
                if request:
                    last, expression = 2**request.bits - 1, "code"
                    pieces, error = exported.integers.n_links, exported.error_bound
            took = time.perf_counter() - start
            reports = [_report(target, file, name, last, expression) for target in there.values()]
        print(f"{what:20}{pieces:7}{n_bytes:11}{error:8.4f}{took:9.2f}", end="")
        for report in reports:
            if report is None:
                print(f"{'does not fit':>30}", end="")
                continue
            cycles = "" if report.cycles is None else f"{report.cycles[0]}-{report.cycles[1]}"
            print(f"{report.n_bytes:>12}{report.stack:>6}{cycles:>12}", end="")
        print(f"  {sum(report.failures for report in reports if report)}")
    print(
        "B: code and tables, -Os; the float routines of a library are not counted. Error of float: at the rows alone; "
        f"the dense network has a root mean square of {rival_error:.2f}, ours {error_of(solution.network, x, y):.2f}."
    )


def _report(target, file, name, last, expression):
    try:
        return target.run(file, name, last, expression)
    except subprocess.CalledProcessError:
        return None


def extremes(network, bounds):
    """Binaries, and seconds to prove the least and the largest output of the box; None where the limit ends it."""
    import highspy

    took = 0.0
    for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        model.setOptionValue("threads", 1)
        model.setOptionValue("time_limit", LIMIT)
        columns = network.to_highs(model, bounds)
        model.changeColCost(int(columns.outputs[0]), 1.0)
        model.changeObjectiveSense(sense)
        start = time.perf_counter()
        model.run()
        took += time.perf_counter() - start
        if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return len(columns.binaries), None
    return len(columns.binaries), took


def friedman(n_rows, seed, noise=1.0):
    from sklearn.datasets import make_friedman1

    return make_friedman1(n_rows, noise=noise, random_state=seed)


def peaks(n):
    """A map of two inputs with hills and hollows, on a grid of n × n, of variance one."""
    u, v = (axis.ravel() for axis in np.meshgrid(np.linspace(-3, 3, n), np.linspace(-3, 3, n)))
    z = (
        3 * (1 - u) ** 2 * np.exp(-(u**2) - (v + 1) ** 2)
        - 10 * (u / 5 - u**3 - v**5) * np.exp(-(u**2) - v**2)
        - np.exp(-((u + 1) ** 2) - v**2) / 3
    )
    return np.column_stack([u, v]), z / z.std()


def part_milp():
    """Binaries and seconds of our networks, and of dense ones with as small an error, trained in two ways."""
    import sys

    sys.path.insert(0, str(TABLE.parent))
    import optimise_over_a_network as pump

    x, y = thermocouple()
    cases = [("type K, 1 input", approximate(x, y, tolerance=TOLERANCE).network, (x, y), None)]
    x = np.linspace(0, 1, 1000)
    y = np.sin(2 * np.pi * (1 + 4 * x) * x)
    cases.append(("chirp, 1 input", approximate(x, y, tolerance=0.02).network, (x, y), None))
    X, z = pump.table()
    fresh = np.random.default_rng(1).uniform(*np.transpose(pump.BOUNDS), (4000, 2))
    cases.append(("pump, 2 inputs, new rows", regress(X, z, alpha=1e-6, random_state=0).network, (X, z),
                  (fresh, pump.losses(*fresh.T))))  # fmt: skip
    X, z = peaks(31)
    cases.append(("peaks, 2 inputs", regress(X, z, alpha=1e-3, random_state=0).network, (X, z), None))
    X, z = friedman(500, 0)
    model = SparseReLURegressor(random_state=0).fit(X, z)
    cases.append(("Friedman 1, 10 inputs, new rows", model.network_, (X, z), friedman(10_000, 1, 0.0)))
    print(
        "binaries: one for each neuron that can be on and off in the box of the rows; in brackets as to_highs has them"
    )
    print("seconds: least and largest output on that box by to_highs, HiGHS on one thread, "
          f"at most {LIMIT:.0f} each; ratio of binaries: dense, a neuron each, over ours joined")  # fmt: skip
    print(f"{'':34}{'':8}{'error':>9}{'neurons':>9}{'binaries':>14}{'seconds':>9}{'ratio':>7}")
    for what, network, rows, held_out in cases:
        measured_on = rows if held_out is None else held_out
        found = error_of(network, *measured_on)
        ours = _line(what, "ours", network, found, rows[0])
        usual, error = adam(*rows, found, measured_on)
        _line("", "adam", usual, error, rows[0], ours)
        strong, error = dense(*rows, found, held_out)
        _line("", "lbfgs", strong, error, rows[0], ours)


def _line(what, who, network, error, X, ours=None):
    """Print what a network takes, and return its binaries as joined."""
    X = np.asarray(X).reshape(len(X), -1)
    bounds = np.column_stack([X.min(axis=0), X.max(axis=0)])
    least, most = ranges(network.hinges[0], *bounds.T)
    each = int(np.count_nonzero((least < 0) & (most > 0) & network.output_weights.any(axis=1)))
    joined, took = extremes(network, bounds)
    ratio = "" if ours is None else f"{each / ours:7.1f}"
    counts = f"{each} ({joined})"
    print(f"{what:34}{who:8}{error:9.4f}{len(network.biases):9}{counts:>14}{_time(took):>9}{ratio}", flush=True)
    return joined


def _time(took):
    return f"> {LIMIT:.0f}" if took is None else f"{took:.2f}"


PARTS = {"latency": part_latency, "integers": part_integers, "milp": part_milp}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=PARTS)
    chosen = parser.parse_args().part
    for name, part in PARTS.items():
        if chosen in (None, name):
            print(f"\n{name}: {part.__doc__}")
            part()
