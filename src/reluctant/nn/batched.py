"""Many restarts of Algorithm 1 as one computation: stacked weights, gradients written out, dead neurons compacted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from reluctant.network import ReLUNetwork
from reluctant.nn.prox import reweighted_threshold_
from reluctant.objective import check_p
from reluctant.validation import check_number, check_table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """The state of every run after `epoch` epochs; arrays (R,)."""

    epoch: int
    mse: Array
    n_neurons: NDArray[np.int64]
    n_parameters: NDArray[np.int64]


@dataclass(frozen=True)
class Restarts:
    """What `train_restarts` returns; run r has `seed[r]`, `p[r]`, `alpha[r]` and `networks[r]`.

    Attributes
    ----------
    seed, p, alpha : ndarray, shape (R,)
        The grid, seeds running fastest.
    networks : list of ReLUNetwork
        With exact zeros, dead neurons left out.
    history : list of Record
    """

    seed: NDArray[np.int64]
    p: Array
    alpha: Array
    networks: list[ReLUNetwork]
    history: list[Record] = field(repr=False)

    def best(self, mse: float = np.inf) -> int:
        """Index of the run with the fewest parameters among those with at most this mean squared error.

        Raises
        ------
        ValueError
            If there is none.
        """
        last = self.history[-1]
        good = np.flatnonzero(last.mse <= mse)
        if good.size == 0:
            raise ValueError(
                f"no run has a mean squared error of at most {mse:g}; the smallest is {np.nanmin(last.mse):g}"
            )
        return int(min(good, key=lambda r: (last.n_parameters[r], last.mse[r])))


def train_restarts(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_neurons: int,
    alpha: float | Sequence[float],
    p: float | Sequence[float] = 0.5,
    restarts: int = 32,
    epochs: int = 10_000,
    learning_rate: float = 0.01,
    weight_decay: float = 0.0,
    bias: bool | None = None,
    warmup_steps: int = 5,
    compact_every: int = 50,
    record_every: int | None = None,
    count_above: float = 0.0,
    start: Sequence[ReLUNetwork] | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    random_state: int = 0,
) -> Restarts:
    """Train every combination of seed, p and α by Adam and Algorithm 1 at the same time [NN, Algorithm 1].

    The runs are slices of stacked tensors and do not influence one another: each is what `ReweightedL1` around
    ``torch.optim.Adam`` does to ``Linear → ReLU → Linear(bias=False)`` with PyTorch's initialisation, mean squared
    error and full batches, up to rounding. Dead neurons are compacted away as training goes on.

    Parameters
    ----------
    X : array_like, shape (N,) or (N, d)
    y : array_like, shape (N,)
    n_neurons : int
        Hidden neurons K of every run at the start.
    alpha : float or sequence
        Weights of the path norm; 0, on its own, trains by the optimiser alone.
    p : float or sequence
        Exponents in (0, 1].
    restarts : int
        Number of seeds; run r starts from seed ``random_state + r``.
    epochs : int
    learning_rate : float
    weight_decay : float
        Decoupled, as in AdamW.
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
    warmup_steps : int
        Plain steps before the first shrinkage.
    compact_every : int
        Epochs between two removals of dead neurons; 0 for never. With p = 1 the momentum left in a dead neuron may
        revive it, which removal prevents; for p < 1 zeros stay zero anyway.
    record_every : int, optional
        Epochs between two records, by default a hundredth of all; powers of two are recorded as well.
    count_above : float
        Records count effective weights with |v w| above this; 0 counts exactly, as methods without zeros cannot be.
    start : sequence of ReLUNetwork, optional
        One network a seed to start from, instead of random weights; without affine part, of at most K neurons.
        With p < 1 and ``warmup_steps=0`` its zeros stay zero.
    dtype : torch.dtype
    device : str or torch.device
    random_state : int

    Returns
    -------
    Restarts

    Raises
    ------
    ValueError
        If an argument is out of range, or y has several outputs.

    Examples
    --------
    >>> x, y = [-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0]
    >>> runs = train_restarts(x, y, n_neurons=20, p=[0.4, 0.7], alpha=0.003, restarts=4, epochs=200)
    >>> len(runs.networks), runs.history[-1].epoch
    (8, 200)
    """
    X, y = check_table(X, y)
    if y.ndim > 1:
        raise ValueError(f"y must have one output, got {y.shape[1]}; use ReweightedL1 for several")
    n_neurons, restarts, epochs = (
        int(check_number(value, name, low=1))
        for value, name in ((n_neurons, "n_neurons"), (restarts, "restarts"), (epochs, "epochs"))
    )
    learning_rate = check_number(learning_rate, "learning_rate", strict=True)
    ps = [check_p(float(value), zero=False) for value in np.atleast_1d(np.asarray(p))]
    alphas = [check_number(float(value), "alpha") for value in np.atleast_1d(np.asarray(alpha))]
    if 0.0 in alphas and any(alphas):
        raise ValueError("alpha = 0 must be trained on its own, without other values")
    seeds = range(random_state, random_state + restarts)
    counts_bias = X.shape[1] > 1 if bias is None else bias
    grid = list(itertools.product(ps, alphas, seeds))
    if start is None:
        first = [initial_weights(X.shape[1], n_neurons, torch.Generator().manual_seed(seed), dtype) for seed in seeds]
    else:
        first = [_weights_of(network, n_neurons, dtype) for network in start]
    if len(first) != restarts:
        raise ValueError(f"start must have one network for each of the {restarts} restarts, got {len(first)}")
    stack = Stack(
        torch.stack(first).repeat(len(ps) * len(alphas), 1, 1).to(device),
        torch.as_tensor(X, dtype=dtype, device=device),
        torch.as_tensor(y, dtype=dtype, device=device),
        np.array([g[0] for g in grid]),
        np.array([g[1] for g in grid]),
        learning_rate,
        counts_bias,
        check_number(weight_decay, "weight_decay"),
    )
    every = record_every or max(1, epochs // 100)
    history = _train(stack, epochs, warmup_steps, compact_every, every, check_number(count_above, "count_above"))
    return Restarts(np.array([g[2] for g in grid]), stack.p, stack.alpha, stack.networks(), history)


def _train(
    stack: Stack, epochs: int, warmup_steps: int, compact_every: int, record_every: int, count_above: float
) -> list[Record]:
    history = []
    penalised = bool(stack.alpha.any())
    for epoch in range(1, epochs + 1):
        stack.step(shrink=penalised and epoch > warmup_steps)
        if compact_every and epoch % compact_every == 0:
            stack.compact()
        if epoch % record_every == 0 or epoch & (epoch - 1) == 0 or epoch == epochs:
            history.append(stack.record(epoch, count_above))
    return history


def initial_weights(d: int, n_neurons: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Rows (w_k, b_k, v_k), shape (K, d + 2), with the distribution and the random stream of `torch.nn.Linear`."""
    theta = torch.empty(n_neurons, d + 2, dtype=dtype)
    into, out = d**-0.5, n_neurons**-0.5
    theta[:, :d] = torch.empty(n_neurons, d).uniform_(-into, into, generator=generator)
    theta[:, d] = torch.empty(n_neurons).uniform_(-into, into, generator=generator)
    theta[:, d + 1] = torch.empty(n_neurons).uniform_(-out, out, generator=generator)
    return theta


