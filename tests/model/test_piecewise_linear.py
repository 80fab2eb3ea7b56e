"""A function of one variable as a link-local table."""

from fractions import Fraction

import numpy as np
import pytest

from reluctant import PiecewiseLinear, interpolate

HAT = ([-1.0, 0.5, 2.0], [[-2.0, 0.0, 1.0, 3.0], [0.0, 1.0, 1.0, 0.0]], [0.0, 1.0, -1.0, 0.0])


def test_table_is_evaluated_link_by_link():
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.uniform(0.1, 1, 60))
    f = interpolate(x, rng.normal(size=60)).function
    points = np.concatenate([rng.uniform(x[0] - 3, x[-1] + 3, 200), f.knots, np.nextafter(f.knots, -np.inf)])
    for p, found in zip(points, f(points)):
        k = sum(1 for t in f.knots if t <= p)
        X, Y, M = (Fraction(float(a)) for a in (f.anchors[0, k], f.anchors[1, k], f.slopes[k]))
        assert abs(Fraction(float(found)) - (Y + M * (Fraction(float(p)) - X))) <= Fraction(1, 10**13)


def test_shape_of_the_result_follows_the_input():
    f = PiecewiseLinear(*HAT)
    assert np.shape(f(0.5)) == ()
    assert f([]).shape == (0,)
    assert f([1.0]).shape == f([[1.0]]).shape == (1,)
    with pytest.raises(ValueError, match=r"x must have shape"):
        f([[1.0, 2.0]])
    with pytest.raises(ValueError, match="x has the text"):
        f(["1"])
    np.testing.assert_array_equal(f([np.nan, 0.5]), [np.nan, 1.5])


def test_lists_are_accepted_and_arrays_of_the_caller_stay_writable():
    knots = np.array(HAT[0])
    f = PiecewiseLinear(knots, *map(np.array, HAT[1:]))
    assert knots.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        f.knots[0] = 0.0
    assert f.n_knots == 3
    np.testing.assert_array_equal(f.slope_changes, [1.0, -2.0, 1.0])
    np.testing.assert_array_equal(f.values, [0.0, 1.5, 0.0])


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (0, [0.0], "shapes"),
        (0, [[-1.0, 0.5, 2.0]], "shapes"),
        (1, [[0.0, 1.0], [2.0, 3.0]], "shapes"),
        (2, [1.0], "shapes"),
        (0, [-1.0, -1.0, 2.0], "row 1 does not"),
        (0, ["a", "b", "c"], "knots has the text"),
    ],
)
def test_tables_that_are_no_function_are_refused(part, value, message):
    arguments = list(HAT)
    arguments[part] = value
    with pytest.raises(ValueError, match=message):
        PiecewiseLinear(*arguments)


def test_knots_at_which_the_function_does_not_bend_take_no_neuron():
    anchors = np.array([[0.0, 1.5, 3.0, 5.0], [0.0, 1.5, 3.0, 1.0]])
    f = PiecewiseLinear(np.array([1.0, 2.0, 4.0]), anchors, np.array([1.0, 1.0, 1.0, -3.0]))
    network, x = f.to_network(), np.linspace(-2, 7, 37)
    assert (f.n_knots, network.n_neurons) == (3, 1)
    np.testing.assert_allclose(network(x), f(x), rtol=0, atol=1e-14)
    line = PiecewiseLinear(f.knots[:2], anchors[:, :3], f.slopes[:3]).to_network()
    assert line.n_neurons == 0
    np.testing.assert_array_equal(line(x), x)
    # The slopes are one in float64, the change between them is not nothing.
    assert PiecewiseLinear([0.0], [[-1.0, 1.0], [-1.0, 1.0]], [1.0, 1.0], [1e-20]).to_network().n_neurons == 1


def test_slopes_that_the_inverse_cannot_tell_apart_make_no_trouble():
    slope = 1.0 + 2.0**-52
    back = PiecewiseLinear([0.0], [[-1.0, 1.0], [-slope, 1.0 + 2.0**-51]], [slope, slope + 2.0**-52]).inverse()
    np.testing.assert_allclose(back.to_network()([-1.0, 0.0, 1.0]), [-1.0, 0.0, 1.0], rtol=0, atol=1e-14)
