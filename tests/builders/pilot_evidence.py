"""The pilot cohort's evidence, read from its files without intake's help, so that scoring can be tested alone."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl

from services.intake.core.evidence import Evidence
from services.scoring.core.evidence import Piece
from shared.cohort.definition import CohortDefinition
from shared.cohort.folder import CohortFolder, read_folder
from shared.ids import CohortId, ParticipantId, RaterId
from shared.words import Instrument, Relationship

PILOT = Path(__file__).parents[2] / "deploy" / "demo_cohort"
UNDERSTOOD = {"response", "resubmission", "out_of_order", "duplicate"}
"""Kinds of recorded delivery that become evidence."""
ARRIVED = datetime(2017, 4, 3, 9, tzinfo=UTC)
MODERATED = datetime(2017, 4, 24, 9, tzinfo=UTC)

Found = tuple[ParticipantId, Piece]


@cache
def pilot_folder() -> CohortFolder:
    """The pilot's definition and people."""
    return read_folder(PILOT, vendors={"typeform"})


def pilot_evidence(*, late: bool) -> dict[ParticipantId, list[Piece]]:
    """All pieces by participant, in order of arrival, superseded ones included; with or without what came late."""
    evidence: dict[ParticipantId, list[Piece]] = defaultdict(list)
    for participant, piece in _found(late=late):
        evidence[participant].append(piece)
    return dict(evidence)


def _found(*, late: bool) -> Iterator[Found]:
    definition = pilot_folder().definition
    places = [PILOT, PILOT / "late"] if late else [PILOT]
    for place in places:
        for file in sorted((place / "deliveries").glob("*.json")):
            yield from _response(definition, json.loads(file.read_text(encoding="utf-8")))
    for workbook in sorted((PILOT / "development_day").glob("*.xlsx")):
        yield from _sheets(definition, workbook)
    yield from _marks(definition, PILOT / "written" / "marks.csv", ARRIVED)
    if late:
        yield from _marks(definition, PILOT / "late" / "written" / "moderated_marks.csv", MODERATED)


def _response(definition: CohortDefinition, recorded: Mapping[str, Any]) -> Iterator[Found]:
    if recorded["kind"] not in UNDERSTOOD:
        return
    response = json.loads(recorded["request"]["body"])["form_response"]
    items = {field.field_ref: field.maps_to for field in definition.form_fields if ":" not in field.maps_to}
    ratings = {
        items[answer["field"]["ref"]]: definition.choices[answer["choice"]["label"]]
        for answer in response["answers"]
        if answer["field"]["ref"] in items
    }
    hidden = response["hidden"]
    submitted_at = datetime.fromisoformat(response["submitted_at"])
    yield _piece(
        definition,
        submitted_at,
        participant=hidden["participant"],
        instrument=Instrument.APPRAISAL_360,
        by=hidden["rater"],
        ratings=ratings,
        relationship=Relationship(hidden["relationship"]),
        submitted_at=submitted_at,
    )


def _sheets(definition: CohortDefinition, file: Path) -> Iterator[Found]:
    workbook = openpyxl.load_workbook(file, read_only=True)
    about: dict[Any, Any] = {row[0]: row[1] for row in workbook["About"].iter_rows(values_only=True, max_col=2)}
    for exercise in definition.evidence.development_day.exercises if definition.evidence.development_day else ():
        header, *rows = workbook[exercise].iter_rows(values_only=True)
        for participant, *cells in rows:
            ratings = dict(zip(header[1:], cells, strict=True))
            yield _piece(
                definition,
                ARRIVED,
                participant=participant,
                instrument=Instrument.DEVELOPMENT_DAY,
                by=about["assessor"],
                ratings=ratings,
                element=exercise,
            )
    workbook.close()


def _marks(definition: CohortDefinition, file: Path, arrived: datetime) -> Iterator[Found]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            yield _piece(
                definition,
                arrived,
                participant=row["participant"],
                instrument=Instrument.WRITTEN_ASSESSMENT,
                by=row["marker"],
                ratings={row["criterion"]: float(row["mark"])},
                element=row["criterion"],
            )


def _piece(definition: CohortDefinition, as_of: datetime, **said: Any) -> Found:
    evidence = Evidence(cohort=CohortId(definition.cohort), **said)
    dated = evidence.submitted_at is not None
    piece = Piece(
        evidence=evidence.evidence_id(),
        instrument=evidence.instrument,
        by=RaterId(evidence.by),
        ratings=evidence.document["ratings"],
        as_of=as_of,
        relationship=evidence.relationship,
        element=evidence.element,
        late=dated and definition.is_late(as_of),
    )
    return ParticipantId(evidence.participant), piece
