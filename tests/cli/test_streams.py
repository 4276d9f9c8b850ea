"""Whoever does not read what a command prints changes nothing about what it does, or its exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.driver import REVSTAMP, Person


@pytest.fixture
def example(tmp_path: Path) -> Person:
    """The shipped example, committed."""
    Person(tmp_path).do("init", "gitops", "--example")
    person = Person(tmp_path / "gitops")
    person.do("commit")
    return person


def closed_pipe() -> int:
    """The end for writing of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def commits(person: Person) -> int:
    """How many there are."""
    return int(person.git("rev-list", "--count", "HEAD"))


def test_a_redeploy_that_nobody_reads_about_is_made_and_succeeds(example: Person) -> None:
    """As with `| true`: a failure would make a script redeploy again."""
    before, pipe = commits(example), closed_pipe()
    command = [*REVSTAMP, "redeploy", "prod/chat", "--output", "json"]
    done = subprocess.run(command, cwd=example.root, stdout=pipe, stderr=subprocess.PIPE)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (0, b"")
    assert commits(example) == before + 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_result_that_cannot_be_printed_is_told_without_the_advice_to_run_it_again(example: Person) -> None:
    """The commit is there."""
    before = commits(example)
    with Path("/dev/full").open("w") as full:
        command = [*REVSTAMP, "redeploy", "prod/chat"]
        done = subprocess.run(command, cwd=example.root, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 6
    assert "the result could not be printed" in done.stderr
    assert "the command itself was carried out" in done.stderr
    assert commits(example) == before + 1


def test_a_refusal_keeps_its_exit_code_where_nobody_reads_errors(example: Person) -> None:
    """Refused is 3, read or not."""
    pipe = closed_pipe()
    command = [*REVSTAMP, "redeploy", "prod/chat", "--gpus", "500"]
    done = subprocess.run(command, cwd=example.root, stdout=subprocess.PIPE, stderr=pipe)
    os.close(pipe)
    assert (done.returncode, done.stdout) == (3, b"")
