"""What was deleted in a namespace while somebody else worked there, and what was recreated.

Owns: remembering it. Refuses: knowing what was right; the test says what may go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from generator.cluster.kinds import CONFIG_MAP, RENDERED, Kind
from tests.proofs.agreement import Name
from tests.proofs.watching import watching
from tests.testbed.kube.api import Api, Object

_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
WITNESSED = (*RENDERED, CONFIG_MAP, _CLAIM)


@dataclass
class Witness:
    """Deleted objects, in order, and who owned them."""

    deleted: list[tuple[Name, frozenset[Name]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, event: str, kind: Kind, body: Object) -> None:
        """Take in what a watch tells."""
        if event == "DELETED":
            owners = body["metadata"].get("ownerReferences") or []
            entry = ((kind.name, body["metadata"]["name"]), frozenset((o["kind"], o["name"]) for o in owners))
            with self._lock:
                self.deleted.append(entry)

    def wrongly_deleted(self, may_go: set[Name]) -> list[Name]:
        """What was deleted though git never dropped it, nor its owner."""
        with self._lock:
            return [name for name, owners in self.deleted if name not in may_go and not owners & may_go]


@contextmanager
def witnessing(api: Api, namespace: str) -> Iterator[Witness]:
    """Watch what is deleted until the block ends."""
    witness = Witness()
    with ExitStack() as watches:
        for kind in WITNESSED:
            root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
            path = f"{root}/namespaces/{namespace}/{kind.plural}"
            watches.enter_context(
                watching(api, path, lambda event, body, kind=kind: witness.see(event, kind, body))  # type: ignore[misc]
            )
        yield witness
