"""Sparsify a trained network layer by layer: second-order deletion and refit with the hidden activations held fixed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from reluctant.nn.checks import as_rows, check_finite_parameters, check_not_parametrised
from reluctant.nn.layers import unwrapped
from reluctant.nn.losses import LOSSES, Loss, check_targets
from reluctant.nn.tracing import evaluating
from reluctant.nn.unit_curvature import Seen, costs_of, dearest, design, mean_slopes, per_place, refit_layer
from reluctant.validation import check_choice, check_integer, check_number

Curvature = Literal["loss", "least squares"]
CHUNK = 512
"""Rows sent through the module together."""
WEIGHTS_A_ROW = 4
"""Where there are more for each row that is looked at, size says more than curvature does: measured beside two, and
beside curvature throughout."""

TEMPERATURE = 4.0
"""Outputs are divided by it where the loss takes probabilities of them: a trained network is all but sure of most rows,
which then would have no say in its curvature. It was measured, beside one, two and eight."""


@dataclass(frozen=True)
class Refit:
    """How the whole network is fitted after each round, its zeros fixed: Adam in mini-batches.

    Parameters
    ----------
    epochs : float
        With 0 each layer is only refitted by itself.
    last_epochs : float, optional
        Those after the last round; by default as many as after the others.
    learning_rate : float
        Falls to zero along a cosine, in every round.
    batch_size : int
    """

    epochs: float = 2.0
    last_epochs: float | None = None
    learning_rate: float = 1e-3
    batch_size: int = 128

    def __post_init__(self) -> None:
        check_number(self.epochs, "epochs")
        if self.last_epochs is not None:
            check_number(self.last_epochs, "last_epochs")
        check_number(self.learning_rate, "learning_rate", strict=True)
        check_integer(self.batch_size, "batch_size", low=1)


def prune_layerwise(
    module: nn.Module,
    X: ArrayLike | Tensor,
    y: ArrayLike | Tensor,
    n_nonzeros: int,
    *,
    loss: Loss = "softmax",
    curvature: Curvature = "loss",
    share: float = 0.5,
    rows: int = 2048,
    damping: float = 0.1,
    refit: Refit = Refit(),  # frozen
    random_state: int | None = None,
) -> int:
    """Leave so many weights of a trained network that are not zero, in place.

    In each round the number of nonzeros falls by `share` or a little less. With the inputs x of a layer fixed, the loss
    is quadratic in the weights w of one of its units near where they are, with the curvature H = Σ s² x̄ x̄ᵀ, s the slope
    of the loss by what the unit passes on: Fisher's information, block by block, so that a layer of 784 × 300 needs one
    matrix of 785 × 785 at a time. Weights go in the order of what the optimal brain surgeon expects them to cost,
    ½ w² / (H⁻¹)_qq [HS, FA], over all layers at once. Then, layer by layer from the input on, each unit is fitted by
    least squares, weighted by s², to what it passed on before, from what the layers before it pass on now. At the end
    of a round the whole network is fitted with its zeros fixed. Rounds that begin with more than four weights for each
    of the `rows` take the smallest |w| of all layers and fit no layer by itself: so many weights those rows do not tell
    apart.

    Biases stay and do not count. Nothing is proved about the result.

    Parameters
    ----------
    module : torch.nn.Module
        A trained network whose weights are those of Linear layers and of Conv2d layers without groups.
    X : array_like or Tensor, shape (N, ...)
        Inputs of the module.
    y : array_like or Tensor, shape (N,) or (N, m)
        Targets; class numbers for ``"softmax"``.
    n_nonzeros : int
        At most as many as there are.
    loss : str
        ``"squared"``, ``"logistic"`` or ``"softmax"``, as in `fit_network`.
    curvature : str
        ``"loss"``: s as above, of ``"softmax"`` and ``"logistic"`` with targets drawn from what the network predicts
        when its outputs are divided by four.
        ``"least squares"``: every row of a unit with the mean of its s², one H for all units of a layer.
    share : float
        In (0, 1).
    rows : int
        Rows from which curvature is estimated, and places of a convolution.
    damping : float
        Added to the diagonal of H, relative to its mean.
    refit : Refit
    random_state : int, optional

    Returns
    -------
    int
        Nonzeros that are left.

    Raises
    ------
    ValueError
        If data or arguments are bad, the module has weights of other layers, or it has fewer nonzeros than asked for.

    References
    ----------
    [HS] Hassibi and Stork, Second order derivatives for network pruning: optimal brain surgeon, NeurIPS 1992.
    [FA] Frantar and Alistarh, Optimal brain compression, NeurIPS 2022.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> module = nn.Sequential(nn.Linear(4, 20), nn.ReLU(), nn.Linear(20, 1))
    >>> X = torch.rand(200, 4)
    >>> prune_layerwise(module, X, X[:, 0], 12, loss="squared", random_state=0)
    12
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    module = unwrapped(module)
    check_choice(loss, "loss", ("squared", "logistic", "softmax"))
    job = _Job(module, X, y, loss, check_integer(rows, "rows", low=1), random_state)
    check_choice(curvature, "curvature", ("loss", "least squares"))
    share, damping = check_number(share, "share", strict=True), check_number(damping, "damping", strict=True)
    if share >= 1.0:
        raise ValueError(f"share must be less than 1, got {share!r}")
    n_nonzeros, left = check_integer(n_nonzeros, "n_nonzeros", low=1), job.n_nonzeros()
    if n_nonzeros > left:
        raise ValueError(f"n_nonzeros = {n_nonzeros} is more than the {left} nonzero weights of the module")
    n_rounds = math.ceil(math.log(n_nonzeros / left) / math.log(1.0 - share))
    for target in np.geomspace(left, n_nonzeros, n_rounds + 1)[1:]:
        job.prune(round(target), curvature, damping)
        is_last = target <= n_nonzeros and refit.last_epochs is not None
        job.fit(refit, refit.last_epochs if is_last else refit.epochs)  # type: ignore[arg-type]
    return job.n_nonzeros()


