"""Intervals from rows kept back: their coverage, counted exactly, and what goes with a model."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reluctant import SparseReLURegressor, load
from reluctant.regression.conformal import Calibration


def line(n_rows, seed=0, n_outputs=1):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, 1))
    y = np.abs(X) + 0.2 * rng.standard_exponential((n_rows, n_outputs))
    return X, y[:, 0] if n_outputs == 1 else y


def fitted(X, y, **params):
    return SparseReLURegressor(alpha=0.02, random_state=0, **params).fit(X, y)


DRAWS = 1000


@pytest.mark.parametrize("level", [0.5, 0.6, 0.8])
@pytest.mark.parametrize("scores", [np.arange(11.0), np.array([0, 0, 0, 1, 2, 3, 3, 4, 9, 9, 9.0])])
def test_over_orders_of_rows_and_draws_each_tail_holds_its_half_and_of_equal_scores_no_more(level, scores):
    """Exchangeable rows: any of eleven scores may be the new one, each as likely; draws are middles of 1,000 steps."""
    tail, distinct = (1 - Fraction(repr(level))) / 2, len(np.unique(scores)) == 11
    below = np.zeros((11, DRAWS), dtype=int)
    above = np.zeros_like(below)
    for new, i in itertools.product(range(11), range(DRAWS)):
        others = Calibration(np.delete(scores, new)[:, None], 0.0, (i + 0.5) / DRAWS)
        low, high, _ = others.margins(level)
        below[new, i], above[new, i] = scores[new] < low[0], scores[new] > high[0]
    for beyond in (below, above):
        share = Fraction(int(beyond.sum()), beyond.size)
        assert share == tail if distinct else share <= tail
    outside = (below + above).sum(axis=0)  # of each draw
    assert all(Fraction(int(n), 11) < 2 * tail + Fraction(1, 11) for n in outside)


def test_the_draw_is_that_of_the_seed_and_the_rows():
    scores = np.random.default_rng(0).normal(size=(25, 1))
    draws = [Calibration.of(scores[:n], np.zeros((n, 1)), 0.0, seed).draw for n in (10, 11, 25) for seed in (0, 1)]
    assert len(set(draws)) == 6
    assert all(0.0 < draw < 1.0 for draw in draws)
    assert Calibration.of(scores[::-1], np.zeros((25, 1)), 0.0, 1).draw == draws[-1]
    many = [Calibration.of(scores[:n], np.zeros((n, 1)), 0.0, s).draw for n in range(1, 26) for s in range(40)]
    assert abs(np.mean(many) - 0.5) < 3 / np.sqrt(12 * len(many))


def test_the_level_is_that_which_is_written():
    """19 rows are enough for 0.9, whose double leaves a little less than a twentieth on a side."""
    rows = Calibration.of(np.arange(19.0)[:, None], np.zeros((19, 1)), 0.0)
    assert rows.margins(0.9).low == 0.0
    with pytest.raises(ValueError, match=r"level = 0.91 needs at least 22 rows .* and 19 were kept back"):
        rows.margins(0.91)
    least = Calibration.of(np.arange(22.0)[:, None], np.zeros((22, 1)), 0.0)
    assert least.margins(0.91).high in (20.0, 21.0)


def test_rows_kept_back_are_not_fitted_to_and_calibrate():
    X, y = line(90)
    model = fitted(X, y, calibration_share=0.3)
    back = model.calibration_.n_rows
    assert back == 27
    scores = model.calibration_.scores[:, 0]
    residuals = y - model.predict(X)
    kept = np.isclose(residuals[:, None], scores, rtol=0, atol=1e-12).any(axis=1)
    assert kept.sum() == 27
    bare = fitted(X[~kept], y[~kept])
    assert_allclose(bare.predict(X), model.predict(X), atol=1e-9)


def test_coverage_over_many_calibrations_is_that_of_the_level():
    model = fitted(*line(150))
    for level in (0.5, 0.8, 0.9, 0.95):
        covered, below = np.zeros((2, 60))
        for i in range(60):
            X, y = line(300, 2 * i + 2)
            low, high = model.conformalize(*line(199, 2 * i + 1)).predict_interval(X, level).T
            covered[i], below[i] = np.mean((low <= y) & (y <= high)), np.mean(y < low)
        assert abs(covered.mean() - level) < 3 * covered.std() / np.sqrt(60)
        assert abs(below.mean() - (1 - level) / 2) < 3 * below.std() / np.sqrt(60)


def test_intervals_of_higher_levels_hold_those_of_lower_ones():
    X, y = line(120)
    model = fitted(X, y, calibration_share=0.4)
    inner, outer = (model.predict_interval(X, level) for level in (0.6, 0.9))
    assert (outer[:, 0] <= inner[:, 0]).all()
    assert (inner[:, 1] <= outer[:, 1]).all()
    assert (inner[:, 0] <= inner[:, 1]).all()


def test_each_of_several_outputs_has_an_interval():
    X, Y = line(120, n_outputs=2)
    ends = fitted(X, Y, calibration_share=0.4).predict_interval(X, 0.8)
    assert ends.shape == (120, 2, 2)
    one = fitted(X, Y[:, :1], calibration_share=0.4).predict_interval(X, 0.8)
    assert one.shape == (120, 1, 2)


@pytest.mark.parametrize(("loss", "power"), [("poisson", 0.5), ("gamma", 1.0)])
def test_intervals_about_means_widen_with_them_and_exposures_and_stay_positive(loss, power):
    rng = np.random.default_rng(0)
    X, exposure = rng.uniform(-1, 1, (200, 1)), rng.uniform(0.5, 5.0, 200)
    mean = exposure * np.exp(1.0 + X[:, 0])
    y = (rng.poisson(mean) if power == 0.5 else mean * rng.gamma(3.0, 1 / 3, 200)).astype(float)
    y = np.maximum(y, 0.1)
    model = SparseReLURegressor(loss=loss, alpha=0.1, calibration_share=0.4, random_state=0)
    model.fit(X, y, exposure=exposure)
    means = model.predict(X, exposure=exposure)
    ends = model.predict_interval(X, 0.8, exposure=exposure)
    low, high, of = model.calibration_.margins(0.8)
    assert of == power
    assert_allclose(ends[:, 1], means + high * means**power)
    assert_allclose(ends[:, 0], np.maximum(means + low * means**power, 0.0))
    assert np.mean((ends[:, 0] <= y) & (y <= ends[:, 1])) == pytest.approx(0.8, abs=0.1)


def test_a_saved_model_has_its_intervals(tmp_path):
    X, y = line(60)
    model = fitted(X, y, calibration_share=0.5)
    model.save(tmp_path / "m.json")
    assert_array_equal(load(tmp_path / "m.json").predict_interval(X, 0.8), model.predict_interval(X, 0.8))
    fitted(X, y).save(tmp_path / "m.json")
    assert load(tmp_path / "m.json").calibration_ is None


def test_many_rows_calibrate_by_evenly_spaced_ones():
    rows = Calibration.of(np.arange(25_000.0)[:, None], np.zeros((25_000, 1)), 0.0)
    assert_array_equal(rows.scores[:, 0], np.arange(0.0, 25_000.0, 3.0))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 90, np.nan, "0.9", None])
def test_levels_outside_of_zero_to_one_are_refused(level):
    rows = Calibration.of(np.arange(50.0)[:, None], np.zeros((50, 1)), 0.0)
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got"):
        rows.margins(level)


def test_what_has_no_intervals_says_how_to_get_them():
    X, y = line(40)
    model = fitted(X, y)
    with pytest.raises(ValueError, match=r"fit with calibration_share=0.2, or call conformalize\(X, y\)"):
        model.predict_interval(X)
    with pytest.raises(ValueError, match="y must have 1 columns as in fit, got 2"):
        model.conformalize(X, np.column_stack([y, y]))
    for share, said in ((1.5, "must lie between 0 and 1"), (0.01, "keeps back 0 of 40 rows; two must be kept back")):
        with pytest.raises(ValueError, match=said):
            fitted(X, y, calibration_share=share)
    again = fitted(X, y, calibration_share=0.5)
    assert again.calibration_ is not None
    assert again.set_params(calibration_share=None).fit(X, y).calibration_ is None


def test_every_level_of_few_rows_is_refused_or_proved():
    for n, level in itertools.product(range(1, 30), (0.5, 0.9, 0.95)):
        rows = Calibration.of(np.arange(float(n))[:, None], np.zeros((n, 1)), 0.0)
        k = (n + 1) * (1 - Fraction(repr(level))) / 2
        if k < 1:
            with pytest.raises(ValueError, match="needs at least"):
                rows.margins(level)
        else:
            assert rows.margins(level).low[0] in (int(k) - 1, -int(-k // 1) - 1)
