"""What is known of each response of tools that can be asked, and what their APIs said about forms."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa

from services.intake.core.known import Known
from services.intake.core.vendor import ApiAnswer, RequestNeeded
from services.intake.tables import form_details, responses
from shared import clock
from shared.bulk import Replacing, insert_many
from shared.db import UnitOfWork
from shared.ids import CohortId

AT_ONCE = 500
FRESH = timedelta(hours=1)
"""How long what an API said about a form is used again."""
LATER = Replacing(
    ("submission", "revision", "as_of", "partial", "polled"),
    "intake_responses.as_of IS NULL OR excluded.as_of IS NULL OR excluded.as_of >= intake_responses.as_of",
)
"""A state takes the place of an earlier one."""


def known_of(connection: sa.Connection, cohort: CohortId, name: str, keys: Sequence[str]) -> dict[str, Known]:
    """What is known of these responses of a connection, by their keys."""
    r = responses.c
    found: dict[str, Known] = {}
    for start in range(0, len(keys), AT_ONCE):
        these = r.response.in_(keys[start : start + AT_ONCE])
        query = sa.select(responses).where(r.cohort == cohort, r.connection == name, these)
        for row in connection.execute(query).mappings():
            found[row["response"]] = Known(
                row["response"], row["submission"], row["revision"], row["as_of"], row["partial"], row["polled"]
            )
    return found


def note_known(uow: UnitOfWork, cohort: CohortId, heard: Iterable[tuple[str, Known]]) -> None:
    """Note states of responses, each with its connection; of one response the latest stays."""
    latest: dict[tuple[str, str], Known] = {}
    for name, each in heard:
        there = latest.get((name, each.response))
        if there is None or there.as_of is None or each.as_of is None or each.as_of >= there.as_of:
            latest[name, each.response] = each
    rows = [
        {
            "cohort": cohort,
            "connection": name,
            "response": each.response,
            "submission": each.submission,
            "revision": each.revision,
            "as_of": each.as_of,
            "partial": each.partial,
            "polled": each.polled,
        }
        for (name, _), each in sorted(latest.items())  # in order, so that nobody deadlocks
    ]
    insert_many(uow.connection, responses, rows, replacing=LATER)


def details_of(connection: sa.Connection, cohort: CohortId, name: str) -> Mapping[str, ApiAnswer]:
    """What the API said of late about the connection's forms, by `request_key`."""
    d = form_details.c
    fresh = d.fetched_at > clock.now() - FRESH
    query = sa.select(form_details).where(d.cohort == cohort, d.connection == name, fresh)
    return {
        row["request"]: ApiAnswer(row["body"], tuple((key, value) for key, value in row["headers"]))
        for row in connection.execute(query).mappings()
    }


def keep_details(uow: UnitOfWork, cohort: CohortId, name: str, said: Mapping[str, ApiAnswer]) -> None:
    """Keep what the API said about forms."""
    for request, answer in sorted(said.items()):
        values = {
            "headers": [list(pair) for pair in answer.headers],
            "body": answer.body,
            "fetched_at": clock.now(),
        }
        row = uow.insert(form_details).values(cohort=cohort, connection=name, request=request, **values)
        uow.execute(row.on_conflict_do_update(index_elements=["cohort", "connection", "request"], set_=values))


def request_key(needed: RequestNeeded) -> str:
    """What a request is known by: SHA-256 (hex) of method, address and body."""
    return hashlib.sha256(f"{needed.method} {needed.url}".encode() + needed.body).hexdigest()
