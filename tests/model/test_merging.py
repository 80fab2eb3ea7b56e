"""Joining neurons that share a kink, and comparing networks as functions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import bits, exact_values, networks, random_network
from reluctant import ReLUNetwork
from reluctant.model.merging import groups_of_equal_rows


def kinks(f):
    """Kink hyperplanes as exact rational directions, up to sign; constants left out."""
    found = []
    for w, b in zip(f.input_weights, f.biases):
        if w.any():
            lead = Fraction(float(w[np.flatnonzero(w)[0]]))
            found.append(tuple(Fraction(float(a)) / lead for a in (*w, b)))
    return found


@settings(deadline=None)
@given(networks(), st.booleans())
def test_merging_keeps_the_function_exactly_on_small_integers(f, affine):
    g = f.merged(affine=affine)
    X = np.random.default_rng(0).integers(-5, 6, (20, f.n_inputs))
    assert exact_values(g, X) == exact_values(f, X)
    assert g.n_neurons <= f.n_neurons


@settings(deadline=None)
@given(networks())
def test_merged_networks_have_one_neuron_a_kink_and_no_constants(f):
    g = f.merged()
    assert g.input_weights.any(axis=1).all()
    assert g.output_weights.any(axis=1).all()
    assert len(set(kinks(g))) == len(kinks(g))


@settings(deadline=None)
@given(networks())
def test_merging_without_affine_part_leaves_it_and_drops_dead_constants(f):
    g = f.merged(affine=False)
    np.testing.assert_array_equal(g.slope, f.slope)
    np.testing.assert_array_equal(g.intercept, f.intercept)
    assert (g.input_weights.any(axis=1) | (g.biases > 0)).all()


def test_neurons_that_share_no_kink_keep_every_bit():
    f = random_network(np.random.default_rng(0), 200, 3, 2)
    assert sorted(bits(f.merged())) == sorted(bits(f))
    assert ReLUNetwork([-1], [0], [1]).merged().n_affine == 0


def test_opposite_neurons_join_through_the_affine_part():
    f = ReLUNetwork([1, -2], [-1, 2], [3, 4])
    g = f.merged()
    assert (g.n_neurons, g.slope[0, 0], g.intercept[0]) == (1, -8.0, 8.0)
    assert f.merged(affine=False).n_neurons == 2


def test_neurons_that_cancel_vanish():
    assert ReLUNetwork([1, 3], [0.1, 0.3], [0.3, -0.1]).merged(rtol=1e-12).n_neurons == 0


@pytest.mark.parametrize("kink", [1.0, 1e-300, 1.6e18, 1e300])
def test_near_kinks_merge_and_distinct_ones_do_not_at_any_magnitude(kink):
    ulp = np.nextafter(kink, np.inf)
    assert ReLUNetwork([1, 1], [-kink, -ulp], [1, 1]).merged().n_neurons == 1
    assert ReLUNetwork([1, -1], [-kink, ulp], [1, 1]).merged().n_neurons == 1
    assert ReLUNetwork([1, 1], [-kink, -kink * (1 + 1e-9)], [1, 1]).merged().n_neurons == 2


@settings(deadline=None)
@given(networks(), st.randoms(use_true_random=False))
def test_isclose_ignores_order_orientation_and_splitting(f, random):
    order = np.array(random.sample(range(len(f.biases)), len(f.biases)), dtype=int)
    w, b, v = f.input_weights[order], f.biases[order], f.output_weights[order]
    slope, intercept = f.slope.copy(), f.intercept.copy()
    for k in range(len(b)):
        if random.random() < 0.5:  # v (t)_+ = v (−t)_+ + v t
            slope += np.outer(w[k], v[k])
            intercept += b[k] * v[k]
            w[k], b[k] = -w[k], -b[k]
    half = ReLUNetwork(np.vstack([w, 3 * w]), np.append(b, 3 * b), np.vstack([v / 2, v / 6]), slope, intercept)
    assert half.isclose(f)
    assert f.isclose(half)


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_isclose_sees_a_difference_in_any_parameter(offset):
    base = [[1.0, 1.0], [-offset - 1, -offset - 1000], [1.0, 2.0], [0.5], [0.25 + offset]]
    f = ReLUNetwork(*base)
    assert f.isclose(ReLUNetwork(*base))
    for part, factor in ((0, 1.001), (1, 1.001), (2, 1.001), (3, 1.001), (4, 1.1)):
        changed = [list(a) for a in base]
        changed[part][0] *= factor
        assert not f.isclose(ReLUNetwork(*changed))


def test_networks_of_other_shape_are_not_close():
    assert not ReLUNetwork([1], [0], [1]).isclose(ReLUNetwork([[1, 0]], [0], [1]))


@pytest.mark.parametrize("up_to_sign", [False, True])
def test_groups_equal_those_of_a_plain_double_loop(up_to_sign):
    rng = np.random.default_rng(0)
    for _ in range(50):
        rows = rng.integers(-1, 2, (12, 2)).astype(float)
        rows += rng.choice([0.0, 1e-12], rows.shape)
        group, first = groups_of_equal_rows(rows, 1e-9, up_to_sign=up_to_sign)
        for i in range(12):
            same = [
                np.abs(rows[i] - r).max() < 1e-10 or (up_to_sign and np.abs(rows[i] + r).max() < 1e-10) for r in rows
            ]
            assert first[group[i]] == same.index(True)


def test_many_kinks_are_grouped_without_pairwise_work():
    kink = np.sort(np.random.default_rng(0).uniform(0, 1, 200_000))
    f = ReLUNetwork(np.ones(len(kink)), -kink, np.ones(len(kink)))
    assert f.merged().n_neurons == len(np.unique(kink))
