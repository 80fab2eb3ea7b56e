"""The ℓp path norm and its parts, each formula once [NN, eqs. 1-3]."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.validation import as_number

Bias = Literal["l1", "l2"]
"""How the bias of a neuron counts beside its weight: by the sum of their sizes, or by their Euclidean norm."""


def check_p(p: float, *, zero: bool = True) -> float:
    """Return `p` as a float in [0, 1] (in (0, 1] when `zero` is False).

    Raises
    ------
    ValueError
        If `p` is not a number in that range.
    """
    interval = "[0, 1]" if zero else "(0, 1]"
    value = as_number(p)
    if not 0.0 <= value <= 1.0 or (value == 0.0 and not zero):
        raise ValueError(f"p must be a number in {interval}, got {p!r}")
    return value


def check_bias(bias: Any) -> Bias | None:
    """Return `bias` if it is None, "l1" or "l2".

    Raises
    ------
    ValueError
        If it is something else.
    """
    known: tuple[Bias, ...] = get_args(Bias)
    for name in known:
        if isinstance(bias, str) and bias == name:
            return name
    if bias is not None:
        raise ValueError(f"bias must be None, 'l1' or 'l2', got {bias!r}")
    return None


def size_of_knots(knots: ArrayLike, bias: Bias) -> Array:
    """φ(t), the l1 or l2 norm of (1, t): what a unit slope change at t costs where its bias counts.

    Examples
    --------
    >>> size_of_knots([0.0, -1.0], "l1"), size_of_knots([0.0, 0.75], "l2")
    (array([1., 2.]), array([1.  , 1.25]))
    """
    t = np.asarray(knots, dtype=np.float64)
    return 1.0 + np.abs(t) if bias == "l1" else np.hypot(1.0, t)


def lp_power(u: ArrayLike, p: float, axis: int | None = None) -> Any:
    """Σ|u|^p along `axis`; for p = 0 the number of nonzeros, ‖u‖_0.

    Parameters
    ----------
    u : array_like
        Any shape.
    p : float
        In [0, 1].
    axis : int, optional
        Axis to sum over; all of them by default.

    Returns
    -------
    ndarray or float

    Examples
    --------
    >>> float(lp_power([4.0, 0.0, -9.0], 0.5))
    5.0
    >>> float(lp_power([4.0, 0.0, -9.0], 0))
    2.0
    """
    u = np.asarray(u, dtype=np.float64)
    if p == 0:
        return np.count_nonzero(u, axis=axis) * 1.0
    if p == 1:
        return np.sum(np.abs(u), axis=axis)
    if p == 0.5:
        return np.sum(np.sqrt(np.abs(u)), axis=axis)
    return np.sum(np.abs(u) ** p, axis=axis)


def path_norm(incoming: ArrayLike, outgoing: ArrayLike, p: float) -> float:
    """Σ_k ‖v_k‖_p^p ‖w_k‖_p^p, the ℓp path norm to the power p [NN, eq. 2; several outputs: ours].

    Parameters
    ----------
    incoming : array_like, shape (K, d) or (K, d + 1)
        Weights into each neuron; with the bias as last column where it counts.
    outgoing : array_like, shape (K, m)
        Weights out of each neuron.
    p : float
        In [0, 1]; p = 0 counts the paths Σ_k ‖v_k‖_0 ‖w_k‖_0.

    Examples
    --------
    >>> path_norm([[1.0], [4.0]], [[9.0], [-1.0]], 0.5)
    5.0
    """
    return float(np.sum(lp_power(incoming, p, axis=1) * lp_power(outgoing, p, axis=1)))


def smoothed_power(t: Any, p: float, eps: Any) -> Any:
    """(t² + ε²)^{p/2}, entry by entry, which is |t|^p for ε = 0; arrays and tensors alike.

    In s = t² it is concave, so by its tangent ½ p (t² + ε²)^{p/2 − 1} s + const is a quadratic majorant, whose
    curvature is `majorant_weight` [CWB].

    Examples
    --------
    >>> float(smoothed_power(3.0, 1.0, 4.0))
    5.0
    """
    return (t * t + eps * eps) ** (p / 2)


def majorant_weight(t: Any, p: float, eps: Any) -> Any:
    """Return w = (t² + ε²)^{p/2 − 1}: ½ p w s² + const lies above (s² + ε²)^{p/2} and touches it at s = ±t.

    Examples
    --------
    >>> float(majorant_weight(3.0, 1.0, 4.0))
    0.2
    """
    return (t * t + eps * eps) ** (p / 2 - 1)


def row_norms(rows: Array) -> Array:
    """Euclidean norm of each row, without overflow or underflow of the squares; exact for one column."""
    largest = np.abs(rows).max(axis=1)
    return np.asarray(largest * np.linalg.norm(rows / np.where(largest == 0, 1.0, largest)[:, None], axis=1))
