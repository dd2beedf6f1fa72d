"""What a run has shown: one JSON line for machines, and a table for people.

`CHAOS_HISTORY=file` collects the JSON lines of all runs.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.mixed import Outcome

_PLAIN = (
    "participants",
    "acked_posts",
    "acked_deliveries",
    "mails",
    "lost",
    "duplicated",
    "fenced",
    "crash_points",
    "restarts",
    "seconds",
    "cpu_s",
    "load_average",
)
_PERCENTILES = {"recovery_s": "fault to all due work done", "evidence_to_sent_s": "last evidence to mail"}


def tell(outcome: Outcome, again: str) -> None:
    """The JSON line; and if a promise was broken, which, and how to see it again."""
    line = json.dumps(asdict(outcome), ensure_ascii=False, sort_keys=True)
    sys.stdout.write(f"{line}\n")
    if history := os.environ.get("CHAOS_HISTORY"):
        with Path(history).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    for violation in outcome.violations:
        sys.stdout.write(f"BROKEN  {violation}\n")
    if outcome.violations:
        sys.stdout.write(f"Its directory is kept: {outcome.home}\nThe same again: {again}\n")
    sys.stdout.flush()


def command(size: str, outcome: Outcome) -> str:
    """How to repeat a run."""
    redis = "" if outcome.redis else " --without-redis"
    many = outcome.figures["participants"]
    what = f"--size {size} --participants {many} --seed {outcome.seed} --database {outcome.database}{redis}"
    return f"python -m tests.chaos {what}"


def table(outcomes: Sequence[Outcome]) -> None:
    """All runs beside each other."""
    found = Table(title="Chaos")
    found.add_column("")
    for outcome in outcomes:
        found.add_column(
            f"{outcome.database}, seed {outcome.seed}{'' if outcome.redis else ', no Redis'}", justify="right"
        )
    for name, values in _rows(outcomes):
        found.add_row(name, *values)
    Console(width=None if sys.stdout.isatty() else 30 + 26 * len(outcomes)).print(found)


def _rows(outcomes: Sequence[Outcome]) -> list[tuple[str, list[str]]]:
    told = [outcome.figures for outcome in outcomes]  # hardly any of a run that came to no end
    rows = [(name.replace("_", " "), [str(each.get(name, "–")) for each in told]) for name in _PLAIN]
    for group in ("faults", "mail_faults", "doubts", "settled_by_hand"):
        counts = [each.get(group, {}) for each in told]
        kinds = sorted({kind for each in counts for kind in each})
        rows.append((f"[b]{group.replace('_', ' ')}[/b]", [str(sum(each.values())) for each in counts]))
        rows += [(f"  {kind}", [str(each.get(kind, "–")) for each in counts]) for kind in kinds]
    for name, words in _PERCENTILES.items():
        rows.append(
            (f"{words}: p50 / p95 / max, s", [" / ".join(map(str, each.get(name, {}).values())) for each in told])
        )
    rows.append(("[b]broken promises[/b]", [str(len(outcome.violations)) for outcome in outcomes]))
    return rows
