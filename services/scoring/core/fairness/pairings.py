"""Who rates whom how: each rater group (or raters' own group) with each group of participants."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from services.scoring.core.fairness.differing import Difference, difference
from services.scoring.core.fairness.suppression import follows, hidden
from shared.ids import ParticipantId, RaterId


@dataclass(frozen=True, slots=True)
class View:
    """What one rater, assessor or marker gave one participant: the mean of the ratings, on the cohort's scale.

    `group` is the relationship, or assessors, or markers.
    """

    group: str
    by: RaterId
    mean: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """One rater group with one group of participants. `n` participants, their `mean`; None where the row is hidden.

    `gap`: their mean less that of the reference group as this rater group sees both (None for the reference group).
    `beyond`: how much further this rater group sees them from the reference group than the other raters of the same
    participants do. What is true of people shows in every rater group's gap; what is true of raters shows here.
    """

    rater_group: str
    group: str
    n: int | None
    mean: float | None
    gap: Difference | None
    beyond: Difference | None


Means = Mapping[ParticipantId, Mapping[str, float]]
"""Participant → rater group → mean over its raters."""


def means_by_group(views: Mapping[ParticipantId, Iterable[View]], own: Mapping[RaterId, str] | None = None) -> Means:
    """The mean of each rater group about each participant; with `own`, the raters' own groups take the place of
    relationships, and raters without one (and self) are left out.
    """
    found: dict[ParticipantId, dict[str, float]] = {}
    for participant, given in views.items():
        groups: dict[str, list[float]] = defaultdict(list)
        for view in given:
            label = view.group if own is None else own.get(view.by) if view.group != "self" else None
            if label is not None:
                groups[label].append(view.mean)
        found[participant] = {label: fsum(means) / len(means) for label, means in groups.items()}
    return found


def pairings(
    means: Means, group_of: Mapping[ParticipantId, str], reference: str, compared: Sequence[str], minimum: int
) -> list[Pairing]:
    """Every rater group with the reference group and each that is compared with it; rows with small counts hidden."""
    already = hidden({group: (n,) for group, n in Counter(group_of.values()).items()}, minimum)
    rater_groups = sorted({label for each in means.values() for label in each})
    sizes = Counter(group_of.values())
    found: list[Pairing] = []
    for rater_group in rater_groups:
        seen = {group: _seen(means, group_of, rater_group, group) for group in sizes}
        counts = {group: (len(seen[group]), n - len(seen[group])) for group, n in sizes.items()}
        covered = hidden(counts, minimum, already)
        table = _Table(means, rater_group, seen, covered, minimum)
        found += [table.pairing(group, None if group == reference else reference) for group in (reference, *compared)]
    return found


def _seen(means: Means, group_of: Mapping[ParticipantId, str], rater_group: str, group: str) -> list[ParticipantId]:
    return sorted(who for who, label in group_of.items() if label == group and rater_group in means.get(who, {}))


@dataclass(frozen=True, slots=True)
class _Table:
    """One rater group: whom of each group it saw, and which groups' rows are hidden."""

    means: Means
    rater_group: str
    seen: Mapping[str, Sequence[ParticipantId]]
    covered: frozenset[str]
    minimum: int

    def pairing(self, group: str, reference: str | None) -> Pairing:
        if group in self.covered or not self.seen[group]:
            return Pairing(self.rater_group, group, None if group in self.covered else 0, None, None, None)
        given = self._given(group)
        mean = fsum(given) / len(given)
        if reference is None or reference in self.covered:
            return Pairing(self.rater_group, group, len(given), mean, None, None)
        gap = difference(given, self._given(reference))
        return Pairing(self.rater_group, group, len(given), mean, gap, self._beyond(group, reference))

    def _given(self, group: str) -> list[float]:
        return [self.means[who][self.rater_group] for who in self.seen[group]]

    def _beyond(self, group: str, reference: str) -> Difference | None:
        """None where how many nobody else rated would be a small count that follows."""
        apart = [self._apart(each) for each in (group, reference)]
        sizes = zip(apart, (group, reference), strict=True)
        if any(follows(len(each), len(self.seen[whose]), self.minimum) for each, whose in sizes):
            return None
        return difference(*apart)

    def _apart(self, group: str) -> list[float]:
        """This rater group less the mean of the others (self apart), of those whom both rated."""
        found = []
        for who in self.seen[group]:
            others = [mean for label, mean in self.means[who].items() if label not in {self.rater_group, "self"}]
            if others:
                found.append(self.means[who][self.rater_group] - fsum(others) / len(others))
        return found
