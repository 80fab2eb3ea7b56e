"""Networks as ONNX: two matrix products with a ReLU between, and what stands before and behind them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array
from reluctant.export.forward import PreparedInputs, centred_in, rounding_bound
from reluctant.export.predictor import DType, Model, Predictor, numpy_type
from reluctant.files import as_path, write_atomically
from reluctant.model.network import ReLUNetwork
from reluctant.model.sequential import Layers, hidden_and_output, sequential_layers
from reluctant.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

_INT64 = 7  # TensorProto.INT64, for which onnx need not be loaded
_GEMM: dict[str, Any] = {"alpha": 1.0, "beta": 1.0, "transB": 1}
"""The first two are as by default; OMLT reads none but explicit ones."""
OPSET, IR_VERSION = 14, 7
"""The oldest that have every operator used, which runtimes from 2021 on read."""


@dataclass(frozen=True)
class OnnxExport:
    """What was written, and how accurate it is.

    Parameters
    ----------
    dtype : {"float", "double"}
        Type of the input, the weights and the arithmetic.
    n_neurons : int
        ReLUs in the file: those of the network, and two for each output with an affine part where it is sequential.
    n_bytes : int
        Size of the file.
    error_bound : float or None
        Bound of the distance from the network in exact arithmetic, in whatever order a runtime adds, for every input of
        that type in the box around the data; without data in the box of the clip. None without a box.
    data_error : float or None
        max_i |file(x_i) − y_i| over the data, by ONNX's own reference implementation; None without data.
    """

    dtype: DType
    n_neurons: int
    n_bytes: int
    error_bound: float | None
    data_error: float | None


@dataclass
class Graph:
    """Operators in order, and the constants that they read; the input is ``X``."""

    nodes: list[tuple[str, list[str], str, dict[str, Any]]] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """One more operator; returns the name of its output."""
        self.nodes.append((operator, inputs, output, attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """One more constant; returns its name."""
        self.constants[name] = np.ascontiguousarray(values)
        return name


def export_onnx(
    model: Model,
    path: str | PathLike[str],
    *,
    dtype: DType = "double",
    sequential: bool = False,
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> OnnxExport:
    """Write a network as an ONNX model. Needs onnx, which comes with ``reluctant[onnx]``.

    The input is ``X`` (N, d). A network, a solution and a regressor have the output ``y`` (N, m), of an estimator up to
    rounding what `predict` returns; a classifier has ``label`` (N,) and ``probabilities`` (N, C), as scikit-learn's
    converters name them. The `clip_` of an estimator and the temperature of a classifier are part of the file. Names of
    the columns, the verdict of a solution and both errors stand in its metadata.

    Parameters
    ----------
    model : Solution, PiecewiseLinear, ReLUNetwork, or fitted SparseReLURegressor or SparseReLUClassifier
        What to export.
    path : str or path-like
        Name of the file, ending in ``.onnx``.
    dtype : {"double", "float"}
        Type of input, weights and arithmetic.
    sequential : bool
        Whether to write nothing but Gemm, Relu, Gemm, as verifiers and MILP tools want it: the affine part becomes two
        neurons for each output that has one, exactly. Inputs far from zero beside their spread are not counted from a
        centre then, and the error bound says what that costs. Not of an estimator with a clip or classes.
    data : tuple (X, y), optional
        Data at which to measure the error; not of a classifier.

    Returns
    -------
    OnnxExport

    Raises
    ------
    ValueError
        If the path does not end in ``.onnx``, a number is beyond single precision, the model is of another kind or not
        fitted, or `sequential` is asked of an estimator with a clip or classes.
    ImportError
        If onnx is not installed.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import interpolate
    >>> from reluctant.export import export_onnx
    >>> solution = interpolate([-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0])
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     exported = export_onnx(solution, f"{directory}/hat.onnx", dtype="float")
    >>> exported.n_neurons
    3
    """
    path = as_path(path)
    if path.suffix != ".onnx":
        raise ValueError(f"the path of an ONNX model must end in .onnx, got {path.name!r}")
    exported, content = render_onnx(model, path.stem, dtype, sequential=sequential, data=data)
    write_atomically(path, content)
    return exported


def render_onnx(
    model: Model,
    name: str,
    dtype: DType = "double",
    *,
    sequential: bool = False,
    data: tuple[ArrayLike, ArrayLike] | None = None,
) -> tuple[OnnxExport, bytes]:
    """Return what `export_onnx` returns and what it writes, without writing it."""
    number = numpy_type(dtype)
    predictor = Predictor.of(model)
    if sequential and (predictor.clip is not None or predictor.classes is not None or predictor.is_log):
        raise ValueError(
            "sequential has no room for the clip and the classes of an estimator; export its network_, which is the "
            "same function within clip_, or leave sequential out"
        )
    checked = predictor.checked(data, means=True)
    network = predictor.network
    graph = graph_of(predictor, network, number, sequential=sequential)
    rows = None if checked is None else checked[0]
    bound = None
    if not predictor.is_log:
        bound = rounding_bound(network, number, rows, predictor.clip, centred=not sequential)
    proto = _model(graph, network, name, number)
    error = None if checked is None else _largest_error(proto, checked, number)
    _describe(proto, predictor, bound, error)
    content = proto.SerializeToString()
    return OnnxExport(dtype, len(graph.constants.get("b", ())), len(content), bound, error), content


def graph_of(predictor: Predictor, network: ReLUNetwork, dtype: np.dtype, *, sequential: bool = False) -> Graph:
    """The operators from ``X`` to ``y``, or to ``label`` and ``probabilities``.

    Raises
    ------
    ValueError
        If a number is beyond `dtype`.
    """
    graph, inputs = Graph(), "X"
    if predictor.clip is not None:
        bounds = PreparedInputs.of(predictor.clip, np.arange(network.n_inputs), dtype)
        inputs = graph.add("Max", [inputs, graph.constant("low", bounds.low)], "not_below")
        inputs = graph.add("Min", [inputs, graph.constant("high", bounds.high)], "clipped")
    layers = sequential_layers(network) if sequential else hidden_and_output(network)
    if not sequential and network.centred is not None:
        centre, biases, intercept = centred_in(network, dtype)
        inputs = graph.add("Sub", [inputs, graph.constant("centre", _rounded(np.asarray(centre), dtype))], "centred")
        layers = hidden_and_output(network, biases)._replace(c=intercept)
    outputs = "y" if predictor.classes is None and not predictor.is_log else "scores"
    _add_layers(graph, layers, network.slope.T, inputs, outputs, dtype, affine=not sequential)
    if predictor.is_log:
        graph.add("Exp", [outputs], "y")
    if predictor.classes is not None:
        _add_classes(graph, predictor.classes, outputs)
    return graph


def _add_layers(
    graph: Graph, layers: Layers, slope: Array, inputs: str, outputs: str, dtype: np.dtype, *, affine: bool
) -> None:
    W, b, V, c = (_rounded(part, dtype) for part in layers)
    if not len(b):
        names = [inputs, graph.constant("S", _rounded(slope, dtype)), graph.constant("c", c)]
        graph.add("Gemm", names, outputs, **_GEMM)
        return
    names = [inputs, graph.constant("W", W), graph.constant("b", b)]
    hidden = graph.add("Relu", [graph.add("Gemm", names, "hidden", **_GEMM)], "active")
    skip = affine and bool(slope.any())
    names = [hidden, graph.constant("V", V), graph.constant("c", c)]
    bent = graph.add("Gemm", names, "bent" if skip else outputs, **_GEMM)
    if skip:
        flat = graph.add("Gemm", [inputs, graph.constant("S", _rounded(slope, dtype))], "straight", **_GEMM)
        graph.add("Add", [bent, flat], outputs)


def _add_classes(graph: Graph, classes: NDArray[Any], scores: str) -> None:
    if len(classes) == 2:
        minus = graph.add("Sigmoid", [graph.add("Neg", [scores], "minus")], "first")
        plus = graph.add("Sigmoid", [scores], "second")
        graph.add("Concat", [minus, plus], "probabilities", axis=1)
        zero = graph.constant("zero", np.zeros(1, graph.constants["c"].dtype))
        positive = graph.add("Greater", [scores, zero], "positive")
        column = graph.add("Cast", [positive], "column", to=_INT64)
        flat = graph.constant("flat", np.array([-1], np.int64))
        index = graph.add("Reshape", [column, flat], "index")
    else:
        graph.add("Softmax", [scores], "probabilities", axis=1)
        index = graph.add("ArgMax", [scores], "index", axis=1, keepdims=0)
    graph.add("Gather", [graph.constant("classes", _tensor_of(classes)), index], "label", axis=0)


def _tensor_of(classes: NDArray[Any]) -> NDArray[Any]:
    """Labels in a type that tensors have."""
    kind = classes.dtype.kind
    if kind in "iu":
        return classes.astype(np.int64)
    return classes if kind in "bf" else classes.astype(str).astype(object)


def _rounded(values: Array, dtype: np.dtype) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        rounded = values.astype(dtype)
    if not np.isfinite(rounded).all():
        raise ValueError("the network has parameters beyond single precision; use double")
    return rounded


def _model(graph: Graph, network: ReLUNetwork, name: str, dtype: np.dtype) -> ModelProto:
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise ImportError("ONNX files need onnx: pip install 'reluctant[onnx]'") from error
    number = helper.np_dtype_to_tensor_dtype(dtype)
    inputs = [helper.make_tensor_value_info("X", number, [None, network.n_inputs])]
    if "classes" not in graph.constants:
        outputs = [helper.make_tensor_value_info("y", number, [None, network.n_outputs])]
    else:
        classes = graph.constants["classes"]
        kind = TensorProto.STRING if classes.dtype == object else helper.np_dtype_to_tensor_dtype(classes.dtype)
        outputs = [
            helper.make_tensor_value_info("label", kind, [None]),
            helper.make_tensor_value_info("probabilities", number, [None, len(classes)]),
        ]
    nodes = [
        helper.make_node(op, ins, [out], name=f"to_{out}", **attributes) for op, ins, out, attributes in graph.nodes
    ]
    tensors = [numpy_helper.from_array(values, label) for label, values in graph.constants.items()]
    return helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, tensors),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="reluctant",
        producer_version=__version__,
    )


def _largest_error(proto: ModelProto, data: tuple[Array, Array], dtype: np.dtype) -> float:
    from onnx.reference import ReferenceEvaluator

    X, y = data
    (computed,) = cast("list[NDArray[Any]]", ReferenceEvaluator(proto).run(None, {"X": X.astype(dtype)}))
    return float(np.max(np.abs(computed.astype(np.float64).reshape(y.shape) - y)))


def _describe(proto: ModelProto, predictor: Predictor, bound: float | None, error: float | None) -> None:
    """Names, verdict and errors, as text beside the model."""
    facts = {
        "inputs": None if predictor.names is None else json.dumps(predictor.names, ensure_ascii=False),
        "outputs": None if predictor.outputs is None else json.dumps(predictor.outputs, ensure_ascii=False),
        "verdict": predictor.verdict,
        "rounding_bound": None if bound is None else repr(bound),
        "largest_error_at_the_data": None if error is None else repr(error),
        "temperature": None if predictor.temperature is None else repr(predictor.temperature),
    }
    for key, value in facts.items():
        if value is not None:
            entry = proto.metadata_props.add()
            entry.key, entry.value = key, value
