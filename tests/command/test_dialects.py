"""Tables as instruments, spreadsheets and people in other countries write them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from xml.sax.saxutils import escape

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reluctant.command.rows import Wanted, read_rows
from reluctant.command.tables import Reading, read_columns, read_table

PLAIN = "V,T\n1,10.2\n2,12.1\n"


def put(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path, content, names=("V", "T"), **reading):
    return [column.tolist() for column in read_columns(put(tmp_path, content), names, Reading(**reading))]


DIALECTS = {
    "plain": PLAIN,
    "BOM": "\ufeff" + PLAIN,
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-16 big end first without a mark": PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "old Mac lines": PLAIN.replace("\n", "\r"),
    "Windows lines": PLAIN.replace("\n", "\r\n"),
    "no last line end": PLAIN[:-1],
    "packed": gzip.compress(PLAIN.encode()),
    "blanks": "V T\n1 10.2\n2 12.1\n",
    "aligned": "   V      T\n   1   10.2\n   2   12.1  \n",
    "blanks and tabs": "V \t T\n1\t\t10.2\n2 \t12.1\n",
    "title over blanks": "Thermistor 10k\n\nV   T\n1   10.2\n2   12.1\n",
    "numpy.savetxt": "# V T\n1.000000000000000000e+00 1.02e+01\n2.000000000000000000e+00 1.21e+01\n",
    "Excel's own first line": "sep=;\nV;T\n1;10.2\n2;12.1\n",
    "decimal comma": "V;T\n1;10,2\n2;12,1\n",
    "decimal comma, quoted": 'V,T\n"1","10,2"\n"2,0","12,1"\n',
    "decimal comma, tabs": "V\tT\n1\t10,2\n2\t12,1\n",
    "decimal comma, blanks": "V T\n1 10,2\n2 12,1\n",
    "decimal comma, exponents": "V;T\n1,0E+00;1,02E+01\n2,0e0;12,1\n",
    "decimal comma beside texts": "V;T;note\n1;10,2;a, b\n2;12,1;1.5 V\n",
    "comments and blank lines": "# logger 3, no. 7\n\nV,T\n# begin\n1,10.2\n\n2,12.1\n# end\n",
    "comment with the names": "# V,T are here\n# V,T\nV,T\n1,10.2\n2,12.1\n",
    "two titles": "Report of today, 12.3.\nby me\nV,T\n1,10.2\n2,12.1\n",
    "surplus separators": "V;T\n1;10.2;\n2;12.1;\n",
    "surplus separators everywhere": "V;T;\n1;10.2;\n2;12.1;\n",
    "empty rows of a spreadsheet": "V,T\n1,10.2\n2,12.1\n,\n,\n",
    "columns in another order": "T;x;V\n10.2;0;1\n12.1;0;2\n",
    "notes with separators": 'V,T,note\n1,10.2,"a;b;c"\n2,12.1,"d;e;f"\n',
    "notes with line ends": 'V,T,note\n1,10.2,"a\nb"\n2,12.1,c\n',
    "units": "V,T\nmV,°C\n1,10.2\n2,12.1\n",
    "units in brackets": "V;T\n[mV];[°C]\n1;10.2\n2;12.1\n",
    "units after a title": "Log\nV;T;who\n(mV);(K);\n1;10.2;me\n2;12.1;you\n",
    "few units": "V,T\n,°C\n1,10.2\n2,12.1\n",
}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_reads_the_same(tmp_path, name):
    assert read(tmp_path, DIALECTS[name]) == [[1, 2], [10.2, 12.1]]


@pytest.mark.parametrize("name", ["units", "units in brackets", "units after a title", "few units"])
def test_units_are_kept(tmp_path, name):
    table = read_table(put(tmp_path, DIALECTS[name]), ("V", "T"))
    expected = {"units": ("mV", "°C"), "units in brackets": ("mV", "°C"), "units after a title": ("mV", "K")}
    v, t = expected.get(name, (None, "°C"))
    assert (table.units.get("V"), table.units.get("T")) == (v, t)


@pytest.mark.parametrize("row", ["bad,10.2", "?,?", "n/a,n/a", "1,°C", "a note that is long,°C"])
def test_a_bad_first_row_is_no_row_of_units(tmp_path, row):
    with pytest.raises(ValueError, match="line 2"):
        read(tmp_path, f"V,T\n{row}\n1,10.2\n2,12.1\n")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1252", "Größe"), ("cp1252", "T [°C]"), ("cp1251", "Температура"), ("shift_jis", "温度"), ("utf-8", "Ω")],
)
def test_the_encoding_is_the_one_that_shows_the_name(tmp_path, encoding, name):
    content = f"V,{name}\n1,10.2\n2,12.1\n".encode(encoding)
    assert read(tmp_path, content, ("V", name)) == [[1, 2], [10.2, 12.1]]


def test_columns_without_names_are_counted(tmp_path):
    rows = "1,10.2\n2,12.1\n"
    assert read(tmp_path, rows, ("1", "2"), has_header=False) == [[1, 2], [10.2, 12.1]]
    assert read(tmp_path, rows, ("2", "1")) == [[10.2, 12.1], [1, 2]]
    assert read(tmp_path, "# comment\n" + rows.replace(",", "   "), ("1", "2")) == [[1, 2], [10.2, 12.1]]
    assert read(tmp_path, rows.replace(",", ";").replace(".", ","), ("1", "2")) == [[1, 2], [10.2, 12.1]]
    table = read_table(put(tmp_path, rows), ("2", "1"))
    assert table.names == ["column 2", "column 1"]
    with pytest.raises(ValueError, match="there is no column '3'; the columns are 'column 1', 'column 2'"):
        read(tmp_path, rows, ("1", "3"), has_header=False)


def test_numbers_count_named_columns_too(tmp_path):
    table = read_table(put(tmp_path, "V,T\n1,10.2\n2,12.1\n"), ("2", "1"))
    assert table.names == ["T", "V"]
    assert read(tmp_path, "V;2\n1;10.2\n2;12.1\n", ("1", "2")) == [[1, 2], [10.2, 12.1]]


def test_a_line_that_may_be_names_or_numbers_is_asked_about(tmp_path):
    rows = "1,2\n3,4\n5,6\n"
    with pytest.raises(ValueError, match="the line '1,2' may hold names of columns or their first entries; pass"):
        read(tmp_path, rows, ("1", "2"))
    assert read(tmp_path, rows, ("1", "2"), has_header=True) == [[3, 5], [4, 6]]
    assert read(tmp_path, rows, ("1", "2"), has_header=False) == [[1, 3, 5], [2, 4, 6]]


GROUPED = {
    "a column that groups beside one with commas": ("V;T\n0,5;1.000\n0,7;2.000\n", "line 2"),
    "a column that groups beside one not asked for": ("x;V;T\n0,5;1;1.000\n0,7;2;2.000\n", "'1.000' in column 'T'"),
    "both marks in a number": ("V;T\n1;1.234,5\n2;2\n", "'1.234,5'"),
    "commas that may group": ("V;T\n1;1,000\n2;2\n", "remove commas that group thousands, or pass --decimal-comma"),
    "commas that group and a dot": ("V;T\n1;1,234.5\n2;2\n", "'1,234.5'"),
    "several groups": ("V;T\n1;1,234,567\n2;2\n", "remove commas that group"),
    "blanks": ("V;T\n1;1 234\n2;2\n", "remove what groups thousands"),
    "narrow blanks": ("V;T\n1;1\u202f234,5\n2;2\n", "remove what groups thousands"),
    "apostrophes": ("V;T\n1;1'234\n2;2\n", "remove what groups thousands"),
}


@pytest.mark.parametrize("name", GROUPED)
def test_what_groups_thousands_is_never_a_decimal_mark(tmp_path, name):
    content, message = GROUPED[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tmp_path, content)


def test_a_comma_that_another_cell_shows_to_be_decimal_is_decimal(tmp_path):
    assert read(tmp_path, "V;T\n1,000;0,500\n2,500;1,250\n") == [[1, 2.5], [0.5, 1.25]]
    assert read(tmp_path, "V;T\n1;1,000\n2;2\n", decimal_comma=True) == [[1, 2], [1, 2]]


@given(
    st.lists(st.tuples(*[st.decimals(-(10**6), 10**6, places=2)] * 2), min_size=1, max_size=8),
    st.sampled_from([";", "\t", "|", " "]),
    st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_with_commas_are_those_with_dots(tmp_path, rows, separator, packed):
    """Whatever the separator: the decimal mark changes nothing but the mark, as every number here has two decimals."""
    text = "\n".join(separator.join(str(number) for number in row) for row in [("V", "T"), *rows]) + "\n"
    expected = [[float(row[j]) for row in rows] for j in (0, 1)]
    for content in (text, text.replace(".", ",")):
        assert read(tmp_path, gzip.compress(content.encode()) if packed else content) == expected


FIELDS = st.text(st.sampled_from('ab1,;|"\n\t #'), max_size=6)


@given(st.lists(st.tuples(FIELDS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_other_columns_the_numbers_are_read(tmp_path, rows):
    """The csv module writes, with quotes where they are needed; fields of nothing but blanks or # count as theirs."""
    rows = [(note if not note.lstrip().startswith("#") else "x", value) for note, value in rows]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([("V", "note", "T"), *((i, note, repr(value)) for i, (note, value) in enumerate(rows))])
    v, t = read(tmp_path, buffer.getvalue(), separator=",")
    assert v == list(range(len(rows)))
    assert t == [value for _, value in rows]


