"""What text may hold, and how it is quoted back at people.

Owns: characters that YAML, Kubernetes or a terminal cannot carry safely, and the short form of a value for messages.
Refuses: what a text means.
"""

from __future__ import annotations

import re
from typing import Any

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BREAK = re.compile("[\t\n\r]")
MAX_SHOWN = 80
LARGEST_INTEGER = 2**63 - 1
"""The largest number that Kubernetes, Go's YAML parser and a database column can all hold."""


def has_control_characters(text: str) -> bool:
    """Whether the text holds characters that YAML or Kubernetes cannot carry; tabs and newlines are not among them."""
    return _CONTROL.search(text) is not None


def is_printable_line(text: str) -> bool:
    """Whether the text is one line that looks like what it is: nothing invisible, nothing that turns its direction."""
    return not (_CONTROL.search(text) or _BIDI.search(text) or _BREAK.search(text) or text.isspace())


def shown(value: Any) -> str:
    """A value as messages quote it: its repr, cut where it is long."""
    if isinstance(value, str) and len(value) > MAX_SHOWN:
        return f"{value[:MAX_SHOWN]!r}… ({len(value)} characters)"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN + 2 else f"{text[:MAX_SHOWN]}…"
