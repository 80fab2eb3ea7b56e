"""Deletion and refit layer by layer, beside least squares written out and beside one deletion after the other."""

import itertools

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from reluctant.nn import Refit, prune_head, prune_layerwise
from reluctant.nn.layerwise import _Job
from reluctant.nn.unit_curvature import deletion_costs

NOTHING = Refit(epochs=0)


def chain(*widths, seed=0, bias=True):
    torch.manual_seed(seed)
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b, bias=bias), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def correlated(n, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator) @ torch.randn(d, d, generator=generator)


def nonzeros(module):
    return sum(int(torch.count_nonzero(q)) for q in module.parameters() if q.dim() > 1)


def least_squares_after(H, w, gone):
    """½ (w − v)ᵀ H (w − v) at its least over v that are zero where `gone` says, and that v."""
    kept = np.setdiff1d(np.arange(len(w)), gone)
    v = np.zeros_like(w)
    v[kept] = np.linalg.solve(H[np.ix_(kept, kept)], (H @ w)[kept])
    return 0.5 * (w - v) @ H @ (w - v), v


@pytest.mark.parametrize("seed", range(5))
def test_the_costs_of_deletions_add_up_to_what_least_squares_loses(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((30, 7))
    H, w = A.T @ A + 0.1 * np.eye(7), rng.standard_normal(7)
    costs = deletion_costs(H, w, 6)  # the last is a bias
    gone, lost = [], 0.0
    while len(gone) < 6:
        trials = {q: least_squares_after(H, w, [*gone, q])[0] for q in range(6) if q not in gone}
        q = min(trials, key=trials.__getitem__)
        highest = max(costs[gone].max(initial=0.0), trials[q] - lost)
        assert costs[q] == pytest.approx(highest, rel=1e-8)
        gone, lost = [*gone, q], trials[q]


def test_a_single_layer_keeps_the_subset_and_the_weights_of_least_squares():
    """Of one Linear with the squared loss the curvature is exact: what is left is least squares on its inputs."""
    X = correlated(300, 6)
    module = nn.Linear(6, 1).double()
    w = np.append(module.weight.detach().numpy()[0], module.bias.item())
    X = X.double()
    prune_layerwise(
        module, X, X[:, 0], 3, loss="squared", damping=1e-9, share=0.4, rows=300, refit=NOTHING, random_state=0
    )
    kept = np.flatnonzero(module.weight.detach().numpy()[0])
    assert len(kept) == 3
    D = np.column_stack([X.numpy(), np.ones(300)])
    best = np.linalg.lstsq(D[:, [*kept, 6]], D @ w, rcond=None)[0]
    assert_allclose([*module.weight.detach().numpy()[0, kept], module.bias.item()], best, rtol=1e-5)


@pytest.mark.parametrize("curvature", ["loss", "least squares"])
def test_inputs_that_do_not_matter_go_first_and_the_function_stays(curvature):
    """Half of the inputs are copies of the others: nothing is lost, whatever their weights are."""
    torch.manual_seed(1)
    X = torch.randn(400, 4)
    X = torch.cat([X, X], dim=1)
    module = chain(8, 12, 3)
    before = module(X).detach()
    n = nonzeros(module) - 4 * 12
    left = prune_layerwise(
        module,
        X,
        torch.zeros(400, 3),
        n,
        loss="squared",
        curvature=curvature,
        damping=1e-5,
        refit=NOTHING,
        random_state=0,
    )
    assert left == nonzeros(module) == n
    assert float((module(X) - before).detach().square().mean()) < 1e-3 * float(before.var())


def test_the_surgeon_loses_less_than_the_smallest_weights_do_at_correlated_inputs():
    X = correlated(500, 10, seed=2)
    labels = (X @ torch.randn(10, 3, generator=torch.Generator().manual_seed(3))).argmax(dim=1)
    losses = []
    for method in ("surgeon", "magnitude"):
        module = chain(10, 16, 8, 3)
        job = _Job(module, X, labels, "softmax", 500, 0)
        job.fit(Refit(learning_rate=2e-2), 15)
        if method == "surgeon":
            prune_layerwise(module, X, labels, 80, refit=NOTHING, random_state=0)
        else:
            with torch.no_grad():
                weights = [q for q in module.parameters() if q.dim() > 1]
                least = torch.cat([q.abs().flatten() for q in weights]).topk(80).values[-1]
                for q in weights:
                    q.mul_(q.abs() >= least)
        assert nonzeros(module) == 80
        losses.append(float(nn.functional.cross_entropy(module(X), labels).detach()))
    assert losses[0] < 0.7 * losses[1]


def test_where_rows_do_not_tell_weights_apart_the_smallest_go():
    module = chain(30, 20, 10)
    before = [layer.weight.detach().clone() for layer in module[::2]]
    X = correlated(40, 30)
    prune_layerwise(module, X, torch.zeros(40, 10), 160, loss="squared", refit=NOTHING, random_state=0)
    least = torch.cat([weight.abs().flatten() for weight in before]).topk(160).values[-1]
    assert all(
        torch.equal(layer.weight, weight * (weight.abs() >= least)) for layer, weight in zip(module[::2], before)
    )
    prune_layerwise(module, X, torch.zeros(40, 10), 100, loss="squared", refit=NOTHING, random_state=0)
    assert not torch.equal(module[2].weight, before[1] * (module[2].weight != 0))  # by curvature, and fitted


def test_convolutions_are_pruned_and_the_same_seed_gives_the_same_network():
    def pruned():
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3, bias=False)
        )
        X = torch.rand(120, 1, 6, 6, generator=torch.Generator().manual_seed(1))
        y = (X.mean(dim=(1, 2, 3)) * 30).long() % 3
        assert prune_layerwise(module, X, y, 40, refit=Refit(1, 2), random_state=5) == 40
        return module

    one, other = pruned(), pruned()
    assert nonzeros(one) == 40
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


