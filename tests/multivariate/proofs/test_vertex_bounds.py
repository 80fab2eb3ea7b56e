"""Bounds on ℓp values by extreme points against interpolants in rational arithmetic."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from exact_networks import exact_rays, solve
from reluctant import interpolate
from reluctant.multivariate.points import homogeneous


def least_over_independent_rays(X, y, p, tries, rng):
    """Least Σ|u|^p, in fifty digits, of exact interpolants made of N rays each, taken at random."""
    rays = exact_rays(X)
    Xbar = [[Fraction(a) for a in x] for x in homogeneous(X).tolist()]
    heights = [[max(sum(a * b for a, b in zip(u, x)), Fraction(0)) for x in Xbar] for u in rays]
    labels = [Fraction(t) for t in y.tolist()]
    best = None
    for _ in range(tries):
        chosen = rng.choice(len(rays), len(y), replace=False)
        weights = solve(list(zip(*(heights[j] for j in chosen))), labels)
        if weights is not None:
            with localcontext() as context:
                context.prec = 50
                parts = [abs(w * a) for w, j in zip(weights, chosen) for a in rays[j]]
                cost = sum((Decimal(a.numerator) / Decimal(a.denominator)) ** Decimal(p) for a in parts if a)
            best = cost if best is None else min(best, cost)
    return best


def tables(seeds):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        N, d = int(rng.integers(2, 4)), 2
        X = rng.integers(-2, 3, (N, d)).astype(float) if seed % 3 == 0 else rng.uniform(-1, 1, (N, d))
        if seed % 3 == 2:
            X = X[:1] + 10.0 ** -rng.integers(2, 6) * rng.uniform(-1, 1, (N, d))
        X = np.unique(X, axis=0)
        yield X, rng.uniform(-1, 1, len(X)), float(rng.choice([0.25, 0.5, 1.0])), rng


@pytest.mark.parametrize("seeds", [range(30), pytest.param(range(1000, 1400), marks=pytest.mark.slow)])
def test_value_bound_is_below_every_exact_interpolant_tried_and_near_the_value_found(seeds):
    near = 0
    for X, y, p, rng in tables(seeds):
        solution = interpolate(X, y, p, random_state=0, time_limit=2)
        certificate = solution.certificate
        if certificate.kind == "proved":
            least = least_over_independent_rays(X, y, p, 40, rng)
            assert least is None or Decimal(certificate.lower_bound) <= least
            assert certificate.lower_bound <= solution.value * (1 + 1e-12)
            near += certificate.lower_bound >= solution.value * (1 - 1e-9)
    assert near > 0.4 * len(seeds)
