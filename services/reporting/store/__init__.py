"""All SQL of reporting: `plans` (cases, drafts, releases), `messages`, `pool`, `reports`, `people`.

What other parts of the program read stands in `listings` and is named here.
"""

from sqlalchemy import Connection

from services.reporting.core.documents import GapRow
from services.reporting.store.listings import (
    NoSuchPlan,
    PlanRow,
    PoolRecord,
    latest_revision,
    message_bytes,
    plan_document,
    plan_pdf_bytes,
    plans_of,
    pool_of,
)
from services.reporting.store.pool import history as pool_history
from services.reporting.store.reports import StoredReport, latest_report

__all__ = [
    "Connection",
    "GapRow",
    "NoSuchPlan",
    "PlanRow",
    "PoolRecord",
    "StoredReport",
    "latest_report",
    "latest_revision",
    "message_bytes",
    "plan_document",
    "plan_pdf_bytes",
    "plans_of",
    "pool_history",
    "pool_of",
]
