"""Reporting on a database, driven by its own deliveries; documents are printed in a blink unless a test wants more."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import sqlalchemy as sa

from services.reporting.core.channel import Channel, OutgoingMessage, Receipt
from services.reporting.core.documents import MailWords, PlanDocument, RenderedMail
from services.reporting.handlers import handlers
from services.reporting.sending import Rendering
from services.reporting.settings import ReportingSettings
from services.reporting.store import PlanRow, plans_of
from shared import delivery
from shared.bus import deliveries, events
from shared.cohort.definition import CohortDefinition
from shared.db import Database
from shared.events import Event
from shared.ids import DeliveryId, ParticipantId
from shared.outbox import publish
from tests.builders.reporting import COHORT, P1, a_definition, put_cohort


def printed(document: PlanDocument) -> bytes:
    """A stand-in for a PDF that tells which plan it is."""
    return f"%PDF {document.reference} {document.drafted} {document.goals[0].competency}".encode()


def mailed(mail: MailWords) -> RenderedMail:
    """A stand-in for the mail's words."""
    return RenderedMail(text=f"Dear {mail.given_name}", html=f"<p>Dear {mail.given_name}</p>")


QUICK = Rendering(plan_pdf=printed, cohort_report_pdf=lambda document: document.summary.encode(), plan_mail=mailed)


class Outside:
    """A way out that is not exact once: takes messages, or does as `answer` says."""

    exact_once = False

    def __init__(self, answer: Callable[[OutgoingMessage], None] | None = None) -> None:
        self.answer = answer
        self.taken: list[OutgoingMessage] = []

    def send(self, message: OutgoingMessage) -> Receipt:
        """Take the message, unless `answer` raises."""
        if self.answer is not None:
            self.answer(message)
        self.taken.append(message)
        return Receipt("outside", "250 taken")

    def check(self) -> None:
        """It is always there."""


class ReportingBench:
    """Reporting with one cohort open. `mail` holds what went out through the folder channel."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        definition: CohortDefinition | None = None,
        people: Mapping[ParticipantId, str | None] | None = None,
        channel: Channel | None = None,
        rendering: Rendering = QUICK,
    ) -> None:
        self.db = db
        self.mail = folder / "mail"
        put_cohort(db, definition or a_definition(), people or {P1: "local"})
        settings = ReportingSettings(data_dir=folder, mail_url=f"folder:{self.mail}")
        self.handlers = handlers(settings, channel, rendering)

    def hears(self, *told: Event) -> None:
        """Publish events, each in its own transaction, and do all that follows."""
        for event in told:
            with self.db.write() as uow:
                publish(uow, event)
            self.work()

    def work(self) -> None:
        """Do everything that is due."""
        while due := self.due():
            for each in due:
                delivery.run(self.db, each, self.handlers)

    def due(self) -> list[DeliveryId]:
        """Deliveries that reporting could take now."""
        query = sa.select(deliveries.c.id).where(deliveries.c.state == "pending", deliveries.c.due_at <= _soon())
        with self.db.read() as connection:
            return [DeliveryId(each) for each in connection.execute(query.order_by(deliveries.c.id)).scalars()]

    def time_passes(self) -> None:
        """Everything that was put off is due now, and every lease is over."""
        then = datetime(2020, 1, 1, tzinfo=UTC)
        with self.db.write() as uow:
            uow.execute(sa.update(deliveries).where(deliveries.c.state == "pending").values(due_at=then))
            running = deliveries.c.state == "running"
            uow.execute(sa.update(deliveries).where(running).values(lease_until=then, state="pending", due_at=then))

    def states(self, event: type[Event]) -> list[tuple[str, str | None]]:
        """State and last error of reporting's deliveries of one kind of event."""
        d = deliveries.c
        query = sa.select(d.state, d.last_error).join(events, events.c.id == d.event).where(events.c.name == event.name)
        with self.db.read() as connection:
            return [(row.state, row.last_error) for row in connection.execute(query.order_by(d.id))]

    def published(self, event: type[Event]) -> int:
        """How many events of a kind there are."""
        query = sa.select(sa.func.count()).where(events.c.name == event.name)
        with self.db.read() as connection:
            return int(connection.execute(query).scalar_one())

    def plans(self) -> Sequence[PlanRow]:
        """Every plan of the cohort."""
        with self.db.read() as connection:
            return plans_of(connection, COHORT)

    def mails(self) -> list[EmailMessage]:
        """What lies in the folder."""
        return [message_from_bytes(file.read_bytes(), policy=default) for file in sorted(self.mail.glob("*.eml"))]

    def mail_name(self) -> str:
        """The name of the one file in the folder."""
        (file,) = self.mail.glob("*.eml")
        return file.name

    def pdfs(self) -> list[str]:
        """What is attached, as `printed` printed it."""
        return [bytes(part.get_content()).decode() for mail in self.mails() for part in mail.iter_attachments()]


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=0.5)
