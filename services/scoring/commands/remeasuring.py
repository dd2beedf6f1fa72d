"""A cohort measured again."""

from dataclasses import dataclass
from pathlib import Path

from services.scoring import store
from services.scoring.commands.figures import by_participant
from services.scoring.commands.files import opened
from services.scoring.core.remeasuring.cohort import (
    USUAL_MONTHS,
    GroupChange,
    Remeasured,
    checked_months,
    group_changes,
    remeasured,
)
from services.scoring.core.remeasuring.pairing import Terms
from services.scoring.core.remeasuring.pairs import read_pairs
from services.scoring.store.people import participant_ids, same_people
from shared.cohort.store import definition_of
from shared.db import Database
from shared.ids import CohortId


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """Everybody who could be measured twice. `months` between the closing days; `alone`: participants of the later
    cohort who were not found in the earlier one; `reduced`, `reduced_earlier`: results of the two cohorts that rest on
    reduced evidence.
    """

    months: float
    people: tuple[Remeasured, ...]
    groups: tuple[GroupChange, ...]
    alone: int
    reduced: tuple[store.Reduced, ...] = ()
    reduced_earlier: tuple[store.Reduced, ...] = ()


def change_of_cohort(
    db: Database,
    cohort: CohortId,
    earlier: CohortId,
    *,
    after_months: int = USUAL_MONTHS,
    pairs: Path | None = None,
    competencies: bool = False,
) -> ChangeReport:
    """Compare the current results of two cohorts. The same people are those with the same address; `pairs` names others
    (columns participant, earlier).

    Raises:
        UnknownCohort: no such cohort is open here.
        TooSoon: less than `after_months` lie between their closing days.
        UnreadableTable: what is wrong with the file of pairs.
    """
    with db.read() as connection:
        now, then = definition_of(connection, cohort), definition_of(connection, earlier)
        months = checked_months(then.closes, now.closes, after_months)
        who = same_people(connection, cohort, earlier)
        known = participant_ids(connection, cohort), participant_ids(connection, earlier)
        if pairs is not None:
            with opened(pairs) as lines:
                named = read_pairs(lines, *known)
            taken = set(named.values())
            who = {one: other for one, other in who.items() if other not in taken} | named
        after, before = (store.results_of(connection, each, competencies=competencies) for each in (cohort, earlier))
    pairs_of = sorted(who.items())
    found = tuple(remeasured(Terms.of(then, now), pairs_of, by_participant(before), by_participant(after)))
    return ChangeReport(
        months=months,
        people=found,
        groups=tuple(group_changes(found)),
        alone=len(known[0] - who.keys()),
        reduced=store.reduced_of(row for row in after if row.participant in who),
        reduced_earlier=store.reduced_of(row for row in before if row.participant in set(who.values())),
    )
