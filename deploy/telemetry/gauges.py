"""What is true of the whole installation, asked of the database at the scrape: what waits, since when, what is wrong.

Asked at most once in `KEPT_S` seconds however many scrape, in one snapshot, under a time limit. On the web door's page
only: every page would show the same figures, and a door is what every installation has and watches.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deploy.invariants import INVARIANTS
from deploy.standing import Standing, standing
from services.reporting.core.release import MessageState
from shared.db import Database
from shared.errors import TransientError
from shared.patience import within
from shared.words import Service

log = structlog.get_logger()

KEPT_S = 10.0
PATIENCE = timedelta(seconds=3)


class Gauges(Collector):
    """Shows the standing of an installation. While the database does not answer, that and the disk are all it shows."""

    def __init__(self, db: Database, data_dir: Path) -> None:
        self._db = db
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._took_s = 0.0
        self._standing: Standing | None = None

    def describe(self) -> list[Metric]:
        """Nothing: so that registering asks no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges as they are now, or were a few seconds ago."""
        with self._lock:
            if time.monotonic() - self._asked_at > KEPT_S:
                self._ask()
            found, took = self._standing, self._took_s
        yield _gauge("talentline_database_answers", "1 if the database answered in time", int(found is not None))
        yield _gauge("talentline_database_asked_seconds", "How long asking for these gauges took", took)
        yield from self._disk()
        if found is not None:
            yield from _shown(found)

    def _ask(self) -> None:
        began = time.monotonic()
        try:
            with self._db.read() as connection, within(connection, PATIENCE):
                self._standing = standing(connection)
        except (TransientError, sa.exc.SQLAlchemyError) as error:
            log.warning("metrics.database_did_not_answer", error=type(error).__name__)
            self._standing = None
        self._asked_at = time.monotonic()
        self._took_s = self._asked_at - began

    def _disk(self) -> Iterator[Metric]:
        try:
            usage = shutil.disk_usage(self._data_dir)
        except OSError:
            return
        yield _gauge("talentline_disk_free_bytes", "Free on the disk of DATA_DIR", usage.free)
        yield _gauge("talentline_disk_size_bytes", "Size of the disk of DATA_DIR", usage.total)


def _shown(found: Standing) -> Iterator[Metric]:
    depth = GaugeMetricFamily("talentline_deliveries", "Deliveries that are not done", labels=["service", "state"])
    oldest = GaugeMetricFamily(
        "talentline_oldest_due_seconds", "How long the oldest due delivery has waited", labels=["service"]
    )
    for service in Service:
        for state, count in found.deliveries[service].items():
            depth.add_metric([service, state], count)
        oldest.add_metric([service], found.oldest_due[service].total_seconds())
    mails = GaugeMetricFamily("talentline_mail_messages", "Mails, by state", labels=["state"])
    for state in MessageState:
        mails.add_metric([state], found.mails.get(state, 0))
    yield from (depth, oldest, mails)
    yield _gauge("talentline_submissions_quarantined", "Submissions that can't be understood yet", found.quarantined)
    yield _gauge("talentline_timers_waiting", "Timers that are set", found.timers)
    yield _gauge("talentline_timers_overdue", "Timers that should have fired", found.timers_overdue)
    yield _gauge("talentline_lanes_shut", "Lanes that are shut after failures", len(found.lanes_shut))
    yield from _invariants(found)


def _invariants(found: Standing) -> Iterator[Metric]:
    broken = GaugeMetricFamily(
        "talentline_invariant_broken", "Rows that break it, at its last check", labels=["invariant"]
    )
    checked = GaugeMetricFamily(
        "talentline_invariant_checked_timestamp_seconds", "When it was last checked", labels=["invariant"]
    )
    mended = CounterMetricFamily(
        "talentline_mended", "Rows put right by the reconciler: findings", labels=["invariant"]
    )
    known = {each.name: each for each in found.invariants}
    for name in INVARIANTS:
        each = known.get(name)
        mended.add_metric([name], each.mended if each else 0)
        if each is not None and each.checked_at is not None:
            broken.add_metric([name], each.broken)
            checked.add_metric([name], each.checked_at.timestamp())
    yield from (broken, checked, mended)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
