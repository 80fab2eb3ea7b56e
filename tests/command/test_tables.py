"""Tables as people have them: what can be read is read exactly, what cannot is explained in one sentence."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reluctant.command.tables import read_columns


def read(tmp_path, content, names=("a", "b"), **options):
    path = tmp_path / "table"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [column.tolist() for column in read_columns(path, names, **options)]


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2.5\n3,4\n",
        "a,b\r\n1,2.5\r\n3,4\r\n",
        "a,b\n1,2.5\n3,4",
        "a,b\n1,2.5\n3,4\n\n\n",
        "\ufeffa,b\n1,2.5\n3,4\n",
        "a\tb\n1\t2.5\n3\t4\n",
        "a;b\n1;2.5\n3;4\n",
        "a|b\n1|2.5\n3|4\n",
        " a , b \n 1 , +2.5\n3e0 , 4.\n",
        'c,"b",d,a\nno,2.5,,1\n"x,y",4,,3\n',
    ],
)
def test_dialects(tmp_path, content):
    assert read(tmp_path, content) == [[1, 3], [2.5, 4]]


def test_decimal_comma(tmp_path):
    assert read(tmp_path, "a;b\n1,5;-2\n,5;3e1\n", decimal_comma=True) == [[1.5, 0.5], [-2, 30]]
    with pytest.raises(ValueError, match=r"column 'a' has '1,5' at row 0, .*--decimal-comma"):
        read(tmp_path, "a;b\n1,5;2\n")


@pytest.mark.parametrize("name", ["温度 °C", 'a "quoted" one', "a,b;c", "1", "-270", "[x]", "*", "two\nlines", "a\tb"])
def test_any_column_name(tmp_path, name):
    quoted = name.replace('"', '""')
    assert read(tmp_path, f'"{quoted}",other\n1,2\n', (name, "other")) == [[1], [2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        (" \n\n", "nothing but blanks"),
        ("a,b", "header but no rows"),
        ("a,b\n", "header but no rows"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 fields where the header has 2"),
        ('a,b\n1,2\n"3,4\n', "not a table separated by ','"),
        ("a,b\n1,2\n3\n", "column 'b' has no value at row 1"),
        ("a,b\n1,\n", "column 'b' has no value at row 0"),
        ("a,b\n1,2\n\n3,4\n", "column 'a' has no value at row 1"),
        ("a,b\n1,2\n1,two\n", "column 'b' has 'two' at row 1, which is not a number"),
        ("a,b\n1,2024-01-01\n", "column 'b' has '2024-01-01' at row 0"),
        ("a,b\n0,0\n1,nan\n", "column 'b' has NaN at row 1"),
        ("a,b\n1,-inf\n", "column 'b' has an infinite value at row 0"),
        ("a,b\n1,1e999\n", "column 'b' has an infinite value at row 0"),
        ("a,a,b\n1,2,3\n", "2 columns are named 'a'"),
        ("alpha,b\n1,2\n", "no column 'a'; the columns are 'alpha', 'b'"),
        ("A,b\n1,2\n", "no column 'a'; did you mean 'A'"),
        ("1,2\n3,4\n", "first line holds numbers"),
        ("a,b\n9007199254740993,1\n9007199254740992,2\n", "the same number in float64"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        ("a °,b\n1,2\n".encode("latin-1"), "neither Parquet nor UTF-8"),
        (b"\x89PNG\r\n\x1a\n\xff", "neither Parquet nor UTF-8"),
        (b"PAR1 and then nothing", "truncated or not valid Parquet"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_near_names_are_suggested(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'emf_mv'"):
        read(tmp_path, "temperature_c,emf_mv\n1,2\n", ("emf", "temperature_c"))


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt8, pl.Float32, pl.Float64, pl.Decimal(10, 2), pl.String])
def test_parquet(tmp_path, dtype):
    pl.DataFrame({"b": pl.Series([1, 2]).cast(dtype), "other": ["x", None], "a": [0.5, 1.5]}).write_parquet(
        tmp_path / "table"
    )
    a, b = read_columns(tmp_path / "table", ("a", "b"))
    assert (a.tolist(), b.tolist()) == ([0.5, 1.5], [1, 2])


def test_truncated_and_foreign_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(1000), "b": range(1000), "c": [[1]] * 1000}).write_parquet(path)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 5):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="truncated or not valid Parquet"):
            read_columns(path, ("a", "b"))
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"List\(Int64\) values; give numbers"):
        read_columns(path, ("a", "c"))
    with pytest.raises(ValueError, match="there is no column 'z'"):
        read_columns(path, ("a", "z"))


@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53)), min_size=1))
def test_every_float_is_read_exactly(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("exact") / "t.csv"
    path.write_text("a,b\n" + "".join(f"{a!r},{b}\n" for a, b in rows))
    a, b = read_columns(path, ("a", "b"))
    np.testing.assert_array_equal(a, [float(a) for a, _ in rows])
    np.testing.assert_array_equal(b, [b for _, b in rows])
