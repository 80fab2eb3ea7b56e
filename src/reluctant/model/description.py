"""A network in words: on the line a table of segments, else sentences about what each neuron adds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Mask
from reluctant.model.hinge_table import hinge_table
from reluctant.model.merging import merge
from reluctant.model.slopes import trend, trends
from reluctant.text import shown
from reluctant.validation import as_evaluation_points, check_integer

_UNKNOWN_SPREAD = 10
"""Digits of a place in a column of which nothing is known; years and pascal have offsets of a thousand spreads."""
_MOST_DIGITS = 17
_FAR = 3.0
"""A column whose middle is as many spreads from zero is counted from a round number near it."""
MERGE_RTOL = 2.0**-50


def describe(
    hinges: tuple[Array, Array, Array],
    active: Mask,
    names: Sequence[str] | None,
    units: Mapping[str, str] | None,
    outputs: Sequence[str] | None,
    digits: int,
    X: ArrayLike | None,
    along: bool = False,
) -> str:
    """Write `ReLUNetwork.describe` for a network's (U, V, A) and its active neurons."""
    parts: list[object] = [*described(hinges, active, names, units, outputs, digits, X)]
    if along:
        parts += _trends(hinges, names, outputs, X)
    return "\n\n".join(map(str, parts))


def _trends(
    hinges: tuple[Array, Array, Array], names: Sequence[str] | None, outputs: Sequence[str] | None, X: ArrayLike | None
) -> list[str]:
    """A sentence for each output that has a trend."""
    A = hinges[2]
    words = _words(names, None, outputs, 1, X, shape=(len(A) - 1, A.shape[1]))
    said = ((output, trend(signs, words.names)) for output, signs in zip(words.outputs, trends(*hinges).T))
    return [f"{output} is {text}, wherever the other inputs are." for output, text in said if text]


