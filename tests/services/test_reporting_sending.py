"""Sending a released plan: one mail, whatever breaks on the way. On real databases."""

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.reporting.core.channel import (
    ChannelAway,
    ChannelUnavailable,
    OutgoingMessage,
    Proof,
    PutOff,
    Uncertain,
    Undeliverable,
)
from services.reporting.handlers import handlers
from services.reporting.mail import send_again
from services.reporting.sending import Rendering
from services.reporting.settings import ReportingSettings
from services.reporting.store import message_bytes
from services.reporting.tables import messages
from shared.bus import deliveries, lanes, timers
from shared.db import Database
from shared.delivery import replay
from shared.errors import FenceLost
from shared.events import Event, MailProofDue, PlanReleased, PlanSent
from shared.handling import Commit, Effect
from shared.ids import DeliveryId
from shared.outbox import publish
from shared.people import participants
from shared.words import ReleasePolicy
from tests.builders.reporting import COHORT, P1, a_definition, a_scored
from tests.builders.reporting_bench import Outside, ReportingBench

AUTOMATIC = a_definition(policy=ReleasePolicy.AUTOMATIC)


def message_state(db: Database) -> tuple[str, str | None, int]:
    m = messages.c
    with db.read() as connection:
        row = connection.execute(sa.select(m.state, m.words, m.attempts)).one()
    return row.state, row.words, row.attempts


def attempts(db: Database) -> int:
    """How many attempts the latest delivery has spent."""
    query = sa.select(deliveries.c.attempts).order_by(deliveries.c.id.desc()).limit(1)
    with db.read() as connection:
        return int(connection.execute(query).scalar_one())


class Died(BaseException):
    """The worker ends here; nothing that it holds runs any more."""


def cut_off(bench: ReportingBench, outside: Outside) -> None:
    """A worker that dies after the other side took the message, before it heard so."""

    def dies(message: OutgoingMessage) -> None:
        outside.taken.append(message)
        raise Died

    outside.answer = dies
    with pytest.raises(Died):
        bench.hears(a_scored())
    outside.answer = None
    bench.worker_died()


def failing(errors: Iterable[Exception], knows: Callable[[], Proof] | None = None) -> Outside:
    """A way out that answers so, once each, and then takes what comes."""
    left = list(errors)

    def answer(_message: OutgoingMessage) -> None:
        if left:
            raise left.pop(0)

    return Outside(answer, knows)


# ------------------------------------------------------------------------------------------------- cut off in mid-way


def test_a_worker_that_dies_in_the_hand_over_leaves_one_mail_in_the_folder(any_db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC)
    effect = bench.handlers[PlanReleased.name]
    assert isinstance(effect, Effect)
    act = effect.act

    def dies(prepared: object, commit: Commit) -> None:
        act(prepared, commit)
        raise Died

    object.__setattr__(effect, "act", dies)
    with pytest.raises(Died):
        bench.hears(a_scored())
    object.__setattr__(effect, "act", act)
    assert message_state(any_db)[0] == "handing_over"
    bench.worker_died()
    bench.work()
    assert len(bench.mails()) == 1
    assert message_state(any_db) == ("sent", bench.mail_name(), 2)
    assert bench.published(PlanSent) == 1


def test_a_worker_that_dies_in_a_hand_over_that_nothing_proves_leaves_the_mail_to_a_person(
    any_db: Database, tmp_path: Path
) -> None:
    outside = Outside()
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    cut_off(bench, outside)
    bench.work()
    assert len(outside.taken) == 1
    assert message_state(any_db)[:2] == ("held", "a worker stopped while the mail was being handed over")
    assert bench.states(PlanReleased) == [("done", None)]
    assert "ask the participant" in str(bench.plans()[0].waiting)


def test_a_mail_that_is_held_is_not_sent_by_telling_of_its_release_again(db: Database, tmp_path: Path) -> None:
    outside = Outside()
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    cut_off(bench, outside)
    for _ in range(2):
        bench.hears(PlanReleased(cohort=COHORT, participant=P1, revision=1))
    assert len(outside.taken) == 1


def test_a_mail_that_was_cut_off_in_one_way_out_is_not_sent_by_another(db: Database, tmp_path: Path) -> None:
    outside = Outside()
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    cut_off(bench, outside)
    bench.use(None)
    bench.work()
    assert bench.mails() == []
    assert message_state(db)[0] == "held"


# ------------------------------------------------------------------------------------------------- what a proof tells


def in_doubt(db: Database, tmp_path: Path, knows: Callable[[], Proof]) -> tuple[ReportingBench, Outside]:
    outside = failing([Uncertain("contact was lost")], knows)
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    assert outside.taken == []
    assert message_state(db) == ("uncertain", "contact was lost", 1)
    assert bench.states(PlanReleased) == [("done", None)]
    return bench, outside


