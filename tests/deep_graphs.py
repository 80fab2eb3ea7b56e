"""Small networks written down as graphs, as modules and unit by unit."""

import itertools
from collections import defaultdict

import torch
from torch import nn


class Graph(nn.Module):
    """Steps (name, what, inputs) in order: what is a layer, "add" or "cat"; "x" is the input, the last step the output.

    Steps are layers of their own, so a graph is traced like any module.
    """

    def __init__(self, *steps):
        super().__init__()
        self.layers = nn.ModuleDict({name: what for name, what, _ in steps if isinstance(what, nn.Module)})
        self.steps = [(name, what if isinstance(what, str) else None, inputs) for name, what, inputs in steps]

    def forward(self, x):
        values = {"x": x}
        for name, what, inputs in self.steps:
            given = [values[i] for i in inputs]
            if what is None:
                values[name] = self.layers[name](*given)
            else:
                values[name] = torch.cat(given, dim=1) if what == "cat" else given[0] + given[1]
        return values[name]


def unit_edges(module, shape):
    """Edges (from, to, weight) between units (step, index), biases (to, b), units that rectify, and the output units.

    What a layer makes of each unit vector and of zero is looked at; a maximum has edges of weight 1 from all it sees.
    """
    module = module.double().eval()
    edges, biases, rectifies, sizes, size = defaultdict(list), [], set(), {"x": shape}, 0
    for name, what, inputs in module.steps:
        if what is not None:
            offset = 0
            for i in inputs:
                size = torch.Size(sizes[i]).numel()
                for j in range(size):
                    edges[i, j].append(((name, j + offset), 1.0))
                offset += size if what == "cat" else 0
            sizes[name] = sizes[inputs[0]]
            if what == "cat":
                sizes[name] = (sum(sizes[i][0] for i in inputs), *sizes[inputs[0]][1:])
            continue
        layer, (source,) = module.layers[name], inputs
        size = torch.Size(sizes[source]).numel()
        units = torch.eye(size, dtype=torch.float64).reshape(size, *sizes[source])
        with torch.no_grad():
            if "Max" in type(layer).__name__:
                zero = layer(-torch.ones_like(units[:1])).flatten()
                columns = layer(units - 1)
                rectifies |= {(name, k) for k in range(zero.numel())}
                zero_bias = torch.zeros_like(zero)
            else:
                zero = zero_bias = layer(torch.zeros_like(units[:1])).flatten()
                columns = layer(units)
                if isinstance(layer, nn.ReLU):
                    rectifies |= {(name, k) for k in range(zero.numel())}
        sizes[name] = columns.shape[1:]
        weights = columns.flatten(1) - zero
        for j, k in torch.nonzero(weights).tolist():
            edges[source, j].append(((name, k), float(weights[j, k])))
        biases += [((name, k), float(b)) for k, b in enumerate(zero_bias.tolist()) if b]
    n_outputs = torch.Size(sizes[name]).numel()
    return edges, biases, rectifies, {(name, k) for k in range(n_outputs)}


def paths(module, shape, bias=True):
    """Every path that passes a rectifier, as the product of the weights on it: from an input, or from a bias."""
    edges, biases, rectifies, outputs = unit_edges(module, shape)

    def onward(unit, product, rectified):
        rectified = rectified or unit in rectifies
        if unit in outputs:
            if rectified:
                yield product
            return
        for then, weight in edges[unit]:
            yield from onward(then, product * weight, rectified)

    starts = [(("x", j), 1.0) for j in range(torch.Size(shape).numel())] + (biases if bias else [])
    return list(itertools.chain.from_iterable(onward(unit, value, False) for unit, value in starts))


def norm_layer(kind, n):
    """A batch normalisation with statistics that do something."""
    layer = kind(n)
    for values, low, high in ((layer.running_var, 0.5, 2.0), (layer.running_mean, -1, 1), (layer.weight.data, 0.5, 2)):
        values.uniform_(low, high)
    layer.bias.data.uniform_(-1, 1)
    return layer.eval()


def convolutional():
    """A chain of two dimensions with every kind of pooling, (2, 5, 5) in."""
    names = ("conv", "relu", "max", "norm", "conv2", "relu2", "mean", "drop", "flat", "fc")
    layers = (
        nn.Conv2d(2, 3, 2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        norm_layer(nn.BatchNorm2d, 3),
        nn.Conv2d(3, 2, 2, groups=1),
        nn.ReLU(),
        nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(32, 2),
    )
    return Graph(*((n, layer, (before,)) for n, layer, before in zip(names, layers, ("x", *names)))), (2, 5, 5)


def residual():
    """One dimension: a sum, a concatenation, a skip connection around every ReLU, (2, 6) in."""
    return (
        Graph(
            ("a", nn.Conv1d(2, 2, 3, padding=1), ("x",)),
            ("r", nn.ReLU(), ("a",)),
            ("b", nn.Conv1d(2, 2, 3, padding=1, bias=False), ("r",)),
            ("n", norm_layer(nn.BatchNorm1d, 2), ("b",)),
            ("s", "add", ("n", "x")),
            ("r2", nn.ReLU(), ("s",)),
            ("m", nn.AdaptiveMaxPool1d(3), ("x",)),
            ("g", nn.AdaptiveAvgPool1d(4), ("r2",)),
            ("p", nn.AvgPool1d(2, stride=1), ("g",)),
            ("c", "cat", ("m", "p")),
            ("f", nn.Flatten(), ("c",)),
            ("out", nn.Linear(12, 1), ("f",)),
        ),
        (2, 6),
    )


def dense(*widths):
    """A chain of Linear and ReLU."""
    steps, before = [], "x"
    for k, (a, b) in enumerate(itertools.pairwise(widths)):
        steps.append((f"fc{k}", nn.Linear(a, b), (before,)))
        steps.append((f"relu{k}", nn.ReLU(), (f"fc{k}",)))
        before = f"relu{k}"
    return Graph(*steps[:-1]), (widths[0],)
