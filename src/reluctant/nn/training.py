"""Training for people without a loop: mini-batches, early stopping, checkpoints that continue bit for bit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from reluctant.errors import FileFormatError
from reluctant.model.network import ReLUNetwork
from reluctant.nn import checkpoints
from reluctant.nn.extraction import to_network
from reluctant.nn.layers import OneHiddenLayer
from reluctant.nn.losses import LOSSES, Loss, check_loss
from reluctant.nn.proximal import ReweightedL1
from reluctant.nn.rows import Rows
from reluctant.nn.settings import Checkpoint, Shrinkage, TensorOptions, Validation, checked_as
from reluctant.objective import check_p
from reluctant.validation import check_bool, check_integer, check_number

Listener = Callable[["Epoch"], None]


@dataclass(frozen=True)
class Epoch:
    """The state after an epoch; losses are means over rows, without the penalty."""

    epoch: int
    training_loss: float
    validation_loss: float | None
    n_neurons: int
    n_parameters: int


@dataclass(frozen=True)
class Training:
    """What `fit_network` returns.

    Attributes
    ----------
    network : ReLUNetwork
        Of the best epoch on the validation data where there are any, else of the last; see `to_network`, which merges
        copies that `history` and `module` count one by one.
    module : OneHiddenLayer
        The same, to train on.
    history : tuple of Epoch
    stopped : str
        Why training ended, in words.
    path_norm : float
        ℓp path norm of the network.
    """

    network: ReLUNetwork
    module: OneHiddenLayer
    history: tuple[Epoch, ...]
    stopped: str
    path_norm: float


def fit_network(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float,
    p: float = 0.5,
    loss: Loss = "squared",
    n_neurons: int = 100,
    affine: bool = False,
    epochs: int = 100,
    batch_size: int | None = 256,
    learning_rate: float = 0.01,
    shrinkage: Shrinkage = Shrinkage(),  # noqa: B008  # frozen
    validation: Validation | tuple[ArrayLike, ArrayLike] | None = None,
    checkpoint: Checkpoint | str | PathLike[str] | None = None,
    tensors: TensorOptions = TensorOptions(),  # noqa: B008
    report: Listener | None = None,
    verbose: bool = False,
    random_state: int = 0,
) -> Training:
    """Train a one-hidden-layer network by Adam and Algorithm 1 on mean loss + α · ℓp path norm [NN, Algorithm 1].

    Dead neurons are removed after every epoch. Rows are read batch by batch, so memory-mapped arrays stay on disk.

    Parameters
    ----------
    X : array_like, shape (N,) or (N, d)
        Any real dtype, ``np.memmap`` included; inputs of size about one train best.
    y : array_like, shape (N,) or (N, m)
        Classes 0 and 1 for ``"hinge"`` and ``"logistic"``, class numbers 0, 1, … for ``"softmax"``.
    alpha : float
        Weight of the path norm, the paper's λ; its mean squared error is twice the squared loss here.
    p : float
        In (0, 1].
    loss : {"squared", "absolute", "hinge", "logistic", "softmax"}
        ``squared`` is ½ (f − y)².
    n_neurons : int
        Hidden neurons at the start.
    affine : bool
        Whether the network has an affine part; it is not penalised.
    epochs : int
    batch_size : int or None
        None takes all rows at once.
    learning_rate : float
    shrinkage : Shrinkage
        How the proximal step acts: what bias counts, which map, when it sets in.
    validation : Validation or (X, y), optional
        Data to choose the epoch by, and the patience to stop with.
    checkpoint : Checkpoint or path, optional
        File to save everything in, how often, and whether to go on from it.
    tensors : TensorOptions
        Type and device of the numbers.
    report : callable, optional
        Called with every `Epoch`.
    verbose : bool
        Show a progress bar (needs rich); it changes nothing.
    random_state : int
        Seed of the initial weights and of the order of the rows.

    Returns
    -------
    Training

    Warns
    -----
    UserWarning
        If the loss, a gradient or a weight stops being finite. The state of the last good epoch is returned, and
        `stopped` names the epoch.

    Raises
    ------
    ValueError
        If an argument is out of range, a row is not finite or not a label, or the checkpoint is of another run.
    FileFormatError
        If the checkpoint to go on from is damaged or none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 3))
    >>> run = fit_network(X, np.maximum(X[:, 0], 0), alpha=0.03, epochs=60, batch_size=50)
    >>> run.network.n_neurons < 5, run.history[-1].training_loss < 1e-4
    (True, True)
    """
    plan = Plan(alpha, p, loss, n_neurons, affine, batch_size, learning_rate, shrinkage, tensors, random_state)
    epochs = check_integer(epochs, "epochs", low=1)
    watched, kept = Validation.of(validation), Checkpoint.of(checkpoint)
    if report is not None and not callable(report):
        raise ValueError(f"report must be callable, got {report!r}")
    rows = Rows.checked(X, y, loss, ("X", "y"))
    held_out = None if watched is None else Rows.checked(watched.X, watched.y, loss, ("validation X", "validation y"))
    rows.check_fits(held_out)
    run = _Run(plan, rows, held_out)
    if kept is not None and kept.resume and kept.path.exists():
        run.load(kept.path)
    with _progress(check_bool(verbose, "verbose"), epochs) as show:
        listeners = [listener for listener in (report, show) if listener is not None]
        run.train(epochs, None if watched is None else watched.patience, kept, listeners)
    return run.result()


@dataclass(frozen=True)
class Plan:
    """What is trained and how, checked; what a checkpoint must agree with."""

    alpha: float
    p: float
    loss: str
    n_neurons: int
    affine: bool
    batch_size: int | None
    learning_rate: float
    shrinkage: Shrinkage
    tensors: TensorOptions
    random_state: int

    def __post_init__(self) -> None:
        check_p(self.p, zero=False)
        check_number(self.alpha, "alpha")
        check_loss(self.loss)
        check_integer(self.n_neurons, "n_neurons", low=1)
        check_bool(self.affine, "affine")
        if self.batch_size is not None:
            check_integer(self.batch_size, "batch_size", low=1)
        check_number(self.learning_rate, "learning_rate", strict=True)
        checked_as(Shrinkage, self.shrinkage, "shrinkage")
        checked_as(TensorOptions, self.tensors, "tensors")
        check_integer(self.random_state, "random_state", low=0)

    def module(self, n_inputs: int, n_outputs: int) -> OneHiddenLayer:
        """Build the module with its initial weights, drawn on the CPU."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            module = OneHiddenLayer(n_inputs, self.n_neurons, n_outputs, self.affine)
        return module.to(device=self.tensors.device, dtype=self.tensors.dtype)

    def optimizer(self, module: OneHiddenLayer) -> ReweightedL1:
        """Adam and Algorithm 1 around the module's parameters."""
        adam = torch.optim.Adam(module.parameters(), lr=self.learning_rate)
        return ReweightedL1(adam, module, p=self.p, alpha=self.alpha, **asdict(self.shrinkage))

    def order(self, epoch: int, n_rows: int) -> np.ndarray:
        """Rows in the order of this epoch, seeded by it, so that a resumed run needs no generator state."""
        return np.random.default_rng([self.random_state, epoch]).permutation(n_rows)

    def as_saved(self) -> dict[str, Any]:
        """Everything that decides the result, by name."""
        flat = {**asdict(self), **asdict(self.shrinkage), "dtype": str(self.tensors.dtype)}
        return {name: value for name, value in flat.items() if name not in ("shrinkage", "tensors")}


