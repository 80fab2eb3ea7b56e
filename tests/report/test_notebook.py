"""What a notebook shows of estimators."""

import re

import numpy as np
import pandas as pd
import pytest

from reluctant import SparseReLUClassifier, SparseReLURegressor


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"<script>a": rng.uniform(-1, 1, 90), "b & c": rng.choice(["x", "<y>"], 90)})
    return X, np.maximum(X["<script>a"], 0) + (X["b & c"] == "x") + 0.05 * rng.standard_normal(90)


def test_a_fitted_estimator_shows_its_size_the_sizes_compared_and_the_network_with_names_escaped(table):
    model = SparseReLURegressor(max_parameters=6, search="fast", random_state=0)
    assert "parameters" not in model._fitted_html()
    model.fit(*table)
    both = model._repr_mimebundle_()["text/html"], model._repr_html_()
    for html in both:
        own = html[html.index('<div class="reluctant">') :]
        for words in (f"{model.n_parameters_} parameters", "rows left out", "&lt;script&gt;a", "b &amp; c = "):
            assert words in own
        assert re.findall(r"<(?!/)(\w+)", own) == ["div", "p", "svg", "polyline", "circle", *["text"] * 3, "pre"]
    points = np.array([p.split(",") for p in re.search(r'points="([^"]*)"', both[0]).group(1).split()], dtype=float)
    dot = [float(re.search(rf'{c}="([^"]*)"', both[0]).group(1)) for c in ("cx", "cy")]
    assert points[model.path_.chosen].tolist() == dot
    lowest = points[np.argmin(model.path_.validation_loss), 1]  # pixels are rounded: others may lie as low
    assert lowest == points[:, 1].max()


def test_without_cross_validation_or_with_several_outputs_there_is_less_to_show(table):
    X = table[0][["<script>a"]].to_numpy()
    assert "<svg" not in SparseReLURegressor(alpha=0.1).fit(X, table[1])._fitted_html()
    several = SparseReLUClassifier(max_parameters=4, search="fast", random_state=0).fit(X, np.arange(90) % 3)
    assert "<pre" not in several._fitted_html()
    counts = SparseReLURegressor(loss="poisson", alpha=0.1).fit(X, np.round(table[1].clip(0)))
    assert "log(mean of y) = " in counts._fitted_html()