def test_all_bad_cells_are_named_ten_and_then_a_count(tmp_path):
    rows = [f"{i},{'bad' if i % 2 else i}" for i in range(40)]
    with pytest.raises(ValueError, match=r"^20 cells are not a number: ") as caught:
        read(tmp_path, "a title\nV,T\n" + "\n".join(rows) + "\n")
    message = str(caught.value)
    lines = [int(n) for n in re.findall(r"at line (\d+)", message)]
    assert lines == [4 + 2 * i for i in range(10)]
    assert message.endswith("at line 22, and 10 more; correct the cells or remove the rows")
    with pytest.raises(ValueError, match=r"3 cells are .*'a' in column 'V' at line 3, nothing in column 'T' at line 3"):
        read(tmp_path, 'V,T,n\n1,2,"x\n"\n'.replace('"x\n"', "x") + "a,,\n3,b,\n")


def test_lines_are_those_of_the_file_behind_quotes_comments_and_blank_lines(tmp_path):
    with pytest.raises(ValueError, match="'bad' at line 9"):
        read(tmp_path, '# 1\nV,T,note\n1,2,"two\nlines"\n\n# 6\n3,4,x\n5,6,"a\n'.replace('"a\n', "a\n") + "7,bad,\n")


def test_missing_cells_are_named_left_out_or_filled_in(tmp_path):
    content = "V,W,T\n1,,10\n2,5,\n3,NA,12\n,7,13\n"
    with pytest.raises(
        ValueError, match="4 cells are empty: nothing in column 'W' at line 2, nothing in column 'T' at"
    ):
        read(tmp_path, content, ("V", "W", "T"))
    path = put(tmp_path, content + "8,8,8\n")
    dropped = read_rows(path, Wanted("T", ("V", "W")), Reading(missing="drop"))
    assert (dropped.X.tolist(), dropped.y.tolist(), dropped.n_dropped) == ([[8, 8]], [8], 4)
    filled = read_rows(path, Wanted("T", ("V", "W")), Reading(missing="mean"))
    v, w = (1 + 3 + 8) / 3, (7 + 8) / 2
    assert filled.X.tolist() == [[1, w], [3, w], [v, 7], [8, 8]]
    assert (filled.y.tolist(), filled.n_dropped) == ([10, 12, 13, 8], 1)
    assert [column.fill for column in filled.columns.inputs] == [(v,), (w,)]
    with pytest.raises(ValueError, match="every row has a missing cell"):
        read_rows(put(tmp_path, "V,W,T\n1,,2\n,3,4\n"), Wanted("T", ("V", "W")), Reading(missing="drop"))


