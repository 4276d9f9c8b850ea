"""What git wants of one environment, at one commit.

Owns: which endpoints it has, what identifies each of them cheaply, their objects when asked for. Refuses: clusters,
and rendering: what is committed is what is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from generator.cluster.kinds import AUTOSCALER, WORKLOADS, Kind, ObjectRef, ref_of
from generator.errors import InvalidInput, NotFound, Refused, RevstampError
from generator.gitops.cache import BoundedCache
from generator.gitops.snapshot import Snapshot
from generator.render.parse import load_yaml
from generator.render.pods import ENDPOINT
from generator.render.stamp import Stamp
from generator.rollout.expect import find_replicas, find_workload
from generator.service.committed_files import SnapshotTree
from generator.service.fleet import EndpointRef, Fleet
from generator.service.layout import ENVIRONMENTS
from generator.spec.environment import Environment
from generator.spec.names import is_endpoint_name

Body = Mapping[str, Any]
_POD_KINDS = (*WORKLOADS, AUTOSCALER)
"""What says how many pods there should be."""
_KNOWN_PODS = 20_000
"""Endpoints whose wanted pods are remembered, some 300 bytes each: they are asked for with each event of a pod."""


class Traces(NamedTuple):
    """Ids of what git holds of one endpoint: two equal ones are the same wish. Empty where there is nothing."""

    manifests: str = ""
    stamp: str = ""
    file: str = ""

    @property
    def rendered(self) -> str:
        """What is applied of it: two equal ones bring the same into a cluster."""
        return self.manifests + self.stamp


class WantedPods(NamedTuple):
    """The pods of an endpoint: their revision, and how many there should be at least."""

    revision: int
    least: int


@dataclass(frozen=True, slots=True)
class DesiredObject:
    """One manifest and the id of the blob that holds it: two equal ids are the same manifest."""

    blob: str
    body: Body
    file: str = ""
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class DesiredEndpoint:
    """One endpoint as git wants it. `objects` are empty for one that was deleted or is served elsewhere."""

    ref: EndpointRef
    traces: Traces
    stamp: Stamp | None
    objects: tuple[DesiredObject, ...]

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The objects' manifests."""
        return tuple(item.body for item in self.objects)

    @property
    def revision(self) -> int:
        """The revision of the stamp; 0 where there is none."""
        return self.stamp.revision if self.stamp else 0

    @property
    def pod_revision(self) -> int:
        """The pod revision of the stamp; 0 where there is none."""
        return self.stamp.pod_revision if self.stamp else 0

    @property
    def is_deleted(self) -> bool:
        """Whether the stamp is a tombstone: that nothing is rendered is meant."""
        return self.stamp is not None and self.stamp.deleted


