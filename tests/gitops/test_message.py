"""Commit messages and their trailers."""

from __future__ import annotations

import subprocess

import pytest

from generator.errors import InvalidInput
from generator.gitops.message import CommitMessage, find_request_ids, parse_message, parse_trailers


def test_a_message_is_read_back_as_it_was_written() -> None:
    message = CommitMessage("redeploy llama", "why\n\nand how", (("Revstamp-Revision", "7"), ("Revstamp-Actor", "Ann")))
    assert parse_message(message.render()) == message


def test_git_finds_the_same_trailers() -> None:
    message = CommitMessage("redeploy", "", (("Revstamp-Revision", "7"), ("Revstamp-Actor", "Ann <a@x>")))
    done = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message.render(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:-1] == [f"{key}: {value}" for key, value in message.trailers]


@pytest.mark.parametrize("text", ["", " ", "-x", "a\nb", "a\rb", "a\x1b[31m", "a\u2028b", "\ud800", "a\x00"])
def test_text_that_could_be_read_as_something_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        CommitMessage(text)
    with pytest.raises(InvalidInput):
        CommitMessage("fine", trailers=(("Revstamp-Actor", text),))


@pytest.mark.parametrize("body", ["Revstamp-Request-Id: r-1", "x\n revstamp-revision : 9", "a\rb", "a\x00b"])
def test_a_text_for_people_cannot_forge_a_trailer(body: str) -> None:
    with pytest.raises(InvalidInput):
        CommitMessage("fine", body)


def test_a_subject_is_never_a_trailer_and_a_paragraph_of_prose_is_none() -> None:
    assert parse_trailers("Fix: this") == ()
    assert parse_trailers("subject\n\nKey: value\nand prose") == ()
    assert parse_trailers("subject\n\nKey: value\n  continued") == (("Key", "value continued"),)


def test_requests_are_found_in_a_squashed_message() -> None:
    parts = (
        "Redeploy (#12)",
        "* one",
        "Revstamp-Request-Id: r-1",
        "* two",
        "Revstamp-Request-Id: r-2",
        "Co-by: A <a@x>",
    )
    squashed = "\n\n".join(parts)
    assert find_request_ids(squashed) == {"r-1", "r-2"}
    assert find_request_ids('Revert "x"\n\nThis reverts commit 123.') == frozenset()
