"""From evidence to a result: one canonical document whose bytes depend on the evidence and the rules, on nothing else.

No time, no database id, no machine: scoring the same evidence in any order anywhere gives the same document and hash.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from services.scoring.core import appraisal_360, development_day, written_assessment
from services.scoring.core.appraisal_360 import Appraisal
from services.scoring.core.canonical import canonical, hashed
from services.scoring.core.completeness import missing
from services.scoring.core.described import described
from services.scoring.core.evidence import Piece, current
from services.scoring.core.layers.layering import layered
from services.scoring.core.model import Model
from services.scoring.core.observations import Observations
from shared.cohort.definition import CohortDefinition
from shared.ids import ParticipantId
from shared.words import Relationship


@dataclass(frozen=True)
class Rules:
    """What a cohort's results depend on beside the evidence: its definition and a scoring model."""

    definition: CohortDefinition
    model: Model

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the parts of the definition that a result depends on. A new title changes no result."""
        parts = {"framework", "evidence", "weights", "disclosure", "exercises", "criteria", "bands"}
        return hashed(canonical(self.definition.model_dump(mode="json", include=parts)))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a result rests on. A participant is scored once for each: evidence state (hash), model, rules (hash)."""

    evidence: str
    model: str
    rules: str


@dataclass(frozen=True, slots=True)
class Result:
    """A participant's result. `document` is canonical JSON, `hash` its SHA-256 (hex)."""

    grounds: Grounds
    document: str
    late: int
    """Pieces submitted after the cohort closed."""

    @property
    def hash(self) -> str:
        """Equal results have equal hashes on every machine."""
        return hashed(self.document)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What asking a case found out: reasons why it can't be scored; or what a result is due on, None if it has one."""

    missing: tuple[str, ...]
    due: Grounds | None


def assess(rules: Rules, pieces: Iterable[Piece], scored: Grounds | None) -> Assessment:
    """Ask a case: is the evidence complete, and if so, is a result due? `scored`: what its latest result rests on.

    `pieces` is all the evidence of one participant, superseded pieces included, in any order.
    """
    now = current(pieces)
    lacking = missing(rules.definition, now)
    if lacking:
        return Assessment(lacking, None)
    grounds = Grounds(state_of(now), rules.model.id, rules.digest)
    return Assessment((), None if grounds == scored else grounds)


def result_on(grounds: Grounds, rules: Rules, participant: ParticipantId, pieces: Iterable[Piece]) -> Result:
    """The result that is due on `grounds`, which `assess` gave for the same rules and pieces."""
    now = current(pieces)
    definition = rules.definition
    appraisal = _appraisal(definition, now)
    observations = _observations(definition, appraisal, now)
    figures = rules.model.figures(observations)
    document = {
        "cohort": definition.cohort,
        "participant": participant,
        "model": grounds.model,
        "framework": definition.framework.label,
        "rules": grounds.rules,
        "evidence": _references(now),
        "withheld": list(appraisal.withheld),
        "figures": described(definition.framework, figures, appraisal),
        **layered(definition, rules.model.describes.id, figures, observations, appraisal, now),
        "receipt": _receipt(rules, grounds),
    }
    return Result(grounds, canonical(document), sum(piece.late for piece in now))


def _receipt(rules: Rules, grounds: Grounds) -> dict[str, str]:
    """All that the result is a function of, by hash or name: with the same it is computed again to the byte."""
    pack = canonical(rules.definition.framework.model_dump(mode="json"))
    return {"evidence": grounds.evidence, "framework": hashed(pack), "rules": grounds.rules, "model": grounds.model}


def state_of(pieces: Iterable[Piece]) -> str:
    """The evidence state: SHA-256 (hex) of which pieces count now."""
    return hashed(canonical(_references(current(pieces))))


def withheld(definition: CohortDefinition, pieces: Iterable[Piece]) -> tuple[Relationship, ...]:
    """Rater groups of which somebody answered and which are in no figure, since too few did."""
    return _appraisal(definition, current(pieces)).withheld


def _references(pieces: Iterable[Piece]) -> list[dict[str, str | None]]:
    return [
        {
            "evidence": piece.evidence,
            "instrument": piece.instrument,
            "by": piece.by,
            "element": piece.element,
            "relationship": piece.relationship,
        }
        for piece in pieces
    ]


def _appraisal(definition: CohortDefinition, pieces: tuple[Piece, ...]) -> Appraisal:
    part_of_cohort = definition.evidence.appraisal_360 is not None
    return appraisal_360.appraisal(definition, pieces if part_of_cohort else ())


def _observations(definition: CohortDefinition, appraisal: Appraisal, pieces: tuple[Piece, ...]) -> Observations:
    """What may enter the figures. An instrument that is no part of the cohort, or weighs nothing, does not."""
    ratings = list(appraisal.ratings)
    if definition.evidence.development_day is not None:
        ratings += development_day.ratings(definition, pieces)
    if definition.evidence.written_assessment is not None:
        ratings += written_assessment.ratings(definition.evidence.written_assessment, definition, pieces)
    weights = {instrument: weight for instrument, weight in definition.weights.items() if weight > 0}
    counted = tuple(rating for rating in ratings if rating.instrument in weights)
    return Observations(definition.framework, weights, counted)
