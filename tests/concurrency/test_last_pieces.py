"""Evidence that arrives at the same moment, on PostgreSQL: one score, one plan, one submission."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from services.scoring.store import results_of
from shared import delivery
from shared.bus import deliveries, events
from shared.db import Database
from shared.events import EvidenceRecorded, ParticipantScored, SubmissionReceived
from shared.ids import CohortId, DeliveryId
from shared.words import Service
from tests.builders.bench import PILOT, Bench

COHORT = CohortId("pilot-p")


@pytest.fixture
def bench(postgres_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(postgres_db, tmp_path, monkeypatch)


def waiting_for(bench: Bench, name: str) -> list[DeliveryId]:
    query = (
        sa.select(deliveries.c.id)
        .join(events, events.c.id == deliveries.c.event)
        .where(events.c.name == name, deliveries.c.state == "pending")
    )
    with bench.db.read() as connection:
        return list(connection.execute(query).scalars())


def at_once(bench: Bench, which: Sequence[DeliveryId]) -> list[bool]:
    """Deliver all of these at the same moment, each in a thread of its own."""
    handlers = bench.installation.handlers(Service)
    known = handlers[Service.SCORING]
    barrier = Barrier(len(which))

    def together(each: DeliveryId) -> bool:
        barrier.wait()
        return delivery.run(bench.db, each, known)

    with ThreadPoolExecutor(len(which)) as pool:
        return list(pool.map(together, which))


def scored(bench: Bench) -> int:
    with bench.db.read() as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(events).where(events.c.name == ParticipantScored.name)
        ).scalar_one()


def recorded_but_not_scored(bench: Bench, files: Sequence[Path]) -> list[DeliveryId]:
    """Intake has read these submissions; scoring has not heard of them yet."""
    bench.deliver(files)
    intake = bench.installation.handlers(Service)[Service.INTAKE]
    for each in waiting_for(bench, SubmissionReceived.name):
        assert delivery.run(bench.db, each, intake)
    return waiting_for(bench, EvidenceRecorded.name)


def raters_of(bench: Bench, participant: str) -> set[tuple[int, int]]:
    """Version and number of raters of each result of a participant's first domain."""
    with bench.db.read() as connection:
        rows = results_of(connection, COHORT, every=True)
    return {
        (row.version, row.raters)
        for row in rows
        if row.participant == participant and row.domain == "SL" and not row.facet
    }


def test_two_last_pieces_at_once_are_scored_once(bench: Bench) -> None:
    bench.open(PILOT)
    bench.feed(PILOT, COHORT)
    before = scored(bench)
    late = sorted((PILOT / "late" / "deliveries").glob("*.json"))
    last = recorded_but_not_scored(bench, late[:2])
    assert len(last) == 2
    at_once(bench, last)
    bench.work()
    assert scored(bench) == before + 1
    assert len(raters_of(bench, "P-0007")) == 1


def test_a_third_piece_at_the_same_moment_is_scored_too_and_nothing_twice(bench: Bench) -> None:
    bench.open(PILOT)
    bench.feed(PILOT, COHORT)
    before = scored(bench)
    last = recorded_but_not_scored(bench, list((PILOT / "late" / "deliveries").glob("*.json")))
    assert len(last) == 3
    at_once(bench, last)
    bench.work()
    assert scored(bench) == before + 2
    (first, fewer), (second, more) = sorted(raters_of(bench, "P-0007"))
    assert (first, second, more) == (1, 2, fewer + 1)


def test_fifty_copies_of_one_delivery_at_once_are_one_submission(bench: Bench) -> None:
    bench.open(PILOT)
    (file,) = sorted((PILOT / "deliveries").glob("0001-*.json"))
    barrier = Barrier(50)

    def send(_: int) -> int:
        barrier.wait()
        return next(bench.sender.deliveries([file])).status

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(send, range(50)))
    assert {status // 100 for status in statuses} == {2}
    assert len(waiting_for(bench, SubmissionReceived.name)) == 1
