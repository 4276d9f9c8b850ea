"""`revstamp explain`, as a person calls it."""

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
    return make_repository(tmp_path_factory.mktemp("explain") / "gitops")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A repository to change."""
    return copy_repository(made, tmp_path / "gitops")


def explain(capsys: pytest.CaptureFixture[str], root: Path, *words: str, code: int = 0) -> Any:
    """The JSON that the command prints."""
    capsys.readouterr()
    assert run(["-C", str(root), "explain", *words, "--output", "json"]) == code
    return json.loads(capsys.readouterr().out or "null")


def line_of(path: Path, text: str) -> int:
    """Where a text stands first, counted from 1."""
    return next(number for number, line in enumerate(path.read_text().split("\n"), 1) if text in line)


def test_a_value_of_the_file_is_followed_to_its_manifest_line(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File and line on both ends."""
    (field,) = explain(capsys, made, "prod/chat", "memory.limit")
    source = made / "environments/prod/endpoints/chat.yaml"
    assert field["value"] == "48Gi"
    assert field["origin"]["source"] == "file"
    assert field["origin"]["place"] == f"environments/prod/endpoints/chat.yaml:{line_of(source, 'limit: 48Gi')}"
    wanted = "spec.template.spec.containers[0].resources.limits.memory"
    (line,) = [line for line in field["manifests"] if line["path"] == wanted]
    text = (made / line["file"]).read_text().split("\n")[line["line"] - 1]
    assert text.strip() == 'memory: "48Gi"'


