"""`talentline result verify | explain`: results are computed again and compared, or taken apart into what made them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, complain, number, say, show, table
from services.scoring.commands.explaining import Explained
from services.scoring.commands.explaining import explain as explained
from services.scoring.commands.verifying import Verified
from services.scoring.commands.verifying import verify as verified
from services.scoring.core.explaining.explanation import DomainExplained
from shared.cohort.definition import USUAL
from shared.ids import CohortId
from shared.words import Relationship

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


# ----------------------------------------------------------------------------------------------------------- explain


def explain(
    name: Annotated[str, typer.Argument(metavar="ID", help="A participant, or one of their results.")],
    domain: Annotated[str | None, typer.Option("--domain", metavar="D", help="One domain, by code or name.")] = None,
    cohort: OfCohort = None,
    as_json: AsJson = False,
) -> None:
    """From a domain figure down to the sources, rater groups, items, shifts and flags that made it.

    Within the rules of disclosure: no rater is named, and nothing is shown that tells what fewer raters answered than
    the cohort's minimum.
    """
    found = explained(ready().db, name, cohort=CohortId(cohort) if cohort else None, domain=domain)
    if as_json:
        show(_document(found))
        return
    kept, model = found.kept, found.document["model"]
    say(f"{kept.stored.participant} of {kept.cohort}, version {kept.version}, {model}, {kept.stored.hash[:12]}")
    say(f"Remarked on by the thresholds {_thresholds(found)}.")
    for each in found.domains:
        _show_domain(each)


def _document(found: Explained) -> dict[str, Any]:
    return {
        "cohort": found.kept.cohort,
        "participant": found.kept.stored.participant,
        "version": found.kept.version,
        "hash": found.kept.stored.hash,
        "receipt": found.document["receipt"],
        "thresholds": _thresholds(found),
        "layers": found.document["layers"],
        "domains": [asdict(each) for each in found.domains],
    }


def _thresholds(found: Explained) -> str:
    """Their version; results of releases that had no others don't name it."""
    return str(found.document.get("thresholds", USUAL.version))


def _show_domain(each: DomainExplained) -> None:
    result = each.result
    say(f"\n{each.name} ({each.domain}): {number(result['estimate'])}")
    say(f"  {_between(result, '')} (95 %), {_between(result, '_50')} (50 %); {result['outcome']}")
    if result["band"]:
        say(f"  band: {' or '.join(result['band'])}")
    for reason in result["lacking"]:
        say(f"  provisional: {reason}")
    _show_sources(each)
    _show_groups(each)
    rows = [
        (item.instrument.label, item.item, item.name, number(item.mean), item.raters or "", item.withheld or "")
        for item in each.items
    ]
    table("items", ("source", "item", "what", "mean", "raters", ""), rows, empty="No item may be shown.")
    for shift in each.shifts:
        say(f"  {shift}")
    for flag in each.flags:
        figures = ", ".join(f"{name} {number(value)}" for name, value in flag["figures"].items())
        inside = " (not for the participant)" if flag["audience"] == "internal" else ""
        say(f"  flag {flag['rule']}{inside}: {flag['trigger']} ({figures})")


def _between(result: Mapping[str, Any], which: str) -> str:
    return f"between {number(result[f'low{which}'])} and {number(result[f'high{which}'])}"


def _show_sources(each: DomainExplained) -> None:
    rows = [
        (
            source.instrument.label,
            f"{source.weight:.0%}".replace("%", " %"),
            number(source.described),
            f"{source.shift:+.2f}" if source.reason is None else "–",
            number(source.estimate),
            number(source.points),
            source.evidence["raters"],
            f"{source.evidence['items']} of {source.evidence['asked']}",
        )
        for source in each.sources
    ]
    columns = ("source", "weight", "mean", "adjusted by", "estimate", "adds", "raters", "items")
    table("sources", columns, rows, empty="No source.")


def _show_groups(each: DomainExplained) -> None:
    if each.withheld:
        say(f"  {each.withheld}")
        return
    rows = [(_group(group), group["raters"], number(group["estimate"])) for group in each.groups]
    if rows:
        table("rater groups", ("group", "raters", "mean"), rows, empty="No group may be shown.")


def _group(group: Mapping[str, Any]) -> str:
    return " and ".join(Relationship(each).plural for each in group["relationships"])
