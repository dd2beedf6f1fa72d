"""Which responses are news: asking a tool brings what its webhooks have brought as well."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.intake import store
from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.known import Known, is_news, known
from services.intake.core.vendor import Response, Responses
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.ids import CohortId, SubmissionId

NOTHING_NEW = Reason(ReasonCode.NOTHING_NEW, "every response in it was known already")


@dataclass(frozen=True, slots=True)
class News:
    """What is new in a reading, and what is known of those responses once it counts."""

    responses: Responses
    heard: tuple[Known, ...]

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to take in and nothing to put right."""
        return not (self.responses.each or self.responses.unread)


def news_of(
    uow: UnitOfWork,
    definition: CohortDefinition,
    name: str,
    said: Responses,
    submission: SubmissionId,
    *,
    polled: bool,
) -> News:
    """The responses that say more than is known of them."""
    new = [(each, known(each, submission, definition.time_zone, polled=polled)) for each in said.each]
    keys = [about.response for _, about in new]
    there = store.known_of(uow.connection, CohortId(definition.cohort), name, keys)
    fresh: Sequence[tuple[Response, Known]] = [pair for pair in new if is_news(pair[1], there.get(pair[1].response))]
    return News(replace(said, each=tuple(each for each, _ in fresh)), tuple(about for _, about in fresh))
