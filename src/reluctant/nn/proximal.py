"""Algorithm 1: any optimiser, followed by a proximal step on the effective weights [NN, Algorithm 1]."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from reluctant.nn.checks import check_finite_parameters
from reluctant.nn.consolidation import consolidate_pairs
from reluctant.nn.layers import LayerPair, Pairs, layer_pairs, unwrapped
from reluctant.nn.metric import check_metric
from reluctant.nn.metric_step import MetricPairStep
from reluctant.nn.pair_step import PairStep
from reluctant.nn.removal import keep_neurons
from reluctant.nn.settings import Metric, Shrinkage, Step
from reluctant.nn.wrapping import WrappedOptimizer, check_optimizer, check_owned
from reluctant.validation import check_number


class ReweightedL1(WrappedOptimizer):
    """Wrap an optimiser so that every step is followed by a proximal step of loss + α Σ_k ‖v_k‖_p^p ‖w_k‖_p^p [NN].

    With the optimiser's metric, the default, each weight takes the exact proximal map of its share in the penalty, with
    the step length that the optimiser has for this very weight: γ / (√v̂ + ε) for Adam, γ for SGD. Weights become
    exactly zero. With ``metric="plain"`` it is the paper's step, Algorithm 1: each effective weight u = v_k w_ki is
    shrunk by C = α γ p |u_before|^{p−1}, γ the learning rate, and set to zero where |u| ≤ C; zeros stay zero for p < 1.
    Either way ‖v_k‖ = ‖(w_k, b_k)‖ afterwards, which does not change the function. Neurons that have become zero are
    dead and stay so; `remove_dead` takes them out of the module and of the optimiser.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Adam, AdamW, RMSprop, Adagrad or SGD; with the plain metric any but LBFGS. It must own the parameters of the
        hidden layers.
    module : torch.nn.Module
        Its layer pairs are penalised, see `layer_pairs`; may be wrapped in ``DistributedDataParallel``.
    p : float
        In [0, 1], in (0, 1] for the plain metric.
    alpha : float
        Weight of the path norm, the paper's λ.
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
    warmup_steps : int
        Plain steps before the first shrinkage; the paper takes 5.
    ramp_steps : int
        Steps after those over which α grows linearly to its value.
    step : {"reweighted", "prox"}, optional
        For the plain metric: ``prox`` replaces the soft threshold, the default, by the exact proximal map of αγ|u|^p.
    pairs : sequence of (hidden, output), optional
        As in `layer_pairs`: names of submodules, or the modules, instead of a search.
    metric : {"optimizer", "plain"}
        What thresholds are scaled by.
    freeze_output : bool, optional
        For one output and the optimiser's metric: rescale every neuron to v_k = ±1, which keeps the function, and train
        w_k alone, which then is the effective weight. On request only.

    Attributes
    ----------
    p, alpha : float
        May be changed between steps, as a continuation in p does.
    module : torch.nn.Module
        What was given, or what `remove_dead` wrapped again.

    Raises
    ------
    ValueError
        If p or alpha is out of range, the module has no layer pair, or one of its parameters is frozen, shared,
        parametrised or not owned by the optimiser; for LBFGS; if the metric of the optimiser is not known.
    FloatingPointError
        In `step`, if a gradient is NaN or infinite; nothing has changed then, and the message names the parameter.

    Warns
    -----
    UserWarning
        If the module has several layer pairs and the metric is the optimiser's.

    Notes
    -----
    A point where optimiser and proximal step come to rest is, with the optimiser's metric, stationary for
    loss + α Σ_k ‖v_k‖_p^p ‖w_k‖_p^p in the weights that are not zero, whatever the optimiser (without decoupled weight
    decay): the scales of both halves cancel. Around SGD without momentum that sum does not rise in a step in which no
    row crosses the kink of a neuron and no constant neuron is dropped, if the learning rate is at most 1 / L, L the
    Lipschitz constant of the gradient. For several outputs both blocks are shrunk, w_k with weight ‖v_k‖_p^p and v_k
    with ‖w_k‖_p^p, so v_k becomes sparse too.

    With the plain metric a point of rest is stationary for another weight α D of every coordinate, D what the optimiser
    divides by: around Adam small gradients hold against the shrinkage, and the error left is far below what α asks for.
    Its several outputs: incoming weights are shrunk as above with ‖v_k‖_2 for |v_k| and C times ‖v̂_k‖_p^p,
    v̂_k = v_k / ‖v_k‖_2; outgoing ones with the roles exchanged, then scaled back to their norm, so that only the
    direction v̂_k gets sparser, down to its largest entry.

    In deeper networks each layer pair takes this step on its own; no theorem on sparsest networks is known there, and
    with the optimiser's metric whole layers may die (a matrix in two pairs is shrunk twice): take `ProximalOptimizer`.

    Where the bias does not count, a neuron that reaches w_k = 0 leaves the constant v_k (b_k)_+. It goes to the bias
    of the output layer if there is one. Else the plain step keeps the neuron as a constant, which is no active
    neuron, and the step in the optimiser's metric drops it and lets training make up for it: constants that the norm
    does not see would pile up. The balance takes the bias in even then: with ‖v_k‖ = ‖w_k‖ alone, v_k would vanish
    and b_k grow without bound as w_k → 0.

    Several processes (``torchrun``, ``DistributedDataParallel``): give it the wrapped module. Every rank takes the same
    step from the same averaged gradients, so the parameters stay identical, on CPU (gloo) and GPU (NCCL) alike, and
    `remove_dead` removes the same neurons everywhere. All tensors stay on the module's device.

    It is itself a `torch.optim.Optimizer`, so learning-rate schedulers and gradient scalers accept it.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)
    >>> X = torch.linspace(-1, 1, 20)[:, None]
    >>> module = nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 1))
    >>> optimizer = ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.5, alpha=0.01)
    >>> for _ in range(500):
    ...     optimizer.zero_grad()
    ...     loss = (module(X) - X.abs()).square().mean()
    ...     loss.backward()
    ...     _ = optimizer.step()
    >>> optimizer.remove_dead() > 10
    True
    """

    KEY = "reweighted_l1"

    def __init__(
        self,
        optimizer: Optimizer,
        module: nn.Module,
        *,
        p: float = 0.5,
        alpha: float,
        bias: bool | None = None,
        warmup_steps: int = 5,
        ramp_steps: int = 0,
        step: Step | None = None,
        pairs: Pairs | None = None,
        metric: Metric = "optimizer",
        freeze_output: bool | None = None,
    ) -> None:
        check_optimizer(optimizer, module, "ReweightedL1")
        self.shrinkage = Shrinkage(bias, step, warmup_steps, ramp_steps, metric, freeze_output)
        self.p, self.alpha = p, alpha
        found = layer_pairs(module, pairs)
        _check_ownership(optimizer, module, found)
        if metric == "optimizer":
            check_metric(optimizer)
            _warn_of_depth(found)
        super().__init__(optimizer, module)
        self._blocks = [self._block(pair) for pair in found]

    def _block(self, pair: LayerPair) -> PairStep | MetricPairStep:
        shrinkage, counts_bias = self.shrinkage, pair.counts_bias(self.shrinkage.bias)
        if shrinkage.metric == "plain":
            return PairStep(pair, counts_bias, shrinkage.kind, self.optimizer)
        holds = shrinkage.holds_output(pair.output.out_features, default=False)
        return MetricPairStep(pair, counts_bias, holds, self.optimizer)

    @property
    def p(self) -> float:
        """Exponent of the path norm."""
        return self._p

    @p.setter
    def p(self, value: float) -> None:
        self._p = self.shrinkage.check_p(value)

    @property
    def alpha(self) -> float:
        """Weight of the path norm."""
        return self._alpha

    @alpha.setter
    def alpha(self, value: float) -> None:
        self._alpha = check_number(value, "alpha")

    def __repr__(self) -> str:
        pairs = ", ".join(block.pair.name for block in self._blocks)
        return (
            f"ReweightedL1({type(self.optimizer).__name__}, p={self.p:g}, alpha={self.alpha:g}, "
            f"metric={self.shrinkage.metric!r}, pairs=[{pairs}])"
        )

    def _penalised(self) -> Iterator[Tensor]:
        for block in self._blocks:
            for layer in (block.pair.hidden, block.pair.output):
                yield from layer.parameters()

    def _step(self, closure: Callable[[], Any] | None) -> Any:
        alpha = 0.0 if self.frozen else self.alpha * self.shrinkage.share(self.steps)
        blocks = [block for block in self._blocks if alpha or block.holds]
        zeros = self._zeros() if self.frozen else []
        for block in blocks:
            block.remember(alpha, self.p)
        result = self.optimizer.step(closure)
        for block in blocks:
            block.apply(alpha, self.p)
        for weight, zero in zeros:
            weight.masked_fill_(zero, 0.0)
        return result

    def freeze(self) -> None:
        """Fit what is left: from now on nothing is shrunk, and weights of the pairs that are zero stay zero."""
        self.frozen = True

    def _zeros(self) -> list[tuple[Tensor, Tensor]]:
        """Weights of the pairs, and where they are zero."""
        layers = [(block.pair.hidden, block.pair.output) for block in self._blocks]
        weights = [
            w.detach()
            for hidden, output in layers
            for w in (hidden.weight, hidden.bias, output.weight)
            if w is not None
        ]
        return [(weight, weight == 0) for weight in weights]

    def _own_state(self) -> dict[str, Any]:
        return {**super()._own_state(), "p": self.p, "alpha": self.alpha}

    def _load_own_state(self, own: dict[str, Any]) -> None:
        super()._load_own_state(own)
        self.p, self.alpha = own["p"], own["alpha"]

    @torch.no_grad()
    def remove_dead(self, wrap: Callable[[nn.Module], nn.Module] | None = None) -> int:
        """Take dead neurons out of the module and of the optimiser's state; the function stays.

        Dead are those with v_k = 0 or (w_k, b_k) = 0, exactly. Copies of a neuron, neurons that no input of the data
        reaches and constants stay: training may still move them apart. `to_network` merges copies.

        Parameters
        ----------
        wrap : callable, optional
            Needed where the module is wrapped in ``DistributedDataParallel``, whose gradient buckets have fixed sizes:
            what wraps the smaller module again. Every rank must call; go on with `module`, the new wrapper.

        Returns
        -------
        int
            How many were removed, the same on every rank.

        Raises
        ------
        ValueError
            Under ``DistributedDataParallel`` without `wrap`.
        """
        inner = self._unbound(wrap, "remove_dead")
        removed = 0
        for block in self._blocks:
            alive = block.pair.alive()
            n_dead = int(alive.numel() - torch.count_nonzero(alive))
            if n_dead:
                keep_neurons(block.pair, alive, self.optimizer)
                removed += n_dead
        return self._rebound(removed, inner, wrap)

    @torch.no_grad()
    def consolidate(
        self,
        X: Tensor | Iterator[Tensor],
        wrap: Callable[[nn.Module], nn.Module] | None = None,
        *,
        batch_size: int = 65_536,
    ) -> int:
        """Join neurons that these inputs do not tell apart, see `reluctant.nn.consolidate`; the optimiser goes along.

        A sum keeps the optimiser's state of the larger of its two neurons: at the data both are active together, so
        their gradients have been nearly the same up to the size of v_k. `fit_network` does it at 55 % of a run.

        Parameters
        ----------
        X : Tensor, shape (N, ...), or an iterator over tensors
            Inputs of the module, all of the training data; the same on every rank.
        wrap : callable, optional
            As for `remove_dead`.
        batch_size : int
            Rows looked at together.

        Returns
        -------
        int
            How many neurons there are fewer.

        Raises
        ------
        ValueError
            If X is not finite or does not fit, or as `remove_dead`.
        """
        inner, pairs = self._unbound(wrap, "consolidate"), [block.pair for block in self._blocks]
        bias, optimizer = self.shrinkage.bias, self.optimizer
        removed = consolidate_pairs(inner, pairs, X, p=self.p, bias=bias, batch_size=batch_size, optimizer=optimizer)
        return self._rebound(removed, inner, wrap)

    def _unbound(self, wrap: Callable[[nn.Module], nn.Module] | None, method: str) -> nn.Module:
        """The user's module, if nothing else holds its weights."""
        inner = unwrapped(self.module)
        bound = inner if wrap else self.module
        if any(isinstance(part, DistributedDataParallel) for part in bound.modules()):
            raise ValueError(
                "DistributedDataParallel holds the old weights; wrap the whole module and give what wraps it again, "
                f"{method}(wrap=DistributedDataParallel), then go on with optimizer.module"
            )
        return inner

    def _rebound(self, removed: int, inner: nn.Module, wrap: Callable[[nn.Module], nn.Module] | None) -> int:
        """Look up the new parameters if neurons have gone, and wrap them again."""
        if removed:
            for block in self._blocks:
                block.refresh()
            if wrap is not None:
                self.module = wrap(inner)
        return removed

    @torch.no_grad()
    def counts(self) -> tuple[int, int]:
        """Active neurons and nonzero hinge parameters, as `ReLUNetwork` counts them."""
        neurons, parameters = zip(*(block.pair.counts() for block in self._blocks))
        return sum(neurons), sum(parameters)


def _warn_of_depth(pairs: Sequence[LayerPair]) -> None:
    if len(pairs) > 1:
        warnings.warn(
            f"{len(pairs)} layer pairs shrunk in the optimiser's metric may lose whole layers, above all where they "
            "share a layer; nn.ProximalOptimizer shrinks each weight on its own, in any module",
            UserWarning,
            stacklevel=4,
        )


def _check_ownership(optimizer: Optimizer, module: nn.Module, pairs: Sequence[LayerPair]) -> None:
    """Raise a ValueError unless the optimiser can train every weight that the proximal step will move."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    for pair in pairs:
        weights = [w for w in (pair.hidden.weight, pair.hidden.bias, pair.output.weight) if w is not None]
        if not all(isinstance(weight, nn.Parameter) for weight in weights):
            raise ValueError(f"a weight of {pair.name} is parametrised; remove the parametrisation first")
        named = [(names[id(weight)], weight) for weight in weights]
        check_owned(optimizer, named)
        check_finite_parameters(named)
