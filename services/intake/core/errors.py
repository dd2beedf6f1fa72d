"""Why something could not be understood: a code for machines, and words that a coordinator can act on."""

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import PermanentError


class ReasonCode(StrEnum):
    """Why a submission is in quarantine or set aside. A code holds no personal data."""

    BROKEN_JSON = "broken_json"
    UNSUPPORTED_FORMAT = "unsupported_media_type"
    INVALID_EVENT = "invalid_event"
    TEMPLATE_NOT_FILLED = "template_not_filled"
    UNEXPECTED_SHAPE = "unexpected_shape"
    UNKNOWN_EVENT = "unknown_event"
    UNKNOWN_VENDOR = "unknown_vendor"
    UNKNOWN_CONNECTION = "unknown_connection"
    UNKNOWN_FORM = "unknown_form"
    UNKNOWN_PARTICIPANT = "unknown_participant"
    UNKNOWN_RATER = "unknown_rater"
    RATER_OF_SOMEBODY_ELSE = "rater_of_somebody_else"
    RELATIONSHIP_DIFFERS = "relationship_differs"
    IDENTITY_MISSING = "identity_missing"
    IDENTITY_AMBIGUOUS = "identity_ambiguous"
    IDENTITY_CONTRADICTS = "identity_contradicts"
    BAD_MAPPING = "bad_mapping"
    UNMAPPED_CHOICE = "unmapped_choice"
    OFF_SCALE = "off_scale"
    CONTRADICTION = "contradiction"
    FILE_REFUSED = "file_refused"
    API_REFUSED = "api_refused"
    API_TOKEN_MISSING = "api_token_missing"  # noqa: S105  (a code, not a token)
    PARTIAL = "partial"
    NOTHING_ANSWERED = "nothing_answered"
    TEST_DELIVERY = "test_delivery"
    FORM_CHANGED = "form_changed"
    SCREENED_OUT = "screened_out"
    RESPONSE_DELETED = "response_deleted"
    NOT_CONFIRMED = "not_confirmed"
    PROBE = "probe"
    NOTHING_NEW = "nothing_new"


@dataclass(frozen=True, slots=True)
class Reason:
    """What is the matter, where, and what to do. `words` may quote what was sent; `code` never does.

    `answer`: the answer that is the matter, where it is one.
    """

    code: ReasonCode
    words: str
    answer: str = ""


class Unreadable(PermanentError):
    """The bytes can't be read as what they should be. `reason` says why; the message is its code, without contents.

    `form_id`: the form that they are about, as far as that could be read.
    """

    def __init__(self, code: ReasonCode, words: str, *, form_id: str = "") -> None:
        super().__init__(f"the submission can't be read: {code}")
        self.reason = Reason(code, words)
        self.form_id = form_id
