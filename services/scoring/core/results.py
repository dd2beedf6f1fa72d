"""From evidence to a result: one canonical document whose bytes depend on the evidence and the rules, on nothing else.

No time, no database id, no machine: scoring the same evidence in any order anywhere gives the same document and hash.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.canonical import canonical, hashed
from services.scoring.core.completeness import done_without, missing
from services.scoring.core.counted import appraisal_of, observations
from services.scoring.core.described import described
from services.scoring.core.evidence import Piece, current
from services.scoring.core.layers.layering import Given, layered
from services.scoring.core.model import Model
from services.scoring.core.requirements import NOTHING, Lack, Waived
from shared.cohort.definition import CohortDefinition
from shared.ids import ParticipantId
from shared.words import Relationship


@dataclass(frozen=True)
class Rules:
    """What a cohort's results depend on beside the evidence: its definition and a scoring model."""

    definition: CohortDefinition
    model: Model
    calibration: Calibration | None = None
    """The one that a model which adjusts goes by; None before the first."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the parts of the definition that a result depends on. A new title changes no result."""
        parts = {"framework", "evidence", "weights", "disclosure", "exercises", "criteria", "bands", "thresholds"}
        return hashed(canonical(self.definition.model_dump(mode="json", include=parts)))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a result rests on. A participant is scored once for each: evidence state (hash), model, rules (hash),
    calibration (hash; None without one).
    """

    evidence: str
    model: str
    rules: str
    calibration: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A participant's result. `document` is canonical JSON, `hash` its SHA-256 (hex)."""

    grounds: Grounds
    document: str
    late: int
    """Pieces submitted after the cohort closed."""
    waived: tuple[Lack, ...] = ()
    """What it does without: then it rests on reduced evidence."""

    @property
    def hash(self) -> str:
        """Equal results have equal hashes on every machine."""
        return hashed(self.document)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What asking a case found out: reasons why it can't be scored; or what a result is due on, None if it has one."""

    missing: tuple[str, ...]
    due: Grounds | None


def assess(rules: Rules, pieces: Iterable[Piece], scored: Grounds | None, waived: Waived = NOTHING) -> Assessment:
    """Ask a case: is the evidence complete, and if so, is a result due? `scored`: what its latest result rests on.

    `pieces` is all the evidence of one participant, superseded pieces included, in any order; `waived` what need not be
    there.
    """
    now = current(pieces)
    lacking = missing(rules.definition, now, waived)
    if lacking:
        return Assessment(lacking, None)
    calibration = rules.calibration.hash if rules.calibration else None
    state = state_of(now, done_without(rules.definition, now, waived))
    grounds = Grounds(state, rules.model.id, rules.digest, calibration)
    return Assessment((), None if grounds == scored else grounds)


def result_on(
    grounds: Grounds, rules: Rules, participant: ParticipantId, pieces: Iterable[Piece], waived: Waived = NOTHING
) -> Result:
    """The result that is due on `grounds`, which `assess` gave for the same rules, pieces and waivers."""
    now = current(pieces)
    definition = rules.definition
    appraisal = appraisal_of(definition, now)
    observed = observations(definition, appraisal, now, waived)
    figures = rules.model.figures(observed)
    adjusts = rules.model.adjusts
    places = adjusts.adjusted(rules.calibration, participant, grounds.evidence, observed) if adjusts else {}
    without = done_without(definition, now, waived)
    document: dict[str, Any] = {
        "cohort": definition.cohort,
        "participant": participant,
        "model": grounds.model,
        "framework": definition.framework.label,
        "rules": grounds.rules,
        "evidence": _references(now),
        "withheld": list(appraisal.withheld),
        "figures": described(definition.framework, figures, appraisal),
        **layered(Given(definition, rules.model, rules.calibration, observed, appraisal, now), figures, places),
        "thresholds": definition.thresholds.version,
        "calibration": grounds.calibration,
        "receipt": _receipt(rules, grounds),
    }
    if without:
        document["waived"] = waivers_told(without)
    return Result(grounds, canonical(document), sum(piece.late for piece in now), without)


def _receipt(rules: Rules, grounds: Grounds) -> dict[str, str | None]:
    """All that the result is a function of, by hash or name: with the same it is computed again to the byte."""
    pack = canonical(rules.definition.framework.model_dump(mode="json"))
    return {"framework": hashed(pack)} | asdict(grounds)


def state_of(pieces: Iterable[Piece], without: Iterable[Lack] = ()) -> str:
    """The evidence state: SHA-256 (hex) of which pieces count now, and of what a waiver does without."""
    references, told = _references(current(pieces)), waivers_told(without)
    return hashed(canonical({"evidence": references, "waived": told} if told else references))


def waivers_told(without: Iterable[Lack]) -> list[dict[str, str]]:
    """What a result does without, as documents and events tell it: no count, which could tell who answered."""
    return [
        {"instrument": lack.requirement.instrument, "element": lack.requirement.element, "name": lack.name}
        for lack in without
    ]


def withheld(definition: CohortDefinition, pieces: Iterable[Piece]) -> tuple[Relationship, ...]:
    """Rater groups of which somebody answered and which are in no figure, since too few did."""
    return appraisal_of(definition, current(pieces)).withheld


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
