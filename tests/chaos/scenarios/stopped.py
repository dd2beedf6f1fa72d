"""A worker is paused for longer than its lease and then goes on: what it holds has passed to others, and is theirs."""

import fcntl
import time
from contextlib import suppress

import sqlalchemy as sa

from shared.bus import deliveries
from tests.chaos.alterations import named, slow_after_claim
from tests.chaos.processes import Process
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site, eventually

PAUSES = {Size.QUICK: 1, Size.FULL: 10}


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """SIGSTOP between claim and work, until another worker has done it; then SIGCONT."""
    outcome = Outcome(figures={"pauses": 0, "stale commits rejected": 0})
    for _ in range(PAUSES[size]):
        _pause(servers, database, outcome)
    outcome.expect("no stale commit was tried", holds=outcome.figures["stale commits rejected"] > 0)
    return outcome


def _pause(servers: Servers, database: str, outcome: Outcome) -> None:
    with servers.site(database, 4, TALENTLINE_LEASE_SECONDS="1") as site:
        tell = site.home / "claimed"
        site.take()
        slow = {"CHAOS_TELL": str(tell), "CHAOS_SLOW_S": "2", "CHAOS_SLOW_UNTIL_S": "1"}
        sleeper = site.worker(patches=[named(slow_after_claim)], **slow)
        eventually(tell.exists)
        _paused(site, sleeper)
        outcome.figures["pauses"] += 1
        other = site.worker()
        outcome.expect("the work of a paused worker is stuck", holds=site.settled())
        taken_over = site.one(sa.select(sa.func.count()).where(deliveries.c.fence > 1))
        outcome.expect("nothing was taken over", holds=taken_over > 0)
        sleeper.resume()
        eventually(lambda: site.said(sleeper, "delivery.fence_lost") >= 1 or site.said(sleeper, "batch_taken_apart"))
        outcome.expect(f"the worker ended with {sleeper.end()}", holds=sleeper.status == 0)
        outcome.figures["stale commits rejected"] += site.said(sleeper, "delivery.fence_lost")
        other.end()
        site.found().judge(outcome)


def _paused(site: Site, sleeper: Process) -> None:
    """Stop it while none of its threads is in a transaction: what it has locked nobody else could have until it goes on
    (or, on PostgreSQL, until the server has had enough of it, after five minutes).
    """
    while True:
        sleeper.pause()
        if _is_free(site):
            return
        sleeper.resume()
        time.sleep(0.02)


def _is_free(site: Site) -> bool:
    """Whether nobody holds the database."""
    if site.kind == "postgresql":
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return not site.one(sa.select(sa.text(f"count(*) {others} AND xact_start IS NOT NULL")))
    with suppress(BlockingIOError), (site.home / "talentline.db.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
