"""What is known about the optimum in R^d, worded so that it stays true whatever a search finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.multivariate.points import INTERPOLATES, homogeneous, power_of_two
from reluctant.solution import Certificate

ROUNDOFF = np.finfo(float).eps


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
        Repeated rows count once; rank X̄ is that of the columns centred and brought to size one.
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
    rank = int(np.linalg.matrix_rank(_centred(rows[:, :-1])[0]))
    parameters = n_outputs * (len(rows) - (rank if affine else 0))
    return parameters if quantity == "parameters" else ceil(parameters / (rank + n_outputs - 1))


class Bound(NamedTuple):
    """No network that meets a request has a smaller count, and why."""

    least: int
    reason: str


@dataclass(frozen=True)
class Request:
    """What a bound is asked about: labels Y (N, m) to be met within `band` at rows X (N, d)."""

    quantity: Count
    X: Array
    Y: Array
    affine: bool
    band: float

    @property
    def within(self) -> Array:
        """Bound on the norm of each output's residuals: a residual matrix E has |E_ij| ≤ band."""
        return np.full(self.Y.shape[1], np.sqrt(len(self.Y)) * self.band)

    @cached_property
    def rest(self) -> tuple[Array, Array]:
        """The labels less their affine part where that is free, and by how much rounding may blur each output."""
        return _less_affine_part(self.X, self.Y, self.within) if self.affine else (self.Y, 0.0 * self.within)


def nothing(request: Request) -> Bound:
    """The bound 0."""
    return Bound(0, "nothing smaller exists")


def of_outputs(request: Request) -> Bound:
    """Parameters that the outputs take at least."""
    rest, rounding = request.rest
    outputs = int(np.count_nonzero(np.linalg.norm(rest, axis=0) > request.within + rounding))
    reason = f"each output that is not {'affine' if request.affine else 'zero'} takes a parameter"
    return Bound(outputs if request.quantity == "parameters" else 0, reason)


def of_rank(request: Request) -> Bound:
    """Neurons that labels of this rank take at least."""
    rest, rounding = request.rest
    rank = int(np.count_nonzero(np.linalg.svd(rest, compute_uv=False) > np.linalg.norm(request.within + rounding)))
    less = " less their affine part" if request.affine else ""
    return Bound(rank, f"the labels{less} have rank {rank}, and a neuron adds one")


def of_signs(request: Request) -> Bound:
    """Neurons that labels of both signs take at least."""
    both = (request.band < request.Y).any(axis=0) & (-request.band > request.Y).any(axis=0)
    return Bound(2 if not request.affine and both.any() else 0, "one neuron gives an output labels of one sign")


ELEMENTARY: tuple[Callable[[Request], Bound], ...] = (nothing, of_outputs, of_rank, of_signs)
"""Bounds that hold for any data and cost next to nothing; the largest is taken, the first of equal ones."""


def elementary_bound(
    quantity: Count, X: ArrayLike, y: ArrayLike, *, affine: bool = False, tolerance: float = 0.0
) -> Bound:
    """A bound that always holds: labels that are not affine, of both signs, or of higher rank.

    With an affine part labels count as affine, and nothing is concluded from them, where the rounding of X, of the fit
    or of a network's own sums may account for what the fit leaves; so too where columns depend on one another.

    Parameters
    ----------
    quantity : {"parameters", "neurons"}
    X : array_like, shape (N, d)
    y : array_like, shape (N,) or (N, m)
    affine : bool
    tolerance : float
        Largest residual allowed; 1e-9 max|y| where it is smaller.

    Examples
    --------
    >>> elementary_bound("neurons", [[0.0], [1.0]], [1.0, -1.0])
    Bound(least=2, reason='one neuron gives an output labels of one sign')
    """
    rows = np.asarray(X, dtype=np.float64)
    Y = np.asarray(y, dtype=np.float64).reshape(len(rows), -1)
    band = max(tolerance, INTERPOLATES * float(np.abs(Y).max(initial=0.0)))
    request = Request(quantity, rows, Y, affine, band)
    return max((bound(request) for bound in ELEMENTARY), key=lambda bound: bound.least)


