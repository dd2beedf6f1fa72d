"""What scoring does with what it hears: keep evidence, ask the case, score what is complete, look at a whole cohort."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from types import MappingProxyType

from services.scoring import store
from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.calibration.of_cohort import calibration_on
from services.scoring.core.canonical import hashed
from services.scoring.core.evidence import checked, piece_of
from services.scoring.core.gaps import Gap, Standing, gaps
from services.scoring.core.model import Model
from services.scoring.core.results import Assessment, Grounds, Rules, assess, result_on
from services.scoring.invariants import COMPLETE_IS_SCORED
from services.scoring.invariants.complete_is_scored import PATIENCE
from services.scoring.models import MODELS, model_named
from services.scoring.settings import ScoringSettings
from services.scoring.store import Case, Told, waivers
from services.scoring.store.calibrations import keep_calibration, latest_calibration
from shared import clock, events
from shared.cohort.store import definition_of, settled_cohorts
from shared.db import Cause, UnitOfWork
from shared.events import (
    CalibratedPart,
    CohortCalibrated,
    CohortRunRequested,
    CohortScored,
    EvidenceRecorded,
    ParticipantScored,
    ReconciliationDue,
    RequirementWaived,
    ScoredResult,
    Waiting,
    WaiverWithdrawn,
)
from shared.handling import Handlers, Together
from shared.ids import CohortId, ParticipantId, ResultId, RunId, new_id
from shared.invariants.findings import note_mended
from shared.outbox import publish
from shared.people import participants_of

RECONCILED = 1000
"""Cases that one reconciliation looks at; the next one looks at the next."""


def handlers(settings: ScoringSettings | None = None) -> Handlers:
    """What scoring does with each event; without settings, those of the environment."""
    model = MODELS[(settings or ScoringSettings()).scoring_model]
    return {
        EvidenceRecorded.name: Together(partial(record_evidence, model), many=partial(record_much, model)),
        CohortRunRequested.name: partial(run_cohort, model),
        ReconciliationDue.name: partial(reconcile, model),
        RequirementWaived.name: partial(waiver_changed, model),
        WaiverWithdrawn.name: partial(waiver_changed, model),
    }


def record_evidence(model: Model, uow: UnitOfWork, event: EvidenceRecorded) -> None:
    """Add the pieces to the participant's case, and score it if nothing is missing (any more).

    Raises ImpossibleEvidence, and keeps nothing, if a rating is off its scale.
    """
    rules = rules_of(uow, event.cohort, model)
    pieces = checked(rules.definition, (piece_of(piece.model_dump()) for piece in event.pieces))
    now = clock.now()
    store.hold_cases(uow, event.cohort, [event.participant], now)
    store.add_pieces(uow, event.cohort, event.participant, event.submission, pieces, now)
    _asked(uow, rules, [event.participant])


def record_much(model: Model, uow: UnitOfWork, told: Sequence[tuple[EvidenceRecorded, Cause]]) -> list[bool]:
    """The same for many events at once: a case that several of them complete is scored once, on all of it."""
    ordered = sorted(told, key=lambda each: each[0].cohort)
    for cohort, group in groupby(ordered, key=lambda each: each[0].cohort):
        some, now = list(group), clock.now()
        rules = rules_of(uow, cohort, model)
        added = [
            store.Added(event.participant, event.submission, piece)
            for event, _ in some
            for piece in checked(rules.definition, (piece_of(piece.model_dump()) for piece in event.pieces))
        ]
        causes = {event.participant: cause for event, cause in some}
        store.hold_cases(uow, cohort, causes, now)
        store.add_much(uow, cohort, added, now)
        _asked(uow, rules, sorted(causes), causes)
    return [True] * len(told)


def waiver_changed(model: Model, uow: UnitOfWork, event: RequirementWaived | WaiverWithdrawn) -> None:
    """Score the participant, if a waiver has completed the case. One that was withdrawn leaves results as they are."""
    rules, now = rules_of(uow, event.cohort, model), clock.now()
    store.hold_cases(uow, event.cohort, [event.participant], now)
    waivers.hear(uow, event.cohort, event.participant, event.waiver, now)
    _asked(uow, rules, [event.participant])


def run_cohort(model: Model, uow: UnitOfWork, event: CohortRunRequested) -> None:
    """Calibrate anew if the model does that, ask every case again, score what is due, and write the gap table. A run
    that was done already changes nothing.
    """
    rules = rules_of(uow, event.cohort, model)
    if not store.open_run(uow, event.run, event.cohort, clock.now()):
        return
    organisation = {each.participant: each.organisation for each in participants_of(uow.connection, event.cohort)}
    rules = recalibrated(uow, rules, event.run, sorted(organisation))
    outcomes: list[ScoredResult | Waiting] = []
    standings: list[Standing] = []
    for batch in store.batches(sorted(organisation)):
        asked = _asked(uow, rules, batch)
        told = store.told_by(uow.connection, [each.result for each in asked if isinstance(each, ScoredResult)])
        for each in asked:
            if isinstance(each, ScoredResult):
                standings.append(Standing(organisation[each.participant], told[each.result].cells))
            outcomes.append(_with_layers(each, told) if isinstance(each, ScoredResult) else each)
    table = gaps(rules.definition.framework.scale, standings)
    store.add_gaps(uow, event.run, event.cohort, table)
    publish(uow, _told(event, outcomes, table))


def _with_layers(scored: ScoredResult, told: Mapping[ResultId, Told]) -> ScoredResult:
    """With what its layers found out about domains."""
    found = told[scored.result]
    return scored.model_copy(update={"provisional": found.provisional, "disagreeing": found.disagreeing})


def reconcile(model: Model, uow: UnitOfWork, event: ReconciliationDue) -> None:
    """Score complete cases that nobody scored. There should be none: the lock on the case sees to that. So each is
    noted as mended, unless new rules of its cohort have just completed it.
    """
    turn = int(hashed(event.slot.isoformat())[:8], base=16)
    settled = settled_cohorts(uow.connection, PATIENCE)
    for cohort, participants in store.unsettled(uow.connection, turn, RECONCILED).items():
        rules = rules_of(uow, cohort, model)
        scored = [each for batch in store.batches(participants) for each in _scored_late(uow, rules, batch)]
        if cohort in settled:
            note_mended(uow, COMPLETE_IS_SCORED, [f"{cohort}/{each}" for each in scored])


def rules_of(uow: UnitOfWork, cohort: CohortId, default: Model) -> Rules:
    """What a cohort's results depend on now: its definition and the model that it names, or else the installation's.

    Raises UnknownCohort, UnknownModel.
    """
    definition = definition_of(uow.connection, cohort)
    model = model_named(definition.scoring.model) if definition.scoring else default
    calibration = latest_calibration(uow.connection, cohort, model.id) if model.adjusts else None
    return Rules(definition, model, calibration)


def recalibrated(uow: UnitOfWork, rules: Rules, run: RunId, participants: Sequence[ParticipantId]) -> Rules:
    """The rules with the calibration that is due, which is kept and told of if it is new."""
    cohort = CohortId(rules.definition.cohort)
    batches = (store.cases_of(uow.connection, cohort, batch) for batch in store.batches(participants))
    cases = ((case.participant, case.pieces, case.waived) for batch in batches for case in batch.values())
    found = calibration_on(rules, cases) if rules.model.adjusts else None
    if found is None or found == rules.calibration:
        return rules
    number = keep_calibration(uow, cohort, run, found, rules.digest, clock.now())
    publish(uow, _calibrated(cohort, run, number, found))
    return replace(rules, calibration=found)


def _calibrated(cohort: CohortId, run: RunId, number: int, calibration: Calibration) -> CohortCalibrated:
    return CohortCalibrated(
        cohort=cohort,
        run=run,
        number=number,
        calibration=calibration.hash,
        model=calibration.model,
        participants=len(calibration.evidence),
        parts=tuple(CalibratedPart.model_validate(each) for each in calibration.content["parts"]),
    )


def _scored_late(uow: UnitOfWork, rules: Rules, participants: Sequence[ParticipantId]) -> list[ParticipantId]:
    """Score those who are due. Gives whom it scored."""
    found = _assessed(uow, rules, participants)
    before = {each: case.version for each, (case, assessment) in found.items() if assessment.due is not None}
    standings = _asked(uow, rules, list(before))
    return [
        each.participant
        for each in standings
        if isinstance(each, ScoredResult) and each.version > before[each.participant]
    ]


def _asked(
    uow: UnitOfWork,
    rules: Rules,
    participants: Sequence[ParticipantId],
    causes: Mapping[ParticipantId, Cause] = MappingProxyType({}),
) -> list[ScoredResult | Waiting]:
    """Where each participant stands, after scoring those that are due. Only their cases are held, and asked again.

    `causes`: what a result is caused by, where that is not the transaction's own cause.
    """
    found = _assessed(uow, rules, participants)
    due = [each for each, (_, assessment) in found.items() if assessment.due is not None]
    if due:
        store.lock_cases(uow, CohortId(rules.definition.cohort), due)
        found |= _assessed(uow, rules, due)
    return [
        _standing(uow.under(causes.get(case.participant, uow.cause)), rules, case, assessment)
        for case, assessment in found.values()
    ]


def _assessed(
    uow: UnitOfWork, rules: Rules, participants: Sequence[ParticipantId]
) -> dict[ParticipantId, tuple[Case, Assessment]]:
    cases = store.cases_of(uow.connection, CohortId(rules.definition.cohort), participants)
    return {each: (case, assess(rules, case.pieces, case.scored, case.waived)) for each, case in cases.items()}


def _standing(uow: UnitOfWork, rules: Rules, case: Case, assessment: Assessment) -> ScoredResult | Waiting:
    if assessment.due is not None:
        return _score(uow, rules, case, assessment.due)
    if case.latest is None or assessment.missing:
        return Waiting(participant=case.participant, missing=assessment.missing)
    latest = case.latest
    return ScoredResult(
        participant=case.participant, result=latest.result, version=latest.version, waived=latest.waived
    )


def _score(uow: UnitOfWork, rules: Rules, case: Case, grounds: Grounds) -> ScoredResult:
    """Append the result that is due, as the next version, and tell of it."""
    result = result_on(grounds, rules, case.participant, case.pieces, case.waived)
    scored = ScoredResult(
        participant=case.participant,
        result=ResultId(new_id()),
        version=case.version + 1,
        waived=tuple(lack.name for lack in result.waived),
    )
    store.append_result(uow, rules, scored, result, clock.now())
    told = json.loads(result.document) | {"late": result.late, "hash": result.hash}
    publish(uow, ParticipantScored.model_validate(told | scored.model_dump(exclude={"waived"})))
    return scored


def _told(event: CohortRunRequested, outcomes: Sequence[ScoredResult | Waiting], table: Sequence[Gap]) -> CohortScored:
    return CohortScored(
        run=event.run,
        cohort=event.cohort,
        scored=tuple(each for each in outcomes if isinstance(each, ScoredResult)),
        waiting=tuple(each for each in outcomes if isinstance(each, Waiting)),
        gaps=tuple(events.Gap.model_validate(gap, from_attributes=True) for gap in table),
    )
