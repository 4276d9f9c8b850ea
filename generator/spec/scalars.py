"""Plain scalars: what unquoted text means in people's files, and which text may be written unquoted.

Owns: the one reading (YAML 1.2's core words, decimal numbers) and the words that parsers disagree on, so that
nothing is written that another parser reads otherwise. Refuses: quoted text, which is always text.
"""

from __future__ import annotations

import json
import re
from typing import Any

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]*")
_MAX_DIGITS = 30

WORDS = frozenset(("y", "n", "yes", "no", "on", "off"))
"""True or false in YAML 1.1, text in YAML 1.2."""
UNCLEAR_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|0[xob][0-9a-fA-F_]+|[0-9][0-9]*_[0-9_]*|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|([0-9]+|[0-9]*\.[0-9]*)[eE][-+]?[0-9]+|\.[0-9]+|[0-9]+\.|\.(inf|Inf|INF|nan|NaN|NAN))"
)
_RESERVED = WORDS | {"null", "true", "false"}


def read_plain(text: str) -> Any:
    """What unquoted text means: nothing, true or false, a number, or the text itself.

    A number of more digits than anybody means is 10^30, which no rule accepts.
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _MAX_DIGITS else 10**_MAX_DIGITS
    return float(text) if _FLOAT.fullmatch(text) else text


def write_scalar(value: Any, quote: str = "") -> str:
    """One value as YAML that every parser reads alike; `quote` is the quote to keep where the text allows it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text else text.replace("e", ".0e")
    if not isinstance(value, str):
        return str(value)
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if quote != '"' and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return json.dumps(value, ensure_ascii=False)
