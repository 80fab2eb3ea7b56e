"""A network as a frame and as a formula: both are read back and compared with the network."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from reluctant import ReLUNetwork

RNG = np.random.default_rng(0)


def networks():
    """One and several inputs and outputs, with idle and constant neurons, zeros and extreme numbers."""
    for d, m in ((1, 1), (3, 1), (2, 2)):
        w, v = RNG.normal(size=(5, d)), RNG.normal(size=(5, m))
        w[0], v[1] = 0.0, 0.0
        w[2] *= 1e-7
        slope = RNG.normal(size=(d, m)) * (RNG.random((d, m)) < 0.6)
        yield ReLUNetwork(w, RNG.normal(size=5), v, slope, 1e9 * RNG.normal(size=m))


def of_frame(frame, X):
    """What the docstring of `to_frame` says."""
    sums = X @ frame["input"].to_numpy().T + frame["bias"].to_numpy().ravel()
    is_affine = np.array([str(label).startswith("affine") for label in frame.index])
    return np.where(is_affine, sums, np.maximum(sums, 0.0)) @ frame["output"].to_numpy()


def of_latex(text, X):
    """The values of the formulas, by Python."""
    body = text.removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}").replace(" \\\\\n&{}", " ")
    body = re.sub(r"\\cdot 10\^\{(-?\d+)\}", r"e\1", body).replace("\\,", "*").replace(")_+", ")")
    body = re.sub(r"\(", "hinge(", body)
    space = {"hinge": lambda t: np.maximum(t, 0.0)} | {f"x{j}": X[:, j] for j in range(X.shape[1])}
    space |= {"x": X[:, 0]}
    body = re.sub(r"\\mathrm\{(\w+)\}", r"\1", body)
    formulas = [line.partition("={}&")[2] for line in body.split(" \\\\\n")]
    return np.column_stack([np.broadcast_to(eval(formula, space), len(X)) for formula in formulas])


def test_a_frame_holds_the_network():
    for network in networks():
        X = RNG.normal(size=(50, network.n_inputs))
        frame = network.to_frame()
        assert len(frame) == network.n_neurons + network.n_outputs
        constants = network.output_weights[~network.active].T @ np.maximum(network.biases[~network.active], 0.0)
        assert_allclose(of_frame(frame, X) + constants, network(X).reshape(50, -1), rtol=1e-9)


def test_a_formula_is_the_network():
    for network in networks():
        X = RNG.normal(size=(50, network.n_inputs))
        assert_allclose(of_latex(network.to_latex(digits=17), X), network(X).reshape(50, -1), rtol=1e-9)


def test_names_are_escaped_in_formulas_and_kept_in_frames():
    network = ReLUNetwork([[1.0, 0.0], [-2.0, 1.0]], [0.0, 1.0], [1.0, -3.0])
    names = ["50%_of $x", r"a\b{c}~^#&"]
    text = network.to_latex(names, ["y_1"])
    assert r"\mathrm{50\%\_of\ \$x}" in text
    assert r"\mathrm{a\backslash b\{c\}\sim \wedge \#\&}" in text
    assert text.splitlines()[1] == r"\mathrm{y\_1} ={}& 0 \\"
    assert network.to_frame(names, ["y_1"]).columns.tolist() == [
        ("input", names[0]),
        ("input", names[1]),
        ("bias", ""),
        ("output", "y_1"),
    ]


def test_numbers_of_formulas_have_their_digits_and_powers_of_ten():
    network = ReLUNetwork([[2.0]], [-6e-7], [-1.23456e12], [1.0], 0.5)
    assert network.to_latex(digits=3).splitlines()[1:3] == [
        r"\mathrm{f} ={}& 0.5 + \mathrm{x} \\",
        r"&{}- 2.47\cdot 10^{12}\,(\mathrm{x} - 3\cdot 10^{-7})_+",
    ]


@pytest.mark.parametrize("method", [ReLUNetwork.to_frame, ReLUNetwork.to_latex])
def test_names_must_fit(method):
    network = ReLUNetwork([[1.0, 0.0]], [0.0], [1.0])
    for names, outputs, said in ((["a"], None, "names must hold 2 names, got 1"), (None, ["a", "b"], "outputs must")):
        with pytest.raises(ValueError, match=said):
            method(network, names, outputs)
