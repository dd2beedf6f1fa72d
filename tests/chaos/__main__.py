"""`python -m tests.chaos`: the big run, as small or as large as asked, with one JSON line and a table for each run.

python -m tests.chaos                                  # CI size, both databases
python -m tests.chaos --size full --seed 3 --database sqlite
python -m tests.chaos --size full --without-redis
"""

import argparse
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from tests.chaos import report
from tests.chaos.mixed import FULL, SMALL, Outcome, run_once

DATABASES = ("sqlite", "postgresql")


def main() -> int:
    """0 if every promise was kept in every run."""
    asked = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    asked.add_argument("--size", choices=("small", "full"), default="small")
    asked.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    asked.add_argument("--seed", type=int, nargs="+", default=[1])
    asked.add_argument("--participants", type=int, help="instead of the size's own; the faults stay as many")
    asked.add_argument("--without-redis", action="store_true", help="no queue server at all, for the whole run")
    asked.add_argument("--keep", action="store_true", help="keep the arena's directory even if all is well")
    asked.add_argument("--jobs", type=int, default=1, help="runs at a time; each waits for half of its time")
    given = asked.parse_args()
    outcomes = []
    for outcome in _runs(given):
        report.tell(outcome, again=report.command(given.size, outcome))
        outcomes.append(outcome)
    report.table(outcomes)
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def _runs(given: argparse.Namespace) -> Iterator[Outcome]:
    """Every run that was asked for, each in a process of its own."""
    size = FULL if given.size == "full" else SMALL
    size = replace(size, participants=given.participants or size.participants)
    databases = DATABASES if given.database == "both" else (given.database,)
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        begun = {
            (seed, database): pool.submit(
                run_once, size, database=database, seed=seed, redis=not given.without_redis, keep=given.keep
            )
            for seed in given.seed
            for database in databases
        }
        for (seed, database), run in begun.items():
            try:
                yield run.result()
            except Exception as error:  # noqa: BLE001  (whatever ended this run, the others go on)
                told = [f"the run came to no end: {type(error).__name__}: {error}"]
                known = {"participants": size.participants}
                yield Outcome(
                    database, seed, not given.without_redis, told, known, "removed, or kept in the temporary files"
                )


if __name__ == "__main__":
    sys.exit(main())
