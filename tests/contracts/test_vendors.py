"""Every vendor of the registry makes of its recorded requests exactly what is expected of them.

A vendor's samples are in `tests/samples/<vendor>/`, one recorded request a file. Neighbours: `test_vendor_security`
(attacks on them), `test_vendor_parsing` (any bytes at all).
"""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from services.intake.core.explaining import Memory, Recorded, explain_all, explain_stored
from services.intake.core.polling import Polled
from services.intake.vendors import VENDORS
from tests.builders.vendor_samples import Sample, digest_of, every

NOT_PROPERTIES = {
    "http_status_any_of",
    "http_status_never",
    "http_status_note",
    "must_not_store",
    "must_not_count",
    "api_calls_max",
    "fetch_since",
    "response_headers_required",
    "never_log",
    "changed",
    "dedupe",
    "submitted_at_note",
    "confirmed_by_api",
    "responses",
    "reason_any_of",
}
"""Keys of `expected` that are no value of an explanation; most are looked at below."""
VOCABULARY = {
    *("verified", "reason", "action", "http_status", "delivery_id", "form_id", "response_id", "revision"),
    *("submitted_at", "answers", "items", "not_observed", "unanswered", "texts", "hidden", "identity"),
}
"""What is said of every delivery, and of every response of a batch."""
KEEPS = {"store", "fetch_then_store", "update"}

DOCS = Path(__file__).parents[2] / "docs" / "vendors.md"
EXPLAINED = explain_all([sample.recorded for sample in every()], VENDORS)
over = pytest.mark.parametrize("sample", every(), ids=[sample.name for sample in every()])


def test_every_vendor_has_samples_genuine_and_forged_or_pages_that_were_polled() -> None:
    polled = {name for name, vendor in VENDORS.items() if isinstance(vendor, Polled)}
    assert {sample.vendor for sample in every() if sample.expected["verified"]} == set(VENDORS) - polled
    assert {sample.vendor for sample in every() if sample.expected["verified"] is False} == set(VENDORS) - polled
    assert {sample.vendor for sample in every() if sample.scheme == "polled"} == polled


@pytest.mark.parametrize("name", VENDORS)
def test_a_vendor_has_a_row_in_the_docs_that_names_its_settings(name: str) -> None:
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    for each in fields(VENDORS[name]):  # type: ignore[arg-type]  # vendors are dataclasses, their fields the settings
        assert f"**`{each.name}`**" in rows[0] if each.metadata["needed"] else f"`{each.name}`" in rows[0]


@over
def test_a_samples_file_holds_the_bytes_that_it_says(sample: Sample) -> None:
    assert {key: sample.content[key] for key in digest_of(sample)} == digest_of(sample)


@over
def test_a_sample_is_understood_as_expected(sample: Sample) -> None:
    agree(sample.expected, EXPLAINED[sample.recorded.id], NOT_PROPERTIES)


@over
def test_each_response_of_a_batch_is_understood_as_expected(sample: Sample) -> None:
    expected, found = sample.expected.get("responses", []), EXPLAINED[sample.recorded.id].get("responses", [])
    assert len(found) == len(expected)
    for one, other in zip(expected, found, strict=True):
        agree(one, other, NOT_PROPERTIES)


@over
def test_the_whole_vocabulary_is_said_of_each_delivery_and_of_each_response(sample: Sample) -> None:
    found = EXPLAINED[sample.recorded.id]
    for said in (found, *found.get("responses", [])):
        assert said.keys() >= VOCABULARY
        assert json.loads(json.dumps(said)) == said


@over
def test_an_edit_changes_those_items_that_the_sample_says(sample: Sample) -> None:
    changed = sample.expected.get("changed")
    if not changed:
        return
    (before,) = sample.recorded.after
    old, new = EXPLAINED[before]["items"], EXPLAINED[sample.recorded.id]["items"]
    assert sorted(item for item in new if new[item] != old[item]) == changed


def agree(expected: dict[str, Any], found: dict[str, Any], left_out: set[str]) -> None:
    """Each key of `expected` has its value. The order of items does not matter."""
    for key, value in expected.items():
        if key in left_out or (key == "reason" and found["reason"] in expected.get("reason_any_of", ())):
            continue
        if key in {"not_observed", "unanswered"}:
            assert sorted(found.get(key, [])) == sorted(value), key
        else:
            assert found[key] == value, key


@over
def test_a_sample_is_answered_as_its_vendors_retry_rules_allow(sample: Sample) -> None:
    status = EXPLAINED[sample.recorded.id]["http_status"]
    assert status in sample.expected.get("http_status_any_of", [None])
    assert status not in sample.expected.get("http_status_never", [404, 410])
    headers = EXPLAINED[sample.recorded.id].get("response_headers", {})
    assert set(sample.expected.get("response_headers_required", [])) <= set(headers)


