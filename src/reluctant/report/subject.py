"""What a page is about: a model, the rows it was made from, and what columns are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array, Index
from reluctant.export.predictor import Model, Predictor
from reluctant.export.tables import line_of
from reluctant.model.clip import Clip
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.regression.losses import class_probabilities
from reluctant.solution import Certificate, Solution
from reluctant.text import shown
from reluctant.validation import as_array, check_table, column_names

EXACT = 1e-9
"""A largest error of at most this share of max|y| is none."""


class SizesTried(Protocol):
    """What the page draws of a path of sizes: that of an estimator, or of `reluctant.size_path`."""

    sizes: Index
    training_loss: Array


@dataclass(frozen=True)
class Column:
    """A column in the user's words."""

    name: str
    unit: str = ""

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


class Titles(NamedTuple):
    """What columns are called, and their units by name; None where it is not said."""

    names: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    units: Mapping[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with its rows; targets of a classifier are indices of its classes."""

    predictor: Predictor
    solution: Solution | None
    certificate: Certificate | None
    sizes: SizesTried | None
    X: Array  # (N, d)
    y: Array  # (N, m)
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]

    @property
    def network(self) -> ReLUNetwork:
        """The function as neurons."""
        return self.predictor.network

    @cached_property
    def line(self) -> PiecewiseLinear | None:
        """The function of one input and one output as a table of links, the clip included; None for others."""
        return line_of(self.predictor)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes as text, fit to be shown."""
        labels = self.predictor.labels
        return None if labels is None else tuple(map(shown, labels))

    @property
    def titles(self) -> tuple[str, ...]:
        """What the outputs of the function are, on its own scale."""
        return tuple(map(shown, self.predictor.titles([column.name for column in self.outputs])))

    @property
    def clip(self) -> Clip:
        """The bounds of the inputs."""
        return self.predictor.clip or Clip.nowhere(self.network.n_inputs)

    @cached_property
    def predicted(self) -> Array:
        """Outputs (N, m) at the rows; of a classifier the probability (N, C) of every class."""
        if self.solution is not None:
            values = self.solution.predict(self.X)
        elif self.line is not None:
            values = self.line(self.X[:, 0])
        else:
            values = self.network(self.clip(self.X))
        values = values.reshape(len(self.X), -1)
        if self.predictor.is_log:
            values = np.exp(values)
        return values if self.classes is None else class_probabilities(values)

    @cached_property
    def observed(self) -> Array:
        """What `predicted` is compared with: the targets, or 1 in the column of the class of a row."""
        return self.y if self.classes is None else np.eye(len(self.classes))[self.y[:, 0].astype(np.intp)]

    @cached_property
    def residuals(self) -> Array:
        """f(x) − y at the rows, (N, m)."""
        return self.predicted - self.observed

    @cached_property
    def largest(self) -> float:
        """The largest |f(x) − y| at the rows."""
        return float(np.abs(self.residuals).max())

    @property
    def is_exact(self) -> bool:
        """Whether the function passes through all rows, as `reluctant.interpolate` means it."""
        return self.classes is None and self.largest <= EXACT * float(np.abs(self.y).max())

    @property
    def is_line(self) -> bool:
        """Whether there is one input and one output, a number that the function itself is and not its exponential."""
        return self.line is not None and self.classes is None and not self.predictor.is_log

    @classmethod
    def of(
        cls,
        model: Model,
        X: ArrayLike,
        y: ArrayLike,
        titles: Titles,
        sizes: SizesTried | None,
    ) -> Subject:
        """Check model, rows and names together.

        Raises
        ------
        ValueError
            If they do not belong together; the sentence names what to give.
        """
        predictor = Predictor.of(model)
        targets = y if predictor.classes is None else _class_indices(y, predictor.classes)
        rows, values = _table(predictor, X, targets)
        names = titles.names
        if names is None:
            names = column_names(X) if predictor.names is None else predictor.names
        d, m = rows.shape[1], 1 if predictor.classes is not None else values.shape[1]
        solution = model if isinstance(model, Solution) else None
        return cls(
            predictor,
            solution,
            solution.certificate if solution is not None else getattr(model, "certificate_", None),
            sizes if sizes is not None else getattr(model, "path_", None),
            rows,
            values,
            *_columns(names, _output_names(titles.outputs, y), titles.units, d, m),
        )


def _table(predictor: Predictor, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Rows and targets of the shapes of the model."""
    if predictor.classes is None:
        checked = predictor.checked((X, y), means=True)
        assert checked is not None
        rows, values = checked
    else:
        rows, values = check_table(predictor.rows(X), y)
        n_inputs = predictor.network.n_inputs
        if rows.shape[1] != n_inputs:
            raise ValueError(f"X must have {n_inputs} columns as the model has, got {rows.shape[1]}; give those of fit")
    return rows, values.reshape(len(values), -1)


def _class_indices(y: ArrayLike, classes: NDArray[Any]) -> Array:
    labels = as_array(y, "y").reshape(-1)
    place = {label: i for i, label in enumerate(classes.tolist())}
    indices = [place.get(label) for label in labels.tolist()]
    if None in indices:
        row = indices.index(None)
        raise ValueError(
            f"y has {labels.tolist()[row]!r} at row {row}, no class of the model; give rows of its classes"
        )
    return np.array(indices, dtype=np.float64)


def _output_names(outputs: Sequence[str] | None, y: Any) -> Sequence[str] | None:
    """Those given, or those that y itself has."""
    if outputs is not None:
        return outputs
    if len(getattr(y, "shape", ())) == 2:  # a table of polars has no ndim
        titles = column_names(y)
        return None if titles is None else [str(title) for title in titles]
    name = getattr(y, "name", None)
    return None if name is None else [str(name)]


def _columns(
    names: Sequence[Any] | None,
    outputs: Sequence[str] | None,
    units: Mapping[str, str] | None,
    n_inputs: int,
    n_outputs: int,
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Inputs and outputs with their units."""
    named = _named(names, n_inputs, "names", "x" if n_inputs == 1 else "x{}")
    named_outputs = _named(outputs, n_outputs, "outputs", "y" if n_outputs == 1 else "y{}")
    if not (units is None or isinstance(units, Mapping)):
        raise ValueError(f"units must map names to units, such as {{{named[0]!r}: 'mm'}}, got {units!r}")
    unknown = sorted(set(map(str, units or {})) - {*named, *named_outputs})
    if unknown:
        raise ValueError(f"units has {unknown[0]!r}, which is neither an input nor an output; the inputs are {named}")
    of = {name: str(unit) for name, unit in (units or {}).items()}
    inputs, results = (
        tuple(Column(shown(name), shown(of.get(name, ""))) for name in group) for group in (named, named_outputs)
    )
    return inputs, results


def _named(given: Sequence[Any] | None, count: int, argument: str, pattern: str) -> list[str]:
    if given is None:
        return [pattern.format(i) for i in range(count)]
    if isinstance(given, (str, set, frozenset)):
        raise ValueError(f"{argument} must be a list of names, in the order of the columns, got {given!r}")
    labels = [str(name) for name in given]
    if len(labels) != count:
        raise ValueError(f"{argument} must hold {count} names, got {len(labels)}; give one a column")
    return labels
