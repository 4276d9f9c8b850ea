"""What a simulated API server answers when it does not do what it is asked.

Owns: the words, and which error of the tree each is. Refuses: deciding.
"""

from __future__ import annotations

from collections.abc import Sequence

from generator.cluster.kinds import Kind, ObjectRef
from generator.cluster.simulated.field_owners import Conflict
from generator.errors import (
    AdmissionRefused,
    ApplyConflict,
    ClusterError,
    ImmutableField,
    KindMissing,
    ObjectInvalid,
    QuotaExceeded,
    StaleObject,
    Violation,
)


def say_conflicts(cluster: str, ref: ObjectRef, conflicts: Sequence[Conflict]) -> ApplyConflict:
    """Other managers hold fields with other values."""
    held = [{"manager": conflict.owner.manager, "field": conflict.field} for conflict in conflicts]
    words = ", ".join(f'"{item["manager"]}" holds {item["field"]}' for item in held)
    return ApplyConflict(
        f"{ref} in cluster {cluster}: {words}",
        details={"cluster": cluster, "object": str(ref), "conflicts": held},
    )


def say_stale(cluster: str, ref: ObjectRef, words: str) -> StaleObject:
    """The object is another one."""
    return StaleObject(f"{ref} in cluster {cluster}: {words}", details={"cluster": cluster, "object": str(ref)})


def say_kind_missing(cluster: str, kind: Kind) -> KindMissing:
    """No such kind."""
    return KindMissing(
        f"cluster {cluster} has no kind {kind.name} of {kind.api_version}",
        details={"cluster": cluster, "kind": kind.name, "apiVersion": kind.api_version},
    )


def say_namespace_missing(cluster: str, ref: ObjectRef) -> ClusterError:
    """The object's namespace is not there."""
    return ClusterError(
        f'{ref} in cluster {cluster}: namespaces "{ref.namespace}" not found',
        hint=f"make the namespace with `kubectl create namespace {ref.namespace}`",
        details={"cluster": cluster, "object": str(ref), "namespace": ref.namespace},
    )


def say_immutable(cluster: str, ref: ObjectRef, field: str) -> ImmutableField:
    """The field stays as it is."""
    return ImmutableField(
        f"{ref} in cluster {cluster}: {field}: field is immutable",
        violations=[Violation("field is immutable", path=field)],
        details={"cluster": cluster, "object": str(ref), "field": field},
    )


def say_invalid(cluster: str, ref: ObjectRef, problems: Sequence[tuple[str, str]]) -> ObjectInvalid:
    """Each problem is a field and what is wrong with it."""
    words = "; ".join(f"{field}: {wrong}" if field else wrong for field, wrong in problems)
    return ObjectInvalid(
        f"{ref} in cluster {cluster}: {words}",
        violations=[Violation(wrong, path=field) for field, wrong in problems],
        details={"cluster": cluster, "object": str(ref)},
    )


def say_refused(cluster: str, ref: ObjectRef, webhook: str, words: str) -> AdmissionRefused:
    """A webhook said no."""
    return AdmissionRefused(
        f'{ref} in cluster {cluster}: admission webhook "{webhook}" denied the request: {words}',
        details={"cluster": cluster, "object": str(ref), "webhook": webhook},
    )


def say_quota(cluster: str, ref: ObjectRef, words: str) -> QuotaExceeded:
    """A quota is used up."""
    return QuotaExceeded(f"{ref} in cluster {cluster}: {words}", details={"cluster": cluster, "object": str(ref)})
