"""What a simulated API server answers when it does not do what it is asked.

Owns: the words, and which error of the tree each is. Refuses: deciding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from generator.cluster.kinds import Kind, ObjectRef
from generator.cluster.simulated.field_owners import Conflict
from generator.errors import (
    AdmissionRefused,
    ApplyConflict,
    ImmutableField,
    KindMissing,
    ObjectInvalid,
    QuotaExceeded,
    StaleObject,
    Violation,
)


def say_conflicts(cluster: str, ref: ObjectRef, conflicts: Sequence[Conflict]) -> ApplyConflict:
    """Other managers hold fields with other values."""
    held: dict[str, list[str]] = {}
    for conflict in conflicts:
        held.setdefault(conflict.owner.manager, []).append(conflict.field.lstrip("."))
    words = "; ".join(f"{manager} holds {', '.join(fields)}" for manager, fields in held.items())
    listed = [{"manager": conflict.owner.manager, "field": conflict.field} for conflict in conflicts]
    return ApplyConflict(_say(cluster, ref, words), details={**_details(cluster, ref), "conflicts": listed})


def say_stale(cluster: str, ref: ObjectRef, words: str) -> StaleObject:
    """The object is another one."""
    return StaleObject(_say(cluster, ref, words), details=_details(cluster, ref))


def say_kind_missing(cluster: str, kind: Kind) -> KindMissing:
    """No such kind."""
    words = f": the CustomResourceDefinition {kind.plural}.{kind.group} is not installed" if "." in kind.group else ""
    return KindMissing(
        f"the cluster {cluster!r} has no kind {kind.name} of {kind.api_version}{words}",
        details={"cluster": cluster, "kind": kind.name},
    )


def say_namespace_missing(cluster: str, ref: ObjectRef) -> ObjectInvalid:
    """The object's namespace is not there."""
    return ObjectInvalid(
        _say(cluster, ref, f"the namespace {ref.namespace} does not exist"),
        hint=f"`kubectl create namespace {ref.namespace}` makes it",
        details={**_details(cluster, ref), "missing_namespace": ref.namespace},
    )


def say_immutable(cluster: str, ref: ObjectRef, field: str) -> ImmutableField:
    """The field stays as it is."""
    return ImmutableField(
        _say(cluster, ref, f"{field} cannot be changed: field is immutable"),
        violations=[Violation("field is immutable", path=field)],
        details=_details(cluster, ref),
    )


def say_invalid(cluster: str, ref: ObjectRef, problems: Sequence[tuple[str, str]]) -> ObjectInvalid:
    """Each problem is a field and what is wrong with it."""
    words = "; ".join(f"{field}: {wrong}" if field else wrong for field, wrong in problems)
    return ObjectInvalid(
        _say(cluster, ref, words),
        violations=[Violation(wrong, path=field) for field, wrong in problems],
        details=_details(cluster, ref),
    )


def say_refused(cluster: str, ref: ObjectRef, webhook: str, words: str) -> AdmissionRefused:
    """A webhook said no."""
    return AdmissionRefused(
        _say(cluster, ref, f"the webhook {webhook} refuses: {words}"),
        details={**_details(cluster, ref), "webhook": webhook},
    )


def say_quota(cluster: str, ref: ObjectRef, words: str) -> QuotaExceeded:
    """A quota is used up."""
    return QuotaExceeded(_say(cluster, ref, words), details=_details(cluster, ref))


def _say(cluster: str, ref: ObjectRef, words: str) -> str:
    return f"{ref} in the cluster {cluster!r}: {words}"


def _details(cluster: str, ref: ObjectRef) -> dict[str, Any]:
    return {"cluster": cluster, "kind": ref.kind.name, "namespace": ref.namespace, "name": ref.name}
