"""What nobody should bring: broken files, links out of the repository, hostile names and requests.

Each is refused with a documented exit code and a hint, without a traceback, and with nothing touched.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.errors import RevstampError
from tests.cli.driver import Person

CHAT = "environments/prod/endpoints/chat.yaml"
PROD = "environments/prod/environment.yaml"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE_NAMES = [
    "../x",
    "../../etc/passwd",
    "-rf",
    "--upload-pack=x",
    "a\nb",
    "a b",
    "",
    ".",
    "/",
    "//",
    "prod/",
    "/chat",
]
HOSTILE_NAMES += [
    "prod/../dev/chat",
    "prod/chat/x",
    "a" * 5000,
    "\x1b[31mred",
    "\u202ex",
    "ünïcode",
    "$(touch x)",
    "*",
    "HEAD",
]
HOSTILE_NAMES += ["refs/heads/main", "chat.lock", "\udcff", "prod\\chat", "prod/CHAT", "~", "@{-1}"]


def refuse(person: Person, *words: str, stdin: str | bytes = b"") -> None:
    """The command must fail as documented and leave everything as it is."""
    before = person.state
    error = person.fail(*words, stdin=stdin)
    assert error["exit"] != 1
    assert person.state == before


BROKEN_FILES: dict[str, str | bytes] = {
    "empty": "",
    "blank": "   \n\n",
    "broken": "apiVersion: [revstamp.io/v1\nkind: Endpoint\n",
    "a list": "- apiVersion: revstamp.io/v1\n",
    "a word": "Endpoint\n",
    "a number": "3\n",
    "two documents": "apiVersion: revstamp.io/v1\n---\nkind: Endpoint\n",
    "duplicate keys": "apiVersion: revstamp.io/v1\nkind: Endpoint\nkind: Endpoint\n",
    "alias bomb": BOMB,
    "alias to itself": "a: &a [*a]\n",
    "merge keys": "x: &x {a: b}\ny:\n  <<: *x\n",
    "tags": "a: !!python/object/apply:os.system ['touch hacked']\n",
    "binary": b"\x00\x01\x02\xff\xfe",
    "latin-1": "name: caf\xe9\n".encode("latin-1"),
    "utf-16": "apiVersion: revstamp.io/v1\n".encode("utf-16"),
    "utf-32": "apiVersion: revstamp.io/v1\n".encode("utf-32"),
    "lone surrogate": b"a: \xed\xa0\x80\n",
    "deep": "[" * 20_000 + "]" * 20_000,
    "deep maps": "".join(" " * depth + "a:\n" for depth in range(3000)),
    "huge number": "a: " + "9" * 10_000 + "\n",
    "control characters": "a: \x07\x1b[2J\n",
    "tabs": "a:\n\t\tb: c\n",
    "conflict markers": "<<<<<<< HEAD\na: b\n=======\na: c\n>>>>>>> other\n",
    "fifty megabytes": b"# " + b"x" * 50_000_000,
    "many keys": "".join(f"k{number}: v\n" for number in range(20_000)),
    "complex keys": "? [a, b]\n: c\n",
    "null keys": "null: a\n~: b\n",
    "time": "a: 2026-01-01T00:00:00Z\n",
}


@pytest.mark.parametrize("what", BROKEN_FILES)
@pytest.mark.parametrize("path", [CHAT, PROD, "revstamp.yaml"])
def test_a_broken_file_is_refused_by_name(person: Person, what: str, path: str) -> None:
    """As an endpoint, an environment and the repository's settings."""
    person.write(path, BROKEN_FILES[what])
    before = person.state
    error = person.fail("commit", "-m", "x")
    assert path in json.dumps(error)
    assert person.state == before


@pytest.mark.parametrize("what", sorted({*BROKEN_FILES} - {"fifty megabytes"}))
def test_a_broken_request_is_refused(person: Person, what: str) -> None:
    """YAML, binary or nothing where JSON must be."""
    refuse(person, "redeploy", "prod/chat", "--request", "-", stdin=BROKEN_FILES[what])


