"""`revstamp schema`: a JSON Schema that accepts the files that revstamp makes, and refuses mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from generator.cli.main import run
from tests.fleet_repository import make_repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that no test changes."""
    return make_repository(tmp_path_factory.mktemp("schema") / "gitops")


def schema_of(kind: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """What the command prints."""
    capsys.readouterr()
    assert run(["schema", kind]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("endpoint", "environments/*/endpoints/*.yaml"),
        ("environment", "environments/*/environment.yaml"),
        ("repository", "revstamp.yaml"),
        ("stamp", "environments/*/stamps/*/*.yaml"),
    ],
)
def test_files_of_a_real_repository_are_accepted(
    made: Path, capsys: pytest.CaptureFixture[str], kind: str, pattern: str
) -> None:
    """And one with an unknown field is not."""
    validator = jsonschema_rs.validator_for(schema_of(kind, capsys))
    files = sorted(made.glob(pattern))
    assert files
    for file in files:
        data = yaml.safe_load(file.read_text())
        assert validator.is_valid(data), [error.message for error in validator.iter_errors(data)]
        assert not validator.is_valid({**data, "unknown": 1})


def test_json_and_text_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """It is JSON either way."""
    text = schema_of("stamp", capsys)
    assert run(["schema", "stamp", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == text


def test_an_unknown_kind_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with the kinds that there are."""
    assert run(["schema", "cluster"]) == 2
    assert "environment" in capsys.readouterr().err
