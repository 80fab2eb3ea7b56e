"""Files that a run goes on from."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from reluctant.errors import FileFormatError
from reluctant.model.storage import write_atomically


def write(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of them, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `write` wrote."""
    try:
        return torch.load(path, weights_only=True, map_location=device)
    except Exception as error:
        raise FileFormatError(f"{path} is truncated or not a checkpoint ({type(error).__name__})") from error
