"""Reporting on a database, driven by its own deliveries; documents are printed in a blink unless a test wants more."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from services.reporting.core.channel import Channel, HandingOver, OutgoingMessage, Proof, Receipt
from services.reporting.core.documents import MailWords, PlanDocument, RenderedMail
from services.reporting.handlers import handlers
from services.reporting.sending import Rendering
from services.reporting.settings import ReportingSettings
from services.reporting.store import PlanRow, plans_of
from services.reporting.tables import messages
from shared import delivery
from shared.bus import deliveries, events, lanes, timers
from shared.cohort.definition import CohortDefinition
from shared.db import Database, database_now
from shared.events import Event, MailProofDue
from shared.ids import DeliveryId, ParticipantId
from shared.outbox import publish
from shared.timers import fire
from tests.builders.reporting import COHORT, P1, a_definition, put_cohort


def printed(document: PlanDocument) -> bytes:
    """A stand-in for a PDF that tells which plan it is."""
    return f"%PDF {document.reference} {document.drafted} {document.goals[0].competency}".encode()


def mailed(mail: MailWords) -> RenderedMail:
    """A stand-in for the mail's words."""
    return RenderedMail(text=f"Dear {mail.given_name}", html=f"<p>Dear {mail.given_name}</p>")


_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
QUICK = Rendering(plan_pdf=printed, cohort_report_pdf=lambda document: document.summary.encode(), plan_mail=mailed)


class Outside:
    """A way out that is not exact once: takes messages, or does as `answer` says once it was handed one.

    `knows`: what it says when it is asked for a proof; None: it has none.
    """

    name = "outside"
    exact_once = False

    def __init__(
        self, answer: Callable[[OutgoingMessage], None] | None = None, knows: Callable[[], Proof] | None = None
    ) -> None:
        self.answer = answer
        self.knows = knows
        self.taken: list[OutgoingMessage] = []

    @property
    def has_proof(self) -> bool:
        """Whether it was told what to say."""
        return self.knows is not None

    def lane(self, recipient: str) -> str | None:
        """A lane a domain."""
        return f"mail:{recipient.partition('@')[2]}"

    def send(self, message: OutgoingMessage, handing_over: HandingOver) -> Receipt:
        """Take the message, unless `answer` raises."""
        handing_over()
        if self.answer is not None:
            self.answer(message)
        self.taken.append(message)
        return Receipt("250 taken")

    def proof(self, key: str, since: datetime) -> Proof:
        """What it was told to say."""
        return self.knows() if self.knows else Proof.UNKNOWN

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
        **settings: Any,
    ) -> None:
        self.db = db
        self.mail = folder / "mail"
        put_cohort(db, definition or a_definition(), people or {P1: "local"})
        self.settings = ReportingSettings(data_dir=folder, mail_url=f"folder:{self.mail}").model_copy(update=settings)
        self.rendering = rendering
        self.use(channel)

    def use(self, channel: Channel | None) -> None:
        """From now on mail goes this way; None: the folder's."""
        self.handlers = handlers(self.settings, channel, self.rendering)

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
        d = deliveries.c
        dead = sa.and_(d.state == "running", d.lease_until < database_now())
        query = sa.select(d.id).where(sa.or_(sa.and_(d.state == "pending", d.due_at <= database_now()), dead))
        with self.db.read() as connection:
            return [DeliveryId(each) for each in connection.execute(query.order_by(d.id)).scalars()]

    def time_passes(self) -> None:
        """Everything that was put off is due now, every lease is over and every lane is open."""
        with self.db.write() as uow:
            uow.execute(sa.update(lanes).values(shut_until=None))
        self.worker_died()
        self.all_is_due()

    def worker_died(self) -> None:
        """The lease of what is in hand is over; whoever takes it next is another worker."""
        with self.db.write() as uow:
            uow.execute(sa.update(deliveries).where(deliveries.c.state == "running").values(lease_until=_LONG_AGO))

    def all_is_due(self) -> None:
        """Everything that was put off is due now, and lanes stay as they are."""
        with self.db.write() as uow:
            uow.execute(sa.update(deliveries).where(deliveries.c.state == "pending").values(due_at=_LONG_AGO))

    def seconds_until_due(self) -> float:
        """How long until the first delivery that was put off is due."""
        d = deliveries.c
        query = sa.select(d.due_at).where(d.state == "pending").order_by(d.due_at).limit(1)
        with self.db.read() as connection:
            due = connection.execute(query).scalar_one()
            now = connection.execute(sa.select(database_now())).scalar_one()
        return float((due - now).total_seconds())

    def hours_pass(self, hours: float) -> None:
        """Every mail was handed over so much earlier, and it is time to look at each doubt."""
        m = messages.c
        with self.db.write() as uow:
            for row in uow.execute(sa.select(m.message_id, m.handed_over_at).where(m.handed_over_at.is_not(None))):
                earlier = row.handed_over_at - timedelta(hours=hours)
                uow.execute(sa.update(messages).where(m.message_id == row.message_id).values(handed_over_at=earlier))
            uow.execute(sa.update(timers).where(timers.c.event == MailProofDue.name).values(due_at=_LONG_AGO))
        fire(self.db)
        self.work()

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
