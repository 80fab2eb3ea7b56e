"""More than fifty thousand generated cases against oracles: claims, poor answers, damaged files.

    python benchmarks/fuzz.py                    every kind, about a quarter of an hour on one core
    python benchmarks/fuzz.py --kinds "near lines" --share 0.1 --first 7

A line for each kind: cases, failures, seconds, and the seeds of the first failures, each of which
`--kinds KIND --first SEED --share 0` runs again alone. The oracles are those of the tests: rationals, enumeration,
linear programs, a C compiler. The exit code is 1 where a case failed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
sys.path[0] = str(Path(__file__).parents[1] / "tests")  # not this folder: its modules have names of packages there

import numpy as np  # noqa: E402

from model.test_description import from_sentences, from_table  # noqa: E402
from multivariate.proofs.test_bounds import hidden_labels_are_not_counted  # noqa: E402
from multivariate.proofs.test_close_rows import never_beaten  # noqa: E402
from multivariate.proofs.test_duality import never_above_an_exact_interpolant  # noqa: E402
from multivariate.proofs.test_lines import never_beaten as lines_never_beaten  # noqa: E402
from multivariate.proofs.test_subsample import (  # noqa: E402
    certificates_never_beaten,
    enumeration_never_beaten,
    few_rows_never_beaten,
)
from oracles import exact, fewest_knots  # noqa: E402
from reluctant import FileFormatError, ReLUNetwork, approximate, interpolate, p_path  # noqa: E402
from reluctant.export import export_c  # noqa: E402
from reluctant.model import container  # noqa: E402
from univariate.strategies import GENERATORS  # noqa: E402
from univariate.test_claims import NEAR_LINES, assert_claims_hold, nearly_collinear  # noqa: E402
from univariate.test_distance import exact_distance  # noqa: E402
from univariate.test_tolerance import (  # noqa: E402
    assert_every_row_is_within_its_own,
    mixed_tolerances,
    rounded_to_twelve_decimals,
)

Check = Callable[[np.random.Generator, int], None]
MOST_NAMED = 5
"""Seeds of failures that are printed for each kind."""


# A. Claims


def near_lines(rng: np.random.Generator, seed: int) -> None:
    """Counts, values, p_path and bounds on data that nearly lie on lines, in rationals."""
    assert_claims_hold(*nearly_collinear(rng, NEAR_LINES[seed % len(NEAR_LINES)]))


def integers_on_offsets(rng: np.random.Generator, seed: int) -> None:
    """Integer tables at 1e14 to 2e15: the bound is never above the fewest knots of the floats as they are."""
    n = int(rng.integers(3, 12))
    x = np.cumsum(rng.integers(1, 4, n)).astype(float)
    y = rng.uniform(1e14, 2e15).__floor__() + np.cumsum(np.cumsum(rng.integers(-1, 2, n)) * np.diff(x, prepend=0.0))
    fewest = fewest_knots(exact(x), exact(y))
    found = interpolate(x, y)
    assert found.n_neurons == found.certificate.lower_bound <= fewest
    assert interpolate(x, y, rtol=0).n_neurons == fewest
    assert p_path(x, y).n_knots(0) == found.n_neurons
    for f in (found.predict(x), found.network(x)):
        assert np.abs(f - y).max() <= 1e-9 * np.abs(y).max()


def mixed(rng: np.random.Generator, seed: int) -> None:
    """Tolerances from zero to infinity in one table: every row within its own, the count that of an exact sweep."""
    n = int(rng.integers(1, 9))
    x = np.cumsum(rng.integers(1, 5, n)) * float(rng.choice([1, 0.1]))
    y = rng.normal(size=n).round(int(rng.integers(1, 4)))
    eps = mixed_tolerances(rng, n, str(rng.choice(["huge", "beyond", "infinite", "any"])))
    assert_every_row_is_within_its_own(x, y, eps, float(rng.choice([1e-9, 0])))


def between_rows(rng: np.random.Generator, seed: int) -> None:
    """`max_error_between` against the polyline in rationals."""
    data = list(GENERATORS.values())[seed % len(GENERATORS)](rng, int(rng.integers(1, 15)))
    share = float(rng.choice([0, 0.05, 0.3]))
    solution = approximate(data.x, data.y, tolerance=share * float(np.ptp(data.y)))
    distance = float(exact_distance(solution.function, data.x, data.y, 3))
    assert abs(solution.max_error_between - distance) <= 1e-9 * distance + 1e-12 * np.abs(data.y).max()


def described(rng: np.random.Generator, seed: int) -> None:
    """What `describe` says, read back, is the network."""
    d, K = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    W = rng.standard_normal((K, d)) * (rng.random((K, d)) < 0.7)
    W[np.flatnonzero(~W.any(axis=1)), 0] = 1.0
    network = ReLUNetwork(W, rng.standard_normal(K), rng.standard_normal(K), rng.standard_normal(d), rng.normal())
    X = rng.standard_normal((10, d))
    text = network.describe(digits=17, X=X if seed % 2 else None)
    read = [from_table(text, x[0]) if d == 1 else from_sentences(text, x) for x in X]
    known = np.isfinite(read)
    assert np.allclose(np.array(read)[known], network(X)[known], rtol=0, atol=1e-8)


def close_rows(rng: np.random.Generator, seed: int) -> None:
    """Proved counts on rows 1e-4 to 1e-13 apart against the network behind the labels."""
    never_beaten([seed])


def hidden_labels(rng: np.random.Generator, seed: int) -> None:
    """Generic bounds beside one huge label against a network of six parameters."""
    hidden_labels_are_not_counted([seed], bool(seed % 2))


def least_l1(rng: np.random.Generator, seed: int) -> None:
    """Proved values of p = 1 in R^d against an interpolant whose norm is a fraction."""
    never_above_an_exact_interpolant([seed])


def few_rows(rng: np.random.Generator, seed: int) -> None:
    """Counts proved on some of the rows against the network behind the labels, in rationals."""
    few_rows_never_beaten([seed])


def rows_on_lines(rng: np.random.Generator, seed: int) -> None:
    """Counts proved by rows on lines against the network behind the labels."""
    lines_never_beaten([seed])


def enumerations(rng: np.random.Generator, seed: int) -> None:
    """Counts proved by enumeration of all rows, within bands too, against the network behind the labels."""
    enumeration_never_beaten([seed])


def certificates(rng: np.random.Generator, seed: int) -> None:
    """What `interpolate` and `approximate` claim in R^d against the network behind the labels."""
    certificates_never_beaten([seed])


# B. Poor answers


def float32_lines(rng: np.random.Generator, seed: int) -> None:
    """Straight lines and single kinks, rounded once to float32, have no further knots."""
    n = int(rng.integers(3, 200))
    x = np.sort(rng.choice(10**6, n, replace=False)).astype(np.float32)
    exactly = x.astype(float)
    kink = seed % 2 * np.maximum(exactly - np.median(exactly), 0) * rng.uniform(0.5, 2)
    y = (rng.normal() * exactly + rng.normal() + kink).astype(np.float32)
    assert interpolate(x, y).n_neurons <= seed % 2
    assert approximate(x, y, tolerance=0).n_neurons <= seed % 2


def twelve_decimals(rng: np.random.Generator, seed: int) -> None:
    """Half a unit of the last decimal as the tolerance finds the two knots of the function."""
    assert approximate(*rounded_to_twelve_decimals(rng), tolerance=5e-13).n_neurons <= 2


def offset_columns(rng: np.random.Generator, seed: int) -> None:
    """Columns 1e3 to 1e5 spreads from zero: interpolants, or from 1e4 on a refusal that names the column."""
    n, d = int(rng.integers(12, 25)), int(rng.integers(2, 5))
    offset = np.where(rng.random(d) < 0.7, 10.0 ** rng.uniform(3, 5, d), 0.0)
    X, y = offset + rng.uniform(0, 1, (n, d)), rng.normal(size=n)
    try:
        solution = interpolate(X, y, random_state=seed, time_limit=0.5)
    except ValueError as error:
        if offset.max() > 1e4 and "subtract an offset from column" in str(error):
            return
        raise
    assert np.abs(solution.network(X) - y).max() <= 1e-9 * np.abs(y).max()
    assert solution.n_parameters <= 3 * n
    assert solution.certificate.lower_bound <= solution.n_parameters


# C. Files, C, the command


def damaged(rng: np.random.Generator, raw: bytes) -> bytes:
    """Bytes with one fault: a bit, bytes lost, put in, repeated, or exchanged for zeros."""
    place, kind = int(rng.integers(len(raw))), int(rng.integers(6))
    length = int(rng.integers(1, 40))
    if kind == 0:
        return raw[:place] + bytes([raw[place] ^ (1 << int(rng.integers(8)))]) + raw[place + 1 :]
    if kind == 1:
        return raw[:place]
    if kind == 2:
        return raw[:place] + raw[place + length :]
    if kind == 3:
        return raw[:place] + rng.bytes(length) + raw[place:]
    if kind == 4:
        return raw[: place + length] + raw[place:]
    return raw[:place] + bytes(length) + raw[place + length :]


def some_network(rng: np.random.Generator) -> ReLUNetwork:
    d, K, m = (int(n) for n in rng.integers(1, 4, 3))
    return ReLUNetwork(
        rng.normal(size=(K, d)),
        rng.normal(size=K),
        rng.normal(size=(K, m)),
        rng.normal(size=(d, m)),
        rng.normal(size=m),
    )


def same(f: ReLUNetwork, g: ReLUNetwork) -> bool:
    names = ("input_weights", "biases", "output_weights", "slope", "intercept")
    return all(np.array_equal(getattr(f, name), getattr(g, name)) for name in names)


def network_files(rng: np.random.Generator, seed: int) -> None:
    """A damaged JSON or npz is a FileFormatError, or the network that was saved."""
    path = FOLDER / ("network.json" if seed % 2 else "network.npz")
    network = some_network(rng)
    network.save(path)
    path.write_bytes(damaged(rng, path.read_bytes()))
    with contextlib.suppress(FileFormatError):
        assert same(ReLUNetwork.load(path), network)


def model_files(rng: np.random.Generator, seed: int) -> None:
    """A damaged model file is refused, or means the same."""
    x = np.arange(8.0)
    solution = approximate(x, rng.integers(0, 9, 8), tolerance=float(rng.integers(0, 3)))
    whole = container.encoded(solution.to_record(data=(x, x)))
    with contextlib.suppress(ValueError):
        assert container.decoded(damaged(rng, whole)) == container.decoded(whole)


def checkpoint_files(rng: np.random.Generator, seed: int) -> None:
    """A damaged checkpoint is a FileFormatError, or what was written."""
    import torch

    from reluctant.nn import checkpoints, fit_network

    path = FOLDER / "run.pt"
    if not path.exists():
        X = np.random.default_rng(0).uniform(-1, 1, (30, 3)).astype("f4")
        fit_network(X, np.maximum(X[:, 0], 0), alpha=0.01, n_neurons=6, epochs=2, checkpoint=path)
    whole = checkpoints.read(path, torch.device("cpu"))
    other = FOLDER / "damaged.pt"
    other.write_bytes(damaged(rng, path.read_bytes()))
    with contextlib.suppress(FileFormatError):
        assert checkpoints.digest(checkpoints.read(other, torch.device("cpu"))) == checkpoints.digest(whole)


def c_names(rng: np.random.Generator, seed: int) -> None:
    """Functions of any names, ten in one file, compile as C99 beside the standard headers."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "no C compiler on the path"
    words = ["NULL", "std", "signbit", "int", "uint8_t", "INFINITY", "printf", "main", "y1", "isnan", "EOF", "errno"]
    headers = "".join(f"#include <{name}.h>\n" for name in ("stdio", "math", "float", "stdint", "limits", "errno"))
    source, seen = headers, set()
    for k in range(10):
        letters = "".join(chr(c) for c in rng.integers(32, 0x250, int(rng.integers(0, 8))))
        name = str(rng.choice(words)) + letters * bool(rng.integers(2)) if rng.random() < 0.5 else letters
        exported = export_c(some_network(rng), FOLDER / f"f{k}.c", name=name)
        if exported.name not in seen:
            seen.add(exported.name)
            source += f'#include "f{k}.c"\n'
    (FOLDER / "all.c").write_text(source)
    options = ["-std=c99", "-pedantic-errors", "-fsyntax-only"]
    built = subprocess.run([compiler, *options, FOLDER / "all.c"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


def command_lines(rng: np.random.Generator, seed: int) -> None:
    """`reluctant fit` on damaged tables: exit codes 0, 1 and 2, one line of complaint, no traceback."""
    from reluctant.command.cli import main

    n = int(rng.integers(1, 30))
    separator = str(rng.choice([",", ";", "\t"]))
    rows = [f"{x:.4g}{separator}{y:.4g}" for x, y in rng.normal(size=(n, 2)) * 10.0 ** rng.integers(-3, 9)]
    raw = "\n".join([f"x{separator}y", *rows, ""]).encode()
    for _ in range(int(rng.integers(0, 3))):
        raw = damaged(rng, raw) or b"\n"
    path = FOLDER / "table.csv"
    path.write_bytes(raw)
    request = [["--tolerance", "0.1"], ["--p", "0.5"], ["--tolerance", "-1"], []][int(rng.integers(4))]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    argv = ["reluctant", "fit", str(path), "--x", "x", "--y", "y", *request, "--no-plot", "--out", str(FOLDER / "out")]
    before, sys.argv = sys.argv, argv
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    err.flush()
    said = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert code in (0, 1, 2), said
    assert "Traceback" not in said
    out.flush()
    choices = b"nothing was written" in out.buffer.getvalue()  # type: ignore[attr-defined]
    assert code == 0 or said.count("\n") == 1 or (code == 2 and choices and not said), said


KINDS: dict[str, tuple[Check, int]] = {
    "near lines": (near_lines, 8_000),
    "integers on offsets": (integers_on_offsets, 10_000),
    "mixed tolerances": (mixed, 12_000),
    "between rows": (between_rows, 3_000),
    "describe": (described, 3_000),
    "close rows": (close_rows, 800),
    "hidden labels": (hidden_labels, 3_000),
    "least l1": (least_l1, 600),
    "few rows": (few_rows, 6_000),
    "rows on lines": (rows_on_lines, 10_000),
    "enumerations": (enumerations, 10_000),
    "certificates": (certificates, 1_000),
    "float32 lines": (float32_lines, 4_000),
    "twelve decimals": (twelve_decimals, 300),
    "offset columns": (offset_columns, 100),
    "network files": (network_files, 10_000),
    "model files": (model_files, 3_000),
    "checkpoint files": (checkpoint_files, 1_000),
    "C names": (c_names, 300),
    "command lines": (command_lines, 1_500),
}


def run(kind: str, first: int, share: float) -> int:
    """All cases of a kind; their number of failures."""
    check, n = KINDS[kind]
    seeds = range(first, first + max(1, round(share * n)))
    failed = []
    began = time.perf_counter()
    for seed in seeds:
        try:
            check(np.random.default_rng(seed), seed)
        except Exception as error:  # whatever it is, it is a case that failed
            failed.append((seed, f"{type(error).__name__}: {str(error).splitlines()[:1]}"))
    seconds = time.perf_counter() - began
    print(f"{kind:<20}{len(seeds):>8}{len(failed):>9}{seeds[0]:>8} to {seeds[-1]:<7}{seconds:>8.1f}", flush=True)
    for seed, what in failed[:MOST_NAMED]:
        print(f"    seed {seed}: {what}", flush=True)
    return len(failed)


def main_fuzz() -> int:
    """Print the table; 1 where a case failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="only these kinds")
    parser.add_argument("--share", type=float, default=1.0, help="share of the cases of each kind; 0 for a single one")
    parser.add_argument("--first", type=int, default=100_000, help="the first seed")
    options = parser.parse_args()
    print(f"{'kind':<20}{'cases':>8}{'failures':>9}  {'seeds':<16}{'seconds':>10}")
    began = time.perf_counter()
    failures = sum(run(kind, options.first, options.share) for kind in options.kinds)
    cases = sum(max(1, round(options.share * KINDS[kind][1])) for kind in options.kinds)
    print(f"{'all':<20}{cases:>8}{failures:>9}{'':<19}{time.perf_counter() - began:>8.1f}")
    return int(failures > 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FOLDER = Path(folder)
        sys.exit(main_fuzz())
