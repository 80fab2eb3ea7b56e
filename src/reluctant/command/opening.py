"""A model of any kind from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reluctant.columns import Columns
from reluctant.errors import FileFormatError
from reluctant.loading import load
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Solution


def opened(path: Path) -> Any:
    """The solution, estimator or network in a file; an estimator takes the inputs of its network.

    Raises
    ------
    OSError
        If it cannot be read.
    FileFormatError
        If it holds none of them.
    """
    if path.suffix.lower() == ".npz":
        return ReLUNetwork.load(path)
    try:
        model = load(path)
        return model if isinstance(model, Solution) else model.of_inputs()
    except FileFormatError as error:
        if "not a model" not in str(error):
            raise
    return ReLUNetwork.load(path)


def network_of(model: Any) -> ReLUNetwork:
    """The network of a model."""
    if isinstance(model, ReLUNetwork):
        return model
    return model.network if isinstance(model, Solution) else model.network_


def columns_of(model: Any) -> Columns | None:
    """What the columns of a model are called, where it is known."""
    columns = model.columns if isinstance(model, Solution) else getattr(model, "columns_", None)
    names = getattr(model, "feature_names_in_", None)
    if columns is None and names is not None:
        return Columns.named(names, ["prediction"])
    return columns
