"""All SQL of intake's own tables: `arrivals` at the door, `submissions` as they are read, `evidence` in them, the
`roster`, `routes` from a connection to its cohort, and `listings`.
"""

from services.intake.store.arrivals import (
    EVERY_UNKNOWN,
    Arrival,
    Key,
    Refusals,
    Repeats,
    Stored,
    add_submissions,
    count_refusals,
    count_repeats,
    limit_patience,
    was_blocked,
)
from services.intake.store.evidence import add_evidence, add_said, history, lock_keys, set_latest
from services.intake.store.listings import (
    Quarantined,
    QuarantinedDetail,
    Refusal,
    duplicates,
    is_overdue,
    is_reachable,
    quarantined,
    quarantined_one,
    refusals,
)
from services.intake.store.roster import roster_named, roster_of
from services.intake.store.routes import Route, Routes, route_of, routes
from services.intake.store.submissions import (
    Submission,
    before,
    keep_answers,
    known_as,
    known_until,
    settle_much,
    submission_locked,
    submissions_locked,
)

__all__ = [
    "EVERY_UNKNOWN",
    "Arrival",
    "Key",
    "Quarantined",
    "QuarantinedDetail",
    "Refusal",
    "Refusals",
    "Repeats",
    "Route",
    "Routes",
    "Stored",
    "Submission",
    "add_evidence",
    "add_said",
    "add_submissions",
    "before",
    "count_refusals",
    "count_repeats",
    "duplicates",
    "history",
    "is_overdue",
    "is_reachable",
    "keep_answers",
    "known_as",
    "known_until",
    "limit_patience",
    "lock_keys",
    "quarantined",
    "quarantined_one",
    "refusals",
    "roster_named",
    "roster_of",
    "route_of",
    "routes",
    "set_latest",
    "settle_much",
    "submission_locked",
    "submissions_locked",
    "was_blocked",
]
