"""Writes a personal development plan from a participant's result, by stated rules and an action library. Pure.

The same result, person, comments, library and date give the same document. Neighbours: `sections` (what the evidence
shows), `goals`, `standing` (strengths and priorities), `comments`, `made`; `disclosure` checks first what may be shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

from services.reporting.core.comments import MASK, Names, any_of_raters, comment_themes
from services.reporting.core.disclosure import screened
from services.reporting.core.documents import CommentTheme, PlanDocument, Review
from services.reporting.core.english import counted, listed, one_line, sentences
from services.reporting.core.goals import chosen, texts_for, weakest_domain, worded
from services.reporting.core.keys import plan_reference
from services.reporting.core.library import PlanLibrary
from services.reporting.core.made import how_made
from services.reporting.core.reading import Reading, overlap, scale_words
from services.reporting.core.scored import Scored, Written
from services.reporting.core.sections import domain_sections
from services.reporting.core.standing import priorities, strengths
from shared.cohort.definition import CohortDefinition
from shared.errors import PermanentError
from shared.ids import CohortId
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a plan is for, as it addresses them; any script."""

    name: str
    given_name: str
    organisation: str


class OnRoster(Protocol):
    """What a plan needs of a participant on the roster."""

    @property
    def name(self) -> str: ...
    @property
    def given_name(self) -> str: ...
    @property
    def organisation(self) -> str: ...


def person_of(definition: CohortDefinition, participant: OnRoster) -> Person:
    """A participant as a plan addresses them, with the organisation's name instead of its code."""
    names = {organisation.code: organisation.name for organisation in definition.organisations}
    organisation = names.get(participant.organisation, participant.organisation)
    return Person(participant.name, participant.given_name, organisation)


class NothingToWriteAbout(PermanentError):
    """A result holds no figure of any domain of the cohort's framework."""

    def __init__(self, result: str) -> None:
        super().__init__(f"result {result[:12]} has no figure for a domain of the cohort's framework: check its pack")


def plan_for(
    person: Person,
    definition: CohortDefinition,
    scored: Scored,
    comments: Sequence[Written],
    names: Names,
    *,
    revision: int,
    drafted: date,
    library: PlanLibrary,
) -> PlanDocument:
    """The plan in words. `comments` are everything written about the participant; what may be shown is chosen here.

    Raises:
        DisclosureBreach: the result itself shows a rater group that is too small.
        NothingToWriteAbout: no domain has a figure.
    """
    reading = Reading(definition, scored, screened(scored, definition.disclosure.group_minimum), library)
    if not reading.domains():
        raise NothingToWriteAbout(scored.hash)
    candidates = chosen(reading)
    best, best_note = strengths(reading, candidates)
    first, first_note = priorities(reading, candidates)
    seed = f"{scored.participant}:{revision}:{scored.hash}"
    themes = comment_themes(comments, scored, reading.screen, library.comment_titles, names, seed)
    scale, form = definition.framework.scale, scale_words(definition.choices)
    return PlanDocument(
        reference=plan_reference(CohortId(definition.cohort), scored.participant, revision),
        revision=revision,
        cohort_title=one_line(definition.title),
        name=one_line(person.name),
        given_name=one_line(person.given_name),
        organisation=one_line(person.organisation),
        drafted=drafted,
        scale_minimum=scale.minimum,
        scale_maximum=scale.maximum,
        scale_low_word=form.get(scale.minimum, ""),
        scale_high_word=form.get(scale.maximum, ""),
        opening=_opening(reading),
        domains=domain_sections(reading),
        strengths=best,
        strengths_note=best_note,
        priorities=first,
        priorities_note=first_note,
        goals=worded(reading, candidates, drafted),
        goals_note=reading.words.goals_note.format(most=library.rules.per_domain_most),
        questions=tuple(dict.fromkeys(text.question for text in texts_for(reading, candidates))),
        reviews=tuple(Review(drafted + timedelta(weeks=step.weeks), step.what) for step in library.reviews),
        comments=themes,
        comments_note=_comments_note(reading, themes, comments),
        made=how_made(reading),
    )


def issued(document: PlanDocument, person: Person, on: date) -> PlanDocument:
    """The plan as it goes out: a draft may have waited, so its dates count from the day it is issued, and it addresses
    the person as the roster does on that day.
    """
    waited = on - document.drafted
    return replace(
        document,
        name=one_line(person.name),
        given_name=one_line(person.given_name),
        organisation=one_line(person.organisation),
        drafted=on,
        goals=tuple(replace(goal, review=goal.review + waited) for goal in document.goals),
        reviews=tuple(replace(review, on=review.on + waited) for review in document.reviews),
    )


def _opening(reading: Reading) -> str:
    words = reading.words
    opening = words.opening.format(who=_who(reading), cohort=one_line(reading.definition.title))
    reduced = words.opening_reduced.format(what=reading.waived) if reading.waived else ""
    return sentences([opening, reduced, *_contrasts(reading), words.opening_yours])


def _who(reading: Reading) -> str:
    """How many people of which kind; raters without self, and without those who are in no figure."""
    refs = reading.scored.evidence
    assessors = len({ref.by for ref in refs if ref.instrument is Instrument.DEVELOPMENT_DAY})
    markers = len({ref.by for ref in refs if ref.instrument is Instrument.WRITTEN_ASSESSMENT})
    kinds = [(reading.screen.others + reading.screen.managers, "rater"), (assessors, "assessor"), (markers, "marker")]
    return listed(counted(n, one) for n, one in kinds if n)


def _contrasts(reading: Reading) -> list[str]:
    """What stands out among the domains; a domain stands out only if its range overlaps with no other."""
    found, words = reading.domains(), reading.words
    if len(found) < 2:
        return []
    top_domain, top = max(found, key=lambda pair: pair[1].estimate)
    low_domain, low = weakest_domain(reading)
    clear_top = not any(overlap(top, figure) for domain, figure in found if domain != top_domain)
    clear_low = not any(overlap(low, figure) for domain, figure in found if domain != low_domain)
    if clear_top or clear_low:
        return [
            words.opening_high.format(domain=top_domain.name) if clear_top else "",
            words.opening_low.format(domain=low_domain.name) if clear_low else "",
        ]
    return [words.opening_similar.format(count=len(found))]


def _comments_note(reading: Reading, themes: Sequence[CommentTheme], comments: Sequence[Written]) -> str:
    quotes = [quote for theme in themes for quote in theme.quotes]
    if quotes:
        is_masked = any(MASK in quote for quote in quotes)
        return sentences([reading.words.comments_note, reading.words.comments_masked if is_masked else ""])
    if not reading.screen.may_quote and any_of_raters(comments, reading.scored):
        return reading.words.comments_too_few
    return reading.words.comments_none
