"""`SparseReLURegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from reluctant.estimators.base import Array, SparseReLU
from reluctant.estimators.checks import checked_inputs, checked_targets, checked_weights
from reluctant.regression.losses import CLASSIFICATION, Loss, Squared, as_loss
from reluctant.regression.selection import Selection


class SparseReLURegressor(RegressorMixin, SparseReLU):
    """The smallest ReLU network at the accuracy the data can give."""

    def __init__(
        self,
        *,
        alpha: float | None = None,
        p: float | None = None,
        loss: str | Loss = "squared",
        max_parameters: int | None = None,
        max_neurons: int | None = None,
        tolerance: float | None = None,
        selection: Selection = "one_se",
        affine: bool = True,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        time_limit: float | None = None,
        warm_start: bool = False,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.p = p
        self.loss = loss
        self.max_parameters = max_parameters
        self.max_neurons = max_neurons
        self.tolerance = tolerance
        self.selection = selection
        self.affine = affine
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.time_limit = time_limit
        self.warm_start = warm_start
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> SparseReLURegressor:
        """Fit a network.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs.
        y : array_like, shape (N,) or (N, m)
            Targets; several outputs share the neurons.
        sample_weight : array_like, shape (N,), optional
            Weights of the rows, ≥ 0; those of weight zero are left out. A `tolerance` holds for all others alike.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input is not a table of finite numbers, a parameter is out of range, or two decide the size.
        InfeasibleError
            With `tolerance`, if y at one row of inputs differ by more than it allows.
        """
        decider = self._checked()
        loss = as_loss(self.loss)
        if isinstance(loss, CLASSIFICATION):
            raise ValueError(f"loss = {self.loss!r} is for classes; use SparseReLUClassifier")
        if decider == "tolerance" and not isinstance(loss, Squared):
            raise ValueError(
                f"tolerance bounds every residual and takes no loss, got loss = {self.loss!r}; leave it out"
            )
        inputs = checked_inputs(self, X, y)
        targets = checked_targets(inputs, y)
        weights = checked_weights(sample_weight, inputs)
        self._learn(inputs, targets.reshape(len(inputs), -1), weights, loss, decider)
        self._one_column = targets.ndim == 2 and targets.shape[1] == 1
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs, with the columns of `fit`.

        Returns
        -------
        ndarray, shape (N,) or (N, m)
            Of the shape that y had.
        """
        f = self._evaluate(X)
        return f if f.shape[1] > 1 or self._one_column else f[:, 0]
