"""Seconds to reach 1.05 N parameters, against N at d = 10 and against d at N = 100; a table and one figure.

python benchmarks/multivariate_scaling.py --out scaling.png
"""

from __future__ import annotations

import argparse
import os
import time

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from reluctant.multivariate.interpolant import sparsest_interpolant  # noqa: E402

NEAR = 1.05


def seconds_to(n: int, d: int, seed: int, limit: float) -> float:
    """CPU seconds until a network of at most 1.05 N parameters; infinite where the limit came first."""
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, n)
    target = int(NEAR * n)
    began = time.process_time()
    found = sparsest_interpolant(X, y, target=target, time_limit=limit, random_state=seed)
    return time.process_time() - began if found.network.n_parameters <= target else float("inf")


def main() -> None:
    """Print medians and save the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[20, 50, 100, 200, 500, 1000])
    parser.add_argument("--inputs", type=int, nargs="+", default=[2, 3, 5, 10, 20, 50])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each run")
    parser.add_argument("--out", default="multivariate_scaling.png")
    options = parser.parse_args()
    seconds_to(50, 5, 0, 5.0)
    figure = Figure(figsize=(9, 3.6))
    axes = figure.subplots(1, 2, sharey=True)
    sweeps = (
        ("N, d = 10", [(n, 10) for n in options.points], 0),
        ("d, N = 100", [(100, d) for d in options.inputs], 1),
    )
    for axis, (label, sizes, varied) in zip(axes, sweeps):
        runs = np.array([[seconds_to(n, d, s, options.limit) for s in range(options.seeds)] for n, d in sizes])
        for (n, d), row in zip(sizes, runs):
            print(f"N = {n:<5} d = {d:<3} median {np.median(row):8.3f} s   worst {np.max(row):8.3f} s", flush=True)
        where = [size[varied] for size in sizes]
        axis.loglog(where, np.median(runs, axis=1), "o-")
        axis.loglog(where, runs, ".", color="0.7", zorder=0)
        axis.set_xlabel(label)
        axis.set_xticks(where, [str(value) for value in where])
        axis.minorticks_off()
    axes[0].set_ylabel(f"CPU seconds to {NEAR:g} N parameters")
    figure.tight_layout()
    figure.savefig(options.out, dpi=150)


if __name__ == "__main__":
    main()
