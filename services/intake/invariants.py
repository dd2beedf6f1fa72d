"""What must always hold in intake's tables. Each rule gives the ids that break it: none, if all is well."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from services.intake.core.submission import SubmissionState
from services.intake.tables import evidence, latest, pieces, submissions
from shared import bus
from shared.events import SubmissionReceived
from shared.words import Service

Rule = Callable[[sa.Connection], list[str]]


def forgotten_submissions(connection: sa.Connection) -> list[str]:
    """Submissions that were received, mean nothing yet, and that no delivery is on its way to read."""
    on_the_way = (
        sa.select(bus.events.c.id)
        .join(bus.deliveries, bus.deliveries.c.event == bus.events.c.id)
        .where(
            bus.events.c.name == SubmissionReceived.name,
            bus.events.c.cohort == submissions.c.cohort,
            bus.events.c.payload["submission"].as_string() == submissions.c.id,
            bus.deliveries.c.service == Service.INTAKE,
            bus.deliveries.c.state != "done",
        )
    )
    return _ids(connection, submissions.c.state == SubmissionState.RECEIVED, ~on_the_way.exists())


def unexplained_submissions(connection: sa.Connection) -> list[str]:
    """Submissions in quarantine or set aside without a reason."""
    unread = submissions.c.state.in_([SubmissionState.QUARANTINED, SubmissionState.SET_ASIDE])
    return _ids(connection, unread, sa.or_(submissions.c.reason.is_(None), submissions.c.reason_words.is_(None)))


def recorded_without_a_word(connection: sa.Connection) -> list[str]:
    """Submissions that count as recorded but said nothing."""
    words = sa.select(pieces.c.submission).where(pieces.c.submission == submissions.c.id)
    return _ids(connection, submissions.c.state == SubmissionState.RECORDED, ~words.exists())


def unrecorded_latest(connection: sa.Connection) -> list[str]:
    """Evidence that counts but was never published."""
    published = sa.select(evidence.c.evidence).where(evidence.c.evidence == latest.c.evidence)
    query = sa.select(latest.c.evidence).where(latest.c.evidence.is_not(None), ~published.exists())
    return list(connection.execute(query).scalars())


def _ids(connection: sa.Connection, *broken: sa.ColumnElement[bool]) -> list[str]:
    return list(connection.execute(sa.select(submissions.c.id).where(*broken).order_by(submissions.c.id)).scalars())


INVARIANTS: Mapping[str, Rule] = {
    "intake.every_received_submission_is_on_its_way": forgotten_submissions,
    "intake.every_unread_submission_says_why": unexplained_submissions,
    "intake.every_recorded_submission_said_something": recorded_without_a_word,
    "intake.every_piece_that_counts_was_published": unrecorded_latest,
}
