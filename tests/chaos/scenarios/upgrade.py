"""A rolling upgrade: workers of this release and of the next one side by side, on tables that already have more.

The next release tells evidence in a new version. What this release can't read it parks, visible and explained; a worker
of the next one takes it up without anybody's help.
"""

import sqlalchemy as sa

from shared.bus import deliveries, events
from shared.events import EvidenceRecorded
from tests.chaos.alterations import named, next_release, quick_lanes
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site, eventually

PARTICIPANTS = {Size.QUICK: 6, Size.FULL: 60}
NEXT = EvidenceRecorded.name.replace(".v1", ".v2")


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Old alone; new intake beside old scoring; new beside old; new alone."""
    outcome = Outcome()
    with servers.site(database, PARTICIPANTS[size]) as site:
        third = len(site.recordings) // 3
        old = site.worker()
        site.take(site.recordings[:third])
        outcome.expect("the old release is stuck", holds=site.settled())
        old.end()
        _migrated(site)
        parked = _half_upgraded(site, third, outcome)
        new = [site.worker(patches=[named(next_release), named(quick_lanes)]) for _ in range(2)]
        site.take(site.recordings[2 * third :])
        taken_up = eventually(lambda: site.open_deliveries() == 0 and not _parked(site))
        outcome.expect("what the old release parked is parked still", holds=taken_up)
        for each in new:
            outcome.expect(f"a worker ended with {each.end()}", holds=each.status == 0)
        told = site.rows(sa.select(events.c.name, sa.func.count().label("times")).group_by(events.c.name))
        versions = {row.name: row.times for row in told if row.name in {EvidenceRecorded.name, NEXT}}
        outcome.figures |= {"parked by the old release": parked, "versions told": versions}
        outcome.expect(f"only {versions} were told", holds=len(versions) == 2)
        site.found().judge(outcome)
    return outcome


def _half_upgraded(site: Site, third: int, outcome: Outcome) -> int:
    """Intake is of the next release, scoring of this one; gives how many it parked."""
    new = site.worker("intake", patches=[named(next_release), named(quick_lanes)])
    old = site.worker("scoring", "reporting")
    site.take(site.recordings[third : 2 * third])
    outcome.expect("side by side they are stuck", holds=site.settled())
    parked = _parked(site)
    outcome.expect("the old release read what it can't know", holds=len(parked) == third)
    outcome.expect(f"parked without a reason: {parked}", holds=all(NEXT in (each or "") for each in parked))
    for each in (new, old):
        outcome.expect(f"a worker ended with {each.end()}", holds=each.status == 0)
    return len(parked)


def _parked(site: Site) -> list[str | None]:
    return [row.last_error for row in site.rows(sa.select(deliveries).where(deliveries.c.state == "parked"))]


def _migrated(site: Site) -> None:
    """What an additive migration of the next release would do."""
    with site.db.write() as uow:
        uow.execute(sa.text("ALTER TABLE scoring_cases ADD COLUMN of_the_next_release VARCHAR(100)"))
        uow.execute(sa.text("CREATE TABLE scoring_of_the_next_release (id INTEGER PRIMARY KEY)"))
