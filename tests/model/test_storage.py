"""Networks on disk: bit for bit, whole or not at all, and refused when they are not what they should be."""

import io
import json
import os

import numpy as np
import pytest

from networks import bits, random_network
from reluctant import FileFormatError, ReLUNetwork

EXTREME = ReLUNetwork([[5e-324, -0.0]], [1.7976931348623157e308], [[0.1, -1 / 3]], np.full((2, 2), 1e-310), [0.0, -0.0])


@pytest.fixture(params=["json", "npz"])
def path(request, tmp_path):
    return tmp_path / f"network.{request.param}"


@pytest.mark.parametrize("shape", [(5, 1, 1), (5, 3, 2), (0, 1, 1), (0, 3, 2)])
def test_network_comes_back_bit_for_bit(path, shape):
    f = random_network(np.random.default_rng(0), *shape)
    f.save(path)
    assert bits(ReLUNetwork.load(path)) == bits(f)


def test_subnormals_and_signed_zeros_come_back_bit_for_bit(path):
    EXTREME.save(str(path))
    assert bits(ReLUNetwork.load(str(path))) == bits(EXTREME)


def test_same_network_gives_the_same_bytes(path):
    EXTREME.save(path)
    first = path.read_bytes()
    EXTREME.save(path)
    assert path.read_bytes() == first


def test_truncated_files_are_refused(path):
    random_network(np.random.default_rng(0), 2, 1, 1).save(path)
    content = path.read_bytes().rstrip()
    for n in range(0, len(content), 11):
        path.write_bytes(content[:n])
        with pytest.raises(FileFormatError, match=path.name):
            ReLUNetwork.load(path)


def test_flipped_bits_of_an_npz_are_refused_or_harmless(tmp_path):
    path = tmp_path / "network.npz"
    f = random_network(np.random.default_rng(0), 2, 2, 1)
    f.save(path)
    content = path.read_bytes()
    refused = 0
    for i in range(0, len(content), 5):
        path.write_bytes(content[:i] + bytes([content[i] ^ (1 << (i % 8))]) + content[i + 1 :])
        try:
            assert bits(ReLUNetwork.load(path)) == bits(f)
        except FileFormatError:
            refused += 1
    assert refused > len(content) / 10


def a_body(**changes):
    body = {"format": "reluctant-network", "version": 1, "shape": {"inputs": 1, "outputs": 1}}
    body |= {"input_weights": [[1.0]], "biases": [0.0], "output_weights": [[1.0]], "slope": [[0.0]], "intercept": [0.0]}
    return body | changes


def as_json(body) -> bytes:
    return json.dumps(body).encode()


def as_npz(body) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{k: v for k, v in body.items() if k != "shape"})
    return buffer.getvalue()


BAD = {
    "foreign": (a_body(format="another"), "not a network saved by reluctant"),
    "without format": ({"a": [1.0]}, "not a network saved by reluctant"),
    "newer": (a_body(version=2), "version 2.*update"),
    "version is true": (a_body(version=True), "version"),
    "version is text": (a_body(version="1"), "version"),
    "version is a list": (a_body(version=[1, 2]), "version"),
    "version zero": (a_body(version=0), "version"),
    "text for numbers": (a_body(biases=["1"]), "biases"),
    "NaN": (a_body(biases=[float("nan")]), "biases"),
    "infinite": (a_body(biases=[float("inf")]), "biases"),
    "shapes that disagree": (a_body(biases=[0.0, 1.0]), "one row a neuron"),
    "weights of another shape": (a_body(input_weights=[[1.0, 2.0]]), "slope"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("write", [as_json, as_npz])
def test_wrong_contents_are_refused_with_the_reason(tmp_path, case, write):
    body, reason = BAD[case]
    path = tmp_path / ("f.json" if write is as_json else "f.npz")
    path.write_bytes(write(body))
    with pytest.raises(FileFormatError, match=rf"{path.name}.*{reason}"):
        ReLUNetwork.load(path)


@pytest.mark.parametrize("name", ["input_weights", "biases", "output_weights", "slope", "intercept"])
@pytest.mark.parametrize("write", [as_json, as_npz])
def test_missing_arrays_are_named(tmp_path, name, write):
    body = a_body()
    del body[name]
    path = tmp_path / ("f.json" if write is as_json else "f.npz")
    path.write_bytes(write(body))
    with pytest.raises(FileFormatError, match=name):
        ReLUNetwork.load(path)


def an_npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("f.json", c) for c in (b"", b"[]", b"1" * 5000, b"[" * 100_000, b"\xff\xfe", b"null")),
        ("f.json", as_json(a_body()).replace(b"[[1.0]]", b"[[" + b"1" * 400 + b"]]")),
        ("f.json", as_json(a_body(input_weights=[], shape={"inputs": -1, "outputs": 1}))),
        ("f.json", as_json(a_body(input_weights=[], shape=7))),
        *(("f.npz", c) for c in (b"", an_npy(), b"PK\x03\x04", as_json(a_body()))),
        ("f.npz", as_npz(a_body(biases=np.array([None], dtype=object)))),
        ("f.npz", as_npz(a_body(biases=np.array([1j])))),
    ],
)
def test_other_files_are_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=name):
        ReLUNetwork.load(path)


def test_other_endings_are_value_errors(tmp_path):
    for call in (EXTREME.save, ReLUNetwork.load):
        with pytest.raises(ValueError, match=r"\.json or \.npz"):
            call(tmp_path / "network.pkl")


def test_missing_file_is_reported_as_missing(path):
    with pytest.raises(FileNotFoundError):
        ReLUNetwork.load(path)


@pytest.mark.parametrize("step", ["chmod", "replace"])
def test_failing_write_leaves_the_old_file_and_nothing_else(path, monkeypatch, step):
    EXTREME.save(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        random_network(np.random.default_rng(0), 2, 1, 1).save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
