"""Workers on two hosts share one PostgreSQL and one queue server on a third; one host is cut off in mid-run, and back.

Needs root and network namespaces; elsewhere it says so, and proves nothing.
"""

import time

import sqlalchemy as sa

from shared.bus import deliveries
from tests.chaos.alterations import named, slow_after_claim
from tests.chaos.hosts import CHAOS_HOST, Hosts, NoHosts, move
from tests.chaos.processes import Process
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers, Site, eventually

CUTS = {Size.QUICK: (3.0,), Size.FULL: (3.0, 10.0, 40.0)}
"""Seconds that each cut lasts; the lease is one, the time in which TCP gives up is longer and shorter than these."""


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Cut host b off while it has work in hand; a does everything meanwhile."""
    outcome = Outcome(figures={"cuts": 0, "done meanwhile": 0, "passed to others": 0})
    try:
        with Hosts(("a", "b")) as hosts:
            for seconds in CUTS[size]:
                _cut(servers, database, hosts, seconds, outcome)
    except NoHosts as reason:
        return Outcome(figures={"skipped": str(reason)})
    outcome.expect("nothing was done while a host was cut off", holds=outcome.figures["done meanwhile"] > 0)
    outcome.expect("no lease has passed to another host", holds=outcome.figures["passed to others"] > 0)
    return outcome


def _cut(servers: Servers, database: str, hosts: Hosts, seconds: float, outcome: Outcome) -> None:
    with servers.site(database, 16, TALENTLINE_LEASE_SECONDS="1") as site:
        site.with_queue().take()
        workers = _on_hosts(site, hosts)
        eventually((site.home / "b-claimed").exists)
        hosts.cut("b")
        before = _done(site)
        time.sleep(seconds)
        outcome.figures["cuts"] += 1
        outcome.figures["done meanwhile"] += _done(site) - before
        hosts.mend("b")
        outcome.expect("some deliveries are stuck", holds=site.settled())
        passed = site.one(sa.select(sa.func.count()).where(deliveries.c.fence > 1))
        outcome.figures["passed to others"] += passed
        outcome.expect("a worker died of it", holds=all(each.alive for each in workers))
        for each in workers:
            outcome.expect(f"a worker ended with {each.end()}", holds=each.status == 0)
        site.found().judge(outcome)


def _on_hosts(site: Site, hosts: Hosts) -> list[Process]:
    """A worker on each host, which reaches the servers by the cable only."""
    server = site.servers.postgres
    database = hosts.offer(("127.0.0.1", server.port))
    queue = hosts.offer(str(site.servers.queue.socket))
    return [
        site.worker(
            patches=[named(move), named(slow_after_claim)],
            CHAOS_TELL=str(site.home / f"{name}-claimed"),
            CHAOS_SLOW_S="0.2",
            TALENTLINE_DATABASE_URL=site.database_at(*database[name]),
            TALENTLINE_REDIS_URL="redis://{}:{}".format(*queue[name]),
            **{CHAOS_HOST: hosts.namespace(name)},
        )
        for name in hosts.names
    ]


def _done(site: Site) -> int:
    return int(site.one(sa.select(sa.func.count()).where(deliveries.c.state == "done")))
