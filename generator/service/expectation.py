"""What a rollout of an endpoint is measured by: the revisions of its stamp, the budgets of its file.

Owns: bringing both together. Refuses: judging the rollout (`rollout`).
"""

from __future__ import annotations

from generator.errors import RevstampError
from generator.rollout.expect import expect
from generator.rollout.status import Expectation, PhaseBudgets
from generator.service.desired import DesiredEndpoint, DesiredEnvironment
from generator.service.fleet import EndpointRef
from generator.spec.resolve import resolve_endpoint


class Expectations:
    """What git wants of the endpoints of one environment, worked out once for each of their versions."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, Expectation | None]] = {}

    def find(self, environment: DesiredEnvironment, name: str) -> Expectation | None:
        """What a rollout of the endpoint should come to; None where nothing is deployed. InvalidInput as `read`."""
        trace = (environment.traces.get(name), environment.environment_trace)
        known = self._known.get(name)
        if known is None or known[0] != trace:
            desired = environment.read(name)
            known = (trace, expect_endpoint(environment, desired) if desired.bodies else None)
            self._known[name] = known
        return known[1]


def expect_endpoint(environment: DesiredEnvironment, desired: DesiredEndpoint) -> Expectation:
    """What git says a rollout should come to."""
    budgets = find_budgets(environment, desired.ref)
    return expect(
        desired.ref.environment, desired.ref.name, desired.bodies, desired.revision, desired.pod_revision, budgets
    )


def find_budgets(environment: DesiredEnvironment, ref: EndpointRef) -> PhaseBudgets:
    """The endpoint's budgets; the usual ones where its file cannot be resolved, for then nothing else is known."""
    usual = PhaseBudgets()
    fleet = environment.fleet
    try:
        file = fleet.endpoint_file(ref)
        resolution = resolve_endpoint(file.endpoint, file.document, *fleet.environment(ref.environment))
    except RevstampError:
        return usual
    if resolution.endpoint is None:
        return usual
    budgets = resolution.endpoint.budgets
    own, shared = file.endpoint.spec.budgets, fleet.environment(ref.environment)[0].spec.budgets
    failing = next((given.failing_seconds for given in (own, shared) if given and given.failing_seconds), None)
    return PhaseBudgets(
        capacity_seconds=budgets.capacity_seconds,
        download_seconds=budgets.download_seconds,
        load_seconds=budgets.load_seconds,
        drain_seconds=budgets.termination_grace_seconds,
        pull_seconds=max(usual.pull_seconds, budgets.download_seconds),
        failing_seconds=failing or usual.failing_seconds,
    )
