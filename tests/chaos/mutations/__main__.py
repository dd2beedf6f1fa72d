"""`python -m tests.chaos.mutations [NAME…]`: switches guards off, one JSON line each; 1 if one is not missed."""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence

from shared import logs
from tests.chaos.mutations import MUTATIONS
from tests.chaos.site import Outcome, Servers


def main(arguments: Sequence[str] | None = None) -> int:
    """Check every guard, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MUTATIONS))
    asked = parser.parse_args(arguments)
    logs.configure("CRITICAL", role="chaos")
    with Servers() as servers:
        checked = [
            checks_out(servers, name, database)
            for name in asked.names or MUTATIONS
            for database in MUTATIONS[name].databases
        ]
    return 0 if all(checked) else 1


def checks_out(servers: Servers, name: str, database: str) -> bool:
    """Whether the scenario passes with the guard and fails without it; prints its line."""
    began = time.monotonic()
    guarded = _outcome(servers, name, database, guarded=True)
    unguarded = _outcome(servers, name, database, guarded=False)
    is_needed = not guarded.broken and bool(unguarded.broken)
    line = {
        "mutation": name,
        "database": database,
        "seconds": round(time.monotonic() - began, 1),
        "with the guard": guarded.broken,
        "without it": unguarded.broken,
        "noticed": is_needed,
    }
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()
    return is_needed


def _outcome(servers: Servers, name: str, database: str, *, guarded: bool) -> Outcome:
    try:
        return MUTATIONS[name].run(servers, database, guarded)
    except Exception as error:  # noqa: BLE001  (a scenario that can't run proves nothing)
        traceback.print_exc()
        return Outcome(broken=[f"it ended in {type(error).__name__}"] if guarded else [])


if __name__ == "__main__":
    sys.exit(main())
