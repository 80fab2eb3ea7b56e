"""Categories and missing entries: what the network gets, in fit, in prediction, from a file and in exports."""

import ctypes
import subprocess

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.inspection import partial_dependence
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import reluctant
from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.export import export_c, export_onnx
from reluctant.report import write_page

N = 60
RNG = np.random.default_rng(0)
CITY, A, B = RNG.choice(["Bonn", "Kiel", "Ulm"], N), RNG.uniform(-1, 1, N), RNG.uniform(-1, 1, N)
B[::9] = np.nan
CITY[1:3] = ["Ulm", "Bonn"]
Y = np.maximum(A, 0.0) + 2.0 * (CITY == "Ulm") + np.isnan(B) + 0.02 * RNG.standard_normal(N)
TABLE = {"a": A, "city": CITY, "b": B}
FRAMES = {
    "pandas": pd.DataFrame(TABLE),
    "pandas categories": pd.DataFrame(TABLE).astype({"city": "category", "b": "Float64"}),
    "polars": pl.DataFrame(TABLE).with_columns(pl.col("b").fill_nan(None)),
    "polars categories": pl.DataFrame(TABLE).with_columns(pl.col("city").cast(pl.Categorical)),
}
INPUTS = ("a", "city = Bonn", "city = Kiel", "city = Ulm", "b")


def by_hand(missing):
    """The inputs of the network, by pandas."""
    levels = pd.get_dummies(pd.Series(CITY)).to_numpy(float)
    b = np.where(np.isnan(B), np.nanmean(B), B)
    return np.column_stack([A, levels, b, *([np.isnan(B)] if missing == "hinge" else [])])


def model(**params):
    return SparseReLURegressor(**{"alpha": 1e-3, "random_state": 0, "missing": "hinge"} | params)


@pytest.fixture(scope="module")
def fitted():
    return model().fit(FRAMES["pandas"], Y)


@pytest.mark.gate(4)
@pytest.mark.parametrize("missing", ["mean", "hinge"])
@pytest.mark.parametrize("frame", FRAMES)
def test_the_network_is_that_of_the_inputs_encoded_by_hand(frame, missing):
    table = FRAMES[frame]
    ours = model(missing=missing).fit(table, Y)
    plain = model(missing="error").fit(by_hand(missing), Y)
    assert ours.columns_.names == (*INPUTS, *(["b is missing"] if missing == "hinge" else []))
    np.testing.assert_array_equal(ours.predict(table), plain.predict(by_hand(missing)))
    np.testing.assert_array_equal(ours.columns_.read(table), by_hand(missing))
    assert (ours.n_features_in_, ours.feature_names_in_.tolist()) == (3, ["a", "city", "b"])


def test_features_are_the_columns_of_the_table(fitted):
    assert fitted.features_used_.tolist() == ["a", "city", "b"]
    assert fitted.feature_importances_.shape == (3,)
    assert fitted.score(FRAMES["polars"], Y) > 0.99
    assert "city = Ulm" in fitted.network_.describe(fitted.columns_.names)


def test_columns_of_an_array_are_categories_by_their_number():
    array = np.column_stack([A, CITY, B]).astype(object)
    numbered = model(categorical=[1]).fit(array, Y)
    assert numbered.columns_.names[1:4] == ("x1 = Bonn", "x1 = Kiel", "x1 = Ulm")
    np.testing.assert_array_equal(numbered.predict(array), model().fit(FRAMES["pandas"], Y).predict(FRAMES["pandas"]))
    codes = np.unique(CITY, return_inverse=True)[1].astype(float)
    coded = model(categorical=["city"]).fit(pd.DataFrame(TABLE | {"city": codes}), Y)
    assert coded.columns_.names[1:4] == ("city = 0", "city = 1", "city = 2")


def test_a_level_that_fit_has_not_met_gets_zeros_and_a_warning(fitted):
    new = pd.DataFrame({"a": [0.5, 0.5], "city": ["Ulm", "Rom"], "b": [0.0, 0.0]})
    with pytest.warns(UserWarning, match="column 'city' has 'Rom' at row 1, which no row of fit had"):
        predicted = fitted.predict(new)
    expected = fitted.network_(fitted.clip_([[0.5, 0, 0, 1, 0, 0], [0.5, 0, 0, 0, 0, 0]]))
    np.testing.assert_array_equal(predicted, expected)


