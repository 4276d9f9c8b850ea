"""Fields of the simulated server: sets, merges, removals, patches, for any object."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.cluster.simulated.field_owners import Conflicting, apply_manifest, read_claims, update_body
from generator.cluster.simulated.field_sets import compare_fields, make_tree, read_fields, read_tree
from generator.cluster.simulated.json_patch import PatchInvalid, TestFailed, apply_operations

pytestmark = pytest.mark.sweep

NAMES = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["x", "y"]))
ENV = st.lists(st.fixed_dictionaries({"name": NAMES, "value": SCALARS}), unique_by=lambda it: it["name"], max_size=4)
PORTS = st.lists(
    st.fixed_dictionaries({"containerPort": st.integers(1, 4)}, optional={"name": NAMES, "protocol": st.just("TCP")}),
    unique_by=lambda it: it["containerPort"],
    max_size=3,
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "image": SCALARS,
            "args": st.lists(SCALARS, min_size=1, max_size=3),
            "env": ENV,
            "ports": PORTS,
            "resources": st.dictionaries(NAMES, SCALARS, max_size=3),
        },
    ),
    unique_by=lambda it: it["name"],
    min_size=1,
    max_size=3,
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 3),
        "containers": CONTAINERS,
        "selector": st.dictionaries(NAMES, SCALARS, min_size=1, max_size=2),
        "template": st.dictionaries(NAMES, st.dictionaries(NAMES, SCALARS, min_size=1, max_size=2), max_size=3),
    },
)


def body(spec: dict[str, Any]) -> dict[str, Any]:
    """An object of a built-in group; no defaults are filled in here."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "b"}, "spec": spec}


def apply(live: Any, spec: dict[str, Any], manager: str = "one", force: bool = True) -> dict[str, Any]:
    """By force, unless it is said otherwise."""
    return apply_manifest("apps", live, body(spec), manager, force, "2026-01-01T00:00:00Z")


def fields(spec: Any) -> frozenset[tuple[str, ...]]:
    """Of the spec."""
    return read_fields("apps", body(spec))


@given(SPECS)
def test_a_tree_is_read_back_as_it_was_written(spec: dict[str, Any]) -> None:
    """Whatever the fields are."""
    found = fields(spec)
    assert read_tree(make_tree(found)) == found


@given(SPECS, SPECS)
def test_what_was_applied_is_there(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Nothing of it differs, whatever stood there before."""
    live = apply(apply(None, first, "two"), second)
    changed, _ = compare_fields("apps", live, {**live, "spec": apply(live, second)["spec"]})
    assert not changed
    present = read_fields("apps", live)
    assert not [path for path in fields(second) if not any(_is_above(path, one) for one in present)]


@given(SPECS, SPECS)
def test_applying_twice_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Neither the object nor who owns what."""
    live = apply(apply(None, first), second)
    assert apply(live, second, force=False) == live


@given(SPECS, SPECS)
def test_a_sole_owner_leaves_nothing_behind(first: dict[str, Any], second: dict[str, Any]) -> None:
    """The object has what the last manifest has, and nothing of the one before."""
    live = apply(apply(None, first), second)
    assert {path for path in read_fields("apps", live) if path != ("f:spec",)} <= fields(second) | {
        path for path in read_fields("apps", live) if not _holds_value(live, path)
    }


def _holds_value(live: Any, path: tuple[str, ...]) -> bool:
    """Whether there is more at a path than an empty map or list."""
    at = live
    for element in path:
        if not element.startswith("f:") or not isinstance(at, dict):
            return True
        at = at.get(element[2:])
    return at not in ({}, [])


@given(SPECS, SPECS, SPECS)
def test_what_another_owns_stays(mine: dict[str, Any], theirs: dict[str, Any], less: dict[str, Any]) -> None:
    """Whatever one manager takes out of its manifest."""
    live = apply(apply(None, mine), theirs, "two")
    kept = {path for owner, claim in read_claims(live).items() if owner.manager == "two" for path in claim.fields}
    try:
        after = apply(live, less, force=False)
    except Conflicting:
        return
    present = read_fields("apps", after)
    missing = {path for path in kept if path not in present and not any(_is_above(path, one) for one in present)}
    assert not missing


def _is_above(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return other[: len(path)] == path


@given(SPECS, SPECS)
def test_an_edit_belongs_to_who_made_it(first: dict[str, Any], second: dict[str, Any]) -> None:
    """No field has an owner that wrote another value last."""
    live = apply(None, first)
    edited = update_body("apps", live, {**live, "spec": second}, "editor", "2026-01-01T00:00:01Z")
    changed, removed = compare_fields("apps", live, edited)
    for owner, claim in read_claims(edited).items():
        if owner.manager == "one":
            assert not claim.fields & (changed | removed)


@given(SPECS, SPECS)
def test_applies_change_no_input(first: dict[str, Any], second: dict[str, Any]) -> None:
    """What is stored is shared by all who read it."""
    live = apply(None, first)
    before, manifest = copy.deepcopy(live), copy.deepcopy(second)
    apply(live, second)
    assert (live, second) == (before, manifest)


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ({"op": "add", "path": "/a/c", "value": 3}, {"a": {"b": 1, "c": 3}, "l": [1, 2]}),
        ({"op": "add", "path": "/l/-", "value": 3}, {"a": {"b": 1}, "l": [1, 2, 3]}),
        ({"op": "add", "path": "/l/0", "value": 0}, {"a": {"b": 1}, "l": [0, 1, 2]}),
        ({"op": "replace", "path": "/l/1", "value": 9}, {"a": {"b": 1}, "l": [1, 9]}),
        ({"op": "remove", "path": "/a/b"}, {"a": {}, "l": [1, 2]}),
        ({"op": "move", "from": "/a/b", "path": "/x~1y"}, {"a": {}, "l": [1, 2], "x/y": 1}),
        ({"op": "copy", "from": "/l", "path": "/a/l"}, {"a": {"b": 1, "l": [1, 2]}, "l": [1, 2]}),
        ({"op": "test", "path": "/a", "value": {"b": 1}}, {"a": {"b": 1}, "l": [1, 2]}),
    ],
)
def test_a_patch_does_what_its_operation_says(operation: dict[str, Any], after: Any) -> None:
    """RFC 6902, all six of them."""
    assert apply_operations({"a": {"b": 1}, "l": [1, 2]}, [operation]) == after


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ({"op": "test", "path": "/a/b", "value": 2}, TestFailed),
        ({"op": "test", "path": "/a/none", "value": 2}, TestFailed),
        ({"op": "remove", "path": "/a/none"}, PatchInvalid),
        ({"op": "replace", "path": "/a/none", "value": 1}, PatchInvalid),
        ({"op": "add", "path": "/none/x", "value": 1}, PatchInvalid),
        ({"op": "add", "path": "/l/7", "value": 1}, PatchInvalid),
        ({"op": "remove", "path": ""}, PatchInvalid),
        ({"op": "wish", "path": "/a"}, PatchInvalid),
        ({"op": "remove", "path": "a"}, PatchInvalid),
    ],
)
def test_a_patch_that_cannot_be_is_refused(operation: dict[str, Any], error: type[Exception]) -> None:
    """And told apart from one whose test failed."""
    with pytest.raises(error):
        apply_operations({"a": {"b": 1}, "l": [1, 2]}, [operation])
