"""`is_applied` against a small model of server-side apply: objects, keyed lists, and wholes."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from generator.cluster.ownership import is_applied, merge_fields, take_over
from tests.cluster.field_owners import fields_of, owners_of

SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "1", "true", "1Gi"]))
NAMES = st.sampled_from(["name", "a", "b.c", "x/y", "f:z"])
WHOLES = st.lists(SCALARS, min_size=1, max_size=3)


def keyed_lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Items that have a name of their own each."""
    items = st.dictionaries(st.sampled_from(["image", "value"]), values, max_size=2)
    named = st.dictionaries(st.sampled_from(["n1", "n2", "n3"]), items, min_size=1, max_size=3)
    return named.map(lambda found: [{"name": name, **item} for name, item in found.items()])


VALUES = st.recursive(
    SCALARS | WHOLES,
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3) | keyed_lists(inner),
    max_leaves=8,
)
SPECS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=3)


def own(value: Any) -> dict[str, Any]:
    """`fieldsV1` of a value: keyed lists item by item, other lists as wholes."""
    if isinstance(value, dict):
        return {f"f:{key}": own(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return {f"k:{json.dumps({'name': item['name']})}": {".": {}, **own(item)} for item in value}
    return {}


def manifest_of(spec: dict[str, Any]) -> dict[str, Any]:
    """An object with a label."""
    metadata = {"name": "one", "namespace": "here", "labels": {"a": "b"}}
    return {"apiVersion": "v1", "kind": "Thing", "metadata": metadata, "spec": spec}


def live_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """As a server has it after an apply, with a status of a controller's."""
    live = copy.deepcopy(manifest)
    fields = {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": own(manifest["spec"])}
    live["metadata"] |= {"resourceVersion": "7", "uid": "u", "managedFields": [entry("revstamp", "Apply", fields)]}
    live["metadata"]["managedFields"].append(entry("controller", "Update", {"f:status": {}}, "status"))
    live["status"] = {"ready": True}
    return live


def entry(manager: str, operation: str, fields: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    """One of `managedFields`."""
    found = {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**found, "subresource": subresource} if subresource else found


def edits(value: Any) -> Iterator[Any]:
    """The value with one thing in it changed, added or left out."""
    if isinstance(value, dict):
        yield {**value, "new": 1}
        for key in value:
            yield {each: item for each, item in value.items() if each != key}
            for edited in edits(value[key]):
                yield {**value, key: edited}
    elif isinstance(value, list):
        if len(value) > 1 and value[0] != value[-1]:
            yield value[::-1]
        yield value[:-1]
        for at, item in enumerate(value):
            for edited in edits(item):
                yield [*value[:at], edited, *value[at + 1 :]]
    else:
        yield f"{value}!"
        yield None
        if isinstance(value, bool | int):
            yield int(value) if isinstance(value, bool) else bool(value)
            yield str(value)


@given(SPECS)
def test_what_was_just_applied_is_applied(spec: dict[str, Any]) -> None:
    """Also with what others add beside it."""
    manifest = manifest_of(spec)
    live = live_of(manifest)
    assert is_applied(manifest, live)
    live["spec"]["theirs"] = {"x": 1}
    live["metadata"]["labels"]["theirs"] = "x"
    assert is_applied(manifest, live)


@given(SPECS)
def test_no_edit_of_the_manifest_is_taken_for_applied(spec: dict[str, Any]) -> None:
    """Each place, each way."""
    live = live_of(manifest_of(spec))
    for edited in edits(spec):
        assert not is_applied(manifest_of(edited), live), edited


@given(SPECS)
def test_no_foreign_change_of_an_owned_value_is_taken_for_applied(spec: dict[str, Any]) -> None:
    """What is added beside our fields is not ours; all else is."""
    manifest = manifest_of(spec)
    live = live_of(manifest)
    for edited in edits(spec):
        changed = {**live, "spec": edited}
        if not adds_only(spec, edited):
            assert not is_applied(manifest, changed), edited


def adds_only(before: Any, after: Any) -> bool:
    """Whether a field was added to a map whose fields are owned one by one."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() <= after.keys() and all(adds_only(value, after[key]) for key, value in before.items())
    if isinstance(before, list) and before and all(isinstance(item, dict) for item in before):
        return isinstance(after, list) and len(before) == len(after) and all(map(adds_only, before, after))
    return type(before) is type(after) and bool(before == after)


def test_a_field_that_the_manifest_gave_up_is_to_be_removed() -> None:
    """It is owned, and no longer wanted."""
    live = live_of(manifest_of({"a": 1, "b": 2}))
    assert not is_applied(manifest_of({"a": 1}), live)


def test_another_version_manager_or_kind_is_not_ours() -> None:
    """Only our own Apply entry of the same version counts."""
    manifest = manifest_of({"a": 1})
    live = live_of(manifest)
    assert not is_applied({**manifest, "apiVersion": "v2"}, live)
    assert not is_applied(manifest, live, "another")
    assert not is_applied({**manifest, "kind": "Other"}, live)
    for change in ({"operation": "Update"}, {"subresource": "scale"}, {"apiVersion": "v0"}, {"fieldsV1": None}):
        changed = copy.deepcopy(live)
        changed["metadata"]["managedFields"][0] |= change
        assert not is_applied(manifest, changed), change
    assert not is_applied(manifest, {**live, "metadata": {"name": "one"}})


def test_a_port_without_a_protocol_is_a_tcp_port() -> None:
    """The one default among the keys of lists."""
    spec = {"ports": [{"port": 80}]}
    live = live_of(manifest_of({}))
    live["spec"] = {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}
    fields = {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}
    live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"] = {"f:ports": fields}
    assert is_applied(manifest_of(spec), live)
    assert not is_applied(manifest_of({"ports": [{"port": 80, "protocol": "UDP"}]}), live)


def test_owners_are_found_above_at_and_below_a_field() -> None:
    """A whole that is owned as one is owned in each of its parts."""
    live = {
        "metadata": {
            "managedFields": [
                entry("one", "Apply", {"f:spec": {"f:selector": {}, "f:replicas": {}}}),
                entry("two", "Update", {"f:spec": {"f:template": {"f:x": {}}}}),
                entry("three", "Update", {"f:spec": {"f:replicas": {}}}, "scale"),
            ]
        }
    }
    assert owners_of(live, ("f:spec", "f:replicas")) == [("one", "Apply", ""), ("three", "Update", "scale")]
    assert owners_of(live, ("f:spec", "f:selector", "f:app")) == [("one", "Apply", "")]
    assert owners_of(live, ("f:spec", "f:template")) == [("two", "Update", "")]
    assert owners_of(live, ("f:spec", "f:other")) == []
    assert owners_of({}, ("f:spec",)) == []
    assert fields_of(live["metadata"]["managedFields"][1]) == {("f:spec", "f:template", "f:x")}


def test_fields_are_taken_from_whom_is_named_and_from_nobody_else() -> None:
    """Subresources stay where they are, and the version of the object is tested."""
    live = live_of(manifest_of({"a": 1, "b": 2}))
    managed = live["metadata"]["managedFields"]
    managed.append(entry("old", "Update", {"f:spec": {"f:b": {}, "f:c": {".": {}, "f:d": {}}}}))
    managed.append(entry("old", "Update", {"f:status": {}}, "status"))
    managed.append(entry("else", "Update", {"f:spec": {"f:e": {}}}))
    test, replace = take_over(live, [("old", "Update")])
    assert test == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    ours, *others = replace["value"]
    assert (ours["manager"], ours["operation"]) == ("revstamp", "Apply")
    assert {("f:spec", "f:b"), ("f:spec", "f:c", "f:d")} <= fields_of(ours)
    assert [(each["manager"], each.get("subresource")) for each in others] == [
        ("controller", "status"),
        ("old", "status"),
        ("else", None),
    ]
    assert take_over(live, [("nobody", "Update")]) == []


@given(SPECS, SPECS)
def test_merged_fields_hold_both(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Whichever comes first."""
    both = merge_fields(own(one), own(other))
    swapped = merge_fields(own(other), own(one))
    assert json.dumps(both, sort_keys=True) == json.dumps(swapped, sort_keys=True)
    assert fields_of({"fieldsV1": both}) >= {
        path for path in fields_of({"fieldsV1": own(one)}) if not any(longer(path, each) for each in paths(other))
    }


def paths(value: dict[str, Any]) -> frozenset[tuple[str, ...]]:
    """All that is owned of a value."""
    return fields_of({"fieldsV1": own(value)})


def longer(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the other goes on where the path ends."""
    return len(other) > len(path) and other[: len(path)] == path
