"""Any text as what C and C++ accept: a name that they do not reserve, a string, part of a comment."""

from __future__ import annotations

import re
import unicodedata

from reluctant.export._reserved import KEYWORDS, LIBRARY

MAX_LENGTH = 63
"""Significant initial characters of an internal identifier [C99, 5.2.4.1]."""

MAX_BYTES = 4095
"""Length of a string that every compiler takes [C99, 5.2.4.1]."""

FALLBACK = "network"

_SPELT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "aa"}
    | {"Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ẞ": "SS", "Æ": "Ae", "Œ": "Oe", "Ø": "Oe", "Å": "Aa"}
    | {"µ": "u", "μ": "u", "Ω": "Ohm", "\u2126": "Ohm", "ı": "i", "ł": "l", "Ł": "L", "đ": "d", "ð": "d", "þ": "th"}
)
"""What has no accent to be dropped, or is spelt otherwise without."""

_SIGNS = str.maketrans(
    {"°": "deg", "×": "x", "·": ".", "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=", "≈": "~", "±": "+-", "→": "->"}
    | {"∞": "inf", "√": "sqrt", "‖": "||", "⁄": "/", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"}
)
"""How signs are written in ASCII, after their compatibility decomposition."""

_GREEK = {
    letter: unicodedata.name(letter).removeprefix("GREEK SMALL LETTER ").removeprefix("FINAL ").lower()
    for letter in "αβγδεζηθικνξοπρςστυφχψω"
} | {"λ": "lambda"}  # LAMDA in Unicode
_GREEK |= {letter.upper(): name.capitalize() for letter, name in _GREEK.items()}
_EXPONENT = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")

_TAKEN_PATTERNS = re.compile(
    r"[A-Z][A-Z0-9_]*$"  # macros
    r"|(PRI|SCN)[a-zX]|E[0-9A-Z]|SIG[A-Z_]|([LMP]|LC|AF|PF)_"
    r"|(str|mem|wcs|wmem|is|to)[a-z]"  # reserved for more functions [C99, 7.26]
    r"|(pthread|posix|sched|sem|clock|timer|si|sa)_"  # [POSIX, 2.2.2]
    r"|f[0-9]+x?(add|sub|mul|div|sqrt|fma)"
)
_VARIANT = re.compile(r"(f|l|f[0-9]+x?|_r|64)$")


def identifier(text: str) -> str:
    """Return a C identifier close to `text`.

    Umlauts and ligatures are spelt out, other accents dropped, and other characters become underscores. A name that
    starts with a digit, is a keyword of C or C++, is all capitals as macros are, or belongs to the library of C99,
    POSIX or GNU is given a prefix.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        At most 63 ASCII letters, digits and underscores, starting with a letter.

    Examples
    --------
    >>> [identifier(text) for text in ("Température (°C)", "Größe", "2nd stage", "double", "")]
    ['Temperature_C', 'Groesse', 'n2nd_stage', 'n_double', 'network']
    """
    spelt = unicodedata.normalize("NFC", text).translate(_SPELT)
    ascii_text = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", ascii_text).strip("_") or FALLBACK
    if name[0].isdigit():
        name = f"n{name}"
    elif _is_taken(name):
        name = f"n_{name}"
    return name[:MAX_LENGTH].rstrip("_")


def _is_taken(name: str) -> bool:
    if name in KEYWORDS or _TAKEN_PATTERNS.match(name):
        return True
    once = _VARIANT.sub("", name)
    return not LIBRARY.isdisjoint({name, once, _VARIANT.sub("", once)})


def string_literal(text: str) -> str:
    r"""Return the C string of `text` in UTF-8.

    Bytes beyond ASCII, quotes, backslashes, question marks (of trigraphs) and control characters are octal, which
    ends after three digits, whatever follows.

    Raises
    ------
    ValueError
        If it is longer than C99 compilers need take.

    Examples
    --------
    >>> print(string_literal('5" ≤ x?'))
    "5\042 \342\211\244 x\077"
    """
    utf8 = text.encode("utf-8", "surrogatepass")
    if len(utf8) > MAX_BYTES:
        raise ValueError(f"the label {text[:20]!r}... has {len(utf8)} bytes, C99 grants {MAX_BYTES}; shorten it")
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in utf8) + '"'


def comment_text(text: str) -> str:
    """Return `text` for a C comment, in ASCII as an engineer writes it.

    Umlauts, Greek letters, degrees, exponents and signs are spelt out. What could end the comment, go on in the next
    line or confuse a reader, and letters without a spelling, are ``<U+002A>``.

    Examples
    --------
    >>> print(comment_text("ℓ_p ≤ 3 · 10⁻² m², σ in °C */ int x; /*"))
    l_p <= 3 . 10^-2 m^2, sigma in degC <U+002A>/ int x; /<U+002A>
    """
    return "".join(map(_commented, _EXPONENT.sub(lambda m: "^" + m.group(), text.translate(_SPELT))))


def _commented(character: str) -> str:
    """One character, spelt with what is printed in ASCII and harmless in a comment."""
    parts = unicodedata.normalize("NFKD", character).translate(_SIGNS)
    spelt = "".join(_GREEK.get(c, c) for c in parts if not unicodedata.combining(c))
    if spelt and all(" " <= c <= "~" and c not in "*\\?" for c in spelt):
        return spelt
    return f"<U+{ord(character):04X}>"
