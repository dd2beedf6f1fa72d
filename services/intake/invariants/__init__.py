"""What must always hold in intake's tables: one file a rule, and this dictionary."""

from collections.abc import Mapping

from services.intake.invariants import (
    counting_is_published,
    received_is_on_its_way,
    recorded_said_something,
    unread_says_why,
)
from shared.invariants.rule import Invariant

INVARIANTS: Mapping[str, Invariant] = {
    "intake.every_received_submission_is_on_its_way": received_is_on_its_way.RULE,
    "intake.every_unread_submission_says_why": unread_says_why.RULE,
    "intake.every_recorded_submission_said_something": recorded_said_something.RULE,
    "intake.every_piece_that_counts_was_published": counting_is_published.RULE,
}
