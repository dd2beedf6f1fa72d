"""Targeted fault scenarios, one file each: what goes wrong, and what must hold all the same.

A scenario is a function of running servers, a database's name and a size; it gives an `Outcome`: figures, and the
promises that were broken. `python -m tests.chaos.scenarios [NAME…] [--full]` runs them, one JSON line each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.site import Outcome, Servers


class Size(StrEnum):
    """How thoroughly: `quick` runs with every change, `full` takes its time."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario, and on which databases it says something different."""

    run: Callable[[Servers, str, Size], Outcome]
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    sizes: tuple[Size, ...] = (Size.QUICK, Size.FULL)


Scenarios = Mapping[str, Scenario]
