"""Every vendor of the registry: how a probe of it is signed, how its webhook is made, how its responses are asked for.

Registrations and back-fills are recorded in `tests/samples/api/` (what the tools' documentation says), and what a
webhook's response looks like in a list in `tests/samples/pages/`.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from services.intake.core.door import judge
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.identity import identity_of
from services.intake.core.known import Known, is_news, key_of, known
from services.intake.core.matching import Matched, match
from services.intake.core.polling import Polled, Poller, from_outside, polled
from services.intake.core.probing import is_probe
from services.intake.core.reading import read
from services.intake.core.registering import SECRET, Change, Guide, Outcome, Registered, Registrar, Wanted
from services.intake.core.roster import RaterEntry, Roster
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    ApiAnswer,
    NothingSaid,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Vendor,
    Verified,
)
from services.intake.vendors import VENDORS
from shared.ids import ParticipantId, RaterId, SubmissionId
from shared.words import Relationship
from tests.builders.vendor_samples import SAMPLES, Sample, every

API = SAMPLES / "api"
NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
WHSEC = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SETTINGS: dict[str, dict[str, str]] = {
    "surveymonkey": {"client_id": "app"},
    "qualtrics": {"api_host": "lhr1.qualtrics.com"},
    "google_forms_pubsub": {"audience": "a", "topic": "projects/compass-360/topics/forms"},
    "redcap_det": {"api_url": "https://redcap.example.ac.uk/api/"},
    "odk_central": {"api_host": "central.example.org", "project": "7"},
    "snap": {"api_host": "online1.example.org", "username": "od"},
    "kobotoolbox": {"api_host": "eu.kobotoolbox.org"},
    "limesurvey_plugin": {"api_url": "https://survey.example.org/index.php/admin/remotecontrol", "username": "od"},
}
FORMS = {"alchemer": "5501234", "snap": "8d1f4c52-0b6e-4f7a-9a39-5f2d5c0e7a11", "limesurvey_plugin": "552233"}
NOT_SIGNED_BY_US = {"google_forms_pubsub", *(name for name, each in VENDORS.items() if isinstance(each, Polled))}
every_vendor = pytest.mark.parametrize("name", VENDORS)
every_poller = pytest.mark.parametrize("name", [name for name, each in VENDORS.items() if isinstance(each, Poller)])
every_registrar = pytest.mark.parametrize("name", [n for n, each in VENDORS.items() if isinstance(each, Registrar)])


def vendor(name: str, settings: dict[str, str] | None = None) -> Any:
    return VENDORS[name].configured((SETTINGS.get(name) or needed_by(name)) if settings is None else settings)


def needed_by(name: str) -> dict[str, str]:
    """The settings without which a vendor can do nothing, as its first sample has them."""
    recorded = next(each.recorded.settings for each in every() if each.vendor == name)
    return {each.name: recorded[each.name] for each in fields(VENDORS[name]) if each.metadata["needed"]}  # type: ignore[arg-type]


def answer(value: Any) -> ApiAnswer:
    return ApiAnswer(value if isinstance(value, bytes) else json.dumps(value).encode())


def query(needed: RequestNeeded) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(needed.url).query))


# Probes


@every_vendor
def test_a_probe_is_believed_at_the_door_and_says_nothing(name: str) -> None:
    plugin, secrets = vendor(name), Secrets(f"{WHSEC}\nolder")
    sent = plugin.probe("m-1", secrets, NOW)
    if name in NOT_SIGNED_BY_US:
        assert sent is None
        return
    assert judge(plugin, sent, secrets, NOW) == Verified()
    said = read(plugin, sent.kept)
    assert isinstance(said, NothingSaid)
    assert said.reason.code == ReasonCode.PROBE
    assert WHSEC not in str(sent.kept.headers)
    other = plugin.probe("m-2", secrets, NOW)
    assert other.sha256 != sent.sha256


@every_vendor
def test_a_probe_with_another_secret_is_refused(name: str) -> None:
    sent = vendor(name).probe("m-1", Secrets(WHSEC), NOW)
    if sent is not None:
        assert judge(vendor(name), sent, Secrets("whsec_b3RoZXIgc2VjcmV0IG90aGVyIHNlY3JldA=="), NOW) != Verified()


def test_a_public_key_signs_no_probe() -> None:
    assert VENDORS["standardwebhooks"].probe("m", Secrets("whpk_AAAA"), NOW) is None


SENT = [each for each in every() if each.scheme != "polled"]


@pytest.mark.parametrize("sample", SENT, ids=[each.name for each in SENT])
def test_no_real_delivery_is_taken_for_a_probe_or_a_page(sample: Sample) -> None:
    assert not is_probe(sample.request)
    with_header = replace(sample.request, headers=(*sample.request.headers, ("talentline-form", "f")))
    assert from_outside(with_header) == sample.request


def test_words_of_a_rater_make_no_probe() -> None:
    body = json.dumps({"form_response": {"answers": [{"text": 'I wrote {"talentline_probe": "m"}'}]}}).encode()
    assert not is_probe(RawRequest(body))


# Registrations


def recorded_registrations() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads((API / "registrations.json").read_text())["items"]
    return items


def test_every_vendor_makes_its_webhook_or_says_how() -> None:
    by_api = {name for name, each in VENDORS.items() if isinstance(each, Registrar)}
    assert by_api == REGISTERED.keys() >= {each["vendor"] for each in recorded_registrations()}
    for name in VENDORS.keys() - by_api:
        steps = wanted_steps(name)
        if not isinstance(VENDORS[name], Polled):
            text = "\n".join([*steps.lines, *(paste.text for paste in steps.pastes)])
            assert "https://intake.example.org/webhooks/cm-1" in text
            assert SECRET in text
            assert "s3cr3t" not in text


def wanted_steps(name: str) -> Any:
    plugin = vendor(name)
    assert isinstance(plugin, Guide)
    return plugin.steps(Wanted("cm-1", "https://intake.example.org/webhooks/cm-1", "form-1", Secrets("s3cr3t-cm")))


def test_the_flows_body_is_what_the_door_reads_once_it_is_filled_in() -> None:
    body = next(paste.text for paste in wanted_steps("msforms_powerautomate").pastes if paste.name == "Body")
    filled = body.replace("@{triggerOutputs()?['body/resourceData/responseId']}", "7")
    filled = filled.replace("@{body('Get_response_details')}", '{"submitDate": "3/11/2026 9:29:00 AM", "r1": "4"}')
    reading = VENDORS["msforms_powerautomate"].read(RawRequest(filled.encode()))
    assert isinstance(reading, Responses)
    assert (reading.each[0].form_id, reading.each[0].response_id) == ("form-1", "7")


@pytest.mark.parametrize("item", recorded_registrations(), ids=[each["vendor"] for each in recorded_registrations()])
def test_a_webhook_is_made_by_the_recorded_request(item: dict[str, Any]) -> None:
    plugin, asked, wanted = vendor(item["vendor"]), item["request"], wanted_of(item)
    steps = list(registering(plugin, wanted, []))
    change = steps[-1]
    assert isinstance(change, Change)
    assert change.outcome is Outcome.MADE or item["vendor"] == "typeform"
    needed = change.needed
    assert (needed.method, needed.url.rstrip("/")) == (asked["method"], asked["url"].rstrip("/"))
    headers = {key.lower(): value for key, value in needed.headers}
    for key, value in asked["headers"].items():
        assert headers[key.lower()].partition(";")[0] == with_token(value)
    for key, value in asked.get("json_must_contain", {}).items():
        assert json.loads(needed.body)[key] == here(value, wanted), key
    for key, value in asked.get("form_must_contain", {}).items():
        assert dict(parse_qsl(needed.body.decode()))[key] == here(value, wanted)
    done = change.done(answer(item["response"]["json"]))
    assert done.secret == (item["response"]["json"]["data"]["secret"] if "must_keep" in item else "")
    assert done.until == item["response"]["json"].get("expireTime")


def wanted_of(item: dict[str, Any], *, anew: bool = False) -> Wanted:
    given = item["given"]
    form = given.get("form_id") or given.get("survey_id") or given.get("asset_uid") or given.get("survey_ids", [""])[0]
    secret = given.get("secret") or given.get("shared_key") or "sig-cm"
    address = "https://intake.example.org/webhooks/cm-1"
    return Wanted(given.get("tag", "cm-1"), address, form, Secrets(secret), anew)


def with_token(value: str) -> str:
    for placeholder in ("<token>", "<api key>", "<key>", "<oauth>"):
        value = value.replace(placeholder, "{token}")
    return value


def here(value: Any, wanted: Wanted) -> Any:
    """A recorded value with the address that our door has."""
    if isinstance(value, str) and value.startswith("https://intake.example.org/hooks/"):
        return wanted.private_address if value.endswith("<path token>") else wanted.address
    return value


def registering(plugin: Registrar, wanted: Wanted, there: list[Any]) -> Iterator[RequestNeeded | Change | Registered]:
    """The steps, with a tool that has these webhooks."""
    answers: list[ApiAnswer] = []
    for _ in range(10):
        step = plugin.register(wanted, answers)
        yield step
        if not isinstance(step, RequestNeeded):
            return
        said = there[len(answers)] if len(answers) < len(there) else {}
        answers.append(answer({"items": []} | {"result": {"elements": []}} if said == {} else said))
    raise AssertionError("it never ends")


ADDRESS = "https://intake.example.org/webhooks/cm-1"
REGISTERED = {path.stem: json.loads(path.read_text()) for path in (SAMPLES / "registrations").glob("*.json")}
"""What each tool's API answers where the webhook is as it should be."""


