"""What the environment says about the cluster of the tests.

Owns: the variables, read once at import, before the tests' isolated home replaces HOME and removes `REVSTAMP_*`.
Refuses: defaults of clusters; those are `spec.ClusterSpec`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.machine import ENVIRONMENT, cache_folder


@dataclass(frozen=True)
class Settings:
    """What the programs of a cluster come from.

    environment: what builds see.
    kubeconfig: `REVSTAMP_TEST_KUBECONFIG`, a running cluster to use instead of an own one.
    assets: `KUBEBUILDER_ASSETS`, a folder with etcd, kube-apiserver and kubectl.
    cache: `REVSTAMP_TESTBED_CACHE`, where built programs are kept.
    may_build: unless `REVSTAMP_TESTBED_BUILD` is 0.
    """

    environment: Mapping[str, str]
    kubeconfig: Path | None
    assets: Path | None
    cache: Path
    may_build: bool


def _path(name: str) -> Path | None:
    """An empty variable counts as not set."""
    return Path(os.environ[name]).absolute() if os.environ.get(name) else None


SETTINGS = Settings(
    environment=ENVIRONMENT,
    kubeconfig=_path("REVSTAMP_TEST_KUBECONFIG"),
    assets=_path("KUBEBUILDER_ASSETS"),
    cache=cache_folder().absolute(),
    may_build=os.environ.get("REVSTAMP_TESTBED_BUILD", "1") != "0",
)
