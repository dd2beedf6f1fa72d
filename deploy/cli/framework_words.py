"""How the comparison of two packs is told, and a pack as the files of a cohort's folder."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from shared.cohort.columns import FrameworkRow
from shared.errors import PermanentError
from shared.framework.comparing import Change, Comparison, Place
from shared.framework.pack import FrameworkPack


class NoItem(PermanentError):
    """A competency that nobody is asked about in a form can't stand in a cohort's framework.csv."""


def change_shown(change: Change) -> dict[str, Any]:
    """A change as JSON."""
    breaks = sorted(change.breaks, key=lambda place: (place[0], place[1] or ""))
    return {
        "kind": change.kind.value,
        "words": change.words,
        "breaks": [{"domain": domain, "facet": facet} for domain, facet in breaks],
        "competencies": sorted(change.competencies),
    }


def standing(found: Comparison) -> list[dict[str, Any]]:
    """Every domain, facet and competency, and whether its past results stay comparable."""
    rows = [
        {"domain": domain, "facet": facet, "competency": None, "comparable": not why, "because": _because(why)}
        for (domain, facet), why in found.places.items()
    ]
    return rows + [
        {"domain": None, "facet": None, "competency": code, "comparable": not why, "because": _because(why)}
        for code, why in found.competencies.items()
    ]


def what_is_comparable(found: Comparison) -> Iterator[str]:
    """Which past results stay comparable, in sentences."""
    if not found.changes:
        yield f"{found.old} and {found.new} are the same: every past result stays comparable."
        return
    yield ""
    broken = {place: why for place, why in found.places.items() if why}
    if not broken:
        yield f"Every domain and facet stays comparable: results of {found.old} may stand beside those of {found.new}."
    elif len(broken) == len(found.places):
        yield f"No domain or facet of {found.old} is comparable with {found.new}: {'; '.join(_because_all(broken))}."
    else:
        kept = [_name(place) for place, why in found.places.items() if not why]
        yield f"Comparable between {found.old} and {found.new}: {', '.join(kept)}."
        for place, why in broken.items():
            yield f"Not comparable: {_name(place)}, because of {'; '.join(_because(why))}."
    lost = [code for code, why in found.competencies.items() if why]
    if lost and len(broken) < len(found.places):
        yield f"Competencies that are not comparable: {', '.join(lost)}."


def _because(why: tuple[Change, ...]) -> list[str]:
    return [f"{change.kind.value} ({change.words.partition(':')[0]})" for change in why]


def _because_all(broken: dict[Place, tuple[Change, ...]]) -> list[str]:
    """What breaks everything; or else how many changes do."""
    first = next(iter(broken.values()))
    shared = [change.words for change in first if all(change in why for why in broken.values())]
    return shared or [f"{len({change for why in broken.values() for change in why})} changes"]


def _name(place: Place) -> str:
    domain, facet = place
    return domain if facet is None else f"{domain} ({facet})"


def csv_of(pack: FrameworkPack) -> str:
    """The pack as programme/framework.csv of a cohort's folder. Raises NoItem: that file has one row an item."""
    bare = sorted(pack.competency.keys() - {item.competency for item in pack.items})
    if bare:
        raise NoItem(f"{pack.label}: {', '.join(bare)} have no item, so framework.csv, a row an item, can't hold them")
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, list(FrameworkRow.model_fields), lineterminator="\n")
    rows.writeheader()
    for item in pack.items:
        competency = pack.competency[item.competency]
        domain = pack.domain[competency.domain]
        rows.writerow(
            {
                "domain": domain.code,
                "domain_name": domain.name,
                "competency": competency.code,
                "competency_name": competency.name,
                "item": item.code,
                "statement": item.statement,
                "facet": item.facet.value,
            }
        )
    return text.getvalue()


def section_of(pack: FrameworkPack) -> str:
    """The table [framework] that belongs to it in cohort.toml."""
    licence = pack.licence.replace("\\", "\\\\").replace('"', '\\"')
    scale = f"{{ minimum = {pack.scale.minimum:g}, maximum = {pack.scale.maximum:g} }}"
    return f'[framework]\npack = "{pack.pack}"\nversion = "{pack.version}"\nlicence = "{licence}"\nscale = {scale}'
