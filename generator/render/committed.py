"""The body of a committed manifest, known without parsing where the file is what a rendering writes.

Owns: `read_committed`. Refuses: deciding revisions (`stamp`). Parsing a file takes ten times as long as writing it, and
most files of a fleet are today's rendering to the byte, but for the revisions that stand in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from generator.render.canonical import emit_yaml
from generator.render.manifest import Manifest
from generator.render.parse import parse_yaml
from generator.render.pods import REVISION, own_revision_path, pod_revision_path

_REVISIONS = re.compile(rf'^ +{re.escape(REVISION)}: "([^"\\]*)"$', re.MULTILINE)


def read_committed(content: bytes, manifest: Manifest | None = None) -> Any:
    """The object in a committed file; None where somebody's edit made it unreadable.

    `manifest` is today's object without revisions: the file is compared with it before it is parsed.
    """
    try:
        text = content.decode()
        return (_as_rendered(text, manifest) if manifest is not None else None) or parse_yaml(text)
    except ValueError:
        return None


def _as_rendered(text: str, manifest: Manifest) -> dict[str, Any] | None:
    """The manifest with the revisions that stand in the text, where it is the text to the byte."""
    paths = revision_paths(manifest.kind)
    found = _REVISIONS.findall(text)
    if len(found) != len(paths):
        return None
    body = dict(manifest.body)
    for path, revision in zip(paths, found, strict=True):
        body = with_value(body, path, revision)
    return body if emit_yaml(body) == text else None


def revision_paths(kind: str) -> tuple[tuple[str, ...], ...]:
    """Where an object of this kind carries revisions, in the order in which they are written."""
    own, pods = own_revision_path(), pod_revision_path(kind)
    return (own,) if pods is None or pods == own else (own, pods)


def with_value(body: Mapping[str, Any], path: tuple[str, ...], value: str) -> dict[str, Any]:
    """A copy of the body with the value at the path; what is not on the path is shared, nothing is changed in place."""
    key, *rest = path
    if not rest:
        return {**body, key: value}
    branch = body.get(key)
    inner = with_value(branch if isinstance(branch, Mapping) else {}, tuple(rest), value)
    return {**body, key: inner} if key in body or key != "metadata" else {key: inner, **body}
