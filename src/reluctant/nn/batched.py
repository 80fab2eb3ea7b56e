"""Many restarts of training as one computation."""

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
from reluctant.nn.settings import Recording, Schedule, Shrinkage, TensorOptions, checked_as
from reluctant.nn.stack import Record, Stack, initial_weights
from reluctant.validation import check_integer, check_number, check_table


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
    schedule: Schedule = Schedule(),  # noqa: B008
    compact_every: int = 50,
    recording: Recording = Recording(),  # noqa: B008
    tensors: TensorOptions = TensorOptions(),  # noqa: B008
    start: Sequence[ReLUNetwork] | None = None,
    random_state: int | Sequence[torch.Generator] = 0,
) -> Restarts:
    """Train every combination of seed, p and α by Adam and the proximal step at the same time [NN, Algorithm 1].

    The runs are slices of stacked tensors and do not influence one another: each is what `ReweightedL1` around
    ``torch.optim.Adam`` does to ``Linear → ReLU → Linear(bias=False)`` with PyTorch's initialisation and mean squared
    error, up to rounding. With one output and the optimiser's metric the output weights stay at ±1. Dead neurons are
    compacted away as training goes on. By default the runs end sparse, see `Schedule`; the paper's loop is
    ``Shrinkage(metric="plain")`` with ``Schedule.constant()``.

    Parameters
    ----------
    X : array_like, shape (N,) or (N, d)
    y : array_like, shape (N,) or (N, m)
    n_neurons : int
        Hidden neurons K of every run at the start.
    alpha : float or sequence
        Weights of the path norm; 0, on its own, trains by the optimiser alone, on the schedule of its learning rate.
    p : float or sequence
        Exponents in [0, 1], in (0, 1] for the plain metric.
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
    schedule : Schedule
        When α grows, when neurons are consolidated, when zeros are fixed, and how the learning rate falls.
    compact_every : int
        Epochs between two removals of dead neurons; 0 for never. With the plain metric and p = 1 the momentum left in a
        dead neuron may revive it, which removal prevents; else dead neurons stay dead anyway.
    recording : Recording
        When the runs are recorded, and what is counted.
    tensors : TensorOptions
        Type and device of the numbers.
    start : sequence of ReLUNetwork, optional
        One network a seed to start from, instead of random weights; without affine part, of at most K neurons.
        With p < 1 and ``Shrinkage(warmup_steps=0, metric="plain")`` its zeros stay zero.
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
    schedule = checked_as(Schedule, schedule, "schedule")
    recording = checked_as(Recording, recording, "recording")
    tensors = checked_as(TensorOptions, tensors, "tensors")
    generators = _generators(random_state, check_integer(restarts, "restarts", low=1))
    grid = _Grid.checked(p, alpha, shrinkage, [generator.initial_seed() for generator in generators])
    penalised = bool(grid.alpha.any())
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
        shrinkage if penalised else Shrinkage(freeze_output=False),
    )
    rows = len(X) if batch_size is None else min(len(X), check_integer(batch_size, "batch_size", low=1))
    history: list[Record] = []
    pace = _Pace(stack.learning_rate, epochs * -(-len(X) // rows), schedule, shrinkage, penalised)
    joins = schedule.joining_epoch(epochs) if penalised else None
    due = [e for e in range(1, epochs + 1) if recording.is_due(e, epochs) or e == joins]
    compacts = range(compact_every, epochs + 1, compact_every) if compact_every else []
    ends = sorted({*due, *compacts})
    for begin, epoch in zip([0, *ends], ends):
        for e in range(begin + 1, epoch + 1) if rows < len(X) else ():
            for batch in _batches(len(X), rows, [int(grid.seed[0]), e]):
                stack.learning_rate, share = pace.of(stack.steps)
                stack.frozen = share < 0
                stack.step(batch, share)
        if rows == len(X):
            stack.advance(*pace.between(stack.steps, stack.steps + epoch - begin))
        if epoch == joins:
            stack.consolidate(rows)
        if epoch in compacts or epoch == joins:
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
    def checked(
        cls, p: float | Sequence[float], alpha: float | Sequence[float], shrinkage: Shrinkage, seeds: list[int]
    ) -> _Grid:
        ps = [shrinkage.check_p(value) for value in _listed(p, "p")]
        alphas = [check_number(value, "alpha") for value in _listed(alpha, "alpha")]
        if 0.0 in alphas and any(alphas):
            raise ValueError("alpha = 0 must be trained on its own, without other values")
        return cls(*map(np.array, zip(*itertools.product(ps, alphas, seeds))))


@dataclass(frozen=True)
class _Pace:
    """Learning rate and share of α of every step."""

    rate: float
    n_steps: int
    schedule: Schedule
    shrinkage: Shrinkage
    penalised: bool

    def of(self, done: int) -> tuple[float, float]:
        """Of the step after so many; the share is negative where zeros are fixed."""
        time = done / self.n_steps
        if self.penalised and self.schedule.fits(time):
            share = -1.0
        else:
            share = self.shrinkage.share(done) * self.schedule.alpha(time) if self.penalised else 0.0
        return self.rate * self.schedule.rate(time), share

    def between(self, first: int, last: int) -> tuple[Array, Array]:
        """Rates and shares of the steps first, …, last − 1."""
        rates, shares = zip(*map(self.of, range(first, last)))
        return np.array(rates), np.array(shares)


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


def _batches(N: int, size: int, seed: list[int]) -> Iterator[Tensor]:
    """Numbers of the rows of each batch in random order."""
    return iter(torch.from_numpy(np.random.default_rng(seed).permutation(N)).split(size))


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
