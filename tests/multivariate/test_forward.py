import numpy as np
import pytest

from reluctant.effort import Clock
from reluctant.multivariate.forward import forward_within


def smooth(seed, N, m, unit=1.0, offset=0.0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (N, 2))
    Y = np.column_stack([np.sin(3 * X[:, 0] + k) + X[:, 1] ** 2 for k in range(m)])
    return unit * X + offset, (Y[:, 0] if m == 1 else Y)


def selected(X, y, half_width, affine=False, seconds=60.0):
    rng = np.random.default_rng(0)
    return forward_within(X, y, half_width, affine=affine, clock=Clock(seconds), random_state=rng)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(("m", "unit", "offset"), [(1, 1.0, 0.0), (2, 1e-6, 0.0), (1, 1.0, 1e5)])
def test_every_label_is_met_within_its_own_band(affine, m, unit, offset):
    X, y = smooth(0, 120, m, unit, offset)
    half_width = np.where(np.arange(120) % 7 == 0, np.inf, np.linspace(0.05, 0.5, 120))
    half_width = half_width if m == 1 else np.column_stack([half_width, half_width[::-1]])
    network = selected(X, y, half_width, affine)
    assert (np.abs(network(X) - y) <= half_width).all()
    assert affine or not network.n_affine
    assert network.n_neurons < 60


def test_labels_without_structure_and_no_time_give_nothing():
    rng = np.random.default_rng(1)
    X, y = rng.uniform(-1, 1, (60, 2)), rng.normal(size=60)
    assert selected(X, y, np.full(60, 1e-3)) is None
    assert selected(*smooth(0, 120, 1), np.full(120, 0.05), seconds=0.0) is None


def test_a_band_round_zero_takes_no_neuron():
    X, y = smooth(0, 50, 1)
    assert selected(X, 0.01 * y, np.full(50, 0.1)).n_neurons == 0


def test_a_fine_map_takes_fewer_parameters_than_it_has_rows():
    axes = np.meshgrid(np.linspace(0, 1, 17), np.linspace(0, 1, 17), indexing="ij")
    X = np.column_stack([a.ravel() for a in axes])
    y = np.sin(5 * X[:, 0] + 3 * X[:, 1] ** 2)
    half_width = np.full(len(y), 0.05)
    network = selected(X, y, half_width)
    assert network.n_parameters < len(X)
    assert (np.abs(network(X) - y) <= half_width).all()
