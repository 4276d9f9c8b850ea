"""What a difference says about an endpoint: intents, effects, rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from generator.render.diff import EndpointDiff, FleetDiff, diff_endpoint
from generator.render.diff_fields import Effect
from generator.render.diff_intent import Intent
from generator.render.diff_objects import ObjectChange
from generator.render.manifest import Manifest, ManifestSet
from generator.render.pods import MODE, REVISION, STOP
from generator.render.report import intent_words
from tests.render.test_pods import autoscaler, deployment, edited, inference_service, route, service

OWN = f"metadata/annotations//{REVISION}"


TEMPLATE = f"spec/template/metadata/annotations//{REVISION}"


ARGS = "spec/template/spec/containers/0/args"


def files(*bodies: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{body['kind'].lower()}.yaml": body for body in bodies}


def diff(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> EndpointDiff:
    return diff_endpoint(files(*before), files(*after), name="chat", environment="prod")


def rows(found: EndpointDiff) -> dict[str, tuple[str | None, str | None, str | None]]:
    return {row.label: (row.old, row.new, row.effect) for row in found.rows}


def stamped(body: dict[str, Any], own: str, pods: str | None = None) -> dict[str, Any]:
    body = edited(body, OWN, own)
    return edited(body, TEMPLATE, pods) if pods else body


def test_nothing_new_is_no_change() -> None:
    """Neither a change nor an intent."""
    found = diff([deployment(), route()], [deployment(), route()])
    assert (found.changed, found.intents, found.rows, found.others) == (False, (Intent.UNCHANGED,), (), ())


def test_a_new_image_restarts() -> None:
    """The row says old, new and what it does; no field is told twice."""
    body = edited(deployment(), "spec/template/spec/containers/0/image", "registry.local/vllm:v0.11.0")
    found = diff([deployment(), service()], [body, service()])
    assert found.intents == (Intent.RESTARTED,)
    assert rows(found) == {"image": ("registry.local/vllm:v0.10.0", "registry.local/vllm:v0.11.0", Effect.RESTARTS)}
    assert found.others == ()
    assert found.impact.replicas_restarted == 3


def test_only_numbers_moved_is_a_restart_without_a_change_of_configuration() -> None:
    """That is what a redeploy looks like."""
    before = [stamped(deployment(), "1", "1"), stamped(service(), "1")]
    found = diff(before, [stamped(deployment(), "2", "2"), stamped(service(), "1")])
    assert found.restart_only
    assert (found.intents, found.rows, found.others) == ((Intent.RESTARTED,), (), ())
    assert [item.change for item in found.objects] == [ObjectChange.RESTARTED, ObjectChange.UNCHANGED]
    service_mode = diff([stamped(inference_service(), "1")], [stamped(inference_service(), "2")])
    assert service_mode.restart_only
    assert service_mode.impact.replicas_restarted == 2


def test_a_rendering_that_is_not_stamped_yet_does_not_look_like_a_restart() -> None:
    """A plan compares what stands in git with what is about to be stamped."""
    before = [stamped(deployment(), "4", "3"), stamped(inference_service(), "3")]
    assert not diff(before, [deployment(), inference_service()]).changed


def test_an_objects_own_number_alone_restarts_nothing() -> None:
    """It is metadata of an object without pods, or beside the template."""
    found = diff([stamped(deployment(), "1", "1")], [stamped(deployment(), "2", "1")])
    assert (found.intents, found.restart_only, found.changed) == ((Intent.METADATA_ONLY,), False, True)
    assert found.impact.replicas_restarted == 0


@pytest.mark.parametrize(
    ("before", "after", "intents"),
    [
        ([], [deployment(), service()], [Intent.CREATED]),
        ([deployment(), service()], [], [Intent.DELETED]),
        ([deployment(3)], [deployment(5)], [Intent.SCALED]),
        ([deployment(3)], [deployment(0)], [Intent.STOPPED]),
        ([deployment(0)], [deployment(3)], [Intent.STARTED]),
        ([deployment(None), autoscaler()], [deployment(0)], [Intent.STOPPED]),
        ([deployment(None), autoscaler(1, 4)], [deployment(None), autoscaler(2, 4)], [Intent.SCALED]),
        ([deployment(1)], [deployment(None), autoscaler(1, 4)], [Intent.SCALED]),
        ([deployment(), route()], [deployment(), route("/v2")], [Intent.ROUTED]),
        ([deployment()], [deployment(), route()], [Intent.ROUTED]),
        ([deployment()], [edited(deployment(), "metadata/labels/owner", "b")], [Intent.METADATA_ONLY]),
        ([deployment()], [edited(deployment(), "spec/progressDeadlineSeconds", 9)], [Intent.ADJUSTED]),
        ([inference_service()], [inference_service(minReplicas=1)], [Intent.SCALED]),
        ([inference_service()], [inference_service(timeout=9)], [Intent.ROUTED]),
        ([inference_service()], [edited(inference_service(), "metadata/labels/owner", "b")], [Intent.RESTARTED]),
        (
            [inference_service()],
            [edited(inference_service(), f"metadata/annotations//{STOP}", "true")],
            [Intent.STOPPED],
        ),
        (
            [inference_service("Knative")],
            [inference_service("Knative", minReplicas=3, maxReplicas=3)],
            [Intent.RESTARTED, Intent.SCALED],
        ),
        (
            [deployment(3), route()],
            [edited(deployment(5), f"{ARGS}/2", "--max-model-len=9"), route("/x")],
            [Intent.RESTARTED, Intent.SCALED, Intent.ROUTED],
        ),
    ],
)
def test_intents_say_what_happens_to_the_endpoint(
    before: list[dict[str, Any]], after: list[dict[str, Any]], intents: list[Intent]
) -> None:
    """One word or several, the weightiest first."""
    found = diff(before, after)
    assert list(found.intents) == intents
    assert found.primary is intents[0]


def test_a_selector_means_the_object_is_made_anew() -> None:
    """It cannot be changed in place, and the reader has to know before merging."""
    found = diff([deployment()], [edited(deployment(), "spec/selector/matchLabels/app", "x")])
    assert found.objects[0].change is ObjectChange.REPLACED
    assert found.replaces == (
        "Deployment chat has to be made anew: spec.selector.matchLabels.app cannot be changed in place",
    )
    assert "nothing serves" in found.impact.downtime


def test_another_deployment_mode_replaces_and_another_spelling_of_it_does_not() -> None:
    """KServe refuses the one and rewrites the other."""
    knative = diff([inference_service()], [inference_service("Knative")])
    assert knative.objects[0].change is ObjectChange.REPLACED
    assert MODE in knative.replaces[0]
    spelling = diff([inference_service("RawDeployment")], [inference_service("Standard")])
    assert (spelling.replaces, spelling.intents) == ((), (Intent.RESTARTED,))


def test_another_framework_is_another_workload_beside_the_old_one() -> None:
    """The new one starts first, the old one is pruned last: both hold GPUs for a while."""
    found = diff([deployment(2)], [inference_service()])
    assert found.replaces == ("Deployment llm/chat goes and InferenceService llm/chat takes its place",)
    assert found.primary is Intent.REPLACED
    assert Intent.RESTARTED not in found.intents
    assert intent_words(found).startswith("replaced (Deployment → InferenceService)")
    assert (found.impact.gpus_before, found.impact.gpus_extra, found.impact.downtime) == (4, 4, "")


@pytest.mark.parametrize("path", ["metadata/name", "metadata/namespace"])
def test_another_name_is_another_object(path: str) -> None:
    """One goes, one comes; the file is the same."""
    found = diff([deployment()], [edited(deployment(), path, "other")])
    assert [item.change for item in found.objects] == [ObjectChange.DELETED, ObjectChange.CREATED]
    assert found.primary is Intent.REPLACED


def test_manifest_sets_and_files_compare_alike() -> None:
    """A rendering against a tree in git, either way round."""
    sets = [ManifestSet((Manifest(body),)) for body in (deployment(1), deployment(2))]
    by_set = diff_endpoint(*sets, name="chat", environment="prod")
    assert by_set == diff([deployment(1)], [deployment(2)])


def test_a_fleet_adds_up() -> None:
    """How many restart, how many GPUs, also when only some may roll at once."""
    image = edited(deployment(1), "spec/template/spec/containers/0/image", "x")
    found = [diff([deployment(1)], [image]), diff([deployment(1)], [deployment(1)]), diff([], [deployment(2)])]
    fleet = FleetDiff(tuple(found))
    assert (len(fleet.changed), len(fleet.restarting)) == (2, 1)
    assert fleet.intents == {Intent.CREATED: 1, Intent.RESTARTED: 1, Intent.UNCHANGED: 1}
    assert (fleet.impact.gpus_before, fleet.impact.gpus_after, fleet.impact.gpus_extra) == (4, 8, 6)
    assert [fleet.gpus_extra(count) for count in (0, 1, 2, 9)] == [0, 4, 6, 6]
