"""What is to be small, when it is small enough, and which of two networks is sparser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar, get_args

from reluctant.validation import check_integer

Count = Literal["parameters", "neurons"]


class Sized(Protocol):
    """A network, or the state of one in a search."""

    @property
    def n_parameters(self) -> int:
        """Nonzero hinge parameters."""

    @property
    def n_neurons(self) -> int:
        """Active neurons."""

    def path_norm(self, p: float) -> float:
        """ℓp path norm."""


S = TypeVar("S", bound=Sized)


@dataclass(frozen=True)
class Aim:
    """The order of "sparser": the count asked for, then parameters, then the ℓp path norm.

    Parameters
    ----------
    minimize : {"parameters", "neurons"}
        What is counted.
    target : int, optional
        Count at which a search may stop.
    p : float
        Among equally sparse networks the smaller ℓp path norm wins.

    Examples
    --------
    >>> from reluctant import ReLUNetwork
    >>> two, one = ReLUNetwork([[1.0], [1.0]], [0.0, 1.0], [1.0, 1.0]), ReLUNetwork([[1.0]], [0.5], [2.0])
    >>> aim = Aim("neurons", target=1)
    >>> aim.better(two, one) is one, aim.reached(one), aim.reached(two)
    (True, True, False)
    """

    minimize: Count = "parameters"
    target: int | None = None
    p: float = 0.5

    @classmethod
    def checked(cls, minimize: Any, target: Any) -> Aim:
        """Check the arguments of a verb.

        Raises
        ------
        ValueError
            If one is out of range; the message names it.
        """
        if str(minimize) not in get_args(Count):  # a missing value has no truth value
            raise ValueError(f"minimize must be 'parameters' or 'neurons', got {minimize!r}")
        return cls(minimize, None if target is None else check_integer(target, "target", low=0))

    def at(self, target: int | None) -> Aim:
        """The same order with another target."""
        return replace(self, target=target)

    def count(self, network: Sized) -> int:
        """Parameters or neurons."""
        return network.n_parameters if self.minimize == "parameters" else network.n_neurons

    def key(self, network: Sized) -> tuple[float, ...]:
        """What is compared, most important first."""
        return self.count(network), network.n_parameters, network.path_norm(self.p)

    def reached(self, network: Sized | None) -> bool:
        """Whether a network has no more than the target."""
        return network is not None and self.target is not None and self.count(network) <= self.target

    def improves(self, network: Sized, best: Sized | None) -> bool:
        """Whether a network is sparser than the best so far."""
        return best is None or self.key(network) < self.key(best)

    def better(self, best: S, other: S | None) -> S:
        """The sparser of both, the first where they are equal."""
        return best if other is None or not self.improves(other, best) else other
