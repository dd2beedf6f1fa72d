"""What reporting asks the roster for."""

import sqlalchemy as sa

from shared.errors import PermanentError
from shared.ids import CohortId, ParticipantId
from shared.people import Participant, participant_of, raters
from shared.words import Relationship


class NotOnRoster(PermanentError):
    """A result or plan is about somebody whom the roster does not name (any more)."""

    def __init__(self, cohort: CohortId, participant: ParticipantId) -> None:
        super().__init__(f"{participant} is not on the roster of cohort {cohort}: correct roster.csv, then retry")


def on_roster(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> Participant:
    """A participant. Raises NotOnRoster."""
    found = participant_of(connection, cohort, participant)
    if found is None:
        raise NotOnRoster(cohort, participant)
    return found


def raters_of(connection: sa.Connection, cohort: CohortId, participant: ParticipantId) -> tuple[str, ...]:
    """The names of a participant's raters without self, in a settled order: comments are searched for them."""
    r = raters.c
    query = sa.select(r.name).where(
        r.cohort == cohort, r.participant == participant, r.relationship != Relationship.SELF
    )
    return tuple(sorted(connection.execute(query).scalars()))
