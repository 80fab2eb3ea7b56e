"""Rows that a fit keeps back, and the intervals that they calibrate."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from reluctant.arrays import Array, Index, Mask
from reluctant.estimators.base import SparseReLU
from reluctant.estimators.checks import as_seed, checked_targets
from reluctant.estimators.links import checked_exposure, means
from reluctant.regression.conformal import MOST_ROWS, Calibration
from reluctant.regression.losses import REGRESSION, Loss, Quantile, as_loss
from reluctant.regression.protocol import Link
from reluctant.validation import check_level

LEAST_ROWS = 2


def kept_back(weights: Array, share: float, seed: int) -> Mask:
    """Which rows (N,) are kept back: a random share of those of positive weight, `MOST_ROWS` at most.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1, or leaves fewer than two rows on a side.
    """
    share = check_level(share, "calibration_share")
    counted: Index = np.flatnonzero(weights > 0.0)
    n_back = min(round(share * counted.size), MOST_ROWS)
    if not LEAST_ROWS <= n_back <= counted.size - LEAST_ROWS:
        raise ValueError(
            f"calibration_share = {share:g} keeps back {n_back} of {counted.size} rows; two must be kept back and two "
            "left to fit to"
        )
    back = np.zeros(len(weights), dtype=bool)
    back[np.random.default_rng([seed, 1]).choice(counted, n_back, replace=False)] = True
    return back


def calibrated(targets: Array, predicted: Array, loss: Loss, seed: int) -> Calibration:
    """The calibration by targets and predictions (n, m); with a log link in units of mean^(1 − degree / 2)."""
    return Calibration.of(targets, predicted, 1.0 - 0.5 * loss.degree if loss.link == "log" else 0.0, seed)


class Intervals(SparseReLU):
    """What a regressor does with the errors at rows that it has not seen."""

    loss: Loss | str
    quantile: float | None
    calibration_: Calibration | None
    link_: Link
    _one_column: bool

    def _checked_loss(self) -> Loss:
        """The loss, with the level that was given."""
        if self.quantile is None:
            return as_loss(self.loss, REGRESSION)
        if self.loss != "quantile":
            raise ValueError(f"quantile = {self.quantile!r} is a level of loss='quantile', got loss = {self.loss!r}")
        return Quantile(check_level(self.quantile, "quantile"))

    def conformalize(self, X: ArrayLike, y: ArrayLike, *, exposure: ArrayLike | None = None) -> Self:
        """Calibrate `predict_interval` on rows that `fit` has not seen; the network stays as it is.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs, with the columns of `fit`; of more than 10,000 rows as many evenly spaced ones count.
        y : array_like, shape (N,) or (N, m)
            Targets.
        exposure : array_like, shape (N,), optional
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the rows are not a table of the inputs and outputs.
        """
        f = self._evaluate(X)
        loss = self._checked_loss()
        targets = checked_targets(f, y, loss).reshape(len(f), -1)
        if targets.shape != f.shape:
            raise ValueError(f"y must have {f.shape[1]} columns as in fit, got {targets.shape[1]}")
        exposures = checked_exposure(exposure, len(f), self.link_)
        predicted = means(f, exposures) if self.link_ == "log" else f
        self.calibration_ = calibrated(targets, predicted, loss, as_seed(self.random_state))
        return self

    def predict_interval(self, X: ArrayLike, level: float = 0.9, *, exposure: ArrayLike | None = None) -> Array:
        """Intervals that hold new targets with a probability of at least `level`: split conformal.

        About every prediction lie as much of the errors at the rows kept back as (1 − level) / 2 leaves on either
        side; with a log link errors are in units of √mean for counts and of the mean for amounts, and no interval goes
        below 0. If the rows kept back and a new one are exchangeable, whatever the network, its target lies below the
        interval with a probability of (1 − level) / 2, of less where errors are equal, and above it likewise [V, R].
        That is a mean over all rows and calibrations, and over a draw from `random_state` and these rows where
        (n + 1)(1 − level) / 2 is no integer for n of them: an end is then one of two neighbouring errors. For a given
        draw the coverage is above level − 1 / (n + 1). Where noise depends on x, one region may be covered more than
        another. Categories and means for missing
        entries are learned from all rows of `fit`, those kept back included, which [V, R] do not allow for:
        `conformalize` with rows of their own does.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs, with the columns of `fit`.
        level : float, default 0.9
            Probability in (0, 1).
        exposure : array_like, shape (N,), optional
            As in `predict`.

        Returns
        -------
        ndarray, shape (N, 2) or (N, m, 2)
            Lower and upper ends; of several outputs each has the level by itself.

        Raises
        ------
        ValueError
            If no rows were kept back, too few for the level, or the level is not between 0 and 1.

        References
        ----------
        [V] Vovk, Gammerman and Shafer, Algorithmic learning in a random world, 2005, proposition 4.1, and their
        smoothed predictors for the draw; [R] Romano, Patterson and Candès, Conformalized quantile regression, NeurIPS
        2019, theorem 2.

        Examples
        --------
        >>> import numpy as np
        >>> from reluctant import SparseReLURegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, (300, 1))
        >>> y = np.abs(X[:, 0]) + 0.1 * rng.standard_normal(300)
        >>> model = SparseReLURegressor(alpha=0.01, calibration_share=0.3, random_state=0).fit(X, y)
        >>> low, high = model.predict_interval([[0.5]], level=0.9)[0]
        >>> bool(0.2 < low < 0.5 < high < 0.8)
        True
        """
        check_is_fitted(self, "network_")
        if self.calibration_ is None:
            raise ValueError(
                "an interval needs rows that fit has not seen: fit with calibration_share=0.2, or call "
                "conformalize(X, y) with such rows"
            )
        margins = self.calibration_.margins(level)
        f = self._evaluate(X)
        exposures = checked_exposure(exposure, len(f), self.link_)
        ends = margins.about(means(f, exposures) if self.link_ == "log" else f)
        return ends if f.shape[1] > 1 or self._one_column else ends[:, 0]
