"""Old events go, in steps; who asked, the commit and the verdict stay, and so does all of what still runs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from generator.store.database import Database
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.export import export_lines
from generator.store.leases import Cursors, Leases
from generator.store.ledger import Ledger
from generator.store.migrations import HEAD
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Note
from generator.store.retention import KEPT, count_old_events, prune_events
from generator.store.states import Kind, State
from tests.store.rows import a_wish, accept

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


class Past:
    """A ledger whose clock is set by hand."""

    def __init__(self, database: Database) -> None:
        self.now = LONG_AGO
        self.ledger = Ledger(database, lambda: self.now)
        self.queries = LedgerQueries(database)

    def redeploy(self, endpoint: str, state: State, phases: int = 3) -> int:
        """One with so many events about its phases."""
        row = accept(self.ledger, endpoint, State.PROGRESSING)
        for number in range(phases):
            self.ledger.note(row.id, Note("phase", f"phase {number}"))
        if state is not State.PROGRESSING:
            self.ledger.move(row, state, Note(state.value))
        return row.id

    def names(self, row_id: int) -> list[str]:
        """Its events."""
        return [event.name for event in self.queries.events(row_id)]


@pytest.fixture
def past(database: Database) -> Past:
    """A ledger of long ago."""
    return Past(database)


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_old_events_of_settled_redeployments_go(past: Past, database: Database, batch: int) -> None:
    """However many a step takes; what runs and what is young keeps everything."""
    settled = [past.redeploy(f"e{number}", state) for number, state in enumerate((State.HEALTHY, State.FAILED))]
    running = past.redeploy("running", State.PROGRESSING)
    past.now += timedelta(days=100)
    young = past.redeploy("young", State.HEALTHY)
    late = past.redeploy("late", State.PROGRESSING)
    before = past.now - timedelta(days=90)
    expected = count_old_events(database, before)
    steps: list[int] = []
    assert prune_events(database, before, batch=batch, tell=steps.append, pause_seconds=0) == expected
    assert expected.to_dict() == {"events": 10, "redeployments": 2}
    assert steps[-1] == 10
    assert max(after - earlier for earlier, after in zip([0, *steps], steps, strict=False)) <= batch
    assert [past.names(row_id) for row_id in settled] == [
        ["accepted", "committed", "healthy"],
        ["accepted", "committed", "failed"],
    ]
    for row_id in (running, young, late):
        assert past.names(row_id).count("phase") == 3
    assert count_old_events(database, before).events == 0
    assert past.queries.get(settled[0]).state is State.HEALTHY


def test_old_events_of_one_that_was_settled_lately_stay(past: Past, database: Database) -> None:
    """The age of the verdict counts."""
    row = accept(past.ledger, state=State.PROGRESSING)
    past.now += timedelta(days=100)
    past.ledger.move(row, State.HEALTHY, Note("healthy"))
    assert count_old_events(database, past.now - timedelta(days=90)).events == 0


def test_every_event_that_ends_a_redeployment_is_kept() -> None:
    """Whatever name its verdict is told by: each that is noted with a final state in the code."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "generator").rglob("*.py"))
    final = "|".join(state.name for state in State if state.is_final)
    told = set(re.findall(rf"State\.(?:{final}),\s*(?:\w+,\s*)?Note\(\s*\"([a-z-]+)\"", code))
    assert {"healthy", "failed", "rejected", "not-committed"} <= told
    assert told <= set(KEPT)


# Export


def lines(database: Database) -> list[dict[str, Any]]:
    """The export, read."""
    return [json.loads(line) for line in export_lines(database)]


def test_an_export_holds_every_row_of_revstamps_tables(database: Database) -> None:
    """The first line says what it is, and of which version."""
    ledger = Ledger(database)
    row = accept(ledger, reason="café", request={"a": [1]})
    EndpointStates(database).write([EndpointState("prod", "chat", "healthy", LONG_AGO, rollout={"b": 2})])
    Leases(database, "one").acquire("worker", 10)
    Cursors(database).write("branch:main", "c")
    head, *rest = lines(database)
    assert (head["export"], head["version"]) == ("revstamp", HEAD)
    assert {line["table"] for line in rest} == {
        "revstamp_redeployments",
        "revstamp_redeployment_events",
        "revstamp_endpoints",
        "revstamp_leases",
        "revstamp_cursors",
    }
    found = next(line["row"] for line in rest if line["table"] == "revstamp_redeployments")
    assert (found["id"], found["reason"], found["request"], found["kind"]) == (row.id, "café", {"a": [1]}, "redeploy")
    assert found["created_at"].endswith("Z")


def test_an_export_is_of_one_moment(database: Database) -> None:
    """What is written while it is read is not in it, in any table."""
    ledger = Ledger(database)
    rows = [accept(ledger, f"e{number}") for number in range(5)]
    export = export_lines(database)
    next(export)
    read = [json.loads(next(export))]
    ledger.accept(a_wish("new"))
    ledger.move(rows[-1], State.COMMITTED, Note("committed"))
    read += [json.loads(line) for line in export]
    found = [line["row"] for line in read if line["table"] == "revstamp_redeployments"]
    assert [row["state"] for row in found] == ["pending"] * 5
    assert sum(line["table"] == "revstamp_redeployment_events" for line in read) == 5


def test_an_export_tells_no_secret(database: Database) -> None:
    """Variables and flags with plain values that look like one; references stay."""
    secret = "hf_abcdef"
    request = {
        "pod": {
            "env": [{"name": "HF_TOKEN", "value": secret}, {"name": "API_KEY", "secret": {"name": "keys"}}],
            "args": ["--api-key", secret, f"--token={secret}", "--port=80"],
        },
        "env": {"DB_PASSWORD": secret, "MODE": "fast"},
        "secret": "named",
    }
    Ledger(database).accept(a_wish(kind=Kind.REDEPLOY, request=request, operation={"patch": request}))
    text = "\n".join(export_lines(database))
    assert secret not in text
    for kept in ('"secret":{"name":"keys"}', '"--port=80"', '"MODE":"fast"', '"secret":"named"', '"--token=***"'):
        assert kept in text
