"""`size_path`: networks of every size for noisy data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from reluctant.effort import Effort
from reluctant.model.network import ReLUNetwork
from reluctant.objective import check_p
from reluctant.solve.requests import check_start
from reluctant.validation import check_bool, check_integer, check_number, check_table, check_weights

if TYPE_CHECKING:
    from reluctant.regression.losses import Loss
    from reluctant.regression.size_path import SizePath

DEFAULT_RIDGE = 3e-3
"""λ of the small ridge of a path."""


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
    refitted after each. Over one input, with one output, the squared loss and an affine part, the path begins with
    functions of counted knots, as `regress_path` finds them. Nothing is proved about the result.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs. They are standardised inside.
    y : array_like, shape (N,) or (N, m)
        Targets, standardised inside in regression; several outputs share the neurons. Classes are 0 and 1 for
        ``"logistic"`` and ``"hinge"``, and rows of class shares or labels 0 … m − 1 for ``"softmax"``.
    loss : str or loss object
        ``"squared"`` (½ r²), ``"absolute"``, ``"huber"``, ``"quantile"``, ``"poisson"`` and ``"gamma"`` (half the
        deviance from a mean whose logarithm the network is), ``"logistic"``, ``"softmax"`` or ``"hinge"``;
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
    from reluctant.regression.losses import as_loss
    from reluctant.regression.path import Plan, Shrinkage
    from reluctant.regression.size_path import path_of_sizes
    from reluctant.regression.targets import as_targets

    loss = as_loss(loss)
    X, y = check_table(X, y)
    if not loss.sums_rows:
        raise ValueError(f"loss = {loss!r} is no sum over rows, which a path is made for; use regress")
    affine = check_bool(affine, "affine")
    targets = as_targets(y, loss)
    check_start(start, X, targets)
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
