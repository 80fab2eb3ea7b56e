"""A function of one variable as a link-local table, and the network that equals it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.inversion import area, inverse_of
from reluctant.model.links import Links
from reluctant.model.network import ReLUNetwork
from reluctant.validation import as_evaluation_points, check_number


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """A continuous piecewise-linear function: f(x) = Y_k + M_k (x − X_k) on link k.

    Each link is kept with a point of its own, (X_k, Y_k), usually a data point. So the table neither adds up
    rounding errors from link to link nor suffers from large offsets in x or y.

    Parameters
    ----------
    knots : ndarray, shape (K,)
        Increasing; link k + 1 starts at knot k. A kink that falls between two floats is represented by the larger.
    anchors : ndarray, shape (2, K + 1)
        X_k and Y_k: a point of every link.
    slopes : ndarray, shape (K + 1,)
        M_k.
    changes : ndarray, shape (K,), optional
        Slope changes, where some are so small a share of the slopes that differences of these have lost digits.

    Raises
    ------
    ValueError
        If shapes disagree or knots do not increase.

    Examples
    --------
    >>> import numpy as np
    >>> anchors = np.array([[-2.0, 0.0, 1.0, 3.0], [0.0, 1.0, 1.0, 0.0]])
    >>> hat = PiecewiseLinear(np.array([-1.0, 0.5, 2.0]), anchors, np.array([0.0, 1.0, -1.0, 0.0]))
    >>> hat([-3, 0, 0.5, 1, 2.5])
    array([0. , 1. , 1.5, 1. , 0. ])
    >>> hat.n_knots
    3
    """

    __module__ = "reluctant"

    knots: Array
    anchors: Array
    slopes: Array
    changes: Array | None = None

    def __post_init__(self) -> None:
        for name in ("knots", "anchors", "slopes", "changes"):
            if getattr(self, name) is None:
                continue
            a = as_evaluation_points(getattr(self, name), name).view()
            a.flags.writeable = False
            object.__setattr__(self, name, a)
        shapes = self.knots.shape, self.anchors.shape, self.slopes.shape
        K = self.knots.size
        if shapes != ((K,), (2, K + 1), (K + 1,)):
            raise ValueError(f"K knots need anchors (2, K + 1) and slopes (K + 1,), got shapes {shapes}")
        if self.changes is not None and self.changes.shape != (K,):
            raise ValueError(f"K knots need changes (K,), got shape {self.changes.shape}")
        falls = self.knots[1:] <= self.knots[:-1]
        if falls.any():
            raise ValueError(f"knots must increase, but the one at row {int(np.argmax(falls)) + 1} does not")

    @property
    def n_knots(self) -> int:
        """Number of knots K: as many neurons as the equal network has, if the function bends at all of them."""
        return len(self.knots)

    @property
    def links(self) -> Links:
        """The arrays together."""
        return Links(self.knots, self.anchors, self.slopes, self.changes)

    @property
    def slope_changes(self) -> Array:
        """c_k = M_{k+1} − M_k, shape (K,)."""
        return np.diff(self.slopes) if self.changes is None else self.changes

    @property
    def values(self) -> Array:
        """Values of the function at the knots, shape (K,)."""
        return self(self.knots)

    def __call__(self, x: ArrayLike) -> Array:
        """Evaluate at x of shape (N,) or (N, 1); one search among the knots a point."""
        return self.links.at(_as_points(x))

    def derivative(self, x: ArrayLike) -> Array:
        """Slope at x of shape (N,) or (N, 1), at a knot that of the link to its right; NaN where x is.

        Examples
        --------
        >>> PiecewiseLinear([0.0], [[-1.0, 1.0], [1.0, 1.0]], [-1.0, 1.0]).derivative([-2, 0, 2])
        array([-1.,  1.,  1.])
        """
        x = _as_points(x)
        slopes = self.slopes[np.searchsorted(self.knots, x, side="right")]
        return np.where(np.isnan(x), np.nan, slopes)

    def integral(self, a: float, b: float) -> float:
        """Integral of the table from a to b; that from b to a has the opposite sign.

        Each piece is reckoned and all are added in double-double arithmetic, so the error is a few 2^-100 of the sum of
        the sizes of the pieces, and the result is rounded once, barring overflow and underflow.

        Raises
        ------
        ValueError
            If an end is not a finite number.

        Examples
        --------
        >>> PiecewiseLinear([0.0], [[-1.0, 1.0], [1.0, 1.0]], [-1.0, 1.0]).integral(-1, 2)
        2.5
        """
        a, b = check_number(a, "a", low=-np.inf), check_number(b, "b", low=-np.inf)
        return area(self.links, a, b) if a <= b else -area(self.links, b, a)

    def inverse(self) -> PiecewiseLinear:
        """The inverse function, with its knots at the values of this one.

        Every link keeps its point, the other way round, so offsets cost nothing; slopes are 1 / M_k, rounded.

        Returns
        -------
        PiecewiseLinear

        Raises
        ------
        ValueError
            If the function is not strictly monotone on all of the line, outer links included, as a slope vanishes or
            differs in sign, or if its inverse is beyond float64.

        Notes
        -----
        Where this function is within ε of y at x, its inverse at y is within ε max 1/|M_k| of x, the largest over the
        links between y and the value at x. ``export_c(f.inverse(), path, data=(y, x))`` measures that distance at the
        rows of a table and writes it into the header.

        Examples
        --------
        >>> f = PiecewiseLinear([0.0], [[-1.0, 1.0], [-2.0, 4.0]], [2.0, 4.0])
        >>> f.inverse()([-2, 0, 4])
        array([-1.,  0.,  1.])
        """
        return PiecewiseLinear(*inverse_of(self.links))

    @classmethod
    def joined(cls, parts: Iterable[Links]) -> PiecewiseLinear:
        """The function whose links come in parts, as `LinkStream` hands them over.

        Parameters
        ----------
        parts : iterable of Links
            In order: every link with the knot at which it ends, the last one without.
        """
        return cls(*Links.joined(parts))

    def to_network(self) -> ReLUNetwork:
        """The network with an affine part that equals this function: a neuron for each knot at which it bends.

        Its parameters are chosen left to right so that each neuron makes good the rounding of those before it.

        Returns
        -------
        ReLUNetwork
        """
        from reluctant.model.assembly import network_of

        return network_of(self.links.bent())

    def __repr__(self) -> str:
        return f"<PiecewiseLinear with {self.n_knots} knots>"


def _as_points(x: ArrayLike) -> Array:
    """Points of shape (N,), from a single column too."""
    x = as_evaluation_points(x, "x")
    if x.ndim == 2 and x.shape[1] == 1:
        return x[:, 0]
    if x.ndim > 1:
        raise ValueError(f"x must have shape (N,) or (N, 1), got {x.shape}")
    return x
