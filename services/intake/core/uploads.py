"""An uploaded file's sheets: which kind of file it is, by its content, and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.core import marks, score_sheet
from services.intake.core.evidence import Evidence
from services.intake.core.grid import Grid, Mistake
from services.intake.core.roster import Roster
from services.intake.core.submission import SubmissionKind
from services.intake.core.text import folded
from shared.cohort.definition import CohortDefinition

MARKS = frozenset({"marker", "criterion", "mark", "max_mark"})
SCORE_SHEET = frozenset({"assessor", "exercise", "participant"})


@dataclass(frozen=True, slots=True)
class UploadReading:
    """What a file says. With any mistake it says nothing: `evidence` is empty then."""

    kind: SubmissionKind | None
    evidence: tuple[Evidence, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def summary(self) -> str:
        """What was understood, for whoever sent it."""
        participants = len({each.participant for each in self.evidence})
        people = len({each.by for each in self.evidence})
        if self.kind is SubmissionKind.MARKS:
            marked = _count(len(self.evidence), "mark")
            return f"marks: {marked} of {_count(participants, 'participant')} by {_count(people, 'marker')}"
        rows = _count(len(self.evidence), "row")
        return f"score sheet: {rows} about {_count(participants, 'participant')} by {_count(people, 'assessor')}"


def read(grids: Sequence[Grid], definition: CohortDefinition, roster: Roster) -> UploadReading:
    """The evidence in a file's sheets, or every mistake in them."""
    used = [grid for grid in grids if grid.rows]
    kind = _kind(used, definition)
    if kind is None:
        return UploadReading(None, (), (_neither(used),))
    if kind is SubmissionKind.MARKS:
        tables = [grid for grid in used if folded(grid.name) != score_sheet.ABOUT]
        evidence, mistakes = marks.evidence_in(tables, definition, roster)
    else:
        evidence, mistakes = score_sheet.evidence_in(used, definition, roster)
    if not evidence and not mistakes:
        mistakes = [Mistake("", None, None, None, "holds headings but no values; fill it in")]
    return UploadReading(kind, () if mistakes else tuple(evidence), tuple(mistakes))


def _kind(grids: Sequence[Grid], definition: CohortDefinition) -> SubmissionKind | None:
    if any(len(grid.heading & MARKS) >= 2 for grid in grids):
        return SubmissionKind.MARKS
    likely = (
        grid.heading & SCORE_SHEET
        or score_sheet.is_exercise(grid.name, definition)
        or folded(grid.name) == score_sheet.ABOUT
        for grid in grids
    )
    return SubmissionKind.SCORE_SHEET if any(likely) else None


def _neither(grids: Sequence[Grid]) -> Mistake:
    if not grids:
        return Mistake("", None, None, None, "is empty; fill it in")
    return Mistake(
        grids[0].name,
        grids[0].rows[0].number,
        None,
        None,
        "is neither a score sheet nor marks: the first row must hold the headings (a score sheet begins with"
        " “participant”, or with “assessor, exercise, participant”; marks hold “participant, marker, criterion, mark,"
        " max_mark”)",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