def test_a_mail_whose_proof_is_found_is_sent(any_db: Database, tmp_path: Path) -> None:
    bench, outside = in_doubt(any_db, tmp_path, lambda: Proof.ARRIVED)
    assert "its proof is looked up" in str(bench.plans()[0].waiting)
    bench.hours_pass(0.25)
    assert outside.taken == []
    assert message_state(any_db)[0] == "sent"
    assert bench.plans()[0].sent
    assert bench.published(PlanSent) == 1


def test_a_mail_that_is_not_there_after_a_day_is_sent_again_with_its_key(any_db: Database, tmp_path: Path) -> None:
    bench, outside = in_doubt(any_db, tmp_path, lambda: Proof.ABSENT)
    key = bench.plans()[0].message_id
    for _ in range(5):
        bench.hours_pass(4)
    assert (outside.taken, message_state(any_db)[0]) == ([], "uncertain")
    bench.hours_pass(4)
    assert [message.key for message in outside.taken] == [key]
    assert message_state(any_db) == ("sent", "250 taken", 2)
    assert bench.published(PlanSent) == 1


def test_a_proof_that_cannot_be_asked_for_in_a_whole_day_leaves_the_mail_to_a_person(
    any_db: Database, tmp_path: Path
) -> None:
    def away() -> Proof:
        raise ChannelAway("the archive mailbox can't be asked")

    bench, outside = in_doubt(any_db, tmp_path, away)
    for _ in range(45):
        bench.time_passes()
        bench.hours_pass(0.25)
    assert message_state(any_db)[0] == "uncertain"
    assert attempts(any_db) == 0
    bench.time_passes()
    bench.hours_pass(24)
    assert (outside.taken, message_state(any_db)[0]) == ([], "held")


def test_a_look_up_that_comes_after_the_doubt_is_over_changes_nothing(db: Database, tmp_path: Path) -> None:
    bench, outside = in_doubt(db, tmp_path, lambda: Proof.ABSENT)
    with db.read() as connection:
        hand_over = connection.execute(sa.select(messages.c.hand_over)).scalar_one()
    with db.write() as uow:
        send_again(uow, COHORT, [P1], by="Coordinator")
        look = sa.select(timers.c.name).where(timers.c.event == MailProofDue.name)
        assert uow.execute(look).all() == []
    bench.work()
    bench.hears(MailProofDue(cohort=COHORT, participant=P1, revision=1, hand_over=hand_over))
    assert len(outside.taken) == 1
    assert message_state(db)[0] == "sent"


def test_a_proof_is_asked_of_the_way_out_that_had_the_mail_and_of_no_other(db: Database, tmp_path: Path) -> None:
    bench, _ = in_doubt(db, tmp_path, lambda: Proof.ABSENT)
    bench.use(None)  # the folder, which would say that it is not there
    bench.hours_pass(30)
    assert bench.mails() == []
    assert message_state(db)[0] == "held"


# ---------------------------------------------------------------------------------------------------- tried again


def test_a_mail_that_is_put_off_is_tried_again(any_db: Database, tmp_path: Path) -> None:
    outside = failing([ChannelUnavailable("451 later"), ChannelUnavailable("452 full")])
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    assert message_state(any_db)[0] == "pending"
    assert "it is tried again: ChannelUnavailable: 451 later" in str(bench.plans()[0].waiting)
    for _ in range(2):
        bench.time_passes()
        bench.work()
    assert len(outside.taken) == 1
    assert message_state(any_db) == ("sent", "250 taken", 3)


def test_the_time_that_the_other_side_asks_for_is_given(any_db: Database, tmp_path: Path) -> None:
    outside = failing([PutOff("450 greylisted", timedelta(minutes=20))])
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    with any_db.read() as connection:
        assert connection.execute(sa.select(lanes.c.name).where(lanes.c.failures > 0)).all() == []
    assert 15 * 60 < bench.seconds_until_due() <= 20 * 60


def test_a_relay_that_is_away_for_days_costs_no_attempt(any_db: Database, tmp_path: Path) -> None:
    outside = failing(ChannelAway("no connection to the mail server") for _ in range(45))
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    for _ in range(44):
        bench.time_passes()
        bench.work()
    assert attempts(any_db) == 0
    assert message_state(any_db)[0] == "pending"
    bench.time_passes()
    bench.work()
    assert len(outside.taken) == 1


def test_nobody_knocks_at_a_relay_that_is_away_until_it_is_time(any_db: Database, tmp_path: Path) -> None:
    calls: list[str] = []

    def away(message: OutgoingMessage) -> None:
        calls.append(message.key)
        raise ChannelAway("no connection to the mail server")

    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=Outside(away))
    bench.hears(a_scored())
    for _ in range(8):
        bench.all_is_due()
        bench.work()
    assert len(calls) == 5
    assert bench.seconds_until_due() > 5
    with any_db.read() as connection:
        assert connection.execute(sa.select(lanes.c.failures).where(lanes.c.name == "mail")).scalar_one() == 5


