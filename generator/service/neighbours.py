"""One endpoint among the others of its environment: routes are unique, GPUs are bounded.

Owns: looking at the others, and only where that can matter. Refuses: the rules themselves (`spec.fleet_rules`).
"""

from __future__ import annotations

from generator.errors import InvalidInput, Refused
from generator.service.fleet import EndpointFile, EndpointRef, Fleet
from generator.spec.fleet_rules import check_gpu_budget, check_route
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint


def resolve_current(fleet: Fleet, ref: EndpointRef, file: EndpointFile) -> ResolvedEndpoint | None:
    """What the file resolves to, whether or not the rules would allow it; None where values are missing."""
    environment, environment_document = fleet.environment(ref.environment)
    return resolve_endpoint(file.endpoint, file.document, environment, environment_document).endpoint


def check_neighbours(
    base: Fleet, fleet: Fleet, ref: EndpointRef, file: EndpointFile, resolved: ResolvedEndpoint
) -> None:
    """Rules over the other endpoints; looked at only where the file is not the tip's, for they cost a look at all."""
    if base.tree.read(file.path) == file.content:
        return
    others = [(name, resolved.route) for name in fleet.endpoints_on_route(ref.environment, resolved.route)]
    found = list(check_route(resolved.route, ref.name, others, file.document))
    environment, _ = fleet.environment(ref.environment)
    if environment.spec.policies.max_gpus is not None and resolved.gpus_held:
        held = sum(
            _gpus_held(fleet, EndpointRef(ref.environment, name), ref) for name in fleet.endpoint_names(ref.environment)
        )
        found += check_gpu_budget(resolved.gpus_held, held, environment, file.document)
    if found:
        raise Refused(f"{ref} cannot be deployed", violations=found)


def _gpus_held(fleet: Fleet, other: EndpointRef, ref: EndpointRef) -> int:
    if other == ref:
        return 0
    try:
        resolved = resolve_current(fleet, other, fleet.endpoint_file(other))
    except InvalidInput:
        return 0
    return resolved.gpus_held if resolved and not resolved.is_external else 0
