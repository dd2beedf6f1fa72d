"""Item by item what made a domain: averages of the 360 appraisal that may be shown, cells of the day, criteria."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from services.scoring.core.appraisal_360 import EXEMPT, Appraisal
from services.scoring.core.explaining.exposing import Average, exposed, tells_more
from services.scoring.core.observations import Observations, Rating
from shared.ids import RaterId
from shared.words import Facet, Instrument

TOO_FEW = "fewer than {minimum} raters rated it"
WOULD_TELL = "together with the other figures it would tell what fewer than {minimum} raters answered"


@dataclass(frozen=True, slots=True)
class ItemFigure:
    """One item, cell or criterion: its average on the cohort's scale and how many gave it; or why it is not shown."""

    instrument: Instrument
    item: str
    name: str
    mean: float | None
    raters: int | None
    withheld: str | None


def items_of(
    observations: Observations, appraisal: Appraisal, domain: str, minimum: int, names: Mapping[str, str]
) -> tuple[ItemFigure, ...]:
    """Every item that carries the domain, in the framework's and the grid's order of codes."""
    pack = observations.framework
    by_item: dict[tuple[Instrument, str], list[Rating]] = defaultdict(list)
    for rating in observations.ratings:
        if pack.domain_of(rating.competency) == domain:
            by_item[rating.instrument, rating.item].append(rating)
    others = {rater for rater, group in appraisal.groups.items() if not set(group) <= set(EXEMPT)}
    hidden = _hidden(by_item, observations, appraisal, domain, others, minimum)
    order = {instrument: n for n, instrument in enumerate(Instrument)}
    return tuple(
        _figure(instrument, item, names.get(item, item), by_item[instrument, item], hidden.get(item))
        for instrument, item in sorted(by_item, key=lambda key: (order[key[0]], key[1]))
    )


def _figure(
    instrument: Instrument, item: str, name: str, ratings: Sequence[Rating], withheld: str | None
) -> ItemFigure:
    if withheld is not None and instrument is Instrument.APPRAISAL_360:
        return ItemFigure(instrument, item, name, None, None, withheld)
    mean = fsum(rating.value for rating in ratings) / len(ratings)
    return ItemFigure(instrument, item, name, mean, len({rating.unit for rating in ratings}), None)


def _hidden(
    by_item: Mapping[tuple[Instrument, str], Sequence[Rating]],
    observations: Observations,
    appraisal: Appraisal,
    domain: str,
    others: set[RaterId],
    minimum: int,
) -> dict[str, str]:
    """360 items that may not be shown, with the reason. Self is in none; the line manager's answers count as known."""
    pack = observations.framework
    theirs = [r for r in appraisal.ratings if r.unit in others and pack.domain_of(r.competency) == domain]
    shown = _published(theirs, appraisal)
    told = exposed(shown, minimum)
    found: dict[str, str] = {}
    for (instrument, item), ratings in sorted(by_item.items()):
        average: Average = {(str(r.unit), r.item): 1 / len(ratings) for r in ratings if r.unit in others}
        if instrument is not Instrument.APPRAISAL_360 or not average:
            continue
        if len(average) < minimum:
            found[item] = TOO_FEW.format(minimum=minimum)
        elif tells_more(exposed([*shown, average], minimum), told):
            found[item] = WOULD_TELL.format(minimum=minimum)
        else:
            shown.append(average)
    return found


def _published(ratings: Sequence[Rating], appraisal: Appraisal) -> list[Average]:
    """What plans and listings show of the domain already: it as a whole, facets, competencies, rater groups."""
    groups = {rating.unit: appraisal.groups[rating.unit] for rating in ratings}
    cuts = [list(ratings)]
    cuts += [[r for r in ratings if r.facet is facet] for facet in Facet]
    cuts += [[r for r in ratings if r.competency == code] for code in sorted({r.competency for r in ratings})]
    cuts += [[r for r in ratings if groups[r.unit] == group] for group in sorted(set(groups.values()))]
    return [_of_means(cut) for cut in cuts if cut]


def _of_means(ratings: Sequence[Rating]) -> Average:
    """The mean of raters' means, as weights of their answers. Raters count alike, however much they answered."""
    count: dict[RaterId, int] = defaultdict(int)
    for rating in ratings:
        count[rating.unit] += 1
    weights: Average = {(str(r.unit), r.item): 1 / (len(count) * count[r.unit]) for r in ratings}
    return weights
