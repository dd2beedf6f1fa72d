"""What a scenario is: a function of running servers, a database's name and a size. It gives an `Outcome`: figures, and
the promises that were broken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.site import Outcome, Servers


class Size(StrEnum):
    """How thoroughly: `quick` runs with every change, `full` takes its time."""

    QUICK = "quick"
    FULL = "full"


BOTH = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: on which databases it can run, and on which it does when it shall be quick."""

    run: Callable[[Servers, str, Size], Outcome]
    databases: tuple[str, ...] = BOTH
    quick: tuple[str, ...] = BOTH

    def on(self, size: Size) -> tuple[str, ...]:
        """The databases that it runs on."""
        return tuple(each for each in self.databases if size is Size.FULL or each in self.quick)
