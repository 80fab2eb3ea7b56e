"""What the benchmark on real tables says of calibration errors, on simulated models of which the truth is known."""

import importlib
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from scipy.special import expit


@pytest.fixture(scope="module")
def tables():
    """The modules `outcome` and `comparison` of the benchmark."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "benchmarks" / "tables")
        yield importlib.import_module("outcome"), importlib.import_module("comparison")


def outcomes(outcome, y, log_odds, rng):
    """Twice five folds of one model's log-odds."""
    found = []
    for _ in range(2):
        for test in np.array_split(rng.permutation(len(y)), 5):
            probabilities = np.column_stack([expit(-log_odds[test]), expit(log_odds[test])])
            gaps, variances = outcome.calibration(y[test], probabilities)
            found.append(outcome.Outcome(0.0, len(test), None, gaps, 1, 1, 0.0, 0.0, None, variances))
    return found


def classes_and_two_models(n_rows, rng):
    """Classes, and the log-odds of two models that each know half of what the classes depend on."""
    halves = rng.standard_normal((2, n_rows)) * 1.2
    y = (rng.random(n_rows) < expit(halves.sum(axis=0))).astype(int)
    return y, halves / np.sqrt(1.0 + 1.2**2 * np.pi / 8.0)  # MacKay's mean of a logistic of a normal variable


@pytest.mark.parametrize("n_rows", [75, 285, 1000])
def test_one_error_of_the_calibration_difference_covers_zero_about_as_often_as_it_should(tables, n_rows):
    outcome, comparison = tables
    rng = np.random.default_rng(n_rows)
    covered = []
    for _ in range(200):
        y, models = classes_and_two_models(n_rows, rng)
        seed = int(rng.integers(1 << 31))
        ours, theirs = (outcomes(outcome, y, model, np.random.default_rng(seed)) for model in models)
        gap = comparison.calibration_difference(ours, theirs)
        covered.append(abs(gap.mean) <= gap.error)
    assert 0.5 < np.mean(covered) < 0.8, np.mean(covered)


def test_the_error_by_chance_is_the_mean_error_of_models_that_are_right(tables):
    outcome, comparison = tables
    rng = np.random.default_rng(0)
    errors, by_chance = [], []
    for _ in range(100):
        log_odds = 2.0 * rng.standard_normal(285)
        y = (rng.random(285) < expit(log_odds)).astype(int)
        found = outcomes(outcome, y, log_odds, rng)
        errors.append(comparison.calibration_error(found))
        by_chance.append(comparison.error_by_chance(found))
    assert np.mean(by_chance) == pytest.approx(np.mean(errors), rel=0.1)


def test_the_calibration_error_of_a_repetition_is_that_of_its_rows(tables):
    outcome, comparison = tables
    rng = np.random.default_rng(1)
    y, (log_odds, _) = classes_and_two_models(300, rng)
    confidence, right = expit(np.abs(log_odds)), (log_odds > 0) == y
    bins = [(low, low + 0.1) for low in np.arange(10) / 10]
    gaps = [abs(np.sum((right - confidence)[(low <= confidence) & (confidence < high)])) for low, high in bins]
    assert comparison.calibration_error(outcomes(outcome, y, log_odds, rng)) == pytest.approx(sum(gaps) / 300)


def test_a_difference_is_called_clear_beyond_one_error_and_files_without_variances_are_read(tables):
    outcome, comparison = tables
    rng = np.random.default_rng(2)
    log_odds = 2.0 * rng.standard_normal(2000)
    y = (rng.random(2000) < expit(log_odds)).astype(int)
    right, sure = (outcomes(outcome, y, scale * log_odds, np.random.default_rng(3)) for scale in (1.0, 3.0))
    old = [replace(fold, calibration_variances=None, log_loss=0.0) for fold in sure]
    answer = comparison.calibration_beside_logistic({"table": {"reluctant": old, "linear": right}})
    assert answer.count("table (+0.1") == 2
    gap = comparison.calibration_difference(sure, right)
    assert gap.mean == pytest.approx(comparison.calibration_error(sure) - comparison.calibration_error(right))
    other_way = comparison.calibration_difference(right, sure)
    assert (other_way.mean, other_way.error) == (-gap.mean, pytest.approx(gap.error))
    cells = dict(zip(comparison.HEAD, comparison.row("table", "reluctant", old, right, is_reference=False)))
    assert cells["by chance"] == ""
    assert cells["ECE"] == f"{fmean([comparison.pooled_error(old[:5]), comparison.pooled_error(old[5:])]):.3f}"


def folds_of(outcome, values, n_rows=50, classes=False):
    """Five folds with the given R², or with the given log-loss and an accuracy that says the contrary."""
    return [outcome.Outcome(v, n_rows, v if classes else None, None, 1, 1, 0.0, 0.0, None, None) for v in values]


def test_classes_are_compared_by_log_loss_and_the_better_of_two_is_the_nearer_rival(tables):
    outcome, comparison = tables
    noise = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])  # corrected error: 0.0158 √(1/5 + 1/4) = 0.0106

    def found(classes, pruned, linear):
        rivals = {"pruned MLP": pruned + noise, "linear": linear + noise}
        ours = {"reluctant": np.full(5, 0.5)}
        return {method: folds_of(outcome, values, 50, classes) for method, values in (ours | rivals).items()}

    results = {"ahead": found(True, 0.6, 0.6), "near": found(True, 0.6, 0.496), "half": found(False, 0.508, 0.2)}
    results["one"] = found(False, 0.2, 0.52)
    answer = comparison.beside_equal_size(results)
    assert "3 of 4 tables, 2 by more than half a paired error, 1 by more than one" in answer
    assert "near (linear, -0.004 ± 0.011), half (pruned MLP, -0.008 ± 0.011), one (linear, -0.020 ± 0.011)" in answer


def test_few_rows_are_those_of_one_repetition(tables):
    outcome, comparison = tables

    def found(ours, linear, n_rows, classes):
        values = {"reluctant": ours, "linear": linear}
        return {m: folds_of(outcome, np.full(10, value), n_rows, classes) for m, value in values.items()}

    results = {
        "few": found(0.7, 0.6, 60, False),
        "many": found(0.0, 0.9, 61, False),
        "classes": found(0.3, 0.2, 10, True),
    }
    answer = comparison.few_rows_beside_linear(results)
    assert "R² of 1 tables, mean over the tables 0.700 against 0.600" in answer
    assert "log-loss of 1, mean over the tables 0.300 against 0.200" in answer
    assert "log-loss of 0, no table" in comparison.few_rows_beside_linear({"few": results["few"]})
