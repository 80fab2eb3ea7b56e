"""Networks on disk: bit for bit, whole or not at all, and refused when they are not what they should be."""

import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

from networks import bits, random_network
from reluctant import FileFormatError, ReLUNetwork
from reluctant.model import storage

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


def test_a_flipped_bit_is_refused_or_harmless(path):
    """Every bit of a JSON file, every fifth byte of an npz: another network is never loaded without a word."""
    f = random_network(np.random.default_rng(0), 2, 2, 1)
    f.save(path)
    content = path.read_bytes()
    json_bits = [(i, b) for i in range(len(content)) for b in range(8)]
    flips = json_bits if path.suffix == ".json" else [(i, i % 8) for i in range(0, len(content), 5)]
    refused = 0
    for i, bit in flips:
        path.write_bytes(content[:i] + bytes([content[i] ^ (1 << bit)]) + content[i + 1 :])
        try:
            assert bits(ReLUNetwork.load(path)) == bits(f)
        except FileFormatError:
            refused += 1
    assert refused > len(flips) / 10


def test_the_digest_is_the_documented_one(tmp_path):
    """docs/network_files.md, followed by hand with struct."""
    f = ReLUNetwork([[1.0], [2.0]], [0.5, -0.0], [1.0, -2.0], [3.0], 4.0)
    f.save(tmp_path / "f.json")
    text = b"reluctant-network 2\n"
    for name, shape, numbers in (
        ("input_weights", "(2, 1)", [1.0, 2.0]),
        ("biases", "(2,)", [0.5, -0.0]),
        ("output_weights", "(2, 1)", [1.0, -2.0]),
        ("slope", "(1, 1)", [3.0]),
        ("intercept", "(1,)", [4.0]),
    ):
        text += f"{name} {shape}\n".encode() + struct.pack(f"<{len(numbers)}d", *numbers)
    given = json.loads((tmp_path / "f.json").read_text())["digest"]
    assert given == "sha256:" + hashlib.sha256(text).hexdigest()


def test_files_of_version_1_load_without_a_digest_and_others_do_not(path):
    write = as_json if path.suffix == ".json" else as_npz
    path.write_bytes(write(a_body()))
    assert ReLUNetwork.load(path)([2.0]) == 2.0
    path.write_bytes(write(a_body(version=2)))
    with pytest.raises(FileFormatError, match=r"has no digest.*write version 1 into a file made by hand"):
        ReLUNetwork.load(path)
    path.write_bytes(write(a_body(digest="sha256:0")))
    with pytest.raises(FileFormatError, match="is damaged or was edited"):
        ReLUNetwork.load(path)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (('"inputs": 1', '"inputs": 7'), "has the shape .*'inputs': 7.*, but its arrays have .*'inputs': 1"),
        (('"inputs": 1', '"inputs": true'), "has the shape"),
        (('"inputs": 1', '"inputs": 1.0'), "has the shape"),
        (('"inputs": 1, ', ""), "has the shape"),
        (("[0.0]", "[true]"), "biases must hold numbers, got True"),
        (("[0.0]", "[[[0.0]]]"), "must hold numbers, got"),
        (("[0.0]", "0.0"), "biases must be a list, got 0.0"),
        (("[0.0]", "[null]"), "must hold numbers, got None"),
        (('"biases": [0.0]', '"biases": [0.0], "biases": [9.0]'), "has the entry 'biases' twice"),
        (('"version": 1', '"version": 2, "version": 1'), "has the entry 'version' twice"),
        (('"inputs": 1', '"inputs": 1, "inputs": 1'), "has the entry 'inputs' twice"),
        (('"biases"', '"bias": 1, "biases"'), "has an entry 'bias', which no network has"),
    ],
)
def test_json_that_contradicts_itself_is_refused(tmp_path, edit, reason):
    text = as_json(a_body()).decode()
    assert edit[0] in text
    (tmp_path / "f.json").write_text(text.replace(*edit, 1))
    with pytest.raises(FileFormatError, match=reason):
        ReLUNetwork.load(tmp_path / "f.json")


def test_true_is_no_number_of_inputs_of_a_network_without_neurons(tmp_path):
    body = a_body(input_weights=[], biases=[], output_weights=[], shape={"inputs": True, "outputs": 1})
    (tmp_path / "f.json").write_bytes(as_json(body))
    with pytest.raises(FileFormatError, match="has the shape"):
        ReLUNetwork.load(tmp_path / "f.json")