def _less_affine_part(X: Array, Y: Array, within: Array) -> tuple[Array, Array]:
    """The least squares residual R of Y, and ρ: if Y_c is affine up to a norm of within_c, |R_c| ≤ within_c + ρ_c.

    Let σ be the smallest singular value of the columns as computed, and η how far they are from the true ones. Then
    the projections on their spans differ by at most η / σ [Stewart 1977], and R_c by η / σ |Y_c|. If an output of a
    network is affine, its coefficients have |b| ≤ (|Y_c| + within_c) / (σ − η), and its sums are right to η |b|.
    """
    D, size = _centred(X)
    nothing = np.zeros_like(Y), np.zeros(Y.shape[1])
    if len(D) <= D.shape[1]:
        return nothing
    Q, R = np.linalg.qr(D)
    # For the rounding of D, of its factorisation, and of w · x + b in a network, whose terms are of this size.
    eta = len(D) * ROUNDOFF * size
    smallest = np.linalg.svd(R, compute_uv=False)[-1]
    if smallest <= 2.0 * eta:
        return nothing
    return Y - Q @ (Q.T @ Y), 2.0 * eta * (np.linalg.norm(Y, axis=0) + within) / (smallest - eta)


def _centred(X: Array) -> tuple[Array, float]:
    """Columns that span the affine functions of X, centred and of size one, and the norm of them before centring.

    A centre is any float and a unit a power of two, so that an entry is right to one unit roundoff of its own. Copies
    of columns and constant ones are left out.
    """
    X = np.unique(X, axis=1)
    low, high = X.min(axis=0), X.max(axis=0)
    X, low, high = (a[..., low < high] for a in (X, low, high))
    centre = 0.5 * low + 0.5 * high
    centred = X - centre
    unit = power_of_two(np.abs(centred).max(axis=0))
    ones = np.ones(len(X))
    return np.column_stack([centred / unit, ones]), float(np.linalg.norm(np.column_stack([X / unit, ones])))


def what_is_known(
    network: ReLUNetwork,
    rows: Array,
    labels: Array,
    affine: bool,
    aim: Aim,
    *,
    tolerance: float = 0.0,
    proved: Bound | None = None,
) -> Certificate:
    """The certificate of a network that meets a request."""
    if rows.shape[1] == 1 and not affine:
        reason = "with one input constant neurons are not counted, and no bound is known for the others"
        return Certificate(aim.minimize, 0.0, "none", reason)
    found = aim.count(network)
    return certificate_for(aim.minimize, rows, labels, affine=affine, found=found, tolerance=tolerance, proved=proved)


def certificate_for(
    quantity: Count,
    X: ArrayLike,
    y: ArrayLike,
    *,
    affine: bool = False,
    found: int | None = None,
    tolerance: float = 0.0,
    proved: Bound | None = None,
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
    proved : Bound, optional
        A bound proved elsewhere, such as that of `enumeration.fewest_parameters`.

    Returns
    -------
    Certificate
        ``proved`` where the best proved bound is at least the generic one or `found`, or where the network
        found is an exception to the generic bound; ``generic`` else; ``none`` where nothing better than 0 is
        known. A bound that the network found contradicts, as rounding may have it, is left out.

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
    elementary = elementary_bound(quantity, X, y, affine=affine, tolerance=tolerance)
    bounds = [bound for bound in (proved, elementary) if bound is not None and (found is None or bound.least <= found)]
    sure, why = max(bounds, key=lambda bound: bound.least, default=Bound(0, "nothing smaller exists"))
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
    if p < 1:
        reason = f"Σ|u|^p is at least (Σ|u|)^p, and the ℓ1 path norm at least {l1_bound:.9g} ({reason})"
    return Certificate("value", max(l1_bound, 0.0) ** p, "proved", reason)
