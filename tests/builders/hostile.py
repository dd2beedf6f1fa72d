"""Requests as strangers could send them to each vendor: from any bytes at all to a genuine one with one thing wrong."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import strategies as st

from services.intake.core import meaning
from services.intake.core.errors import Unreadable
from services.intake.core.explaining import Memory, explain_stored
from services.intake.core.explaining.recorded import SOURCE
from services.intake.core.polling import Poller, Turned, form_of, polled
from services.intake.core.reading import read
from services.intake.core.roster import Roster
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import (
    ApiAnswer,
    NothingSaid,
    Reading,
    Refused,
    Reply,
    RequestNeeded,
    Responses,
    Secrets,
    Verified,
)
from services.intake.vendors import VENDORS
from tests.builders.vendor_samples import SAMPLES, SIGNED, Sample, every

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
ODD: list[Any] = [None, "", "x" * 1000, -1, 1e300, 10**400, True, [], {}, [None], {"a": 1}]
ODD += ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\x00\ud800", "@{x}", '["a", 1]', "1/1/1 0:00:00 AM"]
CONTENT_TYPES = [
    *("", JSON, FORM, "text/plain", "image/png", "application/xml", "multipart/form-data; boundary=b", "é", ";;=,"),
    *("application/json; charset=utf-16", "application/json;charset=latin-1", "application/json; charset=\x00"),
    *(
        "application/cloudevents+json",
        "application/cloudevents-batch+json; charset=utf-8",
        "application/cloudevents+avro",
    ),
]

json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def understood(sample: Sample, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> str:
    """Reads a request as the sample's vendor and connection would: a value that can be matched with its form, or a
    reason with words. Gives which it was.
    """
    reading: Reading
    try:
        reading = read(sample.plugin, request, answers)
    except Unreadable as error:
        reading = NothingSaid(error.reason)
    if isinstance(reading, RequestNeeded):
        assert reading.url.startswith("https://")
        assert reading.url.removeprefix("https://").partition("/")[0] in sample.plugin.api_hosts
        return "fetch"
    assert isinstance(reading, Responses | NothingSaid)
    found = meaning.of_responses(reading, SOURCE, sample.recorded.definition, Roster())
    assert found.words or found.evidence
    again = replace(sample.recorded, request=request, answered=tuple(answers))
    said = explain_stored(again, sample.plugin, Memory())
    assert json.dumps(said)
    return f"{said['action']} {said.get('quarantined_as') or said.get('ignored_as') or ''}".strip()


def survives(sample: Sample, request: RawRequest) -> str:
    """Whatever the request is, the vendor refuses it, names it or not, and understands it or says why not."""
    plugin, secrets = sample.plugin, Secrets("secret", '{"keys": []}')
    assert isinstance(plugin.handshake(request, secrets), Reply | Refused | None)
    assert isinstance(plugin.verify(request, secrets, NOW), Refused)
    named = plugin.delivery_id(request)
    assert named is None or isinstance(named, str)
    return understood(sample, request.kept)


@dataclass(frozen=True)
class Attack:
    """A request, and what the vendor's API answers when it is asked."""

    sample: Sample
    request: RawRequest
    answers: tuple[ApiAnswer, ...] = ()

    def made(self) -> str:
        """Sends it. Gives what became of it; nobody may be believed whose signed body is another."""
        sample, secrets = self.sample, self.sample.recorded.secrets
        verdict = sample.plugin.verify(self.request, secrets, sample.recorded.now)
        assert isinstance(verdict, Verified | Refused)
        if sample.scheme in SIGNED and sample.vendor != "qualtrics" and self.request.body != sample.request.body:
            assert isinstance(verdict, Refused), "a changed body was believed"
        became = survives(sample, self.request)
        return understood(sample, self.request.kept, self.answers) if self.answers else became


@dataclass(frozen=True)
class PageAttack:
    """What a vendor's API answers when it is asked for responses, and for what their reading needs."""

    sample: Sample
    form: str
    page: ApiAnswer
    answers: tuple[ApiAnswer, ...] = ()

    def made(self) -> str:
        """Turns the page and reads it. Gives what became of it."""
        plugin = self.sample.plugin
        assert isinstance(plugin, Poller)
        try:
            turned = plugin.turned(None, plugin.ask(self.form, None), self.page)
        except Unreadable:
            turned = Turned(None)
        assert turned.more is None or turned.more.url.split("/")[2] in plugin.api_hosts
        return understood(self.sample, polled(self.form, self.page), self.answers)


def attacks(vendor: str) -> st.SearchStrategy[Attack | PageAttack]:
    """Any request to a vendor, and any page of its API: most of them near to what was recorded."""
    several: list[st.SearchStrategy[Attack | PageAttack]] = [_requests(vendor)]
    return st.one_of(*several, *([_pages(vendor)] if isinstance(VENDORS[vendor], Poller) else []))


