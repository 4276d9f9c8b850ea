"""The ledger's writes do what they say: accept, refuse, move, record, claim."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from generator.errors import AlreadyRunning, InternalError, InvalidInput
from generator.store.database import Database
from generator.store.ledger import Ledger, now
from generator.store.queries import Filter, LedgerQueries
from generator.store.redeployment import Note, Redeployment
from generator.store.schema import upgrade_schema
from generator.store.states import LOCKING, Kind, State
from generator.store.steps import SUPERSEDED, Steps
from tests.store.rows import a_wish, accept, bring_to, count
from tests.testbed.postgres import Database as PostgresDatabase

RUNNING = [State.PENDING, State.COMMITTED, State.APPLIED, State.PROGRESSING]
INTERRUPTING = [kind for kind in Kind if kind.may_interrupt]
WAITING = [kind for kind in Kind if not kind.may_interrupt]


def test_an_accepted_wish_is_a_pending_row_with_an_event(ledger: Ledger, queries: LedgerQueries) -> None:
    """Everything that was asked for stands in it."""
    wish = a_wish(reason="more cache", idempotency_key="k", request={"a": [1, None]}, operation={"b": "c"}, restores=3)
    row, is_new = ledger.accept(wish)
    assert is_new
    assert row.state is State.PENDING
    found = queries.get(row.id)
    assert found == row
    assert (found.reason, found.request, found.operation, found.restores) == (
        "more cache",
        {"a": [1, None]},
        {"b": "c"},
        3,
    )
    (event,) = queries.events(row.id)
    assert (event.name, event.message, event.data) == (
        "accepted",
        "more cache",
        {"actor": wish.actor, "kind": "redeploy"},
    )


def test_a_repeated_wish_gives_its_first_row(ledger: Ledger, database: Database) -> None:
    """By its request id, or by its key, also when the first one has its verdict."""
    wish = a_wish(idempotency_key="k", request_digest="d")
    row = ledger.accept(wish)[0]
    again = ledger.accept(wish)
    other_id = ledger.accept(replace(wish, request_id="another"))
    assert [(found.id, is_new) for found, is_new in (again, other_id)] == [(row.id, False)] * 2
    done = bring_to(ledger, row, State.HEALTHY)
    assert ledger.accept(wish) == (done, False)
    assert ledger.find_repeated(wish) == done
    assert count(database, "revstamp_redeployments") == 1


@pytest.mark.parametrize(
    "change", [{"request_digest": "e"}, {"endpoint": "other"}, {"kind": Kind.SCALE}, {"environment": "dev"}]
)
@pytest.mark.parametrize("same", ["request_id", "idempotency_key"])
def test_an_id_or_key_with_other_content_is_refused(ledger: Ledger, change: dict[str, object], same: str) -> None:
    """The message names the redeployment that it was used for."""
    wish = a_wish(idempotency_key="k", request_digest="d")
    row = ledger.accept(wish)[0]
    other = replace(wish, **({"request_id": "x"} if same == "idempotency_key" else {"idempotency_key": "x"}), **change)
    with pytest.raises(InvalidInput, match=f"redeployment {row.id} "):
        ledger.accept(other, supersede=True)
    with pytest.raises(InvalidInput, match="used before"):
        ledger.find_repeated(other)


@pytest.mark.parametrize("state", RUNNING)
@pytest.mark.parametrize("kind", WAITING)
def test_who_comes_second_is_told_who_runs(ledger: Ledger, database: Database, state: State, kind: Kind) -> None:
    """Who, what, since when; nothing is written."""
    row = accept(ledger, state=state)
    before = count(database, "revstamp_redeployment_events")
    with pytest.raises(AlreadyRunning) as caught:
        ledger.accept(a_wish(kind=kind))
    moment = row.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    revision = "" if state is State.PENDING else " (r1)"
    says = f"prod/chat: redeploy {row.id}{revision} by Ann <ann@example.com> is {state.value} since {moment}"
    assert caught.value.message == says
    assert caught.value.details["redeployment"]["id"] == str(row.id)
    assert "--supersede" in caught.value.hint
    assert count(database, "revstamp_redeployments") == 1
    assert count(database, "revstamp_redeployment_events") == before


@pytest.mark.parametrize("state", RUNNING)
@pytest.mark.parametrize("kind", INTERRUPTING)
def test_what_must_never_wait_takes_the_place_of_what_runs(
    ledger: Ledger, queries: LedgerQueries, state: State, kind: Kind
) -> None:
    """In one transaction: the one that ends says by whom, and which one followed."""
    row = accept(ledger, state=state)
    new = ledger.accept(a_wish(kind=kind, actor="Bob"))[0]
    ended = queries.get(row.id)
    assert ended.superseded_by == new.id
    assert f"{kind.value} by Bob took its place" in ended.message
    assert ended.settled_at is not None
    if state is State.PENDING:
        assert (ended.state, ended.failure_reason, ended.verdict) == (State.FAILED, SUPERSEDED, "failed")
    else:
        assert (ended.state, ended.failure_reason, ended.verdict) == (State.SUPERSEDED, None, "superseded")
    assert queries.events(row.id)[-1].name == "superseded"
    assert queries.active("prod", "chat") == new


def test_one_that_fails_already_makes_way(ledger: Ledger, queries: LedgerQueries) -> None:
    """A plain redeploy mends what an earlier one broke, without waiting for its verdict."""
    row = accept(ledger, state=State.PROGRESSING)
    assert ledger.change(row, {"failing": "CrashLoop"}, Note("failing", "it crashes"))
    new = ledger.accept(a_wish())[0]
    ended = queries.get(row.id)
    assert (ended.state, ended.superseded_by, ended.failing) == (State.SUPERSEDED, new.id, None)


def test_an_explicit_supersede_takes_any_place(ledger: Ledger, queries: LedgerQueries) -> None:
    """Also of a pending one."""
    row = accept(ledger)
    new = ledger.accept(a_wish(), supersede=True)[0]
    assert queries.get(row.id).state is State.FAILED
    assert queries.active("prod", "chat") == new


@pytest.mark.parametrize("state", [state for state in State if state not in (*LOCKING, State.REFUSED)])
def test_one_with_a_verdict_or_a_pull_request_keeps_nobody_out(ledger: Ledger, state: State) -> None:
    """The lock is free; the row stays as it is."""
    if state is State.SUPERSEDED:
        accept(ledger, state=State.APPLIED)
        row = ledger.accept(a_wish(), supersede=True)[0]
        bring_to(ledger, row, State.HEALTHY)
    else:
        row = accept(ledger, state=state)
    assert ledger.accept(a_wish())[1]


def test_what_comes_with_a_wish_is_done_with_it_or_not_at_all(ledger: Ledger, database: Database) -> None:
    """`also` belongs to the same transaction, and is not done for a repeated one."""
    wish, add = a_wish(), text("INSERT INTO revstamp_cursors (name, value, updated_at) VALUES ('a', 'b', :at)")

    def also(connection: Connection, _row: Redeployment) -> None:
        connection.execute(add, {"at": datetime.now(UTC).replace(tzinfo=None)})

    def fail(connection: Connection, row: Redeployment) -> None:
        also(connection, row)
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        ledger.accept(wish, also=fail)
    assert count(database, "revstamp_redeployments") == count(database, "revstamp_cursors") == 0
    ledger.accept(wish, also=also)
    ledger.accept(wish, also=also)
    assert count(database, "revstamp_cursors") == 1


@pytest.mark.parametrize(
    "given", [{"request_id": "x" * 201}, {"idempotency_key": "a\0b"}, {"endpoint": "x" * 64}, {"request_id": "\ud800"}]
)
def test_a_name_that_cannot_be_stored_is_refused_in_words(ledger: Ledger, given: dict[str, str]) -> None:
    """On both databases alike, before anything is asked of them."""
    for call in (ledger.accept, ledger.find_repeated, lambda wish: ledger.refuse(wish, "no")):
        with pytest.raises(InvalidInput, match="character"):
            call(a_wish(**given))


def test_words_that_cannot_be_stored_are_made_fit(ledger: Ledger, queries: LedgerQueries) -> None:
    """A container's last words never stop the ledger."""
    odd = "a\0b\ud800c"
    row = ledger.accept(a_wish(reason=odd, actor="x" * 500, request={odd: [odd, float("nan"), "\\u0000"]}))[0]
    assert (row.reason, row.actor) == ("a\ufffdb\ufffdc", "x" * 400)
    assert row.request == {"a\ufffdb\ufffdc": ["a\ufffdb\ufffdc", None, "\\u0000"]}
    assert ledger.change(row, {"message": odd, "failing": odd * 40}, Note(odd * 30, odd, {"last": odd}))
    assert queries.events(row.id)[-1].data == {"last": "a\ufffdb\ufffdc"}


