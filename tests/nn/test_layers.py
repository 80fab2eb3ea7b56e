"""Which layers of a module are pairs, and what is said where there are none."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reluctant.nn import PathNorm, layer_pairs, path_norm


class UsedInAnotherOrder(nn.Module):
    def __init__(self):
        super().__init__()
        self.output, self.hidden = nn.Linear(4, 1), nn.Linear(2, 4)

    def forward(self, x):
        return self.output(F.relu(self.hidden(x)))


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        h = self.a(x).relu()
        return self.b(h) + h


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 4))

    def forward(self, x):
        return self.trunk(x) if x.sum() > 0 else x


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.relu(self.a(x)))))


class Encoder(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, activation=activation, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        return self.head(self.layer(x))


def names(module):
    return [pair.name for pair in layer_pairs(module)]


def test_pairs_are_found_by_use_and_not_by_order_of_registration():
    assert names(UsedInAnotherOrder()) == ["hidden -> output"]
    assert names(Branching()) == ["trunk.0 -> trunk.3"]
    deep = nn.Sequential(
        nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1)
    )
    assert names(deep) == ["0 -> 2", "4 -> 6"]


def test_a_compiled_module_is_searched_inside():
    assert names(torch.compile(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)))) == ["0 -> 2"]


def test_hidden_layers_that_rescaling_would_change_are_not_pairs():
    with pytest.raises(ValueError, match="no Linear -> ReLU -> Linear"):
        layer_pairs(Skipping())
    with pytest.raises(ValueError, match="called 2 times"):
        layer_pairs(Twice())


def sequence(*between):
    return nn.Sequential(nn.Linear(4, 4), *between, nn.Linear(4, 1))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (sequence(nn.GELU()), "found Linear -> GELU -> Linear at 0, 2; a hidden layer must feed its ReLU"),
        (sequence(nn.LeakyReLU(), nn.Dropout()), "found Linear -> LeakyReLU -> Dropout -> Linear at 0, 3"),
        (sequence(nn.Flatten(), nn.ReLU()), "found Linear -> Flatten -> ReLU -> Linear at 0, 3"),
        (sequence(), "found Linear -> Linear at 0, 1"),
        (Skipping(), "found Linear -> ReLU, which feeds 2 steps, at a"),
        (sequence(nn.BatchNorm1d(4), nn.ReLU()), "the BatchNorm1d at 1 undoes every rescaling of the Linear before it"),
        (Encoder("relu"), r"found TransformerEncoderLayer at layer, .* pairs=\[\('layer.linear1', 'layer.linear2'\)\]"),
        (Encoder("relu").layer, r"found TransformerEncoderLayer, .* pairs=\[\('linear1', 'linear2'\)\]"),
        (Encoder("gelu"), "has the activation gelu; build it with activation='relu'"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), "found no Linear, but 1 convolution, which have no path norm"),
        (nn.Linear(2, 3), "found a single Linear"),
        (nn.ModuleList([nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]), "found Linear at 0, 2 in a forward pass that"),
        (nn.ReLU(), "found no Linear$"),
    ],
)
def test_a_refusal_says_what_was_found(module, message):
    with pytest.raises(ValueError, match=f"no Linear -> ReLU -> Linear; .*{message}"):
        layer_pairs(module)


def test_the_pair_that_the_refusal_of_an_encoder_names_is_taken_and_has_the_norm_of_its_layers():
    module = Encoder("relu").double()
    pairs = [("layer.linear1", module.layer.linear2)]
    w, b = module.layer.linear1.weight.detach(), module.layer.linear1.bias.detach()
    v = module.layer.linear2.weight.detach()
    expected = sum(
        float((v[:, k].abs() ** 0.5).sum() * ((w[k].abs() ** 0.5).sum() + b[k].abs() ** 0.5)) for k in range(8)
    )
    assert path_norm(module, 0.5, pairs=pairs) == pytest.approx(expected, rel=1e-12)
    assert PathNorm(0.5, smoothing=0.0, pairs=pairs)(module).item() == pytest.approx(expected, rel=1e-12)
    assert path_norm(module, 0, pairs=pairs) == v.numel() * 5


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "pairs must be a list of pairs"),
        ("02", "pairs must be a list of pairs"),
        ([("0",)], "pairs must be a list of pairs"),
        ([("0", "7")], "must name Linear layers of Sequential, got '7'"),
        ([("0", "1")], "must name Linear layers of Sequential, got '1'"),
        ([("0", nn.Linear(3, 1))], "must name Linear layers of Sequential, got Linear"),
        ([("0", 3)], "must name Linear layers of Sequential, got int"),
        ([("2", "0")], "pairs has 2 -> 0, but 1 outputs do not meet 2 inputs"),
        ([("0", "0")], "pairs has 0 -> 0"),
        ([("0", "2"), ("0", "2")], "names one hidden layer twice"),
    ],
)
def test_pairs_that_are_none_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        layer_pairs(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), pairs=pairs)


def test_convolutions_beside_a_pair_are_said_once_and_not_where_pairs_are_named():
    def network():
        return nn.Sequential(
            nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1), nn.ConvTranspose1d(1, 1, 1)
        )

    module = network()
    with pytest.warns(UserWarning, match="convolutions are not penalised, .*: 0, 5 stay as they are"):
        PathNorm(0.5)(module)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PathNorm(0.5)(module)
        path_norm(network(), 0.5, pairs=[("2", "4")])
