"""Ctrl-C inside every phase of a regression: nothing begins anew, and the best so far comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from reluctant import ReLUNetwork, regress, size_path
from reluctant.regression import gauss_newton, kicks, path, penalised, quasi_newton, starts, surgeon
from reluctant.regression.losses import Squared


def rough(n_rows=80):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n_rows, 3))
    return X, np.sin(4 * X[:, 0]) * X[:, 1] + 0.2 * rng.standard_normal(n_rows)


def interrupting(monkeypatch, phase, call):
    """Raise an interrupt when a phase begins for the `call`-th time; return what begins after that."""
    module, name = phase
    plain, calls, after = getattr(module, name), [], []

    def interrupted(*args, **named):
        calls.append(1)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)
            monkeypatch.setattr(module, name, plain)
            for work in WORK:
                record(monkeypatch, work, after)
        return plain(*args, **named)

    monkeypatch.setattr(module, name, interrupted)
    return calls, after


def record(monkeypatch, work, after):
    module, name = work
    plain = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **named: (after.append(name), plain(*args, **named))[1])


WORK = [
    (gauss_newton, "_damped_step"),
    (starts, "with_best_hinges"),
    (penalised, "grown"),
    (penalised, "_zeroed"),
    (penalised, "_by_expected_gain"),
    (penalised, "_without"),
    (surgeon, "without_cheapest"),
    (kicks, "grown"),
    (quasi_newton, "value_and_gradient"),
]
"""What takes time; `penalised` and `kicks` hold `grown` under their own names."""

PHASES = [
    ((starts, "affine_fit"), 1),
    ((gauss_newton, "_damped_step"), 1),
    ((starts, "with_best_hinges"), 1),
    ((starts, "with_best_hinges"), 7),
    ((penalised, "_annealed"), 1),
    ((penalised, "_zeroed"), 3),
    ((penalised, "_polished"), 1),
    ((penalised, "_annealed"), 2),
    ((penalised, "_by_expected_gain"), 1),
    ((penalised, "_without"), 4),
    ((penalised, "grown"), 1),
    ((penalised, "grown"), 3),
    ((penalised, "_annealed"), 4),
    ((penalised, "_joined"), 1),
    ((penalised, "_wide"), 2),
]


def first_of(phase):
    """What a phase, once begun, may do: itself, where it is work, and nothing that follows it."""
    return {"grown": ["with_best_hinges"], "with_best_hinges": []}.get(phase[1], [])


@pytest.mark.parametrize(("phase", "call"), PHASES, ids=lambda value: value[1] if isinstance(value, tuple) else None)
def test_an_interrupt_in_a_phase_of_regress_lets_nothing_begin_and_returns_a_solution(monkeypatch, phase, call):
    X, y = rough()
    monkeypatch.setattr(penalised, "affine_fit", lambda *args: starts.affine_fit(*args))
    calls, after = interrupting(monkeypatch, phase, call)
    solution = regress(X, y, alpha=1e-3, n_starts=2, random_state=3)
    assert len(calls) >= call
    assert after == first_of(phase)
    assert solution.objective == pytest.approx(0.5 * np.mean((solution.network(X) - y) ** 2) + 1e-3 * solution.value)
    assert solution.objective <= 0.5 * np.var(y) * (1 + 1e-9)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("call", [1, 3, 9])
def test_what_was_found_before_an_interrupt_is_kept(monkeypatch, call):
    X, y = rough()
    seen = []
    plain = penalised._shortened

    def recording(*args):
        seen.append(plain(*args))
        return seen[-1]

    monkeypatch.setattr(penalised, "_shortened", recording)
    interrupting(monkeypatch, (penalised, "grown"), call)
    solution = regress(X, y, alpha=1e-3, n_starts=3, random_state=3)
    least = min(candidate.objective for candidate in seen)
    assert solution.objective <= least * np.var(y) / len(y) * (1 + 1e-6)


def test_an_interrupt_keeps_the_start(monkeypatch):
    X, y = rough()
    start = regress(X, y, alpha=1e-3, random_state=0)
    interrupting(monkeypatch, (penalised, "_wide"), 1)
    again = regress(X, y, alpha=1e-3, start=start.network, random_state=0)
    assert again.objective <= start.objective * (1 + 1e-9)


class Interrupting(Squared):
    """Half squares that interrupt another process once, from the `call`-th step on, and count the steps in a file.

    Two processes may both write before either looks, so no step need see exactly `call` of them.
    """

    def __init__(self, call, file):
        object.__setattr__(self, "pid", os.getpid())
        object.__setattr__(self, "call", call)
        object.__setattr__(self, "file", file)

    def derivatives(self, f, target, smoothing=0.0):
        with open(self.file, "ab") as steps:
            steps.write(b".")
        if os.getpid() != self.pid and os.path.getsize(self.file) >= self.call:
            with suppress(FileExistsError):
                open(f"{self.file} interrupted", "x").close()
                os.kill(self.pid, signal.SIGINT)
        return super().derivatives(f, target, smoothing)


def steps_until(call, tmp_path):
    X, y = rough()
    loss = Interrupting(call, tmp_path / "steps")
    solution = regress(X, y, alpha=1e-3, loss=loss, n_starts=4, n_jobs=2, random_state=3)
    return solution, (tmp_path / "steps").stat().st_size


@pytest.mark.parametrize("call", [1, 20, 120, 600])
def test_an_interrupt_of_the_process_that_waits_ends_the_others_and_keeps_their_best(tmp_path, call):
    solution, n_steps = steps_until(call, tmp_path)
    assert call <= n_steps <= call + 150
    y = rough()[1]
    assert solution.objective <= 0.5 * np.var(y) * (1 + 1e-9)
    if call == 600:
        assert solution.n_neurons > 0
        assert solution.objective < 0.4 * np.var(y)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


IN_A_TERMINAL = """
import os, signal, sys
from contextlib import suppress
import numpy as np
from reluctant import regress
from reluctant.regression.losses import Squared

