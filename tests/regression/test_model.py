"""The arrays of a fit: unknowns, cleaning, sizes and units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from regression.models import on_and_off, sparse_model
from reluctant.regression import model as model_module
from reluctant.regression.losses import Huber
from reluctant.regression.model import Model, Rows, Unknowns
from reluctant.regression.standardise import Moments, Standardisation

shapes = st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))


@settings(deadline=None, max_examples=40)
@given(shapes, st.booleans(), st.booleans())
def test_gather_and_scatter_are_inverse(shape, affine, constants):
    K, d, m, seed = shape
    model = sparse_model(K, d, m, seed)
    unknowns = Unknowns.of(model, affine, constants)
    assert unknowns.gather(model).shape == (unknowns.size,)
    again = unknowns.scatter(model, unknowns.gather(model))
    for a, b in zip((model.U, model.V, model.A), (again.U, again.V, again.A), strict=True):
        assert_array_equal(a, b)
    values = np.random.default_rng(seed).normal(size=unknowns.size)
    moved = unknowns.scatter(model, values)
    assert_array_equal(unknowns.gather(moved), values)
    fixed = Model(*(np.where(a == 0, 0.0, np.nan) for a in (moved.U[:, :-1], moved.V, moved.A[:-1])))
    for a, b in zip((fixed.U, fixed.V, fixed.A), (model.U[:, :-1], model.V, model.A[:-1]), strict=True):
        assert_array_equal(a[b == 0], 0.0)


@settings(deadline=None, max_examples=40)
@given(shapes)
def test_cleaned_is_the_same_function_at_the_data(shape):
    K, d, m, seed = shape
    model = sparse_model(K, d, m, seed, scale_of_biases=3.0)
    inputs = Rows.of(np.random.default_rng(seed + 1).normal(size=(7, d)), np.zeros((7, m))).inputs
    cleaned = model.cleaned(*on_and_off(model, inputs))
    assert_allclose(cleaned(inputs), model(inputs), atol=1e-12)
    on, off = on_and_off(cleaned, inputs)
    assert cleaned.size <= model.size + m * (not model.A.any())
    assert on.all()
    assert (cleaned.U[:, :-1] != 0).any(axis=1).all()
    if m == 1:
        assert off.all()
    without_affine = model.cleaned(*on_and_off(model, inputs), affine=False)
    assert_allclose(without_affine(inputs), model(inputs), atol=1e-12)
    assert_array_equal(without_affine.A, model.A)


@settings(deadline=None, max_examples=40)
@given(shapes, st.booleans())
def test_size_is_that_of_the_network_in_the_units_of_the_user(shape, regression):
    K, d, m, seed = shape
    rng = np.random.default_rng(seed)
    X, y = rng.normal(3.0, 2.0, (20, d)), rng.normal(5.0, 0.3, (20, m))
    units = Standardisation.of(X, y, np.ones(20), scale_targets=regression)
    model = sparse_model(K, d, m, seed, live=True)
    network = units.network(model)
    assert network.size == model.size
    bare = Model(model.U, model.V, np.zeros_like(model.A))
    assert Standardisation.of(X, y, np.ones(20), regression, affine=False).network(bare).size == bare.size
    f = model(units.inputs(X)) * units.y_scale + units.y_mean
    assert_allclose(network(X).reshape(20, m), f, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(shapes)
def test_units_there_and_back(shape):
    K, d, m, seed = shape
    rng = np.random.default_rng(seed)
    X, y = rng.normal(3.0, 2.0, (20, d)), rng.normal(5.0, 0.3, (20, m))
    X[:, 0] = X[0, 0] if d > 1 else X[:, 0]
    units = Standardisation.of(X, y, np.ones(20), scale_targets=True)
    network = units.network(sparse_model(K, d, m, seed, live=True))
    assert_allclose(units.network(units.model(network))(X), network(X), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(shapes)
def test_networks_there_and_back(shape):
    K, d, m, seed = shape
    model = sparse_model(K, d, m, seed, live=True)
    X = np.random.default_rng(seed).normal(size=(9, d))
    inputs = Rows.of(X, np.zeros((9, m))).inputs
    network = model.to_network()
    assert_allclose(network(X).reshape(9, m), model(inputs), atol=1e-9)
    again = Model.from_network(network)
    assert_allclose(again(inputs), model(inputs), atol=1e-9)
    if m == 1:
        assert set(np.abs(again.V).ravel()) <= {1.0}


@settings(deadline=None, max_examples=30)
@given(shapes)
def test_flipping_a_neuron_changes_its_direction_but_not_the_function(shape):
    K, d, m, seed = shape
    model = sparse_model(K, d, m, seed)
    inputs = Rows.of(np.random.default_rng(seed).normal(size=(9, d)), np.zeros((9, m))).inputs
    for k in range(K):
        flipped = model.flipped(k)
        assert_allclose(flipped(inputs), model(inputs), atol=1e-12)
        assert_array_equal(flipped.U[k], -model.U[k])
        assert_array_equal(np.delete(flipped.U, k, axis=0), np.delete(model.U, k, axis=0))


@pytest.mark.parametrize(("taken", "folds"), [(0, False), (4, False), (5, True), (12, True)])
def test_a_linear_neuron_of_seven_parameters_folds_where_it_leaves_no_more_new_slopes(taken, folds):
    A = np.zeros((5, 3))
    A[:-1].flat[:taken] = 1.0
    model = Model(np.array([[0.1, 0.2, 0.3, 0.4, 9.0]]), np.ones((1, 3)), A)
    cleaned = model.cleaned(np.array([True]), np.array([False]))
    assert cleaned.n_neurons == (0 if folds else 1)
    inputs = Rows.of(np.random.default_rng(0).uniform(-1, 1, (9, 4)), np.zeros((9, 3))).inputs
    assert_allclose(cleaned(inputs), model(inputs), atol=1e-12)


def test_balanced_neurons_cost_least_ridge():
    model = sparse_model(4, 3, 2, 0, live=True)
    balanced = model.balanced()
    inputs = Rows.of(np.random.default_rng(0).normal(size=(9, 3)), np.zeros((9, 2))).inputs
    assert_allclose(balanced(inputs), model(inputs), atol=1e-12)
    cost = np.sum(balanced.U**2, axis=1) + np.sum(balanced.V**2, axis=1)
    assert_allclose(cost, 2 * np.linalg.norm(model.U, axis=1) * np.linalg.norm(model.V, axis=1))


def test_blocks_hold_all_rows_in_order(monkeypatch):
    monkeypatch.setattr(model_module, "BLOCK", 4)
    rows = Rows.of(np.arange(22.0).reshape(11, 2), np.arange(11.0), np.arange(1.0, 12.0))
    blocks = list(rows.blocks())
    assert [len(b.weights) for b in blocks] == [4, 4, 3]
    for name in ("inputs", "targets", "weights"):
        assert_array_equal(np.concatenate([getattr(b, name) for b in blocks]), getattr(rows, name))


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_standardised_columns_have_mean_zero_and_deviation_one(shift):
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(50, 3)) + shift, rng.normal(size=(50, 2)), rng.uniform(0, 2, 50)
    X[:, 1] = 0.1
    units = Standardisation.of(X, y, w, scale_targets=True)
    Z, t = units.inputs(X), units.targets(y)
    assert_array_equal(Z[:, 1], 0.0)
    for column in (Z[:, 0], Z[:, 2], t[:, 0], t[:, 1]):
        assert np.average(column, weights=w) == pytest.approx(0.0, abs=1e-6)
        assert np.average(column**2, weights=w) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("unit", [2.0**600, 2.0**-600])
def test_standardisation_follows_every_unit_of_float64(unit):
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(50, 3)), rng.normal(size=(50, 2)), rng.uniform(0, 2, 50)
    plain = Standardisation.of(X, y, w, scale_targets=True)
    scaled = Standardisation.of(X * unit, y * unit, w, scale_targets=True)
    assert_array_equal(scaled.inputs(X * unit), plain.inputs(X))
    assert_array_equal(scaled.targets(y * unit), plain.targets(y))


@pytest.mark.parametrize("value", [0.1, 1e9 + 0.1, -1e-300])
def test_rounding_of_constant_targets_is_not_blown_up(value):
    y = np.full((77, 1), value)
    units = Standardisation.of(np.zeros((77, 1)), y, np.ones(77), scale_targets=True)
    assert_array_equal(units.y_scale, 1.0)


def test_time_stamps_are_refused_where_float64_has_too_few_digits_for_them():
    index = np.arange(2000.0)
    weights, y = np.ones(2000), np.zeros((2000, 1))
    with pytest.raises(ValueError, match=r"column 1 of X varies by .* around 1.7e\+18.* subtract an offset"):
        Standardisation.of(np.column_stack([index, 1.7e18 + 256.0 * index]), y, weights, True)
    for column in (256.0 * index, 1.7e18 + 1e9 * index):
        assert np.isfinite(Standardisation.of(column[:, None], y, weights, True).x_scale).all()


def test_a_column_is_constant_only_where_its_values_are_equal_or_neighbours():
    x = np.random.default_rng(0).uniform(-1, 1, (200, 1)) + 1e15
    with pytest.raises(ValueError, match=r"column 0 of X varies by .* around 1e\+15.* subtract an offset"):
        Standardisation.of(x, x, np.ones(200), True)


@pytest.mark.parametrize("value", [0.1, 1.7e18, 3e-310])
def test_equal_entries_and_their_roundings_are_constant_in_tables_of_any_length(value):
    X = np.full((300_000, 1), value)
    assert np.isinf(Standardisation.of(X, X, np.full(len(X), 0.7), True).x_scale[0])
    X[::2] = np.nextafter(value, np.inf) if value > 1e-300 else value
    assert np.isinf(Standardisation.of(X, X, np.full(len(X), 0.7), True).x_scale[0])


@pytest.mark.parametrize("unit", [1.0, 2.0**1000])
def test_joined_moments_are_those_of_all_rows(unit):
    rng = np.random.default_rng(0)
    X, w = unit * (rng.normal(size=(100, 3)) + np.array([0.0, 5.0, 1e3])), rng.uniform(0, 2, 100)
    parts = [Moments.of(X[rows], w[rows]) for rows in (slice(0, 30), slice(30, 37), slice(37, 100))]
    joined = parts[0].joined(parts[1]).joined(parts[2])
    mean = np.average(X / unit, axis=0, weights=w)
    assert_allclose(joined.mean / unit, mean, rtol=1e-12, atol=1e-14)
    assert_allclose(joined.deviation / unit, np.sqrt(np.average((X / unit - mean) ** 2, axis=0, weights=w)), rtol=1e-9)
    assert_array_equal(joined.largest, np.abs(X).max(axis=0))
    assert joined.weight == pytest.approx(w.sum())


def test_targets_are_not_shifted_without_an_affine_part():
    y = np.random.default_rng(0).normal(5.0, 0.3, (30, 2))
    units = Standardisation.of(np.zeros((30, 1)), y, np.ones(30), scale_targets=True, affine=False)
    assert_array_equal(units.y_mean, 0.0)


@pytest.mark.parametrize("delta", [1.5, (0.3, 1.5, 20.0)])
def test_huber_in_standard_units_is_that_of_each_output_in_its_own_units(delta):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), 7.0 + np.array([3.0, 0.1, 100.0]) * rng.standard_t(2, (30, 3))
    units = Standardisation.of(X, y, np.ones(30), scale_targets=True)
    f = rng.normal(size=(30, 3))
    loss = Huber(delta).scaled(units.y_scale)
    for c, each in enumerate(np.broadcast_to(delta, 3)):
        inside = Huber(loss.delta[c]).values(f[:, [c]], units.targets(y)[:, [c]])
        outside = Huber(float(each)).values((f * units.y_scale + units.y_mean)[:, [c]], y[:, [c]])
        assert_allclose(inside * units.y_scale[c] ** 2, outside)
    alone = sum(Huber(loss.delta[c]).values(f[:, [c]], units.targets(y)[:, [c]]) for c in range(3))
    assert_allclose(loss.values(f, units.targets(y)), alone)
