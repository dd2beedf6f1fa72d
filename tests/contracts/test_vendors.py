"""Every vendor of the registry makes of its recorded requests exactly what is expected of them.

A vendor's samples are in `tests/samples/<vendor>/`, one recorded request a file. Neighbours: `test_vendor_security`
(attacks on them), `test_vendor_parsing` (any bytes at all).
"""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from services.intake.core.explaining import explain_all
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
OF_THE_DELIVERY = {"verified", "reason", "delivery_id"}
"""Keys that a batch's responses repeat from the delivery."""
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
        agree(one, other, NOT_PROPERTIES | OF_THE_DELIVERY)


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
