"""Rollouts on a terminal or in a log: one line for each change, or a live table for people.

Owns: how a wait looks. Refuses: waiting.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from generator.cli.output import use_color

if TYPE_CHECKING:
    from generator.rollout.status import RolloutStatus

_SHOWN = 12
"""Rollouts of a live table; more than a screen of them is summed up."""


class RolloutLines:
    """Told of each change, from any thread. On a terminal the lines of unfinished rollouts are kept up to date."""

    def __init__(self, *, hidden: bool = False) -> None:
        self._hidden = hidden
        self._lock = threading.Lock()
        self._statuses: dict[str, RolloutStatus] = {}
        self._told: dict[str, str] = {}
        self._live: Any = None

    def __enter__(self) -> RolloutLines:
        if not self._hidden and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, no_color=not use_color(sys.stderr), highlight=False)
            self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._render)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def change(self, before: RolloutStatus | None, after: RolloutStatus) -> None:
        """A status is another one."""
        if self._hidden:
            return
        name, gist = after.expectation.endpoint, _gist(after)
        with self._lock:
            self._statuses[name] = after
            same = self._told.get(name) == gist
            self._told[name] = gist
        ended = after.verdict.is_final and (before is None or not before.verdict.is_final)
        if ended or (self._live is None and not same):
            self._print(after)

    def say(self, text: str) -> None:
        """A line about something else."""
        if self._hidden:
            return
        line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}"
        if self._live is not None:
            self._live.console.print(text, markup=False)
        else:
            click.echo(line, err=True)

    def _print(self, status: RolloutStatus) -> None:
        from generator.rollout.words import say_status

        self.say(f"{status.expectation.environment}/{status.expectation.endpoint} {say_status(status, _now())}")

    def _render(self) -> Any:
        from rich.text import Text

        from generator.rollout.words import say_status

        with self._lock:
            going = [status for status in self._statuses.values() if not status.verdict.is_final]
        now = _now()
        lines = [f"  {status.expectation.endpoint} {say_status(status, now)}" for status in going[:_SHOWN]]
        if len(going) > _SHOWN:
            lines.append(f"  and {len(going) - _SHOWN} more")
        return Text("\n".join(lines))


def _gist(status: RolloutStatus) -> str:
    """What a line tells, but for the time that has passed, which stands in brackets at its end."""
    from generator.rollout.words import say_status

    text = say_status(status, _now())
    return text[: text.rfind(" (")] if text.endswith(")") else text


def _now() -> datetime:
    return datetime.now(UTC)


def require_healthy(statuses: Mapping[str, RolloutStatus], *, finished: bool, seconds: float | None) -> None:
    """Raise by the worst verdict: failed, timed out, superseded."""
    from generator.errors import RolloutFailed, RolloutSuperseded, RolloutTimedOut
    from generator.rollout.status import Verdict
    from generator.rollout.words import say_status

    now = _now()
    details = {"rollouts": [status.to_dict() for status in statuses.values()]}
    failed = [status for status in statuses.values() if status.verdict is Verdict.FAILED]
    if failed:
        words = "; ".join(f"{item.expectation.endpoint} {say_status(item, now)}" for item in failed)
        hint = failed[0].failure.hint if failed[0].failure else ""
        raise RolloutFailed(words, hint=hint, details=details)
    if not finished:
        going = [status for status in statuses.values() if not status.verdict.is_final]
        words = (
            "; ".join(f"{item.expectation.endpoint} {say_status(item, now)}" for item in going) or "nothing is known"
        )
        raise RolloutTimedOut(f"no verdict after {seconds:g} s: {words}", details=details)
    superseded = [status for status in statuses.values() if status.verdict is Verdict.SUPERSEDED]
    if superseded:
        names = ", ".join(status.expectation.endpoint for status in superseded)
        raise RolloutSuperseded(f"a newer revision has taken the place of {names}", details=details)
