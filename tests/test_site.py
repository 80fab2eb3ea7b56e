"""The site is built without a warning, holds together and needs no network: `pytest -m slow tests/test_site.py`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


class References(HTMLParser):
    """What a page loads and links to, and the places in it that can be linked to."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.links, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        elif tag == "link" and attributes.get("rel") not in ("canonical", "index", "search", "next", "prev"):
            self.loads.append(attributes.get("href", ""))
        elif tag in ("script", "img", "source") and attributes.get("src"):
            self.loads.append(attributes["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for package in (
        "sphinx",
        "numpydoc",
        "sphinx_gallery",
        "myst_nb",
        "pydata_sphinx_theme",
        "sphinx_copybutton",
        "sphinx_design",
    ):
        pytest.importorskip(package, reason=f"{package} builds the site; pip install '.[docs]'")
    source = tmp_path_factory.mktemp("source")
    for name in ("docs", "examples"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("_build", "gallery.zip"))
    for name in ("CHANGELOG.md", "README.md"):
        shutil.copy(ROOT / name, source)
    target = tmp_path_factory.mktemp("site")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path])}
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", str(target / "trees")]
    built = subprocess.run(
        [*command, str(source / "docs"), str(target / "html")], env=environment, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr[-4000:]
    return {page: References(page.read_text()) for page in (target / "html").rglob("*.html")}


def test_every_link_leads_to_a_page_and_a_place_in_it(site):
    broken = []
    for page, references in site.items():
        for link in references.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.exists() or (parts.fragment and target in site and parts.fragment not in site[target].ids):
                broken.append(f"{page.name}: {link}")
    assert not broken, broken[:10]


def test_no_page_loads_anything_from_elsewhere(site):
    assert not [(page.name, load) for page, references in site.items() for load in references.loads if "//" in load]


def test_the_site_weighs_less_than_fifteen_megabytes(site):
    root = next(page for page in site if page.name == "index.html" and page.parent.name == "html").parent
    assert sum(file.stat().st_size for file in root.rglob("*") if file.is_file()) < 15e6


def test_every_public_name_has_a_page(site):
    import reluctant

    pages = {page.stem.rpartition(".")[2] for page in site if page.parent.name == "generated"}
    rooms = {"estimators", "export", "multivariate", "nn", "regression", "report", "verify"}
    names = set(dir(reluctant)).union(*(dir(getattr(reluctant, room)) for room in rooms))
    assert not names - rooms - {"experiments", "solve"} - pages