def test_columns_that_were_whole_in_fit_may_be_missing_in_prediction(fitted):
    new = pd.DataFrame({"a": [None, 0.5], "city": ["Ulm", None], "b": [0.0, None]})
    shares = [np.mean(city == CITY) for city in ("Bonn", "Kiel", "Ulm")]
    expected = [[A.mean(), 0, 0, 1, 0, 0], [0.5, *shares, np.nanmean(B), 1]]
    np.testing.assert_allclose(fitted.columns_.read(new), expected, rtol=1e-14)
    np.testing.assert_array_equal(fitted.predict(new), fitted.network_(fitted.columns_.read(new)))


def test_rows_of_weight_zero_teach_nothing(fitted):
    more = pd.concat([FRAMES["pandas"], pd.DataFrame({"a": [9.0, 8.0], "city": ["Rom", None], "b": [7.0, 6.0]})])
    weighed = model().fit(more, np.append(Y, [50.0, 60.0]), sample_weight=np.append(np.ones(N), [0.0, 0.0]))
    np.testing.assert_array_equal(weighed.predict(FRAMES["pandas"]), fitted.predict(FRAMES["pandas"]))
    assert weighed.columns_ == fitted.columns_


def test_several_targets_and_classes_take_such_tables():
    two = pl.DataFrame({"first": Y, "second": -Y})
    both = model().fit(FRAMES["polars"], two)
    assert both.predict(FRAMES["polars"]).shape == (N, 2)
    assert [column.name for column in both.columns_.outputs] == ["first", "second"]
    classes = SparseReLUClassifier(alpha=1e-3, missing="mean", random_state=0)
    assert classes.fit(FRAMES["polars"], Y > 1.0).score(FRAMES["polars"], Y > 1.0) > 0.9


def test_a_file_keeps_the_encoding(fitted, tmp_path):
    fitted.save(tmp_path / "f.json", data=(FRAMES["pandas"], Y))
    loaded = reluctant.load(tmp_path / "f.json")
    for frame in (FRAMES["pandas"], FRAMES["polars"]):
        np.testing.assert_array_equal(loaded.predict(frame), fitted.predict(frame))
    assert loaded.get_params() == fitted.get_params()
    assert loaded.features_used_.tolist() == fitted.features_used_.tolist()
    np.testing.assert_array_equal(loaded.feature_importances_, fitted.feature_importances_)


def test_a_frame_goes_through_a_model_of_its_encoded_inputs(fitted, tmp_path):
    """As `reluctant fit` makes them."""
    plain = model(missing="error").fit(by_hand("hinge"), Y)
    plain.save(tmp_path / "f.json", columns=fitted.columns_)
    loaded = reluctant.load(tmp_path / "f.json")
    np.testing.assert_array_equal(loaded.predict(by_hand("hinge")), plain.predict(by_hand("hinge")))
    np.testing.assert_array_equal(
        loaded.predict(FRAMES["pandas"][["b", "city", "a"]]), fitted.predict(FRAMES["pandas"])
    )


def test_the_same_model_takes_the_inputs_of_its_network(fitted):
    inputs = fitted.of_inputs()
    np.testing.assert_array_equal(inputs.predict(by_hand("hinge")), fitted.predict(FRAMES["pandas"]))
    assert (inputs.n_features_in_, fitted.n_features_in_) == (6, 3)
    assert inputs.of_inputs() is inputs


