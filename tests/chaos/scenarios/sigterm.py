"""A deployment: SIGTERM to busy workers. What is in hand is finished, nothing counts as a crash, the status is 0."""

import time

import sqlalchemy as sa

from shared.bus import deliveries
from tests.chaos.alterations import named, slow_scoring
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site, eventually

TIMES = {Size.QUICK: 3, Size.FULL: 20}


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Again and again: a worker under load is told to end, its whole group too, and the next one goes on."""
    outcome = Outcome()
    took: list[float] = []
    with servers.site(database, 4 * TIMES[size]) as site:
        site.with_queue()
        site.take()
        for _ in range(TIMES[size]):
            before = _done(site)
            worker = site.worker(patches=[named(slow_scoring)], CHAOS_SLOW_S="0.05")
            eventually(lambda before=before: _done(site) > before)  # type: ignore[misc]
            began = time.monotonic()
            worker.terminate()  # to its process group
            status = worker.wait(40)
            took.append(time.monotonic() - began)
            outcome.expect(f"a worker ended with status {status}", holds=status == 0)
        last = site.worker()
        outcome.expect("some deliveries are stuck", holds=site.settled())
        last.end()
        burnt = site.one(sa.select(sa.func.count()).where(sa.or_(deliveries.c.crashes > 0, deliveries.c.attempts > 1)))
        outcome.expect(f"{burnt} deliveries have lost an attempt", holds=burnt == 0)
        outcome.figures |= {"terminations": TIMES[size], "longest seconds to exit": round(max(took), 2)}
        site.found().judge(outcome)
    return outcome


def _done(site: Site) -> int:
    return int(site.one(sa.select(sa.func.count()).where(deliveries.c.state == "done")))
