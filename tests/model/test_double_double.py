"""Error-free transformations against rational arithmetic."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reluctant.model._double_double import add, cumulative_sum, two_product, two_sum

FLOATS = st.floats(-1e140, 1e140).filter(lambda a: a == 0 or abs(a) > 1e-140)


@settings(deadline=None)
@given(FLOATS, FLOATS)
def test_sum_and_product_are_error_free(a, b):
    s, e = two_sum(a, b)
    assert s == a + b
    assert Fraction(s) + Fraction(e) == Fraction(a) + Fraction(b)
    q, e = two_product(a, b)
    assert q == a * b
    assert Fraction(q) + Fraction(e) == Fraction(a) * Fraction(b)


@settings(deadline=None)
@given(FLOATS, FLOATS, FLOATS, FLOATS)
def test_sum_of_double_doubles_is_within_2_to_minus_104_of_the_larger(a, b, c, d):
    x, y = two_sum(a, b * 2.0**-60), two_sum(c, d * 2.0**-60)
    exact = sum(map(Fraction, (*x, *y)))
    found = sum(map(Fraction, add(*x, *y)))
    larger = max(abs(Fraction(x[0])), abs(Fraction(y[0])))
    assert abs(found - exact) <= larger * Fraction(2) ** -104


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 3), st.integers(0, 99))
def test_running_sums_are_those_of_fractions(n, m, seed):
    rng = np.random.default_rng(seed)
    hi = rng.normal(size=(n, m)) * 10.0 ** rng.integers(-12, 12, (n, m))
    lo = hi * 2.0**-55
    sums = cumulative_sum(hi, lo)
    assert sums[0].shape == sums[1].shape == (n, m)
    for j in range(m):
        total = size = Fraction(0)
        for i in range(n):
            total += Fraction(float(hi[i, j])) + Fraction(float(lo[i, j]))
            size += abs(Fraction(float(hi[i, j])))
            found = Fraction(float(sums[0][i, j])) + Fraction(float(sums[1][i, j]))
            assert abs(found - total) <= n * size * Fraction(2) ** -104
