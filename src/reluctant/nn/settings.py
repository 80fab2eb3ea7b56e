"""Settings of training that go together, each checked once, when it is built."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import ArrayLike

from reluctant.objective import check_p
from reluctant.validation import check_bool, check_integer, check_number

Step = Literal["reweighted", "prox"]
Metric = Literal["optimizer", "plain"]


@dataclass(frozen=True)
class Shrinkage:
    """How the proximal step acts, beside its p and α; see `ReweightedL1`.

    Parameters
    ----------
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
    step : {"reweighted", "prox"}, optional
        For the plain metric: the soft threshold of Algorithm 1, its default, or the exact proximal map of αγ|u|^p,
        which the optimiser's metric always takes.
    warmup_steps : int
        Plain steps before the first shrinkage; the paper takes 5.
    ramp_steps : int
        Steps after those over which α grows linearly to its value.
    metric : {"optimizer", "plain"}
        What thresholds are scaled by: what the optimiser scales its step with, or nothing, as in the paper.
    freeze_output : bool, optional
        Whether the output weights stay at ±1, for one output and the optimiser's metric. By default they do in
        `fit_network` and `train_restarts`, and not in a loop of one's own.

    Raises
    ------
    ValueError
        If an argument is out of range, or two do not go together.

    Examples
    --------
    >>> grown = Shrinkage(warmup_steps=2, ramp_steps=3)
    >>> [grown.share(done) for done in range(7)]
    [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    bias: bool | None = None
    step: Step | None = None
    warmup_steps: int = 5
    ramp_steps: int = 0
    metric: Metric = "optimizer"
    freeze_output: bool | None = None

    def __post_init__(self) -> None:
        if self.bias is not None:
            check_bool(self.bias, "bias")
        if self.step not in (None, "reweighted", "prox"):
            raise ValueError(f"step must be 'reweighted' or 'prox', got {self.step!r}")
        if self.metric not in ("optimizer", "plain"):
            raise ValueError(f"metric must be 'optimizer' or 'plain', got {self.metric!r}")
        if self.freeze_output is not None:
            check_bool(self.freeze_output, "freeze_output")
        if self.metric == "optimizer" and self.step == "reweighted":
            raise ValueError("step='reweighted' goes with metric='plain'; the optimiser's metric takes the exact map")
        if self.metric == "plain" and self.freeze_output:
            raise ValueError("freeze_output goes with metric='optimizer'; the plain step balances v and w")
        check_integer(self.warmup_steps, "warmup_steps", low=0)
        check_integer(self.ramp_steps, "ramp_steps", low=0)

    @property
    def kind(self) -> Step:
        """The map of the plain metric."""
        return "reweighted" if self.step is None else self.step

    def check_p(self, p: float) -> float:
        """Return p if this step can take it: 0 for the optimiser's metric only."""
        return check_p(p, zero=self.metric == "optimizer")

    def holds_output(self, n_outputs: int, default: bool) -> bool:
        """Whether the output weights stay at ±1."""
        if n_outputs > 1 and self.freeze_output:
            raise ValueError(f"freeze_output is for one output, whose weight has a sign; there are {n_outputs}")
        wanted = default if self.freeze_output is None else self.freeze_output
        return wanted and n_outputs == 1 and self.metric == "optimizer"

    def share(self, done: int) -> float:
        """Share of α in the step that follows `done` steps."""
        shrunk = done - self.warmup_steps
        if shrunk < 0:
            return 0.0
        return 1.0 if shrunk >= self.ramp_steps else (shrunk + 1) / (self.ramp_steps + 1)


@dataclass(frozen=True)
class Schedule:
    """How a run goes from fitting by way of shrinking to fitting what is left; times are shares of its length.

    Parameters
    ----------
    grown : float
        α grows linearly until then,
    frozen : float
        and shrinks until then; afterwards zeros are fixed and the loss alone is fitted. 1 for never.
    consolidate : float, optional
        When neurons that the data do not tell apart are joined, see `consolidate`; None for never.
    last_rate : float
        The learning rate at the end, as a share of that at the beginning; it falls along a cosine.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> schedule = Schedule()
    >>> [round(schedule.alpha(done), 2) for done in (0.0, 0.15, 0.3, 0.5)], schedule.fits(0.6)
    ([0.0, 0.5, 1.0, 1.0], True)
    >>> round(schedule.rate(0.5), 3), Schedule.constant().rate(0.5)
    (0.505, 1.0)
    """

    grown: float = 0.3
    frozen: float = 0.6
    consolidate: float | None = 0.55
    last_rate: float = 0.01

    def __post_init__(self) -> None:
        for name in ("grown", "frozen", "consolidate", "last_rate"):
            value = getattr(self, name)
            if value is not None and check_number(value, name, strict=name == "last_rate") > 1:
                raise ValueError(f"{name} must be at most 1, got {value!r}")

    @classmethod
    def constant(cls) -> Schedule:
        """Neither α nor the learning rate changes, and nothing is joined: the paper's loop."""
        return cls(grown=0.0, frozen=1.0, consolidate=None, last_rate=1.0)

    def alpha(self, done: float) -> float:
        """Share of α after this share of the run."""
        return 1.0 if done >= self.grown else done / self.grown

    def rate(self, done: float) -> float:
        """Share of the learning rate."""
        return self.last_rate + (1 - self.last_rate) * 0.5 * (1 + math.cos(math.pi * done))

    def fits(self, done: float) -> bool:
        """Whether zeros are fixed by then."""
        return done >= self.frozen

    def joining_epoch(self, epochs: int) -> int | None:
        """The epoch after which neurons are joined."""
        return None if self.consolidate is None else max(1, round(self.consolidate * epochs))


@dataclass(frozen=True, eq=False)
class Validation:
    """Data to choose the epoch by; a bare pair (X, y) is one without patience.

    Parameters
    ----------
    X : array_like, shape (N,) or (N, d)
    y : array_like, shape (N,) or (N, m)
    patience : int, optional
        Stop after so many epochs without a smaller validation loss.

    Raises
    ------
    ValueError
        If the patience is below 1.
    """

    X: ArrayLike = field(repr=False)
    y: ArrayLike = field(repr=False)
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.patience is not None:
            check_integer(self.patience, "patience", low=1)

    @classmethod
    def of(cls, given: Any) -> Validation | None:
        """What `fit_network` was given: None, a pair, or this."""
        if given is None or isinstance(given, Validation):
            return given
        if not (isinstance(given, tuple | list) and len(given) == 2):
            raise ValueError(f"validation must be a pair (X, y) or a Validation, got {type(given).__name__}")
        return cls(*given)


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept, so that it can go on; a bare path is one that is written after every epoch.

    Parameters
    ----------
    path : path
        File that holds everything, written whole or not at all, at the end of training too.
    every : int
        Epochs between two writings.
    resume : bool
        Continue from the file if it exists; the result is the same bits as without the interruption.

    Raises
    ------
    ValueError
        If the path is none, its folder does not exist, or another argument is out of range.

    Examples
    --------
    >>> Checkpoint("run.pt", every=10).path.name
    'run.pt'
    """

    path: Path
    every: int = 1
    resume: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | PathLike) or not str(self.path):
            raise ValueError(f"checkpoint must be a path or a Checkpoint, got {self.path!r}")
        path = Path(self.path)
        if not path.parent.is_dir():
            raise ValueError(f"the folder of checkpoint {str(path)!r} does not exist; create it")
        if path.exists() and not path.is_file():
            raise ValueError(f"checkpoint {str(path)!r} is not a file; give the path of one")
        check_integer(self.every, "every", low=1)
        check_bool(self.resume, "resume")
        object.__setattr__(self, "path", path)

    @classmethod
    def of(cls, given: Any) -> Checkpoint | None:
        """What `fit_network` was given: None, a path, or this."""
        return given if given is None or isinstance(given, Checkpoint) else cls(given)


@dataclass(frozen=True)
class TensorOptions:
    """How numbers are held, as torch's options of the same name.

    Parameters
    ----------
    dtype : torch.dtype
        A real floating type.
    device : str or torch.device

    Raises
    ------
    ValueError
        If the type is none, or the device unknown or not at hand.

    Examples
    --------
    >>> TensorOptions(torch.float64).dtype
    torch.float64
    """

    dtype: torch.dtype = torch.float32
    device: str | torch.device = "cpu"

    def __post_init__(self) -> None:
        if not (isinstance(self.dtype, torch.dtype) and self.dtype.is_floating_point):
            raise ValueError(f"dtype must be a floating type such as torch.float32, got {self.dtype!r}")
        try:
            torch.empty(0, dtype=self.dtype, device=self.device)
        except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
            raise ValueError(f"device {self.device!r} does not hold tensors here: {error}") from None


@dataclass(frozen=True)
class Recording:
    """When `train_restarts` records its runs, and what it counts.

    Parameters
    ----------
    every : int, optional
        Epochs between two records, by default a hundredth of all; powers of two are recorded as well.
    count_above : float
        Effective weights with |v w| above this count; 0 counts exactly, as methods without zeros cannot be.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> [epoch for epoch in range(1, 13) if Recording(every=5).is_due(epoch, 12)]
    [1, 2, 4, 5, 8, 10, 12]
    """

    every: int | None = None
    count_above: float = 0.0

    def __post_init__(self) -> None:
        if self.every is not None:
            check_integer(self.every, "every", low=1)
        check_number(self.count_above, "count_above")

    def is_due(self, epoch: int, epochs: int) -> bool:
        """Whether this epoch is recorded."""
        every = max(1, epochs // 100) if self.every is None else self.every
        return epoch % every == 0 or epoch & (epoch - 1) == 0 or epoch == epochs


def checked_as(kind: type, given: Any, name: str) -> Any:
    """Return `given` if it is settings of this kind."""
    if not isinstance(given, kind):
        raise ValueError(f"{name} must be a {kind.__name__}, got {given!r}")
    return given
