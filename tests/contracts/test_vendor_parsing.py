"""Whatever the bytes are, each vendor of the registry gives a value, or a reason with words: never a traceback.

Bytes, JSON, forms and multipart bodies of any kind; samples with each of their parts replaced; and API answers that are
truncated, garbage, or something else.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.core.form_body import fields_of
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer
from services.intake.vendors import VENDORS
from tests.builders.hostile import FORM, JSON, ODD, attacks, configured, json_like, survives, understood
from tests.builders.vendor_samples import Sample, every, genuine

QUICK = settings(deadline=None, max_examples=25, database=None)
every_vendor = pytest.mark.parametrize("vendor", VENDORS)


@every_vendor
@given(data=st.data())
@QUICK
def test_a_request_that_is_nearly_genuine_gives_a_value_or_a_reason(vendor: str, data: st.DataObject) -> None:
    assert data.draw(attacks(vendor)).made()


@every_vendor
@given(body=st.binary(), header=st.text(), content_type=st.sampled_from(["", JSON, FORM, "multipart/form-data"]))
@QUICK
def test_any_bytes_give_a_value_or_a_reason(vendor: str, body: bytes, header: str, content_type: str) -> None:
    survives(
        configured(vendor), RawRequest(body, ((header, header), ("content-type", content_type)), "POST", header, header)
    )


@every_vendor
@given(value=json_like)
@QUICK
def test_any_json_gives_a_value_or_a_reason(vendor: str, value: Any) -> None:
    body = json.dumps(value).encode()
    survives(configured(vendor), RawRequest(body, (("Content-Type", JSON),)))
    survives(configured(vendor), RawRequest(urlencode({"MSG": body, "rawRequest": body}).encode()))


@every_vendor
@given(fields=st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=6))
@QUICK
def test_any_form_gives_a_value_or_a_reason(vendor: str, fields: dict[str, str]) -> None:
    body = urlencode(fields, errors="replace").encode()
    survives(configured(vendor), RawRequest(body, (("Content-Type", FORM),)))


@every_vendor
@given(
    parts=st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=20)), max_size=5), boundary=st.text(max_size=12)
)
@QUICK
def test_any_multipart_body_gives_a_value_or_a_reason(
    vendor: str, parts: list[tuple[str, bytes]], boundary: str
) -> None:
    border = boundary.encode("utf-8", "replace")
    heads = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode("utf-8", "replace") for name, _ in parts]
    body = b"".join(
        b"--" + border + b"\r\n" + head + part[1] + b"\r\n" for head, part in zip(heads, parts, strict=True)
    )
    content_type = f"multipart/form-data; boundary={boundary}"
    survives(configured(vendor), RawRequest(body + b"--" + border + b"--", (("Content-Type", content_type),)))


@given(
    fields=st.dictionaries(
        st.text(max_size=8).filter(str.isidentifier), st.text(st.characters(codec="utf-8")), max_size=6
    )
)
@QUICK
def test_what_a_form_says_is_read_whether_encoded_or_in_parts(fields: dict[str, str]) -> None:
    parts = [
        f'--b0undary\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    many = RawRequest(
        "".join([*parts, "--b0undary--\r\n"]).encode(), (("content-type", "multipart/form-data; boundary=b0undary"),)
    )
    stored = {name: value.replace("\x00", "\ufffd") for name, value in fields.items()}
    assert fields_of(RawRequest(urlencode(fields).encode())) == stored
    assert fields_of(many) == stored or any("--b0undary" in value for value in fields.values())


def pruned(value: Any) -> Any:
    """The value with at most two elements in each list, and eight in each object."""
    if isinstance(value, dict):
        return {key: pruned(inner) for key, inner in list(value.items())[-8:]}
    return [pruned(inner) for inner in value[:2]] if isinstance(value, list) else value


def mutations(value: Any) -> Iterator[Any]:
    """The value with each of its parts, one at a time, replaced by something else or left out."""
    yield from ODD
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: each for name, each in value.items() if name != key}
            for changed in mutations(inner):
                yield value | {key: changed}
    if isinstance(value, list) and value:
        for changed in mutations(value[0]):
            yield [changed, *value[1:]]


def json_of(sample: Sample) -> Any:
    """The JSON of a sample's body, if it is some."""
    try:
        return json.loads(sample.request.body)
    except ValueError:
        return None


polled = [sample for sample in every() if sample.kind == "polled"]
bodies = [sample for sample in genuine() if json_of(sample) is not None]
forms = [sample for sample in genuine() if json_of(sample) is None]
thin = [sample for sample in genuine() if sample.answers]


def over(samples: list[Sample]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sample", samples, ids=[sample.name for sample in samples])


@over(bodies + polled)
def test_a_body_with_any_part_replaced_gives_a_value_or_a_reason(sample: Sample) -> None:
    whole = json_of(sample)
    body = {key: pruned(value) for key, value in whole.items()} if isinstance(whole, dict) else pruned(whole)
    count = 0
    for changed in mutations(body):
        survives(sample, replace(sample.request, body=json.dumps(changed).encode()))
        count += 1
    assert count > 100


@over(forms)
def test_a_form_with_any_field_replaced_gives_a_value_or_a_reason(sample: Sample) -> None:
    fields = fields_of(sample.request)
    assert fields
    form = (("Content-Type", FORM),)
    for name in fields:
        for odd in ODD:
            changed = {key: value for key, value in fields.items() if key != name or odd is not None}
            text = odd if isinstance(odd, str) else json.dumps(odd)
            body = urlencode(changed | ({} if odd is None else {name: text}), errors="replace").encode()
            survives(sample, RawRequest(body, form))


@over(thin)
def test_an_answer_with_any_part_replaced_gives_a_value_or_a_reason(sample: Sample) -> None:
    good = sample.answers
    for place, answer in enumerate(good):
        for changed in mutations(pruned(json.loads(answer.body))):
            answers = [*good[:place], ApiAnswer(json.dumps(changed).encode()), *good[place + 1 :]]
            understood(sample, sample.request.kept, answers)


@over(thin)
@given(body=st.binary(max_size=200), cut=st.integers(0, 5000))
@QUICK
def test_an_answer_that_is_garbage_or_cut_off_gives_a_reason(sample: Sample, body: bytes, cut: int) -> None:
    for garbage in (body, sample.answers[0].body[:cut]):
        answers = [ApiAnswer(garbage), *sample.answers[1:]]
        understood(sample, sample.request.kept, answers)


@every_vendor
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 100_000,
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"event_id": 1e999}',
        b"a=1&" * 250_000,
        b"--b\r\n" * 200_000,
        b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 20_000,
        b"--b\r\n" + b"X: y\r\n" * 100_000,
    ],
    ids=["brackets", "objects", "digits", "utf-16", "mark", "infinity", "fields", "borders", "parts", "headers"],
)
def test_a_large_hostile_body_gives_a_reason(vendor: str, body: bytes) -> None:
    for content_type in (JSON, FORM, "multipart/form-data; boundary=b"):
        survives(configured(vendor), RawRequest(body, (("Content-Type", content_type),)))


def test_a_form_of_the_samples_is_read_whole() -> None:
    for sample in forms:
        if b"multipart" not in sample.request.header("content-type")[0].encode():
            pairs = dict(parse_qsl(sample.request.body.decode(), keep_blank_values=True))
            assert fields_of(sample.request) == pairs
