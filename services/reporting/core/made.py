"""How a plan was made and what it can't tell, in a sentence or two each."""

from collections.abc import Mapping

from services.reporting.core.disclosure import EXEMPT, shown_groups
from services.reporting.core.english import capitalised, counted, listed, sentences
from services.reporting.core.reading import Reading, group_name
from shared.words import Instrument, PoolPolicy, Relationship


def how_made(reading: Reading) -> tuple[str, ...]:
    """What the plan rests on, how raters are protected, how figures were made, and where its limits are."""
    made, definition = reading.library.made, reading.definition
    return tuple(
        paragraph
        for paragraph in (
            sentences([_raters(reading), _day(reading), _written(reading)]),
            _protection(reading),
            sentences([made.weights.format(weights=weights_in_words(definition.weights)), made.self_apart]),
            sentences([made.interval, made.anchored if _anchored(reading) else "", *_adjusting(reading)]),
            sentences([made.late if reading.scored.late else "", made.left_out if reading.leaves_out else ""]),
            made.reduced.format(what=reading.waived) if reading.waived else "",
            made.rules,
            sentences(made.limits),
            made.pool_propose if definition.pool.policy is PoolPolicy.PROPOSE else made.pool_automatic,
            made.provenance.format(
                model=reading.scored.model,
                framework=reading.scored.framework,
                licence=definition.framework.licence,
                result=reading.scored.hash[:12],
                library=reading.library.version,
            ),
        )
        if paragraph
    )


def weights_in_words(weights: Mapping[Instrument, float]) -> str:
    """Sources with their share in per cent.

    >>> weights_in_words({Instrument.APPRAISAL_360: 0.4, Instrument.DEVELOPMENT_DAY: 0.4})
    '360 appraisal 50 % and development day 50 %'
    """
    total = sum(weights.values())
    return listed(f"{i.label} {weights[i] / total:.0%}".replace("%", " %") for i in Instrument if weights.get(i))


def _raters(reading: Reading) -> str:
    """How many raters by shown group; a group that is withheld, and what a merged one is made of, is not counted."""
    groups = [group for group in shown_groups(reading.scored) if set(group) != {Relationship.SELF}]
    if not groups and reading.screen.others == 0 and reading.screen.managers == 0:
        return reading.library.made.no_raters
    if not groups:
        return reading.library.made.raters.format(groups=reading.words.all_raters)
    counts = {group: _count(reading, Instrument.APPRAISAL_360, group) for group in dict.fromkeys(groups)}
    return reading.library.made.raters.format(groups=listed(_group_counted(g, n) for g, n in counts.items()))


def _group_counted(group: tuple[Relationship, ...], n: int) -> str:
    return counted(n, group[0].label) if len(group) == 1 else f"{n} {group_name(group)}"


def _count(reading: Reading, instrument: Instrument, group: tuple[Relationship, ...] = ()) -> int:
    refs = (ref for ref in reading.scored.evidence if ref.instrument is instrument)
    return len({ref.by for ref in refs if not group or ref.relationship in group})


def _elements(reading: Reading, instrument: Instrument) -> int:
    return len({ref.element for ref in reading.scored.evidence if ref.instrument is instrument})


def _day(reading: Reading) -> str:
    assessors = _count(reading, Instrument.DEVELOPMENT_DAY)
    exercises = counted(_elements(reading, Instrument.DEVELOPMENT_DAY), "exercise")
    sentence = reading.library.made.day.format(assessors=counted(assessors, "assessor"), exercises=exercises)
    return sentence if assessors else ""


def _written(reading: Reading) -> str:
    markers = _count(reading, Instrument.WRITTEN_ASSESSMENT)
    n = _elements(reading, Instrument.WRITTEN_ASSESSMENT)
    criteria = f"{n} {'criterion' if n == 1 else 'criteria'}"
    sentence = reading.library.made.written.format(markers=counted(markers, "marker"), criteria=criteria)
    return sentence if markers else ""


def _protection(reading: Reading) -> str:
    made, withheld = reading.library.made, tuple(reading.scored.withheld)
    merged = [group_name(g) for g in shown_groups(reading.scored) if len(g) > 1 and not set(g) & EXEMPT]
    if not reading.screen.others and not withheld:
        return made.exempt if reading.screen.managers else ""
    return sentences(
        [
            made.exempt if reading.screen.managers else "",
            made.group_rule.format(minimum=reading.screen.minimum),
            made.merged.format(groups="; ".join(dict.fromkeys(merged))) if merged else "",
            made.withheld.format(groups=capitalised(group_name(withheld))) if withheld else "",
        ]
    )


def _adjusting(reading: Reading) -> list[str]:
    """Which sources are corrected for who rated, and why others are not: sources with one reason share a sentence."""
    made, by_reason = reading.library.made, dict[str | None, dict[Instrument, None]]()
    for result in reading.scored.domains:
        for source in result.sources:
            by_reason.setdefault(source.reason, {})[source.instrument] = None
    names = {reason: listed(i.label for i in Instrument if i in found) for reason, found in by_reason.items()}
    return [
        made.adjusted.format(sources=f"the {sources}")
        if reason is None
        else made.not_adjusted.format(sources=f"the {sources}", reason=reason)
        for reason, sources in names.items()
    ]


def _anchored(reading: Reading) -> bool:
    return any(f.anchored or any(s.anchored for s in f.sources) for f in reading.scored.figures)
