"""Where cohorts are kept: every version of a definition, append-only, and which one is in force."""

from datetime import timedelta
from functools import lru_cache

import sqlalchemy as sa

from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.errors import PermanentError, UnknownCohort
from shared.framework import FrameworkPack
from shared.ids import CohortId
from shared.tables import Moment, metadata

cohorts = sa.Table(
    "cohort_cohorts",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, comment="of the definition in force"),
    sa.Column("opened_at", Moment, nullable=False),
)

definitions = sa.Table(
    "cohort_definitions",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("since", Moment, nullable=False),
)

connections = sa.Table(
    "cohort_connections",
    metadata,
    sa.Column(
        "connection",
        sa.String(100),
        primary_key=True,
        comment="unique in an installation: it is in the webhook's address",
    ),
    sa.Column("cohort", sa.ForeignKey("cohort_cohorts.cohort"), nullable=False),
)


KNOWN = 64
"""Definitions that a process remembers; a digest names one content for ever."""
_in_force: dict[str, CohortDefinition] = {}


def definition_of(connection: sa.Connection, cohort: CohortId) -> CohortDefinition:
    """The definition in force. Raises UnknownCohort."""
    digest = connection.execute(sa.select(cohorts.c.digest).where(cohorts.c.cohort == cohort)).scalar_one_or_none()
    if digest is None:
        raise UnknownCohort(cohort)
    known = _in_force.get(digest)
    if known is None:
        query = sa.select(definitions.c.document).where(definitions.c.cohort == cohort, definitions.c.digest == digest)
        known = _in_force[digest] = _parsed(connection.execute(query).scalar_one())
        for oldest in list(_in_force)[:-KNOWN]:
            _in_force.pop(oldest, None)
    return known


class UnknownDefinition(PermanentError):
    """A result names a version of a cohort's definition that is no longer there."""

    def __init__(self, cohort: CohortId, digest: str) -> None:
        super().__init__(f"definition {digest[:12]} of {cohort} is gone from cohort_definitions: restore a backup")


def definition_version(connection: sa.Connection, cohort: CohortId, digest: str) -> CohortDefinition:
    """A definition as it was once in force. Raises UnknownDefinition."""
    query = sa.select(definitions.c.document).where(definitions.c.cohort == cohort, definitions.c.digest == digest)
    document = connection.execute(query).scalar_one_or_none()
    if document is None:
        raise UnknownDefinition(cohort, digest)
    return _parsed(document)


def definitions_of(connection: sa.Connection, cohort: CohortId) -> list[CohortDefinition]:
    """Every definition that was ever in force, the first one first."""
    query = sa.select(definitions.c.document).where(definitions.c.cohort == cohort).order_by(definitions.c.since)
    return [_parsed(document) for document in connection.execute(query).scalars()]


@lru_cache(maxsize=KNOWN)
def _parsed(document: str) -> CohortDefinition:
    return CohortDefinition.model_validate_json(document)


def cohorts_open(connection: sa.Connection) -> list[CohortId]:
    """Every cohort that was opened here, by id."""
    return list(connection.execute(sa.select(cohorts.c.cohort).order_by(cohorts.c.cohort)).scalars())


def packs_used(connection: sa.Connection) -> list[tuple[FrameworkPack, list[CohortId]]]:
    """Every framework pack that a cohort has now or had, with these cohorts, by the pack's label."""
    used: dict[FrameworkPack, list[CohortId]] = {}
    query = sa.select(definitions.c.cohort, definitions.c.document).order_by(definitions.c.cohort, definitions.c.since)
    for row in connection.execute(query):
        cohorts_of = used.setdefault(_parsed(row.document).framework, [])
        if row.cohort not in cohorts_of:
            cohorts_of.append(row.cohort)
    return sorted(used.items(), key=lambda each: each[0].label)


def settled_cohorts(connection: sa.Connection, patience: timedelta) -> list[CohortId]:
    """Cohorts whose rules were not changed of late: not within `patience`, or never since the cohort was opened."""
    c, d = cohorts.c, definitions.c
    first = sa.select(d.cohort, sa.func.min(d.since).label("since")).group_by(d.cohort).subquery()
    query = sa.select(c.cohort).join(definitions, sa.and_(d.cohort == c.cohort, d.digest == c.digest))
    query = query.join(first, first.c.cohort == c.cohort)
    unchanged = sa.or_(d.since == first.c.since, d.since < clock.now() - patience)
    return list(connection.execute(query.where(unchanged).order_by(c.cohort)).scalars())


def cohort_of_connection(connection: sa.Connection, name: str) -> CohortId | None:
    """The cohort that a connection feeds, or None for an unknown connection."""
    query = sa.select(connections.c.cohort).where(connections.c.connection == name)
    return connection.execute(query).scalar_one_or_none()
