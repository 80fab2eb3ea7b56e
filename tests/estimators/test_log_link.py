"""Estimators whose network is the logarithm of a mean: predictions, exposures and scores, against other formulas."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.metrics import d2_tweedie_score
from sklearn.model_selection import cross_validate

from reluctant import SparseReLURegressor, load


@pytest.fixture(scope="module")
def claims():
    """Counts over unequal times, and their times."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (240, 2))
    exposure = rng.uniform(0.2, 4.0, 240)
    return X, rng.poisson(exposure * np.exp(0.5 + 2.0 * np.maximum(X[:, 0], 0) - X[:, 1])), exposure


@pytest.fixture
def counted(claims):
    X, y, exposure = claims
    return SparseReLURegressor(loss="poisson", max_parameters=5, random_state=0).fit(X, y, exposure=exposure)


def test_predictions_are_exponentials_of_the_network_and_follow_the_rate(claims, counted):
    X, _, exposure = claims
    mean = np.exp(counted.network_(counted.clip_(X)))
    assert counted.link_ == "log"
    assert_array_equal(counted.predict(X), mean)
    assert_allclose(counted.predict(X, exposure=exposure), mean * exposure, rtol=1e-15)
    true = 0.5 + 2.0 * np.maximum(X[:, 0], 0) - X[:, 1]
    assert counted.n_neurons_ >= 1
    assert np.sqrt(np.mean((counted.network_(X) - true) ** 2)) < 0.1


def test_an_exposure_is_an_offset_of_its_logarithm(claims):
    X, y, exposure = claims
    flat = SparseReLURegressor(loss="poisson", max_neurons=0, random_state=0).fit(X, y, exposure=exposure)
    used = flat.network_.inputs_used
    design = np.column_stack([X[:, used], np.ones(len(X))])

    def deviance(theta):
        f = design @ theta + np.log(exposure)
        return np.mean(np.exp(f) - y * f)

    found = minimize(deviance, np.zeros(design.shape[1]), tol=1e-12).x
    assert_allclose(flat.network_(X), design @ found, atol=5e-3)


@pytest.mark.parametrize(("loss", "power"), [("poisson", 1), ("gamma", 2)])
def test_the_score_is_the_deviance_explained_of_scikit_learn(claims, loss, power):
    X, y, exposure = claims
    y = y + 0.5 * (power == 2)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    model = SparseReLURegressor(loss=loss, alpha=0.05, random_state=0).fit(X, y)
    expected = d2_tweedie_score(y, model.predict(X), sample_weight=weights, power=power)
    assert model.score(X, y, weights) == pytest.approx(expected, rel=1e-9)
    rates, shares = y / exposure, weights * (exposure if power == 1 else 1.0)
    expected = d2_tweedie_score(rates, model.predict(X), sample_weight=shares, power=power)
    assert model.score(X, y, weights, exposure=exposure) == pytest.approx(expected, rel=1e-9)


def test_a_score_of_other_rows_is_refused(claims, counted):
    X, y, _ = claims
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        counted.score(X, y[:-1])


def test_exposures_reach_fits_and_scores_of_a_cross_validation(claims):
    X, y, exposure = claims
    with sklearn.config_context(enable_metadata_routing=True):
        model = SparseReLURegressor(loss="poisson", alpha=0.05, random_state=0)
        model.set_fit_request(exposure=True).set_score_request(exposure=True)
        scores = cross_validate(model, X, y, cv=2, params={"exposure": exposure})["test_score"]
    half = len(X) // 2
    model.fit(X[half:], y[half:], exposure=exposure[half:])
    assert scores[0] == model.score(X[:half], y[:half], exposure=exposure[:half])


def test_a_saved_model_of_means_predicts_means(claims, tmp_path):
    X, y, exposure = claims
    model = SparseReLURegressor(loss="poisson", alpha=0.1, random_state=0).fit(X, y, exposure=exposure)
    model.save(tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert_array_equal(loaded.predict(X, exposure=exposure), model.predict(X, exposure=exposure))
    assert loaded.link_ == "log"


@pytest.mark.parametrize(
    ("params", "change", "said"),
    [
        ({}, {"exposure": np.ones(3)}, "exposure multiplies a mean and wants a log link: loss='poisson' or 'gamma'"),
        ({"loss": "poisson"}, {"exposure": np.ones(3)}, r"exposure must hold 40 numbers, one for each row, got .*\(3,"),
        ({"loss": "poisson"}, {"exposure": np.arange(40.0)}, "exposure must be positive, got 0 at row 0; leave rows"),
        ({"loss": "poisson"}, {"exposure": np.full(40, np.nan)}, "exposure has NaN at row 0"),
        ({"loss": "poisson"}, {"y": np.zeros(40)}, "y is 0 in every row, whose mean has no logarithm"),
        (
            {"loss": "poisson"},
            {"y": np.arange(-2.0, 38.0)},
            "y has -2 at row 0; the Poisson loss wants counts or rates",
        ),
        ({"loss": "gamma"}, {"y": np.arange(40.0)}, "y has 0 at row 0; the gamma loss wants amounts"),
        ({"loss": "quantile", "quantile": 1.0}, {}, "quantile must lie between 0 and 1, got 1.0"),
        ({"loss": "quantile", "quantile": "0.3"}, {}, "quantile must lie between 0 and 1, got '0.3'"),
        ({"quantile": 0.3}, {}, "quantile = 0.3 is a level of loss='quantile', got loss = 'squared'"),
        ({"loss": "poisson", "tolerance": 1.0}, {}, "tolerance bounds every residual and takes no loss"),
    ],
)
def test_what_goes_not_together_is_refused_and_nothing_is_fitted(params, change, said):
    X = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    given = {"y": np.arange(1.0, 41.0)} | change
    model = SparseReLURegressor(**params)
    with pytest.raises(ValueError, match=said):
        model.fit(X, **given)
    assert not hasattr(model, "network_")


def test_a_mean_beyond_float64_is_refused_with_its_row(claims):
    X, y, _ = claims
    model = SparseReLURegressor(loss="poisson", alpha=0.05, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"the mean at row 1 of X is exp\(\d.*\), beyond float64"):
        model.predict([[0.0, 0.0], [0.0, -1e4]])


@pytest.mark.gate(1)
@pytest.mark.parametrize("q", [0.2, 0.8])
def test_a_quantile_network_has_that_share_of_the_rows_below_it(q):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (100, 1))
    y = np.abs(X[:, 0]) + rng.exponential(0.3, 100)
    model = SparseReLURegressor(loss="quantile", quantile=q, alpha=1e-2, random_state=0).fit(X, y)
    assert np.mean(y <= model.predict(X)) == pytest.approx(q, abs=0.03)
