"""Who speaks about whom: what a response carries of it, and whom that means.

A response names people by their ids, in hidden fields or in questions that the link fills in; or only its sender, by an
e-mail address or by the token of a personal link. An address or a token is looked up by whoever has the people
(`Roster`); it never stands in a reason or a log.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.instruments import IDENTITY
from services.intake.core.roster import Roster
from services.intake.core.text import LONGEST_ID, listed, plain, spelled
from services.intake.core.vendor import AnswerValue, Response
from shared.cohort.definition import FormField
from shared.ids import ParticipantId, RaterId
from shared.words import IdentityBy, Instrument

PARTICIPANT_FIELDS = ("participant", "participant_id")
RATER_FIELDS = ("rater", "rater_id", "assessor", "assessor_id", "marker", "marker_id")
RELATIONSHIP_FIELDS = ("relationship", "rater_role", "role")
"""Names of fields that say who speaks about whom, where no field is mapped to that; the first that is there counts."""
EMAIL_FIELDS = ("email", "responder", "respondentEmail", "respondent_email", "contact_email")
"""Names under which tools tell the address of the person who answers."""
TOKEN_FIELDS = ("token", "link_token")
DOUBTFUL = (PARTICIPANT_FIELDS, RATER_FIELDS)
"""Of these two hidden fields must not differ."""
LONGEST_ADDRESS = 254
NOBODY = frozenset({"anonymous"})
"""What Microsoft Forms writes instead of an address, where the form asks nobody to sign in."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks about whom, as sent; an empty text is what was not sent. `doubled`: what was sent in two ways."""

    participant: str
    by: str
    relationship: str
    email: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    doubled: tuple[str, ...] = ()


def identity_of(
    response: Response, fields: Iterable[FormField] = (), by: IdentityBy = IdentityBy.HIDDEN_FIELDS
) -> Identity:
    """What the response carries: in the fields that are mapped to it, else in those that bear its names (but where
    questions say it), hidden ones before visible ones.
    """
    mapped = {each.maps_to: each.field_ref for each in fields if each.maps_to.startswith(IDENTITY)}
    doubled: list[str] = []

    def first(names: tuple[str, ...]) -> str:
        ref = next((mapped[f"{IDENTITY}{name}"] for name in names if f"{IDENTITY}{name}" in mapped), None)
        places = (() if by is IdentityBy.QUESTIONS else names) if ref is None else (ref,)
        if names in DOUBTFUL and len({response.hidden.get(name, "").strip() for name in places} - {""}) > 1:
            doubled.append(names[0])
        longest = LONGEST_ADDRESS if names is EMAIL_FIELDS else LONGEST_ID
        return plain(next((value for value in (_sent(response, name) for name in places) if value), ""))[: longest + 1]

    return Identity(
        first(PARTICIPANT_FIELDS),
        first(RATER_FIELDS),
        first(RELATIONSHIP_FIELDS),
        email=first(EMAIL_FIELDS) if by is IdentityBy.RESPONDER_EMAIL else "",
        token=first(TOKEN_FIELDS) if by is IdentityBy.LINK_TOKEN else "",
        doubled=tuple(doubled),
    )


def _sent(response: Response, name: str) -> str:
    hidden = response.hidden.get(name, "").strip()
    return hidden or _text(response.answers.get(name))


def _text(answer: AnswerValue | None) -> str:
    if isinstance(answer, tuple):
        return answer[0].strip() if len(answer) == 1 else ""
    if answer is None:
        return ""
    return answer.strip() if isinstance(answer, str) else spelled(answer)


def address(email: str) -> str:
    """An address as it is compared: without regard to case and surrounding blanks; empty for what is none.

    >>> address(" Ada@Example.org "), address("anonymous")
    ('ada@example.org', '')
    """
    folded = email.strip().casefold()
    return "" if folded in NOBODY else folded


def token_hash(token: str) -> str:
    """What is kept of a link's token, and looked up: its SHA-256 (hex). Tokens are too long to be guessed."""
    return hashlib.sha256(token.strip().encode()).hexdigest()