def test_the_head_goes_through_the_path_of_sizes_and_the_layers_before_stay():
    X = correlated(150, 4)
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    labels = teacher(X).argmax(dim=1).detach()
    module = chain(4, 5, 4, 3)
    _Job(module, X, labels, "softmax", 150, 0).fit(Refit(learning_rate=3e-2), 20)
    first, was = module[0].weight.clone(), float(nn.functional.cross_entropy(module(X), labels).detach())
    left = prune_head(module, X, labels, 20, random_state=0)
    assert left == int(torch.count_nonzero(module[2].weight) + torch.count_nonzero(module[4].weight)) <= 20
    assert torch.equal(module[0].weight, first)
    assert float(nn.functional.cross_entropy(module(X), labels).detach()) < was + 0.1


def twice():
    module = chain(3, 3, 3)
    return nn.Sequential(module, module)


def tied():
    module = chain(3, 3, 3)
    module[2].weight = module[0].weight
    return module


def frozen():
    module = chain(3, 3, 2)
    module[2].requires_grad_(False)
    return module


GOOD = chain(3, 4, 2)
X3, CLASSES = torch.rand(20, 3), torch.arange(20) % 2


@pytest.mark.parametrize(
    ("module", "X", "y", "n", "settings", "message"),
    [
        (GOOD, X3, CLASSES, 21, {}, "n_nonzeros = 21 is more than the 20 nonzero weights"),
        (GOOD, X3, CLASSES, 0, {}, "n_nonzeros must be an integer of at least 1"),
        (GOOD, X3, CLASSES[:5], 5, {}, "X has 20 rows and y has 5"),
        (GOOD, torch.rand(20, 4), CLASSES, 5, {}, "X or y does not fit the module"),
        (GOOD, torch.full((20, 3), torch.nan), CLASSES, 5, {}, "X has NaN at row 0"),
        (GOOD, X3, CLASSES + 0.5, 5, {}, "y must be a class number"),
        (GOOD, X3, CLASSES + 3, 5, {}, "y has class 3 at row 0, but the module has 2 outputs"),
        (GOOD, X3, CLASSES, 5, {"share": 1.0}, "share must be less than 1"),
        (GOOD, X3, CLASSES, 5, {"curvature": "diagonal"}, "curvature must be one of 'loss', 'least squares'"),
        (GOOD, X3, CLASSES, 5, {"loss": "hinge"}, "loss must be one of 'squared', 'logistic', 'softmax'"),
        (
            nn.Sequential(nn.Conv1d(3, 2, 1), nn.Flatten()),
            X3,
            CLASSES,
            5,
            {},
            "Conv1d at 0 has weights, but is no Linear",
        ),
        (tied(), X3, CLASSES, 5, {}, "0 and 2 share their weights"),
        (frozen(), X3, CLASSES, 5, {}, "a weight of 2 is frozen"),
        (twice(), X3, CLASSES, 5, {}, "is called twice; a layer that is pruned must be called once"),
        (nn.ReLU(), X3, CLASSES, 5, {}, "module ReLU has no Linear or Conv2d"),
        (5, X3, CLASSES, 5, {}, r"module must be a torch\.nn\.Module, got int"),
    ],
)
def test_bad_input_is_refused(module, X, y, n, settings, message):
    with pytest.raises(ValueError, match=message):
        prune_layerwise(module, X, y, n, **settings)


def test_a_head_that_is_not_the_end_or_small_already_is_refused():
    module = nn.Sequential(chain(3, 4, 2), nn.ReLU())
    with pytest.raises(ValueError, match="is not the end of the module"):
        prune_head(module, X3, CLASSES, 5)
    with pytest.raises(ValueError, match="n_nonzeros = 21 is more than the 20 nonzero weights of 0 -> 2"):
        prune_head(GOOD, X3, CLASSES, 21)


def test_a_refit_that_diverges_leaves_the_module_as_it_was_before_it():
    module = chain(3, 4, 2)
    with pytest.raises(ValueError, match="the loss became NaN or infinite in a refit; the module is as it was"):
        prune_layerwise(module, 1e30 * X3, CLASSES, 15, refit=Refit(20, learning_rate=1e30), random_state=0)
    assert nonzeros(module) == 15
    assert all(bool(torch.isfinite(q).all()) for q in module.parameters())
