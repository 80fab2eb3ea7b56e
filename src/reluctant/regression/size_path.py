"""The path of error against size: networks of every size for noisy data, from big to small."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.arrays import Array, Index
from reluctant.model.network import ReLUNetwork, check_start
from reluctant.objective import check_p
from reluctant.regression.gauss_newton import Problem, minimise
from reluctant.regression.kicks import kick
from reluctant.regression.losses import Loss, as_loss
from reluctant.regression.model import Model, Rows
from reluctant.regression.penalties import PathPower, Penalty, Ridge
from reluctant.regression.quasi_newton import MANY_UNKNOWNS, quasi_newton
from reluctant.regression.standardise import Standardisation
from reluctant.regression.starts import affine_fit, dense, forward, varying
from reluctant.regression.surgeon import Front, Report, Stage, backward
from reluctant.regression.targets import as_targets
from reluctant.validation import (
    check_bool,
    check_integer,
    check_number,
    check_random_state,
    check_table,
    check_weights,
)

DEFAULT_RIDGE = 3e-3
MOST_NEURONS, ROWS_PER_NEURON = 40, 8
"""A path in regression begins with this many neurons, or fewer where rows are few."""
DENSE_NEURONS, DENSE_NEURONS_MANY, DENSE_STEPS = 8, 14, 60
"""A path in classification begins with so many neurons on all inputs: two classes, more classes."""
WIDE_NEURONS, WIDE_ITERATIONS = 20, (200, 300, 50)
"""Neurons where more classes of many inputs have very many unknowns; iterations of L-BFGS with the penalty of the path,
with the path norm, which leaves most of them near zero, and with the former again."""
PATH_NORM = 3.0
"""Multiple of the ridge that charges the path norm then."""
SLOPES_SHARE, SLOPES_SHARE_CLASSES, MANY_INPUTS = 1e-3, 0.1, 20
"""Slopes are shrunk by this share of the ridge unless told; in classification of more inputs than that by all of it."""
INTERCEPT = 1e-9
EPSILON = 0.05
"""Where ℓp begins to be felt on a path, in standardised units."""


class Shrinkage(NamedTuple):
    """Strength of the small ridge of a path: λ on hinge parameters, λ_A on slopes, by default a share of λ."""

    ridge: float
    slope_ridge: float | None = None


@dataclass(frozen=True)
class SizePath:
    """Networks of falling size and their training loss.

    Attributes
    ----------
    sizes : ndarray, shape (n,)
        Nonzero hinge and affine parameters of each network, strictly falling.
    networks : tuple of ReLUNetwork
        In the units of the data.
    training_loss : ndarray, shape (n,)
        Mean loss of each, in the units of the data.
    ridge : float
        The ridge it was computed with.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> path = size_path(x, np.abs(x[:, 0]), random_state=0)
    >>> len(path) == len(path.sizes) == len(path.networks)
    True
    >>> path.within(4).size <= 4
    True
    """

    sizes: Index
    networks: tuple[ReLUNetwork, ...]
    training_loss: Array
    ridge: float

    def __len__(self) -> int:
        return len(self.networks)

    def __iter__(self) -> Iterator[ReLUNetwork]:
        return iter(self.networks)

    def within(self, size: int) -> ReLUNetwork:
        """The largest network of at most `size` parameters.

        Raises
        ------
        ValueError
            If the smallest network is larger, or `size` is not a whole number.
        """
        size = check_integer(size, "size", low=0)
        fitting = np.flatnonzero(self.sizes <= size)
        if fitting.size == 0:
            raise ValueError(f"the smallest network of this path has {self.sizes[-1]} parameters, more than {size}")
        return self.networks[int(fitting[0])]

    def losses(self, X: ArrayLike, y: ArrayLike, loss: str | Loss = "squared") -> Array:
        """Mean loss of every network on other data."""
        loss = as_loss(loss)
        X, y = check_table(X, y)
        targets = as_targets(y, loss, self.networks[0].n_outputs)
        return np.array([mean_loss(network, X, targets, loss) for network in self.networks])


def size_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss = "squared",
    ridge: float = DEFAULT_RIDGE,
    slope_ridge: float | None = None,
    p: float | None = None,
    affine: bool = True,
    start: ReLUNetwork | None = None,
    sample_weight: ArrayLike | None = None,
    max_neurons: int | None = None,
    kicks: int = 0,
    time_limit: float | None = None,
    random_state: int | np.random.Generator | None = None,
    verbose: bool = False,
) -> SizePath:
    """Fit networks of every size to noisy data, from big to small, ready to be scored on other data.

    A network is grown hinge by hinge (regression) or begun with a few dense neurons (classification), fitted by
    damped Gauss-Newton steps, or by L-BFGS where dense neurons have more than 500 unknowns, and then loses parameters
    one by one or a few at a time: those whose loss the optimal brain surgeon [HS] expects to cost least; the rest is
    refitted after each. Nothing is proved about the result.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs. They are standardised inside.
    y : array_like, shape (N,) or (N, m)
        Targets, standardised inside in regression; several outputs share the neurons. Classes are 0 and 1 for
        ``"logistic"`` and ``"hinge"``, and rows of class shares or labels 0 … m − 1 for ``"softmax"``.
    loss : str or loss object
        ``"squared"`` (½ r²), ``"absolute"``, ``"huber"``, ``"quantile"``, ``"logistic"``, ``"softmax"`` or ``"hinge"``;
        `reluctant.regression.losses` has their parameters.
    ridge : float, default 0.003
        λ of the mean loss + ½ λ Σ θ² over the hinge parameters θ in standardised units. The intercept of the affine
        part has 1e-9 in place of λ. Where Huber's δ is below 1 in these units, it multiplies all of these.
    slope_ridge : float, optional
        What the slopes of the affine part have in place of λ; by default 0.001 λ, but in classification without `p`
        0.1 λ, and λ where there are more than 20 inputs.
    p : float, optional
        In (0, 1]: replace ½ λ Σ θ² by the smoothed path norm (λ / p) Σ_k (Σ_j g(u_kj)) (Σ_c g(v_kc)), where
        g(t) = (t² + 0.05²)^{p/2} − 0.05^p; with one output the second factor is 1. The intercept of the affine part
        is then shrunk like its slopes.
    affine : bool, default True
        Whether the network has an affine part.
    start : ReLUNetwork, optional
        A network to begin with, in the units of the data; networks of the path with more than `max_neurons` neurons
        are left out.
    sample_weight : array_like, shape (N,), optional
        Weights of the rows, ≥ 0 and not all zero.
    max_neurons : int, optional
        The most that any network of the path has; without a start also the neurons to begin with, where the default
        is not less.
    kicks : int, default 0
        So often is a network of the path taken at random, given five more neurons and led down again while that is
        better than what was known. Fifteen to thirty take the time of one path; they lower the training objective of
        all sizes, and of few noisy rows a network can learn too much by them.
    time_limit : float, optional
        Seconds after which nothing more is deleted: the path then ends at larger sizes.
    random_state : int, Generator or None
        Source of all randomness.
    verbose : bool
        Print sizes and objectives along the way to standard error.

    Returns
    -------
    SizePath

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers or an argument is out of range.

    References
    ----------
    [HS] Hassibi and Stork, Second order derivatives for network pruning: optimal brain surgeon, NeurIPS 1992.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import size_path
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (300, 3))
    >>> y = np.maximum(X[:, 0] - 0.2, 0) + 0.01 * rng.standard_normal(300)
    >>> path = size_path(X, y, random_state=0)
    >>> small = path.within(6)
    >>> small.size <= 6 and float(np.mean((small(X) - y) ** 2)) < 1e-3
    True
    """
    began = time.monotonic()
    loss = as_loss(loss)
    X, y = check_table(X, y)
    affine = check_bool(affine, "affine")
    targets = as_targets(y, loss)
    check_start(start, X.shape[1], targets.shape[1])
    weights = check_weights(sample_weight, len(X))
    shrinkage = Shrinkage(
        check_number(ridge, "ridge", strict=True),
        None if slope_ridge is None else check_number(slope_ridge, "slope_ridge", strict=True),
    )
    p = None if p is None else check_p(p, zero=False)
    if max_neurons is not None:
        max_neurons = check_integer(max_neurons, "max_neurons", low=0)
    kicks = check_integer(kicks, "kicks", low=0)
    if time_limit is not None:
        time_limit = check_number(time_limit, "time_limit", strict=True)
    verbose = check_bool(verbose, "verbose")
    rng = np.random.default_rng(check_random_state(random_state))
    kept = weights > 0.0
    X, targets, weights = X[kept], targets[kept], weights[kept]
    units = Standardisation.of(X, targets, weights, scale_targets=loss.of_residuals, affine=affine)
    rows = units.rows(X, targets, weights)
    stages = stages_of(
        rows,
        loss.scaled(units.y_scale),
        shrinkage,
        p,
        affine,
        rng,
        max_neurons=max_neurons,
        n_kicks=kicks,
        start=None if start is None else units.model(start),
        deadline=np.inf if time_limit is None else began + time_limit,
        report=_print_stage if verbose else None,
    )
    networks = tuple(units.network(stage.model) for stage in stages)
    return SizePath(
        sizes=np.array([network.size for network in networks]),
        networks=networks,
        training_loss=np.array([mean_loss(network, X, targets, loss, weights) for network in networks]),
        ridge=ridge,
    )


def stages_of(
    rows: Rows,
    loss: Loss,
    shrinkage: Shrinkage,
    p: float | None,
    affine: bool,
    rng: np.random.Generator,
    *,
    max_neurons: int | None = None,
    n_kicks: int = 0,
    start: Model | None = None,
    deadline: float = np.inf,
    report: Report | None = None,
    kicking_seconds: float = np.inf,
) -> list[Stage]:
    """The path of rows in standardised units; where the affine part alone does better at a size, it is that.

    A model to begin with may be given; else one is grown or made of dense neurons. Networks of more than `max_neurons`
    neurons are left out. The path may be improved by kicks, until the deadline or for some seconds from now.
    """
    end_of_kicks = min(deadline, time.monotonic() + kicking_seconds)
    shrinkage = Shrinkage(shrinkage.ridge, slope_ridge_of(shrinkage, loss, rows.n_inputs, p))
    problem = Problem(rows, loss, penalty_for(rows, loss, shrinkage, p), affine)
    with threadpool_limits(limits=1, user_api="blas"):
        first = start_of(problem, rows, shrinkage, rng, max_neurons) if start is None else start
        starts = [first, affine_fit(problem, varying(rows))] if affine else [first]
        front = Front(max_neurons)
        backward(starts, problem, front, deadline, report)
        kick(front, problem, rows, n_kicks, rng, end_of_kicks)
        return front.stages(problem)


def _print_stage(size: int, objective: float) -> None:
    print(f"{size:6} parameters, objective {objective:.6g}", file=sys.stderr)


def penalty_for(rows: Rows, loss: Loss, shrinkage: Shrinkage, p: float | None) -> Penalty:
    """The small penalty of a path, on the summed loss; of a flat loss it is no steeper than that."""
    unit = loss.steepness * rows.total_weight
    hinges = shrinkage.ridge * unit
    slopes = unit * slope_ridge_of(shrinkage, loss, rows.n_inputs, p)
    if p is not None:
        return PathPower(np.full(rows.n_inputs + 1, hinges / p), p, EPSILON, affine=slopes)
    return Ridge(hinges, slopes, INTERCEPT * unit)


def slope_ridge_of(shrinkage: Shrinkage, loss: Loss, n_inputs: int, p: float | None) -> float:
    """λ_A as it was given, or the default share of λ."""
    if shrinkage.slope_ridge is not None:
        return shrinkage.slope_ridge
    classes = loss.for_classes and p is None
    share = SLOPES_SHARE if not classes else SLOPES_SHARE_CLASSES if n_inputs <= MANY_INPUTS else 1.0
    return share * shrinkage.ridge


def start_of(
    problem: Problem, rows: Rows, shrinkage: Shrinkage, rng: np.random.Generator, max_neurons: int | None = None
) -> Model:
    """A network that is larger than needed: grown for regression, dense for classification.

    Very many unknowns are fitted with the path norm in between.
    """
    n_neurons = neurons_of(problem.loss, len(rows), rows.n_inputs, rows.n_outputs, max_neurons)
    if not problem.loss.for_classes:
        return forward(problem, rows, n_neurons, rng)
    model = dense(problem, rows, n_neurons, rng)
    if problem.unknowns(model).size <= MANY_UNKNOWNS:
        return minimise(model, problem, DENSE_STEPS)[0]
    path_norm = penalty_for(rows, problem.loss, shrinkage._replace(ridge=PATH_NORM * shrinkage.ridge), 1.0)
    for penalty, n_iterations in zip((problem.penalty, path_norm, problem.penalty), WIDE_ITERATIONS, strict=True):
        model, _ = quasi_newton(model, problem._replace(penalty=penalty), n_iterations)
    return model


def neurons_of(loss: Loss, n_rows: int, n_inputs: int, n_outputs: int, max_neurons: int | None = None) -> int:
    """Neurons of the network that a path begins with."""
    most = max(1, n_rows // ROWS_PER_NEURON)
    most = most if max_neurons is None else min(most, max_neurons)
    if not loss.for_classes:
        return min(MOST_NEURONS, most)
    n_neurons = min(DENSE_NEURONS if n_outputs == 1 else DENSE_NEURONS_MANY, most)
    wide = n_outputs > 1 and _dense_unknowns(n_neurons, n_inputs, n_outputs) > MANY_UNKNOWNS
    return min(WIDE_NEURONS, most) if wide else n_neurons


def takes_long(loss: Loss, n_rows: int, n_inputs: int, n_outputs: int, max_neurons: int | None = None) -> bool:
    """Whether a path begins with so many unknowns that few paths can be computed."""
    n_neurons = neurons_of(loss, n_rows, n_inputs, n_outputs, max_neurons)
    grown = 3 * n_neurons + n_outputs * (n_inputs + 1)
    dense = _dense_unknowns(n_neurons, n_inputs, n_outputs)
    return (dense if loss.for_classes else grown) > MANY_UNKNOWNS


def _dense_unknowns(n_neurons: int, n_inputs: int, n_outputs: int) -> int:
    return n_neurons * (n_inputs + n_outputs) + n_outputs * (n_inputs + 1)


def mean_loss(network: ReLUNetwork, X: Array, targets: Array, loss: Loss, weights: Array | None = None) -> float:
    """Mean loss of a network in the user's units."""
    return float(np.average(loss.values(network(X).reshape(len(X), -1), targets), weights=weights))
