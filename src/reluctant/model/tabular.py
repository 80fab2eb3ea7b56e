"""A network as a table of its neurons, and as a formula."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from reluctant.arrays import Array, Mask
from reluctant.model.description import input_labels, output_labels
from reluctant.validation import check_integer

if TYPE_CHECKING:
    from pandas import DataFrame

_SPECIAL = {"\\": r"\backslash ", "~": r"\sim ", "^": r"\wedge "} | {c: rf"\{c}" for c in "_%#&{}$"} | {" ": r"\ "}
_EXPONENT = re.compile(r"e([+-])0*(\d+)")


class Tabular:
    """What a network has of tables and formulas; `ReLUNetwork` derives from it."""

    @property
    def hinges(self) -> tuple[Array, Array, Array]:
        """(U, V, A) of `ReLUNetwork.from_hinges`."""
        raise NotImplementedError

    @property
    def active(self) -> Mask:
        """Mask (K,) of the neurons that count."""
        raise NotImplementedError

    def to_frame(self, names: Sequence[str] | None = None, outputs: Sequence[str] | None = None) -> DataFrame:
        """The numbers of the network as a pandas frame: a row a neuron, then one for the affine part of each output.

        With columns ``("input", name)``, ``("bias", "")`` and ``("output", name)`` the network is the sum over rows of
        output · (input · x + bias)_+, and without the hinge ( )_+ for the rows of the affine part. Nothing is rounded.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the d inputs; x, or x0, x1, … by default.
        outputs : sequence of str, optional
            Names of the m outputs; f, or f0, f1, … by default.

        Returns
        -------
        pandas.DataFrame, shape (K + m, d + 1 + m)
            Active neurons, numbered from 1, and ``"affine"``, or ``"affine f0"``, … of several outputs.

        Raises
        ------
        ValueError
            If there are more or fewer names than inputs or outputs.
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from reluctant import ReLUNetwork
        >>> f = ReLUNetwork([[1.0, 0.0]], [-50.0], [0.2], slope=[0.0, 3.0], intercept=7.0)
        >>> frame = f.to_frame(["age", "dose"])
        >>> frame["input"].loc[1].to_dict(), frame.loc["affine"].tolist()
        ({'age': 1.0, 'dose': 0.0}, [0.0, 3.0, 7.0, 1.0])
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("a frame needs pandas: pip install pandas") from error
        U, V, A = self.hinges
        labels, results = _labels(U, V, names, outputs)
        active, m = self.active, len(results)
        columns = [("input", name) for name in labels] + [("bias", "")] + [("output", name) for name in results]
        index = [*range(1, int(active.sum()) + 1), *(["affine"] if m == 1 else [f"affine {name}" for name in results])]
        numbers = np.vstack([np.hstack([U[active], V[active]]), np.hstack([A.T, np.eye(m)])])
        numbers += 0.0  # no zero has a sign
        return pd.DataFrame(numbers, index=pd.Index(index, name="neuron"), columns=pd.MultiIndex.from_tuples(columns))

    def to_latex(
        self, names: Sequence[str] | None = None, outputs: Sequence[str] | None = None, digits: int = 4
    ) -> str:
        r"""The network as a formula for LaTeX with amsmath: ``aligned`` lines, the affine part first, a neuron each.

        Of every neuron the largest weight is taken out of its hinge, so that (x - 50)_+ is counted in units of x. It is
        rounded: near steep neurons far from zero more `digits` are needed for the same function.

        Parameters
        ----------
        names, outputs : sequence of str, optional
            Names of inputs and outputs, set upright; what LaTeX would take for commands is escaped.
        digits : int
            Significant digits.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If there are more or fewer names than inputs or outputs.

        Examples
        --------
        >>> from reluctant import ReLUNetwork
        >>> f = ReLUNetwork([[1.0, 0.0]], [-50.0], [0.2], slope=[0.0, 3.0], intercept=7.0)
        >>> print(f.to_latex(["age", "dose"]))
        \begin{aligned}
        \mathrm{f} ={}& 7 + 3\,\mathrm{dose} \\
        &{}+ 0.2\,(\mathrm{age} - 50)_+
        \end{aligned}
        """
        U, V, A = self.hinges
        labels, results = _labels(U, V, names, outputs)
        digits = check_integer(digits, "digits", low=1)
        inputs = [_upright(name) for name in labels]
        lines = []
        for c, name in enumerate(results):
            terms = [_term(v, u, inputs, digits) for u, v in zip(U[self.active], V[self.active, c]) if v != 0.0]
            constant = math.fsum([A[-1, c], *(V[~self.active, c] * np.maximum(U[~self.active, -1], 0.0))])
            first = _sum([(constant, ""), *zip(A[:-1, c].tolist(), inputs)], digits)
            lines.append(f"{_upright(name)} ={{}}& {first}")
            lines += [f"&{{}}{term}" for term in terms]
        return "\n".join([r"\begin{aligned}", " \\\\\n".join(lines), r"\end{aligned}"])


def _labels(
    U: Array, V: Array, names: Sequence[str] | None, outputs: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    return input_labels(names, U.shape[1] - 1), output_labels(outputs, V.shape[1])


def _upright(name: str) -> str:
    return rf"\mathrm{{{''.join(_SPECIAL.get(c, c) for c in name)}}}"


def _number(value: float, digits: int) -> str:
    """A number of at least 0, its exponent as a power of ten."""
    return _EXPONENT.sub(lambda found: rf"\cdot 10^{{{found[1].replace('+', '')}{found[2]}}}", f"{value:.{digits}g}")


def _term(v: float, u: Array, inputs: list[str], digits: int) -> str:
    r"""``+ 0.2\,(age - 50)_+`` for v (u · x̄)_+."""
    largest = float(np.abs(u[:-1]).max()) or 1.0
    inside = _sum([*zip((u[:-1] / largest).tolist(), inputs), (float(u[-1]) / largest, "")], digits)
    return f"{'-' if v < 0 else '+'} {_number(abs(v) * largest, digits)}\\,({inside})_+"


def _sum(terms: list[tuple[float, str]], digits: int) -> str:
    """Coefficients and what they multiply, zeros and ones left out; a coefficient alone is a constant."""
    text = ""
    for value, symbol in terms:
        if value == 0.0:
            continue
        size = _number(abs(value), digits)
        product = size if not symbol else symbol if size == "1" else rf"{size}\,{symbol}"
        sign = "-" if value < 0 else "+"
        text += f" {sign} {product}" if text else f"{'-' if value < 0 else ''}{product}"
    return text or "0"
