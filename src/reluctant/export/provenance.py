"""Where a function comes from, for the head of a file."""

from __future__ import annotations

import hashlib
import textwrap

import numpy as np

from reluctant.arrays import Array
from reluctant.export.identifiers import comment_text
from reluctant.export.predictor import Predictor

_WIDTH = 110


def provenance(predictor: Predictor, data: tuple[Array, Array] | None) -> list[str]:
    """Verdict and certificate of a solution, and a digest of the data, as lines fit for comments."""
    facts = []
    if predictor.verdict is not None:
        facts.append(f"Found as: {predictor.verdict}.")
    if predictor.certificate is not None:
        facts.append(f"Certificate: {predictor.certificate}.")
    if data is not None:
        facts.append(f"Data: {len(data[1])} rows, SHA-256 of (X, y) as little-endian float64 {_digest(*data)}.")
    return [comment_text(line) for fact in facts for line in textwrap.wrap(fact, _WIDTH)]


def _digest(X: Array, y: Array) -> str:
    table = np.column_stack([X, y])
    return hashlib.sha256(np.ascontiguousarray(table, dtype="<f8").tobytes()).hexdigest()
