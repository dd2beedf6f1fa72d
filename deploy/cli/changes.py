"""`talentline result change COHORT EARLIER`: the same people measured again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, number, say, show, table
from deploy.cli.reduced import MARK, is_reduced, reduced_document, say_reduced
from services.scoring.commands.remeasuring import ChangeReport, change_of_cohort
from services.scoring.core.remeasuring.change import Verdict
from services.scoring.core.remeasuring.cohort import USUAL_MONTHS, GroupChange, Remeasured
from services.scoring.core.remeasuring.documents import group_document, person_document
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.ids import CohortId


def change(
    cohort: Annotated[str, typer.Argument(metavar="COHORT", help="The later cohort.")],
    earlier: Annotated[str, typer.Argument(metavar="EARLIER", help="The earlier cohort.")],
    after_months: Annotated[int, typer.Option(min=0, help="Least months between their closing days.")] = USUAL_MONTHS,
    pairs: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="participant,earlier: people whose address has changed.")
    ] = None,
    competencies: Annotated[bool, typer.Option("--competencies", help="Facets and competencies as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change beside its error, for people of both cohorts and figures that mean the same in both."""
    db = ready().db
    with db.read() as connection:
        definition = definition_of(connection, CohortId(cohort))
    found = change_of_cohort(
        db, CohortId(cohort), CohortId(earlier), after_months=after_months, pairs=pairs, competencies=competencies
    )
    if as_json:
        show(
            {
                "cohort": cohort,
                "earlier": earlier,
                "months": round(found.months, 1),
                "not_in_earlier": found.alone,
                "reduced": reduced_document(found.reduced),
                "reduced_earlier": reduced_document(found.reduced_earlier),
                "changes": [person_document(each) for each in found.people],
                "groups": [group_document(each) for each in found.groups],
            }
        )
        return
    _tell(definition, found, parts=competencies)


def _tell(definition: CohortDefinition, found: ChangeReport, *, parts: bool) -> None:
    shown = [each for each in found.people if parts or each.compared.key[1:] == (None, None)]
    rows = [_line(definition, found, each) for each in shown if each.compared.change]
    columns = ("participant", "domain", "part", "earlier", "later", "change", "95 % interval", "of", "")
    table(f"{definition.title}: change over {found.months:.0f} months", columns, rows, empty="Nobody has two results.")
    for each in found.groups:
        _tell_group(definition, each)
    _tell_withheld(shown)
    say_reduced(found.reduced)
    say_reduced(found.reduced_earlier, " then")
    if found.alone:
        say(f"{found.alone} participant(s) were not found in the earlier cohort; --pairs FILE.csv names them.")
    say("Those chosen for a low result tend to be higher the next time without any change (regression to the mean).")


def _line(definition: CohortDefinition, found: ChangeReport, each: Remeasured) -> tuple[str, ...]:
    domain, facet, competency = each.compared.key
    changed = each.compared.change
    assert changed is not None
    reduced = is_reduced(each.participant, found.reduced) or is_reduced(each.earlier, found.reduced_earlier)
    return (
        each.participant + (MARK if reduced else ""),
        definition.framework.domain[domain].name,
        competency or facet or "",
        number(changed.earlier),
        number(changed.later),
        f"{changed.change:+.2f}",
        f"{changed.low:+.2f} to {changed.high:+.2f}",
        each.compared.basis,
        changed.verdict.label,
    )


def _tell_group(definition: CohortDefinition, each: GroupChange) -> None:
    domain, facet, competency = each.key
    if facet or competency:
        return
    name = definition.framework.domain[domain].name
    counts = ", ".join(f"{verdict.label} {each.verdicts.get(verdict, 0)}" for verdict in Verdict)
    mean = each.mean
    if mean.value is None:
        say(f"{name} ({each.basis}): {counts}; mean change withheld: {mean.withheld}.")
    else:
        interval = f"{number(mean.low)} to {number(mean.high)}"
        say(f"{name} ({each.basis}): {counts}; mean change {mean.value:+.2f}, 95 % interval {interval}, n {mean.n}.")


def _tell_withheld(people: Sequence[Remeasured]) -> None:
    for reason in dict.fromkeys(each.compared.withheld for each in people if each.compared.withheld):
        where = {each.compared.key for each in people if each.compared.withheld == reason}
        names = ", ".join(
            sorted({competency or f"{domain} {facet or ''}".strip() for domain, facet, competency in where})
        )
        say(f"Withheld for {names}: {reason}.")
