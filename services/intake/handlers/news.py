"""Which responses are news: asking a tool brings what its webhooks have brought as well."""

from collections.abc import Collection, Iterable, Mapping
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
    """What is new in a reading, or was when it was read first; and what is known of new responses once it counts."""

    responses: Responses
    heard: tuple[Known, ...]
    brought: tuple[str, ...]
    """All those responses' keys."""

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to take in and nothing to put right."""
        return not (self.responses.each or self.responses.unread)


@dataclass(frozen=True, slots=True)
class Reports:
    """The responses of one reading on a connection, each with what is known of it once the reading counts."""

    connection: str
    said: Responses
    each: tuple[tuple[Response, Known], ...]
    brought: Collection[str] = ()
    """Keys of the responses that this submission brought, where it is read again."""

    @property
    def keys(self) -> list[str]:
        """What the responses are known by."""
        return [about.response for _, about in self.each]

    def news(self, there: Mapping[str, Known]) -> News:
        """The responses that say more than is known of them (`there`, by key), and those that this submission brought,
        read again: a later state of one may be known by now, and stays so.
        """
        fresh = [
            (one, about)
            for one, about in self.each
            if about.response in self.brought or is_news(about, there.get(about.response))
        ]
        heard = [
            about
            for _, about in fresh
            if about.response not in self.brought or _is_latest(about, there.get(about.response))
        ]
        said = replace(self.said, each=tuple(each for each, _ in fresh))
        return News(said, tuple(heard), tuple(about.response for _, about in fresh))


def reports(
    definition: CohortDefinition,
    name: str,
    said: Responses,
    submission: SubmissionId,
    *,
    polled: bool,
    brought: Collection[str] = (),
) -> Reports:
    """What a submission on a connection reports. `polled`: it was asked for."""
    each = tuple((one, known(one, submission, definition.time_zone, polled=polled)) for one in said.each)
    return Reports(name, said, each, brought)


def known_before(uow: UnitOfWork, cohort: CohortId, some: Iterable[Reports]) -> dict[str, dict[str, Known]]:
    """What is known of all these responses, by connection and key: one query a connection."""
    keys: dict[str, list[str]] = {}
    for one in some:
        keys.setdefault(one.connection, []).extend(one.keys)
    return {name: store.known_of(uow.connection, cohort, name, those) for name, those in keys.items()}


def _is_latest(brought: Known, known: Known | None) -> bool:
    """Whether the state that a submission brought once is still the one that is known."""
    return known is None or known.submission == brought.submission
