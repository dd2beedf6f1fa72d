"""`talentline connection test`: a signed probe through the whole path, told step by step."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer

from deploy.cli.access import ready
from deploy.cli.connection_add import CohortName, Name
from deploy.cli.output import AsJson, complain, say, show
from deploy.composition import Installation
from services.intake import commands, store
from services.intake.asking import asked
from services.intake.core.errors import ReasonCode, Unreadable
from services.intake.core.polling import Poller
from services.intake.core.submission import RawRequest, SubmissionState
from shared import clock
from shared.cohort.store import definition_of
from shared.errors import TalentlineError
from shared.http_client import HttpClient
from shared.ids import CohortId, new_id

LOOK_S = 0.1
POST_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. `went_well` None: it was not tried, and need not be."""

    what: str
    went_well: bool | None
    words: str


def probe(
    cohort: CohortName,
    connection: Name,
    timeout: Annotated[float, typer.Option("--timeout", help="Longest wait for a worker, in seconds.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Send a signed probe through the whole path, and ask the tool's API if a token is set. It counts nowhere."""
    installation = ready()
    with installation.db.read() as db:
        definition = definition_of(db, CohortId(cohort))
    there = commands.connected(installation.intake, definition, connection)
    steps = []
    for step in _steps(installation, there, timeout):
        steps.append(step)
        if not as_json:
            sign = {True: "ok     ", False: "PROBLEM", None: "–      "}[step.went_well]
            (complain if step.went_well is False else say)(f"{sign}  {step.what}: {step.words}")
    if as_json:
        show(
            {
                "connection": connection,
                "steps": [{"what": s.what, "fine": s.went_well, "words": s.words} for s in steps],
            }
        )
    if any(step.went_well is False for step in steps):
        raise typer.Exit(1)


def _steps(installation: Installation, there: commands.Connected, timeout: float) -> Iterator[Step]:
    """What was tried, in order; nothing more after a problem on the probe's way."""
    forms = ", ".join(there.forms)
    yield Step(
        "mapping", bool(forms), f"forms {forms}" if forms else "no form is mapped: its responses can't count yet"
    )
    yield from _probed(installation, there, timeout)
    yield _api(installation, there)


def _probed(installation: Installation, there: commands.Connected, timeout: float) -> Iterator[Step]:
    if not there.needs_secret:
        yield Step("probe", None, f"{there.vendor_name} sends nothing: it is asked")
        return
    if not there.secrets.each:
        yield Step("secret", False, f"{there.secret_env} is not set here; set it as for the web door, and test again")
        return
    probe = there.vendor.probe(new_id(), there.secrets, clock.now())
    if probe is None:
        words = f"only {there.vendor_name} itself can sign its deliveries; submit a test response there"
        yield Step("probe", None, words)
        return
    yield Step("secret", True, f"{there.secret_env} is set here; the probe is signed with it")
    step, submission = _sent(f"{installation.settings.address}/webhooks/{there.name}", probe, there)
    yield step
    if submission:
        yield _handled(installation, submission, timeout)


def _sent(address: str, probe: RawRequest, there: commands.Connected) -> tuple[Step, str]:
    """Post the probe to the real door; gives the submission that it became."""
    url = f"{address}/{probe.path}" if probe.path else address
    try:
        answer = httpx.post(url, content=probe.body, headers=list(probe.headers), timeout=POST_TIMEOUT_S)
    except httpx.HTTPError as error:
        words = f"{address} can't be reached ({type(error).__name__}); start the door, or correct TALENTLINE_BASE_URL"
        return Step("door", False, words), ""
    if answer.status_code == httpx.codes.OK and "submission" in _body(answer):
        submission = str(_body(answer)["submission"])
        return Step("door", True, f"{address} answered 200: stored as submission {submission}"), submission
    cures = {
        401: f"the door has another secret in {there.secret_env}, or the cohort there lacks this connection",
        503: f"the door says it can't verify or store now: is {there.secret_env} set for the web process?",
    }
    words = cures.get(answer.status_code, "this is not talentline's door; correct TALENTLINE_BASE_URL")
    return Step("door", False, f"{address} answered {answer.status_code}: {words}"), ""


def _body(answer: httpx.Response) -> dict[str, object]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _handled(installation: Installation, submission: str, timeout: float) -> Step:
    """Wait until a worker has read the probe and set it aside."""
    deadline = time.monotonic() + timeout
    while True:
        with installation.db.read() as connection:
            found = store.probe_state(connection, submission)
        if found is None:
            return Step("stored", False, "the door stores in another database; compare TALENTLINE_DATABASE_URL")
        if found == (SubmissionState.SET_ASIDE, ReasonCode.PROBE):
            return Step("worker", True, "a worker has read the probe and set it aside: real responses go the same way")
        if found[0] is not SubmissionState.RECEIVED:
            return Step("worker", False, f"a worker made {found[0]} ({found[1]}) of it: is an older release running?")
        if time.monotonic() > deadline:
            words = f"no worker has taken it for {timeout:g} s; start one (`talentline up`). The probe is stored"
            return Step("worker", False, words)
        time.sleep(LOOK_S)


def _api(installation: Installation, there: commands.Connected) -> Step:
    """Ask the tool's API as a back-fill would."""
    vendor = there.vendor
    if not isinstance(vendor, Poller):
        return Step("API", None, "this tool can't be asked for lists of responses")
    if there.token is None:
        words = f"{there.secret_env}_TOKEN is not set here" + ("; nothing is back-filled" if there.needs_secret else "")
        return Step("API", None if there.needs_secret else False, words)
    if not there.forms:
        return Step("API", None, "not asked: no form is mapped")
    return _asked(installation, there, vendor)


def _asked(installation: Installation, there: commands.Connected, vendor: Poller) -> Step:
    try:
        if not all(_answers(installation, there, vendor, form) for form in there.forms):
            return Step(
                "API", None, "not asked: it gives everything from the beginning; `connection backfill` takes that in"
            )
    except Unreadable as error:
        return Step("API", False, error.reason.words)
    except TalentlineError as error:
        return Step("API", False, f"{error}; check {there.secret_env}_TOKEN, its rights, and the form's id")
    return Step("API", True, f"{', '.join(sorted(there.vendor.api_hosts))} lets us ask for {', '.join(there.forms)}")


def _answers(installation: Installation, there: commands.Connected, vendor: Poller, form: str) -> bool:
    """Ask for the newest responses of a form as a back-fill would, and leave them. False: that would give old ones.

    Raises Unreadable, TalentlineError: it does not answer as it should.
    """
    cursor = vendor.starting(clock.now())
    if cursor is None:
        return False
    settings = installation.intake
    client = HttpClient(timeout=settings.fetch_timeout, max_bytes=settings.fetch_max_bytes)
    needed = vendor.ask(form, cursor)
    vendor.turned(None, needed, asked(client, there.vendor, needed, there.token))
    return True
