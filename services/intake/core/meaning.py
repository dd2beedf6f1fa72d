"""What a submission means as a whole: evidence to record, reasons for quarantine, or nothing that counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.evidence import Evidence
from services.intake.core.identity import Identity, identity_of
from services.intake.core.known import Known
from services.intake.core.matching import Matched, fields_of, match
from services.intake.core.roster import Roster
from services.intake.core.source import Source
from services.intake.core.text import shown
from services.intake.core.uploads import UploadReading
from services.intake.core.vendor import NothingSaid, Response, Responses
from shared.cohort.definition import CohortDefinition
from shared.ids import ParticipantId, RaterId

PARTIAL = Reason(ReasonCode.PARTIAL, "the rater has not finished; only a finished response counts")
NOTHING_ANSWERED = Reason(ReasonCode.NOTHING_ANSWERED, "none of the mapped questions was answered")


@dataclass(frozen=True, slots=True)
class Remarks:
    """All that a rater wrote in one response. An empty sequence takes earlier words back."""

    participant: ParticipantId
    by: RaterId
    evidence: Evidence
    """The piece that they came with."""
    written: tuple[tuple[str, str], ...]
    """(kind, text)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """`evidence` and `remarks` count in any case; with `reasons` the submission is quarantined for the rest.

    `aside`: why there is nothing to record and nothing to put right.
    """

    evidence: tuple[Evidence, ...] = ()
    remarks: tuple[Remarks, ...] = ()
    reasons: tuple[Reason, ...] = ()
    aside: Reason | None = None
    heard: tuple[Known, ...] = ()
    """What is known of the responses from now on; for tools that can be asked only."""
    brought: tuple[str, ...] = ()
    """The responses that it says something about, by `known.key_of`: they were news; likewise."""
    detail: tuple[tuple[str, str], ...] = ()
    """What was sent of form, participant and rater, for whoever looks into a quarantined submission."""

    @property
    def code(self) -> ReasonCode | None:
        """The gravest reason's code."""
        first = self.reasons[0] if self.reasons else self.aside
        return first.code if first else None

    @property
    def words(self) -> str | None:
        """Every reason in words, each once."""
        reasons = self.reasons or ((self.aside,) if self.aside else ())
        return "; ".join(dict.fromkeys(reason.words for reason in reasons)) or None


def unreadable(reason: Reason, *, form: str = "", response: str = "") -> Meaning:
    """The meaning of what could not be read, with the form and response that it is about, as far as they are known."""
    about = (("form", shown(form)), ("response", shown(response)))
    return Meaning(reasons=(reason,), detail=tuple(pair for pair in about if pair[1]))


def of_responses(
    said: Responses | NothingSaid, source: Source, definition: CohortDefinition, roster: Roster
) -> Meaning:
    """What a vendor's reading means. `roster` holds at least the people that the responses name."""
    if isinstance(said, NothingSaid):
        return Meaning(aside=said.reason)
    finished = [response for response in said.each if not response.partial]
    if not finished and not said.unread:
        return Meaning(aside=PARTIAL if said.each else NOTHING_ANSWERED)
    evidence: list[Evidence] = []
    remarks: list[Remarks] = []
    reasons = list(said.unread)
    detail: tuple[tuple[str, str], ...] = ()
    for response in finished:
        matched = match(response, source, definition, roster)
        if not isinstance(matched, Matched):
            fields = fields_of(response, source, definition)
            detail = detail or _detail(response, identity_of(response, fields, source.identity))
            reasons.extend(_placed(matched.reasons, response, several=len(finished) > 1))
            continue
        evidence.extend(matched.evidence)
        if matched.evidence:
            remarks.append(Remarks(matched.participant, matched.by, matched.evidence[0], matched.comments))
    aside = None if evidence or reasons else NOTHING_ANSWERED
    return Meaning(tuple(evidence), tuple(remarks), tuple(reasons), aside, detail=detail)


def of_upload(reading: UploadReading) -> Meaning:
    """What an uploaded file means. It was free of mistakes when it was taken; the roster may have changed since."""
    if not reading.mistakes:
        return Meaning(reading.evidence)
    words = "; ".join(str(mistake) for mistake in reading.mistakes)
    return Meaning(
        reasons=(Reason(ReasonCode.FILE_REFUSED, f"the file no longer agrees with the cohort: {words}"),),
        detail=(("file", reading.kind.label if reading.kind else "unknown"),),
    )


def _placed(reasons: Iterable[Reason], response: Response, *, several: bool) -> Iterable[Reason]:
    """Reasons that say which response of a batch they are about."""
    if not several:
        return reasons
    return [Reason(reason.code, f"response {shown(response.response_id)}: {reason.words}") for reason in reasons]


def _detail(response: Response, identity: Identity) -> tuple[tuple[str, str], ...]:
    sent: Sequence[tuple[str, str]] = (
        ("form", response.form_id),
        ("response", response.response_id),
        ("participant", identity.participant),
        ("rater", identity.by),
        ("relationship", identity.relationship),
        ("submitted_at", response.submitted_at.isoformat() if response.submitted_at else ""),
    )
    return tuple((name, shown(value)) for name, value in sent if value)
