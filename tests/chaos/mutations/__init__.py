"""Mutation check: is each guard needed, and would we notice if it were gone?

For each guard a targeted scenario runs twice: as it is, where it must pass, and with the guard switched off from
outside, where it must fail. `python -m tests.chaos.mutations` runs all of them. To add one: a file with a function
`run(servers, database, guarded)`, and a line in `MUTATIONS`.
"""

from collections.abc import Mapping

from tests.chaos.mutations import case_lock, fence, staged_hand_over, unique_key
from tests.chaos.mutations.kinds import Mutation

MUTATIONS: Mapping[str, Mutation] = {
    "fence": Mutation(fence.run),
    "unique_key": Mutation(unique_key.run),
    "case_lock": Mutation(case_lock.run),
    "staged_hand_over": Mutation(staged_hand_over.run, ("postgresql",)),
}
