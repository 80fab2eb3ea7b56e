"""Kicks of a path, which only ever improve it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from reluctant.effort import Clock
from reluctant.regression import kicks
from reluctant.regression.gauss_newton import Problem
from reluctant.regression.kicks import kick
from reluctant.regression.losses import Logistic, Quantile, Softmax, Squared
from reluctant.regression.model import Rows
from reluctant.regression.path import Plan, Shrinkage, penalty_for, stages_of
from reluctant.regression.penalties import Ridge
from reluctant.regression.starts import affine_fit, forward
from reluctant.regression.surgeon import Front, backward, descend


def rough_rows(loss, m=1, n_rows=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    y = np.sin(2.0 * X @ rng.normal(size=(3, m))) + 0.1 * rng.normal(size=(n_rows, m))
    if isinstance(loss, Logistic):
        y = (y > 0.0).astype(float)
    if isinstance(loss, Softmax):
        y = np.eye(m)[y.argmax(axis=1)]
    return Rows.of(X, y)


def affine_path(rows, loss, max_neurons=None):
    """The path of the affine part alone, and its problem."""
    problem, front = Problem(rows, loss, Ridge(0.1, 0.01, 1e-6)), Front(max_neurons)
    backward([affine_fit(problem, np.arange(3), Clock())], problem, front, Clock())
    return problem, front


@pytest.mark.gate(2)
@pytest.mark.parametrize(("loss", "m"), [(Squared(), 1), (Squared(), 2), (Logistic(), 1), (Softmax(), 3)])
def test_kicks_lower_objectives_and_raise_none(loss, m):
    rows = rough_rows(loss, m)
    problem, front = affine_path(rows, loss)
    before = {model.size: problem.objective(model) for model in front.models()}
    kick(front, problem, rows, 8, np.random.default_rng(0), Clock())
    models = front.models()
    assert any(model.n_neurons for model in models)
    assert all(front.least(size) <= value for size, value in before.items())
    for model in models:
        assert front.least(model.size) == pytest.approx(problem.objective(model))


def test_kicks_keep_to_the_cap_on_neurons():
    rows = rough_rows(Squared())
    problem, front = affine_path(rows, Squared(), max_neurons=2)
    kick(front, problem, rows, 8, np.random.default_rng(0), Clock())
    assert {model.n_neurons for model in front.models()} == {0, 1, 2}


def test_no_kick_begins_when_the_time_is_over():
    rows = rough_rows(Squared())
    problem, front = affine_path(rows, Squared())
    kick(front, problem, rows, 8, np.random.default_rng(0), Clock(0.0))
    assert not any(model.n_neurons for model in front.models())


def test_constant_inputs_leave_nothing_to_kick():
    rows = Rows.of(np.zeros((20, 3)), np.arange(20.0))
    problem, front = affine_path(rows, Squared())
    kick(front, problem, rows, 8, np.random.default_rng(0), Clock())
    assert [model.size for model in front.models()] == [1]


def test_a_kicked_path_has_at_every_size_at_most_the_objective_of_the_plain_one():
    """And on this smooth function of few rows a lower one in the mean, by 14 %; over 24 tables and ridges 0 to 26 %."""
    X = np.random.default_rng(2).uniform(-1, 1, (150, 3))
    rows = Rows.of(X, np.exp(-3.0 * np.sum(X**2, axis=1)))
    penalty = penalty_for(rows, Squared(), Shrinkage(1e-3), None)

    def least(kicks):
        plan = Plan(Shrinkage(1e-3), kicks=kicks)
        stages = stages_of(rows, Squared(), plan, np.random.default_rng(0), Clock())
        objectives = [(stage.size, stage.loss + penalty.value(stage.model)) for stage in stages]
        return np.array([min(value for found, value in objectives if found <= size) for size in range(5, 40)])

    plain, kicked = least(0), least(10)
    assert (kicked <= plain * (1.0 + 1e-12)).all()
    assert np.mean(np.log(kicked)) < np.mean(np.log(plain)) - 0.02
    assert_array_equal(kicked, least(10))


def test_kicks_go_on_where_the_smoothed_objective_is_negative(monkeypatch):
    """Smoothed, the loss of a quantile is less than zero near zero."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, 3))
    rows, loss = Rows.of(X, np.maximum(X[:, :1], 0.0)), Quantile(0.9)
    problem, front = Problem(rows, loss, Ridge(1e-6, 1e-8, 1e-9)), Front()
    backward(
        [forward(affine_fit(problem, np.arange(3), Clock()), problem, rows, 6, rng, Clock())], problem, front, Clock()
    )
    assert front.least(20) < 0.0
    lengths = []

    def counted(*args):
        lengths.append(0)
        for step in descend(*args):
            lengths[-1] += 1
            yield step

    monkeypatch.setattr(kicks, "descend", counted)
    kick(front, problem, rows, 6, rng, Clock())
    assert max(lengths) > 1
