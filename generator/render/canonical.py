"""Canonical YAML: one way to write every manifest, so that equal objects are equal bytes.

Owns: `emit_yaml`. Refuses: reading YAML (that is `parse`) and any knowledge of a kind but the order of its keys.

The rule for strings (gitops-rules): a string is plain only where no parser of YAML 1.1 or 1.2 can take it for
anything else; every other string is double-quoted as in JSON. PyYAML's own dump changes the type of strings such as
`1e3`, `08` or `y` in Kubernetes' parser. Characters that a YAML stream may not hold, or folds as line breaks, are
escaped; lone surrogates cannot be written at all, since YAML's `\\u` escapes stand for whole characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

MAX_DEPTH = 64
"""Levels of nesting; Kubernetes' deepest types stay under 20."""

MAX_KEY = 1000
"""Characters of a written key: YAML ends an implicit key at 1,024."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9/._-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_ROOT_ORDER = ("apiVersion", "kind", "metadata", "spec")
_METADATA_ORDER = ("name", "namespace", "labels", "annotations")
_FREE_KEYS = frozenset({"labels", "annotations", "nodeSelector", "matchLabels", "limits", "requests"})
_WORD_LENGTH = max(map(len, _WORDS))


def emit_yaml(data: Any) -> str:
    """The canonical text of JSON data, ending with a newline.

    ValueError where the data has no safe form: lone surrogates, numbers that are not finite or do not fit 64 bits,
    keys that are no strings or too long, nesting beyond MAX_DEPTH, types that JSON does not have.
    """
    lines: list[str] = []
    if isinstance(data, dict) and data:
        keys = _first(_ROOT_ORDER, data) if "apiVersion" in data and "kind" in data else data
        _emit_map(lines, data, keys, "", "", MAX_DEPTH)
    elif isinstance(data, list | tuple) and data:
        _emit_list(lines, data, "", "", MAX_DEPTH)
    else:
        lines.append(_scalar(data))
    lines.append("")
    return "\n".join(lines)


def quote(text: str) -> str:
    """The canonical form of one string: plain where that is safe, else double-quoted."""
    if _PLAIN.fullmatch(text) and (len(text) > _WORD_LENGTH or text.lower() not in _WORDS):
        return text
    quoted = encode_basestring(text)
    return quoted if text.isascii() and "\x7f" not in text else _UNSAFE.sub(_escape, quoted)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"the lone surrogate U+{code:04X} cannot be written in YAML")
    return f"\\u{code:04x}"


@lru_cache(maxsize=4096)
def _key(key: str) -> str:
    """A key with its colon. Cached: an object's field names are few and the same everywhere."""
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is not a string")
    written = quote(key)
    if len(written) > MAX_KEY:
        raise ValueError(f"a key of {len(key)} characters is too long for YAML")
    return written + ":"


def _scalar(value: Any) -> str:
    """One scalar, or an empty map or list."""
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"the number {value} does not fit 64 bits")
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise ValueError(f"a {type(value).__name__} is not JSON data")


def _float(value: float) -> str:
    """Digits and a point, never an exponent: `1e22` is a string to one parser and a number to another."""
    if not isfinite(value):
        raise ValueError(f"{value} is not a number that JSON has")
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else text + ".0"


def _first(order: Sequence[str], data: Mapping[str, Any]) -> Iterable[str]:
    """The keys of a map, those of `order` first."""
    leading = [key for key in order if key in data]
    return leading + [key for key in data if key not in order] if len(leading) < len(data) else leading


def _ordered(key: str, value: Mapping[str, Any]) -> Iterable[str]:
    """The keys of the map that stands under `key`, in the order in which they are written."""
    if key == "metadata":
        return _first(_METADATA_ORDER, value)
    return sorted(value) if key in _FREE_KEYS else value


def _emit_map(lines: list[str], data: Mapping[str, Any], keys: Iterable[str], pad: str, lead: str, depth: int) -> None:
    """Write a map that is not empty: `pad` indents its lines, `lead` is what its first line begins with instead."""
    if not depth:
        raise ValueError(f"the data is nested deeper than {MAX_DEPTH} levels")
    inner = pad + "  "
    for key in keys:
        value = data[key]
        if type(value) is str:
            lines.append(f"{lead}{_key(key)} {quote(value)}")
        elif value and isinstance(value, dict):
            lines.append(lead + _key(key))
            _emit_map(lines, value, _ordered(key, value), inner, inner, depth - 1)
        elif value and isinstance(value, list | tuple):
            lines.append(lead + _key(key))
            _emit_list(lines, value, inner, inner, depth - 1)
        else:
            lines.append(f"{lead}{_key(key)} {_scalar(value)}")
        lead = pad


def _emit_list(lines: list[str], data: Sequence[Any], pad: str, lead: str, depth: int) -> None:
    """Write a list that is not empty: `pad` indents its lines, `lead` is what its first line begins with instead."""
    if not depth:
        raise ValueError(f"the data is nested deeper than {MAX_DEPTH} levels")
    inner = pad + "  "
    for item in data:
        if item and isinstance(item, dict):
            _emit_map(lines, item, item, inner, lead + "- ", depth - 1)
        elif item and isinstance(item, list | tuple):
            _emit_list(lines, item, inner, lead + "- ", depth - 1)
        else:
            lines.append(f"{lead}- {_scalar(item)}")
        lead = pad
