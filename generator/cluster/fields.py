"""Fields as managedFields name them: walking `fieldsV1`, finding what stands there, saying it to people.

Owns: the path notation of server-side apply (`f:` a key, `k:` an item by its keys, `v:` an item by its value, `i:` one
by its place; structured-merge-diff v6). Refuses: who owns what, and what follows from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
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
    if kind == "i":
        return body[int(rest)] if rest.isascii() and rest.isdigit() and int(rest) < len(body) else MISSING
    return next((item for item in body if is_named(element, item)), MISSING)


def is_named(element: str, item: Any) -> bool:
    """Whether the element means this item of a list, by its keys or its value.

    The protocol of a port may be left out in a manifest; TCP is its default.
    """
    kind, named = _parse_element(element)
    if kind == "v":
        return is_same(named, item)
    if kind != "k" or not isinstance(item, Mapping):
        return False
    return all(is_same(value, item.get(key, "TCP" if key == "protocol" else None)) for key, value in named.items())


@lru_cache(maxsize=4096)
def _parse_element(element: str) -> tuple[str, Any]:
    """`k` or `v` and what it names; an empty kind for all else. The same few names come with every endpoint."""
    kind, _, rest = element.partition(":")
    try:
        named = json.loads(rest)
    except ValueError:
        return "", None
    return (kind, named) if kind == "v" or (kind == "k" and isinstance(named, dict)) else ("", None)


def is_same(one: Any, other: Any) -> bool:
    """Equal to the last type: 1, 1.0 and true are three values."""
    if type(one) is not type(other):
        return False
    if type(one) is str:
        return bool(one == other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


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
