"""Files that people submit: checked while a person is there to correct them, and taken whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from services.intake import files, store
from services.intake.commands.taking import take
from services.intake.core import uploads
from services.intake.core.grid import Mistake
from services.intake.core.submission import RawRequest, SubmissionKind
from services.intake.core.text import shown
from services.intake.settings import IntakeSettings
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.db import Cause, UnitOfWork
from shared.errors import PermanentError
from shared.ids import CohortId, SubmissionId, new_id
from shared.outbox import audited

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
    arrival = _arrival(cohort, name, reading.kind, content, uow.cause)
    (taken,) = take(uow, [arrival])
    if not taken.new:
        store.count_repeats(uow, {taken.submission: (1, arrival.received_at)})
    said = {"cohort": cohort, "new": taken.new}
    audited(uow, actor=actor, action="file.submitted", subject=taken.submission, detail=said)
    return Accepted(taken.submission, reading.kind, taken.new, reading.summary)


def _arrival(cohort: CohortId, name: str, kind: SubmissionKind, content: bytes, cause: Cause) -> store.Arrival:
    request = RawRequest(content)
    sha256 = request.sha256
    return store.Arrival(
        id=SubmissionId(new_id()),
        cohort=cohort,
        connection=UPLOAD,
        kind=kind,
        delivery_key=sha256,
        request=request,
        sha256=sha256,
        received_at=clock.now(),
        cause=cause,
        name=shown(name, 200) or None,
    )


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