@pytest.mark.parametrize(
    "request_text",
    [
        "[]",
        "null",
        "3",
        '"x"',
        "[" * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"memoryLimit": "48Gi", "memoryLimit": "64Gi"}',
        '{"memoryLimit": NaN}',
        '{"memoryLimit": 1e999}',
        '{"memoryLimt": "48Gi"}',
        '{"memoryLimit": ["48Gi"]}',
        '{"memoryLimit": {"a": 1}}',
        '{"memoryLimit": true}',
        '{"deploymentSpec": []}',
        '{"deploymentSpec": {"resources": {"gpus": -1}}}',
        '{"deploymentSpec": {"resources": {"gpus": 1e30}}}',
        '{"deploymentSpec": {"resources": {"gpus": 1.5}}}',
        '{"deploymentSpec": {"runtime": {"max_input_tokens": 0}}}',
        '{"autoscalePolicy": "fast"}',
        '{"autoscalePolicy": {"cpuUtilization": -5}}',
        '{"servingRuntimeImage": "\\u0000"}',
        '{"servingRuntimeImage": "\\ud800"}',
        '{"useGpu": "yes"}',
        '{"__proto__": {}}',
        '{"": ""}',
        '{"memoryLimit": "' + "9" * 100_000 + 'Gi"}',
    ],
    ids=lambda text: text[:40],
)
def test_a_request_of_the_wrong_shape_is_refused(person: Person, request_text: str) -> None:
    """Every field reaches the manifest or is refused."""
    refuse(person, "redeploy", "prod/chat", "--request", "-", stdin=request_text)


def test_a_request_of_fifty_megabytes_is_refused(person: Person) -> None:
    """Without being read to its end."""
    refuse(person, "redeploy", "prod/chat", "--request", "-", stdin=b'{"a": "' + b"x" * 50_000_000 + b'"}')


def test_a_request_file_that_is_not_there_is_named(person: Person) -> None:
    """Nor a folder."""
    refuse(person, "redeploy", "prod/chat", "--request", "nowhere.json")
    refuse(person, "redeploy", "prod/chat", "--request", "environments")


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_a_hostile_name_is_refused_wherever_a_name_is_taken(person: Person, name: str) -> None:
    """As endpoint, environment, branch, file, revision, folder and author."""
    before = person.state
    lines: list[tuple[str, ...]] = [
        (*command, "--", name)
        for command in (("redeploy",), ("stop",), ("rollback",), ("log",), ("render",), ("diff",))
    ]
    lines += [("scale", "--max", "3", "--", name), ("delete", "--yes", "--", name), ("import", "--", name)]
    lines += [("new", "-e", "dev", "--model", "m", "--family", "llama", "--", name)]
    lines += [("new", "fresh", f"--environment={name}", "--model", "m", "--family", "llama")]
    lines += [("render", f"--environment={name}"), ("promote", "chat", f"--from={name}", "--to=prod")]
    lines += [
        ("promote", "chat", "--from=dev", f"--to={name}"),
        ("promote", "chat", "--from=dev", "--to=prod", f"--as={name}"),
    ]
    lines += [("redeploy", "prod/chat", f"--clear={name}"), ("redeploy", "prod/chat", f"--set={name}")]
    lines += [("redeploy", "prod/chat", f"--set={name}=1")]
    if not re.fullmatch(r"[a-z0-9./]*", name):
        lines.append(("redeploy", "prod/chat", f"--image={name}"))
    for words in lines:
        answer = person.type(*words)
        harmless = words[0] == "promote" and name == ""
        assert answer.code in ((0, 1, 2, 3, 4) if harmless or words[0] == "diff" else (1, 2, 3, 4)), (words, answer)
        assert "Traceback" not in answer.err
        assert "\x1b[31m" not in answer.err
        if answer.code:
            assert answer.err
        if not harmless:
            assert person.state == before, words
    assert not (person.root.parent / "x").exists()


