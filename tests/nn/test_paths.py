"""The path norm of deep graphs beside a walk along every path, and what must not change it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from deep_graphs import convolutional, dense, paths, residual
from reluctant.model.network import ReLUNetwork
from reluctant.nn import OneHiddenLayer, path_norm

MAKERS = {"dense": lambda: dense(3, 4, 3, 2), "convolutional": convolutional, "residual": residual}


def made(name, seed=0):
    torch.manual_seed(seed)
    module, shape = MAKERS[name]()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(torch.rand_like(parameter) > 0.2)  # some zeros
    return module.double().eval(), shape


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", MAKERS)
def test_the_norm_is_the_sum_over_all_paths(name, bias):
    module, shape = made(name)
    products = paths(module, shape, bias)
    example = torch.empty(1, *shape)
    for p in (0.3, 0.5, 1):
        expected = math.fsum(abs(u) ** p for u in products)
        assert path_norm(module, p, bias, example=example) == pytest.approx(expected, rel=1e-12)
    assert path_norm(module, 0, bias, example=example) == sum(u != 0 for u in products)


@settings(max_examples=30, deadline=None)
@given(
    widths=st.lists(st.integers(1, 4), min_size=3, max_size=6),
    seed=st.integers(0, 2**32 - 1),
    p=st.one_of(st.just(0), st.floats(0.05, 1)),
    bias=st.booleans(),
)
def test_the_norm_of_any_chain_is_the_sum_over_all_paths(widths, seed, p, bias):
    torch.manual_seed(seed)
    module, shape = dense(*widths)
    expected = math.fsum(abs(u) ** p for u in paths(module, shape, bias))
    assert path_norm(module, p, bias) == pytest.approx(expected, rel=1e-12)


RESCALED = {
    "dense": [("fc0", None, "fc1"), ("fc1", None, "fc2")],
    "convolutional": [("conv", None, "norm"), ("conv2", None, "fc")],
    "residual": [("a", None, "b")],
}


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(sorted(MAKERS)), seed=st.integers(0, 2**32 - 1))
def test_rescaling_a_neuron_or_channel_changes_nothing(name, seed):
    module, shape = made(name, seed)
    example, generator = torch.rand(3, *shape, dtype=torch.float64), torch.Generator().manual_seed(seed)
    norms, outputs = [path_norm(module, p, example=example) for p in (0, 0.5, 1)], module(example)
    with torch.no_grad():
        for first, _, then in RESCALED[name]:
            before, after = module.layers[first], module.layers[then]
            scale = torch.exp(2 * torch.randn(len(before.weight), generator=generator, dtype=torch.float64))
            before.weight.mul_(scale.reshape(-1, *(1 for _ in before.weight.shape[1:])))
            before.bias.mul_(scale)
            if isinstance(after, nn.BatchNorm2d):
                after.running_mean.mul_(scale)
                after.weight.div_(scale)
            elif after.weight.shape[1] > len(scale):  # behind a Flatten
                after.weight.div_(scale.repeat_interleave(after.weight.shape[1] // len(scale)))
            else:
                after.weight.div_(scale.reshape(-1, *(1 for _ in after.weight.shape[2:])))
    torch.testing.assert_close(module(example), outputs)
    assert [path_norm(module, p, example=example) for p in (0, 0.5, 1)] == pytest.approx(norms, rel=1e-12)


@pytest.mark.parametrize("bias", [None, True, False])
@pytest.mark.parametrize("d", [1, 3])
def test_one_hidden_layer_has_the_norm_of_its_network_and_an_affine_part_costs_nothing(d, bias):
    torch.manual_seed(0)
    module = OneHiddenLayer(d, 5, 2, affine=True).double()
    nn.init.normal_(module.skip.weight)
    nn.init.normal_(module.output.bias)
    hidden, output = module.hidden, module.output
    network = ReLUNetwork(*(q.detach().numpy() for q in (hidden.weight, hidden.bias, output.weight.T)))
    for p in (0, 0.5, 1):
        assert path_norm(module, p, bias) == pytest.approx(network.path_norm(p, bias), rel=1e-13)


class Functional(nn.Module):
    """The residual graph in functions and methods, with factors."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Conv1d(2, 2, 3, padding=1), nn.Conv1d(2, 2, 3, padding=1), nn.Linear(10, 1)
        self.shift = nn.Parameter(torch.rand(2, 1))

    def forward(self, x):
        h = F.relu(self.a(x)) + self.shift
        h = torch.relu(2 * self.b(F.dropout(h, 0.5, self.training)) - x / 4)
        pooled = torch.cat([F.max_pool1d(x, 2), F.avg_pool1d(h, 3, 2)], dim=2)
        return self.out(pooled.view(x.size(0), -1)).squeeze(1) + h.mean(dim=(1, 2))


