"""Fields that say who speaks about whom, and fields for free text: recognised by their names, or by what came in them.

What came in a field is compared with the cohort's ids by whoever has them; here only the outcome is known (`Known`).
No answer is ever quoted.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from services.intake.core.form import Asks, Question
from services.intake.core.instruments import COMMENT, IDENTITY
from services.intake.core.mapping.statements import plain_title
from shared.words import IdentityBy, Instrument, Relationship

BY_NAME, BY_VALUE, BY_WORDS = 95, 95, 80
LONG_TEXT = 60
"""Characters from which an answer is free text and no label."""

_WHO = {
    "participant": "participant|participantid|participantcode|participantnumber|subject|subjectid|ratee|rateeid|leader"
    "|leaderid|pid|revieweeid|reviewee",
    "rater": "rater|raterid|ratercode|reviewer|reviewerid|reviewercode|respondentid|rid|feedbackgiver",
    "assessor": "assessor|assessorid|assessorcode|observer|observerid",
    "marker": "marker|markerid|markercode",
    "relationship": "relationship|raterrole|role|relation|relationshiptoparticipant|raterrelationship",
    "email": "email|emailaddress|respondentemail|responder|responderemail|contactemail|youremail|youremailaddress",
    "token": "token|linktoken|personaltoken|linkcode",
}
_NAMES = {name: word for word, names in _WHO.items() for name in names.split("|")}
_BY = {
    Instrument.APPRAISAL_360: "rater",
    Instrument.DEVELOPMENT_DAY: "assessor",
    Instrument.WRITTEN_ASSESSMENT: "marker",
}
_NUMBERED = re.compile(r"^(?:q\d+[_-])")

_COMMENTS = (
    ("strengths", ("do well", "does well", "strength", "best at", "good at", "keep doing", "continue")),
    ("development", ("develop", "improve", "do differently", "better", "stop doing", "start doing", "weakness")),
    ("general", ("comment", "anything else", "other remarks", "feedback")),
)


@dataclass(frozen=True, slots=True)
class Known:
    """The ids and addresses (in lower case) of a cohort's people, to recognise fields by what came in them."""

    participants: Collection[str] = field(default=frozenset(), repr=False)
    raters: Collection[str] = field(default=frozenset(), repr=False)
    assessors: Collection[str] = field(default=frozenset(), repr=False)
    addresses: Collection[str] = field(default=frozenset(), repr=False)


def who(
    question: Question, instrument: Instrument, known: Known, by: IdentityBy = IdentityBy.HIDDEN_FIELDS
) -> tuple[str, int] | None:
    """`identity:…` and a confidence, if the field says who speaks about whom; None if nothing says so.

    >>> who(Question("q17_participantId"), Instrument.APPRAISAL_360, Known())
    ('identity:participant', 95)
    """
    names = {_NUMBERED.sub("", question.ref.casefold()), plain_title(question.title)}
    named = {_NAMES.get(re.sub(r"[\W_]+", "", name)) for name in names} - {None}
    valued = _by_value(question, instrument, known)
    if len(named | ({valued} if valued else set())) > 1:
        return None
    if valued in _wanted(instrument, by):
        return f"{IDENTITY}{valued}", BY_VALUE
    word = next(iter(named), None)
    return (f"{IDENTITY}{word}", BY_NAME) if word in _wanted(instrument, by) else None


def _wanted(instrument: Instrument, by: IdentityBy) -> set[str]:
    """The words that this connection's responses may say."""
    wanted = {"participant", _BY[instrument]} | ({"relationship"} if instrument is Instrument.APPRAISAL_360 else set())
    proof = {IdentityBy.RESPONDER_EMAIL: {"email"}, IdentityBy.LINK_TOKEN: {"token"}}
    return wanted | proof.get(by, set())


def _by_value(question: Question, instrument: Instrument, known: Known) -> str | None:
    """What every answer that came in the field is: an id, an address, a relationship."""
    given = {each.strip() for each in question.given} - {""}
    if not given or question.options:
        return None
    lowered = {each.casefold() for each in given}
    if given <= set(known.participants):
        return "participant"
    if given <= set(known.raters if instrument is Instrument.APPRAISAL_360 else known.assessors):
        return _BY[instrument]
    if lowered <= set(known.addresses):
        return "email"
    roles = {str(each) for each in Relationship}
    if instrument is Instrument.APPRAISAL_360 and {re.sub(r"[\s-]+", "_", each) for each in lowered} <= roles:
        return "relationship"
    return None


def is_text(question: Question) -> bool:
    """Whether the field is free text: the tool says so, or what came in it is too long for a label."""
    if question.asks is not Asks.ANYTHING:
        return question.asks is Asks.TEXT
    return any(len(each) > LONG_TEXT for each in question.given)


def comment_kind(question: Question) -> str | None:
    """`comment:…` by the words of a question for free text; None if they say nothing known.

    >>> comment_kind(Question("t1", "What does this person do well?"))
    'comment:strengths'
    """
    words = f"{plain_title(question.title)} {question.ref.casefold()}"
    found = [kind for kind, signs in _COMMENTS[:2] if any(sign in words for sign in signs)]
    if len(found) > 1:
        return None
    general, signs = _COMMENTS[2]
    kind = found[0] if found else general if any(sign in words for sign in signs) else None
    return f"{COMMENT}{kind}" if kind else None
