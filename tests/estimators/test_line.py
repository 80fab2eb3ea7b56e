"""The regressor of one input begins with counted knots."""

import numpy as np
import pytest

from reluctant import SparseReLURegressor
from reluctant.regression.knots import GROUPS, has_knots, knot_starts
from reluctant.regression.losses import Huber, Squared
from reluctant.regression.model import Rows
from reluctant.regression.standardise import Standardisation


def rows_of(x, y, w=None):
    X, targets = np.asarray(x)[:, None], np.asarray(y)[:, None]
    w = np.ones(len(X)) if w is None else w
    return Standardisation.of(X, targets, w, scale_targets=True).rows(X, targets, w)


def loss_of(model, rows: Rows):
    return float(np.sum(rows.weights[:, None] * (model(rows.inputs) - rows.targets) ** 2))


def test_six_periods_of_a_sine_in_a_hundred_noisy_rows_are_found():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(size=100))
    y = np.sin(12 * np.pi * x)
    model = SparseReLURegressor(random_state=0).fit(x[:, None], y + 0.1 * rng.normal(size=100))
    assert model.score(x[:, None], y) >= 0.9
    assert model.n_parameters_ == model.network_.size


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_kink_between_rows_without_noise_is_found_exactly(offset):
    x = np.random.default_rng(1).uniform(size=60) + offset
    y = np.abs(x - offset - 0.3)
    model = SparseReLURegressor(random_state=0).fit(x[:, None], y)
    assert 1 - model.score(x[:, None], y) <= 1e-10
    assert model.n_neurons_ == 1


def test_starts_are_at_most_as_many_knots_as_asked_and_lie_within_the_data():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.uniform(size=3 * GROUPS), np.full(5, 0.25), [0.25 + 1e-15]])
    rows = rows_of(x, np.interp(x, [0, 0.3, 0.6, 1], [0, 1, -1, 0]) + 0.05 * rng.normal(size=len(x)))
    starts = knot_starts(rows, 6)
    sizes = [start.n_neurons for start in starts]
    assert sizes == sorted(sizes, reverse=True)
    assert 1 in sizes or 2 in sizes
    assert max(sizes) <= 6
    for start in starts:
        places = -start.U[:, -1] / start.U[:, 0]
        assert np.all((places > rows.inputs[:, 0].min()) & (places < rows.inputs[:, 0].max()))
    best = min(loss_of(start, rows) for start in starts if start.n_neurons == 2)
    assert best < 0.02 * len(x)


def test_a_row_of_weight_two_is_two_rows():
    rng = np.random.default_rng(3)
    x = rng.uniform(size=60)
    y = np.abs(x - 0.4) + 0.05 * rng.normal(size=60)
    twice = np.arange(60) < 20
    rows = rows_of(x, y, 1.0 + twice)
    order = np.concatenate([np.arange(60), np.flatnonzero(twice)])
    same = rows_of(x[order], y[order])
    for one, other in zip(knot_starts(rows, 5), knot_starts(same, 5), strict=True):
        np.testing.assert_allclose(one(rows.inputs), other(rows.inputs), atol=1e-8)


def test_other_problems_have_no_starts_with_knots():
    rows = rows_of(np.arange(9.0), np.arange(9.0) % 3)
    assert has_knots(rows, Squared(), True)
    assert not has_knots(rows, Squared(), False)
    assert not has_knots(rows, Huber(0.1), True)
    assert knot_starts(rows_of(np.ones(9), np.arange(9.0))) == []
    assert knot_starts(rows, 0) == []
