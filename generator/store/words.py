"""Text and JSON that both databases take, wherever it came from.

Owns: what PostgreSQL refuses and SQLite does not: the character NUL, halves of surrogate pairs, numbers that JSON has
none for. A container's last words may hold them. Refuses: saying what a text should be.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)


def clean_text(text: str) -> str:
    """The text with U+FFFD for characters that cannot be stored."""
    return _UNFIT.sub("\ufffd", text)


def write_json(value: Any) -> str:
    """One line of JSON that both databases take."""
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_clean(value), allow_nan=False)
    return json.dumps(_clean(value)) if _ESCAPED.search(text) else text


def read_json(text: Any) -> Any:
    """The value; the text itself where somebody wrote what is no JSON: one odd row must not hide all others."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
