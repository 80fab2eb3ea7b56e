"""`regress`: mean loss plus α times the ℓp path norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from reluctant.effort import Effort
from reluctant.model.network import ReLUNetwork
from reluctant.objective import check_p
from reluctant.solution import Solution
from reluctant.solve.requests import check_start, is_line
from reluctant.validation import check_bool, check_integer, check_number, check_table, check_weights

if TYPE_CHECKING:
    from reluctant.regression.losses import Loss


def regress(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float | None = None,
    p: float = 0.5,
    max_neurons: int | None = None,
    loss: str | Loss = "squared",
    affine: bool = True,
    start: ReLUNetwork | None = None,
    sample_weight: ArrayLike | None = None,
    n_starts: int = 1,
    time_limit: float | None = None,
    random_state: int | np.random.Generator | None = None,
    n_jobs: int = 1,
    verbose: bool = False,
) -> Solution:
    """Minimise mean loss + α · ℓp path norm: the trade of error against sparsity for noisy data.

    One input with one output, the squared loss and an affine part goes to the line, where p = 1 is solved to a
    proved duality gap, and p = 0 exactly for knots at data points. Everything else is a search: a grown network,
    majorised steps while |t|^p is smoothed less and less, then deletions and new hinges while the objective falls. It
    proves nothing.

    Parameters
    ----------
    X : array_like, shape (N,), (N, 1) or (N, d)
        Inputs. They are not standardised: the path norm, which for two inputs or more counts the biases, is that of
        the network in these units.
    y : array_like, shape (N,) or (N, m)
        Targets; several outputs share the neurons. Classes are 0 and 1 for ``"logistic"`` and ``"hinge"``, and labels
        0 … m − 1 or rows of class shares for ``"softmax"``.
    alpha : float, optional
        Weight α ≥ 0 of the path norm, the λ of [NN]; the mean is over the weighted rows. For p = 0 the price of a knot.
        It is left out only where `max_neurons` takes its place.
    p : float, default 0.5
        Exponent in (0, 1]; 0, which counts knots, on the line with the squared loss and an affine part.
    max_neurons : int, optional
        With p = 0, in the place of `alpha`: the least mean loss with at most so many knots. The certificate is about
        the mean loss, and `alpha` of the solution is 0.
    loss : str or loss object
        ``"squared"`` (½ r²), ``"absolute"``, ``"huber"``, ``"quantile"``, ``"poisson"``, ``"gamma"``, ``"logistic"``,
        ``"softmax"`` or ``"hinge"``;
        ``"max"``, the largest |r| over all rows and outputs in the place of the mean loss.
        `reluctant.regression.losses` has their parameters, and what a loss of your own states.
    affine : bool, default True
        Whether the network has an affine part, which is free; for classes it has a ridge of 1e-4 in units of the
        deviations of X, without which separable classes would have no minimiser.
    start : ReLUNetwork, optional
        A network to begin with besides the grown one, for example a trained one; on the line it is only compared. The
        result's objective is never above its own. Without an affine part that of the start is left out. Refused with
        `max_neurons`.
    sample_weight : array_like, shape (N,), optional
        Weights of the rows, ≥ 0 and not all zero; none with ``"max"``.
    n_starts : int, default 1
        Where it is a search: independent searches, of which the best is returned.
    time_limit : float, optional
        Seconds after which nothing begins any more: no search, hinge, deletion or step, but for the affine fit.
        An interrupt (Ctrl-C) ends the search likewise and returns the best so far. For p = 0 it is 60 s by default,
        and the solution then has the bound proved by that time.
    random_state : int, Generator or None
        Source of all randomness.
    n_jobs : int
        Searches at a time, as in joblib. The result does not depend on it, unless the time ends first.
    verbose : bool
        Print neurons and objective, in units of the deviation of y, before every round of new hinges to standard error.

    Returns
    -------
    Solution
        With `alpha`, `mean_loss` (with ``"max"`` the largest |r|) and `objective`; `max_error` is NaN for classes.

    Raises
    ------
    ValueError
        If the input is not a table of finite numbers or an argument is out of range.

    References
    ----------
    Nakhleh and Nowak, NeurIPS 2025 (the objective); Debarre et al., Sparsest piecewise-linear regression of
    one-dimensional data, 2022 (the line, p = 1).

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import regress
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (200, 2))
    >>> y = np.maximum(X[:, 0], 0) + 0.05 * rng.standard_normal(200)
    >>> solution = regress(X, y, alpha=0.003, random_state=0)
    >>> solution.n_neurons
    1
    """
    p = check_p(p)
    alpha, max_neurons = _price_or_size(alpha, max_neurons, p)
    if max_neurons is not None and start is not None:
        raise ValueError("start goes with alpha, not with max_neurons; leave it out")
    X, y = check_table(X, y)
    affine = check_bool(affine, "affine")
    from reluctant.regression.losses import Squared, as_loss
    from reluctant.regression.regress import KEPT, better_of, regress_space, solution_of, without_affine_part
    from reluctant.regression.targets import as_targets

    loss = as_loss(loss)
    if sample_weight is not None and not loss.sums_rows:
        raise ValueError(f"sample_weight has no meaning for loss = {loss!r}, which is no sum over rows; leave it out")
    targets, weights = as_targets(y, loss), check_weights(sample_weight, len(X))
    n_starts = check_integer(n_starts, "n_starts", low=1)
    effort = Effort.checked(time_limit, random_state, n_jobs, verbose)
    check_start(start, X, targets)
    first = start if affine or start is None else without_affine_part(start)
    on_line = is_line(X, y) and loss == Squared() and affine
    if p == 0 and not on_line:
        raise ValueError(
            "p = 0 is solved for one input and one output, the squared loss and an affine part; "
            "take p in (0, 1], or size_path for networks of every size"
        )
    if p == 0:
        from reluctant.univariate.knot_regression import SECONDS, regress_knots, regress_size

        clock = effort.clock(SECONDS)
        if max_neurons is not None:
            return regress_size(X[:, 0], y, max_neurons, weights, clock)
        found: Solution = regress_knots(X[:, 0], y, alpha, weights, clock)
    elif on_line:
        from reluctant.univariate.regression import regress_line

        # Any power below 1e-300 is that of 1e-300 to the last digit; half of the smallest float is zero.
        found = regress_line(X[:, 0], y, alpha, max(p, 1e-300), weights)
    else:
        found = regress_space(X, targets, weights, loss, alpha, p, affine, first, effort, n_starts)
    return found if first is None else better_of(found, solution_of(first, X, targets, weights, loss, alpha, p, KEPT))


def _price_or_size(alpha: float | None, max_neurons: int | None, p: float) -> tuple[float, int | None]:
    """Check that one of the two is given: the price, or for p = 0 the number of knots, which then cost nothing."""
    if max_neurons is None:
        if alpha is None:
            instead = "max_neurons" if p == 0 else "p=0, max_neurons=K on the line, the best fit with K knots"
            raise ValueError(f"give alpha, the weight of the path norm, or {instead}")
        return check_number(alpha, "alpha"), None
    if p > 0:
        raise ValueError(f"max_neurons goes with p = 0, got p = {p!r}; set p = 0, or give alpha instead")
    if alpha is not None:
        raise ValueError("give alpha or max_neurons, not both")
    return 0.0, check_integer(max_neurons, "max_neurons", low=0)
