"""A `coordination.k8s.io/v1` Lease as a value.

Owns: its fields. Refuses: reading and writing it (`lease`), and judging time by its fields: clocks of machines differ.
Pure. Source: kubernetes.io, "Leases"; the fields are those of client-go's leader election, so that `kubectl get lease`
and other tools read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from generator.cluster.kinds import LEASE
from generator.cluster.port import Body


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """Who holds the lease. An empty `holder` is nobody; `duration_seconds` is the holder's own."""

    holder: str
    duration_seconds: float
    transitions: int
    acquired: str
    renewed: str
    version: str
    """The resourceVersion, by which it is replaced."""
    body: Body


def read_record(body: Body) -> LeaseRecord:
    """What a live Lease says; fields that are missing or odd count as not held."""
    spec = body.get("spec")
    found: Mapping[str, Any] = spec if isinstance(spec, Mapping) else {}
    return LeaseRecord(
        str(found.get("holderIdentity") or ""),
        float(found.get("leaseDurationSeconds") or 0),
        int(found.get("leaseTransitions") or 0),
        str(found.get("acquireTime") or ""),
        str(found.get("renewTime") or ""),
        str(body["metadata"].get("resourceVersion") or ""),
        body,
    )


def make_lease(namespace: str, name: str, holder: str, duration_seconds: float, now: datetime) -> dict[str, Any]:
    """A new Lease that is held."""
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.name,
        "metadata": {"name": name, "namespace": namespace},
        "spec": _make_spec(holder, duration_seconds, 0, say_time(now), now),
    }


def hold_lease(record: LeaseRecord, holder: str, duration_seconds: float, now: datetime) -> dict[str, Any]:
    """The Lease held by somebody from now on, or renewed."""
    same = record.holder == holder
    acquired = record.acquired if same and record.acquired else say_time(now)
    transitions = record.transitions if same else record.transitions + 1
    return _replace_spec(record, _make_spec(holder, duration_seconds, transitions, acquired, now))


def free_lease(record: LeaseRecord, now: datetime) -> dict[str, Any]:
    """The Lease held by nobody, so that the next one need not wait."""
    return _replace_spec(record, _make_spec("", 1, record.transitions, record.acquired or say_time(now), now))


def say_time(now: datetime) -> str:
    """A MicroTime of the API."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _make_spec(holder: str, duration_seconds: float, transitions: int, acquired: str, now: datetime) -> dict[str, Any]:
    return {
        "holderIdentity": holder,
        # Whole seconds, at least one, is all that the API takes; rounded up, since others wait for so long.
        "leaseDurationSeconds": max(1, int(-(-duration_seconds // 1))),
        "leaseTransitions": transitions,
        "acquireTime": acquired,
        "renewTime": say_time(now),
    }


def _replace_spec(record: LeaseRecord, spec: dict[str, Any]) -> dict[str, Any]:
    return {**record.body, "spec": {**(record.body.get("spec") or {}), **spec}}
