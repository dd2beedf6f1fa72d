"""Targeted fault scenarios, one file each: what goes wrong, and what must hold all the same.

`python -m tests.chaos.scenarios [NAME…] [--full]` runs them, one JSON line each. To add one: a file with a function
`run(servers, database, size)` that gives an `Outcome`, and a line in `SCENARIOS`.
"""

from collections.abc import Mapping

from tests.chaos.scenarios import (
    accept_killed,
    clock,
    commit_unknown,
    disk_full,
    door_killed,
    last_pieces,
    lost_replies,
    poison,
    several_hosts,
    sigterm,
    sqlite_storm,
    stopped,
    sweepers,
    upgrade,
    vendor_api,
)
from tests.chaos.scenarios.kinds import Scenario, Size

SCENARIOS: Mapping[str, Scenario] = {
    "last_pieces": Scenario(last_pieces.run),
    "lost_replies": Scenario(lost_replies.run),
    "commit_unknown": Scenario(commit_unknown.run, ("postgresql",)),
    "poison": Scenario(poison.run),
    "stopped": Scenario(stopped.run),
    "sigterm": Scenario(sigterm.run),
    "door_killed": Scenario(door_killed.run),
    "accept_killed": Scenario(accept_killed.run),
    "clock": Scenario(clock.run),
    "sweepers": Scenario(sweepers.run),
    "sqlite_storm": Scenario(sqlite_storm.run, ("sqlite",)),
    "disk_full": Scenario(disk_full.run),
    "upgrade": Scenario(upgrade.run),
    "vendor_api": Scenario(vendor_api.run),
    "several_hosts": Scenario(several_hosts.run, ("postgresql",)),
}

__all__ = ["SCENARIOS", "Scenario", "Size"]
