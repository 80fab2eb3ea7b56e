"""What both estimators share: choosing the solver, and what is learned from its network."""

from __future__ import annotations

from copy import copy
from functools import partial
from os import PathLike
from typing import Any, NamedTuple, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array, csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from reluctant.arrays import Array
from reluctant.columns import Columns
from reluctant.effort import Effort
from reluctant.estimators.checks import (
    REACH,
    as_columns,
    as_seed,
    check_decider,
    check_no_shape,
    check_reach,
    check_steering,
    check_switch,
)
from reluctant.estimators.cross_validated import ValidatedPath, fit_cross_validated, fit_in_blocks
from reluctant.estimators.encoding import check_encoding, inputs_of
from reluctant.estimators.importance import importances
from reluctant.estimators.records import estimator_record
from reluctant.estimators.shape import constraints_of, on_inputs
from reluctant.estimators.sparse import (
    SparseTable,
    evaluated,
    kept_columns,
    narrowed,
    widened,
    widened_clip,
    widened_path,
)
from reluctant.estimators.wording import described
from reluctant.model import container
from reluctant.model.clip import Clip
from reluctant.model.network import ReLUNetwork
from reluctant.model.slopes import never_falls, trend
from reluctant.objective import check_p
from reluctant.regression.constraints import Constraints
from reluctant.regression.folds import Config
from reluctant.regression.losses import Loss, Squared
from reluctant.regression.selection import Selection, check_search, check_selection
from reluctant.regression.standardise import Standardisation
from reluctant.regression.streaming import Encode, moments_of, rows_at, sample_of, sampled_rows
from reluctant.regression.tables import ArrayTable, ClippedTable, Table
from reluctant.solution import Certificate
from reluctant.validation import check_bool, check_integer, check_number

MANY_ROWS = 10_000
"""More rows than that are not cross-validated whole: their path is traced on a sample, and they are read in blocks."""
DEFAULT_P = 0.5
VALIDATED = "size and ridge were chosen by their loss on held-out rows, the network by deletions that cost least"
MONOTONE = "; {} wherever the other inputs are, by the signs of the least sums of paths"
SCREENED = "the {} of {} inputs that alone explain most were kept, "


class Fitted(NamedTuple):
    """A network, where it came from, and what is known about it."""

    network: ReLUNetwork
    solver: str
    certificate: Certificate
    path: ValidatedPath | None = None


