"""The fairness report as people read it in a terminal."""

from collections.abc import Mapping
from itertools import groupby

from deploy.cli.output import number, say, table
from services.scoring.core.fairness.differing import Difference
from services.scoring.core.fairness.pairings import Pairing
from services.scoring.core.fairness.report import Characteristic, GroupSelected, ScaleFunctioning, Selection

HIDDEN = "hidden"


def tell(found: Characteristic, domains: Mapping[str, str]) -> None:
    """One characteristic: what can be said first, then what can't."""
    groups = ", ".join(f"{group} {n}" for group, n in found.groups.items())
    say(f"{found.characteristic.upper()}: {groups or 'no group may be shown'}. Reference: {found.reference or 'none'}.")
    for selection in found.selections:
        _selection(selection)
    rows = [
        (domains.get(each.domain, each.domain), each.group, *_difference(each.difference))
        for each in found.domains
        if each.difference.difference is not None
    ]
    columns = ("domain", "group", "less reference", "95 % interval", "in standard deviations")
    if rows:
        table("Domain results", columns, rows, empty="")
    _pairings("Rater groups with groups of participants", found.pairings)
    _pairings("Raters' own groups with groups of participants", found.own_pairings)
    for scale in found.items:
        _items(scale)
    if found.cannot:
        say("What is not assessed or not shown:")
    for each in found.cannot:
        say(f"  - {each}")
    if found.comparisons:
        say(f"  {found.comparisons} comparisons; by chance alone about one in twenty would look conclusive.")
    say("")


def _selection(found: Selection) -> None:
    rows = [_selected(row) for row in found.groups]
    columns = ("group", "selected", "rate", "95 % interval", "ratio", "exact p", "difference (Newcombe)", "")
    if rows:
        table(found.outcome.capitalize(), columns, rows, empty="")


def _selected(row: GroupSelected) -> tuple[str, ...]:
    if row.share is None:
        return row.group, HIDDEN, "", "", "", "", "", ""
    share, impact = row.share, row.impact
    first = (
        row.group,
        f"{share.selected} of {share.n}",
        _percent(share.rate),
        f"{_percent(share.low)} to {_percent(share.high)}",
    )
    if impact is None:
        return *first, "", "", "", ""
    between = f"{100 * impact.difference:+.0f} ({100 * impact.low:+.0f} to {100 * impact.high:+.0f})"
    return *first, number(impact.ratio), f"{impact.p:.3f}", between, impact.reading


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _difference(found: Difference | None) -> tuple[str, str, str]:
    if found is None or found.difference is None or found.low is None or found.high is None:
        return "–", "–", "–"
    return f"{found.difference:+.2f}", f"{found.low:+.2f} to {found.high:+.2f}", f"{found.g:+.2f}"


def _pairings(title: str, found: tuple[Pairing, ...]) -> None:
    rows = []
    for _, pairs in groupby(found, key=lambda each: each.rater_group):
        for each in pairs:
            n = HIDDEN if each.n is None else str(each.n)
            gap, beyond = _difference(each.gap), _difference(each.beyond)
            rows.append((each.rater_group.replace("_", " "), each.group, n, number(each.mean), *gap[:2], *beyond[:2]))
    columns = (
        "raters",
        "participants",
        "n",
        "mean",
        "less reference",
        "95 % interval",
        "beyond other raters",
        "95 % interval",
    )
    if rows:
        table(title, columns, rows, empty="")


def _items(found: ScaleFunctioning) -> None:
    if found.withheld:
        return
    flagged = [each for each in found.items if each.category != "A"]
    rows = [
        (
            each.item,
            f"{each.smd:+.2f}",
            f"{each.low:+.2f} to {each.high:+.2f}",
            f"{each.effect:+.2f}",
            f"{each.adjusted:.3f}",
            each.category + (" (provisional)" if each.provisional else ""),
        )
        for each in flagged
    ]
    title = f"{found.scale}, {found.group}: items answered differently at the same level (Mantel)"
    columns = ("item", "points", "95 % interval", "in standard deviations", "adjusted p", "category")
    table(title, columns, rows, empty=f"{title}: none of {len(found.items)}.")
