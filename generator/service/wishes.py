"""An operation as data, so that whoever finds it in the ledger can carry it out.

Owns: both ways between operations and JSON. Refuses: carrying them out. What is read was written by revstamp; what it
does not know is of a newer one.
"""

from __future__ import annotations

from typing import Any

from generator.errors import InvalidInput
from generator.service.fleet import EndpointRef
from generator.service.operations import DeleteOperation, Operation, PatchOperation, RestoreOperation
from generator.service.seeding import SeededOperation
from generator.spec.document import Path
from generator.spec.patch import Patch


def write_operation(operation: Operation) -> dict[str, Any]:
    """The JSON form."""
    if isinstance(operation, SeededOperation):
        return {"type": "seeded", "seed": operation.seed, "then": write_operation(operation.then)}
    if isinstance(operation, PatchOperation):
        body = operation.request_body
        return {
            "type": "patch",
            "target": operation.target,
            "verb": operation.verb,
            "restart": operation.restart,
            "request": None if body is None else dict(body),
            "patch": _write_patch(operation.patch),
        }
    if isinstance(operation, RestoreOperation):
        return {
            "type": "restore",
            "target": str(operation.target),
            "content": operation.content.decode(),
            "revision": operation.revision,
        }
    if isinstance(operation, DeleteOperation):
        return {"type": "delete", "target": operation.target}
    raise InvalidInput(f"{type(operation).__name__} cannot be put off", hint="run it without a database")


def read_operation(data: Any) -> Operation:
    """The operation. InvalidInput where this revstamp does not know it."""
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "seeded":
        then = read_operation(data["then"])
        if isinstance(then, PatchOperation):
            return SeededOperation(data["seed"], then)
    if kind == "patch":
        return PatchOperation(
            data["target"], _read_patch(data["patch"]), data["request"], data["restart"], data["verb"]
        )
    if kind == "restore":
        environment, _, name = data["target"].partition("/")
        return RestoreOperation(EndpointRef(environment, name), data["content"].encode(), data["revision"])
    if kind == "delete":
        return DeleteOperation(data["target"])
    raise InvalidInput(f"the ledger holds an operation of another revstamp: {kind}", hint="upgrade the worker")


def _write_patch(patch: Patch) -> dict[str, Any]:
    return {
        "set": [[list(path), value] for path, value in patch.sets.items()],
        "clear": [list(path) for path in sorted(patch.clears, key=str)],
        "labels": [[list(path), text] for path, text in patch.labels.items()],
        "notices": list(patch.notices),
    }


def _read_patch(data: Any) -> Patch:
    return Patch(
        {_path(path): value for path, value in data["set"]},
        frozenset(_path(path) for path in data["clear"]),
        {_path(path): text for path, text in data["labels"]},
        tuple(data["notices"]),
    )


def _path(parts: Any) -> Path:
    return tuple(parts)
