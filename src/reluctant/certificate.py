"""What is known about the optimum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from reluctant.model.container import Entries, Record
from reluctant.text import article, counted

Quantity = Literal["neurons", "parameters", "value", "objective", "loss", "error"]
Kind = Literal["proved", "generic", "none"]


@dataclass(frozen=True)
class Certificate:
    """What is known about the optimum.

    Parameters
    ----------
    quantity : {"neurons", "parameters", "value", "objective", "loss", "error"}
        What the bound is about: active neurons, nonzero hinge parameters, the ℓp path norm, mean loss plus
        α times it, the mean loss alone, or the largest error, in units of the scale where rows have one.
    lower_bound : float
        No network that meets the request, or none of those in `among`, has less; 0 where nothing is known.
    kind : {"proved", "generic", "none"}
        ``proved``: holds for these very data, under the conditions `reason` names.
        ``generic``: holds for almost every label vector, perhaps not for this one.
        ``none``: nothing is claimed.
    reason : str
        One sentence: by which argument, under which conditions.
    rounding : float, default 0
        By how much rounding of the solution in float64 may carry it beyond the bound while it counts as met; `reason`
        says so.
    among : str, optional
        The functions that the bound speaks of, where it does not hold for all that meet the request; every sentence
        about it names them.
    value_name : str, default "ℓp value"
        What the quantity ``value`` is called.

    Notes
    -----
    All three kinds speak of the bound. Whether a solution meets it, so that nothing smaller exists, is
    `Solution.is_optimal`.

    Examples
    --------
    >>> print(Certificate("neurons", 3, "proved", "dynamic programme over all vertices"))
    at least 3 neurons, as is proved: dynamic programme over all vertices
    """

    __module__ = "reluctant"

    quantity: Quantity
    lower_bound: float
    kind: Kind
    reason: str
    rounding: float = 0.0
    among: str = ""
    value_name: str = "ℓp value"

    def __post_init__(self) -> None:
        if self.quantity not in get_args(Quantity):
            names = ", ".join(map(repr, get_args(Quantity)))
            raise ValueError(f"quantity must be one of {names}, got {self.quantity!r}")
        if self.kind not in ("proved", "generic", "none"):
            raise ValueError(f"kind must be 'proved', 'generic' or 'none', got {self.kind!r}")
        if math.isnan(self.lower_bound):
            raise ValueError("lower_bound must be a number, got NaN")

    def __str__(self) -> str:
        if self.kind == "none":
            named = {
                "value": f"the least {self.value_name}",
                "objective": "the least objective",
                "loss": "the least mean loss",
                "error": "the smallest largest error",
            }
            what = named.get(self.quantity, f"the fewest {self.quantity}")
            return f"nothing is claimed about {what}: {self.reason}"
        bound = f"{self.lower_bound:.6g}"
        named = {
            "value": f"{article(self.value_name)} {self.value_name} of at least {bound}",
            "objective": f"an objective of at least {bound}",
            "loss": f"a mean loss of at least {bound}",
            "error": f"a largest error of at least {bound}",
        }
        what = named.get(self.quantity, f"at least {counted(self.lower_bound, self.quantity)}")
        how = "as is proved" if self.kind == "proved" else "for almost all labels"
        return f"{what}, {how}{self.scope}: {self.reason}"

    def to_record(self) -> Record:
        """What a model file holds of it."""
        return vars(self) | {"lower_bound": float(self.lower_bound), "rounding": float(self.rounding)}

    @classmethod
    def of_record(cls, record: Any) -> Self:
        """What `to_record` made.

        Raises
        ------
        ValueError
            If an entry is missing or not what it is to be.
        """
        entries = Entries(record, "certificate")
        quantity, kind = entries.text("quantity"), entries.text("kind")
        certificate = cls(
            quantity,  # type: ignore[arg-type]  # checked by the class itself
            entries.number("lower_bound"),
            kind,  # type: ignore[arg-type]
            entries.text("reason"),
            entries.number("rounding"),
            entries.text("among"),
            entries.text("value_name"),
        )
        entries.end()
        return certificate

    @property
    def scope(self) -> str:
        """Among which functions, as the end of a sentence; empty where the bound holds for all."""
        return f" among {self.among}" if self.among else ""