@pytest.mark.parametrize("name", ["memory.limit", "spec.memory.limit", "memory-limit", "--memory-limit", "memoryLimit"])
def test_a_field_goes_by_each_of_its_names(made: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The file's path, the flag and the platform's field mean the same."""
    words = ["prod/chat", "--", name] if name.startswith("-") else ["prod/chat", name]
    capsys.readouterr()
    assert run(["-C", str(made), "explain", "--output", "json", *words]) == 0
    assert [field["field"] for field in json.loads(capsys.readouterr().out)] == ["memory.limit"]


def test_a_section_means_all_below_it(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`memory` is request and limit; the platform's deploymentSpec is the whole section."""
    assert [field["field"] for field in explain(capsys, made, "prod/chat", "memory")] == [
        "memory.request",
        "memory.limit",
    ]
    names = [field["field"] for field in explain(capsys, made, "prod/chat", "deploymentSpec")]
    assert "deployment.runtime.max_input_tokens" in names


def test_values_of_environment_and_default_say_so(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The environment's file and line; the default by name."""
    fields = {field["field"]: field for field in explain(capsys, made, "prod/chat")}
    shared = made / "environments/prod/environment.yaml"
    place = f"environments/prod/environment.yaml:{line_of(shared, 'namespace: llm-ops-prod')}"
    assert fields["namespace"]["origin"] == {"source": "environment", "place": place, "note": ""}
    assert fields["pod.shmSize"]["origin"]["place"] == "revstamp's default"


def test_a_value_that_reaches_no_manifest_says_what_it_is_for(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kept in the file, or decides something else."""
    fields = {field["field"]: field for field in explain(capsys, made, "prod/chat")}
    assert fields["model.status"]["manifests"] == []
    assert "rules" in fields["model.status"]["effect"]
    assert all(field["manifests"] or field["effect"] for field in fields.values())


def test_a_field_that_is_not_set_says_where_it_would_end(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for by name, it is shown with no value."""
    (field,) = explain(capsys, made, "prod/chat", "pod.priorityClassName")
    assert field["value"] is None
    assert field["manifests"][0]["path"] == "spec.template.spec.priorityClassName"
    assert "would" in field["effect"]


def test_every_named_line_is_inside_the_committed_file(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Line numbers are those of the files as they are committed, revisions included."""
    for endpoint in ("prod/chat", "prod/search", "dev/chat"):
        for field in explain(capsys, made, endpoint):
            for line in field["manifests"]:
                lines = (made / line["file"]).read_text().split("\n")
                assert 1 <= line["line"] < len(lines)
                key = line["path"].rpartition(".")[2].partition("[")[0]
                if line["path"] and not line["path"].endswith("]") and "/" not in key:
                    assert f"{key}:" in lines[line["line"] - 1], (field["field"], line)


def test_an_unknown_field_is_answered_with_the_nearest(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4 and a hint."""
    capsys.readouterr()
    assert run(["-C", str(made), "explain", "prod/chat", "memory.limitt", "-o", "json"]) == 4
    error = json.loads(capsys.readouterr().err)
    assert error["error"] == "not-found"
    assert "memory.limit" in error["hint"]


def test_an_endpoint_that_rules_refuse_is_explained_with_the_reason(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is there, the reason on standard error, exit code 0."""
    capsys.readouterr()
    assert run(["-C", str(made), "explain", "dev/draft"]) == 0
    printed = capsys.readouterr()
    assert "memory.limit" in printed.out
    assert "cannot be deployed" in printed.err
    assert "draft" in printed.err


def test_an_endpoint_with_a_missing_value_shows_what_its_file_says(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing can be resolved: exit code 3, the violation, and the file's own fields."""
    capsys.readouterr()
    assert run(["-C", str(made), "explain", "dev/untyped", "-o", "json"]) == 3
    printed = capsys.readouterr()
    assert {"memory.limit", "route"} <= {field["field"] for field in json.loads(printed.out)}
    assert json.loads(printed.err)["violations"][0]["path"] == "spec.deployment.job_type"


def test_an_external_model_ends_nowhere(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no manifest to end in."""
    fields = explain(capsys, made, "dev/outside")
    assert not any(field["manifests"] for field in fields)


def test_a_template_of_ones_own_is_followed_too(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that only the company's template uses is found where that puts it."""
    from generator.render.shipped import shipped_templates

    settings = root / "revstamp.yaml"
    settings.write_text(settings.read_text().replace("templates: shipped", "templates: repository"))
    text = shipped_templates()["service.yaml.j2"]
    (root / "templates").mkdir()
    own = "  annotations:\n    example.com/replicas: {{ deployment.replicas | string }}\n"
    assert "  annotations: {{ annotations }}\n" in text
    (root / "templates/service.yaml.j2").write_text(text.replace("  annotations: {{ annotations }}\n", own))
    write_endpoint(root, "prod", "chat", CHAT.replace("min: 2\n    max: 4", "min: 2\n    max: 2"))
    (field,) = explain(capsys, root, "prod/chat", "replicas.min")
    assert "metadata.annotations.example.com/replicas" in [line["path"] for line in field["manifests"]]


def test_a_commit_is_explained_as_it_was(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--rev` reads the commit, the default the work tree with its edits."""
    write_endpoint(root, "prod", "chat", CHAT.replace("48Gi", "64Gi"))
    assert explain(capsys, root, "prod/chat", "memory.limit")[0]["value"] == "64Gi"
    assert explain(capsys, root, "prod/chat", "memory.limit", "--rev", "HEAD")[0]["value"] == "48Gi"


def test_maps_that_merge_name_both_files(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A variable of the environment and one of the endpoint end in one list."""
    shared = root / "environments/prod/environment.yaml"
    shared.write_text(shared.read_text() + "  pod:\n    env:\n      - name: HTTP_PROXY\n        value: http://proxy\n")
    write_endpoint(root, "prod", "chat", CHAT + "  pod:\n    env:\n      - name: OWN\n        value: x\n")
    (field,) = explain(capsys, root, "prod/chat", "pod.env")
    assert [item["name"] for item in field["value"]] == ["HTTP_PROXY", "OWN"]
    assert field["origin"]["source"] == "file"
    assert "environment.yaml" in field["origin"]["note"]


def test_secrets_are_references(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a Secret holds is nowhere in the files, so it is nowhere here."""
    secret = "  pod:\n    env:\n      - name: TOKEN\n        secret:\n          name: hub\n          key: token\n"
    write_endpoint(root, "prod", "chat", CHAT + secret)
    (field,) = explain(capsys, root, "prod/chat", "pod.env")
    assert field["value"] == [{"name": "TOKEN", "secret": {"name": "hub", "key": "token"}}]


def test_a_broken_stamp_does_not_stand_in_the_way(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are then those of a first rendering."""
    find_generated(root, "stamps", "prod", "chat.yaml").write_text("<<<<<<< mine\n")
    assert explain(capsys, root, "prod/chat", "route")[0]["manifests"]
    commit_by_hand(root)
    assert explain(capsys, root, "prod/chat", "route", "--rev", "HEAD")[0]["manifests"]


def test_the_text_names_files_lines_and_folders(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people read."""
    capsys.readouterr()
    assert run(["-C", str(made), "explain", "prod/chat", "memory-limit"]) == 0
    text = capsys.readouterr().out
    assert "endpoints/chat.yaml:" in text
    assert "deployment.yaml:" in text
    assert "environments/prod/manifests/" in text
