"""From a trained network to an exact, ε-accurate or sparser one, through the verbs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from reluctant.model.network import ReLUNetwork
from reluctant.nn.extraction import to_network
from reluctant.regression.losses import as_loss
from reluctant.regression.targets import one_hot
from reluctant.solution import Solution
from reluctant.solve import approximate, interpolate, regress
from reluctant.validation import check_table

TRAINED_P = 0.5
"""Exponent of the objective where none is given, as in `fit_network` and `reluctant.regress`."""


def polish(
    module: nn.Module | ReLUNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: ArrayLike = 0.0,
    alpha: float | None = None,
    loss: str = "squared",
    p: float | None = None,
    affine: bool | None = None,
    time_limit: float | None = 10.0,
    random_state: int | np.random.Generator | None = 0,
) -> Solution:
    """Turn a trained network into a sparse one that interpolates the data, stays within a tolerance, or trades error.

    One call of a verb with the trained network as its start: `reluctant.interpolate`, `reluctant.approximate` with a
    tolerance, `reluctant.regress` with `alpha`. What is known about the result is what the verb knows; the exact
    solvers of the line need no start.

    Parameters
    ----------
    module : torch.nn.Module or ReLUNetwork
        The trained network.
    X : array_like, shape (N,) or (N, d)
    y : array_like, shape (N,) or (N, m)
        With `alpha`, as `fit_network` and `reluctant.regress` take it: classes 0 and 1, or class numbers for softmax.
    tolerance : float or array_like
        Largest |f(x_i) − y_i| allowed, as `reluctant.approximate` takes it; 0 interpolates.
    alpha : float, optional
        Weight of the path norm for noisy data, as in `fit_network`; it takes the place of a tolerance.
    loss : str
        As in `fit_network` and `reluctant.regress`, used with `alpha` only.
    p : float, optional
        As in `reluctant.interpolate`, where it is 0 by default, the sparsest, and as in `reluctant.regress`, where it
        is 0.5. A tolerance takes none: what counts there are parameters.
    affine : bool, optional
        Whether the solution has an affine part. By default it has one where the trained network has a slope (a skip
        connection), and nowhere else, on the line neither: an output bias alone begins as a constant neuron.
    time_limit : float, optional
        Seconds, as the verb takes them; None is the verb's own default.
    random_state : int, Generator or None

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If the network does not have as many inputs and outputs as the data, both a tolerance and `alpha` are given, or
        a tolerance with p.
    InfeasibleError
        If one x comes with different y, and no `alpha` is given.

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
    if not isinstance(module, nn.Module | ReLUNetwork):
        raise ValueError(f"module must be a torch.nn.Module or a ReLUNetwork, got {type(module).__name__}")
    trained = module if isinstance(module, ReLUNetwork) else to_network(module)
    X, y = check_table(X, y)
    banded = bool(np.any(np.asarray(tolerance) != 0))
    if banded and alpha is not None:
        raise ValueError("give a tolerance or alpha, not both")
    if banded and p is not None:
        raise ValueError("p does not go with a tolerance, within which parameters are counted; leave p out")
    if alpha is not None and y.ndim == 1 and as_loss(loss).output_per_class:
        y = one_hot(y, trained.n_outputs)
    m = 1 if y.ndim == 1 else y.shape[1]
    if (trained.n_inputs, trained.n_outputs) != (X.shape[1], m):
        raise ValueError(
            f"the network maps {trained.n_inputs} to {trained.n_outputs}, but the data {X.shape[1]} to {m}"
        )
    if affine is None:
        affine = bool(trained.slope.any())
    start = trained if affine else _without_output_bias(trained)
    solve: Callable[..., Solution]
    if alpha is not None:
        solve = partial(regress, alpha=alpha, p=TRAINED_P if p is None else p, loss=loss)
    elif banded:
        solve = partial(approximate, tolerance=tolerance)
    else:
        solve = partial(interpolate, p=0.0 if p is None else p)
    return solve(X, y, affine=affine, start=start, time_limit=time_limit, random_state=random_state)


def _without_output_bias(network: ReLUNetwork) -> ReLUNetwork:
    """The same function, where its slope is zero, with a constant neuron in the place of its output bias."""
    U, V, A = network.hinges
    if not network.intercept.any():
        return network
    constant = np.append(np.zeros(network.n_inputs), 1.0)
    return ReLUNetwork.from_hinges(np.vstack([U, constant]), np.vstack([V, A[-1]]))
