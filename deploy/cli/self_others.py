"""`talentline result self-others` and `talentline self-others FILE.csv`: one's own view beside the others'."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, number, say, show, table
from deploy.cli.reduced import marked, reduced_document, say_reduced
from services.scoring.commands import self_others
from services.scoring.core.agreement.statistic import Statistic
from services.scoring.core.self_others.cohort import DomainPicture, Profile
from services.scoring.core.self_others.comparing import Category
from services.scoring.core.self_others.documents import document, surface_document
from services.scoring.core.self_others.surface import Coefficient, SelfOthers
from services.scoring.store import Reduced
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.ids import CohortId
from shared.words import Instrument


def of_cohort(
    cohort: Annotated[str, typer.Argument(metavar="COHORT")],
    competencies: Annotated[bool, typer.Option("--competencies", help="Facets and competencies as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Self beside others: a difference is named only where it exceeds its error. Never part of an estimate."""
    db = ready().db
    with db.read() as connection:
        definition = definition_of(connection, CohortId(cohort))
    found = self_others.of_cohort(db, CohortId(cohort), competencies=competencies)
    if as_json:
        show(
            {"cohort": cohort} | document(found.profiles, found.pictures) | {"reduced": reduced_document(found.reduced)}
        )
        return
    shown = [each for each in found.profiles if competencies or each.key[1:] == (None, None)]
    _show_profiles(definition, shown, found.reduced)
    say_reduced(found.reduced)
    for picture in found.pictures:
        _show_picture(definition, picture)


def of_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="One row a person; .gz too. Blank: not observed.")],
    own: Annotated[str, typer.Option("--self", metavar="NAME", help="Column of the self-rating.")] = "self",
    others: Annotated[str, typer.Option("--others", metavar="NAME", help="Column of the others' mean.")] = "others",
    outcome: Annotated[str, typer.Option("--outcome", metavar="NAME", help="Column of the outcome.")] = "outcome",
    lowest: Annotated[float, typer.Option(help="Lowest answer of the scale.")] = 1.0,
    highest: Annotated[float, typer.Option(help="Highest answer of the scale.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Polynomial regression of an outcome on self and others, with its response surface; from 100 people on."""
    if not lowest < highest:
        raise typer.BadParameter("the lowest answer must be below the highest", param_hint="--lowest, --highest")
    found = self_others.of_file(file, own=own, others=others, outcome=outcome, scale=(lowest, highest))
    if as_json:
        show(surface_document(found))
        return
    _show_statistics((found.correlation, found.mean_difference))
    _show_surface("Outcome on self and others", found)


def _show_profiles(definition: CohortDefinition, profiles: Sequence[Profile], reduced: Sequence[Reduced]) -> None:
    rows = [
        (
            marked(each.participant, reduced),
            definition.framework.domain[each.key[0]].name,
            each.key[2] or each.key[1] or "",
            number(each.compared.own),
            number(each.compared.others),
            f"{each.compared.difference:+.2f}",
            f"{each.compared.low:+.2f} to {each.compared.high:+.2f}",
            each.compared.category.label,
        )
        for each in profiles
    ]
    columns = ("participant", "domain", "part", "self", "others", "difference", "95 % interval", "")
    table(f"{definition.title}: self beside others", columns, rows, empty="Nobody has both views yet.")


def _show_picture(definition: CohortDefinition, picture: DomainPicture) -> None:
    name = definition.framework.domain[picture.domain].name
    counts = ", ".join(f"{each.label}: {picture.categories.get(each, 0)}" for each in Category)
    say(f"{name}: {counts}.")
    _show_statistics((picture.correlation, picture.mean_difference))
    for outcome, found in picture.surfaces.items():
        _show_surface(f"{name}: {Instrument(outcome).label} on self and others", found)
    say("")


def _show_statistics(statistics: Sequence[Statistic]) -> None:
    for each in statistics:
        if each.value is None:
            say(f"  {each.name}: withheld: {each.withheld} (n = {each.n}).")
        else:
            low, high = number(each.low), number(each.high)
            say(f"  {each.name}: {number(each.value)}, 95 % interval {low} to {high}; {each.n} {each.meaning}.")


def _show_surface(title: str, found: SelfOthers) -> None:
    if found.fit is None:
        say(f"  {title}: withheld: {found.withheld}.")
        return
    lines = [_line(each) for each in (*found.fit.coefficients, *found.fit.surface)]
    table(title, ("", "value", "se", "95 % interval", "meaning"), lines, empty="")
    fit = found.fit
    say(f"n {found.n}, R² {fit.r2:.2f}, {_p(fit.p)}; the terms of second order: {_p(fit.p_second)}.")
    for words in found.words:
        say(words)


def _p(value: float) -> str:
    return "p < .001" if value < 0.001 else f"p = {value:.3f}"


def _line(each: Coefficient) -> tuple[str, ...]:
    return each.name, f"{each.value:.3f}", f"{each.se:.3f}", f"{each.low:.3f} to {each.high:.3f}", each.meaning
