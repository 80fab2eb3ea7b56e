"""Deep networks of one input beside the module itself, and beside kinks known from their construction."""

import numpy as np
import pytest
import torch
from torch import nn

from reluctant.nn import to_piecewise_linear


class Residual(nn.Module):
    """Additions, a concatenation, functional ReLUs and a factor."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(1, width), nn.Linear(width, width), nn.Linear(2 * width + 1, 1)

    def forward(self, x):
        h = torch.relu(self.first(x))
        g = nn.functional.relu(self.second(h) + 0.5 * h)
        return self.last(torch.cat([g - h, h, x], dim=1)).relu()


def deep(*widths, dtype=torch.float32):
    layers = [nn.Linear(1, widths[0])]
    for a, b in zip(widths, [*widths[1:], 1]):
        layers += [nn.ReLU(), nn.Linear(a, b)]
    return nn.Sequential(*layers).to(dtype)


def tent(depth):
    """The sawtooth with 2^depth links: three ReLUs in the first layer of each tent (Telgarsky 2016)."""
    layers = []
    for _ in range(depth):
        first, second = nn.Linear(1, 3), nn.Linear(3, 1, bias=False)
        with torch.no_grad():
            first.weight.copy_(torch.ones(3, 1))
            first.bias.copy_(torch.tensor([0.0, -0.5, -1.0]))
            second.weight.copy_(torch.tensor([[2.0, -4.0, 2.0]]))
        layers += [first, nn.ReLU(), second]
    return nn.Sequential(*layers).double()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "make", [lambda: deep(8), lambda: deep(10, 10, 10), lambda: Residual(9), lambda: deep(20, 5, 20)]
)
def test_the_function_is_that_of_the_module_and_its_knots_are_where_the_slope_changes(make, seed):
    torch.manual_seed(seed)
    module = make()
    f = to_piecewise_linear(module, -3.0, 4.0)
    x = np.sort(np.append(np.linspace(-3, 4, 20_001), f.knots))
    exact = module.double()(torch.from_numpy(x)[:, None]).detach().numpy()[:, 0]
    size = np.abs(exact).max()
    np.testing.assert_allclose(f(x), exact, rtol=0, atol=1e-12 * size)
    assert ((f.knots > -3) & (f.knots < 4)).all()
    assert (f.slope_changes != 0).all()
    bends = np.abs(np.diff(exact, 2)) / np.diff(x)[:-1].clip(1e-4)
    for row in np.flatnonzero(bends > 1e-5 * np.abs(f.slopes).max()):
        assert ((f.knots >= x[row] - 1e-9) & (f.knots <= x[row + 2] + 1e-9)).any()
    np.testing.assert_allclose(f.to_network()(x), exact, rtol=0, atol=1e-10 * size)


@pytest.mark.parametrize("depth", [1, 3, 7])
def test_the_sawtooth_has_a_knot_for_every_tooth(depth):
    f = to_piecewise_linear(tent(depth), 0.0, 1.0)
    np.testing.assert_array_equal(f.knots, np.arange(1, 2**depth) / 2**depth)
    np.testing.assert_array_equal(np.abs(f.slopes), 2.0**depth)
    assert to_piecewise_linear(tent(depth), -1.0, 2.0).n_knots == 2**depth + 1


def test_kinks_that_cancel_are_no_knots_and_dead_neurons_neither():
    module = nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
        module[0].bias.copy_(torch.tensor([-0.5, 0.5, -1.0]))
        module[2].weight.copy_(torch.tensor([[2.0, -2.0, 5.0]]))
    f = to_piecewise_linear(module, -1, 1)
    assert f.n_knots == 0
    assert f.slopes[0] == pytest.approx(2.0)


def test_evaluation_mode_counts_and_the_module_stays_as_it_is():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(1, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6, 1))
    module(torch.randn(50, 1))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    f = to_piecewise_linear(module, -2, 2)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    x = np.linspace(-2, 2, 101)
    exact = module.double().eval()(torch.from_numpy(x)[:, None]).detach().numpy()[:, 0]
    np.testing.assert_allclose(f(x), exact, rtol=0, atol=1e-12)


def test_a_module_of_a_single_layer_is_its_own_function():
    line = nn.Linear(1, 1).double()
    f = to_piecewise_linear(line, -1, 1)
    assert len(f.knots) == 0
    assert f(0.5) == pytest.approx(line(torch.tensor([0.5], dtype=torch.float64)).item(), abs=1e-12)
    assert to_piecewise_linear(nn.ReLU(), -1, 1).knots == pytest.approx([0.0])


def test_what_is_not_known_to_be_piecewise_linear_is_named():
    broken = deep(3)
    nn.init.constant_(broken[0].bias, torch.inf)
    for module, message in (
        (nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)), "Tanh at 1 is not known to be piecewise linear"),
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), "module does not take one input, a column"),
        (nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 2)), "module has 2 outputs; give one of one output"),
        (
            nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3, track_running_stats=False)),
            "BatchNorm1d at 1 is not known",
        ),
        (broken, "0.bias is NaN or infinite"),
        (5, r"module must be a torch\.nn\.Module, got int"),
    ):
        with pytest.raises(ValueError, match=message):
            to_piecewise_linear(module, 0, 1)
    with pytest.raises(ValueError, match="low must be less than high, got low = 1 and high = 1"):
        to_piecewise_linear(deep(3), 1, 1)
    with pytest.raises(ValueError, match="high must be a finite number"):
        to_piecewise_linear(deep(3), 0, np.inf)

    class Square(nn.Module):
        def forward(self, x):
            return x * x

    with pytest.raises(ValueError, match="mul at mul is not known to be piecewise linear"):
        to_piecewise_linear(Square(), 0, 1)
