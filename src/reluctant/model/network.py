"""The one model type: a one-hidden-layer ReLU network with an optional affine part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from reluctant.arrays import Array, Index, Mask
from reluctant.errors import FileFormatError
from reluctant.model import centring, description, evaluation, merging, milp, storage
from reluctant.model.hinge_table import HingeTable, hinge_table
from reluctant.model.tabular import Tabular
from reluctant.objective import check_p, path_norm, row_norms
from reluctant.validation import as_evaluation_points

if TYPE_CHECKING:
    from highspy import Highs
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ReLUNetwork(Tabular):
    """f(x) = Σ_k v_k (w_k · x + b_k)_+ + slopeᵀ x + intercept, with (t)_+ = max(t, 0).

    Parameters
    ----------
    input_weights : array_like, shape (K, d)
        Weights w_k into each neuron.
    biases : array_like, shape (K,)
        Biases b_k.
    output_weights : array_like, shape (K, m) or (K,)
        Weights v_k out of each neuron.
    slope : array_like, shape (d, m) or (d,), optional
        Linear part of the skip connection; zero by default.
    intercept : array_like, shape (m,) or scalar, optional
        Constant part of the skip connection; zero by default.

    Raises
    ------
    ValueError
        If shapes disagree or an entry is not finite.

    Notes
    -----
    The arrays are copied and read-only. For one input a call searches among the kinks and sums in double-double
    arithmetic, accurate where a plain forward pass loses digits since many neurons are steep, in O((N + K) log K). For
    more it is a forward pass, in which inputs far from zero, such as time stamps, are counted from near the kinks.

    Examples
    --------
    The sparsest network through the points of a peak and a plateau:

    >>> f = ReLUNetwork([[1], [1], [1]], [1, -0.5, -2], [1, -2, 1])
    >>> f([-2, -1, 0, 1, 2, 3])
    array([0., 0., 1., 1., 0., 0.])
    >>> f.n_neurons, f.n_parameters, f.path_norm(0.5)
    (3, 6, 3.414213562373095)
    """

    __module__ = "reluctant"

    input_weights: Array
    biases: Array
    output_weights: Array
    slope: Array = None  # type: ignore[assignment]
    intercept: Array = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        w = evaluation.frozen(self.input_weights, "input_weights", 2)
        b = evaluation.frozen(self.biases, "biases", 1)
        v = evaluation.frozen(self.output_weights, "output_weights", 2)
        if not len(w) == len(b) == len(v):
            rows = f"{len(w)}, {len(b)} and {len(v)}"
            raise ValueError(f"input_weights, biases and output_weights must have one row a neuron, got {rows}")
        d, m = w.shape[1], v.shape[1]
        if d == 0 or m == 0:
            raise ValueError(f"a network needs at least one input and one output, got d = {d} and m = {m}")
        slope = evaluation.frozen(np.zeros((d, m)) if self.slope is None else self.slope, "slope", 2)
        intercept = evaluation.frozen(np.zeros(m) if self.intercept is None else self.intercept, "intercept", 1)
        if slope.shape != (d, m) or intercept.shape != (m,):
            raise ValueError(
                f"slope must have shape {(d, m)} and intercept {(m,)}, got {slope.shape} and {intercept.shape}"
            )
        fields = (w, b, v, slope, intercept)
        for name, value in zip(("input_weights", "biases", "output_weights", "slope", "intercept"), fields):
            object.__setattr__(self, name, value)

    @classmethod
    def from_hinges(cls, U: ArrayLike, V: ArrayLike, A: ArrayLike | None = None) -> ReLUNetwork:
        """Build the network Σ_k V_k (U_k · x̄)_+ + Aᵀ x̄ with x̄ = (x, 1), the form that solvers work on.

        Parameters
        ----------
        U : array_like, shape (K, d + 1)
            Weights into each neuron, the bias last.
        V : array_like, shape (K, m) or (K,)
            Weights out of each neuron.
        A : array_like, shape (d + 1, m) or (d + 1,), optional
            Affine part, the intercept last; zero by default.

        Examples
        --------
        >>> ReLUNetwork.from_hinges([[1.0, -2.0]], [3.0]).biases
        array([-2.])
        """
        U, V = np.asarray(U), np.asarray(V)
        if U.ndim != 2:
            raise ValueError(f"U must have shape (K, d + 1), got {U.shape}")
        if A is None:
            return cls(U[:, :-1], U[:, -1], V)
        A = np.asarray(A)
        return cls(U[:, :-1], U[:, -1], V, A[:-1], A[-1:].reshape(-1))

    @property
    def hinges(self) -> tuple[Array, Array, Array]:
        """(U, V, A) of `from_hinges`: biases are the last column of U, intercepts the last row of A."""
        return self._incoming(True), self.output_weights, np.vstack([self.slope, self.intercept])

    # Shape and counts.

    @property
    def n_inputs(self) -> int:
        """Number of inputs d."""
        return self.input_weights.shape[1]

    @property
    def n_outputs(self) -> int:
        """Number of outputs m."""
        return self.output_weights.shape[1]

    @property
    def active(self) -> Mask:
        """Mask (K,) of the neurons with v_k (w_k, b_k) ≠ 0; for d = 1 of those with v_k w_k ≠ 0."""
        return (self._incoming(None) != 0).any(axis=1) & (self.output_weights != 0).any(axis=1)

    @property
    def n_neurons(self) -> int:
        """Number of active neurons."""
        return int(np.count_nonzero(self.active))

    @property
    def n_parameters(self) -> int:
        """Nonzero hinge parameters Σ_k (‖v_k‖_0 + ‖(w_k, b_k)‖_0 − 1) over active neurons."""
        incoming = np.count_nonzero(self._incoming(True)[self.active])
        outgoing = np.count_nonzero(self.output_weights[self.active])
        return int(incoming + outgoing - self.n_neurons)

    @property
    def inputs_used(self) -> Index:
        """Indices of the inputs with a nonzero weight into an active neuron, or a nonzero slope."""
        hinges = np.any(self.input_weights[self.active] != 0.0, axis=0)
        return np.flatnonzero(hinges | np.any(self.slope != 0.0, axis=1))

    @property
    def n_affine(self) -> int:
        """Number of nonzero entries of the affine part."""
        return int(np.count_nonzero(self.slope) + np.count_nonzero(self.intercept))

    @property
    def size(self) -> int:
        """Nonzero hinge and affine parameters together."""
        return self.n_parameters + self.n_affine

    def path_norm(self, p: float, bias: bool | None = None) -> float:
        """ℓp path norm Σ_k ‖v_k‖_p^p ‖w_k‖_p^p of the hinges [NN, eq. 2].

        Parameters
        ----------
        p : float
            In [0, 1]; p = 0 counts.
        bias : bool, optional
            Whether b_k counts as a coordinate of w_k. By default as in the paper: only for d ≥ 2.
        """
        return path_norm(self._incoming(bias), self.output_weights, check_p(p))

    def _incoming(self, bias: bool | None) -> Array:
        if bias is None:
            bias = self.n_inputs > 1
        return np.column_stack([self.input_weights, self.biases]) if bias else self.input_weights

    # Evaluation.

    def __call__(self, X: ArrayLike) -> Array:
        """Evaluate the network.

        Parameters
        ----------
        X : array_like, shape (N, d), or (N,) for one input

        Returns
        -------
        ndarray, shape (N,) for one output, (N, m) else
            NaN where X has NaN, infinite where the value is beyond float64.

        Raises
        ------
        ValueError
            If X does not have d columns, or holds something that is not a real number.
        """
        X = as_evaluation_points(X, "X")
        if X.ndim <= 1 and self.n_inputs == 1:
            shape: tuple[int, ...] = X.shape
            X = X.reshape(-1, 1)
        else:
            if X.ndim != 2 or X.shape[1] != self.n_inputs:
                raise ValueError(f"X must have {self.n_inputs} columns, got an array of shape {X.shape}")
            shape = (len(X),)
        with np.errstate(over="ignore"):  # values beyond float64 are infinite, as the docstring says
            y = self._table(X[:, 0]) if self.n_inputs == 1 else centring.forward(X, self.centred, self._fields)
        return y.reshape(shape if self.n_outputs == 1 else (*shape, self.n_outputs))

    @cached_property
    def _table(self) -> HingeTable:
        return hinge_table(self.input_weights[:, 0], self.biases, self.output_weights, self.slope[0], self.intercept)

    @cached_property
    def centred(self) -> centring.Centred | None:
        """For kinks far from zero, of two inputs or more: a centre among them, and biases and intercept from there."""
        return None if self.n_inputs == 1 else centring.centred(*self._fields.values())

    @property
    def _fields(self) -> dict[str, Array]:
        return {name: getattr(self, name) for name in storage.FIELDS}

    # Equivalent networks.

    def canonical(self) -> ReLUNetwork:
        """The same function with ‖v_k‖_2 = 1, so |v_k| = 1 for one output; inactive neurons are dropped.

        Every path norm is unchanged, up to rounding.
        """
        return self._rescaled(lambda incoming, outgoing: outgoing)

    def balanced(self) -> ReLUNetwork:
        """The same function with ‖(w_k, b_k)‖_2 = ‖v_k‖_2, as gradient training likes it; drops inactive neurons."""
        return self._rescaled(lambda incoming, outgoing: np.sqrt(outgoing) / np.sqrt(incoming))

    def _rescaled(self, factor: Callable[[Array, Array], Array]) -> ReLUNetwork:
        """Multiply (w_k, b_k) by a factor of the norms in and out, divide v_k by it; constants count as active."""
        incoming, outgoing = self._incoming(True), self.output_weights
        keep = incoming.any(axis=1) & outgoing.any(axis=1)
        incoming, outgoing = incoming[keep], outgoing[keep]
        f = factor(row_norms(incoming), row_norms(outgoing))[:, None]
        return ReLUNetwork.from_hinges(incoming * f, outgoing / f, self.hinges[2])

    def merged(self, rtol: float = 2.0**-50, affine: bool = True) -> ReLUNetwork:
        """The same function with at most one neuron a kink.

        Neurons of one direction are added. With `affine`, neurons of opposite directions are joined through
        t = (t)_+ − (−t)_+ and constant neurons are folded, both into the affine part; without it they stay. Neurons
        that share their kink with no other are kept as they are.

        Parameters
        ----------
        rtol : float
            Hinges (w, b), scaled to max|w| = 1, count as equal when no entry differs by a larger share of itself.
        affine : bool
            Whether the affine part may change.

        Returns
        -------
        ReLUNetwork
        """
        return ReLUNetwork.from_hinges(*merging.merge(*self.hinges, rtol, affine))

    def isclose(self, other: ReLUNetwork, rtol: float = 1e-9) -> bool:
        """Whether both are the same function, up to a relative tolerance of hinges and coefficients.

        Order, rescaling, orientation and splitting of neurons do not matter; each coordinate of the hinges, and of
        the affine part, is compared with its own largest entry.
        """
        same_shape = (self.n_inputs, self.n_outputs) == (other.n_inputs, other.n_outputs)
        return same_shape and merging.same_function(self.hinges, other.hinges, rtol)

    def to_highs(self, model: Highs, bounds: ArrayLike) -> milp.NetworkColumns:
        """Append the network to a HiGHS model, with binaries for the neurons that can be on and off in a box of inputs.

        One for each, but n on parallel hyperplanes, as of one input, take ⌈log₂(n + 1)⌉ [Vielma and Nemhauser 2011].

        Parameters
        ----------
        model : highspy.Highs
            Gets columns for inputs, outputs and neurons, and the rows between them.
        bounds : array_like, shape (d, 2)
            (low, high) of each input, finite; constants of the rows are the least that hold there.

        Returns
        -------
        NetworkColumns
            Where `inputs`, `outputs` and `binaries` stand in the model.

        Examples
        --------
        >>> from highspy import Highs
        >>> len(ReLUNetwork([[1.0], [1.0]], [0.0, 9.0], [2.0, 1.0]).to_highs(Highs(), [[-1.0, 1.0]]).binaries)
        1
        """
        return milp.add_network(self.hinges, model, bounds, milp.parallel(self.hinges[0]))

    # Words.

    def describe(
        self,
        names: Sequence[str] | None = None,
        units: Mapping[str, str] | None = None,
        outputs: Sequence[str] | None = None,
        digits: int = 4,
        *,
        X: ArrayLike | None = None,
        trends: bool = False,
    ) -> str:
        """Write the network in words that hold all of it.

        For one input, a table of the straight segments in order: from, to, slope, and the value at the start; equal
        neurons are joined. For several, the affine part and a sentence for each active neuron, in order, that says
        what it adds: the slope beyond its knot *changes* by so much, whatever else is there.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the d inputs; by default those of the columns of X, else x0, x1, …
        units : mapping of str to str, optional
            Units of inputs and outputs, by name.
        outputs : sequence of str, optional
            Names of the m outputs; f, or f0, f1, … by default.
        digits : int
            Significant digits of slopes, and of the spread of a column in places and levels: 101325 ± 40 is written
            with two decimals for four digits.
        X : array_like, shape (N, d), or (N,) for one input, optional
            Data. They give the spread of every column, the ends of the table of segments, and round numbers near the
            middle of columns far from zero, from which these are then counted. Without data places are written with
            ten digits where nothing tells their spread.
        trends : bool, default False
            End with inputs along which an output only rises or falls, by least sums of paths; others may too.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If there are more or fewer names than inputs or outputs, a unit belongs to neither, or X does not have d
            columns.

        Examples
        --------
        >>> f = ReLUNetwork([[1.0, 0.0], [-2.0, 4.0]], [-50.0, 6.0], [0.2, -1.0], slope=[0.0, 3.0], intercept=7.0)
        >>> print(f.describe(["age", "dose"], {"age": "yr"}, ["pressure"]))
        pressure = 7 + 3 dose
        On top of that:
        1. Above age = 50 yr, the slope of pressure in age changes by +0.2 per yr.
        2. Where 0.5 age - dose < 1.5, -4 is added to pressure for each unit below 1.5.

        >>> hat = ReLUNetwork([[1], [1], [1]], [1, -0.5, -2], [1, -2, 1])
        >>> print(hat.describe(["t"], {"t": "s"}, ["height"], X=[-2, 3]))
        height against t in s: 4 straight segments, the first and the last go on
        from   to  slope per s  height at the start
          -2   -1            0                    0
          -1  0.5            1                    0
         0.5    2           -1                  1.5
           2    3            0                    0
        """
        return description.describe(self.hinges, self.active, names, units, outputs, digits, X, trends)

    def plot(
        self, X: ArrayLike | None = None, names: Sequence[str] | None = None, *, ax: Any = None, **labels: str
    ) -> Figure:
        """Draw the network: one input as a function with its knots, several as a table of effective weights.

        Parameters
        ----------
        X : array_like, shape (N, d), or (N,) for one input, optional
            Data: their range is drawn, or weights are multiplied by the deviations of their inputs.
        names : sequence of str, optional
            Names of several inputs.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **labels
            `x_label` and `y_label` for one input.

        Returns
        -------
        matplotlib.figure.Figure
            As `reluctant.report.plot_function` or `plot_neurons` makes it.

        Raises
        ------
        ModuleNotFoundError
            If matplotlib is missing; the message says how to install it.
        """
        if self.n_inputs == 1:
            from reluctant.report.figures import plot_function

            named = {} if names is None else {"x_label": description.input_labels(names, 1)[0]}
            return plot_function(self, X, ax=ax, **(named | labels))
        from reluctant.report.networks import plot_neurons

        return plot_neurons(self, X, names, ax=ax, **labels)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a ``.json`` or ``.npz`` file; both hold every float exactly, and a digest of them.

        The file appears whole or not at all; ``docs/network_files.md`` describes the format.

        Raises
        ------
        OSError
            If the file cannot be written.
        ValueError
            If the name ends in neither, belongs to a pipe or a device, or the file would be larger than `load` reads.
        """
        storage.write(path, self._fields)

    def to_bytes(self, ending: str = ".json") -> bytes:
        """What `save` writes to a file of that ending."""
        return storage.encoded(self._fields, ending)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> ReLUNetwork:
        """Read a network that `save` wrote, or one written by hand.

        Numbers that do not belong to the digest are refused; ``"version": 1``, by hand or of release 0.1, needs none.
        Files are read up to 256 MiB (JSON) or 1 GiB (npz, packed and unpacked).

        Raises
        ------
        OSError
            If the file cannot be read.
        FileFormatError
            If the file is damaged, of another kind, larger, or of a newer version of the format.
        """
        arrays = storage.read(path)
        try:
            return cls(**arrays)
        except ValueError as error:
            raise FileFormatError(f"{path} does not hold a valid network: {error}") from None

    def __reduce__(self) -> tuple:
        return ReLUNetwork, tuple(self._fields.values())

    def __repr__(self) -> str:
        counts = f"{self.n_parameters} hinge and {self.n_affine} affine parameters"
        return f"<ReLUNetwork {self.n_inputs} -> {self.n_neurons} -> {self.n_outputs}, {counts}>"
