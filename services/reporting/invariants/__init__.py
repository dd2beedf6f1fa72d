"""What must always hold in reporting's tables: one file a rule, and this dictionary."""

from collections.abc import Mapping

from services.reporting.invariants import (
    authorised_is_released,
    doubtful_is_looked_up,
    pool_stands_as_its_history,
    released_is_on_its_way,
    sent_has_a_receipt,
)
from shared.invariants.rule import Invariant

INVARIANTS: Mapping[str, Invariant] = {
    "reporting.every_plan_released_by_a_run_is_released": authorised_is_released.RULE,
    "reporting.every_released_plan_is_on_its_way": released_is_on_its_way.RULE,
    "reporting.every_doubtful_mail_is_looked_up": doubtful_is_looked_up.RULE,
    "reporting.every_sent_plan_has_a_receipt": sent_has_a_receipt.RULE,
    "reporting.every_pool_record_stands_as_its_history_says": pool_stands_as_its_history.RULE,
}
