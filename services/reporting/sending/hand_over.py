"""Handing a plan's mail over, in stages: print and store, ask the other side until it waits for the text, commit that
it is being handed over, and only then let it go. The answer is committed with the end of the delivery.

A worker that dies before that commit has sent nothing; one that dies after it leaves a doubt (`doubt.py`).
"""

import time
from dataclasses import dataclass, field

import structlog

from services.reporting.core.channel import (
    Channel,
    ChannelAway,
    ChannelUnavailable,
    HandingOver,
    OutgoingMessage,
    Receipt,
    Uncertain,
    Undeliverable,
)
from services.reporting.core.release import MessageState
from services.reporting.sending.doubt import CUT_OFF, Doubts, note_sent
from services.reporting.sending.printing import Rendering, Unprinted, printed, unprinted
from services.reporting.settings import ReportingSettings
from services.reporting.store import messages, plans
from services.reporting.store.messages import Message
from shared import lanes, restores
from shared.db import UnitOfWork
from shared.errors import Snooze
from shared.events import PlanReleased
from shared.failure import explained
from shared.handling import Commit
from shared.ids import new_id
from shared.lanes import Lane
from shared.observing import MailTried, present_step, tell

log = structlog.get_logger()

RESTORED = "the installation goes on from a backup, and this mail may have gone out after that was made"
WAY_OUT = Lane("mail")
"""The way out as a whole: shut while no mail can go out at all."""

Outcome = Receipt | Undeliverable | Uncertain


class AlreadyUnderWay(Snooze):
    """Another delivery of the same plan was faster; how far it came decides what is left to do."""

    def __init__(self, message: Message) -> None:
        super().__init__(f"the mail of {message.cohort}/{message.participant} is under way by another delivery")


@dataclass(slots=True)
class HandOver:
    """One attempt, and how far it has come."""

    event: PlanReleased
    recipient: str
    message: Message | None
    """None until it is printed."""
    unprinted: Unprinted | None = None
    id: str = field(default_factory=new_id)
    is_after_restore: bool = False
    """It may have gone out in a time that this database knows nothing of: that is settled first."""
    has_begun: bool = False
    """The other side may have it: only an answer, a proof or a person can tell."""
    outcome: Outcome | None = None


