"""After one pass: following its rollouts, and going on with what waits for a slot.

Owns: `apply --wait`. Refuses: showing it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from generator.errors import RevstampError
from generator.reconciler.endpoint_result import EndpointResult, is_rolled_out
from generator.reconciler.environment_sync import EnvironmentSync
from generator.reconciler.follow import OnChange, RolloutFollower, all_final
from generator.rollout.status import Expectation, RolloutStatus
from generator.service.expectation import expect_endpoint


def wait_for_rollouts(
    sync: EnvironmentSync, results: list[EndpointResult], seconds: float | None, on_change: OnChange
) -> tuple[dict[str, RolloutStatus], bool]:
    """Wait for a verdict on each endpoint that was applied. `results` are replaced as waiting endpoints get a slot.

    Returns the statuses, and whether all have a verdict; False where `seconds` were over first.
    """
    namespace = sync.desired.environment.spec.namespace
    single = results[0].name if len(results) == 1 else ""
    ended: set[str] = set()
    news = threading.Event()

    def change(before: RolloutStatus | None, after: RolloutStatus) -> None:
        on_change(before, after)
        if after.verdict.is_final:
            ended.add(after.expectation.endpoint)
            news.set()

    follower = RolloutFollower(sync.cluster, namespace, endpoint=single, on_change=change)
    end = None if seconds is None else time.monotonic() + seconds
    with follower:
        follower.follow(_expectations(sync, results))
        while True:
            rest = None if end is None else max(0.0, end - time.monotonic())
            done = follower.wait(rest, lambda statuses: news.is_set() or all_final(statuses))
            news.clear()
            moved = _go_on(sync, results, ended, follower)
            statuses = _chosen(follower.look(), results)
            if not done or (not moved and all_final(statuses)):
                return statuses, done and all_final(statuses)


def _chosen(statuses: Mapping[str, RolloutStatus], results: list[EndpointResult]) -> dict[str, RolloutStatus]:
    return {result.name: statuses[result.name] for result in results if result.name in statuses}


def _go_on(sync: EnvironmentSync, results: list[EndpointResult], ended: set[str], follower: RolloutFollower) -> bool:
    """Give back the slots of what has ended, and apply what waited for one; whether any of them got it."""
    moved = False
    while ended:
        name = ended.pop()
        if sync.slots is not None:
            sync.slots.release(name)
    for place, result in enumerate(results):
        if result.waits_for_slot:
            results[place] = again = sync.sync(result.name)
            if not again.waits_for_slot:
                moved = True
                follower.follow(_expectations(sync, [again]))
    return moved


def _expectations(sync: EnvironmentSync, results: list[EndpointResult]) -> dict[str, Expectation]:
    """What is to be waited for: endpoints whose workload was applied, whatever became of their other objects."""
    found: dict[str, Expectation] = {}
    for result in results:
        if result.held or result.error is not None or not is_rolled_out(result.changes):
            continue
        try:
            desired = sync.read(result.name)
        except RevstampError:
            continue
        if desired.bodies:
            applied_at = datetime.now(UTC) if result.changes.touched else None
            found[result.name] = replace(expect_endpoint(sync.desired, desired), applied_at=applied_at)
    return found
