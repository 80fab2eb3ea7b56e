"""What a solver returns: a network, and what is known about the optimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array
from reluctant.model.network import ReLUNetwork

if TYPE_CHECKING:
    from reluctant.model.piecewise_linear import PiecewiseLinear

Quantity = Literal["neurons", "parameters", "value", "objective"]
Kind = Literal["proved", "generic", "none"]


@dataclass(frozen=True)
class Certificate:
    """What is known about the optimum.

    Parameters
    ----------
    quantity : {"neurons", "parameters", "value", "objective"}
        What the bound is about: active neurons, nonzero hinge parameters, the ℓp path norm, or mean loss plus
        α times it.
    lower_bound : float
        No network that meets the request has less; 0 where nothing is known.
    kind : {"proved", "generic", "none"}
        ``proved``: holds for these very data, under the conditions `reason` names.
        ``generic``: holds for almost every label vector, perhaps not for this one.
        ``none``: nothing is claimed.
    reason : str
        One sentence: by which argument, under which conditions.

    Examples
    --------
    >>> print(Certificate("neurons", 3, "proved", "dynamic programme over all vertices"))
    at least 3 neurons (proved: dynamic programme over all vertices)
    """

    quantity: Quantity
    lower_bound: float
    kind: Kind
    reason: str

    def __post_init__(self) -> None:
        if self.quantity not in get_args(Quantity):
            raise ValueError(f"quantity must be 'neurons', 'parameters', 'value' or 'objective', got {self.quantity!r}")
        if self.kind not in ("proved", "generic", "none"):
            raise ValueError(f"kind must be 'proved', 'generic' or 'none', got {self.kind!r}")
        if math.isnan(self.lower_bound):
            raise ValueError("lower_bound must be a number, got NaN")

    def __str__(self) -> str:
        if self.kind == "none":
            named = {"value": "the least ℓp value", "objective": "the least objective"}
            what = named.get(self.quantity, f"the fewest {self.quantity}")
            return f"nothing is claimed about {what} ({self.reason})"
        bound = f"{self.lower_bound:.6g}"
        named = {"value": f"an ℓp value of at least {bound}", "objective": f"an objective of at least {bound}"}
        what = named.get(self.quantity, f"at least {bound} {self.quantity}")
        return f"{what} ({self.kind}: {self.reason})"


class Solution:
    """A network that meets a request, its figures, and a certificate.

    Parameters
    ----------
    network : ReLUNetwork, optional
        The network; left out on the line, where `function` holds the solution and the network is built from
        it on first access.
    p : float or None
        Exponent of the objective; None where the request had none (`approximate`).
    value : float
        ℓp path norm Σ_k ‖v_k w_k‖_p^p of the solution. For p = 0 the number of neurons on the line, of parameters in
        R^d, and with several outputs of paths Σ_k ‖v_k‖_0 ‖w_k‖_0.
    max_error : float
        max_i |f(x_i) − y_i| as `predict` computes it, in the units of y, over the rows that count.
    certificate : Certificate
        What is known about the optimum.
    history : sequence, optional
        One record for every improvement of a search; empty for the direct solvers.
    function : PiecewiseLinear, optional
        The solution on the line as a link-local table.
    max_error_between : float, optional
        On the line: the largest distance of f from the polyline through the rows that count, on their range. It is
        attained at a row or at a knot. Where one x has several y it is the larger distance from the polylines through
        the least and through the largest of them. None else.
    alpha, mean_loss : float, optional
        Weight of the path norm and mean loss of the solution, where both were minimised together (`regress`).

    Attributes
    ----------
    n_neurons, n_parameters : int
        Active neurons; nonzero hinge parameters (the affine part does not count).
    max_weight : float
        Largest |v_k w_k| of the network, biases included; several outputs count with their largest |v_k|.
    """

    def __init__(
        self,
        *,
        network: ReLUNetwork | None = None,
        p: float | None,
        value: float,
        max_error: float,
        certificate: Certificate,
        history: Sequence[Any] = (),
        function: PiecewiseLinear | None = None,
        max_error_between: float | None = None,
        alpha: float | None = None,
        mean_loss: float | None = None,
    ) -> None:
        if network is None and function is None:
            raise ValueError("a Solution needs a network or a function")
        self.p = p
        self.value = value
        self.max_error = max_error
        self.certificate = certificate
        self.history = tuple(history)
        self.function = function
        self.max_error_between = max_error_between
        self.alpha = alpha
        self.mean_loss = mean_loss
        if network is not None:
            self.__dict__["network"] = network

    def replace(self, **changes: Any) -> Self:
        """Return the same solution with some of the constructor's arguments changed."""
        names = (
            *("p", "value", "max_error", "certificate", "history"),
            *("function", "max_error_between", "alpha", "mean_loss"),
        )
        fields: dict[str, Any] = {name: getattr(self, name) for name in names}
        return type(self)(**(fields | {"network": self.__dict__.get("network")} | changes))

    @property
    def objective(self) -> float | None:
        """Mean loss + alpha · value, the number that `regress` minimises; None where there was no such objective."""
        return None if self.alpha is None or self.mean_loss is None else self.mean_loss + self.alpha * self.value

    @cached_property
    def network(self) -> ReLUNetwork:
        """The solution as a network; on the line it is built on first access."""
        assert self.function is not None
        return self.function.to_network()

    @property
    def n_neurons(self) -> int:
        """Number of active neurons."""
        if "network" not in self.__dict__ and self.function is not None:
            return self.function.n_knots
        return self.network.n_neurons

    @property
    def n_parameters(self) -> int:
        """Number of nonzero hinge parameters."""
        return self.network.n_parameters

    @property
    def max_weight(self) -> float:
        """Largest |v_k w_k| of the network, biases included."""
        U, V, _ = self.network.hinges
        return float(np.max(np.abs(U).max(axis=1) * np.abs(V).max(axis=1), initial=0.0))

    def hinge_distance(self, X: ArrayLike) -> float:
        """Smallest Euclidean distance of a row of X (N, d) to a hinge w_k · x + b_k = 0; infinite without hinges."""
        f = self.network
        X = np.asarray(X, dtype=np.float64).reshape(-1, f.n_inputs)
        norms = np.linalg.norm(f.input_weights, axis=1)
        kinked = norms > 0
        heights = np.abs(X @ f.input_weights[kinked].T + f.biases[kinked]) / norms[kinked]
        return float(np.min(heights, initial=np.inf))

    def predict(self, X: ArrayLike) -> Array:
        """Evaluate the solution: the link-local table on the line, the network else.

        Parameters
        ----------
        X : array_like, shape (N,), (N, 1) or (N, d)
            Inputs in the units of the data.

        Returns
        -------
        ndarray, shape (N,) or (N, m)
        """
        return self.network(X) if self.function is None else self.function(X)

    def __repr__(self) -> str:
        objective = "" if self.p is None else f" p={self.p:g}"
        return (
            f"<Solution{objective} neurons={self.n_neurons} value={self.value:.6g} "
            f"max_error={self.max_error:.3g} certificate={self.certificate.kind}>"
        )

    def __str__(self) -> str:
        size = f"{self.n_neurons} neurons"
        if self.function is None:
            size += f" with {self.n_parameters} parameters"
        found = f"{size}, largest error {self.max_error:.3g}, ℓp value {self.value:.6g}"
        return f"{found}; {self.certificate}"


class LineSolution(Solution):
    """A solution on the line: `function` is its link-local table, and the network is built from it on first access.

    Parameters
    ----------
    function : PiecewiseLinear
        The solution as a table.
    max_error_between : float
        Largest distance from the polyline through the rows.
    **fields
        As for `Solution`.
    """

    function: PiecewiseLinear
    max_error_between: float

    def __init__(self, *, function: PiecewiseLinear, max_error_between: float, **fields: Any) -> None:
        super().__init__(function=function, max_error_between=max_error_between, **fields)
