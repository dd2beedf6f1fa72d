"""The fairness report of a cohort: for each characteristic what can be assessed, and in words what can't, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.scoring.core.fairness.differing import Difference, difference
from services.scoring.core.fairness.impact import Impact, Share, impact, share
from services.scoring.core.fairness.items import ItemFunctioning, functioning
from services.scoring.core.fairness.pairings import Pairing, View, means_by_group, pairings
from services.scoring.core.fairness.suppression import hidden
from shared.ids import ParticipantId, RaterId

NOT_STATED = "not stated"
Outcome = Mapping[ParticipantId, bool]
"""Who was selected; who was not decided about is absent."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One scored participant, without who it is in any group: domain results, what raters gave, means of items.

    `items`: scale (a domain of the 360 appraisal, or another instrument) → item → mean over its raters, self left out.
    """

    participant: ParticipantId
    domains: Mapping[str, float]
    views: Sequence[View]
    items: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class GroupSelected:
    """A group's row. Counts and figures are None where small counts hide the row."""

    group: str
    share: Share | None
    undecided: int | None
    impact: Impact | None


@dataclass(frozen=True, slots=True)
class Selection:
    """One outcome, such as admission to a pool level. `withheld` says why nothing of it is shown."""

    outcome: str
    groups: tuple[GroupSelected, ...]
    withheld: str | None


@dataclass(frozen=True, slots=True)
class DomainDifference:
    """A group's mean domain result less the reference group's."""

    domain: str
    group: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class ScaleFunctioning:
    """Items of one scale that work differently about a group; `withheld` says why it was not assessed."""

    scale: str
    group: str
    items: tuple[ItemFunctioning, ...]
    withheld: str | None


@dataclass(frozen=True, slots=True)
class Characteristic:
    """The report on one characteristic. `n`: scored participants (None: too few to be told). `groups`: those of each
    group that may be shown; `hidden`: how many groups may not. `reference` is the largest group unless one was chosen.
    `cannot`: what can't be assessed, in words. `comparisons`: intervals and tests that are shown.
    """

    characteristic: str
    n: int | None
    reference: str | None
    groups: Mapping[str, int]
    hidden: int
    selections: tuple[Selection, ...]
    domains: tuple[DomainDifference, ...]
    pairings: tuple[Pairing, ...]
    own_pairings: tuple[Pairing, ...]
    items: tuple[ScaleFunctioning, ...]
    cannot: tuple[str, ...]
    comparisons: int


@dataclass(frozen=True, slots=True)
class Labels:
    """Groups of one characteristic, by participant, and (where known) by rater. `reference`: chosen by a person."""

    characteristic: str
    participants: Mapping[ParticipantId, str]
    raters: Mapping[RaterId, str]
    reference: str | None = None


def characteristic(
    people: Sequence[Seen], labels: Labels, outcomes: Mapping[str, Outcome], minimum: int
) -> Characteristic:
    """What can be said of one characteristic. Who has no label is in the group `not stated`, which is counted and
    compared with nobody.
    """
    group_of = {each.participant: labels.participants.get(each.participant, NOT_STATED) for each in people}
    sizes = Counter(group_of.values())
    covered = hidden({group: (n,) for group, n in sizes.items()}, minimum)
    groups = {group: sizes[group] for group in sorted(sizes) if group not in covered}
    reference = _reference(labels, groups)
    compared = [group for group in groups if group not in {reference, NOT_STATED}]
    n = len(people) if len(people) >= minimum else None
    if reference is None or not compared:
        reason = _nothing(n, sizes, labels, minimum)
        return Characteristic(
            labels.characteristic, n, reference, groups, len(covered), (), (), (), (), (), (reason,), 0
        )
    report = _Report(people, group_of, reference, compared, covered, minimum)
    views = {each.participant: each.views for each in people}
    selections = tuple(report.selection(outcome, chosen) for outcome, chosen in outcomes.items())
    domains = tuple(report.domains())
    pairs = tuple(pairings(means_by_group(views), group_of, reference, compared, minimum))
    own = means_by_group(views, labels.raters) if labels.raters else {}
    own_pairs = tuple(pairings(own, group_of, reference, compared, minimum))
    items = tuple(report.items())
    return Characteristic(
        labels.characteristic, n, reference, groups, len(covered), selections, domains, pairs, own_pairs, items,
        tuple(_cannot(selections, domains, (*pairs, *own_pairs), items, len(covered), minimum)),
        _comparisons(selections, domains, (*pairs, *own_pairs), items),
    )  # fmt: skip


def _reference(labels: Labels, groups: Mapping[str, int]) -> str | None:
    """The chosen group, else the largest, of those that may be shown."""
    stated = sorted((group for group in groups if group != NOT_STATED), key=lambda group: (-groups[group], group))
    if labels.reference is not None:
        return labels.reference if labels.reference in stated else None
    return stated[0] if stated else None


def _nothing(n: int | None, sizes: Mapping[str, int], labels: Labels, minimum: int) -> str:
    if labels.reference is not None and labels.reference not in sizes:
        return f"nothing is compared: nobody who is scored is in the reference group {labels.reference!r}"
    stated = len(sizes.keys() - {NOT_STATED})
    who = f"fewer than {minimum}" if n is None else str(n)
    if stated < 2:
        return f"nothing can be compared: {who} scored participants, and {stated or 'no'} group was stated"
    return (
        f"cannot be assessed: {who} scored participants in {stated} groups; groups below {minimum} are not shown, "
        "and two that may be shown are needed"
    )


