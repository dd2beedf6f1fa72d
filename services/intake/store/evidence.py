"""What submissions said, key by key, and which of it was published as evidence."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.intake.core.evidence import EvidenceKey, Occasion, Said, of_document
from services.intake.tables import evidence, latest, pieces
from shared.db import UnitOfWork
from shared.ids import CohortId


def lock_keys(uow: UnitOfWork, cohort: CohortId, keys: Iterable[EvidenceKey]) -> None:
    """Let nobody else add a piece under these keys until the transaction ends. In order, so that nobody deadlocks."""
    for key in sorted(set(keys)):
        uow.insert_once(latest, _key_values(cohort, key))
        uow.execute(sa.select(latest.c.cohort).where(*_is(latest, cohort, key)).with_for_update())


def add_said(uow: UnitOfWork, cohort: CohortId, said: Iterable[Said]) -> None:
    """Note what a submission said; what it said before stays as it is."""
    for each in said:
        values = {"submission": each.submission, "as_of": each.as_of, "document": each.evidence.document}
        uow.insert_once(pieces, values | _key_values(cohort, each.evidence.key))


def history(connection: sa.Connection, cohort: CohortId, key: EvidenceKey) -> list[Said]:
    """All that was ever said under a key."""
    rows = connection.execute(sa.select(pieces).where(*_is(pieces, cohort, key))).mappings()
    return [Said(row["submission"], row["as_of"], of_document(row["document"])) for row in rows]


def add_evidence(uow: UnitOfWork, cohort: CohortId, occasion: Occasion, at: datetime) -> bool:
    """Note that a piece of evidence is published. False if it was before."""
    values = {"evidence": occasion.evidence_id, "cohort": cohort}
    return uow.insert_once(evidence, values | {"submission": occasion.said.submission, "recorded_at": at})


def set_latest(uow: UnitOfWork, cohort: CohortId, occasion: Occasion) -> None:
    """Note which piece of its key counts."""
    key = occasion.said.evidence.key
    uow.execute(sa.update(latest).where(*_is(latest, cohort, key)).values(evidence=occasion.evidence_id))


def _key_values(cohort: CohortId, key: EvidenceKey) -> dict[str, Any]:
    return {
        "cohort": cohort,
        "participant": key.participant,
        "instrument": key.instrument,
        "given_by": key.by,
        "element": key.element,
    }


def _is(table: sa.Table, cohort: CohortId, key: EvidenceKey) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == value for name, value in _key_values(cohort, key).items()]
