"""`revstamp db`: tables, check, export, prune, on the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from generator.store.database import Database
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.ledger import Ledger, now
from generator.store.migrations import HEAD
from generator.store.redeployment import Note, Wish
from generator.store.states import Kind, State
from tests.cli.driver import Answer, answer_of


class Operator:
    """Somebody in a folder, with a database file there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'ledger.db'}"

    def type(self, *words: str) -> Answer:
        """`revstamp db WORDS` on the file."""
        return answer_of(("db", *words, "--database", self.url), self.folder)

    def open(self) -> Database:
        """The database."""
        return Database(self.url)

    def redeploy(self, endpoint: str, ago: timedelta, state: State | None = None) -> None:
        """A redeployment of some time ago, with an event about its phase; settled where a verdict is given."""
        database, moment = self.open(), now() - ago
        ledger = Ledger(database, lambda: moment)
        row, _ = ledger.accept(Wish(f"r-{endpoint}", "prod", endpoint, Kind.REDEPLOY, "Ann"))
        ledger.note(row.id, Note("phase", "loading"))
        if state is not None:
            ledger.move(row, state, Note(state.value))
        database.close()


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """With all tables."""
    operator = Operator(tmp_path)
    assert operator.type("upgrade").code == 0
    return operator


def test_upgrade_says_what_it_did(tmp_path: Path) -> None:
    """The first time, and that there was nothing to do afterwards."""
    operator = Operator(tmp_path)
    first, again = operator.type("upgrade"), operator.type("upgrade", "--output", "json")
    assert f"of version {HEAD}, were not there" in first.out
    assert again.json == {
        "database": operator.url,
        "before": HEAD,
        "after": HEAD,
        "missingPlatformTables": [],
    }


def test_check_names_what_is_worth_a_look(operator: Operator) -> None:
    """Locks that are held for long, rows that others wrote; none of it is an error."""
    operator.redeploy("stuck", timedelta(hours=2))
    operator.redeploy("fresh", timedelta(minutes=1))
    database = operator.open()
    EndpointStates(database).write([EndpointState("prod", "chat", "healthy", now(), foreign_write_at=now())])
    database.close()
    answer = operator.type("check")
    assert answer.code == 0
    assert "prod/stuck: redeploy 1 by Ann is pending since" in answer.out
    assert "prod/fresh" not in answer.out
    assert "1 rows of the platform were written by somebody else" in answer.out
    found = {
        finding["check"]: finding
        for finding in operator.type("check", "--stuck-after", "3h", "-o", "json").json["findings"]
    }
    assert found["locks"]["verdict"] == "ok"
    assert found["tables"]["message"] == f"version {HEAD}"


def test_check_ends_with_13_where_the_database_cannot_be_used(operator: Operator, tmp_path: Path) -> None:
    """Not reachable, or of another version; a file that is not there is not made."""
    answer = answer_of(("db", "check", "--database", "postgresql://u:hidden@127.0.0.1:1/x", "-o", "json"), tmp_path)
    assert answer.code == 13
    assert answer.error["error"] == "store-unavailable"
    assert answer.json["findings"][0]["verdict"] == "failure"
    assert "hidden" not in answer.out + answer.err
    database = operator.open()
    database.write(
        lambda connection: connection.exec_driver_sql("UPDATE revstamp_alembic_version SET version_num = '7'")
    )
    database.close()
    assert operator.type("check").code == 13
    missing = answer_of(("db", "check", "--database", f"sqlite:///{tmp_path / 'none.db'}"), tmp_path)
    assert missing.code == 4
    assert not (tmp_path / "none.db").exists()


def test_a_command_without_a_database_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is one way."""
    answer = answer_of(("db", "check"), tmp_path)
    assert answer.code == 3
    assert "REVSTAMP_DATABASE" in answer.err
    operator = Operator(tmp_path)
    monkeypatch.setenv("REVSTAMP_DATABASE", operator.url)
    assert answer_of(("db", "upgrade"), tmp_path).code == 0
    assert (tmp_path / "ledger.db").exists()


def test_export_writes_lines_to_a_file_or_to_standard_output(operator: Operator, tmp_path: Path) -> None:
    """The same ones."""
    operator.redeploy("chat", timedelta(0), State.HEALTHY)
    streamed = operator.type("export")
    path = tmp_path / "out.jsonl"
    assert operator.type("export", "--file", str(path), "-o", "json").json == {"file": str(path), "rows": 4}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[1:] == [json.loads(line) for line in streamed.out.splitlines()][1:]
    assert operator.type("export", "-o", "json").code == 2


def test_prune_shows_first_and_takes_away_then(operator: Operator) -> None:
    """Only what is old enough."""
    operator.redeploy("old", timedelta(days=100), State.HEALTHY)
    operator.redeploy("young", timedelta(days=10), State.HEALTHY)
    answer = operator.type("prune", "--older-than", "90d", "--dry-run", "-o", "json")
    assert (answer.json["events"], answer.json["redeployments"], answer.json["dryRun"]) == (1, 1, True)
    assert "1 events of 1 redeployments are gone" in operator.type("prune", "--older-than", "90d").out
    assert "0 events" in operator.type("prune", "--older-than", "90d").out


@pytest.mark.parametrize("text", ["90", "d", "-1d", "1y", "1.5h", ""])
def test_a_time_without_number_and_unit_is_a_usage_error(operator: Operator, text: str) -> None:
    """The message shows how one is written."""
    answer = operator.type("prune", "--older-than", text)
    assert answer.code == 2
    assert "such as 90d" in answer.err
