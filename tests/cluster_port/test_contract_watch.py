"""Contract of the cluster port: lists, selectors and watches."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from generator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, EVENT, NODE, POD, Kind
from generator.cluster.port import Body, Happening
from generator.errors import KindMissing, ObjectInvalid
from tests.cluster_port.subject import Subject, Watcher
from tests.testbed.workloads import make_deployment


def config_map(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    """A small one with labels."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"of": "test", **labels}},
        "data": {"a": "1"},
    }


def names(bodies: Any) -> list[str]:
    """In their order."""
    return [body["metadata"]["name"] for body in bodies]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("of=test", ["a", "b", "c"]),
        ("of=test,tier=gold", ["a"]),
        ("of==test,tier!=gold", ["b", "c"]),
        ("of=test,tier in (gold, silver)", ["a", "b"]),
        ("of=test,tier notin (gold,silver)", ["c"]),
        ("of=test,tier", ["a", "b"]),
        ("of=test,!tier", ["c"]),
        ("of=test,example.org/x=y.z-1", ["c"]),
        ("of=test,tier=none", []),
    ],
)
def test_a_selector_selects(subject: Subject, selector: str, found: list[str]) -> None:
    """Equality, sets, existence, all of them together."""
    subject.port.apply(config_map(subject.namespace, "a", tier="gold"))
    subject.port.apply(config_map(subject.namespace, "b", tier="silver"))
    subject.port.apply(config_map(subject.namespace, "c", **{"example.org/x": "y.z-1"}))
    assert names(subject.port.list(CONFIG_MAP, subject.namespace, selector)) == found
    with Watcher(subject.port, CONFIG_MAP, subject.namespace, selector) as watcher:
        assert [name for happening, name in watcher.told() if happening == "put"] == found


@pytest.mark.parametrize("selector", ["a in b", "a=b=c", "=", ",,"])
def test_a_selector_that_is_none_is_refused(subject: Subject, selector: str) -> None:
    """It is no empty list."""
    with pytest.raises(ObjectInvalid):
        list(subject.port.list(CONFIG_MAP, subject.namespace, selector))


def test_an_empty_namespace_means_all(subject: Subject) -> None:
    """And kinds without namespaces have none."""
    subject.port.apply(config_map(subject.namespace, "a", of="all"))
    found = list(subject.port.list(CONFIG_MAP, "", "of=all"))
    assert subject.namespace in {body["metadata"]["namespace"] for body in found}
    assert {"cpu-0", "h100-80-3"} <= set(names(subject.port.list(NODE, "")))


def test_listed_objects_say_what_they_are(subject: Subject) -> None:
    """A consumer needs no other knowledge."""
    subject.port.apply(config_map(subject.namespace, "a"))
    (found,) = subject.port.list(CONFIG_MAP, subject.namespace, "of=test")
    assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")


def test_nodes_have_the_gpus_of_the_testbed(subject: Subject) -> None:
    """With their memory as a label."""
    nodes = {node["metadata"]["name"]: node for node in subject.port.list(NODE, "")}
    node = nodes["h100-80-0"]
    assert node["metadata"]["labels"]["nvidia.com/gpu.memory"] == "81559"
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert "nvidia.com/gpu" not in nodes["cpu-0"]["status"]["allocatable"]


def test_a_watch_begins_with_what_there_is(subject: Subject) -> None:
    """PUT for each, LISTED, then each change in its order."""
    subject.port.apply(config_map(subject.namespace, "a"))
    subject.port.apply(config_map(subject.namespace, "b"))
    with Watcher(subject.port, CONFIG_MAP, subject.namespace, "of=test") as watcher:
        assert watcher.told() == [("put", "a"), ("put", "b"), ("listed", "")]
        made = subject.port.apply(config_map(subject.namespace, "c"))
        subject.port.apply({**config_map(subject.namespace, "c"), "data": {"a": "2"}})
        subject.port.delete(subject.ref(CONFIG_MAP, "c"), uid=made["metadata"]["uid"])
        watcher.wait(lambda events: events[-1].happening is Happening.GONE)
        assert watcher.told()[3:] == [("put", "c"), ("put", "c"), ("gone", "c")]
        assert [event.body["data"]["a"] for event in watcher.events[3:]] == ["1", "2", "2"]


