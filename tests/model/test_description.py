"""What `ReLUNetwork.describe` says is the network: the words, read back, give its values."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from networks import networks
from reluctant import ReLUNetwork, approximate

TERM = re.compile(r"([+-]) (?:(\d[-\d.e+]*) )?(?:(x\d+)|\((x\d+) ([+-]) (\S+)\))")
BEND = re.compile(r"(Above|Below) (x\d+) = (\S+), the slope of f in (x\d+) changes by (\S+) per unit\.")
WHERE = re.compile(r"Where (.+) ([<>]) (\S+), (\S+) is added to f for each unit (above|below) (\S+)\.")


def linear(text, x):
    """Value at x of a sum such as ``-x0 + 2.5 (x3 - 1900)``."""
    text = text if text[:1] in "+-" else f"+ {text}"
    total = 0.0
    for sign, size, name, shifted, side, origin in TERM.findall(re.sub(r"^-(?! )", "- ", text)):
        value = x[int((name or shifted)[1:])]
        value += float(origin or 0) * (1.0 if side == "+" else -1.0)
        total += (-1.0 if sign == "-" else 1.0) * float(size or 1.0) * value
    return total


def from_sentences(text, x):
    """Value at x of a described network of several inputs and one output f."""
    first, *rest = text.split("\n")
    assert rest[:1] in ([], ["On top of that:"])
    head = re.match(r"f = (-?\d\S*)?(?: ?)(.*)$", first)
    if re.fullmatch(r"[+-]?\s?\d\S* (?=[x(]).*", first.removeprefix("f = ")):  # the first term has no level before it
        total, terms = 0.0, first.removeprefix("f = ")
    else:
        total, terms = float(head[1] or 0), head[2]
    total += linear(terms, x) if terms else 0.0
    for sentence in rest[1:]:
        if found := BEND.search(sentence):
            side, name, knot, again, change = found.groups()
            assert name == again
            beyond = x[int(name[1:])] - float(knot)
            total += float(change) * (max(beyond, 0.0) if side == "Above" else min(beyond, 0.0))
        elif found := re.search(r"Everywhere, (\S+) is added to f\.", sentence):
            total += float(found[1])
        else:
            left, relation, threshold, size, side, again = WHERE.search(sentence).groups()
            assert (relation == ">") == (side == "above")
            assert threshold == again
            beyond = linear(left, x) - float(threshold)
            total += max(beyond if side == "above" else -beyond, 0.0) * float(size)
    return total


def from_table(text, x):
    """Value at x of a described network of one input: the segment of x, from its start or, for the first, its stop."""
    title, *lines = text.split("\n")
    if not lines:
        return from_sentences(title, [x])
    rows = [[float(cell) for cell in line.split()] for line in lines[1:]]
    assert f"{len(rows)} straight segments" in title or (len(rows) == 1 and "one straight line" in title)
    assert all(before[1] == after[0] for before, after in pairwise(rows))
    row = next((row for row in rows if x < row[1]), rows[-1])
    if len(row) == 4:
        return row[3] + row[2] * (x - row[0])
    return rows[1][3] + row[2] * (x - row[1]) if len(rows) > 1 else np.nan


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("with_data", [True, False])
def test_sentences_read_back_give_the_values_of_the_network(seed, with_data):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 5))
    W = rng.standard_normal((6, d)) * (rng.random((6, d)) < 0.6)
    W[np.flatnonzero(~W.any(axis=1)), 0] = 1.0
    network = ReLUNetwork(
        W, rng.standard_normal(6), rng.standard_normal(6), rng.standard_normal(d), rng.standard_normal()
    )
    X = rng.standard_normal((50, d))
    text = network.describe(digits=17, X=X if with_data else None)
    assert np.allclose([from_sentences(text, x) for x in X], network(X), rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_four_digits_are_enough_where_columns_are_far_from_zero(seed):
    """Time stamps, pascal, years and a column near zero: within 1 % of the spread of the function at the rows."""
    rng = np.random.default_rng(seed)
    centre, spread = np.array([1.6e9, 101325.0, 2007.4, 0.3, -5e4]), np.array([30.0, 40.0, 4.0, 1.0, 7.0])
    Z = rng.uniform(-1, 1, (200, 5))
    W = rng.standard_normal((5, 5)) * (rng.random((5, 5)) < 0.4)
    W[np.flatnonzero(~W.any(axis=1)), 0] = 1.0
    A = rng.standard_normal(5)
    V, b = rng.standard_normal(5), 0.4 * rng.standard_normal(5)
    in_units = ReLUNetwork(W / spread, b - (W / spread) @ centre, V, A / spread, 1.0 - (A / spread) @ centre)
    X = centre + spread * Z
    text = in_units.describe(X=X)
    read = np.array([from_sentences(text, x) for x in X])
    assert np.abs(read - in_units(X)).max() <= 1e-2 * np.ptp(in_units(X))
    assert max(map(len, re.findall(r"\d\S*", text))) < 15


@given(networks(d=1, m=1), st.floats(-5, 5))
def test_the_table_of_segments_is_the_function(network, x):
    for X in (None, [-3.0, 4.0]):
        text = network.describe(["x0"], digits=17, X=X)
        assert from_table(text, x) == pytest.approx(network([x])[0], rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(("centre", "spread"), [(0.0, 1.0), (101325.0, 40.0), (1.6e9, 30.0), (-2007.4, 4.0)])
@pytest.mark.parametrize("with_data", [True, False])
def test_four_digits_of_the_spread_place_the_knots_of_a_column_with_an_offset(centre, spread, with_data):
    x = centre + spread * np.linspace(-1, 1, 200)
    y = 5000 + np.sin(4 * (x - centre) / spread)
    network = approximate(x, y, tolerance=0.1).network
    text = network.describe(X=x if with_data else None)
    assert np.abs([from_table(text, a) for a in x] - network(x)).max() <= 0.01
    assert text.count("\n") == network.n_neurons + 2


def test_the_slopes_of_a_rising_calibration_table_rise():
    """Where 0.1.0 said that temperature falls by 400 °C per mV, which was the change of the slope."""
    emf = np.linspace(-6, 50, 300)
    temperature = 25 * emf + 40 * np.exp(-(emf + 6))  # falls, then rises
    solution = approximate(emf, temperature, tolerance=0.5)
    rows = solution.network.describe(["emf"], outputs=["T"], X=emf).split("\n")[2:]
    slopes = np.array([float(row.split()[2]) for row in rows])
    np.testing.assert_allclose(slopes, solution.function.slopes, rtol=1e-3)
    assert slopes[0] < 0 < slopes[-1]


def test_names_and_units_stand_where_they_belong():
    network = ReLUNetwork([[-2.0]], [6.0], [[1.0, 0.0]], [[0.0, 1.0]], [0.5, 0.0])
    assert network.describe(["t"], {"t": "s", "v": "m"}, ["v", "w"]) == (
        "v in m against t in s: 2 straight segments, the first and the last go on\n"
        "from   to  slope m per s  v at the start\n"
        "-inf    3             -2\n"
        "   3  inf              0             0.5\n"
        "\n"
        "w = t"
    )
    network = ReLUNetwork([[-2.0, 0.0], [0.0, 0.0], [4.0, 2.0]], [6.0, 3.0, 2.0], [[1.0, 0.0], [1.0, 2.0], [0.5, -1.0]])
    assert network.describe(["t", "u"], {"t": "s", "v": "m"}, ["v", "w"]) == (
        "v = 0 m\n"
        "w = 0\n"
        "On top of that:\n"
        "1. Below t = 3 s, the slope of v in t changes by -2 m per s.\n"
        "2. Everywhere, 3 m is added to v and 6 to w.\n"
        "3. Where t + 0.5 u > -0.5, 2 m is added to v and -4 to w for each unit above -0.5."
    )


def test_columns_of_a_frame_name_the_inputs():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"age": [1.0, 2.0], "dose": [5.0, 6.0]})
    assert "age = 2" in ReLUNetwork([[1.0, 0.0]], [-2.0], [1.0]).describe(X=X)
    assert "years = 2" in ReLUNetwork([[1.0, 0.0]], [-2.0], [1.0]).describe(["years", "dose"], X=X)


def test_a_knot_at_zero_has_no_sign():
    network = ReLUNetwork([[1.0, 0.0], [-1.0, 0.0], [1.0, -1.0]], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert "-0" not in network.describe()
    assert "Above x0 = 0, the slope of f in x0 changes by +1" in network.describe()


def test_constant_neurons_are_part_of_the_intercept_on_the_line():
    assert ReLUNetwork([[0.0]], [2.0], [3.0]).describe() == "f = 6"


def test_control_characters_of_names_are_escaped():
    assert ReLUNetwork([[0.0, 0.0]], [0.0], [0.0], [1.0, 0.0]).describe(["a\n\x1b", "b"]) == r"f = a\n\x1b"


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
        ({"X": [[1.0], [2.0]]}, "X must have 2 columns, got an array of shape (2, 1)"),
        ({"X": [1.0, 2.0]}, "X must have 2 columns, got an array of shape (2,)"),
    ],
)
def test_what_is_no_name_unit_or_number_of_digits_is_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ReLUNetwork([[1.0, 2.0]], [0.0], [1.0]).describe(**options)
