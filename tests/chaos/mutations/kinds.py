"""What a mutation is, and how production code is altered from outside for one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.chaos.site import Outcome, Servers


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard, and a scenario of a few seconds that needs it: `run(servers, database, guarded)`."""

    run: Callable[[Servers, str, bool], Outcome]
    databases: tuple[str, ...] = ("sqlite", "postgresql")


@contextmanager
def instead(function: Any, by: Any) -> Iterator[None]:
    """Whoever has imported `function` has `by` instead."""
    places = [
        (module, name)
        for module in list(sys.modules.values())
        if (module.__name__ or "").startswith(("shared.", "services.", "deploy."))
        for name, value in vars(module).items()
        if value is function
    ]
    assert places, f"nobody uses {function}"
    for module, name in places:
        setattr(module, name, by)
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, function)