class SparseReLU(BaseEstimator):
    """Base of the estimators; their parameters are described there."""

    network_: ReLUNetwork
    clip_: Clip
    columns_: Columns
    path_: ValidatedPath | None
    features_used_: NDArray[Any]
    feature_importances_: Array
    _encodes: bool = False
    _target_names: tuple[str, ...] = ("y",)
    n_features_in_: int

    def save(
        self,
        path: str | PathLike[str],
        *,
        columns: Columns | None = None,
        data: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> None:
        """Write the fitted estimator to a ``.json`` file, which `reluctant.load` reads without running any code in it.

        All that `predict` and the exporters need, and the parameters; `path_` is left out, and so are parameters that
        are neither numbers nor text, as a generator or a loss of one's own. ``docs/network_files.md`` describes the
        file, which appears whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Name of the file, ending in ``.json``.
        columns : Columns, optional
            What inputs and outputs are called in the table that they come from, with units and categories
            (`reluctant.columns`); by default `columns_`, if the estimator has one.
        data : tuple (X, y), optional
            The data that the estimator was fitted to, numbers, of which the file keeps the number of rows and a digest.

        Raises
        ------
        OSError
            If the file cannot be written.
        ValueError
            If the name ends otherwise, `columns` do not name every input, or `data` is no table of the inputs.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        container.write(path, self.to_record(columns=columns, data=data))

    def to_record(
        self, *, columns: Columns | None = None, data: tuple[ArrayLike, ArrayLike] | None = None
    ) -> container.Record:
        """What `save` writes."""
        check_is_fitted(self, "network_")
        return estimator_record(self, columns, data)

    def describe(self, X: Any = None, *, digits: int = 4, trends: bool = False) -> str:
        """Write the model in words, as `ReLUNetwork.describe` does, by the names of the table that it was fitted to.

        It says on which scale these words are: a target, a quantile of it, the logarithm of its mean, log-odds of a
        class, or scores of classes.

        Parameters
        ----------
        X : array_like, sparse or frame, shape (N, d), optional
            Rows with the columns of `fit`: they give places the digits that the spread of their column asks for.
        digits : int, default 4
            Significant digits of slopes, and of the spread of a column in places.
        trends : bool, default False
            Whether to name inputs along which an output only rises or falls.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If X has other columns than the rows of `fit`.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from reluctant import SparseReLURegressor
        >>> X = np.random.default_rng(0).uniform(-1, 1, (100, 2))
        >>> counts = np.floor(np.exp(2.0 + X[:, 0]))
        >>> print(SparseReLURegressor(loss="poisson", max_neurons=0, random_state=0).fit(X, counts).describe(digits=2))
        log(mean of y) = 1.9 + 1.1 x0
        <BLANKLINE>
        predict gives the mean, the exponential of this: 0.1 more multiplies it by 1.105.
        <BLANKLINE>
        Inputs beyond the bounds of clip_ count as if they lay on them.
        """
        check_is_fitted(self, "network_")
        return described(self, X, digits, trends)

    def of_inputs(self) -> Self:
        """The same model, which takes the inputs of its network as numbers, as `columns_.read` makes them.

        Returns
        -------
        SparseReLURegressor or SparseReLUClassifier
            A copy without importances, which are those of columns; the estimator itself where it encodes nothing.
        """
        check_is_fitted(self, "network_")
        if not self._encodes:
            return self
        other = copy(self)
        other._encodes, other.n_features_in_ = False, self.network_.n_inputs
        for name in ("feature_names_in_", "feature_importances_"):
            other.__dict__.pop(name, None)
        other.features_used_ = self.network_.inputs_used
        return other

    def _repr_html_inner(self) -> str:
        return str(super()._repr_html_inner()) + self._fitted_html()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._fitted_html()
        return bundle

    def _fitted_html(self) -> str:
        """What a notebook shows below scikit-learn's diagram."""
        if not hasattr(self, "network_"):
            return ""
        from reluctant.report.notebook import fitted_html

        return fitted_html(self)

    def _checked(self) -> str | None:
        """Check all parameters; return the name of the one that decides the size."""
        params = self.get_params(deep=False)
        decider = check_decider(params)
        check_steering(params)
        check_selection(self.selection)
        check_search(self.search)
        for name, least in (("max_parameters", 1), ("max_neurons", 0), ("screen", 1)):
            if params[name] is not None:
                check_integer(params[name], name, low=least)
        check_integer(self.kicks, "kicks", low=0)
        for name in ("alpha", "tolerance"):
            if params.get(name) is not None:
                check_number(params[name], name)
        if self.p is not None:
            check_p(self.p, zero=False)
        check_bool(self.affine, "affine")
        if decider in ("alpha", "tolerance"):
            for name in ("monotonic_cst", "interactions"):
                if params[name] is not None:
                    raise ValueError(
                        f"{name} goes with the automatic size and with caps; leave {decider} or {name} out"
                    )
        check_encoding(self.missing, self.categorical)
        for name in ("warm_start", "verbose"):
            check_switch(params[name], name)
        return decider

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.missing == "error"
        tags.input_tags.allow_nan = self.missing != "error"
        return tags

    def _learn(
        self,
        X: Array | csr_array,
        targets: Array,
        weights: Array,
        loss: Loss,
        decider: str | None,
        effort: Effort | None = None,
    ) -> None:
        """Fit a network to targets (N, m) and set what was learned."""
        kept = weights > 0.0
        if not kept.all():
            X, targets, weights = X[kept], targets[kept], weights[kept]
        if issparse(X):
            self._learn_sparse(X, targets, weights, loss, decider)
            return
        start = self._checked_start(X.shape[1], targets.shape[1])
        if decider in ("alpha", "tolerance"):
            self._set_learned(self._solve(X, targets, weights, loss, start), Clip.nowhere(X.shape[1]), X, weights)
            return
        weights = weights / weights.max()
        if len(X) > MANY_ROWS:
            self._learn_table(ArrayTable(X, targets, weights), partial(as_columns, loss=loss), loss, effort)
        else:
            clip = Clip.beyond(X)
            within = clip(X)
            _check_units(within, targets, weights, loss)
            choice = self._choice(loss, targets.shape[1])
            path = fit_cross_validated(X, targets, weights, *choice, effort or self._effort(), start)
            self._set_learned(self._chosen(path, choice[0].constraints), clip, within, weights)

    def _learn_sparse(self, X: csr_array, targets: Array, weights: Array, loss: Loss, decider: str | None) -> None:
        """Fit a network to sparse rows; of more columns than `screen` those are made dense that a path may read."""
        n_rows, d = X.shape
        if self.screen is None or d <= self.screen or decider in ("alpha", "tolerance"):
            self._learn_rows(X, targets, weights, loss, decider, None)
            return
        check_no_shape(self, "sparse X only of as many columns as screen allows; give X.toarray()")
        effort = self._effort()
        rows = sampled_rows(n_rows, effort.rng()) if n_rows > MANY_ROWS else np.arange(n_rows)
        columns = kept_columns(X, rows, targets, weights, self._choice(loss, targets.shape[1])[0], effort)
        start = self._checked_start(d, targets.shape[1])
        if start is not None:
            columns = np.union1d(columns, start.inputs_used)
            self.network_ = narrowed(start, columns)
        self._learn_rows(csr_array(csc_array(X)[:, columns]), targets, weights, loss, decider, effort)
        self.network_, self.clip_ = widened(self.network_, columns, d), widened_clip(self.clip_, columns, d)
        self.path_ = None if self.path_ is None else widened_path(self.path_, columns, d)
        self.features_used_ = getattr(self, "feature_names_in_", np.arange(d))[self.network_.inputs_used]
        shares = np.zeros(d)
        shares[columns] = self.feature_importances_
        self.feature_importances_ = shares

    def _learn_rows(
        self, X: csr_array, targets: Array, weights: Array, loss: Loss, decider: str | None, effort: Effort | None
    ) -> None:
        """Fit a network to sparse rows that are made dense, a block at a time where they are many."""
        if decider in ("alpha", "tolerance") or X.shape[0] <= MANY_ROWS:
            self._learn(X.toarray(), targets, weights, loss, decider, effort)
        else:
            table = SparseTable(X, targets, weights / weights.max())
            self._learn_table(table, partial(as_columns, loss=loss), loss, effort)

    def _learn_table(self, table: Table, encode: Encode, loss: Loss, effort: Effort | None = None) -> None:
        """Fit a network to the rows of a table, a block at a time where they are many."""
        with np.errstate(over="ignore", invalid="ignore"):  # of columns that are refused
            n_rows, moments = moments_of(table)
        check_reach(moments.largest)
        if n_rows <= MANY_ROWS:
            self._learn(*rows_at(np.arange(n_rows), table, encode), loss, None, effort)
            return
        effort = effort or self._effort()
        clip = Clip.beyond(sample_of(table, encode, effort.rng())[0])  # of the rows that sizes are compared on
        clipped = ClippedTable(table, clip)
        X, targets, weights = sample_of(clipped, encode, effort.rng())
        _check_units(X, targets, weights, loss)
        self._checked_start(X.shape[1], targets.shape[1])
        choice = self._choice(loss, targets.shape[1])
        path = fit_in_blocks(clipped, encode, *choice, effort)
        self._set_learned(self._chosen(path, choice[0].constraints), clip, X, weights)

    def _set_learned(self, fitted: Fitted, clip: Clip, X: Array, weights: Array) -> None:
        """Set what was learned; importances are those on the rows given, which lie within the clip."""
        self.clip_ = clip
        self.network_ = fitted.network
        self.solver_used_ = fitted.solver
        self.certificate_ = fitted.certificate
        self.path_ = fitted.path
        self.n_neurons_ = fitted.network.n_neurons
        self.n_parameters_ = fitted.network.size
        owners = self.columns_.owners if self._encodes else np.arange(X.shape[1])
        used = np.unique(owners[fitted.network.inputs_used])
        self.features_used_ = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))[used]
        self.feature_importances_ = importances(fitted.network, X, weights, owners)

    def _choice(self, loss: Loss, n_outputs: int) -> tuple[Config, Selection, int | None]:
        """What cross-validation chooses among, and its rule; under a cap the size of least validation loss."""
        capped = self.max_parameters is not None or self.max_neurons is not None
        names = getattr(self, "feature_names_in_", None)
        classify = loss.for_classes
        constraints = constraints_of(
            self.monotonic_cst, self.interactions, self.n_features_in_, n_outputs, names, classify
        )
        if constraints is not None and self._encodes:
            constraints = on_inputs(constraints, self.columns_)
        config = Config(loss, bool(self.affine), self.max_neurons, self.screen, self.kicks, self.search, constraints)
        return config, "min" if capped else self.selection, self.max_parameters

    def _effort(self) -> Effort:
        """What a cross-validation may spend; its seed is drawn once."""
        seed, n_jobs = as_seed(self.random_state), effective_n_jobs(self.n_jobs)
        return Effort(self.time_limit, seed, n_jobs, bool(self.verbose))

    def _chosen(self, path: ValidatedPath, constraints: Constraints | None) -> Fitted:
        """The network of the chosen size."""
        n_inputs = len(self.columns_.names) if self._encodes else self.n_features_in_
        screened = self.screen is not None and n_inputs > self.screen
        reason = SCREENED.format(self.screen, n_inputs) + VALIDATED if screened else VALIDATED
        if constraints is not None and constraints.monotone:
            names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(n_inputs)])
            names = self.columns_.names if self._encodes else names
            said = trend(_kept_signs(path.networks[path.chosen], constraints.signs), [str(name) for name in names])
            reason += MONOTONE.format(said) if said else ""
        certificate = Certificate("parameters", 0.0, "none", reason)
        return Fitted(path.networks[path.chosen], "Gauss-Newton path", certificate, path)

    def _solve(self, X: Array, targets: Array, weights: Array, loss: Loss, start: ReLUNetwork | None) -> Fitted:
        """The problem that `tolerance` or `alpha` and p pose."""
        from reluctant.solve import approximate, regress

        y = targets[:, 0] if targets.shape[1] == 1 else targets
        on_line = X.shape[1] == 1 and y.ndim == 1
        seed = as_seed(self.random_state)
        if self.alpha is None:
            solution = approximate(
                X,
                y,
                tolerance=self.tolerance,
                affine=bool(self.affine),
                n_jobs=effective_n_jobs(self.n_jobs),
                verbose=bool(self.verbose),
                start=start,
                time_limit=self.time_limit,
                random_state=seed,
            )
            return Fitted(solution.network, "line" if on_line else "search", solution.certificate)
        solution = regress(
            X,
            y,
            alpha=self.alpha,
            p=DEFAULT_P if self.p is None else self.p,
            loss=loss,
            affine=bool(self.affine),
            sample_weight=weights,
            verbose=bool(self.verbose),
            start=start,
            time_limit=self.time_limit,
            random_state=seed,
        )
        exact = on_line and loss == Squared() and self.affine
        return Fitted(solution.network, "line" if exact else "Gauss-Newton", solution.certificate)

    def _checked_start(self, n_inputs: int, n_outputs: int) -> ReLUNetwork | None:
        """The network to begin with where a warm start is wanted and there is one; it, and a cap, must fit the data."""
        if self.max_parameters is not None and self.max_parameters < n_outputs:
            raise ValueError(
                f"max_parameters = {self.max_parameters} is less than the {n_outputs} constants that as many outputs "
                "have; give at least that"
            )
        previous: ReLUNetwork | None = getattr(self, "network_", None)
        if not self.warm_start or previous is None:
            return None
        if (previous.n_inputs, previous.n_outputs) != (n_inputs, n_outputs):
            raise ValueError(
                f"warm_start continues a network of {previous.n_inputs} inputs and {previous.n_outputs} outputs, but "
                f"the data have {n_inputs} and {n_outputs}; fit a new estimator, or set warm_start=False"
            )
        return previous

    def _evaluate(self, X: ArrayLike) -> Array:
        """The network's outputs (N, m)."""
        check_is_fitted(self, "network_")
        inputs = inputs_of(self, X)
        with np.errstate(over="ignore", invalid="ignore"):
            f = evaluated(self.network_, self.clip_, inputs)
        beyond = ~np.isfinite(f).all(axis=1)
        if beyond.any():
            row = int(np.argmax(beyond))
            raise ValueError(f"the network at row {row} of X is beyond float64; rescale or replace that row")
        return f


def _kept_signs(network: ReLUNetwork, signs: NDArray[np.intp]) -> NDArray[np.intp]:
    """The signs of slopes along the inputs that a network reads, each checked on its numbers as they are."""
    U, V, A = network.hinges
    read = [j for j in network.inputs_used if signs[j] and never_falls(U, V[:, 0], A[:, 0], int(j), int(signs[j]))]
    kept = np.zeros_like(signs)
    kept[read] = signs[read]
    return kept


def _check_units(X: Array, targets: Array, weights: Array, loss: Loss) -> None:
    """Raise a ValueError naming the first column of X whose deviation leaves no floats for weights, or for slopes."""
    units = Standardisation.of(X, targets, weights, loss.of_residuals, link=loss.link)
    faint = units.x_scale < 1.0 / REACH
    if faint.any():
        j = int(np.argmax(faint))
        raise ValueError(f"column {j} of X deviates by {units.x_scale[j]:.3g}, too near the smallest float; rescale it")
    units.check_slopes()
