"""The layers of one result, from a model's figures to flags, as the result document holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.scoring.core.appraisal_360 import Appraisal
from services.scoring.core.calibration.calibration import Calibration
from services.scoring.core.calibration.gathering import Place
from services.scoring.core.canonical import canonical, hashed, stored
from services.scoring.core.described import unit_means
from services.scoring.core.evidence import Piece
from services.scoring.core.figures import Figure
from services.scoring.core.layers import adjusting, domains, flags, gate
from services.scoring.core.layers.adjusting import Adjusted
from services.scoring.core.layers.domains import DomainResult, SourceResult, from_means
from services.scoring.core.layers.gate import Gate, gates
from services.scoring.core.layers.joining import from_places
from services.scoring.core.model import Model
from services.scoring.core.observations import Observations
from services.scoring.core.scales import rounded
from shared.cohort.definition import CohortDefinition
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class _Layered:
    results: Mapping[str, DomainResult]
    gates: Mapping[str, Gate]
    flags: Sequence[flags.Flag]


@dataclass(frozen=True, slots=True)
class Given:
    """What layers are made of. `pieces`: those that count now."""

    definition: CohortDefinition
    model: Model
    calibration: Calibration | None
    observations: Observations
    appraisal: Appraisal
    pieces: Sequence[Piece]


def layered(given: Given, figures: Sequence[Figure], places: Mapping[Place, Adjusted | str]) -> dict[str, Any]:
    """`layers` (version and hash of inputs of each), `domains` and `flags` of a result document. `places`: where a
    calibrated model places the participant, by source and domain; empty for a model that adjusts nobody.
    """
    found = _found(given, figures, places)
    shown = [_domain(result, found.gates[domain]) for domain, result in found.results.items()]
    told = [stored(asdict(flag)) for flag in found.flags]
    evidence = [(piece.key, piece.evidence) for piece in given.pieces]
    ratings = [(each.instrument, each.unit, each.item, each.value) for each in given.observations.ratings]
    inputs = {
        ("completeness", gate.VERSION): evidence,
        ("descriptive", given.model.describes.id): ratings,
        ("adjusted", adjusting.VERSION): [given.calibration and given.calibration.hash, ratings],
        ("domain", domains.VERSION): [found.results[domain].sources for domain in found.results],
        ("flags", flags.VERSION): shown,
    }
    layers = [
        {"layer": layer, "version": version, "inputs": hashed(canonical(_plain(each)))}
        for (layer, version), each in inputs.items()
    ]
    return {"layers": layers, "domains": shown, "flags": told}


def _found(given: Given, figures: Sequence[Figure], places: Mapping[Place, Adjusted | str]) -> _Layered:
    pack = given.definition.framework
    results = {
        figure.key[0]: _result(given, figure, {s: places[s, d] for s, d in places if d == figure.key[0]})
        for figure in figures
        if figure.key[1:] == (None, None)
    }
    passed = gates(given.definition, given.observations, given.appraisal, given.pieces)
    own, others = unit_means(pack, given.appraisal.own), unit_means(pack, given.appraisal.ratings)
    grounds = [
        flags.Ground(
            result, passed[domain], _first(own.get((domain, None, None), {})), others.get((domain, None, None), {})
        )
        for domain, result in results.items()
    ]
    return _Layered(
        results, passed, flags.flags(given.definition.thresholds, grounds, given.observations, given.appraisal)
    )


def _result(given: Given, figure: Figure, places: Mapping[Instrument, Adjusted | str]) -> DomainResult:
    """Joined on the logit scale where every source was fitted and some source is adjusted; otherwise from means."""
    placed = {source: place for source, place in places.items() if isinstance(place, Adjusted)}
    fitted = all(source.instrument in placed for source in figure.sources)
    if given.calibration and fitted and any(place.reason is None for place in placed.values()):
        return from_places(given.definition, figure, placed, given.calibration.domains[figure.key[0]])
    return from_means(given.definition, figure, {s.instrument: _why(places, s.instrument) for s in figure.sources})


def _why(places: Mapping[Instrument, Adjusted | str], instrument: Instrument) -> str:
    """Why a source is shown as it is described. One that could be adjusted waits for the others of its domain."""
    place = places.get(instrument, adjusting.NO_ADJUSTING)
    if isinstance(place, Adjusted):
        return place.reason or "the domain's other sources can't be put on its scale"
    return place


def _first(means: Mapping[Any, float]) -> float | None:
    """The self rating: there is one self."""
    return next(iter(means.values()), None)


def _domain(result: DomainResult, passed: Gate) -> dict[str, Any]:
    document: dict[str, Any] = stored(asdict(result))
    counts = {source.instrument: asdict(source) for source in passed.sources}
    document["sources"] = [
        counts[source.instrument] | stored(asdict(source)) | {"adjusted": source.reason is None}
        for source in result.sources
    ]
    return document | {
        "adjusted": result.adjusted,
        "outcome": "provisional" if passed.provisional else "scored",
        "lacking": list(passed.lacking),
        "not_observed_share": rounded(passed.not_observed_share),
    }


def _plain(value: Any) -> Any:
    """Inputs of a layer as JSON holds them."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return stored(asdict(value) if isinstance(value, SourceResult) else value)
