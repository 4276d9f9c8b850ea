"""What is logged and counted of passes and rollouts.

Owns: one line for what was done, one for what is wrong for as long as it stays the same, and the metrics beside.
Refuses: deciding anything.
"""

from __future__ import annotations

import time
from typing import Any

from generator.cluster.changes import Action
from generator.errors import InternalError
from generator.reconciler.endpoint_result import EndpointResult
from generator.reconciler.metrics import Metrics
from generator.rollout.status import RolloutStatus, Verdict

_NEWS = (Action.FAILED, Action.SKIPPED)


class PassLog:
    """The log and the metrics of one environment."""

    def __init__(self, environment: str, metrics: Metrics, log: Any) -> None:
        self._environment, self._metrics, self._log = environment, metrics, log
        self._told: dict[str, object] = {}
        self._applied_at: dict[str, float] = {}

    def tell_result(self, result: EndpointResult) -> None:
        """Log and count what a pass over an endpoint did."""
        for change in result.changes:
            self._metrics.objects.labels(self._environment, change.action.value).inc()
        if result.changes.touched:
            self._applied_at[result.name] = time.monotonic()
        fields: dict[str, Any] = {"endpoint": result.name, "revision": result.revision, "commit": result.commit[:10]}
        news = (str(item) for item in result.changes if item.action in _NEWS)
        gist = (result.held, str(result.error), *news, *map(str, result.changes.drift))
        same = self._told.get(result.name) == gist
        self._told[result.name] = gist
        end = _end_of(result)
        self._metrics.passes.labels(self._environment, end).inc()
        if end == "applied":
            what = ", ".join(str(item) for item in result.changes if item.action is not Action.UNCHANGED)
            self._log.info("applied", **fields, objects=what)
        self._count_failures(result)
        if not same:
            self._tell_news(result, fields)

    def _count_failures(self, result: EndpointResult) -> None:
        for error in result.errors:
            self._metrics.failures.labels(self._environment, error.code).inc()

    def _tell_news(self, result: EndpointResult, fields: dict[str, Any]) -> None:
        for drift in result.changes.drift:
            self._metrics.drift.labels(self._environment, drift.kind.value).inc()
            self._log.warning("changed by hand", **fields, drift=str(drift))
        for item in result.changes.failed:
            hint = item.error.hint if item.error else ""
            self._log.error("object failed", **fields, object=str(item.ref), error=item.reason, hint=hint)
        if result.error is not None:
            self._log.error("endpoint failed", **fields, error=result.error.message, hint=result.error.hint)
        if result.held:
            self._log.info("held", **fields, reason=result.held)

    def tell_bug(self, endpoint: str, error: Exception) -> None:
        """Log and count what should not have happened."""
        bug = InternalError.from_bug(error)
        self._log.error("bug of revstamp", endpoint=endpoint, error=bug.message, exc_info=error)
        self._metrics.failures.labels(self._environment, bug.code).inc()

    def tell_status(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        """Log that a rollout stands at another place, or is judged in another way."""
        if before is not None and (before.verdict, before.phase) == (after.verdict, after.phase):
            return
        if before is None and after.verdict is Verdict.HEALTHY:
            return  # nothing has happened, we have only looked
        fields: dict[str, Any] = {
            "endpoint": after.expectation.endpoint,
            "revision": after.expectation.revision,
            "phase": after.phase.value,
            "verdict": after.verdict.value,
            "ready": f"{after.progress.ready}/{after.progress.wanted}",
            "old": after.progress.old_serving,
        }
        failure = after.failure
        if failure is None:
            self._log.info("rollout", **fields)
        else:
            words = {"reason": failure.reason.value, "cause": failure.cause, "hint": failure.hint}
            self._log.warning("rollout", **fields, **words)

    def count_end(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        """Count how long a rollout took to its verdict."""
        began = self._applied_at.pop(after.expectation.endpoint, None)
        if began is not None and (before is None or not before.verdict.is_final):
            seconds = time.monotonic() - began
            self._metrics.rollout_seconds.labels(self._environment, after.verdict.value).observe(seconds)


def _end_of(result: EndpointResult) -> str:
    if result.error or result.changes.failed:
        return "failed"
    if result.held:
        return "held"
    return "applied" if result.changes.touched else "unchanged"
