"""The stamp file: written one way, read with distrust."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from generator.errors import InternalError, InvalidInput
from generator.render.parse import parse_yaml
from generator.render.stamp import Stamp, is_request_id, manifests_digest, tombstone

FILE = "environments/prod/stamps/a/chat.yaml"
STAMP = Stamp(
    environment="prod",
    endpoint="chat",
    revision=8,
    request_id="9b2f0c1e-0000-4000-8000-000000000001",
    pod_revision=7,
    spec_digest=f"sha256:{'1' * 64}",
    manifests_digest=f"sha256:{'2' * 64}",
    templates_digest=f"sha256:{'3' * 64}",
    generator="0.1.0",
)
TEXT = STAMP.to_yaml()

stamps = st.builds(
    Stamp,
    environment=st.from_regex(r"[a-z]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    endpoint=st.sampled_from(["no", "true", "y", "e1", "chat", "svc-0123456789ab"]),
    revision=st.integers(2, 2**31 - 1),
    request_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", fullmatch=True),
    pod_revision=st.integers(0, 2),
    spec_digest=st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    manifests_digest=st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    templates_digest=st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    generator=st.sampled_from(["0.1.0", "1.20.3-rc.1", "2.0.0+abc"]),
    restores=st.none() | st.just(1),
    deleted=st.booleans(),
)


def refusal(content: str | bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        Stamp.parse(content if isinstance(content, bytes) else content.encode(), FILE)
    error = caught.value
    assert error.violations, "an error without a place"
    assert all(violation.file == FILE and violation.line >= 1 for violation in error.violations)
    assert error.hint
    return error


@given(stamp=stamps)
@example(stamp=replace(STAMP, request_id="1e3"))
@example(stamp=replace(STAMP, request_id="007"))
@example(stamp=replace(STAMP, request_id="123"))
@example(stamp=replace(STAMP, request_id="true"))
def test_what_is_written_is_read_back_the_same(stamp: Stamp) -> None:
    """By the stamp's own reader, and by a YAML parser as well."""
    text = stamp.to_yaml()
    assert Stamp.parse(text.encode(), FILE) == stamp
    assert parse_yaml(text) == stamp.to_fields()
    assert Stamp.parse(text.encode(), FILE).to_yaml() == text


@given(stamp=stamps)
def test_revision_and_request_stand_on_adjacent_lines(stamp: Stamp) -> None:
    """That is what makes two redeploys conflict."""
    keys = [line.split(":")[0] for line in stamp.to_yaml().splitlines()]
    assert keys.index("requestId") == keys.index("revision") + 1


def test_the_file_looks_as_documented() -> None:
    """People meet it in pull requests."""
    assert TEXT.splitlines()[:7] == [
        "apiVersion: revstamp.io/v1",
        "kind: Stamp",
        "environment: prod",
        "endpoint: chat",
        "revision: 8",
        'requestId: "9b2f0c1e-0000-4000-8000-000000000001"',
        "podRevision: 7",
    ]
    assert "deleted" not in TEXT
    assert "restores" not in TEXT


