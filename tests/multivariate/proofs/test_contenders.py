import numpy as np
import pytest

from reluctant import critical_p, recovery_threshold
from reluctant.multivariate.proofs import contenders as module
from reluctant.multivariate.proofs.contenders import contenders
from reluctant.multivariate.proofs.extreme_points import critical_exponent, enumerate_vertices, threshold_of


def table(seed, N=4):
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(-1, 1, (N, 2)), rng.uniform(-1, 1, N)
    return (X, y) if seed % 3 else (np.round(3 * X), np.round(3 * y) + 1.0)


def agree(seed, N=4):
    """Contenders against all candidates: p*, the threshold, and the least cost for many p."""
    X, y = table(seed, N)
    if len(np.unique(X, axis=0)) < N or len(np.unique(y)) == 1:
        return
    every, few = enumerate_vertices(X, y), contenders(X, y)
    assert critical_exponent(few.vertices, 1e-9) == critical_exponent(every, 1e-9), seed
    assert few.threshold == threshold_of(every) == recovery_threshold(X, y), seed
    assert critical_p(X, y, width=1e-9) == critical_exponent(every, 1e-9).lower, seed
    assert len(few.vertices.hinges) <= len(every.hinges)
    for p in np.linspace(0.01, 0.999, 12):
        assert few.vertices.costs(p).min() == every.costs(p).min(), (seed, p)


def test_contenders_hold_every_minimiser():
    for seed in (1, 3):
        agree(seed)


@pytest.mark.slow
def test_contenders_hold_every_minimiser_of_many_tables():
    for seed in range(100, 160):
        agree(seed)
    agree(1, 5)


def test_candidates_looked_at_again_are_the_same(monkeypatch):
    monkeypatch.setattr(module, "_MANY", 50)
    agree(4)


def test_a_variant_that_drops_contenders_is_caught(monkeypatch):
    limits = module._limits
    monkeypatch.setattr(module, "_limits", lambda sparse: limits(sparse) - 2.0)
    with pytest.raises(AssertionError):
        agree(4)


def test_more_points_than_minutes_allow_are_refused():
    X, y = table(1, 7)
    with pytest.raises(ValueError, match="use the search for larger tables"):
        critical_p(X, y)
