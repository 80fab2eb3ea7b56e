"""The paper's experiments, and the studies its reviewers asked for; `reluctant experiment` runs them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.files import made_directory

NAMES = {
    "peak-plateau": "peak_plateau",
    "high-dimensional": "high_dimensional",
    "held-out": "held_out",
    "choice-of-p": "choice_of_p",
    "optimality-gap": "optimality_gap",
    "noisy-interpolation": "noisy_interpolation",
    "linear-lp": "linear_lp",
    "sgd-and-adam": "sgd_and_adam",
    "generalisation": "generalisation",
}


def run(name: str, out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Run one experiment and write its page, figures and numbers.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    out : Path
        Folder for the files, made if missing.
    quick : bool
        About a minute: fewer epochs and seeds. The page says so.
    say : callable
        Told what is being done.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ValueError
        If there is no such experiment.
    """
    if name not in NAMES:
        raise ValueError(f"experiment must be one of {', '.join(NAMES)}, got {name!r}")
    experiment = importlib.import_module(f"reluctant.experiments.{NAMES[name]}")
    with made_directory(out), threadpool_limits(limits=1, user_api="blas"):  # small matrices: threads only wait
        return experiment.run(out, quick=quick, say=say)


def __dir__() -> list[str]:
    return ["NAMES", "run"]
