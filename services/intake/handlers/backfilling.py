"""Asking survey tools, page by page, for what is new: those that send nothing, and what the webhooks of others missed.

One page is one delivery: its place in the run is a row (`store.polls`), the API is asked with no transaction open, and
what it gave is stored in the transaction that moves the place. A worker that dies between two pages loses nothing: the
next asks for the same page. Two that ask for the same page at once: the first to move the place counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from services.intake import store
from services.intake.asking import NoToken, ask_for, asked, lane_of, places_of
from services.intake.core.errors import Unreadable
from services.intake.core.polling import Backfilled, Poller, Turned, polled
from services.intake.core.reading import read
from services.intake.core.submission import RawRequest, SubmissionKind
from services.intake.core.vendor import ApiAnswer, RequestNeeded, Responses, Vendor
from services.intake.handlers.fetching import opening
from services.intake.handlers.news import known_before, reports
from services.intake.settings import IntakeSettings
from services.intake.store import Place
from services.intake.vendors import Vendors
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import cohorts_open, definition_of
from shared.db import UnitOfWork, first_cause
from shared.errors import PermanentError, TalentlineError
from shared.events import BackfillDue, PageDue, SubmissionReceived
from shared.handling import Commit, Effect, Handlers
from shared.http_client import HttpClient
from shared.ids import ConnectionName, SubmissionId, new_id
from shared.lanes import Lane
from shared.outbox import publish
from shared.sweeper import slot_of
from shared.timers import set_timer

log = structlog.get_logger()

LATE = timedelta(days=30)
"""How long after its end a cohort's tools are still asked by themselves: late evidence counts as late."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is to be asked for, and where in its run it is."""

    poll: store.Poll
    cursor: str | None
    needed: RequestNeeded = field(repr=False)
    vendor: Vendor
    poller: Poller
    vendor_name: str
    token: str | None = field(repr=False)

    @property
    def place(self) -> Place:
        """What is asked."""
        return self.poll.place

    def counted(self, pages: int, news: int) -> dict[str, object]:
        """The run's counts with these; a tool that gives what was asked for does not fail."""
        goes_on = self.poll.following is not None
        before = (self.poll.pages, self.poll.news) if goes_on else (0, 0)
        return {"pages": before[0] + pages, "news": before[1] + news, "failed_at": None, "reason": None}


@dataclass(frozen=True, slots=True)
class Got:
    """What the API gave, or in words why it gave nothing."""

    answer: ApiAnswer | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Backfill:
    """Asks with the vendors and settings of one installation."""

    settings: IntakeSettings
    vendors: Vendors
    client: HttpClient

    @property
    def handlers(self) -> Handlers:
        """What intake does when tools are to be asked."""
        page = Effect(begin=self.begin, act=self.act, settle=self.settle, failed=self.failed, lane=self.lane)
        return {PageDue.name: page, BackfillDue.name: self.due}

    def begin(self, uow: UnitOfWork, event: PageDue) -> Page | None:
        """The page that is next; None if somebody else has gone on from there, or nothing can be asked."""
        poll = store.poll_locked(uow, Place(event.cohort, event.connection, event.form))
        if event.turn is not None and event.turn != poll.turn:
            return None
        try:
            return self._page(definition_of(uow.connection, event.cohort), poll)
        except Unreadable as error:
            _failed(uow, poll.place, error.reason.words)
        except PermanentError as error:
            _failed(uow, poll.place, str(error))
        return None

    def act(self, page: Page, _commit: Commit) -> Got:
        """Ask. Raises TransientError for what may work later; what will not is noted, and the next run tries again."""
        try:
            return Got(asked(self.client, page.vendor, page.needed, page.token))
        except NoToken as error:
            return Got(reason=str(error))
        except Unreadable as error:
            return Got(reason=error.reason.words)
        except PermanentError as error:
            return Got(reason=f"{error}; check the API token and its rights, and that the form is still there")

    def lane(self, page: Page) -> Lane:
        """The vendor's."""
        return lane_of(page.vendor, page.vendor_name, self.settings.fetch_per_day)

    def settle(self, uow: UnitOfWork, _event: PageDue, page: Page, got: Got) -> None:
        """Store the page and move the place, unless somebody else has."""
        if store.poll_locked(uow, page.place).turn != page.poll.turn:
            return
        if got.answer is None:
            _failed(uow, page.place, got.reason)
            return
        try:
            turned = page.poller.turned(page.cursor, page.needed, got.answer)
        except Unreadable as error:
            _failed(uow, page.place, error.reason.words)
            return
        _go_on(uow, page, turned, _stored(uow, page, got.answer) if turned.page else 0)

    def failed(self, uow: UnitOfWork, _event: PageDue, page: Page, error: Exception) -> None:
        """Note why it did not work this time."""
        words = str(error) if isinstance(error, TalentlineError) else type(error).__name__
        store.note_failed(uow, page.place, words)

    def due(self, uow: UnitOfWork, event: BackfillDue) -> None:
        """Have those forms asked whose turn it is, each in a chain of its own."""
        for place in self._due(uow, event.slot):
            ask_for(uow.under(first_cause()), place)

    def _due(self, uow: UnitOfWork, slot: datetime) -> Iterator[Place]:
        """The forms to ask in this time slot: of tools that can be asked, have a token, and whose turn it is."""
        for cohort in cohorts_open(uow.connection):
            definition = definition_of(uow.connection, cohort)
            if not opening(definition) <= slot <= definition.end_of(definition.closes) + LATE:
                continue
            under_way = {poll.place for poll in store.polls_of(uow.connection, cohort) if store.is_under_way(poll)}
            for name, connection in definition.connections.items():
                vendor = self.vendors.get(connection.vendor)
                if not isinstance(vendor, Poller) or self.settings.api_key(connection.secret_env) is None:
                    continue
                if store.begins_slot(uow, name, slot_of(slot, vendor.every)):
                    yield from (place for place in places_of(definition, name) if place not in under_way)

    def _page(self, definition: CohortDefinition, poll: store.Poll) -> Page:
        """The page that is next. Raises PermanentError if nothing can be asked."""
        name = poll.place.connection
        connection = definition.connections.get(name)
        known = self.vendors.get(connection.vendor) if connection else None
        if connection is None or known is None:
            raise PermanentError(f"connection {name} is no longer in cohort.toml, or its tool is unknown here")
        vendor = known.configured(connection.settings)
        if not isinstance(vendor, Poller):
            raise PermanentError(f"{connection.vendor} can't be asked for responses")
        begins = poll.cursor or vendor.starting(opening(definition))
        return Page(
            poll=poll,
            cursor=poll.seen if poll.following else begins,
            needed=poll.following or vendor.ask(poll.place.form, begins),
            vendor=vendor,
            poller=vendor,
            vendor_name=connection.vendor,
            token=self.settings.api_key(connection.secret_env),
        )


