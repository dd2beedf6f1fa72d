"""All SQL of scoring: `cases` with their evidence, `results`, `runs` with their gap tables, and the `standing` of each
participant; besides `waivers`, `calibrations`, `norms`, `people`, and `replays`.
"""

from services.scoring.store.cases import (
    Added,
    Case,
    Latest,
    add_much,
    add_pieces,
    batches,
    cases_of,
    has_evidence,
    hold_cases,
    lock_cases,
    people_with_evidence,
    unsettled,
)
from services.scoring.store.results import Reduced, ResultRow, append_result, reduced_of, results_of
from services.scoring.store.runs import CohortGaps, Told, add_gaps, gaps_of, open_run, told_by
from services.scoring.store.standing import ParticipantStatus, status_of

__all__ = [
    "Added",
    "Case",
    "CohortGaps",
    "Latest",
    "ParticipantStatus",
    "Reduced",
    "ResultRow",
    "Told",
    "add_gaps",
    "add_much",
    "add_pieces",
    "append_result",
    "batches",
    "cases_of",
    "gaps_of",
    "has_evidence",
    "hold_cases",
    "lock_cases",
    "open_run",
    "people_with_evidence",
    "reduced_of",
    "results_of",
    "status_of",
    "told_by",
    "unsettled",
]