def test_texts_are_categories_with_a_mapping(tmp_path):
    content = "c,V,T\nred,1,10\nblue,2,11\n,3,12\nred,4,13\n"
    rows = read_rows(put(tmp_path, content), Wanted("T"), Reading(missing="mean"))
    c, v = rows.columns.inputs
    assert (c.categories, c.fill, v.categories) == (("blue", "red"), (1 / 3, 2 / 3), None)
    assert rows.X.tolist() == [[0, 1, 1], [1, 0, 2], [1 / 3, 2 / 3, 3], [0, 1, 4]]
    assert (v.low, v.high, rows.columns.outputs[0].low) == (1, 4, 10)
    rows = read_rows(put(tmp_path, "c,T\n1,5\n2,6\n1,7\n"), Wanted("T", ("c",), categorical=("c",)), Reading())
    assert (rows.columns.inputs[0].categories, rows.is_line) == (("1", "2"), False)


def test_labels_are_texts_or_whole_numbers(tmp_path):
    path = put(tmp_path, "V,c,n\n1,a,0\n2,b,1\n3,a,0\n")
    texts = read_rows(path, Wanted("c", ("V",)), Reading())
    assert (texts.task, texts.y.tolist()) == ("classification", ["a", "b", "a"])
    numbers = read_rows(path, Wanted("n", ("V",), "classification"), Reading())
    assert (numbers.y.dtype.kind, numbers.y.tolist()) == ("i", [0, 1, 0])


