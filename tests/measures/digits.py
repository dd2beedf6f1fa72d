"""Whether another processor, number of threads or release of a library computes the same digits.

    python -m tests.measures.digits > here.json              # on one machine
    python -m tests.measures.digits here.json                # on another: what differs, and by how much

Results of seven people by means; calibrations and results of 40 people (stated variances) and of 120 (estimated ones)
by the many-facet model. The evidence is drawn alike; its own line says whether it came out alike, else nothing below it
can. Exit status 1 if a result has not the same hash.
"""

import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.scoring.core.calibration.of_cohort import calibration_on
from services.scoring.core.canonical import canonical, hashed
from services.scoring.core.evidence import current
from services.scoring.core.replay import unlike
from services.scoring.core.requirements import NOTHING
from services.scoring.core.results import Grounds, Rules, result_on, state_of
from services.scoring.models import MODELS
from tests.builders.simulated_cohort import a_simulated_cohort

COHORTS = {"rater-means/1": (7,), "many-facet/1": (40, 120)}
"""Model → sizes."""


def documents() -> Iterator[tuple[str, str]]:
    """(name, canonical JSON): the evidence of each cohort, its calibration if there is one, and its results."""
    for model, sizes in COHORTS.items():
        for people in sizes:
            cohort, name = a_simulated_cohort(people), f"{model}, {people} people"
            rules = Rules(cohort.definition, MODELS[model])
            states = {who: state_of(current(pieces)) for who, pieces in cohort.pieces.items()}
            yield f"evidence: {name}", canonical({who: repr(pieces) for who, pieces in cohort.pieces.items()})
            cases = ((who, tuple(pieces), NOTHING) for who, pieces in cohort.pieces.items())
            found = calibration_on(rules, cases)
            if found is not None:
                rules = replace(rules, calibration=found)
                yield f"calibration: {name}", found.document
            for who, pieces in cohort.pieces.items():
                grounds = Grounds(states[who], model, rules.digest, found.hash if found else None)
                yield f"result: {name}, {who}", result_on(grounds, rules, who, pieces).document


def compared(there: dict[str, Any], here: dict[str, str]) -> Iterator[str]:
    """A line for each kind of document: how many have the same hash, and where others differ."""
    for kind in dict.fromkeys(name.split(", P-")[0] for name in here):
        names = [name for name in here if name.split(", P-")[0] == kind]
        other = [name for name in names if hashed(here[name]) != hashed(there["documents"][name])]
        yield f"{kind}: {len(names) - len(other)} of {len(names)} have the same hash"
        for name in other[:3]:
            was, now = json.loads(there["documents"][name]), json.loads(here[name])
            yield from (f"  {name}: {line}" for line in list(unlike(was, now))[:5])


def main() -> int:
    here = dict(documents())
    if len(sys.argv) == 1:
        sys.stdout.write(canonical({"machine": platform.machine(), "documents": here}))
        return 0
    there = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lines = list(compared(there, here))
    sys.stdout.write("\n".join([f"{platform.machine()} beside {there['machine']}", *lines, ""]))
    return int(any(here[name] != there["documents"][name] for name in here if name.startswith("result")))


if __name__ == "__main__":
    sys.exit(main())