@dataclass(frozen=True)
class SegmentTable:
    """The straight segments of an output of one input, in words: a title, a header and a row of texts for each."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows)]
        lines = ["  ".join(map(str.rjust, row, widths)).rstrip() for row in (self.header, *self.rows)]
        return "\n".join([self.title, *lines])


@dataclass(frozen=True)
class Sentences:
    """The affine part of every output, and a sentence for each active neuron."""

    affine: list[str]
    neurons: list[str]

    def __str__(self) -> str:
        numbered = [f"{i}. {sentence}" for i, sentence in enumerate(self.neurons, 1)]
        return "\n".join([*self.affine, *(["On top of that:"] if numbered else []), *numbered])


def described(
    hinges: tuple[Array, Array, Array],
    active: Mask,
    names: Sequence[str] | None,
    units: Mapping[str, str] | None,
    outputs: Sequence[str] | None,
    digits: int,
    X: ArrayLike | None,
) -> list[SegmentTable | Sentences]:
    """The parts of `describe`: of one input a table for each output that bends or has data, else sentences."""
    U, V, A = hinges
    words = _words(names, units, outputs, digits, X, shape=(len(A) - 1, A.shape[1]))
    if U.shape[1] == 2:
        return _segments(words, *merge(U, V, A, MERGE_RTOL, True))
    return [_sentences(words, U, V, A, active)]


def input_labels(names: Sequence[str] | None, n_inputs: int) -> list[str]:
    """The names of the inputs; by default x, or x0, x1, … where there are several."""
    return _labels(names, n_inputs, "names", "x" if n_inputs == 1 else "x{}")


def output_labels(outputs: Sequence[str] | None, n_outputs: int) -> list[str]:
    """The names of the outputs; by default f, or f0, f1, … where there are several."""
    return _labels(outputs, n_outputs, "outputs", "f" if n_outputs == 1 else "f{}")


def _labels(given: Sequence[str] | None, count: int, argument: str, pattern: str) -> list[str]:
    if given is None:
        return [pattern.format(i) for i in range(count)]
    if isinstance(given, (str, set, frozenset)):
        raise ValueError(f"{argument} must be a list of names, in the order of the columns, got {given!r}")
    labels = [shown(str(name)) for name in given]
    if len(labels) != count:
        raise ValueError(f"{argument} must hold {count} names, got {len(labels)}")
    for i, label in enumerate(labels):
        if label in labels[:i]:
            raise ValueError(f"{argument} has {label!r} twice; give each column a name of its own")
    return labels


@dataclass(frozen=True)
class _Words:
    """How inputs, outputs and numbers are written."""

    names: list[str]
    outputs: list[str]
    units: dict[str, str]
    digits: int
    rows: Array | None = field(default=None, repr=False)

    def number(self, value: float) -> str:
        """A slope: so many significant digits."""
        return f"{value + 0.0:.{self.digits}g}"  # a zero has no sign

    def signed(self, value: float) -> str:
        """The same with its sign."""
        return f"{value:+.{self.digits}g}"

    def within(self, value: float, spread: float) -> str:
        """A place or a level in a column: so many digits of the spread of the column, NaN where that is not known."""
        significant = max(self.digits, _UNKNOWN_SPREAD)
        if spread > 0 and value != 0 and math.isfinite(value):
            finest = math.floor(math.log10(spread)) + 1 - self.digits
            significant = max(self.digits, math.floor(math.log10(abs(value))) + 1 - finest)
        return f"{value + 0.0:.{min(significant, _MOST_DIGITS)}g}"

    def unit(self, name: str) -> str:
        return f" {self.units[name]}" if name in self.units else ""

    def per(self, output: str, name: str) -> str:
        """Unit of a slope: `` °C per mV``."""
        return f"{self.unit(output)} per {self.units.get(name, 'unit')}"

    def spread(self, direction: Array) -> float:
        """Largest less smallest value of direction · x over the rows; NaN where there are none."""
        if self.rows is None:
            return math.nan
        used = direction != 0
        return _spread_of(self.rows[:, used] @ direction[used])

    def origins(self) -> Array:
        """Round numbers near the middle of columns that are far from zero for their width; zero for others."""
        origins = np.zeros(len(self.names))
        for j, axis in enumerate(np.eye(len(self.names))):
            spread = self.spread(axis)
            if self.rows is not None and spread > 0:
                middle = float(np.nanmean(self.rows[:, j]))
                step = 10.0 ** math.floor(math.log10(spread))
                origins[j] = round(middle / step) * step if abs(middle) > _FAR * spread else 0.0
        return origins


def _words(
    names: Sequence[str] | None,
    units: Mapping[str, str] | None,
    outputs: Sequence[str] | None,
    digits: int,
    X: ArrayLike | None,
    shape: tuple[int, int],
) -> _Words:
    n_inputs, n_outputs = shape
    if names is None and hasattr(X, "columns"):
        names = [str(name) for name in X.columns]  # type: ignore[union-attr]
    labels = input_labels(names, n_inputs)
    named_outputs = output_labels(outputs, n_outputs)
    if not (units is None or isinstance(units, Mapping)):
        raise ValueError(f"units must map names to units, such as {{{labels[0]!r}: 'mm'}}, got {units!r}")
    unknown = sorted(set(units or {}) - {*labels, *named_outputs})
    if unknown:
        raise ValueError(f"units has {unknown[0]!r}, which is neither an input nor an output; the inputs are {labels}")
    rows = None if X is None else _rows(X, n_inputs)
    return _Words(labels, named_outputs, dict(units or {}), check_integer(digits, "digits", low=1), rows)


def _rows(X: ArrayLike, n_inputs: int) -> Array:
    rows = as_evaluation_points(X, "X")
    if rows.ndim == 1 and n_inputs == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.shape[1] != n_inputs:
        raise ValueError(f"X must have {n_inputs} columns, got an array of shape {rows.shape}")
    return rows


def _segments(words: _Words, U: Array, V: Array, A: Array) -> list[SegmentTable | Sentences]:
    """One table for each output of a network of one input."""
    table = hinge_table(U[:, 0], U[:, 1], V, A[0], A[1])
    slopes = np.ldexp(table.slopes, table.exponent)
    parts: list[SegmentTable | Sentences] = []
    for c, output in enumerate(words.outputs):
        bends = np.flatnonzero(np.diff(slopes[:, c])) + 1
        starts, stops = _with_ends(table.thresholds[bends - 1], words.rows)
        ends = np.concatenate([starts, stops])
        if np.isfinite(ends).any():
            values = np.where(np.isfinite(ends), table(np.where(np.isfinite(ends), ends, 0.0))[:, c], np.nan)
            parts.append(_table(words, output, ends, slopes[np.append(0, bends), c], values))
        else:
            line = _affine(words, output, A[:1, c], float(A[1, c]), np.zeros(1), math.nan)
            parts.append(Sentences([line], []))
    return parts


def _with_ends(knots: Array, rows: Array | None) -> tuple[Array, Array]:
    """Where segments start and stop: at the knots, and at the ends of the data where those lie beyond the knots."""
    low, high = -np.inf, np.inf
    if rows is not None and np.isfinite(rows).any():
        low, high = float(np.nanmin(rows)), float(np.nanmax(rows))
    first = low if len(knots) == 0 or low < knots[0] else -np.inf
    last = high if len(knots) == 0 or high > knots[-1] else np.inf
    return np.append(first, knots), np.append(knots, last)


def _table(words: _Words, output: str, ends: Array, slopes: Array, values: Array) -> SegmentTable:
    """Segments in order; `ends` are where they start and then where they stop, `values` those there."""
    name, n = words.names[0], len(slopes)
    places = [words.within(float(x), _spread_of(ends)) for x in ends]
    levels = [words.within(float(y), _spread_of(values)) if math.isfinite(y) else "" for y in values]
    rows: list[tuple[str, ...]] = [*zip(places[:n], places[n:], map(words.number, slopes.tolist()), levels[:n])]
    header = ("from", "to", f"slope{words.per(output, name)}", f"{output} at the start")
    of = f"{output}{_in(words, output)} against {name}{_in(words, name)}"
    straight = f"{n} straight segments, the first and the last go on" if n > 1 else "one straight line, which goes on"
    return SegmentTable(f"{of}: {straight}", header, rows)


def _in(words: _Words, name: str) -> str:
    return f" in{words.unit(name)}" if name in words.units else ""


def _spread_of(values: Array) -> float:
    """Largest less smallest of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) if len(finite) else math.nan


