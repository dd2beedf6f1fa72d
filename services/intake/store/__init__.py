"""All SQL of intake's own tables: `submissions` as they arrive, `evidence` in them, the `roster`, and `listings`."""

from services.intake.store.evidence import add_evidence, add_said, history, lock_keys, set_latest
from services.intake.store.listings import (
    Quarantined,
    QuarantinedDetail,
    Refusal,
    duplicates,
    is_reachable,
    quarantined,
    quarantined_one,
    refusals,
)
from services.intake.store.roster import roster_named, roster_of
from services.intake.store.submissions import (
    EVERY_UNKNOWN,
    Arrival,
    Submission,
    add_submission,
    count_refusal,
    keep_answers,
    settle,
    submission_locked,
)

__all__ = [
    "EVERY_UNKNOWN",
    "Arrival",
    "Quarantined",
    "QuarantinedDetail",
    "Refusal",
    "Submission",
    "add_evidence",
    "add_said",
    "add_submission",
    "count_refusal",
    "duplicates",
    "history",
    "is_reachable",
    "keep_answers",
    "lock_keys",
    "quarantined",
    "quarantined_one",
    "refusals",
    "roster_named",
    "roster_of",
    "set_latest",
    "settle",
    "submission_locked",
]