def test_an_unchanged_apply_is_not_told(subject: Subject) -> None:
    """Nothing happened."""
    subject.port.apply(config_map(subject.namespace, "a"))
    with Watcher(subject.port, CONFIG_MAP, subject.namespace, "of=test") as watcher:
        subject.port.apply(config_map(subject.namespace, "a"))
        subject.port.apply(config_map(subject.namespace, "b"))
        watcher.wait(lambda events: events[-1].body and events[-1].body["metadata"]["name"] == "b")
        assert watcher.told() == [("put", "a"), ("listed", ""), ("put", "b")]


def test_an_object_that_loses_its_label_is_gone_for_a_selector(subject: Subject) -> None:
    """And comes back with it."""
    subject.port.apply(config_map(subject.namespace, "a", tier="gold"))
    with Watcher(subject.port, CONFIG_MAP, subject.namespace, "tier=gold") as watcher:
        subject.port.apply(config_map(subject.namespace, "a", tier="silver"))
        subject.port.apply(config_map(subject.namespace, "a", tier="gold"))
        watcher.wait(lambda events: len(events) == 4)
        assert watcher.told() == [("put", "a"), ("listed", ""), ("gone", "a"), ("put", "a")]


def test_a_watch_of_one_namespace_sees_no_other(subject: Subject) -> None:
    """Although the kind is the same."""
    other = f"{subject.namespace}-other"
    subject.port.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    with Watcher(subject.port, CONFIG_MAP, subject.namespace, "of=test") as watcher:
        subject.port.apply(config_map(other, "a"))
        subject.port.apply(config_map(subject.namespace, "b"))
        watcher.wait(lambda events: len(events) == 2)
        assert watcher.told() == [("listed", ""), ("put", "b")]


def test_a_stopped_watch_ends_soon(subject: Subject) -> None:
    """Also where nothing happens."""
    stop = threading.Event()
    source = subject.port.watch(CONFIG_MAP, subject.namespace, stop, "of=none")
    assert next(source).happening is Happening.LISTED
    threading.Timer(0.1, stop.set).start()
    assert list(source) == []


def test_a_closed_cluster_ends_its_watches(subject: Subject) -> None:
    """A thread that follows one must not hang."""
    source = subject.port.watch(CONFIG_MAP, subject.namespace, threading.Event(), "of=none")
    assert next(source).happening is Happening.LISTED
    threading.Timer(0.1, subject.port.close).start()
    left: list[Body] = []

    def follow() -> None:
        left.extend(event.body for event in source if event.happening is Happening.PUT)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert left == []


def test_a_kind_that_is_missing_cannot_be_watched(subject: Subject) -> None:
    """It is raised, not waited for."""
    kind = Kind("example.org/v1", "Thing", "things")
    with pytest.raises(KindMissing):
        next(iter(subject.port.watch(kind, subject.namespace, threading.Event())))


def test_the_states_of_a_pod_come_in_their_order(subject: Subject) -> None:
    """Made, scheduled, started, ready, being deleted, gone: by the watch alone."""
    with Watcher(subject.port, POD, subject.namespace) as watcher:
        subject.roll_out(make_deployment(subject.namespace, replicas=1))
        made = subject.read(DEPLOYMENT)
        subject.port.delete(subject.ref(DEPLOYMENT), uid=made["metadata"]["uid"])
        events = watcher.wait(lambda seen: seen[-1].happening is Happening.GONE)
    bodies = [event.body for event in events if event.happening is Happening.PUT]
    states = [
        ("ending" if body["metadata"].get("deletionTimestamp") else body["status"].get("phase", "")) for body in bodies
    ]
    assert list(dict.fromkeys(states)) == ["Pending", "Running", "ending"]
    versions = [int(body["metadata"]["resourceVersion"]) for body in bodies]
    assert versions == sorted(versions)
    assert not bodies[0]["spec"].get("nodeName")
    assert bodies[-1]["spec"]["nodeName"]


def test_events_name_what_they_are_about(subject: Subject) -> None:
    """With uid, reason, words and time."""
    subject.roll_out(make_deployment(subject.namespace, replicas=1))
    (pod,) = subject.pods()

    def find() -> list[Body]:
        of_pod = [
            event
            for event in subject.port.list(EVENT, subject.namespace)
            if event["involvedObject"].get("uid") == pod["metadata"]["uid"]
        ]
        return [event for event in of_pod if event["reason"] == "Scheduled"]

    (scheduled,) = subject.until(find)
    assert scheduled["type"] == "Normal"
    assert scheduled["involvedObject"]["kind"] == "Pod"
    assert pod["spec"]["nodeName"] in scheduled["message"]
    assert scheduled.get("eventTime")
