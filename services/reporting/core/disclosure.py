"""What may be shown without telling who answered what. Scoring decides it once; here it is checked again, and applied
to what scoring does not see: comments, revisions of a plan, organisations in a cohort report.

Published figures are equations: the mean of a group that is hidden follows from the mean of all and those of the other
groups, and the answer of a late rater from the figure before and after. `singled_out` is the one test for all of it: do
the published figures, taken together, say anything about fewer than the minimum of people? Self and line manager are
exempt (they are told so) and taken as known to the reader.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import TypeVar

import numpy as np

from services.reporting.core.scored import Figure, Group, Ref, Scored, Source
from shared.errors import PermanentError
from shared.ids import EvidenceId, RaterId
from shared.words import Instrument, ParkReason, Relationship

C = TypeVar("C", bound=Hashable)
"""A cell of a table."""
EXEMPT = frozenset({Relationship.SELF, Relationship.LINE_MANAGER})

Answer = tuple[RaterId, EvidenceId]
"""One rater's answers as they stood in one piece of evidence."""
Shown = Sequence[Sequence[Answer]]
"""The sets of answers that a plan shows an average of: each rater group, and all together. Exempt raters left out."""
Pattern = tuple[tuple[int, ...], ...]
"""In which published sets a person's answers are: one column for each version of the answers."""


class DisclosureBreach(PermanentError):
    """A result shows figures of a rater group that is too small. It must not be used."""

    park_reason = ParkReason.INVARIANT

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}; no plan is drafted from it. Have the scoring model's disclosure corrected, then retry"
        )


@dataclass(frozen=True, slots=True)
class Screen:
    """What of one result may be shown, given the cohort's minimum. Make it with `screened`."""

    minimum: int
    managers: int
    """Line managers who answered."""
    others: int
    """Raters other than self and line manager who are in the figures."""

    def may_show(self, figure: Figure) -> bool:
        """Whether a facet's or competency's figure pools enough raters: "not observed" makes its count smaller than
        the domain's. A line manager knows the own answers and takes them out, so they never help to reach the minimum;
        whether they are in this figure can't be told, so they count as if they were.
        """
        appraisal = appraisal_of(figure)
        return appraisal is None or self.others == 0 or appraisal.raters - self.managers >= self.minimum

    @property
    def may_quote(self) -> bool:
        """Whether comments of raters may be shown: enough raters, beside self and line manager, could have written."""
        return self.others >= self.minimum


def screened(scored: Scored, minimum: int) -> Screen:
    """Check every rater group of a result. Raises DisclosureBreach if one is, or can be worked out to be, too small."""
    for figure in scored.figures:
        for group in figure.groups:
            _check_group(group, figure.domain, scored.withheld, minimum)
    managers = len(_raters(scored, {Relationship.LINE_MANAGER}))
    shown = set(Relationship) - EXEMPT - set(scored.withheld)
    for figure in scored.figures:
        _check_rest(figure, managers, minimum)
    if singled_out(shown_answers(scored), minimum):
        raise DisclosureBreach(f"the groups that the result shows give away fewer than {minimum} raters together")
    return Screen(minimum, managers, len(_raters(scored, shown)))


def appraisal_of(figure: Figure) -> Source | None:
    """What the 360 appraisal says in a figure, self apart; None if it says nothing."""
    return next((source for source in figure.sources if source.instrument is Instrument.APPRAISAL_360), None)


def _check_group(group: Group, domain: str, withheld: Sequence[Relationship], minimum: int) -> None:
    exempt = [relationship for relationship in group.relationships if relationship in EXEMPT]
    if len(exempt) == len(group.relationships):
        return
    name = "+".join(group.relationships)
    if set(group.relationships) & set(withheld):
        raise DisclosureBreach(f"the result shows {name} in {domain}, a group that it withholds")
    if group.raters - len(exempt) < minimum:
        raise DisclosureBreach(f"the result shows {name} in {domain}, a group smaller than {minimum}")


def _check_rest(figure: Figure, managers: int, minimum: int) -> None:
    """What is in a domain's 360 figure but in no shown group follows by subtraction. (Of its parts groups are never
    shown: `may_show` decides on those.)
    """
    appraisal = appraisal_of(figure)
    if appraisal is None or figure.facet is not None or figure.competency is not None:
        return
    manager_apart = any(Relationship.LINE_MANAGER in group.relationships for group in figure.groups)
    rest = appraisal.raters - sum(group.raters for group in figure.groups) - (0 if manager_apart else managers)
    if 0 < rest < minimum:
        raise DisclosureBreach(f"the 360 figure in {figure.domain} gives away a group smaller than {minimum}")


def _raters(scored: Scored, relationships: set[Relationship]) -> set[RaterId]:
    return {ref.by for ref in scored.evidence if ref.relationship in relationships}


def shown_groups(scored: Scored) -> list[tuple[Relationship, ...]]:
    """The rater groups that the result shows in any domain, each once, in the order in which they come."""
    return list(dict.fromkeys(tuple(group.relationships) for figure in scored.figures for group in figure.groups))


