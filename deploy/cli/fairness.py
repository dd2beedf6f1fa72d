"""`talentline fairness COHORT`: whether groups of participants fare differently, and whether so few can tell."""

from collections.abc import Sequence
from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, say, show
from shared.cohort.store import definition_of
from shared.ids import CohortId


def fairness(
    cohort: Annotated[str, typer.Argument(metavar="COHORT")],
    public: Annotated[bool, typer.Option("--public", help="For everybody: no count below 10 instead of 5.")] = False,
    reference: Annotated[
        list[str] | None,
        typer.Option(metavar="CHARACTERISTIC=GROUP", help="Compare with this group; default: the largest."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Selection, results and ratings by group, with exact tests and honest intervals, or why it can't be assessed."""
    # Brings scipy.stats along: every other command is there sooner without.
    from deploy.cli.fairness_words import tell  # noqa: PLC0415
    from deploy.fairness import fairness_of  # noqa: PLC0415
    from services.scoring.core.fairness.documents import document  # noqa: PLC0415

    db = ready().db
    with db.read() as connection:
        definition = definition_of(connection, CohortId(cohort))
    found = fairness_of(db, CohortId(cohort), public=public, references=_references(reference or ()))
    if as_json:
        show(
            {
                "cohort": cohort,
                "view": "public" if public else "programme",
                "minimum": found.minimum,
                "characteristics": [document(each) for each in found.characteristics],
            }
        )
        return
    if not found.characteristics:
        say(f"No equality data are kept: `talentline equality add {cohort} FILE.csv` takes them over.")
    for each in found.characteristics:
        tell(each, {domain.code: domain.name for domain in definition.framework.domains})
    say(f"No count from 1 to {found.minimum - 1} is shown. Equality data are no part of any score.")


def _references(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, _, group = each.partition("=")
        if not name or not group:
            raise typer.BadParameter(f"{each!r} is not CHARACTERISTIC=GROUP", param_hint="--reference")
        found[name.strip().lower()] = group.strip()
    return found
