"""The campaign: what it calls a failure, that it goes on where it ended, and, slow, a five-hundredth of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import reluctant

FOLDER = Path(__file__).parents[2] / "benchmarks" / "reliability"


@pytest.fixture
def trials(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import trials

    return trials


def test_an_error_of_another_library_is_no_clear_refusal(trials):
    with pytest.raises(ValueError, match="one y for every row") as refusal:
        reluctant.interpolate([0, 1, 2], [0, 1])
    trials.refused_clearly(refusal.value)
    for broken in (lambda: math.sqrt(-1), lambda: 1 / 0, lambda: [][0]):
        with pytest.raises(Exception) as raised:  # noqa: PT011
            broken()
        with pytest.raises(trials.Unclear):
            trials.refused_clearly(raised.value)


def test_failures_and_warnings_are_kept_with_their_seeds(trials):
    import warnings

    def check(seed):
        if seed == 7:
            warnings.warn("silent", stacklevel=1)
        assert seed != 9, "wrong"

    outcome = trials.Outcome(first=5, wanted=6)
    trials.go_on(trials.Family("name", "what", 6, check), outcome, math.inf)
    assert outcome.done == 6
    assert [seed for seed, _ in outcome.failures] == [7, 9]


@pytest.mark.slow
def test_a_share_of_the_campaign_finds_nothing_and_is_kept(tmp_path):
    names = ["interpolate", "approximate", "bad arguments", "least error", "p_path", "network.json, turned", "Ctrl-C"]
    names += ["killed while saving", "killed while fitting", "killed while training", "eight threads"]
    state = tmp_path / "state.json"
    command = [sys.executable, str(FOLDER), "--scale", "0.002", "--state", str(state), "--families", *names]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    kept = json.loads(state.read_text())
    assert set(kept) == set(names)
    assert all(one["done"] == one["wanted"] for one in kept.values())