class Layered(nn.Module):
    """The same with a layer for every step; what they do is checked beside the functions."""

    def __init__(self, like):
        super().__init__()
        self.like = like
        self.shift, self.twice, self.quarter = (nn.Conv1d(2, 2, 1).double() for _ in range(3))
        self.mean = nn.Linear(12, 1, bias=False).double()
        for layer, factor in ((self.shift, 1.0), (self.twice, 2.0), (self.quarter, -0.25)):
            layer.weight.data.copy_(factor * torch.eye(2)[:, :, None])
            layer.bias.data.zero_()
        self.shift.bias.data.copy_(like.shift[:, 0])
        self.mean.weight.data.fill_(1 / 12)
        self.relu, self.flat, self.max, self.avg = nn.ReLU(), nn.Flatten(), nn.MaxPool1d(2), nn.AvgPool1d(3, 2)

    def forward(self, x):
        h = self.shift(self.relu(self.like.a(x)))
        h = self.relu(self.twice(self.like.b(h)) + self.quarter(x))
        pooled = torch.cat([self.max(x), self.avg(h)], dim=2)
        return (self.like.out(self.flat(pooled)) + self.mean(self.flat(h))).squeeze(1)


def test_functions_and_methods_count_as_the_layers_that_do_the_same():
    torch.manual_seed(0)
    plain = Functional().double()
    layered, example = Layered(plain).double().eval(), torch.rand(4, 2, 6, dtype=torch.float64)
    torch.testing.assert_close(plain.eval()(example), layered(example))
    plain.train()
    for p in (0, 0.4, 1):
        assert path_norm(plain, p, example=example) == pytest.approx(path_norm(layered, p, example=example), rel=1e-12)
    assert plain.training


def test_what_an_in_place_relu_overwrites_is_read_rectified():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            h = self.a(x)
            return self.b(torch.relu_(h)) + h

    torch.manual_seed(0)
    module = InPlace()
    a, ab, b = module.a.weight.abs().sum(), module.a.bias.abs().sum(), module.b.weight.abs() @ module.a.weight.abs()
    expected = a + ab + b.sum() + (module.b.weight.abs() @ module.a.bias.abs()).sum()
    assert path_norm(module, 1) == pytest.approx(expected.item(), rel=1e-6)


def test_the_function_is_bounded_by_the_norm_for_p_of_one():
    """|f(x) − f(0)| ≤ max |x| · Σ over all paths, the affine ones included [GSG, theorem 5]."""
    torch.manual_seed(3)
    module, _ = dense(4, 6, 5, 1)
    X = torch.rand(200, 4, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        f = module.double()(X) - module(torch.zeros(1, 4, dtype=torch.float64))
    assert float(f.abs().max()) <= path_norm(module, 1, bias=False)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)

    def forward(self, x):
        return torch.relu(self.a(x)) * x


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)

    def forward(self, x):
        return torch.relu(self.a(x)) if x.sum() > 0 else x


class Transposed(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)

    def forward(self, x):
        return torch.relu(self.a(x)).T.sum(dim=1, keepdim=True)[:1]


def tail(*layers):
    return nn.Sequential(nn.Linear(3, 4), *layers, nn.Linear(4, 1))


IMAGE = torch.zeros(1, 1, 6, 6)
REFUSED = [
    (tail(nn.GELU()), None, "GELU at 1 is no part of a ReLU graph"),
    (
        nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))),
        torch.ones(1, 2),
        r"LayerNorm at 1\.1 is",
    ),
    (Gated(), None, "mul at mul is no part"),
    (Branching(), None, "the forward pass of Branching cannot be traced"),
    (Transposed(), None, "T at|getattr|does not keep rows apart"),
    (tail(), None, "module Sequential has no ReLU on the way"),
    (tail(nn.BatchNorm1d(4, track_running_stats=False)), None, "BatchNorm1d at 1 has no running statistics"),
    (
        nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()),
        None,
        "the shape of an input cannot be told .* give an input as example=",
    ),
    (tail(nn.ReLU()), torch.ones(2, 5), r"an input of shape \(5,\) does not fit the module"),
    (tail(nn.ReLU()), [torch.ones(2, 3)] * 2, r"example must be 1 tensor with .* got shape \(2, 3\), shape \(2, 3\)"),
    (tail(nn.ReLU()), torch.tensor(1.0), r"example must be 1 tensor .* got shape \(\)"),
    (tail(nn.ReLU()), "example", "example must be 1 tensor .* got str"),
    (nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2, return_indices=True)), IMAGE, "MaxPool2d at 1 is no part"),
    (nn.Sequential(nn.LazyLinear(3), nn.ReLU()), torch.ones(1, 2), r"0\.weight has no shape yet; run the module once"),
    (5, None, r"module must be a torch\.nn\.Module, got int"),
]


@pytest.mark.parametrize(("module", "example", "message"), REFUSED)
def test_a_refusal_names_what_and_where(module, example, message):
    with pytest.raises(ValueError, match=message):
        path_norm(module, 0.5, example=example)


def test_numbers_that_are_none_are_refused_by_name():
    module = tail(nn.ReLU())
    with pytest.raises(ValueError, match=r"p must be a number in \[0, 1\], got 2"):
        path_norm(module, 2)
    module[2].weight.data[0, 1] = torch.nan
    with pytest.raises(ValueError, match=r"2\.weight is NaN or infinite; go back"):
        path_norm(module, 0.5)
    module = nn.Sequential(*(layer for _ in range(12) for layer in (nn.Linear(1, 1), nn.ReLU())))
    for parameter in module.parameters():
        nn.init.constant_(parameter, 1e38)
    with pytest.raises(ValueError, match="the path norm of Sequential is beyond float64"):
        path_norm(module, 1)
