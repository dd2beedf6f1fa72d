"""What interval to expect: the error of each domain result as it will be stated, from anchored variances.

With n raters of a source, k ratings of a domain by each, E exercises that show it, in widths of the scale:

    SE² of a source = (σ_u² + σ_r² / k) / n + σ_e² / E,   SE² of a domain = Σ w² (SE² + τ²),   interval ± 1.96 SE

σ_u, σ_r and τ are those of `rater-means/1` and of the domain result (their sources stand there). σ_e, what somebody
shows in one exercise beside the others, is the engine's anchor; results of `rater-means/1` do not state it, so a domain
result of that model is a little narrower than what is expected here. w are the cohort's weights among the sources that
say anything about the domain.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median_low

from services.scoring.core.design.assignments import Design
from services.scoring.core.layers.domains import METHOD
from services.scoring.core.scales import reach
from shared.ids import ParticipantId
from shared.words import Instrument

BETWEEN_UNITS, RESIDUAL = 0.2, 0.175
"""σ_u and σ_r, in widths of the scale: those of `rater-means/1`."""
EXERCISE = 0.075
"""σ_e: 0.3 squared logits, the engine's anchor, at 0.55 points a logit on a scale of width 4."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind one source of one domain for one participant."""

    instrument: Instrument
    units: int
    ratings: float
    """Of each unit, on average."""
    exercises: int = 0

    @property
    def variance(self) -> float:
        """Squared error of the source, in squared widths of the scale."""
        own = (BETWEEN_UNITS**2 + RESIDUAL**2 / max(self.ratings, 1)) / self.units
        return own + (EXERCISE**2 / self.exercises if self.exercises else 0.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """A domain: half-width of the 95 % interval in points, of a typical participant (median) and of the widest one."""

    domain: str
    typical: float
    widest: float
    widest_of: tuple[ParticipantId, ...]
    """Those for whom it is as wide as that, where that is wider than typical."""
    behind: tuple[Behind, ...]
    """Of the typical participant."""
    more: Mapping[str, float]
    """"one more assessor" and the like → the typical half-width then, the greatest gain first."""


def expected(design: Design) -> tuple[Expected, ...]:
    """Of every domain of which anybody is to say anything, in the framework's order."""
    found = []
    for domain in design.definition.framework.domains:
        each = {who: behind for who in sorted(design.participants) if (behind := _behind(design, domain.code, who))}
        if each:
            found.append(_expected(design, domain.code, each))
    return tuple(found)


def _expected(design: Design, domain: str, each: Mapping[ParticipantId, tuple[Behind, ...]]) -> Expected:
    width = {who: half_width(design, behind) for who, behind in each.items()}
    typical = median_low(width.values())
    someone = min(who for who, half in width.items() if half == typical)
    widest = max(width.values())
    return Expected(
        domain=domain,
        typical=typical,
        widest=widest,
        widest_of=tuple(who for who, half in width.items() if half == widest > typical),
        behind=each[someone],
        more=_more(design, each[someone]),
    )


def half_width(design: Design, behind: tuple[Behind, ...]) -> float:
    """Of the 95 % interval of a domain that these stand behind, in points of the scale."""
    scale, weights = design.definition.framework.scale, design.definition.weights
    total = math.fsum(weights[source.instrument] for source in behind)
    shares = [(weights[source.instrument] / total) ** 2 * (source.variance + METHOD**2) for source in behind]
    return reach(math.inf) * math.sqrt(math.fsum(shares)) * (scale.maximum - scale.minimum)


def _behind(design: Design, domain: str, who: ParticipantId) -> tuple[Behind, ...]:
    makers = {
        Instrument.APPRAISAL_360: _appraisal,
        Instrument.DEVELOPMENT_DAY: _day,
        Instrument.WRITTEN_ASSESSMENT: _written,
    }
    found = (makers[instrument](design, domain, who) for instrument in design.sources)
    return tuple(each for each in found if each is not None and each.units > 0)


def _appraisal(design: Design, domain: str, who: ParticipantId) -> Behind | None:
    pack, asked = design.definition.framework, design.definition.evidence.appraisal_360
    items = sum(pack.domain_of(item.competency) == domain for item in pack.items)
    listed = round(len(design.others[who]) * design.answering)
    if not items or asked is None:
        return None
    wanted = sum(count for relationship, count in asked.responses.items() if relationship != "self")
    return Behind(Instrument.APPRAISAL_360, listed or wanted, items)


def _day(design: Design, domain: str, who: ParticipantId) -> Behind | None:
    """As planned; without a plan as if the number of assessors asked for saw everything."""
    showing, asked = design.exercises_of[domain], design.definition.evidence.development_day
    if not showing or asked is None:
        return None
    cells = {exercise: design.cells_of[domain, exercise] for exercise in showing}
    if not design.watches:
        return Behind(Instrument.DEVELOPMENT_DAY, asked.assessors, sum(cells.values()), len(showing))
    seen = [watch for watch in design.watches_of.get(who, ()) if watch.exercise in cells]
    assessors = {watch.assessor for watch in seen}
    if not assessors:
        return None
    ratings = sum(cells[watch.exercise] for watch in seen) / len(assessors)
    return Behind(Instrument.DEVELOPMENT_DAY, len(assessors), ratings, len({watch.exercise for watch in seen}))


def _written(design: Design, domain: str, who: ParticipantId) -> Behind | None:
    criteria, asked = design.criteria_of.get(domain, 0), design.definition.evidence.written_assessment
    if not criteria or asked is None:
        return None
    planned = len(design.markers_of.get(who, ()))
    return Behind(Instrument.WRITTEN_ASSESSMENT, planned or asked.markers, criteria)


def _more(design: Design, behind: tuple[Behind, ...]) -> dict[str, float]:
    found = {words: half_width(design, other) for words, other in _richer(behind)}
    return dict(sorted(found.items(), key=lambda each: (each[1], each[0])))


def _richer(behind: tuple[Behind, ...]) -> Iterator[tuple[str, tuple[Behind, ...]]]:
    """What could be asked for besides."""
    for n, source in enumerate(behind):
        for words, richer in _additions(source):
            yield words, (*behind[:n], richer, *behind[n + 1 :])


def _additions(source: Behind) -> Iterator[tuple[str, Behind]]:
    if source.instrument is Instrument.APPRAISAL_360:
        yield "two more peers", replace(source, units=source.units + 2)
    elif source.instrument is Instrument.DEVELOPMENT_DAY:
        yield "one more assessor", replace(source, units=source.units + 1)
        yield "one more exercise that shows it", replace(source, exercises=source.exercises + 1)
    else:
        yield "one more marker", replace(source, units=source.units + 1)
