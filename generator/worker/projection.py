"""The platform's rows as a projection of the endpoint's file and of what the cluster shows.

Owns: which column says what, and that a foreign write is told and not fought. Refuses: deciding who may write: one
elected reader does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from generator.errors import RevstampError, StoreConflict
from generator.rollout.status import RolloutStatus
from generator.service.desired import DesiredEnvironment
from generator.service.fleet import EndpointFile, EndpointRef
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.platform import EndpointRows, PlatformRows

_ENDPOINTS = "serving_endpoints"
_DEPLOYMENTS = "serving_deployments"


class Projection:
    """Writes the rows of one database. What was written is kept in the same transaction: it tells foreign writes."""

    def __init__(self, platform: PlatformRows, states: EndpointStates, log: Any) -> None:
        self._platform, self._states, self._log = platform, states, log

    def write(
        self, desired: DesiredEnvironment, state: EndpointState, status: RolloutStatus | None, moment: datetime
    ) -> EndpointState:
        """Bring an endpoint's rows to its state; the state with what was written.

        Where the row says something else than what was written last, somebody else has written it: that is told once,
        what they wrote stays, and only what is revstamp's to say (the status) goes on being written. The row of an
        endpoint that is deleted goes when nothing of it is left.
        """
        identity = state.endpoint_id or ""
        rows = self._platform.find_endpoint(identity) if identity else None
        if rows is None:
            return state
        if state.is_deleted:
            if state.status != "deploying":
                self._platform.remove_endpoint(identity)
            return state
        file, resolved = _resolve(desired, state)
        known = _file_values(file, resolved) if file is not None and resolved is not None else {}
        wanted = {**known, "status": state.status}
        last = dict(state.projected or {})
        foreign = {
            key: value
            for key, value in rows.endpoint.items()
            if key in last and value not in (last[key], wanted.get(key, last[key]))
        }
        if foreign:
            self._log.warning(
                "somebody else wrote the platform's row", endpoint=state.endpoint, columns=sorted(foreign)
            )
            state = replace(state, foreign_write_at=moment)
        changes = {
            key: value
            for key, value in wanted.items()
            if key in rows.endpoint and rows.endpoint[key] != value and not (key in foreign and key != "status")
        }
        projected = {key: rows.endpoint.get(key, value) for key, value in last.items()} | wanted
        written = replace(state, projected=projected)
        if changes:
            expected = {key: rows.endpoint[key] for key in changes}
            keep = partial(self._states.write_within, states=[written])
            if not self._swap(identity, expected, changes, keep):
                return state  # written by somebody else in this very moment: the next look tells
        if resolved is not None and not resolved.is_external:
            self._write_deployment(resolved, rows, state, status, moment)
        return written

    def _swap(
        self, identity: str, expected: Mapping[str, Any], changes: dict[str, Any], keep: Callable[[Connection], object]
    ) -> bool:
        """Two endpoints that exchange routes are in each other's way for a moment: all but the route is written."""
        try:
            return self._platform.swap(_ENDPOINTS, identity, expected, changes, also=keep)
        except StoreConflict as error:
            self._log.warning("a column cannot be written yet", endpoint=identity, error=error.message)
            others = {key: value for key, value in changes.items() if key != "route"}
            return bool(others) and self._platform.swap(_ENDPOINTS, identity, expected, others)

    def _write_deployment(
        self,
        resolved: ResolvedEndpoint,
        rows: EndpointRows,
        state: EndpointState,
        status: RolloutStatus | None,
        moment: datetime,
    ) -> None:
        values = _deployment_values(resolved, state, status)
        old = rows.deployment
        try:
            if old is None:
                row = {"id": str(uuid.uuid4()), "serving_endpoint_id": state.endpoint_id, **values}
                self._platform.add(_DEPLOYMENTS, {**row, "created_at": moment, "updated_at": moment})
            elif any(old.get(key) != value for key, value in values.items()):
                self._platform.swap(_DEPLOYMENTS, str(old["id"]), {}, {**values, "updated_at": moment})
        except RevstampError as error:
            self._log.warning("the deployment's row was not written", endpoint=state.endpoint, error=error.message)


def _resolve(desired: DesiredEnvironment, state: EndpointState) -> tuple[EndpointFile | None, ResolvedEndpoint | None]:
    """The endpoint's file and what it comes to; None for what cannot be understood."""
    ref = EndpointRef(state.environment, state.endpoint)
    try:
        file = desired.fleet.endpoint_file(ref)
        resolution = resolve_endpoint(file.endpoint, file.document, *desired.fleet.environment(ref.environment))
    except RevstampError:
        return None, None
    return file, resolution.endpoint


def _file_values(file: EndpointFile, resolved: ResolvedEndpoint) -> dict[str, Any]:
    """Columns of `serving_endpoints` that the endpoint's file decides."""
    spec = file.endpoint.spec
    cpu, memory = spec.cpu, spec.memory
    return {
        "route": resolved.route,
        "min_replicas": resolved.min_replicas,
        "max_replicas": resolved.max_replicas,
        "autoscale_policy": dict(spec.autoscaling) if spec.autoscaling else None,
        "use_gpu": resolved.deployment.use_gpu,
        "runtime_image": spec.image,
        "cpu_request": cpu.request if cpu else None,
        "cpu_limit": cpu.limit if cpu else None,
        "memory_request": memory.request if memory else None,
        "memory_limit": memory.limit if memory else None,
        "deployment_spec": resolved.deployment.model_dump(mode="json", exclude_none=True),
        "rollback_plan": spec.rollback_plan,
    }


def _deployment_values(
    resolved: ResolvedEndpoint, state: EndpointState, status: RolloutStatus | None
) -> Mapping[str, Any]:
    """Columns of `serving_deployments`. Its CHECK wants replica_count within the bounds, which a surge breaks."""
    least, most = resolved.min_replicas, resolved.max_replicas
    serving = status.progress.ready + status.progress.old_serving if status else least
    gpus = {"nvidia.com/gpu": str(resolved.gpus)} if resolved.gpus else {}
    return {
        "serving_framework": resolved.framework,
        "framework_resource_id": resolved.name,
        "framework_namespace": resolved.namespace,
        "replica_count": min(most, max(least, serving)),
        "min_replicas": least,
        "max_replicas": most,
        "autoscaling_metrics": dict(resolved.autoscaling) or None,
        "resource_requests": _given({"cpu": resolved.cpu_request, "memory": resolved.memory_request}) | gpus,
        "resource_limits": _given({"cpu": resolved.cpu_limit, "memory": resolved.memory_limit}) | gpus,
        "framework_status": {
            "status": state.status,
            "revision": state.revision,
            "podRevision": state.pod_revision,
            "goodRevision": state.good_revision,
            "rollout": state.rollout,
        },
    }


def _given(fields: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in fields.items() if value is not None}
