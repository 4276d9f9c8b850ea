"""Stamping: which revision each object of a rendering carries.

Owns: the rule "only what must restart, restarts" as numbers in annotations, and the stamp that goes with them.
Refuses: choosing the revision (its caller knows the tip) and telling what changed (`diff`).

Each object carries `revstamp.io/revision`: the revision at which it last changed in any other byte. Where it says
which pods there are, on a Deployment's template and on an InferenceService, the number is the pod revision of that
object: it moves only when pods have to be replaced, because moving it replaces them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.errors import InternalError, InvalidInput
from generator.render.canonical import emit_yaml
from generator.render.committed import with_value
from generator.render.manifest import Manifest, ManifestSet
from generator.render.pods import (
    identity,
    own_revision_path,
    pod_part,
    pod_revision_path,
    same_value,
    value_at,
    without_revisions,
)
from generator.render.stamp_digest import files_digest, manifests_digest, spec_digest
from generator.render.stamp_file import HIGHEST_REVISION, Stamp, is_request_id, tombstone

__all__ = [
    "Stamp",
    "StampRequest",
    "StampedSet",
    "files_digest",
    "is_request_id",
    "manifests_digest",
    "spec_digest",
    "stamp_manifests",
    "tombstone",
]

_REVISION = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, slots=True)
class StampRequest:
    """What is being stamped: the next revision, who asked, and what the rendering was made from.

    `restart` is a redeploy: pods are replaced though nothing else changed. `restores` names the revision that a
    rollback brings back.
    """

    environment: str
    endpoint: str
    revision: int
    request_id: str
    spec_digest: str
    templates_digest: str
    generator: str
    restart: bool = False
    restores: int | None = None


@dataclass(frozen=True, slots=True)
class StampedSet:
    """The files to commit, their bodies, and the stamp; `changed` says whether there is anything to commit.

    Where nothing changed, files and stamp are the previous ones, byte for byte.
    """

    files: Mapping[str, str]
    bodies: Mapping[str, Mapping[str, Any]]
    stamp: Stamp
    changed: bool


def stamp_manifests(
    new: ManifestSet,
    previous: Mapping[str, Any],
    previous_stamp: Stamp | None,
    request: StampRequest,
    previous_digest: str | None = None,
) -> StampedSet:
    """Stamp a rendering as the successor of the files at the tip (file name → parsed body, whatever it holds).

    `previous_digest` is that of those files as they stand there; None where nobody else writes them.
    InvalidInput for a request id that cannot stand in a commit; InternalError for a revision that does not follow.
    """
    _check_request(request, previous_stamp)
    bodies = {item.file_name: _stamp_object(item, previous.get(item.file_name), request) for item in new}
    files = {name: emit_yaml(body) for name, body in bodies.items()}
    digest = manifests_digest(files)
    digests = {digest, previous_digest or digest}
    if previous_stamp is not None and not request.restart and _is_unchanged(previous, files, digests, previous_stamp):
        return StampedSet(files, bodies, previous_stamp, changed=False)
    pods = [revision for body in bodies.values() if (revision := _pod_revision(body)) is not None]
    stamp = Stamp(
        environment=request.environment,
        endpoint=request.endpoint,
        revision=request.revision,
        request_id=request.request_id,
        pod_revision=max(pods, default=0),
        spec_digest=request.spec_digest,
        manifests_digest=digest,
        templates_digest=request.templates_digest,
        generator=request.generator,
        restores=request.restores,
    )
    return StampedSet(files, bodies, stamp, changed=True)


def _check_request(request: StampRequest, previous_stamp: Stamp | None) -> None:
    if not is_request_id(request.request_id):
        raise InvalidInput(
            f"{request.request_id!r} cannot be a request id",
            hint="use letters, digits, '.', '_', ':' and '-', a letter or digit first, at most 128",
        )
    least = previous_stamp.revision + 1 if previous_stamp else 1
    if not least <= request.revision <= HIGHEST_REVISION:
        raise InternalError(f"revision {request.revision} of {request.endpoint} does not follow {least - 1}")


def _is_unchanged(previous: Mapping[str, Any], files: Mapping[str, str], digests: set[str], stamp: Stamp) -> bool:
    """Whether a commit would hold nothing new; `digests` are those of the files at the tip and of the new ones.

    They also notice what the bodies cannot show: a file that was edited without changing its meaning, or a stamp that
    does not belong to its files. Then a commit puts right what stands there, and replaces no pod for it.
    """
    return not stamp.deleted and previous.keys() == files.keys() and digests == {stamp.manifests_digest}


def _stamp_object(manifest: Manifest, previous: Any, request: StampRequest) -> dict[str, Any]:
    """The object with its revisions; `previous` is no predecessor where it is another object in the same file."""
    body: dict[str, Any] = dict(without_revisions(manifest.body))
    before = previous if identity(previous) == identity(body) else None
    same = before is not None and same_value(without_revisions(before), body)
    pods_path, own_path = pod_revision_path(manifest.kind), own_revision_path()
    stamped, restarted = body, False
    if pods_path is not None:
        kept = _revision_at(before, pods_path, request)
        same_pods = same or same_value(pod_part(before), pod_part(body))
        restarted = request.restart or kept is None or not same_pods
        stamped = with_value(stamped, pods_path, str(request.revision if restarted else kept))
    if pods_path != own_path:
        kept = _revision_at(before, own_path, request)
        changed = restarted or kept is None or not same
        stamped = with_value(stamped, own_path, str(request.revision if changed else kept))
    return stamped


def _revision_at(body: Any, path: tuple[str, ...], request: StampRequest) -> int | None:
    """The revision that stands there, or None where it cannot be one: no text, no number, or one yet to come."""
    text = value_at(body, *path)
    if not isinstance(text, str) or not _REVISION.fullmatch(text):
        return None
    return int(text) if int(text) < request.revision else None


def _pod_revision(body: Mapping[str, Any]) -> int | None:
    path = pod_revision_path(str(body["kind"]))
    return int(value_at(body, *path)) if path else None
