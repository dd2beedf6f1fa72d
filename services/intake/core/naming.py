"""Whom a response names as the one who speaks, and about whom: in the cohort's lists, or what is wrong with it."""

from collections.abc import Iterator

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.identity import Identity, resolved
from services.intake.core.roster import Roster
from services.intake.core.source import Source
from services.intake.core.text import LONGEST_ID, folded, shown
from shared.ids import ParticipantId, RaterId
from shared.words import IdentityBy, Instrument


def who(identity: Identity, source: Source, roster: Roster) -> tuple[Identity, tuple[Reason, ...]]:
    """Who speaks about whom, and what is wrong with that."""
    found = resolved(identity, source.identity, source.instrument, roster)
    if isinstance(found, Reason):
        return identity, (found,)
    return found, tuple(_strangers(found, source, roster))


def _strangers(identity: Identity, source: Source, roster: Roster) -> Iterator[Reason]:
    """What is wrong with who speaks about whom."""
    participant = ParticipantId(identity.participant)
    if not participant:
        yield Reason(
            ReasonCode.UNKNOWN_PARTICIPANT,
            f"the response names no participant; {_carried('participant', source)}",
        )
    elif participant not in roster.participants:
        yield Reason(
            ReasonCode.UNKNOWN_PARTICIPANT,
            f"participant “{shown(participant)}” is not in roster.csv; add the participant and update the cohort, or"
            " correct the form's link and ask for the response again",
        )
    match source.instrument:
        case Instrument.APPRAISAL_360:
            yield from _strange_rater(identity, source, roster)
        case Instrument.DEVELOPMENT_DAY:
            if identity.by not in roster.assessors:
                yield _unknown("assessor", identity.by, "assessors.csv", source)
        case Instrument.WRITTEN_ASSESSMENT:
            if not identity.by or len(identity.by) > LONGEST_ID:
                yield _unknown("marker", identity.by, "", source)


def _strange_rater(identity: Identity, source: Source, roster: Roster) -> Iterator[Reason]:
    entry = roster.raters.get(RaterId(identity.by))
    if entry is None:
        yield _unknown("rater", identity.by, "raters.csv", source)
        return
    if entry.participant != identity.participant:
        yield Reason(
            ReasonCode.RATER_OF_SOMEBODY_ELSE,
            f"rater “{identity.by}” rates participant {entry.participant} in raters.csv, but the response is about"
            f" “{shown(identity.participant)}”; correct raters.csv or the link that the rater was sent",
        )
    sent = folded(identity.relationship).replace(" ", "_").replace("-", "_")
    if sent and sent != entry.relationship:
        yield Reason(
            ReasonCode.RELATIONSHIP_DIFFERS,
            f"rater “{identity.by}” is {entry.relationship.label} in raters.csv, but the response says"
            f" “{shown(identity.relationship)}”; correct raters.csv or the link that the rater was sent",
        )


def _carried(what: str, source: Source) -> str:
    """What to do about somebody whom a response does not name."""
    if source.identity is IdentityBy.HIDDEN_FIELDS:
        return f"the form's link must carry the hidden field “{what}”"
    return f"the form's link must fill in a question that is mapped to identity:{what}"


def _unknown(what: str, sent: str, file: str, source: Source) -> Reason:
    if not sent:
        words = f"the response names no {what}; {_carried(what, source)}"
    elif file:
        words = (
            f"{what} “{shown(sent)}” is not in {file}; add the {what} and update the cohort, or correct the form's"
            " link and ask for the response again"
        )
    else:
        words = f"{what} “{shown(sent)}” is longer than {LONGEST_ID} characters; correct the form's link"
    return Reason(ReasonCode.UNKNOWN_RATER, words)
