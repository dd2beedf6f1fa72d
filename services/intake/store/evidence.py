"""What submissions said, key by key, and which of it was published as evidence. In bulk: marks come by the thousand."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from services.intake.core.evidence import EvidenceKey, Occasion, Said, of_document
from services.intake.tables import evidence, latest, pieces
from shared.bulk import Replacing, insert_many
from shared.db import UnitOfWork
from shared.ids import CohortId, EvidenceId, SubmissionId

T = TypeVar("T")

AT_ONCE = 500
"""Rows a statement, so that no database's limit of parameters is reached."""


def lock_keys(uow: UnitOfWork, cohort: CohortId, keys: Iterable[EvidenceKey]) -> None:
    """Let nobody else add a piece under these keys until the transaction ends. In order, so that nobody deadlocks."""
    for some in _chunks(sorted(set(keys))):
        insert_many(uow.connection, latest, [_key_values(cohort, key) for key in some], once=True)
        these = sa.select(latest.c.participant).where(_among(latest, cohort, some))
        uow.execute(these.order_by(*_key_columns(latest)).with_for_update()).all()


def add_said(uow: UnitOfWork, cohort: CohortId, said: Iterable[Said]) -> None:
    """Note what a submission said; what it said before stays as it is."""
    rows = [
        {"submission": each.submission, "as_of": each.as_of, "document": each.evidence.document}
        | {"standing": each.standing}
        | _key_values(cohort, each.evidence.key)
        for each in said
    ]
    insert_many(uow.connection, pieces, rows, once=True)


def history(connection: sa.Connection, cohort: CohortId, keys: Iterable[EvidenceKey]) -> dict[EvidenceKey, list[Said]]:
    """All that was ever said under each of the keys."""
    found: dict[EvidenceKey, list[Said]] = defaultdict(list)
    for some in _chunks(sorted(set(keys))):
        for row in connection.execute(sa.select(pieces).where(_among(pieces, cohort, some))).mappings():
            said = _said(row)
            found[said.evidence.key].append(said)
    return found


def said_by(connection: sa.Connection, submissions: Sequence[SubmissionId]) -> dict[SubmissionId, list[Said]]:
    """All that each of these submissions ever said."""
    found: dict[SubmissionId, list[Said]] = defaultdict(list)
    for some in _chunks(submissions):
        for row in connection.execute(sa.select(pieces).where(pieces.c.submission.in_(some))).mappings():
            found[row["submission"]].append(_said(row))
    return found


def let_fall(uow: UnitOfWork, fallen: Iterable[Said]) -> None:
    """Note that statements no longer stand. Their keys are locked."""
    for each in fallen:
        same = _among(pieces, each.evidence.cohort, [each.evidence.key])
        one = sa.and_(pieces.c.submission == each.submission, pieces.c.as_of == each.as_of, same)
        uow.execute(sa.update(pieces).where(one).values(standing=False))


def _said(row: sa.RowMapping) -> Said:
    return Said(row["submission"], row["as_of"], of_document(row["document"]), row["standing"])


def add_evidence(uow: UnitOfWork, cohort: CohortId, published: Iterable[Occasion], at: datetime) -> set[EvidenceId]:
    """Note that pieces of evidence are published. Gives those that were not before."""
    rows = [
        {"evidence": each.evidence_id, "cohort": cohort, "submission": each.said.submission, "recorded_at": at}
        for each in published
    ]
    return {row.evidence for row in insert_many(uow.connection, evidence, rows, once=True, returning=("evidence",))}


def set_latest(uow: UnitOfWork, cohort: CohortId, counting: Iterable[Occasion]) -> None:
    """Note which piece of each key counts. The keys are locked."""
    rows = [{"evidence": each.evidence_id} | _key_values(cohort, each.said.evidence.key) for each in counting]
    insert_many(uow.connection, latest, rows, replacing=Replacing(("evidence",)))


def _key_values(cohort: CohortId, key: EvidenceKey) -> dict[str, Any]:
    return {
        "cohort": cohort,
        "participant": key.participant,
        "instrument": str(key.instrument),
        "given_by": key.by,
        "element": key.element,
    }


def _key_columns(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    return [table.c[name] for name in ("participant", "instrument", "given_by", "element")]


def _among(table: sa.Table, cohort: CohortId, keys: Sequence[EvidenceKey]) -> sa.ColumnElement[bool]:
    these = sa.tuple_(*_key_columns(table)).in_(
        [(key.participant, str(key.instrument), key.by, key.element) for key in keys]
    )
    return sa.and_(table.c.cohort == cohort, these)


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
