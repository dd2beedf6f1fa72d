"""Several workers read submissions of the same people at the same moment, on PostgreSQL: what counts is the same."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from services.intake import commands
from services.intake.core.submission import RawRequest
from services.intake.handlers import handlers
from services.intake.settings import IntakeSettings
from shared import delivery, people
from shared.bus import deliveries, events
from shared.cohort.definition import CohortDefinition
from shared.db import Database
from shared.events import SubmissionReceived
from shared.ids import CohortId, DeliveryId, ParticipantId
from tests.builders.intake import (
    PILOT_SECRET,
    PILOT_SECRET_ENV,
    SUBMITTED,
    open_pilot,
    recorded_evidence,
    typeform_body,
    typeform_request,
)

COHORT = CohortId("pilot-p")


@pytest.fixture
def pilot(postgres_db: Database, monkeypatch: pytest.MonkeyPatch) -> CohortDefinition:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    return open_pilot(postgres_db)


def response(hour: int) -> RawRequest:
    body = typeform_body(
        event=f"e{hour}",
        participant="P-0001",
        rater="R-P-0001-PE1",
        form="wNe360aT",
        at=SUBMITTED + timedelta(hours=hour),
        labels={"ccb1c51d-0eba-4ea8-8770-a08716e6fec3": "4 - Often"},
        texts={"52d31e1b-8c0d-4033-bc23-25a9f8fdd208": f"Words of hour {hour}."},
    )
    return typeform_request(body, PILOT_SECRET)


def take(db: Database, request: RawRequest) -> None:
    with db.write() as uow:
        commands.accept_webhook(uow, IntakeSettings(), "appraisal-360", request)


def handle_at_once(db: Database) -> None:
    """Every waiting submission in a thread of its own, until all are done."""
    known = handlers(IntakeSettings())
    query = sa.select(deliveries.c.id).join(events, events.c.id == deliveries.c.event)
    with db.read() as connection:
        waiting: Sequence[DeliveryId] = list(
            connection.execute(query.where(events.c.name == SubmissionReceived.name)).scalars()
        )
    barrier = Barrier(len(waiting))

    def together(each: DeliveryId) -> bool:
        barrier.wait()
        return delivery.run(db, each, known)

    with ThreadPoolExecutor(len(waiting)) as pool:
        assert all(pool.map(together, waiting))


def test_the_latest_words_stay_whoever_commits_last(postgres_db: Database, pilot: CohortDefinition) -> None:
    for hour in (3, 7, 1, 8, 2, 6, 4, 5):
        take(postgres_db, response(hour))
    handle_at_once(postgres_db)
    assert len(recorded_evidence(postgres_db)) == 8
    with postgres_db.read() as connection:
        words = [each.text for each in people.comments_about(connection, COHORT, ParticipantId("P-0001"))]
    assert words == ["Words of hour 8."]


def test_a_mark_changed_and_changed_back_counts_in_whatever_order_it_is_read(
    postgres_db: Database, pilot: CohortDefinition
) -> None:
    for number, mark in enumerate((6, 7, 6, 7, 6)):
        content = f"participant,marker,criterion,mark,max_mark\nP-0001,M-01,W1,{mark},10\n" + "\n" * number
        with postgres_db.write() as uow:
            commands.submit_file(uow, pilot, "marks.csv", content.encode(), actor="test")
    handle_at_once(postgres_db)
    pieces = [event.pieces[0] for event in recorded_evidence(postgres_db)]
    best = max(pieces, key=lambda piece: (piece.as_of, piece.evidence))
    assert dict(best.ratings) == {"W1": 6}


def test_the_same_webhook_many_times_at_once_is_one_submission(postgres_db: Database, pilot: CohortDefinition) -> None:
    barrier = Barrier(12)

    def send(_: int) -> bool:
        barrier.wait()
        with postgres_db.write() as uow:
            taken = commands.accept_webhook(uow, IntakeSettings(), "appraisal-360", response(1))
        assert isinstance(taken, commands.Taken)
        return taken.new

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(send, range(12))) == [False] * 11 + [True]
