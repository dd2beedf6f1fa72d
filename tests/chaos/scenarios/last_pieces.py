"""The last two pieces of evidence about a participant come at the same instant: exactly one score, every time."""

from dataclasses import asdict

from tests.chaos.races import race
from tests.chaos.scenarios.kinds import Size
from tests.chaos.site import Outcome, Servers

RACES = {Size.QUICK: 1000, Size.FULL: 5000}
"""On each database."""


def run(servers: Servers, database: str, size: Size) -> Outcome:
    """Race them, in threads of two processes."""
    outcome = Outcome()
    with servers.empty(database) as url:
        found = race(url, RACES[size])
    outcome.figures |= asdict(found)
    outcome.expect(f"{found.missed} cases were missed", holds=found.missed == 0)
    outcome.expect(f"{found.double} scores are doubled", holds=found.double == 0)
    outcome.expect(f"{found.collided} cases were scored at once by two", holds=found.collided == 0)
    return outcome