@over
def test_what_must_not_be_stored_or_counted_is_not(sample: Sample) -> None:
    found = EXPLAINED[sample.recorded.id]
    if sample.expected.get("must_not_store") or sample.expected.get("must_not_count"):
        assert found["action"] in {"reject", "handshake", "ignore", "quarantine"}
        assert not found.get("items")


@over
def test_no_more_is_asked_of_an_api_than_expected(sample: Sample) -> None:
    if sample.expected.get("api_calls_max") == 0:
        assert EXPLAINED[sample.recorded.id]["action"] == "quarantine"
        assert EXPLAINED[sample.recorded.id]["quarantined_as"] == "unknown_form"


@over
def test_an_api_is_asked_for_what_the_sample_says(sample: Sample) -> None:
    if not sample.expected["verified"] or not sample.recorded.api:
        return
    asked = list(sample.asked())
    assert len(asked) == len(sample.recorded.api)
    for needed, answer in zip(asked, sample.recorded.api, strict=True):
        assert (needed.method, needed.url.partition("?")[0]) == (answer["method"], answer["url"])
        for name, value in answer.get("query", {}).items():
            since = sample.expected["fetch_since"]
            assert dict(parse_qsl(urlsplit(needed.url.replace("{since}", since)).query))[name] == value
        if "form_request" in answer:
            wanted = answer["form_request"] | {"token": "{token}"}
            assert dict(parse_qsl(needed.body.decode())) == wanted


@over
def test_what_is_kept_of_a_sample_carries_no_secret_header(sample: Sample) -> None:
    if sample.proof_header and sample.scheme not in {"hmac_header", "standard_webhooks"}:
        assert not sample.request.kept.header(sample.proof_header)
    assert not sample.request.kept.path


UNDATED = {
    "snap": "the tool does not say when: what arrives last counts",
    "redcap_det": "what is read is the record as it is now, however old the save that led to it",
    "google_forms_pubsub": "what is read is the list as it is now, however old the message that led to it",
    "alchemer": "pages are asked for, nobody sends them",
    "odk_central": "pages are asked for, nobody sends them",
}
"""Why there is no old state of a response that somebody could send again."""
STATES = [each for each in every() if each.kind == "positive" and each.vendor not in UNDATED]
over_states = pytest.mark.parametrize("sample", STATES, ids=[each.name for each in STATES])


def test_every_vendor_has_states_to_replay_or_it_is_said_why_not() -> None:
    assert {sample.vendor for sample in STATES} | set(UNDATED) == set(VENDORS)


@over_states
def test_an_old_state_that_comes_after_a_newer_one_changes_nothing(sample: Sample) -> None:
    old = replace(sample.recorded, settings={"time_zone": "UTC", **sample.recorded.settings})
    new, memory = an_hour_later(old, str(next(iter(sample.expected["texts"].values())))), Memory()
    later, replayed = (explain_stored(each, VENDORS[sample.vendor], memory) for each in (new, old))
    assert (later["action"], replayed["action"]) == (later["action"], "duplicate")
    assert later["texts"] != replayed["texts"]
    assert later["submitted_at"] > replayed["submitted_at"]


def an_hour_later(delivery: Recorded, text: str) -> Recorded:
    """The same response an hour later, with another comment."""

    def changed(raw: str) -> str:
        spelled = json.dumps(text)[1:-1]
        assert raw.count(spelled) + raw.count(text) > 0
        raw = raw.replace(spelled, "Another opinion.").replace(text, "Another opinion.")
        raw = re.sub(r'(revision\\?": ?\\?")[^"]*', r"\g<1>later", raw)
        return re.sub(r"(2026-03-11[T ]|3/11/2026 )0?9:", r"\g<1>10:", raw)

    if delivery.api:
        answers = json.loads(changed(json.dumps(delivery.api)))
        return replace(delivery, id="later", api=tuple(answers))
    body = changed(delivery.request.body.decode())
    return replace(delivery, id="later", request=replace(delivery.request, body=body.encode()))


def test_a_duplicate_tells_nothing_new_and_an_edit_does() -> None:
    actions = {
        kind: {EXPLAINED[sample.recorded.id]["action"] for sample in every() if sample.kind == kind}
        for kind in ("duplicate", "edited")
    }
    assert actions == {"duplicate": {"duplicate"}, "edited": {"update", "fetch_list_then_store"}}


def test_an_old_revision_that_comes_again_changes_nothing() -> None:
    edits = [sample for sample in every() if sample.kind == "edited" and sample.expected.get("revision")]
    assert {sample.vendor for sample in edits} == {"odk_central", "smartsurvey", "surveymonkey"}
    for edited in edits:
        (original,) = (sample for sample in every() if sample.recorded.id in edited.recorded.after)
        replayed = replace(original.recorded, id="replayed", after=(edited.recorded.id,))
        found = explain_all([edited.recorded, replayed], VENDORS)[replayed.id]
        assert found["action"] == "duplicate"
