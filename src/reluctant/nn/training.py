"""Training for people without a loop: mini-batches, early stopping, checkpoints that continue bit for bit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike

from reluctant.errors import FileFormatError
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.points import distinct_rows
from reluctant.nn import checkpoints
from reluctant.nn.extraction import to_network
from reluctant.nn.layers import OneHiddenLayer
from reluctant.nn.losses import LOSSES, Loss, check_loss
from reluctant.nn.polish import polish
from reluctant.nn.proximal import ReweightedL1
from reluctant.nn.rows import Rows
from reluctant.nn.settings import Checkpoint, Schedule, Shrinkage, TensorOptions, Validation, checked_as
from reluctant.solution import Solution
from reluctant.validation import check_bool, check_integer, check_number

Finish = Literal["interpolate", "tolerance"]
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
    solution : Solution or None
        What the verb that finished the run returned, whose network this is; None without `finish`.
    """

    network: ReLUNetwork
    module: OneHiddenLayer
    history: tuple[Epoch, ...]
    stopped: str
    path_norm: float
    solution: Solution | None = None


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
    schedule: Schedule = Schedule(),  # noqa: B008
    finish: Finish | None = None,
    validation: Validation | tuple[ArrayLike, ArrayLike] | None = None,
    checkpoint: Checkpoint | str | PathLike[str] | None = None,
    tensors: TensorOptions = TensorOptions(),  # noqa: B008
    report: Listener | None = None,
    verbose: bool = False,
    random_state: int = 0,
) -> Training:
    """Train a one-hidden-layer network by Adam and a proximal step on mean loss + α · ℓp path norm [NN, Algorithm 1].

    With one output v_k stays at ±1, so that w_k is the effective weight. By default α grows, zeros are fixed for the
    last two fifths of the run, in which the loss alone is fitted, and the learning rate falls, see `Schedule`; a
    little before that, neurons that the data do not tell apart are joined. Dead neurons are removed after every
    epoch. Rows are read batch by batch, so memory-mapped arrays stay on disk.

    Parameters
    ----------
    X : array_like, shape (N,) or (N, d)
        Any real dtype, ``np.memmap`` included; inputs of size about one train best.
    y : array_like, shape (N,) or (N, m)
        Classes 0 and 1 for ``"hinge"`` and ``"logistic"``, class numbers 0, 1, … for ``"softmax"``.
    alpha : float
        Weight of the path norm, the paper's λ; its mean squared error is twice the squared loss here.
    p : float
        In [0, 1], in (0, 1] for the plain metric.
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
    schedule : Schedule
        When α grows, when neurons are joined and zeros fixed, and how the learning rate falls;
        ``Schedule.constant()`` for none of that.
    finish : {"interpolate", "tolerance"}, optional
        Hand what was trained to `polish`: for the sparsest interpolant that it finds, or for the sparsest network
        none of whose residuals is larger than the largest that training left. For the squared and the absolute loss.
    validation : Validation or (X, y), optional
        Data to choose the epoch by, and the patience to stop with. Where zeros are fixed at some time, only epochs
        after that are chosen from and waited for.
    checkpoint : Checkpoint or path, optional
        File to save everything in, how often, and whether to go on from it. A run that goes on has the same `epochs`,
        unless its schedule is constant.
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
    InfeasibleError
        If an interpolant is asked for and one x comes with different y.
    FileFormatError
        If the checkpoint to go on from is damaged or none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 3))
    >>> run = fit_network(X, np.maximum(X[:, 0], 0), alpha=0.003, epochs=60, batch_size=50)
    >>> run.network.n_neurons < 5, run.history[-1].training_loss < 1e-4
    (True, True)
    """
    epochs = check_integer(epochs, "epochs", low=1)
    plan = Plan(
        alpha, p, loss, n_neurons, affine, epochs, batch_size, learning_rate, shrinkage, schedule, tensors, random_state
    )
    _check_finish(finish, loss)
    watched, kept = Validation.of(validation), Checkpoint.of(checkpoint)
    if report is not None and not callable(report):
        raise ValueError(f"report must be callable, got {report!r}")
    rows = Rows.checked(X, y, loss, ("X", "y"))
    held_out = None if watched is None else Rows.checked(watched.X, watched.y, loss, ("validation X", "validation y"))
    rows.check_fits(held_out)
    if finish == "interpolate":
        distinct_rows(*rows.table())  # contradictions are named before any work
    run = _Run(plan, rows, held_out)
    if kept is not None and kept.resume and kept.path.exists():
        run.load(kept.path)
    with _progress(check_bool(verbose, "verbose"), epochs) as show:
        listeners = [listener for listener in (report, show) if listener is not None]
        run.train(None if watched is None else watched.patience, kept, listeners)
    return run.result(finish)


