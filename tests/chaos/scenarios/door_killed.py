"""The web door dies between the commit and its answer: the sender comes again, and there is one submission."""

from tests.chaos.launch import CRASH_AT
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers

DEATHS = {Size.QUICK: 3, Size.FULL: 20}
DEADLY = {CRASH_AT: "webhook:after:1"}
"""Dies when it has committed a submission for the first time."""


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """kill -9 after the commit; the sender sends until it hears 2xx, as survey tools do."""
    outcome = Outcome()
    answers: list[int] = []
    with servers.site(database, DEATHS[size]) as site:
        door = site.door(**DEADLY)
        died = 0
        for recording in site.recordings:
            while (status := site.post(recording)) != 200:
                answers.append(status)
                if door.wait(10) is None:
                    break
                died += 1
                door = site.door(**(DEADLY if died < DEATHS[size] else {}))
        outcome.expect(f"the door died {died} times, not {DEATHS[size]}", holds=died == DEATHS[size])
        outcome.expect(f"it answered {set(answers)} before it died", holds=set(answers) == {0})
        worker = site.worker()
        outcome.expect("some deliveries are stuck", holds=site.settled())
        worker.end()
        outcome.figures |= {"kills between commit and answer": died}
        site.found().judge(outcome)
    return outcome
