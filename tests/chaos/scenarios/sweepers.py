"""Several sweepers and no leader: each time slot of a job has one winner, also while one of them is paused."""

import time
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import sqlalchemy as sa

from shared.bus import events, job_slots
from shared.events import ReconciliationDue
from tests.chaos.alterations import fast_jobs, named
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers

WORKERS = 3
SECONDS = {Size.QUICK: 6.0, Size.FULL: 60.0}
LONGEST_GAP = timedelta(seconds=8)


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """A job is due every second; the worker that held the last slot is stopped for a third of the time."""
    outcome = Outcome()
    with servers.site(database, 1) as site:
        workers = [site.worker(patches=[named(fast_jobs)]) for _ in range(WORKERS)]
        time.sleep(SECONDS[size] / 3)
        workers[0].pause()
        time.sleep(SECONDS[size] / 3)
        workers[0].resume()
        time.sleep(SECONDS[size] / 3)
        for each in workers:
            outcome.expect(f"a worker ended with {each.end()}", holds=each.status == 0)
        told = Counter(row.payload["slot"] for row in site.rows(_of_the_job()))
        slots = sorted(row.slot for row in site.rows(sa.select(job_slots.c.slot)))
        gap = max((later - sooner for sooner, later in pairwise(slots)), default=timedelta())
        twice = sum(times - 1 for times in told.values())
        outcome.figures |= {"sweepers": WORKERS * 4, "slots": len(slots), "started twice": twice}
        outcome.figures["longest seconds without a start"] = gap.total_seconds()
        outcome.expect(f"{twice} slots were started twice", holds=twice == 0)
        outcome.expect("a slot was noted and not started", holds=len(slots) == len(told))
        outcome.expect("too few slots were started", holds=len(slots) >= SECONDS[size] / 3)
        outcome.expect(f"nothing was started for {gap}", holds=gap <= LONGEST_GAP)
    return outcome


def _of_the_job() -> sa.Select[tuple[dict[str, str]]]:
    return sa.select(events.c.payload).where(events.c.name == ReconciliationDue.name)
