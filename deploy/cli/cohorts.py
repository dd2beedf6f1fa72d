"""`talentline cohort …`: open a cohort, see who waits for what, run it, read its gaps."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import waivers
from deploy.cli.access import installation, ready
from deploy.cli.links import links
from deploy.cli.mapping_words import tell_rereading
from deploy.cli.output import AsJson, Timeout, Wait, complain, followed, number, out, say, show, table
from deploy.cli.targets import distance_shown, to_target
from services.intake import store as intake
from services.intake.vendors import VENDORS
from services.reporting import store as reporting
from services.scoring import commands, store
from services.scoring.models import MODELS, model_named
from services.scoring.store.calibrations import calibration_number
from shared.cohort.folder import FolderMistakes, read_folder
from shared.cohort.opening import open_cohort
from shared.cohort.store import cohorts_open, definition_of
from shared.db import Cause, Database
from shared.ids import CohortId, CorrelationId, RereadingId, new_id
from shared.people import participants_of

group = typer.Typer(no_args_is_help=True, help="Open, run and report on cohorts.")
group.command("links")(links)
waivers.add_to(group)
CohortName = Annotated[str, typer.Argument(metavar="COHORT", help="The cohort's id, as `cohort list` shows it.")]


@group.command("open")
def open_(
    folder: Annotated[Path, typer.Argument(help="The folder that describes the cohort.")],
    update: Annotated[bool, typer.Option("--update", help="Take a changed folder over.")] = False,
    wait: Wait = True,
    timeout: Timeout = 60.0,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Check a cohort's folder and open it; every mistake is reported at once. With a changed mapping, what arrived is
    read again.
    """
    try:
        found = read_folder(folder, vendors=VENDORS, models=MODELS)
    except FolderMistakes as error:
        for mistake in error.mistakes:
            complain(str(mistake))
        complain(f"{len(error.mistakes)} mistake(s); nothing was opened.")
        raise typer.Exit(1) from error
    installation = ready()
    db = installation.db
    cohort = CohortId(found.definition.cohort)
    chain = CorrelationId(new_id())
    with db.write(Cause(chain)) as uow:
        opening = open_cohort(
            uow,
            found,
            update=update,
            actor=by,
            has_evidence=store.has_evidence(uow.connection, cohort),
            people_with_evidence=store.people_with_evidence(uow.connection, cohort),
        )
    for warning in found.warnings:
        complain(f"note: {warning}")
    for change in opening.changes:
        say(f"  {change}")
    say(f"Cohort {cohort}: {opening.outcome}.")
    for name, connection in found.definition.connections.items():
        address = f"{installation.settings.address}/webhooks/{name}"
        say(f"  webhook of {connection.vendor}: {address}  (secret in {connection.secret_env})")
    if opening.rereading is not None:
        _read_again(db, chain, opening.rereading, timeout if wait else 0.0)


def _read_again(db: Database, chain: CorrelationId, rereading: RereadingId, timeout: float) -> None:
    """Wait until what arrived is read again, and say what that changed."""
    settled = followed(db, [chain], timeout, "reading again").settled if timeout else False
    with db.read() as connection:
        summary = intake.rereading_summary(connection, rereading)
    if summary is not None and settled:
        tell_rereading(summary)
    elif not settled:
        say("What arrived before is being read again; `talentline mapping changes COHORT` says what that changed.")


