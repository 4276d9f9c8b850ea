"""`revstamp verify`, on commits that people and accidents make."""

from __future__ import annotations

import json
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
    return make_repository(tmp_path_factory.mktemp("verify") / "gitops")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A repository to change."""
    return copy_repository(made, tmp_path / "gitops")


class Answer:
    """What the command printed, as JSON, by endpoint."""

    def __init__(self, capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> None:
        capsys.readouterr()
        self.code = run(["-C", str(root), "verify", *words, "--output", "json"])
        printed = capsys.readouterr()
        self.error: dict[str, Any] = json.loads(printed.err) if self.code else {}
        body = json.loads(printed.out) if printed.out else {"endpoints": []}
        self.endpoints = {f"{item['environment']}/{item['endpoint']}": item for item in body["endpoints"]}

    @property
    def files(self) -> list[str]:
        """The files that the error names."""
        return [violation["file"] for violation in self.error["violations"]]


def test_what_revstamp_committed_is_verified(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All states, exit code 0."""
    answer = Answer(capsys, made)
    assert answer.code == 0
    states = {name: item["state"] for name, item in answer.endpoints.items()}
    assert states == {
        "prod/chat": "verified",
        "prod/search": "verified",
        "dev/chat": "verified",
        "dev/outside": "not rendered",
        "dev/draft": "not rendered",
        "dev/untyped": "not rendered",
    }


