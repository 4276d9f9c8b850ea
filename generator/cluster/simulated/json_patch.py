"""JSON patches (RFC 6902) on plain data.

Owns: the six operations. Refuses: telling which object it is about; the caller does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any


class TestFailed(Exception):
    """A `test` operation found another value, or none."""

    __test__ = False


class PatchInvalid(Exception):
    """An operation is not one, or its path leads nowhere."""


def apply_operations(body: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """The body after all operations. `body` is changed on the way, so hand in a copy."""
    for operation in operations:
        body = _apply(body, operation)
    return body


def _apply(body: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation.get("op"), _split(operation.get("path"))
    if name == "test":
        try:
            found = _read(body, path)
        except PatchInvalid as error:
            raise TestFailed(str(error)) from error
        wanted = operation.get("value")
        if type(found) is not type(wanted) or found != wanted:
            raise TestFailed(f"{operation.get('path')} is {found!r}, not {wanted!r}")
        return body
    if name in ("add", "replace"):
        if name == "replace":
            _read(body, path)
        return _write(body, path, operation.get("value"), insert=name == "add")
    if name == "remove":
        _remove(body, path)
        return body
    if name in ("move", "copy"):
        source = _split(operation.get("from"))
        value = _read(body, source)
        if name == "move":
            _remove(body, source)
        else:
            value = copy.deepcopy(value)
        return _write(body, path, value, insert=True)
    raise PatchInvalid(f"{name!r} is no operation of a JSON patch")


def _split(pointer: Any) -> list[str]:
    if pointer == "":
        return []
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise PatchInvalid(f"{pointer!r} is no JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _read(body: Any, path: list[str]) -> Any:
    for part in path:
        body = _child(body, part)
    return body


def _child(body: Any, part: str) -> Any:
    if isinstance(body, dict) and part in body:
        return body[part]
    if isinstance(body, list) and part.isdecimal() and int(part) < len(body):
        return body[int(part)]
    raise PatchInvalid(f"there is nothing at {part!r}")


def _write(body: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    parent, last = _read(body, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list) and insert:
        place = len(parent) if last == "-" else _place(last, len(parent) + 1)
        parent.insert(place, value)
    elif isinstance(parent, list):
        parent[_place(last, len(parent))] = value
    else:
        raise PatchInvalid(f"{last!r} has nothing to stand in")
    return body


def _remove(body: Any, path: list[str]) -> None:
    if not path:
        raise PatchInvalid("the whole object cannot be removed")
    parent, last = _read(body, path[:-1]), path[-1]
    _child(parent, last)
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[int(last)]


def _place(part: str, end: int) -> int:
    if not part.isdecimal() or int(part) >= end:
        raise PatchInvalid(f"there is no place {part!r} in the list")
    return int(part)
