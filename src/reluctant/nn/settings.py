"""Settings of training that go together, each checked once, when it is built."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import ArrayLike

from reluctant.validation import check_bool, check_integer, check_number

Step = Literal["reweighted", "prox"]


@dataclass(frozen=True)
class Shrinkage:
    """How the proximal step acts, beside its p and α; see `ReweightedL1`.

    Parameters
    ----------
    bias : bool, optional
        Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
    step : {"reweighted", "prox"}
        ``prox`` replaces the soft threshold of Algorithm 1 by the exact proximal map of αγ|u|^p.
    warmup_steps : int
        Plain steps before the first shrinkage; the paper takes 5.
    ramp_steps : int
        Steps after those over which α grows linearly to its value.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> grown = Shrinkage(warmup_steps=2, ramp_steps=3)
    >>> [grown.share(done) for done in range(7)]
    [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    bias: bool | None = None
    step: Step = "reweighted"
    warmup_steps: int = 5
    ramp_steps: int = 0

    def __post_init__(self) -> None:
        if self.bias is not None:
            check_bool(self.bias, "bias")
        if self.step not in ("reweighted", "prox"):
            raise ValueError(f"step must be 'reweighted' or 'prox', got {self.step!r}")
        check_integer(self.warmup_steps, "warmup_steps", low=0)
        check_integer(self.ramp_steps, "ramp_steps", low=0)

    def share(self, done: int) -> float:
        """Share of α in the step that follows `done` steps."""
        shrunk = done - self.warmup_steps
        if shrunk < 0:
            return 0.0
        return 1.0 if shrunk >= self.ramp_steps else (shrunk + 1) / (self.ramp_steps + 1)


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
