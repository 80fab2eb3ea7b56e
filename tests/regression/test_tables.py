"""Tables in blocks, and fits that never hold all of their rows."""

import re

import numpy as np
import polars
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from regression.models import sparse_model
from reluctant.effort import Effort
from reluctant.regression import selection, streaming, tables
from reluctant.regression.gauss_newton import Problem, quadratic_model, summed_loss
from reluctant.regression.losses import Logistic, Squared
from reluctant.regression.model import Model
from reluctant.regression.penalties import Ridge
from reluctant.regression.selection import Choice, Config, standard_path
from reluctant.regression.standardise import Standardisation
from reluctant.regression.streaming import StreamedRows, fit_streamed, sample_of
from reluctant.regression.tables import ArrayTable, ParquetTable

RULES = ("one_se", "min")


def as_column(y):
    return np.asarray(y, dtype=float).reshape(len(y), -1)


def arrays(n_rows=23, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, d)), rng.normal(size=n_rows), rng.uniform(0, 2, n_rows)


def joined_blocks(rows):
    return [np.concatenate(column) for column in zip(*rows.blocks(), strict=True)]


def joined(table):
    return tuple(np.concatenate(column) for column in zip(*table.blocks(), strict=True))


def parquet(path, X, y, w):
    frame = polars.DataFrame({**{f"x{j}": X[:, j] for j in range(X.shape[1])}, "y": y, "w": w})
    frame.write_parquet(path, row_group_size=9)
    return ParquetTable(path, [f"x{j}" for j in range(X.shape[1])], "y", "w")


@pytest.mark.parametrize("kind", ["arrays", "memmap", "parquet"])
def test_blocks_are_the_rows(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(tables, "BLOCK", 5)
    X, y, w = arrays()
    table = ArrayTable(X, y, w)
    if kind == "parquet":
        table = parquet(tmp_path / "t.parquet", X, y, w)
    if kind == "memmap":
        X.astype(np.float32).tofile(tmp_path / "x")
        X = np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape)
        table = ArrayTable(X, y, w)
    assert (table.n_rows, table.n_inputs) == X.shape
    assert max(len(block.y) for block in table.blocks()) == 5
    for _ in range(2):
        for got, expected in zip(joined(table), (X, y, w), strict=True):
            assert_array_equal(got, expected)
            assert got.dtype == np.float64


def test_weights_are_ones_by_default(tmp_path):
    X, y, w = arrays()
    parquet(tmp_path / "t.parquet", X, y, w)
    for table in (ArrayTable(X, y), ParquetTable(tmp_path / "t.parquet", ["x0"], "y")):
        assert_array_equal(joined(table)[2], 1.0)


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("x1", [1.0, np.nan, 0.0], "column 'x1' has nan at row 7; remove or replace it"),
        ("y", [1.0, 2.0, -np.inf], "column 'y' has -inf at row 8; remove or replace it"),
        ("w", [None, 2.0, 1.0], "column 'w' has a missing value at row 6; remove or replace it"),
        ("x0", [True, None, False], "column 'x0' has a missing value at row 7; remove or replace it"),
    ],
)
def test_errors_name_the_column_and_the_row_of_the_file(tmp_path, monkeypatch, column, values, sentence):
    monkeypatch.setattr(tables, "BLOCK", 4)
    frame = polars.DataFrame({"x0": np.arange(9.0), "x1": np.arange(9.0), "y": np.arange(9.0), "w": np.ones(9)})
    bad = polars.Series(column, ([False] * 6 if values[0] is True else [0.0] * 6) + values)
    frame.with_columns(bad).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=re.escape(sentence)):
        joined(ParquetTable(tmp_path / "t.parquet", ["x0", "x1"], "y", "w"))


def test_errors_name_the_row_of_text_in_an_input(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 2)
    polars.DataFrame({"x": ["1", "2", "3", "four"], "y": [1.0] * 4}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="column 'x'"):
        joined(ParquetTable(tmp_path / "t.parquet", ["x"], "y"))


def test_missing_columns_are_named(tmp_path):
    parquet(tmp_path / "t.parquet", *arrays())
    with pytest.raises(ValueError, match=r"has no column 'z'; its columns are x0, x1, x2, y, w"):
        ParquetTable(tmp_path / "t.parquet", ["x0", "z"], "y")
    with pytest.raises(ValueError, match="x names no columns"):
        ParquetTable(tmp_path / "t.parquet", [], "y")


