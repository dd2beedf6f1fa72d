"""What must always hold in the bus's own tables: one file a rule, and this dictionary."""

from collections.abc import Mapping

from shared.invariants.bus import due_is_taken, events_are_delivered, leases_end, parked_say_why, timers_fire
from shared.invariants.rule import Invariant

INVARIANTS: Mapping[str, Invariant] = {
    "bus.every_due_delivery_is_taken": due_is_taken.RULE,
    "bus.no_lease_outlives_its_worker": leases_end.RULE,
    "bus.every_event_is_delivered": events_are_delivered.RULE,
    "bus.every_due_timer_fires": timers_fire.RULE,
    "bus.every_parked_delivery_says_why": parked_say_why.RULE,
}
