"""What must always hold, of the bus and of every service, and which service's worker checks it."""

from collections.abc import Mapping

from services.intake.invariants import INVARIANTS as INTAKE
from services.reporting.invariants import INVARIANTS as REPORTING
from services.scoring.invariants import INVARIANTS as SCORING
from shared.invariants.bus import INVARIANTS as BUS
from shared.invariants.rule import Invariant
from shared.words import Service

CHECKED_BY: Mapping[Service, Mapping[str, Invariant]] = {
    Service.INTAKE: {**BUS, **INTAKE},  # the bus has no worker of its own
    Service.SCORING: SCORING,
    Service.REPORTING: REPORTING,
}
INVARIANTS: Mapping[str, Invariant] = {name: rule for rules in CHECKED_BY.values() for name, rule in rules.items()}
