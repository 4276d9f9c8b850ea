"""Stamping: only what must restart carries a new pod revision."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import InternalError, InvalidInput
from generator.render.canonical import emit_yaml
from generator.render.manifest import Manifest, ManifestSet
from generator.render.parse import parse_yaml
from generator.render.pods import REVISION, without_revisions
from generator.render.stamp import (
    Stamp,
    StampedSet,
    StampRequest,
    manifests_digest,
    spec_digest,
    stamp_manifests,
    tombstone,
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


def test_an_object_less_or_more_is_a_change() -> None:
    """The stamp's digest covers the set of files, and so do revisions."""
    before = first(deployment(), service(), autoscaler())
    less = following(before, deployment(), service())
    assert less.changed
    assert set(less.files) == {"deployment.yaml", "service.yaml"}
    assert template(less) == "1"
    more = following(less, deployment(), service(), autoscaler())
    assert own(more, "horizontalpodautoscaler.yaml") == "3"


@pytest.mark.parametrize("path", ["metadata/name", "metadata/namespace"])
def test_another_object_in_the_same_file_starts_anew(path: str) -> None:
    """Another name or namespace is another Deployment: all of its pods are new."""
    stamped = following(first(deployment()), edited(deployment(), path, "other"))
    assert (template(stamped), own(stamped, "deployment.yaml")) == ("2", "2")


@pytest.mark.parametrize(
    "value", ["abc", "-1", "0", "", "1.0", " 1", "٣", str(10**30), 1, None, True, [], {"a": 1}, "2"]
)
def test_a_revision_that_cannot_be_one_counts_as_changed(value: Any) -> None:
    """Garbage, or a number yet to come, is replaced by the next revision, never trusted and never a crash."""
    before = first(deployment(), inference_service())
    previous: dict[str, Any] = dict(before.bodies)
    for path in (OWN, TEMPLATE):
        previous["deployment.yaml"] = edited(previous["deployment.yaml"], path, value)
    previous["inferenceservice.yaml"] = edited(previous["inferenceservice.yaml"], OWN, value)
    after = stamp_manifests(manifests(deployment(), inference_service()), previous, before.stamp, order(2))
    # The bytes that come out are those at the tip only in the digest's eyes where every number is put back.
    assert after.changed
    assert (template(after), own(after, "deployment.yaml"), own(after, "inferenceservice.yaml")) == ("2", "2", "2")


@pytest.mark.parametrize("garbage", [None, [], "x", 7, {}, {"kind": "Deployment"}, {"kind": [], "metadata": []}])
def test_any_garbage_at_the_tip_counts_as_no_predecessor(garbage: Any) -> None:
    """A file that a hand broke is written anew."""
    before = first(deployment())
    after = stamp_manifests(manifests(deployment()), {"deployment.yaml": garbage}, before.stamp, order(2))
    assert (after.changed, template(after)) == (True, "2")


def test_an_edited_number_that_is_possible_is_kept_and_the_stamp_put_right() -> None:
    """What stands in git runs; moving the number back would replace the pods once more."""
    before = following(first(deployment()), deployment(), restart=True)
    previous = {"deployment.yaml": edited(dict(before.bodies["deployment.yaml"]), TEMPLATE, "1")}
    after = stamp_manifests(manifests(deployment()), previous, before.stamp, order(3))
    assert (after.changed, template(after), after.stamp.pod_revision) == (True, "1", 1)


def test_a_template_may_not_choose_its_own_revision() -> None:
    """A company's template that writes the annotation is overruled."""
    cheating = edited(edited(deployment(), OWN, "99"), TEMPLATE, "99")
    assert first(cheating).files == first(deployment()).files


def test_an_endpoint_without_pods_has_no_pod_revision() -> None:
    """A model that is served elsewhere has a stamp all the same: its revisions count."""
    stamped = first()
    assert (stamped.changed, stamped.files, stamped.stamp.pod_revision) == (True, {}, 0)
    assert not following(stamped).changed
    assert following(stamped, restart=True).stamp.revision == 2


def test_an_endpoint_made_again_after_its_deletion_goes_on_counting() -> None:
    """A number is never used again, and every pod is new."""
    gone = tombstone(first(deployment()).stamp, 2, "req-2")
    again = stamp_manifests(manifests(deployment()), {}, gone, order(3))
    assert (again.stamp.revision, again.stamp.deleted, template(again)) == (3, False, "3")


