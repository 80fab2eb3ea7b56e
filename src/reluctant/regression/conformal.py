"""Intervals about predictions from rows that the network has not seen: split conformal, a tail on each side."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from reluctant.arrays import Array
from reluctant.model.container import Entries, Record
from reluctant.validation import check_level

MOST_ROWS = 10_000
"""So many rows calibrate at most: the coverage of a level of 0.9 then deviates by 0.003, and a file stays small."""


class Margins(NamedTuple):
    """Least and greatest score (m,) of an interval, and the power of the mean by which scores are multiplied."""

    low: Array
    high: Array
    power: float

    def about(self, mean: Array) -> Array:
        """The intervals (N, m, 2) about predictions (N, m); those about means go down to 0 at most."""
        spread = _spread(mean, self.power)
        ends = np.stack([mean + self.low * spread, mean + self.high * spread], axis=-1)
        return np.maximum(ends, 0.0) if self.power else ends


@dataclass(frozen=True, eq=False)
class Calibration:
    """What rows that the network has not seen say about its errors.

    Attributes
    ----------
    scores : ndarray, shape (n, m)
        (y − predicted) / predicted^power of these rows, each column sorted.
    power : float
        0 without a link. With a log link a deviance of degree k belongs to a variance of mean^(2 − k), so that it is
        1 − k / 2: ½ for counts, 1 for amounts.
    draw : float
        A random number in (0, 1), which says which of two neighbouring scores an end is where its rank is no integer.
    """

    scores: Array
    power: float
    draw: float

    @classmethod
    def of(cls, targets: Array, predicted: Array, power: float, seed: int = 0) -> Calibration:
        """From targets and predictions (n, m); of more than `MOST_ROWS` rows evenly spaced ones.

        The draw hangs on the seed and on the scores: equal rows have equal intervals, and others their own draw.
        """
        step = -(-len(targets) // MOST_ROWS)
        targets, predicted = targets[::step], predicted[::step]
        scores = np.sort((targets - predicted) / _spread(predicted, power), axis=0)
        draws = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(scores).tobytes())])
        return cls(scores, power, float(draws.uniform(np.finfo(float).tiny, 1.0)))

    @property
    def n_rows(self) -> int:
        """Rows that calibrate."""
        return len(self.scores)

    def margins(self, level: float) -> Margins:
        """The scores between which a new row lies with a probability of at least `level`, in each output.

        Of n rows these are the k-th from below and the k-th from above, with k = (n + 1)(1 − level) / 2. If the rows
        and the new one are exchangeable, the rank of the new score among them all is uniform, so that it lies beyond
        either end with a probability of k / (n + 1) = (1 − level) / 2, of less where scores are equal [V, R]. Where k
        is no integer, the end below is that of rank ⌊k + u⌋ and the one above that of ⌈k − u⌉ for a random u in (0, 1),
        the `draw`: each rank is k in the mean, so that the coverage, a mean over calibrations, draws and new rows, is
        `level` for distinct scores and else more. For a given draw it is more than level − 1 / (n + 1), because both
        ranks together are at most ⌈2 k⌉.

        Raises
        ------
        ValueError
            If `level` is not between 0 and 1, or so few rows say nothing about it.

        References
        ----------
        [V] Vovk, Gammerman and Shafer, Algorithmic learning in a random world, 2005, proposition 4.1, and their
        smoothed predictors for the draw; [R] Romano, Patterson and Candès, Conformalized quantile regression, NeurIPS
        2019, theorem 2, whose two tails these are.

        Examples
        --------
        >>> rows = Calibration(np.arange(-10.0, 9.0)[:, None], 0.0, 0.5)
        >>> rows.margins(0.9)[:2], rows.n_rows
        ((array([-10.]), array([8.])), 19)
        """
        level = check_level(level, "level")
        tail = (1 - Fraction(repr(level))) / 2  # of the level as it is written: 0.9 is nine tenths
        k = (self.n_rows + 1) * tail
        if k < 1:
            least = -int(-1 // tail) - 1
            raise ValueError(
                f"level = {level:g} needs at least {least} rows that fit has not seen, and {self.n_rows} were kept "
                "back; ask for less, or call conformalize with more rows"
            )
        draw = Fraction(self.draw)
        below, above = math.floor(k + draw), math.ceil(k - draw)
        return Margins(self.scores[below - 1], self.scores[self.n_rows - above], self.power)

    def to_record(self) -> Record:
        """What a model file holds."""
        return {"scores": self.scores, "power": self.power, "draw": self.draw}

    @classmethod
    def of_record(cls, record: Any, n_outputs: int) -> Calibration:
        """What `to_record` made.

        Raises
        ------
        ValueError
            If it is no calibration.
        """
        entries = Entries(record, "calibration")
        scores, power, draw = entries.array("scores"), entries.number("power"), entries.number("draw")
        entries.end()
        sound = scores.ndim == 2 and scores.shape[1] == n_outputs and len(scores) and np.isfinite(scores).all()
        if not (sound and (np.diff(scores, axis=0) >= 0.0).all() and 0.0 <= power <= 1.0 and 0.0 < draw < 1.0):
            raise ValueError("does not hold a valid model: its calibration is no sorted table of scores")
        return cls(scores, power, draw)


def _spread(mean: Array, power: float) -> Array:
    """What a score of 1 stands for; a mean that is no float but 0 counts as the least there is."""
    return np.maximum(mean, np.finfo(np.float64).tiny) ** power if power else np.ones_like(mean)
