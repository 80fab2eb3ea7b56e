"""Joining neurons: the theorem as a property, its order, its batches, what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reluctant import ReLUNetwork
from reluctant.nn import ReweightedL1, consolidate, fit_network, path_norm, to_network
from reluctant.nn.consolidation import Crossings, joined


def module_of(w, b, v):
    w, b, v = (torch.as_tensor(np.asarray(a, dtype=float)) for a in (w, b, v))
    module = nn.Sequential(nn.Linear(w.shape[1], len(w)), nn.ReLU(), nn.Linear(len(w), v.shape[1], bias=False)).double()
    with torch.no_grad():
        for weight, value in zip((module[0].weight, module[0].bias, module[2].weight), (w, b, v.T)):
            weight.copy_(value)
    return module


@st.composite
def networks_and_rows(draw):
    """Few directions and binary fractions: gaps are shared, rows lie on kinks exactly, and nothing is rounded."""
    d, m, K, N = (draw(st.integers(1, high)) for high in (3, 2, 9, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = 2.0 ** draw(st.integers(-3, 3))
    X = rng.integers(-3, 4, (N, d)) * scale
    w = rng.integers(-2, 3, (K, d)) / scale
    b = rng.integers(-4, 5, K) / draw(st.sampled_from([1, 2, 4]))
    v = rng.integers(-1, 2, (K, m)) * 2.0 ** rng.integers(-2, 3, (K, 1))
    return X, w, b, v


@settings(max_examples=60, deadline=None)
@given(networks_and_rows())
def test_outputs_at_the_data_stay_and_no_path_norm_rises(given_):
    X, w, b, v = given_
    module = module_of(w, b, v)
    before, norms = module(torch.as_tensor(X)).detach().numpy(), [path_norm(module, p, True) for p in (0, 0.3, 0.5, 1)]
    gone = consolidate(module, X)
    after = module(torch.as_tensor(X)).detach().numpy()
    assert np.array_equal(after, before)
    for p, norm in zip((0, 0.3, 0.5, 1), norms):
        assert path_norm(module, p, True) <= norm * (1 + 1e-12)
    assert len(module[0].weight) == len(w) - gone
    assert consolidate(module, X) == 0  # nothing is left to join: it goes on until then


@settings(max_examples=40, deadline=None)
@given(networks_and_rows())
def test_what_is_joined_and_left_agrees_with_a_look_at_every_pair(given_):
    """Whatever stays is active somewhere, and no two that stay may be joined, decided from the network itself."""
    X, w, b, v = given_
    module = module_of(w, b, v)
    consolidate(module, X)
    w, b, v = (q.detach().numpy() for q in (module[0].weight, module[0].bias, module[2].weight.T))
    z = X @ w.T + b
    assert (z > 0).any(axis=0).all()
    for i in range(len(w)):
        for j in range(i):
            parallel = np.allclose(v[i] / np.abs(v[i]).max(), v[j] / np.abs(v[j]).max(), rtol=1e-12)
            assert not (parallel and (z[:, i] * z[:, j] >= 0).all())


def test_on_the_line_as_many_neurons_stay_as_gaps_sides_and_signs_are_taken():
    rng = np.random.default_rng(0)
    x, K = np.linspace(-1, 1, 7), 60
    w, knots, v = rng.choice([-1.0, 1.0], K) * rng.uniform(0.5, 2, K), rng.uniform(-0.9, 0.9, K), rng.normal(size=K)
    module = module_of(w[:, None], -w * knots, v[:, None])
    consolidate(module, x)
    gaps = np.searchsorted(x, knots)
    assert len(module[0].weight) == len(set(zip(gaps, w > 0, v > 0)))


def test_the_largest_fall_goes_first():
    """Of −1 and 2 beside 1 the opposite weights cancel first, in the coordinate that counts."""
    hinges = np.array([[1.0, 5.0], [-1.0, 5.0], [2.0, 5.0]])
    data = Crossings(np.ones(3, bool), np.zeros((3, 3), bool))
    data.crossed[0, 2] = data.crossed[2, 0] = True
    found = joined(hinges, np.ones((3, 1)), data, p=0.5, n_counted=1, rtol=0.0)
    assert np.count_nonzero(found.keep) == 2
    np.testing.assert_array_equal(np.sort(found.hinges[found.keep][:, 0]), [0.0, 2.0])


def test_a_sum_inherits_what_its_parts_may_not_meet():
    """0 with 1 and 1 with 2 may be joined, 0 with 2 not: only one of the two happens."""
    hinges = np.array([[1.0], [1.0], [1.0]])
    data = Crossings(np.ones(3, bool), np.zeros((3, 3), bool))
    data.crossed[0, 2] = data.crossed[2, 0] = True
    assert np.count_nonzero(joined(hinges, np.ones((3, 1)), data, p=0.5, n_counted=1, rtol=0.0).keep) == 2


def test_neurons_with_tiny_output_weights_are_added_to_large_ones():
    module = module_of([[0.0], [0.0]], [1e-30, 2.0], [[1e-300], [3.0]])
    consolidate(module, [0.0, 1.0])
    assert [float(q.detach().item()) for q in (module[0].bias, module[2].weight)] == [2.0, 3.0]


def test_batches_change_nothing_and_modes_stay():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(500, 2))
    modules = [
        nn.Sequential(nn.Dropout(0.5), module_of(np.ones((30, 2)), np.linspace(-2, 2, 30), np.ones((30, 1))))
        for _ in range(2)
    ]
    modules[0][1].eval()
    gone = [consolidate(module, torch.as_tensor(X), batch_size=size) for module, size in zip(modules, (1000, 7))]
    assert gone[0] == gone[1] >= 0
    for a, b in zip(*(module.parameters() for module in modules)):
        assert torch.equal(a, b)
    assert modules[0].training
    assert not modules[0][1].training


def test_a_deeper_module_keeps_its_outputs_at_the_data():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 1)).double()
    with torch.no_grad():
        module[2].weight.zero_()
        module[2].weight[:, :20] = 1.0  # equal columns: one direction
    X = torch.linspace(-1, 1, 6, dtype=torch.float64)[:, None]
    before = module(X).detach()
    assert consolidate(module, X) > 20
    torch.testing.assert_close(module(X).detach(), before, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("freeze_output", [True, False])
def test_the_wrapper_joins_on_request_and_training_goes_on(freeze_output):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 1)).double()
    x = torch.linspace(-1, 1, 8, dtype=torch.float64)[:, None]
    adam = torch.optim.Adam(module.parameters(), lr=0.01)
    optimizer = ReweightedL1(adam, module, alpha=1e-3, freeze_output=freeze_output)

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (module(x) - x.abs()).square().mean()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    train(30)
    before = module(x).detach()
    gone = optimizer.consolidate(x)
    torch.testing.assert_close(module(x).detach(), before, rtol=1e-12, atol=1e-13)
    assert gone > 10
    assert len(module[0].weight) == 40 - gone
    assert all(len(adam.state[weight]["exp_avg"]) == len(weight) for weight in (module[0].weight, module[0].bias))
    assert train(300) < 1e-2


def test_fit_network_joins_neurons_on_the_way():
    x = np.sort(np.random.default_rng(0).uniform(-1, 1, 12))
    run = fit_network(x, np.abs(x), alpha=1e-6, epochs=40, batch_size=None, n_neurons=60)
    sizes = [record.n_neurons for record in run.history]
    assert sizes[21] < 0.8 * sizes[20]  # after the 22nd of 40 epochs
    assert run.history[22].training_loss < 1.5 * run.history[21].training_loss


def test_what_does_not_fit_is_refused_before_anything_changes():
    module = module_of(np.ones((3, 2)), np.zeros(3), np.ones((3, 1)))
    with pytest.raises(ValueError, match="X has NaN at row 1"):
        consolidate(module, [[0.0, 1.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match=r"X has rows of shape \(3,\), which do not fit the module"):
        consolidate(module, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"X .*'left'.* at row 0"):
        consolidate(module, [["left", "right"]])
    with pytest.raises(ValueError, match="X needs at least one row"):
        consolidate(module, np.zeros((0, 2)))
    with pytest.raises(ValueError, match=r"p must be a number in \[0, 1\]"):
        consolidate(module, np.zeros((4, 2)), p=2)
    assert len(module[0].weight) == 3
    broken = module_of(np.full((2, 2), np.nan), np.zeros(2), np.ones((2, 1)))
    with pytest.raises(ValueError, match="a weight of 0 -> 2 is NaN or infinite"):
        consolidate(broken, np.zeros((4, 2)))
    assert to_network(module).isclose(ReLUNetwork([[1.0, 1.0]], [0.0], [3.0]), rtol=1e-12)
