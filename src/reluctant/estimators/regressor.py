"""`SparseReLURegressor`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from reluctant.arrays import Array
from reluctant.columns import Missing
from reluctant.estimators.checks import (
    as_columns,
    as_seed,
    checked_table,
    checked_targets,
    restored_on_failure,
)
from reluctant.estimators.encoding import Categorical, encoded_table, inputs_of_fit, output_names
from reluctant.estimators.intervals import Intervals, calibrated, kept_back
from reluctant.estimators.links import (
    check_not_all_zero,
    checked_exposure,
    explained_deviance,
    link_of,
    means,
    per_exposure,
)
from reluctant.estimators.shape import Interactions, MonotonicCst
from reluctant.estimators.sparse import evaluated
from reluctant.regression.conformal import Calibration
from reluctant.regression.folds import Search
from reluctant.regression.losses import Loss, Squared
from reluctant.regression.protocol import Link
from reluctant.regression.selection import Selection
from reluctant.regression.streaming import weighed
from reluctant.regression.tables import ParquetTable, Table
from reluctant.validation import check_level, check_weights


class SparseReLURegressor(RegressorMixin, Intervals):
    """A small ReLU network for noisy numbers; by default cross-validation chooses its size.

    One of these decides the size: nothing, which leaves it to cross-validation; `max_parameters` or `max_neurons`;
    `tolerance`; or `alpha`, with its `p`. Inputs need no scaling, except with `alpha`.

    Parameters
    ----------
    alpha : float, optional
        Strength α ≥ 0 of the ℓp path norm; decides the size through `reluctant.regress`, in the units of X as they are.
    p : float, optional
        Exponent in (0, 1] that goes with `alpha`; 0.5 by default.
    loss : str or loss object, default "squared"
        ``"squared"`` (½ r²), ``"absolute"``, ``"huber"`` or ``"quantile"``, or with a log link ``"poisson"`` for counts
        and rates y ≥ 0 and ``"gamma"`` for amounts y > 0: `network_` is then the logarithm of the mean that `predict`
        returns. `reluctant.regression.losses` has their parameters, and what a loss of your own states; it is a sum
        over rows.
    quantile : float, optional
        With ``loss="quantile"`` the level in (0, 1), 0.5 by default, as in `sklearn.linear_model.QuantileRegressor`.
    max_parameters : int, optional
        Most nonzero hinge and affine parameters; of the sizes up to it the one of least validation loss is taken.
    max_neurons : int, optional
        Most neurons, likewise.
    tolerance : float, optional
        Largest |f(x_i) − y_i| at any row in any output; decides the size through `reluctant.approximate`.
    selection : {"one_se", "min"}, default "one_se"
        With the automatic size: ``"one_se"`` takes the smallest size whose validation loss, with some ridge, exceeds
        the least by no more than the standard error of the difference, taken row by row (up to 300 rows a quarter
        of it); ``"min"`` takes the size of least loss.
    screen : int, optional
        Of more inputs than that, 200 by default, only those whose own piecewise-linear functions explain most of the
        targets enter a path, and what acts only together with others may be missed; None keeps all.
    kicks : int, default 0
        With the automatic size and caps: when the ridge is known, paths that are improved by so many kicks, as in
        `reluctant.size_path`, are cross-validated too, and taken where the rule prefers them. 60 take about
        twice the time.
    search : {"fast", "default", "thorough"}, default "default"
        How much cross-validation compares. ``"fast"`` draws the folds once, keeps one ridge after two folds and fits
        one path to all rows; ``"thorough"`` draws them twice as often, over up to eleven ridges of which twice as many
        go on, and fits six paths. ``docs/noisy_tables.md`` has their times and scores.
    affine : bool, default True
        Whether the network has an affine part slopeᵀ x + intercept. It is free with `alpha`, and else shrunk a
        thousandth as much as the hinges.
    monotonic_cst : array_like of int, shape (d,), or dict, optional
        1 for inputs along which the prediction never falls, −1 where it never rises, 0 where it is free; a dict has the
        signs by name. As in scikit-learn's boosting; see the notes. With the automatic size and caps, for one target.
    interactions : {"none", "pairs"} or list of lists, optional
        Inputs that may meet in one neuron: none, which makes the network a sum of functions of one input each; two at
        a time; or those of one of the groups, by number or name, the columns that no group names being one more. With
        the automatic size and caps.
    calibration_share : float, optional
        Share of the rows, in (0, 1), that `fit` keeps back for `predict_interval`: the network is fitted to the others.
        At most 10,000 are kept back.
    random_state : int, Generator, RandomState or None
        Source of all randomness. The same seed gives the same network for any `n_jobs`, but not with `tolerance` and
        several inputs, where searches share out the time there is.
    n_jobs : int, optional
        Paths computed at a time, through joblib and its current backend, a Dask cluster for example.
    time_limit : float, optional
        Seconds after which the cross-validation begins no further fold, and searches and kicks end with the best so
        far. The first fold and a path on all rows always end: with hundreds of classes they take minutes.
    warm_start : bool, default False
        Begin also with the network of the previous fit; it is kept only where it is better. Of no effect with the
        automatic size and caps on more than 10,000 rows, which are read in blocks.
    verbose : bool, default False
        Print what the cross-validation or the search finds to standard error.
    missing : {"error", "mean", "hinge"}, default "error"
        What a missing entry of X, None or NaN, becomes in `fit` and in prediction: an error; the mean of its column in
        `fit`, of a category the shares of the levels; or that and, for columns where `fit` met missing entries, an
        input of its own that is 1 there, so that a level gets 0 everywhere. Columns that were whole in `fit` may be
        missing in prediction and get their mean.
    categorical : "auto", list of names or numbers, or None, default "auto"
        Columns that are categories: each level, at most 255, becomes an input that is 1 where the entry is that level
        and else 0. ``"auto"`` takes the columns of a pandas or polars frame whose type is category or text; of arrays
        none. A level that `fit` has not met gets 0 in all inputs of its column, with a warning.

    Attributes
    ----------
    network_ : ReLUNetwork
        The function inside the clip, in the user's units: `predict(X)` is ``network_(clip_(X))``, and the exponential
        of that with a log link. By itself it goes on beyond the clip as `predict` does not.
    link_ : str
        ``"log"`` where `network_` is the logarithm of the mean, else ``"identity"``.
    n_neurons_, n_parameters_ : int
        Its neurons, and its nonzero hinge and affine parameters.
    path_ : ValidatedPath or None
        Training and validation loss for every size considered, and their networks; None without cross-validation.
    certificate_ : Certificate
        What is known about the optimum; nothing is claimed about a size chosen by cross-validation.
    columns_ : Columns
        With categories or `missing`: how the columns of X become the inputs of `network_`. Its `names` are those of the
        inputs, and ``columns_.read(X)`` gives them.
    features_used_ : ndarray
        Names of the columns of X that the network depends on, or indices where X had no names.
    feature_importances_ : ndarray, shape (d,)
        Mean |change of the prediction| over the training rows when a column is set to its mean, as shares of their sum:
        0 for unused columns, all 0 where none is used.
    solver_used_ : str
        ``"Gauss-Newton path"`` (cross-validated), ``"Gauss-Newton"`` (`alpha`), ``"line"`` (`alpha` or `tolerance` with
        one input and output), or ``"search"`` (`tolerance` with more).
    clip_ : Clip
        Bounds `low` and `high` (d,) that inputs are moved to where they lie beyond, before they reach `network_`:
        with the automatic size and with caps the 0.1 % and 99.9 % quantiles of the rows of `fit`, the second rows from
        the ends at most, moved outwards by half of their distance from the median; infinite else and for constant
        columns. One and the same in `fit`, `predict` and the files that `export_c` writes; in a fold it is that of the
        rows that the fold trains on.
    calibration_ : Calibration or None
        The errors at rows that the network has not seen, which `predict_interval` is made of.
    n_features_in_ : int
        Number of columns of X, d.
    feature_names_in_ : ndarray, shape (d,)
        Names of the columns, where X had names.

    Notes
    -----
    A row of weight two counts as two equal rows wherever `alpha` decides. Cross-validation may part the two, so that
    the automatic size and caps can then lead to another network.

    A network never falls along an input if the least sum of its paths is not negative: the slope of the affine part, of
    the neurons that read that input alone what they add in the interval between their knots where it is least, and all
    paths that fall through neurons of several inputs. Fits keep to that, which is more than is needed where neurons
    read several inputs, and holds for all inputs, not for the rows alone. `ReLUNetwork.describe` with ``trends=True``
    computes it exactly.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import SparseReLURegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (100, 3))
    >>> y = np.maximum(X[:, 0] - 0.2, 0) + 0.02 * rng.standard_normal(100)
    >>> model = SparseReLURegressor(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.98
    True
    >>> small = SparseReLURegressor(max_parameters=4, random_state=0).fit(X, y)
    >>> small.n_neurons_, small.features_used_.tolist(), small.score(X, y) > 0.98
    (1, [0], True)
    """

    __module__ = "reluctant"
    link_: Link
    calibration_: Calibration | None

    def __init__(
        self,
        *,
        alpha: float | None = None,
        p: float | None = None,
        loss: str | Loss = "squared",
        quantile: float | None = None,
        max_parameters: int | None = None,
        max_neurons: int | None = None,
        tolerance: float | None = None,
        selection: Selection = "one_se",
        screen: int | None = 200,
        kicks: int = 0,
        search: Search = "default",
        affine: bool = True,
        monotonic_cst: MonotonicCst = None,
        interactions: Interactions = None,
        calibration_share: float | None = None,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        time_limit: float | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        missing: Missing = "error",
        categorical: Categorical = "auto",
    ) -> None:
        self.alpha = alpha
        self.p = p
        self.loss, self.quantile = loss, quantile
        self.max_parameters = max_parameters
        self.max_neurons = max_neurons
        self.tolerance = tolerance
        self.selection, self.screen, self.kicks, self.affine = selection, screen, kicks, affine
        self.monotonic_cst, self.interactions = monotonic_cst, interactions
        self.calibration_share = calibration_share
        self.search = search
        self.random_state, self.n_jobs, self.time_limit = random_state, n_jobs, time_limit
        self.warm_start, self.verbose = warm_start, verbose
        self.missing, self.categorical = missing, categorical

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = link_of(self.loss) == "log"
        return tags

    def fit(
        self,
        X: ArrayLike | Table,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        exposure: ArrayLike | None = None,
    ) -> SparseReLURegressor:
        """Fit a network.

        Parameters
        ----------
        X : array_like, sparse or frame, shape (N, d), or a table of `reluctant.regression.tables`
            Inputs. A table, which holds targets and weights too, is read in blocks and never held whole where it has
            more than 10,000 rows; `alpha` and `tolerance` take none.
        y : array_like, shape (N,) or (N, m)
            Targets; several outputs share the neurons. None with a table.
        sample_weight : array_like, shape (N,), optional
            Weights of the rows, ≥ 0; those of weight zero, or below 2^-100 of the largest, are left out. A `tolerance`
            holds for all others alike.
        exposure : array_like, shape (N,), optional
            With a log link, what the mean of a row is proportional to, > 0: years insured, hours watched. The mean is
            exposure · exp(network), as with an offset of log(exposure) in a generalised linear model; `predict` gives
            it for an exposure of 1 unless told. Through scikit-learn's metadata routing it reaches a fit inside others.

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
        loss = self._checked_loss()
        if self.calibration_share is not None:
            check_level(self.calibration_share, "calibration_share")
        if loss.for_classes:
            raise ValueError(f"loss = {self.loss!r} is for classes; use SparseReLUClassifier")
        if not loss.sums_rows:
            raise ValueError(f"loss = {self.loss!r} is no sum over rows, by which sizes are compared; use regress")
        if decider == "tolerance" and loss != Squared():
            raise ValueError(
                f"tolerance bounds every residual and takes no loss, got loss = {self.loss!r}; leave it out"
            )
        with restored_on_failure(self):
            self.calibration_ = None
            if isinstance(X, Table):
                table = weighed(encoded_table(self, checked_table(self, X, y, sample_weight, decider)))
                if exposure is not None:
                    raise ValueError("a table has no exposure; put y / exposure and weights into it, or give arrays")
                if self.calibration_share is not None:
                    raise ValueError(
                        "of a table no rows are kept back; leave calibration_share out and call conformalize"
                    )
                self._learn_table(table, partial(as_columns, loss=loss), loss)
                self._one_column = next(iter(table.blocks())).y.shape[1:] == (1,)
                self._target_names = (X.y,) if isinstance(X, ParquetTable) else ("y",)
            else:
                inputs = inputs_of_fit(self, X, y, sample_weight)
                targets = checked_targets(inputs, y, loss)
                weights = check_weights(sample_weight, inputs.shape[0], least=2)
                exposures = checked_exposure(exposure, inputs.shape[0], loss.link)
                self._one_column = targets.shape[1:] == (1,)
                self._target_names = tuple(output_names(y))
                columns = targets.reshape(inputs.shape[0], -1)
                self._learn_calibrated(inputs, columns, weights, exposures, loss, decider)
            self.link_ = loss.link
        return self

    def _learn_calibrated(
        self,
        X: Array | csr_array,
        targets: Array,
        weights: Array,
        exposure: Array | None,
        loss: Loss,
        decider: str | None,
    ) -> None:
        """Fit to all rows or, where some are kept back, to the others; these then calibrate."""
        columns, shares = per_exposure(targets, weights, exposure, loss)
        if loss.link == "log":
            check_not_all_zero(columns, shares)
        if self.calibration_share is None:
            self._learn(X, columns, shares, loss, decider)
            return
        seed = as_seed(self.random_state)
        back = kept_back(weights, self.calibration_share, seed)
        self._learn(X[~back], columns[~back], shares[~back], loss, decider)
        f = evaluated(self.network_, self.clip_, X[back])
        if loss.link == "log":
            f = means(f, None if exposure is None else exposure[back])
        self.calibration_ = calibrated(targets[back], f, loss, seed)

    def predict(self, X: ArrayLike, *, exposure: ArrayLike | None = None) -> Array:
        """Predict targets; with a log link their means.

        Parameters
        ----------
        X : array_like, sparse or frame, shape (N, d)
            Inputs, with the columns of `fit`.
        exposure : array_like, shape (N,), optional
            With a log link, what the mean of each row is multiplied by; 1 by default.

        Returns
        -------
        ndarray, shape (N,) or (N, m)
            Of the shape that y had.
        """
        f = self._evaluate(X)
        exposures = checked_exposure(exposure, len(f), self.link_)
        if self.link_ == "log":
            f = means(f, exposures)
        return f if f.shape[1] > 1 or self._one_column else f[:, 0]

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        exposure: ArrayLike | None = None,
    ) -> float:
        """R² of the predictions; with a log link D², the share of the deviance that they explain.

        D² is 1 − deviance / deviance of the best constant, that of scikit-learn's `PoissonRegressor` and
        `GammaRegressor`; with exposures the constant is a rate.

        Parameters
        ----------
        X : array_like or frame, shape (N, d)
            Inputs, with the columns of `fit`.
        y : array_like, shape (N,) or (N, m)
            Targets.
        sample_weight, exposure : array_like, shape (N,), optional
            As in `fit`.

        Returns
        -------
        float
        """
        check_is_fitted(self, "network_")
        if self.link_ != "log":
            checked_exposure(exposure, 0, self.link_)
            return float(super().score(X, y, sample_weight))
        f = self._evaluate(X)
        weights = check_weights(sample_weight, len(f))
        exposures = checked_exposure(exposure, len(f), self.link_)
        return explained_deviance(f, y, weights, exposures, self._checked_loss())
