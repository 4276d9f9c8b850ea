"""Plans over trees in memory: what is numbered, what restarts, and that the same input gives the same plan."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from generator import __version__
from generator.errors import Refused
from generator.service.fleet import EndpointRef, Fleet
from generator.service.operations import DeleteOperation, PatchOperation
from generator.service.plan import EndpointPlan, PlanRequest, plan_change
from generator.service.tree import OverlayTree
from generator.spec.patch import Patch
from tests.fleet_repository import CHAT

REF = EndpointRef("prod", "chat")
ENVIRONMENT = (Path(__file__).parents[2] / "environments" / "prod" / "environment.yaml").read_bytes()
FILES = {
    "revstamp.yaml": f"apiVersion: revstamp.io/v1\nkind: Repository\nspec:\n  generator: {__version__}\n".encode(),
    "environments/prod/environment.yaml": ENVIRONMENT,
    "environments/prod/endpoints/chat.yaml": CHAT.encode(),
}


class DictTree:
    """Files by path."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None."""
        return self.files.get(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """Names in a folder, sorted."""
        prefix = f"{folder}/"
        return tuple(sorted({path[len(prefix) :].split("/")[0] for path in self.files if path.startswith(prefix)}))

    def after(self, plan: EndpointPlan) -> DictTree:
        """The tree with a plan carried out."""
        kept = {path: data for path, data in self.files.items() if path not in plan.deletes}
        return DictTree({**kept, **plan.writes})


def plan(
    tree: DictTree, sets: Mapping[tuple[str, ...], Any], number: int = 0, *, restart: bool = False
) -> EndpointPlan:
    """The plan of a patch."""
    operation = PatchOperation(str(REF), Patch(dict(sets)), restart=restart)
    return operation.plan(Fleet(tree), Fleet(tree), PlanRequest(f"request-{number}"))


def first_tree() -> DictTree:
    """The endpoint as rendered for the first time."""
    tree = DictTree(FILES)
    fleet = Fleet(tree)
    return tree.after(plan_change(fleet, fleet, REF, fleet.endpoint_file(REF), PlanRequest("first")))


def pod_of(tree: DictTree) -> Any:
    """What decides whether pods are replaced, without revstamp's own annotation."""
    for name, text in Fleet(tree).manifest_files(REF).items():
        body = yaml.safe_load(text)
        if name == "deployment.yaml":
            pod = copy.deepcopy(body["spec"]["template"])
            pod["metadata"]["annotations"].pop("revstamp.io/revision")
            return pod
    return None


SPEC = ("spec",)
EDITS: dict[str, st.SearchStrategy[Mapping[tuple[str, ...], Any]]] = {
    "scale": st.integers(1, 9).map(lambda n: {(*SPEC, "replicas", "min"): n, (*SPEC, "replicas", "max"): n + 2}),
    "route": st.sampled_from(["/a", "/b", "/llm/chat"]).map(lambda route: {(*SPEC, "route"): route}),
    "owner": st.sampled_from(["nlp", "search"]).map(lambda owner: {("metadata", "owner"): owner}),
    "target": st.integers(40, 90).map(lambda n: {(*SPEC, "autoscaling", "cpuUtilization"): n}),
    "memory": st.sampled_from(["48Gi", "49Gi", "50Gi"]).map(lambda text: {(*SPEC, "memory", "limit"): text}),
    "gpus": st.integers(1, 2).map(lambda n: {(*SPEC, "deployment", "resources", "gpus"): n}),
    "label": st.sampled_from(["a", "b"]).map(lambda text: {("metadata", "labels"): {"tier": text}}),
}
CALM = {"scale", "route", "owner", "target"}
STEPS = st.lists(
    st.one_of(*(st.tuples(st.just(name), edits, st.booleans()) for name, edits in EDITS.items())),
    min_size=1,
    max_size=6,
)


@hypothesis_settings(max_examples=40)
@given(STEPS)
def test_only_what_must_restart_restarts(steps: list[tuple[str, Mapping[tuple[str, ...], Any], bool]]) -> None:
    """Over any row of edits: a number rises where anything changes, the pods' where pods do or were asked to."""
    tree = first_tree()
    for number, (name, sets, restart) in enumerate(steps):
        made = plan(tree, sets, number, restart=restart)
        assert made.base_stamp is not None
        assert made.stamp is not None
        after = tree.after(made)
        same_pods = pod_of(tree) == pod_of(after)
        if made.outcome == "unchanged":
            assert not restart
            own = "environments/prod/endpoints/chat.yaml"  # a default that is written down changes nothing else
            assert {**after.files, own: b""} == {**tree.files, own: b""}
            tree = after
            continue
        assert made.stamp.revision == made.base_stamp.revision + 1
        restarted = made.stamp.pod_revision == made.stamp.revision
        assert restarted == (restart or not same_pods)
        assert restarted or made.stamp.pod_revision == made.base_stamp.pod_revision
        if name in CALM:
            assert same_pods
        tree = after


@hypothesis_settings(max_examples=20)
@given(STEPS)
def test_the_same_trees_and_request_give_the_same_plan(steps: list[Any]) -> None:
    """To the byte."""
    tree = first_tree()
    for number, (_, sets, restart) in enumerate(steps):
        one, two = (plan(tree, sets, number, restart=restart) for _ in range(2))
        assert (one.writes, one.deletes, one.stamp) == (two.writes, two.deletes, two.stamp)
        tree = tree.after(one)


def test_a_stamp_and_its_request_stand_on_adjacent_lines() -> None:
    """So that git finds two branches that make the same number."""
    path = next(path for path in first_tree().files if "/stamps/" in path)
    lines = first_tree().files[path].decode().splitlines()
    numbers = [index for index, line in enumerate(lines) if line.split(":")[0] in ("revision", "requestId")]
    assert numbers[1] == numbers[0] + 1


def test_a_number_counts_from_the_highest_ever_used() -> None:
    """The history's, where a revert took the stamp back."""
    fleet = Fleet(first_tree())
    request = PlanRequest("x", restart=True, high_water=lambda _: 41)
    made = plan_change(fleet, fleet, REF, fleet.endpoint_file(REF), request)
    assert made.stamp is not None
    assert made.stamp.revision == 42


def test_a_refusal_lists_everything_that_is_wrong() -> None:
    """Not only the first thing."""
    sets = {(*SPEC, "cpu", "request"): "16", (*SPEC, "cpu", "limit"): "8", (*SPEC, "memory", "request"): "64Gi"}
    with pytest.raises(Refused) as caught:
        plan(first_tree(), sets)
    assert len(caught.value.violations) == 2
    assert caught.value.hint


def test_a_deletion_leaves_nothing_but_the_tombstone() -> None:
    """No manifest, no endpoint file; the stamp with the next number."""
    tree = first_tree()
    made = DeleteOperation(str(REF)).plan(Fleet(tree), Fleet(tree), PlanRequest("gone"))
    left = set(tree.after(made).files) - {"revstamp.yaml", "environments/prod/environment.yaml"}
    assert len(left) == 1
    stamp = Fleet(tree.after(made)).stamp(REF)
    assert stamp is not None
    assert (stamp.deleted, stamp.revision) == (True, 2)


def test_an_overlay_hides_what_is_removed_and_shows_what_is_written() -> None:
    """Folders included."""
    overlay = OverlayTree(DictTree({"a/b": b"1", "a/c": b"2"}), {"a/d/e": b"3"}, frozenset({"a/b"}))
    assert overlay.names("a") == ("c", "d")
    assert (overlay.read("a/b"), overlay.read("a/c"), overlay.read("a/d/e")) == (None, b"2", b"3")
