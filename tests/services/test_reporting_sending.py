"""Sending a released plan: one mail, whatever breaks on the way. On real databases and with real channels."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.reporting.commands import release
from services.reporting.core.channel import ChannelUnavailable, OutgoingMessage, Uncertain, Undeliverable
from services.reporting.handlers import handlers
from services.reporting.sending import Rendering
from services.reporting.settings import ReportingSettings
from services.reporting.store import message_bytes
from services.reporting.tables import messages
from shared import delivery
from shared.bus import deliveries
from shared.db import Database, UnitOfWork
from shared.delivery import replay
from shared.events import Event, PlanReleased, PlanSent
from shared.handling import Effect
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


def with_commit(bench: ReportingBench, write: Callable[[UnitOfWork], None]) -> None:
    """What an act commits in its middle."""
    with bench.db.write() as uow:
        write(uow)


def cut_off(bench: ReportingBench, event: PlanReleased, after: str) -> None:
    """A worker that dies after a step of the effect."""
    effect = bench.handlers[PlanReleased.name]
    assert isinstance(effect, Effect)
    with bench.db.write() as uow:
        prepared = effect.begin(uow, event)
    if after == "act":
        effect.act(prepared, lambda write: with_commit(bench, write))
    with bench.db.write() as uow:
        uow.execute(sa.update(deliveries).values(state="running", crashes=1))


def released(bench: ReportingBench) -> PlanReleased:
    """A plan that is released, its delivery not taken yet."""
    with bench.db.write() as uow:
        publish(uow, a_scored())
    (drafting,) = bench.due()
    delivery.run(bench.db, drafting, bench.handlers)
    return PlanReleased(cohort=COHORT, participant=P1, revision=1)


@pytest.mark.parametrize("after", ["begin", "act"])
def test_a_crash_during_the_hand_over_leaves_one_mail_in_the_folder(
    any_db: Database, tmp_path: Path, after: str
) -> None:
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC)
    cut_off(bench, released(bench), after)
    assert message_state(any_db)[0] == "handing_over"
    bench.time_passes()
    bench.work()
    assert len(bench.mails()) == 1
    assert message_state(any_db) == ("sent", bench.mail_name(), 2)
    assert bench.published(PlanSent) == 1


@pytest.mark.parametrize("after", ["begin", "act"])
def test_a_crash_during_a_hand_over_that_cannot_be_repeated_is_left_to_a_person(
    db: Database, tmp_path: Path, after: str
) -> None:
    outside = Outside()
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    cut_off(bench, released(bench), after)
    taken = len(outside.taken)
    bench.time_passes()
    bench.work()
    assert len(outside.taken) == taken
    assert message_state(db)[:2] == ("uncertain", "a worker stopped during the hand-over")
    ((state, error),) = bench.states(PlanReleased)
    assert state == "parked"
    assert "Ask the participant" in str(error)
    assert "it may have arrived" in str(bench.plans()[0].waiting)


def test_retrying_the_delivery_of_an_uncertain_message_does_not_send_it(db: Database, tmp_path: Path) -> None:
    outside = Outside()
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    cut_off(bench, released(bench), "act")
    for _ in range(2):
        bench.time_passes()
        bench.work()
        with db.write() as uow:
            replay(uow, [DeliveryId(2)])
    assert len(outside.taken) == 1


def test_resending_is_a_persons_decision_and_uses_the_same_key(any_db: Database, tmp_path: Path) -> None:
    outside = Outside()
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    cut_off(bench, released(bench), "act")
    bench.time_passes()
    bench.work()
    with any_db.write() as uow:
        (outcome,) = release(uow, COHORT, [P1], "Coordinator", resend=True)
    assert outcome.released
    bench.work()
    assert len(outside.taken) == 2
    assert outside.taken[0] == outside.taken[1]
    assert bench.plans()[0].sent


def failing(error: Callable[[], Exception], times: int = 1) -> Outside:
    left = [times]

    def answer(_message: OutgoingMessage) -> None:
        if left[0]:
            left[0] -= 1
            raise error()

    return Outside(answer)


def test_a_channel_that_is_away_is_tried_again(any_db: Database, tmp_path: Path) -> None:
    outside = failing(lambda: ChannelUnavailable("the relay is away"), times=2)
    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    assert message_state(any_db)[0] == "pending"
    assert "it is tried again: ChannelUnavailable: the relay is away" in str(bench.plans()[0].waiting)
    for _ in range(2):
        bench.time_passes()
        bench.work()
    assert len(outside.taken) == 1
    assert message_state(any_db) == ("sent", "250 taken", 3)


def test_a_refusal_is_recorded_and_not_tried_again(db: Database, tmp_path: Path) -> None:
    outside = failing(lambda: Undeliverable("550 no such user"))
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    bench.time_passes()
    bench.work()
    assert message_state(db)[:2] == ("undeliverable", "550 no such user")
    assert bench.states(PlanReleased) == [("done", None)]
    assert bench.published(PlanSent) == 0
    assert "refused: 550 no such user" in str(bench.plans()[0].waiting)


def test_a_refused_plan_goes_to_the_corrected_address(db: Database, tmp_path: Path) -> None:
    outside = failing(lambda: Undeliverable("550 no such user"))
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    with db.write() as uow:
        uow.execute(sa.update(participants).values(email="right@example.org"))
        (outcome,) = release(uow, COHORT, [P1], "Coordinator", resend=True)
        assert outcome.released
    bench.work()
    assert [message.recipient for message in outside.taken] == ["right@example.org"]


@pytest.mark.parametrize("error", [lambda: Uncertain("lost after the dot"), lambda: ValueError("a mistake of ours")])
def test_whatever_may_have_been_sent_is_not_sent_again(
    db: Database, tmp_path: Path, error: Callable[[], Exception]
) -> None:
    outside = failing(error)
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    bench.time_passes()
    bench.work()
    assert outside.taken == []
    assert message_state(db)[0] == "uncertain"
    assert bench.states(PlanReleased)[0][0] == "parked"


def test_a_mistake_of_ours_is_tried_again_where_that_is_harmless(db: Database, tmp_path: Path) -> None:
    outside = failing(lambda: ValueError("a mistake of ours"))
    outside.exact_once = True
    bench = ReportingBench(db, tmp_path, AUTOMATIC, channel=outside)
    bench.hears(a_scored())
    bench.time_passes()
    bench.work()
    assert len(outside.taken) == 1


def test_no_transaction_is_open_while_the_channel_is_called(any_db: Database, tmp_path: Path) -> None:
    def writes(_message: OutgoingMessage) -> None:
        with any_db.write() as uow:  # would wait for ever if the worker held the database
            uow.execute(sa.update(messages).values(channel="seen"))

    bench = ReportingBench(any_db, tmp_path, AUTOMATIC, channel=Outside(writes))
    worker = threading.Thread(target=bench.hears, args=(a_scored(),), daemon=True)
    worker.start()
    worker.join(timeout=15)
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
    settings = ReportingSettings(mail_url="smtp://me:secret@relay.example.org:587?starttls=required")
    assert settings.mail_shown == "smtp://relay.example.org:587"
    assert "secret" not in repr(settings)
    assert settings.domain == "example.org"
    assert handlers(settings)
