"""A worker shows that it is well, and does not live on when a part of it has died."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from deploy import worker
from deploy.composition import Installation
from shared.events import Event
from shared.sweeper import Job
from shared.words import Service


@pytest.fixture
def installation(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation on a database of its own, without a queue server."""
    monkeypatch.setenv("TALENTLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TALENTLINE_DATABASE_URL", f"sqlite:///{sqlite_template}")
    monkeypatch.setenv("TALENTLINE_PULSE_FILE", str(tmp_path / "pulse"))
    monkeypatch.delenv("TALENTLINE_REDIS_URL", raising=False)
    monkeypatch.setattr(worker, "PULSE_S", 0.05)
    monkeypatch.setattr(worker, "JOBS", {})
    return Installation()


def test_a_worker_touches_its_pulse_file_while_it_works(installation: Installation, tmp_path: Path) -> None:
    stopping, pulse = threading.Event(), tmp_path / "pulse"
    working = threading.Thread(target=worker.work, args=(installation, [Service.INTAKE], stopping))
    working.start()
    for _ in range(2):  # it comes again
        for _ in range(100):
            if pulse.exists():
                break
            threading.Event().wait(0.05)
        pulse.unlink()
    stopping.set()
    working.join(10)
    assert not working.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_ends_when_one_of_its_threads_has_died(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_slot: datetime) -> Event:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(worker, "JOBS", {"broken": Job(timedelta(days=1), broken)})
    with pytest.raises(worker.ThreadLost):
        worker.work(installation, [Service.INTAKE], threading.Event())
