"""`talentline result verify`: stored results are computed again and compared."""

from typing import Annotated

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, complain, say, show, table
from services.scoring.commands.verifying import Verified
from services.scoring.commands.verifying import verify as verified
from shared.ids import CohortId

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="A cohort, a participant, or one result.")]
OfCohort = Annotated[str | None, typer.Option("--cohort", metavar="COHORT", help="Where the participants belong.")]


def verify(ids: Ids, cohort: OfCohort = None, as_json: AsJson = False) -> None:
    """Compute results again from the database alone and compare, every version. Exit status 1 if anything differs.

    A result is a function of its evidence, the framework, the cohort's rules, the model and the calibration. A cohort's
    calibrations are fitted again as well.
    """
    found = verified(ready().db, ids, CohortId(cohort) if cohort else None)
    different = [each for each in found if not each.same]
    if as_json:
        show({"verified": [_shown(each) for each in found], "different": len(different)})
    else:
        _table(found)
        say(f"{len(found) - len(different)} of {len(found)} came out as recorded.")
    if different:
        for each in different if not as_json else ():
            complain(f"{each.cohort}: {each.what}, {each.version}:")
            for line in each.differences:
                complain(f"  {line}")
        raise typer.Exit(1)


def _table(found: list[Verified]) -> None:
    rows = [
        (each.cohort, each.what, each.version, each.hash[:12], "as recorded" if each.same else "DIFFERS")
        for each in found
    ]
    table("Computed again", ("cohort", "what", "version", "hash", ""), rows, empty="Nothing to compare.")


def _shown(each: Verified) -> dict[str, object]:
    return {
        "cohort": each.cohort,
        "what": each.what,
        "version": each.version,
        "hash": each.hash,
        "same": each.same,
        "differences": list(each.differences),
    }
