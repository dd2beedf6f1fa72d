"""What people ask about mail: which needs them; that one has arrived, or is to be sent again (both audited)."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.reporting.core.keys import plan_reference
from services.reporting.core.mail import NEEDS_A_PERSON, UNSETTLED
from services.reporting.core.release import MessageState
from services.reporting.sending.doubt import note_sent, timer_of
from services.reporting.store import Connection, messages, plans
from services.reporting.store.mails import Mail, mails
from services.reporting.store.messages import Message
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import PlanReleased
from shared.ids import CohortId, ParticipantId
from shared.outbox import audited, publish
from shared.timers import cancel_timer

_SENDABLE = UNSETTLED | {MessageState.UNDELIVERABLE}


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """What became of asking for something to be done about a participant's mail; `words` say it to a coordinator."""

    participant: ParticipantId
    done: bool
    words: str


class NoSuchMail(PermanentError):
    """Nothing was made ready to be mailed to this participant yet."""

    def __init__(self, cohort: CohortId, participant: ParticipantId) -> None:
        super().__init__(
            f"{cohort}/{participant}: there is no mail; `talentline mail list {cohort}` shows what there is"
        )


class NoReason(PermanentError):
    """Somebody says that a mail arrived, and not who or how they know."""


def held(connection: Connection, cohort: CohortId | None = None) -> list[Mail]:
    """The mails that nothing happens to any more until a person does something."""
    return [mail for mail in mails(connection, cohort) if mail.state in NEEDS_A_PERSON]


def latest(connection: Connection, cohort: CohortId, participant: ParticipantId) -> Mail:
    """A participant's latest mail. Raises UnknownCohort, NoSuchMail."""
    definition_of(connection, cohort)
    found = mails(connection, cohort, participant)
    if not found:
        raise NoSuchMail(cohort, participant)
    return found[-1]


def mark_sent(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, *, by: str, reason: str) -> MailOutcome:
    """Note a person's word that the latest mail arrived. Raises UnknownCohort, NoSuchMail, NoReason."""
    if not by.strip() or not reason.strip():
        raise NoReason("say who knows that it arrived, and how: --by and --reason")
    message = _locked(uow, cohort, participant)
    if message.state not in UNSETTLED:
        return MailOutcome(participant, done=False, words=f"nobody doubts it: it is {message.state.value}")
    note_sent(uow, message, message.hand_over, f"it arrived, says {by.strip()}")
    _note(uow, message, "mail.mark_sent", by, reason)
    return MailOutcome(participant, done=True, words="it counts as sent")


def send_again(
    uow: UnitOfWork, cohort: CohortId, participants: Iterable[ParticipantId], *, by: str, reason: str = ""
) -> list[MailOutcome]:
    """Send these participants' latest mails again that were refused or are in doubt, with the same Message-ID; to the
    address that the roster has now. Raises UnknownCohort, NoSuchMail.
    """
    return [_sent_again(uow, cohort, each, by, reason) for each in sorted(set(participants))]


def _sent_again(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId, by: str, reason: str) -> MailOutcome:
    message = _locked(uow, cohort, participant)
    if message.state not in _SENDABLE:
        words = f"it is {message.state.value}, neither refused nor in doubt, so it is not sent again"
        return MailOutcome(participant, done=False, words=words)
    messages.free(uow, message, message.hand_over)
    if message.hand_over:
        cancel_timer(uow, timer_of(message.hand_over))
    _note(uow, message, "mail.send_again", by, reason)
    publish(uow, PlanReleased(cohort=cohort, participant=participant, revision=message.revision))
    return MailOutcome(participant, done=True, words="it is sent again")


def _locked(uow: UnitOfWork, cohort: CohortId, participant: ParticipantId) -> Message:
    """The latest mail, with its case locked: no worker begins to hand it over meanwhile."""
    latest(uow.connection, cohort, participant)
    plans.lock_case(uow, cohort, participant)
    mail = latest(uow.connection, cohort, participant)
    message = messages.message_about(uow.connection, cohort, participant, mail.revision)
    assert message is not None, "it was listed"
    return message


def _note(uow: UnitOfWork, message: Message, action: str, by: str, reason: str) -> None:
    detail = {"state": message.state.value, "words": message.words, "attempts": message.attempts, "reason": reason}
    subject = plan_reference(message.cohort, message.participant, message.revision)
    audited(uow, actor=by.strip(), action=action, subject=subject, detail=detail)
