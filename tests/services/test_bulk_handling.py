"""A batch handled at once does what its events would do one by one, in a few statements instead of many."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake import handlers as intake
from services.intake.commands import accept_webhook
from services.intake.core.submission import RawRequest
from services.intake.settings import IntakeSettings
from services.scoring import handlers as scoring
from services.scoring.core.evidence import Piece
from services.scoring.tables import evidence, results
from shared.bus import events
from shared.db import Cause, Database
from shared.delivery import run_many
from shared.events import EvidenceRecorded, ParticipantScored
from shared.handling import Together
from shared.ids import CorrelationId, DeliveryId, ParticipantId, SubmissionId, new_id
from shared.migrations import migrate
from shared.outbox import publish
from shared.words import Service
from tests.builders.intake import PILOT_SECRET, PILOT_SECRET_ENV, open_pilot, recorded_evidence, recorded_requests
from tests.services.test_scoring_handlers import ANNA, BEN, COHORT, COMPLETE, opened

HALF = len(COMPLETE) // 2


def told(participant: ParticipantId, pieces: list[Piece]) -> EvidenceRecorded:
    fields = [{name: getattr(piece, name) for name in Piece.__slots__} for piece in pieces]
    return EvidenceRecorded.model_validate(
        {"submission": SubmissionId(new_id()), "cohort": COHORT, "participant": participant, "pieces": fields}
    )


def published(db: Database, event: EvidenceRecorded, chain: str) -> DeliveryId:
    with db.write(Cause(CorrelationId(chain))) as uow:
        publish(uow, event)
    return uow.due[0][1]


def scored(db: Database) -> list[tuple[str, str, int]]:
    """Chain, participant and version of every ParticipantScored."""
    query = sa.select(events.c.correlation, events.c.payload).where(events.c.name == ParticipantScored.name)
    with db.read() as connection:
        rows = connection.execute(query.order_by(events.c.id)).all()
    return sorted((row.correlation, row.payload["participant"], row.payload["version"]) for row in rows)


@contextmanager
def statements_counted(db: Database) -> Iterator[list[str]]:
    """The statements that are sent within the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(db.engine, "before_cursor_execute", note)


def test_a_case_that_two_events_of_a_batch_complete_is_scored_once_in_the_later_ones_chain(any_db: Database) -> None:
    opened(any_db)
    which = [
        published(any_db, told(ANNA, COMPLETE[:HALF]), "a-1"),
        published(any_db, told(ANNA, COMPLETE[HALF:]), "a-2"),
        published(any_db, told(BEN, COMPLETE), "b-1"),
    ]
    assert run_many(any_db, Service.SCORING, which, scoring.handlers()) == 3
    assert scored(any_db) == [("a-2", ANNA, 1), ("b-1", BEN, 1)]


def test_a_batch_gives_the_results_that_its_events_give_one_by_one(any_db: Database) -> None:
    opened(any_db)
    assert run_many(any_db, Service.SCORING, [published(any_db, told(ANNA, COMPLETE), "a")], scoring.handlers()) == 1
    which = [published(any_db, told(each, COMPLETE), "again") for each in (ANNA, BEN)]
    assert run_many(any_db, Service.SCORING, which, scoring.handlers()) == 2
    with any_db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(evidence)).scalar_one() == 2 * len(COMPLETE)
        found = connection.execute(sa.select(results.c.participant).order_by(results.c.participant)).scalars().all()
    assert found == [ANNA, BEN], "what is known already makes nothing new"


def test_evidence_that_can_not_be_spoils_only_its_own_delivery(any_db: Database) -> None:
    opened(any_db)
    off_the_scale = told(BEN, COMPLETE[:1])
    broken = off_the_scale.pieces[0].model_copy(
        update={"ratings": dict.fromkeys(off_the_scale.pieces[0].ratings, 99.0)}
    )
    which = [
        published(any_db, told(ANNA, COMPLETE), "good"),
        published(any_db, off_the_scale.model_copy(update={"pieces": (broken,)}), "bad"),
    ]
    assert run_many(any_db, Service.SCORING, which, scoring.handlers()) == 1
    assert scored(any_db) == [("good", ANNA, 1)]


def accepted(db: Database, count: int) -> list[DeliveryId]:
    """Real webhooks of the pilot, stored as the door stores them."""
    open_pilot(db)
    due: list[DeliveryId] = []
    for recorded in recorded_requests()[:count]:
        request = recorded["request"]
        headers = tuple((name.lower(), value) for name, value in request["headers"].items())
        with db.write() as uow:
            accept_webhook(uow, IntakeSettings(), "appraisal-360", RawRequest(request["body"].encode(), headers))
        due += [each for _, each in uow.due]
    return due


def settled(db: Database, which: list[DeliveryId], *, at_once: bool) -> tuple[list[str], int]:
    """Let intake handle these deliveries; the evidence it tells of, and how many statements that took."""
    handlers = intake.handlers(IntakeSettings())
    groups = [which] if at_once else [[each] for each in which]
    with statements_counted(db) as seen:
        for group in groups:
            _only(db, group, handlers)
    told = sorted(event.model_dump_json(exclude={"submission"}) for event in recorded_evidence(db))
    return told, len(seen)


def _only(db: Database, group: list[DeliveryId], handlers: Any) -> None:
    """Handle exactly these: alone, a delivery is not joined by others that are due."""
    if len(group) > 1:
        assert run_many(db, Service.INTAKE, group, handlers) == len(group)
        return
    plain = {name: work.work if isinstance(work, Together) else work for name, work in handlers.items()}
    assert run_many(db, Service.INTAKE, group, plain) == 1


def test_webhooks_of_a_batch_are_recorded_as_one_by_one_in_a_fraction_of_the_statements(
    any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    migrate(f"sqlite:///{tmp_path}/other.db")
    other = Database(f"sqlite:///{tmp_path}/other.db")
    together, few = settled(any_db, accepted(any_db, 20), at_once=True)
    alone, many = settled(other, accepted(other, 20), at_once=False)
    other.close()
    assert len(together) > 15
    assert together == alone
    assert few * 3 < many, (few, many)


def test_each_event_of_a_batch_is_told_in_the_chain_of_its_own_webhook(
    any_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    which = accepted(any_db, 6)
    assert run_many(any_db, Service.INTAKE, which, intake.handlers(IntakeSettings())) == len(which)
    with any_db.read() as connection:
        rows = connection.execute(sa.select(events.c.name, events.c.correlation)).all()
    heard = [row.correlation for row in rows if row.name == "intake.submission_received.v1"]
    recorded = [row.correlation for row in rows if row.name == EvidenceRecorded.name]
    assert len(recorded) > 3
    assert len(set(recorded)) == len(recorded)
    assert set(recorded) <= set(heard)