class Interrupting(Squared):
    def derivatives(self, f, target, smoothing=0.0):
        with open(sys.argv[1], "ab") as steps:
            steps.write(b".")
        if os.getpid() != pid and os.path.getsize(sys.argv[1]) >= 400:
            with suppress(FileExistsError):
                open(sys.argv[1] + " interrupted", "x").close()
                os.killpg(os.getpgid(0), signal.SIGINT)
        return super().derivatives(f, target, smoothing)

pid = os.getpid()
rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (80, 3))
y = np.sin(4 * X[:, 0]) * X[:, 1] + 0.2 * rng.standard_normal(80)
solution = regress(X, y, alpha=1e-3, loss=Interrupting(), n_starts=4, n_jobs=2, random_state=3)
print(solution.n_neurons, solution.objective / np.var(y), os.path.getsize(sys.argv[1]))
"""


def test_ctrl_c_in_a_terminal_reaches_all_processes_and_keeps_their_best(tmp_path):
    command = [sys.executable, "-c", IN_A_TERMINAL, str(tmp_path / "steps")]
    ended = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=60)
    n_neurons, share, n_steps = map(float, ended.stdout.split())
    assert n_neurons > 0
    assert share < 0.5
    assert n_steps < 600


def test_without_an_interrupt_there_are_many_more_steps(tmp_path):
    assert steps_until(np.inf, tmp_path)[1] > 2000


@pytest.mark.parametrize(
    ("phase", "call"),
    [
        ((starts, "affine_fit"), 1),
        ((starts, "with_best_hinges"), 2),
        ((path, "backward"), 1),
        ((surgeon, "without_cheapest"), 3),
        ((kicks, "grown"), 2),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
@pytest.mark.parametrize("affine", [True, False])
def test_an_interrupt_in_a_phase_of_size_path_lets_nothing_begin_and_returns_a_path(monkeypatch, phase, call, affine):
    X, y = rough()
    monkeypatch.setattr(path, "affine_fit", lambda *args: starts.affine_fit(*args))
    calls, after = interrupting(monkeypatch, phase, call)
    found = size_path(X, y, kicks=3, affine=affine, max_neurons=4, random_state=0)
    assert len(calls) >= call
    assert after == first_of(phase)
    assert all(isinstance(network, ReLUNetwork) and network.n_neurons <= 4 for network in found)
    assert np.isfinite(found.training_loss).all()
    assert (np.diff(found.sizes) < 0).all()


def test_an_interrupt_of_a_path_of_many_unknowns_ends_its_steps(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 60))
    calls, after = interrupting(monkeypatch, (quasi_newton, "value_and_gradient"), 5)
    found = size_path(X, np.argmax(X[:, :3], axis=1), loss="softmax", random_state=0)
    assert len(calls) == 5
    assert len(after) <= 20  # the line search that was under way
    assert len(found) >= 1


def test_the_time_limit_ends_growth_but_not_the_affine_fit():
    X, y = rough()
    y = y + 2.0 * X[:, 2]
    solution = regress(X, y, alpha=1e-3, time_limit=1e-9, random_state=0)
    design = np.column_stack([X, np.ones(len(X))])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert solution.n_neurons == 0
    np.testing.assert_allclose(solution.network(X), fitted, atol=1e-6)
