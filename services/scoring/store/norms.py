"""Norm groups: appended, never changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.scoring.core.norms.group import NormGroup
from services.scoring.tables import norms
from shared.db import UnitOfWork


@dataclass(frozen=True, slots=True)
class KeptNorms:
    """A norm group with its name, when and by whom it was made, and what it is in words."""

    name: str
    made_at: datetime
    made_by: str
    description: str
    group: NormGroup


def keep(uow: UnitOfWork, kept: KeptNorms) -> bool:
    """Append a norm group. False if its name is taken."""
    row = {
        "name": kept.name,
        "made_at": kept.made_at,
        "made_by": kept.made_by,
        "description": kept.description,
        "document": kept.group.document,
        "hash": kept.group.hash,
    }
    return uow.insert_once(norms, row)


def named(connection: sa.Connection, name: str) -> KeptNorms | None:
    """The norm group of this name."""
    row = connection.execute(sa.select(norms).where(norms.c.name == name)).mappings().one_or_none()
    return None if row is None else _kept(row)


def every(connection: sa.Connection) -> list[KeptNorms]:
    """All norm groups, the newest first."""
    query = sa.select(norms).order_by(norms.c.made_at.desc(), norms.c.name)
    return [_kept(row) for row in connection.execute(query).mappings()]


def _kept(row: Any) -> KeptNorms:
    return KeptNorms(row["name"], row["made_at"], row["made_by"], row["description"], NormGroup(row["document"]))
