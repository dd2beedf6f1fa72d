"""Events of the bus itself."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import Event


class InvariantsDue(Event):
    """A time slot has begun in which every service checks what must always hold in its tables."""

    name: ClassVar[str] = "bus.invariants_due.v1"

    slot: datetime