def test_a_refusal_is_recorded_and_not_tried_again(db: Database, tmp_path: Path) -> None:
    outside = failing([Undeliverable("550 no such user")])
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    bench.time_passes()
    bench.work()
    assert message_state(db)[:2] == ("undeliverable", "550 no such user")
    assert bench.states(PlanReleased) == [("done", None)]
    assert bench.published(PlanSent) == 0
    assert "refused for good: 550 no such user" in str(bench.plans()[0].waiting)


def test_a_mail_that_is_tried_again_goes_to_the_address_that_was_corrected_meanwhile(
    db: Database, tmp_path: Path
) -> None:
    outside = failing([ChannelUnavailable("451 later")])
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    with db.write() as uow:
        uow.execute(sa.update(participants).values(email="right@example.org"))
    bench.time_passes()
    bench.work()
    assert [message.recipient for message in outside.taken] == ["right@example.org"]
    assert b"right@example.org" in outside.taken[0].content
    with db.read() as connection:
        assert message_bytes(connection, COHORT, P1) == outside.taken[0].content


@pytest.mark.parametrize("error", [Uncertain("lost after the dot"), ValueError("a mistake of ours")])
def test_whatever_may_have_been_sent_is_not_sent_again(db: Database, tmp_path: Path, error: Exception) -> None:
    outside = failing([error])
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    for _ in range(3):
        bench.time_passes()
        bench.work()
    assert outside.taken == []
    assert message_state(db)[0] == "held"
    assert bench.states(PlanReleased)[0][0] == "done"


def test_a_mistake_of_ours_is_tried_again_where_that_is_harmless(db: Database, tmp_path: Path) -> None:
    outside = failing([ValueError("a mistake of ours")])
    outside.exact_once = True
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    bench.time_passes()
    bench.work()
    assert len(outside.taken) == 1


# ------------------------------------------------------------------------------------- the hand-over, the fence, keys


def test_nothing_is_sent_once_the_delivery_is_in_other_hands(any_db: Database, tmp_path: Path) -> None:
    outside = Outside()
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    raised: list[FenceLost] = []
    send = outside.send

    def paused(message: OutgoingMessage, handing_over: Callable[[], None]) -> object:
        if not raised:
            with any_db.write() as uow:
                uow.execute(sa.update(deliveries).where(deliveries.c.state == "running").values(fence=99))
            try:
                handing_over()
            except FenceLost as error:
                raised.append(error)
                raise
        return send(message, handing_over)

    outside.send = paused  # type: ignore[method-assign, assignment]
    bench.hears(a_scored())
    assert len(raised) == 1
    assert message_state(any_db)[0] == "pending"
    bench.worker_died()
    bench.work()
    assert len(outside.taken) == 1


def test_two_deliveries_of_one_release_hand_the_mail_over_once(any_db: Database, tmp_path: Path) -> None:
    """The second comes while the first is at it, and ends first."""
    outside = Outside()
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    release = PlanReleased(cohort=COHORT, participant=P1, revision=1)

    def meanwhile(_message: OutgoingMessage) -> None:
        outside.answer = None
        with any_db.write() as uow:
            publish(uow, release)
        bench.work()

    outside.answer = meanwhile
    bench.hears(a_scored())
    assert len(outside.taken) == 1
    assert message_state(any_db) == ("sent", "250 taken", 1)
    assert bench.published(PlanSent) == 1


def test_of_two_that_hold_the_printed_mail_one_hands_it_over(any_db: Database, tmp_path: Path) -> None:
    """The second overtakes the first between printing and handing over."""
    outside = Outside()
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    overtaken: list[OutgoingMessage] = []
    send = outside.send

    def slow(message: OutgoingMessage, handing_over: Callable[[], None]) -> object:
        if not overtaken:
            overtaken.append(message)
            with any_db.write() as uow:
                publish(uow, PlanReleased(cohort=COHORT, participant=P1, revision=1))
            bench.work()
        return send(message, handing_over)

    outside.send = slow  # type: ignore[method-assign, assignment]
    bench.hears(a_scored())
    bench.time_passes()
    bench.work()
    assert len(outside.taken) == 1
    assert [state for state, _ in bench.states(PlanReleased)] == ["done", "done"]
    assert bench.published(PlanSent) == 1


