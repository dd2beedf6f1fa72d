"""Small words of vendors that talk to an API: requests, ids that may stand in an address, lists read one by one."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from services.intake.core.errors import Reason, ReasonCode, Unreadable
from services.intake.core.vendor import RequestNeeded, Response, Responses

ACCEPT = ("Accept", "application/json")


def json_request(
    method: str, url: str, proof: tuple[str, str], sent: Any = None, *, form_id: str = "", query: Any = None
) -> RequestNeeded:
    """A request for JSON, with `sent` as its JSON body; `proof` is the header that holds the token.

    >>> json_request("GET", "https://example.org/a", ("Key", "{token}"), query={"page": 1}).url
    'https://example.org/a?page=1'
    """
    address = f"{url}?{urlencode(query)}" if query else url
    if sent is None:
        return RequestNeeded(method, address, (proof, ACCEPT), form_id=form_id)
    headers = (proof, ACCEPT, ("Content-Type", "application/json"))
    return RequestNeeded(method, address, headers, json.dumps(sent).encode(), form_id=form_id)


def segment(name: str, tool: str) -> str:
    """An id as it may stand in an address: anything else could lead elsewhere. Raises Unreadable."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", name):
        raise Unreadable(ReasonCode.UNKNOWN_FORM, f"this is no id of a form of {tool}")
    return name


def responses_of(sent: Iterable[Any], read: Callable[[Any], Response | None]) -> Responses:
    """The responses of a list; one that can't be read does not hold up the others. None: it is none, such as a test."""
    found: list[Response] = []
    unread: list[Reason] = []
    for each in sent:
        try:
            response = read(each)
        except Unreadable as error:
            unread.append(error.reason)
        else:
            found += [response] if response else []
    return Responses(tuple(found), tuple(unread))
