"""The page as readers meet it, in a real browser: it draws, moves, prints, and computes what Python computes."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from browser import Browser, program
from reluctant import SparseReLUClassifier, SparseReLURegressor, approximate, error_path, interpolate, p_path
from reluctant.report import write_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(program() is None, reason="there is no chromium; apt-get install chromium"),
]

THERMOCOUPLE = Path(__file__).parents[2] / "examples" / "thermocouple_type_k.csv"
X = np.arange(10.0)
Y = np.concatenate([[0], np.cumsum(np.cumsum([0, 0.01, 1.1, 6.5, 4.6, 2.5, 0.1, 1.2, 0.8]))])
NAMES = {"names": ["emf_mv"], "outputs": ["temperature_c"], "units": {"emf_mv": "mV", "temperature_c": "°C"}}


def thermocouple():
    return np.loadtxt(THERMOCOUPLE, delimiter=",", skiprows=1).T[::-1]


def tables():
    """Models of every view with their rows: on the line, on the plane, of classes, of many inputs."""
    rng = np.random.default_rng(0)
    x, y = thermocouple()
    yield "thermocouple", approximate(x, y, tolerance=0.5), x, y, {"tolerance": 0.5, **NAMES}
    yield "exact", interpolate(X, Y), X, Y, {"names": ["</script>"], "outputs": ["<script>alert(1)</script>\u2028"]}
    yield "single", approximate([1.0], [2.0], tolerance=0.5), [1.0], [2.0], {}
    yield "repeated", approximate([0, 1, 1, 2], [0, 1, 2, 0], tolerance=1), [0, 1, 1, 2], [0, 1, 2, 0], {}
    far = np.array([1e16, 1e16 + 2, 1e16 + 4, 1e16 + 6])
    yield "far", interpolate(far, [0, 1, 0, 1]), far, [0, 1, 0, 1], {"names": ["a very long name of a column " * 3]}
    huge = [1e300, -1e300, 1e300, 5e299]
    yield "huge", interpolate([0, 1, 2, 3], huge), [0, 1, 2, 3], huge, {}
    yield "flat", interpolate([0, 1, 2], [5, 5, 5]), [0, 1, 2], [5, 5, 5], {}
    rows = rng.uniform(-1, 1, (200, 4))
    values = np.maximum(rows[:, 0] + rows[:, 1], 0) - 2 * np.maximum(rows[:, 1] - 0.3, 0)
    noisy = values + 0.02 * rng.standard_normal(len(rows))
    yield (
        "plane",
        SparseReLURegressor(max_neurons=3, random_state=0, time_limit=2).fit(rows[:, :2], noisy),
        rows[:, :2],
        noisy,
        {},
    )
    three = values + np.maximum(rows[:, 3], 0)
    yield "inputs", SparseReLURegressor(max_neurons=4, random_state=0, time_limit=2).fit(rows, three), rows, three, {}
    labels = np.where(np.hypot(rows[:, 0], rows[:, 1]) < 0.6, "in</script>", "out")
    yield (
        "classes",
        SparseReLUClassifier(max_neurons=4, random_state=0, time_limit=2).fit(rows[:, :2], labels),
        rows[:, :2],
        labels,
        {},
    )
    thirds = np.digitize(rows[:, 0], [-0.3, 0.3])
    yield (
        "three classes",
        SparseReLUClassifier(max_neurons=4, random_state=0, time_limit=2).fit(rows[:, :1], thirds),
        rows[:, :1],
        thirds,
        {},
    )
    counts = rng.poisson(np.exp(values + 1.0))
    for name, used in (("counts of one input", 1), ("counts of two", 2)):
        model = SparseReLURegressor(loss="poisson", max_neurons=2, random_state=0, time_limit=2)
        yield name, model.fit(rows[:, :used], counts), rows[:, :used], counts, {}
    both = np.column_stack([values, three])
    yield "outputs", SparseReLURegressor(max_neurons=3, random_state=0, time_limit=2).fit(rows, both), rows, both, {}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pages")
    found = {}
    for name, model, rows, values, options in tables():
        path = write_page(model, rows, values, directory / f"{name}.html", **options)
        found[name] = (path.as_uri(), model, rows, values)
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed), dtype="<f8")


def set_value(browser, field, value):
    browser.run(
        f"(() => {{ const field = document.getElementById('{field}'); field.value = {value!r}; "
        "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    browser.settle()


def text(browser, place):
    return browser.run(f"document.getElementById('{place}').textContent")


def curve(browser, place):
    return browser.run(f"document.querySelector('#{place} .curve').getAttribute('d')")


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_is_drawn_without_a_complaint_and_no_wider_than_the_window(pages, browser, width, dark):
    for name, (address, *_) in pages.items():
        browser.complaints.clear()
        browser.requests.clear()
        browser.dark(dark)
        browser.open(address, width, 800)
        assert browser.complaints == [], name
        assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == [], name
        assert browser.run("document.documentElement.scrollWidth") == width, name
        empty = "[...document.querySelectorAll('.chart')].filter(c => !c.querySelector('svg')).map(c => c.id)"
        assert browser.run(empty) == [], name
        faulty = "e => [...e.attributes].some(a => /NaN|Infinity|undefined/.test(a.value))"
        attributes = f"[...document.querySelectorAll('svg *')].filter({faulty}).length"
        assert browser.run(attributes) == 0, name
        outside = (
            "[...document.querySelectorAll('svg text')].filter(t => { const b = t.getBoundingClientRect(); "
            "return b.width && (b.left < -1 || b.right > innerWidth + 1); }).map(t => t.textContent)"
        )
        assert browser.run(outside) == [], name


def test_the_page_computes_what_python_computes(pages, browser):
    rng = np.random.default_rng(2)
    for name, (address, model, rows, _) in pages.items():
        browser.open(address)
        rows = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
        at = rows[rng.integers(0, len(rows), 50)] + rng.normal(0, 0.1, (50, rows.shape[1]))
        one = rows.shape[1] == 1 and name != "three classes"
        given = (at[:, 0] if one else at).tolist()
        found = np.array(browser.run(f"{given}.map(x => report.predict(x))"))
        expected = model.decision_function(at) if hasattr(model, "classes_") else model.predict(at)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-9, atol=1e-9 * scale, err_msg=name)
        if hasattr(model, "function"):
            np.testing.assert_array_equal(found, expected)


def test_the_slider_of_tolerances_shows_the_fit_of_fewest_neurons(pages, browser):
    address, *_ = pages["thermocouple"]
    x, y = thermocouple()
    path = error_path(x, y, max_neurons=80)
    browser.open(address)
    before = curve(browser, "function-chart")
    curves = {before}
    for tolerance in (30.0, 2.0, 0.5, 0.1, float(path.errors[20])):
        set_value(browser, "tolerance-number", str(tolerance))
        k = int(np.argmax(path.errors <= tolerance * (1 + 1e-9)))
        assert k == approximate(x, y, tolerance=tolerance).n_neurons
        assert f"{k} neuron{'s' * (k != 1)}, the fewest within" in text(browser, "tolerance-said")
        at = np.linspace(-6, 54, 101)
        shown = browser.run(f"{at.tolist()}.map(report.current().at)")
        np.testing.assert_array_equal(shown, path.solution(k).predict(at))
        curves.add(curve(browser, "function-chart"))
    assert len(curves) >= 5  # the fit of so many neurons within 0.5 may look like the chosen one
    browser.run("document.getElementById('tolerance').focus()")
    said = text(browser, "tolerance-said")
    for _ in range(60):
        browser.press("ArrowRight", 39)
    assert text(browser, "tolerance-said") != said
    assert browser.run("document.getElementById('tolerance').getAttribute('aria-valuetext')") == text(
        browser, "tolerance-said"
    )
    browser.run("document.getElementById('tolerance-chosen').click()")
    browser.settle()
    assert curve(browser, "function-chart") == before


def test_a_fit_that_the_page_does_not_hold_is_found_by_it(pages, browser):
    browser.open(pages["thermocouple"][0])
    x, y = thermocouple()
    for tolerance in (0.02, 0.01, 0.005):
        set_value(browser, "tolerance-number", str(tolerance))
        said = text(browser, "tolerance-said")
        k = approximate(x, y, tolerance=tolerance).n_neurons
        assert f"{k} neurons, the fewest, within {tolerance} °C" in said
        shown = browser.run(f"{x.tolist()}.map(report.current().at)")
        assert np.abs(np.array(shown) - y).max() <= tolerance * (1 + 1e-6)
    assert not browser.complaints


def test_a_fit_of_a_table_that_is_thinned_is_answered_by_its_number_of_neurons(browser, tmp_path):
    x = np.arange(6000.0)
    y = np.random.default_rng(0).standard_normal(6000).cumsum()
    write_page(approximate(x, y, tolerance=20.0), x, y, tmp_path / "long.html")
    browser.open((tmp_path / "long.html").as_uri())
    set_value(browser, "tolerance-number", "1")
    assert "more than 64 neurons" in text(browser, "tolerance-said")
    assert "The slider ends with the fit of" in text(browser, "function-caption")
    assert "p-title" in browser.run("document.body.innerHTML")  # exact fits are there for 6,000 rows


def test_the_slider_of_p_shows_the_exact_fit_and_its_path_norm(pages, browser):
    browser.open(pages["exact"][0])
    path = p_path(X, Y)
    curves = set()
    for step in (100, 500, 950):
        set_value(browser, "p", str(step))
        solution = path.solution(step / 1000)
        said = re.fullmatch(r"p = (\S+): (\d+) neurons, path norm (\S+)\.", text(browser, "p-said"))
        assert int(said[2]) == solution.n_neurons
        assert float(said[3]) == pytest.approx(solution.value, rel=1e-5)
        values = numbers(browser.run("report.page.pPath.values"))
        assert values[step - 1] == pytest.approx(solution.value, rel=1e-9)
        corners = browser.run("document.querySelectorAll('#p-fit-chart .ring').length")
        assert corners == solution.n_neurons
        curves.add(curve(browser, "p-fit-chart"))
    assert len(curves) >= 2
    assert f"p* = {path.critical_p:.4g}" in text(browser, "p-chart")


def test_a_value_is_read_off_by_hand(pages, browser):
    address, model, *_ = pages["thermocouple"]
    browser.open(address)
    set_value(browser, "at", "12.5")
    shown = float(text(browser, "at-value").removeprefix("→ ").removesuffix(" °C"))
    assert shown == pytest.approx(float(model.predict([12.5])[0]), rel=1e-9)


def test_every_page_prints_on_two_pages(pages, browser):
    for name, (address, *_) in pages.items():
        browser.open(address)
        pdf = browser.printed()
        assert max(map(int, re.findall(rb"/Count (\d+)", pdf))) <= 2, name


def test_the_keyboard_reaches_everything_in_reading_order(pages, browser):
    browser.open(pages["thermocouple"][0])
    order = []
    for _ in range(14):
        browser.press("Tab", 9)
        order.append(browser.run("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 20)"))
    expected = ["Skip to the report", "tolerance", "tolerance-number", "tolerance-chosen", "at"]
    assert order[:5] == expected
    tops = browser.run(
        "[...document.querySelectorAll('input,button,summary,[tabindex=\"0\"]')].filter(e => e.offsetParent)"
        ".map(e => e.getBoundingClientRect().top)"
    )
    assert all(later >= earlier - 60 for earlier, later in pairwise(tops))


def test_screen_readers_hear_names_of_all_controls_and_figures(pages, browser):
    for name, (address, *_) in pages.items():
        browser.open(address)
        browser.send("Accessibility.enable")
        nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
        for node in nodes:
            role = node.get("role", {}).get("value")
            if (
                role in ("slider", "spinbutton", "button", "combobox", "image", "table", "region")
                and not node["ignored"]
            ):
                assert node.get("name", {}).get("value"), (name, role)


def test_code_is_copied_as_it_stands(pages, browser):
    browser.open(pages["thermocouple"][0])
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    source = text(browser, "code-2")
    module = {}
    exec(source, module)
    _, model, *_ = pages["thermocouple"]
    assert module["temperature_c_from_emf_mv"](12.5) == model.predict([12.5])[0]
    browser.run("document.querySelector('[data-copies=code-2]').click()")
    browser.run("new Promise(done => setTimeout(done, 200))")
    assert text(browser, "copied") == "Copied"