class _Job:
    """The module, its data and the layers whose weights may go."""

    def __init__(
        self, module: nn.Module, X: ArrayLike | Tensor, y: ArrayLike | Tensor, loss: Loss, rows: int, seed: int | None
    ) -> None:
        self.module, self.loss, self.rows = module, loss, rows
        self.layers = _layers_of(module)
        like = next(iter(self.layers.values())).weight
        self.X = as_rows(X, "X").to(like)
        targets = as_rows(y, "y")
        targets = targets.reshape(len(targets), -1)
        if len(targets) != len(self.X):
            raise ValueError(f"X has {len(self.X)} rows and y has {len(targets)}; give one target for each row")
        check_targets(targets.cpu().numpy(), loss)
        self.y = targets.to(like)
        self.generator = torch.Generator()
        self.generator.manual_seed(np.random.default_rng(seed).integers(2**62).item())
        with evaluating(module), torch.no_grad():
            try:
                out = module(self.X[:1]).reshape(1, -1)
                if loss == "softmax":
                    check_classes(targets, out.shape[1])
                LOSSES[loss](out, self.y[:1])
            except (RuntimeError, IndexError) as error:
                raise ValueError(f"X or y does not fit the module: {str(error).splitlines()[0]}") from error

    def n_nonzeros(self) -> int:
        """Weights that are not zero."""
        return sum(int(torch.count_nonzero(layer.weight)) for layer in self.layers.values())

    def prune(self, target: int, curvature: Curvature, damping: float) -> None:
        """Delete down to so many weights, and refit layer by layer."""
        if self.n_nonzeros() > WEIGHTS_A_ROW * min(self.rows, len(self.X)):
            self._keep_largest(target)
            return
        sample = torch.randperm(len(self.X), generator=self.generator)[: self.rows]
        X = self.X[sample.to(self.X.device)]
        with evaluating(self.module):
            seen = self._look(X)
            if curvature == "least squares":
                seen = {name: part._replace(slopes=mean_slopes(part.slopes)) for name, part in seen.items()}
            costs = [costs_of(layer, seen[name], damping) for name, layer in self.layers.items()]
            kept = dearest(costs, target)
            for (name, layer), keep in zip(self.layers.items(), kept):
                refit_layer(layer, seen[name], self._entering(layer, X), keep, damping)

    @torch.no_grad()
    def _keep_largest(self, target: int) -> None:
        """Delete down to so many weights by their size."""
        sizes = [layer.weight.abs().flatten(1).double().cpu().numpy() for layer in self.layers.values()]
        for layer, keep in zip(self.layers.values(), dearest(sizes, target)):
            layer.weight.mul_(torch.as_tensor(keep).to(layer.weight).view_as(layer.weight))

    def _look(self, X: Tensor) -> dict[str, Seen]:
        """What all layers see on some rows."""
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in self.layers}
        n_places: dict[str, int] = {}
        for batch in X.split(CHUNK):
            with captured(self.layers.values()) as calls, torch.enable_grad():
                total = self._probe(self.module(batch))
                slopes = torch.autograd.grad(total, [calls[layer][1] for layer in self.layers.values()])
            for (name, layer), slope in zip(self.layers.items(), slopes):
                parts[name].append((design(layer, calls[layer][0]), per_place(layer, slope)))
                n_places[name] = slope.numel() // (len(batch) * len(layer.weight))
        seen = {name: [torch.cat(part) for part in zip(*pairs)] for name, pairs in parts.items()}
        return {name: Seen(inputs, slopes, n_places[name]) for name, (inputs, slopes) in seen.items()}

    @torch.no_grad()
    def _entering(self, layer: nn.Module, X: Tensor) -> Tensor:
        """What enters one layer on some rows, as the layers before it are now."""
        found = []
        for batch in X.split(CHUNK):
            with captured([layer]) as calls:
                self.module(batch)
            found.append(design(layer, calls[layer][0]))
        return torch.cat(found)

    def _probe(self, out: Tensor) -> Tensor:
        """A sum over rows whose slopes s have E[s sᵀ] = the curvature of the loss by the outputs."""
        out = out.reshape(len(out), -1)
        if self.loss == "squared":
            signs = 2.0 * torch.randint(0, 2, out.shape, generator=self.generator) - 1.0
            return (out * signs.to(out)).sum()
        with torch.no_grad():
            tempered = out / TEMPERATURE
            share = tempered.softmax(dim=1) if self.loss == "softmax" else tempered.sigmoid()
            if self.loss == "softmax":
                drawn = torch.multinomial(share.cpu(), 1, generator=self.generator).to(out.device)
                slopes = share.scatter_add(1, drawn, -torch.ones_like(share[:, :1]))
            else:
                slopes = share - torch.bernoulli(share.cpu(), generator=self.generator).to(out)
        return (out * slopes).sum()

    def fit(self, refit: Refit, epochs: float) -> None:
        """Adam on the loss, zeros fixed."""
        n_steps = round(epochs * math.ceil(len(self.X) / refit.batch_size))
        trained = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        if not n_steps or not trained:
            return
        masks = {layer.weight: (layer.weight != 0).to(layer.weight) for layer in self.layers.values()}
        fused = self.X.device.type in ("cpu", "cuda")
        optimizer = torch.optim.Adam(trained, lr=refit.learning_rate, fused=fused)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
        was_training = self.module.training
        good = {name: value.clone() for name, value in self.module.state_dict().items()}
        self.module.train()
        order = torch.empty(0, dtype=torch.long)
        for _ in range(n_steps):
            if len(order) == 0:
                order = torch.randperm(len(self.X), generator=self.generator)
            rows, order = order[: refit.batch_size].to(self.X.device), order[refit.batch_size :]
            optimizer.zero_grad()
            value = LOSSES[self.loss](self.module(self.X[rows]).reshape(len(rows), -1), self.y[rows])
            if not bool(torch.isfinite(value)):
                self.module.load_state_dict(good)
                self.module.train(was_training)
                raise ValueError(
                    "the loss became NaN or infinite in a refit; the module is as it was before that: lower "
                    "the learning rate of refit"
                )
            value.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for weight, mask in masks.items():
                    weight.mul_(mask)
        self.module.train(was_training)