@dataclass(frozen=True)
class _Best:
    """The epoch with the smallest validation loss so far, and the module's state after it."""

    loss: float = math.inf
    epoch: int = 0
    state: dict[str, torch.Tensor] | None = None


class _Run:
    """A module in training: its optimiser, its history and its best state."""

    def __init__(self, plan: Plan, rows: Rows, held_out: Rows | None) -> None:
        self.plan = replace(plan, batch_size=len(rows)) if plan.batch_size is None else plan
        self.rows, self.held_out = rows, held_out
        self.module = plan.module(rows.n_inputs, rows.n_outputs(held_out))
        self.optimizer = plan.optimizer(self.module)
        self.history: list[Epoch] = []
        self.best = _Best()
        self.stopped = ""

    def train(
        self, epochs: int, patience: int | None, checkpoint: Checkpoint | None, listeners: Sequence[Listener]
    ) -> None:
        """Train until the last epoch, the end of patience or a loss that is not finite."""
        while not self.stopped:
            epoch = len(self.history) + 1
            if patience is not None and len(self.history) - self.best.epoch >= patience:
                self.stopped = f"no smaller validation loss for {patience} epochs; the best was epoch {self.best.epoch}"
            elif epoch > epochs:
                self.stopped = f"all {epochs} epochs done"
            elif not self._epoch(epoch):
                self.stopped = f"the loss was not finite in epoch {epoch}; this is the state before it"
                warnings.warn(f"{self.stopped}; try a smaller learning_rate", UserWarning, stacklevel=3)
                return  # the optimiser's moments are spoilt: the checkpoint before stays
            else:
                for listener in listeners:
                    listener(self.history[-1])
            if checkpoint is not None and (self.stopped or epoch % checkpoint.every == 0):
                self.save(checkpoint.path)

    def _epoch(self, epoch: int) -> bool:
        """Go once through all rows; False, and nothing changed, if something was not finite."""
        before = _copy(self.module.state_dict())
        total = self._steps(epoch)
        if not (math.isfinite(total) and all(bool(torch.isfinite(q).all()) for q in self.module.parameters())):
            self.module.load_state_dict(before)
            return False
        self.optimizer.remove_dead()
        loss = None if self.held_out is None else self.held_out.mean_loss(self.module, LOSSES[self.plan.loss])
        self.history.append(Epoch(epoch, total / len(self.rows), loss, *self.optimizer.counts()))
        if loss is not None and loss < self.best.loss:
            self.best = _Best(loss, epoch, _copy(self.module.state_dict()))
        return True

    def _steps(self, epoch: int) -> float:
        """Take the steps of an epoch; returns the sum of the losses of the rows, NaN if a gradient was not finite."""
        weight, batch_size = self.module.hidden.weight, self.plan.batch_size
        assert batch_size is not None
        loss = LOSSES[self.plan.loss]
        total = torch.zeros((), dtype=torch.float64, device=weight.device)
        order = self.plan.order(epoch, len(self.rows))
        for inputs, targets in self.rows.batches(order, batch_size, weight.dtype, weight.device):
            self.optimizer.zero_grad()
            value = loss(self.module(inputs), targets)
            value.backward()
            try:
                self.optimizer.step()
            except FloatingPointError:
                return math.nan
            total += value.detach() * len(inputs)
        return float(total)

    def result(self) -> Training:
        """The best state where there is one, else the last."""
        if self.best.state is not None:
            _load(self.module, self.best.state)
        network = to_network(self.module)
        norm = network.path_norm(self.plan.p, self.plan.shrinkage.bias)
        return Training(network, self.module, tuple(self.history), self.stopped, norm)

    def _identity(self) -> dict[str, Any]:
        return {**self.plan.as_saved(), "data": self.rows.fingerprint()}

    def save(self, path: Path) -> None:
        """Write everything that `load` needs."""
        content = {
            "run": self._identity(),
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(record) for record in self.history],
            "best": {"loss": self.best.loss, "epoch": self.best.epoch, "state": self.best.state},
        }
        checkpoints.write(path, content)

    def load(self, path: Path) -> None:
        """Continue from what `save` wrote."""
        saved = checkpoints.read(path, self.module.hidden.weight.device)
        if not isinstance(saved["run"], dict):
            raise FileFormatError(f"{path} does not say of which run it is")
        for name, value in self._identity().items():
            found = saved["run"].get(name)
            if found != value:
                raise ValueError(f"{path} is of another run: its {name} is {found!r}, not {value!r}")
        try:
            _load(self.module, saved["module"])
            self.optimizer = self.plan.optimizer(self.module)
            self.optimizer.load_state_dict(saved["optimizer"])
            self.history = [Epoch(**record) for record in saved["history"]]
            self.best = _Best(**saved["best"])
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise FileFormatError(f"{path} does not hold the state of a run ({error})") from error


def _copy(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _load(module: OneHiddenLayer, state: dict[str, torch.Tensor]) -> None:
    """Load a state that may have another number of neurons."""
    K = len(state["hidden.bias"])
    hidden, output = module.hidden, module.output
    for layer, name, shape in (
        (hidden, "weight", (K, hidden.in_features)),
        (hidden, "bias", (K,)),
        (output, "weight", (output.out_features, K)),
    ):
        setattr(layer, name, torch.nn.Parameter(getattr(layer, name).new_empty(shape)))
    hidden.out_features = output.in_features = K
    module.load_state_dict(state)


class _progress:
    """A progress bar on the terminal, or nothing."""

    def __init__(self, wanted: bool, epochs: int) -> None:
        self.bar: Any = None
        if wanted:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self.bar = Progress(*columns)
            self.task = self.bar.add_task("", total=epochs)

    def __enter__(self) -> Listener | None:
        if self.bar is None:
            return None
        self.bar.start()
        return self.show

    def show(self, record: Epoch) -> None:
        text = f"loss {record.training_loss:.3g}, {record.n_neurons} neurons, {record.n_parameters} parameters"
        self.bar.update(self.task, completed=record.epoch, description=text)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()
