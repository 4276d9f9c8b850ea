"""What each endpoint is, in a line: model, image, GPUs, replicas, by the files of one commit.

Owns: reading all endpoints of a tip, each file only once however often the branch moves. Refuses: clusters, the
database, and judging: an endpoint that cannot be resolved is listed with its problem.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from generator.errors import RevstampError
from generator.gitops.snapshot import Snapshot
from generator.service.desired import DesiredEnvironment
from generator.service.fleet import EndpointRef
from generator.service.neighbours import resolve_current
from generator.spec.capacity import eligible_pools
from generator.spec.names import endpoint_name
from generator.spec.resolved import ResolvedEndpoint
from generator.store.platform import EndpointRows

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class EndpointSummary:
    """One endpoint. `gpus` are those of one replica, `gpu_pools` the pools whose cards will do.

    `problem` says why nothing else is known.
    """

    ref: EndpointRef
    model: str = ""
    model_version: str = ""
    framework: str = ""
    route: str = ""
    image: str = ""
    gpus: int = 0
    gpu_pools: tuple[str, ...] = ()
    min_replicas: int = 0
    max_replicas: int = 0
    is_external: bool = False
    is_suspended: bool = False
    problem: str = ""

    @property
    def gpus_held(self) -> int:
        """GPUs of its least replicas."""
        return self.gpus * self.min_replicas


class Summaries:
    """Of one repository. May be shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commit: str | None = None
        self._found: dict[EndpointRef, EndpointSummary] = {}
        self._known: dict[_Key, EndpointSummary] = {}

    def read(self, tip: Snapshot) -> Mapping[EndpointRef, EndpointSummary]:
        """All endpoints of a commit that have a file."""
        with self._lock:
            if self._commit is None or self._commit != tip.commit:
                self._read(tip)
            return self._found

    def _read(self, tip: Snapshot) -> None:
        known, found = {}, {}
        for environment in DesiredEnvironment(tip, "").fleet.environment_names():
            desired = DesiredEnvironment(tip, environment)
            for name, traces in desired.traces.items():
                if traces.file:
                    key = (environment, desired.environment_trace, f"{name} {traces.file}")
                    ref = EndpointRef(environment, name)
                    known[key] = found[ref] = self._known.get(key) or _summarise(desired, ref)
        self._commit, self._found, self._known = tip.commit, found, known


def _summarise(desired: DesiredEnvironment, ref: EndpointRef) -> EndpointSummary:
    try:
        file = desired.fleet.endpoint_file(ref)
        resolved = resolve_current(desired.fleet, ref, file)
        is_suspended = bool(desired.find_suspension(ref.name))
    except RevstampError as error:
        return EndpointSummary(ref, problem=error.message)
    model = file.endpoint.spec.model
    if resolved is None:
        return EndpointSummary(ref, model.name, model.version, problem="a value is missing that nobody can make up")
    return EndpointSummary(
        ref,
        resolved.model.name,
        resolved.model.version,
        resolved.framework,
        resolved.route,
        resolved.image,
        0 if resolved.is_external else resolved.gpus,
        _pools_of(desired, resolved),
        resolved.min_replicas,
        resolved.max_replicas,
        resolved.is_external,
        is_suspended,
    )


def _pools_of(desired: DesiredEnvironment, resolved: ResolvedEndpoint) -> tuple[str, ...]:
    """Names of the GPU pools whose cards will do for it."""
    if resolved.is_external or not resolved.gpus:
        return ()
    chosen = resolved.gpu_pool.name if resolved.gpu_pool else None
    pools = desired.environment.spec.gpu_pools
    return tuple(pool.name for pool in eligible_pools(pools, resolved.deployment.resources.gpu_memory_gb, chosen))


def summarise_rows(rows: EndpointRows) -> EndpointSummary:
    """An endpoint that only the platform's rows know so far."""
    row, model = rows.endpoint, rows.model
    ref = EndpointRef(str(row.get("environment")), endpoint_name(str(row["id"])))
    spec = row.get("deployment_spec")
    resources = spec.get("resources") if isinstance(spec, Mapping) else None
    gpus = resources.get("gpus") if isinstance(resources, Mapping) else 0
    bounds = (row.get("min_replicas"), row.get("max_replicas"))
    least, most = (value if isinstance(value, int) else 0 for value in bounds)
    return EndpointSummary(
        ref,
        str(model.get("name") or ""),
        str(model.get("version") or ""),
        route=str(row.get("route") or ""),
        image=str(row.get("runtime_image") or ""),
        gpus=gpus if isinstance(gpus, int) else 0,
        min_replicas=least,
        max_replicas=most,
        is_external=model.get("type") == "external",
    )