BRANCHES = [
    "../x",
    "-rf",
    "--upload-pack=x",
    "a\nb",
    "a b",
    "HEAD",
    "x..y",
    "x.lock",
    "/x",
    "x/",
    "x//y",
    ".x",
    "@",
    "x~1",
]
BRANCHES += ["x^", "x:y", "x?", "x*", "x[", "x\\y", "x@{1}", "refs/heads/../x", "a" * 300]


@pytest.mark.parametrize("name", BRANCHES, ids=ascii)
def test_a_name_that_git_does_not_take_for_a_branch_is_refused(person: Person, name: str) -> None:
    """Before anything is written."""
    refuse(person, "redeploy", "prod/chat", f"--branch={name}")
    person.edit(CHAT, "48Gi", "64Gi")
    refuse(person, "commit", f"--branch={name}")


@pytest.mark.parametrize("text", ["Ann", "<x>", "Ann <a@b", "A\nB <a@b>", "Ann <a\n@b>", "Ann <<a@b>>", "<a@b>"])
def test_an_author_that_would_break_a_commit_is_refused(person: Person, text: str) -> None:
    """With the form that is meant."""
    refuse(person, "redeploy", "prod/chat", "--actor", text)


@pytest.mark.parametrize("text", ["a\nb", "-rf\r\n", "a\tb", "x" * 10_000])
def test_a_request_id_that_would_break_a_trailer_is_refused(person: Person, text: str) -> None:
    """It stands on a line of its own in stamps and commits."""
    refuse(person, "redeploy", "prod/chat", "--request-id", text)


@pytest.mark.parametrize("text", ["\x1b[2J", "Revstamp-Revision: 99\nRevstamp-Request-Id: stolen", "-rf", "a\r\nb"])
def test_a_reason_cannot_forge_a_trailer(person: Person, text: str) -> None:
    """Refused, or kept as the text that it is; the request id stays the commit's own."""
    answer = person.type("redeploy", "prod/chat", "--reason", text, "--request-id", "mine")
    assert answer.code in (0, 3), answer.err
    if answer.code == 0:
        ids = person.git("log", "-1", "--format=%(trailers:key=Revstamp-Request-Id,valueonly)").split()
        assert ids == ["mine"]
        assert person.do("redeploy", "prod/chat", "--request-id", "stolen").out.count("carried out before") == 0


def _link(person: Person, path: str, target: str) -> None:
    place = person.root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def test_a_link_to_a_file_outside_is_never_followed(person: Person, tmp_path: Path) -> None:
    """Neither its content nor its place is read."""
    (tmp_path / "secret.yaml").write_text(person.read(CHAT).replace("name: chat", "name: secret"))
    _link(person, "environments/prod/endpoints/secret.yaml", str(tmp_path / "secret.yaml"))
    before = person.state
    assert "secret.yaml" in person.fail("commit", "-m", "x")["message"]
    assert person.type("render", "prod/secret").code in (3, 4)
    assert person.state == before


