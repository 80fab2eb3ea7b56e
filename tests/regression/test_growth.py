"""Growth adds no hinge that raises the objective, and does not end while hinges would lower it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from reluctant import SparseReLURegressor, size_path
from reluctant.effort import Clock
from reluctant.regression.gauss_newton import Problem, summed_loss
from reluctant.regression.hinges import random_hinges, with_best_hinges
from reluctant.regression.losses import Absolute, Huber, Logistic, Quantile, Softmax, Squared
from reluctant.regression.model import Model, Rows
from reluctant.regression.path import Plan, Shrinkage, stages_of, without_ridge
from reluctant.regression.penalties import PathPower, Ridge
from reluctant.regression.protocol import Loss
from reluctant.regression.starts import affine_fit, forward

REGRESSION: list[Loss] = [Squared(), Absolute(), Huber(), Quantile(0.2)]


def state(loss: Loss, m: int, affine: bool, seed: int) -> tuple[Model, Problem, Rows, np.ndarray]:
    """A random model, fitted to nothing, with some rows and hinges."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    X = rng.standard_normal((60, d))
    targets = rng.standard_normal((60, m)) * 10.0 ** rng.uniform(-1.0, 1.0)
    if loss.for_classes:
        targets = np.eye(m)[rng.integers(m, size=60)] if m > 1 else rng.integers(2, size=(60, 1)).astype(float)
    rows = Rows.of(X, targets, rng.uniform(0.1, 2.0, 60))
    K = int(rng.integers(0, 5))
    V = rng.choice([-1.0, 1.0], (K, 1)) if m == 1 else rng.standard_normal((K, m))
    A = rng.standard_normal((d + 1, m)) if affine else np.zeros((d + 1, m))
    strength = 60.0 * 10.0 ** rng.uniform(-6.0, -2.0)
    ridge, power = Ridge(strength, 1e-3 * strength, 1e-9), PathPower(np.full(d + 1, strength), 0.5, 0.3, 1e-9)
    problem = Problem(rows, loss, ridge if rng.random() < 0.5 else power, affine)
    hinges = random_hinges(rows, 50, np.arange(d), rng)
    return Model(rng.standard_normal((K, d + 1)), V, A), problem, rows, hinges


@pytest.mark.gate(8)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("loss", "m"), [*((loss, m) for loss in REGRESSION for m in (1, 2)), (Logistic(), 1), (Softmax(), 3)]
)
def test_new_hinges_lower_the_objective_from_any_state(loss: Loss, m: int, affine: bool) -> None:
    added = 0
    for seed in range(12):
        model, problem, rows, hinges = state(loss, m, affine, seed)
        for n in (1, 2):
            larger = with_best_hinges(model, problem, rows, hinges, n)
            if larger is not None:
                assert problem.objective(larger) < problem.objective(model), seed
                assert larger.n_neurons == model.n_neurons + n
                added += 1
    assert added >= 12


@pytest.mark.parametrize("loss", REGRESSION)
def test_no_hinge_is_refused_that_a_line_search_along_its_amplitude_finds_worth_having(loss: Loss) -> None:
    """The oracle: Brent's search over the amplitude of the one hinge offered, the rest held."""
    for seed in range(20):
        model, problem, rows, hinges = state(loss, 1, True, seed)
        problem = problem._replace(penalty=Ridge(1e-3, 1e-6, 1e-9))
        value = problem.objective(model)

        def along(a: float, hinge: np.ndarray, model: Model = model, problem: Problem = problem) -> float:
            return problem.objective(model.append(abs(a) * hinge[None], np.array([[np.sign(a) or 1.0]])))

        hinge = hinges[0]
        least = minimize_scalar(along, args=(hinge,)).fun
        if with_best_hinges(model, problem, rows, hinges[:1], 1) is None:
            on = np.count_nonzero(rows.inputs @ hinge > 0.0)
            assert on <= 2 or least >= value - 1e-6 * abs(value), seed


