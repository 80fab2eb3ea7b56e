"""Questions about a network for verifiers: VNN-LIB beside ONNX."""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from reluctant.export.predictor import Model, Predictor
from reluctant.files import as_path, write_atomically
from reluctant.model.milp import checked_box
from reluctant.validation import as_evaluation_points
from reluctant.version import __version__


def export_vnnlib(model: Model, path: str | PathLike[str], bounds: ArrayLike, outside: ArrayLike) -> str:
    r"""Write the question whether an output can leave a range on a box, in VNN-LIB.

    A verifier that answers ``unsat`` has proved that every output stays within its range on the whole box; ``sat``
    comes with an input where one leaves it. The network goes beside it with ``export_onnx(model, …, sequential=True)``.

    Parameters
    ----------
    model : Solution, PiecewiseLinear, ReLUNetwork or fitted SparseReLURegressor
        Whose inputs and outputs are asked about; of an estimator `network_`, as in the sequential ONNX file.
    path : str or path-like
        Name of the file, ending in ``.vnnlib``.
    bounds : array_like, shape (d, 2)
        Box of inputs, (low, high) each.
    outside : array_like, shape (m, 2)
        For each output the range (low, high) that it must not leave; infinite where one side is free.

    Returns
    -------
    str
        The content of the file.

    Raises
    ------
    ValueError
        If shapes do not fit, bounds cross, a range is empty or all are infinite, or the path does not end in
        ``.vnnlib``.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from reluctant import ReLUNetwork
    >>> from reluctant.export import export_vnnlib
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     text = export_vnnlib(ReLUNetwork([[1.0]], [0.0], [2.0]), f"{directory}/f.vnnlib", [[-1, 1]], [[0, 2]])
    >>> print(text.split("; outputs\n")[1])
    (assert (or (and (<= Y_0 0.0)) (and (>= Y_0 2.0))))
    <BLANKLINE>
    """
    path = as_path(path)
    if path.suffix != ".vnnlib":
        raise ValueError(f"the path of a VNN-LIB file must end in .vnnlib, got {path.name!r}")
    text = render_vnnlib(model, bounds, outside)
    write_atomically(path, text.encode())
    return text


def render_vnnlib(model: Model, bounds: ArrayLike, outside: ArrayLike) -> str:
    """Return what `export_vnnlib` writes, without writing it."""
    network = Predictor.of(model).network
    low, high = checked_box(network.n_inputs, bounds)
    ranges = as_evaluation_points(outside, "outside")
    if ranges.shape != (network.n_outputs, 2):
        raise ValueError(f"outside must have a pair (low, high) for each of {network.n_outputs} outputs")
    if np.isnan(ranges).any():
        raise ValueError(
            f"outside has NaN at row {int(np.argmax(np.isnan(ranges).any(axis=1)))}; inf leaves a side free"
        )
    crossed = ranges[:, 0] > ranges[:, 1]
    if crossed.any():
        raise ValueError(f"the ranges of output {int(np.argmax(crossed))} cross; give (low, high)")
    empty = (ranges[:, 0] == np.inf) | (ranges[:, 1] == -np.inf)
    if empty.any():
        raise ValueError(
            f"the range of output {int(np.argmax(empty))} holds no number; -inf below and inf above leave a side free"
        )
    if not np.isfinite(ranges).any():
        raise ValueError("outside has no finite bound, so there is nothing to ask; give at least one")
    declared = [f"(declare-const X_{i} Real)" for i in range(network.n_inputs)]
    declared += [f"(declare-const Y_{j} Real)" for j in range(network.n_outputs)]
    box = [f"(assert (>= X_{i} {_decimal(low[i])}))\n(assert (<= X_{i} {_decimal(high[i])}))" for i in range(len(low))]
    left = [
        f"(and ({relation} Y_{j} {_decimal(bound)}))"
        for j, pair in enumerate(ranges.tolist())
        for relation, bound in zip(("<=", ">="), pair, strict=True)
        if np.isfinite(bound)
    ]
    head = f"; Written by ReLUctant {__version__}: can an output leave its range?"
    lines = [head, *declared, "; inputs", *box, "; outputs", f"(assert (or {' '.join(left)}))", ""]
    return "\n".join(lines)


def _decimal(value: float) -> str:
    """SMT-LIB has no exponents, and writes minus as a function; verifiers read a plain minus."""
    return np.format_float_positional(float(value), trim="0")
