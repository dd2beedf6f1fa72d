"""Plans and cohort reports as PDF, and plans as pictures.

Typst sets the pages, to PDF/UA-1 and PDF/A-2a, with the vendored fonts only and the document's own date: the same
document gives the same bytes anywhere. Text enters as data and is never read as markup. While typst works other
threads run on.
"""

import json
from collections import Counter
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from threading import Lock

import structlog
import typst

from services.reporting.core.documents import CohortReportDocument, PlanDocument
from services.reporting.rendering.dates import shown_date
from services.reporting.rendering.glyphs import FONTS, TEMPLATES, drawable
from services.reporting.rendering.streams import with_clear_ends

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
    return [page for page in (pages if isinstance(pages, list) else [pages]) if page]


def _pdf(template: str, document: PlanDocument | CohortReportDocument) -> bytes:
    inputs = _inputs(document)
    with _compiling:
        pdf = _compiler().compile(
            input=str(TEMPLATES / template),
            format="pdf",
            pdf_standards=["ua-1", "a-2a"],
            timestamp=datetime.combine(document.drafted, time(), UTC),
            sys_inputs=inputs,
        )
    assert isinstance(pdf, bytes), "without an output path typst gives the bytes"
    return with_clear_ends(pdf)


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
        return {
            field.name: _readable(_figure(getattr(value, field.name), field.type), replaced) for field in fields(value)
        }
    return value


def _figure(value: object, kind: object) -> object:
    """A figure that happens to be whole comes as a figure all the same."""
    return float(value) if isinstance(value, int) and kind in {float, float | None} else value
