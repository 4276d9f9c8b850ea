"""What a difference says about an endpoint: intents, effects, rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.render.diff import EndpointDiff, FleetDiff, diff_endpoint
from generator.render.diff_effect import compare_objects
from generator.render.diff_fields import Effect, by_flag, walk_fields
from generator.render.diff_intent import Intent
from generator.render.diff_objects import ObjectChange
from generator.render.manifest import Manifest, ManifestSet
from generator.render.pods import MODE, REVISION, STOP, pod_part, same_value, without_revisions
from tests.render.test_pods import autoscaler, container, deployment, edited, inference_service, route, service

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
    assert found.primary is Intent.RESTARTED
    assert (found.impact.gpus_before, found.impact.gpus_extra, found.impact.downtime) == (4, 4, "")


@pytest.mark.parametrize("path", ["metadata/name", "metadata/namespace"])
def test_another_name_is_another_object(path: str) -> None:
    """One goes, one comes; the file is the same."""
    found = diff([deployment()], [edited(deployment(), path, "other")])
    assert [item.change for item in found.objects] == [ObjectChange.DELETED, ObjectChange.CREATED]
    assert found.primary is Intent.RESTARTED


def test_the_table_speaks_of_models_and_not_of_fields() -> None:
    """Every row that people ask for, read from where it stands."""
    args = ["--model=/mnt/models", "--served-model-name=chat2", "--max-model-len=8192", "--max-num-seqs=64"]
    limits = {"cpu": "16", "memory": "64Gi", "nvidia.com/gpu": "4"}
    body = edited(deployment(), ARGS, [*args, "--tensor-parallel-size=4"])
    body = edited(body, "spec/template/spec/containers/0/resources/limits", limits)
    body = edited(body, "spec/template/spec/initContainers/0/args/0", "s3://models/chat/2")
    body = edited(body, "spec/template/spec/containers/0/startupProbe/failureThreshold", 120)
    body = edited(body, "spec/strategy/rollingUpdate", {"maxSurge": 0, "maxUnavailable": 1})
    found = diff([deployment(), route()], [body, route("/v2/chat")])
    restarts, quiet = Effect.RESTARTS, Effect.NO_RESTART
    assert rows(found) == {
        "model": ("chat", "chat2", restarts),
        "storage": ("s3://models/chat/1", "s3://models/chat/2", restarts),
        "GPUs × replicas": ("2 × 3 = 6", "4 × 3 = 12", restarts),
        "tensor parallel": ("2", "4", restarts),
        "concurrent requests": ("256", "64", restarts),
        "total tokens": ("5120", "8192", restarts),
        "cpu": ("4 to 8", "4 to 16", restarts),
        "memory": ("32Gi to 48Gi", "32Gi to 64Gi", restarts),
        "strategy": ("surge 1, unavailable 0", "surge 0, unavailable 1", quiet),
        "startup budget": ("600 s", "1200 s", restarts),
        "route": ("llm.local/llm/chat", "llm.local/v2/chat", quiet),
    }
    assert found.others == ()


def test_scaling_shows_more_gpus_without_a_restart() -> None:
    """The row's effect is that of the field that changed, not of the row's subject."""
    found = diff([deployment(1)], [deployment(4)])
    assert rows(found) == {
        "GPUs × replicas": ("2 × 1 = 2", "2 × 4 = 8", Effect.NO_RESTART),
        "replicas": ("1", "4", Effect.NO_RESTART),
    }


@pytest.mark.parametrize(
    ("label", "args"),
    [
        ("total tokens", ["--max-model-len", "4096"]),
        ("total tokens", ["--max-total-tokens=4096"]),
        ("total tokens", ["--context-length", "4096"]),
        ("input tokens", ["--max-input-tokens=4096"]),
        ("concurrent requests", ["--max-concurrent-requests", "4096"]),
        ("concurrent requests", ["--max-running-requests", "4096"]),
        ("tensor parallel", ["--num-shard", "4096"]),
        ("tensor parallel", ["--tp-size=4096"]),
        ("total tokens", ["serve", "/mnt/models", "--max-model-len", "4096"]),
    ],
)
def test_the_flags_of_every_server_are_known(label: str, args: list[str]) -> None:
    """vLLM, TGI and SGLang, in both spellings."""
    found = diff([], [edited(deployment(), ARGS, args)])
    assert rows(found)[label] == (None, "4096", None)


def test_a_predictor_by_model_format_is_read_too() -> None:
    """KServe's runtimes keep the storage and the arguments in `model`."""
    model = {
        "modelFormat": {"name": "huggingface"},
        "storageUri": "s3://models/chat/1",
        "args": ["--model_name=x", "--max-model-len=4096"],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }
    before = edited(inference_service(model=model), "spec/predictor/containers", None)
    found = diff([before], [edited(before, "spec/predictor/model/storageUri", "s3://models/chat/2")])
    assert rows(found) == {"storage": ("s3://models/chat/1", "s3://models/chat/2", Effect.RESTARTS)}
    assert (found.impact.gpus_before, found.others) == (2, ())


def test_secrets_are_shown_by_name_and_key_only() -> None:
    """Which key is read is configuration; what it holds is nowhere in a manifest."""
    path = "spec/template/spec/containers/0/env/1/valueFrom/secretKeyRef/key"
    found = diff([deployment()], [edited(deployment(), path, "token-2")])
    assert rows(found) == {"secret keys": ("hf/token", "hf/token-2", Effect.RESTARTS)}


def test_the_content_of_a_secret_is_never_shown() -> None:
    """Should a company's template bring one, not a byte of it reaches a report."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "aHVudGVyMg=="}}
    found = diff([secret], [edited(secret, "data/a", "aHVudGVyMw==")])
    assert found.changed
    assert "aHVudGVy" not in repr(found)


def test_what_no_row_tells_is_a_field_with_a_readable_path() -> None:
    """Lists by name, command lines by flag, keys with dots in brackets."""
    body = edited(deployment(), "spec/template/spec/containers/0/env/0/value", "/var/hf")
    body = edited(body, ARGS, [*container()["args"], "--seed=7"])
    body = edited(body, "metadata/annotations//example.com/note", "x")
    found = diff([deployment()], [body])
    assert [(item.change.path, item.change.effect) for item in found.others] == [
        ("metadata.annotations[example.com/note]", Effect.NO_RESTART),
        ("spec.template.spec.containers[model-server].args[--seed]", Effect.RESTARTS),
        ("spec.template.spec.containers[model-server].env[HF_HOME].value", Effect.RESTARTS),
    ]


def test_another_order_of_a_command_line_is_a_change() -> None:
    """The pods are replaced for it, so the difference must not be empty."""
    found = diff([deployment()], [edited(deployment(), ARGS, list(reversed(container()["args"])))])
    assert [item.change.path for item in found.others] == ["spec.template.spec.containers[model-server].args"]
    assert found.intents == (Intent.RESTARTED,)


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
