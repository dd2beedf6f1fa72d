"""Who of two cohorts is the same person. Addresses are compared here and go no further."""

from collections import Counter

import sqlalchemy as sa

from shared.ids import CohortId, ParticipantId
from shared.people import participants_of


def participant_ids(connection: sa.Connection, cohort: CohortId) -> set[ParticipantId]:
    """The roster's ids."""
    return {each.participant for each in participants_of(connection, cohort)}


def same_people(connection: sa.Connection, later: CohortId, earlier: CohortId) -> dict[ParticipantId, ParticipantId]:
    """Participants of the later cohort who have the address of one of the earlier, by id. Ids alone prove nothing: each
    cohort numbers anew. An address that two people share names nobody.
    """
    there, then = (_by_address(connection, cohort) for cohort in (later, earlier))
    return {there[address]: then[address] for address in sorted(there.keys() & then.keys(), key=there.__getitem__)}


def _by_address(connection: sa.Connection, cohort: CohortId) -> dict[str, ParticipantId]:
    people = participants_of(connection, cohort)
    count = Counter(each.email.strip().casefold() for each in people)
    return {
        address: each.participant
        for each in people
        if (address := each.email.strip().casefold()) and count[address] == 1
    }
