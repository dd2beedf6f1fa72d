"""Any sender that follows Standard Webhooks 1.0.0 (also Svix) and sends talentline's own shape of a response.

Source of the signature: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. The
body is `{"type": …, "timestamp": …, "data": {…}}` with the `data` of `core/plain_event.py`. Such senders switch an
endpoint off at 410, and slow down at 429, 502 and 504.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.intake.core import plain_event
from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.json_body import parsed
from services.intake.core.proofs import SignedMessage
from services.intake.core.registering import SECRET, Steps, Wanted
from services.intake.core.shapes import Shape, shaped, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, NothingSaid, Reading, Responses

TESTS = frozenset({"ping", "test", "endpoint.test"})


class _Message(Shape):
    type: str
    timestamp: str | None = None
    data: Any = None


@dataclass(frozen=True)
class StandardWebhooks(SignedMessage):
    """A Standard Webhooks message with one response."""

    def steps(self, wanted: Wanted) -> Steps:
        """What the sender must know."""
        return Steps(
            (
                f"Have the sender post messages of Standard Webhooks to {wanted.address}",
                f"Its secret: {SECRET}",
                f"The data of a message is as docs/vendors.md has it, with form_id {wanted.form_id}.",
            )
        )

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response in `data`; the message's time counts if it names none of its own."""
        message = shaped(_Message, parsed(request.body), "Standard Webhooks")
        if message.type in TESTS:
            return NothingSaid(Reason(ReasonCode.TEST_DELIVERY, "the sender asked whether the address works; it does"))
        if message.data is None:
            raise unknown_event("The sender", "assessment.response.completed")
        return Responses((plain_event.response_of(message.data, "docs/vendors.md", message.timestamp),))
