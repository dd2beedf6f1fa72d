"""The layers of one result, from a model's figures to flags, as the result document holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.scoring.core.appraisal_360 import Appraisal
from services.scoring.core.canonical import canonical, hashed
from services.scoring.core.described import unit_means
from services.scoring.core.evidence import Piece
from services.scoring.core.figures import Figure
from services.scoring.core.layers import adjusting, domains, flags, gate
from services.scoring.core.layers.domains import DomainResult, SourceResult, from_means
from services.scoring.core.layers.gate import Gate, gates
from services.scoring.core.observations import Observations
from services.scoring.core.scales import rounded
from shared.cohort.definition import CohortDefinition
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class _Layered:
    results: Mapping[str, DomainResult]
    gates: Mapping[str, Gate]
    flags: Sequence[flags.Flag]


def layered(
    definition: CohortDefinition,
    model: str,
    figures: Sequence[Figure],
    observations: Observations,
    appraisal: Appraisal,
    pieces: Sequence[Piece],
) -> dict[str, Any]:
    """`layers` (version and hash of inputs of each), `domains` and `flags` of a result document."""
    found = _found(definition, figures, observations, appraisal, pieces)
    shown = [_domain(result, found.gates[domain]) for domain, result in found.results.items()]
    told = [_rounded(asdict(flag)) for flag in found.flags]
    evidence = [(piece.key, piece.evidence) for piece in pieces]
    ratings = [(each.instrument, each.unit, each.item, each.value) for each in observations.ratings]
    inputs = {
        ("completeness", gate.VERSION): evidence,
        ("descriptive", model): ratings,
        ("adjusted", adjusting.VERSION): ratings,
        ("domain", domains.VERSION): [found.results[domain].sources for domain in found.results],
        ("flags", flags.VERSION): shown,
    }
    layers = [
        {"layer": layer, "version": version, "inputs": hashed(canonical(_plain(given)))}
        for (layer, version), given in inputs.items()
    ]
    return {"layers": layers, "domains": shown, "flags": told}


def _found(
    definition: CohortDefinition,
    figures: Sequence[Figure],
    observations: Observations,
    appraisal: Appraisal,
    pieces: Sequence[Piece],
) -> _Layered:
    scale, pack = definition.framework.scale, definition.framework
    reasons = dict.fromkeys(Instrument, adjusting.NO_ADJUSTING)
    results = {
        figure.key[0]: from_means(figure, scale, definition.bands, reasons)
        for figure in figures
        if figure.key[1:] == (None, None)
    }
    passed = gates(definition, observations, appraisal, pieces)
    own, others = unit_means(pack, appraisal.own), unit_means(pack, appraisal.ratings)
    grounds = [
        flags.Ground(
            result, passed[domain], _first(own.get((domain, None, None), {})), others.get((domain, None, None), {})
        )
        for domain, result in results.items()
    ]
    return _Layered(results, passed, flags.flags(grounds, observations, appraisal))


def _first(means: Mapping[Any, float]) -> float | None:
    """The self rating: there is one self."""
    return next(iter(means.values()), None)


def _domain(result: DomainResult, passed: Gate) -> dict[str, Any]:
    document: dict[str, Any] = _rounded(asdict(result))
    counts = {source.instrument: asdict(source) for source in passed.sources}
    document["sources"] = [
        counts[source.instrument] | _rounded(asdict(source)) | {"adjusted": source.reason is None}
        for source in result.sources
    ]
    return document | {
        "adjusted": result.adjusted,
        "outcome": "provisional" if passed.provisional else "scored",
        "lacking": list(passed.lacking),
        "not_observed_share": rounded(passed.not_observed_share),
    }


def _rounded(value: Any) -> Any:
    """Floats as results store them; tuples as lists."""
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    """Inputs of a layer as JSON holds them."""
    if isinstance(value, SourceResult):
        return _rounded(asdict(value))
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else _rounded(value)
