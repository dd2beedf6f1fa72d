"""The fairness report: the only place where equality data, results and decisions are joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.reporting.core.pool import PoolStatus
from services.reporting.library import pool_rule
from services.reporting.store import PoolRecord, pool_of
from services.scoring.commands.fairness import seen_in
from services.scoring.core.fairness.report import Characteristic, Labels, Outcome, characteristic
from services.scoring.core.fairness.suppression import PROGRAMME, PUBLIC
from shared.db import Database
from shared.equality.store import Who, stated
from shared.errors import PermanentError
from shared.ids import CohortId, ParticipantId, RaterId

DECIDED = {PoolStatus.ADMITTED: True, PoolStatus.DEFERRED: False, PoolStatus.DECLINED: False}


class NoSuchCharacteristic(PermanentError):
    """A reference group was asked for of a characteristic that nobody stated."""

    def __init__(self, cohort: CohortId, names: Sequence[str]) -> None:
        super().__init__(
            f"nobody of cohort {cohort} stated {', '.join(names)}; `talentline equality list {cohort}` says what is"
        )


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """The report on a cohort. `minimum`: the least count that it shows."""

    cohort: CohortId
    public: bool
    minimum: int
    scored: int
    characteristics: tuple[Characteristic, ...]


def fairness_of(
    db: Database, cohort: CohortId, *, public: bool = False, references: Mapping[str, str] | None = None
) -> FairnessReport:
    """Every characteristic that was stated. `references`: characteristic → group that the others are compared with.

    Raises UnknownCohort, or NoSuchCharacteristic.
    """
    chosen = references or {}
    people = seen_in(db, cohort)
    with db.read() as connection:
        known = stated(connection, cohort)
        outcomes = _outcomes(pool_of(connection, cohort=cohort))
    if strange := sorted(chosen.keys() - known.keys()):
        raise NoSuchCharacteristic(cohort, strange)
    minimum = PUBLIC if public else PROGRAMME
    found = (
        characteristic(people, _labels(name, by_who, chosen.get(name)), outcomes, minimum)
        for name, by_who in known.items()
    )
    return FairnessReport(cohort, public, minimum, len(people), tuple(found))


def _labels(name: str, by_who: Mapping[Who, Mapping[str, str]], reference: str | None) -> Labels:
    return Labels(
        name,
        {ParticipantId(person): group for person, group in by_who.get(Who.PARTICIPANT, {}).items()},
        {RaterId(person): group for who in (Who.RATER, Who.ASSESSOR) for person, group in by_who.get(who, {}).items()},
        reference,
    )


def _outcomes(records: Sequence[PoolRecord]) -> dict[str, Outcome]:
    """What the rule proposes first, and what people decided, by pool level."""
    best = pool_rule().steps[0].readiness
    outcomes: dict[str, dict[ParticipantId, bool]] = {}
    for each in records:
        proposed = outcomes.setdefault(f"proposed as {best}", {})
        proposed[each.participant] = each.readiness == best or proposed.get(each.participant, False)
        admitted = outcomes.setdefault(f"admitted to {each.level}", {})
        if (decision := DECIDED.get(PoolStatus(each.status))) is not None:
            admitted[each.participant] = decision
    return dict(outcomes)
