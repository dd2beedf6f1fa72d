"""Documents made readable: plans and cohort reports as PDF, plans as pictures, the mail as text and HTML.

The words come from `core.documents`, the layout from `templates/`; here they meet. Typst sets the PDF, to PDF/UA-1 and
PDF/A-2a, with the vendored fonts only and the document's own date, so the same document gives the same bytes anywhere.
Text enters as data and is never read as markup. A plan takes about a tenth of a second.
"""

import json
from collections import Counter
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from threading import Lock

import structlog
import typst

from services.reporting.core.documents import CohortReportDocument, PlanDocument
from services.reporting.glyphs import FONTS, drawable

TEMPLATES = Path(__file__).parent / "templates"
STANDARDS = ["ua-1", "a-2a"]

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_compiling = Lock()
_log = structlog.get_logger()


def plan_pdf(document: PlanDocument) -> bytes:
    """The plan as PDF. Characters that no font draws are shown as "�" and reported in the log, without the text."""
    return _pdf("plan.typ", document)


def cohort_report_pdf(document: CohortReportDocument) -> bytes:
    """The cohort's report as PDF, in the same way."""
    return _pdf("cohort_report.typ", document)


def plan_pages_png(document: PlanDocument, ppi: float = 110) -> list[bytes]:
    """The plan's pages as PNG pictures, for previews, at `ppi` pixels an inch."""
    inputs = _inputs(document)
    with _compiling:
        pages = _compiler().compile(input=str(TEMPLATES / "plan.typ"), format="png", ppi=ppi, sys_inputs=inputs)
    return pages if isinstance(pages, list) else [pages]


def _pdf(template: str, document: PlanDocument | CohortReportDocument) -> bytes:
    inputs = _inputs(document)
    with _compiling:
        return _compiler().compile(
            input=str(TEMPLATES / template),
            format="pdf",
            pdf_standards=STANDARDS,
            timestamp=datetime.combine(document.drafted, time(), UTC),
            sys_inputs=inputs,
        )


@cache
def _compiler() -> typst.Compiler:
    """One a process: it keeps fonts and parsed templates. It lets go of the interpreter's lock while it works."""
    return typst.Compiler(root=str(TEMPLATES), font_paths=[str(FONTS)], ignore_system_fonts=True)


def _inputs(document: PlanDocument | CohortReportDocument) -> dict[str, str]:
    """The document as the templates read it; what could not be drawn is reported."""
    replaced: Counter[str] = Counter()
    text = json.dumps(_readable(document, replaced), ensure_ascii=False)
    if replaced:
        _log.warning(
            "rendering.characters_replaced",
            reference=document.reference,
            characters=replaced.total(),
            scripts=sorted(replaced),
        )
    return {"document": text}


def _readable(value: object, replaced: Counter[str]) -> object:
    """JSON of a document's value: text drawable, a number or a date with how it is shown."""
    if isinstance(value, str):
        safe = drawable(value)
        replaced.update(safe.replaced)
        return safe.text
    if isinstance(value, float):
        return {"value": value, "shown": f"{value:.1f}"}
    if isinstance(value, date):
        return {"year": value.year, "month": value.month, "day": value.day, "shown": shown_date(value)}
    if isinstance(value, tuple):
        return [_readable(part, replaced) for part in value]
    if is_dataclass(value):
        return {field.name: _readable(getattr(value, field.name), replaced) for field in fields(value)}
    return value


def shown_date(day: date) -> str:
    """A date as people read it, in English on every machine.

    >>> shown_date(date(2026, 3, 12))
    '12 March 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
