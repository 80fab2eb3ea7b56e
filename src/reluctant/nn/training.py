"""Training for people without a loop: mini-batches, early stopping, checkpoints that continue bit for bit."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from reluctant.errors import FileFormatError
from reluctant.model.network import ReLUNetwork
from reluctant.model.storage import write_atomically
from reluctant.nn.extraction import to_network
from reluctant.nn.layers import OneHiddenLayer, layer_pairs
from reluctant.nn.losses import LOSSES, Loss, check_loss
from reluctant.nn.pair_step import Step
from reluctant.nn.penalty import path_norm
from reluctant.nn.proximal import ReweightedL1
from reluctant.nn.rows import Rows
from reluctant.objective import check_p
from reluctant.validation import check_integer, check_number


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
        Of the best epoch on the validation data where there are any, else of the last.
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
    bias: bool | None = None,
    epochs: int = 100,
    batch_size: int | None = 256,
    learning_rate: float = 0.01,
    warmup_steps: int = 5,
    ramp_steps: int = 0,
    step: Step = "reweighted",
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    patience: int | None = None,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int = 1,
    resume: bool = False,
    report: Callable[[Epoch], None] | None = None,
    verbose: bool = False,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
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
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k; by default for d ≥ 2 only.
    epochs : int
    batch_size : int or None
        None takes all rows at once.
    learning_rate : float
    warmup_steps, ramp_steps, step
        As in `ReweightedL1`.
    validation : (X, y), optional
        Data to choose the epoch by.
    patience : int, optional
        Stop after so many epochs without a smaller validation loss.
    checkpoint : path, optional
        File to save everything in, every `checkpoint_every` epochs and at the end.
    resume : bool
        Continue from `checkpoint` if the file exists; the result is the same bits as without the interruption.
    report : callable, optional
        Called with every `Epoch`.
    verbose : bool
        Show a progress bar (needs rich); it changes nothing.
    dtype : torch.dtype
    device : str or torch.device
    random_state : int
        Seed of the initial weights and of the order of the rows.

    Returns
    -------
    Training

    Warns
    -----
    UserWarning
        If the loss stops being finite. The state of the last good epoch is returned, and `stopped` names the epoch.

    Raises
    ------
    ValueError
        If an argument is out of range, a row is not finite or not a label, or the checkpoint is of another run.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 3))
    >>> run = fit_network(X, np.maximum(X[:, 0], 0), alpha=0.03, epochs=60, batch_size=50)
    >>> run.network.n_neurons < 5, run.history[-1].training_loss < 1e-4
    (True, True)
    """
    p, alpha = check_p(p, zero=False), check_number(alpha, "alpha")
    n_neurons, epochs, checkpoint_every = (
        check_integer(value, name, low=1)
        for value, name in ((n_neurons, "n_neurons"), (epochs, "epochs"), (checkpoint_every, "checkpoint_every"))
    )
    learning_rate = check_number(learning_rate, "learning_rate", strict=True)
    random_state = check_integer(random_state, "random_state", low=0)
    if patience is not None and validation is None:
        raise ValueError("patience needs validation data; give validation=(X, y)")
    patience = None if patience is None else check_integer(patience, "patience", low=1)
    if validation is not None and not (isinstance(validation, tuple | list) and len(validation) == 2):
        raise ValueError(f"validation must be a pair (X, y), got {type(validation).__name__}")
    if resume and checkpoint is None:
        raise ValueError("resume needs the path of a checkpoint")
    rows = Rows.checked(X, y, check_loss(loss), ("X", "y"))
    held_out = None if validation is None else Rows.checked(*validation, loss, ("validation X", "validation y"))
    rows.check_fits(held_out)
    batch_size = len(rows) if batch_size is None else check_integer(batch_size, "batch_size", low=1)
    n_outputs = rows.n_outputs(held_out)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_state)
        module = OneHiddenLayer(rows.n_inputs, n_neurons, n_outputs, affine).to(device=device, dtype=dtype)
    run = _Run(
        module,
        _wrapped(module, learning_rate, p, alpha, bias, warmup_steps, ramp_steps, step),
        settings={
            "p": p,
            "alpha": alpha,
            "loss": loss,
            "n_neurons": n_neurons,
            "affine": affine,
            "bias": bias,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "warmup_steps": warmup_steps,
            "ramp_steps": ramp_steps,
            "step": step,
            "random_state": random_state,
            "dtype": str(dtype),
            "data": rows.fingerprint(),
        },
    )
    path = None if checkpoint is None else Path(checkpoint)
    if resume and path is not None and path.exists():
        run.load(path)
    with _progress(verbose, epochs) as show:
        run.train(rows, held_out, epochs, batch_size, patience, path, checkpoint_every, [*filter(None, [report, show])])
    return run.result()


def _wrapped(
    module: OneHiddenLayer,
    learning_rate: float,
    p: float,
    alpha: float,
    bias: bool | None,
    warmup_steps: int,
    ramp_steps: int,
    step: Step,
) -> ReweightedL1:
    adam = torch.optim.Adam(module.parameters(), lr=learning_rate)
    return ReweightedL1(
        adam, module, p=p, alpha=alpha, bias=bias, warmup_steps=warmup_steps, ramp_steps=ramp_steps, step=step
    )