def _layers_of(module: nn.Module) -> dict[str, Any]:
    """The Linear and Conv2d layers by name, in the order of the module."""
    check_not_parametrised(module)
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d) and (layer.groups > 1 or layer.padding_mode != "zeros"):
            raise ValueError(f"Conv2d at {name} has groups or a padding that is not of zeros; it cannot be pruned here")
        has_matrix = any(parameter.dim() > 1 for parameter in layer.parameters(recurse=False))
        if has_matrix and name not in layers:
            raise ValueError(f"{type(layer).__name__} at {name} has weights, but is no Linear or Conv2d")
    if not layers:
        raise ValueError(f"module {type(module).__name__} has no Linear or Conv2d")
    owners: dict[int, str] = {}
    for name, layer in layers.items():
        other = owners.setdefault(id(layer.weight), name)
        if other != name:
            raise ValueError(f"{other} and {name} share their weights; a layer that is pruned must own them")
        if not all(parameter.requires_grad for parameter in layer.parameters()):
            raise ValueError(f"a weight of {name} is frozen; call requires_grad_(True) on what is to be pruned")
        check_finite_parameters((f"a weight of {name}", parameter) for parameter in layer.parameters())
    return layers


def check_classes(targets: Tensor, n_outputs: int) -> None:
    """Raise a ValueError naming the first class that a network of so many outputs does not have."""
    beyond = torch.nonzero(targets[:, 0] >= n_outputs)
    if len(beyond):
        row = int(beyond[0])
        raise ValueError(f"y has class {int(targets[row, 0])} at row {row}, but the module has {n_outputs} outputs")


@contextmanager
def captured(layers: Iterable[nn.Module]) -> Iterator[dict[nn.Module, tuple[Tensor, Tensor]]]:
    """What enters and leaves layers while a module runs."""
    calls: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def note(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        if layer in calls:
            raise ValueError(f"{layer} is called twice; a layer that is pruned must be called once")
        calls[layer] = given[0].detach(), out

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()
