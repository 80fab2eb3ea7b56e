"""The affine function with all slopes that networks of few rows of classes have to beat."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from reluctant.effort import Effort
from reluctant.regression import selection
from reluctant.regression.folds import Config, Fold, Trial
from reluctant.regression.linear import RIDGES, Linear, best_linear
from reluctant.regression.losses import Logistic, Softmax
from reluctant.regression.path import Shrinkage
from reluctant.regression.selection import Choice, _is_better, _Tally, choose
from reluctant.regression.standardise import Standardisation

GRID = np.array([1, 4, 9])


def classes(n_rows, n_classes, score, seed=0, n_inputs=4):
    """Rows on a cube and classes drawn with the log-odds `score` (N, C)."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, n_inputs))
    labels = np.argmax(score(X) + rng.gumbel(size=(n_rows, n_classes)), axis=1)
    return X, (labels[:, None] == np.arange(n_classes)).astype(float)[:, 1 if n_classes == 2 else 0 :]


def linear_score(X):
    return X @ np.array([[0.0, 3.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.5]])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_ridge_and_its_losses_are_those_of_logistic_regression(n_classes):
    slopes = np.random.default_rng(1).normal(0, 2, (4, n_classes))
    X, targets = classes(90, n_classes, lambda X: X @ slopes)
    weights = np.random.default_rng(2).integers(1, 4, 90).astype(float)
    loss = Logistic() if n_classes == 2 else Softmax()
    train, test = np.arange(60), np.arange(60, 90)
    linear = best_linear(
        X, targets, weights, Config(loss), [(train, test)], Standardisation.of(X, targets, weights, False), loss
    )
    labels = targets[:, 0] if n_classes == 2 else targets.argmax(axis=1)
    mean, deviation = (
        np.average(X[train], axis=0, weights=weights[train]),
        np.sqrt(np.cov(X[train].T, aweights=weights[train], ddof=0).diagonal()),
    )
    expected = []
    for ridge in RIDGES:
        # mean loss + ½ λ ‖slopes‖² times 1 / λ; penalties of the sum of weighted losses
        model = LogisticRegression(C=1 / (ridge * weights[train].sum()), tol=1e-10, max_iter=10000)
        model.fit((X[train] - mean) / deviation, labels[train], weights[train])
        p = model.predict_proba((X[test] - mean) / deviation)
        expected.append(-np.log(p[np.arange(30), labels[test].astype(int)]))
    best = int(np.argmin(np.array(expected) @ weights[test]))
    assert linear.trial == Trial(Shrinkage(RIDGES[best], RIDGES[best]), linear=True)
    assert_allclose(linear.losses[test], expected[best], rtol=1e-4, atol=1e-6)
    assert np.isnan(linear.losses[train]).all()
    assert linear.size in ({5} if n_classes == 2 else {14, 15})  # a common slope of three scores is of no effect


def taken(behind, behind_smallest, n_rows=150):
    """Whether the affine function is taken where it is behind the networks by so many standard errors."""
    noise = np.random.default_rng(0).standard_normal(n_rows)
    noise = (noise - noise.mean()) / noise.std()
    losses = np.full(n_rows, 5.0)
    smallest, chosen = (losses + noise - errors / np.sqrt(n_rows) for errors in (behind_smallest, behind))
    tally = _Tally([Trial(Shrinkage(1e-3))], GRID.size, np.ones(n_rows))
    tally.add(0, Fold(np.arange(n_rows), None, []), np.stack([smallest, chosen, losses + 3.0]))
    choice = Choice(Trial(Shrinkage(1e-3)), GRID, np.zeros(3), np.zeros(3), 1, n_rows)
    return _is_better(Linear(Trial(Shrinkage(1.0), linear=True), 5, losses), choice, tally, Logistic())


@pytest.mark.parametrize(("n_rows", "errors"), [(150, 1.5), (37, 3.02), (600, 0.75)])
def test_a_network_must_be_ahead_by_an_error_that_counts_the_overlap_of_folds_and_more_of_fewer_rows(n_rows, errors):
    assert taken(0.99 * errors, -1.0, n_rows=n_rows)
    assert not taken(1.01 * errors, -1.0, n_rows=n_rows)


def test_an_affine_function_that_hardly_beats_a_constant_is_not_taken():
    assert taken(-1.0, -0.51)
    assert not taken(-1.0, -0.49)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3, 1e-1))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS_CLASSES", 1)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("n_rows", "linear"), [(300, True), (301, False)])
def test_few_rows_of_a_linear_rule_keep_all_slopes_and_more_rows_the_smallest_size(n_rows, linear):
    X, targets = classes(n_rows, 2, linear_score, n_inputs=4)
    X = np.column_stack([X, np.random.default_rng(5).uniform(-1, 1, (n_rows, 3))])  # of no effect
    choice = choose(X, targets, np.ones(n_rows), Config(Logistic()), effort=Effort(random_state=0))
    assert choice.trial.linear == linear
    assert (choice.size == 8) == linear
    assert choice.temperature is not None


@pytest.mark.usefixtures("quick")
def test_a_rule_that_no_affine_function_has_keeps_its_neurons():
    X, targets = classes(200, 2, lambda X: np.column_stack([np.zeros(len(X)), 12 * np.abs(X[:, 0]) - 6]))
    choice = choose(X, targets, np.ones(200), Config(Logistic()), effort=Effort(random_state=0))
    assert not choice.trial.linear


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("config", "told"),
    [
        (Config(Logistic(), affine=False), {}),
        (Config(Logistic()), {"largest": 3}),
        (Config(Logistic()), {"selection": "min"}),
    ],
)
def test_not_without_an_affine_part_nor_beyond_a_cap_nor_where_the_least_loss_decides(config, told):
    X, targets = classes(80, 2, linear_score)
    choice = choose(X, targets, np.ones(80), config, **told, effort=Effort(random_state=0))
    assert not choice.trial.linear