@pytest.mark.parametrize("m", [1, 2])
def test_streamed_quadratic_model_equals_the_one_in_memory(monkeypatch, m):
    monkeypatch.setattr(tables, "BLOCK", 6)
    X, _, w = arrays()
    y = np.random.default_rng(1).normal(size=(23, m))
    w[3:9] = 0.0
    units = Standardisation.of(X, y, w, scale_targets=True)
    streamed = StreamedRows(ArrayTable(X, y, w), units, as_column, m, float(w.sum()))
    model, ridge = sparse_model(3, 3, m, 0), Ridge(0.1, 0.2, 0.3)
    problems = [Problem(rows, Squared(), ridge) for rows in (streamed, units.rows(X, y, w))]
    unknowns = problems[0].unknowns(model)
    a, b = (quadratic_model(model, unknowns, problem) for problem in problems)
    assert_allclose(a.hessian, b.hessian, rtol=1e-10, atol=1e-12)
    assert_allclose(a.gradient, b.gradient, rtol=1e-10, atol=1e-12)
    assert problems[0].objective(model) == pytest.approx(problems[1].objective(model))


def test_training_and_validation_parts_are_a_split_that_stays(monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 50)
    X, y, w = arrays(1000)
    X[:, 0] = np.arange(1000)
    units = Standardisation(np.zeros(3), np.ones(3), np.zeros(1), np.ones(1))
    parts = {}
    for part in ("training", "validation"):
        rows = StreamedRows(ArrayTable(X, y, w), units, as_column, 1, 1.0, seed=4, part=part)
        ids = [np.concatenate([block.inputs[:, 0] for block in rows.blocks()]) for _ in range(2)]
        assert_array_equal(*ids)
        parts[part] = ids[0]
    assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(1000))
    assert 150 < len(parts["validation"]) < 250


def test_sample_is_some_of_the_rows_and_all_of_few(monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 7)
    X, y, w = arrays()
    got = sample_of(ArrayTable(X, y, w), as_column, np.random.default_rng(0))
    for a, b in zip(got, (X, y[:, None], w), strict=True):
        assert_array_equal(a, b)
    monkeypatch.setattr(streaming, "SAMPLE", 9)
    few = sample_of(ArrayTable(X, y, w), as_column, np.random.default_rng(0))
    rows = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in few[0]]
    assert len(set(rows)) == 9
    assert_array_equal(few[1][:, 0], y[rows])


class Recorded:
    """A table that makes its rows anew for each block, and remembers how many it has given."""

    def __init__(self, n_rows, block):
        self.n_rows, self.n_inputs, self.block = n_rows, 5, block
        self.largest = self.passes = 0

    def blocks(self):
        self.passes += 1
        for start in range(0, self.n_rows, self.block):
            rng = np.random.default_rng(start + 1)
            X = rng.uniform(0, 1, (min(self.block, self.n_rows - start), 5))
            y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
            self.largest = max(self.largest, len(X))
            yield tables.RawBlock(X, y + rng.standard_normal(len(X)), np.ones(len(X)))


