import numpy as np
import pytest

from reluctant import ReLUNetwork
from reluctant.multivariate.exact import fewest_neurons, fewest_parameters
from reluctant.multivariate.milp import fewest_by_milp


def uniform(N, d, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)


def within(network, M):
    return np.abs(network.output_weights * np.column_stack([network.input_weights, network.biases])).max() <= M


@pytest.mark.parametrize(("N", "d"), [(3, 2), (4, 2), (4, 3), (5, 2)])
@pytest.mark.parametrize("kind", ["uniform", "signs"])
def test_parameters_equal_the_enumeration(N, d, kind):
    for seed in range(2):
        X, y = uniform(N, d, seed)
        y = np.sign(y) if kind == "signs" else y
        exact = fewest_parameters(X, y)
        # The enumeration knows no bound on the weights; M is chosen so that its network is allowed.
        M = 2 * np.abs(np.column_stack([exact.network.input_weights, exact.network.biases])).max()
        proof = fewest_by_milp(X, y, weight_bound=M, most=exact.lower_bound)
        assert proof.lower_bound == exact.lower_bound
        assert proof.network.n_parameters == exact.lower_bound
        assert np.abs(proof.network(X) - y).max() <= 1e-9 * np.abs(y).max()


@pytest.mark.parametrize("seed", range(3))
def test_neurons_equal_the_enumeration(seed):
    X, y = uniform(5, 2, seed)
    exact = fewest_neurons(X, y)
    M = 2 * np.abs(np.column_stack([exact.network.input_weights, exact.network.biases])).max()
    proof = fewest_by_milp(X, y, minimize="neurons", weight_bound=M, start=exact.network)
    assert proof.lower_bound == exact.lower_bound == proof.network.n_neurons


def test_bound_depends_on_the_weight_bound_and_says_so():
    X, y = [[0, 0.5], [0.001, 0.6]], [0.0, 1.0]
    small = fewest_by_milp(X, y, weight_bound=100, most=2)
    large = fewest_by_milp(X, y, weight_bound=2000, most=2)
    assert (small.lower_bound, large.lower_bound) == (2, 1)
    assert "at most 100 in size" in small.reason
    assert within(small.network, 100)
    assert fewest_parameters(X, y).lower_bound == 1


def test_no_network_as_small_as_asked_proves_one_more():
    X, y = uniform(4, 2, 0)
    proof = fewest_by_milp(X, y, most=3)
    assert proof.lower_bound == 4
    assert proof.network is None


def test_time_limit_returns_the_start_and_a_bound_that_holds():
    X, y = uniform(7, 3, 0)
    rng = np.random.default_rng(1)
    # An interpolant that is far from sparse.
    U = rng.normal(size=(12, 4))
    v = np.linalg.pinv(np.maximum(np.column_stack([X, np.ones(7)]) @ U.T, 0)) @ y
    start = ReLUNetwork(U[:, :3], U[:, 3], v).canonical()
    M = 2 * np.abs(np.column_stack([start.input_weights, start.biases])).max()
    proof = fewest_by_milp(X, y, weight_bound=M, start=start, time_limit=1.0)
    assert 0 <= proof.lower_bound <= 7
    assert proof.network is not None
    assert np.abs(proof.network(X) - y).max() <= 1e-9
    assert proof.network.n_parameters <= start.n_parameters


@pytest.mark.parametrize("seed", range(3))
def test_tolerance_allows_fewer(seed):
    X, y = uniform(5, 2, seed)
    proof = fewest_by_milp(X, y, tolerance=0.4, most=5)
    assert proof.lower_bound == proof.network.n_parameters < 5
    assert np.abs(proof.network(X) - y).max() <= 0.4 * (1 + 1e-9)


def test_affine_part_is_free():
    X, y = uniform(6, 2, 0)
    proof = fewest_by_milp(X, y, affine=True, most=4)
    assert proof.lower_bound == proof.network.n_parameters == fewest_parameters(X, y, affine=True).lower_bound == 3
    assert np.abs(proof.network(X) - y).max() <= 1e-9


def test_zero_labels_need_nothing():
    proof = fewest_by_milp([[0.0, 1.0], [1.0, 0.0]], [0.0, 0.0])
    assert proof.lower_bound == 0
    assert proof.network.n_neurons == 0


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="minimize"):
        fewest_by_milp([[0.0]], [1.0], minimize="layers")
    with pytest.raises(ValueError, match="weight_bound"):
        fewest_by_milp([[0.0]], [1.0], weight_bound=0)
