"""The path of error against size: networks of every size for noisy data, from big to small."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index
from reluctant.effort import Effort
from reluctant.model.network import ReLUNetwork
from reluctant.regression.losses import Loss, as_loss, mean_loss
from reluctant.regression.path import Plan, stages_of
from reluctant.regression.standardise import Standardisation
from reluctant.regression.surgeon import Stage
from reluctant.regression.targets import as_targets
from reluctant.validation import check_integer, check_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class SizePath:
    """Networks of falling size and their training loss.

    Attributes
    ----------
    sizes : ndarray, shape (n,)
        Nonzero hinge and affine parameters of each network, strictly falling.
    networks : tuple of ReLUNetwork
        In the units of the data.
    training_loss : ndarray, shape (n,)
        Mean loss of each, in the units of the data.
    ridge : float
        The ridge it was computed with.

    Examples
    --------
    >>> import numpy as np
    >>> from reluctant import size_path
    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> path = size_path(x, np.abs(x[:, 0]), random_state=0)
    >>> len(path) == len(path.sizes) == len(path.networks)
    True
    >>> path.within(4).size <= 4
    True
    """

    __module__ = "reluctant"

    sizes: Index
    networks: tuple[ReLUNetwork, ...]
    training_loss: Array
    ridge: float

    def __len__(self) -> int:
        return len(self.networks)

    def __iter__(self) -> Iterator[ReLUNetwork]:
        return iter(self.networks)

    def within(self, size: int) -> ReLUNetwork:
        """The largest network of at most `size` parameters.

        Raises
        ------
        ValueError
            If the smallest network is larger, or `size` is not a whole number.
        """
        size = check_integer(size, "size", low=0)
        fitting = np.flatnonzero(self.sizes <= size)
        if fitting.size == 0:
            raise ValueError(f"the smallest network of this path has {self.sizes[-1]} parameters, more than {size}")
        return self.networks[int(fitting[0])]

    def plot(self, *, ax: Any = None) -> Figure:
        """Draw the path with `reluctant.report.plot_path`, on `ax` or in a new figure; needs matplotlib."""
        from reluctant.report.networks import plot_path

        return plot_path(self, ax=ax)

    def losses(self, X: ArrayLike, y: ArrayLike, loss: str | Loss = "squared") -> Array:
        """Mean loss of every network on other data."""
        loss = as_loss(loss)
        X, y = check_table(X, y)
        targets = as_targets(y, loss, self.networks[0].n_outputs)
        return np.array([mean_loss(network, X, targets, loss) for network in self.networks])


def path_of_sizes(
    X: Array,
    targets: Array,
    weights: Array,
    loss: Loss,
    plan: Plan,
    start: ReLUNetwork | None,
    effort: Effort,
) -> SizePath:
    """The path of checked rows: in standardised units, without rows of weight zero, and back."""
    kept = weights > 0.0
    X, targets, weights = X[kept], targets[kept], weights[kept]
    units = Standardisation.of(X, targets, weights, loss.of_residuals, plan.affine, loss.link)
    with effort.clock().listening() as clock:
        stages = stages_of(
            units.rows(X, targets, weights),
            loss.scaled(units.y_scale),
            plan,
            effort.rng(),
            clock,
            start=None if start is None else units.model(start),
            report=_print_stage if effort.verbose else None,
        )
    networks = tuple(units.network(stage.model) for stage in stages)
    return SizePath(
        sizes=np.array([network.size for network in networks]),
        networks=networks,
        training_loss=_training_losses(networks, stages, X, targets, weights, loss, units),
        ridge=plan.shrinkage.ridge,
    )


def _training_losses(
    networks: tuple[ReLUNetwork, ...],
    stages: list[Stage],
    X: Array,
    targets: Array,
    weights: Array,
    loss: Loss,
    units: Standardisation,
) -> Array:
    """Mean losses in the user's units, of one output those of the stages in units of the loss."""
    if targets.shape[1] > 1:
        return np.array([mean_loss(network, X, targets, loss, weights) for network in networks])
    unit = float(units.y_scale[0]) ** loss.degree / weights.sum()
    return np.array([unit * stage.loss for stage in stages])


def _print_stage(size: int, objective: float) -> None:
    print(f"{size:6} parameters, objective {objective:.6g}", file=sys.stderr)
