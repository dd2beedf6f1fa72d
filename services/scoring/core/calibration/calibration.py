"""What a calibration is: parameters and diagnostics as one canonical document, named by its hash."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from services.scoring.core.calibration.gathering import Place
from services.scoring.core.canonical import hashed
from services.scoring.core.layers.adjusting import FairScale
from shared.words import Instrument


@dataclass(frozen=True)
class CalibratedPart:
    """One source and domain. `reason`: why nobody in it is adjusted, None where some are. Logits throughout; without
    parameters (too few participants) there is only the reason.
    """

    document: Mapping[str, Any]

    @property
    def reason(self) -> str | None:
        """Why nobody is adjusted here."""
        found: str | None = self.document["reason"]
        return found

    @property
    def fitted(self) -> bool:
        """Whether there are parameters."""
        return "variance" in self.document

    @cached_property
    def scale(self) -> FairScale:
        """From logits to the cohort's scale."""
        return FairScale(np.array(list(self.document["items"].values())), tuple(self.document["values"]))

    @property
    def variance(self) -> Mapping[str, float]:
        """Of participant, severity, halo and scene."""
        found: Mapping[str, float] = self.document["variance"]
        return found


@dataclass(frozen=True)
class DomainVariance:
    """Of one domain: `shared` by the sources, and `method`: what only one of them sees."""

    shared: float
    method: float
    estimated: bool


@dataclass(frozen=True)
class Calibration:
    """A calibration of one cohort under one model; `document` is canonical JSON."""

    document: str

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the document."""
        return hashed(self.document)

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """The document, read."""
        found: Mapping[str, Any] = json.loads(self.document)
        return found

    @cached_property
    def parts(self) -> Mapping[Place, CalibratedPart]:
        """By source and domain."""
        return {(Instrument(each["source"]), each["domain"]): CalibratedPart(each) for each in self.content["parts"]}

    @cached_property
    def domains(self) -> Mapping[str, DomainVariance]:
        """By domain; those of which some source was fitted."""
        return {each.pop("domain"): DomainVariance(**each) for each in map(dict, self.content["domains"])}

    @property
    def model(self) -> str:
        """Id of the model."""
        return str(self.content["model"])

    @property
    def evidence(self) -> Mapping[str, str]:
        """Participant → the evidence state that went in."""
        found: Mapping[str, str] = self.content["evidence"]
        return found
