"""Sending a released plan: the effect that reaches outside the database (see `shared.handling.Effect`).

The message is rendered and stored first, the state committed before the channel is called, the receipt after. A message
that may have arrived is never sent again by itself, unless the channel makes that harmless.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.reporting.core.channel import (
    Channel,
    ChannelUnavailable,
    OutgoingMessage,
    Receipt,
    Uncertain,
    Undeliverable,
)
from services.reporting.core.documents import CohortReportDocument, MailWords, PlanDocument, RenderedMail
from services.reporting.core.keys import message_id
from services.reporting.core.message import Envelope, address_of, mail_words, message_for
from services.reporting.core.plan import issued, person_of
from services.reporting.core.release import MessageState, day_of
from services.reporting.rendering import cohort_report_pdf, plan_mail, plan_pdf
from services.reporting.settings import ReportingSettings
from services.reporting.store import messages, people, plans
from services.reporting.store.messages import Message
from shared import clock
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.events import PlanReleased, PlanSent
from shared.failure import explained
from shared.handling import Commit
from shared.ids import CohortId, ParticipantId
from shared.outbox import publish


@dataclass(frozen=True, slots=True)
class Rendering:
    """How documents are made readable."""

    plan_pdf: Callable[[PlanDocument], bytes] = plan_pdf
    cohort_report_pdf: Callable[[CohortReportDocument], bytes] = cohort_report_pdf
    plan_mail: Callable[[MailWords], RenderedMail] = plan_mail


@dataclass(frozen=True, slots=True)
class HandOver:
    """An attempt to hand a message over, or the finding that an earlier one was cut off and may have succeeded."""

    message: Message
    is_uncertain: bool = False


class Sending:
    """The effect that sends a plan. The state is committed before the channel is called, the receipt after.

    A message that may have arrived is never sent again by itself, unless the channel makes that harmless.
    """

    def __init__(self, settings: ReportingSettings, channel: Channel, rendering: Rendering) -> None:
        self._settings = settings
        self._channel = channel
        self._rendering = rendering

    def begin(self, uow: UnitOfWork, event: PlanReleased) -> HandOver | None:
        """Render and store the message if that was not done yet, and note that an attempt begins."""
        plans.lock_case(uow, event.cohort, event.participant)
        message = messages.message_about(uow.connection, event.cohort, event.participant, event.revision)
        message = message or self._rendered(uow, event)
        if message.state in {MessageState.SENT, MessageState.UNDELIVERABLE}:
            return None
        was_cut_off = message.state is MessageState.HANDING_OVER and not self._channel.exact_once
        if was_cut_off or message.state is MessageState.UNCERTAIN:
            words = "a worker stopped during the hand-over" if was_cut_off else message.words or ""
            messages.settle(uow, message, MessageState.UNCERTAIN, clock.now(), words=words)
            return HandOver(message, is_uncertain=True)
        messages.begin_hand_over(uow, message, clock.now())
        return HandOver(message)

    def _rendered(self, uow: UnitOfWork, event: PlanReleased) -> Message:
        """The message's bytes: the plan as of the day of its release, to the address that the roster has now."""
        definition = definition_of(uow.connection, event.cohort)
        participant = people.on_roster(uow.connection, event.cohort, event.participant)
        plan = plans.released(uow.connection, event.cohort, event.participant, event.revision)
        document = issued(plan.document, person_of(definition, participant), day_of(definition, plan.released_at))
        pdf = self._rendering.plan_pdf(document)
        words = mail_words(document, len(pdf), self._settings.contact)
        envelope = Envelope(
            key=message_id(event.cohort, event.participant, event.revision, self._settings.domain),
            sender=self._settings.mail_from,
            reply_to=self._settings.reply_to,
            recipient=participant.email,
            recipient_name=participant.name,
            released_at=plan.released_at,
        )
        content = message_for(envelope, words, self._rendering.plan_mail(words), pdf)
        recipient = address_of(participant.email, "the participant (roster.csv)")
        message = Message(
            cohort=event.cohort,
            participant=event.participant,
            revision=event.revision,
            message_id=envelope.key,
            recipient=recipient,
            content=content,
            state=MessageState.PENDING,
            attempts=0,
            words=None,
        )
        plans.keep_issued(uow, event.cohort, event.participant, event.revision, document)
        messages.keep_rendered(uow, message, clock.now())
        return message

    def act(self, hand_over: HandOver, _commit: Commit) -> Receipt | Undeliverable:
        """Call the channel. A refusal for good is an answer; what may pass, or is uncertain, is raised."""
        message = hand_over.message
        if hand_over.is_uncertain:
            raise Uncertain(_uncertain(message.cohort, message.participant))
        outgoing = OutgoingMessage(message.message_id, self._settings.sender, message.recipient, message.content)
        try:
            return self._channel.send(outgoing)
        except Undeliverable as refusal:
            return refusal

    def settle(
        self, uow: UnitOfWork, event: PlanReleased, hand_over: HandOver, outcome: Receipt | Undeliverable
    ) -> None:
        """Note the receipt, or the refusal in the other side's words."""
        now, message = clock.now(), hand_over.message
        if isinstance(outcome, Undeliverable):
            messages.settle(uow, message, MessageState.UNDELIVERABLE, now, words=outcome.words)
            return
        messages.settle(uow, message, MessageState.SENT, now, words=outcome.words, channel=outcome.channel)
        plans.note_sent(uow, event.cohort, event.participant, event.revision, now)
        publish(uow, PlanSent(**event.model_dump(), message_id=message.message_id))

    def failed(self, uow: UnitOfWork, event: PlanReleased, hand_over: HandOver, error: Exception) -> None:  # noqa: ARG002
        """Put the message back if another attempt can do no harm, else leave it to a person."""
        if hand_over.is_uncertain:
            return
        words = explained(error)
        if isinstance(error, ChannelUnavailable) or self._channel.exact_once:
            messages.put_back(uow, hand_over.message, words)
        else:
            messages.settle(uow, hand_over.message, MessageState.UNCERTAIN, clock.now(), words=words)


def _uncertain(cohort: CohortId, participant: ParticipantId) -> str:
    return (
        f"it is not known whether the plan of {cohort}/{participant} arrived: contact was lost during the hand-over. "
        f"Ask the participant. If it did not arrive: `talentline plan release {cohort} {participant} --resend`"
    )