@pytest.mark.gate(4)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("loss", REGRESSION)
@pytest.mark.parametrize("m", [1, 2])
def test_growth_of_a_curve_ends_with_its_neurons_or_with_little_left(loss: Loss, m: int, affine: bool) -> None:
    x = np.linspace(-1.0, 1.0, 300)
    y = np.column_stack([x**2 + 0.5 * np.sin(6.0 * x), np.abs(x) + 0.5 * np.cos(6.0 * x)])[:, :m]
    rows = Rows.of(x[:, None] / x.std(), (y - y.mean(0)) / y.std(0))
    problem = Problem(rows, loss, Ridge(1e-4 * 300, 1e-7 * 300, 1e-9), affine)
    zero = problem.objective(Model.zero(1, m))
    for seed in range(2):
        model = forward(
            affine_fit(problem, np.arange(rows.n_inputs), Clock()),
            problem,
            rows,
            20,
            np.random.default_rng(seed),
            Clock(),
        )
        assert model.n_neurons == 20 or problem.objective(model) < 0.05 * zero, seed
        assert problem.objective(model) < 0.7 * zero, seed


@pytest.mark.gate(2)
@pytest.mark.parametrize("seed", range(8))
def test_a_path_finds_a_curve_with_every_seed(seed) -> None:
    x = np.linspace(-1, 1, 500)
    y = x**2 + 0.5 * np.sin(6 * x)
    path = size_path(x[:, None], y, ridge=1e-4, random_state=seed)
    assert 2 * path.training_loss.min() < 2e-3 * np.var(y)


def test_six_periods_of_a_noisy_sine_are_found() -> None:
    x = np.linspace(-10, 10, 100)
    y = np.sin(2 * x) + 0.3 * np.random.default_rng(0).standard_normal(100)
    path = size_path(x[:, None], y, ridge=1e-6, random_state=0)
    curve = path.within(30)(x[:, None])
    assert np.mean((curve - np.sin(2 * x)) ** 2) < 0.15 * np.var(np.sin(2 * x))


def teacher(n_neurons: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a network with neurons on all inputs and no affine part."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (300, d))
    W = rng.standard_normal((n_neurons, d))
    b, v = rng.uniform(-0.5, 0.5, n_neurons), rng.choice([-1.0, 1.0], n_neurons) * rng.uniform(0.5, 1.5, n_neurons)
    return X, np.maximum(X @ (W / np.linalg.norm(W, axis=1, keepdims=True)).T + b, 0.0) @ v


@pytest.mark.parametrize(("n_neurons", "d"), [(3, 2), (4, 3), (6, 3), (2, 5), (4, 5), (6, 5)])
def test_a_dense_path_comes_down_to_the_network_that_made_the_table(n_neurons: int, d: int) -> None:
    X, y = teacher(n_neurons, d, 0)
    rows, plan = Rows.of(X / X.std(), y / y.std()), Plan(Shrinkage(1e-6), dense=True)
    stages = stages_of(rows, Squared(), plan, np.random.default_rng(0), Clock())
    true_size = n_neurons * (d + 1)
    small = next(stage.model for stage in stages if stage.size <= true_size + 1)
    assert small.n_neurons == n_neurons
    exact = without_ridge(small, rows, Squared(), 1e-12 * len(X), affine=True)
    assert summed_loss(exact, rows, Squared()) <= 1e-12 * len(X)


def test_no_penalty_is_taken_off_where_there_is_noise() -> None:
    X, y = teacher(2, 2, 0)
    rows = Rows.of(X, y / y.std() + 1e-3 * np.random.default_rng(0).standard_normal(300))
    stages = stages_of(rows, Squared(), Plan(Shrinkage(1e-6)), np.random.default_rng(0), Clock())
    for stage in stages:
        assert without_ridge(stage.model, rows, Squared(), 1e-12 * 300, affine=True) is stage.model


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("d", [2, 3, 5])
def test_a_teacher_without_noise_is_returned_whatever_the_order_of_the_columns(d: int, seed: int) -> None:
    n_neurons = 2 + seed
    X, y = teacher(n_neurons, d, seed)
    for inputs in (X, X[:, ::-1]):
        model = SparseReLURegressor(random_state=0).fit(inputs, y)
        assert model.network_.n_neurons == n_neurons
        assert abs(model.n_parameters_ - n_neurons * (d + 1)) <= 1
        assert 1.0 - model.score(inputs, y) <= 1e-10
