"""How to use a model elsewhere: pieces of code to copy."""

from __future__ import annotations

from typing import NamedTuple

from reluctant.export.c import render_c
from reluctant.export.identifiers import identifier
from reluctant.export.programs import JAVASCRIPT, PYTHON, Language, render_program
from reluctant.report.subject import Subject

MOST_BYTES = 12_000
"""Longer files are named only, with the call that writes them."""


class Code(NamedTuple):
    """A piece of code with its title and a sentence about it."""

    title: str
    about: str
    source: str


def name_of(subject: Subject) -> str:
    """Name of the function, as `reluctant fit` gives it."""
    if len(subject.inputs) == len(subject.outputs) == 1:
        return identifier(f"{subject.outputs[0].name}_from_{subject.inputs[0].name}")
    return identifier(subject.outputs[0].name if len(subject.outputs) == 1 else "network")


def code_of(subject: Subject) -> list[Code]:
    """The model in the languages that people copy most."""
    name = name_of(subject)
    entries = ["2.5"] if len(subject.inputs) == 1 else ["0.0"] * min(len(subject.inputs), 3)
    row = ", ".join(entries) + (", …" if len(subject.inputs) > len(entries) else "")
    row = row if subject.line is not None else f"[{row}]"
    about = f"The model that the command fit wrote to {name}.json, or model.save."
    loading = f'import reluctant\n\nmodel = reluctant.load("{name}.json")\nmodel.predict([{row}])\n'
    can_be_loaded = subject.solution is not None or subject.certificate is not None
    codes = [Code("Python with reluctant", about, loading)] if can_be_loaded else []
    return [
        *codes,
        _program(PYTHON, "Python alone", "Nothing to install.", "export_python", ".py", subject, name),
        _program(JAVASCRIPT, "JavaScript", "What this page computes with.", "export_javascript", ".mjs", subject, name),
        _c(subject, name),
    ]


def page_program(subject: Subject) -> tuple[str, str]:
    """The function of the page, and its name: the JavaScript export without any text of the user's."""
    predictor = subject.predictor
    classes = None if predictor.classes is None else range(len(predictor.classes))
    bare = predictor.with_labels(classes)
    exported = render_program(JAVASCRIPT, bare, "model")
    return exported.source.replace("\nexport ", "\n"), exported.name


def _program(
    language: Language, title: str, about: str, exporter: str, ending: str, subject: Subject, name: str
) -> Code:
    source = render_program(language, subject.predictor, name).source
    return Code(title, about, _short(source, exporter, f"{name}{ending}"))


def _c(subject: Subject, name: str) -> Code:
    exported = render_c(subject.predictor, name)
    about = f"C99, no heap, {exported.table_bytes:,} bytes of tables; its header declares {exported.name}."
    return Code("C", about, _short(exported.source, "export_c", f"{exported.name}.c"))


def _short(source: str, exporter: str, file: str) -> str:
    if len(source) <= MOST_BYTES:
        return source
    return f'from reluctant.export import {exporter}\n\n{exporter}(model, "{file}")\n'