class _Run:
    """A module in training: its optimiser, its history and its best state."""

    def __init__(self, module: OneHiddenLayer, optimizer: ReweightedL1, settings: dict[str, Any]) -> None:
        self.module, self.optimizer, self.settings = module, optimizer, settings
        self.history: list[Epoch] = []
        self.stopped = ""
        self.best_loss, self.best_epoch = math.inf, 0
        self.best: dict[str, torch.Tensor] | None = None

    def train(
        self,
        rows: Rows,
        held_out: Rows | None,
        epochs: int,
        batch_size: int,
        patience: int | None,
        path: Path | None,
        every: int,
        listeners: list[Callable[[Epoch], None]],
    ) -> None:
        """Train until the last epoch, the end of patience or a loss that is not finite."""
        loss = LOSSES[self.settings["loss"]]
        self.stopped = ""
        while not self.stopped:
            epoch = len(self.history) + 1
            if self._out_of_patience(patience):
                self.stopped = f"no smaller validation loss for {patience} epochs; the best was epoch {self.best_epoch}"
            elif epoch > epochs:
                self.stopped = f"all {epochs} epochs done"
            elif not self._epoch(rows, held_out, epoch, batch_size, loss, listeners):
                self.stopped = f"the loss was not finite in epoch {epoch}; this is the state before it"
                warnings.warn(f"{self.stopped}; try a smaller learning_rate", UserWarning, stacklevel=3)
                return  # the optimiser's moments are spoilt: the checkpoint before stays
            if path is not None and (self.stopped or epoch % every == 0):
                self.save(path)

    def _epoch(
        self,
        rows: Rows,
        held_out: Rows | None,
        epoch: int,
        batch_size: int,
        loss: Callable[..., torch.Tensor],
        listeners: list[Callable[[Epoch], None]],
    ) -> bool:
        """Go once through all rows; False, and nothing changed, if the loss was not finite."""
        before = _copy(self.module.state_dict())
        parameter = self.module.hidden.weight
        total = torch.zeros((), dtype=torch.float64, device=parameter.device)
        # Seeded by the epoch, so that a resumed run needs no generator state.
        order = np.random.default_rng([self.settings["random_state"], epoch]).permutation(len(rows))
        for inputs, targets in rows.batches(order, batch_size, parameter.dtype, parameter.device):
            self.optimizer.zero_grad()
            value = loss(self.module(inputs), targets)
            value.backward()
            self.optimizer.step()
            total += value.detach() * len(inputs)
        if not (math.isfinite(float(total)) and all(bool(torch.isfinite(q).all()) for q in self.module.parameters())):
            self.module.load_state_dict(before)
            return False
        self.optimizer.remove_dead()
        validation_loss = None if held_out is None else held_out.mean_loss(self.module, loss)
        record = Epoch(epoch, float(total) / len(rows), validation_loss, *self.optimizer.counts())
        self.history.append(record)
        if validation_loss is not None and validation_loss < self.best_loss:
            self.best_loss, self.best_epoch = validation_loss, epoch
            self.best = _copy(self.module.state_dict())
        for listener in listeners:
            listener(record)
        return True

    def _out_of_patience(self, patience: int | None) -> bool:
        return patience is not None and len(self.history) - self.best_epoch >= patience

    def result(self) -> Training:
        """The best state where there is one, else the last."""
        if self.best is not None:
            _load(self.module, self.best)
        norm = path_norm(self.module, self.optimizer.p, self.settings["bias"])
        return Training(to_network(self.module), self.module, tuple(self.history), self.stopped, norm)

    def save(self, path: Path) -> None:
        """Write everything that `load` needs, whole or not at all."""
        buffer = io.BytesIO()
        state = {
            "settings": self.settings,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(record) for record in self.history],
            "best": (self.best_loss, self.best_epoch, self.best),
        }
        torch.save(state, buffer)
        write_atomically(path, buffer.getvalue())

    def load(self, path: Path) -> None:
        """Continue from what `save` wrote."""
        try:
            state = torch.load(path, weights_only=True, map_location=self.module.hidden.weight.device)
            saved = state["settings"]
        except Exception as error:
            raise FileFormatError(f"{path} is truncated or not a checkpoint ({type(error).__name__})") from error
        for name, value in self.settings.items():
            if saved.get(name) != value:
                raise ValueError(f"{path} is of another run: its {name} is {saved.get(name)!r}, not {value!r}")
        _load(self.module, state["module"])
        own = self.optimizer
        arguments = (own.p, own.alpha, saved["bias"], own.warmup_steps, own.ramp_steps, own.kind)
        self.optimizer = _wrapped(self.module, saved["learning_rate"], *arguments)
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [Epoch(**record) for record in state["history"]]
        self.best_loss, self.best_epoch, self.best = state["best"]


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
    layer_pairs(module)


class _progress:
    """A progress bar on the terminal, or nothing."""

    def __init__(self, wanted: bool, epochs: int) -> None:
        self.bar: Any = None
        if wanted:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self.bar = Progress(*columns)
            self.task = self.bar.add_task("", total=epochs)

    def __enter__(self) -> Callable[[Epoch], None] | None:
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