# Refusals


def test_a_refusal_keeps_its_reasons_and_holds_no_lock(ledger: Ledger, queries: LedgerQueries) -> None:
    """Its key stays free: whoever corrects the request may send it again."""
    wish = a_wish(idempotency_key="k", request_digest="d")
    row = ledger.refuse(wish, "no room", "ask for less", [{"message": "too many GPUs"}])
    assert (row.state, row.message, row.hint) == (State.REFUSED, "no room", "ask for less")
    assert row.violations == [{"message": "too many GPUs"}]
    assert row.settled_at == row.created_at
    assert queries.events(row.id)[0].name == "refused"
    corrected, is_new = ledger.accept(replace(wish, request_digest="other"))
    assert is_new
    assert corrected.idempotency_key == "k"
    assert queries.by_request("prod", "chat", wish.request_id) == corrected
    assert queries.find(wish.request_id) == corrected


def test_a_wish_that_was_accepted_is_not_refused_afterwards(ledger: Ledger, database: Database) -> None:
    """A slow second try does not contradict the first."""
    wish = a_wish()
    row = ledger.accept(wish)[0]
    assert ledger.refuse(wish, "no") == row
    assert count(database, "revstamp_redeployments") == 1


def test_each_refusal_of_a_wish_has_a_row(ledger: Ledger, database: Database) -> None:
    """They were different moments."""
    wish = a_wish()
    assert ledger.refuse(wish, "no").id != ledger.refuse(wish, "no again").id
    assert count(database, "revstamp_redeployments") == 2


