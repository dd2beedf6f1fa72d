"""What the last check of each invariant found, kept so that status, metrics and people can look for nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
import structlog

from shared import clock
from shared.bus import invariants
from shared.db import UnitOfWork
from shared.outbox import audited

log = structlog.get_logger()

SAMPLE = 5
"""Ids that are kept of what breaks an invariant; `talentline check` finds them all."""


@dataclass(frozen=True, slots=True)
class Found:
    """How an invariant stood when it was last checked (None: never), and what was put right by itself so far."""

    name: str
    checked_at: datetime | None
    broken: int
    sample: tuple[str, ...]
    broken_since: datetime | None
    mended: int
    mended_at: datetime | None


def note(uow: UnitOfWork, name: str, ids: Sequence[str], at: datetime) -> None:
    """Keep what a check found; say it aloud if it is anything."""
    known = uow.execute(sa.select(invariants.c.broken_since).where(invariants.c.name == name)).scalar_one_or_none()
    values = {
        "checked_at": at,
        "broken": len(ids),
        "sample": list(ids[:SAMPLE]),
        "broken_since": (known or at) if ids else None,
    }
    _keep(uow, name, values, values)
    if ids:
        log.error("invariant.broken", invariant=name, count=len(ids), ids=list(ids[:SAMPLE]))


def note_mended(uow: UnitOfWork, name: str, ids: Sequence[str]) -> None:
    """Keep, audit and say aloud that rows were put right by themselves. Each is a finding: there must be none."""
    if not ids:
        return
    now, sample = clock.now(), list(ids[:SAMPLE])
    first = {"mended": len(ids), "mended_at": now}
    _keep(uow, name, first, {**first, "mended": invariants.c.mended + len(ids)})
    audited(
        uow, actor="reconciler", action="invariant.mended", subject=name, detail={"count": len(ids), "sample": sample}
    )
    log.error("invariant.mended", invariant=name, count=len(ids), ids=sample)


def _keep(uow: UnitOfWork, name: str, first: dict[str, object], later: dict[str, object]) -> None:
    new = uow.insert(invariants).values(name=name, **first)
    uow.execute(new.on_conflict_do_update(index_elements=["name"], set_=later))


def found(connection: sa.Connection) -> list[Found]:
    """Every result that is kept, by name."""
    rows = connection.execute(sa.select(invariants).order_by(invariants.c.name)).mappings()
    return [Found(**{**row, "sample": tuple(row["sample"] or ())}) for row in rows]
