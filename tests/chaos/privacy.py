"""Whether anything personal got to where it must not be: logs, the queue server, metrics.

Searched are every name, address and comment of the cohort, as written and as JSON escapes it.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.builders.cohort_evidence import ADVICE, PRAISE
from tests.builders.cohort_folder import WrittenCohort


def personal(cohort: WrittenCohort) -> set[str]:
    """Every name and address of everybody in the cohort's folder, and what raters wrote."""
    found = {*PRAISE, *ADVICE}
    for name in ("roster.csv", "raters.csv", "assessors.csv"):
        with (cohort.folder / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found |= {row.get(column, "") for column in ("given_name", "family_name", "name", "email")}
    return {word for word in found if word}


def needles(words: Iterable[str]) -> dict[bytes, str]:
    """What to search for in bytes → the word that it is."""
    return {form: word for word in words for form in (word.encode(), json.dumps(word)[1:-1].encode())}


class Search:
    """Looks for the words of one cohort, in as many places as one likes."""

    def __init__(self, cohort: WrittenCohort) -> None:
        self._needles = needles(personal(cohort))
        self.hits: list[str] = []
        self.searched = 0

    def look(self, where: str, content: bytes) -> None:
        """Note each word that is there."""
        self.searched += len(content)
        self.hits += [f"{where} has {word!r}" for needle, word in self._needles.items() if needle in content]

    def look_into(self, files: Iterable[Path]) -> None:
        """The same with files."""
        for file in files:
            self.look(file.name, file.read_bytes())


def violations(search: Search) -> Iterator[str]:
    """In words."""
    yield from (f"personal data: {hit}" for hit in sorted(set(search.hits)))
