"""The model: construction, counts, norms, evaluation, equivalent networks."""

import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import FIELDS, bits, exact_values, networks, random_network
from reluctant import ReLUNetwork

GRID = np.arange(-12, 13) / 4.0


def assert_same_function(f, g, X, tolerance=1e-12):
    expected = np.array([[float(v) for v in row] for row in exact_values(f, X)])
    found = g(X).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


def points(d):
    return GRID[:, None] if d == 1 else np.random.default_rng(0).integers(-8, 9, (40, d)) / 4.0


# Construction


def test_shapes_are_completed_for_one_input_and_one_output():
    f = ReLUNetwork([1, 2], [0, 1], [1, -1])
    assert [getattr(f, name).shape for name in FIELDS] == [(2, 1), (2,), (2, 1), (1, 1), (1,)]
    assert ReLUNetwork([1], [0], [1], [2.0], 3.0)(1.0) == 6.0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (([[1, 2]], [1, 2], [1]), "biases"),
        (([[1]], [1], [[1]], [[1, 2]]), "slope"),
        (([[1]], [1], [[1]], [[1]], [1, 2]), "intercept"),
        (([[np.nan]], [1], [1]), "input_weights"),
        (([[1]], [np.inf], [1]), "biases"),
        (([[1]], [1], [1 + 1j]), "output_weights"),
        (([["1"]], [1], [1]), "input_weights"),
        (([[1], [1, 2]], [1, 1], [1, 1]), "input_weights"),
        ((np.ma.array([[1.0]], mask=[[True]]), [1], [1]), "input_weights"),
        ((None, [1], [1]), "input_weights"),
        ((np.zeros((2, 2, 2)), [1, 1], [1, 1]), "input_weights"),
        ((np.zeros((1, 0)), [1], [1]), "d = 0"),
        ((np.zeros((1, 1)), [1], np.zeros((1, 0))), "m = 0"),
    ],
)
def test_bad_parameters_are_value_errors_that_name_the_argument(arguments, named):
    with pytest.raises(ValueError, match=named):
        ReLUNetwork(*arguments)


def test_parameters_are_copied_and_frozen_even_after_pickling():
    w = np.ones((1, 1))
    f = ReLUNetwork(w, [0.0], [1.0])
    w[0] = 5.0
    assert f(2.0) == 2.0
    for g in (f, pickle.loads(pickle.dumps(f))):
        assert bits(g) == bits(f)
        with pytest.raises(ValueError, match="read-only"):
            g.input_weights[0] = 1.0


# Evaluation


@settings(deadline=None)
@given(networks())
def test_evaluation_equals_rational_arithmetic(f):
    assert_same_function(f, f, points(f.n_inputs))


@pytest.mark.parametrize(("d", "m"), [(1, 1), (1, 3), (4, 1), (4, 3)])
def test_evaluation_equals_a_dense_forward_pass(d, m):
    rng = np.random.default_rng(d + m)
    f, X = random_network(rng, 50, d, m), rng.normal(size=(200, d))
    y = np.maximum(X @ f.input_weights.T + f.biases, 0) @ f.output_weights + X @ f.slope + f.intercept
    np.testing.assert_allclose(f(X), y[:, 0] if m == 1 else y, rtol=0, atol=1e-12 * np.abs(y).max())


def test_blocks_of_rows_do_not_change_a_forward_pass(monkeypatch):
    rng = np.random.default_rng(0)
    f, X = random_network(rng, 7, 3, 2), rng.normal(size=(23, 3))
    whole = f(X)
    monkeypatch.setattr("reluctant.model.evaluation._BLOCK", 20)
    np.testing.assert_allclose(f(X), whole, rtol=1e-14)


def test_shape_of_the_result_follows_the_input():
    one, two = ReLUNetwork([1], [0], [1]), ReLUNetwork([[1]], [0], [[1, 2]])
    wide = ReLUNetwork([[1, 1]], [0], [1])
    assert one(2.0).shape == ()
    assert one([]).shape == (0,)
    assert one([1.0, 2.0]).shape == one([[1.0], [2.0]]).shape == (2,)
    assert two(2.0).shape == (2,)
    assert two([]).shape == (0, 2)
    assert two([[1.0], [2.0]]).shape == (2, 2)
    assert wide(np.zeros((0, 2))).shape == (0,)
    assert ReLUNetwork(np.zeros((0, 2)), [], np.zeros((0, 1)), [1, 2], 3)([[1, 1]]) == 6.0


@pytest.mark.parametrize("X", [[[1.0, 2.0]], np.zeros((2, 2, 2)), "a", ["a"], [1j], None, [None], (i for i in [1])])
def test_input_that_does_not_fit_is_a_value_error_naming_it(X):
    with pytest.raises(ValueError, match=r"\bX\b"):
        ReLUNetwork([1], [0], [1])(X)
    with pytest.raises(ValueError, match=r"\bX\b"):
        ReLUNetwork([[1, 1, 1]], [0], [1])(X)


def test_masked_input_is_refused_and_nan_is_passed_on():
    f = ReLUNetwork([1], [0], [1])
    with pytest.raises(ValueError, match="masked"):
        f(np.ma.array([1.0, 2.0], mask=[False, True]))
    np.testing.assert_array_equal(f([np.nan, 2.0]), [np.nan, 2.0])
    assert np.isnan(ReLUNetwork([[1, 1]], [0], [1])([[np.nan, 1.0]]))


