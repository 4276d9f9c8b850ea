"""How a pass may treat what it meets.

Owns: the choices that an environment or a person makes. Refuses: acting on them.
"""

from __future__ import annotations

from dataclasses import dataclass

PRUNE = "revstamp.io/prune"
"""Annotation of an object: `disabled` keeps it from ever being pruned."""

ADOPTING = "revstamp.io/adopting"
"""Annotation of a Service while an adoption is under way: it still has the form that the old pods need."""


@dataclass(frozen=True, slots=True)
class ApplyPolicy:
    """`heal`: what people changed in the cluster is undone; else it is reported and left where it stands.

    `force`: other managers' fields are taken, but never the replicas of a workload that an autoscaler scales.
    `dry_run`: the API server is asked what it would do, and nothing is changed.
    """

    heal: bool = False
    force: bool = False
    dry_run: bool = False