def _failed(uow: UnitOfWork, place: Place, reason: str) -> None:
    """The run ends here; the next begins anew from the cursor, so nothing is lost."""
    store.move(uow, place, following=None, seen=None, asked_at=None)
    store.note_failed(uow, place, reason)
    log.warning("backfill.failed", cohort=place.cohort, connection=place.connection)


def _go_on(uow: UnitOfWork, page: Page, turned: Turned, news: int) -> None:
    """Move the place, and have the next page asked for if there is one."""
    place, counts = page.place, page.counted(int(turned.page), news)
    if turned.more is None:
        over = {"seen": None, "following": None, "asked_at": None, "ended_at": clock.now()}
        cursor = turned.cursor
        if isinstance(page.vendor, Backfilled):
            cursor = page.vendor.by_now(cursor, clock.now())
        store.move(uow, place, **counts, **over, cursor=cursor)
        log.info("backfill.ended", connection=place.connection, pages=counts["pages"], news=counts["news"])
        return
    store.move(uow, place, **counts, seen=turned.cursor, following=turned.more)
    connection, turn = ConnectionName(place.connection), page.poll.turn + 1
    event = PageDue(cohort=place.cohort, connection=connection, form=place.form, turn=turn)
    if turned.wait:
        set_timer(uow, f"backfill {place.cohort} {place.connection} {place.form}"[:200], turned.wait, event)
    else:
        publish(uow, event)


def _stored(uow: UnitOfWork, page: Page, answer: ApiAnswer) -> int:
    """Take a page in, unless every response in it is known; gives how many are new, as far as that can be told."""
    place, request = page.place, polled(page.place.form, answer)
    submission = SubmissionId(new_id())
    news = _news(uow, page, request, submission)
    if news == 0:
        return 0
    arrival = store.Arrival(
        id=submission,
        cohort=place.cohort,
        connection=place.connection,
        kind=SubmissionKind.WEBHOOK,
        delivery_key=f"{store.PAGE}{request.sha256}",
        request=request,
        sha256=request.sha256,
        received_at=clock.now(),
        cause=uow.cause,
    )
    (stored,) = store.add_submissions(uow, [arrival])
    if stored.new:
        publish(uow, SubmissionReceived(submission=submission, cohort=place.cohort))
    return news if stored.new else 0


def _news(uow: UnitOfWork, page: Page, request: RawRequest, submission: SubmissionId) -> int:
    """How many responses of a page are new; one, where its reading needs something that is not here yet."""
    details = store.details_of(uow.connection, page.place.cohort, page.place.connection)
    answers: tuple[ApiAnswer, ...] = ()
    try:
        reading = read(page.vendor, request)
        while isinstance(reading, RequestNeeded):
            there = details.get(store.request_key(reading)) if reading.same_for_all else None
            if there is None:
                return 1
            answers = (*answers, there)
            reading = read(page.vendor, request, answers)
    except Unreadable:
        return 1
    if not isinstance(reading, Responses):
        return 0
    definition = definition_of(uow.connection, page.place.cohort)
    name = page.place.connection
    told = reports(definition, name, reading, submission, polled=True)
    news = told.news(known_before(uow, page.place.cohort, [told])[name])
    return len(news.responses.each) + len(news.responses.unread)
