"""`SparseReLUClassifier`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from reluctant.estimators.base import Array, SparseReLU
from reluctant.estimators.checks import checked_inputs, checked_labels, checked_weights
from reluctant.regression.losses import Logistic, Softmax, class_probabilities
from reluctant.regression.selection import Selection


class SparseReLUClassifier(ClassifierMixin, SparseReLU):
    """The smallest ReLU network whose class probabilities are as good as the data allow."""

    def __init__(
        self,
        *,
        alpha: float | None = None,
        p: float | None = None,
        max_parameters: int | None = None,
        max_neurons: int | None = None,
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
        self.max_parameters = max_parameters
        self.max_neurons = max_neurons
        self.selection = selection
        self.affine = affine
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.time_limit = time_limit
        self.warm_start = warm_start
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> SparseReLUClassifier:
        """Fit a network.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs.
        y : array_like, shape (N,)
            Class labels, numbers or text.
        sample_weight : array_like, shape (N,), optional
            Weights of the rows, ≥ 0; those of weight zero are left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is not a table of finite numbers, rows of positive weight have one class only, a parameter is out of
            range, or two decide the size.
        """
        decider = self._checked()
        inputs = checked_inputs(self, X, y)
        labels = checked_labels(inputs, y)
        weights = checked_weights(sample_weight, inputs)
        classes, codes = np.unique(labels[weights > 0.0], return_inverse=True)
        if classes.size < 2:
            raise ValueError(f"y has one class only, {classes[0]!r}; give rows of at least two classes")
        targets = np.zeros((len(inputs), classes.size))
        targets[np.flatnonzero(weights > 0.0), codes] = 1.0
        binary = classes.size == 2
        self._learn(
            inputs, targets[:, 1:] if binary else targets, weights, Logistic() if binary else Softmax(), decider
        )
        self.classes_ = classes
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Log-odds of the second of two classes, or one score a class whose softmax is the probability.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs, with the columns of `fit`.

        Returns
        -------
        ndarray, shape (N,) or (N, n_classes)
        """
        f = self._evaluate(X)
        return f[:, 0] if f.shape[1] == 1 else f

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probability of every class, in the order of `classes_`.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs, with the columns of `fit`.

        Returns
        -------
        ndarray, shape (N, n_classes)
        """
        return class_probabilities(self._evaluate(X))

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict class labels.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs, with the columns of `fit`.

        Returns
        -------
        ndarray, shape (N,)
            The class of largest probability.
        """
        f = self._evaluate(X)
        return self.classes_[(f[:, 0] > 0.0).astype(np.intp) if f.shape[1] == 1 else np.argmax(f, axis=1)]
