"""The order of "sparser", against plain tuples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reluctant import ReLUNetwork
from reluctant.multivariate.aim import Aim

WEIGHTS = st.lists(st.sampled_from([0.0, 1.0, -2.0, 3.0]), min_size=6, max_size=6)


def network_of(weights):
    return ReLUNetwork(np.reshape(weights[:4], (2, 2)), weights[4:], [1.0, -1.0])


@given(WEIGHTS, WEIGHTS, st.sampled_from(["parameters", "neurons"]))
def test_the_count_asked_for_comes_first_then_parameters_then_the_path_norm(one, other, minimize):
    one, other = network_of(one), network_of(other)
    aim = Aim(minimize, target=1)

    def rank(network):
        count = {"parameters": network.n_parameters, "neurons": network.n_neurons}[minimize]
        return count, network.n_parameters, network.path_norm(0.5)

    assert aim.better(one, other) is (other if rank(other) < rank(one) else one)
    assert aim.improves(other, one) == (rank(other) < rank(one))
    assert aim.reached(one) == (rank(one)[0] <= 1)
    assert not aim.at(None).reached(one)


def test_anything_is_sparser_than_nothing_known():
    network = network_of([1.0] * 6)
    assert Aim().improves(network, None)
    assert Aim().better(network, None) is network
    assert not Aim(target=99).reached(None)


@pytest.mark.parametrize(
    ("minimize", "target", "message"),
    [
        ("norm", None, "minimize must be 'parameters' or 'neurons', got 'norm'"),
        ("neurons", -1, "target must be an integer of at least 0, got -1"),
        ("neurons", 2.5, "target must be an integer"),
    ],
)
def test_an_unknown_aim_is_refused(minimize, target, message):
    with pytest.raises(ValueError, match=message):
        Aim.checked(minimize, target)
