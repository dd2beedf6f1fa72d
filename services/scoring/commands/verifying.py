"""The replay receipt: stored results and calibrations are computed again, from the database alone, and compared."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from services.scoring import store
from services.scoring.core.calibration.of_cohort import calibration_on
from services.scoring.core.evidence import Piece
from services.scoring.core.replay import MOST, SAME, differences, pieces_of, unlike, waived_in
from services.scoring.core.requirements import Waived
from services.scoring.core.results import Rules
from services.scoring.models import model_named
from services.scoring.store.calibrations import calibration_named
from services.scoring.store.replays import (
    Connection,
    Kept,
    KeptCalibration,
    documents_of,
    kept_calibrations,
    kept_results,
)
from shared.cohort.store import definition_version, definitions_of
from shared.db import Database
from shared.errors import TalentlineError
from shared.ids import CohortId, ParticipantId


@dataclass(frozen=True, slots=True)
class Verified:
    """One result (or calibration) that was computed again. `what` names it, `hash` is the one recorded."""

    cohort: CohortId
    what: str
    version: int
    hash: str
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether it came out as it was recorded."""
        return not self.differences


def verify(db: Database, ids: Sequence[str], cohort: CohortId | None = None) -> list[Verified]:
    """Compute again what these ids name: results, all results of participants, whole cohorts with their calibrations.

    Raises NoSuchResult.
    """
    with db.read() as connection:
        kept: dict[str, Kept] = {}
        for name in ids:
            kept |= {each.result: each for each in kept_results(connection, name, cohort)}
        whole = sorted({each.cohort for each in kept.values()} & set(ids))
        found = [each for name in whole for each in _calibrations(connection, CohortId(name))]
        ordered = sorted(kept.values(), key=lambda each: (each.cohort, each.stored.participant, each.version))
        for of_cohort, some in groupby(ordered, key=lambda each: each.cohort):
            found += _results(connection, of_cohort, list(some))
    return found


def _results(connection: Connection, cohort: CohortId, kept: Sequence[Kept]) -> Iterator[Verified]:
    people = list(dict.fromkeys(each.stored.participant for each in kept))
    for batch in store.batches(people):
        cases = store.cases_of(connection, cohort, batch)
        for each in kept:
            if each.stored.participant in cases:
                found = _compared(connection, each, cases[each.stored.participant].pieces)
                yield Verified(cohort, each.stored.participant, each.version, each.stored.hash, found)


def _compared(connection: Connection, kept: Kept, pieces: Iterable[Piece]) -> tuple[str, ...]:
    try:
        definition = definition_version(connection, kept.cohort, kept.definition)
        model = model_named(kept.model)
        calibration = calibration_named(connection, kept.cohort, kept.calibration) if kept.calibration else None
    except TalentlineError as error:
        return (str(error),)
    return differences(kept.stored, Rules(definition, model, calibration), pieces)


# ------------------------------------------------------------------------------------------------------ calibrations


def _calibrations(connection: Connection, cohort: CohortId) -> Iterator[Verified]:
    for kept in kept_calibrations(connection, cohort):
        found = tuple(_recalibrated(connection, cohort, kept))[: MOST + 1]
        yield Verified(cohort, "calibration", kept.number, kept.hash, found)


def _recalibrated(connection: Connection, cohort: CohortId, kept: KeptCalibration) -> Iterator[str]:
    if kept.calibration.hash != kept.hash:
        yield "the document was changed: its hash is not the one recorded"
        return
    model = model_named(kept.calibration.model)
    rules = next((r for d in definitions_of(connection, cohort) if (r := Rules(d, model)).digest == kept.rules), None)
    if rules is None:
        yield "the cohort's definition of then is gone"
        return
    cases, gone = _cases(connection, cohort, kept)
    if gone:
        yield f"evidence of {', '.join(gone[:MOST])} is gone"
        return
    again = calibration_on(rules, cases)
    yield from unlike(kept.calibration.content, again.content if again else {}, tolerance=SAME)


def _cases(
    connection: Connection, cohort: CohortId, kept: KeptCalibration
) -> tuple[list[tuple[ParticipantId, tuple[Piece, ...], Waived]], list[str]]:
    """The evidence that went in: what the result on each participant's evidence state names."""
    people = [ParticipantId(each) for each in kept.calibration.evidence]
    found: list[tuple[ParticipantId, tuple[Piece, ...], Waived]] = []
    gone: list[str] = []
    for batch in store.batches(people):
        documents, cases = documents_of(connection, cohort, batch), store.cases_of(connection, cohort, batch)
        for each in batch:
            document = json.loads(documents.get((each, kept.calibration.evidence[each]), "null"))
            pieces, lost = pieces_of(document, cases[each].pieces) if document else ((), [each])
            gone += [each] if lost else []
            found += [(each, pieces, waived_in(document))] if not lost else []
    return found, gone