@pytest.mark.parametrize(
    "date", ["2024-01-0{}", "0{}.01.2024", "1/{}/24", "2024-01-01T0{}:30:00Z", "12:0{}", "0{}:30 PM"]
)
def test_dates_are_refused_with_a_hint(tmp_path, date):
    content = "when,V,T\n" + "".join(f"{date.format(i)},{i},{i}\n" for i in range(1, 5))
    with pytest.raises(ValueError, match=r"'when' holds dates or times, .*; name the other inputs with --x, or turn"):
        read_rows(put(tmp_path, content), Wanted("T"), Reading())
    with pytest.raises(ValueError, match=r"such as '.*'; turn it into a number, for example days since the first"):
        read_rows(put(tmp_path, content), Wanted("T", ("when",)), Reading())


def test_free_text_is_refused_with_a_hint(tmp_path):
    content = "who,T\n" + "".join(f"person {i},{i}\n" for i in range(20))
    with pytest.raises(ValueError, match="'who' holds text with 20 different entries in 20 rows, such as 'person 0'"):
        read_rows(put(tmp_path, content), Wanted("T"), Reading())


def workbook(rows, sheets=("Sheet",), fill=()):
    """A spreadsheet as the standard describes it, written by hand: cells of the last sheet, the others hold `fill`."""

    def cell(value, r, c):
        place = f'r="{chr(65 + c)}{r}"'
        if value is None:
            return ""
        if isinstance(value, (int, float)):
            return f"<c {place}><v>{value!r}</v></c>"
        return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'

    def sheet(rows):
        lines = "".join(
            f'<row r="{r}">{"".join(cell(v, r, c) for c, v in enumerate(row))}</row>' for r, row in enumerate(rows, 1)
        )
        return f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        + "".join(f'<Override PartName="/xl/s{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers)
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>'
        + "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in zip(numbers, sheets))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(f'<Relationship Id="r{n}" Type="{relations}/worksheet" Target="s{n}.xml"/>' for n in numbers)
        + "</Relationships>",
    } | {f"xl/s{n}.xml": sheet(rows if n == len(sheets) else fill) for n in numbers}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_spreadsheets_are_read_to_the_last_bit(tmp_path):
    """What a sheet shows is rounded, its cells are floats."""
    values = [0.1 + 0.2, 1e-300, -2.5e20, 1 / 3, 123456789012345]
    rows = [[], ["a title"], [], ["V", "c", "T"], ["mV", None, "°C"]]
    rows += [[value, "rot" if i % 2 else "blau", i] for i, value in enumerate(values)]
    path = put(tmp_path, workbook(rows), "t.xlsx")
    table = read_table(path, ("V", "T"))
    assert table.units == {"V": "mV", "T": "°C"}
    v, t = read_columns(path, ("V", "T"))
    assert (v.tolist(), t.tolist()) == (values, [0, 1, 2, 3, 4])
    read = read_rows(path, Wanted("T"), Reading())
    assert read.columns.inputs[1].categories == ("blau", "rot")


