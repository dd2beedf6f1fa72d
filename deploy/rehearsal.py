"""The outside world of `deploy/verify.sh`: survey tools that send again, a coordinator, and a look at the mail.

Run inside a container of the installation that is rehearsed: `python -m deploy.rehearsal COMMAND …`. Cohorts are copies
of the pilot under other names. Senders behave as survey tools do: what is not answered is sent again.
"""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, zip_longest
from pathlib import Path
from typing import Annotated

import httpx
import sqlalchemy as sa
import typer

from deploy.cli.access import ready
from deploy.cli.output import say
from deploy.composition import Installation
from deploy.demo.sending import Sender
from deploy.demo.story import PILOT
from deploy.waiting import follow
from services.intake.tables import submissions
from services.intake.vendors import VENDORS
from services.reporting.store import plans_of
from services.scoring.models import MODELS
from services.scoring.store import has_evidence, status_of
from shared.cohort.folder import read_folder
from shared.cohort.opening import open_cohort
from shared.cohort.store import definition_of
from shared.ids import CohortId, CorrelationId

app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False, rich_markup_mode=None)
Names = Annotated[list[str], typer.Argument(metavar="COHORT…")]
Door = Annotated[str, typer.Option(help="The web door.")]

PATIENCE = timedelta(minutes=3)
AGAIN_S = 0.5
PILOTS = "pilot-p"
CONNECTION = "appraisal-360"


