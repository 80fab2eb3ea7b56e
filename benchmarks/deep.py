"""Deep networks, one thread.

    python benchmarks/deep.py --part pruning [--data digits.npz] [--seeds 5] [--epochs 20] [--runs runs.jsonl]

`--part pruning`: accuracy at so many weights, see deep_pruning.py; `--part units`: at so many hidden units, of
LeNet-300-100; `--part step`: the cost of a step; `--part figure`: docs/figures/deep.png from the runs that are kept.
The digits are ten thousand of MNIST, from an npz file with `images` and `labels`, or else from OpenML. Runs that the
file has are not trained again: the tables of docs/training.md come from deep_runs.jsonl in this folder.
"""

from __future__ import annotations

import argparse
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch

from deep_nets import load_mnist10k
from deep_pruning import METHODS, METHODS_BY_UNIT, NETWORKS, SIZES, UNITS, Extent, Runs, compare, cost_of_step

RUNS = Path(__file__).with_name("deep_runs.jsonl")
OF_THE_PAGE = {"LeNet-300-100": Extent(5, 2, 20.0), "LeNet-5": Extent(5, 1, 6.0, 1_000)}
"""How much was trained for docs/training.md."""


def methods_at_hand(network: str) -> list[str]:
    """Those with settings for the network, torchao's only where it is installed."""
    has_torchao = find_spec("torchao") is not None
    return [name for name in METHODS if network in METHODS[name][1] and (has_torchao or "torchao" not in name)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("pruning", "units", "step", "figure"), required=True)
    parser.add_argument("--data", type=Path, help="npz file with images and labels; without it, OpenML")
    parser.add_argument("--network", choices=tuple(NETWORKS), default="LeNet-300-100")
    parser.add_argument("--methods", nargs="+", choices=(*METHODS, *METHODS_BY_UNIT), help="all by default")
    parser.add_argument("--sizes", nargs="+", type=int, choices=SIZES, default=list(SIZES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tuning-seeds", type=int, default=2)
    parser.add_argument("--choose-at", type=int, choices=SIZES, help="choose settings at this size for all sizes")
    parser.add_argument("--epochs", type=float, default=20.0)
    parser.add_argument("--runs", type=Path, default=RUNS, help="file of the runs, read and added to")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.part == "step":
        cost_of_step()
        return
    runs = Runs(given.runs, partial(load_mnist10k, given.data))
    if given.part == "figure":
        from deep_figure import draw

        draw(runs, OF_THE_PAGE)
        return
    extent = Extent(given.seeds, given.tuning_seeds, given.epochs, given.choose_at)
    if given.part == "units":
        compare(runs, "LeNet-300-100", given.methods or list(METHODS_BY_UNIT), list(UNITS), extent)
    else:
        compare(runs, given.network, given.methods or methods_at_hand(given.network), given.sizes, extent)


if __name__ == "__main__":
    main()
