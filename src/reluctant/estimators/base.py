"""What both estimators share: choosing the solver, and what is learned from its network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from reluctant.estimators.checks import as_seed, check_decider, check_steering, checked_inputs
from reluctant.estimators.cross_validated import Effort, ValidatedPath, fit_cross_validated
from reluctant.estimators.importance import importances, inputs_used
from reluctant.network import ReLUNetwork
from reluctant.objective import check_p
from reluctant.regression.losses import Loss, Squared
from reluctant.regression.selection import Config, check_selection
from reluctant.regression.standardise import Standardisation
from reluctant.solution import Certificate
from reluctant.validation import check_integer, check_number

Array = NDArray[np.float64]

CLIP = 8.0
"""Inputs farther than this many standard deviations from their mean are moved there."""
DEFAULT_P = 0.5
VALIDATED = "size and ridge were chosen by their loss on held-out rows, the network by deletions that cost least"
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
    input_bounds_: Array

    def _checked(self) -> str | None:
        """Check all parameters; return the name of the one that decides the size."""
        params = self.get_params(deep=False)
        decider = check_decider(params)
        check_steering(params)
        check_selection(self.selection)
        for name, least in (("max_parameters", 1), ("max_neurons", 0), ("screen", 1)):
            if params[name] is not None:
                check_integer(params[name], name, low=least)
        for name in ("alpha", "tolerance"):
            if params.get(name) is not None:
                check_number(params[name], name)
        if self.p is not None:
            check_p(self.p, zero=False)
        if not isinstance(self.affine, (bool, np.bool_)):
            raise ValueError(f"affine must be True or False, got {self.affine!r}")
        return decider

    def _learn(self, X: Array, targets: Array, weights: Array, loss: Loss, decider: str | None) -> None:
        """Fit a network to targets (N, m) and set what was learned."""
        kept = weights > 0.0
        if not kept.all():
            X, targets, weights = X[kept], targets[kept], weights[kept]
        if self.max_parameters is not None and self.max_parameters < targets.shape[1]:
            raise ValueError(
                f"max_parameters = {self.max_parameters} is less than the {targets.shape[1]} constants that as many "
                "outputs have; give at least that"
            )
        start = self._previous_network(X.shape[1], targets.shape[1])
        bounds = np.array([[-np.inf], [np.inf]]) * np.ones(X.shape[1])
        if decider in ("alpha", "tolerance"):
            fitted = self._solve(X, targets, weights, loss, start)
        else:
            bounds = _bounds(X, weights)
            X = np.clip(X, *bounds)
            fitted = self._cross_validate(X, targets, weights, loss, start)
        self.input_bounds_ = bounds
        self.network_ = fitted.network
        self.solver_used_ = fitted.solver
        self.certificate_ = fitted.certificate
        self.path_ = fitted.path
        self.n_neurons_ = fitted.network.n_neurons
        self.n_parameters_ = fitted.network.size
        used = inputs_used(fitted.network)
        self.features_used_ = getattr(self, "feature_names_in_", np.arange(X.shape[1]))[used]
        self.feature_importances_ = importances(fitted.network, X, weights)

    def _cross_validate(
        self, X: Array, targets: Array, weights: Array, loss: Loss, start: ReLUNetwork | None
    ) -> Fitted:
        """Size and ridge by cross-validation; under a cap, the size of least validation loss."""
        capped = self.max_parameters is not None or self.max_neurons is not None
        path = fit_cross_validated(
            X,
            targets,
            weights,
            Config(loss, bool(self.affine), max_neurons=self.max_neurons, screen=self.screen),
            "min" if capped else self.selection,
            self.max_parameters,
            Effort(as_seed(self.random_state), self.n_jobs, self.time_limit, bool(self.verbose)),
            start,
        )
        screened = self.screen is not None and X.shape[1] > self.screen
        reason = SCREENED.format(self.screen, X.shape[1]) + VALIDATED if screened else VALIDATED
        certificate = Certificate("parameters", 0.0, "none", reason)
        return Fitted(path.networks[path.chosen], "Gauss-Newton path", certificate, path)

    def _solve(self, X: Array, targets: Array, weights: Array, loss: Loss, start: ReLUNetwork | None) -> Fitted:
        """The problem that `tolerance` or `alpha` and p pose."""
        from reluctant.solve import approximate, regress

        y = targets[:, 0] if targets.shape[1] == 1 else targets
        on_line = X.shape[1] == 1 and y.ndim == 1
        steering: dict[str, Any] = {"start": start, "time_limit": self.time_limit}
        steering["random_state"] = as_seed(self.random_state)
        if self.alpha is None:
            solution = approximate(
                X,
                y,
                tolerance=self.tolerance,
                affine=bool(self.affine),
                n_jobs=1 if self.n_jobs is None else self.n_jobs,
                verbose=bool(self.verbose),
                **steering,
            )
            return Fitted(solution.network, "line" if on_line else "exact search", solution.certificate)
        solution = regress(
            X,
            y,
            alpha=self.alpha,
            p=DEFAULT_P if self.p is None else self.p,
            loss=loss,
            affine=bool(self.affine),
            sample_weight=weights,
            **steering,
        )
        exact = on_line and isinstance(loss, Squared) and self.affine
        return Fitted(solution.network, "line" if exact else "Gauss-Newton", solution.certificate)

    def _previous_network(self, n_inputs: int, n_outputs: int) -> ReLUNetwork | None:
        """The network to begin with where a warm start is wanted and there is one."""
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
        check_is_fitted(self)
        inputs = checked_inputs(self, X, reset=False)
        return self.network_(np.clip(inputs, *self.input_bounds_)).reshape(len(inputs), -1)


def _bounds(X: Array, weights: Array) -> Array:
    """Mean − 8 and mean + 8 deviations of every column, (2, d); infinite for constant columns."""
    units = Standardisation.of(X, np.zeros((len(X), 1)), weights, scale_targets=False)
    return units.x_mean + np.array([[-CLIP], [CLIP]]) * units.x_scale
