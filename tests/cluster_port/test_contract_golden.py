"""Contract of the cluster port: every golden manifest is taken, filled in and owned alike by both clusters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.cluster.simulated import SimulatedCluster
from tests.cluster.golden_manifests import find_differences, golden_files
from tests.cluster_port.subject import Subject

pytestmark = pytest.mark.sweep

_CHOSEN_BY_THE_SERVER = ("clusterIP", "clusterIPs")


def golden_objects() -> dict[str, list[dict[str, Any]]]:
    """All different objects of golden files, by kind. The namespace is the test's to choose."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for file in golden_files():
        for body in file.objects():
            if body["kind"] == "InferenceService" and file.kserve != "0.17":
                body["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] = "Standard"
            body["metadata"].pop("namespace", None)
            found.setdefault(body["kind"], {})[json.dumps(body["spec"], sort_keys=True)] = body
    return {kind: list(bodies.values()) for kind, bodies in found.items()}


OBJECTS = golden_objects()


@pytest.fixture
def simulated(subject: Subject) -> SimulatedCluster:
    """What the subject is compared with."""
    return SimulatedCluster(strict_namespaces=False)


def own_fields(body: Any) -> Any:
    """What the entry of our manager names."""
    (entry,) = [one for one in body["metadata"]["managedFields"] if one["manager"] == "revstamp"]
    return entry["fieldsV1"]


@pytest.mark.parametrize("kind", sorted(OBJECTS))
def test_golden_manifests_are_taken_alike(subject: Subject, simulated: SimulatedCluster, kind: str) -> None:
    """The same defaults, the same fields of ours."""
    differences: dict[str, str] = {}
    for manifest in OBJECTS[kind]:
        body = {**manifest, "metadata": {**manifest["metadata"], "namespace": subject.namespace}}
        real, played = subject.port.apply(body, dry_run=True), simulated.apply(body, dry_run=True)
        found = (
            [f"{own_fields(real)} is played as {own_fields(played)}"] if own_fields(real) != own_fields(played) else []
        )
        for one, other in ((real, played), (played, real)):
            found.extend(find_differences(what_is_compared(one), what_is_compared(other)))
        differences |= dict.fromkeys(found, body["metadata"]["name"])
    assert not differences, "\n".join(f"{name}: {each}" for each, name in differences.items())


def what_is_compared(body: Any) -> dict[str, Any]:
    """All that the server does not choose for itself."""
    spec = {key: value for key, value in body["spec"].items() if key not in _CHOSEN_BY_THE_SERVER}
    metadata = {key: body["metadata"].get(key) for key in ("labels", "annotations", "generation")}
    return {"spec": spec, "metadata": metadata}
