"""What is said to be applied already is what the real server would not change."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from generator.cluster.kinds import ref_of
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.cluster.ownership import is_applied, take_over
from generator.cluster.takeover import take_fields
from generator.errors import ClusterError
from tests.cluster.field_owners import owners_of
from tests.cluster.golden_manifests import GoldenFile, golden_files
from tests.testbed.catalogue import DEFAULT_KSERVE
from tests.testbed.workloads import make_deployment

pytestmark = pytest.mark.cluster

FILES = [file for file in golden_files() if file.kserve in (DEFAULT_KSERVE, "0.16")]
Manifest = dict[str, Any]


def place_in(manifest: Manifest, namespace: str) -> Manifest:
    """The same object in the test's namespace."""
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def edits_of(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Every manifest that differs in one place: a value changed, left out or added, a list turned round."""
    for path in paths_of(manifest):
        if path[:1] in (("apiVersion",), ("kind",)) or path[:2] in (("metadata", "name"), ("metadata", "namespace")):
            continue
        where = "/".join(map(str, path))
        parent, last = path[:-1], path[-1]
        gone = copy.deepcopy(manifest)
        del at(gone, parent)[last]
        yield f"without {where}", gone
        value = at(manifest, path)
        changed = copy.deepcopy(manifest)
        if isinstance(value, dict):
            at(changed, path)["zz-new"] = "x"
        elif isinstance(value, list):
            at(changed, path).reverse()
            if len(value) < 2:
                continue
        else:
            at(changed, parent)[last] = (
                value + 1 if type(value) is int else not value if value in (True, False) else value + "x"
            )
        yield f"other {where}", changed


def paths_of(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places below a value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*above, key)
        yield from paths_of(value[key], (*above, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """What stands there."""
    for key in path:
        value = value[key]
    return value


def would_change(cluster: KubernetesCluster, manifest: Manifest) -> bool:
    """Whether the server would change anything, or refuses; asked while no controller writes the object."""
    while True:
        before = cluster.read(ref_of(manifest))
        try:
            after = cluster.apply(manifest, dry_run=True)
        except ClusterError:
            return True
        now = cluster.read(ref_of(manifest))
        assert before is not None
        assert now is not None
        if before["metadata"]["resourceVersion"] == now["metadata"]["resourceVersion"]:
            return essence(after) != essence(before)


def essence(body: Any) -> str:
    """The object without the times of its managers."""
    fields = [
        {key: value for key, value in each.items() if key != "time"} for each in body["metadata"]["managedFields"]
    ]
    fields.sort(key=lambda each: json.dumps(each, sort_keys=True))
    return json.dumps({**body, "metadata": {**body["metadata"], "managedFields": fields}}, sort_keys=True)


@pytest.mark.parametrize("golden", FILES, ids=lambda file: file.name)
def test_golden_manifests_are_applied_once_and_then_known_to_be(
    adapter: KubernetesCluster, namespace: str, golden: GoldenFile
) -> None:
    """After the apply all are unchanged; no edit of a manifest is ever taken for unchanged where it is a change."""
    for written in golden.objects():
        manifest = place_in(written, namespace)
        live = adapter.apply(manifest)
        assert is_applied(manifest, live), live["metadata"]["managedFields"]
        edits = [edit for edit in edits_of(manifest) if is_applied(edit[1], live)]
        wrong = [what for what, edited in edits if would_change(adapter, edited)]
        assert not wrong


def test_an_order_that_git_changes_is_a_change(adapter: KubernetesCluster, namespace: str) -> None:
    """Variables may refer to those before them, so their order counts."""
    manifest = make_deployment(namespace)
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]
    live = adapter.apply(manifest)
    assert is_applied(manifest, live)
    container["env"].reverse()
    assert not is_applied(manifest, live)
    assert would_change(adapter, manifest)


def foreign_changes(namespace: str) -> list[tuple[str, list[dict[str, Any]], bool]]:
    """What somebody else patches, and whether an apply of ours would change something then."""
    first = "/spec/template/spec/containers/0"
    return [
        ("a label of ours is changed", [{"op": "replace", "path": "/metadata/labels/app", "value": "x"}], True),
        ("a label of ours is removed", [{"op": "remove", "path": "/metadata/labels/app"}], True),
        ("a label is added", [{"op": "add", "path": "/metadata/labels/theirs", "value": "x"}], False),
        ("replicas are changed", [{"op": "replace", "path": "/spec/replicas", "value": 5}], True),
        ("the image is changed", [{"op": "replace", "path": f"{first}/image", "value": "other:1"}], True),
        ("a variable is added", [{"op": "add", "path": f"{first}/env/0", "value": {"name": "X", "value": "1"}}], False),
        ("a variable is removed", [{"op": "remove", "path": f"{first}/env/0"}], True),
        ("a default is changed", [{"op": "replace", "path": "/spec/revisionHistoryLimit", "value": 3}], False),
        (
            "variables change places",
            [{"op": "move", "from": f"{first}/env/0", "path": f"{first}/env/1"}],
            True,
        ),
    ]


@pytest.mark.parametrize("change", foreign_changes(""), ids=lambda change: change[0])
def test_a_foreign_change_is_seen_where_an_apply_would_undo_it(
    adapter: KubernetesCluster, namespace: str, change: tuple[str, list[dict[str, Any]], bool]
) -> None:
    """By another field manager, through a JSON patch."""
    manifest = make_deployment(namespace, replicas=1)
    manifest["metadata"]["labels"] = {"app": "chat"}
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    adapter.apply(manifest)
    what, operations, undone = change
    adapter.patch(ref_of(manifest), operations, manager="somebody")
    live = adapter.read(ref_of(manifest))
    assert live is not None
    assert is_applied(manifest, live) is (not undone), what
    if not undone:
        assert not would_change(adapter, manifest)


def test_fields_that_are_taken_over_go_with_the_next_apply(adapter: KubernetesCluster, namespace: str) -> None:
    """A client that updates set two labels; the manifest has one of them."""
    made = make_deployment(namespace, replicas=1)
    made["metadata"]["labels"] = {"keep": "1", "drop": "1"}
    adapter.create(made, manager="old-client")
    live = adapter.read(ref_of(made))
    assert live is not None
    assert ("old-client", "Update", "") in owners_of(live, ("f:metadata", "f:labels", "f:drop"))
    taken = take_fields(adapter, live, lambda _: [("old-client", "Update")])
    path = ("f:metadata", "f:labels", "f:drop")
    assert owners_of(taken, path) == [("revstamp", "Apply", "")]
    wanted = copy.deepcopy(made)
    del wanted["metadata"]["labels"]["drop"]
    after = adapter.apply(wanted)
    assert after["metadata"]["labels"] == {"keep": "1"}
    assert is_applied(wanted, after)
    assert take_over(after, [("old-client", "Update")]) == []


def test_fields_that_were_set_in_another_version_are_taken_over_too(adapter: KubernetesCluster, namespace: str) -> None:
    """An autoscaler made in autoscaling/v1, where the same fields have other names."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
    old = {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {"maxReplicas": 3, "minReplicas": 1, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50},
    }
    adapter.create(old, manager="old-client")
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    wanted = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "chat", "namespace": namespace},
        "spec": {"maxReplicas": 4, "scaleTargetRef": target, "metrics": [metric]},
    }
    live = adapter.read(ref_of(wanted))
    assert live is not None
    adapter.patch(ref_of(wanted), take_over(live, [("old-client", "Update")]))
    after = adapter.apply(wanted)
    assert (after["spec"]["maxReplicas"], after["spec"]["metrics"]) == (4, [metric])
    assert is_applied(wanted, after)
