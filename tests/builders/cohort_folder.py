"""Writes a whole cohort folder of the pilot's layout: other people, other forms, other secret, and what arrives.

The same arguments give the same bytes. `CohortRules` says what rules the cohort has; `OTHER_RULES` differs from the
pilot's in all of them. Neighbours: `cohort_rules` (what may vary), `cohort_description`, `cohort_people`,
`cohort_feed` (what arrives, and when), `cohort_evidence` (in which format).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.builders.cohort_description import Description
from tests.builders.cohort_feed import Feed
from tests.builders.cohort_people import InventedPerson
from tests.builders.cohort_rules import OTHER_RULES, CohortRules

__all__ = ["OTHER_RULES", "CohortRules", "WrittenCohort", "write_cohort"]


@dataclass(frozen=True, slots=True)
class WrittenCohort:
    """What was written, and what a correct program makes of it."""

    folder: Path
    cohort: str
    connection: str
    secret: str
    secret_env: str
    rules: CohortRules
    people: tuple[InventedPerson, ...]
    waiting: Mapping[str, str]
    """Participants who wait until what is in `late/` has arrived → `direct_report`, `moderation` or `assessor`."""
    quarantined: int
    """Deliveries that are accepted and can't be understood."""
    forged: int
    """Deliveries that are refused with 401."""

    @property
    def participants(self) -> tuple[str, ...]:
        """Everybody, by id."""
        return tuple(person.participant for person in self.people)

    @property
    def complete(self) -> tuple[str, ...]:
        """Participants whose evidence is complete without `late/`; with it, all of them are."""
        return tuple(participant for participant in self.participants if participant not in self.waiting)

    @property
    def emails_of_complete(self) -> tuple[str, ...]:
        """Addresses of those who are complete without `late/`."""
        return tuple(person.email for person in self.people if person.participant not in self.waiting)

    @property
    def emails(self) -> tuple[str, ...]:
        """Addresses of everybody."""
        return tuple(person.email for person in self.people)

    def files(self, pattern: str) -> list[Path]:
        """Files of the folder in order, such as `deliveries/*.json` or `late/written/*.csv`."""
        return sorted(self.folder.glob(pattern))


def write_cohort(
    path: Path,
    *,
    cohort: str = "autumn-19",
    participants: int = 24,
    organisations: int = 4,
    seed: int = 1,
    secret: str = "a-secret-of-a-generated-cohort",
    connection: str | None = None,
    rules: CohortRules | None = None,
    incomplete: bool = True,
    oddities: bool = True,
) -> WrittenCohort:
    """Write a cohort folder to `path`, feed included.

    `incomplete`: up to three participants wait for something that lies in `late/`. `oddities`: duplicates,
    resubmissions, an answer out of order, a forgery, and four deliveries that can't be understood. The connection's
    name and the secret's variable follow the cohort's id: `<cohort>-feedback`, `TALENTLINE_SECRET_<COHORT>`.
    """
    name = connection or f"{cohort}-feedback"
    described = Description(path, cohort, name, secret, rules or CohortRules(), Random(f"{seed}/{cohort}"))
    described.write(participants, organisations)
    feed = Feed(described)
    feed.write(incomplete=incomplete, oddities=oddities)
    return WrittenCohort(
        folder=path,
        cohort=cohort,
        connection=name,
        secret=secret,
        secret_env=described.secret_env,
        rules=described.rules,
        people=tuple(described.people),
        waiting=feed.waiting,
        quarantined=4 if oddities else 0,
        forged=1 if oddities else 0,
    )
