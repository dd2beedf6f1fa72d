"""A worker that is killed at any step of sending leaves one mail, or a doubt that is settled: never two, never none.

The worker is a process of its own that is really killed; mail server, archive mailbox and databases are real.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.reporting.channels import channel_for
from services.reporting.mail import send_again
from services.reporting.tables import messages
from shared import delivery
from shared.db import Database
from shared.events import PlanReleased, PlanSent
from shared.outbox import publish
from shared.words import ReleasePolicy
from tests.builders.dying import PLACES, worker_that_dies
from tests.builders.reporting import COHORT, P1, a_definition, a_scored
from tests.builders.reporting_bench import ReportingBench
from tests.servers.imap import ADDRESS as ARCHIVE
from tests.servers.imap import ArchiveServer
from tests.servers.mail import MailServer, Postbox

AUTOMATIC = a_definition(policy=ReleasePolicy.AUTOMATIC)
LEFT = {"after the closing dot", "after 250", "before the receipt is committed"}
"""Places at which the mail server has the message."""
IN_DOUBT = LEFT | {"after the hand-over is committed", "before the closing dot"}
"""Places at which nobody on our side knows whether it has."""


@contextmanager
def a_plan_to_send(db: Database, folder: Path, *, archived: bool) -> Iterator[tuple[ReportingBench, Postbox]]:
    """A released plan whose delivery nobody has taken yet, and the mail server that it goes to."""
    with ArchiveServer() as archive, MailServer(Postbox(mailboxes={ARCHIVE: archive.deliver})) as server:
        mail_url = f"smtp://127.0.0.1:{server.port}?timeout=20"
        mail_archive = archive.url() if archived else None
        bench = ReportingBench(
            db,
            folder,
            AUTOMATIC,
            channel=channel_for(mail_url, mail_archive),
            mail_url=mail_url,
            mail_archive=mail_archive,
        )
        with db.write() as uow:
            publish(uow, a_scored())
        (drafting,) = bench.due()
        delivery.run(db, drafting, bench.handlers)
        yield bench, server.postbox


def dies(bench: ReportingBench, place: str) -> None:
    url = bench.db.url.render_as_string(hide_password=False)
    worker_that_dies(url, bench.due(), bench.settings, place)
    bench.worker_died()


def state(db: Database) -> str:
    with db.read() as connection:
        return connection.execute(sa.select(messages.c.state)).scalar_one_or_none() or "not printed"


@pytest.mark.parametrize("place", PLACES)
def test_a_worker_that_is_killed_leaves_one_mail(any_db: Database, tmp_path: Path, place: str) -> None:
    with a_plan_to_send(any_db, tmp_path, archived=True) as (bench, postbox):
        dies(bench, place)
        bench.work()
        assert len(postbox.taken) == (1 if place in LEFT or place not in IN_DOUBT else 0)
        assert state(any_db) == ("uncertain" if place in IN_DOUBT else "sent")
        if place in IN_DOUBT:
            bench.hours_pass(25)
        assert state(any_db) == "sent"
        assert len(postbox.taken) == 1
        assert bench.published(PlanSent) == 1
        assert {state for state, _ in bench.states(PlanReleased)} == {"done"}


@pytest.mark.parametrize("place", sorted(IN_DOUBT))
def test_without_a_proof_the_doubt_is_left_to_a_person(db: Database, tmp_path: Path, place: str) -> None:
    with a_plan_to_send(db, tmp_path, archived=False) as (bench, postbox):
        dies(bench, place)
        for _ in range(3):
            bench.time_passes()
            bench.work()
        assert len(postbox.taken) == (1 if place in LEFT else 0)
        assert state(db) == "held"
        with db.write() as uow:
            send_again(uow, COHORT, [P1], by="A. Coordinator")
        bench.work()
        assert len(postbox.taken) == (2 if place in LEFT else 1)
        assert len(set(postbox.taken)) == 1
        assert state(db) == "sent"


def test_a_worker_that_was_paused_at_354_sends_nothing_once_another_has_the_mail(
    any_db: Database, tmp_path: Path
) -> None:
    with a_plan_to_send(any_db, tmp_path, archived=False) as (bench, postbox):
        sessions: list[str] = []

        def paused() -> None:
            """The first session waits for 354 so long that its lease is over, and another worker sends the mail."""
            sessions.append("begun")
            if len(sessions) == 1:
                bench.worker_died()
                bench.work()

        postbox.meanwhile["announce"] = paused
        bench.work()
        assert len(sessions) == 2
        assert len(postbox.taken) == 1
        assert state(any_db) == "sent"
        assert bench.published(PlanSent) == 1


def test_a_relay_that_comes_back_gets_every_mail_once(any_db: Database, tmp_path: Path) -> None:
    with a_plan_to_send(any_db, tmp_path, archived=False) as (bench, postbox):
        postbox.mail = "451 4.3.0 the queue is full"
        for _ in range(12):
            bench.time_passes()
            bench.work()
        assert (postbox.taken, state(any_db)) == ([], "pending")
        postbox.mail = ""
        bench.time_passes()
        bench.work()
        assert (len(postbox.taken), state(any_db)) == (1, "sent")


@pytest.mark.parametrize("moment", ["stall", "hang_up"])
def test_a_mail_server_that_takes_the_mail_and_does_not_say_so_is_believed_by_the_archive(
    db: Database, tmp_path: Path, moment: str
) -> None:
    with a_plan_to_send(db, tmp_path, archived=True) as (bench, postbox):
        setattr(postbox, moment, "data")
        bench.use(
            channel_for(f"{bench.settings.mail_url}".replace("timeout=20", "timeout=1"), bench.settings.mail_archive)
        )
        bench.work()
        assert (len(postbox.taken), state(db)) == (1, "uncertain")
        bench.hours_pass(0.25)
        assert (len(postbox.taken), state(db)) == (1, "sent")
