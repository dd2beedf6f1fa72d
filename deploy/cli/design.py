"""`talentline design check`: before the day, what a cohort's assignments will carry, and a better rota."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, complain, say, show, table
from services.intake.vendors import VENDORS
from services.scoring.core.design.assignments import Design, Marking, Watch
from services.scoring.core.design.checking import Checked, checked, in_words
from services.scoring.core.design.coverage import loads
from services.scoring.core.design.rota import NoRota, proposed
from shared.cohort.folder import FolderMistakes, read_folder
from shared.cohort.rota import MARKING, ROTA, homes_of_assessors, read_plan
from shared.cohort.rules import FILE
from shared.cohort.store import definition_of
from shared.ids import CohortId, OrganisationId, ParticipantId, RaterId
from shared.people import contacts_of_assessors, participants_of, raters_of

group = typer.Typer(no_args_is_help=True, help="Before the day: what a cohort's assignments will carry.")


@group.callback()
def _group() -> None:
    """Keeps `check` a command of its own while it is the only one."""


@group.command("check")
def check(
    cohort: Annotated[str, typer.Argument(metavar="COHORT", help="A cohort's folder, or the id of an open cohort.")],
    rota: Annotated[Path | None, typer.Option(help="Who watches whom; else rota.csv of the folder.")] = None,
    marking: Annotated[Path | None, typer.Option(help="Who marks whom; else marking.csv of the folder.")] = None,
    answering: Annotated[
        float, typer.Option(min=0.1, max=1, help="Share of the raters listed for the 360 appraisal who will answer.")
    ] = 1.0,
    propose: Annotated[bool, typer.Option("--propose", help="Propose a rota even if nothing is wrong.")] = False,
    to: Annotated[Path | None, typer.Option(help="Write the proposed rota to this file, such as rota.csv.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who is linked, what is seen too rarely, what interval to expect, and a better rota. No evidence is needed.

    Exit status 1 if something should be put right before the day.
    """
    try:
        design = replace(_design(cohort, rota, marking), answering=answering)
    except FolderMistakes as error:
        for mistake in error.mistakes:
            complain(str(mistake))
        complain(f"{len(error.mistakes)} mistake(s); correct them first.")
        raise typer.Exit(1) from error
    found = checked(design)
    better, why_not = _better(design, found, wanted=propose or to is not None)
    if to is not None and better is not None:
        _write(to, better)
    if as_json:
        show(_document(design, found, better, why_not))
    else:
        _tell(design, found, better, why_not)
        if to is not None and better is not None:
            say(f"The proposed rota is in {to}.")
    if found.to_mend:
        raise typer.Exit(1)


def _design(cohort: str, rota: Path | None, marking: Path | None) -> Design:
    folder = Path(cohort)
    if (folder / FILE).is_file():
        return _of_folder(folder, rota, marking)
    with ready().db.read() as connection:
        definition = definition_of(connection, CohortId(cohort))
        participants = {each.participant: each.organisation for each in participants_of(connection, CohortId(cohort))}
        raters = [(r.rater, r.participant, r.relationship) for r in raters_of(connection, CohortId(cohort))]
        assessors = dict.fromkeys((each for each, _, _ in contacts_of_assessors(connection, CohortId(cohort))))
    plan = read_plan(rota, marking, definition, participants, assessors)
    return Design(definition, participants, raters, assessors, *_planned(plan.watches, plan.markings))


def _of_folder(folder: Path, rota: Path | None, marking: Path | None) -> Design:
    found = read_folder(folder, vendors=VENDORS)
    definition = found.definition
    participants = {each.participant: each.organisation for each in found.participants}
    homes = homes_of_assessors(folder, [each.code for each in definition.organisations])
    assessors = {each.assessor: _organisation(homes.get(each.assessor)) for each in found.assessors}
    plan = read_plan(
        rota or _if_there(folder / ROTA), marking or _if_there(folder / MARKING), definition, participants, assessors
    )
    raters = [(each.rater, each.participant, each.relationship) for each in found.raters]
    return Design(definition, participants, raters, assessors, *_planned(plan.watches, plan.markings))


def _organisation(code: str | None) -> OrganisationId | None:
    return OrganisationId(code) if code else None


def _if_there(file: Path) -> Path | None:
    return file if file.is_file() else None


