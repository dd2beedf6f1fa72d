"""roster.csv, raters.csv and assessors.csv: who takes part. Names and addresses never enter a mistake."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.cohort import columns, keys
from shared.cohort.cells import Known
from shared.cohort.csv_file import CsvFile, only_once, read_csv, typed
from shared.cohort.mistakes import Findings, listed
from shared.cohort.rules import Rules
from shared.ids import OrganisationId, ParticipantId, RaterId
from shared.people import Participant, Rater
from shared.words import IdentityBy, Instrument, Relationship

ROSTER = "roster.csv"
RATERS = "raters.csv"
ASSESSORS = "assessors.csv"


@dataclass(frozen=True, slots=True)
class Assessor:
    """An assessor of the development day. Name and address may be empty."""

    assessor: RaterId
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class People:
    """Everybody whom the folder lists, by id."""

    participants: tuple[Participant, ...]
    raters: tuple[Rater, ...]
    assessors: tuple[Assessor, ...]


def read_people(folder: Path, rules: Rules, context: Mapping[str, Any], found: Findings) -> People:
    """The three lists of people; mistakes are noted in `found`."""
    roster = read_csv(folder, ROSTER, columns.RosterRow, found, needed=True)
    context = {**context, "participant": Known(roster.codes("participant"), ROSTER)}
    people = People(
        tuple(_participants(roster, context, found)),
        tuple(_raters(folder, rules, context, found)),
        tuple(_assessors(folder, rules, context, found)),
    )
    _warn_of_too_few(people, rules, found)
    _check_addresses(people, rules, found)
    return people


def _participants(file: CsvFile, context: Mapping[str, Any], found: Findings) -> list[Participant]:
    only_once(file, ["participant"], "is a participant twice", found, show=False)
    rows = typed(file, columns.RosterRow, context, found)
    for row in file.rows:
        if not row.cells["given_name"] and not row.cells["family_name"]:
            found.mistake(
                file.name, "is blank, and so is family_name; give at least one", line=row.line, column="given_name"
            )
    _warn_of_shared_addresses(file, found)
    people = [
        Participant(
            ParticipantId(row.participant),
            row.given_name,
            row.family_name,
            row.email,
            OrganisationId(row.organisation),
            row.pool_consent or None,
        )
        for row in rows
    ]
    return sorted(people, key=lambda person: person.participant)


def _warn_of_shared_addresses(file: CsvFile, found: Findings) -> None:
    first: dict[str, int] = {}
    for row in file.rows:
        address = row.cells["email"].casefold()
        if address and first.setdefault(address, row.line) != row.line:
            reason = f"is the same as on line {first[address]}: both plans go to one address"
            found.warn(file.name, reason, line=row.line, column="email")


def _raters(folder: Path, rules: Rules, context: Mapping[str, Any], found: Findings) -> list[Rater]:
    file = read_csv(folder, RATERS, columns.RaterRow, found, needed=rules.asks_for(Instrument.APPRAISAL_360))
    rows = typed(file, columns.RaterRow, context, found)
    reason = "is a rater twice; a person who rates two participants needs an id for each"
    only_once(file, ["rater"], reason, found, show=False)
    selves: dict[str, int] = {}
    for row in file.rows:
        participant = row.cells["participant"]
        if row.cells["relationship"] == Relationship.SELF and selves.setdefault(participant, row.line) != row.line:
            reason = f"is a second self of this participant; line {selves[participant]} is the first"
            found.mistake(file.name, reason, line=row.line, column="relationship", value=Relationship.SELF)
    people = [
        Rater(RaterId(row.rater), ParticipantId(row.participant), row.relationship, row.name, row.email) for row in rows
    ]
    return sorted(people, key=lambda person: person.rater)


def _assessors(folder: Path, rules: Rules, context: Mapping[str, Any], found: Findings) -> list[Assessor]:
    file = read_csv(folder, ASSESSORS, columns.AssessorRow, found, needed=rules.asks_for(Instrument.DEVELOPMENT_DAY))
    only_once(file, ["assessor"], "is an assessor twice", found, show=False)
    rows = typed(file, columns.AssessorRow, context, found)
    people = [Assessor(RaterId(row.assessor), row.name, row.email) for row in rows]
    return sorted(people, key=lambda person: person.assessor)


def _check_addresses(people: People, rules: Rules, found: Findings) -> None:
    """Where responses are told by the responder's address, everybody has one, and no two people share it."""
    connections = rules.at("connections")
    names = connections if isinstance(connections, dict) else {}
    told = {
        rules.at("connections", name, "instrument")
        for name in names
        if rules.at("connections", name, "identity") == IdentityBy.RESPONDER_EMAIL
    }
    lists = (
        (Instrument.APPRAISAL_360, RATERS, [(each.email, each.participant) for each in people.raters]),
        (Instrument.DEVELOPMENT_DAY, ASSESSORS, [(each.email, "") for each in people.assessors]),
    )
    for instrument, file, addresses in lists:
        given = Counter((email.casefold(), whom) for email, whom in addresses if email)
        lacking, shared = sum(not email for email, _ in addresses), sum(count > 1 for count in given.values())
        if instrument in told and lacking:
            found.warn(file, f"lists {lacking} without an address: nobody can tell their responses", column="email")
        if instrument in told and shared:
            reason = f"is the same for two people {shared} time(s), so nobody can tell who of them answered"
            found.mistake(file, reason, column="email")


def _warn_of_too_few(people: People, rules: Rules, found: Findings) -> None:
    """Evidence that is asked for and that the lists can't give."""
    appraisal = rules.section(keys.AppraisalSection, "evidence", "appraisal_360")
    if appraisal is not None and people.raters:
        listed_raters = Counter((rater.participant, rater.relationship) for rater in people.raters)
        for person in people.participants:
            short = [
                f"{relationship.plural}: {listed_raters[person.participant, relationship]} of {needed}"
                for relationship, needed in appraisal.responses.items()
                if listed_raters[person.participant, relationship] < needed
            ]
            if short:
                reason = f"can't be complete with the raters listed ({listed(short)})"
                found.warn(RATERS, reason, column="participant", value=person.participant)
    day = rules.section(keys.DaySection, "evidence", "development_day")
    if day is not None and 0 < len(people.assessors) < day.assessors:
        reason = f"lists {len(people.assessors)} of the {day.assessors} assessors that each exercise needs"
        found.warn(ASSESSORS, reason)
