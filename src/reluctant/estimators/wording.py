"""A fitted estimator in words: its network by the names of a table, and what its outputs are."""

from __future__ import annotations

from typing import Any

import numpy as np

from reluctant.arrays import Array
from reluctant.estimators.encoding import inputs_of
from reluctant.export.predictor import Predictor

CLIPPED = "Inputs beyond the bounds of clip_ count as if they lay on them."


def described(estimator: Any, X: Any, digits: int, trends: bool) -> str:
    """What `describe` of an estimator returns."""
    predictor = Predictor.of(estimator)
    titles = predictor.titles(_targets(estimator))
    columns = predictor.columns
    names = predictor.names if columns is None else columns.names
    units = None if columns is None else {c.name: c.unit for c in columns.inputs if c.unit and c.categories is None}
    text = predictor.network.describe(names, units, titles, digits, X=_rows(estimator, X), trends=trends)
    return "\n\n".join([text, *_scale(predictor), *([CLIPPED] if _is_clipped(predictor) else [])])


def _targets(estimator: Any) -> list[str]:
    """What is predicted of each output; the level where it is a quantile."""
    names = estimator.columns_.output_labels if hasattr(estimator, "columns_") else estimator._target_names
    if len(names) != estimator.network_.n_outputs:
        return [f"y{c}" for c in range(estimator.network_.n_outputs)]
    level = getattr(estimator, "quantile", None)
    return [name if level is None else f"{level:g} quantile of {name}" for name in names]


def _scale(predictor: Predictor) -> list[str]:
    """How predictions follow from outputs that are on another scale, in a sentence."""
    if predictor.is_log:
        return ["predict gives the mean, the exponential of this: 0.1 more multiplies it by 1.105."]
    if predictor.labels is None:
        return []
    if predictor.network.n_outputs > 1:
        return ["predict_proba gives probabilities proportional to the exponentials of these scores."]
    return ["predict_proba gives 1 / (1 + exp(-log-odds)): 0.1 more multiplies the odds by 1.105."]


def _rows(estimator: Any, X: Any) -> Array | None:
    """Rows of a table as the inputs of the network, inside the clip."""
    if X is None:
        return None
    inputs = inputs_of(estimator, X)
    rows: Array = estimator.clip_(inputs if isinstance(inputs, np.ndarray) else inputs.toarray())
    return rows


def _is_clipped(predictor: Predictor) -> bool:
    used, clip = predictor.network.inputs_used, predictor.clip
    return clip is not None and bool(np.isfinite([clip.low[used], clip.high[used]]).any())