def _planned(watches: Sequence[Any], markings: Sequence[Any]) -> tuple[tuple[Watch, ...], tuple[Marking, ...]]:
    return (
        tuple(sorted(Watch(ParticipantId(r.participant), r.exercise, RaterId(r.assessor)) for r in watches)),
        tuple(sorted(Marking(ParticipantId(r.participant), RaterId(r.marker)) for r in markings)),
    )


def _better(design: Design, found: Checked, *, wanted: bool) -> tuple[Design | None, str]:
    """A rota that leaves less to mend, or None and why there is none."""
    of_the_day = {"linking", "assessors", "short", "workload", "organisation"}
    faulty = design.watches and any(each.what in of_the_day for each in found.to_mend)
    if not wanted and not faulty:
        return None, ""
    try:
        other = proposed(design)
    except NoRota as error:
        return None, str(error)
    if design.watches and len(checked(other).to_mend) >= len(found.to_mend) and not wanted:
        return None, "no rota was found that leaves less to mend"
    return other, ""


def _tell(design: Design, found: Checked, better: Design | None, why_not: str) -> None:
    pack = design.definition.framework
    lines = (
        (
            link.instrument.label,
            pack.domain[link.domain].name if link.domain else "as a whole",
            link.people,
            link.raters,
            "yes" if link.subsets == 1 else f"no: {link.subsets} subsets",
            f"{link.adjusted} of {link.people}",
        )
        for link in found.links
    )
    columns = ("source", "domain", "participants", "raters", "linked", "adjustable")
    table(f"{design.definition.title}: who can be compared", columns, lines, empty="Nobody is assigned yet.")
    for finding in found.findings:
        say(f"{'To mend' if finding.mend else 'Note'}: {finding.words}.")
    if not found.to_mend:
        say("Nothing needs to be mended.")
    share = "" if design.answering == 1 else f" and {design.answering:.0%} of the raters listed answer"
    say(f"\nExpected of the results, if everybody does what is planned{share}:")
    for each in found.expected:
        for line in in_words(each, pack.domain[each.domain].name):
            say(line)
    if why_not:
        complain(f"No rota is proposed: {why_not}.")
    if better is not None:
        _tell_rota(better)


def _tell_rota(better: Design) -> None:
    load = loads(better)
    after = checked(better)
    day = better.definition.evidence.development_day
    exercises = day.exercises if day else ()
    cells: dict[tuple[str, str], list[str]] = {}
    for watch in better.watches:
        cells.setdefault((watch.participant, watch.exercise), []).append(watch.assessor)
    people = sorted(better.participants)
    lines = [(who, *(", ".join(cells.get((who, each), [])) for each in exercises)) for who in people]
    say("")
    table("A rota that would do", ("participant", *exercises), lines, empty="")
    left = f"{len(after.to_mend)} thing(s) left to mend" if after.to_mend else "nothing left to mend"
    say(f"Each assessor watches {min(load.values())} to {max(load.values())} times; {left}.")
    for finding in after.to_mend:
        say(f"  {finding.words}.")
    for each in after.expected:
        say(next(in_words(each, better.definition.framework.domain[each.domain].name)))
    say("`--to rota.csv` writes it as a file for the cohort's folder. Times and rooms are not looked at.")


def _csv(design: Design) -> str:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("participant", "exercise", "assessor"))
    rows.writerows((watch.participant, watch.exercise, watch.assessor) for watch in design.watches)
    return text.getvalue()


def _write(to: Path, design: Design) -> None:
    try:
        to.write_text(_csv(design), encoding="utf-8", newline="")
    except OSError as error:
        complain(f"{to} can't be written ({error.strerror})")
        raise typer.Exit(1) from error


def _document(design: Design, found: Checked, better: Design | None, why_not: str) -> dict[str, Any]:
    return {
        "cohort": design.definition.cohort,
        "links": [asdict(link) for link in found.links],
        "findings": [asdict(finding) for finding in found.findings],
        "expected": [
            {
                "domain": each.domain,
                "half_width": round(each.typical, 6),
                "standard_error": round(each.typical / 1.959963984540054, 6),
                "widest": round(each.widest, 6),
                "widest_of": list(each.widest_of),
                "more": {words: round(half, 6) for words, half in each.more.items()},
            }
            for each in found.expected
        ],
        "rota": [asdict(watch) for watch in better.watches] if better else None,
        "no_rota": why_not or None,
    }
