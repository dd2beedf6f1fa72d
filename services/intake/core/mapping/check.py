"""Comparing a connection's mapping with what arrived: what blocks responses, and what a coordinator should know.

Responses are read by the code that reads them for evidence, so a reason here is the reason there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.identity import (
    EMAIL_FIELDS,
    PARTICIPANT_FIELDS,
    RATER_FIELDS,
    RELATIONSHIP_FIELDS,
    TOKEN_FIELDS,
)
from services.intake.core.instruments import cell_for
from services.intake.core.mapping.targets import targets_of
from services.intake.core.matching import Unmatched, match
from services.intake.core.roster import Roster
from services.intake.core.source import Source
from services.intake.core.text import folded, listed, shown
from services.intake.core.vendor import Response
from shared.cohort.definition import CohortDefinition, FormField

BY_THEIR_NAME = frozenset((*PARTICIPANT_FIELDS, *RATER_FIELDS, *RELATIONSHIP_FIELDS, *EMAIL_FIELDS, *TOKEN_FIELDS))
"""Fields that are read for who speaks about whom without being mapped."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a form. `blocks`: responses can't count until it is put right. `count`: how often."""

    form_id: str
    blocks: bool
    words: str
    count: int = 0


@dataclass(slots=True)
class Check:
    """Collects what a connection's responses show; `findings` says what that means for its mapping."""

    source: Source
    definition: CohortDefinition
    answered: Counter[str] = field(default_factory=Counter)
    """Responses by form."""
    seen: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Form → field → responses that have it."""
    reasons: Counter[tuple[str, Reason]] = field(default_factory=Counter)

    def take(self, response: Response, roster: Roster) -> None:
        """Look at one finished response."""
        self.answered[response.form_id] += 1
        self.seen[response.form_id].update({*response.answers, *response.hidden})
        matched = match(response, self.source, self.definition, roster)
        for reason in matched.reasons if isinstance(matched, Unmatched) else ():
            self.reasons[response.form_id, reason] += 1

    def take_unread(self, reason: Reason, form_id: str = "") -> None:
        """Note a delivery that could not be read at all."""
        self.reasons[form_id, reason] += 1

    def findings(self) -> list[Finding]:
        """What blocks first; then by form."""
        found = [*self._mapped(), *self._arrived(), *self._reasons()]
        return sorted(found, key=lambda each: (not each.blocks, each.form_id, each.words))

    def _forms(self) -> dict[str, list[FormField]]:
        forms: dict[str, list[FormField]] = defaultdict(list)
        for each in self.definition.form_fields:
            if each.connection == self.source.connection:
                forms[each.form_id].append(each)
        return forms

    def _mapped(self) -> Iterator[Finding]:
        """What the mapping itself lacks."""
        codes = [each.code for each in targets_of(self.definition, self.source.instrument)]
        forms = self._forms()
        if not forms:
            yield Finding("", bool(self.answered), "nothing is mapped: draft it with `talentline mapping draft`")
        for form_id, fields in forms.items():
            asked = Counter(each.maps_to for each in fields)
            about = {code.partition(":")[0] for code in asked}
            lacking = [
                code for code in codes if code not in asked and (":" not in code or code.partition(":")[0] in about)
            ]
            if lacking:
                yield Finding(form_id, False, f"no field asks {listed(lacking)}")
            for code in sorted(code for code, count in asked.items() if count > 1):
                yield Finding(form_id, True, f"several fields ask {code}: one answer would hide the other")
            for each in fields:
                known = ":" in each.maps_to and each.maps_to.partition(":")[0] in {"comment", "identity"}
                if not known and cell_for(self.definition, self.source.instrument, each.maps_to) is None:
                    yield Finding(form_id, True, f"field {each.field_ref} asks {each.maps_to}, which the cohort lacks")
        yield from self._labels()

    def _labels(self) -> Iterator[Finding]:
        """Labels that are the same to a reader, and worth different ratings."""
        alike: dict[str, set[float | None]] = defaultdict(set)
        for label, rating in self.definition.choices.items():
            alike[folded(label)].add(rating)
        for label in sorted(label for label, ratings in alike.items() if len(ratings) > 1):
            yield Finding("", True, f"the label “{label}” is in choices.csv twice, with different ratings")
        scale = self.definition.framework.scale
        for label, rating in self.definition.choices.items():
            if rating is not None and not scale.holds(rating):
                yield Finding("", True, f"the label “{label}” is worth {rating:g}, which is off the scale")

    def _arrived(self) -> Iterator[Finding]:
        """Fields that came and are not mapped, and the other way round."""
        for form_id, fields in self._forms().items():
            seen, total = self.seen[form_id], self.answered[form_id]
            refs = {each.field_ref for each in fields}
            for ref in sorted(set(seen) - refs - BY_THEIR_NAME - {each.rpartition(".")[2] for each in refs}):
                yield Finding(form_id, False, f"field {shown(ref)} arrives and no row names it: ignored", seen[ref])
            for each in fields:
                if total and not seen[each.field_ref]:
                    words = f"field {each.field_ref} ({each.maps_to}) never arrived in {total} response(s)"
                    yield Finding(form_id, False, words)

    def _reasons(self) -> Iterator[Finding]:
        """Why responses can't count, those alike together: of one label in many fields, or many wrong ids, the first
        stands for all.
        """
        grouped: dict[tuple[str, ReasonCode, str], list[tuple[str, int]]] = defaultdict(list)
        for (form_id, reason), count in sorted(self.reasons.items(), key=lambda each: each[0][1].words):
            about = reason.answer or (reason.words if reason.code in _EACH_ITS_OWN else "")
            grouped[form_id, reason.code, about].append((reason.words, count))
        for (form_id, _, _), several in grouped.items():
            more = f" (and {len(several) - 1} more such)" if len(several) > 1 else ""
            yield Finding(form_id, True, several[0][0] + more, sum(count for _, count in several))


_EACH_ITS_OWN = frozenset({ReasonCode.BAD_MAPPING, ReasonCode.UNKNOWN_FORM})


def check_of(connection: str, definition: CohortDefinition) -> Check:
    """A check of one connection, before anything is looked at."""
    there = definition.connections[connection]
    return Check(Source(connection, there.instrument, there.identity), definition)
