"""A probe: a signed delivery of our own that goes the whole way of a real one and says nothing. It is set aside, so it
is never evidence and never a problem in quarantine.

What makes a probe stands in the body, where signatures cover it: nobody can turn a rater's response into one.
"""

import json
from typing import Any

from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.form_body import fields_of
from services.intake.core.json_body import parsed
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import NothingSaid

FIELD = "talentline_probe"
LARGEST = 2000
"""Bytes of a probe at most; a real delivery that happens to hold the field's name is mostly larger."""
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
SAID = NothingSaid(
    Reason(ReasonCode.PROBE, "a probe of `talentline connection test`; it says nothing and counts nowhere")
)


def body_of(mark: str, **more: str) -> bytes:
    """The body of a probe as JSON. `mark` makes it one of its kind; `more` is what a scheme wants besides."""
    return json.dumps(more | {FIELD: mark}).encode()


def is_probe(request: RawRequest) -> bool:
    """Whether a verified request is a probe: JSON with the field, or a form with the field or with such JSON in `MSG`.

    >>> is_probe(RawRequest(body_of("m"))), is_probe(RawRequest(b"talentline_probe=m")), is_probe(RawRequest(b"{}"))
    (True, True, False)
    """
    if len(request.body) > LARGEST or FIELD.encode() not in request.body:
        return False
    if _has_field(request.body):
        return True
    form = fields_of(request)
    return FIELD in form or _has_field(form.get("MSG", "").encode("utf-8", "surrogatepass"))


def _has_field(body: bytes) -> bool:
    try:
        value: Any = parsed(body)
    except Unreadable:
        return False
    return isinstance(value, dict) and FIELD in value
