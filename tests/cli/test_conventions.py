"""What holds for every command: help with examples, one JSON document, errors on standard error, quiet endings."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from generator.cli.demo_steps import Step
from generator.cli.main import COMMANDS, cli
from tests.cli.driver import REVSTAMP, SOURCE, Person, answer_of, start

JSON_CALLS: dict[str, tuple[str, ...]] = {
    "init": ("init", "other"),
    "new": ("new", "fresh", "-e", "dev", "--model", "m", "--family", "llama"),
    "import": ("import", "-"),
    "render": ("render", "prod/chat"),
    "render --check": ("render", "--check"),
    "diff": ("diff", "HEAD~1"),
    "diff of edits": ("diff",),
    "commit": ("commit",),
    "commit --dry-run": ("commit", "--all", "--dry-run"),
    "redeploy": ("redeploy", "prod/chat"),
    "rollback": ("rollback", "prod/chat", "--to", "1"),
    "promote": ("promote", "chat", "--from", "dev", "--to", "prod"),
    "scale": ("scale", "prod/chat", "--max", "6"),
    "stop": ("stop", "prod/search"),
    "delete": ("delete", "dev/chat"),
    "log": ("log", "prod/chat"),
    "explain": ("explain", "prod/chat"),
    "verify": ("verify",),
    "schema": ("schema", "endpoint"),
    "environments": ("environments",),
    "db": ("db", "upgrade", "--database", "sqlite:///ledger.db"),
    "doctor": ("doctor",),
    "completion": ("completion", "bash"),
}


CLUSTER_CALLS = (
    ("apply", "prod/chat"),
    ("status", "prod/chat"),
    ("adopt", "prod/chat"),
    ("diff", "--live", "-e", "prod/chat"),
    ("suspend", "prod/chat"),
    ("resume", "--environment", "prod"),
    ("install", "--export", "-e", "prod", "--url", "https://git.example.com/gitops.git"),
)
"""Calls that reach a cluster, a simulated one; `watch` is not answered here, since nothing is ever applied to it."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its name."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command


def parameters(command: click.Command) -> list[click.Parameter]:
    """Of a command, and of those below it."""
    below = list(command.commands.values()) if isinstance(command, click.Group) else []
    return [*command.params, *(parameter for each in below for parameter in each.params)]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_that_are_calls_of_the_command(name: str, tmp_path: object) -> None:
    """Each names options that there are."""
    answer = answer_of((name, "--help"), SOURCE)
    assert answer.code == 0
    examples = re.findall(rf"revstamp {name}\b.*", answer.out)
    assert examples, answer.out
    assert "Examples:" in answer.out
    command = dict(commands())[name]
    known = {option for parameter in parameters(command) for option in (*parameter.opts, *parameter.secondary_opts)}
    for example in examples:
        used = re.findall(r"(?<=\s)(--[a-z-]+)", example.split("|")[0].split("#")[0])
        assert set(used) <= known | {"--help"}, (example, set(used) - known)


def test_help_lists_every_command_and_every_option_says_what_it_is() -> None:
    """No option without a sentence."""
    answer = answer_of(("--help",), SOURCE)
    assert all(re.search(rf"^  {name}\s+\S", answer.out, re.M) for name in COMMANDS)
    for name, command in commands():
        for parameter in parameters(command):
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.opts)


def test_every_command_can_answer_in_json() -> None:
    """Each of them is called below."""
    without = {name for name, command in commands() if not any("--output" in item.opts for item in parameters(command))}
    assert without == set()
    called = {words[0] for words in (*JSON_CALLS.values(), *CLUSTER_CALLS)}
    endless = {"reconcile", "worker", "read-status", "serve"}
    elsewhere = {"watch", "demo", "history", "show"}  # two are called below, two by the tests of the ledger's commands
    assert {*COMMANDS} - endless - elsewhere == called


@pytest.mark.parametrize("call", JSON_CALLS)
def test_a_json_answer_is_one_document_on_standard_output(person: Person, call: str) -> None:
    """And nothing else there."""
    answer = person.do(*JSON_CALLS[call], "--output", "json", stdin='{"models": [], "endpoints": []}')
    assert isinstance(json.loads(answer.out), dict | list)


