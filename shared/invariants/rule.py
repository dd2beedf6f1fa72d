"""What an invariant is: something that must always hold in the tables, as a query for what breaks it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shared.db import UnitOfWork


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule about rows. Calling it gives the ids that break it, in a stable order: none, if all is well.

    A query sees one snapshot, so what is written in one transaction is never seen half. Only a rule about time needs
    patience: it must not be broken by work that is merely under way.
    """

    broken: Callable[[sa.Connection], list[str]]
    means: str
    """What it means for the people concerned that a row breaks it."""
    cure: str
    """What to do about it."""
    mend: Callable[[UnitOfWork, Sequence[str]], None] | None = None
    """Puts these ids right, where that can do no harm; they were found broken in the same transaction."""

    def __call__(self, connection: sa.Connection) -> list[str]:
        """The ids that break it."""
        return self.broken(connection)