class DesiredEnvironment:
    """One environment of one commit."""

    def __init__(self, snapshot: Snapshot, name: str, before: DesiredEnvironment | None = None) -> None:
        """`before`: another commit of it; what files and folders say is taken over where these are the same."""
        self.snapshot = snapshot
        self.name = name
        self.fleet = Fleet(SnapshotTree(snapshot))
        self._known: dict[str, tuple[object, Any]] = dict(before._known) if before is not None else {}
        """What was read of files and folders, by what it was read from; so that no chain of commits is kept."""
        self._pods: BoundedCache[tuple[WantedPods | None]]
        self._pods = before._pods if before is not None else BoundedCache(_KNOWN_PODS)

    @property
    def commit(self) -> str:
        """The commit; empty where there is none yet."""
        return self.snapshot.commit or ""

    @cached_property
    def environment(self) -> Environment:
        """The environment's file. NotFound or InvalidInput where it is missing or wrong."""
        found: Environment = self._once("environment", self.environment_trace, self._read_environment)
        return found

    def _read_environment(self) -> Environment:
        return self.fleet.environment(self.name)[0]

    def _once(self, what: str, source: object, read: Callable[[], Any]) -> Any:
        known = self._known.get(what)
        if known is None or known[0] != source:
            known = self._known[what] = (source, read())
        return known[1]

    @cached_property
    def environment_trace(self) -> str:
        """The id of the environment's file."""
        return self.snapshot.blob_id(self.fleet.layout.environment_file(self.name)) or ""

    @cached_property
    def traces(self) -> Mapping[str, Traces]:
        """Every endpoint that has manifests, a stamp or a file, by name; only folders that are new are read for it."""
        manifests, stamps, files = self._list("manifests"), self._list("stamps", suffix=".yaml"), self._list_files()
        names = sorted({*manifests, *stamps, *files})
        return {name: Traces(manifests.get(name, ""), stamps.get(name, ""), files.get(name, "")) for name in names}

    def changed_since(self, older: DesiredEnvironment | None) -> tuple[str, ...]:
        """Names of endpoints that are not the same wish as in an older commit, or that are gone since."""
        before = older.traces if older is not None else {}
        return tuple(sorted(name for name in {*before, *self.traces} if before.get(name) != self.traces.get(name)))

    def read(self, name: str) -> DesiredEndpoint:
        """One endpoint, with its objects parsed. InvalidInput where a file of it cannot be understood."""
        ref = EndpointRef(self.name, name)
        traces = self.traces.get(name, Traces())
        stamp = self.fleet.stamp(ref) if traces.stamp else None
        objects = tuple(self._parse(ref)) if traces.manifests else ()
        return DesiredEndpoint(ref, traces, stamp, objects)

    def find_pods(self, name: str) -> WantedPods | None:
        """The pods that an endpoint should have; None where nothing of it makes any. InvalidInput as `read`."""
        trace = self.traces.get(name)
        if trace is None or not trace.stamp or not trace.manifests:
            return None
        known = self._pods.get(trace.rendered)
        if known is None:
            known = (self._count_pods(name),)
            self._pods.put(trace.rendered, known)
        return known[0]

    def _count_pods(self, name: str) -> WantedPods | None:
        stamp = self.fleet.stamp(EndpointRef(self.name, name))
        bodies = [found.body for kind in _POD_KINDS if (found := self._read_kind(name, kind)) is not None]
        workload = find_workload(bodies)
        return WantedPods(stamp.pod_revision, find_replicas(workload, bodies)[0]) if stamp and workload else None

    def find_id(self, name: str) -> str | None:
        """The platform's id of an endpoint, as its file gives it. InvalidInput where the file is wrong."""
        ref = EndpointRef(self.name, name)
        if self.fleet.find_file(ref) is None:
            return None
        return self.fleet.endpoint_file(ref).endpoint.metadata.id

    def is_external(self, name: str) -> bool:
        """Whether the endpoint's model is served elsewhere, so that it has neither stamp nor objects."""
        ref = EndpointRef(self.name, name)
        if self.fleet.find_file(ref) is None:
            return False
        return self.fleet.endpoint_file(ref).endpoint.spec.model.type == "external"

    def blobs(self, name: str) -> Mapping[str, str]:
        """File name → blob id of an endpoint's manifests; nothing is parsed."""
        trace = self.traces.get(name)
        return self.snapshot.files_of_tree(trace.manifests) if trace is not None and trace.manifests else {}

    def read_ahead(self, names: Iterable[str], file: str | None = None) -> None:
        """Have at hand what is asked for next: stamps and manifests of these endpoints, or one file of the manifests.

        What cannot be read is passed over; whoever asks for it is told.
        """
        repository = self.snapshot.repository
        traces = [self.traces[name] for name in names if name in self.traces]
        repository.read_ahead(trace.manifests for trace in traces if trace.manifests)
        wanted = [trace.stamp for trace in traces if trace.stamp and file is None]
        for trace in traces:
            with suppress(RevstampError):
                files = self.snapshot.files_of_tree(trace.manifests) if trace.manifests else {}
                wanted += [blob for name, blob in files.items() if file in (None, name)]
        repository.read_ahead(wanted)

    def read_object(self, name: str, ref: ObjectRef) -> DesiredObject | None:
        """The manifest of one object of an endpoint, or None; only its file is read. InvalidInput as `read`."""
        found = self._read_kind(name, ref.kind)
        return found if found is not None and ref_of(found.body) == ref else None

    def _read_kind(self, name: str, kind: Kind) -> DesiredObject | None:
        file = file_of(kind)
        blob = self.blobs(name).get(file)
        if blob is None:
            return None
        path = f"{self.fleet.layout.manifests_folder(self.name, name)}/{file}"
        body = self._parse_file(EndpointRef(self.name, name), path, self.snapshot.repository.read_blob(blob))
        return DesiredObject(blob, body)

    def find_suspension(self, name: str) -> str:
        """Why nothing of an endpoint is applied, in words; empty where nobody has suspended it.

        A file that cannot be understood and speaks of it counts as suspended: somebody wanted it left alone.
        """
        ref = EndpointRef(self.name, name)
        if self.environment.spec.suspend:
            return f"environment {self.name} is suspended"
        found = self.fleet.find_file(ref)
        if found is None or b"suspend" not in found[1]:
            return ""
        try:
            return f"{ref} is suspended" if self.fleet.endpoint_file(ref).endpoint.spec.suspend else ""
        except (InvalidInput, NotFound) as error:
            return f"{ref} may be suspended: {error.message}"

    @cached_property
    def siblings(self) -> tuple[str, ...]:
        """Other environments of this commit with the same cluster and namespace; one that is wrong is passed over."""
        layout = self.fleet.layout
        files = [self.snapshot.blob_id(layout.environment_file(name)) for name in self.fleet.environment_names()]
        found: tuple[str, ...] = self._once("siblings", files, self._find_siblings)
        return found

    def _find_siblings(self) -> tuple[str, ...]:
        own, found = self.environment.spec, []
        for name in self.fleet.environment_names():
            try:
                spec = self.fleet.environment(name)[0].spec
            except (InvalidInput, NotFound):
                continue
            if name != self.name and (spec.cluster, spec.namespace) == (own.cluster, own.namespace):
                found.append(name)
        return tuple(found)

    def find_rival(self, name: str) -> str:
        """Another environment that has an endpoint of this name in the same place; empty where there is none."""
        for sibling in self.siblings:
            if self.snapshot.exists(self.fleet.layout.manifests_folder(sibling, name)):
                return sibling
        return ""

    def _parse(self, ref: EndpointRef) -> Iterator[DesiredObject]:
        folder = self.fleet.layout.manifests_folder(ref.environment, ref.name)
        for file, blob in sorted(self.blobs(ref.name).items()):
            content = self.snapshot.repository.read_blob(blob)
            yield DesiredObject(blob, self._parse_file(ref, f"{folder}/{file}", content), file, content)

    def _parse_file(self, ref: EndpointRef, path: str, content: bytes) -> Body:
        """Refuses what would reach beyond the endpoint: another namespace, another endpoint's label, no object."""
        body = load_yaml(content, path)
        metadata = body.get("metadata") if isinstance(body, Mapping) else None
        if not isinstance(metadata, Mapping) or not _is_object(body, metadata):
            raise InvalidInput(f"{path} holds no Kubernetes object", hint="`revstamp commit` writes it anew")
        namespace = self.environment.spec.namespace
        if metadata.get("namespace") != namespace:
            raise Refused(
                f"{path} is for the namespace {metadata.get('namespace')}, the environment's is {namespace}",
                hint="`revstamp commit --all` writes it anew",
            )
        labels = metadata.get("labels")
        if not isinstance(labels, Mapping) or labels.get(ENDPOINT) != ref.name:
            raise Refused(f"{path} lacks the label {ENDPOINT}: {ref.name}", hint="`revstamp commit --all`")
        checked: Body = body
        return checked

    def _list(self, part: str, suffix: str = "") -> dict[str, str]:
        """Name → id of the endpoints' trees or blobs in the shard folders of one part."""
        folder = f"{ENVIRONMENTS}/{self.name}/{part}"
        found: dict[str, str] = {}
        for shard in self.snapshot.entries(folder):
            if shard.is_folder:
                path = f"{folder}/{shard.name}"
                found |= self._once(path, shard.id, partial(self._list_shard, path, part, shard.name, suffix))
        return found

    def _list_shard(self, path: str, part: str, shard: str, suffix: str) -> dict[str, str]:
        layout = self.fleet.layout
        place = layout.stamp_file if part == "stamps" else layout.manifests_folder
        return {
            name: entry.id
            for entry in self.snapshot.entries(path)
            if is_endpoint_name(name := entry.name.removesuffix(suffix))
            and (not suffix or entry.is_file)
            and place(self.name, name).split("/")[3] == shard
        }

    def _list_files(self) -> dict[str, str]:
        """Name → blob id of the endpoints' own files, which stand in one folder, or in folders below it."""
        folder = self.fleet.layout.endpoints_folder(self.name)
        found: dict[str, str] = {}
        for entry in self.snapshot.entries(folder):
            if entry.is_folder:
                path = f"{folder}/{entry.name}"
                found |= self._once(path, entry.id, partial(self._list_folder, path))
            elif entry.name.endswith(".yaml"):
                found[entry.name.removesuffix(".yaml")] = entry.id
        return found

    def _list_folder(self, path: str) -> dict[str, str]:
        return {entry.name.removesuffix(".yaml"): entry.id for entry in self.snapshot.entries(path)}


def file_of(kind: Kind) -> str:
    """The file of an endpoint's manifests that holds its object of this kind."""
    return f"{kind.name.lower()}.yaml"


def _is_object(body: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
    """Whether it has the shape of a Kubernetes object as revstamp writes it; anybody may have edited the file."""
    names = (body.get("apiVersion"), body.get("kind"), metadata.get("name"))
    maps = (metadata.get("labels", {}), metadata.get("annotations", {}), body.get("spec", {}))
    texts = (*maps[0].values(), *maps[1].values()) if all(isinstance(item, Mapping) for item in maps) else (None,)
    return all(isinstance(item, str) and item for item in names) and all(isinstance(item, str) for item in texts)
