"""scikit-learn's conventions, its searches and pipelines, frames, copies, seeds and workers."""

import contextlib
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from reluctant import SparseReLUClassifier, SparseReLURegressor

ESTIMATORS = (SparseReLURegressor, SparseReLUClassifier)

_COPIES = (
    "folds may separate the copies of a row, never a row that weighs as much as all of them; the size and ridge they "
    "choose then differ"
)
FOLDS_SEPARATE_COPIES = {f"check_sample_weight_equivalence_on_{kind}_data": _COPIES for kind in ("dense", "sparse")}
NEGATIVE_TARGETS = {
    "check_regressor_multioutput": "the check draws targets below 0 for whatever takes several, and heeds no "
    "`positive_only`"
}


def expected_to_fail(estimator):
    """Checks that ask for what an estimator does not claim, with the reason."""
    automatic = {} if estimator.alpha is not None else FOLDS_SEPARATE_COPIES
    return automatic | (NEGATIVE_TARGETS if estimator.loss in ("poisson", "gamma") else {})


@parametrize_with_checks([estimator(alpha=0.01, p=0.5) for estimator in ESTIMATORS])
def test_scikit_learn_conventions_hold_for_given_alpha_and_p(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [estimator() for estimator in ESTIMATORS], expected_failed_checks=lambda estimator: FOLDS_SEPARATE_COPIES
)
def test_scikit_learn_conventions_hold_for_the_automatic_size(estimator, check):
    check(estimator)


LOSSES = ("absolute", "huber", "quantile", "poisson", "gamma")
VARIANTS = [
    *(SparseReLURegressor(alpha=0.01, loss=loss) for loss in LOSSES),
    *(SparseReLURegressor(search="fast", loss=loss) for loss in LOSSES),
    SparseReLURegressor(alpha=0.01, missing="hinge"),
    SparseReLURegressor(search="fast", missing="mean", calibration_share=0.3),
]
CLASSIFIERS = [
    SparseReLUClassifier(alpha=0.01, class_weight="balanced"),
    SparseReLUClassifier(alpha=0.01, missing="hinge"),
]


