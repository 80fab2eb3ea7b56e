"""Files that a run goes on from: a changed bit is told before training begins."""

import hashlib
import os
import zipfile

import numpy as np
import pytest
import torch

from reluctant import FileFormatError
from reluctant.nn import Checkpoint, Schedule, Validation, checkpoints, fit_network, training

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (60, 3)).astype("f4")
Y = np.maximum(X[:, 0], 0)


def fitted(path, epochs, resume=False):
    return fit_network(
        X,
        Y,
        alpha=0.01,
        n_neurons=6,
        epochs=epochs,
        schedule=Schedule.constant(),
        validation=Validation(X[:20], Y[:20]),
        checkpoint=Checkpoint(path, resume=resume),
    )


@pytest.fixture
def path(tmp_path):
    fitted(tmp_path / "run.pt", 3)
    return tmp_path / "run.pt"


@pytest.fixture(autouse=True)
def _no_training_begins(monkeypatch, request):
    """After the file is made, an epoch is a failure."""
    if "path" in request.fixturenames:
        request.getfixturevalue("path")
        monkeypatch.setattr(training._Run, "train", lambda *_: pytest.fail("training began"))


def test_a_flipped_bit_anywhere_is_told_or_changes_nothing_that_is_read(path):
    raw = path.read_bytes()
    whole = checkpoints.read(path, torch.device("cpu"))
    told = 0
    for place in np.random.default_rng(1).integers(len(raw), size=300):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 64]) + raw[place + 1 :])
        try:
            content = checkpoints.read(path, torch.device("cpu"))
        except FileFormatError:
            told += 1
        else:  # padding between the members of the archive
            assert checkpoints.digest(content) == checkpoints.digest(whole)
    assert told > 100


def test_a_flipped_bit_of_a_weight_is_told_with_a_right_check_sum_too(path):
    body = torch.load(path, weights_only=True)
    body["module"]["hidden.weight"][0, 0] += 1e-3
    torch.save(body, path)
    with pytest.raises(FileFormatError, match="changed since it was written: its digest is wrong"):
        fitted(path, 4, resume=True)


@pytest.mark.parametrize("field", checkpoints.FIELDS)
def test_a_missing_part_is_named(path, field):
    body = torch.load(path, weights_only=True)
    del body[field]
    torch.save(body, path)
    with pytest.raises(FileFormatError, match=f"incomplete: {field} is missing"):
        fitted(path, 4, resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"module": {}}, "does not hold the state of a run"),
        ({"module": 5}, "does not hold the state of a run"),
        ({"history": [{"epoch": 1}]}, "does not hold the state of a run"),
        ({"optimizer": {}}, "does not hold the state of a run"),
        ({"best": None}, "does not hold the state of a run"),
        ({"run": None}, "does not say of which run it is"),
        ({"version": 2}, "format version 2, this release reads up to 1"),
        ({"format": "other"}, "not a checkpoint of this version"),
    ],
)
def test_a_foreign_state_with_a_right_digest_is_told_too(path, change, message):
    body = {**torch.load(path, weights_only=True), **change}
    body["digest"] = checkpoints.digest({name: body[name] for name in body if name in checkpoints.FIELDS})
    torch.save(body, path)
    with pytest.raises(FileFormatError, match=message):
        fitted(path, 4, resume=True)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 no archive"])
def test_what_is_no_archive_is_told(path, content):
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="truncated or not a checkpoint"):
        fitted(path, 4, resume=True)


def test_an_archive_of_something_else_is_told(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(FileFormatError, match="truncated or not a checkpoint"):
        fitted(path, 4, resume=True)
    torch.save([1, 2], path)
    with pytest.raises(FileFormatError, match="not a checkpoint of this version"):
        fitted(path, 4, resume=True)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is not a file"):
        Checkpoint(tmp_path / "pipe", resume=True)
    with pytest.raises(FileFormatError, match="is not a file"):
        checkpoints.read(tmp_path / "pipe", torch.device("cpu"))


def test_the_digest_tells_values_types_order_and_shapes_apart():
    a = torch.tensor([1.0, 2.0])
    different = [
        {"a": a},
        {"b": a},
        {"a": a.double()},
        {"a": a[:, None]},
        {"a": [1.0, 2.0]},
        {"a": (1.0, 2.0)},
        {"a": [1, 2]},
        {"a": ["1.0", 2.0]},
        {"a": torch.tensor([1.0, -2.0])},
        {"a": None},
        {"a": []},
        {},
        [],
        True,
        1,
        "1",
    ]
    assert len({checkpoints.digest(value) for value in different}) == len(different)
    assert checkpoints.digest("1") == hashlib.sha256(b"str3:'1'").hexdigest()
    assert checkpoints.digest(a) == checkpoints.digest(torch.stack([a, a])[:, :][0])
