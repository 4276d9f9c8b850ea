"""What the environment says about the testbed.

Owns: the variables, read once at import, before the tests' isolated home replaces HOME and removes `REVSTAMP_*`.
Refuses: defaults of clusters; those are `spec.ClusterSpec`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`environment` is what programs that are started get; the rest is read out of it.

    kubeconfig: `REVSTAMP_TEST_KUBECONFIG`, a running cluster to use instead of an own one.
    assets: `KUBEBUILDER_ASSETS`, a folder with etcd, kube-apiserver and kubectl.
    cache: `REVSTAMP_TESTBED_CACHE`, where built programs are kept.
    may_build: not `REVSTAMP_TESTBED_BUILD=0`.
    """

    environment: Mapping[str, str]
    kubeconfig: Path | None
    assets: Path | None
    cache: Path
    may_build: bool


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the variables; an empty one counts as not set."""
    user_cache = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME") or "~").expanduser() / ".cache")
    cache = environment.get("REVSTAMP_TESTBED_CACHE") or str(Path(user_cache) / "revstamp-testbed")
    return Settings(
        environment=dict(environment),
        kubeconfig=_path(environment.get("REVSTAMP_TEST_KUBECONFIG")),
        assets=_path(environment.get("KUBEBUILDER_ASSETS")),
        cache=Path(cache).absolute(),
        may_build=environment.get("REVSTAMP_TESTBED_BUILD", "1") != "0",
    )


def _path(value: str | None) -> Path | None:
    return Path(value).absolute() if value else None


SETTINGS = read_settings(os.environ)
