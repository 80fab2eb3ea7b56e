"""What is exported of a model: its function, and of a fitted estimator what stands before and behind it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array
from reluctant.columns import Columns
from reluctant.export.identifiers import comment_text
from reluctant.model.clip import Clip
from reluctant.model.description import output_labels
from reluctant.model.network import ReLUNetwork
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.regression.conformal import Calibration
from reluctant.solution import Solution, counted
from reluctant.univariate.integers import CountedSolution
from reluctant.validation import check_table


@runtime_checkable
class FittedEstimator(Protocol):
    """What `SparseReLURegressor` and `SparseReLUClassifier` have after `fit`."""

    network_: ReLUNetwork
    clip_: Clip


DType = Literal["float", "double"]
_NUMPY_TYPE: dict[str, np.dtype] = {"float": np.dtype(np.float32), "double": np.dtype(np.float64)}

Model = Solution | PiecewiseLinear | ReLUNetwork | FittedEstimator


@dataclass(frozen=True)
class Predictor:
    """Inputs are moved within the clip, if any; then comes the function; classes, if any, say what its outputs mean."""

    function: PiecewiseLinear | ReLUNetwork
    clip: Clip | None = None
    names: tuple[str, ...] | None = None
    classes: NDArray[Any] | None = None
    temperature: float | None = None
    verdict: str | None = None
    certificate: str | None = None
    neurons: ReLUNetwork | None = None
    """The function as a network, where it is at hand; to make one loads a compiler."""
    outputs: tuple[str, ...] | None = None
    """What the outputs are called, one name for all scores of classes."""
    columns: Columns | None = None
    """How the columns of a table become the inputs."""
    link: str = "identity"
    calibration: Calibration | None = None

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The classes as text."""
        return None if self.classes is None else tuple(map(str, self.classes.tolist()))

    def titles(self, outputs: Sequence[str] | None = None) -> list[str]:
        """What the outputs of the function are called: targets, logarithms of their means, log-odds or class scores."""
        labels, n_outputs = self.labels, self.network.n_outputs
        if labels is not None:
            return [f"log-odds of {labels[1]}"] if n_outputs == 1 else [f"score of {label}" for label in labels]
        named = self.outputs if outputs is None else outputs
        targets = output_labels(None, n_outputs) if named is None else list(named)
        return [f"log(mean of {target})" for target in targets] if self.is_log else targets

    def with_labels(self, labels: Sequence[int] | None) -> Predictor:
        """The same outputs, with these classes, and nothing else that a user named."""
        return replace(self, names=None, verdict=None, classes=None if labels is None else np.array(labels))

    @property
    def network(self) -> ReLUNetwork:
        """The function as neurons."""
        if self.neurons is not None:
            return self.neurons
        return self.function if isinstance(self.function, ReLUNetwork) else self.function.to_network()

    @classmethod
    def of(cls, model: Any) -> Predictor:
        """The parts of any model; those of a predictor are itself.

        Raises
        ------
        ValueError
            If it is of another kind, or an estimator that is not fitted.
        """
        if isinstance(model, Predictor):
            return model
        if isinstance(model, CountedSolution):
            raise ValueError(f"exports are functions of x, but this one is {model.counting}; {model.remedy}")
        if isinstance(model, Solution):
            names = None if model.columns is None else model.columns.labels
            neurons = vars(model).get("network")
            function = model.network if model.function is None else model.function
            outputs = None if model.columns is None else model.columns.output_labels
            return cls(
                function,
                names=names,
                verdict=model.verdict,
                certificate=str(model.certificate),
                neurons=neurons,
                outputs=outputs,
                columns=model.columns,
            )
        if isinstance(model, (PiecewiseLinear, ReLUNetwork)):
            return cls(model)
        if not isinstance(model, FittedEstimator):
            kind = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
            raise ValueError(
                "model must be a Solution, a PiecewiseLinear, a ReLUNetwork, or a SparseReLURegressor or "
                f"SparseReLUClassifier after fit, got {kind}"
            )
        clip = model.clip_ if np.isfinite([model.clip_.low, model.clip_.high]).any() else None
        columns = getattr(model, "columns_", None)
        names = getattr(model, "feature_names_in_", None) if columns is None else columns.labels
        return cls(
            model.network_,
            clip,
            None if names is None else tuple(map(str, names)),
            getattr(model, "classes_", None),
            getattr(model, "temperature_", None),
            outputs=None if columns is None else columns.output_labels,
            columns=columns,
            link=getattr(model, "link_", None) or "identity",
            calibration=getattr(model, "calibration_", None),
        )

    def rows(self, X: Any) -> Any:
        """Rows X as the inputs of the function, where they are a table of other columns."""
        return X if self.columns is None or self.columns.is_plain else self.columns.read(X, unseen="zeros")

    @property
    def is_log(self) -> bool:
        """Whether the function is the logarithm of the mean that the model predicts."""
        return self.link == "log"

    def checked(self, data: Any, *, means: bool = False) -> tuple[Array, Array] | None:
        """Rows and targets at which to measure the error; None for none. With a log link only `means` have targets.

        Raises
        ------
        ValueError
            If they are not a table of the inputs and outputs, or outputs stand for classes.
        """
        if data is None:
            return None
        if self.classes is not None:
            raise ValueError("data measure the error of numbers, and a classifier has labels; leave data out")
        if self.is_log and not means:
            raise ValueError("data measure the error of the function, here the logarithm of the mean; leave data out")
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise ValueError("data must be a pair (X, y); leave data out to measure nothing")
        X, y = check_table(self.rows(data[0]), data[1])
        f = self.function
        expected = (f.n_inputs, f.n_outputs) if isinstance(f, ReLUNetwork) else (1, 1)
        got = X.shape[1], 1 if y.ndim == 1 else y.shape[1]
        if got != expected:
            raise ValueError(
                f"data must have {counted(expected[0], 'inputs')} and {counted(expected[1], 'outputs')} as the model "
                f"has, got {got[0]} and {got[1]}; give the columns that it was made from"
            )
        return X, y

    def clamped(self, data: tuple[Array, Array] | None) -> Predictor:
        """The same within the range of each input in the data, and constant beyond it.

        Raises
        ------
        ValueError
            If there are no data.
        """
        if data is None:
            raise ValueError("ends='clamped' moves inputs into the range of the data; give data")
        ends = np.stack([data[0].min(axis=0), data[0].max(axis=0)])
        return replace(self, clip=Clip(*(ends if self.clip is None else self.clip(ends))))

    def facts(self, *, scalar: bool) -> list[str]:
        """What is done to the inputs that the network uses, and to its outputs, fit for comments, a line each."""
        facts = []
        if self.clip is not None or self.names is not None:
            for j in [0] if scalar else self.network.inputs_used.tolist():
                named = "" if self.names is None else f', "{comment_text(self.names[j])}",'
                moved = ""
                if self.clip is not None:
                    low, high = float(self.clip.low[j]), float(self.clip.high[j])
                    moved = f" is moved to [{low!r}, {high!r}] where it lies beyond"
                facts.append(f"{'x' if scalar else f'x[{j}]'}{named}{moved}".rstrip(",") + ".")
        facts += self._facts_of_columns()
        outputs = None if self.outputs is None else ", ".join(f'"{comment_text(name)}"' for name in self.outputs)
        if self.is_log:
            facts.append(f"The result is the natural logarithm of the mean of {outputs or 'the target'}.")
        elif outputs is not None:
            facts.append(f"The result is {'about ' if self.classes is not None else ''}{outputs}.")
        if self.temperature is not None:
            facts.append(
                f"The outputs were divided by the temperature {self.temperature}, which made held-out rows likeliest."
            )
        return facts

    def _facts_of_columns(self) -> list[str]:
        """How a caller makes the inputs that the network uses from entries of a table."""
        if self.columns is None or self.columns.is_plain:
            return []
        used, facts, j = set(self.network.inputs_used.tolist()), [], 0
        for column in self.columns.inputs:
            for i, name in enumerate(column.inputs):
                where = f'x[{j}], "{comment_text(name)}",'
                if j in used and (column.categories is not None or i):
                    facts.append(f"{where} is 1 where that is so, else 0.")
                if j in used and column.fill is not None and not (i and column.fill[i] == 1.0):
                    facts.append(f"{where} is {column.fill[i]!r} where the column is missing.")
                j += 1
        return facts


def numpy_type(dtype: Any) -> np.dtype:
    """The type that a file computes in.

    Raises
    ------
    ValueError
        If `dtype` is neither ``"float"`` nor ``"double"``.
    """
    if dtype not in _NUMPY_TYPE:
        raise ValueError(f"dtype must be 'float' or 'double', got {dtype!r}")
    return _NUMPY_TYPE[dtype]
