"""From a trained network to an exact or ε-accurate sparse one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.nn.extraction import to_network
from reluctant.objective import check_p
from reluctant.regression.losses import Softmax, as_loss
from reluctant.regression.targets import one_hot
from reluctant.solution import Certificate, Solution
from reluctant.solve import approximate, interpolate, regress
from reluctant.validation import check_number, check_table


def polish(
    module: nn.Module | ReLUNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: float = 0.0,
    alpha: float | None = None,
    loss: str = "squared",
    p: float = 0.5,
    affine: bool | None = None,
    time_limit: float | None = 10.0,
    random_state: int | np.random.Generator | None = 0,
) -> Solution:
    """Turn a trained network into a sparse one that interpolates the data, stays within a tolerance, or trades error.

    One input goes to the exact solver of the line, which needs no start. Else the trained network is where
    Newton-prune starts: it is moved onto the data and pruned until it has as few parameters as the generic bound, or
    as few as the search finds. With `alpha`, `reluctant.regress` goes on from the trained network: second-order steps,
    deletions and new hinges on mean loss + α · ℓp path norm.

    Parameters
    ----------
    module : torch.nn.Module or ReLUNetwork
        The trained network.
    X : array_like, shape (N,) or (N, d)
    y : array_like, shape (N,) or (N, m)
        With `alpha`, as `fit_network` and `reluctant.regress` take it: classes 0 and 1, or class numbers for softmax.
    tolerance : float
        Largest |f(x_i) − y_i| allowed in any output; 0 interpolates.
    alpha : float, optional
        Weight of the path norm for noisy data, as in `fit_network`; it takes the place of a tolerance.
    loss : str
        As in `fit_network` and `reluctant.regress`, used with `alpha` only.
    p : float
        Among equally sparse networks the smaller ℓp path norm wins; with `alpha`, that of the objective.
    affine : bool, optional
        Whether the solution has an affine part; by default, whether the trained network has one. On the line it does,
        unless `alpha` is given.
    time_limit : float, optional
        Seconds for each search: one for an interpolant, one more where there is a tolerance.
    random_state : int, Generator or None

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If the network does not have as many inputs and outputs as the data, or both a tolerance and `alpha` are given.
    InfeasibleError
        If one x comes with different y.

    Examples
    --------
    >>> from reluctant.nn import train_restarts
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.uniform(-1, 1, (10, 20)), rng.uniform(-1, 1, 10)
    >>> runs = train_restarts(X, y, n_neurons=30, alpha=0.005, restarts=2, epochs=500)
    >>> solution = polish(runs.networks[runs.best()], X, y)
    >>> solution.n_parameters, solution.max_error < 1e-12
    (10, True)
    """
    network = module if isinstance(module, ReLUNetwork) else to_network(module)
    X, y = check_table(X, y)
    tolerance, p = check_number(tolerance, "tolerance"), check_p(p)
    if tolerance and alpha is not None:
        raise ValueError("give a tolerance or alpha, not both")
    if alpha is not None and y.ndim == 1 and isinstance(as_loss(loss), Softmax):
        y = one_hot(y, network.n_outputs)
    m = 1 if y.ndim == 1 else y.shape[1]
    if (network.n_inputs, network.n_outputs) != (X.shape[1], m):
        raise ValueError(
            f"the network maps {network.n_inputs} to {network.n_outputs}, but the data {X.shape[1]} to {m}"
        )
    affine = network.n_affine > 0 if affine is None else affine
    if alpha is not None:
        return regress(
            X,
            y,
            alpha=alpha,
            p=p,
            loss=loss,
            affine=affine,
            start=network,
            time_limit=time_limit,
            random_state=random_state,
        )
    if X.shape[1] == 1 and m == 1:
        return approximate(X, y, tolerance=tolerance) if tolerance else interpolate(X, y)
    found = _interpolant(X, y, network, affine, p, time_limit, random_state)
    if tolerance:
        found = _within(X, y, network, found, tolerance, affine, p, time_limit, random_state)
    error = float(np.abs(found(X) - y).max(initial=0.0))
    return Solution(
        network=found, p=p, value=found.path_norm(p), max_error=error, certificate=_certificate(X, m, affine, tolerance)
    )


def _interpolant(
    X: Array,
    y: Array,
    start: ReLUNetwork,
    affine: bool,
    p: float,
    time_limit: float | None,
    random_state: int | np.random.Generator | None,
) -> ReLUNetwork:
    from reluctant.multivariate.newton_prune.search import sparsest_interpolant

    return sparsest_interpolant(
        X, y, affine=affine, p=p, start=start, time_limit=time_limit, random_state=random_state
    ).network


def _within(
    X: Array,
    y: Array,
    trained: ReLUNetwork,
    interpolant: ReLUNetwork,
    tolerance: float,
    affine: bool,
    p: float,
    time_limit: float | None,
    random_state: int | np.random.Generator | None,
) -> ReLUNetwork:
    """The interpolant, or what the search within the band finds from it and from the trained network."""
    from reluctant.multivariate.basin_hopping.band import sparsest_within

    found = sparsest_within(
        X,
        y,
        tolerance * (1 - 1e-9),  # the rest is for rounding
        affine=affine,
        starts=(trained, interpolant),
        p=p,
        time_limit=time_limit,
        max_rounds=20 if time_limit is None else None,
        random_state=random_state,
    )
    candidates = [interpolant] if found is None else [interpolant, found.network]
    return min(candidates, key=lambda network: (network.n_parameters, network.path_norm(p)))


def _certificate(X: Array, m: int, affine: bool, tolerance: float) -> Certificate:
    if tolerance:
        return Certificate("parameters", 0, "none", "a search within the tolerance band")
    rank = int(np.linalg.matrix_rank(np.column_stack([X, np.ones(len(X))]))) if affine else 0
    bound = m * (len(X) - rank)
    return Certificate("parameters", bound, "generic", "for almost all labels of these rows")
