"""What a Deployment reads from its ReplicaSets, and writes into them.

Owns: the annotations, the hash of a template, shares of replicas. Refuses: changing anything. Pure.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from generator.cluster.port import Body
from generator.cluster.simulated.bodies import annotations_of
from generator.cluster.simulated.rolling import read_limits

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
_MOST = "deployment.kubernetes.io/max-replicas"
HASH = "pod-template-hash"
_NOT_COPIED = frozenset({REVISION, HISTORY, DESIRED, _MOST, "kubectl.kubernetes.io/last-applied-configuration"})
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def hash_template(template: Any, collision: int = 0) -> str:
    """Ten characters that stand for a pod template, as `pod-template-hash` has them."""
    text = json.dumps(template, sort_keys=True) + (str(collision) if collision else "")
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return "".join(_LETTERS[number // 27**place % 27] for place in range(10))


def compare_key(template: Body) -> Any:
    """A template without the label that only ReplicaSets have."""
    metadata = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (metadata.pop("labels", None) or {}).items() if key != HASH}
    metadata.pop("creationTimestamp", None)
    return {**metadata, "labels": labels}, template.get("spec")


def copied_annotations(deployment: Body) -> dict[str, str]:
    """Annotations of a Deployment that its ReplicaSets carry too."""
    return {key: value for key, value in annotations_of(deployment).items() if key not in _NOT_COPIED}


def scale_annotations(deployment: Body) -> dict[str, str]:
    """What a ReplicaSet remembers of the number it was last scaled for."""
    wanted = int(deployment["spec"]["replicas"])
    surge = read_limits(deployment["spec"]["strategy"], wanted).surge
    return {DESIRED: str(wanted), _MOST: str(wanted + surge)}


def share_replicas(active: list[Body], most: int) -> list[tuple[Body, int]]:
    """Replicas in proportion, the biggest ReplicaSet takes what rounding leaves."""
    total = sum(int(one["spec"]["replicas"]) for one in active)
    shares = [(one, int(one["spec"]["replicas"]) * most // total) for one in active]
    rest = most - sum(share for _, share in shares)
    biggest = max(range(len(shares)), key=lambda place: shares[place][1])
    shares[biggest] = (shares[biggest][0], shares[biggest][1] + rest)
    return shares


def is_saturated(one: Body, wanted: int) -> bool:
    """Whether the ReplicaSet has all replicas of the Deployment, available."""
    return annotations_of(one).get(DESIRED) == str(wanted) == str(one["spec"]["replicas"]) and (
        count_available(one) == wanted
    )


def count_available(one: Body) -> int:
    """Pods of a ReplicaSet that are available."""
    return int((one.get("status") or {}).get("availableReplicas", 0))


def count_pods(one: Body) -> int:
    """Pods of a ReplicaSet."""
    return int((one.get("status") or {}).get("replicas", 0))


def revision_of(one: Body) -> int:
    """The number of a ReplicaSet among those of its Deployment."""
    return int(annotations_of(one).get(REVISION, "0"))


def age_of(one: Body) -> tuple[str, int]:
    """By what ReplicaSets are sorted, the oldest first."""
    return str(one["metadata"]["creationTimestamp"]), revision_of(one)
