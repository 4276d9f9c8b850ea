"""Where each program comes from: `KUBEBUILDER_ASSETS`, the cache, or a build.

Owns: that order, and saying which one command gets what is missing. Refuses: building anything that no test asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.testbed import cache, catalogue
from tests.testbed.build import NO_GO, build_modules, go_version
from tests.testbed.catalogue import Module
from tests.testbed.errors import GET_IT, Missing
from tests.testbed.settings import Settings

# What a folder named by KUBEBUILDER_ASSETS holds.
_ASSETS = ("etcd", "kube-apiserver", "kubectl")


@dataclass(frozen=True)
class Programs:
    """Paths of what a cluster needs. `kserve` is its folder in the cache, with `bin` and `files`, or None."""

    etcd: Path
    apiserver: Path
    kubectl: Path
    controllers: Path
    scheduler: Path
    kwok: Path
    stages: Path
    gateway_crds: Path
    kserve: Path | None

    def to_json(self) -> dict[str, str]:
        """For the process that starts the cluster."""
        return {name: str(path or "") for name, path in asdict(self).items()}

    @staticmethod
    def from_json(data: Mapping[str, str]) -> Programs:
        """The other way."""
        paths: dict[str, Any] = {name: Path(path) if path else None for name, path in data.items()}
        return Programs(**paths)


def find_programs(settings: Settings, kserve: str) -> Programs:
    """All programs of a cluster, built where they are missing and may be. Raises Missing, BuildFailed."""
    modules = [catalogue.KUBERNETES, catalogue.ETCD, catalogue.KWOK, catalogue.GATEWAY_API]
    if kserve:
        modules.append(catalogue.KSERVE[kserve])
    found = _find_folders(modules, settings)
    control = {name: found[catalogue.KUBERNETES.name] / "bin" / name for name in ("kube-apiserver", "kubectl")}
    control["etcd"] = found[catalogue.ETCD.name] / "bin" / "etcd"
    if settings.assets is not None:
        control |= {name: settings.assets / name for name in _ASSETS if (settings.assets / name).exists()}
    return Programs(
        etcd=control["etcd"],
        apiserver=control["kube-apiserver"],
        kubectl=control["kubectl"],
        controllers=found[catalogue.KUBERNETES.name] / "bin" / "kube-controller-manager",
        scheduler=found[catalogue.KUBERNETES.name] / "bin" / "kube-scheduler",
        kwok=found[catalogue.KWOK.name] / "bin" / "kwok",
        stages=found[catalogue.KWOK.name] / "files" / "kustomize" / "stage",
        gateway_crds=found[catalogue.GATEWAY_API.name] / "files" / "config" / "crd" / "standard",
        kserve=found[catalogue.KSERVE[kserve].name] if kserve else None,
    )


def find_module(module: Module, settings: Settings) -> Path:
    """The folder of one module, such as a forge's, with `bin` and `files`. Raises Missing, BuildFailed."""
    return _find_folders([module], settings)[module.name]


def _find_folders(modules: list[Module], settings: Settings) -> dict[str, Path]:
    go = go_version(settings)
    found = {module.name: cache.find_built(settings.cache, module, go) for module in modules}
    missing = [module for module in modules if found[module.name] is None]
    if missing:
        names = ", ".join(module.name for module in missing)
        command = GET_IT if set(missing) <= set(catalogue.DEFAULT) else f'{GET_IT} NAMES="{names}"'
        if go is None:
            raise Missing(f"not built: {names}; {NO_GO}", f"install it, then `{command}`")
        if any(module.cgo for module in missing) and not shutil.which("cc", path=settings.environment.get("PATH")):
            raise Missing(
                f"not built: {names}; there is no C compiler", f"apt-get install gcc libc6-dev, then `{command}`"
            )
        if not settings.may_build:
            raise Missing(f"not built: {names}; REVSTAMP_TESTBED_BUILD is 0", f"`{command}` builds it")
        found |= dict(zip([module.name for module in missing], build_modules(missing, settings), strict=True))
    return {name: folder for name, folder in found.items() if folder}
