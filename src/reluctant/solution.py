"""What a solver returns: a network, and what is known about the optimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reluctant.arrays import Array
from reluctant.certificate import Certificate as Certificate
from reluctant.certificate import Kind as Kind
from reluctant.certificate import Quantity as Quantity
from reluctant.columns import Columns, checked_columns
from reluctant.model import container
from reluctant.model.network import ReLUNetwork
from reluctant.text import counted as counted
from reluctant.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from reluctant.model.piecewise_linear import PiecewiseLinear

MET = 1e-9
"""A proved bound on a value or an objective is met by what exceeds it by no larger share of itself."""

FIGURES = ("p", "value", "max_error", "max_error_between", "max_scaled_error", "alpha", "mean_loss", "tolerance")
"""The numbers of a solution that a model file keeps."""


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
        R^d, and with several outputs of paths Σ_k ‖v_k‖_0 ‖w_k‖_0. With penalised biases on the line the sum that
        `interpolate` names there.
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
    max_scaled_error : float, optional
        max_i |f(x_i) − y_i| / scale_i as `predict` computes it, where rows had scales (`approximate`).
    alpha, mean_loss : float, optional
        Weight of the path norm and mean loss of the solution, where both were minimised together (`regress`).
    tolerance : float, optional
        The one tolerance that was asked for at every row, where there was one.
    bounds : (lo, hi), arrays shaped like y, optional
        What f was to stay between at each row, in their order, where no one tolerance says it: with `bounds`,
        `relative` and a tolerance for each row of `approximate`. Infinite where a side was free.
    columns : Columns, optional
        What inputs and outputs are called, their units and categories, where it is known (`reluctant.columns`).

    Attributes
    ----------
    n_neurons, n_parameters : int
        Active neurons; nonzero hinge parameters (the affine part does not count).
    gap, is_optimal : float, bool
        What was found less the bound; whether a proved bound is met, so that nothing smaller exists (among the
        functions that `certificate.among` names, where it names any).
    verdict : str
        Both in words.
    max_weight : float
        Largest |v_k w_k| of the network, biases included; several outputs count with their largest |v_k|.
    """

    __module__ = "reluctant"

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
        max_scaled_error: float | None = None,
        alpha: float | None = None,
        mean_loss: float | None = None,
        tolerance: float | None = None,
        bounds: tuple[Array, Array] | None = None,
        columns: Columns | None = None,
    ) -> None:
        if network is None and function is None:
            raise ValueError("a Solution needs a network or a function")
        self.p = p
        self.value = value
        self.max_error = max_error
        self.certificate = certificate
        self.history = tuple(history)
        # Who is on the line knows it, and no type of X tells: with Any beside it neither an assertion is needed there
        # nor is a test for None elsewhere called unreachable.
        self.function: PiecewiseLinear | Any = function
        self.max_error_between = max_error_between
        self.max_scaled_error = max_scaled_error
        self.alpha = alpha
        self.mean_loss = mean_loss
        self.tolerance = tolerance
        self.bounds = bounds
        self.columns = columns
        if network is not None:
            self.__dict__["network"] = network

    def replace(self, **changes: Any) -> Self:
        """Return the same solution with some of the constructor's arguments changed."""
        names = (
            *("p", "value", "max_error", "certificate", "history"),
            *("function", "max_error_between", "max_scaled_error", "alpha", "mean_loss"),
            *("tolerance", "bounds", "columns"),
        )
        fields: dict[str, Any] = {name: getattr(self, name) for name in names}
        return type(self)(**(fields | {"network": self.__dict__.get("network")} | changes))

    @property
    def found(self) -> float:
        """What the solution has of the certificate's quantity."""
        error = self.max_error if self.max_scaled_error is None else self.max_scaled_error
        named = {
            "neurons": self.n_neurons,
            "value": self.value,
            "objective": self.objective,
            "loss": self.mean_loss,
            "error": error,
        }
        found = named.get(self.certificate.quantity)
        return float(self.n_parameters if found is None else found)

    @property
    def gap(self) -> float:
        """What was found less the certificate's bound, in its quantity; infinite where nothing is known.

        An error that rounding makes less than its bound has none.
        """
        if self.certificate.kind == "none":
            return math.inf
        gap = self.found - self.certificate.lower_bound
        return max(gap, 0.0) if self.certificate.quantity == "error" else gap

    @property
    def is_optimal(self) -> bool:
        """Whether a proved bound is met: by an equal count, or by a value, objective or error within 1e-9 of itself.

        Or within the certificate's `rounding`, where that is more.
        """
        certificate = self.certificate
        if certificate.kind != "proved":
            return False
        counts = certificate.quantity in ("neurons", "parameters")
        return self.gap <= (0.0 if counts else max(MET * abs(self.found), certificate.rounding))

    @property
    def verdict(self) -> str:
        """What was found and what is known about it, in one clause; `certificate.reason` says why.

        Examples
        --------
        >>> from reluctant import approximate
        >>> approximate([0, 1, 2, 3, 4], [0, 1, 4, 9, 16], tolerance=0.5).verdict
        '1 neuron, proved minimal'
        """
        certificate = self.certificate
        quantity, bound = certificate.quantity, certificate.lower_bound
        if quantity in ("neurons", "parameters"):
            found, least = counted(self.found, quantity), f"{bound:,.0f}"
        else:
            found, least = f"{self._noun} {self.found:.6g}", f"{bound:.6g}"
            if quantity in ("error", "loss"):
                found += f" with {counted(self.n_neurons, 'neurons')}"
        if certificate.kind == "none":
            return f"{found}; no lower bound is known"
        if certificate.kind == "generic":
            return f"{found}; {least} needed for almost all labels"
        known = f"{found}, proved minimal" if self.is_optimal else f"{found}; at least {least} proved"
        return known + certificate.scope

    @property
    def _noun(self) -> str:
        """What the certificate's quantity is called, where it is no count."""
        error = "largest error" if self.max_scaled_error is None else "largest scaled error"
        named = {"value": self.certificate.value_name, "objective": "objective", "loss": "mean loss", "error": error}
        return named[self.certificate.quantity]

    @property
    def _error_in_words(self) -> list[str]:
        """The largest error, where the verdict does not say it."""
        said = self.certificate.quantity == "error" and self.max_scaled_error is None
        return [] if said else [f"largest error {self.max_error:.3g}"]

    @property
    def objective(self) -> float | None:
        """Mean loss + alpha · value, the number that `regress` minimises; None where there was no such objective."""
        return None if self.alpha is None or self.mean_loss is None else self.mean_loss + self.alpha * self.value

    @cached_property
    def network(self) -> ReLUNetwork:
        """The solution as a network; on the line it is built on first access, with a neuron for each knot."""
        from reluctant.model.assembly import network_of

        assert self.function is not None
        return network_of(self.function.links)

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

    def breakpoints(self) -> NDArray[np.void]:
        """The segments of a solution on the line as a table, from left to right.

        Returns
        -------
        structured ndarray, shape (K + 1,)
            Columns `start` and `end` of a segment, infinite on the outside, `x` and `y`, a point of its line near it,
            and its `slope`: the function is y + slope · (t − x) for start ≤ t < end. `pandas.DataFrame` takes it as
            it is.

        Raises
        ------
        ValueError
            If the solution is not one on the line.

        Examples
        --------
        >>> from reluctant import interpolate
        >>> table = interpolate([0, 1, 2, 3], [0, 0, 1, 2]).breakpoints()
        >>> table.dtype.names
        ('start', 'end', 'x', 'y', 'slope')
        >>> table["slope"], table["end"]
        (array([0., 1.]), array([ 1., inf]))
        """
        if self.function is None:
            raise ValueError("segments are known for one input and one output; use network.describe for more")
        knots, anchors, slopes, _ = self.function.links
        columns = {
            "start": np.append(-np.inf, knots),
            "end": np.append(knots, np.inf),
            "x": anchors[0],
            "y": anchors[1],
            "slope": slopes,
        }
        table = np.empty(len(slopes), dtype=[(name, np.float64) for name in columns])
        for name, column in columns.items():
            table[name] = column
        return table

    def save(
        self,
        path: str | PathLike[str],
        *,
        columns: Columns | None = None,
        data: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> None:
        """Write all of the solution to a ``.json`` file, which `reluctant.load` reads.

        The network, the table of links, certificate and figures, `bounds` of up to 100,000 rows, the names of the
        columns, the version of this library and a digest of the data; `history` is left out. The file appears whole or
        not at all.
        ``docs/network_files.md`` describes it.

        Parameters
        ----------
        path : str or path-like
            Name of the file, ending in ``.json``.
        columns : Columns, optional
            What inputs and outputs are called; by default `columns` of the solution.
        data : tuple (X, y), optional
            The data that the solution was made from, of which the file keeps the number of rows and a digest.

        Raises
        ------
        OSError
            If the file cannot be written.
        ValueError
            If the name ends otherwise, `columns` do not name every input and output, or `data` is no table of them.

        Examples
        --------
        >>> import tempfile, reluctant
        >>> x, y = [0, 1, 2, 3], [0, 0, 1, 2]
        >>> solution = reluctant.interpolate(x, y)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     solution.save(f"{directory}/ramp.json", data=(x, y))
        ...     print(reluctant.load(f"{directory}/ramp.json"))
        1 neuron, proved minimal; ℓp value 1, largest error 0
        """
        container.write(path, self.to_record(columns=columns, data=data))

    def to_record(
        self, *, columns: Columns | None = None, data: tuple[ArrayLike, ArrayLike] | None = None
    ) -> container.Record:
        """What `save` writes."""
        from reluctant.model.records import bounds_record, data_record, network_record, table_record

        columns = checked_columns(self.columns if columns is None else columns, self.network)
        figures = {name: getattr(self, name) for name in FIGURES}
        return {
            "kind": "solution",
            "written_by": f"reluctant {__version__}",
            "verdict": self.verdict,
            "columns": None if columns is None else columns.to_record(),
            "data": data_record(self.network, data),
            "figures": {name: None if value is None else float(value) for name, value in figures.items()},
            "bounds": bounds_record(self.bounds),
            "certificate": self.certificate.to_record(),
            "table": None if self.function is None else table_record(self.function),
            "network": network_record(self.network),
        }

    def plot(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        tolerance: ArrayLike | None = None,
        *,
        bounds: tuple[ArrayLike, ArrayLike] | None = None,
        ax: Any = None,
        **labels: str,
    ) -> Figure:
        """Draw the solution: on the line the function, with data and residuals if given, else the neurons.

        Parameters
        ----------
        X, y : array_like, optional
            The data.
        tolerance : float or array_like, shape (N,), optional
            Half-width of the band around the data; on the line.
        bounds : (lo, hi), each a number or array_like of shape (N,), optional
            The band in the place of a half-width; on the line.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **labels
            `x_label` and `y_label` on the line.

        Returns
        -------
        matplotlib.figure.Figure
            As `reluctant.report.plot_fit` or `ReLUNetwork.plot` makes it.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is missing; the message says how to install it.
        """
        if self.function is None or X is None or y is None:
            return self.network.plot(X, ax=ax, **labels)
        from reluctant.report.figures import plot_fit

        return plot_fit(self, X, y, tolerance, bounds=bounds, ax=ax, **labels)

    def __repr__(self) -> str:
        p = "" if self.p is None else f" p={self.p:g}"
        return f"<Solution{p}: {'; '.join([self.verdict, *self._error_in_words])}>"

    def __str__(self) -> str:
        rest = []
        if self.certificate.quantity not in ("neurons", "error"):
            rest.append(counted(self.n_neurons, "neurons"))
        if self.certificate.quantity != "parameters" and self.function is None:
            rest.append(counted(self.n_parameters, "parameters"))
        if self.certificate.quantity != "value" and self.p is not None:
            rest.append(f"ℓp value {self.value:.6g}")
        rest += self._error_in_words
        return f"{self.verdict}; {', '.join(rest)}" if rest else self.verdict


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