@pytest.mark.parametrize(("n_seeds", "most"), [(1, 1.1), pytest.param(3, 1.02, marks=pytest.mark.slow)])
def test_streamed_fit_is_as_good_as_the_one_in_memory_and_reads_blocks_only(monkeypatch, n_seeds, most):
    monkeypatch.setattr(streaming, "SAMPLE", 1000)
    monkeypatch.setattr(selection, "RIDGES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    table = Recorded(30_000, 2_000)
    config = Config(Squared())
    efforts = [Effort(random_state=seed) for seed in range(n_seeds)]
    streamed = [fit_streamed(table, as_column, config, size=30, effort=effort) for effort in efforts]
    assert all(fitted.model.size <= 30 for fitted in streamed)
    assert table.largest == 2_000
    X, y, w = joined(table)
    units, stages = standard_path(X[:6000], y[:6000, None], w[:6000], config, streamed[0].choice.trial, 0)
    whole = next(stage.model for stage in stages if stage.size <= 30)
    test = joined(Recorded(8_000, 1_999))
    losses = [
        summed_loss(model, u.rows(test[0], test[1][:, None], test[2]), Squared()) * u.y_scale[0] ** 2
        for model, u in (*((fitted.model, fitted.units) for fitted in streamed), (whole, units))
    ]
    assert np.median(losses[:-1]) < most * losses[-1]  # the paths of few rows differ by a few per cent


def test_streamed_choice_compares_sizes_on_held_out_rows(monkeypatch):
    monkeypatch.setattr(streaming, "SAMPLE", 300)
    monkeypatch.setattr(selection, "RIDGES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS", 1)
    table = Recorded(4_000, 500)
    fitted = {rule: fit_streamed(table, as_column, Config(Squared()), largest=40, selection=rule) for rule in RULES}
    for rule, (units, model, choice, _, _) in fitted.items():
        assert 600 < choice.n_rows < 1000
        assert (np.diff(choice.sizes) > 0).all()
        assert model.size <= choice.sizes[choice.chosen] <= 40
        above = choice.mean - choice.mean.min()
        first = np.flatnonzero(above <= (choice.error if rule == "one_se" else 0.0))[0]
        assert choice.chosen == first
        assert model(units.inputs(joined(table)[0])).shape == (4_000, 1)
    assert fitted["one_se"].model.size <= fitted["min"].model.size


def test_the_comparison_on_rows_held_out_is_weighted_and_paired(monkeypatch):
    monkeypatch.setattr(streaming, "SAMPLE", 300)
    monkeypatch.setattr(selection, "RIDGES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS", 1)
    monkeypatch.setattr(streaming, "minimise", lambda model, *_: (model, 0.0))  # candidates stay as they are
    rng = np.random.default_rng(0)
    X, w = rng.uniform(-1, 1, (2000, 3)), rng.uniform(0.1, 3, 2000)
    y = np.abs(X[:, 0]) - X[:, 1] * X[:, 2] + 0.3 * rng.standard_normal(2000)
    table = ArrayTable(X, y, w)
    units, _, choice, compared, _ = fit_streamed(table, as_column, Config(Squared()), largest=60)
    held_out = joined_blocks(StreamedRows(table, units, as_column, 1, 1.0, part="validation"))
    losses = np.array([0.5 * (model(held_out[0]) - held_out[1])[:, 0] ** 2 for model in compared])
    shares = held_out[2] / held_out[2].sum()
    assert_allclose(choice.mean, losses @ shares, rtol=1e-9)
    difference = losses - losses[np.argmin(losses @ shares)]
    spread = difference - (difference @ shares)[:, None]
    assert_allclose(choice.error, np.sqrt(spread**2 @ shares**2), rtol=1e-6, atol=1e-9)
    assert choice.n_rows == len(shares)


def test_candidates_reach_from_half_to_four_times_the_size_chosen():
    models = [Model(np.ones((1, size)), np.ones((1, 1)), np.zeros((size, 1))) for size in range(80, 1, -1)]
    choice = Choice(1e-3, np.array([10]), np.zeros(1), np.zeros(1), 0, 100)
    sizes = [model.size for model in streaming._candidates(models, choice)]
    assert 10 in sizes
    assert (max(sizes), min(sizes)) == (40, 5)


def test_streamed_classes(monkeypatch):
    monkeypatch.setattr(selection, "RIDGES", (1e-2,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-2,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    X, _, w = arrays(2000)
    labels = (X[:, 0] + X[:, 1] > 0).astype(int)
    names = np.array(["no", "yes"])[labels]
    fitted = fit_streamed(ArrayTable(X, names, w), lambda y: as_column(y == "yes"), Config(Logistic()), size=5)
    assert np.mean((fitted.model(fitted.units.inputs(X))[:, 0] > 0) == labels) > 0.97


def test_a_size_below_the_constants_of_the_outputs_is_refused():
    X, y, w = arrays(60)
    table = ArrayTable(X, np.column_stack([y, -y, X[:, 0]]), w)
    with pytest.raises(ValueError, match="size = 2 is less than the 3 constants"):
        fit_streamed(table, as_column, Config(Squared()), size=2)


def test_rows_without_weight_are_as_if_they_were_not_in_the_table(monkeypatch):
    monkeypatch.setattr(selection, "RIDGES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS", 1)
    monkeypatch.setattr(tables, "BLOCK", 1000)
    X, y, _ = arrays(9000)
    weights = np.zeros(9000)
    weights[[5, 17, 2000, 2001, 2002, 4100, 8999]] = 2.0
    kept = weights > 0.0
    sparse, full = (
        fit_streamed(table, as_column, Config(Squared()))
        for table in (ArrayTable(X, y, weights), ArrayTable(X[kept], y[kept], weights[kept]))
    )
    for got, expected in zip(sparse.units.network(sparse.model)(X), full.units.network(full.model)(X), strict=True):
        assert got == pytest.approx(expected, rel=1e-7)
    with pytest.raises(ValueError, match="1 rows of positive weight"):
        fit_streamed(ArrayTable(X, y, np.eye(9000)[3]), as_column, Config(Squared()))


def test_compared_sizes_rise_where_refits_remove_neurons(monkeypatch):
    monkeypatch.setattr(streaming, "SAMPLE", 300)
    monkeypatch.setattr(selection, "RIDGES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS", 1)
    plain = streaming.minimise

    def shrinking(model, problem, steps):
        return plain(model.take(np.arange(min(model.n_neurons, 2))), problem, steps)

    monkeypatch.setattr(streaming, "minimise", shrinking)
    fitted = fit_streamed(Recorded(4_000, 500), as_column, Config(Squared()), largest=40)
    assert (np.diff(fitted.choice.sizes) > 0).all()
    assert len(fitted.compared) == len(fitted.losses) == fitted.choice.sizes.size
    assert all(model.size <= size for model, size in zip(fitted.compared, fitted.choice.sizes, strict=True))


@pytest.mark.parametrize(
    ("X", "y", "weights", "sentence"),
    [
        (np.zeros(3), np.zeros(3), None, "X must have rows and columns"),
        (np.zeros((3, 1)), np.zeros(2), None, "X has 3 rows but y has 2"),
        (np.zeros((3, 1)), np.zeros(3), np.ones(4), "X has 3 rows but weights has 4"),
    ],
)
def test_shapes_of_arrays_must_fit(X, y, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        ArrayTable(X, y, weights)


def test_errors_name_the_row_of_the_array(monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 4)
    X, y, w = arrays(9)
    X[6, 2] = np.nan
    with pytest.raises(ValueError, match="X has nan at row 6, column 2"):
        joined(ArrayTable(X, y, w))


def test_a_negative_weight_is_named_before_anything_is_fitted(monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 5)
    X, y, w = arrays()
    w[7] = -0.5
    with pytest.raises(ValueError, match=re.escape("the weight of row 7 must not be negative, got -0.5")):
        fit_streamed(ArrayTable(X, y, w), as_column, Config(Squared()))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([[1.0], [2.0]], np.zeros(2)), "X must be an array, got a list"),
        ((np.zeros((2, 1)), None), "y must be an array, got a NoneType"),
        ((np.zeros((2, 0)), np.zeros(2)), "X must have rows and columns, got shape (2, 0)"),
        ((np.zeros((2, 1)), np.zeros((2, 0))), "y must have one or more columns, got shape (2, 0)"),
        ((np.zeros((2, 1)), np.zeros(2), np.ones((2, 1))), "weights must have one number for each row"),
        ((np.ma.masked_equal(np.eye(2), 0.0), np.zeros(2)), "X has a masked value at row 0"),
        ((np.zeros((2, 1)), np.ma.masked_equal([1.0, 0.0], 0.0)), "y has a masked value at row 1"),
    ],
)
def test_arrays_that_are_no_table_are_refused(columns, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ArrayTable(*columns)


def test_text_in_a_later_block_is_named_with_its_row_in_the_table(monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 5)
    X = np.zeros((9, 1), dtype=object)
    X[7, 0] = "one"
    with pytest.raises(ValueError, match="X has the text 'one' at row 7"):
        joined(ArrayTable(X, np.zeros(9)))


@pytest.mark.parametrize(
    ("x", "y", "weight", "message"),
    [
        (["a", "y"], "y", None, "column 'y' is named twice among x, y and weight"),
        (["a", "a"], "y", None, "column 'a' is named twice"),
        (["a"], "y", "a", "column 'a' is named twice"),
        ("ab", "y", None, "x must be a sequence of column names, got the text 'ab'; give ['ab']"),
    ],
)
def test_each_column_of_a_file_has_one_part(tmp_path, x, y, weight, message):
    path = tmp_path / "t.parquet"
    polars.DataFrame({"a": [1.0, 2.0], "b": [1.0, 0.0], "y": [0.0, 1.0]}).write_parquet(path)
    with pytest.raises(ValueError, match=re.escape(message)):
        ParquetTable(path, x, y, weight)


def test_many_separable_rows_take_no_parameter_for_less_than_half_a_nat(monkeypatch):
    monkeypatch.setattr(streaming, "SAMPLE", 200)
    monkeypatch.setattr(selection, "RIDGES", (1e-4,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (1e-4,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    x = np.linspace(-1, 1, 1000)[:, None]
    table = ArrayTable(x, (x[:, 0] > 0.0).astype(float))

    def size(nats):
        monkeypatch.setattr(streaming, "least_error", lambda loss, n_rows: nats / n_rows)
        return fit_streamed(table, lambda y: y[:, None], Config(Logistic())).model.size

    assert size(10.0) < size(0.0)


@pytest.mark.parametrize(("loss", "nats"), [(Logistic(), 0.5), (Squared(), 0.0)])
def test_the_least_error_is_half_a_nat_over_all_rows_of_a_likelihood(loss, nats):
    assert selection.least_error(loss, 40.0) == nats / 40.0