@pytest.mark.parametrize(
    "container",
    [
        lambda a: a.tolist(),
        np.asfortranarray,
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.int8),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        pd.DataFrame,
        lambda a: pl.DataFrame(a, schema=["a", "b"]),
    ],
)
def test_every_container_is_evaluated_alike(container):
    f = random_network(np.random.default_rng(0), 5, 2, 1)
    X = np.array([[1.0, 2.0], [-3.0, 0.0], [4.0, 1.0]])
    np.testing.assert_array_equal(f(container(X)), f(X))


# Counts and norms


def plain_path_norm(f, p, bias):
    total = 0.0
    for w, b, v in zip(f.input_weights, f.biases, f.output_weights):
        incoming = [*w, b] if bias else list(w)
        total += sum(abs(a) ** p for a in incoming if a) * sum(abs(a) ** p for a in v if a)
    return total


@settings(deadline=None)
@given(networks(), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]), st.sampled_from([True, False, None]))
def test_path_norm_is_the_sum_over_paths(f, p, bias):
    counted = f.n_inputs > 1 if bias is None else bias
    np.testing.assert_allclose(f.path_norm(p, bias), plain_path_norm(f, p, counted), rtol=1e-13)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, "0.5", None, True, [0.5]])
def test_order_outside_zero_and_one_is_a_value_error_that_names_p(p):
    with pytest.raises(ValueError, match="p must"):
        ReLUNetwork([1], [0], [1]).path_norm(p)


@settings(deadline=None)
@given(networks())
def test_counts_are_those_of_a_plain_loop(f):
    neurons = parameters = 0
    for w, b, v in zip(f.input_weights, f.biases, f.output_weights):
        counted = [*w, b] if f.n_inputs > 1 else list(w)
        if any(counted) and any(v):
            neurons += 1
            parameters += np.count_nonzero([*w, b]) + np.count_nonzero(v) - 1
    affine = np.count_nonzero(f.slope) + np.count_nonzero(f.intercept)
    assert (f.n_neurons, f.n_parameters, f.n_affine, f.size) == (neurons, parameters, affine, parameters + affine)
    assert repr(f).startswith(f"<ReLUNetwork {f.n_inputs} -> {neurons} -> {f.n_outputs}")


def test_tiny_weights_whose_product_underflows_are_active():
    assert ReLUNetwork([1e-200], [0], [1e-200]).n_neurons == 1


# Equivalent networks

POWERS = st.lists(st.integers(-300, 300), min_size=6, max_size=6)


@settings(deadline=None)
@given(networks(), POWERS, st.sampled_from([0.0, 0.3, 1.0]))
def test_rescaling_changes_neither_function_nor_norm(f, exponents, p):
    alpha = 2.0 ** np.array(exponents[: len(f.biases)])
    g = ReLUNetwork(
        f.input_weights * alpha[:, None], f.biases * alpha, f.output_weights / alpha[:, None], f.slope, f.intercept
    )
    np.testing.assert_allclose(g.path_norm(p), f.path_norm(p), rtol=1e-12)
    assert (g.n_neurons, g.n_parameters) == (f.n_neurons, f.n_parameters)
    assert_same_function(f, g, points(f.n_inputs))
    assert g.isclose(f)


@settings(deadline=None)
@given(networks(), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([-250, 0, 250]))
def test_canonical_and_balanced_keep_function_norm_and_counts(f, p, exponent):
    f = ReLUNetwork(f.input_weights, f.biases, f.output_weights * 2.0**exponent)
    terms = ReLUNetwork(f.input_weights, f.biases, np.abs(f.output_weights))  # which may cancel in f
    size = max(float(v) for row in exact_values(terms, points(f.n_inputs)) for v in row)
    for g in (f.canonical(), f.balanced()):
        np.testing.assert_allclose(g.path_norm(p), f.path_norm(p), rtol=1e-12)
        assert (g.n_neurons, g.n_parameters) == (f.n_neurons, f.n_parameters)
        expected = np.array([[float(v) for v in row] for row in exact_values(f, points(f.n_inputs))])
        found = g(points(f.n_inputs)).reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * size)
    np.testing.assert_allclose(np.linalg.norm(f.canonical().output_weights, axis=1), 1.0, rtol=1e-14)
    g = f.balanced()
    incoming = np.linalg.norm(np.column_stack([g.input_weights, g.biases]), axis=1)
    np.testing.assert_allclose(incoming, np.linalg.norm(g.output_weights, axis=1), rtol=1e-12)


def test_canonical_weights_of_one_output_are_exactly_one_in_size():
    g = random_network(np.random.default_rng(0), 1000, 1, 1).canonical()
    assert set(np.abs(g.output_weights).ravel()) == {1.0}


def test_constant_neurons_count_as_values_not_as_neurons_of_the_line():
    f = ReLUNetwork([0, 0], [2, -1], [3, 5])
    assert f.n_neurons == 0
    np.testing.assert_array_equal(f([-1.0, 7.0]), [6.0, 6.0])
    assert f.canonical()(0.0) == f.balanced()(0.0) == 6.0
    exact = exact_values(f, [[Fraction(0)]])
    assert exact == [[Fraction(6)]]


@pytest.mark.filterwarnings("error")
def test_values_beyond_float64_are_infinite_without_a_warning():
    steep = ReLUNetwork(np.full((3, 1), 1e300), [-1e300, 0.0, 1e300], np.full(3, 1e8))
    assert steep([-2.0, 2.0]).tolist() == [0.0, np.inf]
    assert ReLUNetwork([[1e300, 1e300]], [0.0], [1e300])([[1.0, 1.0], [-1.0, 0.0]]).tolist() == [np.inf, 0.0]
