"""The fewest links for a function on an interval, from both sides.

What the samples of f need, f needs: a lower bound. A fit is linear between neighbours among the samples and its own
knots, so between two of them its error is at most the larger of the two errors there and (v − u)² max|f''| / 8: an
upper bound of its error everywhere. Where the fit at the samples, made for what that remainder leaves of the tolerance,
needs more links than the samples do, there is a finer set of samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reluctant.arrays import Array
from reluctant.effort import Clock, never
from reluctant.model.piecewise_linear import PiecewiseLinear
from reluctant.solution import Certificate, Solution, counted
from reluctant.univariate.tolerance import approximate_line

EVALUATION = 2.0**-50
"""By how much computed values are taken to be off: those of f relative to max|f|, those of a fit to max|f| + ε."""
MOST_SAMPLES = 1 << 22
_FIRST_SAMPLES = 257
_FIRST_SHARE = 2.0**-6
"""Share of the tolerance that the remainder between two samples may have in the first round; then a quarter of it."""
_FINEST_SHARE = 2.0**-40
_SLACK = 1e-9
_ATTEMPTS = 40
_SEEN_SAMPLES = (1 << 16) + 1
"""Evenly spaced samples where nothing bounds f''."""


@dataclass(frozen=True)
class Target:
    """A function on an interval and how closely it is to be followed.

    An estimator from below is within ε of f exactly if it is within ε/2 of f − ε/2: one problem serves all sides.
    """

    f: Callable[[Array], Array]
    low: float
    high: float
    tolerance: float
    shift: float = 0.0  # of f, in units of the tolerance: −1/2 from below, 1/2 from above

    @property
    def half_width(self) -> float:
        """Half the width of the band."""
        return self.tolerance * (1.0 - abs(self.shift))

    def middle(self, x: Array) -> Array:
        """The middle of the band at x."""
        return self.f(x) + self.shift * self.tolerance


@dataclass(frozen=True)
class Samples:
    """Increasing x from one end of the interval to the other, f there, and a bound of |f''| between neighbours."""

    x: Array
    y: Array
    curvature: Array

    @property
    def remainder(self) -> Array:
        """h² max|f''| / 8, by which a chord may miss f between two samples."""
        return remainder_of(np.diff(self.x), self.curvature)

    @property
    def rounding(self) -> float:
        """By how much computed values of f may be off."""
        return EVALUATION * float(np.abs(self.y).max())


def remainder_of(length: Array, curvature: Array) -> Array:
    """h² max|f''| / 8, multiplied so that no square of a length vanishes."""
    with np.errstate(over="ignore"):
        return length * (length * curvature) / 8


def approximate_interval(target: Target, curvature: Callable[[Array, Array], Array] | None, clock: Clock) -> Solution:
    """Fewest links within a band about a function; see `reluctant.approximate_function`."""
    if curvature is None:
        return _as_seen(target, clock)
    grid = np.linspace(target.low, target.high, _FIRST_SAMPLES)
    grid = grid[np.concatenate([[True], np.diff(grid) > 0])]
    samples = Samples(grid, target.f(grid), curvature(grid[:-1], grid[1:]))
    share, fewest = _FIRST_SHARE, 0
    best: tuple[PiecewiseLinear, float] | None = None
    ending = ""
    while True:
        stop = never if best is None else clock.expired
        samples = refined(samples, target, curvature, share * target.half_width, stop)
        check_curvature(samples)
        if not stop():
            fewest = max(fewest, fewest_knots(samples, target))
        found = fit_within(samples, target, stop)
        if found is not None and (best is None or found[0].n_knots < best[0].n_knots):
            best = found
        share /= 4
        if best is not None and (best[0].n_knots <= fewest or clock.expired()):
            ending = "" if best[0].n_knots <= fewest else clock.in_words()
            break
        if share < _FINEST_SHARE or 2 * len(samples.x) > MOST_SAMPLES:
            ending = "; with more samples rounding or memory would decide"
            break
    if best is None:
        raise ValueError(
            f"no table within tolerance = {target.tolerance:g} could be proved with {len(samples.x):,} samples; give "
            "a larger tolerance, a tighter curvature or a shorter interval"
        )
    reason = (
        f"sweep over {len(samples.x):,} samples, and the error between them and the knots of the function bounded "
        f"by h² max|f''| / 8, for a bound of f'' as given and values of f within 2^-50 max|f|{ending}"
    )
    return _solution(*best, Certificate("neurons", fewest, "proved", reason))


def fewest_knots(samples: Samples, target: Target) -> int:
    """Knots without which no function is within the band at the samples."""
    y = samples.y + target.shift * target.tolerance
    half_width = np.full(len(y), target.half_width + 2 * _allowance(samples, target))
    return int(approximate_line(samples.x, y, half_width, _SLACK, 0.0).certificate.lower_bound)


def fit_within(
    samples: Samples, target: Target, stop: Callable[[], bool] = never
) -> tuple[PiecewiseLinear, float] | None:
    """A function within the band on the whole interval and a bound of its error, or None if rounding or time forbid it.

    The fit leaves room at the samples for the remainder between them. Where it leaves the band at a knot, it is made
    again with that much less.
    """
    remainder = samples.remainder
    room = np.maximum(np.append(remainder, 0.0), np.append(0.0, remainder)) + 2 * _allowance(samples, target)
    y, margin = samples.y + target.shift * target.tolerance, 0.0
    for _ in range(_ATTEMPTS):
        if stop():
            return None
        half_width = target.half_width - room - margin
        if half_width.min() <= 0:
            return None
        function = approximate_line(samples.x, y, half_width / (1.0 + _SLACK), _SLACK, 0.0).function
        from_middle, from_f = largest_errors(function, samples, target)
        if from_middle <= target.half_width:
            return function, from_f
        margin = max(2.0 * margin, 1.0625 * (from_middle - target.half_width))
    return None


def largest_errors(function: PiecewiseLinear, samples: Samples, target: Target) -> tuple[float, float]:
    """Upper bounds of the distances from the middle of the band and from f, on the whole interval."""
    knots = function.knots[(function.knots > target.low) & (function.knots < target.high)]
    where = np.concatenate([samples.x, knots])
    order = np.argsort(where, kind="stable")
    z, fz = where[order], np.concatenate([samples.y, target.f(knots)])[order]
    home = np.minimum(np.searchsorted(samples.x, z[:-1], side="right") - 1, len(samples.curvature) - 1)
    remainder = remainder_of(np.diff(z), samples.curvature[home])
    # The line of each piece at both of its ends: links meet at a knot up to rounding only.
    link = np.searchsorted(function.knots, z[:-1], side="right")
    X, Y, M = function.anchors[0, link], function.anchors[1, link], function.slopes[link]
    left, right = Y + M * (z[:-1] - X) - fz[:-1], Y + M * (z[1:] - X) - fz[1:]
    shift = target.shift * target.tolerance

    def largest(centre: float) -> float:
        ends = np.maximum(np.abs(left - centre), np.abs(right - centre))
        return float(np.max(ends + remainder)) * (1.0 + 2.0**-50) + _allowance(samples, target)

    return largest(shift), largest(0.0)


def refined(
    samples: Samples,
    target: Target,
    curvature: Callable[[Array, Array], Array],
    remainder: float,
    stop: Callable[[], bool] = never,
) -> Samples:
    """Samples between which no chord misses f by more than `remainder`, by halving, as far as `stop` lets it.

    And as far as floats and memory go.
    """
    while True:
        if stop():
            return samples
        left, right = samples.x[:-1], samples.x[1:]
        middle = left + 0.5 * (right - left)
        split = (samples.remainder > remainder) & (middle > left) & (middle < right)
        if not split.any() or len(samples.x) + np.count_nonzero(split) > MOST_SAMPLES:
            return samples
        new, at = middle[split], np.flatnonzero(split)
        halves = curvature(left[split], new), curvature(new, right[split])
        bounds = samples.curvature.copy()
        bounds[split] = halves[0]
        samples = Samples(
            np.insert(samples.x, at + 1, new),
            np.insert(samples.y, at + 1, target.f(new)),
            np.insert(bounds, at + 1, halves[1]),
        )


def check_curvature(samples: Samples) -> None:
    """Raise a ValueError if three samples show that f'' is larger somewhere between them than its bound."""
    x, y = samples.x, samples.y
    before, after = x[1:-1] - x[:-2], x[2:] - x[1:-1]
    chord = y[:-2] + (y[2:] - y[:-2]) * (before / (before + after))
    bound = np.maximum(samples.curvature[:-1], samples.curvature[1:])
    with np.errstate(over="ignore"):
        allowed = bound * before * after / 2 * (1.0 + 2.0**-40)
    excess = np.abs(y[1:-1] - chord) - allowed - 8 * samples.rounding
    if excess.size and excess.max() > 0:
        i = int(np.argmax(excess))
        least = 2 * (abs(y[i + 1] - chord[i]) - 8 * samples.rounding) / before[i] / after[i]
        raise ValueError(
            f"curvature is at most {bound[i]:g} between x = {x[i]!s} and x = {x[i + 2]!s}, but |f''| reaches "
            f"{least:g} there; give a bound of |f''|"
        )


def _as_seen(target: Target, clock: Clock) -> Solution:
    """The fit at evenly spaced samples whose error at these and at its knots is within the tolerance."""
    x = np.linspace(target.low, target.high, _SEEN_SAMPLES)
    x = x[np.concatenate([[True], np.diff(x) > 0])]
    samples = Samples(x, target.f(x), np.zeros(len(x) - 1))
    fewest = fewest_knots(samples, target)
    found = fit_within(samples, target)
    if found is None:
        raise ValueError(
            f"no table within tolerance = {target.tolerance:g} was found over {len(x):,} samples; give a larger "
            "tolerance or a shorter interval"
        )
    reason = (
        f"nothing bounds f between the {len(x):,} samples, which need {counted(fewest, 'neurons')}; the largest error "
        f"seen at them and at the knots is {found[1]:.6g}; for a proof give curvature, a bound of |f''|"
    )
    return _solution(*found, Certificate("neurons", 0, "none", reason))


def _solution(function: PiecewiseLinear, max_error: float, certificate: Certificate) -> Solution:
    return Solution(
        p=None, value=float(function.n_knots), max_error=max_error, certificate=certificate, function=function
    )


def _allowance(samples: Samples, target: Target) -> float:
    """For rounding in the values of f and in those of the fit together."""
    return 2 * EVALUATION * (float(np.abs(samples.y).max()) + target.tolerance)
