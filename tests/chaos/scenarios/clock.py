"""Workers whose clocks are an hour wrong either way, and one that is set back: leases follow the database's clock.

Patched in the program (seam). On SQLite the database's clock is the machine's: all of one machine have the same.
"""

from datetime import timedelta

import sqlalchemy as sa

from shared.bus import deliveries
from shared.db import database_now
from tests.chaos.alterations import named, skewed_clock, slow_scoring
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site, eventually

PARTICIPANTS = {Size.QUICK: 8, Size.FULL: 60}
LEASE_S = 2.0


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Three workers disagree about the time by hours."""
    outcome = Outcome()
    with servers.site(database, PARTICIPANTS[size], TALENTLINE_LEASE_SECONDS=str(LEASE_S)) as site:
        site.with_queue()
        wrong = {"CHAOS_SLOW_S": "0.02"}
        patches = [named(skewed_clock), named(slow_scoring)]
        workers = [
            site.worker(patches=patches, CHAOS_SKEW_S="3600", **wrong),
            site.worker(patches=patches, CHAOS_SKEW_S="-3600", **wrong),
            site.worker(patches=patches, CHAOS_SKEW_S="0", CHAOS_STEP_AFTER_S="1", CHAOS_STEP_S="-7200", **wrong),
        ]
        site.take()
        longest = 0.0

        def looked() -> bool:
            nonlocal longest
            longest = max(longest, _longest_lease(site))
            return site.open_deliveries() == 0

        outcome.expect("some deliveries are stuck", holds=eventually(looked, pause=0.05))
        outcome.figures |= {"clocks wrong by seconds": [3600, -3600, -7200], "longest lease seen": round(longest, 1)}
        outcome.expect(f"a lease was {longest:.0f} s long", holds=longest <= LEASE_S + 1)
        twice = site.one(sa.select(sa.func.count()).where(deliveries.c.crashes > 0))
        outcome.expect(f"{twice} deliveries were taken from a healthy worker", holds=twice == 0)
        for each in workers:
            outcome.expect(f"a worker ended with {each.end()}", holds=each.status == 0)
        site.found().judge(outcome)
    return outcome


def _longest_lease(site: Site) -> float:
    """Seconds that the longest lease has still to run, by the database's clock; 0 if there is none."""
    query = sa.select(sa.func.max(deliveries.c.lease_until).label("until"), database_now().label("now")).where(
        deliveries.c.state == "running"
    )
    row = site.rows(query)[0]
    return float((row.until - row.now) / timedelta(seconds=1)) if row.until else 0.0
