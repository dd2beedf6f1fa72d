"""The staged hand-over of mail: without the commit before the text is sent, a mail that was taken is sent again."""

from typing import Any

from services.reporting.channels.smtp import SmtpChannel
from tests.chaos.alterations import named, put
from tests.chaos.scenarios.accept_killed import Trap
from tests.chaos.site import Outcome, Servers

KILLS = 2


def run(servers: Servers, database: str, guarded: bool) -> Outcome:
    """Workers die when the mail server has taken a message."""
    outcome = Outcome()
    trap = Trap(KILLS)
    with servers.site(database, 2, TALENTLINE_LEASE_SECONDS="1") as site:
        site.with_mail(trap)
        site.take()
        trap.kill = lambda: site.processes[-1].kill()  # noqa: PLW0108  (the one that is the last then)
        patches = () if guarded else (named(not_staged),)
        deaths = site.relay(lambda: site.start("worker", patches=patches))
        found = site.found()
        outcome.figures |= {"kills after accept": deaths, "mails": found.mails}
        outcome.expect(f"{deaths} workers died, not {KILLS}", holds=deaths == KILLS)
        outcome.expect(f"{found.mailed_twice} mails went out twice", holds=found.mailed_twice == 0)
    return outcome


def not_staged() -> None:
    """Nobody notes that the text is about to go out."""
    send = SmtpChannel.send

    def at_once(channel: SmtpChannel, message: Any, _handing_over: Any) -> Any:
        return send(channel, message, lambda: None)

    put(SmtpChannel, send=at_once)