def npy(shape, data=b"\0" * 8, descr="<f8") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * ((64 - (len(header) + 11) % 64) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("biases.npy", npy((10**12, 1)), "declares the shape"),
        ("biases.npy", npy((10**30,)), "declares the shape"),
        ("biases.npy", npy((1, 1, 1)), "biases is an array of type float64 and shape"),
        ("biases.npy", npy((1,), b"\1", "|b1"), "biases is an array of type bool"),
        ("biases.npy", npy((1,), descr="|O"), "biases is an array of type object"),
        ("biases.npy", b"\x93NUMPY\x02\x00" + b"\xff" * 4, "header of another version"),
        ("biases.npy", b"", "truncated or not an npz"),
        ("format.npy", npy((), b"\0" * 4 * 10**6, "<U1000000"), "format is longer than 128 characters"),
        ("version.npy", npy((1000,), b"\0" * 8000, "<i8"), "version is an array"),
    ],
)
def test_members_of_an_npz_are_checked_before_they_take_memory(tmp_path, name, content, reason):
    path = tmp_path / "f.npz"
    with zipfile.ZipFile(io.BytesIO(as_npz(a_body()))) as archive:
        members = {n: archive.read(n) for n in archive.namelist()} | {name: content}
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    with pytest.raises(FileFormatError, match=reason):
        ReLUNetwork.load(path)


@pytest.mark.parametrize("name", ["biases.npy", "biases"])
def test_repeated_members_of_an_npz_are_refused(tmp_path, name):
    path = tmp_path / "f.npz"
    path.write_bytes(as_npz(a_body()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, npy((1,)))
    with pytest.raises(FileFormatError, match="has the array 'biases' twice"):
        ReLUNetwork.load(path)


@pytest.mark.parametrize(("name", "reason"), [("other.npy", "no network has"), ("slope.npy", "unpacks to more than")])
def test_zip_bombs_take_no_memory(tmp_path, name, reason):
    """A few MB that unpack to 1.3 GB, in an unknown member or in one of the network's own."""
    path = tmp_path / "f.npz"
    with zipfile.ZipFile(io.BytesIO(as_npz(a_body()))) as archive:
        members = {n: archive.read(n) for n in archive.namelist() if n != name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        with archive.open(name, "w", force_zip64=True) as file:
            size = 1 << (24 if name == "other.npy" else 27)
            file.write(npy((size + (size >> 2),), b""))
            for _ in range(size >> 17):
                file.write(b"\0" * (10 << 17))
    code = f"""
import resource
from reluctant import FileFormatError, ReLUNetwork
from reluctant.model import storage
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ReLUNetwork.load({str(path)!r})
except FileFormatError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kilobytes, message = run.stdout.split(" ", 1)
    assert reason in message
    assert int(kilobytes) < 50_000


def test_a_network_too_large_to_be_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setitem(storage.LARGEST, ".json", 500)
    f = random_network(np.random.default_rng(0), 20, 2, 1)
    with pytest.raises(ValueError, match=r"more than 500 bytes, the most of a \.json file; save it as \.npz"):
        f.save(tmp_path / "f.json")
    assert not list(tmp_path.iterdir())
    (tmp_path / "f.json").write_bytes(b" " * 501)
    with pytest.raises(FileFormatError, match="has 501 bytes, and at most 500 are read"):
        ReLUNetwork.load(tmp_path / "f.json")


def test_pipes_devices_and_directories_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    (tmp_path / "folder.json").mkdir()
    for name, what in (("pipe", "a named pipe"), ("zero", "a device"), ("folder", "a directory")):
        with pytest.raises(FileFormatError, match=f"{name}.json is {what}"):
            ReLUNetwork.load(tmp_path / f"{name}.json")
        with pytest.raises((ValueError, IsADirectoryError)):
            EXTREME.save(tmp_path / f"{name}.json")
    assert stat.S_ISFIFO((tmp_path / "pipe.json").stat().st_mode)


@pytest.mark.parametrize("name", [5, None, b"f.json"])
def test_what_is_no_name_of_a_file_is_a_value_error(name):
    for call in (EXTREME.save, ReLUNetwork.load):
        with pytest.raises(ValueError, match="path must be the name of a file, got"):
            call(name)


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
    "newer": (a_body(version=3), "version 3.*update"),
    "version is true": (a_body(version=True), "version"),
    "version is text": (a_body(version="1"), "version"),
    "version is a list": (a_body(version=[1, 2]), "version"),
    "version zero": (a_body(version=0), "version"),
    "text for numbers": (a_body(biases=["1"]), "biases"),
    "NaN": (a_body(biases=[float("nan")]), "biases"),
    "infinite": (a_body(biases=[float("inf")]), "biases"),
    "shapes that disagree": (a_body(biases=[0.0, 1.0]), "one row a neuron"),
    "weights of another shape": (a_body(input_weights=[[1.0, 2.0]]), "slope|shape"),
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


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
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
