"""Sphinx: `make docs` writes docs/_build/html; every warning is an error."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib

import reluctant

matplotlib.use("agg")

project = "ReLUctant"
author = "The ReLUctant developers"
copyright = author
release = reluctant.__version__
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
    "myst_nb",
]
exclude_patterns = ["_build", "**/README.md", "gallery/*.ipynb", "gallery/*.py"]
templates_path = ["_templates"]
default_role = "code"
nitpicky = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_.*\.py",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "within_subsection_order": "ExampleTitleSortKey",
    "matplotlib_animations": False,
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = "ReLUctant"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {page: [] for page in ("index", "start", "which_function", "theory/index", "benchmarks")}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 9,
    "footer_start": ["copyright"],
    "footer_end": [],
}


def write_help_of_the_command(app):
    """Keep what `reluctant --help` and its subcommands print, for the page about the command."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from reluctant.command import cli

    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    texts = []
    for words in ([], *([name] for name in sorted(get_command(cli.app).commands))):
        shown = runner.invoke(cli.app, [*words, "--help"], prog_name="reluctant").output
        texts.append(f"$ {' '.join(['reluctant', *words, '--help'])}\n{shown}")
    target = Path(app.srcdir) / "generated" / "command.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(texts))


def as_plain_text(app, what, name, obj, options, lines):
    """Docstrings are plain text: bars are absolute values; references into the sites of others lead nowhere."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        line = re.sub(r":(?:ref|term|math):`([^<`]*?)(?: *<[^>`]*>)?`", r"\1", line)
        parts = re.split(r"(``.*?``|`.*?`)", line)
        lines[number] = "".join(part if part.startswith("`") else re.sub(r"(?<!\\)\|", r"\|", part) for part in parts)


def leave_source_maps_out(app, exception):
    """The theme's maps, two megabytes, serve those who debug its scripts alone."""
    for source_map in Path(app.outdir, "_static").rglob("*.map"):
        source_map.unlink()


def setup(app):
    """Sphinx's entry."""
    app.connect("build-finished", leave_source_maps_out)
    app.connect("builder-inited", write_help_of_the_command)
    app.connect("autodoc-process-docstring", as_plain_text, priority=900)
