"""What `ReLUNetwork.describe` says is the network: the sentences, read back, give its values."""

import re

import numpy as np
import pytest

from reluctant import ReLUNetwork

TERM = re.compile(r"([+-]?) ?(?:(-?\d[-\d.e+]*) )?(x\d+)")
ABOVE = re.compile(r"(Above|Below) (x\d+) = (\S+), f (rises|falls) by (\S+) per unit")
WHERE = re.compile(r"Where (.+) ([<>]) (\S+), f (rises|falls) by (\S+) per unit beyond")


def linear(text, x):
    """Value at x of a sum such as ``-x0 + 2.5 x3``."""
    return sum(
        (-1.0 if sign == "-" else 1.0) * float(size or 1.0) * x[int(name[1:])]
        for sign, size, name in TERM.findall(text.replace("-x", "- x"))
    )


def read_back(text, x):
    """Value at x of a described network with one output and a nonzero intercept."""
    first, *sentences = text.split("\n")
    head = re.match(r"f = (\S+)(.*)", first)
    total = float(head[1]) + linear(head[2], x)
    for sentence in sentences:
        if found := ABOVE.search(sentence):
            side, name, kink, verb, size = found.groups()
            beyond = x[int(name[1:])] - float(kink)
            beyond = beyond if side == "Above" else -beyond
        else:
            left, relation, threshold, verb, size = WHERE.search(sentence).groups()
            beyond = linear(left, x) - float(threshold)
            beyond = beyond if relation == ">" else -beyond
        total += max(beyond, 0.0) * float(size) * (1.0 if verb == "rises" else -1.0)
    return total


@pytest.mark.parametrize("seed", range(20))
def test_sentences_read_back_give_the_values_of_the_network(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 5))
    W = rng.standard_normal((6, d)) * (rng.random((6, d)) < 0.6)
    W[np.flatnonzero(~W.any(axis=1)), 0] = 1.0
    network = ReLUNetwork(
        W, rng.standard_normal(6), rng.standard_normal(6), rng.standard_normal(d), rng.standard_normal()
    )
    text = network.describe(digits=17)
    X = rng.standard_normal((50, d))
    assert np.allclose([read_back(text, x) for x in X], network(X), rtol=0, atol=1e-9)


def test_names_and_units_stand_where_they_belong():
    network = ReLUNetwork([[-2.0]], [6.0], [[1.0, 0.0]], [[0.0, 1.0]], [0.5, 0.0])
    assert network.describe(["t"], {"t": "s", "v": "m"}, ["v", "w"]) == (
        "v = 0.5 m\nw = t\n1. Below t = 3 s, v rises by 2 m per s less."
    )


def test_a_knot_at_zero_has_no_sign():
    network = ReLUNetwork([[1.0, 0.0], [-1.0, 0.0], [1.0, -1.0]], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert "-0" not in network.describe()
    assert "Above x0 = 0, f rises" in network.describe()


def test_constant_neurons_are_part_of_the_intercept_on_the_line():
    assert ReLUNetwork([[0.0]], [2.0], [3.0]).describe() == "f = 6"


def test_wrong_names_and_units_are_refused():
    network = ReLUNetwork([[1.0, 2.0]], [0.0], [1.0])
    with pytest.raises(ValueError, match="names must hold 2 names, got 1"):
        network.describe(["a"])
    with pytest.raises(ValueError, match="units has 'c', which is neither an input nor an output"):
        network.describe(["a", "b"], {"c": "m"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "mm"}, "units must map names to units, such as {'x0': 'mm'}, got 'mm'"),
        ({"digits": -1}, "digits must be an integer of at least 1, got -1"),
        ({"names": {"a", "b"}}, "names must be a list of names, in the order of the columns"),
        ({"names": "ab"}, "names must be a list of names, in the order of the columns"),
        ({"names": ["a", "a"]}, "names has 'a' twice"),
    ],
)
def test_what_is_no_name_unit_or_number_of_digits_is_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ReLUNetwork([[1.0, 2.0]], [0.0], [1.0]).describe(**options)
