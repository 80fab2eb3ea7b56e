"""The ℓp-minimal interpolant on the line as a function of p, certified from p → 0+ to p = 1.

On the line the minimiser of V_p is a maximum-weight matching of the slope jumps of every run of equal curvature,
so it is constant in p up to finitely many breakpoints [NN, Thm 3.2]. They are found by bisection of those stretches
of a run that no bound on the alternating flips settles (ours); the runs are independent of one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reluctant.arrays import Array, Mask
from reluctant.objective import check_p
from reluctant.solution import LineSolution
from reluctant.univariate import _flips, _kernels, _pair_weights
from reluctant.univariate.interpolation import (
    Corners,
    Least,
    beside,
    corners_of,
    solution_of_matching,
)
from reluctant.univariate.points import sorted_points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Indices = NDArray[np.int64]

WIDTH, TIE_RTOL = 1e-10, 1e-10
"""Default width of the brackets of breakpoints, and relative gap below which two slope changes are the same one."""

_WORK_LIMIT = 500.0  # visits of every edge of a run, a few times what random data take


@dataclass(frozen=True, eq=False)
class MatchingPath:
    """Matchings of the jumps as p grows: the first one and the edges that change state in each interval.

    Parameters
    ----------
    first : ndarray of bool, shape (n,)
        The p → 0+ matching: jumps j and j + 1 share a knot where first[j].
    intervals : ndarray, shape (E, 2)
        Ordered by their upper ends. Outside all of them the matching is certified optimal.
    resolved : ndarray of bool, shape (E,)
        The interval is a bracket of the asked width in which the matching changes. The others are wider, or may hide
        changes that undo each other.
    starts, edges : ndarray of int, shapes (E + 1,) and (starts[-1],)
        Edges edges[starts[i] : starts[i + 1]] change state in interval i.
    """

    first: Mask
    intervals: Array
    resolved: Mask
    starts: Indices
    edges: Indices

    def matching(self, p: float) -> Mask:
        """The matching at p, (n,); in an interval the one before it."""
        known = int(np.searchsorted(self.intervals[:, 1], p, side="right"))
        odd = np.bincount(self.edges[: self.starts[known]], minlength=len(self.first)) % 2 == 1
        return self.first ^ odd

    @cached_property
    def extra_knots(self) -> Indices:
        """Knots gained (+) or lost (−) in each interval, (E,)."""
        order = np.argsort(self.edges, kind="stable")
        ranked = self.edges[order]
        earlier_changes = np.empty_like(order)
        earlier_changes[order] = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
        was_pair = self.first[self.edges] ^ (earlier_changes % 2 == 1)
        gained = np.concatenate([[0], np.cumsum(np.where(was_pair, 1, -1))])
        return np.diff(gained[self.starts])


def path_of_runs(
    jumps: Array, run_starts: Indices, *, width: float = WIDTH, tie_rtol: float = TIE_RTOL
) -> MatchingPath:
    """Follow the optimal matching of every run from p → 0+ to p = 1.

    Parameters
    ----------
    jumps : ndarray, shape (n,)
        Slope jumps g > 0 of all runs, one run after the other. A run of a single jump may hold any number.
    run_starts : ndarray of int, shape (R + 1,)
        Run r is jumps[run_starts[r] : run_starts[r + 1]].
    width : float
        Largest width of the bracket of a breakpoint.
    tie_rtol : float
        Slope changes closer than this, relatively, count as equal. Among matchings that have the same slope changes
        the one with the leftmost pairs is returned.

    Returns
    -------
    MatchingPath

    Examples
    --------
    >>> import numpy as np
    >>> g = np.array([0.007326, 1.134, 6.483, 4.628, 2.533, 0.1031, 1.21, 0.7615])
    >>> path = path_of_runs(g, np.array([0, 8]))
    >>> path.intervals.mean(axis=1).round(6)
    array([0.26246 , 0.947189])
    >>> path.extra_knots
    array([ 1, -1])
    """
    log_jumps, edges = _pair_weights.edge_logs(jumps, run_starts)
    prints = _pair_weights.fingerprints(log_jumps, edges, run_starts, tie_rtol)
    first, events, changes = _flips.trace_runs(run_starts, 0.5 * width, _WORK_LIMIT, edges, prints)
    starts, ends, parents = (np.array(column) for column in events)
    toggled, toggled_by = (np.array(column, dtype=np.int64) for column in changes)
    roots = np.flatnonzero(parents == np.arange(len(parents)))
    root_of = _roots_of(parents.astype(np.int64))
    intervals = np.column_stack([starts[roots], ends[roots]])
    return _ordered_path(first, intervals, np.searchsorted(roots, root_of[toggled_by]), toggled, width)


def _roots_of(parents: Indices) -> Indices:
    """Follow parents, which never come later than their children, to the roots."""
    roots = parents.copy()
    while not np.array_equal(roots, roots[roots]):
        roots = roots[roots]
    return roots


def _ordered_path(first: Mask, intervals: Array, toggled_in: Indices, toggled: Indices, width: float) -> MatchingPath:
    """Order the intervals by p; those that touch become one, narrow ones and wide ones apart."""
    wide = np.diff(intervals)[:, 0] > width
    order = np.lexsort((intervals[:, 0], wide))
    apart = intervals[order] + 2.0 * wide[order, None]
    begins = apart[1:, 0] > np.maximum.accumulate(apart[:, 1])[:-1]
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.concatenate([[0], np.cumsum(begins)])[: len(order)]
    n_groups = int(group.max(initial=-1)) + 1
    unions = np.column_stack([np.full(n_groups, np.inf), np.zeros(n_groups)])
    np.minimum.at(unions[:, 0], group, intervals[:, 0])
    np.maximum.at(unions[:, 1], group, intervals[:, 1])

    by_end = np.argsort(unions[:, 1], kind="stable")
    rank = np.empty_like(by_end)
    rank[by_end] = np.arange(n_groups)
    changes, times = np.unique(np.stack([rank[group[toggled_in]], toggled]), axis=1, return_counts=True)
    changes = changes[:, times % 2 == 1]
    unions = unions[by_end]
    starts = np.searchsorted(changes[0], np.arange(n_groups + 1))
    resolved = (unions[:, 1] - unions[:, 0] <= width) & (np.diff(starts) > 0)
    return MatchingPath(first, unions, resolved, starts, changes[1])


class PPath:
    """The sparsest interpolants of one table for every p, as `p_path` returns them.

    Attributes
    ----------
    breakpoints : ndarray, shape (B,)
        The p at which the solution changes, to half the width of their brackets.
    brackets : ndarray, shape (B, 2)
        Certified: the solution is one function up to each lower end and another from each upper end.
    unresolved : ndarray, shape (U, 2)
        Intervals of p in which float64 arithmetic cannot tell, or not in the time allowed, which solution is best, or
        whether one takes over for a moment. Usually empty.
    critical_p : float
        The largest q such that every p < q gives the fewest knots; 1.0 if that never ends.
    critical_bracket : tuple of float
        Certified bounds of it; wider than the asked width only if something is unresolved below it.
    """

    __module__ = "reluctant"

    def __init__(self, x: Array, y: Array, corners: Corners, path: MatchingPath, other: Corners | None = None) -> None:
        self._x, self._y, self._corners, self._path, self._other = x, y, corners, path, other
        self.brackets = path.intervals[path.resolved]
        self.breakpoints = self.brackets.mean(axis=1)
        self.unresolved = _union(path.intervals[~path.resolved])
        self.critical_p, self.critical_bracket = _critical(path)

    def n_knots(self, p: float) -> int:
        """Number of knots, hence of neurons, of the solution at p."""
        jumps, pairs = self._corners.jumps, self._matching(check_p(p))
        return int(np.count_nonzero(jumps)) - int(np.count_nonzero(pairs))

    def solution(self, p: float) -> LineSolution:
        """The solution at p, with the ℓp path norm at that p as its value.

        Parameters
        ----------
        p : float
            In [0, 1]; 0 and 1 give the p → 0+ solution, as in `reluctant.interpolate`.

        Returns
        -------
        LineSolution

        Raises
        ------
        ValueError
            If p is not in [0, 1].
        """
        p = check_p(p)
        solution = solution_of_matching(self._x, self._y, self._corners, self._matching(p), p)
        if self._other is None:
            return solution
        return beside(solution, self._other.words, Least.of(self._other, p))

    def plot(self, *, ax: Any = None) -> Figure:
        """Draw the path with `reluctant.report.plot_p_path`, on `ax` or in a new figure; needs matplotlib."""
        from reluctant.report.networks import plot_p_path

        return plot_p_path(self, ax=ax)

    def _matching(self, p: float) -> Mask:
        if p in (0.0, 1.0):
            return self._path.first
        low, high = self._path.intervals.T
        if np.any((low < p) & (p < high)):
            return _kernels.match_runs(self._corners.jumps, self._corners.solid, p)
        return self._path.matching(p)

    def __repr__(self) -> str:
        return (
            f"<PPath {len(self.breakpoints)} breakpoints, {len(self.unresolved)} unresolved, "
            f"critical_p={self.critical_p:.6g}>"
        )


def _union(intervals: Array) -> Array:
    """The intervals in order, those that touch or overlap joined."""
    intervals = intervals[np.argsort(intervals[:, 0])]
    ends = np.maximum.accumulate(intervals[:, 1])
    gap = intervals[1:, 0] > ends[:-1]
    first = np.concatenate([[True], gap])[: len(intervals)]
    last = np.concatenate([gap, [True]])[: len(intervals)]
    return np.column_stack([intervals[first, 0], ends[last]])


def _critical(path: MatchingPath) -> tuple[float, tuple[float, float]]:
    """p* and its bracket: the first interval that costs a knot; before the first no run can win one."""
    losing = np.flatnonzero(path.extra_knots > 0)
    low, high = path.intervals[losing[0]] if len(losing) else (1.0, 1.0)
    doubtful = path.intervals[~path.resolved, 0]
    return float((low + high) / 2), (float(min(low, doubtful.min(initial=1.0))), float(high))


def path_on_line(x: Array, y: Array, width: float, rtol: float, tie_rtol: float = TIE_RTOL) -> PPath:
    """The path of checked data (N,), (N,); see `reluctant.p_path`."""
    x, y = sorted_points(x, y)
    corners, other = _deciding_corners(x, y, rtol)
    path = path_of_runs(np.abs(corners.jumps), _run_starts(corners), width=width, tie_rtol=tie_rtol)
    return PPath(x, y, corners, path, other)


def _deciding_corners(x: Array, y: Array, rtol: float) -> tuple[Corners, Corners | None]:
    """The corners whose sparsest interpolant has the fewest knots, those with links drawn straight if they tie.

    And the others, where there are others.
    """
    drawn = corners_of(x, y, rtol)
    if not len(drawn.solid) or not drawn.jumps.any():
        return drawn, None
    exact = drawn.of_every_point(x, y)
    return (
        (drawn, exact)
        if drawn.fewest or Least.of(drawn, 0.0).n_knots <= Least.of(exact, 0.0).n_knots
        else (exact, drawn)
    )


def _run_starts(corners: Corners) -> Indices:
    """Where runs of equal curvature begin, and their end; a zero jump stands alone."""
    sign = np.sign(corners.jumps)
    cuts = (sign[1:] != sign[:-1]) | (sign[1:] == 0)
    if len(corners.solid):
        cuts |= corners.solid
    return np.concatenate([[0], np.flatnonzero(cuts) + 1, [len(sign)]])
