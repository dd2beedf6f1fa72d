"""Which development goals a plan has, and what they say. Three to five, the lowest estimates first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.reporting.core.documents import Action, Goal
from services.reporting.core.english import listed, sentences
from services.reporting.core.library import GoalText, PlanRules, at_share
from services.reporting.core.reading import Reading, behind, overlap, said
from services.reporting.core.scored import Figure
from shared.framework import Domain
from shared.words import Facet


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a goal can be about: a competency; in a very small framework also a facet, or a whole domain."""

    name: str
    domain: str
    figure: Figure
    competency: str | None
    tier: int
    """0: a competency, 1: a facet of a domain, 2: a domain. A later tier is used only if an earlier one runs out."""
    place: int

    @property
    def order(self) -> tuple[int, float, int]:
        """The lowest estimate first; of equal ones the first in the framework."""
        return self.tier, self.figure.estimate, self.place


def weakest_domain(reading: Reading) -> tuple[Domain, Figure]:
    """The domain with the lowest estimate; of equal ones the first in the framework."""
    return min(reading.domains(), key=lambda found: found[1].estimate)


def chosen(reading: Reading) -> list[Candidate]:
    """What the goals are about, in the goals' order.

    One is on the domain with the lowest estimate; then come the lowest competencies, at most `per_domain_most` of a
    domain while others are left; `goals_least` of them, up to `goals_usual` while estimates are below `goal_below`,
    up to `goals_most` while whole ranges are.
    """
    rules, weakest = reading.library.rules, weakest_domain(reading)[0].code
    ranked = sorted(_candidates(reading), key=lambda candidate: candidate.order)
    first = next(candidate for candidate in ranked if candidate.domain == weakest)
    picked = [first]
    for candidate in [*_in_turn(ranked, first, rules.per_domain_most), *ranked]:
        if candidate not in picked and _wanted(candidate, picked, reading):
            picked.append(candidate)
    return sorted(picked, key=lambda candidate: candidate.order)


def _in_turn(ranked: Sequence[Candidate], first: Candidate, per_domain: int) -> list[Candidate]:
    """Those that keep to the limit per domain."""
    held = Counter({first.domain: 1})
    kept: list[Candidate] = []
    for candidate in ranked:
        if candidate != first and candidate.tier == 0 and held[candidate.domain] < per_domain:
            held[candidate.domain] += 1
            kept.append(candidate)
    return kept


def _wanted(candidate: Candidate, picked: Sequence[Candidate], reading: Reading) -> bool:
    rules = reading.library.rules
    if len(picked) < rules.goals_least:
        return True
    threshold = at_share(reading.scale, rules.goal_below)
    value = candidate.figure.estimate if len(picked) < rules.goals_usual else candidate.figure.high
    held = sum(1 for other in picked if other.domain == candidate.domain)
    allowed = len(picked) < rules.goals_most and candidate.tier == 0 and held < rules.per_domain_most
    return allowed and value < threshold


def _candidates(reading: Reading) -> list[Candidate]:
    words = reading.words
    names = {Facet.KNOW: words.facet_know, Facet.APPLY: words.facet_apply}
    found = [
        Candidate(s.competency.name, s.competency.domain, s.figure, s.competency.code, 0, s.place)
        for s in reading.standings()
    ]
    for place, (domain, figure) in enumerate(reading.domains()):
        for facet, part in reading.facets(domain.code):
            found.append(Candidate(f"{domain.name}: {names[facet].lower()}", domain.code, part, None, 1, place))
        found.append(Candidate(domain.name, domain.code, figure, None, 2, place))
    return found


def worded(reading: Reading, candidates: Sequence[Candidate], drafted: date) -> tuple[Goal, ...]:
    """The goals in full: reason with its figures, actions of every kind, support, measure, review date."""
    names = {domain.code: domain.name for domain in reading.definition.framework.domains}
    return tuple(
        _goal(reading, candidate, text, number, names[candidate.domain], drafted)
        for number, (candidate, text) in enumerate(zip(candidates, texts_for(reading, candidates), strict=True), 1)
    )


def texts_for(reading: Reading, candidates: Sequence[Candidate]) -> list[GoalText]:
    """The library's text for each candidate; general texts are taken in turn, so that two goals seldom share one."""
    return [reading.library.text_for(candidate.name, turn) for turn, candidate in enumerate(candidates)]


def _goal(reading: Reading, candidate: Candidate, text: GoalText, number: int, domain: str, drafted: date) -> Goal:
    return Goal(
        number=number,
        domain=candidate.domain,
        competency=candidate.name,
        title=text.title,
        reason=_reason(reading, candidate, text, domain),
        actions=_actions(reading, candidate, text),
        support=text.support,
        measure=text.measure,
        review=drafted + timedelta(weeks=_review_week(reading.library.rules, number)),
    )


def _review_week(rules: PlanRules, number: int) -> int:
    weeks = rules.goal_review_weeks
    return weeks[min(number, len(weeks)) - 1]


def _reason(reading: Reading, candidate: Candidate, text: GoalText, domain: str) -> str:
    figure = candidate.figure
    return sentences(
        [
            text.why,
            reading.words.reason.format(behind=behind(figure), **said(figure)),
            _on_weakest(reading, candidate, domain),
            "" if reading.library.knows(candidate.name) else _statements(reading, candidate),
        ]
    )


def _on_weakest(reading: Reading, candidate: Candidate, name: str) -> str:
    domain, figure = weakest_domain(reading)
    rest = [other for code, other in reading.domains() if code.code != domain.code]
    if candidate.domain != domain.code or candidate.tier != 0 or not rest:
        return ""
    clear = not any(overlap(figure, other) for other in rest)
    sentence = reading.words.reason_weakest if clear else reading.words.reason_weakest_similar
    return sentence.format(domain=name)


def _statements(reading: Reading, candidate: Candidate) -> str:
    """What the framework means by the competency, in its own observable statements."""
    items = (item for item in reading.definition.framework.items if item.competency == candidate.competency)
    quoted = [f"“{item.statement}”" for item in items][: reading.library.rules.statements_most]
    return reading.words.reason_statements.format(statements=listed(quoted)) if quoted else ""


def _actions(reading: Reading, candidate: Candidate, text: GoalText) -> tuple[Action, ...]:
    """One action of every kind, by whether knowing or doing is clearly behind in the domain."""
    facets = dict(reading.facets(candidate.domain))
    experience, course = text.experience, text.course
    if len(facets) == len(Facet) and not overlap(facets[Facet.KNOW], facets[Facet.APPLY]):
        if facets[Facet.KNOW].estimate < facets[Facet.APPLY].estimate:
            course = text.know
        else:
            experience = text.apply
    return Action("experience", experience), Action("people", text.people), Action("course", course)
