"""Editors find the schemas that revstamp's own files name."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.service.editor import editor_hint, schema_files

ROOT = Path(__file__).parents[2]


def test_the_repository_holds_the_schemas_of_this_version(request: pytest.FixtureRequest) -> None:
    """An editor that checks the example checks it by the models of this commit; `--update-golden` writes them anew."""
    for path, text in schema_files().items():
        if request.config.getoption("--update-golden"):
            (ROOT / path).write_text(text)
        assert (ROOT / path).read_text() == text


@pytest.mark.parametrize("path", sorted((ROOT / "environments").glob("*/**/*.yaml")), ids=lambda path: path.name)
def test_the_hint_of_an_example_leads_to_a_schema(path: Path) -> None:
    """The relative path in a file's first line is right for where the file stands."""
    first = path.read_text().splitlines()[0]
    if "/manifests/" in str(path) or "/stamps/" in str(path):
        assert "yaml-language-server" not in first
        return
    kind = "environment" if path.name == "environment.yaml" else "endpoint"
    assert first + "\n" == editor_hint(str(path.relative_to(ROOT)), kind)
    assert (path.parent / first.partition("$schema=")[2]).resolve().is_file()
