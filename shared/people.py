"""Personal data lives here: who takes part, who rates, assesses and marks, and what raters wrote. Nowhere else.

Everything else carries ids. Erasing a person is erasing their rows here and the raw submissions of theirs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from shared.bulk import among, insert_many
from shared.db import UnitOfWork
from shared.ids import CohortId, EvidenceId, OrganisationId, ParticipantId, RaterId
from shared.tables import metadata
from shared.words import Relationship

AT_ONCE = 500
"""Raters a statement, so that no database's limit of parameters is reached."""

participants = sa.Table(
    "people_participants",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("participant", sa.String(100), primary_key=True),
    sa.Column("given_name", sa.Text, nullable=False),
    sa.Column("family_name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("organisation", sa.String(100), nullable=False),
    sa.Column("pool_consent", sa.String(50), comment="the pool level that was agreed; NULL: none"),
)

raters = sa.Table(
    "people_raters",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("rater", sa.String(100), primary_key=True),
    sa.Column("participant", sa.String(100), nullable=False),
    sa.Column("relationship", sa.String(20), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Index("ix_people_raters_participant", "cohort", "participant"),
)

assessors = sa.Table(
    "people_assessors",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("assessor", sa.String(100), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
)

comments = sa.Table(
    "people_comments",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("participant", sa.String(100), primary_key=True),
    sa.Column("rater", sa.String(100), primary_key=True),
    sa.Column("kind", sa.String(50), primary_key=True, comment="strengths, development, …: what the form asked"),
    sa.Column("evidence", sa.String(64), nullable=False, comment="the piece of evidence that it came with"),
    sa.Column("text", sa.Text, nullable=False),
)


links = sa.Table(
    "people_links",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("token_sha256", sa.String(64), primary_key=True, comment="of the token in somebody's own link, in hex"),
    sa.Column("person", sa.String(100), nullable=False, comment="the rater or assessor whose link it is"),
    comment="whom a personal link belongs to; the tokens themselves are nowhere",
)


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant. `pool_consent` is the pool level agreed, None if none was."""

    participant: ParticipantId
    given_name: str = field(repr=False)
    family_name: str = field(repr=False)
    email: str = field(repr=False)
    organisation: OrganisationId
    pool_consent: str | None

    @property
    def name(self) -> str:
        """Given and family name as people write them."""
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(frozen=True, slots=True)
class Rater:
    """A rater of one participant."""

    rater: RaterId
    participant: ParticipantId
    relationship: Relationship
    name: str = field(repr=False)
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Comment:
    """What a rater wrote. `evidence` is the piece of evidence that it came with."""

    rater: RaterId
    kind: str
    evidence: EvidenceId
    text: str = field(repr=False)


def participants_of(connection: sa.Connection, cohort: CohortId) -> list[Participant]:
    """The roster, by participant id."""
    c = participants.c
    rows = connection.execute(sa.select(participants).where(c.cohort == cohort).order_by(c.participant))
    return [_participant(row) for row in rows.mappings()]


def participant_of(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> Participant | None:
    """One participant of the roster, or None."""
    c = participants.c
    query = sa.select(participants).where(c.cohort == cohort, c.participant == participant)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _participant(row)


def raters_among(connection: sa.Connection, cohort: CohortId, ids: Iterable[RaterId]) -> list[Rater]:
    """Those raters of the cohort who have one of these ids."""
    these = among(connection.dialect.name, raters.c.rater, "ids")
    query = sa.select(raters).where(raters.c.cohort == cohort, these)
    return [_rater(row) for row in connection.execute(query, {"ids": sorted(set(ids))}).mappings()]


def participants_among(connection: sa.Connection, cohort: CohortId, ids: Iterable[ParticipantId]) -> set[ParticipantId]:
    """Those of these ids that are participants of the cohort."""
    these = among(connection.dialect.name, participants.c.participant, "ids")
    query = sa.select(participants.c.participant).where(participants.c.cohort == cohort, these)
    return set(connection.execute(query, {"ids": sorted(set(ids))}).scalars())


def raters_of(connection: sa.Connection, cohort: CohortId) -> list[Rater]:
    """Every rater of the cohort, by id."""
    rows = connection.execute(sa.select(raters).where(raters.c.cohort == cohort).order_by(raters.c.rater)).mappings()
    return [_rater(row) for row in rows]


def contacts_of_assessors(connection: sa.Connection, cohort: CohortId) -> list[tuple[RaterId, str, str]]:
    """Id, name and address of every assessor of the cohort, by id."""
    c = assessors.c
    rows = connection.execute(sa.select(c.assessor, c.name, c.email).where(c.cohort == cohort).order_by(c.assessor))
    return [(row.assessor, row.name, row.email) for row in rows]


def holders_of_addresses(
    connection: sa.Connection, cohort: CohortId, addresses: Collection[str]
) -> dict[str, tuple[RaterId, ...]]:
    """The raters and assessors who have one of these addresses (in lower case), by address; each by id."""
    found: dict[str, set[RaterId]] = {each: set() for each in addresses}
    for table, who in ((raters, raters.c.rater), (assessors, assessors.c.assessor)) if addresses else ():
        # SQLite's lower() knows only ASCII: an address beyond it must be written as it is in the list.
        same = sa.func.lower(sa.func.trim(table.c.email)).in_(sorted(addresses))
        query = sa.select(who.label("who"), table.c.email).where(table.c.cohort == cohort, same)
        for row in connection.execute(query):
            found.setdefault(row.email.strip().casefold(), set()).add(row.who)
    return {each: tuple(sorted(holders)) for each, holders in found.items() if holders}


def keep_links(uow: UnitOfWork, cohort: CohortId, hashes: Mapping[str, RaterId]) -> int:
    """Keep whom links belong to, by the SHA-256 of their tokens. Gives how many are new."""
    rows = [{"cohort": cohort, "token_sha256": each, "person": who} for each, who in sorted(hashes.items())]
    return len(insert_many(uow.connection, links, rows, once=True, returning=("person",)))


def holders_of_links(connection: sa.Connection, cohort: CohortId, hashes: Collection[str]) -> dict[str, RaterId]:
    """Whose links have these tokens, by hash."""
    if not hashes:
        return {}
    c = links.c
    query = sa.select(c.token_sha256, c.person).where(c.cohort == cohort, c.token_sha256.in_(sorted(hashes)))
    return {row.token_sha256: row.person for row in connection.execute(query)}


def assessors_of(connection: sa.Connection, cohort: CohortId) -> set[RaterId]:
    """The ids of the cohort's assessors."""
    return set(connection.execute(sa.select(assessors.c.assessor).where(assessors.c.cohort == cohort)).scalars())


def keep_comments(
    uow: UnitOfWork, cohort: CohortId, written: Mapping[tuple[ParticipantId, RaterId], Sequence[Comment]]
) -> None:
    """Make `written` all that each of these raters says about that participant (an empty sequence takes earlier words
    back).
    """
    c = comments.c
    told = list(written)
    for start in range(0, len(told), AT_ONCE):
        these = sa.tuple_(c.participant, c.rater).in_(told[start : start + AT_ONCE])
        uow.execute(sa.delete(comments).where(c.cohort == cohort, these))
    rows = [
        {"cohort": cohort, "participant": participant, "rater": rater}
        | {"kind": comment.kind, "evidence": comment.evidence, "text": comment.text}
        for (participant, rater), each in written.items()
        for comment in each
    ]
    insert_many(uow.connection, comments, rows)


def comments_about(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> list[Comment]:
    """What raters wrote about a participant, self included, by rater and kind. For eyes that may see it: never shown
    with the rater or in this order.
    """
    c = comments.c
    query = sa.select(comments).where(c.cohort == cohort, c.participant == participant).order_by(c.rater, c.kind)
    return [
        Comment(row["rater"], row["kind"], row["evidence"], row["text"]) for row in connection.execute(query).mappings()
    ]


def _participant(row: Any) -> Participant:
    return Participant(
        row["participant"],
        row["given_name"],
        row["family_name"],
        row["email"],
        row["organisation"],
        row["pool_consent"],
    )


def _rater(row: Any) -> Rater:
    return Rater(row["rater"], row["participant"], Relationship(row["relationship"]), row["name"], row["email"])
