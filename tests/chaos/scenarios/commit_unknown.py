"""The connection to PostgreSQL is lost at a COMMIT: whether it happened is unknown, and doing it again is harmless."""

import httpx

from tests.chaos.proxies import PostgresProxy
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Recording, Servers, Site

LOST = {Size.QUICK: 2, Size.FULL: 10}
"""Of each kind of transaction, both of those that happened and of those that did not."""
KINDS = ("bus_deliveries SET state", "intake_evidence", "scoring_results", "reporting_plans", "reporting_messages")


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """First at the door (503, and the sender comes again), then at every kind of transaction that workers commit."""
    outcome = Outcome()
    with (
        servers.site(database, 4 * LOST[size]) as site,
        PostgresProxy(("127.0.0.1", servers.postgres.port)) as proxy,
    ):
        site.environment["TALENTLINE_DATABASE_URL"] = site.database_at("127.0.0.1", proxy.port)
        _door(site, proxy, LOST[size], outcome)
        _workers(site, proxy, LOST[size], outcome)
        outcome.figures |= {"commits unheard of": proxy.committed, "commits lost": proxy.dropped}
        site.found().judge(outcome)
    return outcome


def _door(site: Site, proxy: PostgresProxy, lost: int, outcome: Outcome) -> None:
    door = site.door()
    proxy.lose_commits("intake_submissions", lost)
    proxy.lose_commits("intake_submissions", lost, reaches_server=False)
    first = [_posted(site, each) for each in site.recordings]
    outcome.figures["answered 503 at the door"] = first.count(503)
    outcome.expect(f"the door answered {sorted(set(first))}", holds=set(first) <= {200, 503})
    outcome.expect("an unknown commit was answered 2xx", holds=first.count(503) >= 2 * lost or proxy.pending > 0)
    again = [_posted(site, each) for each, status in zip(site.recordings, first, strict=True) if status != 200]
    outcome.expect(f"sent again, the door answered {again}", holds=set(again) <= {200})
    door.end()


def _posted(site: Site, recording: Recording) -> int:
    with httpx.Client(trust_env=False) as client:
        return site.post(recording, client, timeout=30)


def _workers(site: Site, proxy: PostgresProxy, lost: int, outcome: Outcome) -> None:
    for kind in KINDS:  # first what did not happen: it is done again one by one, so there are commits enough to lose
        proxy.lose_commits(kind, lost, reaches_server=False)
        proxy.lose_commits(kind, lost)
    workers = [site.worker(), site.worker()]
    outcome.expect("some deliveries are stuck", holds=site.settled())
    outcome.expect(f"{proxy.pending} commits were not reached", holds=proxy.pending == 0)
    outcome.expect("a worker died of it", holds=all(each.alive for each in workers))
