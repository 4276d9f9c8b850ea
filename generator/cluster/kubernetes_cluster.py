"""The cluster port on a real Kubernetes API.

Owns: which request each method of the port is, and what a lost answer or a refusal means for it. Refuses: HTTP
(`connection`), trying again (`calling`), the words of refusals (`api_errors`), watches (`watching`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any

from generator.cluster.api_errors import UNEXPLAINED, HistoryGone
from generator.cluster.calling import ANSWER_LOST, LIMITS, AnswerLost, Caller, Limits
from generator.cluster.connection import Connection, Request
from generator.cluster.discovery import Discovery, object_path, root_of
from generator.cluster.json_patch import find_failed_tests
from generator.cluster.kinds import Kind, ObjectRef, ref_of
from generator.cluster.listing import iterate_pages
from generator.cluster.lost_answers import contains, is_made_by
from generator.cluster.port import FIELD_MANAGER, Body, Propagation, WatchEvent
from generator.cluster.refusals import About
from generator.cluster.streams import StreamCloser
from generator.cluster.watching import WATCH_TIMES, Watch, WatchTimes
from generator.errors import ApplyConflict, ClusterError, KindMissing, ObjectInvalid, StaleObject

_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NOBODYS_VERSION = "1"
"""A resourceVersion that no object has: the store's own before anything was written. An apply with a version is refused
where an object is there that has another one, and makes the object where there is none."""
_LISTS = 5
"""How often a list starts anew because the server forgets its place between two pages."""
_LOOK_PAUSE = 0.3
"""Seconds before an object is made again whose answer was lost and which is not there."""


class KubernetesCluster:
    """One cluster. May be shared by threads."""

    is_simulated = False

    def __init__(
        self, name: str, connection: Connection, limits: Limits = LIMITS, watch_times: WatchTimes = WATCH_TIMES
    ) -> None:
        self._name, self._connection, self._limits, self._watch_times = name, connection, limits, watch_times
        self._caller = Caller(connection, limits)
        self._discovery = Discovery(self._caller, name)
        self._closer = StreamCloser(connection.closed)

    @property
    def name(self) -> str:
        """The cluster's name, as environments give it."""
        return self._name

    def within(self, seconds: float, attempt_seconds: float = 0.0) -> KubernetesCluster:
        """The same cluster, each call of which ends within so many seconds, and does not queue behind other calls."""
        near = object.__new__(KubernetesCluster)
        near.__dict__.update(self.__dict__)
        near._limits = Limits(attempt_seconds or seconds, seconds, is_urgent=True)
        near._caller = Caller(self._connection, near._limits)
        return near

    def guarded(self, check: Callable[[], None]) -> KubernetesCluster:
        """The same cluster, which calls `check` right before a write goes out, also one that is tried again."""
        near = object.__new__(KubernetesCluster)
        near.__dict__.update(self.__dict__)
        near._caller = Caller(self._connection, self._limits, check)
        return near

    def version(self) -> str:
        """The server's version, such as `v1.36.3`."""
        found = self._call("get", Request("GET", "/version"), path="/version")
        return str(found.get("gitVersion") or "")

    def read(self, ref: ObjectRef) -> Body | None:
        """The live object, or None where there is none, or no such kind."""
        try:
            ref = self._complete(ref, "get")
            return self._call("get", Request("GET", self._path(ref)), ref)
        except (KindMissing, StaleObject):
            return None

    def list(self, kind: Kind, namespace: str, labels: str = "") -> Iterator[Body]:
        """All objects of a kind, page by page. An object is given once, also where the listing has to start anew."""
        kind = self._discovery.complete(kind, "list")
        seen: set[str] = set()
        for attempt in range(_LISTS):
            try:
                for page in iterate_pages(self._caller, kind, namespace, labels, self._about("list", kind, namespace)):
                    for item in page.items:
                        uid = str(item["metadata"].get("uid"))
                        if uid not in seen:
                            seen.add(uid)
                            yield item
                return
            except HistoryGone:
                if attempt == _LISTS - 1:
                    raise

    def apply(
        self,
        body: Body,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
        only_new: bool = False,
    ) -> Body:
        """Server-side apply; the live object as it is afterwards."""
        query = {"fieldManager": manager, "force": "true" if force else "false", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        ref = self._complete(ref_of(body), "patch")
        if only_new:
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": _NOBODYS_VERSION}}
        elif _version_of(body):
            body = self._pin(ref, body)
        request = Request("PATCH", self._path(ref), query, encode(body), _APPLY)
        try:
            return self._call("patch", request, ref)
        except StaleObject as error:
            return self._settle(ref, body, manager, error)
        except ApplyConflict as error:
            if not only_new:
                raise
            # Fields are compared before versions: somebody else's object is there.
            raise StaleObject(f"{self._about_ref('patch', ref)}: it is there already", details=error.details) from error

    def create(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Create an object. StaleObject where one of this name is there already."""
        ref = self._complete(ref_of(body), "create")
        path = object_path(ref, self._name, collection=True)
        request = Request("POST", path, {"fieldManager": manager, "fieldValidation": "Strict"}, encode(body))
        deadline = time.monotonic() + self._limits.call_seconds
        was_lost = False
        while True:
            try:
                return self._call("create", request, ref, repeatable=False)
            except AnswerLost:
                was_lost = True
                found = self.read(ref)
                if found is None and time.monotonic() < deadline and not self._connection.closed.wait(_LOOK_PAUSE):
                    continue
                if found is None:
                    raise
                return self._own(found, body, manager, ref)
            except StaleObject:
                found = self.read(ref) if was_lost else None
                if found is None:
                    raise
                return self._own(found, body, manager, ref)

    def replace(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Replace an object as a whole, by its resourceVersion. StaleObject where it was changed or is gone."""
        ref = self._complete(ref_of(body), "update")
        request = Request("PUT", self._path(ref), {"fieldManager": manager, "fieldValidation": "Strict"}, encode(body))
        try:
            # With a resourceVersion a second one cannot do harm: it is refused where the first came through.
            return self._call("update", request, ref, repeatable=bool(_version_of(body)))
        except StaleObject as error:
            return self._settle(ref, body, manager, error)

    def patch(self, ref: ObjectRef, operations: Sequence[Mapping[str, Any]], *, manager: str = FIELD_MANAGER) -> Body:
        """Apply a JSON patch. StaleObject where a `test` operation fails or the object is gone."""
        ref = self._complete(ref, "patch")
        request = Request("PATCH", self._path(ref), {"fieldManager": manager}, encode(list(operations)), _JSON_PATCH)
        tested = any(operation.get("op") == "test" for operation in operations)
        try:
            return self._call("patch", request, ref, repeatable=tested)
        except ObjectInvalid as error:
            raise self._explain_patch(ref, operations, error) from error

    def delete(
        self, ref: ObjectRef, *, uid: str, resource_version: str = "", propagation: Propagation = Propagation.BACKGROUND
    ) -> bool:
        """Delete this very object; False where there is none any more. StaleObject where it is another one by now."""
        ref = self._complete(ref, "delete")
        conditions = {"uid": uid, **({"resourceVersion": resource_version} if resource_version else {})}
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": conditions,
            "propagationPolicy": propagation.value,
        }
        try:
            self._call("delete", Request("DELETE", self._path(ref), body=encode(options)), ref)
            return True
        except KindMissing:
            return False
        except StaleObject as error:
            return self._settle_delete(ref, uid, error)

    def watch(self, kind: Kind, namespace: str, stop: Event, labels: str = "") -> Iterator[WatchEvent]:
        """Everything that happens to objects of a kind until `stop` is set."""
        kind = self._discovery.complete(kind, "watch")
        about = self._about("watch", kind, namespace)
        return Watch(self._caller, self._closer, kind, namespace, labels, about, self._watch_times).run(stop)

    def read_schemas(self, api_version: str) -> Mapping[str, Body]:
        """The schemas of one version of a group by name; empty where the cluster does not have it."""
        path = f"/openapi/v3{root_of(api_version)}"
        try:
            found = self._call("get", Request("GET", path), path=path)
        except (KindMissing, StaleObject):
            return {}
        schemas = (found.get("components") or {}).get("schemas") or {}
        return {str(name): schema for name, schema in schemas.items()}

    def can(self, verb: str, kind: Kind, namespace: str, *, name: str = "") -> bool:
        """Whether whoever we are may do this, by a SelfSubjectAccessReview; without `name`, to all objects."""
        kind = self._discovery.complete(kind, "create")
        version = kind.api_version.rpartition("/")[2]
        wanted = {"verb": verb, "group": kind.group, "version": version, "resource": kind.plural}
        if kind.namespaced and namespace:
            wanted["namespace"] = namespace
        if name:
            wanted["name"] = name
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        found = self._call("create", Request("POST", _REVIEWS, body=encode(review)), path=_REVIEWS)
        return bool(found.get("status", {}).get("allowed"))

    def close(self) -> None:
        """Give up connections and end watches, and what is being tried again."""
        self._connection.close()
        self._closer.close_all()

    def _pin(self, ref: ObjectRef, body: Body) -> Body:
        """With the uid of the live object: an apply to one that is gone would make it anew, whatever its version."""
        if body["metadata"].get("uid"):
            return body
        live = self.read(ref)
        if live is None or live["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            words = "it is not there any more" if live is None else "it was changed meanwhile"
            about = self._about_ref("patch", ref)
            raise StaleObject(f"{about}: {words}", details=about.details)
        return {**body, "metadata": {**body["metadata"], "uid": live["metadata"]["uid"]}}

    def _explain_patch(
        self, ref: ObjectRef, operations: Sequence[Mapping[str, Any]], error: ObjectInvalid
    ) -> ClusterError:
        if not error.details.get(UNEXPLAINED):
            return error
        live = self.read(ref)
        failed = [] if live is None else find_failed_tests(live, operations)
        about = self._about_ref("patch", ref)
        if live is None or failed:
            return StaleObject(f"{about}: it is not what the patch expects", details={**about.details, "tests": failed})
        return ObjectInvalid(f"{about}: the patch does not fit the object", details=about.details)

    def _own(self, live: Body, body: Body, manager: str, ref: ObjectRef) -> Body:
        """The object that a lost answer was about, where it is ours."""
        if is_made_by(live, manager) and contains(live, body):
            return live
        raise StaleObject(f"{self._about_ref('create', ref)}: it is there already", details={"cluster": self._name})

    def _settle(self, ref: ObjectRef, body: Body, manager: str, error: StaleObject) -> Body:
        """Refused for what changed; where an answer was lost before, it may be our own change that is in the way."""
        live = self.read(ref) if error.details.get(ANSWER_LOST) else None
        if live is not None and is_made_by(live, manager) and contains(live, body):
            return live
        raise error

    def _settle_delete(self, ref: ObjectRef, uid: str, error: StaleObject) -> bool:
        """Whether it was deleted: an answer that was lost before may have been that of the delete itself."""
        live = self.read(ref)
        was_lost = bool(error.details.get(ANSWER_LOST))
        if live is None:
            return was_lost
        metadata = live["metadata"]
        if was_lost and (metadata.get("uid") != uid or metadata.get("deletionTimestamp")):
            return True
        raise error

    def _complete(self, ref: ObjectRef, verb: str) -> ObjectRef:
        return ref if ref.kind.plural else replace(ref, kind=self._discovery.complete(ref.kind, verb))

    def _path(self, ref: ObjectRef) -> str:
        return object_path(ref, self._name)

    def _about(self, verb: str, kind: Kind, namespace: str) -> About:
        return About(self._name, verb, kind, namespace=namespace)

    def _about_ref(self, verb: str, ref: ObjectRef) -> About:
        return About(self._name, verb, ref.kind, ref, ref.namespace)

    def _call(
        self, verb: str, request: Request, ref: ObjectRef | None = None, *, repeatable: bool = True, path: str = ""
    ) -> dict[str, Any]:
        about = About(self._name, verb, path=path) if ref is None else self._about_ref(verb, ref)
        found: dict[str, Any] = self._caller.call(request, about, repeatable=repeatable)
        return found


def _version_of(body: Body) -> str:
    """The resourceVersion that is asked for; empty where any will do."""
    return str((body.get("metadata") or {}).get("resourceVersion") or "")


def encode(body: Any) -> bytes:
    """JSON, as short as it gets."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
