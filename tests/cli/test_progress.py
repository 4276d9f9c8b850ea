"""How far long work is: told on standard error, late, and never in a script's way."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator

import pytest

from generator.cli import progress as module
from generator.cli.progress import Progress
from tests.cli.driver import Person


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def clock(step: float) -> Iterator[float]:
    """A clock that goes on by `step` seconds whenever it is looked at."""
    now = 0.0
    while True:
        yield now
        now += step


def told(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, step: float, *, hidden: bool = False) -> str:
    """What a hundred items that take `step` seconds each leave on standard error."""
    ticks = clock(step)
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("rendering endpoints", hidden=hidden, clock=lambda: next(ticks)) as progress:
        assert list(progress.follow(range(100), 100)) == list(range(100))
    return stream.getvalue()


def test_quick_work_is_not_talked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than a second at a terminal, less than five elsewhere."""
    assert told(monkeypatch, _Terminal(), 0.009) == ""
    assert told(monkeypatch, io.StringIO(), 0.045) == ""


def test_a_terminal_has_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written anew, and erased at the end."""
    text = told(monkeypatch, _Terminal(), 0.05)
    assert text.count("rendering endpoints: ") > 10
    assert "\n" not in text
    assert text.endswith("\r\x1b[K")


def test_a_log_has_a_line_with_a_time_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain, without any control character."""
    lines = told(monkeypatch, io.StringIO(), 0.2).splitlines()
    assert 2 <= len(lines) <= 6
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d rendering endpoints: \d+ of 100", line) for line in lines)


def test_nothing_is_told_to_who_asked_for_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error may become one JSON document."""
    assert told(monkeypatch, _Terminal(), 1.0, hidden=True) == ""


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("commit", "--all"), "rendering endpoints"),
        (("commit", "--all", "--dry-run"), "rendering endpoints"),
        (("render", "--check"), "checking endpoints"),
        (("render", "--to", "../out"), "rendering endpoints"),
        (("verify",), "verifying endpoints"),
        (("diff", "--all"), "rendering endpoints"),
        (("import", "rows"), "reading rows"),
    ],
)
def test_long_commands_tell_how_far_they_are(
    person: Person, words: tuple[str, ...], what: str, platform_rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each endpoint, were it slow; with JSON of none."""
    monkeypatch.setattr(module, "_LOG_PATIENCE", 0.0)
    line = tuple(platform_rows if word == "rows" else word for word in words)
    assert re.search(rf"{what}: \d+ of \d+", person.do(*line).err)
    assert what not in person.do(*line, "--output", "json").err
