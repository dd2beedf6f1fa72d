"""Which responses are news: asking a tool brings what its webhooks have brought as well."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from services.intake import store
from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.known import Known, is_news, known
from services.intake.core.vendor import Responses
from shared.cohort.definition import CohortDefinition
from shared.db import UnitOfWork
from shared.ids import CohortId, SubmissionId

NOTHING_NEW = Reason(ReasonCode.NOTHING_NEW, "every response in it was known already")


@dataclass(frozen=True, slots=True)
class News:
    """What is new in a reading, or was when it was read first; and what is known of new responses once it counts."""

    responses: Responses
    heard: tuple[Known, ...]
    brought: tuple[str, ...]
    """All those responses' keys."""

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
    brought: Collection[str] = (),
) -> News:
    """The responses that say more than is known of them, and those that this submission `brought`, read again: a later
    state of one may be known by now, and stays so.
    """
    new = [(each, known(each, submission, definition.time_zone, polled=polled)) for each in said.each]
    keys = [about.response for _, about in new]
    there = store.known_of(uow.connection, CohortId(definition.cohort), name, keys)
    fresh = [pair for pair in new if pair[1].response in brought or is_news(pair[1], there.get(pair[1].response))]
    heard = [
        about for _, about in fresh if about.response not in brought or _is_latest(about, there.get(about.response))
    ]
    said = replace(said, each=tuple(each for each, _ in fresh))
    return News(said, tuple(heard), tuple(about.response for _, about in fresh))


def _is_latest(brought: Known, known: Known | None) -> bool:
    """Whether the state that a submission brought once is still the one that is known."""
    return known is None or known.submission == brought.submission
