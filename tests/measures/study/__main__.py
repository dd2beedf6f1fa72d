"""Run what is not yet in docs/study.jsonl, then write docs/study.md and its plots.

    python -m tests.measures.study [--write]

`--write`: only write from what is there.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.measures.study.recovery import DESIGNS, PEOPLE, SEEDS, recovery
from tests.measures.study.trials import COHORTS, WORLDS, as_row, trials

DOCS = Path(__file__).parents[3] / "docs"
ROWS = DOCS / "study.jsonl"


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []


def missing() -> Iterator[list[dict[str, Any]]]:
    """Whatever has not been run, a step at a time."""
    done = {(row["world"], row["people"], row["seed"]) for row in rows() if "world" in row}
    tried = {(row["design"], row["people"], row["seed"]) for row in rows() if "design" in row}
    for seed in range(SEEDS):
        for design in DESIGNS:
            if (design, PEOPLE, seed) not in tried:
                found = recovery(design, PEOPLE, seed)
                yield [{name: getattr(found, name) for name in found.__slots__}]
    for people, cohorts in COHORTS.items():
        for world in WORLDS:
            for seed in range(cohorts):
                if (world, people, seed) not in done:
                    yield [as_row(trial) for trial in trials(world, people, seed)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    if not parser.parse_args().write:
        for found in missing():
            with ROWS.open("a") as out:
                out.writelines(json.dumps(row) + "\n" for row in found)
    from tests.measures.study.writing import written

    written(rows(), DOCS)


if __name__ == "__main__":
    main()
