"""What is known about the optimum in R^d, worded so that it stays true whatever a search finds."""

from __future__ import annotations

from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.multivariate.patterns import homogeneous
from reluctant.multivariate.problem import INTERPOLATES
from reluctant.objective import check_p
from reluctant.solution import Certificate
from reluctant.validation import as_floats, check_number

Array = NDArray[np.float64]
Count = Literal["parameters", "neurons"]


def generic_bound(quantity: Count, X: ArrayLike, *, n_outputs: int = 1, affine: bool = False) -> int:
    """Fewest parameters or neurons that interpolate almost every choice of labels at the rows of X (ours).

    There are finitely many sets of patterns and supports, and with `c` parameters each reaches labels in a
    set of dimension at most c, plus m rank X̄ with a free affine part. So almost every label array in R^(N ×
    m) needs c ≥ m (N − r) with r = rank X̄ (affine part) or 0; one neuron has at most rank X̄ + m − 1
    parameters that matter.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    X : array_like, shape (N, d)
        Repeated rows count once.
    n_outputs : int
        m.
    affine : bool
        Whether a free affine part is added.

    Examples
    --------
    >>> X = np.arange(20.0).reshape(10, 2) ** 2
    >>> generic_bound("parameters", X), generic_bound("neurons", X), generic_bound("parameters", X, affine=True)
    (10, 4, 7)
    """
    if quantity not in ("parameters", "neurons"):
        raise ValueError(f"quantity must be 'parameters' or 'neurons', got {quantity!r}")
    rows = np.unique(homogeneous(X), axis=0)
    rank = int(np.linalg.matrix_rank(rows))
    parameters = n_outputs * (len(rows) - (rank if affine else 0))
    return parameters if quantity == "parameters" else ceil(parameters / (rank + n_outputs - 1))


def elementary_bound(
    quantity: Count, X: ArrayLike, y: ArrayLike, *, affine: bool = False, tolerance: float = 0.0
) -> tuple[int, str]:
    """A bound that always holds, and its reason: labels that are not affine, of both signs, or of higher rank.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    X : array_like, shape (N, d)
    y : array_like, shape (N,) or (N, m)
    affine : bool
    tolerance : float
        Largest residual allowed; 1e-9 max|y| where it is smaller.

    Returns
    -------
    bound, reason

    Examples
    --------
    >>> elementary_bound("neurons", [[0.0], [1.0]], [1.0, -1.0])
    (2, 'one neuron gives an output labels of one sign')
    """
    Xbar, Y = homogeneous(X), as_floats(y, "y")
    Y = Y.reshape(len(Xbar), -1)
    band = max(tolerance, INTERPOLATES * float(np.abs(Y).max(initial=0.0)))
    rest = Y - Xbar @ np.linalg.lstsq(Xbar, Y)[0] if affine else Y
    # A residual matrix E with |E_ij| ≤ band has columns of norm ≤ √N band and norm ≤ √(N m) band.
    outputs = int(np.count_nonzero(np.linalg.norm(rest, axis=0) > np.sqrt(len(Y)) * band))
    rank = int(np.count_nonzero(np.linalg.svd(rest, compute_uv=False) > np.sqrt(Y.size) * band))
    known = [(0, "nothing smaller exists")]
    if quantity == "parameters":
        known.append((outputs, f"each output that is not {'affine' if affine else 'zero'} takes a parameter"))
    known.append(
        (
            rank,
            f"the labels{' less their affine part' if affine else ''} have rank {rank}, and a neuron adds one",
        )
    )
    if not affine and ((band < Y).any(axis=0) & (-band > Y).any(axis=0)).any():
        known.append((2, "one neuron gives an output labels of one sign"))
    return max(known, key=lambda pair: pair[0])


def certificate_for(
    quantity: Count,
    X: ArrayLike,
    y: ArrayLike,
    *,
    affine: bool = False,
    found: int | None = None,
    tolerance: float = 0.0,
    proved: tuple[int, str] | None = None,
) -> Certificate:
    """The strongest true statement about the fewest parameters or neurons.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    X : array_like, shape (N, d)
    y : array_like, shape (N,) or (N, m)
    affine : bool
        Whether a free affine part is added.
    found : int, optional
        Count of a network at hand that meets the request.
    tolerance : float
        Largest residual allowed; the generic bound is about interpolation and needs 0.
    proved : (int, str), optional
        A bound proved elsewhere and its reason, such as those of `exact.fewest_parameters` and
        `milp.fewest_by_milp`.

    Returns
    -------
    Certificate
        ``proved`` where the best proved bound is at least the generic one or `found`, or where the network
        found is an exception to the generic bound; ``generic`` else; ``none`` where nothing better than 0 is
        known.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> certificate = certificate_for("parameters", rng.normal(size=(10, 3)), rng.normal(size=10), found=10)
    >>> certificate.kind, certificate.lower_bound
    ('generic', 10)
    >>> planted = certificate_for("parameters", rng.normal(size=(10, 3)), rng.normal(size=10), found=4)
    >>> planted.kind, planted.lower_bound
    ('proved', 2)
    """
    check_number(tolerance, "tolerance")
    sure, why = elementary_bound(quantity, X, y, affine=affine, tolerance=tolerance)
    if proved is not None and proved[0] >= sure:
        sure, why = proved
    labels = np.asarray(y)
    outputs = labels.shape[1] if labels.ndim == 2 else 1
    generic = generic_bound(quantity, X, n_outputs=outputs, affine=affine) if tolerance == 0 else 0
    if generic > sure and (found is None or found >= generic):
        return Certificate(quantity, generic, "generic", _generic_reason(quantity, sure, why))
    if found is not None and found < generic:
        why = f"{why}; almost every choice of labels here needs {generic}, but a network with {found} was found"
    if sure == 0 and found != 0:
        return Certificate(quantity, 0, "none", f"no bound is known for the fewest {quantity} of these data")
    return Certificate(quantity, sure, "proved", why)


def _generic_reason(quantity: Count, sure: int, why: str) -> str:
    return (
        f"fewer {quantity} miss almost every choice of labels at these inputs, that is all but a set of volume zero; "
        f"integer, repeated or network-made labels may lie in that set, and for the labels given only "
        f"{sure} is proved: {why}"
    )


def value_certificate(p: float, l1_bound: float, reason: str) -> Certificate:
    """Bound on the ℓp path norm to the power p, from a lower bound on the ℓ1 path norm of every interpolant.

    Σ|u|^p ≥ (Σ|u|)^p for 0 < p ≤ 1, with equality at p = 1: sharp there, weak for small p.

    Parameters
    ----------
    p : float
        In (0, 1].
    l1_bound : float
        As `column_generation.minimise_l1` gives it.
    reason : str
        How the ℓ1 bound was obtained.

    Examples
    --------
    >>> value_certificate(0.5, 4.0, "duality").lower_bound
    2.0
    """
    p = check_p(p, zero=False)
    if p < 1:
        reason = f"Σ|u|^p is at least (Σ|u|)^p, and the ℓ1 path norm at least {l1_bound:.9g} ({reason})"
    return Certificate("value", max(l1_bound, 0.0) ** p, "proved", reason)
