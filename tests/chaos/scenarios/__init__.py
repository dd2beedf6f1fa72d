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
    strange_payloads,
    supervisor_killed,
    sweepers,
    upgrade,
    vendor_api,
)
from tests.chaos.scenarios.kinds import Scenario, Size

SQLITE, POSTGRESQL = ("sqlite",), ("postgresql",)

SCENARIOS: Mapping[str, Scenario] = {
    "last_pieces": Scenario(last_pieces.run),
    "lost_replies": Scenario(lost_replies.run, quick=POSTGRESQL),
    "commit_unknown": Scenario(commit_unknown.run, POSTGRESQL),
    "poison": Scenario(poison.run, quick=POSTGRESQL),
    "stopped": Scenario(stopped.run),
    "sigterm": Scenario(sigterm.run, quick=SQLITE),
    "door_killed": Scenario(door_killed.run, quick=SQLITE),
    "accept_killed": Scenario(accept_killed.run, quick=POSTGRESQL),
    "clock": Scenario(clock.run, quick=POSTGRESQL),
    "sweepers": Scenario(sweepers.run, quick=POSTGRESQL),
    "sqlite_storm": Scenario(sqlite_storm.run, SQLITE),
    "disk_full": Scenario(disk_full.run, quick=SQLITE),
    "upgrade": Scenario(upgrade.run, quick=POSTGRESQL),
    "vendor_api": Scenario(vendor_api.run, quick=POSTGRESQL),
    "strange_payloads": Scenario(strange_payloads.run, quick=SQLITE),
    "supervisor_killed": Scenario(supervisor_killed.run, SQLITE),
    "several_hosts": Scenario(several_hosts.run, POSTGRESQL),
}

__all__ = ["SCENARIOS", "Scenario", "Size"]
