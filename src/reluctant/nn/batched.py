"""Many restarts of Algorithm 1 as one computation: stacked weights, gradients written out, dead neurons compacted."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.nn.layers import nonzero_neurons
from reluctant.nn.pair_step import ProximalStep
from reluctant.nn.settings import Recording, Shrinkage, Step, TensorOptions, checked_as
from reluctant.objective import check_p
from reluctant.validation import check_integer, check_number, check_table


@dataclass(frozen=True)
class Record:
    """The state of every run after `epoch` epochs; arrays (R,). The mean squared error is over rows and outputs."""

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
    batch_size: int | None = None,
    learning_rate: float = 0.01,
    weight_decay: float = 0.0,
    shrinkage: Shrinkage = Shrinkage(),  # noqa: B008  # frozen
    compact_every: int = 50,
    recording: Recording = Recording(),  # noqa: B008
    tensors: TensorOptions = TensorOptions(),  # noqa: B008
    start: Sequence[ReLUNetwork] | None = None,
    random_state: int | Sequence[torch.Generator] = 0,
) -> Restarts:
    """Train every combination of seed, p and α by Adam and Algorithm 1 at the same time [NN, Algorithm 1].

    The runs are slices of stacked tensors and do not influence one another: each is what `ReweightedL1` around
    ``torch.optim.Adam`` does to ``Linear → ReLU → Linear(bias=False)`` with PyTorch's initialisation and mean squared
    error, up to rounding. Dead neurons are compacted away as training goes on.

    Parameters
    ----------
    X : array_like, shape (N,) or (N, d)
    y : array_like, shape (N,) or (N, m)
    n_neurons : int
        Hidden neurons K of every run at the start.
    alpha : float or sequence
        Weights of the path norm; 0, on its own, trains by the optimiser alone.
    p : float or sequence
        Exponents in (0, 1].
    restarts : int
        Number of seeds; run r starts from seed ``random_state + r``.
    epochs : int
    batch_size : int, optional
        Rows a step, by default all. The rows are shuffled every epoch, for all runs alike.
    learning_rate : float
    weight_decay : float
        Decoupled, as in AdamW.
    shrinkage : Shrinkage
        How the proximal step acts: what bias counts, which map, when it sets in.
    compact_every : int
        Epochs between two removals of dead neurons; 0 for never. With p = 1 the momentum left in a dead neuron may
        revive it, which removal prevents; for p < 1 zeros stay zero anyway.
    recording : Recording
        When the runs are recorded, and what is counted.
    tensors : TensorOptions
        Type and device of the numbers.
    start : sequence of ReLUNetwork, optional
        One network a seed to start from, instead of random weights; without affine part, of at most K neurons.
        With p < 1 and ``Shrinkage(warmup_steps=0)`` its zeros stay zero.
    random_state : int or sequence of torch.Generator
        A generator a run instead of a seed: the initial weights are what `torch.nn.Linear` would draw from it next.
        The generators stay as they are.

    Returns
    -------
    Restarts

    Raises
    ------
    ValueError
        If an argument is out of range, or a network to start from does not fit.

    Warns
    -----
    UserWarning
        If the loss of a run stops being finite. It keeps the state of the last record where it was.

    Examples
    --------
    >>> x, y = [-2, -1, 0, 1, 2, 3], [0, 0, 1, 1, 0, 0]
    >>> runs = train_restarts(x, y, n_neurons=20, p=[0.4, 0.7], alpha=0.003, restarts=4, epochs=200)
    >>> len(runs.networks), runs.history[-1].epoch
    (8, 200)
    """
    X, y = check_table(X, y)
    y = y.reshape(len(y), -1)
    epochs = check_integer(epochs, "epochs", low=1)
    compact_every = check_integer(compact_every, "compact_every", low=0)
    shrinkage = checked_as(Shrinkage, shrinkage, "shrinkage")
    recording = checked_as(Recording, recording, "recording")
    tensors = checked_as(TensorOptions, tensors, "tensors")
    generators = _generators(random_state, check_integer(restarts, "restarts", low=1))
    grid = _Grid.checked(p, alpha, [generator.initial_seed() for generator in generators])
    first = _first_weights(start, generators, X.shape[1], y.shape[1], n_neurons)
    stack = Stack(
        torch.stack(first).to(tensors.dtype).repeat(len(grid.p) // len(first), 1, 1).to(tensors.device),
        torch.as_tensor(X, dtype=tensors.dtype, device=tensors.device),
        torch.as_tensor(y, dtype=tensors.dtype, device=tensors.device),
        grid.p,
        grid.alpha,
        check_number(learning_rate, "learning_rate", strict=True),
        X.shape[1] > 1 if shrinkage.bias is None else shrinkage.bias,
        check_number(weight_decay, "weight_decay"),
        shrinkage.step,
    )
    rows = len(X) if batch_size is None else min(len(X), check_integer(batch_size, "batch_size", low=1))
    penalised = bool(grid.alpha.any())
    history: list[Record] = []
    for epoch in range(1, epochs + 1):
        for batch in _batches(len(X), rows, [int(grid.seed[0]), epoch]):
            stack.step(batch, shrinkage.share(stack.steps) if penalised else 0.0)
        if compact_every and epoch % compact_every == 0:
            stack.compact()
        if recording.is_due(epoch, epochs):
            history.append(stack.record(epoch, recording.count_above, rows))
            _warn_of(stack.retire(history), epoch)
    return Restarts(grid.seed, stack.p, stack.alpha, stack.networks(), history)


@dataclass(frozen=True)
class _Grid:
    """Settings of every run, arrays (R,), seeds running fastest."""

    p: Array
    alpha: Array
    seed: NDArray[np.int64]

    @classmethod
    def checked(cls, p: float | Sequence[float], alpha: float | Sequence[float], seeds: list[int]) -> _Grid:
        ps = [check_p(value, zero=False) for value in _listed(p, "p")]
        alphas = [check_number(value, "alpha") for value in _listed(alpha, "alpha")]
        if 0.0 in alphas and any(alphas):
            raise ValueError("alpha = 0 must be trained on its own, without other values")
        return cls(*map(np.array, zip(*itertools.product(ps, alphas, seeds))))


def _warn_of(lost: list[int], epoch: int) -> None:
    if lost:
        warnings.warn(
            f"the loss of runs {lost} was not finite in epoch {epoch}; they stop with their last recorded "
            "state, try a smaller learning_rate",
            UserWarning,
            stacklevel=3,
        )


def _first_weights(
    start: Sequence[ReLUNetwork] | None, generators: list[torch.Generator], d: int, m: int, n_neurons: int
) -> list[Tensor]:
    """Weights of every seed to start from, drawn in float32 or those of the networks in float64."""
    n_neurons = check_integer(n_neurons, "n_neurons", low=1)
    if start is None:
        return [initial_weights(d, n_neurons, generator, n_outputs=m) for generator in generators]
    if len(start) != len(generators):
        raise ValueError(f"start must have one network for each of the {len(generators)} restarts, got {len(start)}")
    return [_weights_of(network, d, n_neurons, m) for network in start]


def _generators(random_state: int | Sequence[torch.Generator], restarts: int) -> list[torch.Generator]:
    """One for each run, each at the place in its stream where the initial weights begin."""
    if isinstance(random_state, Sequence):
        if len(random_state) != restarts or not all(isinstance(g, torch.Generator) for g in random_state):
            raise ValueError(f"random_state must be an integer or one torch.Generator for each of {restarts} restarts")
        return [torch.Generator().set_state(g.get_state()) for g in random_state]
    first = check_integer(random_state, "random_state", low=0)
    return [torch.Generator().manual_seed(first + r) for r in range(restarts)]


def _listed(value: float | Sequence[float], name: str) -> list[float]:
    values = np.atleast_1d(np.asarray(value)).tolist()
    if not values:
        raise ValueError(f"{name} must have at least one value, got none")
    return values


def _batches(N: int, size: int, seed: list[int]) -> Iterator[Tensor | None]:
    """Numbers of the rows of each batch in random order, or None for all of them."""
    if size == N:
        return iter([None])
    return iter(torch.from_numpy(np.random.default_rng(seed).permutation(N)).split(size))


def initial_weights(
    d: int, n_neurons: int, generator: torch.Generator, dtype: torch.dtype = torch.float32, n_outputs: int = 1
) -> Tensor:
    """Rows (w_k, b_k, v_k), shape (K, d + 1 + m), with the distribution and random stream of `torch.nn.Linear`."""
    into, out = d**-0.5, n_neurons**-0.5
    w = torch.empty(n_neurons, d).uniform_(-into, into, generator=generator)
    b = torch.empty(n_neurons).uniform_(-into, into, generator=generator)
    v = torch.empty(n_outputs, n_neurons).uniform_(-out, out, generator=generator)
    return torch.column_stack([w, b, v.T]).to(dtype)


def _weights_of(network: ReLUNetwork, d: int, n_neurons: int, n_outputs: int) -> Tensor:
    """Rows (w_k, b_k, v_k) of a network, balanced, with zeros up to K."""
    f = network.balanced()
    if f.n_affine or (f.n_inputs, f.n_outputs) != (d, n_outputs) or len(f.biases) > n_neurons:
        raise ValueError(
            f"a network to start from must map {d} to {n_outputs}, without affine part, with at most {n_neurons} "
            f"neurons; got {f.n_inputs} to {f.n_outputs}, {f.n_affine} affine weights and {len(f.biases)} neurons"
        )
    theta = torch.zeros(n_neurons, d + 1 + n_outputs, dtype=torch.float64)
    rows = np.hstack(f.hinges[:2])
    theta[: len(rows)] = torch.as_tensor(rows)
    return theta


class Stack:
    """R networks as one tensor θ (R, K, d + 1 + m) whose rows are (w_k, b_k, v_k)."""

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
        step: Step = "reweighted",
    ) -> None:
        self.kind: Step = step
        self.inputs = torch.column_stack([X, X.new_ones(len(X))])  # X̄, shape (N, d + 1)
        self.targets = y.reshape(len(X), -1).T.contiguous()  # (m, N)
        self.p, self.alpha, self.steps = p, alpha, 0
        self._good = theta.clone()  # the last recorded state
        self._retired: dict[int, ReLUNetwork] = {}
        self.n_counted = X.shape[1] + int(counts_bias)
        self.theta = torch.nn.Parameter(theta.clone(), requires_grad=False)
        fused = theta.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.AdamW([self.theta], lr=learning_rate, weight_decay=weight_decay, fused=fused)
        settings = np.column_stack([alpha * learning_rate, p])
        self._groups = [(slice(*g), ProximalStep(self.n_counted), *settings[g[0]]) for g in _runs_of_equal(settings)]
        self._bind()

    def _bind(self) -> None:
        """Give every group of runs with equal settings its part of θ, which is new."""
        d = self.inputs.shape[1] - 1
        for runs, step, _, _ in self._groups:
            theta = self.theta.data[runs].view(-1, self.theta.shape[2])
            step.bind(theta[:, :d], theta[:, d], theta[:, d + 1 :], None)

    @property
    def incoming(self) -> Tensor:
        """(w_k, b_k), shape (R, K, d + 1): a view."""
        return self.theta[:, :, : self.inputs.shape[1]]

    @property
    def outgoing(self) -> Tensor:
        """v_k, shape (R, K, m): a view."""
        return self.theta[:, :, self.inputs.shape[1] :]

    @torch.no_grad()
    def step(self, batch: Tensor | None = None, share: float = 1.0) -> None:
        """One step of Adam on the mean squared error of a batch, and one proximal step with this share of α."""
        self._gradient(batch)
        groups = self._groups if share else []
        for _, step, tau, p in groups:
            step.remember(share * tau, p, self.kind)
        self.optimizer.step()
        for _, step, tau, p in groups:
            step.apply(share * tau, p, self.kind)
        self.steps += 1

    def _hidden_of(self, inputs: Tensor) -> Tensor:
        """(w_k · x + b_k)_+ of every neuron, shape (R, K, N)."""
        R, K, _ = self.theta.shape
        hidden = torch.mm(self.incoming.reshape(R * K, -1), inputs.T)
        return hidden.clamp_(min=0).view(R, K, -1)

    def _gradient(self, batch: Tensor | None = None) -> None:
        inputs, targets = (self.inputs, self.targets) if batch is None else (self.inputs[batch], self.targets[:, batch])
        hidden = self._hidden_of(inputs)
        residual = torch.bmm(self.outgoing.mT, hidden).sub_(targets).mul_(2 / targets.numel())
        into_v = torch.bmm(hidden, residual.mT)
        active = hidden > 0
        into_hidden = torch.matmul(self.outgoing, residual, out=hidden).mul_(active)
        into_w = torch.mm(into_hidden.view(-1, len(inputs)), inputs).view_as(self.incoming)
        self.theta.grad = torch.cat([into_w, into_v], dim=2)

    def alive(self) -> Tensor:
        """Mask (R, K) of the neurons with v_k (w_k, b_k) ≠ 0."""
        return nonzero_neurons(self.incoming, self.outgoing)

    def counts(self, above: float = 0.0) -> tuple[Tensor, Tensor]:
        """Active neurons and their parameters, shapes (R,), as `ReLUNetwork` counts them if `above` is 0."""
        w, v = self.incoming.abs(), self.outgoing.abs()
        large_w = w * v.amax(dim=2, keepdim=True) > above
        large_v = v * w.amax(dim=2, keepdim=True) > above
        active = large_w.any(dim=2) if w.shape[2] > 2 else large_w[:, :, 0]
        parameters = large_w.sum(dim=2) + large_v.sum(dim=2) - 1
        return active.sum(dim=1), (parameters * active).sum(dim=1)

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
        self.theta.grad = None
        self._bind()

    @torch.no_grad()
    def record(self, epoch: int, count_above: float = 0.0, rows: int | None = None) -> Record:
        """Errors, computed on so many rows at a time, and counts of every network."""
        parts = zip(*(a.split(rows or len(self.inputs), dim) for a, dim in ((self.inputs, 0), (self.targets, 1))))
        squares = [(torch.bmm(self.outgoing.mT, self._hidden_of(x)) - y).square().sum(dim=(1, 2)) for x, y in parts]
        mse = torch.stack(squares).sum(dim=0) / self.targets.numel()
        neurons, parameters = self.counts(count_above)
        return Record(epoch, mse.double().cpu().numpy(), neurons.cpu().numpy(), parameters.cpu().numpy())

    @torch.no_grad()
    def retire(self, history: list[Record]) -> list[int]:
        """Stop the runs whose error is not finite with their state of the record before; returns their numbers.

        Their weights become zero, which no gradient moves, and the last record of `history` repeats the one before.
        """
        last = history[-1]
        lost = [r for r in np.flatnonzero(~np.isfinite(last.mse)).tolist() if r not in self._retired]
        for r in lost:
            self._retired[r] = self._network(self._good[r])
            for tensor in (self.theta.data, *self._moments()):
                tensor[r] = 0.0
        for r in self._retired:
            for field_name in ("mse", "n_neurons", "n_parameters") if len(history) > 1 else ():
                getattr(last, field_name)[r] = getattr(history[-2], field_name)[r]
        self._good = self.theta.data.clone()
        return lost

    def _moments(self) -> list[Tensor]:
        state = self.optimizer.state[self.theta]
        return [state["exp_avg"], state["exp_avg_sq"]]

    def networks(self) -> list[ReLUNetwork]:
        """Every network, its dead neurons left out."""
        return [self._retired.get(r) or self._network(theta) for r, theta in enumerate(self.theta.data)]

    def _network(self, theta: Tensor) -> ReLUNetwork:
        d = self.inputs.shape[1] - 1
        rows = theta[nonzero_neurons(theta[:, : d + 1], theta[:, d + 1 :])].double().cpu().numpy()
        return ReLUNetwork(rows[:, :d], rows[:, d], rows[:, d + 1 :])


def _runs_of_equal(rows: Array) -> list[tuple[int, int]]:
    ends = [*(1 + np.flatnonzero((np.diff(rows, axis=0) != 0).any(axis=1))), len(rows)]
    return [(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends)]
