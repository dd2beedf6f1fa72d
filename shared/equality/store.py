"""The table of equality data: kept, read for the fairness report, and deleted for good."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from enum import StrEnum

import sqlalchemy as sa

from shared.db import UnitOfWork
from shared.ids import CohortId
from shared.outbox import audited
from shared.people import assessors_of, participants_of, raters_of
from shared.tables import metadata

AT_ONCE = 500


class Who(StrEnum):
    """What somebody is in a cohort: ids are unique among those."""

    PARTICIPANT = "participant"
    RATER = "rater"
    ASSESSOR = "assessor"


equality = sa.Table(
    "people_equality",
    metadata,
    sa.Column("cohort", sa.String(100), primary_key=True),
    sa.Column("who", sa.String(20), primary_key=True, comment="participant, rater or assessor"),
    sa.Column("person", sa.String(100), primary_key=True),
    sa.Column("characteristic", sa.String(100), primary_key=True),
    sa.Column("group", sa.String(100), nullable=False, comment="as the person said; who did not has no row"),
    comment="equality data: read by the fairness report only, never by scoring",
)

Stated = Mapping[str, Mapping[str, str | None]]
"""Characteristic → person → group; None: the person does not say (any more)."""


def known_people(connection: sa.Connection, cohort: CohortId, who: Who) -> set[str]:
    """The ids that equality data may be about."""
    if who is Who.PARTICIPANT:
        return {each.participant for each in participants_of(connection, cohort)}
    if who is Who.RATER:
        return {each.rater for each in raters_of(connection, cohort)}
    return set(assessors_of(connection, cohort))


def keep(uow: UnitOfWork, cohort: CohortId, who: Who, stated: Stated, *, actor: str) -> int:
    """Make this what these people say of these characteristics. Gives how many statements are kept; the audit has
    counts only.
    """
    kept = 0
    e = equality.c
    for characteristic, groups in stated.items():
        people = sorted(groups)
        for start in range(0, len(people), AT_ONCE):
            these = sa.and_(e.cohort == cohort, e.who == who, e.characteristic == characteristic)
            uow.execute(sa.delete(equality).where(these, e.person.in_(people[start : start + AT_ONCE])))
        rows = [
            {"cohort": cohort, "who": who, "person": person, "characteristic": characteristic, "group": group}
            for person, group in groups.items()
            if group is not None
        ]
        kept += len(rows)
        if rows:
            uow.execute(sa.insert(equality), rows)
    detail = {"who": str(who), "characteristics": sorted(stated), "statements": kept}
    audited(uow, actor=actor, action="equality.kept", subject=cohort, detail=detail)
    return kept


def erase(
    uow: UnitOfWork,
    cohort: CohortId,
    *,
    actor: str,
    people: Collection[str] = (),
    characteristic: str | None = None,
) -> int:
    """Delete for good: of these people (nobody named: of all), of one characteristic or of each. Gives how many
    statements are gone.
    """
    e = equality.c
    query = sa.delete(equality).where(e.cohort == cohort)
    if people:
        query = query.where(e.person.in_(sorted(people)))
    if characteristic is not None:
        query = query.where(e.characteristic == characteristic)
    gone = uow.execute(query).rowcount
    detail = {"people": len(people) or "all", "characteristic": characteristic or "all", "statements": gone}
    audited(uow, actor=actor, action="equality.erased", subject=cohort, detail=detail)
    return gone


def stated(connection: sa.Connection, cohort: CohortId) -> dict[str, dict[Who, dict[str, str]]]:
    """Characteristic → what somebody is → person → group. For the fairness report's eyes."""
    e = equality.c
    query = sa.select(equality).where(e.cohort == cohort).order_by(e.characteristic, e.person)
    found: dict[str, dict[Who, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for row in connection.execute(query).mappings():
        found[row["characteristic"]][Who(row["who"])][row["person"]] = row["group"]
    return {characteristic: dict(by_who) for characteristic, by_who in found.items()}
