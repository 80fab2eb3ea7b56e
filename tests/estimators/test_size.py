"""What decides the size of an estimator, and what is learned."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from reluctant import SparseReLUClassifier, SparseReLURegressor, approximate
from reluctant.estimators.cross_validated import _best, _Fit
from reluctant.model.clip import Clip
from reluctant.regression.model import Model


def test_cross_validation_finds_the_function_behind_the_noise(fitted, hinge_table, hinge):
    X = np.random.default_rng(9).uniform(-1, 1, (2000, 4))
    assert fitted.feature_importances_[:2].sum() > 0.9
    assert fitted.n_parameters_ <= 15
    assert np.sqrt(np.mean((fitted.predict(X) - hinge(X)) ** 2)) < 0.02
    assert fitted.solver_used_ == "Gauss-Newton path"
    assert fitted.certificate_.kind == "none"


def test_the_minimum_rule_never_has_more_validation_loss_than_one_standard_error(hinge_table):
    X, y = hinge_table[0], np.sin(4 * hinge_table[1])
    one_se, least = (SparseReLURegressor(selection=rule, random_state=0).fit(X, y) for rule in ("one_se", "min"))
    path = least.path_
    assert path.validation_loss[path.chosen] == pytest.approx(path.validation_loss.min(), rel=1e-9)
    assert one_se.n_parameters_ <= least.n_parameters_


@pytest.mark.gate(3)
@pytest.mark.parametrize("cap", [1, 2, 4, 7, 12])
def test_caps_on_parameters_hold(hinge_table, cap):
    model = SparseReLURegressor(max_parameters=cap, random_state=0).fit(*hinge_table)
    assert model.n_parameters_ == model.network_.size <= cap


@pytest.mark.gate(2)
@pytest.mark.parametrize("cap", [0, 1, 2, 3])
def test_caps_on_neurons_hold(hinge_table, class_table, cap):
    assert SparseReLURegressor(max_neurons=cap, random_state=0).fit(*hinge_table).n_neurons_ <= cap
    assert SparseReLUClassifier(max_neurons=cap, random_state=0).fit(*class_table).n_neurons_ <= cap


def test_a_larger_cap_fits_the_training_rows_better(hinge_table):
    scores = [
        SparseReLURegressor(max_parameters=cap, random_state=0).fit(*hinge_table).score(*hinge_table)
        for cap in (1, 3, 6)
    ]
    assert scores[0] < scores[1] < scores[2]


def test_a_tolerance_on_the_line_is_the_proved_answer_of_approximate():
    x = np.linspace(0, 1, 80)
    y = np.sin(7 * x)
    model = SparseReLURegressor(tolerance=0.02).fit(x[:, None], y)
    solution = approximate(x, y, tolerance=0.02)
    assert model.n_neurons_ == solution.n_neurons
    assert model.certificate_ == solution.certificate
    assert model.solver_used_ == "line"
    assert model.path_ is None
    assert np.abs(model.predict(x[:, None]) - y).max() <= 0.02 * (1 + 1e-9)


def test_a_tolerance_in_the_plane_holds_at_every_row_of_positive_weight():
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (25, 2))
    y = np.abs(X[:, 0])
    wild = np.append(y, 50.0)
    weights = np.append(np.ones(25), 0.0)
    model = SparseReLURegressor(tolerance=0.1, time_limit=1.0, random_state=0)
    model.fit(np.vstack([X, [0.0, 0.0]]), wild, sample_weight=weights)
    assert model.solver_used_ == "search"
    assert np.abs(model.predict(X) - y).max() <= 0.1 * (1 + 1e-9)


def test_a_tolerance_holds_in_every_output():
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (30, 2))
    Y = np.abs(X[:, [0]]) * [1.0, -2.0] + rng.uniform(-0.05, 0.05, (30, 2))
    model = SparseReLURegressor(tolerance=0.1, time_limit=1.0, random_state=0).fit(X, Y)
    assert model.solver_used_ == "search"
    assert np.abs(model.predict(X) - Y).max() <= 0.1 * (1 + 1e-9)


def test_a_tolerance_takes_any_number_of_workers():
    X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    model = SparseReLURegressor(tolerance=0.1, time_limit=0.5, n_jobs=-2, random_state=0).fit(X, X[:, 0])
    assert np.abs(model.predict(X) - X[:, 0]).max() <= 0.1 * (1 + 1e-9)


def penalised(hinges, out, line, X, y, alpha):
    """Mean ½ r² plus α Σ_k |v_k|^½ ‖(w_k, b_k)‖_½^½ by numpy alone."""
    inputs = np.column_stack([X, np.ones(len(X))])
    f = np.maximum(inputs @ hinges.T, 0) @ out + inputs @ line
    return 0.5 * np.mean((f - y) ** 2) + alpha * np.sum(np.sqrt(np.abs(out)) * np.sqrt(np.abs(hinges)).sum(axis=1))


def test_alpha_minimises_mean_loss_plus_alpha_times_the_path_norm(hinge_table):
    """No network near by is lower by more than 1e-4, nor is the affine fit or the one without a penalty."""
    X, y = hinge_table
    model = SparseReLURegressor(alpha=0.01, random_state=0).fit(X, y)
    assert model.solver_used_ == "Gauss-Newton"
    assert np.array_equal(model.predict(X), model.network_(X))

    def parts_of(f):
        hinges = np.column_stack([f.input_weights, f.biases])
        return [hinges, f.output_weights[:, 0].copy(), np.append(f.slope[:, 0], f.intercept)]

    parts = parts_of(model.network_)
    value = penalised(*parts, X, y, 0.01)
    others = [parts_of(SparseReLURegressor(alpha=alpha, random_state=0).fit(X, y).network_) for alpha in (1e-4, 1e3)]
    rng = np.random.default_rng(0)
    for share in np.repeat([1e-4, 1e-3, 1e-2, 1e-1], 50):
        others.append([part * (1 + share * rng.standard_normal(part.shape)) for part in parts])
    for i, part in enumerate(parts):
        for place in zip(*np.nonzero(part), strict=True):
            for factor in (0.0, 0.9, 0.99, 1.01, 1.1):
                near = [each.copy() for each in parts]
                near[i][place] *= factor
                others.append(near)
    assert min(penalised(*other, X, y, 0.01) for other in others) >= value * (1 - 1e-4)


def test_alpha_goes_to_the_line_for_one_input():
    x = np.linspace(-1, 1, 50)
    model = SparseReLURegressor(alpha=0.001, p=1).fit(x[:, None], np.abs(x))
    assert model.solver_used_ == "line"
    assert model.certificate_.kind == "proved"


def test_predictions_are_those_of_the_network_within_the_bounds(fitted, hinge_table):
    far = np.vstack([hinge_table[0], [[1e6, 0, 0, 0], [0, -1e6, 0, 0]]])
    inside = np.clip(far, fitted.clip_.low, fitted.clip_.high)
    assert np.array_equal(fitted.predict(far), fitted.network_(inside))
    assert np.array_equal(inside[:-2], hinge_table[0])
    clip = Clip.beyond(hinge_table[0])
    assert np.array_equal([fitted.clip_.low, fitted.clip_.high], [clip.low, clip.high])


def test_unused_features_change_no_prediction_and_used_ones_do(fitted, hinge_table):
    X, rng = hinge_table[0], np.random.default_rng(5)
    for j in range(X.shape[1]):
        moved = X.copy()
        moved[:, j] = rng.uniform(-1, 1, len(X))
        changed = not np.array_equal(fitted.predict(moved), fitted.predict(X))
        assert changed == (j in fitted.features_used_)


def test_importances_are_shares_of_the_mean_change_when_an_input_is_set_to_its_mean(fitted, hinge_table):
    X = hinge_table[0]
    change = []
    for j in range(X.shape[1]):
        moved = X.copy()
        moved[:, j] = X[:, j].mean()
        change.append(np.abs(fitted.predict(moved) - fitted.predict(X)).mean())
    np.testing.assert_allclose(fitted.feature_importances_, np.array(change) / np.sum(change))
    assert fitted.feature_importances_.sum() == pytest.approx(1.0)
    assert SparseReLURegressor().fit(X, np.ones(len(X))).feature_importances_.tolist() == [0, 0, 0, 0]


def test_the_path_tells_size_losses_error_and_ridge_of_every_size(fitted, hinge_table):
    path, (X, y) = fitted.path_, hinge_table
    assert np.all(np.diff(path.sizes) > 0)
    assert path.training_loss[-1] < path.training_loss[path.chosen] < path.training_loss[0]
    assert path.ridge > 0
    assert path.networks[path.chosen] is fitted.network_
    for size, network, loss in zip(path.sizes, path.networks, path.training_loss, strict=True):
        assert network.size <= size
        assert loss == pytest.approx(0.5 * np.mean((network(X) - y) ** 2) / np.var(y))
    assert len(path.validation_loss) == len(path.validation_error) == len(path)
    assert path.validation_loss[0] == pytest.approx(0.5, rel=0.05)  # the mean of the targets


def test_the_validation_loss_of_the_chosen_size_is_that_on_fresh_rows(fitted, hinge_table, hinge):
    rng = np.random.default_rng(9)
    X = rng.uniform(-1, 1, (20000, 4))
    y = hinge(X) + 0.05 * rng.standard_normal(20000)
    fresh = 0.5 * np.mean((fitted.predict(X) - y) ** 2) / np.var(hinge_table[1])
    assert fitted.path_.validation_loss[fitted.path_.chosen] == pytest.approx(fresh, rel=0.3)


def test_few_rows_of_a_linear_rule_get_logistic_regression_with_all_slopes():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (90, 8)) * 10.0 ** np.arange(-2, 6)
    labels = np.digitize(X @ (10.0 ** -np.arange(-2, 6)) + rng.logistic(size=90), [-1, 1])
    model = SparseReLUClassifier(random_state=0).fit(X, labels)
    assert (model.n_neurons_, np.count_nonzero(model.network_.slope)) == (0, 24)
    assert all(network.n_neurons == 0 for network in model.path_.networks)
    assert len(model.path_.networks) > 10
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    oracle = LogisticRegression(C=1 / (model.path_.ridge * 90), tol=1e-10, max_iter=10000).fit(scaled, labels)
    scores = model.temperature_ * model.decision_function(X)
    expected = oracle.decision_function(scaled)
    centred = [f - f.mean(axis=1, keepdims=True) for f in (scores, expected)]
    np.testing.assert_allclose(*centred, rtol=1e-3, atol=1e-3)


def test_a_smaller_fit_of_less_loss_is_taken_unless_all_slopes_are_to_stay():
    small, large = (Model(np.zeros((0, 3)), np.zeros((0, 1)), np.array([[k], [1.0], [1.0]])) for k in (0.0, 1.0))
    fits = [_Fit(small, objective=3.0, loss=1.0), _Fit(large, objective=2.0, loss=1.5)]
    assert [_best(fits, size, 0.0).size for size in (2, 3)] == [2, 2]
    assert [_best(fits, size, -np.inf).size for size in (2, 3)] == [2, 3]
