"""Networks in mixed-integer programs: the extremes on a box against those at all vertices of its linear regions."""

from itertools import combinations, product

import highspy
import numpy as np
import pytest

from reluctant import ReLUNetwork
from reluctant.model.milp import parallel, ranges


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
    either = np.count_nonzero((least < 0) & (most > 0))
    assert n_binaries == (int(either).bit_length() if d == 1 else either)


@pytest.mark.parametrize("seed", range(10))
def test_neurons_on_parallel_hyperplanes_share_a_logarithmic_number_of_binaries(seed):
    rng = np.random.default_rng(seed)
    d, m, K = int(rng.integers(1, 4)), int(rng.integers(1, 3)), int(rng.integers(3, 20))
    directions = rng.normal(size=(2, d))
    W = 2.0 ** rng.integers(-2, 3, (K, 1)) * rng.choice([-1.0, 1.0], (K, 1)) * directions[rng.integers(0, 2, K)]
    inside = rng.uniform(-1, 1, (K, d))  # every hyperplane crosses the box, some twice
    inside[1] = inside[0]
    U = np.column_stack([W, -(W * inside).sum(axis=1)])
    network = ReLUNetwork.from_hinges(U, rng.normal(size=(K, m)), rng.normal(size=(d + 1, m)))
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    columns = network.to_highs(model, [[-1.0, 1.0]] * d)
    sizes = [len(members) for members in parallel(U)]
    assert sum(sizes) == K
    assert len(columns.binaries) <= sum(min(n, n.bit_length()) for n in sizes)
    one = ReLUNetwork(network.input_weights, network.biases, network.output_weights[:, :1], network.slope[:, :1])
    low, high, _ = extremes(one, [[-1.0, 1.0]] * d)
    assert (low, high) == pytest.approx(extremes_at_vertices(one, [[-1.0, 1.0]] * d), abs=1e-5)
    for x in rng.uniform(-1, 1, (5, d)):  # the outputs are functions of the inputs
        for column, value in zip(columns.inputs.tolist(), x.tolist()):
            model.changeColBounds(column, value, value)
        model.run()
        values = np.array(model.getSolution().col_value)[columns.outputs]
        assert values == pytest.approx(network(x[None]).ravel(), abs=1e-5)


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