def registered(name: str) -> tuple[str, list[Any]]:
    """The form, and the answers look by look."""
    return REGISTERED[name]["form_id"], REGISTERED[name]["answers"]


@every_registrar
def test_a_webhook_that_is_right_is_left_alone(name: str) -> None:
    form, there = registered(name)
    steps = list(registering(vendor(name), Wanted("cm-1", ADDRESS, form, Secrets("sig-cm")), there))
    looks = [step for step in steps if isinstance(step, RequestNeeded)]
    assert {look.method for look in looks} == {"GET"}
    last = steps[-1]
    if name == "google_forms_pubsub":  # a watch that is there is renewed: it would end in a week
        assert isinstance(last, Change)
        assert last.needed.url.endswith("/watches/w1:renew")
        return
    assert last == Registered(Outcome.UNCHANGED)


@every_registrar
def test_made_anew_a_webhook_is_changed_and_never_doubled(name: str) -> None:
    form, there = registered(name)
    steps = list(registering(vendor(name), Wanted("cm-1", ADDRESS, form, Secrets("sig-cm"), anew=True), there))
    last = steps[-1]
    if name in {"jotform", "surveymonkey"}:  # the secret is in the address; or the app's
        assert last == Registered(Outcome.UNCHANGED)
        return
    assert isinstance(last, Change)
    deleted = any(isinstance(step, RequestNeeded) and step.method == "DELETE" for step in steps)
    assert deleted == (last.needed.method == "POST" and name != "google_forms_pubsub")


