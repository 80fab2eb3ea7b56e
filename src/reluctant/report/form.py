"""What the explorer asks at the head of a page."""

from __future__ import annotations

from dataclasses import dataclass

from reluctant.report.html import policy, static, template
from reluctant.version import __version__


@dataclass(frozen=True)
class Form:
    """The columns of a table, what is chosen, and what was wrong with it; numbers as they were typed."""

    table: str
    columns: tuple[str, ...]
    x: tuple[str, ...]
    y: str
    task: str = ""
    tolerance: str = ""
    neurons: str = ""
    parameters: str = ""
    message: str = ""
    saved_at: str = ""


def render_question(form: Form) -> str:
    """The page that asks, where there is no model to show."""
    script, style = static("form.js"), static("page.css")
    return template("question.html.jinja").render(
        version=__version__,
        form=form,
        script=script,
        style=style,
        policy=policy(script, style, with_form=True),
    )
