"""What people and machines ask of intake through a door: take a webhook, take a file, retry what is in quarantine.

A command works in the caller's transaction and returns values; the door turns them into statuses and words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.intake import files, store
from services.intake.core import uploads
from services.intake.core.grid import Mistake
from services.intake.core.submission import RawRequest, SubmissionKind, delivery_key
from services.intake.core.text import is_id, shown
from services.intake.core.vendor import Refusal, Reply, Secrets, Vendor
from services.intake.core.vendor import Refused as RefusedRequest
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS, Vendors
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import cohort_of_connection, definition_of
from shared.db import UnitOfWork
from shared.errors import PermanentError
from shared.events import CohortRunRequested, SubmissionReceived
from shared.ids import CohortId, RunId, SubmissionId, new_id
from shared.outbox import audited, publish

log = structlog.get_logger()

UPLOAD = "upload"
"""What stands for the connection of a submission that was uploaded."""


class Refused(PermanentError):
    """A file has mistakes. Nothing of it counts, and nothing of it is kept, until it is corrected and sent again."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
        super().__init__(f"the file has {count}; correct it and send it again")
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file was taken. `new` is False if the same bytes were taken before; they count once."""

    submission: SubmissionId
    kind: SubmissionKind
    new: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A webhook is stored (or was before): the sender may forget it."""

    submission: SubmissionId
    new: bool


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A webhook was not stored. `ours`: the fault is on this side, and the sender should try again later."""

    reason: str
    ours: bool = False


def accept_webhook(
    uow: UnitOfWork, settings: IntakeSettings, name: str, request: RawRequest, vendors: Vendors = VENDORS
) -> Taken | TurnedAway | Reply:
    """Verify a request to the connection `name`, store it raw and publish SubmissionReceived: all or nothing.

    A Reply is the answer to a vendor that only asks whether anybody is there. Requests turned away are counted.
    """
    found = _connected(uow, name, vendors)
    if isinstance(found, TurnedAway):
        known = found.reason != Refusal.UNKNOWN_CONNECTION
        return _turned_away(uow, name if known else store.EVERY_UNKNOWN, found)
    cohort, vendor, secret_env = found
    secrets = Secrets(settings.secret(secret_env) or "")
    reply = vendor.handshake(request, secrets)
    if reply is not None:
        return reply
    if request.method != "POST":
        return TurnedAway(Refusal.NOT_A_POST)
    if not secrets.each:
        log.error("webhook.secret_not_set", connection=name, variable=secret_env)
        return _turned_away(uow, name, TurnedAway(Refusal.SECRET_NOT_SET, ours=True))
    now = clock.now()
    verdict = vendor.verify(request, secrets, now)
    if isinstance(verdict, RefusedRequest):
        return _turned_away(uow, name, TurnedAway(verdict.reason))
    key = delivery_key(vendor.delivery_id(request), request.sha256)
    kind = SubmissionKind.WEBHOOK
    arrival = store.Arrival(SubmissionId(new_id()), cohort, name, kind, key, request, now)
    return Taken(*_stored(uow, arrival))


def _connected(uow: UnitOfWork, name: str, vendors: Vendors) -> tuple[CohortId, Vendor, str] | TurnedAway:
    """The cohort that a connection feeds, its vendor, and the name of the variable that holds its secret."""
    cohort = cohort_of_connection(uow.connection, name) if is_id(name) else None
    connection = definition_of(uow.connection, cohort).connections.get(name) if cohort else None
    if cohort is None or connection is None:
        return TurnedAway(Refusal.UNKNOWN_CONNECTION)
    vendor = vendors.get(connection.vendor)
    if vendor is None:
        return TurnedAway(Refusal.UNKNOWN_VENDOR, ours=True)
    return cohort, vendor, connection.secret_env


def _turned_away(uow: UnitOfWork, name: str, refusal: TurnedAway) -> TurnedAway:
    store.count_refusal(uow, name, refusal.reason, clock.now())
    log.warning("webhook.refused", connection=name, reason=refusal.reason)
    return refusal


def _stored(uow: UnitOfWork, arrival: store.Arrival) -> tuple[SubmissionId, bool]:
    """Store a submission; tell of it if it is new."""
    submission, new = store.add_submission(uow, arrival)
    if new:
        publish(uow, SubmissionReceived(submission=submission, cohort=arrival.cohort))
    log.info("submission.taken", submission=submission, connection=arrival.connection, kind=arrival.kind, new=new)
    return submission, new


def submit_file(
    uow: UnitOfWork,
    definition: CohortDefinition,
    name: str,
    content: bytes,
    *,
    actor: str,
    settings: IntakeSettings | None = None,
) -> Accepted:
    """Take a score sheet or marks. `name` is kept for people; what the file is, its content says.

    Raises:
        Refused: with every mistake in the file.
    """
    settings = settings or IntakeSettings()
    cohort = CohortId(definition.cohort)
    reading = _read(uow, definition, content, settings)
    if reading.mistakes or reading.kind is None:
        log.info("file.refused", cohort=cohort, mistakes=len(reading.mistakes))
        raise Refused(reading.mistakes)
    request = RawRequest(content)
    submission, new = _stored(
        uow,
        store.Arrival(
            id=SubmissionId(new_id()),
            cohort=cohort,
            connection=UPLOAD,
            kind=reading.kind,
            delivery_key=request.sha256,
            request=request,
            received_at=clock.now(),
            name=shown(name, 200) or None,
        ),
    )
    audited(uow, actor=actor, action="file.submitted", subject=submission, detail={"cohort": cohort, "new": new})
    return Accepted(submission, reading.kind, new, reading.summary)


def _read(
    uow: UnitOfWork, definition: CohortDefinition, content: bytes, settings: IntakeSettings
) -> uploads.UploadReading:
    if len(content) > settings.upload_max_bytes:
        reason = f"is larger than {settings.upload_max_bytes} bytes; send the plain tables only"
        return uploads.UploadReading(None, (), (Mistake("", None, None, None, reason),))
    try:
        grids = files.grids_of(content, unpacked_limit=settings.upload_unpacked_max_bytes)
    except files.NotATable as error:
        return uploads.UploadReading(None, (), (Mistake("", None, None, None, str(error)),))
    return uploads.read(grids, definition, store.roster_of(uow.connection, CohortId(definition.cohort)))


def retry(uow: UnitOfWork, ids: Sequence[SubmissionId] | None, *, actor: str) -> list[SubmissionId]:
    """Have quarantined submissions read again, all of them if no ids are given. Gives those that were in quarantine.

    What follows has the correlation of the caller's transaction.
    """
    waiting = store.quarantined(uow.connection)
    wanted = None if ids is None else set(ids)
    again = [each for each in waiting if wanted is None or each.id in wanted]
    for each in again:
        publish(uow, SubmissionReceived(submission=each.id, cohort=each.cohort))
        audited(uow, actor=actor, action="quarantine.retried", subject=each.id, detail={"cohort": each.cohort})
    return [each.id for each in again]


def request_run(uow: UnitOfWork, cohort: CohortId, run: RunId, *, actor: str) -> None:
    """Ask for every case of a cohort to be looked at again. The caller's transaction has the run's id as correlation.

    Raises:
        UnknownCohort: no such cohort is open.
    """
    definition_of(uow.connection, cohort)
    publish(uow, CohortRunRequested(run=run, cohort=cohort))
    audited(uow, actor=actor, action="cohort.run_requested", subject=run, detail={"cohort": cohort})
