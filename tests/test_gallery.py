"""Every script of the gallery runs as it stands, warnings being errors."""

from __future__ import annotations

import runpy
import warnings
from pathlib import Path

import matplotlib
import pytest

GALLERY = Path(__file__).parents[1] / "examples" / "gallery"
SCRIPTS = sorted(GALLERY.glob("plot_*.py"))


def test_the_gallery_has_scripts():
    assert len(SCRIPTS) >= 14


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_script_runs(script, monkeypatch, capsys):
    monkeypatch.chdir(GALLERY)
    monkeypatch.setattr(matplotlib, "use", lambda *_, **__: None)
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runpy.run_path(str(script), run_name="__main__")
    assert pyplot.get_fignums(), "the script draws nothing"
    assert capsys.readouterr().out, "the script prints nothing"
    pyplot.close("all")
