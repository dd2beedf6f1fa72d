"""The shape of a response that talentline defines itself, for senders that a project writes or configures: the `data`
of a Standard Webhooks message or a CloudEvent.

    {"form_id": "appraisal-360", "response_id": "r-1", "hidden": {"participant_id": "P-0003", …},
     "answers": {"C01": 4, "C02": "NA", "C03": null, "T1": "Listens well."},
     "submitted_at": "2026-03-11T09:29:52Z", "revision": "2", "finished": true}

The last three may be left out: then the event's own time counts, and the response is finished. `null` is "not observed"
if choices.csv has a label `null`, else the question was skipped.
"""

from datetime import datetime
from typing import Any

from pydantic import Field

from services.intake.core.shapes import Shape, answer_of, moment, shaped, texts_of
from services.intake.core.vendor import Response


class _Data(Shape):
    form_id: str
    response_id: str
    hidden: dict[str, Any] = Field(default_factory=dict)
    answers: dict[str, Any]
    submitted_at: str | None = None
    revision: str | None = None
    finished: bool = True


def response_of(value: Any, tool: str, at: str | None) -> Response:
    """The response in an event's `data`; `at` is the event's own time.

    Raises:
        Unreadable: it has another shape.
    """
    data = shaped(_Data, value, tool)
    answers = {name: answer_of(sent) for name, sent in data.answers.items() if sent not in ("", [])}
    return Response(
        form_id=data.form_id,
        response_id=data.response_id,
        answers=answers,
        hidden=texts_of(data.hidden),
        submitted_at=_moment(data.submitted_at, at),
        partial=not data.finished,
        revision=data.revision,
    )


def _moment(submitted_at: str | None, at: str | None) -> datetime | None:
    return moment(submitted_at) or moment(at)
