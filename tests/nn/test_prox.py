"""Proximal maps beside brute-force minimisation on a grid."""

import numpy as np
import pytest
import torch

from reluctant.nn.prox import prox_power, prox_power_


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 2 / 3, 0.8, 0.99, 1.0])
def test_prox_equals_minimisation_over_a_grid(p):
    rng = np.random.default_rng(0)
    for u, tau in zip(rng.uniform(-3, 3, 40), rng.uniform(0.01, 1.5, 40)):
        grid = np.append(np.linspace(0, abs(u), 200_001), 0.0)
        cost = 0.5 * (grid - abs(u)) ** 2 + tau * grid**p
        x = float(prox_power(torch.tensor([u], dtype=torch.float64), float(tau), p))
        value = 0.5 * (abs(x) - abs(u)) ** 2 + tau * abs(x) ** p
        assert value <= cost.min() + 1e-14
        assert value >= cost.min() - 1e-9
        assert x == 0 or np.sign(x) == np.sign(u)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 2 / 3, 0.9, 1.0])
def test_the_compiled_map_equals_minimisation_over_a_grid_and_the_one_on_tensors(p, dtype):
    rng = np.random.default_rng(1)
    u = torch.from_numpy(np.append(rng.uniform(-3, 3, 59), [0.0])).to(dtype).reshape(6, 10)
    tau = torch.from_numpy(np.append(rng.uniform(0.01, 1.5, 58), [0.0, 0.0])).to(dtype).reshape(6, 10)
    x = u.clone()
    prox_power_(x.T, tau.T, p)  # any layout
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(x, prox_power(u, tau, p), rtol=20 * eps, atol=0)
    for size, t, found in zip(*(a.abs().double().numpy().ravel() for a in (u, tau, x))):
        grid = np.linspace(0, size, 100_001)
        cost = 0.5 * (grid - size) ** 2 + t * np.where(grid > 0, grid**p, 0.0)
        assert 0.5 * (found - size) ** 2 + t * (found**p if found else 0.0) <= cost.min() + 10 * eps
    assert (x == 0).any()
    assert (x != 0).any()
    assert bool(torch.isnan(_of_nan(p)).all())


def _of_nan(p):
    u = torch.full((1, 2), torch.nan)
    prox_power_(u, torch.ones(1, 2), p)
    return u


@pytest.mark.parametrize("p", [0.5, 2 / 3])
def test_closed_forms_equal_newton(p):
    u = torch.logspace(-8, 8, 400, dtype=torch.float64)
    closed, newton = prox_power(u, 0.3, p), prox_power(u, 0.3, p + 1e-13)
    torch.testing.assert_close(closed, newton, rtol=1e-10, atol=0)


@pytest.mark.parametrize("p", [0.3, 0.5, 2 / 3])
def test_single_precision_agrees_with_double(p):
    u = torch.logspace(-6, 6, 300)
    torch.testing.assert_close(prox_power(u, 1e-3, p).double(), prox_power(u.double(), 1e-3, p), rtol=2e-6, atol=0)


def test_jump_is_where_theory_puts_it():
    p, tau = 0.4, 0.7
    jump = (2 - p) / (2 * (1 - p)) * (2 * tau * (1 - p)) ** (1 / (2 - p))
    below, above = prox_power(torch.tensor([jump * (1 - 1e-9), jump * (1 + 1e-9)], dtype=torch.float64), tau, p)
    assert below == 0
    assert float(above) == pytest.approx((2 * tau * (1 - p)) ** (1 / (2 - p)), rel=1e-6)


def test_no_weight_no_change_and_zero_stays_zero():
    u = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    for p in (0.3, 0.5, 2 / 3, 1.0):
        assert torch.equal(prox_power(u, 0.0, p), u)
