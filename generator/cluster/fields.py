"""Fields as managedFields name them: walking `fieldsV1`, finding what stands there, saying it to people.

Owns: the path notation of server-side apply (`f:` a key, `k:` an item by its keys, `v:` an item by its value, `i:` one
by its place; structured-merge-diff v6). Refuses: who owns what, and what follows from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str, ...]
"""Elements as `fieldsV1` writes them, such as `("f:spec", "f:replicas")`."""

MISSING: Any = object()
"""What `value_at_path` gives where nothing stands at the path."""


def iterate_leaves(fields: Mapping[str, Any], above: Path = ()) -> Iterator[Path]:
    """Every path that an entry names to its end; `.` names an item or map itself and is passed over."""
    for element, below in fields.items():
        if element == ".":
            continue
        path = (*above, element)
        inner = {key: value for key, value in below.items() if key != "."} if isinstance(below, Mapping) else {}
        if inner:
            yield from iterate_leaves(inner, path)
        else:
            yield path


def value_at_path(body: Any, path: Sequence[str]) -> Any:
    """What stands at the path, or MISSING."""
    for element in path:
        body = _step(body, element)
        if body is MISSING:
            return MISSING
    return body


def _step(body: Any, element: str) -> Any:
    kind, _, rest = element.partition(":")
    if kind == "f":
        return body.get(rest, MISSING) if isinstance(body, Mapping) else MISSING
    if not isinstance(body, Sequence) or isinstance(body, str):
        return MISSING
    try:
        wanted = json.loads(rest)
    except ValueError:
        return MISSING
    if kind == "k":
        return next((item for item in body if _has_keys(item, wanted)), MISSING)
    if kind == "v":
        return wanted if wanted in body else MISSING
    return body[wanted] if kind == "i" and type(wanted) is int and 0 <= wanted < len(body) else MISSING


def _has_keys(item: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether a list's item has these keys; `protocol: TCP` is a port's default and may be left out in a manifest."""
    if not isinstance(item, Mapping):
        return False
    return all(item.get(key, "TCP" if key == "protocol" else None) == value for key, value in wanted.items())


def say_path(path: Sequence[str]) -> str:
    """The path as people write it: `spec.template.spec.containers[name=model-server].image`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}" if "." not in rest and "/" not in rest else f"[{rest}]"
        elif kind == "k":
            keys = json.loads(rest)
            text += "[" + ",".join(f"{key}={value}" for key, value in keys.items()) + "]"
        else:
            text += f"[{rest}]"
    return text.removeprefix(".")
