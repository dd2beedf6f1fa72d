"""A design put into words: what links, what is seen too rarely, what is uneven, and what to expect of the figures."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.scoring.core.analysis.adjusting import adjusting
from services.scoring.core.design.assignments import Design, Finding, named
from services.scoring.core.design.coverage import coverage, gaps_in, loads, own_organisation
from services.scoring.core.design.linking import edges, subsets, units_of
from services.scoring.core.design.precision import Expected, expected
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class Linked:
    """How many subsets a source has: as a whole (`domain` None), or in one domain. `pairs`: who rates whom, counted.
    `adjusted`: participants whose figures a many-facet model could correct for who rated; `reason`: why not the others.
    """

    instrument: Instrument
    domain: str | None
    people: int
    raters: int
    pairs: int
    subsets: int
    adjusted: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """All that there is to say about a design before the day."""

    links: tuple[Linked, ...]
    findings: tuple[Finding, ...]
    expected: tuple[Expected, ...]

    @property
    def to_mend(self) -> tuple[Finding, ...]:
        """What should be put right before the day."""
        return tuple(each for each in self.findings if each.mend)


def checked(design: Design) -> Checked:
    """Look at a design from every side."""
    links = tuple(_links(design))
    findings = (
        *_linking(design, links),
        *coverage(design),
        *gaps_in(design),
        *_uneven(design),
        *_own(design),
    )
    return Checked(links, findings, expected(design))


def _links(design: Design) -> Iterator[Linked]:
    for instrument in design.sources:
        domains = [each.code for each in design.definition.framework.domains]
        for domain in (None, *(domains if instrument is not Instrument.APPRAISAL_360 else ())):
            pairs = edges(design, instrument, domain)
            if pairs:
                found = subsets(pairs)
                people, raters = sum(len(p) for p, _ in found), sum(len(r) for _, r in found)
                reasons = adjusting(units_of(pairs)).reasons
                why = Counter(reason for reason in reasons if reason is not None).most_common(1)
                adjusted, reason = reasons.count(None), why[0][0] if why else None
                yield Linked(instrument, domain, people, raters, len(pairs), len(found), adjusted, reason)


def _linking(design: Design, links: Sequence[Linked]) -> Iterator[Finding]:
    planned = {link.instrument for link in links}
    for link in links:
        if link.domain is None and link.subsets == 1 and link.reason is not None:
            many = "nobody" if link.adjusted == 0 else f"{link.adjusted} of {link.people}"
            words = f"{link.instrument.label}: {many} can be adjusted for who rates them: {link.reason}"
            yield Finding("adjusting", words, mend=False)
        if link.domain is None and link.subsets > 1:
            yield _apart(design, link)
        elif link.domain is not None and link.subsets > 1 and _as_whole(links, link) == 1:
            name = design.definition.framework.domain[link.domain].name
            words = f"{link.instrument.label}: linked as a whole, and for {name} in {link.subsets} subsets"
            yield Finding("linking", words, mend=True, about=(link.domain,))
    lists = {
        Instrument.APPRAISAL_360: "raters.csv lists nobody yet",
        Instrument.DEVELOPMENT_DAY: "there is no rota yet (rota.csv): `--propose` makes one",
        Instrument.WRITTEN_ASSESSMENT: "it is not planned who marks whose work (marking.csv)",
    }
    for instrument in design.sources:
        if instrument not in planned:
            yield Finding("unplanned", f"{instrument.label}: {lists[instrument]}", mend=False)


def _as_whole(links: Sequence[Linked], of: Linked) -> int:
    return next(link.subsets for link in links if link.instrument is of.instrument and link.domain is None)


def _apart(design: Design, link: Linked) -> Finding:
    """Subsets are a fault of a rota, and the nature of an ordinary 360 appraisal."""
    found = subsets(edges(design, link.instrument))
    if link.instrument is Instrument.APPRAISAL_360 and link.subsets == link.people:
        words = "every rater rates one participant, so severity can't be told from ability: intervals are widened"
        return Finding("linking", f"{link.instrument.label}: {words}", mend=False)
    people = "; ".join(named(some) for some, _ in found[:4]) + (" …" if len(found) > 4 else "")
    words = f"{link.instrument.label}: {link.subsets} subsets that nobody links, so they can't be compared: {people}"
    return Finding("linking", words, mend=link.instrument is not Instrument.APPRAISAL_360)


def _uneven(design: Design) -> Iterator[Finding]:
    load = loads(design) if design.watches else {}
    if load and max(load.values()) - min(load.values()) > 1:
        most, least = max(load.values()), min(load.values())
        busy = [who for who, n in load.items() if n == most]
        idle = [who for who, n in load.items() if n == least]
        words = f"one assessor watches {most} times ({named(busy)}), another {least} ({named(idle)})"
        yield Finding("workload", words, mend=True)


def _own(design: Design) -> Iterator[Finding]:
    own = own_organisation(design)
    if own:
        about = tuple(f"{watch.assessor} {watch.participant}/{watch.exercise}" for watch in own)
        yield Finding(
            "organisation",
            f"an assessor watches somebody of their own organisation: {named(about)}",
            mend=True,
            about=about,
        )
    if design.watches and design.assessors and not any(design.assessors.values()):
        words = "assessors' organisations are not known (a column `organisation` in assessors.csv says them)"
        yield Finding("organisation", words, mend=False)


def in_words(each: Expected, name: str) -> Iterator[str]:
    """What to expect of a domain, and what would narrow it."""
    line = f"{name}: known to about ± {each.typical:.2f} points (95 %)"
    if f"{each.widest:.2f}" != f"{each.typical:.2f}":
        line += f"; ± {each.widest:.2f} for {named(each.widest_of)}"
    yield f"{line}."
    now = f"{each.typical:.2f}"
    gains = [f"{more} to ± {half:.2f}" for more, half in each.more.items() if f"{half:.2f}" != now]
    if gains:
        first, *rest = gains
        yield "  " + ", ".join([first.replace(" to ", " would narrow this to ", 1), *rest]).capitalize() + "."
    slight = [more for more, half in each.more.items() if f"{half:.2f}" == now]
    if slight:
        yield f"  Hardly anything would be gained by {' or '.join(slight)}."
