"""`load`: what `Solution.save` and the `save` of an estimator wrote."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from reluctant.certificate import Certificate
from reluctant.columns import Columns, checked_columns
from reluctant.errors import FileFormatError
from reluctant.model import container
from reluctant.model.container import Entries, Record
from reluctant.model.records import bounds_of, clip_of, network_of, table_of
from reluctant.solution import FIGURES, LineSolution, Solution

if TYPE_CHECKING:
    from reluctant.estimators import SparseReLUClassifier, SparseReLURegressor


def load(path: str | PathLike[str]) -> Solution | SparseReLURegressor | SparseReLUClassifier:
    """Read a model file: the solution, or the fitted estimator, that was saved there.

    No code in a file is run. What was saved carries a digest, and a file that was cut, damaged or edited is refused.

    Parameters
    ----------
    path : str or path-like
        What `Solution.save`, the `save` of an estimator or the command ``reluctant fit`` wrote.

    Returns
    -------
    Solution, SparseReLURegressor or SparseReLUClassifier
        It predicts what the saved one predicted, to the last bit. A solution has no `history`; an estimator has no
        `path_`, and parameters that were neither numbers nor text are their defaults. What is known of the table stands
        in `columns`, or in `columns_` of an estimator.

    Raises
    ------
    OSError
        If the file cannot be read.
    FileFormatError
        If it is truncated, damaged, edited, of another kind, larger than 256 MiB, or written by a newer version of the
        format; for a file that holds a network alone use `ReLUNetwork.load`.

    Examples
    --------
    >>> import tempfile, reluctant
    >>> solution = reluctant.approximate([0, 1, 2, 3, 4], [0, 1, 4, 9, 16], tolerance=0.5)
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     solution.save(f"{directory}/square.json")
    ...     loaded = reluctant.load(f"{directory}/square.json")
    >>> loaded.verdict, loaded.tolerance, loaded.predict([1.5]).round(6)
    ('1 neuron, proved minimal', 0.5, array([2.5]))
    """
    record = container.read(path)
    try:
        return model_of(record)
    except ValueError as error:
        raise FileFormatError(f"{path} {error}") from None


def model_of(record: Record) -> Any:
    """The model in a record.

    Raises
    ------
    ValueError
        If it is none; the message goes on from the name of the file.
    """
    entries = Entries(record, "the model")
    kind = entries.text("kind")
    if kind not in _MAKERS:
        raise ValueError(f"holds a model of kind {kind[:40]!r}, which this release does not know; update reluctant")
    entries.text("written_by")
    data = entries.optional_record("data")
    if data is not None:
        _check_data(data)
    model = _MAKERS[kind](entries)
    entries.end()
    return model


def _check_data(record: Record) -> None:
    entries = Entries(record, "data")
    entries.integer("rows")
    entries.text("digest")
    entries.end()


def _columns(entries: Entries, network: Any) -> Columns | None:
    record = entries.optional_record("columns")
    return checked_columns(None if record is None else Columns.of_record(record), network)


def _solution(entries: Entries) -> Solution:
    entries.text("verdict")
    network, table = network_of(entries.record("network")), entries.optional_record("table")
    columns = _columns(entries, network)
    numbers = Entries(entries.record("figures"), "figures")
    figures: dict[str, Any] = {name: numbers.optional_number(name) for name in FIGURES}
    numbers.end()
    if figures["value"] is None or figures["max_error"] is None:
        raise ValueError("is incomplete: value or max_error of figures is missing")
    certificate = Certificate.of_record(entries.record("certificate"))
    bounds = bounds_of(entries.optional_record("bounds"))
    given: dict[str, Any] = {"network": network, "columns": columns, "certificate": certificate, "bounds": bounds}
    if table is None:
        return Solution(**given, **figures)
    if not network.n_inputs == network.n_outputs == 1:
        raise ValueError("does not hold a valid model: a table of links is of one input and one output")
    on_line = figures["max_error_between"] is not None
    return (LineSolution if on_line else Solution)(**given, **figures, function=table_of(table))


def _estimator(entries: Entries, kind: Any) -> Any:
    from reluctant.estimators.records import parameters_of

    estimator = kind(**parameters_of(entries.record("parameters"), kind))
    network = network_of(entries.record("network"))
    estimator.network_ = network
    estimator.clip_ = clip_of(entries.record("clip"), network.n_inputs)
    names, columns = entries.optional_texts("names"), _columns(entries, network)
    estimator._encodes = entries.flag("encodes")
    if estimator._encodes and columns is None:
        raise ValueError("does not hold a valid model: it needs the columns that it encodes")
    encoded = columns if estimator._encodes else None
    estimator.n_features_in_ = n_features = network.n_inputs if encoded is None else len(encoded.inputs)
    if names is not None:
        if len(names) != n_features:
            raise ValueError("does not hold a valid model: it needs a name for each column, or none")
        estimator.feature_names_in_ = np.array(names, dtype=object)
    if columns is not None:
        estimator.columns_ = columns
    estimator.certificate_ = Certificate.of_record(entries.record("certificate"))
    estimator.solver_used_, estimator.path_ = entries.text("solver"), None
    estimator.n_neurons_, estimator.n_parameters_ = network.n_neurons, network.size
    named = np.arange(n_features) if names is None else estimator.feature_names_in_
    owners = np.arange(n_features) if encoded is None else encoded.owners
    estimator.features_used_ = named[np.unique(owners[network.inputs_used])]
    estimator.feature_importances_ = entries.array("importances")
    if estimator.feature_importances_.shape != (n_features,):
        raise ValueError("does not hold a valid model: it needs an importance for each column")
    return estimator


def _regressor(entries: Entries) -> SparseReLURegressor:
    from reluctant.estimators import SparseReLURegressor
    from reluctant.regression.conformal import Calibration

    estimator: SparseReLURegressor = _estimator(entries, SparseReLURegressor)
    estimator._one_column = entries.flag("one_column")
    link = entries.text("link")
    if link not in ("identity", "log"):
        raise ValueError(f"does not hold a valid model: its link is {link[:40]!r}")
    estimator.link_ = "log" if link == "log" else "identity"
    calibration = entries.optional_record("calibration")
    estimator.calibration_ = None
    if calibration is not None:
        estimator.calibration_ = Calibration.of_record(calibration, estimator.network_.n_outputs)
    for name in ("classes", "temperature"):
        entries.take(name, type(None), "null")
    return estimator


def _classifier(entries: Entries) -> SparseReLUClassifier:
    from reluctant.estimators import SparseReLUClassifier
    from reluctant.estimators.records import classes_of_record

    estimator: SparseReLUClassifier = _estimator(entries, SparseReLUClassifier)
    estimator.classes_ = classes_of_record(entries.record("classes"))
    estimator.temperature_ = entries.optional_number("temperature")
    for name in ("link", "calibration"):
        entries.take(name, type(None), "null")
    entries.flag("one_column")
    outputs = 1 if len(estimator.classes_) == 2 else len(estimator.classes_)
    if estimator.network_.n_outputs != outputs:
        raise ValueError("does not hold a valid model: the network has not the outputs of its classes")
    return estimator


_MAKERS = {"solution": _solution, "regressor": _regressor, "classifier": _classifier}
