"""Digests that a stamp keeps.

Owns: how files and specs are summed up. Refuses: reading them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def _sum(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def files_digest(files: Mapping[str, str | bytes]) -> str:
    """One digest over named files, whatever their order.

    It is what `LC_ALL=C sha256sum * | sha256sum` prints in their folder, so that nobody needs revstamp to check it.
    """
    lines = []
    for name in sorted(files, key=lambda text: text.encode()):
        content = files[name]
        content = content.encode() if isinstance(content, str) else content
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    return _sum("".join(lines).encode())


def manifests_digest(files: Mapping[str, str | bytes]) -> str:
    """The digest of an endpoint's rendered files, revisions included: file name → content."""
    return files_digest(files)


def spec_digest(spec: Any) -> str:
    """The digest of a spec as plain JSON data; the order of keys and the spelling of the file do not count."""
    return _sum(json.dumps(spec, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
