"""Stamping: only what must restart carries a new pod revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.render.canonical import emit_yaml
from generator.render.manifest import Manifest, ManifestSet
from generator.render.parse import parse_yaml
from generator.render.pods import REVISION, without_revisions
from generator.render.stamp import (
    StampedSet,
    StampRequest,
    stamp_manifests,
)
from tests.render.test_pods import autoscaler, container, deployment, edited, inference_service, route, service

DIGEST = f"sha256:{'0' * 64}"


OWN = f"metadata/annotations//{REVISION}"


TEMPLATE = f"spec/template/metadata/annotations//{REVISION}"


numbers = st.integers(0, 50)


names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


def manifests(*bodies: Mapping[str, Any]) -> ManifestSet:
    return ManifestSet(tuple(Manifest(body) for body in bodies))


def order(revision: int = 1, request_id: str = "req-1", **fields: Any) -> StampRequest:
    return StampRequest("prod", "chat", revision, request_id, DIGEST, DIGEST, "0.1.0", **fields)


def first(*bodies: Mapping[str, Any]) -> StampedSet:
    return stamp_manifests(manifests(*bodies), {}, None, order())


def following(before: StampedSet, *bodies: Mapping[str, Any], **fields: Any) -> StampedSet:
    """The next stamp, from what a reader finds in the files."""
    previous = {name: parse_yaml(text) for name, text in before.files.items()}
    request = order(before.stamp.revision + 1, f"req-{before.stamp.revision + 1}", **fields)
    return stamp_manifests(manifests(*bodies), previous, before.stamp, request)


def own(stamped: StampedSet, file: str) -> str:
    return str(stamped.bodies[file]["metadata"]["annotations"][REVISION])


def template(stamped: StampedSet) -> str:
    return str(stamped.bodies["deployment.yaml"]["spec"]["template"]["metadata"]["annotations"][REVISION])


def test_a_new_endpoint_starts_at_its_first_revision_everywhere() -> None:
    """Every object and every pod of a new endpoint carries the number of the stamp."""
    stamped = first(deployment(), service(), route())
    assert stamped.changed
    assert (stamped.stamp.revision, stamped.stamp.pod_revision) == (1, 1)
    assert [own(stamped, file) for file in stamped.files] == ["1", "1", "1"]
    assert template(stamped) == "1"


def test_revisions_are_strings_in_the_files() -> None:
    """An annotation that is a number is refused by Kubernetes."""
    assert f'{REVISION}: "1"' in first(deployment()).files["deployment.yaml"]


def test_bodies_handed_in_are_not_changed() -> None:
    """A ManifestSet is a value; the next stage may read it again."""
    body = deployment()
    first(body)
    assert body == deployment()


@given(replicas=numbers, path=names, owner=names, deadline=numbers)
def test_scale_route_and_owner_never_touch_a_deployments_pods(
    replicas: int, path: str, owner: str, deadline: int
) -> None:
    """Scaling or re-routing an endpoint must not reload its model."""
    body = edited(edited(deployment(), "spec/replicas", replicas), "metadata/labels/owner", owner)
    body = edited(body, "spec/progressDeadlineSeconds", deadline)
    stamped = following(first(deployment(), service(), route()), body, service(), route(f"/{path}"))
    assert template(stamped) == "1"
    assert stamped.stamp.pod_revision == 1
    assert (own(stamped, "deployment.yaml"), own(stamped, "service.yaml")) == ("2", "1")


@given(least=numbers, most=numbers, timeout=numbers, path=names)
def test_scale_and_route_never_touch_a_standard_inference_service(
    least: int, most: int, timeout: int, path: str
) -> None:
    """It copies its annotations to its pods, so even its one number stays, whatever else of it changes."""
    body = inference_service(minReplicas=least, maxReplicas=most, timeout=timeout, scaleTarget=80)
    stamped = following(first(inference_service(), route()), body, route(f"/{path}"))
    assert own(stamped, "inferenceservice.yaml") == "1"
    assert (stamped.stamp.revision, stamped.stamp.pod_revision) == (2, 1)


def test_scaling_a_knative_service_moves_its_pod_revision() -> None:
    """Knative makes new pods for it anyhow; the number says so."""
    stamped = following(first(inference_service("Knative")), inference_service("Knative", minReplicas=5))
    assert own(stamped, "inferenceservice.yaml") == "2"
    assert stamped.stamp.pod_revision == 2


@given(image=names, length=numbers)
def test_a_change_of_the_template_moves_pods_and_object(image: str, length: int) -> None:
    """Both numbers of the Deployment move, those of the others stay."""
    changed = container(image=image, args=[f"--max-model-len={length}"])
    stamped = following(
        first(deployment(), service()), edited(deployment(), "spec/template/spec/containers/0", changed), service()
    )
    assert (template(stamped), own(stamped, "deployment.yaml"), own(stamped, "service.yaml")) == ("2", "2", "1")


@pytest.mark.parametrize("body", [deployment(), inference_service(), inference_service("Knative")])
def test_a_redeploy_moves_every_pod_revision_and_nothing_but_annotations(body: dict[str, Any]) -> None:
    """That is all a redeploy is."""
    bodies = (body, service(), route(), autoscaler())
    before = first(*bodies)
    after = following(before, *bodies, restart=True)
    assert after.changed
    assert (after.stamp.revision, after.stamp.pod_revision) == (2, 2)
    for file, old in before.bodies.items():
        assert without_revisions(old) == without_revisions(after.bodies[file])
    moved = {file for file in after.files if after.files[file] != before.files[file]}
    assert moved == {f"{body['kind'].lower()}.yaml"}


mutations = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "spec/replicas",
                "spec/template/spec/containers/0/image",
                "spec/template/metadata/labels/team",
                "metadata/labels/team",
                "metadata/annotations/note",
                "spec/strategy/type",
            ]
        ),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=4,
)


@given(steps=st.lists(st.tuples(mutations, st.booleans()), max_size=6))
def test_stamping_again_changes_nothing_after_any_history(steps: list[tuple[list[tuple[str, str]], bool]]) -> None:
    """No difference, no commit: files and stamp stay as they are, to the byte."""
    body, stamped = deployment(), first(deployment(), service())
    for changes, restart in steps:
        for path, value in changes:
            body = edited(body, path, value)
        after = following(stamped, body, service(), restart=restart)
        assert after.changed or (after.files, after.stamp) == (stamped.files, stamped.stamp)
        assert 1 <= int(template(after)) <= int(own(after, "deployment.yaml")) <= after.stamp.revision
        assert after.stamp.pod_revision == int(template(after))
        stamped = after
    again = following(stamped, body, service())
    assert not again.changed
    assert (again.files, again.stamp) == (stamped.files, stamped.stamp)


def test_files_are_the_canonical_text_of_their_bodies() -> None:
    """What is committed can be read back and compared."""
    stamped = first(deployment(), inference_service(), service())
    for name, body in stamped.bodies.items():
        assert stamped.files[name] == emit_yaml(body)
        assert parse_yaml(stamped.files[name]) == body