@group.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every cohort that was opened here."""
    with ready().db.read() as connection:
        found = [
            (definition_of(connection, cohort), len(participants_of(connection, cohort)))
            for cohort in cohorts_open(connection)
        ]
    if as_json:
        rows = [
            {"cohort": d.cohort, "title": d.title, "opens": str(d.opens), "closes": str(d.closes), "participants": n}
            for d, n in found
        ]
        show({"cohorts": rows})
        return
    lines = ((d.cohort, d.title, d.opens, d.closes, n) for d, n in found)
    table("Cohorts", ("cohort", "title", "opens", "closes", "participants"), lines, empty="No cohort is open here yet.")


@group.command("status")
def status(cohort: CohortName, as_json: AsJson = False) -> None:
    """Who is complete, who is scored, and who waits for what."""
    with ready().db.read() as connection:
        definition = definition_of(connection, CohortId(cohort))
        people = store.status_of(connection, definition)
        quarantined = len(intake.quarantined(connection, CohortId(cohort)))
        refused = intake.refusals(connection, CohortId(cohort))
    if as_json:
        rows = [
            {
                "participant": p.participant,
                "complete": p.complete,
                "scored": p.scored,
                "missing": list(p.missing),
                "late": p.late,
                "waived": [str(lack) for lack in p.waived],
            }
            for p in people
        ]
        show(
            {
                "cohort": cohort,
                "participants": rows,
                "quarantined": quarantined,
                "refused": sum(r.count for r in refused),
            }
        )
        return
    lines = (
        (
            p.participant,
            ("yes, reduced" if p.waived else "yes") if p.complete else "no",
            "yes" if p.scored else "no",
            "\n".join([*p.missing, *(f"(waived) {lack}" for lack in p.waived)]),
            p.late or "",
        )
        for p in people
    )
    table(
        definition.title,
        ("participant", "complete", "scored", "waits for", "late"),
        lines,
        empty="The roster is empty.",
    )
    say(f"{sum(p.scored for p in people)} of {len(people)} scored. {quarantined} submission(s) in quarantine.")
    for refusal in refused:
        say(f"Refused on {refusal.connection}: {refusal.count} × {refusal.reason}.")


@group.command("run")
def run(
    cohort: CohortName,
    wait: Wait = True,
    timeout: Timeout = 600.0,
    by: Annotated[str, typer.Option(help="Who does it, for the audit trail.")] = "coordinator",
) -> None:
    """Ask every case again, write the gap table, and send the plans if the cohort's policy is `at_run`."""
    db = ready().db
    chain = CorrelationId(new_id())
    with db.write(Cause(chain)) as uow:
        definition_of(uow.connection, CohortId(cohort))
        commands.request_run(uow, CohortId(cohort), actor=by)
    if not wait:
        say(f"Run of {cohort} requested.")
        return
    progress = followed(db, [chain], timeout, f"run of {cohort}")
    with db.read() as connection:
        people = store.status_of(connection, definition_of(connection, CohortId(cohort)))
        sent = sum(plan.sent for plan in reporting.plans_of(connection, CohortId(cohort)))
        calibrated = _calibrated(connection, CohortId(cohort))
    say(f"{sum(p.scored for p in people)} of {len(people)} scored; {sent} plan(s) sent so far.{calibrated}")
    if progress.parked or not progress.settled:
        raise typer.Exit(1)


def _calibrated(connection: reporting.Connection, cohort: CohortId) -> str:
    """What became of the cohort's calibration, where its model needs one."""
    named = definition_of(connection, cohort).scoring
    model = model_named(named.model if named else installation().scoring.scoring_model)
    if model.adjusts is None:
        return ""
    found = calibration_number(connection, cohort, model.id)
    if found is None:
        return (
            f" Not calibrated: {model.id} needs {model.adjusts.participants} complete participants; nobody is adjusted."
        )
    return f" Calibration {found[0]} of {model.id}, on {found[1]} participants."


@group.command("report")
def report(
    cohort: CohortName,
    as_json: AsJson = False,
    pdf: Annotated[Path | None, typer.Option(help="Also write the report as PDF to this file.")] = None,
) -> None:
    """The cohort's gaps of the latest run, weakest first."""
    with ready().db.read() as connection:
        definition_of(connection, CohortId(cohort))
        latest = reporting.latest_report(connection, CohortId(cohort))
    if latest is None:
        complain(f"Cohort {cohort} has no report yet: `talentline cohort run {cohort}` makes one.")
        raise typer.Exit(1)
    if pdf is not None:
        pdf.write_bytes(latest.pdf)
    gaps = latest.document.gaps
    if as_json:
        rows = [
            {
                "domain": g.domain,
                "facet": g.facet,
                "estimate": g.figure.estimate if g.figure else None,
                "low": g.figure.low if g.figure else None,
                "high": g.figure.high if g.figure else None,
                "n": g.n,
                "note": g.note,
                "to_target": distance_shown(g.distance),
            }
            for g in gaps
        ]
        reduced = [{"participant": r.participant, "waived": list(r.waived)} for r in latest.document.reduced]
        document = {"cohort": cohort, "run": latest.run, "at": latest.at.isoformat(), "gaps": rows, "reduced": reduced}
        show(document)
        return
    lines = (
        (
            g.domain_name,
            g.facet_name,
            number(g.figure.estimate if g.figure else None),
            _interval(g),
            g.n,
            to_target(g.distance),
            g.note,
        )
        for g in gaps
    )
    table(
        latest.document.cohort_title,
        ("domain", "facet", "estimate", "95 % interval", "n", "to target", ""),
        lines,
        empty="Nothing yet.",
    )
    out.print(latest.document.summary, markup=False)
    for row in latest.document.reduced:
        say(f"Reduced evidence: {row.participant} without {'; '.join(row.waived)}.")


def _interval(gap: reporting.GapRow) -> str:
    return f"{gap.figure.low:.2f} to {gap.figure.high:.2f}" if gap.figure else "–"
