"""Noisy tables: our estimators beside the rivals on twenty-nine real tables.

    python benchmarks/tables --half development     while tuning; 26 tables
    python benchmarks/tables --half confirmation    once, at the end; 29 tables

A fixed random half of the rows of each table (stratified for classes) is for development and the other half for
confirmation; linnerud, saratoga and attrition are seen whole, in confirmation only. `protocol.py` states the folds and
the scores, `rivals.py` what is tuned and how parameters are counted, `comparison.py` the standard errors, `datasets.py`
the tables. The pruned MLP and the tree get the size that ours has on the same fold.

Every outcome is kept under --cache and not computed again: delete the folder of a method that has changed.

pygam asks for an older scipy than the pinned one but runs with it. Rivals whose packages are missing are left out and
named: R's earth (Debian: r-cran-earth), and

    pip install --no-deps --constraint constraints.txt pygam progressbar2 python-utils interpret-core aplr
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import datasets
from comparison import HEAD, Results, markdown, rows, summary
from protocol import run_table
from rivals import METHODS, applicable, why_left_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("development", "confirmation"), required=True)
    parser.add_argument("--draws", type=int, default=2, metavar="N", help="how often five folds are drawn (2)")
    parser.add_argument("--tables", nargs="+", choices=list(datasets.LOADERS), metavar="TABLE")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--size", type=int, help="size for the pruned MLP and the tree where ours does not run")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "reluctant-tables")
    parser.add_argument("--markdown", type=Path, help="also write the tables and the summary to this file")
    arguments = parser.parse_args()
    # 300 steps are what the MLP gets, converged or not; pygam divides by zero where a fitted probability reaches 0 or 1
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="pygam")
    names = [name for name in datasets.names(arguments.half) if name in (arguments.tables or datasets.LOADERS)]
    results: dict[str, Results] = {}
    with threadpool_limits(1):
        for name in names:
            table = datasets.load(name, arguments.half)
            for method in arguments.methods:
                if reason := why_left_out(method, table):
                    print(f"{name}: without {method}, {reason}")
            methods = applicable(arguments.methods, table, arguments.size)
            results[name] = run_table(table, methods, arguments.draws, arguments.cache / arguments.half, arguments.size)
            kind = "classification, accuracy" if table.classify else "regression, R²"
            print(f"\n{name}: N = {len(table.X)}, d = {table.X.shape[1]}, {kind}; {table.source}")
            print(markdown(HEAD, rows(name, results[name])), flush=True)
    print("\n" + "\n".join(summary(results)))
    if arguments.markdown:
        body = [row for name in names for row in rows(name, results[name])]
        lines = [f"- {answer}" for answer in summary(results)]
        arguments.markdown.write_text("\n".join([markdown(HEAD, body), "", *lines, ""]))


if __name__ == "__main__":
    main()