@every_registrar
def test_every_request_goes_to_the_vendors_own_host_with_the_token(name: str) -> None:
    form, there = registered(name)
    steps = list(registering(vendor(name), Wanted("cm-1", ADDRESS, form, Secrets("sig-cm"), anew=True), there))
    for step in steps:
        needed = step.needed if isinstance(step, Change) else step
        if isinstance(needed, RequestNeeded):
            assert urlsplit(needed.url).hostname in vendor(name).api_hosts
            assert any("{token}" in value for _, value in needed.headers)


@every_registrar
@pytest.mark.parametrize("garbage", [b"", b"<html>", b"[]", b'{"items": 1, "data": 1, "results": 1, "result": 1}'])
def test_an_answer_that_is_none_gives_a_reason(name: str, garbage: bytes) -> None:
    try:
        step = vendor(name).register(Wanted("cm-1", ADDRESS, "1", Secrets("s")), [ApiAnswer(garbage)])
    except Unreadable as error:
        step = error.reason.words
    assert step


def test_jotforms_address_with_an_older_secret_is_taken_away() -> None:
    there = [{"content": {"0": "https://elsewhere.example.org", "1": f"{ADDRESS}/older"}}, {}]
    steps = list(registering(vendor("jotform"), Wanted("cm-1", ADDRESS, "26069", Secrets("sig-cm")), there))
    assert [step.method for step in steps if isinstance(step, RequestNeeded)] == ["GET", "DELETE"]
    assert isinstance(steps[1], RequestNeeded)
    assert steps[1].url.endswith("/webhooks/1")
    assert isinstance(steps[2], Change)


# Back-fills


def recorded_backfills() -> list[Path]:
    return sorted(API.glob("backfill-*.json"))


