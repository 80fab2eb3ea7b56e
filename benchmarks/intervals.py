"""Coverage and width of split conformal intervals on real tables, beside intervals from the errors at fitted rows.

    nice -n 19 python benchmarks/intervals.py            about five minutes of one core
    nice -n 19 python benchmarks/intervals.py --draws 10

Of each regression table of `benchmarks/tables` a random half of all rows is fitted to, with default settings, and the
other half is split forty times into rows that calibrate and rows that test. Nothing was tuned on these tables; the
method has no setting but the level. Coverages of one table go together, and of all about one in twenty is off by more
than two errors by chance. Given the rows not fitted to, splits are independent, so that the standard error
is that of a mean over splits. Widths are shares of those of intervals of the same kind about the mean of y, which use
no input. "fitted" are intervals from the errors at the rows of the fit, which look too good.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from reluctant import SparseReLURegressor
from reluctant.regression.conformal import Calibration

sys.path.insert(0, str(Path(__file__).parent / "tables"))
import datasets

LEVELS = (0.8, 0.9, 0.95)
SPLITS = 40
TABLES = tuple(name for name in datasets.LOADERS if not datasets.LOADERS[name]().classify and name != "linnerud")


def measured(name: str, n_draws: int) -> dict[float, list[tuple[float, float, float]]]:
    """(covered, width as a share of that about the mean, covered by errors at fitted rows) of each split, by level."""
    table = datasets.LOADERS[name]()
    found: dict[float, list[tuple[float, float, float]]] = {level: [] for level in LEVELS}
    for draw in range(n_draws):
        rng = np.random.default_rng(draw)
        order = rng.permutation(len(table.y))
        fit, rest = np.array_split(order, 2)
        model = SparseReLURegressor(random_state=draw).fit(table.X[fit], table.y[fit])
        predicted = model.predict(table.X)[:, None]
        naive = Calibration.of(table.y[fit, None], predicted[fit], 0.0)
        for _ in range(SPLITS):
            calibrating, testing = np.array_split(rng.permutation(rest), 2)
            y, f = table.y[testing], model.predict(table.X[testing])[:, None]
            model.conformalize(table.X[calibrating], table.y[calibrating])
            mean = np.full((len(calibrating), 1), table.y[fit].mean())
            flat = Calibration.of(table.y[calibrating, None], mean, 0.0)
            for level in LEVELS:
                low, high = model.predict_interval(table.X[testing], level).T
                below, above, _ = flat.margins(level)
                ends = naive.margins(level).about(f)[:, 0]
                inside = np.mean((ends[:, 0] <= y) & (y <= ends[:, 1]))
                width = np.mean(high - low) / float((above - below)[0])
                found[level].append((float(np.mean((low <= y) & (y <= high))), float(width), float(inside)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    arguments = parser.parse_args()
    print("| table | rows | level | covered | error | errors off | width | fitted |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    off = []
    for name in arguments.tables:
        n_rows = len(datasets.LOADERS[name]().y)
        for level, splits in measured(name, arguments.draws).items():
            covered, width, naive = np.array(splits).T
            error = covered.std(ddof=1) / np.sqrt(len(covered))
            off.append((covered.mean() - level) / error)
            cells = f"{covered.mean():.4f} | {error:.4f} | {off[-1]:+.1f} | {width.mean():.2f} | {naive.mean():.3f}"
            print(f"| {name} | {n_rows} | {level} | {cells} |", flush=True)
    below = sum(number < -2.0 for number in off)
    print(f"\nmore than two errors below the level: {below} of {len(off)}; above: {sum(n > 2.0 for n in off)}")


if __name__ == "__main__":
    main()
