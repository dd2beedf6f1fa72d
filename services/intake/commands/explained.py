"""What became of a stored webhook: read again with the cohort as it is now. Nothing is stored, no API is asked."""

from dataclasses import replace
from typing import Any

from services.intake import store
from services.intake.core.errors import Unreadable
from services.intake.core.explaining import Memory, Recorded, explain_stored, utc
from services.intake.core.identity import identity_of
from services.intake.core.matching import fields_of
from services.intake.core.reading import read
from services.intake.core.source import Source
from services.intake.core.vendor import Response, Responses, Secrets, Vendor
from services.intake.vendors import VENDORS, Vendors
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import Database


def explained(db: Database, name: str, vendors: Vendors = VENDORS) -> list[dict[str, Any]]:
    """What became of each stored webhook that is known as `name`: our id of it, or the sender's. A connection that the
    cohort no longer has, or a tool that this release does not know, leaves it at where it stands.
    """
    with db.read() as connection:
        there = store.known_as(connection, name)
        definitions = {each.cohort: definition_of(connection, each.cohort) for each in there}
    return [_standing(each) | _read_again(db, each, definitions[each.cohort], vendors) for each in there]


def _standing(submission: store.Submission) -> dict[str, Any]:
    return {
        "submission": submission.id,
        "cohort": submission.cohort,
        "connection": submission.connection,
        "received_at": utc(submission.received_at),
        "state": submission.state,
        "state_words": submission.reason_words,
    }


def _read_again(
    db: Database, submission: store.Submission, definition: CohortDefinition, vendors: Vendors
) -> dict[str, Any]:
    link = definition.connections.get(submission.connection)
    vendor = vendors.get(link.vendor) if link else None
    if link is None or vendor is None:
        return {}
    source = Source(submission.connection, link.instrument, link.identity)

    def recorded(each: store.Submission) -> Recorded:
        return Recorded(
            id=each.id,
            vendor=link.vendor,
            request=each.request,
            secrets=Secrets(""),
            settings=link.settings,
            now=each.received_at,
            definition=definition,
            after=(),
            api=(),
            answered=each.answers,
            source=source,
        )

    memory = Memory()
    with db.read() as connection:
        for earlier in store.before(connection, submission):
            explain_stored(recorded(earlier), vendor, memory)
        responses = _responses(vendor.configured(link.settings), submission)
        named = [identity_of(each, fields_of(each, source, definition), source.identity) for each in responses]
        roster = store.roster_named(connection, submission.cohort, named)
    return explain_stored(replace(recorded(submission), roster=roster), vendor, memory)


def _responses(vendor: Vendor, submission: store.Submission) -> tuple[Response, ...]:
    try:
        reading = read(vendor, submission.request, submission.answers)
    except Unreadable:
        return ()
    return reading.each if isinstance(reading, Responses) else ()