def test_the_database_refuses_a_second_mail_of_a_plan_and_a_second_use_of_its_key(
    any_db: Database, tmp_path: Path
) -> None:
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=Outside())
    bench.hears(a_scored())
    with any_db.read() as connection:
        row = dict(connection.execute(sa.select(messages)).mappings().one())
    for changed in ({"message_id": "<another@example.org>"}, {"revision": 2}):
        with pytest.raises(sa.exc.IntegrityError), any_db.write() as uow:
            uow.execute(sa.insert(messages).values(**row | changed))


def test_a_new_result_after_a_plan_was_sent_mails_nothing_by_itself(any_db: Database, tmp_path: Path) -> None:
    outside = Outside()
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored(), a_scored({"C2": 1.0}, version=2))
    assert [plan.state for plan in bench.plans()] == ["sent", "draft"]
    bench.hears(PlanReleased(cohort=COHORT, participant=P1, revision=2))
    assert len(outside.taken) == 1
    (_, (state, error)) = bench.states(PlanReleased)
    assert (state, "is not released" in str(error)) == ("parked", True)


# ------------------------------------------------------------------------------------------------- bytes and documents


def test_no_transaction_is_open_while_the_mail_is_printed_and_sent(any_db: Database, tmp_path: Path) -> None:
    def writes(*_: object) -> bytes:
        with any_db.write() as uow:  # would wait for ever if the worker held the database
            uow.execute(sa.update(participants).values(organisation="N"))
        return b"%PDF"

    def also_writes(_message: OutgoingMessage) -> None:
        writes()

    bench = ReportingBench(
        any_db, tmp_path, AUTOMATIC, channel=Outside(also_writes), rendering=Rendering(plan_pdf=writes)
    )
    worker = threading.Thread(target=bench.hears, args=(a_scored(),), daemon=True)
    worker.start()
    worker.join(timeout=60)
    assert not worker.is_alive()
    assert bench.plans()[0].sent


def test_the_bytes_are_stored_before_they_go_out(db: Database, tmp_path: Path) -> None:
    stored: list[bytes] = []

    def looks(_message: OutgoingMessage) -> None:
        with db.read() as connection:
            stored.append(message_bytes(connection, COHORT, P1))

    outside = Outside(looks)
    ReportingBench(db, tmp_path, AUTOMATIC, channel=outside).hears(a_scored())
    assert stored == [outside.taken[0].content]


def test_a_retry_prints_nothing_anew(db: Database, tmp_path: Path) -> None:
    printed: list[object] = []

    def prints(document: object) -> bytes:
        printed.append(document)
        return b"%PDF"

    outside = failing([ChannelUnavailable("451 later")])
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside, rendering=Rendering(plan_pdf=prints))
    bench.hears(a_scored())
    bench.time_passes()
    bench.work()
    assert (len(printed), len(outside.taken)) == (1, 1)


def test_a_release_that_is_told_twice_sends_once(db: Database, tmp_path: Path) -> None:
    outside = Outside()
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    again: Event = PlanReleased(cohort=COHORT, participant=P1, revision=1)
    bench.hears(a_scored(), again, again)
    assert len(outside.taken) == 1
    assert bench.published(PlanSent) == 1


def test_an_unusable_address_is_parked_and_sent_once_it_is_right(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path, AUTOMATIC)
    with db.write() as uow:
        uow.execute(sa.update(participants).values(email="nobody"))
    bench.hears(a_scored())
    ((state, error),) = bench.states(PlanReleased)
    assert (state, "roster.csv" in str(error), "nobody" in str(error)) == ("parked", True, False)
    with db.write() as uow:
        uow.execute(sa.update(participants).values(email="right@example.org"))
        replay(uow, [DeliveryId(2)])
    bench.work()
    assert len(bench.mails()) == 1


def test_the_real_documents_are_printed_and_mailed(db: Database, tmp_path: Path) -> None:
    bench = ReportingBench(db, tmp_path, AUTOMATIC, rendering=Rendering())
    bench.hears(a_scored())
    (mail,) = bench.mails()
    (attachment,) = mail.iter_attachments()
    assert attachment.get_content().startswith(b"%PDF-")
    body = mail.get_body(["plain"])
    assert body is not None
    assert "Siân" in body.get_content()
    assert "Domain A" not in body.get_content()


def test_settings_are_refused_with_a_cure() -> None:
    with pytest.raises(ValueError, match="TALENTLINE_MAIL_FROM must be a name and an address"):
        ReportingSettings(mail_from="nobody")
    archive = "imaps://archive:secret@imap.example.org/INBOX?address=archive@example.org"
    settings = ReportingSettings(
        mail_url="smtp://me:secret@relay.example.org:587?starttls=required", mail_archive=archive
    )
    assert settings.mail_shown == "smtp://relay.example.org:587"
    assert "secret" not in repr(settings)
    assert settings.domain == "example.org"
    assert handlers(settings)
