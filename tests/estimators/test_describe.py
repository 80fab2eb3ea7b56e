"""Estimators in words: the scale that the words are on, and the numbers in them, against predictions."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

from reluctant import SparseReLUClassifier, SparseReLURegressor, load

PLANE = {"max_neurons": 0, "search": "fast", "random_state": 0}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.uniform(20, 80, 200), "shop": rng.choice(["Bonn", "Ulm"], 200)})
    mean = np.exp(0.5 + 0.03 * X["age"] - 0.8 * (X["shop"] == "Ulm"))
    return X, pd.Series(rng.poisson(mean), name="claims")


def affine_in(line, X):
    """What a sentence of the form ``f = 2 + 3 age - shop = Ulm`` has at the rows of X."""
    right = line[line.index(" = ") + 3 :]
    total = np.full(len(X), float(re.match(r"-?[\d.e-]+(?= [+-] )", right).group()))
    for sign, size, name in re.findall(r" ([+-]) ([\d.e-]+ )?(age|shop = Bonn|shop = Ulm)", right):
        values = X["age"] if name == "age" else 1.0 * (X["shop"] == name.split(" = ")[1])
        total += float(sign + (size or "1")) * values
    return total


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_with_a_log_link_the_words_are_the_logarithm_of_the_mean_and_say_so(table, loss):
    X, y = table
    model = SparseReLURegressor(loss=loss, **PLANE).fit(X, y + (loss == "gamma"))
    words = model.describe(X, digits=9)
    assert words.startswith("log(mean of claims) = ")
    assert "predict gives the mean, the exponential of this" in words
    assert_allclose(np.exp(affine_in(words.splitlines()[0], X)), model.predict(X), rtol=5e-3)  # clipped rows


def test_of_two_classes_the_words_are_the_log_odds_of_the_second(table):
    X, y = table
    model = SparseReLUClassifier(**PLANE).fit(X, np.where(y > 5, "many", "few"))
    words = model.describe(digits=9)
    assert words.startswith("log-odds of many = ")
    probability = 1.0 / (1.0 + np.exp(-affine_in(words.splitlines()[0], X)))
    assert_allclose(probability, model.predict_proba(X)[:, 1], atol=5e-3)
    assert "predict_proba gives 1 / (1 + exp(-log-odds))" in words


def test_of_more_classes_each_score_has_its_words(table):
    X, _ = table
    model = SparseReLUClassifier(max_neurons=0, search="fast", random_state=0).fit(X, np.digitize(X["age"], [40, 60]))
    assert re.findall(r"score of (\d) = ", model.describe()) == ["0", "1", "2"]
    assert "probabilities proportional to the exponentials" in model.describe()


def test_other_scales_are_named_too(table):
    X, y = table
    level = SparseReLURegressor(loss="quantile", quantile=0.9, **PLANE).fit(X, y)
    assert level.describe().startswith("0.9 quantile of claims = ")
    plain = SparseReLURegressor(**PLANE).fit(X, y)
    assert plain.describe().startswith("claims = ")
    assert "predict" not in plain.describe()


def test_names_are_those_of_the_table_whatever_it_is_made_of(table):
    X, y = table
    numbers, targets = X[["age"]].assign(size=1.0 * (X["shop"] == "Ulm")), y.to_numpy()
    for rows, name in ((numbers, "age"), (pl.DataFrame(numbers), "age"), (scipy.sparse.csr_array(numbers), "x0")):
        model = SparseReLURegressor(**PLANE).fit(rows, targets)
        assert re.match(rf"y = .*{name}", model.describe(rows, trends=True))
    assert SparseReLURegressor(**PLANE).fit(numbers, np.column_stack([y, y])).describe().startswith("y0 = ")


def test_a_clip_is_told_and_a_loaded_model_says_the_same(table, tmp_path):
    X, y = table
    model = SparseReLURegressor(loss="poisson", **PLANE).fit(X, y)
    model.save(tmp_path / "m.json")
    assert load(tmp_path / "m.json").describe(X) == model.describe(X)
    assert model.describe().endswith("Inputs beyond the bounds of clip_ count as if they lay on them.")
    assert "clip_" not in SparseReLURegressor(alpha=0.1, random_state=0).fit(X, y).describe()
