"""Walking objects field by field: nothing that differs is lost, and effects agree with what decides pods."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from generator.render.diff_effect import compare_objects
from generator.render.diff_fields import Effect, by_flag, walk_fields
from generator.render.pods import REVISION, STOP, pod_part, same_value, without_revisions
from tests.render.test_diff import diff
from tests.render.test_pods import autoscaler, deployment, edited, inference_service, route, service

scalars = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b", "x=1", "--a", "--b=2"])


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b.c"]), inner, max_size=3)
    ),
    max_leaves=6,
)


places = st.sampled_from(
    [
        "metadata",
        "metadata/annotations",
        "metadata/annotations/foo",
        f"metadata/annotations//{STOP}",
        f"metadata/annotations//{REVISION}",
        "metadata/labels",
        "metadata/labels/x",
        "metadata/generateName",
        "apiVersion",
        "extra",
        "spec",
        "spec/replicas",
        "spec/selector",
        "spec/strategy",
        "spec/template",
        "spec/template/metadata",
        "spec/template/metadata/annotations",
        f"spec/template/metadata/annotations//{REVISION}",
        "spec/template/spec/containers",
        "spec/template/spec/containers/0/args",
        "spec/predictor",
        "spec/predictor/minReplicas",
        "spec/predictor/timeout",
        "spec/predictor/canaryTrafficPercent",
        "spec/predictor/containers",
        "spec/transformer",
    ]
)


bodies = st.sampled_from([deployment(), inference_service(), inference_service("Knative"), service()])


def mutate(body: dict[str, Any], changes: list[tuple[str, Any]]) -> dict[str, Any]:
    for path, value in changes:
        try:
            body = edited(body, path, value)
        except (AttributeError, TypeError, IndexError, KeyError, ValueError):
            continue
    return body


@given(body=bodies, changes=st.lists(st.tuples(places, values), max_size=4))
def test_fields_restart_exactly_where_the_pods_differ(body: dict[str, Any], changes: list[tuple[str, Any]]) -> None:
    """What is said per field and what decides the stamp are one rule written twice; here they are held together."""
    after = mutate(body, changes)
    fields = compare_objects(body, after)
    assert bool(fields) == (not same_value(without_revisions(body), without_revisions(after)))
    restarts = any(field.effect in (Effect.RESTARTS, Effect.REPLACES) for field in fields)
    assert restarts == (not same_value(pod_part(body), pod_part(after)))


@given(old=values, new=values)
def test_walking_two_values_finds_a_difference_exactly_where_there_is_one(old: Any, new: Any) -> None:
    """Nothing that differs is lost, nothing that is alike is shown."""
    found = list(walk_fields(old, new, ("a", "b", "c")))
    assert bool(found) == (not same_value(old, new))
    assert all(not same_value(before, after) for _, before, after in found)


@given(before=st.lists(st.tuples(places, values), max_size=3), after=st.lists(st.tuples(places, values), max_size=3))
def test_no_hand_edited_tree_crashes_a_difference(before: list[tuple[str, Any]], after: list[tuple[str, Any]]) -> None:
    """Differences are shown for any commit, also for those that nobody rendered."""
    old = [mutate(body, before) for body in (deployment(), service(), autoscaler(), route())]
    new = [mutate(body, after) for body in (inference_service(), service(), autoscaler(), route())]
    diff(old, new)
    diff(old, [mutate(body, after) for body in old])


def test_command_lines_are_read_only_where_that_is_certain() -> None:
    """A repeated flag, or a word that belongs to none, is compared as it stands."""
    assert by_flag(["--a", "1", "--b=2", "-c"]) == {"[--a]": "1", "[--b]": "2", "[-c]": ""}
    assert [by_flag(items) for items in (["--a", "--a"], ["x"], ["--a=1", "2"], [], None, [1], ["--a", "1", "2"])] == (
        [None] * 7
    )
