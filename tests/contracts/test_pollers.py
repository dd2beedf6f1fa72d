"""Every vendor that is polled: its requests go to its own server, pages follow each other, and the cursor goes on."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.core.errors import Unreadable
from services.intake.core.polling import Polled, Poller, Turned, polled
from services.intake.core.vendor import ApiAnswer, RequestNeeded, Responses, Vendor
from services.intake.vendors import VENDORS

GUID = "8d1f4c52-0b6e-4f7a-9a39-5f2d5c0e7a11"
FORMS = {"alchemer": "5501234", "odk_central": "compass_360", "snap": GUID}
SETTINGS = {
    "alchemer": {},
    "odk_central": {"api_host": "central.example.org", "project": "7"},
    "snap": {"api_host": "online1.example.org", "username": "od"},
}
every_poller = pytest.mark.parametrize("name", [name for name in VENDORS if isinstance(VENDORS[name], Polled)])


def vendor(name: str) -> Vendor:
    return VENDORS[name].configured(SETTINGS[name])


def poller(name: str) -> Poller:
    found = vendor(name)
    assert isinstance(found, Poller)
    return found


def asked(name: str) -> RequestNeeded:
    return poller(name).ask(FORMS[name], None)


def page(value: Any) -> ApiAnswer:
    return ApiAnswer(json.dumps(value).encode())


def query(needed: RequestNeeded) -> dict[str, list[str]]:
    return parse_qs(urlsplit(needed.url).query)


@every_poller
@pytest.mark.parametrize("cursor", [None, "2026-03-11 05:29:19"])
def test_a_tool_is_asked_at_its_own_server_with_the_token(name: str, cursor: str | None) -> None:
    needed = poller(name).ask(FORMS[name], cursor)
    assert urlsplit(needed.url).scheme == "https"
    assert urlsplit(needed.url).hostname in vendor(name).api_hosts
    assert "{token}" in needed.url or any("{token}" in value for _, value in needed.headers)


@every_poller
@pytest.mark.parametrize("form", ["", "..", "a/b", "a?b", "a b", "../../users", "1#2"])
def test_what_can_be_no_form_is_not_put_into_an_address(name: str, form: str) -> None:
    with pytest.raises(Unreadable):
        poller(name).ask(form, None)


def test_alchemer_turns_pages_and_goes_on_from_the_newest_time() -> None:
    sent = [{"date_submitted": "2026-03-11 05:29:19 EDT"}, {"date_submitted": "2026-03-10 23:00:00 EST"}]
    first = poller("alchemer").turned(None, asked("alchemer"), page({"page": 1, "total_pages": 2, "data": sent}))
    assert first.cursor == "2026-03-11 05:29:19"
    assert first.more is not None
    assert query(first.more)["page"] == ["2"]
    last = poller("alchemer").turned(first.cursor, first.more, page({"page": 2, "total_pages": 2, "data": []}))
    assert last == Turned("2026-03-11 05:29:19")
    again = query(poller("alchemer").ask("5501234", last.cursor))
    assert again["filter[value][0]"] == ["2026-03-11 05:29:19"]


def test_alchemers_times_are_those_of_the_us_east_coast_in_winter_and_summer() -> None:
    def submitted(text: str) -> datetime | None:
        sent = {"id": "1", "status": "Complete", "date_submitted": text}
        reading = vendor("alchemer").read(polled("5501234", page({"data": [sent]})))
        assert isinstance(reading, Responses)
        return reading.each[0].submitted_at

    assert submitted("2026-01-11 05:00:00") == datetime(2026, 1, 11, 10, tzinfo=UTC)
    assert submitted("2026-07-11 05:00:00 EDT") == datetime(2026, 7, 11, 9, tzinfo=UTC)


def test_odk_centrals_link_names_a_place_in_the_feed_and_no_server() -> None:
    link = "https://evil.example.org/other?%24skiptoken=abc&%24top=250"
    system = {"submissionDate": "2026-03-11T09:29:19.123Z", "updatedAt": "2026-03-12T10:00:00.000Z"}
    body = {"value": [{"__id": "uuid:1", "__system": system}], "@odata.nextLink": link}
    turned = poller("odk_central").turned(None, asked("odk_central"), page(body))
    assert turned.cursor == "2026-03-12T10:00:00.000Z"
    assert turned.more is not None
    there = urlsplit(turned.more.url)
    assert (there.hostname, there.path) == (
        "central.example.org",
        "/v1/projects/7/forms/compass_360.svc/Submissions",
    )
    assert query(turned.more)["$skiptoken"] == ["abc"]
    again = query(poller("odk_central").ask("compass_360", turned.cursor))
    assert "__system/updatedAt ge 2026-03-12T10:00:00.000Z" in again["$filter"][0]


def test_snaps_progress_token_goes_on_and_nothing_is_fetched_twice() -> None:
    first = poller("snap").turned(
        None, asked("snap"), page({"responses": [], "progressToken": "#A", "upToDate": False})
    )
    assert first.cursor == "#A"
    assert first.more is not None
    assert query(first.more)["startingFrom"] == ["#A"]
    assert poller("snap").turned("#A", asked("snap"), page({"ProgressToken": "#B", "UpToDate": True})) == Turned("#B")
    assert poller("snap").turned("#A", asked("snap"), page({"progressToken": "#A", "upToDate": False})) == Turned("#A")


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@every_poller
@given(value=json_like, garbage=st.binary(max_size=50))
@settings(deadline=None, max_examples=25, database=None)
def test_any_answer_turns_to_a_page_or_gives_a_reason(name: str, value: Any, garbage: bytes) -> None:
    parts = {"value": value, "data": value, "responses": value, "__system": value, "@odata.nextLink": value}
    for answer in (ApiAnswer(garbage), page(value), page(parts), page({"value": [parts], "data": [parts]})):
        try:
            assert isinstance(poller(name).turned(None, asked(name), answer), Turned)
        except Unreadable as error:
            words = error.reason.words
        else:
            words = "turned"
        assert words
