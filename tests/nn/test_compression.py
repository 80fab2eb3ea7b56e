"""Networks cut down beside the networks themselves, and beside a look at every path."""

import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from deep_graphs import Graph, dense, norm_layer
from reluctant.nn import compress, factorize

pytest.importorskip("torch_pruning")


def sparsified(module, density, seed):
    """Weights and biases left out at random, and whole units with them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(torch.rand(parameter.shape, generator=generator) < density)
            rows = torch.rand(len(parameter), generator=generator) < 0.7
            parameter.mul_(rows.reshape(-1, *(1 for _ in parameter.shape[1:])))
    return module.eval()


def convolutional(padding=0):
    """Convolutions with a batch normalisation, pooled and flattened into Linear layers, (1, 10, 10) in."""
    side = 3 if padding else 2
    return nn.Sequential(
        nn.Conv2d(1, 5, 3, padding=padding),
        norm_layer(nn.BatchNorm2d, 5),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(5, 4, 2, padding=padding, bias=False),
        norm_layer(nn.BatchNorm2d, 4),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(4 * side**2 if padding else 4, 7),
        nn.ReLU(),
        nn.Linear(7, 3),
    )


def branching():
    """A residual block and a concatenation, (2, 8) in."""
    return Graph(
        ("stem", nn.Conv1d(2, 6, 3, padding=1), ("x",)),
        ("r0", nn.ReLU(), ("stem",)),
        ("a", nn.Conv1d(6, 5, 3, padding=1), ("r0",)),
        ("n", norm_layer(nn.BatchNorm1d, 5), ("a",)),
        ("r1", nn.ReLU(), ("n",)),
        ("b", nn.Conv1d(5, 6, 1), ("r1",)),
        ("s", "add", ("b", "r0")),
        ("r2", nn.ReLU(), ("s",)),
        ("c", nn.Conv1d(2, 4, 1), ("x",)),
        ("r3", nn.ReLU(), ("c",)),
        ("cat", "cat", ("r2", "r3")),
        ("d", nn.Conv1d(10, 5, 1), ("cat",)),
        ("r4", nn.ReLU(), ("d",)),
        ("pool", nn.AdaptiveAvgPool1d(1), ("r4",)),
        ("f", nn.Flatten(), ("pool",)),
        ("out", nn.Linear(5, 2), ("f",)),
    )


NETWORKS = {
    "chain": (lambda: dense(6, 8, 7, 3)[0], (6,)),
    "convolutional": (convolutional, (1, 10, 10)),
    "padded": (lambda: convolutional(padding=1), (1, 10, 10)),
    "branching": (branching, (2, 8)),
}


def check_outputs_stay_and_what_is_left_is_in_use(name, density, seed):
    make, shape = NETWORKS[name]
    torch.manual_seed(seed)
    module, X = sparsified(make(), density, seed), torch.randn(9, *shape)
    state = {key: value.clone() for key, value in module.state_dict().items()}
    found = compress(module, X[:2])
    torch.testing.assert_close(found.module(X), module(X), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert found.after.effective_nonzeros == found.before.effective_nonzeros <= found.after.nonzeros
    again = compress(found.module, X[:2])
    assert not again.removed
    assert again.after.nonzeros <= found.after.nonzeros  # weights of a last unit that had to stay may go then
    return sum(found.removed.values())


@pytest.mark.parametrize(
    ("name", "density", "seed"),
    [
        ("chain", 0.5, 1),
        ("convolutional", 0.5, 1),
        ("padded", 0.6, 3),  # a batch normalisation that multiplies by zero and adds a constant
        ("branching", 0.5, 1),
        ("branching", 0.5, 2),  # a layer of which nothing is in use
    ],
)
def test_outputs_stay_and_what_is_left_is_in_use(name, density, seed):
    assert check_outputs_stay_and_what_is_left_is_in_use(name, density, seed) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_stay_and_what_is_left_is_in_use_of_many(name):
    for seed in range(60):
        print(name, seed)
        check_outputs_stay_and_what_is_left_is_in_use(name, 0.1 + 0.8 * (seed / 60), seed)


@settings(max_examples=15, deadline=None)
@given(
    widths=st.lists(st.integers(1, 6), min_size=3, max_size=5),
    density=st.floats(0.1, 0.9),
    seed=st.integers(0, 2**31 - 1),
)
def test_effective_nonzeros_and_what_is_left_of_a_chain_are_those_of_boolean_matrices(widths, density, seed):
    torch.manual_seed(seed)
    module, _ = dense(*widths)
    found = compress(sparsified(module, density, seed), torch.randn(4, widths[0]))
    masks = [(layer.weight != 0).numpy() for layer in module.modules() if isinstance(layer, nn.Linear)]
    fed, used = [np.ones(widths[0], bool)], [np.ones(widths[-1], bool)]
    for mask in masks:
        fed.append((mask & fed[-1]).any(axis=1))
    for mask in masks[::-1]:
        used.insert(0, (mask & used[0][:, None]).any(axis=0))
    effective = sum(int((mask & f & u[:, None]).sum()) for mask, f, u in zip(masks, fed, used[1:]))
    assert found.before.effective_nonzeros == effective
    assert found.before.nonzeros == sum(int(mask.sum()) for mask in masks)
    left = [int((f & u).sum()) for f, u in zip(fed[1:-1], used[1:-1])]
    got = [layer.out_features for layer in found.module.modules() if isinstance(layer, nn.Linear)][:-1]
    assert got == [max(1, n) for n in left]


def test_constants_are_folded_where_padding_does_not_cut_them_off():
    def network(padding):
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(1, 3, 1),
            nn.ReLU(),
            nn.Conv2d(3, 2, 3, padding=padding),
            nn.ReLU(),
            nn.Flatten(),
            nn.LazyLinear(1),
        )
        module(torch.zeros(1, 1, 6, 6))
        with torch.no_grad():
            module[0].weight[1] = 0.0
            module[0].bias[1] = 2.0
        return module

    X = torch.rand(3, 1, 6, 6)
    assert compress(network(0), X).removed == {"0": 1}
    assert compress(network(1), X).removed == {}
    folded, plain = compress(network(0), X).module, network(0)
    expected = plain[2].bias + 2.0 * plain[2].weight[:, 1].sum(dim=(1, 2))
    torch.testing.assert_close(folded[2].bias, expected)


def test_a_layer_without_bias_gets_one_for_a_constant_and_a_dead_network_keeps_one_unit():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 1))
    torch.manual_seed(0)
    with torch.no_grad():
        module[0].weight.zero_()
        module[0].bias.fill_(1.0)
    module[4].weight.requires_grad_(False)
    module.train()
    found = compress(module, torch.rand(2, 3))
    assert [found.module[k].out_features for k in (0, 2, 4)] == [1, 1, 1]
    assert found.before.effective_nonzeros == 0
    assert found.module.training
    assert [q.requires_grad for q in found.module[4].parameters()] == [False, True]
    torch.testing.assert_close(found.module(torch.rand(2, 3)), module(torch.rand(2, 3)))


def test_the_smaller_module_can_be_exported(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    module, X = sparsified(convolutional(), 0.5, 3), torch.randn(4, 1, 10, 10)
    small = compress(module, X).module
    exported = torch.export.export(small, (X,)).module()
    torch.testing.assert_close(exported(X), module(X), rtol=1e-5, atol=1e-5)
    file = tmp_path / "small.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer way wants onnxscript
        torch.onnx.export(small, (X,), file, dynamo=False)
    (found,) = onnxruntime.InferenceSession(file).run(None, {"input.1": X.numpy()})
    np.testing.assert_allclose(found, module(X).detach(), rtol=1e-4, atol=1e-5)


def test_the_report_counts_and_says_what_zeros_do_not_do():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    torch.manual_seed(0)
    with torch.no_grad():
        module[2].weight[:, 1] = 0.0
        module[0].weight[2, :2] = 0.0
    found = compress(module, torch.rand(10, 3))
    assert (found.before.parameters, found.before.nonzeros, found.before.effective_nonzeros) == (26, 16, 13)
    assert (found.after.parameters, found.after.nonzeros, found.after.effective_nonzeros) == (20, 13, 13)
    assert (found.before.flops, found.after.flops) == (2 * (12 + 8), 2 * (9 + 6))
    assert found.before.latency > 0 < found.after.latency
    text = str(found)
    assert "1 of 0" in text
    assert "they make nothing faster in PyTorch" in text


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)

    def forward(self, x):
        return self.a(torch.relu(self.a(x)))


def pair():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))


def factorised():
    module = pair()
    factorize(module)
    return module


def tied():
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    module[2].weight = module[0].weight
    return module


@pytest.mark.parametrize(
    ("module", "example", "message"),
    [
        (pair(), torch.zeros(2, 4), "does not fit the module"),
        (pair(), [torch.zeros(2, 3)] * 2, "example must be 1 tensor"),
        (pair().double(), torch.zeros(2, 3), "example does not fit the module"),
        (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1)), torch.zeros(2, 3), "LayerNorm at 1 is"),
        (Twice(), torch.zeros(2, 3), "layer a is called 2 times"),
        (factorised(), torch.zeros(2, 3), "the weights of 0 are parametrised; remove that first"),
        (tied(), torch.zeros(2, 3), r"0\.weight and 2\.weight are one shared parameter"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), torch.zeros(2, 3), "the weights of Parametrized"),
        (pair(), None, "example must be 1 tensor"),
        (pair(), torch.zeros(0, 3), "example needs at least one row"),
        (pair(), torch.full((2, 3), torch.nan), "example has an entry that is not finite"),
        ("module", torch.zeros(2, 3), r"module must be a torch\.nn\.Module, got str"),
    ],
)
def test_what_cannot_be_cut_is_refused(module, example, message):
    with pytest.raises(ValueError, match=message):
        compress(module, example)


def test_without_torch_pruning_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "reluctant\[compress\]"'):
        compress(pair(), torch.zeros(2, 3))
