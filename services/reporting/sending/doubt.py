"""A mail that may have arrived is not sent again by itself. Its channel is asked for a proof, later and again; without
one, or if none can be had, a person decides (`services.reporting.mail`).
"""

import structlog

from services.reporting.core.channel import Channel, ChannelUnavailable, Proof
from services.reporting.core.doubt import until_next_look, verdict
from services.reporting.core.release import MessageState
from services.reporting.settings import ReportingSettings
from services.reporting.store import messages, plans
from services.reporting.store.mails import TIMER
from services.reporting.store.messages import Doubt, Message
from shared import clock
from shared.db import UnitOfWork
from shared.events import MailProofDue, PlanReleased, PlanSent
from shared.handling import Commit
from shared.lanes import Lane
from shared.outbox import publish
from shared.timers import cancel_timer, set_timer

log = structlog.get_logger()

CUT_OFF = "a worker stopped while the mail was being handed over"
_FOUND = "its proof was found after contact was lost"
_NOT_THERE = "it had not arrived by the time that TALENTLINE_MAIL_ABSENT_AFTER_SECONDS allows, so it is sent again"
_NO_PROOF = "contact was lost while it was being handed over, and no proof can be had"


class Doubts:
    """Leaves mails in doubt, and has them looked up where the channel has a proof."""

    def __init__(self, settings: ReportingSettings, channel: Channel) -> None:
        self._settings = settings
        self._channel = channel

    def leave(self, uow: UnitOfWork, message: Message, begun: str | None, words: str) -> None:
        """Note that the hand-over `begun` was cut off: it is looked up by and by, or held for a person at once."""
        can_tell = self._channel.has_proof and message.channel in {None, self._channel.name}
        state = MessageState.UNCERTAIN if begun and can_tell else MessageState.HELD
        if not messages.leave_in_doubt(uow, message, begun, state, words):
            return
        log.warning("mail.in_doubt", message_id=message.message_id, state=state.value, reason=words)
        if begun and state is MessageState.UNCERTAIN:
            set_timer(uow, timer_of(begun), self._settings.proof_after, _due(message, begun))


class Proving:
    """The effect that asks a channel what became of a mail."""

    def __init__(self, settings: ReportingSettings, channel: Channel) -> None:
        self._settings = settings
        self._channel = channel

    def begin(self, uow: UnitOfWork, event: MailProofDue) -> Doubt | None:
        """The doubt, if it is still the same one."""
        message = messages.message_about(uow.connection, event.cohort, event.participant, event.revision)
        if message is None or (message.state, message.hand_over) != (MessageState.UNCERTAIN, event.hand_over):
            return None
        return messages.in_doubt(uow.connection, message)

    def lane(self, _doubt: Doubt) -> Lane:
        """Proofs take a lane of their own: what is slow in them must not hold up the sending."""
        return Lane("mail-proof", at_once=2)

    def act(self, doubt: Doubt, _commit: Commit) -> Proof:
        """Ask. Raises ChannelUnavailable while there is time to ask again."""
        if doubt.message.channel != self._channel.name:
            return Proof.UNKNOWN  # another way out than the one that was handed the mail knows nothing of it
        try:
            return self._channel.proof(doubt.message.message_id, doubt.since)
        except ChannelUnavailable as error:
            if doubt.age < self._settings.absent_after:
                raise
            log.warning("mail.no_proof", message_id=doubt.message.message_id, reason=str(error))
            return Proof.UNKNOWN

    def settle(self, uow: UnitOfWork, event: MailProofDue, doubt: Doubt, proof: Proof) -> None:
        """Sent; sent again; held for a person; or looked up once more."""
        message, absent_after = doubt.message, self._settings.absent_after
        found = verdict(proof, doubt.age, absent_after)
        log.info("mail.proof", message_id=message.message_id, proof=proof.value, state=found.value)
        if found is MessageState.SENT:
            note_sent(uow, message, event.hand_over, _FOUND)
        elif found is MessageState.HELD:
            messages.settle(uow, message, event.hand_over, found, _NO_PROOF)
        elif found is MessageState.UNCERTAIN:
            wait = until_next_look(doubt.age, self._settings.proof_after, absent_after)
            set_timer(uow, timer_of(event.hand_over), wait, event)
        elif messages.free(uow, message, event.hand_over, _NOT_THERE):
            publish(uow, PlanReleased(cohort=event.cohort, participant=event.participant, revision=event.revision))


def note_sent(uow: UnitOfWork, message: Message, hand_over: str | None, words: str) -> bool:
    """Note that a mail is sent, and so its plan. False if that hand-over was settled before, or another one began."""
    if not messages.settle(uow, message, hand_over, MessageState.SENT, words):
        return False
    if hand_over:
        cancel_timer(uow, timer_of(hand_over))
    plans.note_sent(uow, message.cohort, message.participant, message.revision, clock.now())
    sent = PlanSent(
        cohort=message.cohort,
        participant=message.participant,
        revision=message.revision,
        message_id=message.message_id,
    )
    publish(uow, sent)
    return True


def timer_of(hand_over: str) -> str:
    """The name of the timer that has a hand-over looked up."""
    return f"{TIMER}{hand_over}"


def _due(message: Message, hand_over: str) -> MailProofDue:
    return MailProofDue(
        cohort=message.cohort, participant=message.participant, revision=message.revision, hand_over=hand_over
    )
