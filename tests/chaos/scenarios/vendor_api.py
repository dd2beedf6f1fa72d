"""A vendor's API is down, slow, wants to be left alone, cuts answers off, answers garbage: its lane is shut, nothing is
lost, and others don't notice. Garbage waits in quarantine, and is asked for again by command.
"""

import base64
import hmac
import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.intake import commands
from services.intake.core.json_body import parsed
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Reading, RequestNeeded
from services.intake.settings import IntakeSettings
from services.intake.tables import submissions
from services.intake.vendors import VENDORS
from services.intake.vendors.typeform import Typeform
from services.scoring.tables import results
from shared.bus import deliveries
from shared.cohort.definition import Connection
from shared.words import Instrument
from tests.chaos.alterations import impatient, named, quick_lanes, thin_vendor
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import SECRET, Outcome, Recording, Servers, Site, eventually

PARTICIPANTS = {Size.QUICK: 6, Size.FULL: 40}
CONNECTION = "thin-feedback"
WAYS = ("garbage", "500", "503 later", "429 later", "slow", "cut off")
GARBAGE = b"<html>\xff\x00 Please wait while we check your browser"
SLOW_S = 30
"""Longer than we wait."""


class Thin(Typeform):
    """A webhook that names a response; what its API answers is what Typeform would have sent."""

    api_hosts = frozenset({"127.0.0.1"})

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        if not answers:
            return RequestNeeded("GET", parsed(request.body)["url"])
        return super().read(RawRequest(answers[-1].body, ()))


class Api(http.server.ThreadingHTTPServer):
    """The vendor's API: ill in every way, until it is well."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answers = answers
        self.is_well = False
        self.asked: Counter[str] = Counter()
        self.closing = threading.Event()


class _Answering(http.server.BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        api, body = self.server, self.server.answers[self.path]
        way = "well" if api.is_well else WAYS[sum(api.asked.values()) % len(WAYS)]
        api.asked[way] += 1
        if way == "slow":
            api.closing.wait(SLOW_S)
            return
        status = int(way[:3]) if way[:3].isdigit() else 200
        self.send_response(status)
        if "later" in way:
            self.send_header("Retry-After", "1")
        body = GARBAGE if way == "garbage" else body
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if way == "cut off" else body)

    def log_message(self, *_: Any) -> None:
        """Silent."""


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Half of the participants' answers must be fetched; the other half must not wait for that."""
    outcome = Outcome()
    with servers.site(database, PARTICIPANTS[size], TALENTLINE_FETCH_TIMEOUT_SECONDS="0.5") as site:
        people = sorted({each.participant for each in site.recordings})
        ill = set(people[::2])
        fetched = [each for each in site.recordings if each.participant in ill]
        others = [each for each in site.recordings if each.participant not in ill]
        _second_connection(site)
        with _api({f"/{number}": each.body for number, each in enumerate(fetched)}) as api:
            _deliver(site, api, fetched)
            pace = named(impatient if size is Size.QUICK else quick_lanes)
            worker = site.worker(patches=[named(thin_vendor), pace])
            began = time.time()
            site.take(others)
            well = eventually(lambda: len(_scored(site)) >= len(people) - len(ill))
            outcome.expect("another vendor's participants are not scored", holds=well)
            eventually(lambda: site.said(worker, "lane.shut") and len(api.asked) >= len(WAYS), 30)
            outcome.expect("the lane was never shut", holds=site.said(worker, "lane.shut") > 0)
            waits = [each.timestamp() - began for each in _scored(site)]
            outcome.expect(f"the API was not ill in all ways: {dict(api.asked)}", holds=set(api.asked) >= set(WAYS))
            outcome.figures |= {
                "asked while ill": sum(api.asked.values()),
                "lane shut": site.said(worker, "lane.shut"),
                "others' longest seconds": round(max(waits, default=0), 1),
                "others' p95 ms from door to evidence": _p95_ms(site),
            }
            api.is_well = True
            outcome.figures["garbage, asked again"] = eventually(lambda: _asked_again(site), 5)
            outcome.expect("some deliveries are stuck", holds=site.settled())
            outcome.expect(f"the worker ended with {worker.end()}", holds=worker.status == 0)
        burnt = site.one(sa.select(sa.func.max(deliveries.c.attempts)))
        outcome.figures["most attempts"] = burnt
        _judge(site, outcome)
    return outcome


def _p95_ms(site: Site) -> int | None:
    """Within how long 95 of 100 deliveries of the other vendor were taken in; None if none was."""
    s = submissions.c
    query = sa.select(s.received_at, s.settled_at).where(s.connection != CONNECTION, s.settled_at.is_not(None))
    waits = sorted((row.settled_at - row.received_at).total_seconds() for row in site.rows(query))
    return int(waits[int(len(waits) * 0.95)] * 1000) if waits else None


def _asked_again(site: Site) -> int:
    """Have what could not be read asked for again, as a coordinator does; gives how much that was."""
    with site.db.write() as uow:
        return len(commands.retry(uow, None, actor="chaos"))


def _judge(site: Site, outcome: Outcome) -> None:
    found = site.found()
    stored = site.one(sa.select(sa.func.count()).select_from(submissions))
    outcome.expect(f"{stored} submissions are stored", holds=stored == len(site.recordings))
    outcome.figures |= {"lost": found.unscored + found.unmailed, "duplicates": found.scored_twice + found.mailed_twice}
    outcome.expect(f"{found.unscored} participants are not scored", holds=found.unscored == 0)
    outcome.expect(f"{found.unmailed} plans did not arrive", holds=found.unmailed == 0)
    outcome.expect("something is there twice", holds=outcome.figures["duplicates"] == 0)
    outcome.expect(f"{found.parked} deliveries are parked", holds=found.parked == 0)


def _scored(site: Site) -> list[datetime]:
    return [row.scored_at for row in site.rows(sa.select(results.c.scored_at))]


def _second_connection(site: Site) -> None:
    """Let the cohort have a second survey tool, with the same secret."""
    again = Connection(vendor="thin", instrument=Instrument.APPRAISAL_360, secret_env=site.written.secret_env)
    definition = site.folder.definition
    fields = [each for each in definition.form_fields if each.connection == site.written.connection]
    site.open(
        connections={**definition.connections, CONNECTION: again},
        form_fields=(
            *definition.form_fields,
            *(each.model_copy(update={"connection": CONNECTION, "vendor": "thin"}) for each in fields),
        ),
    )


def _deliver(site: Site, api: Api, fetched: Sequence[Recording]) -> None:
    """The vendor's webhooks, each naming a response."""
    with site.surroundings():
        for number, _ in enumerate(fetched):
            body = json.dumps(
                {"event_id": f"e{number}", "url": f"http://127.0.0.1:{api.server_port}/{number}"}
            ).encode()
            signature = "sha256=" + base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
            request = RawRequest(body, (("Typeform-Signature", signature),), "POST", "", "")
            with site.db.write() as uow:
                commands.accept_webhook(uow, IntakeSettings(), CONNECTION, request, {**VENDORS, "thin": Thin()})


@contextmanager
def _api(answers: dict[str, bytes]) -> Iterator[Api]:
    with Api(answers) as api:
        api.daemon_threads = True
        thread = threading.Thread(target=api.serve_forever, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            api.closing.set()
            api.shutdown()
