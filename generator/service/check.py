"""`render --check`: are the committed files what their sources say, and is each revision its base's + 1?

Owns: this comparison over a tree. Refuses: git history (that is `verify`) and changing anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generator.errors import InvalidInput, RenderFailed, RevstampError, Violation
from generator.service.fleet import EndpointRef, Fleet
from generator.service.layout import ENVIRONMENTS
from generator.service.plan import EndpointPlan, PlanRequest, plan_change
from generator.spec.names import is_endpoint_name, shard_of

RENDER_AGAIN = "run `revstamp commit --all` and commit what it renders"


@dataclass(frozen=True, slots=True)
class Base:
    """What a pull request is compared with: where it branched off, and the tip of the branch it goes to."""

    fork: Fleet
    tip: Fleet
    name: str


def find_refs(fleet: Fleet, environments: tuple[str, ...] = ()) -> Iterator[EndpointRef]:
    """Every endpoint that has a file or a rendered folder, in the given environments or in all."""
    for environment in environments or fleet.environment_names():
        names = {*fleet.endpoint_names(environment), *_rendered_names(fleet, environment)}
        yield from (EndpointRef(environment, name) for name in sorted(names))


def _rendered_names(fleet: Fleet, environment: str) -> Iterator[str]:
    for kind in ("manifests", "stamps"):
        folder = f"{ENVIRONMENTS}/{environment}/{kind}"
        for shard in fleet.tree.names(folder):
            for name in fleet.tree.names(f"{folder}/{shard}"):
                if is_endpoint_name(name.removesuffix(".yaml")):
                    yield name.removesuffix(".yaml")


def check_rendered(fleet: Fleet, ref: EndpointRef) -> Iterator[Violation]:
    """What differs between an endpoint's rendered files and what its sources render to today."""
    try:
        yield from _check_rendered(fleet, ref)
    except (InvalidInput, RenderFailed) as error:
        yield from error.violations or (Violation(error.message, error.hint, str(ref)),)


def _check_rendered(fleet: Fleet, ref: EndpointRef) -> Iterator[Violation]:
    stamp, files, found = fleet.stamp(ref), fleet.manifest_files(ref), fleet.find_file(ref)
    folder = fleet.layout.manifests_folder(ref.environment, ref.name)
    if found is None:
        if files or (stamp is not None and not stamp.deleted):
            yield Violation("has manifests or a living stamp, but no endpoint file", RENDER_AGAIN, str(ref), folder)
        return
    plan = plan_change(fleet, fleet, ref, fleet.endpoint_file(ref), PlanRequest("check"))
    if plan.violations:
        if stamp is not None and not stamp.deleted:
            yield from plan.violations
        return
    if plan.resolved is not None and not plan.resolved.is_external:
        yield from _check_route(fleet, ref, plan.resolved.route)
    if plan.resolved is not None and plan.resolved.is_external:
        if files:
            yield Violation("the model is external, but there are manifests", RENDER_AGAIN, str(ref), folder)
        return
    yield from _compare(fleet, plan)


def _check_route(fleet: Fleet, ref: EndpointRef, route: str) -> Iterator[Violation]:
    """Two branches may have brought the same route, each of them alone in the right."""
    for name in fleet.endpoints_on_route(ref.environment, route, ref.name):
        if fleet.stamp(EndpointRef(ref.environment, name)) is not None:
            path = fleet.layout.endpoint_files(ref.environment, ref.name)[0]
            yield Violation(f"the route {route} belongs to {name} too", "give one of them another", str(ref), path)


def check_strays(fleet: Fleet, environments: tuple[str, ...] = ()) -> Iterator[Violation]:
    """Files beside those that revstamp writes: whatever applies the manifests would apply them too."""
    for environment in environments or fleet.environment_names():
        for kind in ("manifests", "stamps"):
            folder = f"{ENVIRONMENTS}/{environment}/{kind}"
            for shard in fleet.tree.names(folder):
                inside = fleet.tree.names(f"{folder}/{shard}")
                if not inside:
                    yield _stray(f"{folder}/{shard}")
                for name in inside:
                    yield from _check_place(fleet, environment, kind, shard, name)


def _check_place(fleet: Fleet, environment: str, kind: str, shard: str, name: str) -> Iterator[Violation]:
    path = f"{ENVIRONMENTS}/{environment}/{kind}/{shard}/{name}"
    endpoint = name.removesuffix(".yaml") if kind == "stamps" else name
    if shard_of(endpoint, fleet.layout.shards) != shard or (kind == "stamps") != (fleet.tree.read(path) is not None):
        yield _stray(path)
        return
    for file in fleet.tree.names(path) if kind == "manifests" else ():
        if fleet.tree.read(f"{path}/{file}") is None:
            yield _stray(f"{path}/{file}")


def _stray(path: str) -> Violation:
    return Violation("does not belong there: revstamp wrote no such file", "remove it: git rm -r", "", path)


def _compare(fleet: Fleet, plan: EndpointPlan) -> Iterator[Violation]:
    if plan.outcome == "unchanged":
        return
    if plan.base_stamp is None:
        yield Violation("is not rendered yet", RENDER_AGAIN, str(plan.ref), next(iter(plan.writes)))
        return
    differing = [path for path, data in plan.writes.items() if fleet.tree.read(path) != data and "/stamps/" not in path]
    for path in (*differing, *sorted(plan.deletes)):
        yield Violation("is not what its sources render to", RENDER_AGAIN, str(plan.ref), path)
    if not differing and not plan.deletes:
        path = fleet.layout.stamp_file(plan.ref.environment, plan.ref.name)
        yield Violation("does not belong to the manifests beside it", RENDER_AGAIN, str(plan.ref), path)


def check_revision(fleet: Fleet, base: Base, ref: EndpointRef) -> Iterator[Violation]:
    """Whether the revision of an endpoint that the branch changes is that of the branch it goes to, + 1."""
    path = fleet.layout.stamp_file(ref.environment, ref.name)
    if fleet.tree.read(path) == base.fork.tree.read(path):
        return
    try:
        now, then = fleet.stamp(ref), base.tip.stamp(ref)
    except RevstampError as error:
        yield from error.violations or (Violation(error.message, error.hint, str(ref), path),)
        return
    expected = (then.revision if then else 0) + 1
    revision = now.revision if now else 0
    if revision == expected or fleet.tree.read(path) == base.tip.tree.read(path):
        return
    yield Violation(
        f"the revision is {revision}, but {base.name} has {expected - 1}: it must be {expected}",
        f"bring the branch up to date with {base.name} (git rebase or merge, taking its side of stamps/), then "
        "`revstamp commit --all`",
        str(ref),
        path,
    )


def plan_as_it_is(fleet: Fleet, ref: EndpointRef) -> EndpointPlan | None:
    """The plan of an endpoint as its file stands, on top of the files beside it; None where it has no file.

    Rules over several endpoints are those of a commit, and of `check_rendered`: one endpoint costs what it is, however
    many there are.
    """
    if fleet.find_file(ref) is None:
        return None
    return plan_change(fleet, fleet, ref, fleet.endpoint_file(ref), PlanRequest("render", alone=True))
