"""Timed jobs: what the sweepers start, once for each time slot, whichever worker comes first."""

from collections.abc import Mapping
from datetime import timedelta

from shared.events import BackfillDue, InvariantsDue, ReconciliationDue
from shared.sweeper import Job

JOBS: Mapping[str, Job] = {
    "bus.invariants": Job(every=timedelta(minutes=5), event=lambda slot: InvariantsDue(slot=slot)),
    "intake.backfill": Job(every=timedelta(minutes=15), event=lambda slot: BackfillDue(slot=slot)),
    "scoring.reconciliation": Job(every=timedelta(minutes=5), event=lambda slot: ReconciliationDue(slot=slot)),
}
