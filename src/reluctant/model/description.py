"""A network in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.validation import check_integer


def describe(
    U: Array,
    V: Array,
    A: Array,
    active: Mask,
    names: Sequence[str] | None,
    units: Mapping[str, str] | None,
    outputs: Sequence[str] | None,
    digits: int,
) -> str:
    """Write `ReLUNetwork.describe` for its `hinges`: the affine part, then one sentence an active neuron, in order."""
    n_inputs, n_outputs = len(A) - 1, A.shape[1]
    names = input_labels(names, n_inputs)
    outputs = _labels(outputs, n_outputs, "outputs", "f" if n_outputs == 1 else "f{}")
    if not (units is None or isinstance(units, Mapping)):
        raise ValueError(f"units must map names to units, such as {{{names[0]!r}: 'mm'}}, got {units!r}")
    words = _Words(names, outputs, dict(units or {}), check_integer(digits, "digits", low=1))
    unknown = sorted(set(words.units) - {*names, *outputs})
    if unknown:
        raise ValueError(f"units has {unknown[0]!r}, which is neither an input nor an output; the inputs are {names}")
    constants = V[~active].T @ np.maximum(U[~active, -1], 0.0)
    lines = [words.affine(outputs[c], A[:-1, c], float(A[-1, c] + constants[c])) for c in range(n_outputs)]
    sentences = [words.neuron(u[:-1], float(u[-1]), v) for u, v in zip(U[active], V[active])]
    return "\n".join([*lines, *(f"{i}. {sentence}" for i, sentence in enumerate(sentences, 1))])


def input_labels(names: Sequence[str] | None, n_inputs: int) -> list[str]:
    """The names of the inputs; by default x, or x0, x1, … where there are several."""
    return _labels(names, n_inputs, "names", "x" if n_inputs == 1 else "x{}")


def _labels(given: Sequence[str] | None, count: int, argument: str, pattern: str) -> list[str]:
    if given is None:
        return [pattern.format(i) for i in range(count)]
    if isinstance(given, (str, set, frozenset)):
        raise ValueError(f"{argument} must be a list of names, in the order of the columns, got {given!r}")
    labels = [str(name) for name in given]
    if len(labels) != count:
        raise ValueError(f"{argument} must hold {count} names, got {len(labels)}")
    for i, label in enumerate(labels):
        if label in labels[:i]:
            raise ValueError(f"{argument} has {label!r} twice; give each column a name of its own")
    return labels


class _Words:
    """How inputs, outputs and numbers are written."""

    def __init__(self, names: list[str], outputs: list[str], units: dict[str, str], digits: int) -> None:
        self.names, self.outputs, self.units, self.digits = names, outputs, units, digits

    def affine(self, output: str, slope: Array, intercept: float) -> str:
        """``f = 2 + 3 x0 − x1``."""
        terms = self._sum(slope, self.names)
        constant = self._number(intercept)
        if not terms:
            return f"{output} = {constant}{self._unit(output)}"
        if intercept == 0.0:
            return f"{output} = {terms}"
        return f"{output} = {constant} {self._appended(terms)}"

    def neuron(self, weights: Array, bias: float, outgoing: Array) -> str:
        """``Above age = 54 yr, f rises by 1.2 per yr.``"""
        inputs = np.flatnonzero(weights)
        if inputs.size == 0:
            shift = outgoing * max(bias, 0.0)
            return self._sentence(
                "Everywhere", [f"{self.outputs[c]} is shifted by {self._number(shift[c])}" for c in _live(outgoing)]
            )
        if inputs.size == 1:
            name, w = self.names[inputs[0]], float(weights[inputs[0]])
            place = f"{'Above' if w > 0 else 'Below'} {name} = {self._number(-bias / w)}{self._unit(name)}"
            per = f"per {self.units.get(name, 'unit')}{'' if w > 0 else ' less'}"
            return self._sentence(place, self._changes(outgoing * abs(w), per))
        largest = float(np.abs(weights).max()) * np.sign(weights[inputs[0]])
        sign = ">" if largest > 0 else "<"
        place = f"Where {self._sum(weights / largest, self.names)} {sign} {self._number(-bias / largest)}"
        return self._sentence(place, self._changes(outgoing * abs(largest), "per unit beyond"))

    def _changes(self, slopes: Array, per: str) -> list[str]:
        return [
            f"{self.outputs[c]} {'rises' if slopes[c] > 0 else 'falls'} by {self._number(abs(slopes[c]))}"
            f"{self._unit(self.outputs[c])} {per}"
            for c in _live(slopes)
        ]

    def _sentence(self, place: str, changes: list[str]) -> str:
        return f"{place}, {'; '.join(changes)}."

    def _sum(self, coefficients: Array, names: list[str]) -> str:
        terms = ""
        for i in np.flatnonzero(coefficients):
            c = float(coefficients[i])
            size = self._number(abs(c))
            term = names[i] if size == "1" else f"{size} {names[i]}"
            terms += f" {'-' if c < 0 else '+'} {term}"
        return terms[3:] if terms.startswith(" + ") else terms[1:].replace("- ", "-", 1)

    @staticmethod
    def _appended(terms: str) -> str:
        return f"- {terms[1:]}" if terms.startswith("-") else f"+ {terms}"

    def _number(self, value: float) -> str:
        return f"{value + 0.0:.{self.digits}g}"  # a zero has no sign

    def _unit(self, name: str) -> str:
        return f" {self.units[name]}" if name in self.units else ""


def _live(outgoing: Array) -> list[int]:
    return [int(c) for c in np.flatnonzero(outgoing)]