def test_comments_blank_lines_and_windows_line_ends_are_no_damage() -> None:
    """An editor or a checkout may leave them; the next commit writes the file as it should be."""
    text = "# kept by hand\n\n" + TEXT.replace("\n", "\r\n")
    assert Stamp.parse(text.encode(), FILE) == STAMP


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> other", "||||||| base"])
def test_conflict_markers_tell_the_way_out(marker: str) -> None:
    """The most likely damage gets the most helpful message."""
    error = refusal(TEXT.replace("revision: 8\n", f"{marker}\nrevision: 8\nrevision: 9\n"))
    assert "conflict markers" in error.message
    assert f"{FILE}:5" in error.message
    assert "higher revision (revision 9)" in error.hint
    assert "revstamp commit" in error.hint


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("revision: 8\n", "revision: 8\nrevision: 9\n", 6, "revision stands here and in line 5"),
        ("revision: 8", "revision: eight", 5, "'eight' is not right for revision"),
        ("revision: 8", "revision: 08", 5, "no plain word, number"),
        ("revision: 8", 'revision: "8"', 5, "is not right for revision"),
        ("revision: 8", "revision: -8", 5, "no plain word"),
        ("revision: 8", "revision: 0", 5, "not right"),
        ("revision: 8", "revision: 9999999999", 5, "not right"),
        ("revision: 8", f"revision: {10**30}", 5, "no plain word"),
        ("revision: 8", "revision: true", 5, "not right"),
        ("revision: 8", "revision: [8]", 5, "no plain word"),
        ("revision: 8", "revision: &a 8", 5, "no plain word"),
        ("revision: 8", "revision:", 5, "not a line"),
        ("podRevision: 7", "podRevision: 9", 7, "later than revision 8"),
        ("kind: Stamp", "kind: Endpoint", 2, "not right for kind"),
        ("revstamp.io/v1", "revstamp.io/v2", 1, "not right for apiVersion"),
        ("endpoint: chat", 'endpoint: "../x"', 4, "not right for endpoint"),
        ("endpoint: chat", 'endpoint: "a\\nb"', 4, "not right for endpoint"),
        ("endpoint: chat", 'endpoint: "chat" # x', 4, "not one double-quoted text"),
        ("endpoint: chat", 'endpoint: "\\ud800"', 4, "not right"),
        ("endpoint: chat", "  endpoint: chat", 4, "not a line"),
        ("kind: Stamp\n", "kind: Stamp\n---\n", 3, "not a line"),
        ("kind: Stamp\n", "kind: Stamp\nsurprise: 1\n", 3, "unknown field 'surprise'"),
        ("kind: Stamp\n", "kind: Stamp\ndeleted: false\n", 3, "not right for deleted"),
        ("kind: Stamp\n", "kind: Stamp\nrestores: 8\n", 3, "not before revision 8"),
        ("kind: Stamp\n", "", 1, "kind is missing"),
        (f"sha256:{'1' * 64}", f"sha256:{'G' * 64}", 8, "not right for specDigest"),
    ],
)
def test_each_way_to_break_a_stamp_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    """Field, line and what would be right."""
    assert old in TEXT
    violation = refusal(TEXT.replace(old, new, 1)).violations[0]
    assert violation.line == line
    assert words in violation.message


def test_all_violations_are_reported_at_once() -> None:
    """Nobody should have to run it once per mistake."""
    assert len(refusal("kind: Nonsense\nrevision: x\nwhat: 1\n").violations) == 12


def test_a_file_that_is_no_stamp_at_all_is_refused_by_size_and_encoding() -> None:
    """Before anything of it is parsed."""
    assert refusal(TEXT.encode() + b"#" * 50_000_000).violations[0].code == "too-large"
    error = refusal(TEXT.encode().replace(b"chat", b"ch\xe4t"))
    assert (error.violations[0].code, error.violations[0].line) == ("encoding", 4)
    refusal(TEXT.encode("utf-16"))
    refusal(b"")


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    """A stamp or a refusal, nothing else."""
    refusal(content)


@given(place=st.integers(0, len(TEXT) - 1), byte=st.binary(min_size=0, max_size=3))
def test_no_damage_to_a_stamp_crashes_the_reader(place: int, byte: bytes) -> None:
    """A stamp or a refusal; and what is accepted is written back in one form."""
    content = TEXT.encode()[:place] + byte + TEXT.encode()[place + 1 :]
    try:
        stamp = Stamp.parse(content, FILE)
    except InvalidInput:
        return
    assert Stamp.parse(stamp.to_yaml().encode(), FILE) == stamp


def test_a_tombstone_keeps_the_number_and_forgets_the_files() -> None:
    """The next endpoint of that name counts on from it."""
    gone = tombstone(replace(STAMP, restores=3), 9, "req-9")
    assert (gone.revision, gone.request_id, gone.deleted, gone.restores) == (9, "req-9", True, None)
    assert gone.manifests_digest == manifests_digest({})
    assert Stamp.parse(gone.to_yaml().encode(), FILE) == gone
    assert re.search(r"^deleted: true$", gone.to_yaml(), re.MULTILINE)
    with pytest.raises(InternalError):
        tombstone(gone, 9, "req-10")


@pytest.mark.parametrize(("text", "right"), [("a", True), ("A1._:-", True), ("-a", False), ("", False), ("a\n", False)])
def test_request_ids_are_one_word(text: str, right: Any) -> None:
    """No spaces, no line ends, no leading dash."""
    assert is_request_id(text) is right
