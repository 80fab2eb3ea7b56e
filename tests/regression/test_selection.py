"""The choice of size and ridge by cross-validation, on tallies made by hand and on small tables."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from reluctant import size_path
from reluctant.effort import Clock, Effort
from reluctant.model.clip import Clip
from reluctant.regression import selection
from reluctant.regression.calibration import temperature_of
from reluctant.regression.losses import Absolute, Huber, Logistic, Quantile, Softmax, Squared
from reluctant.regression.path import Shrinkage
from reluctant.regression.selection import (
    Choice,
    Config,
    Fold,
    Trial,
    _chosen,
    _folds,
    _Tally,
    check_search,
    choose,
    effective_rows,
    excess,
    shrinkages,
    size_grid,
    standard_path,
    survivors_of,
)
from reluctant.regression.surgeon import ONE_BY_ONE


def table(n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, 2))
    return X, (np.maximum(X[:, :1], 0) + 0.1 * rng.standard_normal((n_rows, 1))), np.ones(n_rows)


def fold_of(n_rows):
    """All rows left out of a path that does not matter."""
    return Fold(np.arange(n_rows), None, [])


def tally_of(losses, weights):
    """A tally of one ridge whose validation losses (S, N) are given."""
    tally = _Tally([Trial(Shrinkage(1e-3))], len(losses), weights)
    tally.add(0, fold_of(len(weights)), losses)
    return tally


@pytest.fixture
def quick(monkeypatch):
    """Fewer paths; nothing else changes."""
    monkeypatch.setattr(selection, "RIDGES", (1e-3, 1e-1))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3, 1e-1))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS", 1)
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS_CLASSES", 1)


@pytest.fixture
def plain(monkeypatch):
    """No averaging over sizes, and the rule for many rows."""
    monkeypatch.setattr(selection, "BANDWIDTH", 1e-3)
    monkeypatch.setattr(selection, "FEW_ROWS", 0)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("weighted", [False, True])
def test_paired_rule_takes_the_smallest_size_within_one_error_of_the_difference(weighted):
    rng = np.random.default_rng(0)
    hard = rng.exponential(10.0, 40)  # shared by all sizes: drowns an unpaired rule
    weights = rng.integers(1, 3, 40).astype(float) if weighted else np.ones(40)
    small = hard + 0.5 + 0.1 * rng.standard_normal(40)
    middle = hard + rng.standard_normal(40)
    middle += 0.02 - np.average(middle - hard, weights=weights)
    losses = np.stack([small, middle, hard])
    choice = _chosen(np.array([2, 5, 9]), tally_of(losses, weights), np.array([0]), "one_se", Squared())
    for i in range(3):
        difference = losses[i] - hard
        mean = np.average(difference, weights=weights)
        error = np.sqrt(np.sum((weights * (difference - mean)) ** 2)) / weights.sum()
        assert choice.error[i] == pytest.approx(error)
        assert choice.mean[i] - choice.mean[2] == pytest.approx(mean)
    assert choice.size == 5
    assert _chosen(np.array([2, 5, 9]), tally_of(losses, weights), np.array([0]), "min", Squared()).size == 9


@pytest.mark.parametrize(("n_rows", "errors", "size"), [(300, 0.24, 2), (300, 0.26, 9), (301, 0.26, 2), (301, 1.01, 9)])
def test_few_rows_allow_a_quarter_of_the_error(monkeypatch, n_rows, errors, size):
    monkeypatch.setattr(selection, "BANDWIDTH", 1e-3)
    noise = np.random.default_rng(0).standard_normal(n_rows)
    noise -= noise.mean()
    above = errors * noise.std() / np.sqrt(n_rows)
    losses = np.stack([10.0 + noise + above, np.full(n_rows, 10.0)])
    assert _chosen(np.array([2, 9]), tally_of(losses, np.ones(n_rows)), np.array([0]), "one_se", Squared()).size == size


def test_the_error_of_equal_weights_is_the_standard_error_of_the_mean():
    losses = np.random.default_rng(0).normal(size=(2, 50))
    above, error = excess(losses, losses[0], np.full(50, 1 / 50))
    difference = losses[1] - losses[0]
    assert_allclose(above, [0.0, difference.mean()])
    assert_allclose(error, [0.0, difference.std() / np.sqrt(50)])


@pytest.mark.parametrize("rule", ["one_se", "min"])
@pytest.mark.parametrize("value", [1.0, 0.1, 0.0])
def test_equal_losses_choose_the_smallest_size(rule, value):
    grid = size_grid(200, 1)
    losses = np.full((grid.size, 10), value)
    assert _chosen(grid, tally_of(losses, np.ones(10)), np.array([0]), rule, Squared()).size == 1


@pytest.mark.usefixtures("plain")
def test_the_size_may_come_with_any_ridge_and_takes_the_best_for_it():
    tally = _Tally([Trial(shrinkage) for shrinkage in shrinkages(Squared(), 2)], 2, np.ones(4))
    tally.add(1, fold_of(4), np.array([[9.0] * 4, [1.0] * 4]))
    tally.add(2, fold_of(4), np.array([[0.0, 2.5, 0.0, 2.5], [5.0] * 4]))
    tally.add(3, fold_of(4), np.array([[0.5, 2.0, 0.5, 2.0], [5.0] * 4]))
    alive, grid = np.array([1, 2, 3]), np.array([1, 2])
    smallest = _chosen(grid, tally, alive, "one_se", Squared())
    assert (smallest.size, smallest.trial.shrinkage.ridge) in {(1, selection.RIDGES[2]), (1, selection.RIDGES[3])}
    least = _chosen(grid, tally, alive, "min", Squared())
    assert (least.size, least.trial.shrinkage.ridge) == (2, selection.RIDGES[1])


def test_a_sharp_fall_of_the_loss_is_not_averaged_away():
    grid = size_grid(60, 1)
    losses = np.where(grid < 3, 100.0, 1.0)[:, None] * np.ones(20)
    choice = _chosen(grid, tally_of(losses, np.ones(20)), np.array([0]), "one_se", Squared())
    assert choice.size == 3
    assert choice.mean[2] == pytest.approx(1.0)


def test_grid_holds_every_small_size_and_ends_at_the_largest():
    for largest, smallest in ((2000, 1), (30, 3), (5, 1), (1, 3)):
        grid = size_grid(largest, smallest)
        assert (np.diff(grid) > 0).all()
        assert grid[0] == smallest
        assert grid[-1] == max(largest, smallest)
        assert set(range(smallest, min(largest, ONE_BY_ONE) + 1)) <= set(grid)


@pytest.mark.parametrize("loss", [Squared(), Logistic(), Softmax()])
@pytest.mark.parametrize("n_rows", [2, 3, 9, 40])
def test_each_row_is_tested_once_a_repeat(loss, n_rows):
    labels = np.arange(n_rows) % 2
    targets = np.eye(2)[labels] if isinstance(loss, Softmax) else labels[:, None].astype(float)
    folds = _folds(targets, loss, 0)
    tests = np.concatenate([test for _, test in folds])
    repeats = selection.REPEATS_FEW_ROWS_CLASSES if loss.for_classes else selection.REPEATS_FEW_ROWS
    assert_array_equal(np.bincount(tests, minlength=n_rows), repeats)
    assert all(np.intersect1d(train, test).size == 0 for train, test in folds)


def test_classes_keep_their_shares_in_every_fold():
    labels = (np.arange(100) < 20).astype(float)[:, None]
    assert all(labels[test].sum() == 4 for _, test in _folds(labels, Logistic(), 0))


def assert_same(a: Choice, b: Choice) -> None:
    assert a.trial == b.trial
    for x, y in zip(a[1:], b[1:], strict=True):
        assert_array_equal(x, y)


@pytest.mark.usefixtures("quick")
def test_same_choice_for_one_process_and_two():
    assert_same(
        choose(*table(), Config(Squared()), effort=Effort(random_state=1)),
        choose(*table(), Config(Squared()), effort=Effort(random_state=1, n_jobs=2)),
    )
    X, y, w = table()
    classes = X, (y > 0.1).astype(float), w
    one = choose(*classes, Config(Logistic()), effort=Effort(random_state=1))
    assert one.temperature is not None
    assert_same(one, choose(*classes, Config(Logistic()), effort=Effort(random_state=1, n_jobs=2)))


@pytest.mark.usefixtures("quick")
def test_verbose_changes_nothing_but_the_output(capsys):
    quiet = choose(*table(), Config(Squared()), effort=Effort(random_state=1))
    assert capsys.readouterr() == ("", "")
    assert_same(quiet, choose(*table(), Config(Squared()), effort=Effort(random_state=1, verbose=True)))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fold 1: 3 paths, best ridge ")


@pytest.mark.usefixtures("quick")
def test_rows_without_weight_do_not_count():
    X, y, w = table()
    more = np.vstack([X, X[:3] * 100]), np.vstack([y, np.full((3, 1), 1e9)]), np.append(w, np.zeros(3))
    assert_same(choose(X, y, w, Config(Squared())), choose(*more, Config(Squared())))


@pytest.mark.usefixtures("quick")
def test_two_rows_with_weight_among_ten_are_enough():
    X, y, w = table(10)
    w[2:] = 0.0
    assert choose(X, y, w, Config(Squared())).n_rows == 2


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("loss", [Squared(), Absolute(), Quantile(0.3)])
def test_a_power_of_two_in_y_changes_no_bit_of_the_choice(loss):
    X, targets, weights = table(80)
    plain, large = (choose(X, unit * targets, weights, Config(loss)) for unit in (1.0, 2.0**40))
    assert (plain.size, plain.trial) == (large.size, large.trial)
    assert_array_equal(plain.mean, large.mean)


@pytest.mark.usefixtures("quick")
def test_weight_of_all_rows_does_not_matter():
    X, y, w = table()
    assert_same(choose(X, y, w, Config(Squared())), choose(X, y, 4 * w, Config(Squared())))


@pytest.mark.usefixtures("quick")
def test_time_limit_ends_after_the_first_fold(monkeypatch):
    calls = []
    honest = Fold.losses
    monkeypatch.setattr(Fold, "losses", lambda *a: calls.append(1) or honest(*a))
    choice = choose(*table(), Config(Squared()), effort=Effort(time_limit=1e-9, random_state=0))
    assert len(calls) == len(selection.RIDGES) + 1  # and the one of dense neurons
    assert choice.n_rows == 12
    assert np.isfinite(choice.mean).all()
    assert choice.temperature is None


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("n_folds", [1, 5])
def test_the_temperature_is_that_of_the_rows_validated_with_the_chosen_size_and_ridge(monkeypatch, n_folds):
    folds = _folds(np.arange(60) % 2.0, Logistic(), 3)[:n_folds]
    monkeypatch.setattr(selection, "_folds", lambda *a: folds)
    X, y, w = table()
    labels, w = (y + 0.2 * X[:, 1:] > 0.1).astype(float), w + np.arange(60) % 3
    choice = choose(X, labels, w, Config(Logistic()), selection="min", effort=Effort(random_state=3))
    f = np.empty((60, 1))
    for train, test in folds:
        units, stages = standard_path(X[train], labels[train], w[train], Config(Logistic()), choice.trial, 3)
        model = max((stage for stage in stages if stage.size <= choice.size), key=lambda stage: stage.size).model
        f[test] = units.network(model)(X[test])[:, None]
    tested = np.concatenate([test for _, test in folds])
    expected = temperature_of(f[tested], labels[tested], w[tested], effective_rows(w[tested]), Logistic())
    assert choice.temperature == pytest.approx(expected, rel=1e-9)
    assert choice.n_rows == tested.size


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("n_rows", [2, 3, 7])
def test_fewer_than_ten_rows(n_rows):
    choice = choose(*table(n_rows), Config(Squared()))
    assert choice.n_rows == n_rows
    assert np.isfinite(choice.mean).all()
    assert choice.size >= 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("loss", [Logistic(), Softmax()])
def test_a_class_with_one_member(loss):
    X, _, w = table(20)
    labels = np.arange(20) == 7
    targets = np.eye(2)[labels.astype(int)] if isinstance(loss, Softmax) else labels[:, None].astype(float)
    choice = choose(X, targets, w, Config(loss))
    assert np.isfinite(choice.mean).all()
    assert choice.n_rows == 20
    assert choice.temperature == 1.0


@pytest.mark.usefixtures("quick")
def test_validation_loss_is_in_units_of_the_deviation_of_y():
    X, y, w = table()
    assert_same(choose(X, y, w, Config(Squared())), choose(X, 1024 * y, w, Config(Squared())))


@pytest.mark.usefixtures("quick")
def test_the_loss_of_huber_has_one_threshold_for_all_folds():
    rng = np.random.default_rng(0)
    train, test = 10.0 * rng.normal(size=(40, 1)), rng.normal(size=(40, 1))
    whole = np.vstack([train, test])
    X, w = np.zeros((40, 1)), np.ones(40)
    scale, loss = whole.std(axis=0), Huber(tuple(2.0 / whole.std(axis=0)))
    fold = Fold(np.arange(40), *standard_path(X, train, w, Config(Huber(2.0)), Trial(Shrinkage(1e-3)), 0))
    losses = fold.losses(X, test, np.array([1]), replace(fold.units, y_scale=scale), loss)
    network = size_path(X, train, loss=Huber(2.0), ridge=1e-3, random_state=0).within(1)
    residual = np.abs(network(X) - test[:, 0])
    expected = np.where(residual <= 2.0, 0.5 * residual**2, 2.0 * residual - 2.0) / scale**2
    assert_allclose(losses[0], expected, rtol=1e-9)


@pytest.mark.parametrize("n", [60, pytest.param(200, marks=pytest.mark.slow)])
def test_pure_noise_gives_almost_nothing(n):
    rng = np.random.default_rng(0)
    choice = choose(rng.normal(size=(n, 4)), rng.normal(size=(n, 1)), np.ones(n), Config(Squared()))
    assert choice.size <= 2


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match="selection must be 'one_se' or 'min', got 'best'"):
        selection.check_selection("best")


def test_few_rows_of_many_slopes_want_their_slopes_shrunk():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 15))
    y = X @ np.full(15, 0.3) + rng.standard_normal(40)
    choice = choose(X, y[:, None], np.ones(40), Config(Squared(), max_neurons=0))
    assert choice.trial.shrinkage.slope_ridge == choice.trial.shrinkage.ridge


def paths_with_kicks(monkeypatch, changed):
    """Kicked paths become those that `changed` makes of them."""
    plain_path = selection.standard_path

    def path(X, targets, weights, config, trial, *rest):
        units, stages = plain_path(X, targets, weights, config, trial._replace(kicks=0), *rest)
        return units, changed(stages) if trial.kicks else stages

    monkeypatch.setattr(selection, "standard_path", path)


def shifted(stages, by):
    """A path whose networks predict more by so much."""
    return [
        stage._replace(model=replace(stage.model, A=np.add(stage.model.A, [[0.0], [0.0], [by]]))) for stage in stages
    ]


@pytest.mark.usefixtures("quick")
def test_kicks_are_taken_where_they_lower_the_validation_loss(monkeypatch):
    X, y, w = table()
    paths_with_kicks(monkeypatch, lambda stages: shifted(stages, 5.0))
    assert choose(X, y, w, Config(Squared(), kicks=3), effort=Effort(random_state=1)).trial.kicks == 0


@pytest.mark.usefixtures("quick")
def test_paths_that_only_kicks_make_good_are_taken(monkeypatch):
    plain_path = selection.standard_path

    def path(X, targets, weights, config, trial, *rest):
        units, stages = plain_path(X, targets, weights, config, trial._replace(kicks=0), *rest)
        return units, stages if trial.kicks else shifted(stages, 5.0)

    monkeypatch.setattr(selection, "standard_path", path)
    assert choose(*table(), Config(Squared(), kicks=3), effort=Effort(random_state=1)).trial.kicks == 3


@pytest.mark.gate(1)
@pytest.mark.parametrize("seed", range(2))
def test_kicks_that_change_nothing_are_never_taken_and_change_no_size(monkeypatch, seed):
    monkeypatch.setattr(selection, "RIDGES", (1e-3, 1e-1))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3, 1e-1))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    paths_with_kicks(monkeypatch, lambda stages: stages)
    data = table(seed=seed)
    assert_same(
        choose(*data, Config(Squared(), kicks=3), effort=Effort(random_state=seed)),
        choose(*data, Config(Squared()), effort=Effort(random_state=seed)),
    )


@pytest.mark.usefixtures("quick")
def test_kicks_that_a_time_limit_cuts_short_are_not_taken(monkeypatch):
    plain = choose(*table(), Config(Squared()), effort=Effort(random_state=1))
    clock, kicked = Clock(), []

    def late(stages):
        kicked.append(1)
        if len(kicked) == 2:
            clock.interrupt()
        return stages

    paths_with_kicks(monkeypatch, late)
    effort = Effort(random_state=1)
    assert_same(choose(*table(), Config(Squared(), kicks=3), effort=effort, clock=clock), plain)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("loss", "summed", "size"), [(Squared(), 0.4, 9), (Logistic(), 0.6, 9), (Logistic(), 0.4, 2), (Softmax(), 0.4, 2)]
)
def test_half_a_nat_over_all_rows_is_worth_no_parameter(loss, summed, size):
    weights = np.array([3.0, 1.0, 1.0, 1.0])
    losses = np.array([[summed / effective_rows(weights)] * 4, [0.0] * 4])  # a difference without an error
    tally = tally_of(losses, weights)
    assert _chosen(np.array([2, 9]), tally, np.array([0]), "one_se", loss).size == size
    assert _chosen(np.array([2, 9]), tally, np.array([0]), "min", loss).size == 9


def test_effective_rows_are_all_of_equal_weight_and_one_of_very_unequal():
    assert effective_rows(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_rows(np.array([1.0, 1e-9, 1e-9])) == pytest.approx(1)


@pytest.mark.usefixtures("quick")
def test_rows_left_out_are_clipped_as_the_estimators_clip_rows_to_predict_for():
    X, y, w = table()
    far = X.copy()
    far[7, 0] = 1e6
    fold = Fold(np.array([7]), *standard_path(X[8:], y[8:], w[8:], Config(Squared()), Trial(Shrinkage(1e-3)), 0))
    edge = X.copy()
    edge[7, 0] = Clip.beyond(X[8:]).high[0]
    assert_allclose(fold.outputs(far, 9), fold.outputs(edge, 9))
    losses = [fold.losses(rows, y, size_grid(9, 1), fold.units, Squared()) for rows in (far, edge)]
    assert_allclose(*losses)


@pytest.mark.parametrize("n_rows", [2, 3])
def test_the_temperature_of_too_few_rows_is_one(n_rows):
    X, labels = np.arange(float(n_rows))[:, None], (np.arange(n_rows) % 2.0)[:, None]
    assert choose(X, labels, np.ones(n_rows), Config(Logistic())).temperature == 1.0


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("many", "most"), [(True, 30), (False, 60)])
def test_paths_that_take_long_get_a_parameter_for_two_rows_unless_a_cap_allows_more(monkeypatch, many, most):
    monkeypatch.setattr(selection, "takes_long", lambda *a: many)
    monkeypatch.setattr(selection, "RIDGES_MANY_UNKNOWNS", (0, 1))
    assert choose(*table(), Config(Squared())).sizes[-1] == most
    assert choose(*table(), Config(Squared()), largest=50).sizes[-1] == 50


@pytest.mark.parametrize("loss", [Squared(), Logistic()])
@pytest.mark.parametrize("n_rows", [200, 400])
def test_a_fast_search_compares_less_and_a_thorough_one_more(loss, n_rows):
    targets = np.arange(float(n_rows))[:, None] % 2
    found = []
    for search in ("fast", "default", "thorough"):
        folds = len(_folds(targets, loss, 0, False, search))
        trials = len(shrinkages(loss, 5, False, False, search))
        alive = survivors_of(loss, n_rows, False, search)
        found.append(sum(min(trials, alive[min(i, len(alive) - 1)]) for i in range(folds)))
    assert found[0] < found[1] < found[2]


def test_searches_that_are_none_are_refused():
    with pytest.raises(ValueError, match="search must be 'fast', 'default' or 'thorough', got 'quick'"):
        check_search("quick")
    assert check_search("fast") == "fast"