# Steps


def test_a_step_is_taken_once(ledger: Ledger, queries: LedgerQueries) -> None:
    """Who comes second with the row as it was is told so by None, and changes nothing."""
    row = accept(ledger)
    moved = ledger.move(row, State.COMMITTED, Note("committed"), {"commit_id": "c", "revision": 4})
    assert moved is not None
    assert (moved.state, moved.commit_id, moved.revision) == (State.COMMITTED, "c", 4)
    assert ledger.move(row, State.FAILED, Note("failed")) is None
    assert not ledger.change(row, {"message": "late"})
    assert queries.get(row.id) == moved
    assert [event.name for event in queries.events(row.id)] == ["accepted", "committed"]


def test_a_step_that_cannot_be_is_a_bug(ledger: Ledger) -> None:
    """It is said before the database says it."""
    with pytest.raises(InternalError, match="cannot go from pending to applied"):
        ledger.move(accept(ledger), State.APPLIED, Note("applied"))


@pytest.mark.parametrize("state", [State.HEALTHY, State.FAILED])
def test_a_verdict_is_written_down_with_its_time(ledger: Ledger, state: State) -> None:
    """And what seemed wrong before is no longer said."""
    row = accept(ledger, state=State.PROGRESSING)
    ledger.change(row, {"failing": "Pull", "claimed_by": "x"})
    moved = ledger.move(row, state, Note(state.value))
    assert moved is not None
    assert (moved.verdict, moved.failing, moved.claimed_by) == (state.value, None, None)
    assert moved.settled_at is not None


def test_a_newer_proposal_takes_the_place_of_the_one_that_waits(ledger: Ledger, queries: LedgerQueries) -> None:
    """There is one pull request an endpoint; the older one says which one followed."""
    old = accept(ledger, state=State.PROPOSED)
    pending = ledger.accept(a_wish(actor="Bob"))[0]
    new = ledger.move(pending, State.PROPOSED, Note("proposed"))
    assert new is not None
    ended = queries.get(old.id)
    assert (ended.state, ended.superseded_by) == (State.SUPERSEDED, new.id)
    assert "Bob" in ended.message
    assert ledger.move(pending, State.PROPOSED, Note("proposed")) is None


# Claims


