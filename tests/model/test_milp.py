"""Networks in mixed-integer programs: the extremes on a box against those at all vertices of its linear regions."""

from itertools import combinations, product

import highspy
import numpy as np
import pytest

from reluctant import ReLUNetwork
from reluctant.model.milp import ranges


def extremes(network, bounds):
    """Smallest and largest output by HiGHS, and how many binaries it took."""
    found = []
    for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        model.setOptionValue("mip_rel_gap", 0.0)
        columns = network.to_highs(model, bounds)
        model.changeColCost(int(columns.outputs[0]), 1.0)
        model.changeObjectiveSense(sense)
        model.run()
        assert model.getModelStatus() == highspy.HighsModelStatus.kOptimal
        at = np.array(model.getSolution().col_value)[columns.inputs]
        value = model.getObjectiveValue()
        assert network(at[None])[0] == pytest.approx(value, abs=1e-5)
        found.append(value)
    return *found, len(columns.binaries)


def extremes_at_vertices(network, bounds):
    """A piecewise-linear function takes its extremes where d hinges and sides of the box cross."""
    bounds = np.asarray(bounds, float)
    d = len(bounds)
    planes = [(w, -b) for w, b in zip(network.input_weights, network.biases)]
    planes += [(np.eye(d)[j], bounds[j, side]) for j, side in product(range(d), (0, 1))]
    points = []
    for chosen in combinations(planes, d):
        A, c = np.array([w for w, _ in chosen]), np.array([b for _, b in chosen])
        if abs(np.linalg.det(A)) > 1e-9:
            x = np.linalg.solve(A, c)
            if ((x >= bounds[:, 0] - 1e-9) & (x <= bounds[:, 1] + 1e-9)).all():
                points.append(x)
    values = network(np.array(points))
    return values.min(), values.max()


@pytest.mark.parametrize("seed", range(12))
def test_the_extremes_of_a_network_on_a_box_are_those_at_its_vertices(seed):
    rng = np.random.default_rng(seed)
    d, K = rng.integers(1, 4), rng.integers(0, 5)
    network = ReLUNetwork(
        rng.normal(size=(K, d)), rng.normal(size=K), rng.normal(size=K), rng.normal(size=d), rng.normal()
    )
    bounds = np.sort(rng.normal(size=(d, 2)) * 2, axis=1)
    low, high, n_binaries = extremes(network, bounds)
    assert (low, high) == pytest.approx(extremes_at_vertices(network, bounds), abs=1e-5)
    least, most = ranges(network.hinges[0], *bounds.T)
    assert n_binaries == np.count_nonzero((least < 0) & (most > 0))


def test_neurons_that_do_not_change_on_the_box_take_no_binary():
    network = ReLUNetwork([[1.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [1.0, -1.0]], [5.0, -9.0, 0.5, 0.0], [1.0, 1, 1, 0])
    low, high, n_binaries = extremes(network, [[-1, 1], [-1, 1]])
    assert n_binaries == 1
    assert (low, high) == pytest.approx((4.5, 7.0), abs=1e-6)


def test_ranges_are_rounded_outwards():
    rng = np.random.default_rng(0)
    U = rng.normal(size=(50, 4)) * 10.0 ** rng.integers(-8, 9, (50, 4))
    low, high = np.sort(rng.normal(size=(2, 3)), axis=0) * 1e6
    least, most = ranges(U, low, high)
    for corner in product(*zip(low, high)):
        values = U[:, :-1] @ corner + U[:, -1]
        assert (least <= values).all()
        assert (values <= most).all()


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([[0, 1]], r"a pair \(low, high\) for each of 2 inputs, got \(1, 2\)"),
        ([[0, 1], [3, 2]], r"bounds of input 1 cross: 3 > 2"),
        ([[0, np.inf], [0, 1]], r"bounds has an infinite value at row 0"),
    ],
)
def test_boxes_that_are_none_leave_the_model_as_it_was(bounds, message):
    model = highspy.Highs()
    with pytest.raises(ValueError, match=message):
        ReLUNetwork([[1.0, 1.0]], [0.0], [1.0]).to_highs(model, bounds)
    assert model.getNumCol() == 0
