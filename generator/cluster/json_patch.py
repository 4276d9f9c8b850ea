"""Why a JSON patch was refused, which the API server does not say.

Owns: the `test` operations of RFC 6902 on a live object. Refuses: applying a patch. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.cluster.port import Body

_ABSENT = object()


def find_failed_tests(live: Body, operations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paths of the tests before the first change that do not hold on the object."""
    failed = []
    for operation in operations:
        if operation.get("op") != "test":
            break
        path = str(operation.get("path"))
        found = _at_pointer(live, path)
        if found is _ABSENT or type(found) is not type(operation.get("value")) or found != operation.get("value"):
            failed.append(path)
    return failed


def _at_pointer(body: Any, pointer: str) -> Any:
    """What an RFC 6901 pointer points at."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(body, Mapping) and name in body:
            body = body[name]
        elif isinstance(body, Sequence) and not isinstance(body, str) and name.isdigit() and int(name) < len(body):
            body = body[int(name)]
        else:
            return _ABSENT
    return body