def shown_answers(scored: Scored) -> list[list[Answer]]:
    """The sets of answers that a plan from this result shows an average of."""
    everyone = tuple(r for r in Relationship if r not in EXEMPT and r not in scored.withheld)
    groups = [tuple(r for r in group if r not in EXEMPT) for group in shown_groups(scored)]
    sets = (_answers(scored.evidence, group) for group in dict.fromkeys([*groups, everyone]))
    return [answers for answers in sets if answers]


def _answers(evidence: Sequence[Ref], relationships: tuple[Relationship, ...]) -> list[Answer]:
    found = {(ref.by, ref.evidence) for ref in evidence if ref.relationship in relationships}
    return sorted(found)


def singled_out(published: Iterable[Iterable[Hashable]], minimum: int) -> int:
    """How many people the published averages single out; 0 if nobody.

    `published` holds, for each average whose count is known, who is in it. A pair (person, version) stands for one
    version of a person's answers. An average of two hides one: with minimum 3 the pair itself counts as singled out.
    The method: a combination of the published sets that is zero outside a set of people is a statement about these
    people only; such a combination exists if and only if leaving these people out lowers the rank of the sets.

    >>> singled_out([{"a", "b", "c", "d"}, {"a", "b", "c", "d", "e"}], minimum=3)
    1
    >>> singled_out([{"a", "b", "c"}, {"d", "e", "f"}], minimum=3)
    0
    """
    sets = [frozenset(members) for members in published]
    people = _people(chain.from_iterable(sets))
    cells: dict[Pattern, int] = {}
    for answers in people.values():
        pattern = tuple(sorted(tuple(int(answer in members) for members in sets) for answer in answers))
        cells[pattern] = cells.get(pattern, 0) + 1
    small = [(pattern, n) for pattern, n in cells.items() if n < minimum]
    columns = [column for pattern in cells for column in pattern]
    told = _rank(columns)
    for size, chosen in _too_few(small, minimum):
        outside = [column for pattern in cells if pattern not in chosen for column in pattern]
        if _rank(outside) < told:
            return size
    return 0


def _people(answers: Iterable[Hashable]) -> dict[Hashable, set[Hashable]]:
    """Whose answers these are: a pair belongs to its first half, anything else to itself."""
    people: dict[Hashable, set[Hashable]] = {}
    for answer in answers:
        person = answer[0] if isinstance(answer, tuple) else answer
        people.setdefault(person, set()).add(answer)
    return people


def _too_few(cells: Sequence[tuple[Pattern, int]], minimum: int) -> list[tuple[int, set[Pattern]]]:
    """Every choice of cells with fewer than `minimum` people in all, the smallest first. People of one cell can't be
    told apart, so a cell is chosen whole.
    """
    choices = chain.from_iterable(combinations(cells, size) for size in range(1, minimum))
    sized = ((sum(n for _, n in chosen), {pattern for pattern, _ in chosen}) for chosen in choices)
    return sorted((choice for choice in sized if choice[0] < minimum), key=lambda choice: choice[0])


def _rank(columns: Sequence[tuple[int, ...]]) -> int:
    return int(np.linalg.matrix_rank(np.array(columns, dtype=float))) if columns else 0


def exposes(earlier: Iterable[Shown], new: Shown, minimum: int) -> str | None:
    """Why a revised plan would give away raters to somebody who holds the earlier ones; None if it does not.

    `earlier` are the plans that went out. Answers that are new, gone or changed between two plans follow from the
    difference of their figures; if they are the answers of fewer than `minimum` people, these are exposed.
    """
    published = [[tuple(answer) for answer in answers] for plan in [*earlier, new] for answers in plan]
    found = singled_out(published, minimum)
    if not found:
        return None
    people = "the answers of one rater" if found == 1 else f"the answers of fewer than {minimum} raters"
    return (
        f"together with the plan that was sent it would show {people}: they could be worked out from the difference. "
        f"It can be released when the answers of at least {minimum} raters have changed"
    )


def withheld_organisations(counts: Mapping[str, Mapping[C, int]], minimum: int) -> dict[str, bool]:
    """Which organisations' figures are withheld: True where its own number is too small, False where it is withheld
    so that a smaller one can't be worked out from the cohort's figure. Shown ones are absent.

    `counts`: organisation → table cell (domain and facet) → participants behind it. In every cell the withheld
    participants together must be nobody or at least `minimum`; else the next smallest organisation is withheld too.

    >>> withheld_organisations({"A": {"x": 2}, "B": {"x": 4}, "C": {"x": 9}}, minimum=3)
    {'A': True, 'B': False}
    """
    least = {code: min(cells.values(), default=0) for code, cells in counts.items()}
    withheld = {code: True for code in counts if least[code] < minimum}
    rest = sorted((code for code in counts if code not in withheld), key=lambda code: (least[code], code))
    while rest and any(0 < n < minimum for n in _withheld_by_cell(counts, withheld)):
        withheld[rest.pop(0)] = False
    return withheld


def _withheld_by_cell(counts: Mapping[str, Mapping[C, int]], withheld: Iterable[str]) -> list[int]:
    chosen = list(withheld)
    cells = dict.fromkeys(cell for by_cell in counts.values() for cell in by_cell)
    return [sum(counts[code].get(cell, 0) for code in chosen) for cell in cells]
