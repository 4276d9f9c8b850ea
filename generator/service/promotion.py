"""Promotion: what one environment has tried out, carried to another.

Owns: which fields are carried (model, its server and its token limits) and which never are (replicas, routes,
resources). Refuses: committing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generator.errors import InvalidInput, NotFound
from generator.service.fleet import EndpointFile, EndpointRef, Fleet
from generator.service.operations import PatchOperation
from generator.service.plan import EndpointPlan, PlanRequest
from generator.spec.document import Path
from generator.spec.patch import Patch

REPLACED: tuple[Path, ...] = (("spec", "model"), ("spec", "deployment", "runtime"))
"""Carried as a whole: what the source does not give, the target does not keep."""

CARRIED: tuple[Path, ...] = (
    ("spec", "deployment", "model_ref"),
    ("spec", "deployment", "model_family"),
    ("spec", "deployment", "job_type"),
    ("spec", "deployment", "serve_target"),
    ("spec", "image"),
    ("spec", "server"),
    ("spec", "args"),
)
"""Carried where the source gives them."""


@dataclass(frozen=True, slots=True)
class PromoteOperation:
    """Carries an endpoint's model and limits from one environment to its counterpart in another.

    The counterpart is `target_name`, else the endpoint of the same name, else the one on the same route.
    """

    source: str
    from_environment: str
    to_environment: str
    target_name: str | None = None
    verb: str = "promote"

    @property
    def target(self) -> str:
        """Unknown until the counterpart is looked for."""
        return self.target_name or ""

    def plan(self, base: Fleet, tip: Fleet, request: PlanRequest) -> EndpointPlan:
        """Patch the counterpart's file at the tip, and plan the result."""
        return self.as_patch(tip).plan(base, tip, request)

    def as_patch(self, tip: Fleet) -> PatchOperation:
        """What the promotion means for the counterpart, by what both files say at this tip."""
        if self.from_environment == self.to_environment:
            raise InvalidInput("an endpoint is promoted from one environment to another", hint="name two environments")
        name = self.source.rpartition("/")[2]
        source = tip.endpoint_file(tip.find_endpoint(f"{self.from_environment}/{name}"))
        target = find_counterpart(tip, source, self.to_environment, self.target_name)
        patch = promotion_patch(source, tip.endpoint_file(target), self.from_environment)
        return PatchOperation(str(target), patch, restart=False, verb=self.verb)


def find_counterpart(fleet: Fleet, source: EndpointFile, environment: str, name: str | None) -> EndpointRef:
    """The endpoint of another environment that corresponds to this one."""
    fleet.environment(environment)
    wanted = name or source.endpoint.metadata.name
    ref = EndpointRef(environment, wanted)
    if fleet.find_file(ref) is not None:
        return ref
    on_route = () if name else fleet.endpoints_on_route(environment, source.endpoint.spec.route)
    if len(on_route) == 1:
        return EndpointRef(environment, on_route[0])
    near = difflib.get_close_matches(wanted, fleet.endpoint_names(environment), 1)
    route = source.endpoint.spec.route
    raise NotFound(
        f"{environment} has no endpoint {wanted}" + ("" if name else f", and none on the route {route}"),
        hint=f"did you mean --as {near[0]}?"
        if near
        else f"make it first: revstamp new NAME -e {environment}, or --as NAME",
    )


def promotion_patch(source: EndpointFile, target: EndpointFile, environment: str) -> Patch:
    """The fields that are carried, as a patch on the target's file."""
    sets: dict[Path, Any] = {}
    clears: set[Path] = set()
    for path in REPLACED:
        _carry(source.document.data, target.document.data, path, sets, clears)
    for path in CARRIED:
        value = _at(source.document.data, path)
        if value is not None and value != _at(target.document.data, path):
            sets[path] = value
    labels = {path: f"{environment}: {'.'.join(str(part) for part in path)}" for path in sets}
    return Patch(sets, frozenset(clears), labels, tuple(_find_pinned(source, target, environment, sets)))


def _find_pinned(source: EndpointFile, target: EndpointFile, environment: str, sets: Mapping[Path, Any]) -> list[str]:
    """What the target's file has for itself while the model changes below it, so that no promotion ever moves it."""
    if not any(path[:2] == ("spec", "model") or path[-1] == "serve_target" for path in sets):
        return []
    return [
        f"{name} {value} of {target.path} stays: {environment} names none of its own, so the model was tried with its "
        f"environment's; take it out of the file, or see that it fits"
        for name in ("image", "server")
        if (value := _at(target.document.data, ("spec", name))) is not None
        and _at(source.document.data, ("spec", name)) is None
    ]


def _carry(source: Any, target: Any, path: Path, sets: dict[Path, Any], clears: set[Path]) -> None:
    """Leaf by leaf, so that comments and order of the target's file stay."""
    new, old = _at(source, path), _at(target, path)
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        for key in (*new, *(key for key in old if key not in new)):
            _carry(source, target, (*path, key), sets, clears)
    elif new is None and old is not None:
        clears.add(path)
    elif new != old:
        sets[path] = new


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
