"""Rows of a table, read block by block so that they may stay on disk."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from reluctant.nn.losses import check_targets
from reluctant.validation import check_finite, check_table

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Rows:
    """X (N, d) and y (N, m), of any real dtype."""

    X: NDArray
    y: NDArray
    loss: str

    @classmethod
    def checked(cls, X: ArrayLike, y: ArrayLike, loss: str, names: tuple[str, str]) -> Rows:
        """Check shapes, then every block; arrays of floats are not copied."""
        if not all(isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.ndim in (1, 2) for a in (X, y)):
            X, y = check_table(X, y)
        assert isinstance(X, np.ndarray)
        assert isinstance(y, np.ndarray)
        rows = cls(X.reshape(len(X), -1), y.reshape(len(y), -1), loss)
        if len(X) != len(y):
            raise ValueError(f"{names[0]} has {len(X)} rows but {names[1]} has {len(y)}; give one y for every row")
        if rows.X.size == 0 or rows.y.size == 0:
            raise ValueError(f"{names[0]} and {names[1]} need at least one row and one column")
        for start in range(0, len(X), _BLOCK):
            block = slice(start, start + _BLOCK)
            for a, name in ((rows.X, names[0]), (rows.y, names[1])):
                if not np.isfinite(a[block]).all():
                    check_finite(np.asarray(a, dtype=np.float64), name)
            check_targets(rows.y[block], loss, start)
        if loss == "softmax" and rows.y.shape[1] > 1:
            raise ValueError(f"y must be one column of class numbers for loss='softmax', got {rows.y.shape[1]}")
        return rows

    def __len__(self) -> int:
        return len(self.X)

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.X.shape[1]

    def n_outputs(self, held_out: Rows | None) -> int:
        """Number of outputs m; for class labels, the largest in either table plus one."""
        if self.loss != "softmax":
            return self.y.shape[1]
        return 1 + int(max(rows.y.max() for rows in (self, held_out) if rows is not None))

    def check_fits(self, held_out: Rows | None) -> None:
        """Raise a ValueError unless the validation data have the same columns."""
        if held_out is not None and (held_out.n_inputs, held_out.y.shape[1]) != (self.n_inputs, self.y.shape[1]):
            raise ValueError(
                f"validation data have {held_out.n_inputs} inputs and {held_out.y.shape[1]} outputs, "
                f"the training data {self.n_inputs} and {self.y.shape[1]}"
            )

    def fingerprint(self) -> list[int]:
        """Shape and a checksum of a thousand rows, to know the same data again."""
        sample = np.linspace(0, len(self) - 1, min(len(self), 1000)).astype(np.intp)
        sums = [zlib.crc32(np.ascontiguousarray(a[sample]).tobytes()) for a in (self.X, self.y)]
        return [len(self), self.n_inputs, self.y.shape[1], *sums]

    def table(self) -> tuple[NDArray, NDArray]:
        """X (N, d) and y, (N,) for one output, in float64."""
        y = np.asarray(self.y, dtype=np.float64)
        return np.asarray(self.X, dtype=np.float64), y[:, 0] if y.shape[1] == 1 else y

    def inputs(self, dtype: torch.dtype, device: torch.device) -> Iterator[Tensor]:
        """All inputs, block by block."""
        for start in range(0, len(self), _BLOCK):
            yield self._tensors(slice(start, start + _BLOCK), dtype, device)[0]

    def batches(
        self, order: NDArray, batch_size: int, dtype: torch.dtype, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets in batches; within a batch in the order of the file, which reads faster."""
        for start in range(0, len(order), batch_size):
            yield self._tensors(np.sort(order[start : start + batch_size]), dtype, device)

    def _tensors(self, which: NDArray | slice, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        inputs, targets = (torch.from_numpy(np.array(a[which])) for a in (self.X, self.y))
        return inputs.to(device=device, dtype=dtype), targets.to(device=device, dtype=dtype)

    @torch.no_grad()
    def mean_loss(self, module: nn.Module, loss: Callable[..., Tensor]) -> float:
        """Mean loss over all rows."""
        parameter = next(module.parameters())
        total = 0.0
        for start in range(0, len(self), _BLOCK):
            inputs, targets = self._tensors(slice(start, start + _BLOCK), parameter.dtype, parameter.device)
            total += float(loss(module(inputs), targets)) * len(inputs)
        return total / len(self)
