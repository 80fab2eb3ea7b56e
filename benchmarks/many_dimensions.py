"""Every table of many dimensions, one after the other: medians and worst of ten seeds.

    nice -n 19 python benchmarks/many_dimensions.py               some hours of one core
    python benchmarks/many_dimensions.py --seeds 3 --only interpolants proofs

Each part is a command of its own in this folder, printed before its table, with options that its help names. A part
that fails does not keep the others from running; the exit status says that one did.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PARTS = {
    "interpolants": ("multivariate.py", "--seeds {seeds}"),
    "time": ("multivariate.py", "--seeds {seeds} --to-aim"),
    "planted": ("planted.py", "--seeds {seeds}"),
    "neurons": ("planted_neurons.py", "--seeds {seeds} --part neurons"),
    "outputs": ("planted_neurons.py", "--seeds {seeds} --part outputs"),
    "proofs": ("proofs.py", "--seeds {seeds} --part planted"),
    "maps": ("proofs.py", "--seeds {seeds} --part maps"),
    "path-norm": ("path_norm_value.py", "--search-seeds {all_seeds}"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts of it, in this order")
    options = parser.parse_args()
    every = " ".join(map(str, range(options.seeds)))
    failed = []
    for part in options.only:
        script, words = PARTS[part]
        arguments = shlex.split(words.format(seeds=options.seeds, all_seeds=every))
        print(f"\n{part}: python benchmarks/{shlex.join([script, *arguments])}\n", flush=True)
        if subprocess.run([sys.executable, str(HERE / script), *arguments], check=False).returncode:
            failed.append(part)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
