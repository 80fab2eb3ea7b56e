"""The code blocks of the documentation run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "extending.md"


def blocks_of(page):
    """Heading and code of every Python block of a page."""
    found, heading = [], ""
    for part in re.finditer(r"^## (.+?)$|^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        heading = part[1] or heading
        if part[2]:
            found.append((heading, part[2]))
    return found


BLOCKS = blocks_of(PAGE)


def test_the_page_shows_all_five_parts():
    assert [heading for heading, _ in BLOCKS] == ["A loss", "A penalty", "A kick", "An exporter", "A certificate"]


@pytest.mark.parametrize("code", [code for _, code in BLOCKS], ids=[heading for heading, _ in BLOCKS])
def test_the_code_of_the_page_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), {"__name__": "page"})


@pytest.mark.parametrize("code", [code for page in ("hand_over.md", "report.md") for _, code in blocks_of(DOCS / page)])
def test_the_code_for_handing_a_network_over_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "hand_over.md", "exec", dont_inherit=True), {"__name__": "page"})


PAGES = [page for page in [DOCS / "start.md", *sorted((DOCS / "how_to").glob("*.md"))] if blocks_of(page)]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_the_code_of_a_page_to_learn_from_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "page"}
    for _, code in blocks_of(page):
        exec(compile(code, str(page), "exec", dont_inherit=True), space)


def test_the_query_of_the_exporter_gives_the_network():
    import sqlite3

    import numpy as np

    space = {"__name__": "page"}
    exec(dict(BLOCKS)["An exporter"], space)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE readings (x REAL)")
    database.executemany("INSERT INTO readings VALUES (?)", [(float(x),) for x in space["x"]])
    rows = database.execute(space["sql"](space["network"], "readings", ["x"])).fetchall()
    np.testing.assert_allclose(np.ravel(rows), space["network"](space["x"]), atol=1e-12)


@pytest.mark.parametrize("room", ["", "estimators", "export", "multivariate", "nn", "regression", "report", "verify"])
def test_every_public_name_is_listed_in_the_api(room):
    import reluctant

    face = getattr(reluctant, room) if room else reluctant
    listed = set(
        re.findall(r"^   (\w+)$", "".join(page.read_text() for page in (DOCS / "api").glob("*.md")), re.MULTILINE)
    )
    rooms = {"estimators", "experiments", "export", "multivariate", "nn", "regression", "report", "solve", "verify"}
    assert not set(dir(face)) - rooms - listed
