"""Many deliveries in one transaction: each 2xx is kept, repeats and conflicts are found, one bad row harms nobody."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake import store, tables
from services.intake.accepting import Full, GroupCommit, Unanswered
from services.intake.commands import Taken, TurnedAway
from shared import bus, observing
from shared.db import Database, DatabaseUnavailable
from shared.events import SubmissionReceived
from shared.ids import DeliveryId, SubmissionId
from shared.migrations import migrate
from shared.words import Service
from tests.builders.arrivals import AT_DOOR, an_arrival, committed_together, nobody_stores
from tests.servers.postgres import PostgresServer


def rows(db: Database, table: sa.Table = tables.submissions) -> list[Any]:
    with db.read() as connection:
        return list(connection.execute(sa.select(table)).mappings())


def by_id(db: Database) -> dict[str, Any]:
    return {row["id"]: row for row in rows(db)}


@pytest.fixture
def commits() -> Iterator[list[int]]:
    """The sizes of the transactions that the door committed."""
    sizes: list[int] = []
    observing.listen(lambda fact: sizes.append(fact.size) if isinstance(fact, observing.Committed) else None)
    yield sizes
    observing.listen()


def taken(outcomes: Sequence[Taken | BaseException]) -> list[Taken]:
    return [outcome for outcome in outcomes if isinstance(outcome, Taken)]


def test_hundreds_that_wait_share_a_few_commits_and_all_are_kept(any_db: Database, commits: list[int]) -> None:
    arrivals = [an_arrival(f"e{n}", b'{"n": %d}' % n) for n in range(300)]
    outcomes = taken(asyncio.run(committed_together(any_db, arrivals)))
    assert [each.submission for each in outcomes] == [arrival.id for arrival in arrivals]
    assert all(each.new for each in outcomes)
    assert {arrival.id for arrival in arrivals} <= set(by_id(any_db))
    assert sum(commits) == 301
    assert len(commits) <= 301 // 50


def test_each_of_a_batch_starts_a_chain_of_its_own_and_is_told_once(any_db: Database) -> None:
    arrivals = [an_arrival(f"e{n}") for n in range(5)]
    asyncio.run(committed_together(any_db, [*arrivals, *(an_arrival(f"e{n}") for n in range(5))]))
    told = {row["payload"]["submission"]: row for row in rows(any_db, bus.events)}
    assert len(told) == len(rows(any_db, bus.events)) == 6
    for arrival in arrivals:
        event = told[arrival.id]
        assert (event["name"], event["cohort"]) == (SubmissionReceived.name, "pilot-p")
        assert (event["correlation"], event["causation"]) == (arrival.cause.correlation, None)
    deliveries = rows(any_db, bus.deliveries)
    assert {row["event"] for row in deliveries} == {row["id"] for row in told.values()}
    assert {(row["service"], row["state"], row["attempts"], row["fence"]) for row in deliveries} == {
        ("intake", "pending", 0, 0)
    }


def test_repeats_within_a_batch_and_from_before_are_counted(any_db: Database, commits: list[int]) -> None:
    first, again, other, once_more = an_arrival("e1"), an_arrival("e1"), an_arrival("e2"), an_arrival("e1")
    outcomes = asyncio.run(committed_together(any_db, [first, again, other, once_more]))
    assert outcomes == [Taken(first.id, True), Taken(first.id, False), Taken(other.id, True), Taken(first.id, False)]
    late, new = an_arrival("e1"), an_arrival("e3")
    assert asyncio.run(committed_together(any_db, [late, new])) == [Taken(first.id, False), Taken(new.id, True)]
    stored = by_id(any_db)
    assert (stored[first.id]["duplicates"], stored[first.id]["last_duplicate_at"]) == (3, late.received_at)
    assert (stored[other.id]["duplicates"], stored[other.id]["last_duplicate_at"]) == (0, None)
    assert max(commits) >= 4


def test_of_two_contents_under_one_key_the_later_is_flagged(any_db: Database) -> None:
    first, other, same = an_arrival("e1", b"1"), an_arrival("e1", b"2"), an_arrival("e1", b"1")
    elsewhere = an_arrival("e1", b"3", connection="another")
    asyncio.run(committed_together(any_db, [first, other, same, elsewhere]))
    third = an_arrival("e1", b"3")
    asyncio.run(committed_together(any_db, [third]))
    stored = by_id(any_db)
    flagged = {name: stored[each.id]["conflict"] for name, each in locals().items() if name in NAMED}
    assert flagged == {"first": False, "other": True, "elsewhere": False, "third": True}
    assert same.id not in stored


NAMED = {"first", "other", "elsewhere", "third"}


def poisoned(db: Database) -> None:
    """From now on the database refuses one delivery."""
    on_sqlite = (
        "CREATE TRIGGER p BEFORE INSERT ON intake_submissions WHEN NEW.delivery_key = 'poison'"
        " BEGIN SELECT RAISE(ABORT, 'poison'); END"
    )
    function = (
        "CREATE FUNCTION p() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.delivery_key = 'poison' THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END $$"
    )
    trigger = "CREATE TRIGGER p BEFORE INSERT ON intake_submissions FOR EACH ROW EXECUTE FUNCTION p()"
    statements = [on_sqlite] if db.is_sqlite else [function, trigger]
    with db.write() as uow:
        for statement in statements:
            uow.connection.exec_driver_sql(statement)


def test_a_row_that_spoils_its_batch_is_the_only_one_to_fail(any_db: Database) -> None:
    poisoned(any_db)
    arrivals = [an_arrival("e1"), an_arrival("poison"), an_arrival("e2"), an_arrival("e1")]
    outcomes = asyncio.run(committed_together(any_db, arrivals))
    assert isinstance(outcomes[1], Exception)
    assert not isinstance(outcomes[1], DatabaseUnavailable)
    first, last = arrivals[0].id, arrivals[2].id
    assert taken(outcomes) == [Taken(first, True), Taken(last, True), Taken(first, False)]
    assert {first, last} <= set(by_id(any_db))
    assert arrivals[1].id not in by_id(any_db)


def test_when_too_many_wait_the_next_is_asked_to_come_again(any_db: Database) -> None:
    async def crowd() -> list[Taken | BaseException]:
        commit = GroupCommit(any_db, most_waiting=3, most_bytes=2**20)
        with nobody_stores(any_db):
            waiting = [asyncio.ensure_future(commit.commit(an_arrival(f"e{n}"))) for n in range(10)]
            await asyncio.sleep(0)
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    outcomes = asyncio.run(crowd())
    full = sum(isinstance(outcome, Full) for outcome in outcomes)
    assert 4 <= full <= 7  # up to three may have left the queue for their commit
    assert len(by_id(any_db)) == len(taken(outcomes)) == 10 - full


def test_large_bodies_fill_the_queue_sooner(any_db: Database) -> None:
    async def crowd() -> list[Taken | BaseException]:
        commit = GroupCommit(any_db, most_waiting=100, most_bytes=2**20)
        with nobody_stores(any_db):
            bodies = [bytes([n]) * 2**19 for n in range(10)]
            waiting = [asyncio.ensure_future(commit.commit(an_arrival(f"e{n}", each))) for n, each in enumerate(bodies)]
            await asyncio.sleep(0)
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    assert 3 <= len(taken(asyncio.run(crowd()))) <= 6  # as many again as wait, if those left for their commit


def test_who_has_waited_too_long_is_asked_to_come_again_and_not_stored_behind_his_back(db: Database) -> None:
    async def impatient() -> GroupCommit:
        commit = GroupCommit(db, **AT_DOOR, answer_within_s=0.2)
        with nobody_stores(db):
            first = asyncio.ensure_future(commit.commit(an_arrival("e1")))
            await asyncio.sleep(0.05)
            second = asyncio.ensure_future(commit.commit(an_arrival("e2")))
            for each in await asyncio.gather(first, second, return_exceptions=True):
                assert isinstance(each, Unanswered)
        return commit

    commit = asyncio.run(impatient())
    commit.close()
    assert {row["delivery_key"] for row in rows(db)} <= {"e1"}  # its transaction had begun


def test_a_queue_server_that_hangs_costs_no_sender_anything(any_db: Database) -> None:
    hanging, rung = threading.Event(), list[DeliveryId]()

    def ring(service: Service, due: Sequence[DeliveryId]) -> None:
        hanging.wait(60)
        assert service is Service.INTAKE
        rung.extend(due)

    any_db.ring = ring

    async def three() -> list[Taken]:
        commit = GroupCommit(any_db, **AT_DOOR)
        answered = [await commit.commit(an_arrival(f"e{n}")) for n in range(3)]
        hanging.set()
        await asyncio.to_thread(commit.close)
        return answered

    assert len(asyncio.run(three())) == 3
    assert sorted(rung) == sorted(row["id"] for row in rows(any_db, bus.deliveries))


def test_a_repeat_of_what_a_worker_reads_is_answered_at_once_and_counted_later(postgres_db: Database) -> None:
    async def told_again() -> tuple[Taken, Taken, GroupCommit]:
        commit = GroupCommit(postgres_db, **AT_DOOR)
        first = await commit.commit(an_arrival("e1"))
        with postgres_db.write() as uow:
            assert store.submission_locked(uow, first.submission) is not None
            again = await asyncio.wait_for(commit.commit(an_arrival("e1")), 30)
            assert rows(postgres_db)[0]["duplicates"] == 0
        return first, again, commit

    first, again, commit = asyncio.run(told_again())
    assert again == Taken(first.submission, False)
    commit.close()
    assert rows(postgres_db)[0]["duplicates"] == 1


def test_who_waits_for_a_door_that_hangs_does_not_keep_the_others_waiting(postgres_db: Database) -> None:
    async def beside_a_hanging_door() -> list[Taken | BaseException]:
        with postgres_db.write() as uow:
            store.add_submissions(uow, [an_arrival("e1")])
            outcomes = await committed_beside(postgres_db, [an_arrival("e1"), an_arrival("e2")])
            uow.connection.exec_driver_sql("DELETE FROM intake_submissions WHERE delivery_key = 'e1'")
        return outcomes

    blocked, other = asyncio.run(beside_a_hanging_door())
    assert isinstance(blocked, DatabaseUnavailable)
    assert isinstance(other, Taken)
    assert [row["delivery_key"] for row in rows(postgres_db)] == ["e2"]


async def committed_beside(db: Database, arrivals: Sequence[store.Arrival]) -> list[Taken | BaseException]:
    commit = GroupCommit(db, **AT_DOOR)
    outcomes = await asyncio.gather(*[commit.commit(each) for each in arrivals], return_exceptions=True)
    await asyncio.to_thread(commit.close)
    return list(outcomes)


def test_a_flood_of_forgeries_costs_a_few_transactions_and_every_one_is_counted(any_db: Database) -> None:
    written: list[str] = []

    @sa.event.listens_for(any_db.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.append(statement)

    async def flood() -> None:
        commit = GroupCommit(any_db, **AT_DOOR)
        for _ in range(2000):
            commit.turned_away(TurnedAway("signature_mismatch", counted_under="appraisal-360"))
        commit.turned_away(TurnedAway("not_a_post"))
        await asyncio.to_thread(commit.close)

    asyncio.run(flood())
    assert sum("INTO intake_refusals" in statement for statement in written) <= 5
    assert [(row["reason"], row["count"]) for row in rows(any_db, tables.refusals)] == [("signature_mismatch", 2000)]


def test_a_large_body_is_kept_small_and_read_as_it_came(any_db: Database) -> None:
    body = b'{"event_id": "e1", "rest": "%s"}' % (b"a question of the form; " * 500)
    arrival = an_arrival("e1", body)
    asyncio.run(committed_together(any_db, [arrival]))
    row = by_id(any_db)[arrival.id]
    assert (row["encoding"], row["size"], row["sha256"]) == ("zstd", len(body), arrival.request.sha256)
    assert len(row["body"]) < len(body) / 4
    with any_db.write() as uow:
        found = store.submission_locked(uow, SubmissionId(arrival.id))
    assert found is not None
    assert (found.request.body, found.request.headers) == (body, (("x-extra", "kept"),))


def test_a_row_of_an_earlier_release_reads_as_before(any_db: Database) -> None:
    body = b"as it came " * 1000
    arrival = an_arrival("e1", body)
    asyncio.run(committed_together(any_db, [arrival]))
    with any_db.write() as uow:
        old = sa.update(tables.submissions).where(tables.submissions.c.id == arrival.id)
        uow.execute(old.values(body=body, encoding=None, size=None))
        found = store.submission_locked(uow, SubmissionId(arrival.id))
    assert found is not None
    assert found.request.body == body


def test_when_the_database_is_away_all_are_asked_to_come_again_and_taken_when_it_is_back() -> None:
    async def outage(server: PostgresServer, db: Database) -> tuple[list[Any], list[Any]]:
        commit = GroupCommit(db, **AT_DOOR)
        await commit.commit(an_arrival("e0"))
        server.crash()
        during = await asyncio.gather(*[commit.commit(an_arrival(f"e{n}")) for n in range(20)], return_exceptions=True)
        await asyncio.to_thread(server.start)
        after = await asyncio.gather(*[commit.commit(an_arrival(f"e{n}")) for n in range(20)], return_exceptions=True)
        await asyncio.to_thread(commit.close)
        return list(during), list(after)

    with PostgresServer(fsync=True) as server:
        server.execute("CREATE DATABASE outage")
        migrate(server.url("outage"))
        db = Database(server.url("outage"))
        during, after = asyncio.run(outage(server, db))
        assert all(isinstance(each, DatabaseUnavailable) for each in during)
        assert [each.new for each in taken(after)] == [False] + [True] * 19
        assert len(rows(db)) == 20
        db.close()
