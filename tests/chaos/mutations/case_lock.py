"""The lock on a case: without it, of two last pieces at the same instant neither sees the other, or both do."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tests.chaos.alterations import named, put
from tests.chaos.races import race
from tests.chaos.site import Outcome, Servers

RACES = 60
"""Without the lock most of them go wrong on PostgreSQL, one in twenty on SQLite: more are run there."""
MORE = 200


def run(servers: Servers, database: str, guarded: bool) -> Outcome:
    """Race last pieces."""
    outcome = Outcome()
    alteration = "" if guarded else named(nobody_holds_the_file if database == "sqlite" else nobody_holds_the_case)
    with servers.empty(database) as url:
        found = race(url, RACES if guarded or database == "postgresql" else MORE, alteration)
    outcome.figures |= asdict(found)
    outcome.expect(f"{found.missed} cases were missed", holds=found.missed == 0)
    outcome.expect(f"{found.double} scores are doubled", holds=found.double == 0)
    outcome.expect(f"{found.collided} cases were scored at once by two", holds=found.collided == 0)
    return outcome


def nobody_holds_the_case() -> None:
    """PostgreSQL: the case's row is neither locked nor touched when evidence is added."""
    from services.scoring import store
    from services.scoring.store import cases
    from services.scoring.tables import evidence

    def add_pieces(uow: Any, cohort: Any, participant: Any, submission: Any, pieces: Any, at: datetime) -> None:
        for piece in pieces:
            uow.insert_once(evidence, cases._row(cohort, participant, submission, piece, at))

    put(cases, lock_cases=lambda *_: None)
    put(store, lock_cases=lambda *_: None, add_pieces=add_pieces)


def nobody_holds_the_file() -> None:
    """SQLite, whose lock on a case is its one writer: no lock on the file, and each statement commits by itself."""
    from shared.db import Database

    @contextmanager
    def anybody(_db: Database) -> Iterator[None]:
        yield

    put(Database, _one_writer=anybody, _transaction=lambda _db, _connection: nullcontext())
