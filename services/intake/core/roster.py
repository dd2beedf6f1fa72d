"""Who takes part, as far as intake must know: ids, and what each rater is to whom. No names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.ids import ParticipantId, RaterId
from shared.words import Relationship


@dataclass(frozen=True, slots=True)
class RaterEntry:
    """Whom a rater rates, and as what."""

    participant: ParticipantId
    relationship: Relationship


@dataclass(frozen=True, slots=True)
class Roster:
    """The people of a cohort, or those of them that a submission mentions. Markers are in no list."""

    participants: frozenset[ParticipantId] = frozenset()
    raters: Mapping[RaterId, RaterEntry] = field(default_factory=dict)
    assessors: frozenset[RaterId] = frozenset()
    by_address: Mapping[str, tuple[RaterId, ...]] = field(default_factory=dict, repr=False)
    """Raters and assessors by the e-mail address that a response came from, as `identity.address` writes it."""
    by_token: Mapping[str, RaterId] = field(default_factory=dict, repr=False)
    """Raters and assessors by the hash of their link's token."""
