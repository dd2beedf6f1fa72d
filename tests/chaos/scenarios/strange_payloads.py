"""What no survey tool should send, and events that this release does not know: visible, explained, in nobody's way."""

import base64
import hmac
import time
from collections.abc import Mapping

import sqlalchemy as sa

from services.intake.tables import submissions
from shared.bus import deliveries, events
from shared.clock import now
from shared.db import database_now
from shared.ids import new_id
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import SECRET, Outcome, Recording, Servers, Site

DEEP = 200_000
MIB = 2**20
STRANGE: Mapping[str, bytes] = {
    "no bytes": b"",
    "no text": b"\xff\xfe\x00\x80" * 50,
    "half a text": b'{"event_id": "half", "form_response": {"form_id"',
    "another shape": b'["a", "list"]',
    "a number without end": b'{"event_id": "n", "form_response": {"answers": [{"number": 1e999999}]}}',
    "deep lists": b'{"event_id": "deep", "form_response": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"event_id": "deeper", "form_response": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "a lone surrogate": b'{"event_id": "\\ud800", "form_response": {"hidden": {"rater": "\\ud83d"}}}',
}
TOO_LARGE = {Size.QUICK: 50 * MIB, Size.FULL: 500 * MIB}


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Among good submissions, each of these, correctly signed."""
    outcome = Outcome()
    with servers.site(database, 4) as site:
        door, worker = site.door(), site.worker()
        bodies = {**STRANGE, "a zero character": site.recordings[0].body.replace(b'"text":"', b'"text":"\\u0000')}
        bodies["a zero in an id"] = site.recordings[0].body.replace(b'"rater":"', b'"rater":"\\u0000')
        began = time.monotonic()
        answers = {name: site.post(_signed(site, body), timeout=60) for name, body in bodies.items()}
        _unknown_events(site)
        large = site.post(_signed(site, b" " * TOO_LARGE[size]), timeout=120)
        good = {site.post(each) for each in site.recordings}
        outcome.expect(f"good submissions were answered {good}", holds=good == {200})
        outcome.expect("some deliveries are stuck", holds=site.settled())
        outcome.figures["seconds until all was done"] = round(time.monotonic() - began, 1)
        outcome.expect("the door or the worker died", holds=door.alive and worker.alive)
        bad = {name: status for name, status in answers.items() if status not in {200, 400}}
        outcome.expect(f"strange ones were answered {bad}", holds=not bad)
        outcome.expect(f"what is too large was answered {large}", holds=large in {0, 413})
        _explained(site, {name: bodies[name] for name, status in answers.items() if status == 200}, outcome)
        site.found().judge(outcome, parked=2)
    return outcome


def _signed(site: Site, body: bytes) -> Recording:
    first = site.recordings[0]
    signature = "sha256=" + base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    return Recording(first.path, {**first.headers, "Typeform-Signature": signature}, body, "")


def _unknown_events(site: Site) -> None:
    """Written by nobody knows whom: an event of no known name, and one of a version to come."""
    for name in ("intake.weather_changed.v1", "intake.evidence_recorded.v99"):
        event = new_id()
        with site.db.write() as uow:
            row: dict[str, object] = {
                "id": event,
                "name": name,
                "payload": {},
                "correlation": new_id(),
                "occurred_at": now(),
            }
            uow.execute(sa.insert(events).values(row))
            due = {"event": event, "service": "scoring", "state": "pending", "due_at": database_now()}
            uow.execute(sa.insert(deliveries).values(due))


def _explained(site: Site, bodies: Mapping[str, bytes], outcome: Outcome) -> None:
    """Every strange submission that was taken says what is wrong with it; so do the events."""
    s, d = submissions.c, deliveries.c
    said = {row.sha256: row for row in site.rows(sa.select(s.sha256, s.state, s.reason, s.reason_words))}
    for name, body in bodies.items():
        found = said.get(_signed(site, body).raw.sha256)
        outcome.expect(f"{name} was taken and is not there", holds=found is not None)
        if found is not None and name != "a zero character":  # a comment may hold one: it is left out
            is_explained = found.state == "quarantined" and found.reason and found.reason_words
            outcome.expect(f"{name} is {found.state}, {found.reason}", holds=bool(is_explained))
    parked = [row.last_error for row in site.rows(sa.select(d.last_error).where(d.state == "parked"))]
    outcome.figures |= {"strange": len(bodies), "parked": len(parked)}
    outcome.expect(f"unknown events: {parked}", holds=all("unknown" in (each or "") for each in parked))
