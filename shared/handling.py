"""What a handler is. A service's `handlers.py` gives a dictionary of these; `shared.delivery` runs them.

A plain handler works inside one transaction. An `Effect` reaches outside the database (mail, a vendor's API) and so
works in three steps: `begin` in a transaction that is committed first, `act` with no transaction open, `settle` in the
transaction that also marks the delivery done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shared.db import UnitOfWork

E = TypeVar("E")
"""The event."""
P = TypeVar("P")
"""What `begin` hands to `act`."""
R = TypeVar("R")
"""What `act` found out."""


@dataclass(frozen=True, slots=True)
class Effect(Generic[E, P, R]):
    """Work that reaches outside. `begin` returns None when there is nothing (more) to do: the delivery is then done.

    A worker that dies after `begin` was committed runs `begin` again with the same event: what `begin` stored tells it
    that an attempt was already under way, and the effect's own rule settles what that means.
    """

    begin: Callable[[UnitOfWork, E], P | None]
    act: Callable[[P], R]
    settle: Callable[[UnitOfWork, E, P, R], None]
    failed: Callable[[UnitOfWork, E, P, Exception], None] | None = None
    """Called when `act` or `settle` raised, in the short transaction that notes the error and the next attempt."""


Handler = Callable[[UnitOfWork, Any], None]
Handlers = Mapping[str, Handler | Effect[Any, Any, Any]]
"""Wire name of an event → what a service does when it hears of it."""
