"""Tables as people have them: what can be read is read exactly, what cannot is explained in one sentence."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reluctant.command.tables import Reading, read_columns


def read(tmp_path, content, names=("a", "b"), **reading):
    path = tmp_path / "table"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [column.tolist() for column in read_columns(path, names, Reading(**reading))]


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
    assert read(tmp_path, "a;b\n1,5;2\n") == [[1.5], [2]]


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
        ("a,b\n1,2\n3\n", "column 'b' has no value at line 3; fill in what is empty, or pass --missing drop"),
        ("a,b\n1,\n", "column 'b' has no value at line 2"),
        ("a,b\n1,2\n1,two\n", "column 'b' has 'two' at line 3, which is not a number"),
        ("a,b\n1,2024-01-01\n", "column 'b' has '2024-01-01' at line 2"),
        ("a,b\n0,0\n1,nan\n", "column 'b' has no value at line 3"),
        ("a,b\n1,-inf\n", "column 'b' has '-inf' at line 2, which is beyond float64; correct it"),
        ("a,b\n1,1e999\n", "column 'b' has 'inf' at line 2, which is beyond float64"),
        ("a,a,b\n1,2,3\n", "2 columns are named 'a'"),
        ("alpha,b\n1,2\n", "no column 'a'; the columns are 'alpha', 'b'"),
        ("A,b\n1,2\n", "no column 'a'; did you mean 'A'"),
        ("1,2\n3,4\n", "first line holds numbers"),
        ("a,b\n9007199254740993,1\n9007199254740992,2\n", "the same number in float64"),
        ("a °,b\n1,2\n".encode("latin-1"), "no column 'a'; the columns are 'a °', 'b'"),
        (b"\x89PNG\r\n\x1a\n\xff", "the file is a PNG image, not a table"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "the file is a program, not a table"),
        (b"\xff\xfea", "begins as UTF-16 does, but byte 2 is none of it"),
        (bytes(range(256)) * 40, "the file is binary, not a table; give CSV text, .xlsx or Parquet"),
        (b"PK\x03\x04 and then nothing", "packed like a spreadsheet, but none can be read in it"),
        (b"\x1f\x8b and then nothing", "packed by gzip, but truncated or damaged"),
        (
            "a;b\n0,5;1.000\n",
            "column 'a' has '0,5' at line 2, which is not a number; write all",
        ),
        ("a;b\n1 000;2\n", "column 'a' has '1 000' at line 2, which is not a number; remove what groups thousands"),
        (b"PAR1 and then nothing", "truncated or not valid Parquet"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("U, mV;T, °C;Note, x\n1;10,2;a\n2;12,1;b\n", ("U, mV", "T, °C")),
        ("V [a;b;c],T\n1,10.2\n2,12.1\n", ("V [a;b;c]", "T")),
        ("sep=;\nV;T\n1;10.2\n2;12.1\n", ("V", "T")),
        ("sep=;\r\nV;T\r\n1;10.2\r\n2;12.1\r\n", ("V", "T")),
        ("sep=:\nV:T\n1:10.2\n2:12.1\n", ("V", "T")),
        ("V,T\r1,10.2\r2,12.1\r", ("V", "T")),
        ("Thermistor 10k\nV,T\n1,10.2\n2,12.1\n", ("V", "T")),
        ("# logger 3, no. 7\n# V,T\n\nV,T\n1,10.2\n2,12.1\n", ("V", "T")),
        ("V;T\n1;10.2\n2;12.1\n", ("T", "V")),
    ],
)
def test_the_header_is_the_line_with_the_names(tmp_path, content, names):
    if "T, °C" in names:
        assert read(tmp_path, content, names, decimal_comma=True) == [[1, 2], [10.2, 12.1]]
    else:
        found = dict(zip(names, read(tmp_path, content, names)))
        assert list(found[min(names, key=lambda name: name == "T")]) == [1, 2]
        assert found["T"] == [10.2, 12.1]


def test_a_row_that_reads_like_the_names_is_no_header(tmp_path):
    with pytest.raises(ValueError, match="there is no column '3'; the first line holds numbers"):
        read(tmp_path, "1,2\n3,4\n5,6\n", ("3", "4"))


def test_lines_are_counted_from_the_beginning_of_the_file(tmp_path):
    with pytest.raises(ValueError, match="line 5 has 3 fields where the header has 2"):
        read(tmp_path, "a title\n\na,b\n1,2\n3,4,5\n")


@pytest.mark.parametrize("text", ["1.000", "1.5", "1.000,5"])
def test_a_dot_beside_decimal_commas_is_refused(tmp_path, text):
    """It may group thousands, and then 1.000 is not 1."""
    with pytest.raises(
        ValueError, match=re.escape(f"column 'b' has {text!r} at line 3, which is not a number; remove")
    ):
        read(tmp_path, f"a;b\n0,5;250\n1,0;{text}\n", decimal_comma=True)


@pytest.mark.parametrize(("text", "remedy"), [("1,000", "remove commas that group"), ("1,000,000", "remove commas")])
def test_commas_in_numbers_come_with_their_remedy(tmp_path, text, remedy):
    with pytest.raises(ValueError, match=remedy):
        read(tmp_path, f"a;b\n1;2\n2;{text}\n")


@pytest.mark.parametrize("n", [131_000, 131_100, 300_000])
def test_long_names_are_read_or_refused_in_one_sentence(tmp_path, n):
    """The reader of the header takes fields of up to 131,072 characters."""
    name = "n" * n
    content = f"{name},b\n1,2\n"
    if n < 131_072:
        assert read(tmp_path, content, (name, "b")) == [[1], [2]]
        with pytest.raises(ValueError, match="there is no column 'a'") as caught:
            read(tmp_path, content)
        assert len(str(caught.value)) < 300
    else:
        with pytest.raises(ValueError, match="line 1 has a name too long to be read; shorten it"):
            read(tmp_path, content)
    with pytest.raises(ValueError, match=r"not a table|fields where"):
        read(tmp_path, f"a,b\n1,2\n{name},2,3\n")


def test_many_short_names_are_read_whatever_separates_them(tmp_path):
    """A line of 400 kB is one long field for a wrong separator, which must not decide."""
    names = [f"column{i}" for i in range(40_000)]
    content = ";".join(names) + "\n" + ";".join("1" for _ in names) + "\n"
    assert read(tmp_path, content, (names[-1], names[0])) == [[1], [1]]


def test_integers_of_128_bits_are_read(tmp_path):
    pl.DataFrame({"a": [1.0, 2.0], "b": pl.Series([2**100, 5], dtype=pl.Int128)}).write_parquet(tmp_path / "t")
    _, b = read_columns(tmp_path / "t", ("a", "b"))
    assert b.tolist() == [2.0**100, 5.0]
    pl.DataFrame({"a": [1.0, 2.0], "b": pl.Series([2**100, 2**100 + 1], dtype=pl.Int128)}).write_parquet(tmp_path / "t")
    with pytest.raises(ValueError, match="the same number in float64; subtract an offset"):
        read_columns(tmp_path / "t", ("a", "b"))


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
