"""What every kind of endpoint renders to in every kind of environment, as golden files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import __version__
from tests.cli.driver import Answer, Person, answer_of
from tests.cli.environment_variants import ENDPOINTS, VARIANTS, environment_text

GOLDEN = Path(__file__).parents[1] / "golden" / "environments"
ROOT = Path(__file__).parents[2]
SETTINGS = f"""\
apiVersion: revstamp.io/v1
kind: Repository
spec:
  generator: {__version__}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A plain folder with all environments, each with all endpoints; rendering needs no git."""
    person = Person(tmp_path_factory.mktemp("variants"))
    person.write("revstamp.yaml", SETTINGS)
    for variant in VARIANTS:
        person.write(f"environments/{variant}/environment.yaml", environment_text(variant))
        for name, data in ENDPOINTS.items():
            text = yaml.safe_dump(data, sort_keys=False)
            person.write(f"environments/{variant}/endpoints/{name}.yaml", text)
    return person


@pytest.mark.parametrize("variant", VARIANTS)
def test_manifests_are_the_golden_ones(
    folder: Person, variant: str, golden_tree: Callable[[Path, Mapping[str, str]], None]
) -> None:
    """One file an endpoint; where it cannot be deployed there, the reasons."""
    golden_tree(GOLDEN / variant, {f"{name}.yaml": _rendered(folder, f"{variant}/{name}") for name in ENDPOINTS})


def _rendered(folder: Person, endpoint: str) -> str:
    answer = folder.type("render", endpoint)
    if answer.code:
        return f"# exit code {answer.code}\n" + "".join(f"# {line}\n" for line in answer.err.splitlines())
    return "".join(f"# {line}\n" for line in answer.err.splitlines()) + answer.out


@pytest.mark.parametrize("variant", VARIANTS)
def test_renders_are_the_same_every_time(folder: Person, variant: str, tmp_path: Path) -> None:
    """Printed or written, first or second: the same bytes."""
    first = folder.type("render", "-e", variant, "--to", str(tmp_path / "first"))
    folder.do("render", "-e", variant, "--to", str(tmp_path / "second"))
    assert _texts(tmp_path / "first") == _texts(tmp_path / "second")
    assert first.out == ""


def _texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.yaml"))}


def test_the_shipped_example_is_what_its_sources_render_to() -> None:
    """`render --check` of this project's own environments/ finds nothing."""
    answer: Answer = answer_of(("render", "--check", "--output", "json"), ROOT)
    assert answer.code == 0, answer.err
    assert answer.json["endpoints"] >= 6


def _each_body(folder: Person, variant: str) -> list[Any]:
    answer = folder.do("render", "-e", variant, "--output", "json")
    return [
        (item["endpoint"], yaml.safe_load(text))
        for item in answer.json["endpoints"]
        for text in item["manifests"].values()
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_must_hold_everywhere_holds(folder: Person, variant: str) -> None:
    """Namespace and label on every object; no replicas where an HPA scales; the mode in the version's own words."""
    bodies = _each_body(folder, variant)
    scaled = {name for name, body in bodies if body["kind"] == "HorizontalPodAutoscaler"}
    for name, body in bodies:
        assert body["metadata"]["namespace"] == f"llm-{variant}"
        assert body["metadata"]["labels"]["revstamp.io/endpoint"] == name
        if body["kind"] == "Deployment":
            assert ("replicas" in body["spec"]) == (name not in scaled)
        if body["kind"] == "InferenceService":
            mode = body["metadata"]["annotations"]["serving.kserve.io/deploymentMode"]
            assert (mode in ("RawDeployment", "Serverless")) == ("0-15" in variant)
            assert len({"model", "containers"} & set(body["spec"]["predictor"])) == 1
