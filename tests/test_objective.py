"""The ℓp path norm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reluctant.objective import check_p, lp_power, majorant_weight, path_norm, smoothed_power

ENTRIES = st.lists(st.sampled_from([0.0, -0.0, 1.0, -2.5, 1e-200, 7e100]), min_size=6, max_size=6)


@given(ENTRIES, st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_power_sum_is_that_of_a_plain_loop_along_every_axis(entries, p):
    u = np.reshape(entries, (2, 3))
    terms = [[(float(a != 0) if p == 0 else math.pow(abs(a), p)) for a in row] for row in u]
    np.testing.assert_allclose(lp_power(u, p), sum(map(math.fsum, terms)), rtol=1e-14)
    np.testing.assert_allclose(lp_power(u, p, axis=1), [math.fsum(row) for row in terms], rtol=1e-14)


def test_power_sum_tends_to_the_count_as_p_tends_to_zero():
    u = [3.0, 0.0, 1e-5, -7.0]
    assert lp_power(u, 0) == 3.0
    np.testing.assert_allclose(lp_power(u, 1e-9), 3.0, rtol=1e-7)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_path_norm_is_the_sum_over_all_paths(p):
    rng = np.random.default_rng(0)
    W, V = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    paths = sum(abs(w * v) ** p for row, out in zip(W, V) for w in row for v in out)
    np.testing.assert_allclose(path_norm(W, V, p), paths, rtol=1e-13)
    assert path_norm(np.zeros((0, 3)), np.zeros((0, 2)), p) == 0.0


@pytest.mark.parametrize("p", [-1e-9, 1.0000001, math.nan, math.inf, 10**400, "0.5", None, True, [0.5], 1j])
def test_orders_outside_the_unit_interval_are_refused(p):
    with pytest.raises(ValueError, match=r"p must be a number in \[0, 1\]"):
        check_p(p)


def test_zero_is_refused_only_where_asked():
    assert check_p(0) == 0.0
    assert check_p(np.float32(1)) == 1.0
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        check_p(0, zero=False)


@pytest.mark.parametrize("p", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("eps", [1e-3, 0.3])
def test_the_quadratic_with_the_majorants_weight_touches_the_smoothed_power_from_above(p, eps):
    t, s = np.array([0.0, 0.01, 0.7, -3.0])[:, None], np.linspace(-5, 5, 2001)
    majorant = smoothed_power(t, p, eps) + 0.5 * p * majorant_weight(t, p, eps) * (s**2 - t**2)
    assert (majorant >= smoothed_power(s, p, eps) * (1 - 1e-12)).all()
