"""`reluctant show`: what a model holds, for people and for scripts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reluctant.arrays import Array
from reluctant.columns import Column
from reluctant.command.opening import columns_of, network_of, opened
from reluctant.export.predictor import Predictor
from reluctant.model import container
from reluctant.model.network import ReLUNetwork
from reluctant.solution import Certificate, Solution, counted
from reluctant.text import shown

_MOST = 64
"""Neurons up to which the function is told in words."""


@dataclass(frozen=True)
class Shown:
    """A model, and what its file says beside it."""

    path: Path
    model: Any
    written_by: str | None
    data: dict[str, Any] | None

    @classmethod
    def of(cls, path: Path) -> Shown:
        """The model in a file.

        Raises
        ------
        OSError
            If it cannot be read.
        FileFormatError
            If it holds no model.
        """
        model = opened(path)
        if isinstance(model, ReLUNetwork):
            return cls(path, model, None, None)
        record = container.read(path)
        return cls(path, model, record["written_by"], record["data"])

    @property
    def _certificate(self) -> Certificate | None:
        if isinstance(self.model, ReLUNetwork):
            return None
        return self.model.certificate if isinstance(self.model, Solution) else self.model.certificate_

    @property
    def words(self) -> str:
        """The function, or the scores of classes, as `ReLUNetwork.describe` tells it."""
        network, columns = network_of(self.model), columns_of(self.model)
        if network.n_neurons > _MOST:
            return f"{counted(network.n_neurons, 'neurons')} are too many for words; reluctant export writes them"
        if columns is None:
            return network.describe()
        units = {name: unit for name, unit in columns.units.items() if name in columns.names}
        predictor = Predictor.of(self.model)
        titles = predictor.titles([column.name for column in columns.outputs])
        if predictor.classes is None and not predictor.is_log:
            units |= {column.name: column.unit for column in columns.outputs if column.unit is not None}
        names = _apart([*columns.names, *titles])
        n = network.n_inputs
        renamed = dict(zip([*columns.names, *titles], names))
        units = {renamed[name]: unit for name, unit in units.items()}
        return shown(network.describe(names[:n], units, names[n:]), keep="\n")

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `json.dumps`."""
        network, certificate, columns = network_of(self.model), self._certificate, columns_of(self.model)
        found: dict[str, Any] = {
            "model": str(self.path),
            "kind": type(self.model).__name__,
            "written_by": self.written_by,
            "data": self.data,
            "inputs": network.n_inputs,
            "neurons": network.n_neurons,
            "outputs": network.n_outputs,
            "parameters": network.size,
            "columns": None if columns is None else columns.to_record(),
            "certificate": None if certificate is None else certificate.to_record(),
        }
        if isinstance(self.model, Solution):
            numbers = {name: getattr(self.model, name) for name in ("tolerance", "max_error", "max_error_between", "p")}
            found |= {"verdict": self.model.verdict, "is_optimal": self.model.is_optimal} | numbers
        if hasattr(self.model, "classes_"):
            found |= {"classes": self.model.classes_.tolist(), "temperature": self.model.temperature_}
        return container.finite(found)

    def rows(self) -> list[tuple[str, str]]:
        """Lines for people."""
        f, certificate, columns = network_of(self.model), self._certificate, columns_of(self.model)
        rows = [("model", f"{self.path}, {_KINDS.get(type(self.model).__name__, 'network')}")]
        if isinstance(self.model, Solution):
            rows.append(("found", self.model.verdict))
            rows += [("", certificate.reason)] if certificate is not None else []
            rows += [("tolerance", f"{self.model.tolerance:g}")] if self.model.tolerance is not None else []
            rows += [("bounds", _bounds(self.model.bounds))] if self.model.bounds is not None else []
            rows.append(("largest error", _errors(self.model)))
        elif certificate is not None:
            rows.append(("chosen", certificate.reason))
        rows.append(("shape", f"{f.n_inputs} -> {f.n_neurons} -> {f.n_outputs}"))
        rows.append(("parameters", f"{f.n_parameters} of the hinges, {f.n_affine} of the affine part"))
        rows.append(("path norm", f"{f.path_norm(1.0):.6g} for p = 1, {f.path_norm(0.5):.6g} for p = 0.5"))
        if columns is not None:
            rows += [("input" if i == 0 else "", _column(c)) for i, c in enumerate(columns.inputs)]
            rows += [("output" if i == 0 else "", _column(c)) for i, c in enumerate(columns.outputs)]
        if hasattr(self.model, "classes_"):
            rows.append(("classes", ", ".join(map(str, self.model.classes_.tolist()))))
        if self.data is not None:
            rows.append(("made from", f"{counted(self.data['rows'], 'rows')}, {self.data['digest']}"))
        if self.written_by is not None:
            rows.append(("written by", self.written_by))
        return rows


def _bounds(bounds: tuple[Array, Array]) -> str:
    """How many rows have bounds, and on which sides."""
    lo, hi = (np.isfinite(bound) for bound in bounds)
    sides = f"{int(lo.sum()):,} from below, {int(hi.sum()):,} from above"
    return f"of {counted(len(lo), 'rows')} of their own: {sides}"


_KINDS = {"SparseReLURegressor": "a regressor", "SparseReLUClassifier": "a classifier"} | dict.fromkeys(
    ("Solution", "LineSolution"), "a solution"
)


def _errors(solution: Solution) -> str:
    between = solution.max_error_between
    if between is None or not math.isfinite(between):
        return f"{solution.max_error:.6g}"
    return f"{solution.max_error:.6g} at the rows, {between:.6g} from the straight lines between them"


def _column(column: Column) -> str:
    parts = [column.label]
    if column.low is not None and column.high is not None:
        parts.append(f"from {column.low:.6g} to {column.high:.6g}")
    if column.categories is not None:
        parts.append(f"one of {', '.join(column.categories)}")
    if column.fill is not None:
        parts.append(f"{', '.join(f'{value:.6g}' for value in column.fill)} where it is empty")
    return "; ".join(parts)


def _apart(names: list[str]) -> list[str]:
    """The same names, each once."""
    apart: list[str] = []
    for name in names:
        while name in apart:
            name = f"{name}'"
        apart.append(name)
    return apart
