"""The judge sees what is wrong: a run that went well has nothing, and each thing that is spoilt in it is told."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.intake.tables import evidence as published
from services.intake.tables import pieces, submissions
from services.reporting.tables import messages, plans
from services.scoring.tables import evidence, results
from shared.bus import deliveries
from shared.db import Database, UnitOfWork
from tests.builders.bench import TOKEN, Bench
from tests.builders.cohort_folder import WrittenCohort, write_cohort
from tests.chaos.arena import SECRET, SMALL_RULES
from tests.chaos.judge import Evidence, judge
from tests.chaos.sink import Accepted
from tests.chaos.vendor import Ledger, response, upload


@pytest.fixture(scope="module")
def gone_through(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> WrittenCohort:
    """A small cohort that went through a whole installation without any fault; its database lies beside its folder."""
    home = tmp_path_factory.mktemp("judged")
    shutil.copy(sqlite_template, home / "test.db")
    made = write_cohort(
        home / "cohort",
        cohort="judged",
        participants=2,
        organisations=1,
        secret=SECRET,
        rules=SMALL_RULES,
        incomplete=False,
    )
    db = Database(f"sqlite:///{home / 'test.db'}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALENTLINE_SECRET_JUDGED", SECRET)
        bench = Bench(db, home, patch)
        bench.open(made.folder)
        bench.feed(made.folder, "judged")
    db.close()
    return made


@pytest.fixture
def written(gone_through: WrittenCohort, tmp_path: Path) -> WrittenCohort:
    """The same, with a copy of its database for this test (fixture `db`)."""
    shutil.copy(gone_through.folder.parent / "test.db", tmp_path / "test.db")
    return gone_through


@pytest.fixture
def db(written: WrittenCohort, tmp_path: Path) -> Iterator[Database]:
    """The database of the cohort that went through."""
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    yield database
    database.close()


def seen(connection: sa.Connection, written: WrittenCohort) -> Evidence:
    """What the judge looks at; the mail folder stands for the mail server's log."""
    sheets = [*written.files("development_day/*.xlsx"), *written.files("written/*.csv")]
    parcels = [response(file) for file in written.files("deliveries/*.json")]
    parcels = [each for each in parcels if each.kind != "forged_signature"]
    ledger = Ledger()
    for parcel in (*parcels, *(upload("judged", file, TOKEN) for file in sheets)):
        ledger.note(parcel, 200, 0.1)
    mails = sorted((written.folder.parent / "mail").glob("*.eml"))
    complete = frozenset(written.participants)
    return Evidence(connection, written, ledger, [accepted(mail.read_bytes()) for mail in mails], complete)


def accepted(content: bytes) -> Accepted:
    message = message_from_bytes(content, policy=default)
    to = message["To"].addresses[0].addr_spec
    return Accepted(0.0, str(message["Message-ID"]), to, 1, hashlib.sha256(content).hexdigest())


def violations(
    db: Database, written: WrittenCohort, change: Callable[[Evidence], Evidence] = lambda found: found
) -> Sequence[str]:
    with db.read() as connection:
        return judge(change(seen(connection, written)))


def test_a_run_that_went_well_has_nothing_wrong(db: Database, written: WrittenCohort) -> None:
    assert violations(db, written) == []


def _mails_doubled(found: Evidence) -> Evidence:
    return replace(found, accepted=[*found.accepted, found.accepted[0]])


def _mail_lost(found: Evidence) -> Evidence:
    return replace(found, accepted=found.accepted[1:])


def _other_bytes(found: Evidence) -> Evidence:
    return replace(found, accepted=[replace(each, digest="0" * 64) for each in found.accepted])


def _never_acknowledged(found: Evidence) -> Evidence:
    found.ledger.acked["0" * 64] = 0.0
    return found


def _not_complete(found: Evidence) -> Evidence:
    return replace(found, complete=frozenset())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_mails_doubled, "mailed twice"),
        (_mail_lost, "one plan each"),
        (_mail_lost, "untrue state"),
        (_other_bytes, "other bytes"),
        (_never_acknowledged, "lost at the door"),
        (_not_complete, "scored on the latest"),
    ],
)
def test_what_the_outside_saw_is_held_against_the_database(
    db: Database, written: WrittenCohort, change: Callable[[Evidence], Evidence], told: str
) -> None:
    assert any(each.startswith(told) for each in violations(db, written, change))


def _forget_a_submission(uow: UnitOfWork) -> None:
    uow.execute(sa.update(submissions).values(state="received"))


def _lose_evidence(uow: UnitOfWork) -> None:
    uow.execute(sa.delete(evidence))


def _leave_pending(uow: UnitOfWork) -> None:
    uow.execute(sa.update(deliveries).values(state="pending"))


def _say_nothing(uow: UnitOfWork) -> None:
    uow.execute(sa.delete(pieces))
    uow.execute(sa.delete(published))


def _park_without_reason(uow: UnitOfWork) -> None:
    uow.execute(sa.update(deliveries).values(state="parked", last_error=None))


def _score_again(uow: UnitOfWork) -> None:
    first = uow.execute(sa.select(results).limit(1)).mappings().one()
    uow.execute(sa.insert(results).values(**dict(first) | {"id": "again", "version": first["version"] + 5}))


def _score_too_early(uow: UnitOfWork) -> None:
    uow.execute(sa.delete(evidence).where(evidence.c.instrument == "development_day"))


def _leave_uncertain(uow: UnitOfWork) -> None:
    uow.execute(sa.update(messages).values(state="uncertain"))


def _release_a_revision(uow: UnitOfWork) -> None:
    first = uow.execute(sa.select(plans).limit(1)).mappings().one()
    uow.execute(sa.insert(plans).values(**dict(first) | {"revision": 7, "state": "released"}))


def _unrelease(uow: UnitOfWork) -> None:
    uow.execute(sa.update(plans).values(state="draft"))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_forget_a_submission, "forgotten"),
        (_lose_evidence, "lost on the way to scoring"),
        (_say_nothing, "lost on the way to scoring"),
        (_leave_pending, "unfinished"),
        (_park_without_reason, "unfinished"),
        (_score_again, "scored once"),
        (_score_too_early, "scored on part"),
        (_lose_evidence, "scored on the latest"),
        (_leave_uncertain, "untrue state"),
        (_release_a_revision, "untrue state"),
        (_unrelease, "first plan"),
    ],
)
def test_what_is_spoilt_in_the_database_is_told(
    db: Database, written: WrittenCohort, spoil: Callable[[UnitOfWork], None], told: str
) -> None:
    with db.write() as uow:
        spoil(uow)
    assert any(each.startswith(told) for each in violations(db, written))
