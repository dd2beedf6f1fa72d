"""Values for tests of intake: a small cohort, responses to its form, signed requests, workbooks."""

import base64
import hmac
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import sqlalchemy as sa

from services.intake.core.grid import Cell, Grid, Row
from services.intake.core.roster import RaterEntry, Roster
from services.intake.core.source import Source
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import Response
from services.intake.handlers import handlers
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, Vendors
from shared.bus import deliveries, events
from shared.cohort.definition import (
    AppraisalRequirement,
    CohortDefinition,
    Connection,
    Criterion,
    DayRequirement,
    Disclosure,
    Evidence,
    ExerciseCell,
    FormField,
    Organisation,
    Pool,
    Release,
    WrittenRequirement,
)
from shared.cohort.folder import CohortFolder, read_folder
from shared.cohort.opening import open_cohort
from shared.db import Cause, Database
from shared.events import EvidenceRecorded, SubmissionReceived
from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.handling import Effect, Together
from shared.http_client import HttpClient
from shared.ids import CorrelationId, ParticipantId, RaterId
from shared.words import Facet, Instrument, PoolPolicy, Relationship, ReleasePolicy

PILOT = Path(__file__).parents[2] / "deploy" / "demo_cohort"
PILOT_SECRET = "pilot-demo-secret-not-for-real-use"
PILOT_SECRET_ENV = "TALENTLINE_SECRET_APPRAISAL_360"
SECRET = "a-secret-for-tests"
FORM = "form1"
SUBMITTED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
APPRAISAL = Source("appraisal", Instrument.APPRAISAL_360)
DAY = Source("day", Instrument.DEVELOPMENT_DAY)
WRITTEN = Source("written", Instrument.WRITTEN_ASSESSMENT)
CHOICES: Mapping[str, float | None] = {"Always": 5, "Often": 4, "Sometimes": 3, "Never": 1, "Not observed": None}

ROSTER = Roster(
    participants=frozenset({ParticipantId("P-1"), ParticipantId("P-2")}),
    raters={
        RaterId("R-1"): RaterEntry(ParticipantId("P-1"), Relationship.PEER),
        RaterId("R-2"): RaterEntry(ParticipantId("P-2"), Relationship.SELF),
    },
    assessors=frozenset({RaterId("A-1"), RaterId("A-2")}),
)


def a_definition(**changes: Any) -> CohortDefinition:
    """A cohort with one competency a facet, two exercises, two criteria, and a form for each instrument."""
    items = {"SL1a": "SL1", "SL1b": "SL1", "IK1a": "IK1"}
    return CohortDefinition(
        **{
            "cohort": "c-1",
            "title": "A cohort",
            "opens": date(2026, 2, 1),
            "closes": date(2026, 3, 31),
            "time_zone": "Europe/London",
            "framework": FrameworkPack(
                pack="small",
                version="1",
                licence="CC0-1.0",
                scale=Scale(minimum=1, maximum=5),
                domains=(Domain(code="SL", name="Systems"), Domain(code="IK", name="Improvement")),
                competencies=tuple(
                    Competency(code=code, name=code, domain=code[:2]) for code in ("SL1", "SL2", "IK1", "IK2")
                ),
                items=tuple(
                    Item(code=item, competency=competency, statement=item, facet=Facet.APPLY)
                    for item, competency in items.items()
                ),
            ),
            "connections": {
                "appraisal": Connection(
                    vendor="typeform", instrument=Instrument.APPRAISAL_360, secret_env="TEST_SECRET_APPRAISAL"
                )
            },
            "evidence": Evidence(
                appraisal_360=AppraisalRequirement(responses={Relationship.SELF: 1}),
                development_day=DayRequirement(exercises=("EX1", "EX2"), assessors=1),
                written_assessment=WrittenRequirement(markers=2, moderate_above=3),
            ),
            "weights": dict.fromkeys(Instrument, 1 / 3),
            "disclosure": Disclosure(group_minimum=3),
            "release": Release(policy=ReleasePolicy.AT_RUN),
            "pool": Pool(policy=PoolPolicy.PROPOSE, levels=("local",)),
            "exercises": tuple(
                ExerciseCell(exercise=exercise, name=name, competency=competency, facet=Facet.APPLY)
                for exercise, name, competency in (
                    ("EX1", "Simulation", "SL1"),
                    ("EX1", "Simulation", "SL2"),
                    ("EX2", "Workshop", "IK1"),
                )
            ),
            "criteria": tuple(
                Criterion(code=code, competency="IK1", name=code, max_mark=most, facet=Facet.KNOW)
                for code, most in (("W1", 10), ("W2", 20))
            ),
            "organisations": (Organisation(code="O", name="Organisation"),),
            "form_fields": tuple(
                FormField(connection=connection, vendor="typeform", form_id=FORM, field_ref=ref, maps_to=maps_to)
                for connection, ref, maps_to in (
                    ("appraisal", "q1", "SL1a"),
                    ("appraisal", "q2", "SL1b"),
                    ("appraisal", "q3", "IK1a"),
                    ("appraisal", "t1", "comment:strengths"),
                    ("day", "d1", "EX1:SL1"),
                    ("day", "d2", "EX2:IK1"),
                    ("written", "w1", "W1"),
                    ("written", "w2", "W2"),
                )
            ),
            "choices": CHOICES,
        }
        | changes
    )


