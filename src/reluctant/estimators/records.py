"""Fitted estimators as entries of a model file."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from reluctant.columns import Columns, checked_columns
from reluctant.estimators.shape import SHAPE, plainly
from reluctant.model.container import Entries, Record
from reluctant.model.records import clip_record, data_record, network_record
from reluctant.regression.losses import LOSSES, REGRESSION
from reluctant.version import __version__

_TYPES = ("b", "i", "u", "f", "U", "O")
"""Kinds of labels: true and false, numbers, text, and text as objects."""


def estimator_record(estimator: Any, columns: Columns | None, data: Any) -> Record:
    """What a model file holds of a fitted estimator: all that `predict` and the exporters need, and its parameters.

    Parameters that are no numbers, text, lists of these or None, as a loss of one's own or a generator, are left out.
    """
    classes = getattr(estimator, "classes_", None)
    calibration = getattr(estimator, "calibration_", None)
    names = getattr(estimator, "feature_names_in_", None)
    columns = checked_columns(getattr(estimator, "columns_", None) if columns is None else columns, estimator.network_)
    if columns is not None and not columns.is_plain and isinstance(data, (tuple, list)) and len(data) == 2:
        data = columns.read(data[0]), data[1]
    return {
        "kind": "regressor" if classes is None else "classifier",
        "written_by": f"reluctant {__version__}",
        "columns": None if columns is None else columns.to_record(),
        "data": data_record(estimator.network_, data),
        "parameters": _parameters(estimator),
        "solver": estimator.solver_used_,
        "encodes": getattr(estimator, "_encodes", False),
        "names": None if names is None else list(map(str, names)),
        "importances": estimator.feature_importances_,
        "one_column": getattr(estimator, "_one_column", False),
        "classes": None if classes is None else {"type": classes.dtype.str, "labels": classes.tolist()},
        "temperature": getattr(estimator, "temperature_", None),
        "link": getattr(estimator, "link_", None),
        "calibration": None if calibration is None else calibration.to_record(),
        "certificate": estimator.certificate_.to_record(),
        "clip": clip_record(estimator.clip_),
        "network": network_record(estimator.network_),
    }


def parameters_of(record: Record, estimator: type[BaseEstimator]) -> dict[str, Any]:
    """The parameters in a record, for the constructor of an estimator.

    Raises
    ------
    ValueError
        If the estimator has no such parameter.
    """
    known = estimator._get_param_names()
    for name in record:
        if name not in known:
            raise ValueError(f"has a parameter {name[:80]!r}, which {estimator.__name__} does not have")
    return {
        name: _loss_of(value) if name == "loss" and isinstance(value, dict) else value for name, value in record.items()
    }


def classes_of_record(record: Any) -> NDArray[Any]:
    """The labels in a record.

    Raises
    ------
    ValueError
        If they are not two or more labels of their type.
    """
    entries = Entries(record, "classes")
    name, labels = entries.text("type"), entries.records("labels")
    entries.end()
    try:
        dtype = np.dtype(name)
    except TypeError:
        dtype = np.dtype("V1")
    if dtype.kind not in _TYPES or len(labels) < 2 or not all(_is_label(label, dtype.kind) for label in labels):
        raise ValueError(f"does not hold a valid model: its classes are no labels of type {name[:40]!r}")
    return np.array(labels, dtype=dtype)


def _is_label(label: Any, kind: str) -> bool:
    allowed = {"b": (bool,), "i": (int,), "u": (int,), "f": (int, float)}.get(kind, (str,))
    return type(label) in allowed


def _parameters(estimator: Any) -> Record:
    parameters: Record = {}
    for name, value in estimator.get_params(deep=False).items():
        plain = value.item() if isinstance(value, np.generic) else value
        if name in SHAPE:
            parameters[name] = plainly(value)
        elif plain is None or isinstance(plain, (bool, int, float, str)):
            parameters[name] = plain
        elif isinstance(plain, (list, tuple)) and all(isinstance(entry, (int, str)) for entry in plain):
            parameters[name] = list(plain)
        elif is_dataclass(plain) and (kind := _name_of_loss(plain)) is not None:
            parameters[name] = {"loss": kind} | {f.name: getattr(plain, f.name) for f in fields(plain)}
    return parameters


def _name_of_loss(loss: Any) -> str | None:
    return next((name for name in REGRESSION if type(loss) is LOSSES[name]), None)


def _loss_of(record: Record) -> Any:
    entries = Entries(record, "a loss")
    name = entries.text("loss")
    if name not in REGRESSION:
        raise ValueError(f"has a loss {name[:80]!r}, which this release does not know")
    kind = cast("Any", LOSSES[name])
    given = {f.name: entries.take(f.name, (int, float, list), "a number or a list of them") for f in fields(kind)}
    entries.end()
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})
