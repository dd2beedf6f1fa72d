"""What one response of a recorded delivery says, and whether it is new, in the words of the samples."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.evidence import Evidence
from services.intake.core.explaining.recorded import Recorded, utc
from services.intake.core.identity import Identity, identity_of, resolved
from services.intake.core.instruments import COMMENT, IDENTITY
from services.intake.core.matching import Matched, Unmatched, answer_to, fields_of, match
from services.intake.core.moments import in_utc
from services.intake.core.roster import RaterEntry, Roster
from services.intake.core.vendor import Response
from shared.cohort.definition import FormField
from shared.ids import ParticipantId, RaterId
from shared.words import Relationship

Explained = dict[str, Any]
TOLD = frozenset({ReasonCode.UNSUPPORTED_FORMAT, ReasonCode.INVALID_EVENT})
"""Reasons for quarantine that recordings name as such; others stand in `quarantined_as`."""


@dataclass(slots=True)
class Memory:
    """What was taken before: deliveries, and of each response when its state came to be, and what it says."""

    deliveries: set[tuple[str, str]] = field(default_factory=set)
    responses: dict[str, tuple[datetime | None, str]] = field(default_factory=dict)


def quarantined(reason: Reason) -> Explained:
    """Why something is in quarantine."""
    told = reason.code if reason.code in TOLD else None
    return {"action": "quarantine", "reason": told, "quarantined_as": reason.code, "words": reason.words}


def response_said(delivery: Recorded, response: Response, memory: Memory, *, fetched: bool) -> Explained:
    """What one response says, and what becomes of it. `fetched`: its answers came from the vendor's API."""
    definition = delivery.definition
    matched, known = _matched(delivery, response)
    unmapped = isinstance(matched, Unmatched) and not fields_of(response, delivery.source, definition)
    # Of a form that is not mapped: what it would say if its fields were those that the recording maps.
    alike, fields = (_matched(delivery, replace(response, form_id=_form(delivery)))) if unmapped else (matched, known)
    identity = _named(delivery, response, fields)
    said: Explained = {
        "form_id": response.form_id,
        "response_id": response.response_id,
        "response_key": f"{delivery.vendor}:{response.form_id}:{response.response_id}",
        "revision": response.revision,
        "submitted_at": utc(in_utc(response.submitted_at, definition.time_zone)),
        "partial": response.partial,
    }
    said |= _answers(delivery, response, fields) | _meaning(alike, fields, partial=response.partial)
    said |= {"identity": _identity(identity)}
    if isinstance(matched, Unmatched) and (unmapped or not response.partial):
        return said | quarantined(matched.reasons[0]) | {"all_words": [reason.words for reason in matched.reasons]}
    if response.partial:
        return said | {"action": "store_partial"}
    return said | {"action": _compared(response, said, memory) or ("fetch_then_store" if fetched else "store")}


def _matched(delivery: Recorded, response: Response) -> tuple[Matched | Unmatched, tuple[FormField, ...]]:
    fields = fields_of(response, delivery.source, delivery.definition)
    roster = (
        delivery.roster
        if delivery.roster is not None
        else _roster(identity_of(response, fields, delivery.source.identity))
    )
    return match(response, delivery.source, delivery.definition, roster), fields


def _named(delivery: Recorded, response: Response, fields: tuple[FormField, ...]) -> Identity:
    """Whom it names; where an address or a token says so, whose that is in the cohort."""
    source = delivery.source
    sent = identity_of(response, fields, source.identity)
    found = resolved(sent, source.identity, source.instrument, delivery.roster or _roster(sent))
    return sent if isinstance(found, Reason) else found


def _form(delivery: Recorded) -> str:
    """The form that the recording maps."""
    return next((field.form_id for field in delivery.definition.form_fields), "")


def _compared(response: Response, said: Explained, memory: Memory) -> str | None:
    """Whether it is known: the same again, older than what is known, or a later state of it. None: it is new."""
    moment = response.revised_at or response.submitted_at
    says = json.dumps([said["answers"], said["hidden"]], sort_keys=True)
    known = memory.responses.get(said["response_key"])
    if known is not None and (known[1] == says or _is_before(moment, known[0])):
        return "duplicate"
    memory.responses[said["response_key"]] = (moment, says)
    return None if known is None else "update"


def _is_before(moment: datetime | None, known: datetime | None) -> bool:
    if moment is None or known is None:
        return False
    return moment.replace(tzinfo=moment.tzinfo or known.tzinfo) < known


def _answers(delivery: Recorded, response: Response, fields: tuple[FormField, ...]) -> Explained:
    """The answers to mapped fields, and what the link carried."""
    answers: Explained = {}
    hidden: Explained = dict(response.hidden)
    for each in fields:
        value = answer_to(each, response, delivery.definition)
        if value is None or value in ("", ()):
            continue
        sent = response.answers.get(each.field_ref, value)
        place = hidden if each.maps_to.startswith(IDENTITY) else answers
        place[each.field_ref] = list(sent) if isinstance(sent, tuple) else sent
    return {"answers": answers, "hidden": hidden}


def _meaning(matched: Matched | Unmatched, fields: tuple[FormField, ...], *, partial: bool) -> Explained:
    if isinstance(matched, Unmatched):
        return {"items": {}, "not_observed": [], "unanswered": [], "texts": {}}
    ratings = {
        _mapped(each, name): _whole(rating) for each in matched.evidence for name, rating in each.ratings.items()
    }
    asked = [each.maps_to for each in fields if not each.maps_to.startswith((COMMENT, IDENTITY))]
    missing = [] if partial else sorted(item for item in asked if item not in ratings)
    return {
        "items": ratings | dict.fromkeys(missing),
        "not_observed": sorted(item for item, rating in ratings.items() if rating is None),
        "unanswered": missing,
        "texts": dict(matched.comments),
    }


def _mapped(evidence: Evidence, rating: str) -> str:
    """What a field must map to for this rating, as `form_fields.csv` has it: `C01`, `EX1:SL1`, `W3`."""
    return rating if evidence.element in {"", rating} else f"{evidence.element}:{rating}"


def _whole(rating: float | None) -> float | None:
    """A rating as people write it: 4, not 4.0."""
    return int(rating) if rating is not None and rating.is_integer() else rating


def _identity(identity: Identity) -> Explained:
    return {
        "participant_id": identity.participant,
        "rater_id": identity.by,
        "rater_role": identity.relationship,
    }


def _roster(identity: Identity) -> Roster:
    """Everybody whom the response names: who really takes part is not the recording's business."""
    try:
        relationship = Relationship(identity.relationship)
    except ValueError:
        relationship = Relationship.PEER
    participant, rater = ParticipantId(identity.participant), RaterId(identity.by)
    return Roster(frozenset({participant}), {rater: RaterEntry(participant, relationship)})
