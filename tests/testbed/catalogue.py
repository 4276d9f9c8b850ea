"""What is built: each Go module below `modules/`, its commands and the files of its source that the testbed reads.

Owns: names, packages and flags. Refuses: versions; those stand in each module's `go.mod`, so that they are said once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "modules"


@dataclass(frozen=True)
class Command:
    """A program: its name in the cache and the package that `go build` is given."""

    name: str
    package: str


@dataclass(frozen=True)
class Module:
    """One folder below `modules/`. `files` are patterns in the source of `path`, kept beside the programs."""

    name: str
    path: str
    commands: tuple[Command, ...] = ()
    files: tuple[str, ...] = ()
    linked: tuple[tuple[str, str], ...] = ()
    tags: str = ""
    cgo: bool = False

    @property
    def folder(self) -> Path:
        """Where its `go.mod` is."""
        return MODULES / self.name

    @property
    def version(self) -> str:
        """The version that its `go.mod` requires, such as v1.36.3."""
        required = re.search(rf"{re.escape(self.path)} (v\S+)", (self.folder / "go.mod").read_text(encoding="utf-8"))
        if required is None:
            raise LookupError(f"{self.folder}/go.mod does not require {self.path}")
        return required[1]

    def flags(self) -> list[str]:
        """What `go build` is given; the linked values name the version, which a module build does not know."""
        major, minor = self.version.lstrip("v").split(".")[:2]
        values = [
            f"-X {name}={value.format(version=self.version, major=major, minor=minor)}" for name, value in self.linked
        ]
        tags = ["-tags", self.tags] if self.tags else []
        return ["-mod=readonly", "-trimpath", "-buildvcs=false", *tags, "-ldflags", " ".join(["-s -w", *values])]


def _kserve(minor: str) -> Module:
    return Module(
        name=f"kserve-{minor}",
        path="github.com/kserve/kserve",
        commands=(Command("kserve", "github.com/kserve/kserve/cmd/manager"),),
        files=(
            "config/crd/full/*.yaml",
            "config/crd/full/clusterstoragecontainer/*.yaml",
            "config/crd/full/localmodel/*.yaml",
            "config/configmap/inferenceservice.yaml",
            "config/webhook/manifests.yaml",
        ),
    )


# kube-apiserver reads its version from here; kubectl warns about v0.0.0-master.
_VERSION = "k8s.io/component-base/version"
KUBERNETES = Module(
    name="kubernetes",
    path="k8s.io/kubernetes",
    commands=tuple(
        Command(name, f"k8s.io/kubernetes/cmd/{name}")
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    ),
    linked=(
        (f"{_VERSION}.gitVersion", "{version}"),
        (f"{_VERSION}.gitMajor", "{major}"),
        (f"{_VERSION}.gitMinor", "{minor}"),
    ),
)
ETCD = Module("etcd", "go.etcd.io/etcd/server/v3", (Command("etcd", "go.etcd.io/etcd/server/v3"),))
KWOK = Module("kwok", "sigs.k8s.io/kwok", (Command("kwok", "sigs.k8s.io/kwok/cmd/kwok"),), ("kustomize/stage/**",))
GATEWAY_API = Module("gateway-api", "sigs.k8s.io/gateway-api", files=("config/crd/standard/*.yaml",))
KSERVE = {minor: _kserve(minor) for minor in ("0.15", "0.16", "0.17", "0.20")}
ARGOCD = Module(
    name="argocd",
    path="github.com/argoproj/argo-cd/v3",
    commands=(Command("argocd", "github.com/argoproj/argo-cd/v3/cmd"),),
    files=("manifests/crds/*.yaml", "manifests/base/config/*.yaml"),
)
# Argo CD keeps what it has read from git in a Redis.
REDIS = Module("redis", "github.com/alicebob/miniredis/v2", (Command("redis", "."),))
GITEA = Module(
    name="gitea",
    path="code.gitea.io/gitea",
    commands=(Command("gitea", "code.gitea.io/gitea"),),
    files=("templates/**", "options/**", "public/**"),
    tags="sqlite sqlite_unlock_notify",
    cgo=True,  # its SQLite is C
)

DEFAULT_KSERVE = "0.17"
# What `make testbed` builds: all that the ordinary tests need.
DEFAULT = (ETCD, KUBERNETES, KWOK, GATEWAY_API, KSERVE[DEFAULT_KSERVE])
ALL = {module.name: module for module in (*DEFAULT, *KSERVE.values(), ARGOCD, REDIS, GITEA)}
