"""Objects out of manifest files.

Owns: reading them, several in a file. Refuses: kustomize.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from tests.testbed.kube.api import Object

# PyYAML's C parser where it is there: KServe's CRDs are megabytes.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_manifests(text: str | bytes) -> list[Object]:
    """The objects of a file's text; empty documents are left out."""
    return [each for each in yaml.load_all(text, _LOADER) if each]


def read_manifests(paths: Iterable[Path]) -> list[Object]:
    """All objects of some files, in the order of their names."""
    return [each for path in sorted(paths) for each in parse_manifests(path.read_bytes())]