def _weights_of(network: ReLUNetwork, n_neurons: int, dtype: torch.dtype) -> Tensor:
    """Rows (w_k, b_k, v_k) of a network, balanced, with zeros up to K."""
    f = network.balanced()
    if f.n_affine or f.n_outputs > 1 or len(f.biases) > n_neurons:
        raise ValueError(f"a network to start from must have one output, no affine part, at most {n_neurons} neurons")
    theta = torch.zeros(n_neurons, f.n_inputs + 2, dtype=dtype)
    rows = np.column_stack([f.input_weights, f.biases, f.output_weights])
    theta[: len(rows)] = torch.as_tensor(rows, dtype=dtype)
    return theta


class Stack:
    """R networks with one output as one tensor θ (R, K, d + 2) whose rows are (w_k, b_k, v_k)."""

    def __init__(
        self,
        theta: Tensor,
        X: Tensor,
        y: Tensor,
        p: Array,
        alpha: Array,
        learning_rate: float,
        counts_bias: bool,
        weight_decay: float = 0.0,
    ) -> None:
        self.inputs = torch.column_stack([X, torch.ones_like(y)])  # X̄, shape (N, d + 1)
        self.y, self.p, self.alpha = y, p, alpha
        self.n_counted = X.shape[1] + int(counts_bias)
        self.learning_rate = learning_rate
        self.theta = torch.nn.Parameter(theta.clone(), requires_grad=False)
        fused = theta.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.AdamW([self.theta], lr=learning_rate, weight_decay=weight_decay, fused=fused)
        self._groups = [(slice(*g), float(p[g[0]])) for g in _runs_of_equal(p)]
        self._taus = torch.as_tensor(alpha * learning_rate, dtype=theta.dtype, device=theta.device)[:, None, None]
        self._allocate()

    def _allocate(self) -> None:
        """Buffers for the current number of neurons."""
        R, K, _ = self.theta.shape
        N = len(self.y)
        self.theta.grad = torch.empty_like(self.theta)
        self._hidden = self.theta.new_empty(R, K, N)
        self._mask = torch.empty(R, K, N, dtype=torch.bool, device=self.theta.device)
        self._u = self.theta.new_empty(R, K, self.inputs.shape[1])
        self._threshold = self.theta.new_empty(R, K, self.n_counted)

    @torch.no_grad()
    def step(self, shrink: bool = True) -> None:
        """One epoch of Adam on the mean squared error and, if asked, one proximal step."""
        self._gradient()
        if shrink:
            self._effective(self._threshold)
            for runs, p in self._groups:
                reweighted_threshold_(self._threshold[runs], self._taus[runs], p)
        self.optimizer.step()
        if shrink:
            self._shrink()

    def outputs(self) -> Tensor:
        """f(x_i) of every network, shape (R, N)."""
        R, K, columns = self.theta.shape
        incoming = self.theta[:, :, :-1].reshape(R * K, columns - 1)
        torch.mm(incoming, self.inputs.T, out=self._hidden.view(R * K, -1))
        self._hidden.clamp_(min=0)
        return torch.bmm(self.theta[:, :, -1:].mT, self._hidden)[:, 0]

    def _gradient(self) -> None:
        R, K, columns = self.theta.shape
        residual = self.outputs().sub_(self.y).mul_(2 / len(self.y))
        gradient = self.theta.grad
        assert gradient is not None
        torch.bmm(self._hidden, residual[:, :, None], out=gradient[:, :, -1:])
        torch.gt(self._hidden, 0, out=self._mask)
        torch.mul(self.theta[:, :, -1:], residual[:, None, :], out=self._hidden).mul_(self._mask)
        gradient[:, :, :-1] = torch.mm(self._hidden.view(R * K, -1), self.inputs).view(R, K, columns - 1)

    def _effective(self, out: Tensor) -> Tensor:
        """Write v_k times the first columns of (w_k, b_k) into `out`."""
        return torch.mul(self.theta[:, :, : out.shape[2]], self.theta[:, :, -1:], out=out)

    def _shrink(self) -> None:
        """Soft threshold, then ‖v_k‖ = ‖(w_k, b_k)‖; as `PairStep.apply` with one output and no output bias."""
        u = self._effective(self._u).abs_()
        counted = u[:, :, : self.n_counted]
        counted.sub_(self._threshold).clamp_(min=0)
        incoming, v = self.theta[:, :, :-1], self.theta[:, :, -1:]
        if self.n_counted < u.shape[2]:
            u.masked_fill_((counted == 0).all(dim=2, keepdim=True) & (incoming[:, :, -1:] <= 0), 0.0)
        scale = torch.linalg.vector_norm(u, dim=2, keepdim=True).sqrt_()
        u.mul_(scale.reciprocal().masked_fill_(scale == 0, 0.0))
        torch.copysign(u, incoming, out=incoming)
        torch.copysign(scale, v, out=v)

    def alive(self) -> Tensor:
        """Mask (R, K) of the neurons with v_k (w_k, b_k) ≠ 0."""
        return (self.theta[:, :, :-1] != 0).any(dim=2) & (self.theta[:, :, -1] != 0)

    def counts(self, above: float = 0.0) -> tuple[Tensor, Tensor]:
        """Active neurons and their parameters, shapes (R,), as `ReLUNetwork` counts them if `above` is 0."""
        large = (self.theta[:, :, :-1] * self.theta[:, :, -1:]).abs() > above
        active = large.any(dim=2) if self.inputs.shape[1] > 2 else large[:, :, 0]
        return active.sum(dim=1), (large.sum(dim=2) * active).sum(dim=1)

    def compact(self) -> None:
        """Drop as many dead neurons as every network has, where that saves a tenth of the work."""
        alive = self.alive()
        kept = max(1, int(alive.sum(dim=1).max()))
        if kept > 0.9 * alive.shape[1]:
            return
        order = torch.argsort(alive.logical_not().byte(), dim=1, stable=True)[:, :kept, None]
        order = order.expand(-1, -1, self.theta.shape[2])
        state = self.optimizer.state[self.theta]
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = state[name].gather(1, order)
        self.theta.data = self.theta.data.gather(1, order)
        self._allocate()

    @torch.no_grad()
    def record(self, epoch: int, count_above: float = 0.0) -> Record:
        """Errors and exact counts of every network."""
        mse = (self.outputs() - self.y).square().mean(dim=1)
        neurons, parameters = self.counts(count_above)
        return Record(epoch, mse.double().cpu().numpy(), neurons.cpu().numpy(), parameters.cpu().numpy())

    @torch.no_grad()
    def networks(self) -> list[ReLUNetwork]:
        """Every network, its dead neurons left out."""
        theta, alive = self.theta.double().cpu().numpy(), self.alive().cpu().numpy()
        return [ReLUNetwork(t[a, :-2], t[a, -2], t[a, -1]) for t, a in zip(theta, alive)]


def _runs_of_equal(values: Array) -> list[tuple[int, int]]:
    ends = [*np.flatnonzero(np.diff(values)) + 1, len(values)]
    return [(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends)]
