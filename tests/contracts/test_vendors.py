"""Every vendor of the registry: only the holder of a secret is believed, any bytes are survived, samples understood.

A vendor's samples are in `tests/samples/<vendor>/`, one recorded request a file with what is expected of it.
"""

import ast
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake import vendors
from services.intake.core.errors import Unreadable
from services.intake.core.matching import Matched, identity_of, match
from services.intake.core.roster import RaterEntry, Roster
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    NothingSaid,
    Refused,
    RequestNeeded,
    Response,
    Responses,
    Secrets,
    Vendor,
    Verified,
)
from services.intake.vendors import VENDORS
from shared.cohort.definition import FormField
from shared.framework import Item
from shared.words import Facet, Relationship
from tests.builders.intake import APPRAISAL, a_definition

SAMPLES = Path(__file__).parents[1] / "samples"
NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)


class Sample:
    """A recorded request."""

    def __init__(self, path: Path) -> None:
        self.vendor = path.parent.name
        self.name = f"{self.vendor}-{path.stem}"
        self.content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.expected: dict[str, Any] = self.content["expected"]

    @property
    def plugin(self) -> Vendor:
        return VENDORS[self.vendor]

    @property
    def request(self) -> RawRequest:
        headers = tuple((name, value) for name, value in self.content["headers"])
        return RawRequest(self.content["body"].encode(), headers)

    @property
    def secret(self) -> str:
        return str(self.content["secret"])

    def with_header(self, *values: str) -> RawRequest:
        """The request with these values of its signature's header."""
        name = self.content["signature_header"].lower()
        others = tuple(pair for pair in self.request.headers if pair[0].lower() != name)
        return replace(self.request, headers=(*others, *((self.content["signature_header"], each) for each in values)))

    @property
    def signature(self) -> str:
        (value,) = self.request.header(self.content["signature_header"])
        return value

    def verdict(self, request: RawRequest | None = None, secret: str | None = None) -> Verified | Refused:
        text = self.secret if secret is None else secret
        return self.plugin.verify(request or self.request, Secrets(text), NOW)

    def responses(self) -> tuple[Response, ...]:
        reading = self.plugin.read(self.request)
        assert isinstance(reading, Responses)
        return reading.each


EVERY = [Sample(path) for path in sorted(SAMPLES.glob("*/*.json"))]
GENUINE = [sample for sample in EVERY if sample.expected["verified"]]


