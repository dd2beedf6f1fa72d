"""Replies of the queue server are lost: the client can't know that a ring was heard, or that messages were fetched."""

from tests.chaos.proxies import RedisProxy
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers

LOST = {Size.QUICK: 3, Size.FULL: 12}


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Lose some replies to `enqueue` (the message is there) and to `fetch` (the message is with nobody)."""
    outcome = Outcome()
    participants = 4 * LOST[size]
    with servers.site(database, participants) as site, RedisProxy(str(servers.queue.socket)) as proxy:
        site.with_queue(f"redis://127.0.0.1:{proxy.port}")
        workers = [site.worker(), site.worker()]
        proxy.lose("fetch", LOST[size])
        for number, each in enumerate(site.recordings):
            if number % 4 == 0 and number // 4 < LOST[size]:
                proxy.lose("enqueue", 1)
            site.take([each])
        outcome.expect("some deliveries are stuck", holds=site.settled())
        outcome.expect("no reply to enqueue was lost", holds=proxy.lost.get("enqueue", 0) > 0)
        outcome.expect("no reply to fetch was lost", holds=proxy.lost.get("fetch", 0) > 0)
        outcome.figures |= {f"replies to {command} lost": times for command, times in proxy.lost.items()}
        outcome.expect("a worker died of it", holds=all(worker.alive for worker in workers))
        site.found().judge(outcome)
    return outcome
