"""Templates of pages, what is embedded in them, and what a browser lets them do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from reluctant.model.description import Sentences
from reluctant.report.words import aligned
from reluctant.text import shown

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_SIGN = re.compile(r"(?<!\S)-")
"""A sign or a difference in a sentence, not the hyphen of a word."""


def embedded(value: Any) -> str:
    r"""JSON for a script element: no ``<``, so that no text in it can end the element.

    Examples
    --------
    >>> embedded({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def policy(script: str, style: str, *, with_form: bool) -> str:
    """The content security policy: this very script and style run, nothing is fetched, nothing is sent elsewhere."""
    forms = "'self'" if with_form else "'none'"
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        f"base-uri 'none'; form-action {forms}"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def static(name: str) -> str:
    """A file beside the templates."""
    return (resources.files("reluctant.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def template(name: str) -> Template:
    """A template, whose values are escaped.

    Raises
    ------
    ModuleNotFoundError
        If jinja2 is missing; the message says how to install it.
    """
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ModuleNotFoundError:
        remedy = 'pages need jinja2; install it with: pip install "reluctant[cli]"'
        raise ModuleNotFoundError(remedy, name="jinja2") from None
    environment = Environment(
        loader=PackageLoader("reluctant.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["aligned"] = aligned
    environment.filters["minus"] = lambda text: _SIGN.sub("\N{MINUS SIGN}", shown(text))
    environment.tests["sentences"] = lambda part: isinstance(part, Sentences)
    return environment