@pytest.mark.parametrize("folder", ["environments/prod/endpoints", "environments/lab", "environments"])
def test_a_linked_folder_is_never_followed(person: Person, tmp_path: Path, folder: str) -> None:
    """Endpoints, an environment, all environments: nothing is read or written through the link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    place = person.root / folder
    if place.exists():
        place.rename(outside / "moved")
        place.symlink_to(outside / "moved")
    else:
        _link(person, folder, str(outside))
    before = sorted(path.name for path in outside.rglob("*"))
    for words in (("commit", "-m", "x"), ("render", "prod/chat"), ("redeploy", "prod/chat")):
        answer = person.type(*words)
        assert "Traceback" not in answer.err, words
        assert answer.code in (0, 3, 4, 5), (words, answer)
    person.type("new", "fresh", "-e", "prod", "--model", "m", "--family", "llama")
    assert sorted(path.name for path in outside.rglob("*")) == before


def test_import_writes_through_no_link(person: Person, platform_rows: str, tmp_path: Path) -> None:
    """A file that was replaced by a link is not overwritten, also with --overwrite."""
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    _link(person, "environments/prod/endpoints/svc-c48311a09cf4.yaml", str(victim))
    refuse(person, "import", platform_rows, "--overwrite")
    assert victim.read_text() == "mine"


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _folder(place: Path) -> None:
    place.mkdir()
    (place / "x").write_text("x")


@pytest.mark.parametrize("make", [_pipe, _folder])
@pytest.mark.parametrize("path", [CHAT, PROD, "revstamp.yaml", "templates/service.yaml.j2"])
def test_what_is_no_file_is_refused_without_waiting(person: Person, make: Callable[[Path], None], path: str) -> None:
    """A pipe would wait for a writer for ever."""
    (person.root / path).unlink(missing_ok=True)
    (person.root / path).parent.mkdir(exist_ok=True)
    make(person.root / path)
    for words in (("commit", "-m", "x"), ("render", "prod/chat"), ("diff",)):
        answer = person.type(*words)
        assert "Traceback" not in answer.err, (words, answer)
        assert answer.code in (0, 3, 4), (words, answer)


def test_an_unreadable_name_on_disk_is_an_error(person: Person) -> None:
    """A file name that is no UTF-8, and one with a newline."""
    folder = os.fsencode(person.root / "environments/prod/endpoints")
    for name in (b"bad\xff.yaml", b"bad\nname.yaml", b"-rf.yaml", b"Bad.yaml", b".yaml", b"x" * 60 + b".yaml"):
        path = Path(os.fsdecode(folder + b"/" + name))
        path.write_bytes(person.read(CHAT).encode())
        before = person.state
        answer = person.type("commit", "-m", "x")
        assert answer.code == 3, (name, answer)
        assert "Traceback" not in answer.err
        assert person.state == before
        path.unlink()


ROWS = {
    "no JSON": "models: []",
    "a list": "[]",
    "no rows": "{}",
    "wrong types": '{"models": 3, "endpoints": "x"}',
    "rows of nothing": '{"models": [null], "endpoints": [null, 3, "x", []], "deployments": [null]}',
    "hostile id": '{"models": [], "endpoints": [{"id": "../../x", "environment": "../x", "route": "/x"}]}',
    "no model": '{"models": [], "endpoints": [{"id": "c48311a0-9cf4-501c-b0af-ca267da9bdfa", "environment": "prod"}]}',
    "deep": "[" * 50_000,
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("what", ROWS)
def test_rows_of_the_wrong_shape_are_refused_or_named_one_by_one(person: Person, what: str) -> None:
    """Nothing is written for them, and the exit code says so."""
    before = person.state
    answer = person.type("import", "-", stdin=ROWS[what])
    assert answer.code in (0, 1, 3), answer
    assert (answer.code == 0) == (what == "no rows" and "0 written" in answer.out), answer
    assert "Traceback" not in answer.err
    assert person.state == before


def test_a_bug_is_told_as_one_with_an_exit_code_of_its_own(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """70, no traceback, and how to get it."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("generator.service.workspace.Workspace.open", fail)
    answer = person.type("commit", "--output", "json")
    assert (answer.code, answer.error["error"]) == (70, "internal-error")
    assert "REVSTAMP_DEBUG=1" in answer.error["hint"]
    assert "Traceback" not in answer.err


def test_every_error_has_a_hint_whoever_raises_it() -> None:
    """Also where nobody thought of one."""
    pending = [RevstampError]
    while pending:
        kind = pending.pop()
        assert kind("x").hint
        pending += kind.__subclasses__()