def test_a_rollback_says_what_it_restores() -> None:
    """ "r3 = r1" stands in the stamp."""
    stamped = following(first(deployment()), deployment(), restart=True, restores=1)
    assert "restores: 1\n" in stamped.stamp.to_yaml()


@pytest.mark.parametrize("revision", [0, 1, -1, 2**31])
def test_a_revision_that_does_not_follow_is_a_bug_of_the_caller(revision: int) -> None:
    """Revisions only ever rise."""
    with pytest.raises(InternalError):
        stamp_manifests(manifests(deployment()), {}, first(deployment()).stamp, order(revision))


@pytest.mark.parametrize("request_id", ["", "-rf", "a\nb", "a b", "x" * 129, "<<<<<<<", "ä"])
def test_a_request_id_that_cannot_stand_in_a_commit_is_refused(request_id: str) -> None:
    """It is a line of the stamp, a trailer of the commit and a key of the ledger."""
    with pytest.raises(InvalidInput):
        stamp_manifests(manifests(deployment()), {}, None, order(1, request_id))


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_the_manifests_digest_is_what_sha256sum_says(tmp_path: Path) -> None:
    """Nobody needs revstamp to check it."""
    stamped = first(deployment(), service(), route())
    for name, text in stamped.files.items():
        (tmp_path / name).write_bytes(text.encode())
    command = "LC_ALL=C sha256sum * | sha256sum"
    output = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert stamped.stamp.manifests_digest == manifests_digest(stamped.files) == f"sha256:{output.split()[0]}"


def test_the_spec_digest_is_that_of_the_meaning() -> None:
    """Comments and the order of keys do not change it, types do."""
    assert spec_digest({"a": 1, "b": "ü"}) == spec_digest({"b": "ü", "a": 1})
    assert spec_digest({"a": 1}) != spec_digest({"a": "1"})
    assert spec_digest("\ud800").startswith("sha256:")


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, text=True)


def commit_stamped(folder: Path, branch: str, stamped: StampedSet) -> None:
    run_git(folder, "checkout", "-q", "-b", branch, "base")
    write_stamped(folder, stamped)
    assert run_git(folder, "commit", "-q", "-a", "-m", branch).returncode == 0


def write_stamped(folder: Path, stamped: StampedSet) -> None:
    for name, text in stamped.files.items():
        (folder / name).write_text(text)
    (folder / "stamp.yaml").write_text(stamped.stamp.to_yaml())


def with_request(stamped: StampedSet, request_id: str) -> StampedSet:
    return replace(stamped, stamp=replace(stamped.stamp, request_id=request_id))


@pytest.mark.parametrize("second", [{"restart": True}, {"scale": 5}, {"restart": True, "twice": True}])
def test_two_branches_that_both_redeploy_one_endpoint_conflict_in_git(tmp_path: Path, second: dict[str, Any]) -> None:
    """Otherwise two 8s would merge into one, and one of two redeploys would be lost without a word."""
    base = first(deployment(), service())
    run_git(tmp_path, "init", "-q", "-b", "base")
    write_stamped(tmp_path, base)
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "-q", "-m", "base")
    commit_stamped(tmp_path, "one", with_request(following(base, deployment(), service(), restart=True), "req-one"))
    body = deployment(second.get("scale", 3))
    other = following(base, body, service(), restart="restart" in second)
    if "twice" in second:
        other = following(other, body, service(), restart=True)
    commit_stamped(tmp_path, "other", with_request(other, "req-other"))
    merge = run_git(tmp_path, "merge", "one")
    assert merge.returncode != 0
    assert "stamp.yaml" in run_git(tmp_path, "diff", "--name-only", "--diff-filter=U").stdout
    with pytest.raises(InvalidInput, match="conflict markers"):
        Stamp.parse((tmp_path / "stamp.yaml").read_bytes(), "stamp.yaml")


def test_files_are_the_canonical_text_of_their_bodies() -> None:
    """What is committed can be read back and compared."""
    stamped = first(deployment(), inference_service(), service())
    for name, body in stamped.bodies.items():
        assert stamped.files[name] == emit_yaml(body)
        assert parse_yaml(stamped.files[name]) == body
