"""A worker dies after the mail server took a message and before the receipt is kept: never sent again by itself."""

from collections.abc import Callable

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers
from tests.servers.mail import Postbox

KILLS = {Size.QUICK: 3, Size.FULL: 20}


class Trap(Postbox):
    """A mail server that has the worker killed when it has taken a message, and before it says so."""

    def __init__(self, kills: int) -> None:
        super().__init__()
        self.kills_left = kills
        self.kill: Callable[[], bool] = lambda: False
        """Gives whether there was anybody to kill: a worker that has just died may have had two mails under way."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if self.kills_left and self.kill():
            self.kills_left -= 1
        return answer


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """n workers die at that moment; n mails are held, or found to be sent; none goes out twice."""
    outcome = Outcome()
    trap = Trap(KILLS[size])
    with servers.site(database, KILLS[size] + 2, TALENTLINE_LEASE_SECONDS="1") as site:
        site.with_mail(trap)
        site.take()
        trap.kill = lambda: site.processes[-1].kill()  # noqa: PLW0108  (the one that is the last then)
        deaths = site.relay(lambda: site.start("worker"))
        outcome.expect("some deliveries are stuck", holds=site.settled())
        found = site.found()
        outcome.figures |= {"kills after accept": deaths, "uncertain": found.uncertain}
        outcome.expect(f"{deaths} workers died, not {KILLS[size]}", holds=deaths == KILLS[size])
        outcome.expect(f"{found.uncertain} mails are uncertain, not {deaths}", holds=found.uncertain >= deaths)
        found.judge(outcome, parked=None)  # a mail in doubt may park its delivery
    return outcome