@dataclass(frozen=True, slots=True)
class _Report:
    people: Sequence[Seen]
    group_of: Mapping[ParticipantId, str]
    reference: str
    compared: Sequence[str]
    covered: frozenset[str]
    """Groups that are hidden altogether."""
    minimum: int

    def selection(self, outcome: str, chosen: Outcome) -> Selection:
        counts = {group: [0, 0, 0] for group in sorted(set(self.group_of.values()))}
        for who, group in self.group_of.items():
            counts[group][(1 - chosen[who]) if who in chosen else 2] += 1
        covered = hidden({group: tuple(row) for group, row in counts.items()}, self.minimum, self.covered)
        if reason := _undecided(counts.values()):
            return Selection(outcome, (), reason)
        if len(covered) == len(counts):
            return Selection(outcome, (), f"counts from 1 to {self.minimum - 1} are not shown, and every group has one")
        of_reference = None if self.reference in covered else _share(counts[self.reference])
        shown = (group for group in counts if group not in self.covered)
        rows = (self._row(group, counts[group], of_reference, hide=group in covered) for group in shown)
        return Selection(outcome, tuple(rows), None)

    def _row(self, group: str, row: Sequence[int], reference: Share | None, *, hide: bool) -> GroupSelected:
        if hide:
            return GroupSelected(group, None, None, None)
        found = _share(row)
        compared = group in self.compared and reference is not None and found is not None
        return GroupSelected(
            group, found, row[2], impact(found, reference) if compared and found and reference else None
        )

    def domains(self) -> Iterator[DomainDifference]:
        sizes = Counter(self.group_of.values())
        for domain in dict.fromkeys(domain for each in self.people for domain in each.domains):
            of = {group: self._of(group, domain) for group in sizes}
            counts = {group: (len(of[group]), sizes[group] - len(of[group])) for group in sizes}
            covered = hidden(counts, self.minimum, self.covered)
            for group in self.compared:
                if not covered & {group, self.reference}:
                    yield DomainDifference(domain, group, difference(of[group], of[self.reference]))

    def _of(self, group: str, domain: str) -> list[float]:
        return [
            each.domains[domain]
            for each in self.people
            if self.group_of[each.participant] == group and domain in each.domains
        ]

    def items(self) -> Iterator[ScaleFunctioning]:
        for scale in sorted({scale for each in self.people for scale in each.items}):
            for group in self.compared:
                people = [each for each in self.people if self.group_of[each.participant] in {group, self.reference}]
                focal = np.array([self.group_of[each.participant] == group for each in people])
                found, reason = functioning(_table(people, scale), focal)
                yield ScaleFunctioning(scale, group, tuple(found), reason)


def _table(people: Sequence[Seen], scale: str) -> dict[str, NDArray[np.float64]]:
    names = sorted({item for each in people for item in each.items.get(scale, {})})
    return {
        name: np.array([each.items.get(scale, {}).get(name, np.nan) for each in people], dtype=float) for name in names
    }


def _share(row: Sequence[int]) -> Share | None:
    return share(row[0], row[0] + row[1]) if row[0] + row[1] else None


def _cannot(
    selections: Sequence[Selection],
    domains: Sequence[DomainDifference],
    pairs: Sequence[Pairing],
    items: Sequence[ScaleFunctioning],
    covered: int,
    minimum: int,
) -> Iterator[str]:
    if covered:
        yield f"{covered} group(s) are not shown: a count from 1 to {minimum - 1} is never shown, nor made to follow"
    for each in selections:
        if each.withheld:
            yield f"{each.outcome}: {each.withheld}"
        elif all(row.impact is None for row in each.groups):
            yield f"{each.outcome}: no two groups may be shown that were decided about"
    reasons = [(each.group, each.difference.withheld) for each in domains]
    reasons += [(each.group, each.gap.withheld) for each in pairs if each.gap]
    yield from dict.fromkeys(f"{group}: {reason}" for group, reason in reasons if reason)
    yield from _unassessed(items)


def _unassessed(items: Sequence[ScaleFunctioning]) -> Iterator[str]:
    """DIF, with the scales named where not all of a group's are left out for one reason."""
    for group in dict.fromkeys(each.group for each in items):
        own = [each for each in items if each.group == group]
        for reason in dict.fromkeys(each.withheld for each in own if each.withheld):
            scales = [each.scale for each in own if each.withheld == reason]
            where = "" if len(scales) == len(own) else f" ({', '.join(scales)})"
            yield f"{group}{where}: {reason}"


def _undecided(counts: Iterable[Sequence[int]]) -> str | None:
    """Why there is nothing to compare in an outcome."""
    selected, refused, _ = (sum(column) for column in zip(*counts, strict=True))
    if not selected + refused:
        return "nobody was decided about yet"
    if not selected or not refused:
        return "nobody was selected" if refused else "everybody was selected"
    return None


def _comparisons(
    selections: Sequence[Selection],
    domains: Sequence[DomainDifference],
    pairs: Sequence[Pairing],
    items: Sequence[ScaleFunctioning],
) -> int:
    """Intervals and tests that are shown. One in twenty would look conclusive by chance alone."""
    differences = [each.difference for each in domains]
    differences += [found for each in pairs for found in (each.gap, each.beyond) if found]
    return (
        sum(row.impact is not None for each in selections for row in each.groups)
        + sum(each.difference is not None for each in differences)
        + sum(len(each.items) for each in items)
    )