@dataclass(frozen=True)
class Plan:
    """What is trained and how, checked; what a checkpoint must agree with."""

    alpha: float
    p: float
    loss: str
    n_neurons: int
    affine: bool
    epochs: int
    batch_size: int | None
    learning_rate: float
    shrinkage: Shrinkage
    schedule: Schedule
    tensors: TensorOptions
    random_state: int

    def __post_init__(self) -> None:
        checked_as(Shrinkage, self.shrinkage, "shrinkage").check_p(self.p)
        checked_as(Schedule, self.schedule, "schedule")
        check_number(self.alpha, "alpha")
        check_loss(self.loss)
        check_integer(self.n_neurons, "n_neurons", low=1)
        check_bool(self.affine, "affine")
        if self.batch_size is not None:
            check_integer(self.batch_size, "batch_size", low=1)
        check_number(self.learning_rate, "learning_rate", strict=True)
        checked_as(TensorOptions, self.tensors, "tensors")
        check_integer(self.random_state, "random_state", low=0)

    def module(self, n_inputs: int, n_outputs: int) -> OneHiddenLayer:
        """Build the module with its initial weights, drawn on the CPU."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            module = OneHiddenLayer(n_inputs, self.n_neurons, n_outputs, self.affine)
        return module.to(device=self.tensors.device, dtype=self.tensors.dtype)

    def optimizer(self, module: OneHiddenLayer) -> ReweightedL1:
        """Adam and the proximal step around the module's parameters."""
        adam = torch.optim.Adam(module.parameters(), lr=self.learning_rate)
        holds = self.shrinkage.holds_output(module.output.out_features, default=self.alpha > 0)
        shrinkage = replace(self.shrinkage, freeze_output=holds)
        return ReweightedL1(adam, module, p=self.p, alpha=self.alpha, **asdict(shrinkage))

    @property
    def first_choice(self) -> int:
        """Epochs before those that validation chooses from: until the zeros are fixed, where they ever are."""
        return math.ceil(self.schedule.frozen * self.epochs) if self.alpha and self.schedule.frozen < 1 else 0

    def pace(self, optimizer: ReweightedL1, n_steps: int) -> None:
        """Set learning rate and α for the next of so many steps."""
        time = min(optimizer.steps / n_steps, 1.0)
        optimizer.param_groups[0]["lr"] = self.learning_rate * self.schedule.rate(time)
        optimizer.alpha = self.alpha * self.schedule.alpha(time)
        if self.alpha and self.schedule.fits(time):
            optimizer.freeze()

    def order(self, epoch: int, n_rows: int) -> np.ndarray:
        """Rows in the order of this epoch, seeded by it, so that a resumed run needs no generator state."""
        return np.random.default_rng([self.random_state, epoch]).permutation(n_rows)

    def as_saved(self) -> dict[str, Any]:
        """Everything that decides the result, by name."""
        flat = {**asdict(self), **asdict(self.shrinkage), **asdict(self.schedule), "dtype": str(self.tensors.dtype)}
        if self.schedule == Schedule.constant():
            del flat["epochs"]  # such a run may be made longer
        return {name: value for name, value in flat.items() if name not in ("shrinkage", "schedule", "tensors")}


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

    def train(self, patience: int | None, checkpoint: Checkpoint | None, listeners: Sequence[Listener]) -> None:
        """Train until the last epoch, the end of patience or a loss that is not finite."""
        epochs = self.plan.epochs
        while not self.stopped:
            epoch = len(self.history) + 1
            waited = len(self.history) - max(self.best.epoch, self.plan.first_choice)
            if patience is not None and waited >= patience:
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
        if self.plan.alpha and epoch == self.plan.schedule.joining_epoch(self.plan.epochs):
            weight = self.module.hidden.weight
            self.optimizer.consolidate(self.rows.inputs(weight.dtype, weight.device))
        self.optimizer.remove_dead()
        loss = None if self.held_out is None else self.held_out.mean_loss(self.module, LOSSES[self.plan.loss])
        self.history.append(Epoch(epoch, total / len(self.rows), loss, *self.optimizer.counts()))
        if loss is not None and epoch > self.plan.first_choice and loss < self.best.loss:
            self.best = _Best(loss, epoch, _copy(self.module.state_dict()))
        return True

    def _steps(self, epoch: int) -> float:
        """Take the steps of an epoch; returns the sum of the losses of the rows, NaN if a gradient was not finite."""
        weight, batch_size = self.module.hidden.weight, self.plan.batch_size
        assert batch_size is not None
        loss = LOSSES[self.plan.loss]
        total = torch.zeros((), dtype=torch.float64, device=weight.device)
        order, n_steps = self.plan.order(epoch, len(self.rows)), self.plan.epochs * -(-len(self.rows) // batch_size)
        for inputs, targets in self.rows.batches(order, batch_size, weight.dtype, weight.device):
            self.plan.pace(self.optimizer, n_steps)
            self.optimizer.zero_grad()
            value = loss(self.module(inputs), targets)
            value.backward()
            try:
                self.optimizer.step()
            except FloatingPointError:
                return math.nan
            total += value.detach() * len(inputs)
        return float(total)

    def result(self, finish: Finish | None) -> Training:
        """The best state where there is one, else the last, finished as asked for."""
        if self.best.state is not None:
            _load(self.module, self.best.state)
        network = to_network(self.module)
        solution = None
        if finish is not None:
            X, y = self.rows.table()
            left = (
                0.0
                if finish == "interpolate"
                else float(np.abs(network(X).reshape(len(X), -1) - y.reshape(len(X), -1)).max())
            )
            state = self.plan.random_state
            solution = polish(network, X, y, tolerance=left, affine=self.plan.affine, random_state=state)
            network = solution.network
        norm = network.path_norm(self.plan.p, self.plan.shrinkage.bias)
        return Training(network, self.module, tuple(self.history), self.stopped, norm, solution)

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


def _check_finish(finish: str | None, loss: str) -> None:
    if finish not in (None, "interpolate", "tolerance"):
        raise ValueError(f"finish must be 'interpolate', 'tolerance' or None, got {finish!r}")
    if finish is not None and loss not in ("squared", "absolute"):
        raise ValueError(f"finish={finish!r} is for the squared and the absolute loss, got loss={loss!r}; see polish")


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
