"""What is known of a response already: so that asking a tool brings in only what its webhooks missed, and a webhook
that comes late only what asking has not brought.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from services.intake.core.moments import in_utc
from services.intake.core.vendor import Response
from shared.ids import SubmissionId

LONGEST_REVISION = 200


@dataclass(frozen=True, slots=True)
class Known:
    """A state of a response, and the submission that brought it. `polled`: by asking, not by a webhook."""

    response: str
    """`key_of` the response."""
    submission: SubmissionId
    revision: str | None
    as_of: datetime | None
    partial: bool
    polled: bool
    edited: bool = False
    """Whether the tool says that this state came to be by an edit. Only asked of what is new."""


def key_of(response: Response) -> str:
    """What a response is known by within its connection: SHA-256 (hex) of the ids of its form and of itself."""
    named = f"{response.form_id}\0{response.response_id}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()


def known(response: Response, submission: SubmissionId, time_zone: str, *, polled: bool) -> Known:
    """What is known of a response once a submission has brought it."""
    return Known(
        key_of(response),
        submission,
        response.revision[:LONGEST_REVISION] if response.revision else None,
        in_utc(response.revised_at or response.submitted_at, time_zone),
        response.partial,
        polled,
        response.revised_at is not None,
    )


def is_news(new: Known, old: Known | None) -> bool:
    """Whether a state of a response says more than the one that is known. Between two webhooks it always does: which
    of them counts, the evidence decides.
    """
    if old is None or old.submission == new.submission or not (new.polled or old.polled):
        return True
    if new.partial != old.partial:
        return old.partial
    if new.revision is None and old.revision is None:
        return new.edited and new.as_of is not None and (old.as_of is None or new.as_of > old.as_of)
    if new.as_of is None or old.as_of is None:
        return new.revision != old.revision
    return new.as_of > old.as_of