def test_revisions_that_stayed_are_rendered_again_to_the_byte(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a change of the route alone, objects carry different revisions."""
    write_endpoint(root, "prod", "chat", CHAT.replace("/llm/chat", "/llm/other"))
    assert run(["-C", str(root), "commit", "-m", "route"]) == 0
    assert run(["-C", str(root), "redeploy", "prod/search"]) == 0
    assert run(["-C", str(root), "stop", "prod/chat"]) == 0
    answer = Answer(capsys, root)
    assert answer.code == 0
    assert answer.endpoints["prod/chat"]["revision"] == 3


def test_an_edited_manifest_is_named_with_its_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody edited a rendered file and committed it."""
    file = find_generated(root, "manifests", "prod", "chat") / "deployment.yaml"
    lines = file.read_text().split("\n")
    number = next(index for index, line in enumerate(lines) if '"48Gi"' in line)
    lines[number] = lines[number].replace("48Gi", "96Gi")
    file.write_text("\n".join(lines))
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert answer.error["error"] == "check-failed"
    (violation,) = answer.error["violations"]
    assert violation["file"] == str(file.relative_to(root))
    assert violation["line"] == number + 1
    assert answer.endpoints["prod/search"]["state"] == "verified"


@pytest.mark.parametrize("name", ["configmap.yaml", "notes.txt", "sub/deployment.yaml"])
def test_a_file_too_many_is_found(root: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """An engine that applies the folder would apply it."""
    file = find_generated(root, "manifests", "prod", "chat") / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n")
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert any(name.split("/")[0] in found for found in answer.files)


def test_a_missing_file_is_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An engine that prunes would delete the object."""
    file = find_generated(root, "manifests", "prod", "chat") / "service.yaml"
    file.unlink()
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert str(file.relative_to(root)) in answer.files


def test_a_forged_digest_does_not_help(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Manifest and stamp edited together: the bytes are still not what the sources render to."""
    from generator.render.stamp import Stamp, manifests_digest

    folder = find_generated(root, "manifests", "prod", "chat")
    file = folder / "deployment.yaml"
    file.write_text(file.read_text().replace("48Gi", "96Gi"))
    stamp_file = find_generated(root, "stamps", "prod", "chat.yaml")
    stamp = Stamp.parse(stamp_file.read_bytes(), "stamp")
    digest = manifests_digest({one.name: one.read_bytes() for one in folder.iterdir()})
    stamp_file.write_text(stamp_file.read_text().replace(stamp.manifests_digest, digest))
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert answer.files == [str(file.relative_to(root))]


def test_a_stamp_with_a_wrong_digest_is_named_itself(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The manifests are right, so it is not them."""
    stamp_file = find_generated(root, "stamps", "prod", "chat.yaml")
    text = stamp_file.read_text()
    start = text.index("manifestsDigest")
    stamp_file.write_text(text[:start] + f'manifestsDigest: "sha256:{"0" * 64}"\n' + text[text.index("templates") :])
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert answer.files == [str(stamp_file.relative_to(root))]


def test_a_revision_beyond_the_stamp_is_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Objects cannot be newer than their stamp: somebody took the stamp back."""
    assert run(["-C", str(root), "redeploy", "prod/chat"]) == 0
    git(root, "checkout", "HEAD~1", "--", "environments/prod/stamps")
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert any("revision" in violation["message"] for violation in answer.error["violations"])


def test_a_source_that_was_committed_without_revstamp_is_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The digest is right and the manifests are stale."""
    write_endpoint(root, "prod", "chat", CHAT.replace("48Gi", "64Gi"))
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert answer.error["violations"][0]["file"].endswith("deployment.yaml")
    assert "revstamp commit" in answer.error["violations"][0]["fix"]


def test_an_unreadable_stamp_is_a_failure_of_that_endpoint(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A merge that was committed with its markers; the others are still checked."""
    stamp_file = find_generated(root, "stamps", "prod", "chat.yaml")
    stamp_file.write_text("<<<<<<< ours\n" + stamp_file.read_text())
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert answer.files == [str(stamp_file.relative_to(root))]
    assert answer.endpoints["prod/search"]["state"] == "verified"


def test_a_deleted_endpoint_must_have_no_manifests(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tombstone alone is right; a manifest beside it is not."""
    folder = find_generated(root, "manifests", "prod", "chat")
    kept = {file.name: file.read_text() for file in folder.iterdir()}
    assert run(["-C", str(root), "delete", "prod/chat", "--yes"]) == 0
    assert Answer(capsys, root, "HEAD", "prod/chat").endpoints["prod/chat"]["state"] == "deleted"
    folder.mkdir(parents=True)
    (folder / "service.yaml").write_text(kept["service.yaml"])
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert answer.files == [str((folder / "service.yaml").relative_to(root))]


def test_generated_files_in_another_shard_folder_are_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An engine applies them all the same, and revstamp would never look there again."""
    stamp = find_generated(root, "stamps", "prod", "chat.yaml")
    other = next(folder for folder in "0123" if folder != stamp.parent.name)
    elsewhere = root / "environments/prod/stamps" / other / "chat.yaml"
    elsewhere.parent.mkdir(exist_ok=True)
    elsewhere.write_bytes(stamp.read_bytes())
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 1
    assert answer.files == [str(elsewhere.relative_to(root))]


def test_manifests_without_a_stamp_are_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing says what they are."""
    find_generated(root, "stamps", "prod", "chat.yaml").unlink()
    commit_by_hand(root)
    assert Answer(capsys, root).code == 1


def test_another_generator_with_the_same_bytes_is_verified(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bytes are what counts."""
    stamp_file = find_generated(root, "stamps", "prod", "chat.yaml")
    lines = [line if not line.startswith("generator:") else 'generator: "0.0.1"' for line in _lines(stamp_file)]
    stamp_file.write_text("\n".join(lines))
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 0
    assert answer.endpoints["prod/chat"]["state"] == "verified"


def test_another_generator_with_other_bytes_is_named_with_its_command(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 7: nothing is wrong as far as can be seen here, and who could see more."""
    stamp_file = find_generated(root, "stamps", "prod", "chat.yaml")
    lines = [line if not line.startswith("generator:") else 'generator: "0.0.1"' for line in _lines(stamp_file)]
    stamp_file.write_text("\n".join(lines))
    write_endpoint(root, "prod", "chat", CHAT.replace("48Gi", "64Gi"))
    commit_by_hand(root)
    answer = Answer(capsys, root)
    assert answer.code == 7
    assert answer.error["error"] == "not-reproducible"
    assert "pip install revstamp==0.0.1 && revstamp verify HEAD prod/chat" in answer.error["hint"]
    assert answer.endpoints["prod/chat"]["state"] == "digest only"


def test_other_templates_are_found_at_the_commit_that_had_them(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Templates of the repository changed without rendering: the stamp's commit can still be checked."""
    from generator.render.shipped import shipped_templates

    settings = root / "revstamp.yaml"
    settings.write_text(settings.read_text().replace("templates: shipped", "templates: repository"))
    template = root / "templates/service.yaml.j2"
    template.parent.mkdir()
    text = shipped_templates()["service.yaml.j2"]
    template.write_text(text.replace("port: 80", "port: 81"))
    assert run(["-C", str(root), "commit", "--all", "-m", "own service"]) == 0
    assert Answer(capsys, root).code == 0
    template.write_text(text.replace("port: 80", "port: 82"))
    commit_by_hand(root)
    answer = Answer(capsys, root, "HEAD", "prod/chat")
    assert answer.code == 7
    command = answer.endpoints["prod/chat"]["command"].split()
    assert command[:2] == ["revstamp", "verify"]
    assert Answer(capsys, root, *command[2:]).code == 0


def test_a_change_without_effect_on_the_manifests_is_a_note(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The catalogue's status text moves the spec's digest and nothing else."""
    write_endpoint(root, "prod", "chat", CHAT.replace("job_type: SFT", "job_type: SFT\n      colour: blue"))
    assert run(["-C", str(root), "commit", "-m", "colour"]) == 0
    answer = Answer(capsys, root)
    assert answer.code == 0
    assert "without effect" in answer.endpoints["prod/chat"]["note"]


def test_an_older_commit_is_checked_as_it_was(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Edits and later commits do not matter."""
    first = git(root, "rev-parse", "HEAD")
    file = find_generated(root, "manifests", "prod", "chat") / "service.yaml"
    file.write_text("broken: [")
    commit_by_hand(root)
    assert Answer(capsys, root).code == 1
    assert Answer(capsys, root, first).code == 0


def test_the_revision_may_be_left_out_before_an_endpoint(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`verify prod/chat` means HEAD; what is neither is an unknown revision."""
    answer = Answer(capsys, made, "prod/chat")
    assert answer.code == 0
    assert set(answer.endpoints) == {"prod/chat"}
    assert Answer(capsys, made, "nothing-like-it").code == 4
    assert Answer(capsys, made, "HEAD", "prod/nothing").code == 4


def test_the_text_has_a_summary(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people read."""
    capsys.readouterr()
    assert run(["-C", str(made), "verify"]) == 0
    text = capsys.readouterr().out
    assert "3 verified" in text
    assert "3 not rendered" in text


def _lines(path: Path) -> list[str]:
    return path.read_text().split("\n")
