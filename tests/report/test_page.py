"""The page as a file: one document, every text escaped, every number in it exact."""

from __future__ import annotations

import base64
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars
import pytest

from reluctant import ReLUNetwork, SparseReLURegressor, approximate, error_path, interpolate, p_path
from reluctant.model.clip import Clip
from reluctant.report import render_page, write_page

THERMOCOUPLE = Path(__file__).parents[2] / "examples" / "thermocouple_type_k.csv"
X = np.arange(10.0)
Y = np.concatenate([[0], np.cumsum(np.cumsum([0, 0.01, 1.1, 6.5, 4.6, 2.5, 0.1, 1.2, 0.8]))])
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><b>",
    "\"quoted\" 'name' &amp;",
    "two\u2028lines\u202e",
    "{{ 7 * 7 }}",
]


class Document(HTMLParser):
    """What a page holds: elements with their attributes, text by element, contents of scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.text, self.scripts = [], [], {}, []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def contents(self):
        return json.loads(self.scripts[0])


def numbers(text):
    return np.frombuffer(base64.b64decode(text), dtype="<f8")


def thermocouple():
    return np.loadtxt(THERMOCOUPLE, delimiter=",", skiprows=1).T[::-1]


@pytest.fixture(scope="module")
def of_the_thermocouple():
    x, y = thermocouple()
    solution = approximate(x, y, tolerance=0.5)
    names = {"names": ["emf_mv"], "outputs": ["temperature_c"], "units": {"emf_mv": "mV", "temperature_c": "°C"}}
    return solution, render_page(solution, x, y, tolerance=0.5, **names)


def test_a_page_of_1643_rows_is_one_small_file_that_asks_for_nothing(of_the_thermocouple):
    _, page = of_the_thermocouple
    document = Document(page)
    assert len(page.encode()) < 400_000
    addresses = [
        a.get(k) for _, a in document.elements for k in ("src", "href", "action", "srcset", "data") if a.get(k)
    ]
    assert set(addresses) == {"data:,", "#main"}
    policy = document.of("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert len(document.scripts) == 2
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_the_head_says_what_was_found_and_what_is_proved(of_the_thermocouple):
    _, page = of_the_thermocouple
    text = Document(page).text["p"]
    assert "15 neurons stay within 0.5 °C of each of 1,643 rows." in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "No network with fewer neurons does so: this is proved, for these very rows." in text


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (interpolate(X, Y), "No network with fewer neurons does so: this is proved"),
        (interpolate(X, Y, p=0.5), "No network with a smaller path norm does so: this is proved"),
        (
            approximate(X, Y, max_neurons=2),
            "No network with so many neurons has a smaller largest error: this is proved",
        ),
        (ReLUNetwork([[1.0]], [0.0], [2.0]), "this model carries no certificate"),
    ],
)
def test_proved_is_said_only_where_a_bound_is_met(model, said):
    page = render_page(model, X, Y)
    assert said in page
    assert ("claim proved" in page) == ("is proved" in said)


def test_a_bound_that_is_not_met_is_told_as_open():
    met = approximate(X, Y, tolerance=0.5)
    open_ = met.replace(certificate=type(met.certificate)("neurons", met.n_neurons - 1, "proved", "a count"))
    page = render_page(open_, X, Y)
    assert "Whether so little is enough is open." in page
    assert "claim proved" not in page


@pytest.mark.parametrize("name", HOSTILE)
def test_names_and_units_are_text_wherever_they_stand(name):
    solution = approximate(X, Y, tolerance=0.5)
    page = render_page(solution, X, Y, names=[name], outputs=[f"{name}!"], units={name: f"{name}?"})
    document = Document(page)
    plain = Document(render_page(solution, X, Y, names=["a"], outputs=["b"], units={"a": "c"}))
    assert [tag for tag, _ in document.elements] == [tag for tag, _ in plain.elements]
    assert document.contents["inputs"][0]["name"] == name
    assert document.text["bdi"] == f"{name}! from {name}"
    assert page.count("<script") == 2
    assert page.count("</script") == 2


def test_class_labels_are_text_too():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (60, 2))
    labels = np.where(rows[:, 0] > 0, HOSTILE[1], HOSTILE[0])
    network = ReLUNetwork([[1.0, 0.2]], [0.0], [9.0], intercept=-1.0)
    model = SimpleNamespace(network_=network, clip_=Clip.nowhere(2), classes_=np.unique(labels))
    page = render_page(model, rows, labels)
    document = Document(page)
    assert page.count("<script") == page.count("</script") == 2
    assert document.contents["classes"] == sorted(HOSTILE[:2])
    assert document.contents["view"] == "plane"
    np.testing.assert_array_equal(numbers(document.contents["targets"][0]), labels == max(HOSTILE[:2]))
    with pytest.raises(ValueError, match=r"y has 'other' at row 0, no class of the model; give rows of its classes"):
        render_page(model, rows, np.where(labels == labels[0], "other", labels))


def test_rows_and_the_chosen_function_stand_in_the_page_exactly(of_the_thermocouple):
    solution, page = of_the_thermocouple
    contents = Document(page).contents
    x, y = thermocouple()
    order = np.argsort(x, kind="stable")
    np.testing.assert_array_equal(numbers(contents["columns"][0]), x[order])
    np.testing.assert_array_equal(numbers(contents["targets"][0]), y[order])
    np.testing.assert_array_equal(numbers(contents["links"]["knots"]), solution.function.knots)
    np.testing.assert_array_equal(numbers(contents["links"]["slopes"]), solution.function.slopes)
    assert contents["largest"] == solution.max_error
    between = np.abs(numbers(contents["between"]["difference"])).max()
    assert max(between, solution.max_error) == pytest.approx(solution.max_error_between, rel=1e-12)
    assert sum(contents["histogram"][0]["counts"]) == len(x)


def test_the_fits_of_every_tolerance_are_those_of_the_path_of_errors(of_the_thermocouple):
    _, page = of_the_thermocouple
    held = Document(page).contents["errorPath"]
    path = error_path(*thermocouple(), max_neurons=40)
    np.testing.assert_array_equal(numbers(held["errors"])[:41], path.errors)
    assert len(held["functions"]) > 60
    for k in (0, 7, 40):
        function = path.solution(k).function
        np.testing.assert_array_equal(numbers(held["functions"][k]["knots"]), function.knots)
        np.testing.assert_array_equal(numbers(held["functions"][k]["y"]), function.anchors[1])


def test_the_fits_of_every_p_are_those_of_the_path_in_p():
    held = Document(render_page(interpolate(X, Y), X, Y)).contents["pPath"]
    path = p_path(X, Y)
    assert held["critical"] == path.critical_p
    np.testing.assert_array_equal(numbers(held["breakpoints"]), path.breakpoints)
    values = numbers(held["values"])
    for step in (1, 250, 279, 500, 916, 917, 999):
        solution = path.solution(step / held["steps"])
        assert values[step - 1] == pytest.approx(solution.value, rel=1e-12)
        piece = np.searchsorted(path.breakpoints, step / held["steps"], side="right")
        assert held["neurons"][piece] == solution.n_neurons
        line = held["polylines"][held["of"][piece]]
        np.testing.assert_array_equal(numbers(line["x"])[1:-1], solution.function.knots)
        np.testing.assert_array_equal(numbers(line["y"])[1:-1], solution.function.values)


def test_what_no_fit_can_pass_through_has_no_path_in_p():
    page = render_page(approximate([0, 1, 1, 2], [0, 1, 2, 0], tolerance=1), [0, 1, 1, 2], [0, 1, 2, 0])
    assert Document(page).contents["pPath"] is None
    assert "Exact fits" not in page


def test_every_figure_field_and_table_has_a_label(of_the_thermocouple):
    _, page = of_the_thermocouple
    document = Document(page)
    ids = {a["id"] for _, a in document.elements if "id" in a}
    labels = {a.get("for") for a in document.of("label")}
    for tag, attributes in document.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(key, "").split()) <= ids, (tag, attributes)
        if attributes.get("role") in ("img", "region") or tag == "table":
            assert attributes.get("aria-labelledby") or attributes.get("aria-label"), (tag, attributes)
        if tag in ("input", "select"):
            assert attributes["id"] in labels
    assert document.of("html") == [{"lang": "en"}]
    assert len(document.of("h1")) == 1


def test_the_code_to_copy_runs(of_the_thermocouple, tmp_path, monkeypatch):
    solution, page = of_the_thermocouple
    monkeypatch.chdir(tmp_path)
    solution.save("temperature_c_from_emf_mv.json")
    sources = re.findall(r"<pre [^>]*><code>(.*?)</code></pre>", page, re.DOTALL)
    loading, alone, javascript, c = map(html.unescape, sources)
    space = {}
    exec(loading + "\npredicted = model.predict([2.5])\n" + alone, space)
    assert space["predicted"][0] == solution.predict([2.5])[0] == space["temperature_c_from_emf_mv"](2.5)
    assert "export function temperature_c_from_emf_mv(x)" in javascript
    assert "double temperature_c_from_emf_mv(double x)" in c


def test_many_rows_are_thinned_to_the_same_picture():
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, 9000)
    y = np.round(np.sin(6 * x) + 0.1 * rng.standard_normal(len(x)), 3)
    page = render_page(ReLUNetwork([[1.0]], [-0.5], [-2.0], [1.0]), x, y)
    contents = Document(page).contents
    shown = numbers(contents["targets"][0])
    assert contents["rows"] == {"shown": len(shown), "of": 9000}
    assert len(shown) < 5000
    assert (shown.min(), shown.max()) == (y.min(), y.max())
    assert sum(contents["histogram"][0]["counts"]) == 9000


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    solution = approximate(X, Y, tolerance=0.5)
    path = write_page(solution, X, Y, tmp_path / "fit.html")
    assert path.read_text(encoding="utf-8") == render_page(solution, X, Y)
    for arguments, message in [
        ({"path": tmp_path / "fit.txt"}, r"the path must end in \.html, got 'fit.txt'"),
        ({"names": ["a", "b"]}, "names must hold 1 names, got 2; give one a column"),
        ({"units": {"z": "m"}}, "units has 'z', which is neither an input nor an output; the inputs are"),
        ({"tolerance": -1.0}, "tolerance must be"),
        ({"y": Y[:-1]}, "x has 10 rows but y has 9"),
        ({"X": np.column_stack([X, X])}, "data must have 1 input and 1 output as the model has, got 2 and 1"),
        ({"model": "model"}, "model must be a Solution"),
    ]:
        given = {"model": solution, "X": X, "y": Y, "path": tmp_path / "other.html"} | arguments
        with pytest.raises(ValueError, match=message):
            write_page(**given)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.html"]


def test_a_column_of_polars_names_the_output():
    x = np.linspace(0, 1, 20)
    solution = approximate(x, x**2, tolerance=0.1)
    assert "<bdi>height from x</bdi>" in render_page(solution, x, polars.Series("height", x**2))
    assert "<bdi>height from x</bdi>" in render_page(solution, x, polars.DataFrame({"height": x**2}))


def test_a_band_kept_with_the_model_is_drawn_about_its_own_rows_alone():
    x = np.linspace(0, 6, 50)
    y = np.sin(x)
    solution = approximate(x, y, bounds=(y - 0.1, y))
    with_band = render_page(solution, x, y)
    assert with_band == render_page(solution, x, y, bounds=(y - 0.1, y))
    assert with_band != render_page(solution.replace(bounds=None), x, y)
    others = y + 5.0
    assert render_page(solution, x, others) == render_page(solution.replace(bounds=None), x, others)


def test_a_page_about_means_draws_them_and_says_that_words_are_logarithms():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, (60, 1))
    y = rng.poisson(np.exp(x[:, 0]))
    model = SparseReLURegressor(loss="poisson", max_neurons=0, random_state=0).fit(x, y)
    page = render_page(model, x, y, outputs=["claims"])
    for said in (
        "The exponential of a straight line alone follows 60 rows",
        "log(mean of claims)",
        "The model predicts the mean, the exponential of this",
        "const exported = model_mean;",
    ):
        assert said in page
    assert 'id="tolerance"' not in page  # no other straight lines are offered beside it
    assert "Exact fits" not in page
    plain = render_page(SparseReLURegressor(max_neurons=0, random_state=0).fit(x, y), x, y, outputs=["claims"])
    assert "log(mean" not in plain
