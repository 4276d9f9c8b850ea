"""Hostile specs through the command line: refused with file and line, or rendered with the value as the text it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests import hostile
from tests.cli.driver import Answer, Person
from tests.hostile import HostileCase

pytestmark = pytest.mark.sweep

FILE = "environments/dev/endpoints/chat.yaml"
ENVIRONMENT = "environments/dev/environment.yaml"
FILES = [*hostile.hostile_files(320), *hostile.hostile_keys(50), *hostile.hostile_values(100)]
ALLOWED = (0, 3, 4)


@pytest.fixture(scope="module")
def folder(template: Any, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A folder with one environment and one endpoint that has every field; rendering needs no git."""
    source, person = Person(template), Person(tmp_path_factory.mktemp("hostile"))
    person.write("revstamp.yaml", source.read("revstamp.yaml"))
    person.write(ENVIRONMENT, source.read(ENVIRONMENT))
    person.write(FILE, hostile.file_bytes(hostile.ENDPOINT))
    return person


def keys_of(value: Any) -> Iterator[str]:
    """Every key inside a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def texts_of(value: Any) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_of(inner)
    elif isinstance(value, str):
        yield value


def judge(answer: Answer, case: HostileCase, file: str) -> None:
    """A refusal that can be acted on, or objects without anything that the value could have smuggled in."""
    assert answer.code in ALLOWED, (case.label, answer)
    assert "Traceback" not in answer.err, case.label
    if answer.code:
        error = answer.error
        assert error["hint"], case.label
        assert error["violations"] or error["error"] == "not-found", (case.label, error)
        for violation in error["violations"]:
            assert violation["file"] in (file, "request"), (case.label, violation)
            assert violation["line"] > 0 or violation["file"] == "request", (case.label, violation)
        return
    for item in answer.json["endpoints"]:
        objects = [yaml.safe_load(text) for text in item["manifests"].values()]
        assert "hostNetwork" not in set(keys_of(objects)), case.label
        assert {body["kind"] for body in objects} <= {
            "Deployment", "Service", "HTTPRoute", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget",
            "InferenceService",
        }, case.label  # fmt: skip
        if case.path[:2] == ("spec", "args") and isinstance(case.value, str) and not case.label.startswith("bare"):
            assert case.value in set(texts_of(objects)), case.label


def test_the_endpoint_with_every_field_renders(folder: Person) -> None:
    """Or the cases below would all be refused for another reason."""
    folder.write(FILE, hostile.file_bytes(hostile.ENDPOINT))
    assert folder.do("render", "dev/chat").out.startswith("---\n# dev/chat deployment.yaml\n")


@pytest.mark.parametrize("part", range(11))
def test_no_hostile_file_gets_through_as_anything_but_text(folder: Person, part: int) -> None:
    """More than five hundred endpoint files, rendered one by one."""
    cases = FILES[part::11]
    assert len(FILES) > 500
    for case in cases:
        folder.write(FILE, case.content)
        judge(folder.type("render", "dev/chat", "--output", "json"), case, FILE)


def test_no_hostile_environment_gets_through(folder: Person) -> None:
    """The environment's values reach every endpoint."""
    folder.write(FILE, hostile.file_bytes(hostile.ENDPOINT))
    good = folder.read(ENVIRONMENT)
    try:
        for case in hostile.hostile_environments(80):
            folder.write(ENVIRONMENT, case.content)
            answer = folder.type("render", "dev/chat", "--output", "json")
            assert answer.code in ALLOWED, (case.label, answer)
            if answer.code == 3 and case.path[:2] != ("metadata", "name"):
                files = {violation["file"] for violation in answer.error["violations"]}
                assert files & {ENVIRONMENT, FILE}, (case.label, answer.err)
    finally:
        folder.write(ENVIRONMENT, good)


def test_a_hostile_request_is_refused_untouched_or_committed_whole(person: Person) -> None:
    """Refused: no ref moved. Committed: the tree is what its sources say, and the value stands in the file as text."""
    person.write(FILE, hostile.file_bytes(hostile.ENDPOINT))
    person.do("commit", "-m", "every field")
    outcomes = set()
    for case in hostile.hostile_requests(60):
        before = person.head
        body = json.dumps(case.content)
        answer = person.type("redeploy", "dev/chat", "--request", "-", "--output", "json", stdin=body)
        assert answer.code in ALLOWED, (case.label, answer)
        assert "Traceback" not in answer.err
        assert (person.head != before) == (answer.code == 0 and answer.json["commit"] is not None), case.label
        outcomes.add(answer.code)
    assert outcomes == {0, 3}
    person.do("render", "--check")
    person.check_sound()


def test_hostile_rows_are_named_one_by_one(person: Person) -> None:
    """What is written can be committed; nothing is written outside endpoints/."""
    for case in hostile.hostile_rows(80):
        answer = person.type("import", "-", "--dry-run", "--output", "json", stdin=json.dumps(case.content))
        assert answer.code in (0, 1, 3), (case.label, answer)
        for item in answer.json["endpoints"] if answer.out else ():
            assert item["file"] == "" or item["file"].startswith("environments/dev/endpoints/"), (case.label, item)
    assert person.status == ""
