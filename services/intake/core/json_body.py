"""JSON bodies from strangers, as values that are safe to store. For vendors that send JSON."""

import json
from typing import Any

from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.text import plain

CUT_OFF = (
    "the body is not complete JSON, as if it had been cut off on the way; have the survey tool send it again, then"
    " leave this one where it is"
)


def parsed(body: bytes) -> Any:
    r"""The value that a JSON body stands for. Half of an emoji (a lone surrogate) or a NUL in a text does not spoil the
    rest: it becomes the replacement character.

    >>> parsed(b'{"text": "\\ud83d"}') == {"text": "\ufffd"}
    True

    Raises:
        Unreadable: the bytes are no JSON, or nested without end.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        value = json.loads(text)
        return _storable(value) if "\\u" in text or plain(text) != text else value
    except (ValueError, RecursionError):
        raise Unreadable(ReasonCode.BROKEN_JSON, CUT_OFF) from None


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    if isinstance(value, dict):
        return {plain(key): _storable(inner) for key, inner in value.items()}
    return value
