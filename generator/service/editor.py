"""What lets an editor check and complete people's files: JSON Schemas in the repository, and the hint that names them.

Owns: where they stand. Refuses: the schemas themselves (`spec.json_schema`). The hint is a relative path, so that it
works in every clone, without a network.
"""

from __future__ import annotations

import json

SCHEMAS = ".revstamp/schemas"


def editor_hint(path: str, kind: str) -> str:
    """The first line of a file at this path of the repository; `kind` is endpoint, environment or repository."""
    return f"# yaml-language-server: $schema={'../' * path.count('/') or './'}{SCHEMAS}/{kind}.json\n"


def schema_files() -> dict[str, str]:
    """The schemas as files of a repository, by path."""
    from generator.spec.json_schema import file_schema

    return {
        f"{SCHEMAS}/{kind}.json": json.dumps(file_schema(kind), indent=1, ensure_ascii=False) + "\n"
        for kind in ("endpoint", "environment", "repository")
    }
