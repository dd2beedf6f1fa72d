"""Personal links: one for each rater or assessor, with what the form needs to know of them in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from services.intake.core.identity import link_token, token_hash
from services.intake.core.text import listed
from shared import people
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.ids import CohortId, RaterId
from shared.outbox import audited
from shared.words import IdentityBy, Instrument

PLACE = re.compile(r"\{([^{}]*)\}")
TOKEN = "token"  # noqa: S105  (a word)
WORDS: Mapping[Instrument, tuple[str, ...]] = {
    Instrument.APPRAISAL_360: ("participant", "rater", "relationship", TOKEN),
    Instrument.DEVELOPMENT_DAY: ("assessor", TOKEN),
}
"""What may stand in braces in a link's pattern."""


class UnusableLink(PermanentError):
    """The links can't be made as asked; nothing was."""


@dataclass(frozen=True, slots=True)
class PersonalLink:
    """One person's link. For the coordinator's eyes: name, address and token are in it."""

    person: RaterId
    participant: str
    relationship: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    link: str = field(repr=False)


def personal_links(
    uow: UnitOfWork, definition: CohortDefinition, connection: str, pattern: str, key: str | None, *, actor: str
) -> list[PersonalLink]:
    """A link for each rater (360 appraisal) or assessor (development day), by id: `pattern` with `{token}`, `{rater}`
    and so on filled in. Of tokens only the hash is kept; made again, they are the same.

    Raises:
        UnusableLink: why, and what to do.
    """
    _check(definition, connection, pattern, key)
    cohort = CohortId(definition.cohort)
    found = _people(uow, cohort, definition.connections[connection].instrument)
    tokens = {each.person: link_token(key or "", cohort, each.person) for each in found}
    if f"{{{TOKEN}}}" in pattern:
        people.keep_links(uow, cohort, {token_hash(token): person for person, token in tokens.items()})
    said = {"connection": connection, "people": len(found)}
    audited(uow, actor=actor, action="cohort.links_made", subject=cohort, detail=said)
    return [_linked(each, pattern, tokens[each.person]) for each in found]


def _people(uow: UnitOfWork, cohort: CohortId, instrument: Instrument) -> list[PersonalLink]:
    if instrument is Instrument.APPRAISAL_360:
        return [
            PersonalLink(each.rater, each.participant, str(each.relationship), each.name, each.email, "")
            for each in people.raters_of(uow.connection, cohort)
        ]
    return [
        PersonalLink(who, "", "", name, email, "")
        for who, name, email in people.contacts_of_assessors(uow.connection, cohort)
    ]


def _linked(each: PersonalLink, pattern: str, token: str) -> PersonalLink:
    said = {
        "participant": each.participant,
        "rater": each.person,
        "assessor": each.person,
        "relationship": each.relationship,
        TOKEN: token,
    }
    link = PLACE.sub(lambda place: quote(said[place[1]], safe=""), pattern)
    return PersonalLink(each.person, each.participant, each.relationship, each.name, each.email, link)


def _check(definition: CohortDefinition, connection: str, pattern: str, key: str | None) -> None:
    there = definition.connections.get(connection)
    if there is None:
        raise UnusableLink(f"{connection} is no connection of this cohort ({listed(sorted(definition.connections))})")
    words = WORDS.get(there.instrument)
    if words is None:
        raise UnusableLink("the markers of a written assessment are in no list, so they have no links of their own")
    if urlsplit(pattern).scheme not in {"http", "https"}:
        raise UnusableLink("the link must be the form's address, https://…, with {token} or other words in braces")
    used = set(PLACE.findall(pattern))
    allowed = listed([f"{{{word}}}" for word in words])
    if used - set(words) or not used:
        raise UnusableLink(f"in braces there may be {allowed}, and at least one of them, or all links are the same")
    wants_token = there.identity is IdentityBy.LINK_TOKEN
    if wants_token != (TOKEN in used):
        raise UnusableLink(
            'the connection has identity = "link_token": the link must hold {token}'
            if wants_token
            else 'a {token} would not be read: the connection needs identity = "link_token" in cohort.toml'
        )
    if wants_token and not key:
        raise UnusableLink(
            "TALENTLINE_LINK_KEY is not set: set it to a long random text, of 16 letters or more, and keep it; with"
            " another one all links would be others"
        )
