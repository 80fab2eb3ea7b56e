"""Any text as a name that C and C++ accept and do not reserve."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 63
"""Significant initial characters of an internal identifier [C99, 5.2.4.1]."""

FALLBACK = "network"

_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual
and and_eq asm bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept
consteval constinit const_cast decltype delete dynamic_cast explicit export friend mutable namespace new noexcept not
not_eq operator or or_eq private protected public reinterpret_cast requires static_cast template this throw try
typeid typename using virtual wchar_t xor xor_eq
linux unix far near huge interrupt
"""

_LIBRARY = """
abort abs acos acosh asctime asin asinh assert atan atan2 atanh atexit atof atoi atol atoll bsearch calloc cbrt ceil
clearerr clock complex copysign cos cosh ctime difftime div erf erfc errno exit exp exp2 expm1 fabs fclose fdim feof
ferror fflush fgetc fgetpos fgets floor fma fmax fmin fmod fopen fprintf fputc fputs fread free freopen frexp fscanf
fseek fsetpos ftell fwrite gamma getc getchar getenv gets gmtime hypot ilogb index j0 j1 jn labs ldexp ldiv lgamma
llabs lldiv llrint llround localeconv localtime log log10 log1p log2 logb longjmp lrint lround main malloc mktime modf
nan nearbyint nextafter nexttoward perror pow printf putc putchar puts qsort raise rand realloc remainder remove remquo
rename rewind rint round scalbln scalbn scanf setbuf setjmp setlocale setvbuf signal sin sinh sprintf sqrt srand sscanf
stderr stdin stdout system tan tanh tgamma time tmpfile tmpnam trunc ungetc va_arg va_end va_start vfprintf vprintf
vsprintf y0 y1 yn
"""

_RESERVED = frozenset(_KEYWORDS.split()) | {name + suffix for name in _LIBRARY.split() for suffix in ("", "f", "l")}
_RESERVED_PREFIX = re.compile(r"(str|mem|wcs|is|to)[a-z]|E[0-9A-Z]|SIG[A-Z_]|LC_")  # [C99, 7.26]


def identifier(text: str) -> str:
    """Return a C identifier close to `text`.

    Accents are dropped, other characters become underscores. A name that is empty, starts with a digit, is a
    keyword of C or C++, or belongs to the C library is given a prefix or a suffix.

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
    >>> [identifier(text) for text in ("Température (°C)", "2nd stage", "double", "")]
    ['Temperature_C', 'n2nd_stage', 'double_', 'network']
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^0-9A-Za-z]+", "_", ascii_text).strip("_") or FALLBACK
    if name[0].isdigit() or _RESERVED_PREFIX.match(name):
        name = f"n{name}" if name[0].isdigit() else f"n_{name}"
    name = name[:MAX_LENGTH].rstrip("_")
    return f"{name}_" if name in _RESERVED else name