def over(samples: list[Sample]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sample", samples, ids=[sample.name for sample in samples])


def test_every_vendor_has_samples_genuine_and_forged() -> None:
    assert {sample.vendor for sample in GENUINE} == set(VENDORS)
    assert {sample.vendor for sample in EVERY if sample not in GENUINE} == set(VENDORS)


@over(EVERY)
def test_a_sample_is_verified_or_refused_as_expected(sample: Sample) -> None:
    verdict = sample.verdict()
    if sample.expected["verified"]:
        assert verdict == Verified()
    else:
        assert verdict == Refused(sample.expected["reason"])


@over(GENUINE)
def test_a_wrong_secret_is_refused(sample: Sample) -> None:
    for wrong in (f"{sample.secret}x", sample.secret[:-1], sample.secret.upper(), "x"):
        assert isinstance(sample.verdict(secret=wrong), Refused)


@over(GENUINE)
@pytest.mark.parametrize("empty", ["", " ", ",", "\n", " , \r\n,"])
def test_an_empty_secret_always_refuses(sample: Sample, empty: str) -> None:
    assert isinstance(sample.verdict(secret=empty), Refused)
    unsigned = sample.with_header(sample.content["signature_with_empty_key"])
    assert isinstance(sample.verdict(unsigned, secret=empty), Refused)


@over(GENUINE)
def test_a_changed_body_is_refused(sample: Sample) -> None:
    body = sample.request.body
    for place in (0, len(body) // 2, len(body) - 1):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert isinstance(sample.verdict(replace(sample.request, body=changed)), Refused)
    for other in (b"", body + b" ", body[:-1], body + body):
        assert isinstance(sample.verdict(replace(sample.request, body=other)), Refused)


@over(GENUINE)
def test_a_missing_or_malformed_header_is_refused(sample: Sample) -> None:
    assert isinstance(sample.verdict(sample.with_header()), Refused)
    good = sample.signature
    for bad in (
        "",
        " ",
        "=",
        "sha256",
        "sha256=",
        "sha1=abc",
        good[:-1],
        good[1:],
        f"{good}x",
        "é\udcff",
        "\x00",
        "a" * 10_000,
    ):
        assert isinstance(sample.verdict(sample.with_header(bad)), Refused), bad


@over(GENUINE)
def test_the_case_of_header_names_makes_no_difference(sample: Sample) -> None:
    for change in (str.lower, str.upper, str.swapcase):
        headers = tuple((change(name), value) for name, value in sample.request.headers)
        assert sample.verdict(replace(sample.request, headers=headers)) == Verified()


@over(GENUINE)
def test_of_several_signatures_one_that_is_right_is_enough_and_none_is_not(sample: Sample) -> None:
    good = sample.signature
    wrong = good[:10] + ("A" if good[10] != "A" else "B") + good[11:]
    assert sample.verdict(sample.with_header(wrong, good)) == Verified()
    assert sample.verdict(sample.with_header(good, wrong)) == Verified()
    assert isinstance(sample.verdict(sample.with_header(wrong, wrong)), Refused)


@over(GENUINE)
def test_during_a_rotation_the_old_and_the_new_secret_are_valid(sample: Sample) -> None:
    for both in (f"{sample.secret},another", f"another, {sample.secret}", f"another\n{sample.secret}\n"):
        assert sample.verdict(secret=both) == Verified()
    assert isinstance(sample.verdict(secret="another,third"), Refused)


@over(GENUINE)
def test_every_secret_is_compared_in_constant_time(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    genuine = hmac.compare_digest

    def counting(left: Any, right: Any) -> bool:
        compared.append(1)
        return genuine(left, right)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    sample.verdict(secret=f"{sample.secret},a,b")
    assert len(compared) == 3


def vendor_sources() -> Iterator[Path]:
    return Path(str(vendors.__file__)).parent.glob("*.py")


def test_no_vendor_compares_a_digest_by_itself() -> None:
    for source in vendor_sources():
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                compared = ast.unparse(node).lower()
                assert not any(word in compared for word in ("signature", "digest", "hmac", "secret")), compared


def test_a_secret_is_not_shown() -> None:
    assert "hush" not in f"{Secrets('hush')!r}{Secrets('hush')}"


@over(GENUINE)
def test_a_genuine_sample_is_read_as_expected(sample: Sample) -> None:
    (response,) = sample.responses()
    expected = sample.expected
    assert sample.plugin.delivery_id(sample.request) == expected["delivery_id"]
    assert (response.form_id, response.response_id) == (expected["form_id"], expected["response_id"])
    assert response.submitted_at == datetime.fromisoformat(expected["submitted_at"])
    assert response.partial is expected["partial"]
    assert {field: response.answers.get(field) for field in expected["answers"]} == expected["answers"]
    assert dict(response.hidden) == expected["hidden"]


@over(GENUINE)
def test_a_genuine_sample_gives_its_ratings_and_words(sample: Sample) -> None:
    (response,) = sample.responses()
    form = sample.content["form"]
    fields = tuple(
        FormField(connection="appraisal", vendor=sample.vendor, form_id=form["form_id"], field_ref=ref, maps_to=maps_to)
        for ref, maps_to in form["fields"].items()
    )
    items = tuple(
        Item(code=maps_to, competency="SL1", statement=maps_to, facet=Facet.APPLY)
        for maps_to in form["fields"].values()
        if not maps_to.startswith("comment:")
    )
    pack = a_definition().framework.model_copy(update={"items": items})
    definition = a_definition(framework=pack, form_fields=fields, choices=form["choices"])
    sent = identity_of(response)
    assert sample.expected["identity"] == {
        "participant_id": sent.participant,
        "rater_id": sent.by,
        "rater_role": sent.relationship,
    }
    people: Any = {sent.by: RaterEntry(sent.participant, Relationship(sent.relationship))}  # type: ignore[arg-type]
    found = match(response, APPRAISAL, definition, Roster(frozenset({sent.participant}), people))  # type: ignore[arg-type]
    if sample.expected["action"] == "quarantine":
        assert not isinstance(found, Matched)
        return
    assert isinstance(found, Matched)
    assert dict(found.evidence[0].ratings) == sample.expected["items"]
    assert dict(found.comments) == sample.expected["texts"]


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def survives(plugin: Vendor, body: bytes, header: str = "") -> None:
    """Whatever the bytes are, the vendor gives a value, or a reason with words."""
    request = RawRequest(body, ((header, header),))
    assert isinstance(plugin.verify(request, Secrets("secret"), NOW), Refused)
    assert plugin.delivery_id(request) is None or isinstance(plugin.delivery_id(request), str)
    assert plugin.handshake(request, Secrets("secret")) is None
    try:
        reading = plugin.read(request)
    except Unreadable as error:
        reading = NothingSaid(error.reason)
    assert isinstance(reading, Responses | RequestNeeded) or reading.reason.words


@pytest.mark.parametrize("vendor", VENDORS)
@given(body=st.binary(), header=st.text())
@settings(deadline=None)
def test_any_bytes_give_a_value_or_a_reason(vendor: str, body: bytes, header: str) -> None:
    survives(VENDORS[vendor], body, header)


@pytest.mark.parametrize("vendor", VENDORS)
@given(value=json_like)
@settings(deadline=None)
def test_any_json_gives_a_value_or_a_reason(vendor: str, value: Any) -> None:
    survives(VENDORS[vendor], json.dumps(value).encode())


def pruned(value: Any) -> Any:
    """The value with at most one element in each list."""
    if isinstance(value, dict):
        return {key: pruned(inner) for key, inner in value.items()}
    return [pruned(inner) for inner in value[:1]] if isinstance(value, list) else value


def mutations(value: Any) -> Iterator[Any]:
    """The value with each of its parts, one at a time, replaced by something else or left out."""
    odd = [None, "", "x" * 1000, -1, 1e300, True, [], {}, [None], {"a": 1}, "0001-01-01T00:00:00+14:00", "\x00\ud800"]
    yield from odd
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: each for name, each in value.items() if name != key}
            for changed in mutations(inner):
                yield value | {key: changed}
    if isinstance(value, list) and value:
        for changed in mutations(value[0]):
            yield [changed, *value[1:]]


@over([sample for sample in GENUINE if sample.content["kind"] in {"positive", "partial"}])
def test_a_sample_with_any_part_replaced_gives_a_value_or_a_reason(sample: Sample) -> None:
    count = 0
    for changed in mutations(pruned(json.loads(sample.request.body))):
        survives(sample.plugin, json.dumps(changed).encode())
        count += 1
    assert count > 200


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000, b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"event_id": 1e999}'],
)
def test_hostile_json_gives_a_reason(vendor: str, body: bytes) -> None:
    survives(VENDORS[vendor], body)