@pytest.mark.parametrize("call", CLUSTER_CALLS, ids=" ".join)
def test_a_cluster_command_answers_in_json_too(
    person: Person, call: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One document, and nothing else there."""
    monkeypatch.setenv("REVSTAMP_CLUSTERS", "prod=simulated")
    assert isinstance(json.loads(person.do(*call, "--output", "json").out), dict)


def test_watch_answers_in_json_when_its_time_is_over(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how far it has come."""
    monkeypatch.setenv("REVSTAMP_CLUSTERS", "prod=simulated")
    answer = person.type("watch", "prod/chat", "--timeout", "0.2", "--output", "json")
    assert (answer.code, answer.error["error"]) == (11, "rollout-timed-out")
    assert answer.json["rollouts"][0]["phase"] == "not applied"


@pytest.mark.parametrize("spelling", [("--output", "json"), ("--output=json",), ("-o", "json"), ("-ojson",)])
def test_an_error_is_one_json_document_on_standard_error(person: Person, spelling: tuple[str, ...]) -> None:
    """With all keys; also an error of usage."""
    for words in (("redeploy", "nobody"), ("redeploy",), ("redeplyo",), ("scale", "prod/chat", "--max", "many")):
        answer = person.type(*words, *spelling)
        assert answer.out == ""
        assert {"error", "message", "hint", "retryable", "violations"} <= set(answer.error), answer.err
        assert answer.error["hint"]
        assert answer.code == (4 if words[-1] == "nobody" else 2)


def test_a_mistyped_command_is_answered_with_the_nearest(person: Person) -> None:
    """Exit code 2."""
    answer = person.type("redeplyo", "prod/chat")
    assert answer.code == 2
    assert "redeploy" in answer.err
    assert person.type("--nowhere").code == 2
    assert "Did you mean" in person.type("redeploy", "prod/chat", "--memory-limt", "1").err


def test_a_mistyped_endpoint_is_answered_with_the_nearest(person: Person) -> None:
    """And one that stands in several environments with the question which."""
    assert "search" in person.fail("redeploy", "prod/serch")["hint"]
    error = person.fail("redeploy", "chat")
    assert "dev" in error["message"]
    assert "prod" in error["message"]


def test_no_command_at_all_prints_help() -> None:
    """Nothing is done."""
    answer = answer_of((), SOURCE)
    assert "Commands:" in answer.out + answer.err


def test_text_is_without_colours_unless_a_terminal_asks(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE_COLOR colours, NO_COLOR overrides it."""
    assert "\x1b[" not in person.do("redeploy", "prod/chat").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in person.do("redeploy", "prod/chat", "--cpu-request", "5").out
    monkeypatch.setenv("NO_COLOR", "1")
    for words in (
        ("redeploy", "prod/chat", "--cpu-request", "6"),
        ("log", "prod/chat"),
        ("log", "prod/chat", "--diff"),
    ):
        assert "\x1b[" not in person.do(*words).out
    assert "\x1b[" not in person.type("redeploy", "nobody").err


def test_a_closed_pipe_is_no_error(person: Person) -> None:
    """`revstamp … | head -1` ends quietly."""
    for words in ("render prod/chat", "--help", "log prod/chat -o json", "schema endpoint"):
        line = f"{' '.join(REVSTAMP)} {words} | head -1"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=person.root,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
        )
        assert done.stderr == "", words
        assert done.stdout.count("\n") == 1


def has_open(process: subprocess.Popen[str], path: Path) -> bool:
    """Whether a process has opened a file."""
    with contextlib.suppress(OSError):
        return path.resolve() in [link.readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir()]
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")
def test_an_interrupt_ends_with_130_and_one_line(person: Person) -> None:
    """While it waits for a lock that somebody holds; nothing is half done."""
    import fcntl

    lock = next(iter((person.root / ".git" / "revstamp").glob("clone.lock")))
    before = person.state
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = start(person, "redeploy", "prod/chat")
        deadline = time.monotonic() + 60
        while not has_open(process, lock):
            assert process.poll() is None, "it did not wait"
            assert time.monotonic() < deadline, "it did not come to the lock"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Interrupted" in err
    assert out == ""
    assert person.state == before


@pytest.mark.sweep
def test_the_demo_runs_and_leaves_nothing_behind(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit, apply, healthy; a bad revision fails while the old one serves; the rollback."""
    answer = answer_of(("demo", "--exit"), SOURCE)
    assert answer.code == 0, answer.err
    assert "r4: Update failed, r2 still serving 3: CrashLoop" in answer.err
    assert "r5: live, 3 of 3 ready" in answer.err
    assert "[simulated]" in answer.out


@pytest.mark.sweep
def test_the_demo_as_json_holds_steps_commits_and_revisions() -> None:
    """One document; every step with the command's own answer."""
    answer = answer_of(("demo", "--output", "json"), SOURCE)
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["revisions"]["prod/chat"] == 5
    assert answer.json["commits"][0]["subject"] == "prod/chat: rollback as r5 = r3"
    assert [step["command"] for step in answer.json["steps"] if not step["answer"]] == []
    verdicts = [step["answer"]["rollouts"][0]["verdict"] for step in answer.json["steps"] if "apply" in step["command"]]
    assert verdicts == ["healthy", "healthy", "healthy", "failed", "healthy"]


def test_version_is_printed() -> None:
    """By the group, for bug reports."""
    from generator import __version__

    assert answer_of(("--version",), SOURCE).out == f"revstamp {__version__}\n"


def hints() -> Iterator[tuple[str, str]]:
    """Every hint and every fix that stands in the code as a text, with its place."""
    for path in sorted((SOURCE / "generator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            texts: list[ast.expr] = []
            if isinstance(node, ast.Call):
                texts += [word.value for word in node.keywords if word.arg in ("hint", "fix")]
                if isinstance(node.func, ast.Name) and node.func.id == "Violation":
                    texts += node.args[1:2]
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("hint", "fix", "usual_hint"):
                texts.append(node.value)
            for text in texts:
                parts = text.values if isinstance(text, ast.JoinedStr) else [text]
                if isinstance(parts[0], ast.Constant) and isinstance(parts[-1], ast.Constant):
                    yield f"{path.name}:{text.lineno}", f"{parts[0].value}{parts[-1].value}"


def test_every_hint_goes_on_from_the_message_in_one_style() -> None:
    """`hint: do this`: no capital letter (but a word of capitals) and no full stop at its end."""
    found = list(hints())
    assert len(found) > 100
    for place, text in found:
        first = text.split(" ")[0]
        assert not first[:1].isupper() or first.isupper(), (place, text)
        assert not text.endswith("."), (place, text)


def test_notes_do_not_stand_before_the_json_of_an_error(person: Person) -> None:
    """Nor is anything printed or written for an endpoint beside the refused one."""
    error = person.fail("render", "prod/chat", "dev/draft")
    assert "draft" in error["message"]
    answer = person.type("render", "prod/chat", "dev/draft", "--to", "out")
    assert (answer.code, answer.out) == (3, "")
    assert not (person.root / "out").exists()
    found = {item["endpoint"]: item for item in person.ask("render", "-e", "dev", "--to", "out")["endpoints"]}
    assert found["draft"]["violations"]
    assert found["draft"]["manifests"] == {}
    assert (person.root / "out" / "dev" / "chat" / "deployment.yaml").exists()


def test_numbers_of_any_size_are_no_bug(person: Person) -> None:
    """As a limit, a revision, a number of replicas."""
    huge = "9" * 30
    assert len(person.ask("log", "prod/chat", "-n", huge)["revisions"]) == 1
    assert person.fail("rollback", "prod/chat", "--to", huge)["exit"] == 4
    assert person.fail("scale", "prod/chat", "--max", huge)["exit"] == 3


def test_an_interrupt_is_json_too(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 130."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("generator.service.workspace.Workspace.open", interrupt)
    answer = person.type("redeploy", "prod/chat", "-o", "json")
    assert (answer.code, answer.out, answer.error["error"]) == (130, "", "interrupted")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_error_and_no_file_is_printed_into(person: Person, closed: str) -> None:
    """A file opened next would take its number."""
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(REVSTAMP)} redeploy prod/chat {closed}"],
        cwd=person.root,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
    )
    assert done.returncode == 0
    assert person.revision("prod/chat") == 2
    person.check_sound()


def test_a_step_of_the_demo_that_fails_ends_it_with_its_code(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was wrong is no bug of the demo; as JSON it is one document."""
    monkeypatch.setattr("generator.cli.demo_command.STEPS", (Step("A wrong step", "log -n 0 prod/chat"),))
    answer = answer_of(("demo", "--exit"), SOURCE)
    assert (answer.code, "ended with 2" in answer.err) == (2, True)
    answer = answer_of(("demo", "-o", "json"), SOURCE)
    assert (answer.code, answer.out, answer.error["error"]) == (2, "", "usage")