def _sentences(words: _Words, U: Array, V: Array, A: Array, active: Mask) -> Sentences:
    """The affine part, then a sentence for each active neuron."""
    origins = words.origins()
    constants = V[~active].T @ np.maximum(U[~active, -1], 0.0)
    lines = []
    for c, output in enumerate(words.outputs):
        level = math.fsum([*(A[:-1, c] * origins), A[-1, c], constants[c]])
        lines.append(_affine(words, output, A[:-1, c], level, origins, words.spread(A[:-1, c])))
    return Sentences(lines, [_neuron(words, u, v, origins) for u, v in zip(U[active], V[active])])


def _affine(words: _Words, output: str, slope: Array, level: float, origins: Array, spread: float) -> str:
    """``f = 2 + 3 x0 - x1``."""
    terms = _sum(words, slope, origins)
    constant = words.within(level, spread) if spread > 0 else words.number(level)
    if not terms:
        return f"{output} = {constant}{words.unit(output)}"
    if level == 0.0:
        return f"{output} = {terms}"
    return f"{output} = {constant} {f'- {terms[1:]}' if terms.startswith('-') else f'+ {terms}'}"


def _neuron(words: _Words, u: Array, outgoing: Array, origins: Array) -> str:
    weights = u[:-1]
    inputs = np.flatnonzero(weights)
    if inputs.size == 0:
        return f"Everywhere, {_added(words, outgoing * max(float(u[-1]), 0.0))}."
    if inputs.size == 1:
        return _bend(words, int(inputs[0]), float(weights[inputs[0]]), float(u[-1]), outgoing)
    largest = float(np.abs(weights).max()) * np.sign(weights[inputs[0]])
    direction = weights / largest
    threshold = -math.fsum([*(weights * origins), u[-1]]) / largest
    spread = words.spread(direction)
    place = words.within(threshold, spread) if spread > 0 else words.number(threshold)
    sign, side = (">", "above") if largest > 0 else ("<", "below")
    where = f"Where {_sum(words, direction, origins)} {sign} {place}"
    return f"{where}, {_added(words, outgoing * abs(largest))} for each unit {side} {place}."


def _added(words: _Words, amounts: Array) -> str:
    """``2 m is added to v and -4 to w``."""
    parts: list[str] = []
    for amount, output in zip(amounts, words.outputs):
        if amount != 0:
            verb = "to" if parts else "is added to"
            parts.append(f"{words.number(amount)}{words.unit(output)} {verb} {output}")
    return " and ".join(parts)


def _bend(words: _Words, j: int, weight: float, bias: float, outgoing: Array) -> str:
    """``Above age = 54 yr, the slope of f in age changes by +1.2 per yr.``"""
    name = words.names[j]
    place = f"{name} = {words.within(-bias / weight, words.spread(np.eye(len(words.names))[j]))}{words.unit(name)}"
    changes = [
        f"of {output} in {name} changes by {words.signed(change * weight)}{words.per(output, name)}"
        for output, change in zip(words.outputs, outgoing)
        if change != 0
    ]
    return f"{'Above' if weight > 0 else 'Below'} {place}, the slope {' and that '.join(changes)}."


def _sum(words: _Words, coefficients: Array, origins: Array) -> str:
    """``2 x0 - 0.5 (year - 2007)``."""
    terms = ""
    for i in np.flatnonzero(coefficients):
        c, origin = float(coefficients[i]), float(origins[i])
        size = words.number(abs(c))
        name = words.names[i]
        if origin:
            name = f"({name} {'-' if origin > 0 else '+'} {abs(origin):.15g})"
        term = name if size == "1" else f"{size} {name}"
        terms += f" {'-' if c < 0 else '+'} {term}"
    return terms[3:] if terms.startswith(" + ") else terms[1:].replace("- ", "-", 1)