@pytest.mark.slow
@parametrize_with_checks(VARIANTS, expected_failed_checks=expected_to_fail)
def test_scikit_learn_conventions_hold_for_every_loss_and_way_to_read_a_table(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(CLASSIFIERS)
def test_scikit_learn_conventions_hold_for_classifiers_that_weigh_classes_or_take_gaps(estimator, check):
    check(estimator)


def test_pipelines_and_searches_take_the_estimators(hinge_table, class_table):
    X, y = hinge_table
    search = GridSearchCV(SparseReLURegressor(random_state=0), {"max_parameters": [1, 5]}, cv=2).fit(X, y)
    assert search.best_params_ == {"max_parameters": 5}
    pipeline = make_pipeline(StandardScaler(), SparseReLURegressor(random_state=0))
    search = GridSearchCV(pipeline, {"sparsereluregressor__alpha": [0.001, 10.0]}, cv=2).fit(X, y)
    assert search.best_params_ == {"sparsereluregressor__alpha": 0.001}
    assert cross_val_score(SparseReLUClassifier(max_parameters=6, random_state=0), *class_table, cv=3).mean() > 0.6


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_lend_their_column_names(hinge_table, frame):
    X, y = (a[:100] for a in hinge_table)
    names = ["heat", "flow", "age", "load"]
    table = frame(dict(zip(names, X.T, strict=True)))
    model = SparseReLURegressor(random_state=0).fit(table, y)
    assert model.feature_names_in_.tolist() == names
    nameless = SparseReLURegressor(random_state=0).fit(X, y)
    assert model.features_used_.tolist() == [names[j] for j in nameless.features_used_]
    assert np.array_equal(model.predict(table), nameless.predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[["flow", "heat", "age", "load"]])


def test_series_are_targets(hinge_table):
    X, y = (a[:80] for a in hinge_table)
    expected = SparseReLURegressor(max_parameters=3, random_state=0).fit(X, y).predict(X)
    for series in (pd.Series(y), pl.Series(y)):
        assert np.array_equal(SparseReLURegressor(max_parameters=3, random_state=0).fit(X, series).predict(X), expected)


def test_copies_predict_the_same(fitted, classifier, hinge_table, class_table, tmp_path):
    for model, X in ((fitted, hinge_table[0]), (classifier, class_table[0])):
        joblib.dump(model, tmp_path / "model")
        for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
            assert np.array_equal(copy.predict(X), model.predict(X))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_go_round(estimator):
    given = {
        "max_neurons": 3,
        "screen": None,
        "selection": "min",
        "affine": False,
        "n_jobs": 2,
        "time_limit": 4.0,
        "warm_start": True,
    }
    model = clone(estimator(**given))
    assert given.items() <= model.get_params().items()
    assert clone(estimator()).set_params(**given).get_params() == model.get_params()


def test_the_seed_decides_the_network_and_the_workers_do_not(hinge_table):
    X, y = (a[:120] for a in hinge_table)
    y = y + np.sin(3 * X[:, 2])
    base = SparseReLURegressor(random_state=3).fit(X, y).predict(X)
    assert np.array_equal(SparseReLURegressor(random_state=3, n_jobs=2).fit(X, y).predict(X), base)
    assert np.array_equal(SparseReLURegressor(random_state=3, verbose=True).fit(X, y).predict(X), base)
    assert not np.array_equal(SparseReLURegressor(random_state=4).fit(X, y).predict(X), base)


def test_generators_of_both_kinds_are_sources_of_randomness(hinge_table):
    X, y = (a[:80] for a in hinge_table)
    for make in (np.random.default_rng, np.random.RandomState):
        first, second = (SparseReLURegressor(max_parameters=3, random_state=make(1)).fit(X, y) for _ in "ab")
        assert np.array_equal(first.predict(X), second.predict(X))


def test_a_time_limit_ends_the_cross_validation_and_leaves_a_model(hinge_table, capsys):
    SparseReLURegressor(random_state=0, verbose=True).fit(*hinge_table)
    all_folds = capsys.readouterr().err.count("fold")
    model = SparseReLURegressor(random_state=0, time_limit=1e-9, verbose=True).fit(*hinge_table)
    assert capsys.readouterr().err.count("fold") == 1 < all_folds
    assert model.score(*hinge_table) > 0.9


def test_a_warm_start_never_ends_above_the_network_it_begins_with(hinge_table):
    X, y = hinge_table
    warm = SparseReLURegressor(alpha=0.01, warm_start=True, random_state=0).fit(X, y)
    objective = lambda f: 0.5 * np.mean((f(X) - y) ** 2) + 0.01 * f.path_norm(0.5)  # noqa: E731
    first = objective(warm.network_)
    assert objective(warm.set_params(random_state=1).fit(X, y).network_) <= first * (1 + 1e-9)


def test_a_warm_start_takes_part_in_the_automatic_choice(hinge_table):
    X, y = hinge_table
    warm = SparseReLURegressor(max_parameters=6, warm_start=True, random_state=0).fit(X, y)
    first = warm.score(X, y)
    assert warm.set_params(random_state=1).fit(X, y).score(X, y) >= first - 1e-3
    with pytest.raises(ValueError, match="4 inputs and 1 outputs, but the data have 3 and 1"):
        warm.fit(X[:, :3], y)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_two_workers_find_the_same_networks_to_the_last_bit(backend, hinge_table):
    """Of a frame with categories and gaps, of classes, and of a sparse table."""
    distributed = pytest.importorskip("dask.distributed")
    X, y = hinge_table
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(X[:, 3] > 0, "high", "low"))
    frame.loc[::7, "c"] = np.nan
    wide = scipy.sparse.csr_array(np.hstack([X, np.random.default_rng(0).random((320, 30)) < 0.1]))
    rows = {
        "frame": (SparseReLURegressor(missing="hinge", random_state=0), frame, y),
        "classes": (SparseReLUClassifier(class_weight="balanced", random_state=0), frame[["a", "e"]], y > 0.3),
        "sparse": (SparseReLURegressor(max_parameters=6, screen=10, random_state=0), wide, y),
    }
    here = {name: clone(model).fit(*data).predict(data[0]) for name, (model, *data) in rows.items()}
    with contextlib.ExitStack() as stack:
        if backend == "dask":
            cluster = stack.enter_context(
                distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
            )
            stack.enter_context(distributed.Client(cluster))
        stack.enter_context(joblib.parallel_config(backend=backend, n_jobs=2))
        for name, (model, *data) in rows.items():
            there = clone(model).set_params(n_jobs=2).fit(*data)
            np.testing.assert_array_equal(there.predict(data[0]), here[name], err_msg=name)


def test_a_dask_cluster_finds_the_same_network(hinge_table):
    distributed = pytest.importorskip("dask.distributed")
    X, y = hinge_table
    here = SparseReLURegressor(max_parameters=6, random_state=0, n_jobs=1).fit(X, y)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = SparseReLURegressor(max_parameters=6, random_state=0).fit(X, y)
        assert cluster.scheduler.transition_counter > 0
    assert np.array_equal(there.predict(X), here.predict(X))
