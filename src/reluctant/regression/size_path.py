"""The path of error against size: networks of every size for noisy data, from big to small."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index
from reluctant.effort import Effort
from reluctant.model.network import ReLUNetwork, check_start
from reluctant.objective import check_p
from reluctant.regression.losses import Loss, as_loss, mean_loss
from reluctant.regression.path import Plan, Shrinkage, stages_of
from reluctant.regression.standardise import Standardisation
from reluctant.regression.targets import as_targets
from reluctant.validation import check_bool, check_integer, check_number, check_table, check_weights

DEFAULT_RIDGE = 3e-3


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
        `reluctant.regression.losses` has their parameters, and what a loss of your own states.
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
        Seconds after which nothing more is added or deleted: the path then ends at larger sizes, and begins at smaller
        ones where the time did not last for the first network. An interrupt (Ctrl-C) ends it likewise.
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
    loss = as_loss(loss)
    X, y = check_table(X, y)
    if not loss.sums_rows:
        raise ValueError(f"loss = {loss!r} is no sum over rows, which a path is made for; use regress")
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
    plan = Plan(shrinkage, p, affine, max_neurons, check_integer(kicks, "kicks", low=0))
    return path_of_sizes(
        X, targets, weights, loss, plan, start, Effort.checked(time_limit, random_state, verbose=verbose)
    )


def path_of_sizes(
    X: Array,
    targets: Array,
    weights: Array,
    loss: Loss,
    plan: Plan,
    start: ReLUNetwork | None,
    effort: Effort,
) -> SizePath:
    """The path of checked rows: in standardised units, without rows of weight zero, and back."""
    kept = weights > 0.0
    X, targets, weights = X[kept], targets[kept], weights[kept]
    units = Standardisation.of(X, targets, weights, scale_targets=loss.of_residuals, affine=plan.affine)
    with effort.clock().listening() as clock:
        stages = stages_of(
            units.rows(X, targets, weights),
            loss.scaled(units.y_scale),
            plan,
            effort.rng(),
            clock,
            start=None if start is None else units.model(start),
            report=_print_stage if effort.verbose else None,
        )
    networks = tuple(units.network(stage.model) for stage in stages)
    return SizePath(
        sizes=np.array([network.size for network in networks]),
        networks=networks,
        training_loss=np.array([mean_loss(network, X, targets, loss, weights) for network in networks]),
        ridge=plan.shrinkage.ridge,
    )


def _print_stage(size: int, objective: float) -> None:
    print(f"{size:6} parameters, objective {objective:.6g}", file=sys.stderr)
