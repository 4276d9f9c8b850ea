"""The golden manifests as objects, each file with the KServe that its environment names.

Owns: finding and reading them, and comparing an object with what a server made of it. Refuses: servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cli.environment_variants import SHIPPED, VARIANTS

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True)
class GoldenFile:
    """One file of rendered objects. `kserve` is a minor version; `name` says where it is."""

    name: str
    path: Path
    kserve: str

    def objects(self) -> list[dict[str, Any]]:
        """All objects of the file."""
        return [each for each in yaml.safe_load_all(self.path.read_text("utf-8")) if each]


def golden_files() -> list[GoldenFile]:
    """Those of the environments' variants, and those that the platform's cases leave behind."""
    shipped = str(yaml.safe_load(SHIPPED.read_text("utf-8"))["spec"]["kserve"]["version"])
    found = [
        GoldenFile(f"{variant}/{path.stem}", path, VARIANTS[variant].get("kserve", shipped))
        for variant in VARIANTS
        for path in sorted((GOLDEN / "environments" / variant).glob("*.yaml"))
    ]
    cases = sorted((GOLDEN / "cases").glob("*/environments/*/manifests/*/*/*.yaml"))
    return found + [GoldenFile(f"{path.parts[-7]}/{path.stem}", path, shipped) for path in cases]


def find_differences(written: Any, live: Any, path: str = "") -> Iterator[str]:
    """What was written and did not come back as it was. What a server adds is its own."""
    if isinstance(written, dict) and isinstance(live, dict):
        for key, value in written.items():
            if key in live:
                yield from find_differences(value, live[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: {value!r} is gone"
    elif isinstance(written, list) and isinstance(live, list):
        if len(written) != len(live):
            yield f"{path}: {len(written)} items, {len(live)} came back"
        for at, (ours, theirs) in enumerate(zip(written, live, strict=False)):
            yield from find_differences(ours, theirs, f"{path}[{at}]")
    elif type(written) is not type(live) or written != live:
        yield f"{path}: {written!r} came back as {live!r}"
