"""`SparseReLUClassifier`."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from reluctant.arrays import Array
from reluctant.columns import Missing
from reluctant.estimators.base import SparseReLU
from reluctant.estimators.checks import (
    checked_labels,
    checked_table,
    class_shares,
    classes_of,
    restored_on_failure,
    weighed_classes,
)
from reluctant.estimators.class_weights import (
    ClassWeighedTable,
    ClassWeight,
    check_class_weight,
    class_factors,
    row_factors,
)
from reluctant.estimators.encoding import Categorical, encoded_table, inputs_of_fit
from reluctant.estimators.shape import Interactions, MonotonicCst
from reluctant.regression.folds import Search
from reluctant.regression.losses import Logistic, Loss, Softmax, class_probabilities
from reluctant.regression.selection import Selection
from reluctant.regression.streaming import weighed
from reluctant.regression.tables import Table
from reluctant.validation import check_weights


class SparseReLUClassifier(ClassifierMixin, SparseReLU):
    """A small ReLU network for class probabilities; by default cross-validation chooses its size.

    One of these decides the size: nothing, which leaves it to cross-validation; `max_parameters` or `max_neurons`; or
    `alpha`, with its `p`. Inputs need no scaling, except with `alpha`. The loss is the negative log-likelihood, the
    one of two classes from one output, the one of more from one output a class; a small ridge keeps the weights finite
    where classes are separable. Cross-validation also tells how sure the network may be: its outputs are divided by a
    temperature.

    Parameters
    ----------
    alpha : float, optional
        Strength α ≥ 0 of the ℓp path norm; decides the size through `reluctant.regress`, in the units of X as they are.
    p : float, optional
        Exponent in (0, 1] that goes with `alpha`; 0.5 by default.
    max_parameters : int, optional
        Most nonzero hinge and affine parameters; of the sizes up to it the one of least validation loss is taken.
    max_neurons : int, optional
        Most neurons, likewise.
    selection : {"one_se", "min"}, default "one_se"
        With the automatic size: ``"one_se"`` takes the smallest size whose validation loss, with some ridge, exceeds
        the least by no more than the standard error of the difference, taken row by row and at least one half over all
        rows (up to 300 rows a quarter of it, and the affine function with all slopes and a ridge of its own unless the
        network is clearly ahead of it); ``"min"`` takes the size of least loss.
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
        Whether the network has an affine part slopeᵀ x + intercept, which is lightly penalised.
    monotonic_cst : array_like of int, shape (d,), or dict, optional
        1 for inputs along which the log-odds of the second of two classes never fall, −1 where they never rise, 0 where
        they are free; a dict has the signs by name. As in scikit-learn's boosting; see the notes. With the automatic
        size and caps.
    interactions : {"none", "pairs"} or list of lists, optional
        Inputs that may meet in one neuron: none, which makes the network a sum of functions of one input each; two at
        a time; or those of one of the groups, by number or name, the columns that no group names being one more. With
        the automatic size and caps.
    random_state : int, Generator, RandomState or None
        Source of all randomness. The same seed gives the same network for any `n_jobs`.
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
    class_weight : "balanced", dict or None
        What the weights of the rows of each class are multiplied by: what lets all classes have the same sum, or
        weights by label, where classes not named count once and those of 0 are left out. Probabilities, losses and
        `temperature_` are then those of rows in these shares.

    Attributes
    ----------
    network_ : ReLUNetwork
        The log-odds, or scores, inside the clip, in the user's units: `decision_function(X)` is
        ``network_(clip_(X))``. By itself it goes on beyond the clip as the estimator does not.
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
        Mean |change of the log-odds or scores| over the training rows when a column is set to its mean, as shares of
        their sum: 0 for unused columns, all 0 where none is used.
    solver_used_ : str
        ``"Gauss-Newton path"`` (cross-validated), ``"Gauss-Newton"``.
    clip_ : Clip
        Bounds `low` and `high` (d,) that inputs are moved to where they lie beyond, before they reach `network_`:
        with the automatic size and with caps the 0.1 % and 99.9 % quantiles of the rows of `fit`, the second rows from
        the ends at most, moved outwards by half of their distance from the median; infinite else and for constant
        columns. One and the same in `fit`, `predict` and the files that `export_c` writes; in a fold it is that of the
        rows that the fold trains on.
    temperature_ : float or None
        What the outputs of the network were divided by to make the rows left out of the folds likeliest [GPSW], pulled
        towards 1: more than 1 where it was too sure. None with `alpha` and for more than 10,000 rows.
    classes_ : ndarray, shape (n_classes,)
        Class labels, sorted.
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

    References
    ----------
    [GPSW] Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import SparseReLUClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (200, 3))
    >>> y = np.where(np.abs(X[:, 0]) < 0.5, "inside", "outside")
    >>> model = SparseReLUClassifier(max_parameters=6, random_state=0).fit(X, y)
    >>> model.features_used_.tolist(), model.score(X, y) > 0.95
    ([0], True)
    >>> model.predict([[0.0, 0.9, 0.9]])
    array(['inside'], dtype='<U7')
    """

    __module__ = "reluctant"

    def __init__(
        self,
        *,
        alpha: float | None = None,
        p: float | None = None,
        max_parameters: int | None = None,
        max_neurons: int | None = None,
        selection: Selection = "one_se",
        screen: int | None = 200,
        kicks: int = 0,
        search: Search = "default",
        affine: bool = True,
        monotonic_cst: MonotonicCst = None,
        interactions: Interactions = None,
        random_state: int | np.random.Generator | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        time_limit: float | None = None,
        warm_start: bool = False,
        verbose: bool = False,
        missing: Missing = "error",
        categorical: Categorical = "auto",
        class_weight: ClassWeight = None,
    ) -> None:
        self.alpha = alpha
        self.p = p
        self.max_parameters = max_parameters
        self.max_neurons = max_neurons
        self.selection, self.screen, self.kicks, self.affine = selection, screen, kicks, affine
        self.monotonic_cst, self.interactions = monotonic_cst, interactions
        self.search = search
        self.random_state, self.n_jobs, self.time_limit = random_state, n_jobs, time_limit
        self.warm_start, self.verbose = warm_start, verbose
        self.missing, self.categorical = missing, categorical
        self.class_weight = class_weight

    def fit(
        self, X: ArrayLike | Table, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> SparseReLUClassifier:
        """Fit a network.

        Parameters
        ----------
        X : array_like, sparse or frame, shape (N, d), or a table of `reluctant.regression.tables`
            Inputs. A table, which holds labels and weights too, is read in blocks and never held whole where it has
            more than 10,000 rows; `alpha` takes none.
        y : array_like, shape (N,)
            Class labels, numbers or text. None with a table.
        sample_weight : array_like, shape (N,), optional
            Weights of the rows, ≥ 0; those of weight zero, or below 2^-100 of the largest, are left out.

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
        check_class_weight(self.class_weight)
        with restored_on_failure(self):
            if isinstance(X, Table):
                table = weighed(encoded_table(self, checked_table(self, X, y, sample_weight, decider)))
                classes, totals = classes_of(table)
                factors = class_factors(self.class_weight, classes, totals)
                if self.class_weight is not None:
                    table = weighed(ClassWeighedTable(table, classes, factors))
                classes = _at_least_two(classes[factors > 0.0], weighed=True)
                self._learn_table(table, partial(class_shares, classes=classes), _loss(classes))
            else:
                inputs = inputs_of_fit(self, X, y, sample_weight)
                labels = checked_labels(inputs, y)
                weights = check_weights(sample_weight, inputs.shape[0], least=2)
                classes, totals = weighed_classes(labels, weights)
                factors = class_factors(self.class_weight, classes, totals)
                weights = check_weights(weights * row_factors(labels, classes, factors), inputs.shape[0], least=2)
                kept, _ = weighed_classes(labels, weights)  # without those that vanish beside others
                classes = _at_least_two(kept, weighed=sample_weight is not None or self.class_weight is not None)
                self._learn(inputs, class_shares(labels, classes), weights, _loss(classes), decider)
            self.classes_ = classes
            self.temperature_ = None if self.path_ is None else self.path_.temperature
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Log-odds of the second of two classes, or one score a class whose softmax is the probability.

        Parameters
        ----------
        X : array_like, sparse or frame, shape (N, d)
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
        X : array_like, sparse or frame, shape (N, d)
            Inputs, with the columns of `fit`.

        Returns
        -------
        ndarray, shape (N, n_classes)
        """
        return class_probabilities(self._evaluate(X))

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Logarithm of `predict_proba`; minus infinity where that is zero.

        Parameters
        ----------
        X : array_like, sparse or frame, shape (N, d)
            Inputs, with the columns of `fit`.

        Returns
        -------
        ndarray, shape (N, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict class labels.

        Parameters
        ----------
        X : array_like, sparse or frame, shape (N, d)
            Inputs, with the columns of `fit`.

        Returns
        -------
        ndarray, shape (N,)
            The class of largest probability.
        """
        f = self._evaluate(X)
        return self.classes_[(f[:, 0] > 0.0).astype(np.intp) if f.shape[1] == 1 else np.argmax(f, axis=1)]


def _loss(classes: NDArray) -> Loss:
    return Logistic() if classes.size == 2 else Softmax()


def _at_least_two(classes: NDArray, *, weighed: bool) -> NDArray:
    if classes.size == 0:
        raise ValueError("no row has a positive weight; give rows of at least two classes one")
    if classes.size < 2:
        where = " in rows of positive weight" if weighed else ""
        raise ValueError(f"y has one class only{where}, {classes.tolist()[0]!r}; give rows of at least two classes")
    return classes
