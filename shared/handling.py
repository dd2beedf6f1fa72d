"""What a handler is. A service's `handlers.py` gives a dictionary of these; `shared.delivery` runs them.

A plain handler works inside one transaction. An `Effect` reaches outside the database (mail, a vendor's API) and so
works in three steps: `begin` in a transaction that is committed first, `act` with no transaction open, `settle` in the
transaction that also marks the delivery done. Either may say that it works `Together` with others of its kind.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shared.db import Cause, UnitOfWork
from shared.lanes import Lane

E = TypeVar("E")
"""The event."""
P = TypeVar("P")
"""What `begin` hands to `act`."""
R = TypeVar("R")
"""What `act` found out."""
Commit = Callable[[Callable[[UnitOfWork], None]], None]
"""Runs what it is given in a transaction of its own, in the middle of an act: committed when it returns. Raises
FenceLost, and commits nothing, if the delivery has passed to another worker by then: the act must stop at once.
"""


@dataclass(frozen=True, slots=True)
class Effect(Generic[E, P, R]):
    """Work that reaches outside. `begin` returns None when there is nothing (more) to do: the delivery is then done.

    A worker that dies after `begin` was committed runs `begin` again with the same event: what `begin` stored tells it
    that an attempt was already under way, and the effect's own rule settles what that means.
    """

    begin: Callable[[UnitOfWork, E], P | None]
    act: Callable[[P, Commit], R]
    settle: Callable[[UnitOfWork, E, P, R], None]
    failed: Callable[[UnitOfWork, E, P, Exception], None] | None = None
    """Called when `act` or `settle` raised, in the short transaction that notes the error and the next attempt."""
    lane: Callable[[P], Lane | None] | None = None
    """What `act` will use outside. While the lane is shut or full the work waits, without spending an attempt."""


Handler = Callable[[UnitOfWork, Any], None]
Work = Handler | Effect[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Together:
    """Work of which many deliveries may share a transaction (of an effect: its `begin`): short, and harmless to do
    again. If one of them fails, all of it is rolled back and each is done alone.

    `many`, where there is one, does the same for many events in a few statements: it gets each event with the cause
    under which to publish, and says of each whether it is done. What it leaves is done alone: a large file would hold
    the locks of all for as long as it takes.
    """

    work: Work
    many: "Callable[[UnitOfWork, Sequence[tuple[Any, Cause]]], Sequence[bool]] | None" = None


Handlers = Mapping[str, Work | Together]
"""Wire name of an event → what a service does when it hears of it."""