@pytest.mark.parametrize("path", recorded_backfills(), ids=[path.stem for path in recorded_backfills()])
def test_a_recorded_back_fill_is_asked_for_and_brings_what_is_new(path: Path) -> None:
    content = json.loads(path.read_text())
    first = content["exchanges"][0]["request"]["url"]
    name, form = content["vendor"], form_in(content)
    plugin = vendor(name, SETTINGS.get(name, {}) | {"api_host": str(urlsplit(first).hostname)})
    sized(plugin, content.get("page_size"))
    since = datetime.fromisoformat(content["since"])
    cursor = plugin.starting(since)
    needed, found = plugin.ask(form, cursor), list[Response]()
    for exchange in content["exchanges"]:
        assert needed is not None
        agrees(needed, exchange["request"])
        got = answer_of(exchange["response"])
        turned = plugin.turned(cursor, needed, got)
        if turned.page:
            found += responses_of(plugin, polled(form, got))
        needed, cursor = turned.more, turned.cursor
    assert needed is None
    assert cursor >= plugin.starting(since)
    expected, stored = content["expected"], set(content["already_stored"])
    new = [each for each in found if each.response_id not in stored]
    assert [each.response_id for each in new if not each.partial] == expected["new_response_ids"]
    assert [each.response_id for each in new if each.partial] == expected.get("partial_response_ids", [])
    assert stored <= {each.response_id for each in found}


def form_in(content: dict[str, Any]) -> str:
    request = content["exchanges"][0]["request"]
    parts = urlsplit(request["url"]).path.split("/")
    named = request.get("query_must_contain", {}).get("surveyId")
    return str(
        named or parts[next(n for n, part in enumerate(parts) if part in {"forms", "form", "surveys", "assets"}) + 1]
    )


def sized(plugin: Any, size: int | None) -> None:
    if size and hasattr(plugin, "page_size"):
        object.__setattr__(plugin, "page_size", size)


def agrees(needed: RequestNeeded, wanted: dict[str, Any]) -> None:
    assert (needed.method, needed.url.partition("?")[0].rstrip("/")) == (wanted["method"], wanted["url"].rstrip("/"))
    asked = query(needed)
    for key, value in wanted.get("query_must_contain", {}).items():
        assert asked[key] == value, key
    for key in wanted.get("query_must_not_contain", []):
        assert key not in asked
    if "query_any_of" in wanted:
        assert asked.keys() & set(wanted["query_any_of"])
    for key, value in wanted.get("json_must_contain", {}).items():
        assert json.loads(needed.body)[key] == value
    headers = {key.lower(): value for key, value in needed.headers}
    for key, value in wanted.get("headers", {}).items():
        assert headers[key.lower()] == with_token(value)


def answer_of(response: dict[str, Any]) -> ApiAnswer:
    return answer(base64.b64decode(response["body_b64"]) if "body_b64" in response else response["json"])


def responses_of(plugin: Vendor, page: RawRequest, answers: tuple[ApiAnswer, ...] = ()) -> list[Response]:
    reading = read(plugin, page.kept, answers)
    while isinstance(reading, RequestNeeded):
        assert reading.same_for_all
        answers = (*answers, answer({"pages": []}))
        reading = read(plugin, page.kept, answers)
    assert isinstance(reading, Responses)
    assert not reading.unread
    return list(reading.each)


@cache
def listed(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SAMPLES / "pages" / f"{name}.json").read_text())
    return content


def backfilled() -> list[str]:
    return [name for name, each in VENDORS.items() if isinstance(each, Poller) and not isinstance(each, Polled)]


def test_every_vendor_that_is_back_filled_has_a_page_recorded() -> None:
    assert {path.stem for path in (SAMPLES / "pages").glob("*.json")} == set(backfilled())


@pytest.mark.parametrize("name", backfilled())
def test_a_response_in_a_list_gives_the_evidence_of_its_webhook(name: str) -> None:
    content = listed(name)
    (sample,) = (each for each in every() if each.name == f"{name}-{content['of']}")
    (by_webhook,) = sample.responses().each
    page = base64.b64decode(content["page_b64"]) if "page_b64" in content else content["page"]
    answers = tuple(answer(each) for each in content["answers"])
    (by_asking,) = responses_of(sample.plugin, polled(content["form_id"], answer(page)), answers)
    assert evidence(by_asking, sample) == evidence(by_webhook, sample)
    assert key_of(by_asking) == key_of(by_webhook)
    first = known(by_webhook, SubmissionId("s-1"), "UTC", polled=False)
    assert not is_news(known(by_asking, SubmissionId("s-2"), "UTC", polled=True), first)


def evidence(response: Response, sample: Sample) -> Any:
    definition = sample.recorded.definition
    fields = tuple(definition.form_fields)
    who = identity_of(response, fields)
    entry = RaterEntry(ParticipantId(who.participant), Relationship(who.relationship))
    roster = Roster(frozenset({ParticipantId(who.participant)}), {RaterId(who.by): entry})
    found = match(response, source_of(sample), definition, roster)
    if not isinstance(found, Matched):
        pytest.fail("; ".join(reason.words for reason in found.reasons))
    assert found.evidence
    return [each.evidence_id() for each in found.evidence], found.comments


