"""Our estimators inside scikit-learn pipelines that skl2onnx converts."""

from __future__ import annotations

from typing import Any

import numpy as np

from reluctant.estimators.classifier import SparseReLUClassifier
from reluctant.estimators.regressor import SparseReLURegressor
from reluctant.export.onnx import OPSET, graph_of
from reluctant.export.predictor import Predictor


def register_skl2onnx() -> None:
    """Teach skl2onnx to convert `SparseReLURegressor` and `SparseReLUClassifier`, alone and inside pipelines.

    Once a process, before ``skl2onnx.to_onnx``. The converted part computes in double precision where its input is
    double, else in single; see `export_onnx` for what it computes. ``options={"zipmap": False}`` gives probabilities as
    an array; without it skl2onnx makes dictionaries of them, of any classifier in single precision only. Needs
    skl2onnx, which comes with ``reluctant[onnx]``.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl2onnx import to_onnx
    >>> from reluctant import SparseReLURegressor
    >>> from reluctant.estimators import register_skl2onnx
    >>> register_skl2onnx()
    >>> X = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    >>> model = make_pipeline(StandardScaler(), SparseReLURegressor(max_parameters=3)).fit(X, np.maximum(X[:, 0], 0))
    >>> [node.op_type for node in to_onnx(model, X[:1]).graph.node][-3:]
    ['Gemm', 'Relu', 'Gemm']
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common import shape_calculator
    except ImportError as error:
        raise ImportError("pipelines as ONNX need skl2onnx: pip install 'reluctant[onnx]'") from error
    update_registered_converter(
        SparseReLURegressor,
        "ReluctantSparseReLURegressor",
        _shape_of_numbers,
        _convert,
    )
    update_registered_converter(
        SparseReLUClassifier,
        "ReluctantSparseReLUClassifier",
        shape_calculator.calculate_linear_classifier_output_shapes,
        _convert,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]},
    )


def _check_takes_numbers(estimator: Any) -> None:
    """Raise a ValueError if what the estimator takes is no matrix of numbers."""
    if estimator._encodes:
        raise ValueError(
            "the estimator encodes categories and gaps itself, and a pipeline as ONNX hands on numbers; put encoders "
            "of scikit-learn before it, or use export_onnx, whose file takes the inputs columns_.names"
        )


def _shape_of_numbers(operator: Any) -> None:
    """One column of numbers for each output of a regressor."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    _check_takes_numbers(operator.raw_operator)
    double = isinstance(operator.inputs[0].type, DoubleTensorType)
    shape = [None, Predictor.of(operator.raw_operator).network.n_outputs]
    operator.outputs[0].type = DoubleTensorType(shape) if double else FloatTensorType(shape)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Hand the operators of one estimator to skl2onnx, under names that are free in the whole graph."""
    from onnx import TensorProto, helper
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    _check_takes_numbers(operator.raw_operator)
    predictor = Predictor.of(operator.raw_operator)
    variable = operator.inputs[0]
    double = isinstance(variable.type, DoubleTensorType)
    graph = graph_of(predictor, predictor.network, np.dtype(np.float64 if double else np.float32))
    names = {"X": variable.full_name}
    if not isinstance(variable.type, (DoubleTensorType, FloatTensorType)):
        names["X"] = scope.get_unique_variable_name("numbers")
        container.add_node("Cast", [variable.full_name], [names["X"]], op_version=13, to=TensorProto.FLOAT)
    results = ["y"] if predictor.classes is None else ["label", "probabilities"]
    names |= {result: output.full_name for result, output in zip(results, operator.outputs, strict=True)}
    for name, values in graph.constants.items():
        names[name] = scope.get_unique_variable_name(name)
        kind = TensorProto.STRING if values.dtype == object else helper.np_dtype_to_tensor_dtype(values.dtype)
        container.add_initializer(names[name], kind, list(values.shape), values.ravel().tolist())
    for op, inputs, output, attributes in graph.nodes:
        names.setdefault(output, scope.get_unique_variable_name(output))
        label = scope.get_unique_operator_name(op)
        container.add_node(op, [names[i] for i in inputs], [names[output]], op_version=OPSET, name=label, **attributes)
