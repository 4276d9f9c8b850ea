"""What is known of a live object is never older than what a watch has told."""

from __future__ import annotations

from typing import Any

from generator.cluster.kinds import DEPLOYMENT, ref_of
from generator.reconciler.sync_index import SyncIndex
from generator.service.desired import DesiredObject

MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "chat", "namespace": "here", "labels": {"revstamp.io/endpoint": "chat"}},
    "spec": {"replicas": 1},
}


def live(version: int, *, pods: int, replicas: int = 1) -> dict[str, Any]:
    """The Deployment at a version of the server's."""
    metadata = {**MANIFEST["metadata"], "uid": "u", "resourceVersion": str(version)}
    return {**MANIFEST, "metadata": metadata, "spec": {"replicas": replicas}, "status": {"replicas": pods}}


def make_index() -> tuple[SyncIndex, DesiredObject]:
    """An index for one manifest."""
    wanted = DesiredObject("blob", MANIFEST)
    return SyncIndex(lambda _name, _ref: wanted), wanted


def test_the_answer_of_an_apply_does_not_undo_what_a_watch_has_told_since() -> None:
    """The pods came while the rest of the pass went on: that they are there decides whether a rollout needs a slot."""
    index, wanted = make_index()
    index.observe(DEPLOYMENT, live(7, pods=1))
    index.note(wanted, live(5, pods=0), applied=True)
    mark = index.find(ref_of(MANIFEST))
    assert mark is not None
    assert (mark.replicas, mark.version, mark.blob) == (1, "7", "blob")


def test_what_somebody_changed_since_the_apply_is_not_taken_for_applied() -> None:
    """The watch was first to tell."""
    index, wanted = make_index()
    index.observe(DEPLOYMENT, live(7, pods=1, replicas=3))
    index.note(wanted, live(5, pods=0), applied=True)
    mark = index.find(ref_of(MANIFEST))
    assert mark is not None
    assert mark.blob == ""
