"""Weights of classes: what they make of the weights of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.regression.tables import RawBlock, Table
from reluctant.text import shortened
from reluctant.validation import check_number

ClassWeight = str | Mapping[Any, float] | None


def check_class_weight(class_weight: Any) -> None:
    """Check what can be said of `class_weight` without labels."""
    if class_weight is None or (isinstance(class_weight, str) and class_weight == "balanced"):
        return
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be 'balanced', None or a dict of weights by class, got {class_weight!r}")
    for label, weight in class_weight.items():
        check_number(weight, f"class_weight of {label!r}")


def class_factors(class_weight: ClassWeight, classes: NDArray, totals: Array) -> Array:
    """What the weights of the rows of each class, which sum to `totals` (C,), are multiplied by.

    ``"balanced"`` lets every class have the same sum. Of a dict, classes that it does not name count once.

    Raises
    ------
    ValueError
        If a dict names a class that the rows do not have, and they have one that it does not name, or leaves fewer than
        two classes.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str):
        return totals.sum() / (len(classes) * totals)
    labels = classes.tolist()
    unknown = [label for label in class_weight if label not in labels]
    unnamed = [label for label in labels if label not in class_weight]
    if unknown and unnamed:
        raise ValueError(
            f"class_weight names the class {shortened(repr(unknown[0]))}, which y does not have, and not "
            f"{shortened(repr(unnamed[0]))}; name classes of y"
        )
    factors = np.array([float(class_weight.get(label, 1.0)) for label in labels])
    left = [label for label, factor in zip(labels, factors) if factor > 0.0]
    if len(left) < min(2, len(labels)):
        but = f" but {shortened(repr(left[0]))}" if left else ""
        raise ValueError(f"class_weight leaves out all classes of y{but}; give two or more a positive weight")
    return factors


@dataclass(frozen=True)
class ClassWeighedTable:
    """A table of labels, the weights of whose rows are multiplied by the factor of their class."""

    table: Table
    classes: NDArray
    factors: Array

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return self.table.n_rows

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.table.n_inputs

    def blocks(self) -> Iterator[RawBlock]:
        """Yield all rows in order."""
        for X, y, weights in self.table.blocks():
            yield RawBlock(X, y, weights * row_factors(y, self.classes, self.factors))


def row_factors(labels: Any, classes: NDArray, factors: Array) -> Array:
    """The factor (n,) of each row; 1 for a label of no class, whose rows have no weight."""
    is_class = np.asarray(labels).reshape(-1, 1) == classes
    return np.where(is_class.any(axis=1), is_class @ factors, 1.0)