def link_token(key: str, cohort: str, person: str) -> str:
    """The token of somebody's own link: the same whenever it is made with this key, and not to be guessed without it.

    >>> len(link_token("a long random key", "spring", "R-1")), link_token("k", "a", "b") == link_token("k", "ab", "")
    (24, False)
    """
    digest = hmac.digest(key.encode(), f"{cohort}\0{person}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest)[:24].decode()


def resolved(identity: Identity, by: IdentityBy, instrument: Instrument, roster: Roster) -> Identity | Reason:
    """The same with the ids of whom an address or a token means, or why that is not known."""
    if identity.doubled:
        what = listed(list(identity.doubled))
        words = f"the response names the {what} twice, differently; correct the form's link and ask for it again"
        return Reason(ReasonCode.IDENTITY_CONTRADICTS, words)
    if by is IdentityBy.RESPONDER_EMAIL:
        return _of_address(identity, instrument, roster)
    if by is IdentityBy.LINK_TOKEN:
        return _of_token(identity, instrument, roster)
    return identity


def _of_address(identity: Identity, instrument: Instrument, roster: Roster) -> Identity | Reason:
    who, file = _listed_in(instrument)
    if not address(identity.email):
        return Reason(
            ReasonCode.IDENTITY_MISSING,
            "the response came without the responder's e-mail address; have the form record it (restrict the form to"
            " people who sign in, or collect addresses), and ask for the response again",
        )
    found = roster.by_address.get(address(identity.email), ())
    if not found:
        words = f"the responder's e-mail address is that of no {who} in {file}; write it there and update the cohort"
        return Reason(ReasonCode.UNKNOWN_RATER, words)
    fitting = _fitting(identity, found, roster)
    if not fitting:
        words = (
            f"the responder's e-mail address is that of {who} {listed(sorted(found))}, but the response names"
            " somebody else besides; correct the form's link, or ask the right person to answer"
        )
        return Reason(ReasonCode.IDENTITY_CONTRADICTS, words)
    if len(fitting) > 1:
        words = (
            f"the responder's e-mail address is that of several ({listed(sorted(fitting))}); have the form ask or"
            " carry about whom it is, and map that to identity:participant"
        )
        return Reason(ReasonCode.IDENTITY_AMBIGUOUS, words)
    return _filled(identity, fitting[0], roster)


def _fitting(identity: Identity, found: Sequence[RaterId], roster: Roster) -> list[RaterId]:
    """Those of several people whom the rest of what was sent does not exclude."""
    fitting = [each for each in found if identity.by in {"", each}]
    if identity.participant and any(each in roster.raters for each in fitting):
        fitting = [each for each in fitting if roster.raters[each].participant == identity.participant]
    return fitting


def _of_token(identity: Identity, instrument: Instrument, roster: Roster) -> Identity | Reason:
    who, _ = _listed_in(instrument)
    if not identity.token:
        return Reason(
            ReasonCode.IDENTITY_MISSING,
            "the response carries no link token; give people the links of `talentline cohort links`, and have the form"
            " keep the field “token” (or map the field that does to identity:token)",
        )
    found = roster.by_token.get(token_hash(identity.token))
    if found is None:
        return Reason(
            ReasonCode.UNKNOWN_RATER,
            f"the link's token is that of no {who} of this cohort; it may have been cut off, or made before"
            " TALENTLINE_LINK_KEY was changed: make the links again with `talentline cohort links`, then retry",
        )
    if identity.by not in {"", found}:
        words = f"the link's token is that of {who} {found}, but the response names another; correct the link"
        return Reason(ReasonCode.IDENTITY_CONTRADICTS, words)
    return _filled(identity, found, roster)


def _filled(identity: Identity, by: RaterId, roster: Roster) -> Identity:
    """With the rater, and the participant that a rater of the 360 appraisal has."""
    entry = roster.raters.get(by)
    about = identity.participant or (entry.participant if entry else ParticipantId(""))
    return replace(identity, by=by, participant=about)


def _listed_in(instrument: Instrument) -> tuple[str, str]:
    return ("rater", "raters.csv") if instrument is Instrument.APPRAISAL_360 else ("assessor", "assessors.csv")
