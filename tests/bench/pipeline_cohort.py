"""A cohort of any size for `bench-pipeline`, and what arrives about it, made on the way: nothing is kept.

Each participant has 12 raters, 4 exercises with two assessors, and 5 criteria with two markers. The same seed and size
give the same bytes. Neighbours: `tests.builders.cohort_folder`, from whose parts it is made.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.intake.core.submission import RawRequest
from services.intake.vendors import VENDORS
from shared.cohort.definition import CohortDefinition
from shared.cohort.folder import read_folder
from shared.cohort.opening import open_cohort
from shared.db import Database
from tests.builders.cohort_description import OPENS, Description, Rater
from tests.builders.cohort_evidence import Mark, Sheets, Survey, write_marks, write_sheets
from tests.builders.cohort_people import InventedPerson
from tests.builders.cohort_rules import CohortRules

COHORT = "bench"
CONNECTION = "bench-feedback"
SECRET = "a-secret-of-the-bench"
SECRET_ENV = "TALENTLINE_SECRET_BENCH"
RATERS = {"self": 1, "line_manager": 1, "peer": 4, "direct_report": 4, "system_partner": 2}
RULES = CohortRules(responses=RATERS, release="automatic")
FILE_OF = 250
"""Participants in one score sheet or marks file."""


@dataclass(slots=True)
class BenchCohort:
    """A cohort as described in a folder, open in no database yet."""

    described: Description
    place: Path

    @property
    def people(self) -> Sequence[InventedPerson]:
        """Everybody on the roster."""
        return self.described.people

    def open(self, db: Database) -> CohortDefinition:
        """Open it, as `talentline cohort open` does."""
        found = read_folder(self.described.path, vendors=VENDORS)
        with db.write() as uow:
            open_cohort(uow, found, update=False, actor="bench", has_evidence=False)
        return found.definition

    def webhooks(self) -> Iterator[RawRequest]:
        """One signed delivery for each rater, in an order by chance."""
        fate = self.described.fate
        asked = [rater for rater in self.described.raters if int(rater[0].rsplit(".", 1)[1]) <= RATERS[rater[2]]]
        fate.shuffle(asked)
        items = {row.item: row for row in RULES.framework()}
        low, high = RULES.scale
        levels = {
            (person.participant, domain): fate.uniform(low + 1, high - 0.5)
            for person in self.people
            for domain in sorted({row.domain for row in items.values()})
        }
        survey = Survey(RULES, CONNECTION, SECRET, items, levels, fate)
        for rater in asked:
            yield self._delivery(survey, rater)

    def _delivery(self, survey: Survey, who: Rater) -> RawRequest:
        rater, participant, relationship = who
        form = self.described.forms["self" if relationship == "self" else "others"]
        hidden = {"participant": participant, "rater": rater, "relationship": relationship}
        at = datetime(OPENS.year, OPENS.month, OPENS.day, 8, tzinfo=UTC) + timedelta(
            minutes=self.described.fate.randrange(60 * 24 * 60)
        )
        request = survey.recorded(
            "response", rater, survey.body(form, hidden, at, survey.answers(form, participant, rater))
        )
        headers = request["request"]["headers"]
        return RawRequest(request["request"]["body"].encode(), tuple((name.lower(), headers[name]) for name in headers))

    def files(self) -> Iterator[Path]:
        """Score sheets (a workbook an assessor) and marks, each file about at most `FILE_OF` participants."""
        for start in range(0, len(self.people), FILE_OF):
            some = self.people[start : start + FILE_OF]
            place = self.place / f"{start:05}"
            yield from write_sheets(place, self._sheets(start, some), RULES)
            yield write_marks(place / "marks.csv", self._marks(start, some), RULES)

    def _sheets(self, start: int, some: Sequence[InventedPerson]) -> Sheets:
        sheets: dict[str, dict[str, dict[str, list[int | None]]]] = {}
        low, high = RULES.scale
        assessors = self.described.assessors
        for number, person in enumerate(some, start):
            for turn, (exercise, competencies) in enumerate(RULES.grid().items()):
                for place in range(RULES.assessors):
                    rows = sheets.setdefault(assessors[(number + 2 * turn + place) % len(assessors)], {})
                    ratings = [self.described.fate.randint(low + 1, high) for _ in competencies]
                    rows.setdefault(exercise, {})[person.participant] = list(ratings)
        return sheets

    def _marks(self, start: int, some: Sequence[InventedPerson]) -> Iterator[Mark]:
        for number, person in enumerate(some, start):
            for criterion, (_, most) in RULES.criteria().items():
                base = self.described.fate.randint(1, most - RULES.moderate_above)
                for place in range(RULES.markers):
                    marker = f"MRK-{(number + place) % (RULES.markers + 1) + 1}"
                    yield person.participant, marker, criterion, base + self.described.fate.randint(0, 2)


def a_cohort(place: Path, participants: int, seed: int) -> BenchCohort:
    """Describe a cohort in a folder under `place`."""
    fate = random.Random(f"{seed}/{participants}")
    described = Description(place / "cohort", COHORT, CONNECTION, SECRET, RULES, fate)
    described.write(participants, organisations=4)
    return BenchCohort(described, place / "files")
