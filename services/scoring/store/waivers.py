"""Waivers: what participants may be scored without, by whose decision, and which of them hold."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from services.scoring.core.requirements import Lack, Requirement, Waived
from services.scoring.tables import cases, in_force, waivers
from shared.db import UnitOfWork
from shared.ids import CohortId, ParticipantId, WaiverId
from shared.words import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A waiver. It holds until it is withdrawn, and counts from `heard_at` on."""

    id: WaiverId
    cohort: CohortId
    participant: ParticipantId
    requirement: Requirement
    name: str
    by: str
    reason: str = field(repr=False)
    waived_at: datetime
    heard_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_reason: str | None = field(default=None, repr=False)
    withdrawn_at: datetime | None = None


def add_waiver(uow: UnitOfWork, waiver: Waiver) -> None:
    """Keep a waiver. The case is held, so nobody else waives the same; a unique key would stop a second one."""
    row = {
        "id": waiver.id,
        "cohort": waiver.cohort,
        "participant": waiver.participant,
        "instrument": waiver.requirement.instrument.value,
        "element": waiver.requirement.element,
        "name": waiver.name,
        "by": waiver.by,
        "reason": waiver.reason,
        "waived_at": waiver.waived_at,
    }
    uow.execute(sa.insert(waivers).values(row))


def hear(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, waiver: WaiverId, at: datetime) -> None:
    """Take a waiver into account, once. The case is held, and is to be asked again."""
    w = waivers.c
    uow.execute(sa.update(waivers).where(w.id == waiver, w.heard_at.is_(None)).values(heard_at=at))
    case = sa.update(cases).where(cases.c.cohort == cohort, cases.c.participant == participant)
    uow.execute(case.values(changed_at=at))


def withdraw(uow: UnitOfWork, waiver: Waiver, *, by: str, reason: str, at: datetime) -> None:
    """Note that a waiver holds no longer. The case is held."""
    ended = {"withdrawn_by": by, "withdrawn_reason": reason, "withdrawn_at": at}
    uow.execute(sa.update(waivers).where(waivers.c.id == waiver.id, waivers.c.withdrawn_at.is_(None)).values(ended))


def waivers_of(connection: sa.Connection, cohort: CohortId, participant: ParticipantId | None = None) -> list[Waiver]:
    """Every waiver of a cohort or of one participant, withdrawn ones too, by participant and time."""
    w = waivers.c
    wanted = [w.cohort == cohort] if participant is None else [w.cohort == cohort, w.participant == participant]
    rows = connection.execute(sa.select(waivers).where(*wanted).order_by(w.participant, w.waived_at, w.id))
    return [_waiver(row) for row in rows.mappings()]


def waived_of(
    connection: sa.Connection, cohort: CohortId, participants: Sequence[ParticipantId]
) -> dict[ParticipantId, Waived]:
    """What these participants may be scored without, of those for whom anything is waived."""
    w = waivers.c
    query = sa.select(w.participant, w.instrument, w.element).where(w.cohort == cohort, in_force())
    found: dict[ParticipantId, set[Requirement]] = defaultdict(set)
    for row in connection.execute(query.where(w.participant.in_(participants))):
        found[row.participant].add(Requirement(Instrument(row.instrument), row.element))
    return {participant: frozenset(waived) for participant, waived in found.items()}


def named_of(without: Sequence[Lack]) -> list[str] | None:
    """The names of what a result does without, as a row keeps them; NULL for nothing."""
    return [lack.name for lack in without] or None


def _waiver(row: sa.RowMapping) -> Waiver:
    same = ("id", "cohort", "participant", "name", "by", "reason", "waived_at", "heard_at")
    ended = ("withdrawn_by", "withdrawn_reason", "withdrawn_at")
    return Waiver(
        requirement=Requirement(Instrument(row["instrument"]), row["element"]),
        **{name: row[name] for name in (*same, *ended)},
    )
