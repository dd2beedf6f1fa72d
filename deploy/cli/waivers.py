"""`talentline cohort waive | waivers | unwaive`: a named person decides to do without something that is asked for."""

from collections.abc import Callable
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, Timeout, Wait, followed, say, show, table
from services.scoring import store
from services.scoring.commands.waivers import waive as waived
from services.scoring.commands.waivers import withdraw_waiver
from services.scoring.store.waivers import Waiver, waivers_of
from shared.cohort.store import definition_of
from shared.db import Cause, Database
from shared.ids import CohortId, CorrelationId, ParticipantId, new_id

CohortName = Annotated[str, typer.Argument(metavar="COHORT")]
Participant = Annotated[str, typer.Argument(metavar="PARTICIPANT")]
Requirement = Annotated[
    str, typer.Argument(metavar="REQUIREMENT", help='As `cohort status` names it: "360 appraisal: direct reports".')
]
By = Annotated[str, typer.Option(help="The person who decides.")]
Reason = Annotated[str, typer.Option(help="Why. It is kept in the database and told in no mail.")]


def add_to(group: typer.Typer) -> None:
    """Make these commands of `talentline cohort`."""
    group.command("waive")(waive)
    group.command("unwaive")(unwaive)
    group.command("waivers")(waivers)


def waive(
    cohort: CohortName,
    participant: Participant,
    requirement: Requirement,
    by: By,
    reason: Reason,
    wait: Wait = True,
    timeout: Timeout = 60.0,
) -> None:
    """Score a participant without one thing that is missing; every result then says "reduced evidence"."""
    _decide(waived, "Waived", cohort, participant, requirement, by, reason, timeout if wait else 0.0)


def unwaive(
    cohort: CohortName,
    participant: Participant,
    requirement: Requirement,
    by: By,
    reason: Reason,
    wait: Wait = True,
    timeout: Timeout = 60.0,
) -> None:
    """Withdraw a waiver: what it did without is asked for again. A result that was made under it stays as it is."""
    _decide(withdraw_waiver, "Withdrawn", cohort, participant, requirement, by, reason, timeout if wait else 0.0)


def _decide(
    act: Callable[..., Waiver],
    done: str,
    cohort: str,
    participant: str,
    requirement: str,
    by: str,
    reason: str,
    timeout: float,
) -> None:
    """Note a person's decision; wait until scoring has heard of it, and say where the participant stands then."""
    db, chain = ready().db, CorrelationId(new_id())
    who = CohortId(cohort), ParticipantId(participant)
    with db.write(Cause(chain)) as uow:
        waiver = act(uow, *who, requirement, by=by, reason=reason)
    say(f"{done} for {participant}: {waiver.name}.")
    if timeout and followed(db, [chain], timeout, "asking the case again").settled:
        say(_standing(db, *who))


def _standing(db: Database, cohort: CohortId, participant: ParticipantId) -> str:
    """Where the participant stands now, in a sentence."""
    with db.read() as connection:
        (now,) = store.status_of(connection, definition_of(connection, cohort), [participant])
    if not now.complete:
        return f"{participant} waits for: {'; '.join(now.missing)}."
    if now.waived:
        return f"{participant} is scored on reduced evidence, without: {'; '.join(lack.name for lack in now.waived)}."
    return f"{participant} is scored on all that is asked for."


def waivers(
    cohort: CohortName,
    participant: Annotated[str | None, typer.Argument(metavar="[PARTICIPANT]", help="Only this one's.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Withdrawn ones as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """What participants may be scored without, by whose decision and why."""
    with ready().db.read() as connection:
        definition = definition_of(connection, CohortId(cohort))
        found = waivers_of(connection, CohortId(cohort), ParticipantId(participant) if participant else None)
        needed = {
            (each.participant, lack.requirement)
            for each in store.status_of(connection, definition, {waiver.participant for waiver in found})
            for lack in each.waived
        }
    shown = [each for each in found if every or each.withdrawn_at is None]
    states = ["withdrawn" if w.withdrawn_at else _state(w, (w.participant, w.requirement) in needed) for w in shown]
    if as_json:
        show({"cohort": cohort, "waivers": [_plain(w, state) for w, state in zip(shown, states, strict=True)]})
        return
    lines = (
        (w.participant, w.name, state, w.by, w.reason, f"{w.waived_at:%Y-%m-%d}", _ended(w))
        for w, state in zip(shown, states, strict=True)
    )
    columns = ("participant", "without", "state", "by", "reason", "since", "withdrawn")
    table(definition.title, columns, lines, empty="Nothing is waived.")


def _state(waiver: Waiver, is_needed: bool) -> str:
    if waiver.heard_at is None:
        return "not heard of yet"
    return "in use" if is_needed else "not needed"


def _ended(waiver: Waiver) -> str:
    if waiver.withdrawn_at is None:
        return ""
    return f"{waiver.withdrawn_at:%Y-%m-%d} by {waiver.withdrawn_by}: {waiver.withdrawn_reason}"


def _plain(waiver: Waiver, state: str) -> dict[str, str | None]:
    return {
        "participant": waiver.participant,
        "requirement": waiver.name,
        "state": state,
        "by": waiver.by,
        "reason": waiver.reason,
        "waived_at": waiver.waived_at.isoformat(),
        "withdrawn_by": waiver.withdrawn_by,
        "withdrawn_reason": waiver.withdrawn_reason,
        "withdrawn_at": waiver.withdrawn_at.isoformat() if waiver.withdrawn_at else None,
    }
