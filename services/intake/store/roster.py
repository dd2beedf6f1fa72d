"""The people of a cohort as intake needs them: ids only."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.intake.core.matching import Identity
from services.intake.core.roster import RaterEntry, Roster
from shared import people
from shared.ids import CohortId, ParticipantId, RaterId


def roster_named(connection: sa.Connection, cohort: CohortId, named: Sequence[Identity]) -> Roster:
    """Those people of the cohort whom responses name."""
    there = (
        people.participant_of(connection, cohort, ParticipantId(participant))
        for participant in sorted({identity.participant for identity in named})
    )
    raters = (people.rater_of(connection, cohort, RaterId(by)) for by in sorted({identity.by for identity in named}))
    return Roster(
        frozenset(person.participant for person in there if person),
        {rater.rater: RaterEntry(rater.participant, rater.relationship) for rater in raters if rater},
        frozenset(people.assessors_of(connection, cohort)),
    )


def roster_of(connection: sa.Connection, cohort: CohortId) -> Roster:
    """Every participant and assessor of the cohort: those whom sheets and marks may name."""
    return Roster(
        frozenset(person.participant for person in people.participants_of(connection, cohort)),
        assessors=frozenset(people.assessors_of(connection, cohort)),
    )
