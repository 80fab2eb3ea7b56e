"""Model files: what was saved comes back to the last bit, and what was cut or changed is refused in one sentence."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reluctant
from reluctant import (
    FileFormatError,
    ReLUNetwork,
    SparseReLUClassifier,
    SparseReLURegressor,
    approximate,
    interpolate,
    regress,
)
from reluctant.columns import Column, Columns
from reluctant.model import container
from reluctant.regression.losses import Huber
from reluctant.solution import FIGURES, Certificate, Solution

RNG = np.random.default_rng(16)
X = RNG.uniform(-1, 1, (30, 2))
x = np.linspace(0, 10, 60)


SOLUTIONS = {
    "tolerance": lambda: approximate(x, np.sin(x), tolerance=0.05),
    "exact": lambda: interpolate(x, np.abs(x - 3)),
    "line of none": lambda: approximate(x, 2 * x, tolerance=1.0),
    "penalty": lambda: regress(x, np.sin(x), alpha=0.01, p=1),
    "smallest error": lambda: approximate(x, np.sin(x), max_neurons=3, scale=2.0),
    "offset": lambda: approximate(x + 1e9, np.sin(x) - 1e12, tolerance=0.05),
    "two outputs": lambda: interpolate(x[:5], np.c_[x[:5] ** 2, -x[:5]]),
    "two inputs": lambda: approximate(X[:10], X[:10, 0], tolerance=0.3, affine=True),
}


ASKED = {
    "one-sided": lambda y: {"bounds": (y - 0.1, np.where(x < 5, y + 0.2, np.inf))},
    "relative": lambda y: {"relative": 0.1, "tolerance": 0.01},
    "of each row": lambda y: {"tolerance": np.where(x < 5, 0.1, np.inf)},
    "two outputs": lambda y: {"bounds": (np.c_[y, -y] - 0.2, np.c_[y, -y] + 0.3), "time_limit": 1},
}


@pytest.mark.parametrize("name", ASKED)
def test_a_band_that_no_one_tolerance_says_comes_back(tmp_path, name):
    y = np.sin(x)
    asked = ASKED[name](y)
    solution = approximate(x, np.c_[y, -y] if name == "two outputs" else y, **asked)
    half = asked.get("tolerance", 0.0) + asked.get("relative", 0.0) * np.abs(y)
    lo, hi = asked.get("bounds", (y - half, y + half))
    solution.save(tmp_path / "m.json")
    loaded = reluctant.load(tmp_path / "m.json")
    for found in (solution, loaded):
        assert found.tolerance is None
        np.testing.assert_array_equal(found.bounds, (lo, hi))
    assert approximate(x, y, tolerance=0.1).bounds is None


def test_a_band_of_very_many_rows_is_not_kept(tmp_path):
    t = np.arange(100_001.0)
    interval = (t - 1.0, t + 1.0)
    solution = approximate(t, t, bounds=interval)
    solution.save(tmp_path / "m.json")
    assert solution.bounds is not None
    assert reluctant.load(tmp_path / "m.json").bounds is None


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_solution_comes_back_to_the_last_bit(tmp_path, name):
    solution = SOLUTIONS[name]()
    solution.save(tmp_path / "m.json")
    loaded = reluctant.load(tmp_path / "m.json")
    assert type(loaded) is type(solution)
    assert {f: getattr(loaded, f) for f in FIGURES} == {f: getattr(solution, f) for f in FIGURES}
    assert (loaded.certificate, loaded.verdict) == (solution.certificate, solution.verdict)
    for field, array in solution.network._fields.items():
        np.testing.assert_array_equal(getattr(loaded.network, field), array)
    where = RNG.uniform(-20, 20, (50, solution.network.n_inputs))
    np.testing.assert_array_equal(loaded.predict(where), solution.predict(where))
    again = tmp_path / "again.json"
    loaded.save(again)
    assert again.read_bytes() == (tmp_path / "m.json").read_bytes()
    assert ReLUNetwork.load(again).n_neurons == solution.network.n_neurons


def test_figures_that_json_lacks_come_back(tmp_path):
    network = ReLUNetwork([[1.0, -0.0]], [5e-324], [1.7e308])
    solution = Solution(network=network, p=None, value=np.inf, max_error=np.nan, certificate=CERTIFICATE)
    solution.save(tmp_path / "m.json")
    loaded = reluctant.load(tmp_path / "m.json")
    assert (loaded.value, str(loaded.max_error), loaded.certificate.lower_bound) == (np.inf, "nan", -np.inf)
    assert np.signbit(loaded.network.input_weights[0, 1])


CERTIFICATE = Certificate("neurons", -np.inf, "none", 'say "so" in °C\n')


TARGETS = {
    "numbers": (SparseReLURegressor(alpha=0.1, p=1), X[:, 0] ** 2),
    "a column": (SparseReLURegressor(alpha=0.1, loss=Huber((0.5,))), X[:, :1] ** 2),
    "several": (SparseReLURegressor(alpha=0.1), X**2),
    "within": (SparseReLURegressor(tolerance=0.5), X[:, 0]),
    "texts": (SparseReLUClassifier(alpha=0.1), np.where(X[:, 0] > 0, "oui, ≥ 0", "non")),
    "objects": (SparseReLUClassifier(alpha=0.1), np.where(X[:, 0] > 0, "b", "a").astype(object)),
    "booleans": (SparseReLUClassifier(alpha=0.1), X[:, 0] > 0),
    "three": (SparseReLUClassifier(alpha=0.1), 2**62 + np.digitize(X[:, 0], [-0.3, 0.3])),
}


@pytest.mark.parametrize("name", TARGETS)
def test_an_estimator_comes_back_fitted(tmp_path, name):
    estimator, y = TARGETS[name]
    estimator = estimator.fit(X, y)
    if name == "texts":
        estimator.temperature_ = 1.5  # what cross-validation finds
    estimator.save(tmp_path / "m.json")
    loaded = reluctant.load(tmp_path / "m.json")
    assert type(loaded) is type(estimator)
    assert loaded.get_params() == estimator.get_params()
    where = RNG.uniform(-50, 50, (50, 2))
    for method in ("predict", "predict_proba"):
        if hasattr(estimator, method):
            expected = getattr(estimator, method)(where)
            np.testing.assert_array_equal(getattr(loaded, method)(where), expected)
            assert getattr(loaded, method)(where).dtype == expected.dtype
    learned = ("n_neurons_", "n_parameters_", "n_features_in_", "certificate_", "solver_used_")
    assert [getattr(loaded, a) for a in learned] == [getattr(estimator, a) for a in learned]
    assert getattr(loaded, "temperature_", 0) == getattr(estimator, "temperature_", 0)
    np.testing.assert_array_equal(loaded.features_used_, estimator.features_used_)
    np.testing.assert_array_equal(loaded.feature_importances_, estimator.feature_importances_)
    if name == "several":
        assert loaded.fit(X, y).n_parameters_ == estimator.n_parameters_


def test_names_of_a_frame_are_kept_and_checked(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["U, mV", "<script>"])
    SparseReLURegressor(alpha=0.1).fit(frame, X[:, 0]).save(tmp_path / "m.json")
    loaded = reluctant.load(tmp_path / "m.json")
    assert loaded.feature_names_in_.tolist() == ["U, mV", "<script>"]
    with pytest.raises(ValueError, match="should match"):
        loaded.predict(frame[["<script>", "U, mV"]])


def test_columns_and_data_are_kept(tmp_path):
    columns = Columns(
        (Column("t °C", "K", low=0.0, high=1.0), Column("c", categories=("a",), fill=(0.5,))), (Column("y"),)
    )
    solution = approximate(X[:10], X[:10, 0], tolerance=0.3)
    solution.save(tmp_path / "m.json", columns=columns, data=(X, X[:, 0]))
    assert reluctant.load(tmp_path / "m.json").columns == columns
    assert "t °C" in (tmp_path / "m.json").read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "m.json").read_text())["data"]
    assert kept == {"rows": 30, "digest": container.digest_of((X, X[:, 0]))}
    with pytest.raises(ValueError, match="columns must name the 2 inputs and 1 output of the network, got 1 and 1"):
        solution.save(tmp_path / "m.json", columns=Columns.named("a", "b"))
    with pytest.raises(ValueError, match="data must have 2 inputs as the network has, got 1"):
        solution.save(tmp_path / "m.json", data=(x, x))
    with pytest.raises(ValueError, match=r"must end in \.json, got 'm\.npz'"):
        solution.save(tmp_path / "m.npz")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m.json"
    SOLUTIONS["tolerance"]().save(path, columns=Columns.named(["a"], ["b"]), data=(x, np.sin(x)))
    return path.read_bytes()


def test_the_digest_is_as_documented(saved):
    """An implementation of the sentence in docs/network_files.md that shares no code."""
    from hashlib import sha256

    def floats(v):
        if isinstance(v, dict):
            return {k: floats(e) for k, e in v.items() if k != "digest" or len(e) < 8}
        return [floats(e) for e in v] if isinstance(v, list) else float(v) if type(v) is int else v

    body = json.loads(saved)
    text = json.dumps(
        floats({k: v for k, v in body.items() if k not in ("digest", "data")})
        | {"data": {"rows": 60.0, "digest": body["data"]["digest"]}},
        sort_keys=True,
        separators=(",", ":"),
    )
    assert body["digest"] == "sha256:" + sha256(text.encode()).hexdigest()


def test_layout_and_the_writing_of_numbers_do_not_count(tmp_path, saved):
    body = json.loads(saved, parse_float=lambda s: int(float(s)) if float(s).is_integer() else float(s))
    (tmp_path / "m.json").write_text(json.dumps(dict(reversed(body.items())), indent=7))
    assert reluctant.load(tmp_path / "m.json").tolerance == 0.05


def mutated(saved, change, sealed):
    body = json.loads(saved)
    change(body)
    if sealed:
        del body["digest"]
        body["digest"] = container.digest(body)
    return json.dumps(body).encode()


def put(*path, value):
    def change(body):
        for name in path[:-1]:
            body = body[name]
        body[path[-1]] = value

    return change


FAULTS = [
    (lambda s: b"", "is truncated or not JSON"),
    (lambda s: s[: len(s) // 2], "is truncated or not JSON"),
    (lambda s: s[:-3], "is truncated or not JSON"),
    (lambda s: b"\xff\xfe" + s, "is truncated or not JSON"),
    (lambda s: b"[" * 100_000, "is truncated or not JSON"),
    (lambda s: b"[]", "is not a model saved by reluctant"),
    (lambda s: b'{"format": "reluctant-network"}', "is not a model saved by reluctant"),
    (lambda s: s.replace(b'"version": 1', b'"version": 2'), "has format version 2, this release reads up to 1; update"),
    (lambda s: s.replace(b'"version": 1', b'"version": true'), "has no valid format version"),
    (lambda s: s.replace(b"0.05", b"0.04", 1), "is damaged or was edited"),
    (lambda s: s.replace(b'"kind": "solution"', b'"kind": "solution", "kind": "solution"'), "the entry 'kind' twice"),
    (lambda s: mutated(s, lambda b: b.pop("digest"), False), "has no digest"),
    (lambda s: mutated(s, put("kind", value="forest"), True), "kind 'forest', which this release does not know"),
    (lambda s: mutated(s, put("extra", value=1), True), "has an entry 'extra' in the model"),
    (lambda s: mutated(s, lambda b: b.pop("network"), True), "network of the model is missing"),
    (lambda s: mutated(s, put("network", "biases", value="no"), True), "biases must be a list"),
    (lambda s: mutated(s, put("network", "biases", value=[1.0]), True), "does not hold a valid model"),
    (lambda s: mutated(s, put("table", "knots", 0, value=1e9), True), "knots must increase"),
    (lambda s: mutated(s, put("table", "knots", 0, value=True), True), "knots of table must be a list of numbers"),
    (lambda s: mutated(s, put("table", "knots", 0, value=10**400), True), "knots of table must be a list of numbers"),
    (lambda s: mutated(s, put("table", "slopes", value=[]), True), "anchors (2, K + 1)"),
    (lambda s: mutated(s, put("figures", "p", value="small"), True), "p of figures must be a number"),
    (lambda s: mutated(s, put("figures", "value", value=None), True), "value or max_error of figures is missing"),
    (lambda s: mutated(s, put("certificate", "kind", value="sure"), True), "kind must be 'proved'"),
    (lambda s: mutated(s, put("certificate", value=None), True), "certificate of the model must be an object"),
    (lambda s: mutated(s, put("columns", "inputs", value=[]), True), "columns must name the 1 input"),
    (lambda s: mutated(s, put("columns", "inputs", value=[3]), True), "a column must be an object"),
    (lambda s: mutated(s, put("data", "rows", value=-1), True), "rows of data must be a whole number"),
]


@pytest.mark.parametrize(("spoil", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_a_spoiled_file_is_refused_in_one_sentence(tmp_path, saved, spoil, message):
    (tmp_path / "m.json").write_bytes(spoil(saved))
    with pytest.raises(FileFormatError, match=re.escape(message)) as caught:
        reluctant.load(tmp_path / "m.json")
    assert str(caught.value).startswith(str(tmp_path / "m.json"))
    assert "\n" not in str(caught.value)


def test_no_changed_byte_goes_unseen(tmp_path, saved):
    """Whatever is changed, the file is refused or means the same."""
    seed = 16
    record, rng = container.decoded(saved), np.random.default_rng(seed)
    for where in rng.integers(0, len(saved), 300):
        spoiled = bytearray(saved)
        spoiled[where] ^= 1 << int(rng.integers(8))
        try:
            assert container.decoded(bytes(spoiled)) == record, (seed, where)
        except ValueError:
            continue


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=5).filter(lambda k: k not in ("format", "version", "digest")), PLAIN, max_size=4)
)
@settings(max_examples=60, deadline=None)
def test_every_record_comes_back(record):
    assert container.decoded(container.encoded(record)) == record


def test_an_unfitted_estimator_says_so(tmp_path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        SparseReLURegressor().save(tmp_path / "m.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [1.0]}, "the table has no column 'c', which the model reads"),
        ({"a": [1.0], "c": ["green"]}, "column 'c' has 'green', first at row 0, which the model was not made from"),
        ({"a": [None], "c": ["red"]}, "column 'a' has no value at row 0, and the model knows nothing to put there"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table, message):
    columns = Columns((Column("a"), Column("c", categories=("blue", "red"), fill=(0.25, 0.75))), (Column("y"),))
    assert columns.matrix({"c": ["red", None], "a": [1, 2], "more": [0, 0]}).tolist() == [[1, 0, 1], [2, 0.25, 0.75]]
    with pytest.raises(ValueError, match=re.escape(message)):
        columns.matrix(table)
