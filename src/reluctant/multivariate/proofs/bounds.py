"""What is known about the optimum in R^d, worded so that it stays true whatever a search finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork
from reluctant.multivariate.aim import Aim, Count
from reluctant.multivariate.points import INTERPOLATES
from reluctant.multivariate.proofs.affine import ROUNDOFF, less_affine_part
from reluctant.multivariate.proofs.generic import generic_bound
from reluctant.solution import Certificate


class Bound(NamedTuple):
    """No network that meets a request has a smaller count, and why."""

    least: int
    reason: str


NOTHING = Bound(0, "nothing smaller exists")


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
        if self.affine:
            return less_affine_part(self.X, self.Y, self.within)
        return self.Y, self.Y.size * ROUNDOFF * np.linalg.norm(self.Y, axis=0)


def nothing(request: Request) -> Bound:
    """The bound 0."""
    return NOTHING


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
    return Bound(rank, f"the labels{less} have rank {rank}, and each neuron adds at most one to it")


def of_signs(request: Request) -> Bound:
    """Neurons that labels of both signs take at least."""
    both = (request.band < request.Y).any(axis=0) & (-request.band > request.Y).any(axis=0)
    return Bound(
        2 if not request.affine and both.any() else 0,
        "the labels of an output have both signs, and one neuron gives one sign",
    )


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
    Bound(least=2, reason='the labels of an output have both signs, and one neuron gives one sign')
    """
    rows = np.asarray(X, dtype=np.float64)
    Y = np.asarray(y, dtype=np.float64).reshape(len(rows), -1)
    band = float(np.nextafter(max(tolerance, INTERPOLATES * np.abs(Y).max(initial=0.0)), np.inf))
    request = Request(quantity, rows, Y, affine, band)
    return max((bound(request) for bound in ELEMENTARY), key=lambda bound: bound.least)


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
    sure, why = max(bounds, key=lambda bound: bound.least, default=NOTHING)
    generic = generic_bound(quantity, X, y, affine=affine) if tolerance == 0 else 0
    if generic > sure and (found is None or found >= generic):
        return Certificate(quantity, generic, "generic", _generic_reason(quantity, sure, why))
    if found is not None and found < generic:
        why = f"{why}; almost every choice of labels here needs {generic}, but a network with {found} was found"
    if sure == 0 and found != 0:
        return Certificate(quantity, 0, "none", f"no bound is known for the fewest {quantity} of these data")
    return Certificate(quantity, sure, "proved", why)


def _generic_reason(quantity: Count, sure: int, why: str) -> str:
    return (
        f"almost every choice of labels at these inputs is met exactly by no network with fewer {quantity}, where only "
        f"labels count that {INTERPOLATES:g} max|y| tells from zero and from one another; the exceptions have volume "
        f"zero, and integer, repeated or network-made labels may be among them; for the labels given only {sure} is "
        f"proved: {why}"
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
    >>> round(value_certificate(0.5, 4.0, "duality").lower_bound, 12)
    2.0
    """
    if p < 1:
        reason = f"Σ|u|^p is at least (Σ|u|)^p, and the ℓ1 path norm at least {l1_bound:.9g} ({reason})"
    bound = max(l1_bound, 0.0)
    return Certificate("value", bound if p == 1 else bound**p * (1 - 4 * ROUNDOFF), "proved", reason)
