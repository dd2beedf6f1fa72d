"""`python -m tests.fuzz [--minutes 10] [--seed 1]`: hostile requests to every vendor until the time is over.

Each round gives every vendor some hundred requests under a seed of its own, made by hypothesis near to the recorded
samples. A round that fails prints the smallest request that does, with its seed; the run ends with status 1.
"""

import argparse
import json
import logging
import sys
import time
import traceback
from collections import Counter, defaultdict

from hypothesis import HealthCheck, Phase, given, seed, settings

from services.intake.vendors import VENDORS
from tests.builders.hostile import Attack, PageAttack, attacks

ROUND = 300
"""Requests that a vendor gets in a round."""


class Run:
    """What was sent so far, and what became of it."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.became: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.failures: list[str] = []
        self.slowest = 0.0

    def round(self, vendor: str, number: int) -> None:
        """Some hundred requests to one vendor."""

        @seed(number)
        @settings(
            max_examples=ROUND,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(attack=attacks(vendor))
        def attacked(attack: Attack | PageAttack) -> None:
            started = time.perf_counter()
            became = attack.made()
            self.slowest = max(self.slowest, time.perf_counter() - started)
            self.sent[vendor] += 1
            self.became[vendor][became] += 1

        try:
            attacked()
        except Exception:  # noqa: BLE001  (whatever it is, it is what was looked for)
            self.failures.append(f"{vendor}, seed {number}:\n{traceback.format_exc()}")

    def figures(self, seconds: float) -> dict[str, object]:
        return {
            "seconds": round(seconds),
            "requests": self.sent.total(),
            "per_second": round(self.sent.total() / seconds),
            "slowest_ms": round(self.slowest * 1000, 1),
            "failures": len(self.failures),
            "vendors": {name: {"requests": self.sent[name], **self.became[name]} for name in VENDORS},
        }


def main() -> int:
    """Run until the time is over, and print the figures as JSON."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=10.0)
    words.add_argument("--seed", type=int, default=1, help="the first round's seed; each round takes the next")
    asked = words.parse_args()
    logging.disable()  # the form parser notes each body that is none
    run, started, number = Run(), time.monotonic(), asked.seed
    while time.monotonic() - started < asked.minutes * 60 and not run.failures:
        for vendor in VENDORS:
            run.round(vendor, number)
        number += 1
    sys.stdout.write("\n\n".join([*run.failures, json.dumps(run.figures(time.monotonic() - started), indent=1)]) + "\n")
    return 1 if run.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
