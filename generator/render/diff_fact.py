"""One fact about an endpoint, and the fields that it was read from.

Owns: the value, and the steps to a workload's pod and to its main container. Refuses: what facts there are
(`diff_facts`, `diff_container`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from generator.render.diff_fields import Steps
from generator.render.impact_workload import Workload, main_container
from generator.render.pods import map_at


@dataclass(frozen=True, slots=True)
class Fact:
    """One row's value, and the fields it was read from: the kind of object and the steps to the field.

    `echoes` are other fields that say the same, such as the memory of the container that downloads the model.
    """

    label: str
    value: str
    places: tuple[tuple[str, Steps], ...]
    echoes: tuple[tuple[str, Steps], ...] = ()


def pod_steps(workload: Workload) -> Steps:
    """The way to the pod's fields."""
    return ("spec", "template", "spec") if workload.kind == "Deployment" else ("spec", "predictor")


def container_steps(workload: Workload) -> Steps:
    """The way to the container that serves the model."""
    if map_at(workload.pod, "model"):
        return (*pod_steps(workload), "model")
    return (*pod_steps(workload), "containers", f"[{main_container(workload.pod).get('name')}]")


def tell(workload: Workload, label: str, value: Any, *places: Steps) -> Iterator[Fact]:
    """The fact, where there is a value to tell; `places` are in the workload itself."""
    if value not in (None, ""):
        yield Fact(label, str(value), tuple((workload.kind, place) for place in places))
