"""`revstamp environments`: the lists, and that no file breaks them."""

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
    make_repository,
    write_endpoint,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that no test changes."""
    return make_repository(tmp_path_factory.mktemp("environments") / "gitops")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A repository to change."""
    return copy_repository(made, tmp_path / "gitops")


def listed(capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> dict[str, Any]:
    """The JSON list by name."""
    capsys.readouterr()
    assert run(["-C", str(root), "environments", *words, "--output", "json"]) == 0
    items = json.loads(capsys.readouterr().out)
    return {item.get("endpoint", item["environment"]): item for item in items}


def test_environments_count_what_is_deployed(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Endpoints, those with manifests, and GPUs of the least number of replicas."""
    found = listed(capsys, made)
    assert list(found) == ["dev", "prod", "stg"]
    assert found["prod"]["endpoints"] == 2
    assert found["prod"]["deployed"] == 2
    assert found["prod"]["gpusHeld"] == 3
    assert found["prod"]["namespace"] == "llm-ops-prod"
    assert found["dev"]["deployed"] == 1
    assert found["dev"]["gpusHeld"] == 0


def test_each_state_has_its_word(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a reason, where it is not deployable."""
    dev = listed(capsys, made, "dev")
    assert {name: item["state"] for name, item in dev.items()} == {
        "chat": "stopped",
        "outside": "external",
        "draft": "not deployable",
        "untyped": "not deployable",
    }
    assert "draft" in dev["draft"]["reason"]
    assert "job_type" in dev["untyped"]["reason"]
    chat = listed(capsys, made, "prod")["chat"]
    assert chat["state"] == "deployed"
    assert (chat["revision"], chat["podRevision"], chat["gpusHeld"]) == (1, 1, 2)
    assert (chat["minReplicas"], chat["maxReplicas"], chat["route"]) == (2, 4, "/llm/chat")


def test_an_edit_shows_until_it_is_committed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a commit would render anew is told; what it would leave as it is, is not."""
    write_endpoint(root, "prod", "chat", CHAT.replace("48Gi", "64Gi"))
    write_endpoint(root, "prod", "new", CHAT.replace("name: chat\n", "name: new\n").replace("/llm/chat", "/llm/new"))
    prod = listed(capsys, root, "prod")
    assert prod["chat"]["state"] == "file changed since render"
    assert prod["new"]["state"] == "not rendered yet"
    assert listed(capsys, root, "prod", "--rev", "HEAD")["chat"]["state"] == "deployed"
    write_endpoint(root, "prod", "chat", CHAT.replace("job_type: SFT", "job_type: SFT\n      colour: blue"))
    assert listed(capsys, root, "prod")["chat"]["state"] == "deployed"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[" * 5000, b"a: &a [*a, *a]", b"<<<<<<< ours\n", b"x" * 6_000_000, b"metadata: {name: other}"],
    ids=["empty", "bytes", "deep", "alias", "conflict", "large", "another"],
)
def test_a_bad_file_is_a_line_of_the_list(root: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    """With its first violation; all others are listed as ever."""
    (root / "environments/prod/endpoints/chat.yaml").write_bytes(content)
    prod = listed(capsys, root, "prod")
    assert prod["chat"]["state"] == "file cannot be read"
    assert prod["chat"]["reason"]
    assert prod["search"]["state"] == "deployed"
    assert listed(capsys, root)["prod"]["deployed"] == 2


def test_a_link_and_a_broken_stamp_are_lines_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is followed out of the repository."""
    file = root / "environments/prod/endpoints/chat.yaml"
    file.unlink()
    file.symlink_to("/etc/hostname")
    find_generated(root, "stamps", "prod", "search.yaml").write_text("revision: 1\n")
    prod = listed(capsys, root, "prod")
    assert {item["state"] for item in prod.values()} == {"file cannot be read"}


def test_a_bad_environment_is_a_line_and_so_are_its_endpoints(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list says what is wrong, with file and line."""
    file = root / "environments/prod/environment.yaml"
    file.write_text(file.read_text().replace("namespace:", "namespase:"))
    assert "environments/prod/environment.yaml:8" in listed(capsys, root)["prod"]["problem"]
    assert {item["state"] for item in listed(capsys, root, "prod").values()} == {"file cannot be read"}
    assert listed(capsys, root, "dev")["chat"]["state"] == "stopped"
    commit_by_hand(root)
    assert listed(capsys, root, "--rev", "HEAD")["prod"]["problem"]


def test_an_unknown_environment_is_answered_with_the_nearest(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4."""
    capsys.readouterr()
    assert run(["-C", str(made), "environments", "prd"]) == 4
    assert "did you mean prod" in capsys.readouterr().err


def test_all_endpoints_stand_in_one_table(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people read."""
    capsys.readouterr()
    assert run(["-C", str(made), "environments", "--endpoints"]) == 0
    text = capsys.readouterr().out
    for word in ("prod/chat", "dev/outside", "not deployable: the model is draft", "6 endpoints in dev, prod, stg"):
        assert word in text
    assert run(["-C", str(made), "environments"]) == 0
    assert "3 of 64" in capsys.readouterr().out
