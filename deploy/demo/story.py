"""The demo: the pilot cohort from an empty folder to seven plans, told step by step as it happens.

Everything it writes is under one folder, which it empties first if an earlier demo made it. It ends well only if
everything that it promises has happened (`_promises`).
"""

import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.composition import Installation
from deploy.demo import page, summary
from deploy.demo.sending import Answer, Sender, Upload
from deploy.demo.told import Told
from deploy.supervisor import supervised
from deploy.waiting import Progress as Look
from deploy.waiting import follow
from services.intake.vendors import VENDORS
from services.scoring.models import MODELS
from services.scoring.store import has_evidence, status_of
from shared import logs
from shared.cohort.folder import CohortFolder, read_folder
from shared.cohort.opening import open_cohort
from shared.db import Database
from shared.errors import PermanentError
from shared.ids import CohortId, CorrelationId

PILOT = Path(__file__).parent.parent / "demo_cohort"
SECRET = "pilot-demo-secret-not-for-real-use"  # noqa: S105  (it signs invented answers only)
MARKER = ".talentline-demo"
PATIENCE = timedelta(minutes=5)

T = TypeVar("T")

console = Console(highlight=False, soft_wrap=True)


class NotOurs(PermanentError):
    """The demo's folder holds something that no demo made."""


def tell(data_dir: Path | None) -> bool:
    """Run the demo and print its summary. True if all that it promises happened.

    Raises:
        NotOurs: the folder exists and was not made by a demo.
    """
    folder = (data_dir or Installation().settings.data_dir / "demo").resolve()
    with _environment(_emptied(folder)):
        installation = Installation()
        logs.configure("WARNING", role="demo")
        console.print("[bold]talentline[/bold]: the pilot cohort, seven leaders of three organisations\n")
        with supervised(installation, log_file=folder / "logs" / "talentline.log"):
            told = _told(installation, folder)
        installation.db.close()
    return summary.tell(console, told, page.written(told))


def _told(installation: Installation, folder: Path) -> Told:
    console.print(f"1. Everything runs: web door {installation.settings.address}, two workers, queue server, SQLite")
    opened = read_folder(PILOT, vendors=VENDORS, models=MODELS)
    cohort = _open(installation.db, opened)
    console.print(f"2. Cohort {cohort} is open: {len(opened.participants)} participants, {len(opened.raters)} raters")
    client = httpx.Client(base_url=installation.settings.address, timeout=30, trust_env=False)
    sender = Sender(client, str(installation.intake.api_token))
    answers = _sent(sender, sorted((PILOT / "deliveries").glob("*.json")), "3. Survey tool calls the webhook")
    sheets = sorted((PILOT / "development_day").glob("*.xlsx"))
    uploads = _uploaded(sender, cohort, [*sheets, PILOT / "written" / "marks.csv"], "4. Score sheets and marks")
    rejected = _uploaded(sender, cohort, sorted((PILOT / "rejected").iterdir()), "5. A score sheet with mistakes")
    _settle(installation.db, "   Workers read the evidence")
    _run(installation.db, sender, cohort, "6. First run")
    with installation.db.read() as connection:
        before = status_of(connection, opened.definition)
    sent_before = len(list((folder / "mail").glob("*.eml")))
    late = _sent(sender, sorted((PILOT / "late" / "deliveries").glob("*.json")), "7. What comes late: answers")
    uploads += _uploaded(sender, cohort, sorted((PILOT / "late" / "written").iterdir()), "   and a moderating mark")
    _settle(installation.db, "   Workers read the evidence")
    _run(installation.db, sender, cohort, "8. Second run")
    client.close()
    return Told.collected(installation, folder, opened, [*answers, *late], uploads, rejected, before, sent_before)


def _open(db: Database, opened: CohortFolder) -> CohortId:
    cohort = CohortId(opened.definition.cohort)
    with db.write() as uow:
        open_cohort(uow, opened, update=False, actor="demo", has_evidence=has_evidence(uow.connection, cohort))
    return cohort


def _sent(sender: Sender, files: Sequence[Path], what: str) -> list[Answer]:
    with _bar(what, len(files)) as advance:
        return [advance(answer) for answer in sender.deliveries(files)]


def _uploaded(sender: Sender, cohort: CohortId, files: Sequence[Path], what: str) -> list[Upload]:
    with _bar(what, len(files)) as advance:
        return [advance(upload) for upload in sender.uploads(cohort, files)]


def _settle(db: Database, what: str) -> None:
    with _bar(what, None) as advance:
        follow(db, None, PATIENCE, watch=advance.watch)


def _run(db: Database, sender: Sender, cohort: CohortId, what: str) -> None:
    chain = CorrelationId(sender.run(cohort))
    with _bar(f"{what}: gaps, plans, mail", None) as advance:
        follow(db, [chain], PATIENCE, watch=advance.watch)


class _Advance:
    """Moves a bar on and hands through what was given."""

    def __init__(self, bar: Progress, what: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(what, total=total)

    def __call__(self, value: T) -> T:
        """One more is done."""
        self._bar.advance(self._task)
        return value

    def watch(self, look: Look) -> None:
        """So many are done, of so many."""
        self._bar.update(self._task, completed=look.done, total=look.done + look.open)


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[_Advance]:
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        yield _Advance(bar, what, total)


def _emptied(folder: Path) -> Path:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise NotOurs(f"{folder} holds something that no demo made; name another folder with --data-dir")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("Made by `talentline demo`, which empties this folder when it runs again.\n")
    return folder


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """The demo's settings and nobody else's, for this process and its children."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("TALENTLINE_")}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {
        "TALENTLINE_DATA_DIR": str(folder),
        "TALENTLINE_HTTP_PORT": str(port),
        "TALENTLINE_API_TOKEN": secrets.token_urlsafe(24),
        "TALENTLINE_SECRET_APPRAISAL_360": SECRET,
    }
    try:
        for name in kept:
            del os.environ[name]
        os.environ.update(ours)
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(kept)
