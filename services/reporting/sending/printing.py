"""Making a plan's mail: what it is made of is read in a transaction, it is printed with none open (that takes longer
than anything else), and it is stored before it goes out. So a retry sends the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.reporting.core.documents import CohortReportDocument, MailWords, PlanDocument, RenderedMail
from services.reporting.core.keys import message_id
from services.reporting.core.message import Envelope, address_of, mail_words, message_for
from services.reporting.core.plan import issued, person_of
from services.reporting.core.release import day_of
from services.reporting.rendering import cohort_report_pdf, plan_mail, plan_pdf
from services.reporting.settings import ReportingSettings
from services.reporting.store import people, plans
from services.reporting.store.messages import Message
from shared import clock
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.events import PlanReleased


@dataclass(frozen=True, slots=True)
class Rendering:
    """How documents are made readable."""

    plan_pdf: Callable[[PlanDocument], bytes] = plan_pdf
    cohort_report_pdf: Callable[[CohortReportDocument], bytes] = cohort_report_pdf
    plan_mail: Callable[[MailWords], RenderedMail] = plan_mail


@dataclass(frozen=True, slots=True)
class Unprinted:
    """A released plan as it is to go out: as of the day of its release, to the address that the roster has now."""

    document: PlanDocument
    envelope: Envelope
    recipient: str


def unprinted(uow: UnitOfWork, event: PlanReleased, settings: ReportingSettings) -> Unprinted:
    """What a plan's mail is made of. Raises PlanNotReleased, NotOnRoster, UnusableAddress."""
    definition = definition_of(uow.connection, event.cohort)
    participant = people.on_roster(uow.connection, event.cohort, event.participant)
    plan = plans.released(uow.connection, event.cohort, event.participant, event.revision)
    envelope = Envelope(
        key=message_id(event.cohort, event.participant, event.revision, settings.domain),
        sender=settings.mail_from,
        reply_to=settings.reply_to,
        recipient=participant.email,
        recipient_name=participant.name,
        released_at=plan.released_at,
    )
    document = issued(plan.document, person_of(definition, participant), day_of(definition, plan.released_at))
    return Unprinted(document, envelope, address_of(participant.email, "the participant (roster.csv)"))


def printed(event: PlanReleased, what: Unprinted, rendering: Rendering, contact: str) -> Message:
    """The mail. Takes tenths of a second, most of it for the PDF."""
    pdf = rendering.plan_pdf(what.document)
    words = mail_words(what.document, len(pdf), contact)
    return Message(
        cohort=event.cohort,
        participant=event.participant,
        revision=event.revision,
        message_id=what.envelope.key,
        recipient=what.recipient,
        content=message_for(what.envelope, words, rendering.plan_mail(words), pdf),
        rendered_at=clock.now(),
    )
