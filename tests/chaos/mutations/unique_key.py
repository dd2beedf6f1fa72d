"""A unique key: without it, the same delivery sent again is a second submission."""

import sqlalchemy as sa

from shared.db import Database
from tests.chaos.site import Outcome, Servers

KEY = "uq_intake_submissions_once"
COPIES = 5


def run(servers: Servers, database: str, guarded: bool) -> Outcome:
    """Every request comes several times."""
    outcome = Outcome()
    with servers.site(database, 2) as site:
        if not guarded:
            _without_the_key(site.db)
        for _ in range(COPIES):
            site.take()
        found = site.found()
        outcome.figures["submissions"] = found.submissions
        outcome.expect(f"{found.doubled} submissions are stored twice", holds=found.doubled == 0)
        outcome.expect(f"{found.lost} submissions are lost", holds=found.lost == 0)
    return outcome


def _without_the_key(db: Database) -> None:
    """Drop the key of this database. SQLite has to make the table anew for that."""
    if not db.is_sqlite:
        with db.write() as uow:
            uow.execute(sa.text(f"ALTER TABLE intake_submissions DROP CONSTRAINT {KEY}"))
        return
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        (made,) = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'intake_submissions'").one()
        start = made.index(f"CONSTRAINT {KEY}")
        end = made.index(")", start) + 1
        without = made[:start].rstrip().rstrip(",") + made[end:]
        connection.exec_driver_sql("DROP TABLE intake_submissions")
        connection.exec_driver_sql(without)
    db.close()
