"""Following a value into the manifests: what counts as a difference, and which values are tried."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from generator.errors import NotFound
from generator.service.explained_fields import FIELDS, Field, find_fields, list_fields
from generator.service.trace import Differences, compare_bodies, get_value, other_values
from generator.spec.resolved import ResolvedEndpoint
from tests.render.factory import make_endpoint

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def compared(before: Any, after: Any) -> Differences:
    """The differences of one object."""
    found = Differences()
    compare_bodies({"x.yaml": {"spec": before}}, {"x.yaml": {"spec": after}}, found)
    return found


@given(JSON)
def test_the_same_object_has_no_differences(value: Any) -> None:
    """Whatever it holds."""
    found = compared(value, value)
    assert not found.changed
    assert not found.added


@given(JSON, JSON)
def test_different_objects_have_some(before: Any, after: Any) -> None:
    """Nothing is overlooked, and every place that is named is there before."""
    found = compared(before, after)
    if json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True):
        assert found.changed or found.added
    for _, path in found.changed:
        value: Any = {"spec": before}
        for part in path:
            value = value[part]


def test_a_leaf_that_changes_is_named_by_its_path() -> None:
    """Through maps and lists."""
    found = compared({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]})
    assert list(found.changed) == [("x.yaml", ("spec", "a", 1, "b"))]


def test_an_item_put_in_the_middle_does_not_change_those_behind_it() -> None:
    """Arguments move; they stay the same arguments."""
    found = compared(["--a", "--c"], ["--a", "--b", "--c"])
    assert not found.changed
    assert list(found.added) == [("x.yaml", ("spec", 1))]


def test_an_object_that_goes_or_comes_is_one_place() -> None:
    """Not each of its leaves."""
    found = Differences()
    compare_bodies({"a.yaml": {"x": {"y": 1}}}, {"b.yaml": {"x": {"y": 1}}}, found)
    assert list(found.changed) == [("a.yaml", ())]
    assert list(found.added) == [("b.yaml", ())]


def test_numbers_and_truth_are_told_apart() -> None:
    """`1` and `true` are equal in Python and not in YAML."""
    assert compared({"a": 1}, {"a": True}).changed


@pytest.mark.parametrize("value", [True, 0, 7, "text", {"a": {"b": 1}}, {}, (), ("x",)])
def test_other_values_are_other_and_of_the_same_type(value: Any) -> None:
    """Never the value itself."""
    others = list(other_values(value, Field("x", ("x",))))
    assert others
    for other in others:
        assert other != value
        assert isinstance(other, type(value))


def test_every_resolved_value_can_be_asked_for() -> None:
    """A field that is added to a resolved endpoint must be added to the list of what can be explained."""
    left_out = {"environment", "device", "origins"}
    for path in _paths(make_endpoint(), ()):
        is_covered = any(path[: len(field.path)] == field.path for field in FIELDS)
        assert is_covered or path[0] in left_out, path


def _paths(value: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(value, BaseModel):
        names = list(type(value).model_fields)
    elif is_dataclass(value):
        names = [item.name for item in fields(value)]
    else:
        return [path]
    return [found for name in names for found in _paths(getattr(value, name), (*path, name))]


def test_every_field_has_a_value_in_a_resolved_endpoint() -> None:
    """The list names no attribute that is not there."""
    endpoint: ResolvedEndpoint = make_endpoint()
    for field in list_fields(endpoint):
        get_value(endpoint, field.path)


def test_names_of_fields_are_unique_and_known_by_themselves() -> None:
    """Each can be asked for."""
    names = [field.name for field in FIELDS]
    assert len(names) == len(set(names))
    for name in names:
        assert name in find_fields(name, None, {})


def test_an_unknown_field_names_the_nearest() -> None:
    """Also where a flag is the nearest."""
    with pytest.raises(NotFound) as caught:
        find_fields("memory-limits", None, {"memory-limit": "memory.limit"})
    assert "memory-limit" in caught.value.hint
