"""`python -m tests.chaos.scenarios [NAME…] [--full] [--database NAME]`: runs scenarios, one JSON line each."""

import argparse
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence

from shared import logs
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.scenarios.kinds import BOTH, Scenario, Size
from tests.chaos.site import Outcome, Servers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit status is 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.scenarios", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--full", action="store_true", help="take the time it needs")
    parser.add_argument("--database", choices=BOTH)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time; most scenarios wait most of the time")
    parser.add_argument("--share", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(SCENARIOS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    if asked.jobs > 1 and not asked.share:
        return _in_shares(asked.jobs, list(arguments if arguments is not None else sys.argv[1:]))
    logs.configure("CRITICAL", role="chaos")
    size = Size.FULL if asked.full else Size.QUICK
    runs = [
        (name, database)
        for name in asked.names or SCENARIOS
        for database in SCENARIOS[name].on(size)
        if asked.database in {None, database}
    ]
    with Servers() as servers:
        mine = runs[asked.share - 1 :: asked.jobs] if asked.share else runs
        lines = [line(servers, name, database, size) for name, database in mine]
    return int(any(each["broken"] for each in lines))


def _in_shares(jobs: int, arguments: list[str]) -> int:
    """The same by several processes, each with servers of its own."""
    command = [sys.executable, "-m", "tests.chaos.scenarios", *arguments]
    shares = [subprocess.Popen([*command, "--share", str(number)]) for number in range(1, jobs + 1)]
    return max(share.wait() for share in shares)


def line(servers: Servers, name: str, database: str, size: Size) -> dict[str, object]:
    """Run one scenario on one database, and print its line."""
    began = time.monotonic()
    outcome = _run(SCENARIOS[name], servers, database, size)
    told: dict[str, object] = {
        "scenario": name,
        "database": database,
        "size": size,
        "seconds": round(time.monotonic() - began, 1),
        **outcome.figures,
        "broken": outcome.broken,
    }
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()
    return told


def _run(scenario: Scenario, servers: Servers, database: str, size: Size) -> Outcome:
    try:
        return scenario.run(servers, database, size)
    except Exception as error:  # noqa: BLE001  (one scenario's trouble is not the others')
        traceback.print_exc()
        return Outcome(broken=[f"it ended in {type(error).__name__}: {error}"])


if __name__ == "__main__":
    sys.exit(main())
