"""Networks and estimators as ONNX: what onnxruntime computes against predict, far outside the data too."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skl2onnx import to_onnx
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from networks import far_network
from reluctant import ReLUNetwork, SparseReLUClassifier, SparseReLURegressor, approximate
from reluctant.estimators import register_skl2onnx
from reluctant.export import export_onnx
from reluctant.model.clip import Clip
from reluctant.model.sequential import sequential_layers

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (60, 3))
FAR = RNG.normal(size=(10_000, 3)) * 30
NUMPY = {"double": np.float64, "float": np.float32}
LABELS = {
    "two words": np.where(np.abs(X[:, 0]) < 0.5, "in", "out"),
    "three words": np.array(["a b", "é\n", "日"])[np.digitize(X[:, 0], [-0.3, 0.3])],
    "truths": X[:, 0] > 0,
    "integers": 3 * np.digitize(X[:, 1], [-0.5, 0.0, 0.5]) - 2,
    "floats": np.array([1.0, 2.0, 7.0])[np.digitize(X[:, 0], [-0.3, 0.3])],
}


def run(path, rows, dtype="double"):
    onnx.checker.check_model(str(path), full_check=True)
    return onnxruntime.InferenceSession(path).run(None, {"X": np.asarray(rows, NUMPY[dtype])})


@st.composite
def networks(draw):
    d, m, K = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 4))
    numbers = st.integers(-4, 4).map(lambda v: v / 2)

    def array(*shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(numbers, min_size=size, max_size=size)), float).reshape(shape)

    return ReLUNetwork(array(K, d), array(K), array(K, m), array(d, m), array(m))


@given(networks())
def test_two_layers_are_the_network_with_its_affine_part_as_two_neurons_an_output(network):
    rows = np.random.default_rng(0).integers(-8, 9, (50, network.n_inputs)) / 4
    W, b, V, c = sequential_layers(network)
    by_layers = np.maximum(rows @ W.T + b, 0) @ V.T + c
    np.testing.assert_allclose(by_layers, network(rows).reshape(by_layers.shape), atol=1e-12)
    assert len(b) <= len(network.biases) + 2 * np.count_nonzero(network.slope.any(axis=0))


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("dtype", ["double", "float"])
def test_a_network_is_what_the_file_computes(tmp_path, sequential, dtype):
    for shape in ((0, 1, 1), (3, 2, 1), (5, 3, 2)):
        K, d, m = shape
        parts = (RNG.normal(size=s) for s in ((K, d), (K,), (K, m), (d, m), (m,)))
        network = ReLUNetwork(*parts)
        rows = FAR[:, :d].astype(NUMPY[dtype])
        labels = network(rows.astype(float))
        exported = export_onnx(
            network, tmp_path / "f.onnx", dtype=dtype, sequential=sequential, data=(rows.astype(float), labels)
        )
        [computed] = run(tmp_path / "f.onnx", rows, dtype)
        assert computed.dtype == NUMPY[dtype]
        error = np.max(np.abs(computed.reshape(labels.shape) - labels))
        rounded_weights = 0.0 if dtype == "double" else 300 * 2.0**-24 * 10 * K + 1e-4
        assert error <= exported.error_bound + rounded_weights
        assert exported.data_error == pytest.approx(error, rel=2.0, abs=1e-12)
        operators = [node.op_type for node in onnx.load(tmp_path / "f.onnx").graph.node]
        assert operators == ["Gemm", "Relu", "Gemm"] if sequential else set(operators) <= {"Gemm", "Relu", "Add"}


@pytest.mark.parametrize("dtype", ["double", "float"])
def test_a_network_far_from_zero_is_counted_from_a_centre(tmp_path, dtype):
    network, rows = far_network("time stamps")
    rows = rows.astype(NUMPY[dtype])
    labels = network(rows.astype(float))
    exported = export_onnx(network, tmp_path / "f.onnx", dtype=dtype, data=(rows.astype(float), labels))
    [computed] = run(tmp_path / "f.onnx", rows, dtype)
    assert np.max(np.abs(computed[:, 0] - labels)) <= exported.error_bound
    assert exported.error_bound < np.abs(labels).max() * (1e-13 if dtype == "double" else 1e-4)
    sequential = export_onnx(network, tmp_path / "s.onnx", sequential=True, data=(rows.astype(float), labels))
    assert exported.error_bound < sequential.data_error < sequential.error_bound or dtype == "float"


def test_a_solution_carries_its_verdict_and_its_errors(tmp_path):
    x = np.linspace(0.0, 10.0, 300)
    solution = approximate(x, np.sin(x), tolerance=0.01)
    exported = export_onnx(solution, tmp_path / "sine.onnx", data=(x, np.sin(x)))
    [computed] = run(tmp_path / "sine.onnx", x[:, None])
    np.testing.assert_allclose(computed[:, 0], solution.predict(x), atol=1e-12)
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "sine.onnx").metadata_props}
    assert facts["verdict"] == solution.verdict
    assert float(facts["largest_error_at_the_data"]) == exported.data_error == pytest.approx(solution.max_error)
    assert exported.n_neurons == solution.n_neurons


@pytest.mark.parametrize("dtype", ["double", "float"])
def test_a_regressor_is_clipped_as_its_predict(tmp_path, dtype):
    frame = pd.DataFrame(X, columns=["a", "b\nc", "日"])
    model = SparseReLURegressor(alpha=1e-3, random_state=0).fit(frame, np.abs(X[:, 0] - 0.3) + X[:, 1])
    model.clip_ = Clip(np.array([-2.0, -np.inf, -2.0]), np.array([3.0, 3.0, np.inf]))  # with alpha given there is none
    export_onnx(model, tmp_path / "m.onnx", dtype=dtype)
    rows = FAR.astype(NUMPY[dtype])
    [computed] = run(tmp_path / "m.onnx", rows, dtype)
    expected = model.predict(pd.DataFrame(rows.astype(float), columns=frame.columns))
    np.testing.assert_allclose(computed[:, 0], expected, atol={"double": 1e-12, "float": 1e-4}[dtype])
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert json.loads(facts["inputs"]) == list(frame.columns)


@pytest.mark.parametrize("kind", LABELS)
def test_a_classifier_gives_labels_and_probabilities(tmp_path, kind):
    model = SparseReLUClassifier(alpha=0.01, random_state=0).fit(X, LABELS[kind])
    export_onnx(model, tmp_path / "m.onnx")
    label, probabilities = run(tmp_path / "m.onnx", FAR)
    assert label.tolist() == model.predict(FAR).tolist()
    np.testing.assert_allclose(probabilities, model.predict_proba(FAR), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pipelines_are_converted(dtype):
    register_skl2onnx()
    rows = FAR.astype(dtype)
    Y = np.column_stack([np.abs(X[:, 0]), X[:, 1]])
    regressor = make_pipeline(StandardScaler(), SparseReLURegressor(alpha=1e-3, random_state=0)).fit(X, Y)
    session = onnxruntime.InferenceSession(to_onnx(regressor, X[:1].astype(dtype)).SerializeToString())
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(session.run(None, {"X": rows})[0], regressor.predict(rows), atol=tolerance)
    classifier = make_pipeline(StandardScaler(), SparseReLUClassifier(alpha=0.01, random_state=0))
    classifier.fit(X, LABELS["three words"])
    proto = to_onnx(classifier, X[:1].astype(dtype), options={"zipmap": False})
    label, probabilities = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"X": rows})
    expected = classifier.predict_proba(rows)
    np.testing.assert_allclose(probabilities, expected, atol=tolerance)
    clear = np.sort(expected, axis=1)[:, -2:] @ [-1, 1] > 1e-3
    assert label[clear].tolist() == classifier.predict(rows)[clear].tolist()


def test_integers_as_inputs_of_a_pipeline_are_cast():
    register_skl2onnx()
    whole = np.round(10 * X).astype(np.int64)
    model = SparseReLURegressor(alpha=1e-3, random_state=0).fit(whole, np.abs(whole[:, 0]).astype(float))
    session = onnxruntime.InferenceSession(to_onnx(model, whole[:1]).SerializeToString())
    np.testing.assert_allclose(session.run(None, {"X": whole})[0][:, 0], model.predict(whole), atol=1e-4)


def test_a_regressor_that_is_not_fitted_is_named():
    register_skl2onnx()
    with pytest.raises(ValueError, match="after fit, got a SparseReLURegressor"):
        to_onnx(SparseReLURegressor(), X[:1])


def test_bad_requests_leave_no_file(tmp_path):
    model = SparseReLUClassifier(alpha=0.01, random_state=0).fit(X, LABELS["truths"])
    large = ReLUNetwork([[1e300]], [0.0], [1.0])
    for arguments, message in (
        ((large, "f.txt"), "must end in .onnx, got 'f.txt'"),
        ((large, "f.onnx", "half"), "dtype must be 'float' or 'double', got 'half'"),
        ((large, "f.onnx", "float"), "beyond single precision; use double"),
        (("model", "f.onnx"), "model must be a Solution, .* got a str"),
        ((SparseReLURegressor(), "f.onnx"), "after fit"),
    ):
        with pytest.raises(ValueError, match=message):
            export_onnx(arguments[0], tmp_path / arguments[1], dtype=(*arguments, "double")[2])
    with pytest.raises(ValueError, match=r"export its network_, which is the same function within clip_"):
        export_onnx(model, tmp_path / "f.onnx", sequential=True)
    with pytest.raises(ValueError, match="a classifier has labels; leave data out"):
        export_onnx(model, tmp_path / "f.onnx", data=(X, LABELS["truths"]))
    assert list(tmp_path.iterdir()) == []


def test_without_onnx_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'reluctant\[onnx\]'"):
        export_onnx(ReLUNetwork([[1.0]], [0.0], [1.0]), tmp_path / "f.onnx")


def test_nodes_have_names_and_all_attributes_of_their_operator(tmp_path):
    """OMLT looks nodes up by name and reads no defaults."""
    export_onnx(ReLUNetwork([[1.0, 2.0]], [0.5], [3.0], slope=[1.0, 0.0]), tmp_path / "f.onnx", sequential=True)
    nodes = onnx.load(tmp_path / "f.onnx").graph.node
    assert len({node.name for node in nodes}) == len(nodes) == 3
    for node in nodes:
        assert node.op_type == "Relu" or {a.name for a in node.attribute} == {"alpha", "beta", "transB"}
