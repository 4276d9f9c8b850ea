"""One endpoint among the others of its environment: routes are unique, GPUs are bounded.

Owns: looking at the others, and only where that can matter. Refuses: the rules themselves (`spec.fleet_rules`).
"""

from __future__ import annotations

from generator.errors import InvalidInput, Refused, RevstampError, Violation
from generator.render.stamp_digest import spec_digest
from generator.service.fleet import EndpointFile, EndpointRef, Fleet, read_endpoint_file
from generator.spec.fleet_rules import check_gpu_budget, check_route
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.resolved_data import resolved_data


def resolve_current(fleet: Fleet, ref: EndpointRef, file: EndpointFile) -> ResolvedEndpoint | None:
    """What the file resolves to, whether or not the rules would allow it; None where values are missing."""
    environment, environment_document = fleet.environment(ref.environment)
    return resolve_endpoint(file.endpoint, file.document, environment, environment_document).endpoint


def check_neighbours(
    base: Fleet, fleet: Fleet, ref: EndpointRef, file: EndpointFile, resolved: ResolvedEndpoint
) -> None:
    """Rules over the other endpoints: a look at all of them, so only where the route is new or more GPUs are held."""
    before = _before(base, fleet, ref, file, resolved)
    found: list[Violation] = []
    if before is None or before.route != resolved.route:
        names = fleet.endpoints_on_route(ref.environment, resolved.route, ref.name)
        others = [(name, resolved.route) for name in names]
        found += check_route(resolved.route, ref.name, others, file.document)
    environment, _ = fleet.environment(ref.environment)
    grows = before is None or before.gpus_held < resolved.gpus_held
    if environment.spec.policies.max_gpus is not None and grows:
        names = fleet.endpoint_names(ref.environment)
        held = sum(_gpus_held(fleet, EndpointRef(ref.environment, name), ref) for name in names)
        found += check_gpu_budget(resolved.gpus_held, held, environment, file.document)
    if found:
        raise Refused(f"{ref} cannot be deployed", violations=found)


def _before(
    base: Fleet, fleet: Fleet, ref: EndpointRef, file: EndpointFile, resolved: ResolvedEndpoint
) -> ResolvedEndpoint | None:
    """What the endpoint was when revstamp last rendered it, and looked at its neighbours; None where it did not.

    A file that came to the tip without revstamp resolves to something else than its stamp says.
    """
    try:
        stamp, found = base.stamp(ref), base.find_file(ref)
        if found is None or stamp is None or stamp.deleted:
            return None
        before: ResolvedEndpoint | None = resolved
        if found[1] != file.content or _read_environment(base, ref) != _read_environment(fleet, ref):
            before = resolve_current(base, ref, read_endpoint_file(*found, ref))
    except RevstampError:
        return None
    return before if before is not None and spec_digest(resolved_data(before)) == stamp.spec_digest else None


def _read_environment(fleet: Fleet, ref: EndpointRef) -> bytes | None:
    return fleet.tree.read(fleet.layout.environment_file(ref.environment))


def _gpus_held(fleet: Fleet, other: EndpointRef, ref: EndpointRef) -> int:
    if other == ref:
        return 0
    try:
        resolved = resolve_current(fleet, other, fleet.endpoint_file(other))
    except InvalidInput:
        return 0
    return resolved.gpus_held if resolved and not resolved.is_external else 0