def source_of(sample: Sample) -> Any:
    from services.intake.core.explaining.recorded import SOURCE

    return SOURCE


@every_poller
def test_asking_begins_where_a_cursor_stands_and_a_page_moves_it_on(name: str) -> None:
    plugin, form = vendor(name), FORMS.get(name, "form-1")
    cursor = plugin.starting(NOW)
    needed = plugin.ask(form, cursor)
    assert urlsplit(needed.url).hostname in plugin.api_hosts
    assert needed.form_id == form
    asked = needed.opening or needed
    assert "{token}" in f"{asked.url} {asked.headers} {asked.body.decode()}"
    later = plugin.starting(NOW + timedelta(days=1))
    assert later is None or later > cursor


@every_poller
@pytest.mark.parametrize("form", ["", "..", "a/b", "a?b", "a b", "../../users", "1#2", "a&b=c"])
def test_what_can_be_no_form_leads_nowhere_else(name: str, form: str) -> None:
    if name == "formbricks":  # a value in the query, where it leads nowhere
        assert query(vendor(name).ask(form, None)).get("surveyId", "") == form
    elif name != "odk_central" or form != "a&b=c":  # a name there may be any text, and is quoted
        with pytest.raises(Unreadable, match="unknown_form"):
            vendor(name).ask(form, None)


def test_a_link_to_the_next_page_names_a_place_and_no_server() -> None:
    evil = "https://evil.example.org/steal?start=2&page=2"
    kobo = vendor("kobotoolbox")
    turned = kobo.turned(None, kobo.ask("aC", None), answer({"next": evil, "results": []}))
    assert urlsplit(turned.more.url).hostname == "eu.kobotoolbox.org"
    monkey = vendor("surveymonkey")
    turned = monkey.turned(None, monkey.ask("401", None), answer({"data": [{}], "page": 1, "links": {"next": evil}}))
    assert urlsplit(turned.more.url).hostname == "api.surveymonkey.com"


def test_a_response_of_no_likely_year_moves_no_cursor() -> None:
    rows = [
        {"record_id": "1", "x_timestamp": at, "x_complete": "2"} for at in ("0001-01-01T00:00:00+14:00", "9999-12-31")
    ]
    assert vendor("redcap_det").turned(None, vendor("redcap_det").ask("7", None), answer(rows)).cursor is None


def test_an_export_that_is_no_zip_or_a_bomb_gives_a_reason() -> None:
    import io
    import zipfile

    large = io.BytesIO()
    with zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b" " * (65 * 2**20))
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.json", b"{}")
        archive.writestr("b.json", b"{}")
    for body in (b"no zip", b"PK\x03\x04", large.getvalue(), two.getvalue()):
        with pytest.raises(Unreadable):
            read(vendor("qualtrics"), polled("SV_1", ApiAnswer(body)))


# What is news


def state(**changes: Any) -> Known:
    first = Known("k", SubmissionId("s-1"), None, NOW, partial=False, polled=False)
    return replace(first, **changes)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (state(), None, True),
        (state(submission="s-2", polled=True), state(), False),
        (state(submission="s-2", polled=True, as_of=NOW + timedelta(seconds=1)), state(), False),
        (state(submission="s-2", polled=True, as_of=NOW + timedelta(seconds=1), edited=True), state(), True),
        (state(submission="s-2", polled=True, as_of=None), state(as_of=None), False),
        (state(submission="s-2"), state(), True),
        (state(submission="s-2"), state(polled=True), False),
        (state(submission="s-1", polled=True), state(polled=True), True),
        (state(submission="s-2", polled=True), state(partial=True), True),
        (state(submission="s-2", polled=True, partial=True), state(), False),
        (state(submission="s-2", polled=True, revision="2", as_of=NOW + timedelta(hours=1)), state(revision="1"), True),
        (
            state(submission="s-2", polled=True, revision="0", as_of=NOW - timedelta(hours=1)),
            state(revision="1"),
            False,
        ),
        (state(submission="s-2", polled=True, revision="1", as_of=None), state(revision="1", as_of=None), False),
        (state(submission="s-2", polled=True, revision="2", as_of=None), state(revision="1", as_of=None), True),
    ],
)
def test_a_state_is_news_only_where_it_says_more(new: Known, old: Known | None, expected: bool) -> None:
    assert is_news(new, old) is expected
