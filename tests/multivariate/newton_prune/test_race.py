"""Runs in turns and in parallel: where a run is cut changes nothing, and an interruption keeps what was found."""

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from reluctant.effort import Clock
from reluctant.multivariate.aim import Aim
from reluctant.multivariate.newton_prune import race
from reluctant.multivariate.newton_prune.run import Search
from reluctant.multivariate.newton_prune.search import sparsest_interpolant
from reluctant.multivariate.newton_prune.state import Data


def uniform(n, d):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, n)


def search(n, d, minimize="parameters"):
    data = Data.from_arrays(*uniform(n, d))
    target = 1 if minimize == "parameters" else 5
    return Search(data, Aim(minimize, target), Clock(), np.random.default_rng(4), restarts=2)


@pytest.mark.parametrize("minimize", ["parameters", "neurons"])
def test_a_run_cut_into_turns_and_sent_about_ends_like_one_that_is_not(minimize):
    whole, cut = search(15, 3, minimize), search(15, 3, minimize)
    whole.advance()
    turns = 0
    while cut.ended is None:
        cut = pickle.loads(pickle.dumps(cut))
        cut.advance(100)
        turns += 1
    assert turns > 2
    assert (cut.ended, cut.work) == (whole.ended, whole.work)
    np.testing.assert_array_equal(cut.best.U, whole.best.U)


def test_an_interrupt_inside_the_first_prunings_keeps_the_shortest(monkeypatch):
    def interrupted(searches, turn, report):
        for search in searches:
            search.advance(30)
            assert not search.climb.pruned
        searches[0].clock.interrupt()

    monkeypatch.setattr(race, "_in_parallel", interrupted)
    data = Data.from_arrays(*uniform(220, 6))
    generators = np.random.default_rng(0).spawn(2)
    clock = Clock()
    searches = [Search(data, Aim(target=1), clock, rng, restarts=2) for rng in generators]
    best, ended = race.race(searches)
    assert ended == "interrupted"
    assert best.best.n_parameters <= min(search.climb.weights.n_parameters for search in searches)


def test_improvements_of_other_processes_are_reported():
    X, y = uniform(40, 2)
    reported = []
    found = sparsest_interpolant(
        X, y, aim=Aim(target=1), n_jobs=2, clock=Clock(3.0), restarts=30, random_state=0, report=reported.append
    )
    counts = [step.n_parameters for step in reported]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == found.network.n_parameters
    assert found.ended == "time"


@pytest.mark.slow
def test_parallel_runs_give_the_same_answer_twice():
    X, y = uniform(50, 2)
    first, second = (sparsest_interpolant(X, y, aim=Aim(target=52), n_jobs=2, random_state=5) for _ in range(2))
    assert first.ended == "target"
    assert np.array_equal(first.network.input_weights, second.network.input_weights)


LONG = """
import numpy as np
from reluctant import interpolate
rng = np.random.default_rng(0)
X, y = rng.uniform(-1, 1, (60, 2)), rng.uniform(-1, 1, 60)
solution = interpolate(X, y, target=1, n_jobs=2, random_state=0, verbose=True)
print(solution.n_parameters, solution.max_error)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_interrupting_parallel_runs_returns_the_best_so_far(send):
    process = subprocess.Popen(
        [sys.executable, "-c", LONG],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while int(process.stderr.readline().split()[2]) >= 80:  # "0.12 s  92 parameters, 46 neurons"
        pass
    time.sleep(1.0)
    send(process.pid, signal.SIGINT)
    output, reports = process.communicate(timeout=60)
    assert process.returncode == 0, reports
    count, error = output.split()
    assert int(count) < 80
    assert float(error) <= 1e-9
