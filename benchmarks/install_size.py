"""What the core install weighs, package by package, and what each way to make it lighter would save.

    python benchmarks/install_size.py

Looks at the environment it runs in: the distributions that `pip install reluctant` brings, in MB (10^6 bytes) of the
files they own. Nothing is changed.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

AIM = 250
"""MB that a core install was to stay below."""


def closure(name: str) -> list[Distribution]:
    """A distribution and all that it requires without extras, each once."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # needed on other systems only
        required = found[name].requires or []
        waiting += [re.split(r"[^A-Za-z0-9._-]", one)[0] for one in required if "extra ==" not in one]
    return list(found.values())


def weigh(one: Distribution) -> dict[str, float]:
    """MB of its files: all, bytecode, the packages' own tests, shared libraries."""
    files = [Path(str(one.locate_file(file))) for file in one.files or []]
    sizes = {file: file.stat().st_size / 1e6 for file in files if file.is_file()}

    def of(kind) -> float:
        return sum(size for file, size in sizes.items() if kind(file))

    return {
        "all": sum(sizes.values()),
        "bytecode": of(lambda file: file.suffix == ".pyc"),
        "tests": of(lambda file: "tests" in file.parts and file.suffix != ".pyc"),
        "libraries": of(lambda file: ".so" in file.suffixes or file.suffix in (".dll", ".pyd", ".dylib")),
    }


def main() -> None:
    weights = {one.metadata["Name"]: weigh(one) for one in closure("reluctant")}
    print(f"{'package':16}{'MB':>7}{'bytecode':>10}{'tests':>7}{'libraries':>11}")
    for name, weight in sorted(weights.items(), key=lambda item: -item[1]["all"]):
        print(
            f"{name:16}{weight['all']:7.0f}{weight['bytecode']:10.0f}{weight['tests']:7.0f}{weight['libraries']:11.0f}"
        )
    total = sum(weight["all"] for weight in weights.values())
    print(f"{'together':16}{total:7.0f}  (aim {AIM})\n")
    loops = {"numba", "llvmlite"}
    ways = {
        "without bytecode and the packages' tests": sum(w["bytecode"] + w["tests"] for w in weights.values()),
        "without SciPy and scikit-learn": weight_of(weights, {"scipy", "scikit-learn", "narwhals", "joblib"}),
        "without Numba (loops interpreted)": weight_of(weights, loops),
        "without Numba, bytecode and tests": weight_of(weights, loops)
        + sum(w["bytecode"] + w["tests"] for name, w in weights.items() if name not in loops),
    }
    for way, saved in ways.items():
        print(f"{way:42} {total - saved:5.0f} MB")


def weight_of(weights: dict[str, dict[str, float]], names: set[str]) -> float:
    return sum(weight["all"] for name, weight in weights.items() if name.lower() in names)


if __name__ == "__main__":
    main()
