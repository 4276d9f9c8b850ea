"""Which kinds an environment needs of its cluster.

Owns: reading that from the environment's file and the names of its rendered files. Refuses: asking the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from generator.cluster.kinds import HTTP_ROUTE, INFERENCE_SERVICE, INGRESS, RENDERED, Kind
from generator.service.fleet import EndpointRef, Fleet
from generator.spec.defaults import DEFAULTS

KNATIVE_SERVICE = Kind("serving.knative.dev/v1", "Service", "services")

_BRINGERS = {
    INFERENCE_SERVICE: "install KServe, or choose the framework `deployment`",
    HTTP_ROUTE: "install the Gateway API, or choose another `routing.type`",
    KNATIVE_SERVICE: "install Knative Serving, or choose KServe's mode `Standard`",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """Kinds, each with what needs it, in words."""

    kinds: dict[Kind, str]

    @property
    def kserve(self) -> bool:
        """Whether it needs KServe."""
        return INFERENCE_SERVICE in self.kinds

    def fix_of(self, kind: Kind) -> str:
        """What brings a kind that is missing."""
        return _BRINGERS.get(kind, f"install what brings {kind.api_version}")


def find_needs(fleet: Fleet, environment: str) -> Needs:
    """What the environment's defaults and its rendered files need."""
    spec: Any = fleet.environment(environment)[0].spec
    kinds: dict[Kind, str] = {}
    for kind, name in _rendered_kinds(fleet, environment):
        kinds.setdefault(kind, f"the endpoint {name}")
    if spec.framework == "kserve":
        kinds[INFERENCE_SERVICE] = "the framework kserve"
    routing = (spec.routing.type if spec.routing else None) or DEFAULTS["routing.type"]
    if routing in ("gateway", "ingress"):
        kinds[HTTP_ROUTE if routing == "gateway" else INGRESS] = f"the routing {routing}"
    mode = (spec.kserve.mode if spec.kserve else None) or DEFAULTS["kserve.mode"]
    if INFERENCE_SERVICE in kinds and mode == "Knative":
        kinds[KNATIVE_SERVICE] = "KServe's mode Knative"
    return Needs(kinds)


def _rendered_kinds(fleet: Fleet, environment: str) -> Iterator[tuple[Kind, str]]:
    """Kind and endpoint of each rendered file, by its name alone."""
    by_file = {f"{kind.name.lower()}.yaml": kind for kind in RENDERED}
    for name in fleet.endpoint_names(environment):
        ref = EndpointRef(environment, name)
        for file in fleet.tree.names(fleet.layout.manifests_folder(ref.environment, ref.name)):
            if file in by_file:
                yield by_file[file], name
