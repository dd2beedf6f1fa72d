"""`talentline norms …`: named, dated groups that results may be placed in."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, number, say, show, table
from deploy.cli.reduced import marked, reduced_document, say_reduced
from services.scoring.commands.norms import Placed, make_norms, norms_named, place_cohort
from services.scoring.core.norms.group import USUAL
from services.scoring.core.norms.placing import quantiles
from services.scoring.core.observations import FigureKey
from services.scoring.store import norms
from shared.cohort.store import definition_of
from shared.ids import CohortId

group = typer.Typer(no_args_is_help=True, help="Norm groups: percentiles with both errors; none below 100 people.")
Name = Annotated[str, typer.Argument(metavar="NAME")]


@group.command("make")
def make(
    name: Name,
    cohorts: Annotated[list[str], typer.Argument(metavar="COHORT…", help="Whose current results they are.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who answers for it.")],
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="Whom the group stands for.")],
) -> None:
    """Freeze the current results of cohorts as a norm group. It is never changed: a newer one has a new name."""
    kept = make_norms(ready().db, name, [CohortId(each) for each in cohorts], by=by, description=description)
    provisional = " (provisional below 400)" if kept.group.n < USUAL else ""
    say(f"Norm group {name}: {kept.group.n} people{provisional}, {len(kept.group.values)} figures.")


@group.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every norm group, the newest first."""
    with ready().db.read() as connection:
        found = norms.every(connection)
    if as_json:
        show({"norms": [_shown(each) for each in found]})
        return
    lines = (
        (each.name, each.made_at.date(), _closed(each), each.group.n, each.group.framework.label, each.description)
        for each in found
    )
    columns = ("name", "made", "cohorts closed", "people", "framework", "whom it stands for")
    table("Norm groups", columns, lines, empty="There is none: `talentline norms make` needs 100 scored people.")


@group.command("show")
def show_(name: Name, as_json: AsJson = False) -> None:
    """A norm group's table: values below which 5 to 95 % lie, with intervals."""
    kept = norms_named(ready().db, name)
    if as_json:
        figures = [_figure(key, values) for key, (_, values) in kept.group.values.items()]
        show(_shown(kept) | {"figures": figures})
        return
    say(f"{name}: {kept.description}. {kept.group.n} people, made {kept.made_at.date()} by {kept.made_by}.")
    for (domain, facet, competency), (_, values) in kept.group.values.items():
        lines = [(f"{100 * q.share:.0f} %", number(q.value), f"{q.low:.2f} to {q.high:.2f}") for q in quantiles(values)]
        title = competency or f"{kept.group.framework.domain[domain].name} {facet or ''}".strip()
        mark = ", provisional" if len(values) < USUAL else ""
        table(f"{title} ({len(values)} people{mark})", ("below", "value", "95 % interval"), lines, empty="")


@group.command("place")
def place(
    name: Name,
    cohort: Annotated[str, typer.Argument(metavar="COHORT")],
    competencies: Annotated[bool, typer.Option("--competencies", help="Competencies as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Each current result of a cohort as a percentile of a norm group, with an interval that holds both errors."""
    db = ready().db
    found = place_cohort(db, name, CohortId(cohort), competencies=competencies)
    kept = norms_named(db, name)
    if as_json:
        show(
            {"cohort": cohort}
            | _shown(kept)
            | {"places": [_placed(each) for each in found.places], "reduced": reduced_document(found.reduced)}
        )
        return
    with db.read() as connection:
        framework = definition_of(connection, CohortId(cohort)).framework
    lines = (
        (
            marked(each.participant, found.reduced),
            framework.domain[each.key[0]].name,
            each.key[2] or each.key[1] or "",
            number(each.estimate),
            "–" if each.place.percentile is None else f"{each.place.percentile:.0f}",
            "–" if each.place.low is None else f"{each.place.low:.0f} to {each.place.high:.0f}",
            each.place.withheld or ("provisional" if each.place.provisional else ""),
        )
        for each in found.places
    )
    title = f"Percentiles of {name}: {kept.group.n} people, cohorts closed {_closed(kept)}"
    table(
        title,
        ("participant", "domain", "part", "estimate", "percentile", "95 % interval", ""),
        lines,
        empty="Nobody is scored yet.",
    )
    say_reduced(found.reduced)


def _closed(kept: norms.KeptNorms) -> str:
    days = sorted({str(each["closes"]) for each in kept.group.cohorts})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _shown(kept: norms.KeptNorms) -> dict[str, Any]:
    return {
        "norms": kept.name,
        "description": kept.description,
        "made_at": kept.made_at.isoformat(),
        "made_by": kept.made_by,
        "hash": kept.group.hash,
        "framework": kept.group.framework.label,
        "described_by": kept.group.described_by,
        "people": kept.group.n,
        "cohorts": kept.group.cohorts,
    }


def _figure(key: FigureKey, values: Sequence[float]) -> dict[str, Any]:
    domain, facet, competency = key
    return {
        "domain": domain,
        "facet": facet,
        "competency": competency,
        "n": len(values),
        "provisional": len(values) < USUAL,
        "quantiles": [asdict(each) for each in quantiles(values)],
    }


def _placed(each: Placed) -> dict[str, Any]:
    domain, facet, competency = each.key
    place = each.place
    return {
        "participant": each.participant,
        "domain": domain,
        "facet": facet,
        "competency": competency,
        "estimate": each.estimate,
        "percentile": place.percentile,
        "low": place.low,
        "high": place.high,
        "n": place.n,
        "provisional": place.provisional,
        "withheld": place.withheld,
    }
