"""`revstamp doctor`: each thing that can be wrong is found, named, and comes with what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from generator.cli.main import run
from tests.fleet_repository import (
    CHAT,
    commit_by_hand,
    copy_repository,
    find_generated,
    git,
    make_repository,
    write_endpoint,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that no test changes."""
    return make_repository(tmp_path_factory.mktemp("doctor") / "gitops")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A repository to change."""
    return copy_repository(made, tmp_path / "gitops")


@pytest.fixture(autouse=True)
def no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever clusters the person at this machine has, no test here reaches them."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    for name in ("REVSTAMP_CLUSTERS", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


def examined(capsys: pytest.CaptureFixture[str], root: Path, *words: str, code: int = 0) -> dict[str, Any]:
    """The worst finding of each check."""
    capsys.readouterr()
    assert run(["-C", str(root), "doctor", *words, "--output", "json"]) == code
    order = ("ok", "warning", "failure")
    worst: dict[str, Any] = {}
    for finding in json.loads(capsys.readouterr().out):
        known = worst.get(finding["check"])
        if known is None or order.index(finding["verdict"]) > order.index(known["verdict"]):
            worst[finding["check"]] = finding
    return worst


def test_a_sound_repository_has_no_failure(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be deployed yet is worth a look, nothing else is."""
    found = examined(capsys, made)
    unknown = {"cluster dev", "cluster prod"}
    assert {name for name, finding in found.items() if finding["verdict"] != "ok"} == {"deployable", *unknown}
    assert len(found["deployable"]["details"]) == 2


