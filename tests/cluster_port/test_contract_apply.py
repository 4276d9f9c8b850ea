"""Contract of the cluster port: applying, owning fields, and what is refused."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from generator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, POD, SERVICE, Kind, ObjectRef
from generator.cluster.port import Body
from generator.errors import (
    AdmissionRefused,
    ApplyConflict,
    ClusterError,
    ImmutableField,
    KindMissing,
    ObjectInvalid,
    StaleObject,
)
from tests.cluster_port.subject import Subject
from tests.testbed.workloads import make_deployment, make_inference_service


def changed(body: Body, path: str, value: Any) -> dict[str, Any]:
    """A copy with one field set; `path` is dotted, numbers are places in a list."""
    new = copy.deepcopy(dict(body))
    at: Any = new
    *above, last = path.split("/")
    for part in above:
        at = at[int(part)] if part.isdecimal() else at.setdefault(part, {})
    if value is None:
        at.pop(last)
    else:
        at[last] = value
    return new


def owners(body: Body) -> dict[tuple[str, str], dict[str, Any]]:
    """Fields by manager and operation, without those of subresources."""
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]
        for entry in body["metadata"]["managedFields"]
        if not entry.get("subresource")
    }


def sparse(namespace: str, **changes: Any) -> dict[str, Any]:
    """A Deployment with a container that has lists with keys."""
    body = make_deployment(namespace, replicas=0, **changes)
    body["spec"]["template"]["spec"] = {
        "containers": [
            {
                "name": "server",
                "image": "registry.internal/serve/vllm:1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "ports": [{"name": "http", "containerPort": 8000}],
                "volumeMounts": [{"name": "model", "mountPath": "/mnt/models"}],
                "startupProbe": {"httpGet": {"path": "/health", "port": 8000}, "failureThreshold": 180},
                "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
            }
        ],
        "volumes": [{"name": "model", "emptyDir": {}}],
    }
    return body


def test_an_applied_object_is_owned_field_by_field(subject: Subject) -> None:
    """The entry of the manager has what the manifest has, lists by their keys, and nothing else."""
    made = subject.port.apply(sparse(subject.namespace))
    assert owners(made)["revstamp", "Apply"] == {
        "f:metadata": {"f:annotations": {"f:revstamp.io/revision": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:strategy": {"f:rollingUpdate": {"f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
            "f:template": {
                "f:metadata": {"f:annotations": {"f:revstamp.io/revision": {}}, "f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"server"}': {
                            ".": {},
                            "f:env": {
                                'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}},
                                'k:{"name":"B"}': {".": {}, "f:name": {}, "f:value": {}},
                            },
                            "f:image": {},
                            "f:name": {},
                            "f:ports": {
                                'k:{"containerPort":8000,"protocol":"TCP"}': {
                                    ".": {},
                                    "f:containerPort": {},
                                    "f:name": {},
                                }
                            },
                            "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}},
                            "f:startupProbe": {
                                "f:failureThreshold": {},
                                "f:httpGet": {"f:path": {}, "f:port": {}},
                            },
                            "f:volumeMounts": {
                                'k:{"mountPath":"/mnt/models"}': {".": {}, "f:mountPath": {}, "f:name": {}}
                            },
                        }
                    },
                    "f:volumes": {'k:{"name":"model"}': {".": {}, "f:emptyDir": {}, "f:name": {}}},
                },
            },
        },
    }


def test_a_new_deployment_has_the_defaults_of_the_server(subject: Subject) -> None:
    """What the manifest does not say is filled in, and owned by nobody."""
    made = subject.port.apply(sparse(subject.namespace))
    spec = made["spec"]
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    pod = spec["template"]["spec"]
    assert {name: pod[name] for name in ("restartPolicy", "dnsPolicy", "schedulerName")} == {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
    }
    (container,) = pod["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["startupProbe"] == {
        "httpGet": {"path": "/health", "port": 8000, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 180,
    }
    assert container["resources"] == {"limits": {"cpu": "2", "memory": "1Gi"}} | (
        {"requests": {"cpu": "2", "memory": "1Gi"}} if "requests" in container["resources"] else {}
    )
    assert made["metadata"]["generation"] == 1


def test_a_new_service_has_an_address(subject: Subject) -> None:
    """And the ports as the server keeps them."""
    made = subject.port.apply(service(subject.namespace))
    assert made["spec"]["clusterIP"]
    assert made["spec"]["type"] == "ClusterIP"
    assert made["spec"]["ports"] == [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"}]
    fields = owners(made)["revstamp", "Apply"]["f:spec"]
    assert fields["f:selector"] == {}
    assert list(fields["f:ports"]) == ['k:{"port":80,"protocol":"TCP"}']


def service(namespace: str) -> dict[str, Any]:
    """A small one."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "chat-svc", "namespace": namespace},
        "spec": {"selector": {"app": "chat"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }


def test_an_unchanged_apply_does_not_move_the_resource_version(subject: Subject) -> None:
    """Nor the time of the entry, nor the generation."""
    for body in (sparse(subject.namespace), service(subject.namespace), config_map(subject.namespace)):
        first = subject.port.apply(body)
        live = subject.port.read(ref(first))
        again = subject.port.apply(body)
        if body["kind"] != "Deployment":  # its controller writes meanwhile
            assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        assert live is not None
        assert again["metadata"]["generation"] == 1 if "generation" in again["metadata"] else True
        assert owners(again)["revstamp", "Apply"] == owners(first)["revstamp", "Apply"]


def ref(body: Body) -> ObjectRef:
    """Which object it is."""
    from generator.cluster.kinds import ref_of

    return ref_of(body)


def config_map(namespace: str, **data: str) -> dict[str, Any]:
    """A small one."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "record", "namespace": namespace},
        "data": data or {"a": "1", "b": "2"},
    }


def test_a_changed_field_moves_version_and_generation(subject: Subject) -> None:
    """Those of a Deployment also by an annotation."""
    first = subject.port.apply(sparse(subject.namespace))
    second = subject.port.apply(changed(sparse(subject.namespace), "spec/revisionHistoryLimit", 3))
    third = subject.port.apply(
        changed(changed(sparse(subject.namespace), "spec/revisionHistoryLimit", 3), "metadata/annotations/example", "1")
    )
    assert second["metadata"]["generation"] == first["metadata"]["generation"] + 1
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert third["metadata"]["generation"] == second["metadata"]["generation"] + 1


def test_the_time_of_an_entry_is_that_of_the_last_change_of_any_value(subject: Subject) -> None:
    """Rollouts are measured from it. An apply that changes nothing moves it as little as it moves the object."""

    def written(body: Body) -> str:
        (moment,) = {str(e["time"]) for e in body["metadata"]["managedFields"] if e["operation"] == "Apply"}
        return moment

    first = sparse(subject.namespace)
    second = changed(first, "spec/template/spec/containers/0/image", "registry.internal/serve/vllm:2")
    times = []
    for body in (first, first, second, second):
        times.append(written(subject.port.apply(body)))
        time.sleep(1.1)  # it counts in seconds
    assert times[0] == times[1]
    assert times[1] < times[2]
    assert times[2] == times[3]


def test_another_managers_field_is_a_conflict_that_names_it(subject: Subject) -> None:
    """With the field as the API server writes it."""
    subject.port.apply(sparse(subject.namespace))
    other = changed(sparse(subject.namespace), "spec/template/spec/containers/0/image", "x:2")
    with pytest.raises(ApplyConflict) as refused:
        subject.port.apply(changed(other, "spec/replicas", 3), manager="other")
    held = {(item["manager"], item["field"].lstrip(".")) for item in refused.value.details["conflicts"]}
    assert held == {
        ("revstamp", 'spec.template.spec.containers[name="server"].image'),
        ("revstamp", "spec.replicas"),
    }
    assert "revstamp" in refused.value.message
    assert "spec.replicas" in refused.value.message


def test_a_refused_apply_changes_nothing(subject: Subject) -> None:
    """Also where only one field of many is held by another."""
    subject.port.apply(config_map(subject.namespace))
    with pytest.raises(ApplyConflict):
        subject.port.apply(config_map(subject.namespace, a="2", c="3"), manager="other")
    live = subject.read(CONFIG_MAP, "record")
    assert live["data"] == {"a": "1", "b": "2"}
    assert set(owners(live)) == {("revstamp", "Apply")}


def test_the_same_value_is_shared(subject: Subject) -> None:
    """Two managers own it; it goes when both have let go of it."""
    subject.port.apply(config_map(subject.namespace, a="1", b="2"))
    subject.port.apply(config_map(subject.namespace, a="1"), manager="other")
    left = subject.port.apply(config_map(subject.namespace, b="2"))
    assert left["data"] == {"a": "1", "b": "2"}
    gone = subject.port.apply({**config_map(subject.namespace), "data": {"c": "3"}}, manager="other")
    assert gone["data"] == {"b": "2", "c": "3"}


def test_force_takes_the_field_from_the_other(subject: Subject) -> None:
    """Who had it has it no longer."""
    subject.port.apply(config_map(subject.namespace, a="1", b="2"))
    taken = subject.port.apply(config_map(subject.namespace, a="9"), manager="other", force=True)
    assert taken["data"] == {"a": "9", "b": "2"}
    assert owners(taken)["revstamp", "Apply"] == {"f:data": {"f:b": {}}}
    assert owners(taken)["other", "Apply"] == {"f:data": {"f:a": {}}}
    with pytest.raises(ApplyConflict):
        subject.port.apply(config_map(subject.namespace, a="1", b="2"))


def test_an_edit_takes_the_field_without_asking(subject: Subject) -> None:
    """As `kubectl scale` does; the next apply meets a conflict with who did it."""
    subject.port.apply(sparse(subject.namespace))
    scaled = subject.port.patch(
        subject.ref(DEPLOYMENT), [{"op": "replace", "path": "/spec/replicas", "value": 3}], manager="kubectl-scale"
    )
    assert "f:replicas" not in owners(scaled)["revstamp", "Apply"]["f:spec"]
    assert owners(scaled)["kubectl-scale", "Update"] == {"f:spec": {"f:replicas": {}}}
    with pytest.raises(ApplyConflict) as refused:
        subject.port.apply(sparse(subject.namespace))
    assert [(item["manager"], item["field"].lstrip(".")) for item in refused.value.details["conflicts"]] == [
        ("kubectl-scale", "spec.replicas")
    ]
    forced = subject.port.apply(sparse(subject.namespace), force=True)
    assert forced["spec"]["replicas"] == 0
    assert ("kubectl-scale", "Update") not in owners(forced)


def test_an_apply_takes_away_what_only_it_had_given(subject: Subject) -> None:
    """Items of lists, keys of maps, whole probes with their defaults."""
    subject.port.apply(sparse(subject.namespace))
    less = sparse(subject.namespace)
    container = less["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "B", "value": "2"}]
    del container["startupProbe"], container["volumeMounts"], container["ports"]
    del less["spec"]["template"]["spec"]["volumes"], container["resources"]["limits"]["cpu"]
    live = subject.port.apply(less)
    pod = live["spec"]["template"]["spec"]
    (left,) = pod["containers"]
    assert left["env"] == [{"name": "B", "value": "2"}]
    assert not {"startupProbe", "volumeMounts", "ports"} & set(left)
    assert "volumes" not in pod
    assert left["resources"]["limits"] == {"memory": "1Gi"}


def test_what_others_have_added_stays(subject: Subject) -> None:
    """A variable that somebody edited in outlives the next apply."""
    subject.port.apply(sparse(subject.namespace))
    path = "/spec/template/spec/containers/0/env/-"
    subject.port.patch(
        subject.ref(DEPLOYMENT),
        [{"op": "add", "path": path, "value": {"name": "C", "value": "3"}}],
        manager="kubectl-edit",
    )
    less = sparse(subject.namespace)
    less["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "B", "value": "2"}]
    live = subject.port.apply(less)
    (container,) = live["spec"]["template"]["spec"]["containers"]
    assert {item["name"]: item["value"] for item in container["env"]} == {"B": "2", "C": "3"}


def test_replicas_that_the_only_owner_drops_go_back_to_one(subject: Subject) -> None:
    """The trap of handing over to an autoscaler."""
    subject.port.apply(changed(sparse(subject.namespace), "spec/replicas", 3))
    live = subject.port.apply(changed(sparse(subject.namespace), "spec/replicas", None))
    assert live["spec"]["replicas"] == 1


def test_replicas_that_another_holds_too_stay(subject: Subject) -> None:
    """How they are handed over."""
    subject.port.apply(changed(sparse(subject.namespace), "spec/replicas", 3))
    only = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat", "namespace": subject.namespace},
        "spec": {"replicas": 3},
    }
    subject.port.apply(only, manager="revstamp-replicas", force=True)
    live = subject.port.apply(changed(sparse(subject.namespace), "spec/replicas", None))
    assert live["spec"]["replicas"] == 3
    assert owners(live)["revstamp-replicas", "Apply"] == {"f:spec": {"f:replicas": {}}}


def test_a_dry_run_answers_and_changes_nothing(subject: Subject) -> None:
    """Neither for a new object nor for one that is there."""
    assert subject.port.apply(config_map(subject.namespace), dry_run=True)["data"] == {"a": "1", "b": "2"}
    assert subject.port.read(subject.ref(CONFIG_MAP, "record")) is None
    before = subject.port.apply(config_map(subject.namespace))
    answer = subject.port.apply(config_map(subject.namespace, a="5"), dry_run=True)
    assert answer["data"] == {"a": "5"}
    assert subject.read(CONFIG_MAP, "record") == before


def test_an_apply_to_another_version_is_stale(subject: Subject) -> None:
    """By resourceVersion, and by uid."""
    first = subject.port.apply(config_map(subject.namespace))
    subject.port.apply(config_map(subject.namespace, a="2"))
    for name in ("resourceVersion", "uid"):
        value = first["metadata"]["resourceVersion"] if name == "resourceVersion" else "another"
        with pytest.raises(StaleObject) as refused:
            subject.port.apply(changed(config_map(subject.namespace), f"metadata/{name}", value))
        assert refused.value.retryable


def test_an_apply_of_what_is_new_makes_it_like_any_apply(subject: Subject) -> None:
    """The same fields are owned, and the next apply changes nothing."""
    made = subject.port.apply(config_map(subject.namespace), only_new=True)
    assert owners(made) == owners(subject.port.apply(config_map(subject.namespace)))
    assert subject.read(CONFIG_MAP, "record")["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_an_apply_of_what_is_new_leaves_alone_what_is_there(subject: Subject) -> None:
    """Whoever made it, ourselves too; also where it is only rehearsed."""
    for maker in ("somebody", "revstamp"):
        before = subject.port.apply(config_map(subject.namespace), manager=maker)
        for dry_run in (False, True):
            with pytest.raises(StaleObject):
                subject.port.apply(config_map(subject.namespace, a="2"), only_new=True, dry_run=dry_run)
        assert subject.read(CONFIG_MAP, "record") == before


def test_a_rehearsed_apply_of_what_is_new_makes_nothing(subject: Subject) -> None:
    """It says what would be made."""
    assert subject.port.apply(config_map(subject.namespace), only_new=True, dry_run=True)["data"]
    assert subject.port.read(subject.ref(CONFIG_MAP, "record")) is None


def test_an_apply_to_one_that_is_gone_does_not_make_it_anew(subject: Subject) -> None:
    """Where the manifest says which object it means."""
    first = subject.port.apply(config_map(subject.namespace))
    subject.port.delete(subject.ref(CONFIG_MAP, "record"), uid=first["metadata"]["uid"])
    for name in ("resourceVersion", "uid"):
        with pytest.raises(StaleObject):
            subject.port.apply(changed(config_map(subject.namespace), f"metadata/{name}", first["metadata"][name]))
    assert subject.port.read(subject.ref(CONFIG_MAP, "record")) is None


def test_an_object_is_created_once(subject: Subject) -> None:
    """The second one is told that it is there already."""
    made = subject.port.create(config_map(subject.namespace))
    assert owners(made)["revstamp", "Update"]["f:data"] == {".": {}, "f:a": {}, "f:b": {}}
    with pytest.raises(StaleObject):
        subject.port.create(config_map(subject.namespace))


def test_an_object_is_replaced_by_its_version(subject: Subject) -> None:
    """An old one, and one that is gone, are stale."""
    made = subject.port.create(config_map(subject.namespace))
    second = subject.port.replace({**made, "data": {"a": "2"}})
    assert second["data"] == {"a": "2"}
    with pytest.raises(StaleObject):
        subject.port.replace({**made, "data": {"a": "3"}})
    subject.port.delete(subject.ref(CONFIG_MAP, "record"), uid=made["metadata"]["uid"])
    with pytest.raises(StaleObject):
        subject.port.replace(second)


def test_a_lease_is_taken_by_one(subject: Subject) -> None:
    """Create, then replace by version: of two, one is stale."""
    lease: dict[str, Any] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "revstamp", "namespace": subject.namespace},
        "spec": {
            "holderIdentity": "one",
            "leaseDurationSeconds": 15,
            "renewTime": "2026-11-25T06:51:10.097083Z",
            "leaseTransitions": 0,
        },
    }
    made = subject.port.create(lease)
    taken = subject.port.replace(changed(made, "spec/holderIdentity", "two"))
    assert taken["spec"]["holderIdentity"] == "two"
    assert taken["spec"]["renewTime"] == "2026-11-25T06:51:10.097083Z"
    with pytest.raises(StaleObject):
        subject.port.replace(changed(made, "spec/holderIdentity", "three"))


def test_a_patch_whose_test_fails_is_stale(subject: Subject) -> None:
    """And one of an object that is gone."""
    made = subject.port.apply(config_map(subject.namespace))
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]}
    write = {"op": "replace", "path": "/data/a", "value": "7"}
    assert subject.port.patch(subject.ref(CONFIG_MAP, "record"), [version, write])["data"]["a"] == "7"
    with pytest.raises(StaleObject):
        subject.port.patch(subject.ref(CONFIG_MAP, "record"), [version, write])
    with pytest.raises(StaleObject):
        subject.port.patch(subject.ref(CONFIG_MAP, "none"), [version, write])


def test_a_patch_that_does_not_fit_is_invalid(subject: Subject) -> None:
    """It is no question of who was first."""
    subject.port.apply(config_map(subject.namespace))
    with pytest.raises(ObjectInvalid):
        subject.port.patch(subject.ref(CONFIG_MAP, "record"), [{"op": "remove", "path": "/data/none"}])


def test_a_patch_can_hand_fields_over(subject: Subject) -> None:
    """Entries of managedFields are written like any other field: how fields of another client are taken over."""
    made = subject.port.create(config_map(subject.namespace), manager="old-client")
    entry = {**made["metadata"]["managedFields"][0], "manager": "revstamp", "operation": "Apply"}
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]}
    subject.port.patch(
        subject.ref(CONFIG_MAP, "record"),
        [test, {"op": "replace", "path": "/metadata/managedFields", "value": [entry]}],
    )
    live = subject.port.apply(config_map(subject.namespace, a="1"))
    assert live["data"] == {"a": "1"}
    assert set(owners(live)) == {("revstamp", "Apply")}


def test_a_deployments_selector_is_immutable(subject: Subject) -> None:
    """Named as the field that it is."""
    subject.port.apply(sparse(subject.namespace))
    other = changed(sparse(subject.namespace), "spec/selector/matchLabels/app", "other")
    with pytest.raises(ImmutableField) as refused:
        subject.port.apply(changed(other, "spec/template/metadata/labels/app", "other"))
    assert "spec.selector" in refused.value.message


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec/template/metadata/labels/app", "other", "spec.template.metadata.labels"),
        ("spec/replicas", -1, "spec.replicas"),
        ("spec/template/spec/restartPolicy", "Never", "spec.template.spec.restartPolicy"),
        ("spec/template/spec/containers/0/image", None, "spec.template.spec.containers[0].image"),
        ("spec/strategy/rollingUpdate/maxSurge", 0, "spec.strategy.rollingUpdate.maxUnavailable"),
        ("spec/template/spec/volumes/0/name", "other", "spec.template.spec.containers[0].volumeMounts[0].name"),
        ("metadata/name", "Chat_1", "metadata.name"),
    ],
)
def test_an_invalid_deployment_is_refused_with_its_field(subject: Subject, path: str, value: Any, field: str) -> None:
    """Nothing is made of it."""
    with pytest.raises(ObjectInvalid) as refused:
        subject.port.apply(changed(sparse(subject.namespace), path, value))
    assert field in refused.value.message
    assert list(subject.port.list(DEPLOYMENT, subject.namespace)) == []


def test_a_type_that_does_not_fit_is_refused(subject: Subject) -> None:
    """A text where a number belongs."""
    with pytest.raises(ObjectInvalid) as refused:
        subject.port.apply(changed(sparse(subject.namespace), "spec/replicas", "two"))
    assert "spec.replicas" in refused.value.message


def test_a_manifest_must_not_bring_managed_fields(subject: Subject) -> None:
    """The server alone writes them, in an apply."""
    made = subject.port.apply(config_map(subject.namespace))
    with pytest.raises(ObjectInvalid):
        subject.port.apply(made)


def test_a_webhooks_words_are_passed_on(subject: Subject) -> None:
    """KServe's own."""
    body = changed(make_inference_service(subject.namespace), "spec/predictor/minReplicas", 3)
    with pytest.raises(AdmissionRefused) as refused:
        subject.port.apply(body)
    assert "inferenceservice.kserve-webhook-server.validator" in refused.value.message
    assert "'MinReplicas' cannot be greater than MaxReplicas" in refused.value.message
    assert subject.port.read(subject.ref(INFERENCE_SERVICE)) is None


def test_a_missing_namespace_is_named(subject: Subject) -> None:
    """And how it is made."""
    with pytest.raises(ClusterError) as refused:
        subject.port.apply(config_map("nobody-made-it"))
    assert "nobody-made-it" in refused.value.message
    assert "kubectl create namespace nobody-made-it" in refused.value.hint
    assert refused.value.details["missing_namespace"] == "nobody-made-it"


def test_a_kind_that_the_cluster_does_not_have_is_missing(subject: Subject) -> None:
    """For every verb but a read, which finds nothing."""
    kind = Kind("example.org/v1", "Thing", "things")
    body = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a", "namespace": subject.namespace}}
    with pytest.raises(KindMissing):
        subject.port.apply(body)
    with pytest.raises(KindMissing):
        list(subject.port.list(kind, subject.namespace))
    assert subject.port.read(ObjectRef(kind, subject.namespace, "a")) is None


def test_nobody_outside_changes_what_is_stored(subject: Subject) -> None:
    """What is read is a copy."""
    subject.port.apply(config_map(subject.namespace))
    found: Any = subject.read(CONFIG_MAP, "record")
    found["data"]["a"] = "changed"
    assert subject.read(CONFIG_MAP, "record")["data"]["a"] == "1"


def test_kserves_lists_of_containers_are_one_field(subject: Subject) -> None:
    """Its definition has no keys for them; values of environment have."""
    body = make_inference_service(subject.namespace)
    made = subject.port.apply(body)
    assert owners(made)["revstamp", "Apply"]["f:spec"] == {
        "f:predictor": {"f:containers": {}, "f:maxReplicas": {}, "f:minReplicas": {}}
    }
    assert made["spec"]["predictor"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "2Gi"}


def test_an_unchanged_inference_service_stays_as_it_is(subject: Subject) -> None:
    """Although a webhook has filled it in, and although its entries are timed anew every second."""
    body = make_inference_service(subject.namespace)
    subject.port.apply(body)
    subject.wait(INFERENCE_SERVICE, lambda it: "True" in str(ready_condition(it)))
    subject.until(lambda: changes_nothing(subject, body))


def changes_nothing(subject: Subject, body: Body) -> bool:
    """Whether an apply does; controllers may write between, even after it is ready."""
    before = subject.read(INFERENCE_SERVICE)["metadata"]
    time.sleep(1.1)
    after = subject.port.apply(body)["metadata"]
    assert after["generation"] == before["generation"]
    return bool(after["resourceVersion"] == before["resourceVersion"])


def ready_condition(body: Body) -> str:
    """Its status."""
    found = [one for one in (body.get("status") or {}).get("conditions") or () if one["type"] == "Ready"]
    return str(found[0]["status"]) if found else ""


def test_a_routes_rules_are_one_field(subject: Subject) -> None:
    """Lists without keys are owned as a whole."""
    made = subject.port.apply(
        {
            "apiVersion": HTTP_ROUTE.api_version,
            "kind": "HTTPRoute",
            "metadata": {"name": "chat-route", "namespace": subject.namespace},
            "spec": {
                "parentRefs": [{"name": "llm-ops", "namespace": "gateway-system"}],
                "rules": [{"backendRefs": [{"name": "chat-svc", "port": 80}]}],
            },
        }
    )
    assert owners(made)["revstamp", "Apply"]["f:spec"] == {"f:parentRefs": {}, "f:rules": {}}


def test_every_verb_is_allowed_to_who_may_everything(subject: Subject) -> None:
    """Asked before something is begun."""
    assert subject.port.can("patch", DEPLOYMENT, subject.namespace)
    assert subject.port.can("list", POD, "")
    assert subject.port.can("delete", SERVICE, subject.namespace)
