"""Text that others wrote, made fit to be shown."""

from __future__ import annotations

import unicodedata

_LONGEST = 80


def shown(text: str, keep: str = "") -> str:
    r"""Return `text` with control characters, lone surrogates and what XML forbids as escapes; those in `keep` stay.

    Examples
    --------
    >>> print(shown("a\x1b[31mb\nc"))
    a\x1b[31mb\nc
    """
    return "".join(c if c in keep or not _is_unfit(c) else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return `text`, of what is too long the beginning and an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def counted(n: float, plural: str) -> str:
    """A number with its noun: 1 neuron, 2 neurons."""
    return f"{n:,.0f} {plural.removesuffix('s') if n == 1 else plural}"


def _is_unfit(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character in "\ufffe\uffff"
