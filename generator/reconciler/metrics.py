"""What the reconciler counts, for Prometheus.

Owns: the names of all metrics. Refuses: deciding when something is counted. docs/metrics.md explains each of them.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from generator.rollout.status import Verdict

_ROLLOUT_SECONDS = (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_LAG_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leading = self._gauge("leading", "1 while this instance leads the environment")
        self.objects = Counter(
            "revstamp_objects_total",
            "Objects by what became of them in a pass",
            ("environment", "action"),
            registry=self.registry,
        )
        self.passes = Counter(
            "revstamp_endpoint_passes_total",
            "Passes over one endpoint by their end: applied, unchanged, held or failed",
            ("environment", "end"),
            registry=self.registry,
        )
        self.failures = Counter(
            "revstamp_failures_total", "Failures by their error code", ("environment", "error"), registry=self.registry
        )
        self.drift = Counter(
            "revstamp_drift_total",
            "Changes by hand that were seen in the cluster: scaled, edited, restarted",
            ("environment", "kind"),
            registry=self.registry,
        )
        self.queue = self._gauge("queue_length", "Endpoints that are due or being worked on")
        self.behind = self._gauge("endpoints_behind", "Endpoints of which the cluster does not have what git says")
        self.suspended = self._gauge("endpoints_suspended", "Endpoints that are suspended")
        self.rollouts = Gauge(
            "revstamp_rollouts", "Endpoints by verdict", ("environment", "verdict"), registry=self.registry
        )
        self.slots_waiting = self._gauge("rollouts_waiting", "Endpoints that wait for another rollout to end")
        self.lag = Histogram(
            "revstamp_apply_lag_seconds",
            "From seeing a commit to having applied an endpoint of it",
            ("environment",),
            buckets=_LAG_SECONDS,
            registry=self.registry,
        )
        self.rollout_seconds = Histogram(
            "revstamp_rollout_seconds",
            "From apply to the verdict",
            ("environment", "verdict"),
            buckets=_ROLLOUT_SECONDS,
            registry=self.registry,
        )
        self.source_failing = Gauge(
            "revstamp_source_failing_seconds", "How long the remote has been away; 0 while all is well",
            registry=self.registry,
        )  # fmt: skip
        self.cluster_failing = self._gauge("cluster_failing_seconds", "How long the cluster has been away")
        self.webhooks = Counter(
            "revstamp_webhooks_total", "Calls of the webhook: accepted, ignored, refused", ("end",),
            registry=self.registry,
        )  # fmt: skip

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"revstamp_{name}", text, ("environment",), registry=self.registry)

    def forget(self, environment: str) -> None:
        """Set to zero what only the leader of an environment knows: another instance counts it from now on."""
        for gauge in (self.leading, self.queue, self.behind, self.suspended, self.slots_waiting):
            gauge.labels(environment).set(0)
        for verdict in Verdict:
            self.rollouts.labels(environment, verdict.value).set(0)

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