class Sending:
    """The effect that sends a plan."""

    def __init__(self, settings: ReportingSettings, channel: Channel, rendering: Rendering) -> None:
        self._settings = settings
        self._channel = channel
        self._rendering = rendering
        self._doubts = Doubts(settings, channel)

    def begin(self, uow: UnitOfWork, event: PlanReleased) -> HandOver | None:
        """Find out how far the plan's mail has come. Raises Snooze while no mail can go out."""
        plans.lock_case(uow, event.cohort, event.participant)
        message = messages.message_about(uow.connection, event.cohort, event.participant, event.revision)
        if message and message.state is MessageState.HANDING_OVER and not self._is_harmless(message):
            self._doubts.leave(uow, message, message.hand_over, CUT_OFF)
            return None
        if message and message.state not in {MessageState.PENDING, MessageState.HANDING_OVER}:
            return None
        if is_shut := lanes.shut(uow, WAY_OUT):
            raise is_shut
        hand_over = self._prepared(uow, event, message)
        is_first = message is None or message.attempts == 0
        hand_over.is_after_restore = is_first and not self._channel.exact_once and restores.is_open(uow.connection)
        return hand_over

    def _prepared(self, uow: UnitOfWork, event: PlanReleased, message: Message | None) -> HandOver:
        """The mail that is stored, or what is to be printed: nothing yet, or to an address that was corrected since."""
        if message is not None and message.state is MessageState.HANDING_OVER:
            return HandOver(event, message.recipient, message)
        what = unprinted(uow, event, self._settings)
        if message is not None and message.recipient == what.recipient:
            return HandOver(event, message.recipient, message)
        return HandOver(event, what.recipient, None, what)

    def _is_harmless(self, message: Message) -> bool:
        """Whether a mail whose hand-over was cut off can be handed over again, by the same way out only."""
        return self._channel.exact_once and message.channel == self._channel.name

    def lane(self, hand_over: HandOver) -> Lane | None:
        """What the channel uses outside for this recipient."""
        name = self._channel.lane(hand_over.recipient)
        return Lane(name, at_once=self._settings.mail_at_once) if name else None

    def act(self, hand_over: HandOver, commit: Commit) -> Outcome:
        """Print and store the mail, then call the channel. What may pass by itself is raised."""
        message = hand_over.message or self._stored(hand_over, commit)

        def handing_over() -> None:
            commit(lambda uow: self._begin(uow, message, hand_over))
            hand_over.has_begun = True

        if hand_over.is_after_restore:
            handing_over()
            hand_over.outcome = Uncertain(RESTORED)
            return hand_over.outcome
        outgoing = OutgoingMessage(message.message_id, self._settings.sender, message.recipient, message.content)
        hand_over.outcome = self._sent(outgoing, handing_over)
        return hand_over.outcome

    def _sent(self, outgoing: OutgoingMessage, handing_over: HandingOver) -> Outcome:
        """Call the channel, and tell whoever watches what became of it."""
        began, told = time.monotonic(), "failed"
        try:
            receipt = self._channel.send(outgoing, handing_over)
            told = "sent"
        except (Undeliverable, Uncertain) as outcome:
            told = type(outcome).__name__.lower()
            return outcome
        except ChannelUnavailable:
            told = "unavailable"
            raise
        else:
            return receipt
        finally:
            kind = self._channel.name.partition("+")[0]
            tell(MailTried(kind, told, time.monotonic() - began, present_step()))

    def _stored(self, hand_over: HandOver, commit: Commit) -> Message:
        what, event = hand_over.unprinted, hand_over.event
        assert what is not None, "it is either stored or to be printed"
        message = printed(event, what, self._rendering, self._settings.contact)

        def store(uow: UnitOfWork) -> None:
            plans.lock_case(uow, event.cohort, event.participant)
            plans.keep_issued(uow, event.cohort, event.participant, event.revision, what.document)
            messages.keep_printed(uow, message)

        commit(store)
        hand_over.message = message
        return message

    def _begin(self, uow: UnitOfWork, message: Message, hand_over: HandOver) -> None:
        again = self._is_harmless(message)
        if not messages.begin_hand_over(uow, message, hand_over.id, self._channel.name, again=again):
            raise AlreadyUnderWay(message)

    def settle(self, uow: UnitOfWork, _event: PlanReleased, hand_over: HandOver, outcome: Outcome) -> None:
        """Note the receipt, the refusal in the other side's words, or the doubt."""
        lanes.worked(uow, WAY_OUT)
        message = hand_over.message
        assert message is not None, "it was printed before the channel was called"
        if isinstance(outcome, Undeliverable):
            messages.refuse(uow, message, hand_over.id, outcome.words)
        elif isinstance(outcome, Uncertain):
            self._doubts.leave(uow, message, hand_over.id, str(outcome))
        elif not note_sent(uow, message, hand_over.id, outcome.words):
            log.warning("mail.receipt_too_late", message_id=message.message_id)

    def failed(self, uow: UnitOfWork, event: PlanReleased, hand_over: HandOver, error: Exception) -> None:
        """Note what is known of the mail: the answer it got, that it was not taken, or a doubt."""
        if isinstance(error, ChannelAway):
            lanes.failed(uow, WAY_OUT, error)
        elif isinstance(error, ChannelUnavailable):
            lanes.worked(uow, WAY_OUT)
        if hand_over.message is None:
            return
        if hand_over.outcome is not None:
            self.settle(uow, event, hand_over, hand_over.outcome)
        elif isinstance(error, ChannelUnavailable) or not hand_over.has_begun or self._channel.exact_once:
            messages.put_back(uow, hand_over.message, hand_over.id, explained(error))
        else:
            self._doubts.leave(uow, hand_over.message, hand_over.id, explained(error))
