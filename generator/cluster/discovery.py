"""Where kinds stand in the API that revstamp does not know by itself.

Owns: the server's discovery, kept. Refuses: kinds of `kinds`, which need no request.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from urllib.parse import quote

from generator.cluster.api_errors import missing_kind
from generator.cluster.calling import Caller
from generator.cluster.connection import Request
from generator.cluster.kinds import Kind, ObjectRef, find_kind
from generator.cluster.refusals import About
from generator.errors import KindMissing, ObjectInvalid

_ASK_AGAIN_SECONDS = 10.0
"""How long a kind that is missing is believed to be missing: its definition may be installed at any time."""


class Discovery:
    """Shared by threads."""

    def __init__(self, caller: Caller, cluster: str) -> None:
        self._caller, self._cluster = caller, cluster
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, dict[str, Kind]]] = {}

    def complete(self, kind: Kind, verb: str) -> Kind:
        """The kind with its plural. KindMissing."""
        if kind.plural:
            return kind
        known = find_kind(kind.api_version, kind.name)
        if known is not None:
            return known
        with self._lock:
            asked, kinds = self._kinds.get(kind.api_version, (float("-inf"), {}))
            if kind.name not in kinds and time.monotonic() - asked > _ASK_AGAIN_SECONDS:
                kinds = self._ask(kind, verb)
                self._kinds[kind.api_version] = (time.monotonic(), kinds)
        if kind.name not in kinds:
            raise missing_kind(About(self._cluster, verb, kind))
        return replace(kinds[kind.name], rank=kind.rank)

    def _ask(self, kind: Kind, verb: str) -> dict[str, Kind]:
        about = About(self._cluster, verb, kind)
        try:
            found = self._caller.call(Request("GET", root_of(kind.api_version)), about)
        except KindMissing:
            return {}
        return {
            each["kind"]: Kind(kind.api_version, each["kind"], each["name"], namespaced=bool(each["namespaced"]))
            for each in found.get("resources") or ()
            if "/" not in each["name"]
        }


def root_of(api_version: str) -> str:
    """Where a version of a group stands."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def collection_path(kind: Kind, namespace: str) -> str:
    """Where the objects of a kind stand; an empty namespace means all of them."""
    space = f"/namespaces/{quote(namespace, safe='')}" if namespace and kind.namespaced else ""
    return f"{root_of(kind.api_version)}{space}/{kind.plural}"


def object_path(ref: ObjectRef, cluster: str, *, collection: bool = False) -> str:
    """Where one object stands, or where it is created. ObjectInvalid without a name or a namespace."""
    if not ref.name or (ref.kind.namespaced and not ref.namespace):
        what = "name" if not ref.name else "namespace"
        raise ObjectInvalid(f"{ref} for the cluster {cluster!r} has no {what}", details={"cluster": cluster})
    path = collection_path(ref.kind, ref.namespace)
    return path if collection else f"{path}/{quote(ref.name, safe=':')}"
