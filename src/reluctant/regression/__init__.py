"""Noisy data: networks that minimise a loss, the path of error against size, and the choice on it."""

from __future__ import annotations

from reluctant.faces import face

_LOSSES = ("Absolute", "BaseLoss", "Hinge", "Huber", "Logistic", "Quantile", "Softmax", "Squared", "as_loss")

__getattr__, __dir__ = face(
    __name__,
    dict.fromkeys(_LOSSES, "reluctant.regression.losses")
    | {"Derivatives": "reluctant.regression.protocol", "Loss": "reluctant.regression.protocol"}
    | {"SizePath": "reluctant.regression.size_path"},
)
