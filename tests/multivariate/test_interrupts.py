"""Ctrl-C inside any phase: nothing begins anew, and what is returned meets the request."""

import importlib
import signal

import numpy as np
import pytest

from reluctant import approximate, interpolate

NEWTON, HOPPING = "reluctant.multivariate.newton_prune", "reluctant.multivariate.basin_hopping"
BEGINNINGS = {
    "start": f"{NEWTON}.run.solved_start",
    "kick": f"{NEWTON}.kicks.KickChooser.choose",
    "race": f"{NEWTON}.race._in_parallel",
    "enumeration": "reluctant.multivariate.interpolation.fewest_parameters",
    "planted network": "reluctant.multivariate.interpolation.recover",
    "planted outputs": "reluctant.multivariate.interpolation.sparsest_within",
    "restart": f"{HOPPING}.planted.descend",
    "convex program": "reluctant.multivariate.least_norm.minimise_l1",
    "hops": "reluctant.multivariate.least_norm.minimise_path_norm",
    "round of hops": f"{HOPPING}.path_norm.search_round",
    "outputs apart": "reluctant.multivariate.tolerance._one_by_one",
    "band": "reluctant.multivariate.tolerance.sparsest_within",
    "round in the band": f"{HOPPING}.band.search_round",
}


def uniform(n, d, m=0):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (n, m) if m else n)


def planted(n, d):
    X, _ = uniform(n, d)
    return X, np.abs(X[:, 0]) - np.maximum(X[:, 1] - 0.2, 0.0)


def replaced(monkeypatch, path, make):
    """Put make(function) in the place of a function, or of a method, named by its path."""
    *rest, name = path.split(".")
    for k in range(len(rest), 0, -1):
        try:
            holder = importlib.import_module(".".join(rest[:k]))
            break
        except ModuleNotFoundError:
            continue
    for part in rest[k:]:
        holder = getattr(holder, part)
    monkeypatch.setattr(holder, name, make(getattr(holder, name)))


@pytest.fixture
def begun(monkeypatch):
    """Names of the phases that begin; `begun.interrupt_in(name)` sends SIGINT at the beginning of one."""

    class Begun(list):
        interrupted = None

        def interrupt_in(self, phase):
            self.interrupted = phase

    record = Begun()

    def recording(name):
        def make(function):
            def wrapper(*args, **kwargs):
                record.append(name)
                if name == record.interrupted:
                    record.interrupted = None
                    signal.raise_signal(signal.SIGINT)
                return function(*args, **kwargs)

            return wrapper

        return make

    for name, path in BEGINNINGS.items():
        replaced(monkeypatch, path, recording(name))
    return record


INTERPOLATIONS = {
    "start": lambda **options: (uniform(40, 3), {"target": 1} | options),
    "kick": lambda **options: (uniform(40, 3), {"target": 1} | options),
    "enumeration": lambda **options: (uniform(6, 2), options),
    "planted network": lambda **options: (planted(30, 3), options),
    "restart": lambda **options: (planted(30, 3), options),
    "planted outputs": lambda **options: (uniform(12, 3, 2), options),
    "convex program": lambda **options: (uniform(12, 3), {"p": 1} | options),
    "hops": lambda **options: (uniform(12, 3), {"p": 0.5} | options),
    "round of hops": lambda **options: (uniform(12, 3), {"p": 0.5} | options),
}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("phase", INTERPOLATIONS)
def test_interpolate_ends_where_it_is(begun, phase, n_jobs):
    (X, y), options = INTERPOLATIONS[phase](n_jobs=n_jobs)
    begun.interrupt_in(phase)
    solution = interpolate(X, y, random_state=0, **options)
    assert begun[-1] == phase or (phase in ("hops", "round of hops", "convex program") and begun[-1] in EASY)
    assert begun.count(phase) == 1
    assert np.max(np.abs(solution.network(X) - y)) <= 1e-9 * np.max(np.abs(y))


EASY = {"start", "hops", "round of hops"}
"""What gives an interpolant where none is known yet: it looks at the clock, and ends at once."""


APPROXIMATIONS = [("start", 0), ("kick", 0), ("outputs apart", 2), ("band", 0), ("round in the band", 0)]


@pytest.mark.parametrize(
    ("phase", "m", "n_jobs"),
    [
        pytest.param(phase, m, n_jobs, marks=[pytest.mark.slow] if k % 2 == n_jobs - 1 else [])
        for k, (phase, m) in enumerate(APPROXIMATIONS)
        for n_jobs in (1, 2)
    ],
)
def test_approximate_ends_where_it_is(begun, phase, m, n_jobs):
    X, y = uniform(30, 3, m)
    begun.interrupt_in(phase)
    solution = approximate(X, y, tolerance=0.05, random_state=0, time_limit=600.0, n_jobs=n_jobs)
    after = begun[begun.index(phase) + 1 :]
    assert phase not in after
    assert not {"round in the band", "kick", "restart"} & set(after)
    assert np.max(np.abs(solution.network(X) - y)) <= 0.05 * (1 + 1e-9)


def test_an_interrupt_while_processes_run_returns_the_best_of_the_last_turns(begun):
    X, y = uniform(60, 2)
    begun.interrupt_in("race")
    solution = interpolate(X, y, target=1, n_jobs=2, random_state=0)
    assert begun[-1] == "race"
    assert np.max(np.abs(solution.network(X) - y)) <= 1e-9


def test_a_second_interrupt_is_raised(monkeypatch):
    def twice(*args, **kwargs):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    replaced(monkeypatch, BEGINNINGS["start"], lambda function: twice)
    with pytest.raises(KeyboardInterrupt):
        interpolate(*uniform(20, 3), random_state=0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
