"""Waiving what is missing of a participant, and withdrawing that: a person decides, with a name and a reason."""

from services.scoring import store
from services.scoring.core.completeness import lacking
from services.scoring.core.requirements import named, printable
from services.scoring.store import waivers
from services.scoring.store.waivers import Waiver
from shared import clock
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import RequirementWaived, WaiverWithdrawn
from shared.ids import CohortId, ParticipantId, WaiverId, new_id
from shared.outbox import audited, publish
from shared.people import participant_of


class CantWaive(PermanentError):
    """A waiver can't be made or withdrawn as it was asked for. Nothing was changed."""


def waive(
    uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, requirement: str, *, by: str, reason: str
) -> Waiver:
    """Note a named person's decision to do without one thing that is missing of a participant, who may then be scored
    on reduced evidence. `requirement` is named as `missing` names it. Scoring hears of it and asks the case again.

    Raises:
        UnknownCohort: no such cohort is open here.
        NotMissing: nothing of that name is missing; it says what is.
        CantWaive: there is no such participant, no name or reason, or it is waived already.
    """
    by, reason = _accounted_for(by, reason)
    case = _held(uow, cohort, participant)
    lack = named(participant, requirement, lacking(definition_of(uow.connection, cohort), case.pieces))
    if any(each.requirement == lack.requirement for each in _standing(uow, cohort, participant)):
        raise CantWaive(f"{participant}: “{lack.name}” is waived already; see `talentline cohort waivers {cohort}`")
    waiver = Waiver(
        id=WaiverId(new_id()),
        cohort=cohort,
        participant=participant,
        requirement=lack.requirement,
        name=lack.name,
        by=by,
        reason=reason,
        waived_at=clock.now(),
    )
    waivers.add_waiver(uow, waiver)
    _noted(uow, waiver, "requirement.waived", by, reason)
    publish(uow, RequirementWaived.model_validate(_told(waiver)))
    return waiver


def withdraw_waiver(
    uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, requirement: str, *, by: str, reason: str
) -> Waiver:
    """Note that a waiver holds no longer. A result that was made under it stays; the next needs what is asked for.

    Raises UnknownCohort; CantWaive: there is no such participant or waiver, or no name or reason.
    """
    by, reason = _accounted_for(by, reason)
    _held(uow, cohort, participant)
    standing = _standing(uow, cohort, participant)
    said = " ".join(requirement.split()).casefold()
    waiver = next((each for each in standing if each.name.casefold() == said), None)
    if waiver is None:
        there = "; ".join(each.name for each in standing) or "none"
        raise CantWaive(f"{participant} has no waiver of “{printable(requirement)}”; those that hold: {there}")
    waivers.withdraw(uow, waiver, by=by, reason=reason, at=clock.now())
    _noted(uow, waiver, "waiver.withdrawn", by, reason)
    publish(uow, WaiverWithdrawn.model_validate(_told(waiver)))
    return waiver


def _accounted_for(by: str, reason: str) -> tuple[str, str]:
    """Name and reason as they are kept: one line each, of signs that a terminal shows."""
    name, why = (
        " ".join("".join(sign if sign.isprintable() else " " for sign in each).split()) for each in (by, reason)
    )
    if not name or not why:
        raise CantWaive("a waiver needs the name of the person who decides (--by) and a reason (--reason)")
    if len(name) > 200 or len(why) > 2000:
        raise CantWaive("a waiver's name has at most 200 signs and its reason at most 2,000")
    return name, why


def _held(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId) -> store.Case:
    """The participant's case, locked. Raises UnknownCohort, CantWaive."""
    definition_of(uow.connection, cohort)
    if participant_of(uow.connection, cohort, participant) is None:
        raise CantWaive(
            f"{cohort} has no participant “{printable(participant)}”; see `talentline cohort status {cohort}`"
        )
    store.hold_cases(uow, cohort, [participant], clock.now())
    return store.cases_of(uow.connection, cohort, [participant])[participant]


def _standing(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId) -> list[Waiver]:
    return [each for each in waivers.waivers_of(uow.connection, cohort, participant) if each.withdrawn_at is None]


def _noted(uow: UnitOfWork, waiver: Waiver, action: str, by: str, reason: str) -> None:
    detail = {"waiver": waiver.id, "requirement": waiver.name, "reason": reason}
    audited(uow, actor=by, action=action, subject=f"{waiver.cohort}/{waiver.participant}", detail=detail)


def _told(waiver: Waiver) -> dict[str, str]:
    """The waiver as events tell it: references, no name and no reason."""
    about = {"cohort": waiver.cohort, "participant": waiver.participant, "waiver": waiver.id}
    return about | {"instrument": waiver.requirement.instrument, "element": waiver.requirement.element}
