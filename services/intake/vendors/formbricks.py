"""Formbricks webhooks: Standard Webhooks with the whole response, hidden fields among the answers.

Source: formbricks/formbricks at b66c1dd9 (docs/platform/features/integrations/webhooks.mdx and code). One response
comes as `responseCreated`, `responseUpdated` and `responseFinished`; when one webhook of a job fails all are sent
again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.json_body import parsed
from services.intake.core.schemes import standard_webhooks
from services.intake.core.shapes import Shape, answers_of, moment, shaped, texts_of, unknown_event
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    ApiAnswer,
    NothingSaid,
    Reading,
    Refused,
    Response,
    Responses,
    Secrets,
    Verified,
)
from services.intake.core.webhook import Webhook

EVENTS = frozenset({"responseCreated", "responseUpdated", "responseFinished"})


class _Data(Shape):
    id: str
    surveyId: str  # noqa: N815  (the sender's names)
    updatedAt: str | None = None  # noqa: N815
    finished: bool
    data: dict[str, Any]
    variables: dict[str, Any] | None = Field(default=None)


class _Event(Shape):
    event: str
    data: Any = None


@dataclass(frozen=True)
class Formbricks(Webhook):
    """Formbricks' webhook; the message id names the delivery."""

    def verify(self, request: RawRequest, secrets: Secrets, now: datetime) -> Verified | Refused:
        """The signature covers id, time and body."""
        return standard_webhooks.verify(request, secrets, now)

    def delivery_id(self, request: RawRequest) -> str | None:
        """The message id, the same in every retry."""
        return standard_webhooks.message_id(request)

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:  # noqa: ARG002
        """The response as it stands; of each state of it the later `updatedAt` counts."""
        event = shaped(_Event, parsed(request.body), "Formbricks")
        if event.event == "testEndpoint":
            return NothingSaid(Reason(ReasonCode.TEST_DELIVERY, "Formbricks asked whether the address works; it does"))
        if event.event not in EVENTS:
            raise unknown_event("Formbricks", "responseFinished")
        sent = shaped(_Data, event.data, "Formbricks")
        answered = answers_of(dict(_flat(sent.data)))
        return Responses(
            (
                Response(
                    form_id=sent.surveyId,
                    response_id=sent.id,
                    answers=texts_of(sent.variables) | answered,
                    hidden={},
                    submitted_at=moment(sent.updatedAt) if sent.finished else None,
                    partial=not sent.finished,
                    revision=sent.updatedAt,
                    revised_at=moment(sent.updatedAt),
                ),
            )
        )


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Answers by field; of a matrix each row's under `field.row`."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{row}", chosen) for row, chosen in value.items())
        else:
            yield name, value
