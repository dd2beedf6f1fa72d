"""A cohort under fire: workers killed in mid-cohort, the queue server flushed; every plan arrives exactly once.

Real worker processes, a real queue server, PostgreSQL and SQLite. What counts is read from the mail folder.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
import redis

from deploy.waiting import follow
from shared.broker import Doorbell, broker_for
from shared.children import start_child, stop_child
from shared.db import Database
from shared.ids import CohortId
from tests.builders.bench import Bench
from tests.builders.cohort_folder import WrittenCohort, write_cohort

SECRET = "a-secret-for-chaos"
PATIENCE = timedelta(seconds=120)


class Workers:
    """Worker processes that can be killed and started again."""

    def __init__(self, count: int, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log.open("ab")
        self.processes = [self._started() for _ in range(count)]
        self.kills = 0

    def _started(self) -> "subprocess.Popen[bytes]":
        return start_child([sys.executable, "-m", "deploy", "worker"], env=self._environment, stderr=self._log)

    def kill_one(self, which: random.Random) -> None:
        """kill -9 one of them, and start another in its place."""
        number = which.randrange(len(self.processes))
        self.processes[number].send_signal(signal.SIGKILL)
        self.processes[number].wait()
        self.kills += 1
        self.processes[number] = self._started()

    def stop(self) -> None:
        for process in self.processes:
            stop_child(process)
        self._log.close()


@contextmanager
def workers(db: Database, data_dir: Path, redis_url: str) -> Iterator[Workers]:
    environment = {
        **os.environ,
        "TALENTLINE_DATABASE_URL": db.url.render_as_string(hide_password=False),
        "TALENTLINE_REDIS_URL": redis_url,
        "TALENTLINE_LEASE_SECONDS": "2",
    }
    running = Workers(2, environment, data_dir / "workers.log")
    try:
        yield running
    finally:
        running.stop()


def recipients(bench: Bench) -> Counter[str]:
    messages = [message_from_bytes(mail.read_bytes(), policy=default) for mail in bench.mails()]
    return Counter(message["To"].addresses[0].addr_spec for message in messages)


def started(bench: Bench, redis_url: str, folder: Path) -> WrittenCohort:
    """A cohort of twelve, open, with its bell on."""
    bench.db.ring = Doorbell(broker_for(redis_url))
    written = write_cohort(
        folder, cohort="under-fire", participants=12, organisations=3, seed=11, secret=SECRET, incomplete=False
    )
    bench.open(folder)
    return written


def test_workers_killed_and_the_queue_flushed_in_mid_cohort_cost_time_only(
    any_db: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALENTLINE_SECRET_UNDER_FIRE", SECRET)
    bench = Bench(any_db, tmp_path, monkeypatch)
    folder = tmp_path / "cohort"
    written = started(bench, redis_url, folder)
    cohort = CohortId("under-fire")
    fate = random.Random(7)
    with workers(any_db, tmp_path, redis_url) as running:
        for number, file in enumerate(sorted((folder / "deliveries").glob("*.json"))):
            list(bench.sender.deliveries([file]))
            if number % 40 == 20:
                running.kill_one(fate)
            if number == 70:
                redis.Redis.from_url(redis_url).flushall()
        bench.upload(cohort, [*(folder / "development_day").glob("*"), *(folder / "written").glob("*.csv")])
        running.kill_one(fate)
        assert follow(any_db, None, PATIENCE).settled
        bench.sender.run(cohort)
        for _ in range(4):
            time.sleep(0.6)
            running.kill_one(fate)
            redis.Redis.from_url(redis_url).flushall()
        settled = follow(any_db, None, PATIENCE)
    assert (settled.open, settled.parked) == (0, 0)
    assert running.kills >= 5
    assert recipients(bench) == Counter(dict.fromkeys(written.emails_of_complete, 1))
