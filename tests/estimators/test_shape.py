"""`monotonic_cst` and `interactions` of the estimators."""

import re

import numpy as np
import pytest

import reluctant
from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import base, cross_validated
from reluctant.estimators.shape import constraints_of
from reluctant.regression import selection, streaming
from reluctant.verify import is_monotone

OFFSETS = np.array([0.0, 1e6, -3e4])


@pytest.fixture(scope="module")
def table():
    """Rising in the first input, with a step at either end; falling in the second; a product with the third."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (120, 3))
    y = np.clip(2.0 * X[:, 0], -0.8, 0.5) - X[:, 1] + 0.5 * X[:, 1] * X[:, 2] + 0.3 * rng.standard_normal(120)
    return X + OFFSETS, y


@pytest.fixture(scope="module")
def rising(table):
    with pytest.MonkeyPatch.context() as few:  # fixtures of a module come before those of a test
        for name, value in (("RIDGES", (3e-3,)), ("RIDGES_ON_SLOPES", ()), ("FOLDS", 2), ("REPEATS_FEW_ROWS", 1)):
            few.setattr(selection, name, value)
        few.setattr(cross_validated, "STARTS", 1)
        return SparseReLURegressor(max_parameters=16, monotonic_cst=[1, -1, 0], random_state=0).fit(*table)


def lines(X, j, n=400):
    """A fine grid of one input, far beyond the rows too, for some rows of the others."""
    low, high = X[:, j].min(), X[:, j].max()
    grid = np.linspace(low - 3 * (high - low), high + 3 * (high - low), n)
    for row in X[::25]:
        points = np.tile(row, (n, 1))
        points[:, j] = grid
        yield points


def test_predictions_never_move_against_the_sign(rising, table):
    X = table[0]
    for points in lines(X, 0):
        assert np.diff(rising.predict(points)).min() >= -1e-9
    for points in lines(X, 1):
        assert np.diff(rising.predict(points)).max() <= 1e-9
    assert rising.score(*table) > 0.7


def test_no_fit_without_constraints_would_pass(table):
    free = SparseReLURegressor(max_parameters=40, selection="min", random_state=0).fit(*table)
    network = free.path_.networks[-1]
    assert any(np.diff(network(points)).min() < -1e-3 for points in lines(table[0], 0))


def test_every_network_of_the_path_is_monotone_on_a_box_as_exact_regions_tell(rising):
    box = np.column_stack([OFFSETS - 5.0, OFFSETS + 5.0])
    for network in rising.path_.networks[:: max(1, len(rising.path_) // 4)]:
        assert is_monotone(network, box, 0)
        assert is_monotone(network, box, 1, direction="decreasing")


def test_the_certificate_and_the_words_say_so(rising):
    assert "increasing in x0, decreasing in x1 wherever" in rising.certificate_.reason
    words = rising.network_.describe(trends=True)
    assert re.search(r"f is increasing in x0( and x2)?, decreasing in x1( and x2)?, wherever", words)  # x2 is free


def test_beside_a_category_the_certificate_names_the_columns_that_were_asked_for():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"city": rng.choice(["Bonn", "Kiel", "Ulm"], 120), "age": rng.uniform(0, 1, 120)})
    X["dose"] = rng.uniform(0, 1, 120)
    y = X["age"] - 2.0 * X["dose"] + (X["city"] == "Ulm") + 0.1 * rng.standard_normal(120)
    model = SparseReLURegressor(max_parameters=8, monotonic_cst={"age": 1, "dose": -1}, random_state=0).fit(X, y)
    assert "increasing in age, decreasing in dose wherever" in model.certificate_.reason
    assert "and age, decreasing in dose, wherever" in model.describe(trends=True)


def test_partial_dependence_is_monotone(rising, table):
    from sklearn.inspection import partial_dependence

    average = partial_dependence(rising, table[0], [0], kind="average")["average"][0]
    assert np.diff(average).min() >= -1e-9


def test_names_and_numbers_say_the_same():
    names = ["age", "price", "z"]
    named = constraints_of({"price": -1, "age": 1}, [["age"], ["price", "z"]], 3, 1, names, False)
    numbered = constraints_of(np.array([1.0, -1.0, 0.0]), [[1, 2]], 3, 1, None, False)
    assert named.signs.tolist() == numbered.signs.tolist() == [1, -1, 0]
    assert sorted(named.groups.tolist()) == sorted(numbered.groups.tolist())
    assert constraints_of([0, 0, 0], None, 3, 2, None, False) is None


def test_files_keep_constraints_and_what_is_known(tmp_path, table):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(table[0], columns=["age", "price", "z"])
    model = SparseReLURegressor(
        max_parameters=8, monotonic_cst={"age": 1}, interactions=[["age"], [1, "z"]], random_state=0
    ).fit(frame, table[1])
    model.save(tmp_path / "m.json")
    loaded = reluctant.load(tmp_path / "m.json")
    assert loaded.get_params() == model.get_params()
    assert loaded.certificate_ == model.certificate_
    assert "increasing in age" in loaded.certificate_.reason
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
    model.set_params(monotonic_cst=np.array([1, -1, 0]), interactions="none").save(tmp_path / "n.json")
    assert reluctant.load(tmp_path / "n.json").monotonic_cst == [1, -1, 0]


def test_log_odds_of_two_classes_are_monotone(table):
    X, y = table
    model = SparseReLUClassifier(max_parameters=12, monotonic_cst=[1, 0, 0], random_state=0).fit(X, y > 0)
    for points in lines(X, 0):
        assert np.diff(model.decision_function(points)).min() >= -1e-9
        assert np.diff(model.predict_proba(points)[:, 1]).min() >= -1e-9
    assert model.path_.networks[-1].n_neurons > 0
    for network in model.path_.networks:
        assert is_monotone(network, np.column_stack([OFFSETS - 5.0, OFFSETS + 5.0]), 0)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_without_interactions_every_neuron_reads_one_input(table, n_outputs):
    X, y = table
    Y = np.column_stack([y, y**2])[:, :n_outputs]
    model = SparseReLURegressor(max_parameters=20, interactions="none", random_state=0).fit(X, Y)
    assert len(model.path_) > 4
    for network in model.path_.networks:
        assert (np.count_nonzero(network.input_weights, axis=1) <= 1).all()


def test_classes_of_dense_neurons_keep_pairs_and_groups(table):
    X, y = table
    labels = np.digitize(y, [-0.5, 0.5])
    for interactions, most in (("pairs", 2), ([[0, 2]], 2)):
        model = SparseReLUClassifier(max_parameters=20, interactions=interactions, random_state=0).fit(X, labels)
        for network in model.path_.networks:
            reads = network.input_weights != 0
            assert (reads.sum(axis=1) <= most).all()
            if interactions != "pairs":  # the column that is left out meets nobody
                assert not (reads[:, 1] & reads[:, [0, 2]].any(axis=1)).any()


def test_blocks_and_screened_columns_keep_the_signs(table, monkeypatch):
    monkeypatch.setattr(base, "MANY_ROWS", 100)
    monkeypatch.setattr(streaming, "SAMPLE", 80)
    X, y = table
    wide = np.column_stack([np.random.default_rng(1).uniform(-1, 1, (len(X), 2)), X])
    model = SparseReLURegressor(monotonic_cst=[0, 0, 1, -1, 0], screen=3, random_state=0).fit(wide, y)
    for network in model.path_.networks:
        assert is_monotone(network, np.tile([-2e6, 2e6], (5, 1)), 2)
    assert "increasing in x2" in model.certificate_.reason


def test_signs_against_the_data_leave_the_other_inputs_their_say_and_no_warm_start_helps(rising, table):
    X, y = table
    model = SparseReLURegressor(**rising.get_params()).set_params(max_parameters=8, warm_start=True)
    model.network_ = rising.network_
    model.set_params(monotonic_cst=[-1, 0, 0], interactions="none").fit(X, y)
    assert 0 not in model.features_used_
    assert (np.count_nonzero(model.network_.input_weights, axis=1) <= 1).all()
    assert model.score(X, y) > 0.2


REFUSED = {
    "entries": ({"monotonic_cst": [1, 0]}, "has 2 entries, but X has 3 columns"),
    "value": ({"monotonic_cst": [1, 2, 0]}, "has 2 for column 'b'; give -1, 0 or 1"),
    "a truth": ({"monotonic_cst": [True, 0, 0]}, "has True for column 'a'"),
    "missing": ({"monotonic_cst": [np.nan, 0, 0]}, "has nan for column 'a'"),
    "text": ({"monotonic_cst": "up"}, "must be a list of -1, 0 or 1"),
    "name": ({"monotonic_cst": {"q": 1}}, "has column 'q', which X does not have; its columns are 'a', 'b', 'c'"),
    "category": ({"monotonic_cst": {"c": 1}}, "has 1 for column 'c', which holds categories"),
    "alpha": ({"monotonic_cst": [1, 0, 0], "alpha": 0.1}, "leave alpha or monotonic_cst out"),
    "tolerance": ({"interactions": "none", "tolerance": 0.1}, "leave tolerance or interactions out"),
    "word": ({"interactions": "all"}, "must be 'none', 'pairs' or a list of groups"),
    "number": ({"interactions": [[0, 9]]}, "has column 9, but the columns of X are 0 to 2"),
    "no groups": ({"interactions": [0, 1]}, "must hold groups of columns, such as \\[0, 2\\], got 0"),
    "empty": ({"interactions": [[]]}, "a group without columns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_constraints_are_refused_in_one_sentence(table, name):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(table[0], columns=["a", "b", "c"])
    frame["c"] = pd.Categorical(np.arange(len(frame)) % 3)
    parameters, message = REFUSED[name]
    model = SparseReLURegressor(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(frame, table[1])
    assert not hasattr(model, "network_")


def test_signs_are_for_one_output(table):
    X, y = table
    with pytest.raises(ValueError, match="one target, but y has 2; fit one model for each"):
        SparseReLURegressor(monotonic_cst=[1, 0, 0]).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="two classes, but y has 3"):
        SparseReLUClassifier(monotonic_cst=[1, 0, 0]).fit(X, np.digitize(y, [-0.5, 0.5]))
    with pytest.raises(ValueError, match="has the name 'a', but X has no names"):
        SparseReLURegressor(monotonic_cst={"a": 1}).fit(X, y)