def test_every_finding_that_is_not_right_says_what_to_do(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check without a way out is half a check."""
    write_endpoint(root, "prod", "chat", "broken: [")
    (root / "environments/dev/environment.yaml").write_text("kind: Environment\n")
    find_generated(root, "stamps", "prod", "search.yaml").write_text("no stamp")
    for finding in examined(capsys, root, code=1).values():
        assert finding["verdict"] == "ok" or finding["fix"] or finding["details"], finding


def test_outside_of_a_repository_only_the_machine_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1: there is nothing to work on."""
    found = examined(capsys, tmp_path, code=1)
    assert list(found) == ["python", "git", "repository"]
    assert found["repository"]["verdict"] == "failure"


def test_a_clone_without_settings_is_no_gitops_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint says how to make one."""
    git(tmp_path, "init", "--quiet")
    assert "revstamp init" in examined(capsys, tmp_path, code=1)["repository"]["fix"]


def test_another_pinned_generator_is_a_failure(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two versions must not render in turn."""
    file = root / "revstamp.yaml"
    file.write_text(file.read_text().replace("generator: 0.1.0", "generator: 0.0.9"))
    assert "pip install revstamp==0.0.9" in examined(capsys, root, code=1)["revstamp.yaml"]["fix"]


def test_settings_that_cannot_be_read_end_the_examination(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else can be understood without them; no traceback."""
    (root / "revstamp.yaml").write_text("shards: [")
    found = examined(capsys, root, code=1)
    assert found["revstamp.yaml"]["verdict"] == "failure"
    assert "endpoint files" not in found


def test_a_version_without_schemas_is_a_failure(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the versions that there are."""
    file = root / "environments/prod/environment.yaml"
    file.write_text(file.read_text().replace('kubernetesVersion: "1.36"', 'kubernetesVersion: "1.12"'))
    finding = examined(capsys, root, code=1)["environment prod"]
    assert "1.12" in finding["message"]
    assert "1.36" in finding["fix"]


def test_a_template_with_a_mistake_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that no endpoint uses."""
    settings = root / "revstamp.yaml"
    settings.write_text(settings.read_text().replace("templates: shipped", "templates: repository"))
    (root / "templates").mkdir()
    (root / "templates/ingress.yaml.j2").write_text("kind: Ingress\n{% if %}\n")
    finding = examined(capsys, root, code=1)["templates"]
    assert "templates/ingress.yaml.j2:2" in finding["details"][0]


def test_a_template_that_renders_nonsense_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It compiles, and its object is refused."""
    settings = root / "revstamp.yaml"
    settings.write_text(settings.read_text().replace("templates: shipped", "templates: repository"))
    (root / "templates").mkdir()
    (root / "templates/service.yaml.j2").write_text("apiVersion: v1\nkind: Servise\n")
    finding = examined(capsys, root, code=1)["rendering"]
    assert any("templates/service.yaml.j2" in detail for detail in finding["details"])


def test_conflict_markers_are_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In an endpoint's file and in a stamp."""
    write_endpoint(root, "prod", "chat", "<<<<<<< ours\n" + CHAT)
    stamp = find_generated(root, "stamps", "prod", "search.yaml")
    stamp.write_text("<<<<<<< ours\n" + stamp.read_text())
    found = examined(capsys, root, code=1)
    assert found["conflicts"]["details"] == ["environments/prod/endpoints/chat.yaml"]
    assert "conflict" in found["stamps"]["details"][0]


def test_leftovers_are_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Manifests without a stamp, and a living stamp without a file."""
    find_generated(root, "stamps", "prod", "search.yaml").unlink()
    (root / "environments/prod/endpoints/chat.yaml").unlink()
    finding = examined(capsys, root)["leftovers"]
    assert finding["verdict"] == "warning"
    assert len(finding["details"]) == 2


def test_files_that_changed_since_they_were_rendered_are_listed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Edits, and what was committed without revstamp."""
    write_endpoint(root, "prod", "chat", CHAT.replace("48Gi", "64Gi"))
    commit_by_hand(root)
    assert examined(capsys, root)["up to date"]["details"] == ["prod/chat"]


def test_edits_and_a_merge_in_progress_are_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Edits are no failure, a merge is: nothing can be committed before it ends."""
    write_endpoint(root, "prod", "chat", CHAT.replace("48Gi", "64Gi"))
    finding = examined(capsys, root)["work tree"]
    assert finding["verdict"] == "warning"
    assert finding["details"] == ["environments/prod/endpoints/chat.yaml"]
    (root / ".git/MERGE_HEAD").write_text(git(root, "rev-parse", "HEAD") + "\n")
    assert "merge" in examined(capsys, root, code=1)["work tree"]["message"]


def test_another_branch_and_a_detached_head_are_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A branch is fine for a pull request; without one nothing can be committed."""
    git(root, "switch", "--quiet", "--create", "mine")
    assert examined(capsys, root)["branch"]["verdict"] == "warning"
    git(root, "switch", "--quiet", "--detach")
    assert examined(capsys, root, code=1)["branch"]["verdict"] == "failure"


def test_an_interrupted_commit_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal of a run that was killed."""
    head = git(root, "rev-parse", "HEAD")
    journal = {"branch": "main", "old": head, "new": head, "taken": {}, "awaits_remote": False}
    (root / ".git/revstamp").mkdir(exist_ok=True)
    (root / ".git/revstamp/sync.json").write_text(json.dumps(journal))
    assert "interrupted" in examined(capsys, root)["work tree"]["message"]


@pytest.fixture
def remote(root: Path, tmp_path: Path) -> Path:
    """A bare repository that the clone was pushed to."""
    bare = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(root, "remote", "add", "origin", str(bare))
    git(root, "push", "--quiet", "--set-upstream", "origin", "main")
    return bare


def test_the_distance_to_the_remote_is_told(
    root: Path, remote: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even, ahead, behind, and both."""
    assert examined(capsys, root)["remote"]["verdict"] == "ok"
    git(tmp_path, "clone", "--quiet", str(remote), "other")
    write_endpoint(tmp_path / "other", "prod", "chat", CHAT + "# theirs\n")
    commit_by_hand(tmp_path / "other")
    git(tmp_path / "other", "push", "--quiet")
    assert examined(capsys, root, "--offline")["remote"]["verdict"] == "ok"
    assert "1 commits behind" in examined(capsys, root)["remote"]["message"]
    write_endpoint(root, "prod", "search", CHAT.replace("name: chat\n", "name: search\n") + "# mine\n")
    commit_by_hand(root)
    assert "both moved on" in examined(capsys, root, code=1)["remote"]["message"]


def test_a_remote_that_is_not_there_is_a_failure_unless_offline(
    root: Path, remote: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--offline` does not ask it."""
    remote.rename(remote.with_name("gone.git"))
    finding = examined(capsys, root, code=1)["remote"]
    assert finding["verdict"] == "failure"
    assert finding["fix"]
    assert examined(capsys, root, "--offline")["remote"]["verdict"] == "ok"


def test_no_author_is_worth_a_look(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits would be by nobody."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    assert examined(capsys, root)["identity"]["verdict"] == "warning"


def test_a_large_folder_is_worth_a_look(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before forges stop listing it."""
    monkeypatch.setattr("generator.service.doctor_files.MOST_ENTRIES", 1)
    finding = examined(capsys, root)["folders"]
    assert finding["verdict"] == "warning"
    assert any("environments/prod/endpoints: 2 entries" in detail for detail in finding["details"])


def test_many_endpoints_are_sampled_unless_all_are_asked_for(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample says that it is one."""
    monkeypatch.setattr("generator.service.doctor_files.SAMPLE", 2)
    assert "2 of 6" in examined(capsys, root)["endpoint files"]["message"]
    assert examined(capsys, root, "--all")["endpoint files"]["message"] == "6 looked at"


def test_the_text_has_a_mark_a_line_and_a_way_out(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people read; the marks are shapes, not colours alone."""
    write_endpoint(root, "prod", "chat", "broken: [")
    capsys.readouterr()
    assert run(["-C", str(root), "doctor"]) == 1
    printed = capsys.readouterr()
    assert "✓ python:" in printed.out
    assert "! deployable:" in printed.out
    assert "✗ endpoint files: 1 cannot be read" in printed.out
    assert "→ correct the lines that are named" in printed.out
    assert "1 of" in printed.err
