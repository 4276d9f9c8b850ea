"""What git wants of an environment, commit after commit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator import __version__
from generator.errors import RevstampError
from generator.gitops.message import CommitMessage
from generator.gitops.repository import Repository
from generator.gitops.trees import TreeChange
from generator.service.desired import DesiredEnvironment
from generator.service.expectation import expect_endpoint
from generator.service.layout import Layout
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.cluster.gitops import make_gitops

_SETTINGS = f"""
apiVersion: revstamp.io/v1
kind: Repository
spec: {{layoutVersion: 1, generator: {__version__}, templates: shipped, shards: 16, branch: main}}
""".encode()
NAMES = ("chat", "embed", "rank", "translate")


def _paths() -> list[str]:
    """Every path that decides what an endpoint's trace is, and some that do not."""
    layout, found = Layout(16), []
    for name in NAMES:
        found += [
            f"{layout.manifests_folder('test', name)}/deployment.yaml",
            layout.manifests_folder("test", name),  # a file where a folder belongs
            layout.stamp_file("test", name),
            *layout.endpoint_files("test", name),
            f"environments/test/manifests/00/{name}/service.yaml",  # most often the wrong shard
        ]
    return [*found, "environments/test/environment.yaml", "README.md"]


edits = st.lists(
    st.dictionaries(st.sampled_from(_paths()), st.one_of(st.none(), st.binary(max_size=2)), max_size=6), max_size=6
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty bare repository."""
    return Repository.init_bare(tmp_path / "bare.git")


def _commits(repository: Repository, changes: list[dict[str, bytes | None]]) -> Iterator[str]:
    """The commits of one edit after another; a file takes the place of a folder, and back."""
    files: dict[str, bytes] = {}
    for edit in changes:
        for path, content in edit.items():
            for other in [other for other in files if _overlap(path, other)]:
                del files[other]
            if content is not None:
                files[path] = content
        tree = repository.write_tree(None, TreeChange({**files, "revstamp.yaml": _SETTINGS}))
        yield repository.write_commit(tree, [], CommitMessage("edit"))


def _overlap(path: str, other: str) -> bool:
    return f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/")


@given(edits)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_taken_over_from_the_commit_before_is_what_a_fresh_look_finds(
    repository: Repository, changes: list[dict[str, bytes | None]]
) -> None:
    """Forwards and backwards, whatever was added, removed or put in the wrong place."""
    before: DesiredEnvironment | None = None
    seen: list[tuple[str, DesiredEnvironment]] = []
    for commit in _commits(repository, changes):
        before = DesiredEnvironment(repository.snapshot(commit), "test", before)
        assert before.traces == DesiredEnvironment(repository.snapshot(commit), "test").traces
        seen.append((commit, before))
    for commit, known in seen:
        assert DesiredEnvironment(repository.snapshot(commit), "test", before).traces == known.traces


@given(edits)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_ahead_refuses_nothing_and_changes_no_answer(
    repository: Repository, changes: list[dict[str, bytes | None]]
) -> None:
    """Not even where a file stands in a folder's place, which whoever asks for it is told."""
    for commit in _commits(repository, changes):
        ahead, plain = (DesiredEnvironment(Repository.open(repository.git_dir).snapshot(commit), "test") for _ in "ab")
        ahead.read_ahead([*NAMES, "nobody"])
        ahead.read_ahead(NAMES, "deployment.yaml")
        for name in NAMES:
            assert _blobs(ahead, name) == _blobs(plain, name)


def _blobs(desired: DesiredEnvironment, name: str) -> object:
    try:
        return dict(desired.blobs(name))
    except RevstampError as error:
        return error.message


@pytest.mark.parametrize(
    "changes",
    [
        {"replicas": {"min": 2, "max": 2}},
        {"replicas": {"min": 2, "max": 5}, "autoscaling": {"cpuUtilization": 80}},
        {"replicas": {"min": 0, "max": 0}},
        {"replicas": {"min": 3, "max": 4}, "framework": "kserve"},
    ],
)
def test_the_pods_of_an_endpoint_are_those_that_its_rollout_is_measured_by(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Found without reading all of it."""
    gitops = make_gitops(tmp_path / "gitops", "serving")
    gitops.add("chat", **changes)
    gitops.type("redeploy", "test/chat")
    snapshot = Workspace.open(gitops.root, Settings()).repository.snapshot(gitops.tip)
    environment = DesiredEnvironment(snapshot, "test")
    expectation = expect_endpoint(environment, environment.read("chat"))
    assert environment.find_pods("chat") == (expectation.pod_revision, expectation.replicas)
    assert environment.find_pods("nobody") is None
