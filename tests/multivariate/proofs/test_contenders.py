from itertools import combinations

import numpy as np
import pytest

from reluctant import critical_p, recovery_threshold
from reluctant.multivariate.points import power_of_two
from reluctant.multivariate.proofs import contenders as module
from reluctant.multivariate.proofs.contenders import contenders, sets_that_may_win
from reluctant.multivariate.proofs.extreme_points import (
    RayTable,
    critical_exponent,
    enumerate_vertices,
    threshold_of,
)


def table(seed, N=4, d=2):
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)
    return (X, y) if seed % 3 else (np.round(3 * X), np.round(3 * y) + 1.0)


def agree(seed, N=4, d=2, scale=1.0):
    """Contenders against all candidates: p*, the threshold, and the least cost for many p."""
    X, y = table(seed, N, d)
    if len(np.unique(X, axis=0)) < N or len(np.unique(y)) == 1:
        return
    every, few = enumerate_vertices(X, y), contenders(X, scale * y)
    unit = float(power_of_two(np.abs(y).max()))
    critical = pytest.approx(critical_exponent(every, 1e-9).lower, abs=2e-9)  # twice the width, for ties at p = 1
    assert critical_exponent(few, 1e-9).lower == critical, seed
    assert recovery_threshold(X, scale * y) == threshold_of(every), seed
    assert critical_p(X, scale * y, width=1e-9) == critical, seed
    assert few.counts.min() == every.counts.min()
    assert len(few.hinges) <= len(every.hinges)
    for p in np.linspace(0.01, 0.999, 12):
        assert unit**p * few.costs(p).min() == pytest.approx(every.costs(p).min(), rel=1e-12), (seed, p)


def test_contenders_hold_every_minimiser():
    for seed in (1, 3):
        agree(seed)


@pytest.mark.parametrize(("N", "d"), [(1, 2), (2, 2), (2, 3), (3, 3), (3, 4)])
def test_contenders_of_fewer_points_and_more_inputs(N, d):
    for seed in range(4):
        agree(seed, N, d)


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**900])
def test_contenders_know_no_unit(scale):
    agree(2, 3, scale=scale)


@pytest.mark.slow
def test_contenders_hold_every_minimiser_of_many_tables():
    for seed in range(100, 160):
        agree(seed)
    for seed in (1, 3, 4):
        agree(seed, 5)


@pytest.mark.parametrize("seed", range(4))
def test_what_the_walk_leaves_out_costs_more_than_what_is_known(seed):
    X, y = table(seed, 3)
    rays = RayTable.of(X, y, 10**6)
    known = module._Known(rays)
    passed = {tuple(row) for block in sets_that_may_win(rays, known) for row in block.tolist()}
    every = np.array(list(combinations(range(len(rays.rays)), 3)))
    costs = [(tuple(one), block) for one in every for block in rays.vertices(one[None])]
    assert 0 < len(passed) < len(costs) / 3
    p = module._P[1:]
    least = np.min([[block.costs(q).min() for q in p] for _, block in costs], axis=0)
    for one, block in costs:
        if one not in passed:
            assert all(block.costs(q).min() >= low * (1 - 1e-9) for q, low in zip(p, least)), one


def test_the_walk_can_be_interrupted_at_any_set(monkeypatch):
    X, y = table(2, 3)
    rays = RayTable.of(X, y, 10**6)
    known = module._Known(rays)
    whole = np.vstack(list(sets_that_may_win(rays, known)))
    monkeypatch.setattr(module, "_STEPS", 1)
    parts = [part for part in sets_that_may_win(rays, known) if len(part)]
    assert len(parts) > 1
    np.testing.assert_array_equal(np.vstack(parts), whole)


def test_candidates_looked_at_again_are_the_same(monkeypatch):
    monkeypatch.setattr(module, "_MANY", 50)
    agree(4)


def test_a_variant_that_drops_contenders_is_caught(monkeypatch):
    learn = module._Known.learn

    def too_much(self, block):
        learn(self, block)
        self.above *= 0.8

    monkeypatch.setattr(module._Known, "learn", too_much)
    with pytest.raises((AssertionError, ValueError)):
        agree(4)


@pytest.mark.slow
def test_seven_points_in_the_plane_take_minutes():
    X, y = table(1, 7)
    p = critical_p(X, y)
    assert 0 < p <= 1


def test_more_points_than_minutes_allow_are_refused():
    X, y = table(1, 8)
    with pytest.raises(ValueError, match="use the search for larger tables"):
        critical_p(X, y)
    X, y = table(1, 7)
    with pytest.raises(ValueError, match="use the search for larger tables"):
        recovery_threshold(X, y)


def test_labels_of_one_size_need_one_neuron_and_zeros_none():
    X = np.eye(3)
    assert critical_p(X, np.zeros(3)) == critical_p(X, np.ones(3)) == 1.0
    assert recovery_threshold(X, np.zeros(3)) == np.inf
