"""Payloads that kill their worker: parked after exactly three deaths, while everything else flows."""

import time

import sqlalchemy as sa

from shared import delivery
from shared.bus import deliveries
from tests.chaos.alterations import deadly_case, named
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site

DEATHS = 3


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """One submission among many kills whoever handles it, by SIGKILL (as out of memory) or a segmentation fault."""
    outcome = Outcome(figures={"deaths": 0})
    for death in ("kill", "segfault") if size is Size.FULL else ("segfault",):
        _poisoned(servers, database, death, outcome)
    return outcome


def _poisoned(servers: Servers, database: str, death: str, outcome: Outcome) -> None:
    with servers.site(database, 12, TALENTLINE_LEASE_SECONDS="1") as site:
        deadly = site.recordings[0]
        others = [each for each in site.recordings if each.participant != deadly.participant]
        site.take([*others[:10], deadly, *others[10:]])
        began = time.monotonic()
        lethal = {"CHAOS_DEADLY": deadly.participant, "CHAOS_DEATH": death}
        deaths = site.relay(lambda: site.start("worker", patches=[named(deadly_case)], **lethal))
        outcome.figures["deaths"] += deaths
        outcome.figures["seconds until parked"] = round(time.monotonic() - began, 1)
        outcome.expect(f"it cost {deaths} workers, not {DEATHS}", holds=deaths == DEATHS)
        reasons = [row.last_error for row in _parked(site)]
        outcome.expect(f"parked: {reasons}", holds=len(reasons) == 1 and "poison" in (reasons[0] or ""))
        site.found(others).judge(outcome, parked=1)
        _replayed(site, outcome)


def _parked(site: Site) -> list[sa.Row[tuple[int, str]]]:
    query = sa.select(deliveries.c.id, deliveries.c.last_error).where(deliveries.c.state == "parked")
    return list(site.rows(query))


def _replayed(site: Site, outcome: Outcome) -> None:
    """With a worker that is mended, the parked delivery is replayed and done."""
    with site.db.write() as uow:
        delivery.replay(uow, [row.id for row in _parked(site)])
    worker = site.worker()
    outcome.expect("what was parked could not be replayed", holds=site.settled() and not _parked(site))
    worker.end()
