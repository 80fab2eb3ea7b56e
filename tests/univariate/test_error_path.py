"""`error_path`: the same errors as one number of neurons at a time, and where it ends."""

import numpy as np
import pytest

from reluctant import approximate, error_path
from univariate.strategies import GENERATORS


@pytest.mark.parametrize("kind", GENERATORS)
def test_every_error_is_bit_for_bit_that_of_its_number_alone(kind):
    rng = np.random.default_rng(70)
    for scaled in (False, True):
        data = GENERATORS[kind](rng, 40)
        scale = rng.uniform(0.5, 3, 40) if scaled else np.ones(40)
        path = error_path(data.x, data.y, scale=scale)
        assert path.is_complete
        assert path.errors[-1] == 0.0
        assert np.all(np.diff(path.errors) <= 0)
        np.testing.assert_array_equal(path.n_neurons, np.arange(len(path)))
        for K in path.n_neurons:
            alone = approximate(data.x, data.y, max_neurons=int(K), scale=scale)
            assert path.errors[K] == alone.certificate.lower_bound
            np.testing.assert_array_equal(path.solution(int(K)).function.knots, alone.function.knots)


@pytest.mark.parametrize("unit", [1.0, 5e-324])
def test_no_solution_errs_more_than_one_of_fewer_neurons(unit):
    for seed in (2, 3, 7, 10, 18, 21, 33, 39):  # rounding carried errors above those of fewer knots on these
        rng = np.random.default_rng(seed)
        x = np.sort(rng.choice(60, 14, replace=False)) * 0.3
        path = error_path(x, rng.integers(-40, 40, 14) * unit)
        errors = [path.solution(k).max_error for k in range(len(path) - (unit < 1.0))]
        assert (np.diff(errors) <= 0.0).all(), (seed, errors)


def test_path_ends_where_the_tolerance_or_the_cap_says_and_names_the_remedy():
    x = np.linspace(0, 6, 300)
    whole = error_path(x, np.sin(x), max_neurons=40)
    by_tolerance = error_path(x, np.sin(x), tolerance=0.05)
    assert by_tolerance.errors[-1] <= 0.05 < by_tolerance.errors[-2]
    np.testing.assert_array_equal(by_tolerance.errors, whole.errors[: len(by_tolerance)])
    capped = error_path(x, np.sin(x), max_neurons=3)
    assert len(capped) == 4
    assert not capped.is_complete
    with pytest.raises(ValueError, match=r"the path ends with 3 neurons, got k = 4; raise max_neurons"):
        capped.solution(4)
    with pytest.raises(ValueError, match="k must be an integer"):
        capped.solution(-1)


def test_complete_path_ends_at_zero_or_at_what_repeated_rows_differ_by():
    path = error_path([0, 1, 2, 3], [0, 1, 0, 1])
    assert (len(path), path.errors[-1]) == (3, 0.0)
    assert path.solution(10**9).n_neurons == 2
    repeated = error_path([0, 1, 1, 2, 3, 4], [0, 5, 9, 0, 7, 0])
    assert repeated.is_complete
    assert repeated.errors[-1] == pytest.approx(2.0)


def test_elbow_is_the_point_farthest_below_the_line_of_the_figure():
    rng = np.random.default_rng(71)
    x = np.linspace(0, 10, 400)
    y = np.interp(x, [0, 2, 4, 6, 8, 10], [0, 5, 1, 6, 0, 4]) + rng.uniform(-0.01, 0.01, 400)
    path = error_path(x, y, max_neurons=20)
    assert path.elbow == 4
    axes = path.plot().axes[0]
    assert axes.get_legend().get_texts()[0].get_text() == "4 neurons: farthest below the dotted line"
    assert error_path([0, 1], [0, 1]).elbow is None
    assert error_path([0, 1], [0, 1]).plot().axes[0].get_title(loc="left") == "largest error 0 with 0 neurons"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_neurons": -1}, "max_neurons must be an integer of at least 0"),
        ({"max_neurons": True}, "max_neurons must be an integer"),
        ({"tolerance": -1}, "tolerance must be at least 0"),
        ({"scale": [1, 2]}, "scale must be one number or one for each of the 3 rows"),
        ({"scale": np.inf}, "scale is infinite at every row"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        error_path([0, 1, 2], [0, 1, 0], **arguments)


def test_several_inputs_or_outputs_are_refused():
    with pytest.raises(ValueError, match="path of errors is known for one input and one output, but x has 2 columns"):
        error_path([[0, 1], [1, 2]], [0, 1])
