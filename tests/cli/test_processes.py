"""Many people at once, and processes that are killed: every number once, every request once, nothing half done."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.driver import Person
from tests.cli.forked import fork
from tests.fleet_repository import git

pytestmark = pytest.mark.sweep

PROCESSES = 24


def add_endpoints(person: Person, count: int) -> list[str]:
    """Endpoints `prod/many-0` and so on, committed."""
    text = person.read("environments/prod/endpoints/chat.yaml")
    names = [f"many-{number}" for number in range(count)]
    for name in names:
        own = text.replace("name: chat\n", f"name: {name}\n", 1).replace("/llm/chat", f"/llm/{name}")
        person.write(f"environments/prod/endpoints/{name}.yaml", own.replace("gpus: 1", "gpus: 0"))
    person.do("commit", "-m", "many")
    return [f"prod/{name}" for name in names]


def check_numbers(person: Person, endpoint: str, rev: str = "HEAD") -> list[int]:
    """The endpoint's revisions in history, oldest first: distinct and consecutive."""
    environment, name = endpoint.split("/")
    path = next(path for path in person.generated(endpoint) if "/stamps/" in path)
    commits = person.git("log", "--reverse", "--format=%H", rev, "--", path).split()
    texts = [person.git("show", f"{commit}:{path}") for commit in commits]
    numbers = [int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("revision:")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), (environment, name, numbers)
    return numbers


def check_requests(person: Person, rev: str = "HEAD") -> list[str]:
    """The request ids in history: each once."""
    log = person.git("log", "--format=%(trailers:key=Revstamp-Request-Id,valueonly,separator=)", rev)
    ids = [line for line in log.splitlines() if line]
    assert len(ids) == len(set(ids))
    return ids


@pytest.mark.parametrize("with_remote", [False, True], ids=["local", "remote"])
def test_many_processes_redeploy_different_endpoints_and_one_endpoint(
    person: Person, clone: Callable[..., Person], remote: Path, tmp_path: Path, with_remote: bool
) -> None:
    """Half of them different ones, half the same one, in one clone: all succeed, or fail in a way that says how."""
    here = clone("ann") if with_remote else person
    many = add_endpoints(here, PROCESSES // 2)
    targets = [*many, *["prod/chat"] * (PROCESSES - len(many))]
    started = [
        fork(here.root, tmp_path / f"said-{number}", "redeploy", target, "--request-id", f"r-{number}")
        for number, target in enumerate(targets)
    ]
    ended = [each.end() for each in started]
    for code, err in ended:
        assert code in (0, 5, 6), err
        assert "Traceback" not in err
    done = sum(code == 0 for code, _ in ended)
    assert done == PROCESSES, [err for code, err in ended if code]
    rev = "origin/main" if with_remote else "HEAD"
    assert len([one for one in check_requests(here, rev) if one.startswith("r-")]) == done
    assert len(check_numbers(here, "prod/chat", rev)) == 1 + PROCESSES - len(many)
    for endpoint in many:
        assert check_numbers(here, endpoint, rev) == [1, 2]
    if with_remote:
        assert git(remote, "rev-parse", "main") == here.git("rev-parse", "origin/main")
        here.do("redeploy", "prod/chat")
    here.check_sound()
    assert here.do("render", "--check")


def kill_again_and_again(person: Person, kills: int, seed: int) -> int:
    """Start a command, kill it at a moment that chance chooses, go on; how many were killed before their end."""
    chance, killed = random.Random(seed), 0
    for number in range(kills):
        if number % 3 == 0:
            words: tuple[str, ...] = ("redeploy", "prod/chat", "--cpu-request", str(1 + number % 7))
        elif number % 3 == 1:
            person.write("environments/prod/endpoints/search.yaml", _with_memory(person, 40 + number % 50))
            words = ("commit", "-m", f"memory {number}")
        else:
            words = ("scale", "prod/chat", "--max", str(3 + number % 6))
        said = person.root.parent / f"said-{number}"
        process = fork(person.root, said, *words, "--request-id", f"kill-{seed}-{number}").process
        process.join(chance.uniform(0.02, 0.5))
        if process.is_alive():
            process.kill()
            killed += 1
        process.join()
    return killed


def _with_memory(person: Person, gibibytes: int) -> str:
    lines = person.read("environments/prod/endpoints/search.yaml").splitlines()
    return "\n".join(f"    limit: {gibibytes}Gi" if "limit:" in line else line for line in lines) + "\n"


def check_goes_on(person: Person, remote: Path | None) -> None:
    """The next runs finish what is open, and nothing is there twice."""
    rev = "HEAD" if remote is None else "origin/main"
    person.do("commit", "-m", "go on")
    person.do("redeploy", "prod/chat", "--request-id", "last")
    person.do("redeploy", "prod/search")
    person.check_sound()
    assert "last" in check_requests(person, rev)
    for endpoint in ("prod/chat", "prod/search"):
        check_numbers(person, endpoint, rev)
    assert person.do("render", "--check")
    if remote is not None:
        assert git(remote, "rev-parse", "main") == person.head
        subprocess.run(["git", "fsck", "--strict"], cwd=remote, check=True, capture_output=True)


@pytest.mark.parametrize("with_remote", [False, True], ids=["local", "remote"])
def test_killed_processes_leave_a_clone_that_the_next_run_continues(
    person: Person, clone: Callable[..., Person], remote: Path, with_remote: bool
) -> None:
    """`kill -9` at moments that chance chooses."""
    here = clone("ann") if with_remote else person
    kill_again_and_again(here, 10, seed=3)
    check_goes_on(here, remote if with_remote else None)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("with_remote", [False, True], ids=["local", "remote"])
def test_a_long_row_of_kills_loses_nothing(
    person: Person, clone: Callable[..., Person], remote: Path, with_remote: bool, seed: int
) -> None:
    """Two hundred in all."""
    here = clone("ann") if with_remote else person
    assert kill_again_and_again(here, 25, seed) > 0
    check_goes_on(here, remote if with_remote else None)
