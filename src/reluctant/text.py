"""Text that others wrote, made fit to be shown, and numbers in words."""

from __future__ import annotations

import unicodedata

import numpy as np

from reluctant.arrays import Array

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


def spelled_range(values: Array) -> str:
    """The least and the largest of some numbers in six digits, once where they are the same there.

    Examples
    --------
    >>> import numpy as np
    >>> spelled_range(np.array([0.1, 0.1 + 1e-12])), spelled_range(np.array([0.1, 2.0]))
    ('0.1', '0.1 to 2')
    """
    return " to ".join(dict.fromkeys([f"{np.min(values):g}", f"{np.max(values):g}"]))


def article(noun: str) -> str:
    """A or an; ℓ is read as el."""
    return "an" if noun[0] in "aeioℓ" else "a"


def _is_unfit(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character in "\ufffe\uffff"
