"""Cohort reports, one a run."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from services.reporting.core.documents import CohortReportDocument
from services.reporting.tables import cohort_reports
from shared.db import UnitOfWork
from shared.ids import CohortId, RunId

_DOCUMENT = TypeAdapter(CohortReportDocument)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What a run's report says, and its PDF."""

    run: RunId
    document: CohortReportDocument
    pdf: bytes
    at: datetime


def is_reported(connection: sa.Connection, run: RunId) -> bool:
    """Whether a run has its report."""
    query = sa.select(cohort_reports.c.run).where(cohort_reports.c.run == run)
    return connection.execute(query).one_or_none() is not None


def keep_report(uow: UnitOfWork, cohort: CohortId, report: StoredReport) -> bool:
    """Store a run's report. False if the run had one already."""
    values = {
        "run": report.run,
        "cohort": cohort,
        "document": _DOCUMENT.dump_python(report.document, mode="json"),
        "pdf": report.pdf,
        "at": report.at,
    }
    return uow.insert_once(cohort_reports, values)


def latest_report(connection: sa.Connection, cohort: CohortId) -> StoredReport | None:
    """The report of a cohort's latest run, None before the first. Run ids sort by the time they were made."""
    query = sa.select(cohort_reports).where(cohort_reports.c.cohort == cohort).order_by(cohort_reports.c.run.desc())
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    if row is None:
        return None
    return StoredReport(row["run"], _DOCUMENT.validate_python(row["document"]), bytes(row["pdf"]), row["at"])