def test_bad_cells_of_a_spreadsheet_are_named_by_its_rows(tmp_path):
    path = put(tmp_path, workbook([["V", "T"], [1, 2], [None, None], [3, "?"], ["1,5", 4]]), "t.xlsx")
    with pytest.raises(ValueError, match=r"column 'T' has '\?' at row 4, which is not a number"):
        read_columns(path, ("V", "T"))
    path = put(tmp_path, workbook([["V", "T"], [1, 2], ["1,5", 4]]), "t.xlsx")
    assert read_columns(path, ("V", "T"))[0].tolist() == [1.0, 1.5]


def test_the_sheet_with_the_columns_is_taken(tmp_path):
    content = workbook([["V", "T"], [1, 2], [3, 4]], ("Info", "Data"), [["nothing"], ["here"]])
    assert [c.tolist() for c in read_columns(put(tmp_path, content, "t.xlsx"), ("V", "T"))] == [[1, 3], [2, 4]]
    with pytest.raises(ValueError, match="there is no column 'U'; the columns are"):
        read_columns(put(tmp_path, content, "t.xlsx"), ("U", "T"))
    with pytest.raises(ValueError, match="the spreadsheet is empty"):
        read_columns(put(tmp_path, workbook([]), "t.xlsx"), ("U", "T"))


def test_parquet_has_categories_booleans_and_dates(tmp_path):
    frame = pl.DataFrame(
        {"c": ["a", "b", None], "b": [True, False, True], "n": [1.5, None, 2.5], "T": [1, 2, 3], "d": [1, 2, 3]}
    ).with_columns(pl.col("d").cast(pl.Date), pl.col("c").cast(pl.Categorical))
    frame.write_parquet(tmp_path / "t.parquet")
    rows = read_rows(tmp_path / "t.parquet", Wanted("T", ("c", "b", "n")), Reading(missing="mean"))
    assert rows.X.tolist() == [[1, 0, 1, 1.5], [0, 1, 0, 2], [0.5, 0.5, 1, 2.5]]
    with pytest.raises(ValueError, match="2 cells are empty: nothing in column 'n' at row 2, nothing in column 'c' at"):
        read_rows(tmp_path / "t.parquet", Wanted("T", ("c", "b", "n")), Reading())
    with pytest.raises(ValueError, match="'d' holds dates or times"):
        read_rows(tmp_path / "t.parquet", Wanted("T", ("d",)), Reading())


@pytest.mark.parametrize("n", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_tables_of_very_many_columns_are_read_or_refused(tmp_path, n):
    names = [f"c{i}" for i in range(n)]
    path = put(tmp_path, ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert read_columns(path, (names[-1], "c0"))[0].tolist() == [1]
    with pytest.raises(ValueError, match=f"{n:,} columns, too many to take all; name the inputs with --x"):
        read_rows(path, Wanted("c0"), Reading())


def test_nothing_is_lost_of_a_damaged_archive(tmp_path):
    packed = gzip.compress(PLAIN.encode() * 100)
    for content in (packed[:-5], packed[: len(packed) // 2]):
        with pytest.raises(ValueError, match="packed by gzip, but truncated or damaged"):
            read(tmp_path, content)


def test_random_bytes_are_one_sentence(tmp_path):
    rng = np.random.default_rng(16)
    for length in (1, 10, 100, 3000):
        for _ in range(10):
            content = rng.bytes(length)
            with pytest.raises(ValueError, match=r"^[^\n]+$"):
                read(tmp_path, content)
