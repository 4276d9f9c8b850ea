"""Stamping on top of what stands at the tip, whoever wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from generator.errors import InternalError, InvalidInput
from generator.render.stamp import (
    stamp_manifests,
    tombstone,
)
from tests.render.test_pods import autoscaler, deployment, edited, inference_service, service
from tests.render.test_stamp import OWN, TEMPLATE, first, following, manifests, order, own, template


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


def test_an_endpoint_without_pods_can_be_made_again_too() -> None:
    """Its files are none before and after; only the tombstone tells that there is something to record."""
    gone = tombstone(first().stamp, 2, "req-2")
    again = stamp_manifests(manifests(), {}, gone, order(3))
    assert (again.changed, again.stamp.revision, again.stamp.deleted) == (True, 3, False)


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
