"""Restores: the installation goes on from a backup, and what happened after that backup is not known here any more.

Mail may have gone out in that gap. So as long as a restore is not settled, a mail that this database has never handed
over counts as doubtful (`services.reporting.sending`): it is looked up, or held for a person, rather than sent a second
time. A backup of an SQLite database carries the note in itself; after any other restore `talentline restored` makes it.
"""

import sqlalchemy as sa

from shared.db import UnitOfWork, database_now
from shared.outbox import audited
from shared.tables import BigId, Moment, metadata

restores = sa.Table(
    "bus_restores",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column(
        "noted_at", Moment, nullable=False, comment="when it was restored; of an SQLite backup, when it was made"
    ),
    sa.Column("noted_by", sa.String(200), nullable=False),
    sa.Column("settled_at", Moment, comment="when a person said that nothing of the gap is open; NULL: it is"),
    sa.Column("settled_by", sa.String(200)),
)


def note(uow: UnitOfWork, by: str) -> None:
    """From now on nothing that may have been mailed in the gap is mailed again by itself."""
    uow.execute(sa.insert(restores).values(noted_at=database_now(), noted_by=by))
    audited(uow, actor=by, action="restore.noted", subject="installation")


def settle(uow: UnitOfWork, by: str) -> int:
    """A person says that the gap is closed: mails go out again as ever. Gives how many restores that was about."""
    values = {"settled_at": database_now(), "settled_by": by}
    count = uow.execute(sa.update(restores).where(restores.c.settled_at.is_(None)).values(values)).rowcount
    if count:
        audited(uow, actor=by, action="restore.settled", subject="installation")
    return count


def is_open(connection: sa.Connection) -> bool:
    """Whether there is a restore whose gap nobody has settled."""
    query = sa.select(restores.c.id).where(restores.c.settled_at.is_(None)).limit(1)
    return connection.execute(query).first() is not None
