"""What people decide about mails that were refused or are in doubt: audited, and never twice by mistake."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.reporting.core.channel import OutgoingMessage, Proof, Uncertain, Undeliverable
from services.reporting.core.release import MessageState
from services.reporting.mail import NoReason, NoSuchMail, held, latest, mark_sent, send_again
from services.reporting.store.mails import deeds, mails
from shared.bus import audit, timers
from shared.db import Database
from shared.errors import UnknownCohort
from shared.events import MailProofDue, PlanReleased, PlanSent
from shared.ids import CohortId, ParticipantId
from shared.people import participants
from shared.words import ReleasePolicy
from tests.builders.reporting import COHORT, P1, P2, a_definition, a_scored
from tests.builders.reporting_bench import Outside, ReportingBench

AUTOMATIC = a_definition(policy=ReleasePolicy.AUTOMATIC)
REFUSED = Undeliverable("550 5.1.1 [address]: no such user")
LOST = Uncertain("contact was lost after the message was handed over")


class Case:
    """Reporting with a way out that answers P1's first mail so."""

    def __init__(self, db: Database, folder: Path, first: Exception, knows: Callable[[], Proof] | None = None) -> None:
        answers = [first]

        def answer(_message: OutgoingMessage) -> None:
            if answers:
                raise answers.pop()

        self.outside = Outside(answer, knows)
        self.bench = ReportingBench(db, folder, AUTOMATIC, people={P1: "local", P2: "local"}, channel=self.outside)
        self.db = db
        self.bench.hears(a_scored())

    def state(self) -> str:
        with self.db.read() as connection:
            return latest(connection, COHORT, P1).state.value

    def send_again(self) -> str:
        with self.db.write() as uow:
            (outcome,) = send_again(uow, COHORT, [P1], by="A. Coordinator", reason="she says so")
        self.bench.work()
        return outcome.words

    def mark_sent(self, by: str = "A. Coordinator", reason: str = "she has it") -> str:
        with self.db.write() as uow:
            outcome = mark_sent(uow, COHORT, P1, by=by, reason=reason)
        self.bench.work()
        return outcome.words

    def audited(self) -> list[tuple[str, str, str]]:
        with self.db.read() as connection:
            rows = connection.execute(sa.select(audit.c.actor, audit.c.action, audit.c.subject))
            return [(row.actor, row.action, row.subject) for row in rows]


def test_a_mail_that_a_person_knows_to_have_arrived_counts_as_sent(any_db: Database, tmp_path: Path) -> None:
    case = Case(any_db, tmp_path, LOST)
    assert case.state() == "held"
    assert case.mark_sent() == "it counts as sent"
    assert (case.state(), case.outside.taken) == ("sent", [])
    assert case.bench.plans()[0].sent
    assert case.bench.published(PlanSent) == 1
    assert case.audited() == [("A. Coordinator", "mail.mark_sent", "pilot/P-1/1")]
    with any_db.read() as connection:
        (deed,) = deeds(connection, latest(connection, COHORT, P1))
    assert (deed.actor, deed.reason) == ("A. Coordinator", "she has it")


def test_a_mail_that_a_person_sends_again_keeps_its_key_and_its_bytes(any_db: Database, tmp_path: Path) -> None:
    case = Case(any_db, tmp_path, LOST)
    with any_db.read() as connection:
        key = latest(connection, COHORT, P1).message_id
    assert case.send_again() == "it is sent again"
    (message,) = case.outside.taken
    assert message.key == key
    assert f"Message-ID: {key}".encode() in message.content
    assert case.state() == "sent"
    assert case.audited() == [("A. Coordinator", "mail.send_again", "pilot/P-1/1")]


def test_asking_twice_sends_once(any_db: Database, tmp_path: Path) -> None:
    case = Case(any_db, tmp_path, LOST)
    case.send_again()
    assert "neither refused nor in doubt" in case.send_again()
    assert "nobody doubts it" in case.mark_sent()
    assert len(case.outside.taken) == 1
    assert len(case.audited()) == 1


