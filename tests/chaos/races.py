"""The last two pieces of evidence about many participants, each pair at the same instant, in threads of two processes.

The handlers of scoring are called directly: what is raced here is the case, thousands of times in seconds.
"""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from services.scoring import handlers as scoring
from services.scoring.core.evidence import Piece
from services.scoring.tables import cases
from shared.bus import events
from shared.cohort.definition import AppraisalRequirement
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.errors import TransientError
from shared.events import EvidenceRecorded, ParticipantScored
from shared.handling import Together
from shared.ids import CohortId, OrganisationId, ParticipantId, new_id
from shared.people import Participant
from shared.words import Instrument, Relationship
from tests.builders.scoring_case import a_definition, a_response, requirements

COHORT = CohortId("races")
LAST = (a_response("S", Relationship.SELF, 4), a_response("L", Relationship.LINE_MANAGER, 3))
PROCESSES = 2
ATTEMPTS = 40

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.chaos.warm"])


@dataclass(frozen=True, slots=True)
class Races:
    """What came of them. `missed`: nobody scored it; `double`: somebody scored it again."""

    races: int
    missed: int
    double: int
    collided: int
    """Only a unique key prevented a second score."""
    retries: int
    """Transactions that the database asked to do again."""


def race(url: str, participants: int, alteration: str = "") -> Races:
    """Race for so many participants on an empty database. `alteration`: `module:function`, called in both racers."""
    people = [ParticipantId(f"P-{number}") for number in range(participants)]
    db = Database(url)
    _open(db, people)
    retries, collided = _server.Value("i", 0), _server.Value("i", 0)
    racers = [
        _server.Process(target=_racers, args=(url, people[number::PROCESSES], retries, collided, alteration))
        for number in range(PROCESSES)
    ]
    for each in racers:
        each.start()
    for each in racers:
        each.join()
    if any(each.exitcode for each in racers):
        raise RuntimeError(f"the racers ended with {[each.exitcode for each in racers]}")
    scored = _scored(db)
    db.close()
    return Races(
        races=participants,
        missed=sum(each not in scored for each in people),
        double=sum(times - 1 for times in scored.values()),
        collided=collided.value,
        retries=retries.value,
    )


def _open(db: Database, people: Sequence[ParticipantId]) -> None:
    """The cohort, with a case for everybody: all but the last two pieces have come."""
    needed = {Relationship.SELF: 1, Relationship.LINE_MANAGER: 1}
    asked = requirements(
        appraisal_360=AppraisalRequirement(responses=needed), development_day=None, written_assessment=None
    )
    definition = a_definition(
        cohort=COHORT, evidence=asked, weights={Instrument.APPRAISAL_360: 1.0}, exercises=(), criteria=()
    )
    listed = tuple(
        Participant(each, "A", "Leader", f"{each}@example.org", OrganisationId("O1"), None) for each in people
    )
    with db.write() as uow:
        folder = CohortFolder(definition, listed, (), ())
        open_cohort(uow, folder, update=False, actor="chaos", has_evidence=False, people_with_evidence=set())
        now = datetime.now(UTC)
        uow.execute(sa.insert(cases), [{"cohort": COHORT, "participant": each, "changed_at": now} for each in people])


def _racers(url: str, people: Sequence[ParticipantId], retries: Any, collided: Any, alteration: str) -> None:
    """One process: two threads that meet at every participant."""
    if alteration:
        module, _, function = alteration.partition(":")
        getattr(import_module(module), function)()
    db, barrier = Database(url), threading.Barrier(len(LAST))
    work = scoring.handlers()[EvidenceRecorded.name]
    handle: Any = work.work if isinstance(work, Together) else work

    def race_on(last: Piece) -> None:
        piece = {name: getattr(last, name) for name in Piece.__slots__}
        for each in people:
            fields = {"submission": new_id(), "cohort": COHORT, "participant": each, "pieces": [piece]}
            event = EvidenceRecorded.model_validate(fields)
            barrier.wait(60)
            _told(db, handle, event, retries, collided)

    with ThreadPoolExecutor(len(LAST)) as pool:
        list(pool.map(race_on, LAST))


def _told(db: Database, handle: Any, event: EvidenceRecorded, retries: Any, collided: Any) -> None:
    for _ in range(ATTEMPTS):
        try:
            with db.write() as uow:
                handle(uow, event)
        except TransientError:
            with retries.get_lock():
                retries.value += 1
        except sa.exc.IntegrityError:
            with collided.get_lock():
                collided.value += 1
            return
        else:
            return
    raise RuntimeError("the database never let this evidence in")


def _scored(db: Database) -> Counter[str]:
    with db.read() as connection:
        rows = connection.execute(sa.select(events.c.payload).where(events.c.name == ParticipantScored.name))
        return Counter(row.payload["participant"] for row in rows)
