"""Networks, tables of links and clips as entries of a model file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reluctant.arrays import Array
from reluctant.model import storage
from reluctant.model.clip import Clip
from reluctant.model.container import Entries, Record, digest_of
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.text import counted
from reluctant.validation import check_table

_T = TypeVar("_T")

MOST_ROWS = 100_000
"""Rows up to which a band that is one for each of them is kept: some 4 MB."""


def network_record(network: ReLUNetwork) -> Record:
    """The arrays of a network."""
    return {name: getattr(network, name) for name in storage.FIELDS}


def network_of(record: Any) -> ReLUNetwork:
    """What `network_record` made.

    Raises
    ------
    ValueError
        If it is no network.
    """
    return _checked(lambda: ReLUNetwork(**storage.arrays_of(record)))


def table_record(function: PiecewiseLinear) -> Record:
    """The links of a function."""
    return dict(function.links._asdict())


def table_of(record: Any) -> PiecewiseLinear:
    """What `table_record` made.

    Raises
    ------
    ValueError
        If it is no table of links.
    """
    entries = Entries(record, "table")
    knots, anchors, slopes = entries.array("knots"), entries.array("anchors"), entries.array("slopes")
    changes = entries.optional_array("changes")
    entries.end()
    return _checked(lambda: PiecewiseLinear(knots, anchors, slopes, changes))


def clip_record(clip: Clip) -> Record:
    """The bounds of a clip."""
    return {"low": clip.low, "high": clip.high}


def clip_of(record: Any, n_inputs: int) -> Clip:
    """What `clip_record` made.

    Raises
    ------
    ValueError
        If it has no two bounds for each input.
    """
    entries = Entries(record, "clip")
    low, high = entries.array("low"), entries.array("high")
    entries.end()
    if not low.shape == high.shape == (n_inputs,) or not (low <= high).all():
        raise ValueError(f"does not hold a valid model: the clip needs low and high for each of {n_inputs} inputs")
    return Clip(low, high)


def bounds_record(bounds: tuple[Array, Array] | None) -> Record | None:
    """What the function was to stay between at each row; None where there was no such band, or one of many rows.

    A band is as long as its table, which a model file is not to become.
    """
    if bounds is None or len(bounds[0]) > MOST_ROWS:
        return None
    return {"lo": bounds[0], "hi": bounds[1]}


def bounds_of(record: Any) -> tuple[Array, Array] | None:
    """What `bounds_record` made.

    Raises
    ------
    ValueError
        If it has no two bounds for each row.
    """
    if record is None:
        return None
    entries = Entries(record, "bounds")
    lo, hi = entries.array("lo"), entries.array("hi")
    entries.end()
    if lo.ndim not in (1, 2) or lo.shape != hi.shape or not (lo <= hi).all():
        raise ValueError("does not hold a valid model: bounds need lo and hi for each row")
    return lo, hi


def data_record(network: ReLUNetwork, data: Any) -> Record | None:
    """How many rows a model was made from, and the digest of X and y; None without data.

    Raises
    ------
    ValueError
        If they are not a pair of inputs of the network and targets.
    """
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError("data must be a pair (X, y); leave data out to keep no digest of them")
    X, y = check_table(*data)
    if X.shape[1] != network.n_inputs:
        raise ValueError(f"data must have {counted(network.n_inputs, 'inputs')} as the network has, got {X.shape[1]}")
    return {"rows": len(X), "digest": digest_of((X, y))}


def _checked(make: Callable[[], _T]) -> _T:
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"does not hold a valid model: {error}") from None