def test_asking_twice_before_a_worker_comes_sends_once(any_db: Database, tmp_path: Path) -> None:
    case = Case(any_db, tmp_path, LOST)
    for _ in range(2):
        with any_db.write() as uow:
            send_again(uow, COHORT, [P1], by="A. Coordinator")
    case.bench.work()
    assert len(case.outside.taken) == 1
    assert case.bench.published(PlanReleased) == 2


def test_a_refused_mail_goes_to_the_corrected_address_when_a_person_says_so(any_db: Database, tmp_path: Path) -> None:
    case = Case(any_db, tmp_path, REFUSED)
    with any_db.write() as uow:
        uow.execute(sa.update(participants).values(email="right@example.org"))
    case.bench.time_passes()
    case.bench.work()
    assert (case.state(), case.outside.taken) == ("undeliverable", [])
    case.send_again()
    assert [message.recipient for message in case.outside.taken] == ["right@example.org"]


def test_a_refused_mail_is_not_marked_as_sent(db: Database, tmp_path: Path) -> None:
    case = Case(db, tmp_path, REFUSED)
    assert case.mark_sent() == "nobody doubts it: it is undeliverable"
    assert case.state() == "undeliverable"


@pytest.mark.parametrize("decide", [Case.send_again, Case.mark_sent])
def test_a_persons_word_ends_the_looking(any_db: Database, tmp_path: Path, decide: Callable[[Case], str]) -> None:
    case = Case(any_db, tmp_path, LOST, knows=lambda: Proof.ABSENT)
    assert case.state() == "uncertain"
    decide(case)
    assert case.state() == "sent"
    with any_db.read() as connection:
        look = sa.select(timers.c.name).where(timers.c.event == MailProofDue.name)
        assert connection.execute(look).all() == []


def test_whoever_says_that_it_arrived_says_how_they_know(db: Database, tmp_path: Path) -> None:
    case = Case(db, tmp_path, LOST)
    for by, reason in ((" ", "she has it"), ("A. Coordinator", "")):
        with pytest.raises(NoReason, match="--by and --reason"):
            case.mark_sent(by, reason)
    assert case.state() == "held"


def test_what_needs_a_person_is_listed_with_what_is_known_and_no_address(any_db: Database, tmp_path: Path) -> None:
    case = Case(any_db, tmp_path, REFUSED)
    case.bench.hears(a_scored(participant=P2))
    with any_db.read() as connection:
        everything = mails(connection)
        (waiting,) = held(connection, COHORT)
        assert held(connection, CohortId("another")) == []
    assert [mail.state for mail in everything] == [MessageState.UNDELIVERABLE, MessageState.SENT]
    assert (waiting.participant, waiting.words, waiting.channel) == (P1, REFUSED.words, "outside")
    assert "@example.org" not in str(waiting.words)
    assert waiting.since == waiting.settled_at


def test_a_doubt_says_when_it_is_looked_up_next(any_db: Database, tmp_path: Path) -> None:
    Case(any_db, tmp_path, LOST, knows=lambda: Proof.ABSENT)
    with any_db.read() as connection:
        (mail,) = mails(connection)
        assert held(connection) == []
    assert mail.next_look_at is not None
    assert mail.handed_over_at is not None
    assert (mail.next_look_at - mail.handed_over_at).total_seconds() == pytest.approx(900, abs=60)
    assert mail.since == mail.handed_over_at


def test_who_has_no_mail_is_told(db: Database, tmp_path: Path) -> None:
    Case(db, tmp_path, LOST)
    with pytest.raises(NoSuchMail, match="there is no mail"), db.write() as uow:
        send_again(uow, COHORT, [ParticipantId("P-9")], by="A. Coordinator")
    with pytest.raises(UnknownCohort), db.write() as uow:
        mark_sent(uow, CohortId("nowhere"), P1, by="A. Coordinator", reason="she has it")