def test_one_process_works_on_a_pending_one(database: Database) -> None:
    """Until its claim runs out, or it goes on with it."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    clock = [moment]
    ledger, queries = Ledger(database, lambda: clock[0]), LedgerQueries(database)
    row = accept(ledger)
    assert ledger.claim(row, "one", 60)
    claimed = queries.get(row.id)
    assert (claimed.claimed_by, claimed.attempts) == ("one", 1)
    assert not ledger.claim(claimed, "two", 60)
    assert ledger.claim(claimed, "one", 60)
    clock[0] += timedelta(seconds=61)
    assert ledger.claim(queries.get(row.id), "two", 60)
    assert queries.get(row.id).attempts == 3


def test_a_row_that_was_read_before_somebody_worked_on_it_is_not_claimed(database: Database) -> None:
    """What they did has to be looked at first: they may have pushed."""
    clock = [datetime(2026, 1, 1, tzinfo=UTC)]
    ledger = Ledger(database, lambda: clock[0])
    row = accept(ledger)
    assert ledger.claim(row, "one", 60)
    clock[0] += timedelta(hours=1)
    assert not ledger.claim(row, "two", 60)
    assert ledger.claim(LedgerQueries(database).get(row.id), "two", 60)


def test_one_that_has_moved_on_cannot_be_claimed(ledger: Ledger) -> None:
    """Nobody commits it again."""
    row = accept(ledger)
    bring_to(ledger, row, State.COMMITTED)
    assert not ledger.claim(row, "one", 60)


# Reads


def test_pages_are_newest_first_and_narrowed(ledger: Ledger, queries: LedgerQueries) -> None:
    """By everything that a filter names; the next page begins behind the last one."""
    rows = [accept(ledger, f"e{number}", State.HEALTHY) for number in range(3)]
    stop = ledger.accept(a_wish("e1", Kind.STOP, actor="Bob"))[0]
    assert [row.id for row in queries.page(Filter(), 2)] == [stop.id, rows[2].id]
    assert [row.id for row in queries.page(Filter(), before=rows[2].id)] == [rows[1].id, rows[0].id]
    assert queries.page(Filter(endpoint="e1", kinds=[Kind.STOP])) == (stop,)
    assert queries.page(Filter(actor="Bob", states=[State.PENDING], environment="prod", since=stop.created_at)) == (
        stop,
    )
    assert queries.count(Filter(states=[State.HEALTHY])) == 3


def test_all_that_have_no_verdict_are_found_however_many(ledger: Ledger, queries: LedgerQueries) -> None:
    """Proposed ones that wait for long do not hide those that run."""
    rows = [accept(ledger, f"e{number}", State.PROPOSED if number < 3 else State.APPLIED) for number in range(6)]
    accept(ledger, "done", State.HEALTHY)
    for batch in (1, 2, 3, 6, 100):
        assert [row.id for row in queries.unsettled(batch)] == [row.id for row in rows]


def test_events_are_followed_without_a_gap(ledger: Ledger, queries: LedgerQueries) -> None:
    """From any of them, in their order."""
    rows = [accept(ledger, f"e{number}", State.HEALTHY) for number in range(3)]
    found = queries.events()
    assert [event.redeployment_id for event in found] == [row.id for row in rows for _ in range(2)]
    assert queries.events(after=found[2].id) == found[3:]
    assert queries.events(after=found[-1].id) == ()


@pytest.mark.testbed
def test_an_event_whose_transaction_goes_on_is_not_overtaken(postgres_database: PostgresDatabase) -> None:
    """A later one that is there already waits for it; one that is given up is not waited for."""
    database, other = Database(postgres_database.url), Database(postgres_database.url)
    upgrade_schema(database)
    ledger, queries = Ledger(other), LedgerQueries(database)
    row, late = accept(ledger, "one"), accept(ledger, "two")
    last = queries.events()[-1].id
    for ending in ("commit", "rollback"):
        with database.engine.connect() as connection:
            Steps(now).note(connection, late.id, Note("slow"))
            ledger.note(row.id, Note("fast"))
            assert queries.events(after=last) == ()
            getattr(connection, ending)()
        names = [event.name for event in queries.events(after=last)]
        assert names == (["slow", "fast"] if ending == "commit" else ["fast"])
        last = queries.events()[-1].id
    database.close()
    other.close()
