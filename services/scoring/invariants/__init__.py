"""What must always hold in scoring's tables: one file a rule, and this dictionary."""

from collections.abc import Mapping

from services.scoring.invariants import (
    calibrations_are_kept,
    complete_is_scored,
    results_have_evidence,
    versions_have_no_hole,
)
from shared.invariants.rule import Invariant

COMPLETE_IS_SCORED = "scoring.every_complete_case_is_scored"

INVARIANTS: Mapping[str, Invariant] = {
    COMPLETE_IS_SCORED: complete_is_scored.RULE,
    "scoring.every_result_is_numbered_without_a_hole": versions_have_no_hole.RULE,
    "scoring.every_result_has_evidence": results_have_evidence.RULE,
    "scoring.every_calibration_named_is_kept": calibrations_are_kept.RULE,
}
