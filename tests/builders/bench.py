"""A whole installation in one process, driven step by step: the door by a test client, the workers by sweeping."""

import json
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from deploy.composition import Installation
from deploy.demo.sending import Answer, Sender, Upload
from services.intake.http import app
from services.intake.vendors import VENDORS
from services.scoring.store import ParticipantStatus, has_evidence, status_of
from shared.bus import deliveries
from shared.cohort.folder import CohortFolder, read_folder
from shared.cohort.opening import Opening, open_cohort
from shared.db import Database
from shared.ids import CohortId
from shared.leases import Leases
from shared.sweeper import Sweeper
from shared.words import Service

PILOT = Path(__file__).parent.parent.parent / "deploy" / "demo_cohort"
PILOT_SECRET = "pilot-demo-secret-not-for-real-use"
TOKEN = "a-token-for-tests"


class Bench:
    """One installation on `db`, writing under `data_dir`."""

    def __init__(self, db: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TALENTLINE_DATA_DIR", str(data_dir))
        monkeypatch.setenv("TALENTLINE_API_TOKEN", TOKEN)
        monkeypatch.setenv("TALENTLINE_SECRET_APPRAISAL_360", PILOT_SECRET)
        self.data_dir = data_dir
        self.db = db
        self.installation = Installation()
        self.installation.__dict__["db"] = db
        self.client: httpx.Client = TestClient(app(db, self.installation.intake), raise_server_exceptions=True)
        self.sender = Sender(self.client, TOKEN)

    def open(self, folder: Path, *, update: bool = False) -> tuple[CohortFolder, Opening]:
        """Open the cohort that a folder describes."""
        found = read_folder(folder, vendors=VENDORS)
        cohort = CohortId(found.definition.cohort)
        with self.db.write() as uow:
            known = has_evidence(uow.connection, cohort)
            return found, open_cohort(uow, found, update=update, actor="test", has_evidence=known)

    def deliver(self, files: Iterable[Path]) -> list[Answer]:
        """Send recorded webhook requests, in order."""
        return list(self.sender.deliveries(sorted(files)))

    def upload(self, cohort: str, files: Sequence[Path]) -> list[Upload]:
        """Upload score sheets and marks."""
        return list(self.sender.uploads(cohort, sorted(files)))

    def work(self, patience: timedelta = timedelta()) -> None:
        """Let the workers do everything that is due, until nothing is on its way; what is put off is waited for."""
        sweeper = Sweeper(self.db, self.installation.handlers(Service), Leases(self.db), grace=timedelta())
        deadline = time.monotonic() + patience.total_seconds()
        while sweeper.sweep() or (self._left() and time.monotonic() < deadline):
            time.sleep(0.05 if patience else 0)
        assert self._left() == []

    def _left(self) -> list[object]:
        d = deliveries.c
        with self.db.read() as connection:
            left = connection.execute(sa.select(d.id, d.service, d.last_error).where(d.state != "done"))
            return [tuple(row) for row in left]

    def feed(self, folder: Path, cohort: str) -> None:
        """Everything that lies in a cohort's folder ready to arrive."""
        self.deliver((folder / "deliveries").glob("*.json"))
        self.upload(cohort, [*(folder / "development_day").glob("*"), *(folder / "written").glob("*.csv")])
        self.work()

    def run(self, cohort: str) -> None:
        """`cohort run`, and all that follows."""
        self.sender.run(cohort)
        self.work()

    def status(self, opened: CohortFolder) -> dict[str, ParticipantStatus]:
        """Who is complete, by participant."""
        with self.db.read() as connection:
            return {status.participant: status for status in status_of(connection, opened.definition)}

    def mails(self) -> list[Path]:
        """Every mail that went out."""
        return sorted((self.data_dir / "mail").glob("*.eml"))


def recorded(file: Path) -> dict[str, object]:
    """A recorded webhook request."""
    found: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return found