def test_files_take_the_encoded_inputs_and_name_them(fitted, tmp_path):
    exported = export_c(fitted, tmp_path / "f.c", data=(FRAMES["pandas"], Y))
    for words in ('x[3], "city = Ulm", is 1 where that is so, else 0.', 'x[5], "b is missing", is 1 where that is so'):
        assert words in exported.header
    assert exported.data_error == pytest.approx(np.abs(fitted.predict(FRAMES["pandas"]) - Y).max(), rel=1e-9)
    library = tmp_path / "f.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, tmp_path / "f.c"], check=True)
    function = ctypes.CDLL(library).f
    function.restype = ctypes.c_double
    row = np.ascontiguousarray(fitted.columns_.read(FRAMES["pandas"])[4])
    result = function(row.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
    assert result == pytest.approx(fitted.predict(FRAMES["pandas"])[4], rel=1e-12)
    assert export_onnx(fitted, tmp_path / "f.onnx", data=(FRAMES["pandas"], Y)).data_error < 0.2
    page = write_page(fitted, FRAMES["pandas"], Y, tmp_path / "f.html").read_text(encoding="utf-8")
    assert "city = Ulm" in page


def test_a_pipeline_as_onnx_refuses_what_it_cannot_encode(fitted):
    skl2onnx = pytest.importorskip("skl2onnx")
    from reluctant.estimators import register_skl2onnx

    register_skl2onnx()
    with pytest.raises(ValueError, match=r"encodes categories and gaps itself, .* use export_onnx, whose file takes"):
        skl2onnx.to_onnx(make_pipeline(fitted), np.zeros((1, 3)))


def test_partial_dependence_and_set_output_go_on_working(fitted):
    means = partial_dependence(fitted, FRAMES["pandas"], ["city"], categorical_features=["city"])["average"][0]
    assert means[2] - means[0] == pytest.approx(2.0, abs=0.1)
    scaled = ColumnTransformer([("a", StandardScaler(), ["a", "b"])], remainder="passthrough")
    pipeline = make_pipeline(scaled.set_output(transform="pandas"), model())
    assert pipeline.fit(FRAMES["pandas"], Y).score(FRAMES["pandas"], Y) > 0.99
    assert pipeline[-1].columns_.names[3:6] == tuple(f"remainder__city = {city}" for city in ("Bonn", "Kiel", "Ulm"))


def test_refitting_to_numbers_forgets_the_encoding(fitted):
    again = model().fit(FRAMES["pandas"], Y).set_params(missing="error").fit(by_hand("mean"), Y)
    assert not hasattr(again, "columns_")
    assert again.predict(by_hand("mean")).shape == (N,)


def changed(**columns):
    return pd.DataFrame(TABLE | columns)


@pytest.mark.parametrize(
    ("params", "table", "message"),
    [
        ({"missing": "zero"}, changed(), "missing must be one of 'error', 'mean', 'hinge', got 'zero'"),
        ({"categorical": "city"}, changed(), "categorical must be 'auto', None or a list of columns, got 'city'"),
        ({"categorical": [True]}, changed(), "categorical must list names or numbers of columns, got True"),
        ({"categorical": ["town"]}, changed(), "categorical names column 'town', which X does not have; its columns"),
        ({"categorical": [3]}, changed(), "categorical names column 3, and X has 3 columns, counted from 0"),
        ({"categorical": ["a"]}, np.zeros((N, 2)), "categorical names column 'a', and X has no names; give its number"),
        ({"categorical": None}, changed(), "column 'city' has the text '.*' at row 0; encode it as numbers"),
        ({"missing": "error"}, changed(), "column 'b' has a missing value at row 0; remove or replace it, or set"),
        ({}, changed(b=np.full(N, np.nan)), "column 'b' is missing in every row; leave it out"),
        ({}, changed(b=np.where(np.arange(N) == 7, np.inf, B)), "column 'b' has an infinite value at row 7; remove or"),
        ({}, changed(a=[*A[:8].tolist(), "x", *A[9:]]), "column 'a' has the text 'x' at row 8; encode it as numbers"),
        ({}, changed(d=pd.to_datetime(np.arange(N))), "column 'd' holds dates or times; convert them to numbers"),
        ({}, changed()[["a", "a", "city"]], "X has two columns named 'a'; rename one"),
        ({}, changed()[:1], r"X has 1 row \(n_samples=1\); give at least two"),
        (
            {},
            changed().rename(columns={"a": "city = Ulm"}),
            "columns 'city = Ulm' and 'city' of X both become an input named 'city = Ulm'; rename one",
        ),
    ],
)
def test_bad_tables_are_one_sentence_and_leave_nothing_fitted(params, table, message):
    unfitted = model(**params)
    with pytest.raises(ValueError, match=message):
        unfitted.fit(table, Y[: len(table)])
    assert vars(unfitted).keys() == vars(model()).keys()


def test_too_many_levels_are_one_sentence():
    ids = pd.DataFrame({"id": [f"user {i}" for i in range(10_000)], "a": np.arange(10_000.0)})
    with pytest.raises(ValueError, match=r"column 'id' has 10,000 levels, such as 'user 0', more than the 255"):
        model().fit(ids, np.arange(10_000.0))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (changed()[["city", "a", "b"]], "feature names should match"),
        (changed().rename(columns={"a": "c"}), "feature names should match|Feature names unseen"),
        (changed(a=CITY), "column 'a' has the text '.*' at row 0"),
        (changed().assign(c=1.0), "X has 4 features|feature names"),
    ],
)
def test_other_columns_in_prediction_are_refused(fitted, table, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(table)
