"""What a user asks of the shape of a network: `monotonic_cst` and `interactions`, as constraints on its paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Mask
from reluctant.columns import Columns
from reluctant.regression.constraints import Constraints

MonotonicCst = ArrayLike | Mapping[str, int] | None
Interactions = Literal["none", "pairs"] | Sequence[Sequence[int | str]] | None
SHAPE = ("monotonic_cst", "interactions")
"""The parameters."""
MOST = {"none": 1, "pairs": 2}
"""Inputs of a neuron by the word for it."""


def constraints_of(
    monotonic_cst: Any, interactions: Any, n_inputs: int, n_outputs: int, names: Sequence[Any] | None, classify: bool
) -> Constraints | None:
    """The constraints that two parameters of an estimator stand for, or None where they leave everything free.

    Raises
    ------
    ValueError
        If one of them does not fit the columns of X, or slopes have signs where outputs are several.
    """
    signs = None if monotonic_cst is None else _signs(monotonic_cst, n_inputs, names)
    if signs is not None and signs.any() and n_outputs > 1:
        which = f"two classes, but y has {n_outputs}" if classify else f"one target, but y has {n_outputs}"
        raise ValueError(f"monotonic_cst is for {which}; fit one model for each, or leave monotonic_cst out")
    groups = None if interactions is None or isinstance(interactions, str) else _groups(interactions, n_inputs, names)
    most = MOST[_word(interactions)] if isinstance(interactions, str) else 0
    if (signs is None or not signs.any()) and groups is None and most == 0:
        return None
    return Constraints.of(n_inputs, signs, groups, most)


def on_inputs(constraints: Constraints, columns: Columns) -> Constraints:
    """Constraints on columns as those on the inputs that they become; what says that an entry is missing has no sign.

    Raises
    ------
    ValueError
        If a column of categories, which has no order, is to rise or fall.
    """
    signs = []
    for sign, column in zip(constraints.signs.tolist(), columns.inputs, strict=True):
        if sign and column.categories is not None:
            raise ValueError(_no_order(sign, column.name))
        signs += [sign, *[0] * (len(column.inputs) - 1)]
    most = constraints.most if constraints.most < len(columns.inputs) else 0
    return Constraints.of(len(signs), np.array(signs), constraints.groups[:, columns.owners], most)


def _no_order(sign: int, name: Any) -> str:
    return f"monotonic_cst has {sign} for column {name!r}, which holds categories and has no order; give 0 there"


def check_no_category(monotonic_cst: Any, X: Any) -> None:
    """Raise a ValueError naming the first column of a frame that is text or a category and may only rise or fall."""
    if monotonic_cst is None or not hasattr(X, "columns"):
        return
    names = [*X.columns]
    signs = _signs(monotonic_cst, len(names), names)
    for sign, name in zip(signs, names, strict=True):
        kind = str(X[name].dtype).lower()
        if sign and kind.startswith(("category", "categorical", "enum", "object", "str", "utf8")):
            raise ValueError(_no_order(sign, name))


def _signs(given: Any, n_inputs: int, names: Sequence[Any] | None) -> NDArray[np.intp]:
    if isinstance(given, Mapping):
        values = dict.fromkeys(range(n_inputs), 0)
        for name, value in given.items():
            values[_index("monotonic_cst", name, n_inputs, names, only_names=True)] = value
        entries: list[Any] = list(values.values())
    else:
        if isinstance(given, str) or not hasattr(given, "__len__") or np.ndim(given) != 1:
            raise ValueError(
                f"monotonic_cst must be a list of -1, 0 or 1 for each column of X, or a dict by name, got {given!r}"
            )
        entries = list(given)
        if len(entries) != n_inputs:
            raise ValueError(
                f"monotonic_cst has {len(entries)} entries, but X has {n_inputs} columns; give -1, 0 or 1 for each"
            )
    for j, value in enumerate(entries):
        if isinstance(value, (bool, np.bool_)) or not _is_sign(value):
            raise ValueError(f"monotonic_cst has {value!r} for column {_label(j, names)}; give -1, 0 or 1")
    return np.array([int(value) for value in entries], dtype=np.intp)


def _is_sign(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and value in (-1, 0, 1)


def _word(given: str) -> str:
    if given not in MOST:
        raise ValueError(
            f"interactions must be 'none', 'pairs' or a list of groups of columns that may meet, got {given!r}"
        )
    return given


def _groups(given: Any, n_inputs: int, names: Sequence[Any] | None) -> Mask:
    """Groups of columns (G, d); the columns that none names are one more."""
    if isinstance(given, Mapping) or not hasattr(given, "__iter__"):
        raise ValueError(
            f"interactions must be 'none', 'pairs' or a list of groups of columns that may meet, got {given!r}"
        )
    rows = []
    for group in given:
        if isinstance(group, (str, Mapping)) or not hasattr(group, "__iter__"):
            raise ValueError(f"interactions must hold groups of columns, such as [0, 2], got {group!r}")
        row = np.zeros(n_inputs, dtype=bool)
        for column in group:
            row[_index("interactions", column, n_inputs, names)] = True
        if not row.any():
            raise ValueError("interactions has a group without columns; name at least one, or leave the group out")
        rows.append(row)
    rest = ~np.any(rows, axis=0) if rows else np.ones(n_inputs, dtype=bool)
    return np.array([*rows, *([rest] if rest.any() else [])])


def _index(argument: str, column: Any, n_inputs: int, names: Sequence[Any] | None, only_names: bool = False) -> int:
    """Position of a column given by its name, or by its number."""
    if isinstance(column, Integral) and not isinstance(column, (bool, np.bool_)) and not only_names:
        if not 0 <= int(column) < n_inputs:
            raise ValueError(f"{argument} has column {column}, but the columns of X are 0 to {n_inputs - 1}")
        return int(column)
    if names is None:
        raise ValueError(f"{argument} has the name {column!r}, but X has no names; give numbers, or X as a frame")
    if column not in list(names):
        raise ValueError(f"{argument} has column {column!r}, which X does not have; its columns are {_few(names)}")
    return list(names).index(column)


def _few(names: Sequence[Any]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown}, …"


def _label(j: int, names: Sequence[Any] | None) -> str:
    return str(j) if names is None else repr(str(names[j]))


def plainly(value: Any) -> Any:
    """Either parameter as lists, dicts, text and whole numbers, for a file."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {str(name): int(sign) for name, sign in value.items()}
    if isinstance(value, (Integral, float, np.number)):
        return int(value)
    return [plainly(entry) for entry in value]