class Patient(httpx.BaseTransport):
    """Sends again what was not answered, or answered with 5xx, and notes which submissions were accepted."""

    def __init__(self) -> None:
        self._way = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        self.again = 0
        self.accepted: set[str] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send until somebody answers, over a new connection each time: the door may be another one by then."""
        request.read()
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                answer = self._sent(request)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answer.status_code < 500 or time.monotonic() > deadline:
                    return answer
            self.again += 1
            time.sleep(AGAIN_S)

    def _sent(self, request: httpx.Request) -> httpx.Response:
        answer = self._way.handle_request(request)
        answer.read()
        if answer.is_success and "application/json" in answer.headers.get("content-type", ""):
            self.accepted |= {answer.json().get("submission")} - {None}
        return answer


@app.command("open")
def open_(names: Names) -> None:
    """Open copies of the pilot under these names."""
    db = ready().db
    for name in names:
        with _copy(name) as folder, db.write() as uow:
            known = has_evidence(uow.connection, CohortId(name))
            opening = open_cohort(
                uow,
                read_folder(folder, vendors=VENDORS, models=MODELS),
                update=False,
                actor="rehearsal",
                has_evidence=known,
            )
        say(f"cohort {name}: {opening.outcome}")


@app.command()
def feed(
    names: Names,
    door: Door = "http://web:8360",
    seconds: Annotated[float, typer.Option(help="Spread the calls over so long.")] = 0,
    late: Annotated[bool, typer.Option("--late", help="Only what comes late.")] = False,
) -> None:
    """Send everything about these cohorts to the door, in turns, and note what was accepted."""
    installation = Installation()
    patient = Patient()
    below = "late/" if late else ""
    with httpx.Client(base_url=door, transport=patient, timeout=30) as client, _copies(names) as folders:
        sender = Sender(client, str(installation.intake.api_token))
        turns = zip_longest(*(sorted(folder.glob(f"{below}deliveries/*.json")) for folder in folders))
        calls = [file for file in chain(*turns) if file]
        unexpected = 0
        for file in calls:
            unexpected += sum(not answer.as_expected for answer in sender.deliveries([file]))
            time.sleep(seconds / len(calls))
        sheets = 0
        for name, folder in zip(names, folders, strict=True):
            files = sorted(folder.glob(f"{below}development_day/*")) + sorted(folder.glob(f"{below}written/*"))
            uploads = list(sender.uploads(name, files))
            unexpected += sum(each.status not in {200, 202} for each in uploads)
            sheets += len(uploads)
    with _noted(installation).open("a") as noted:
        noted.writelines(f"{submission}\n" for submission in sorted(patient.accepted))
    say(f"{len(calls)} webhook calls and {sheets} files sent, {patient.again} times again; {unexpected} unexpected")
    if unexpected:
        raise typer.Exit(1)


@app.command()
def run(names: Names, door: Door = "http://web:8360") -> None:
    """Run these cohorts, and wait until all that follows is done."""
    installation = ready()
    with httpx.Client(base_url=door, transport=Patient(), timeout=30) as client:
        sender = Sender(client, str(installation.intake.api_token))
        chains = [CorrelationId(sender.run(name)) for name in names]
    progress = follow(installation.db, chains, PATIENCE)
    say(f"{len(names)} run(s): {progress.done} steps done, {progress.open} open, {progress.parked} parked")
    if progress.open:
        raise typer.Exit(1)


@app.command()
def settle() -> None:
    """Wait until nothing is on its way."""
    progress = follow(ready().db, None, PATIENCE)
    say(f"{progress.done} steps done, {progress.open} open, {progress.parked} parked")
    if progress.open:
        raise typer.Exit(1)


@app.command()
def count(
    names: Names,
    page: Annotated[str, typer.Option(help="The mail page.")] = "http://mail:8025",
    waiting: Annotated[int, typer.Option(help="Participants of each cohort who are not complete yet.")] = 0,
) -> None:
    """Compare what was promised with what happened: every accepted submission, every score, every plan, every mail."""
    installation = ready()
    problems: list[str] = []
    expected: Counter[str] = Counter()
    with installation.db.read() as connection:
        accepted = set(_noted(installation).read_text().split())
        stored = set(connection.execute(sa.select(submissions.c.id)).scalars())
        problems += [f"{len(accepted - stored)} accepted submissions are lost"] if accepted - stored else []
        for name in map(CohortId, names):
            statuses = status_of(connection, definition_of(connection, name))
            sent = {plan.participant: plan.message_id for plan in plans_of(connection, name) if plan.sent}
            scored = [status.participant for status in statuses if status.scored]
            if len(scored) != len(statuses) - waiting or sorted(scored) != sorted(sent):
                problems.append(f"{name}: {len(scored)} of {len(statuses)} scored, {len(sent)} plans sent")
            expected.update(str(message).strip("<>") for message in sent.values())
    arrived = Counter(_arrived(page))
    lost, twice = expected - arrived, arrived - expected
    problems += [f"{lost.total()} mails are lost"] if lost else []
    problems += [f"{twice.total()} mails came twice or are nobody's"] if twice else []
    say(
        f"{len(accepted)} submissions accepted, {len(accepted & stored)} stored; {expected.total()} plans sent, "
        f"{arrived.total()} mails arrived, {len(arrived)} different"
    )
    for problem in problems:
        say(f"PROBLEM  {problem}")
    if problems:
        raise typer.Exit(1)


def _arrived(page: str) -> Iterator[str]:
    """The Message-ID of every mail that the mail page holds."""
    start, total = 0, 1
    while start < total:
        answer = httpx.get(f"{page}/api/v1/messages", params={"start": start, "limit": 200}, timeout=30)
        found = answer.raise_for_status().json()
        yield from (message["MessageID"] for message in found["messages"])
        start, total = start + 200, found["total"]


def _noted(installation: Installation) -> Path:
    """Where accepted submissions are noted between two commands."""
    return installation.settings.data_dir / "rehearsal.accepted"


@contextmanager
def _copies(names: list[str]) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory() as place:
        yield [_copied(name, Path(place) / name) for name in names]


@contextmanager
def _copy(name: str) -> Iterator[Path]:
    with _copies([name]) as (folder,):
        yield folder


def _copied(name: str, folder: Path) -> Path:
    """The pilot's folder under another name, with a webhook address of its own; its bodies and signatures stay."""
    shutil.copytree(PILOT, folder)
    if name != PILOTS:
        _rewritten(
            folder / "cohort.toml", {f'"{PILOTS}"': f'"{name}"', f"connections.{CONNECTION}": f"connections.{name}"}
        )
        _rewritten(folder / "programme" / "form_fields.csv", {CONNECTION: name})
        for file in folder.rglob("deliveries/*.json"):
            _rewritten(file, {f"/webhooks/{CONNECTION}": f"/webhooks/{name}"})
    return folder


def _rewritten(file: Path, changes: Mapping[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    app()
