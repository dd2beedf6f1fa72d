"""The people of a cohort as intake needs them: ids only."""

from collections.abc import Sequence

import sqlalchemy as sa

from services.intake.core.identity import Identity, address, token_hash
from services.intake.core.mapping.identity_fields import Known
from services.intake.core.roster import RaterEntry, Roster
from shared import people
from shared.ids import CohortId, ParticipantId, RaterId


def roster_named(connection: sa.Connection, cohort: CohortId, named: Sequence[Identity]) -> Roster:
    """Those people of the cohort whom responses name, or whose address or link they came from."""
    by_address = people.holders_of_addresses(connection, cohort, {address(each.email) for each in named} - {""})
    by_token = people.holders_of_links(connection, cohort, {token_hash(each.token) for each in named if each.token})
    ids = {RaterId(each.by) for each in named} | {who for several in by_address.values() for who in several}
    raters = people.raters_among(connection, cohort, ids | set(by_token.values()))
    wanted = {each.participant for each in named} | {rater.participant for rater in raters}
    return Roster(
        frozenset(people.participants_among(connection, cohort, map(ParticipantId, wanted))),
        {rater.rater: RaterEntry(rater.participant, rater.relationship) for rater in raters},
        frozenset(people.assessors_of(connection, cohort)),
        by_address,
        by_token,
    )


def roster_of(connection: sa.Connection, cohort: CohortId) -> Roster:
    """Every participant and assessor of the cohort: those whom sheets and marks may name."""
    return Roster(
        frozenset(person.participant for person in people.participants_of(connection, cohort)),
        assessors=frozenset(people.assessors_of(connection, cohort)),
    )


def known_people(connection: sa.Connection, cohort: CohortId) -> Known:
    """The cohort's ids and addresses, to recognise fields by what came in them."""
    raters = people.raters_of(connection, cohort)
    assessors = people.contacts_of_assessors(connection, cohort)
    return Known(
        frozenset(each.participant for each in people.participants_of(connection, cohort)),
        frozenset(each.rater for each in raters),
        frozenset(who for who, _, _ in assessors),
        frozenset(map(address, [*(each.email for each in raters), *(email for _, _, email in assessors)])) - {""},
    )