def _pages(vendor: str) -> st.SearchStrategy[PageAttack]:
    path = SAMPLES / "pages" / f"{vendor}.json"
    if path.exists():
        content = json.loads(path.read_text())
        sample = next(each for each in every() if each.name == f"{vendor}-{content['of']}")
        form = str(content["form_id"])
        body = base64.b64decode(content["page_b64"]) if "page_b64" in content else _written(content["page"])
        said = [_written(each) for each in content["answers"]]
    else:  # a vendor that is polled: its samples are pages
        sample = configured(vendor)
        form, body, said = form_of(sample.request), sample.request.body, []

    @st.composite
    def page(draw: st.DrawFn) -> PageAttack:
        answers = tuple(ApiAnswer(draw(_bodies(each))) for each in said)
        return PageAttack(sample, form, ApiAnswer(draw(_bodies(body))), answers)

    return page()


def _requests(vendor: str) -> st.SearchStrategy[Attack]:
    mine = [sample for sample in every() if sample.vendor == vendor and _has_settings(sample)]

    @st.composite
    def attack(draw: st.DrawFn) -> Attack:
        sample = draw(st.sampled_from(mine))
        request = replace(sample.request, body=draw(_bodies(sample.request.body)), headers=draw(_headers(sample)))
        answers = tuple(ApiAnswer(draw(_bodies(answer.body))) for answer in sample.answers)
        return Attack(sample, request, answers[: draw(st.integers(0, len(answers)))])

    return attack()


def _has_settings(sample: Sample) -> bool:
    """Whether a sample has all settings without which no connection is opened."""
    wanted = fields(sample.plugin)  # type: ignore[arg-type]  # vendors are dataclasses, their fields the settings
    return all(getattr(sample.plugin, each.name) for each in wanted if each.metadata["needed"])


def _headers(sample: Sample) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """A sample's headers, some of them changed, doubled, left out, or in another order."""
    own = list(sample.request.headers)
    values = st.text(max_size=20) | st.sampled_from(CONTENT_TYPES)
    names = st.sampled_from([name for name, _ in own] or ["x"]) | st.text(max_size=10)
    others = st.lists(st.tuples(names, values), max_size=3)

    @st.composite
    def headers(draw: st.DrawFn) -> tuple[tuple[str, str], ...]:
        if draw(st.booleans()):
            return tuple(own)
        kept = draw(st.lists(st.sampled_from(own), unique=True)) if own else []
        return (*kept, *draw(others))

    return headers()


def _bodies(body: bytes) -> st.SearchStrategy[bytes]:
    """Bodies near to this one, and any others."""
    near: list[st.SearchStrategy[bytes]] = [st.just(body), _cut(body), st.binary(max_size=200)]
    value = _json_of(body)
    if value is not None:
        near += [_changed(value).map(_written)] * 4
    else:
        form = dict(parse_qsl(body.decode("utf-8", "replace"))) if b"=" in body[:100] else {}
        near += [_forms(form)] * 4 if form else [_flipped(body)] * 4
    return st.one_of(*near, json_like.map(_written))


def _cut(body: bytes) -> st.SearchStrategy[bytes]:
    places = st.integers(0, len(body))
    return st.tuples(places, places, st.binary(max_size=8)).map(lambda at: body[: at[0]] + at[2] + body[at[1] :])


def _flipped(body: bytes) -> st.SearchStrategy[bytes]:
    """The body with some of its bytes replaced, as a form in parts needs it to stay nearly readable."""
    spots = st.lists(st.tuples(st.integers(0, max(len(body) - 1, 0)), st.integers(0, 255)), max_size=6)

    def flipped(changes: list[tuple[int, int]]) -> bytes:
        found = bytearray(body)
        for place, value in changes:
            if found:
                found[place] = value
        return bytes(found)

    return spots.map(flipped)


def _forms(form: Mapping[str, str]) -> st.SearchStrategy[bytes]:
    values = st.text(max_size=20) | st.sampled_from([_text(odd) for odd in ODD])
    nested = st.one_of(
        *(_changed(inner).map(_text) for inner in map(_json_of, _encoded(form)) if inner is not None), values
    )
    changes = st.dictionaries(st.sampled_from(sorted(form)) | st.text(max_size=8), nested, max_size=4)
    doubled = st.sampled_from(["", "&MSG=1", "&formID=1&formID=2", "&" * 50, "&%ZZ=%", "&a;b=c"])
    return st.tuples(changes, doubled).map(
        lambda each: urlencode({**form, **each[0]}, errors="replace").encode() + each[1].encode()
    )


def _encoded(form: Mapping[str, str]) -> list[bytes]:
    return [value.encode("utf-8", "replace") for value in form.values() if value[:1] in {"{", "["}]


def _changed(value: Any) -> st.SearchStrategy[Any]:
    """A JSON value with up to three of its parts replaced or left out."""

    def changed(draw: st.DrawFn) -> Any:
        found = value
        for _ in range(draw(st.integers(0, 3))):
            found = _with_one_changed(draw, found)
        return found

    return st.composite(changed)()


def _with_one_changed(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 5)):
            return {name: inner for name, inner in value.items() if name != key}
        return value | {key: _with_one_changed(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _with_one_changed(draw, value[place]), *value[place + draw(st.integers(0, 1)) :]]
    return draw(st.sampled_from(ODD) | json_like)


def _json_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _written(value: Any) -> bytes:
    return json.dumps(value).encode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def configured(vendor: str) -> Sample:
    """A sample of a vendor, for its settings and its form."""
    return next(sample for sample in every() if sample.vendor == vendor and _has_settings(sample))
