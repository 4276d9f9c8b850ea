"""What the ledger makes of commits that are found in git: by hand, merged, overtaken, brought back."""

from __future__ import annotations

import pytest

from generator.errors import AlreadyRunning
from generator.store.database import Database
from generator.store.ledger import Ledger
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Wish
from generator.store.states import Kind, State
from tests.store.rows import a_wish, accept, bring_to, count


def by_hand() -> Wish:
    """A commit of a person, as the branch reader tells of it."""
    return a_wish(kind=Kind.BY_HAND, actor="Cid <cid@example.com>")


def test_a_commit_by_hand_is_committed_once(ledger: Ledger, queries: LedgerQueries, database: Database) -> None:
    """However often it is found."""
    wish = by_hand()
    row = ledger.record_found(wish, 4, 3, "c4")
    assert row is not None
    assert (row.state, row.kind, row.revision, row.pod_revision, row.commit_id) == (
        State.COMMITTED,
        Kind.BY_HAND,
        4,
        3,
        "c4",
    )
    assert row.committed_at is not None
    assert [event.name for event in queries.events(row.id)] == ["found"]
    assert ledger.record_found(wish, 4, 3, "c4") is None
    assert count(database, "revstamp_redeployments") == 1


@pytest.mark.parametrize("state", [State.COMMITTED, State.APPLIED, State.PROGRESSING])
def test_a_commit_by_hand_takes_the_place_of_an_older_one_that_runs(
    ledger: Ledger, queries: LedgerQueries, state: State
) -> None:
    """Git says what is deployed."""
    running = accept(ledger, state=state, revision=3)
    row = ledger.record_found(by_hand(), 4, 4, "c4")
    assert row is not None
    ended = queries.get(running.id)
    assert (ended.state, ended.superseded_by) == (State.SUPERSEDED, row.id)


@pytest.mark.parametrize("state", [State.COMMITTED, State.PROGRESSING, State.HEALTHY, State.FAILED])
def test_a_commit_by_hand_that_is_found_late_interrupts_nobody(
    ledger: Ledger, queries: LedgerQueries, state: State
) -> None:
    """A newer revision runs or ran already: this one is kept, and holds no lock."""
    newer = accept(ledger, state=state, revision=5)
    row = ledger.record_found(by_hand(), 4, 4, "c4")
    assert row is not None
    assert (row.state, row.verdict) == (State.SUPERSEDED, "superseded")
    assert row.settled_at is not None
    assert queries.get(newer.id) == newer


def test_a_commit_by_hand_leaves_one_alone_that_is_pending(ledger: Ledger, queries: LedgerQueries) -> None:
    """It will be committed on top."""
    pending = accept(ledger)
    row = ledger.record_found(by_hand(), 4, 4, "c4")
    assert row is not None
    assert row.state is State.SUPERSEDED
    assert queries.active("prod", "chat") == pending


@pytest.mark.parametrize("state", [State.PROGRESSING, State.HEALTHY])
def test_a_revision_that_was_brought_back_by_hand_is_followed(
    ledger: Ledger, queries: LedgerQueries, state: State
) -> None:
    """Though its number is lower than that of the one it took back."""
    newer = accept(ledger, state=state, revision=5)
    row = ledger.record_found(by_hand(), 4, 4, "c4", highest=5)
    assert row is not None
    assert row.state is State.COMMITTED
    assert queries.get(newer.id).state is (State.SUPERSEDED if state is State.PROGRESSING else state)


def test_a_merged_proposal_is_committed_once(ledger: Ledger, queries: LedgerQueries) -> None:
    """By whoever finds it first."""
    row = accept(ledger, state=State.PROPOSED)
    merged = ledger.record_merged(row, 7, 7, "c7")
    assert merged is not None
    assert (merged.state, merged.revision, merged.commit_id) == (State.COMMITTED, 7, "c7")
    assert ledger.record_merged(row, 7, 7, "c7") is None
    assert ledger.record_merged(merged, 7, 7, "c7") is None
    assert queries.get(row.id) == merged


def test_a_pending_one_whose_commit_is_there_is_committed(ledger: Ledger) -> None:
    """Its maker was cut off between the push and telling of it."""
    row = accept(ledger)
    merged = ledger.record_merged(row, 2, 2, "c2")
    assert merged is not None
    assert merged.state is State.COMMITTED


def test_a_merge_takes_the_place_of_an_older_one_that_runs(ledger: Ledger, queries: LedgerQueries) -> None:
    """Git says what is deployed."""
    proposed = accept(ledger, state=State.PROPOSED)
    running = accept(ledger, state=State.APPLIED, revision=6)
    merged = ledger.record_merged(proposed, 7, 7, "c7")
    assert merged is not None
    assert queries.get(running.id).superseded_by == merged.id
    assert queries.active("prod", "chat") == merged


@pytest.mark.parametrize("state", [State.COMMITTED, State.PROGRESSING, State.HEALTHY])
def test_a_merge_that_is_found_late_interrupts_nobody(ledger: Ledger, queries: LedgerQueries, state: State) -> None:
    """A newer revision was committed on top of it, and goes on."""
    proposed = accept(ledger, state=State.PROPOSED)
    newer = accept(ledger, state=state, revision=8)
    merged = ledger.record_merged(proposed, 7, 7, "c7")
    assert merged is not None
    assert (merged.state, merged.revision, merged.commit_id) == (State.SUPERSEDED, 7, "c7")
    assert queries.get(newer.id) == newer


def test_a_merge_waits_for_one_that_is_about_to_be_committed(ledger: Ledger, queries: LedgerQueries) -> None:
    """Whose commit goes on top of it."""
    proposed = accept(ledger, state=State.PROPOSED)
    pending = accept(ledger)
    with pytest.raises(AlreadyRunning):
        ledger.record_merged(proposed, 7, 7, "c7")
    assert queries.get(proposed.id) == proposed
    bring_to(ledger, pending, State.COMMITTED, revision=8, commit_id="c8")
    assert ledger.record_merged(proposed, 7, 7, "c7") is not None


def test_a_merge_of_one_that_has_moved_on_ends_nothing(ledger: Ledger, queries: LedgerQueries) -> None:
    """A row that was read long ago interrupts nobody."""
    proposed = accept(ledger, state=State.PROPOSED)
    first = ledger.record_merged(proposed, 7, 7, "c7")
    assert first is not None
    running = ledger.accept(a_wish(), supersede=True)[0]
    assert ledger.record_merged(proposed, 9, 9, "c9") is None
    assert queries.active("prod", "chat") == running