def a_response(**changes: Any) -> Response:
    """A finished response of R-1, a peer of P-1."""
    response = Response(
        form_id=FORM,
        response_id="resp1",
        answers={"q1": "Often", "q2": "Not observed", "t1": "Listens well."},
        hidden={"participant": "P-1", "rater": "R-1", "relationship": "peer"},
        submitted_at=SUBMITTED,
    )
    return replace(response, **changes)


def a_grid(name: str, *rows: Sequence[Cell]) -> Grid:
    """A sheet of cells."""
    return Grid(name, tuple(Row(number, tuple(cells)) for number, cells in enumerate(rows, start=1)))


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An XLSX workbook of these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """A workbook's bytes."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def recorded_requests(folder: Path = PILOT / "deliveries") -> list[dict[str, Any]]:
    """The recorded deliveries of a cohort folder, in order of arrival, each with the name of its file as `file`."""
    return [{"file": path.name, **json.loads(path.read_text(encoding="utf-8"))} for path in sorted(folder.glob("*"))]


def typeform_body(
    *,
    event: str = "event1",
    rater: str = "R-1",
    participant: str = "P-1",
    relationship: str = "peer",
    at: datetime = SUBMITTED,
    labels: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    form: str = FORM,
) -> bytes:
    """A Typeform event: `labels` and `texts` are answers by the field's ref."""
    answers: list[dict[str, Any]] = [
        {"type": "choice", "choice": {"label": label}, "field": {"id": ref, "ref": ref, "type": "multiple_choice"}}
        for ref, label in (labels if labels is not None else {"q1": "Often"}).items()
    ]
    answers += [{"type": "text", "text": text, "field": {"ref": ref}} for ref, text in (texts or {}).items()]
    return json.dumps(
        {
            "event_id": event,
            "event_type": "form_response",
            "form_response": {
                "form_id": form,
                "token": event,
                "submitted_at": at.isoformat(),
                "hidden": {"participant": participant, "rater": rater, "relationship": relationship},
                "answers": answers,
            },
        }
    ).encode()


def typeform_signature(body: bytes, secret: str = SECRET) -> str:
    """What Typeform sends in its signature header."""
    return "sha256=" + base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def typeform_request(body: bytes, secret: str = SECRET) -> RawRequest:
    """A signed request."""
    return RawRequest(body, (("Typeform-Signature", typeform_signature(body, secret)),))


def open_pilot(db: Database, folder: Path = PILOT) -> CohortDefinition:
    """Open the cohort of a folder, the pilot by default."""
    found = _pilot() if folder == PILOT else read_folder(folder, vendors=VENDORS)
    with db.write() as uow:
        open_cohort(uow, found, update=True, actor="test", has_evidence=False)
    return found.definition


@cache
def _pilot() -> CohortFolder:
    return read_folder(PILOT, vendors=VENDORS)


def handle_all(db: Database, vendors: Vendors = VENDORS, client: HttpClient | None = None) -> int:
    """Let intake handle every submission event that waits, in order; gives how many there were."""
    found = handlers(IntakeSettings(), vendors, client)[SubmissionReceived.name]
    assert isinstance(found, Together)
    effect = found.work
    assert isinstance(effect, Effect)
    waiting = sa.select(deliveries.c.id, events.c.payload, events.c.correlation).join(
        events, events.c.id == deliveries.c.event
    )
    with db.read() as connection:
        pending = (deliveries.c.service == "intake", deliveries.c.state == "pending")
        mine = (*pending, events.c.name == SubmissionReceived.name)
        rows = connection.execute(waiting.where(*mine).order_by(deliveries.c.id)).all()
    for row in rows:
        event = SubmissionReceived.model_validate(row.payload)
        cause = Cause(CorrelationId(row.correlation))
        with db.write(cause) as uow:
            prepared = effect.begin(uow, event)
        if prepared is not None:
            outcome = effect.act(prepared, _never)
            with db.write(cause) as uow:
                effect.settle(uow, event, prepared, outcome)
    with db.write() as uow:
        done = sa.update(deliveries).where(deliveries.c.id.in_([row.id for row in rows]))
        uow.execute(done.values(state="done"))
    return len(rows)


def _never(_write: object) -> None:
    raise AssertionError("intake commits nothing in the middle of an act")


def recorded_evidence(db: Database) -> list[EvidenceRecorded]:
    """Every EvidenceRecorded that was published, in order."""
    query = sa.select(events.c.payload).where(events.c.name == EvidenceRecorded.name).order_by(events.c.id)
    with db.read() as connection:
        return [EvidenceRecorded.model_validate(payload) for payload in connection.execute(query).scalars()]
