"""A database as a large cohort leaves it, without the work of getting there: for what must stay quick by then.

Rows agree with each other as far as any invariant looks, and hold no real content.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from services.intake import tables as intake
from services.reporting import tables as reporting
from services.scoring import tables as scoring
from shared import bus
from shared.bulk import insert_many
from shared.clock import now
from shared.db import Database
from shared.events import EvidenceRecorded, ParticipantScored, PlanReleased, SubmissionReceived
from shared.ids import new_id
from shared.words import Service
from tests.builders.scoring_case import a_definition

COHORT = "small"
"""The cohort of `a_definition`, which the caller opens."""
AT_ONCE = 5_000


def fill(db: Database, participants: int, *, submissions: int = 20, waiting: int = 0, first: int = 0) -> None:
    """All that `participants` people leave behind who are scored and mailed, after so many submissions each.

    `waiting` more of them have evidence and no result yet. Participants are numbered from `first` on.
    """
    assert a_definition().cohort == COHORT
    moment, at_once = now() - timedelta(hours=1), max(1, AT_ONCE // submissions)
    for start in range(0, participants + waiting, at_once):
        rows: dict[Any, list[dict[str, Any]]] = {}
        for number in range(start, min(start + at_once, participants + waiting)):
            about = _about(f"P-{first + number:05}", submissions, moment, scored=number < participants)
            for table, row in about:
                rows.setdefault(table, []).append(row)
        with db.write() as uow:
            for table, each in rows.items():
                insert_many(uow.connection, table, each)


def _about(who: str, submissions: int, at: datetime, *, scored: bool) -> Iterator[tuple[Any, dict[str, Any]]]:
    key = {"cohort": COHORT, "participant": who}
    yield scoring.cases, {**key, "changed_at": at}
    for number in range(submissions):
        yield from _submission(who, number, at)
    if scored:
        yield from _result(who, at)


def _submission(who: str, number: int, at: datetime) -> Iterator[tuple[Any, dict[str, Any]]]:
    submission, evidence, by = new_id(), f"{who}-{number}", f"R-{number}"
    key = {"cohort": COHORT, "participant": who}
    yield (
        intake.submissions,
        {
            "id": submission,
            "cohort": COHORT,
            "connection": "survey",
            "kind": "webhook",
            "delivery_key": submission,
            "sha256": submission,
            "headers": [],
            "body": b"x" * 500,
            "received_at": at,
            "state": "recorded",
        },
    )
    piece = {"instrument": "appraisal_360", "given_by": by, "element": ""}
    yield intake.pieces, {"submission": submission, **key, **piece, "as_of": at, "document": {"ratings": {"A1k": 3}}}
    yield intake.evidence, {"evidence": evidence, "cohort": COHORT, "submission": submission, "recorded_at": at}
    yield intake.latest, {**key, **piece, "evidence": evidence}
    yield (
        scoring.evidence,
        {
            **key,
            "instrument": "appraisal_360",
            "element": "",
            "by": by,
            "evidence": evidence,
            "as_of": at,
            "relationship": "peer",
            "ratings": {f"A{n}k": 3 for n in range(20)},
            "moderating": False,
            "late": False,
            "submission": submission,
            "recorded_at": at,
        },
    )
    yield from _event(SubmissionReceived.name, {"submission": submission, "cohort": COHORT}, Service.INTAKE, at)
    yield from _event(EvidenceRecorded.name, {"submission": submission, **key, "pieces": []}, Service.SCORING, at)


def _result(who: str, at: datetime) -> Iterator[tuple[Any, dict[str, Any]]]:
    key, result = {"cohort": COHORT, "participant": who}, new_id()
    digest = "0" * 64
    yield (
        scoring.results,
        {
            "id": result,
            **key,
            "version": 1,
            "model": "rater-means/1",
            "framework": "small/1",
            "definition": digest,
            "rules": digest,
            "evidence_state": digest,
            "document": "{}",
            "hash": digest,
            "late": 0,
            "scored_at": at,
        },
    )
    yield reporting.cases, {**key, "version": 1}
    plan = {**key, "revision": 1}
    yield (
        reporting.plans,
        {
            **plan,
            "result": result,
            "version": 1,
            "state": "sent",
            "document": {"words": "x" * 2000},
            "shown": [],
            "drafted_at": at,
        },
    )
    yield (
        reporting.messages,
        {
            **plan,
            "message_id": f"<{result}@example.org>",
            "recipient": "somebody@example.org",
            "content": b"x" * 4000,
            "state": "sent",
            "words": "taken",
            "rendered_at": at,
        },
    )
    yield reporting.authorisations, {**key, "run": "run", "at": at}
    yield from _event(ParticipantScored.name, {**key, "result": result, "version": 1}, Service.REPORTING, at)
    yield from _event(PlanReleased.name, plan, Service.REPORTING, at)


def _event(name: str, payload: dict[str, Any], service: Service, at: datetime) -> Iterator[tuple[Any, dict[str, Any]]]:
    event = {"id": new_id(), "name": name, "payload": payload, "cohort": COHORT, "correlation": new_id()}
    yield bus.events, {**event, "causation": None, "occurred_at": at}
    row = {"event": event["id"], "service": service, "state": "done", "due_at": at, "attempts": 1}
    yield bus.deliveries, {**row, "done_at": at}
