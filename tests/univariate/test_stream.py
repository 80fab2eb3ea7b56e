"""`LinkStream` against the sweep over the whole table, bit for bit, in whatever pieces the rows come."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import exact_sweep
from reluctant import LinkStream, PiecewiseLinear, approximate
from reluctant.errors import TooSteepError
from reluctant.univariate import _stream
from reluctant.univariate._sweep import links_within
from univariate.strategies import GENERATORS, tables


def streamed(x, y, tolerance, sizes, between="rows"):
    """The function of a stream pushed in pieces of the given sizes, over and over, and the most points it kept."""
    stream, parts, i, kept = LinkStream(tolerance, between), [], 0, 0
    while i < len(x):
        size = sizes[len(parts) % len(sizes)]
        parts.append(stream.push(x[i : i + size], y[i : i + size]))
        i += size
        kept = max(kept, stream.n_kept)
    parts.append(stream.finish())
    assert stream.n_links == sum(len(part.slopes) for part in parts)
    return PiecewiseLinear.joined(parts), kept


def assert_equals_the_sweep(x, y, tolerance, sizes):
    f, _ = streamed(x, y, tolerance, sizes)
    lo, hi = y - tolerance, y + tolerance
    knots, anchors, slopes = links_within(x, lo, hi, along_lines=False)[:3]
    if len(knots):
        np.testing.assert_array_equal(f.knots, knots)
        np.testing.assert_array_equal(f.anchors, anchors)
        np.testing.assert_array_equal(f.slopes, slopes)
    else:  # the middle row of a stream is not known, so the link has another anchor
        assert f.n_knots == 0
        whole = PiecewiseLinear(knots, anchors, slopes)(x)
        np.testing.assert_allclose(f(x), whole, rtol=0, atol=1e-14 * (np.abs(y).max() + tolerance))


CHUNKS = st.lists(st.integers(1, 7), min_size=1, max_size=5)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(data=tables(max_points=40), factor=st.integers(1, 8), sizes=CHUNKS)
def test_a_stream_in_any_pieces_equals_the_sweep_in_any_unit(data, factor, sizes):
    tolerance = float(max(max(abs(y) for y in data.exact_y) / 8 * factor, Fraction(1, 10**120)))
    assert_equals_the_sweep(data.x, data.y, tolerance, sizes)


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_stream_along_lines_has_the_links_of_the_whole_table(kind):
    rng = np.random.default_rng(46)
    for _ in range(10):
        data = GENERATORS[kind](rng, 300)
        tolerance = float(np.ptp(data.y) * rng.uniform(0.002, 0.2)) or 1.0
        f, _ = streamed(data.x, data.y, tolerance, rng.integers(1, 9, 5), "lines")
        knots, anchors, slopes, _ = links_within(data.x, data.y - tolerance, data.y + tolerance, along_lines=True)
        np.testing.assert_array_equal(f.knots, knots)
        if len(knots):
            np.testing.assert_array_equal(f.anchors, anchors)
            np.testing.assert_array_equal(f.slopes, slopes)
        whole = approximate(data.x, data.y, tolerance=tolerance, between="lines", rtol=0.0)
        assert f.n_knots == whole.certificate.lower_bound


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_stream_has_the_fewest_links_by_exact_arithmetic(kind):
    rng = np.random.default_rng(40)
    for _ in range(10):
        data = GENERATORS[kind](rng, int(rng.integers(2, 40)))
        tolerance = float(np.ptp(data.y) * rng.uniform(0.01, 0.4)) or 1.0
        f, _ = streamed(data.x, data.y, tolerance, [int(rng.integers(1, 6))])
        lo, hi = ([Fraction(float(b)) for b in data.y + side * tolerance] for side in (-1, 1))
        assert f.n_knots == exact_sweep([Fraction(float(v)) for v in data.x], lo, hi)
        slack = 2.0**-46 * (np.abs(data.y).max() + tolerance)
        assert np.abs(f(data.x) - data.y).max() <= tolerance + slack


def large(name, n, rng):
    x = np.cumsum(rng.integers(1, 4, n)).astype(float)
    y = {
        "walk": np.cumsum(rng.normal(size=n)),
        "steps": np.cumsum(rng.integers(-1, 2, n)).astype(float),
        "convex": (x / x[-1]) ** 2 * n,
        "sine": n * np.sin(x * (8 * np.pi / x[-1])),
        "noise": rng.normal(size=n),
    }[name]
    return x, y


@pytest.mark.parametrize("name", ["walk", "steps", "convex", "sine", "noise"])
def test_long_streams_equal_the_sweep_and_approximate(name):
    """Long enough for chunks, forgetting and growing hulls."""
    rng = np.random.default_rng(41)
    x, y = large(name, 40_000, rng)
    for tolerance in (0.5, 4.0, 50.0):
        assert_equals_the_sweep(x, y, tolerance, [1, 3000, 17, 20_000])
        f, _ = streamed(x, y, tolerance, [12_345])
        batch = approximate(x, y, tolerance=tolerance, rtol=0)
        assert f.n_knots == batch.certificate.lower_bound
        if batch.n_neurons == f.n_knots:
            np.testing.assert_allclose(f(x), batch.predict(x), rtol=0, atol=1e-9 * np.abs(y).max())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_thousands_of_streams_equal_the_sweep(seed):
    rng = np.random.default_rng(seed)
    for _ in range(100):
        x, y = large(("walk", "steps", "convex", "sine", "noise")[rng.integers(5)], int(rng.integers(2, 900)), rng)
        y = y + rng.choice([0.0, 1e9])
        tolerance = float(rng.choice([0.5, 1.0, 3.0, 0.3, 20.0]))
        assert_equals_the_sweep(x, y, tolerance, rng.integers(1, 90, 4).tolist())


@pytest.mark.parametrize(("name", "tolerance"), [("walk", 1.0), ("walk", 100.0), ("steps", 2.0), ("noise", 10.0)])
def test_memory_does_not_grow_with_the_stream(name, tolerance):
    rng = np.random.default_rng(42)
    stream, buffers = LinkStream(tolerance), []
    last_x = last_y = 0.0
    for _ in range(60):
        x, y = large(name, 2000, rng)
        stream.push(x + last_x, y + last_y)
        last_x += x[-1]
        last_y += y[-1] if name in ("walk", "steps") else 0.0
        buffers.append(stream._lows.size + stream._highs.size)
    assert stream.n_kept < 2 * 2000 + 200
    assert max(buffers[10:]) <= 2 * max(buffers[:10])
    # Row by row nothing but the hulls and as many points again is kept.
    kept = 0
    for i in range(4000):
        stream.push(last_x + 1.0 + i, last_y + float(rng.normal()))
        kept = max(kept, stream.n_kept) if i > 3000 else 0
    assert kept < 400


def test_links_come_out_as_soon_as_they_are_final():
    x = np.arange(60.0)
    y = np.abs((x % 20) - 10.0)
    stream = LinkStream(0.25)
    counts = [len(stream.push(a, b).slopes) for a, b in zip(x, y)]
    whole = approximate(x, y, tolerance=0.25, rtol=0)
    out = np.flatnonzero(counts)
    # A link is final once the next one is ended: a row or two after the corner at which that happens.
    assert sum(counts) == whole.n_neurons + 1 - 2
    assert all(0 <= row - 10 * (k + 2) <= 2 for k, row in enumerate(out))
    last = stream.finish()
    assert (len(last.slopes), len(last.knots)) == (2, 1)


def interpret(monkeypatch):
    """Run the loops of the stream as plain Python, so that a part of them can be broken."""
    for name, loop in list(vars(_stream).items()):
        if hasattr(loop, "py_func"):
            monkeypatch.setattr(_stream, name, loop.py_func)


def test_a_restart_that_forgets_where_it_began_is_caught(monkeypatch):
    """A broken variant: after a failure the new link starts at the failing row, with no bounds before it."""

    def emptied(hull, size, x, y):
        return 0

    rows = {"x": np.arange(30.0), "y": np.abs((np.arange(30.0) % 10) - 5.0) + 0.1 * (np.arange(30.0) % 3)}
    right, _ = streamed(rows["x"], rows["y"], 0.25, [30])
    interpret(monkeypatch)
    monkeypatch.setattr(_stream, "_keep_from", emptied)
    try:
        wrong, _ = streamed(rows["x"], rows["y"], 0.25, [30])
    except (TooSteepError, ValueError):
        return
    assert wrong.n_knots != right.n_knots or not np.array_equal(wrong.knots, right.knots)


def test_rows_that_wait_and_are_not_entered_are_caught(monkeypatch):
    """A broken variant: rows that no line can touch stay out of the hulls for good."""
    y = np.cumsum(np.random.default_rng(0).normal(size=400))
    right, _ = streamed(np.arange(400.0), y, 3.0, [400])
    interpret(monkeypatch)
    monkeypatch.setattr(_stream, "_completed", lambda hull, head, size, *rest: (head, size))
    try:
        wrong, _ = streamed(np.arange(400.0), y, 3.0, [400])
    except (TooSteepError, ValueError):
        return
    assert not np.array_equal(wrong.knots, right.knots)


def refused(message, *pushes, tolerance=1.0):
    stream = LinkStream(tolerance)
    for x, y in pushes[:-1]:
        stream.push(x, y)
    before = stream.n_rows, stream.n_kept
    with pytest.raises(ValueError, match=message):
        stream.push(*pushes[-1])
    assert (stream.n_rows, stream.n_kept) == before
    return stream


def test_bad_rows_are_named_and_leave_the_stream_as_it_was():
    first = ([0.0, 1.0, 2.0], [0.0, 0.0, 0.0])
    refused(r"x must increase, but x = 2\.0 at row 4 comes after x = 3\.0; sort", first, ([3.0, 2.0], [0.0, 0.0]))
    refused(r"x must increase, but x = 2\.0 at row 3 comes after x = 2\.0", first, (2.0, 0.0))
    refused("x has NaN at row 3", first, (np.nan, 0.0))
    refused("y has an infinite value at row 4; leave that row out", first, ([3.0, 4.0], [0.0, np.inf]))
    refused("two columns of one length", first, ([3.0, 4.0], [0.0]))
    refused("y has the text", first, ([3.0], ["a"]))
    refused("beyond float64 at row 3", first, (3.0, 1.7e308), tolerance=1e308)
    stream = refused("x has NaN at row 3", first, (np.nan, 0.0))
    stream.push(3.0, 0.0)
    assert PiecewiseLinear.joined([stream.finish()]).n_knots == 0
    for use in (lambda: stream.push(9.0, 0.0), stream.finish):
        with pytest.raises(ValueError, match="the stream is finished; begin a new"):
            use()


def test_bad_tolerances_and_empty_streams_are_refused():
    for tolerance in (0.0, -1.0, np.inf, None):
        with pytest.raises(ValueError, match="tolerance must be"):
            LinkStream(tolerance)
    stream = LinkStream(1.0)
    assert len(stream.push([], []).slopes) == 0
    with pytest.raises(ValueError, match="no rows; push at least one"):
        stream.finish()
    stream.push(7, 8)
    np.testing.assert_array_equal(PiecewiseLinear.joined([stream.finish()])([0, 7]), [8, 8])


def test_rows_of_the_caller_stay_as_they_are():
    x, y = np.arange(5.0), np.zeros(5)
    x.flags.writeable = y.flags.writeable = False
    stream = LinkStream(1.0)
    stream.push(x, y)
    stream.push(np.arange(20.0)[10::2], [0, 1, 0, 1, 0])
    assert "10 rows within 1" in repr(stream)
