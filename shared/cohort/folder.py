"""Reading a cohort folder: how a coordinator describes a cohort. All of it or nothing, every mistake told at once.

What each file holds: docs/cohort-folder.md. Files that feed a cohort (`deliveries/`, `development_day/`, `written/`,
`late/`, `rejected/`) are not looked at.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from shared.cohort import keys
from shared.cohort.definition import (
    USUAL,
    AppraisalRequirement,
    Bands,
    CohortDefinition,
    Connection,
    DayRequirement,
    Disclosure,
    Evidence,
    Pool,
    Release,
    Scoring,
    Thresholds,
    WrittenRequirement,
)
from shared.cohort.mistakes import Findings, FolderMistakes, Mistake
from shared.cohort.people_files import Assessor, read_people
from shared.cohort.programme import Programme, framework_pack, read_programme
from shared.cohort.rules import ScoringModel, Tool, check_model, read_rules
from shared.people import Participant, Rater
from shared.words import Instrument

__all__ = ["Assessor", "CohortFolder", "FolderMistakes", "Mistake", "read_folder"]


@dataclass(frozen=True, slots=True)
class CohortFolder:
    """A folder that holds no mistakes. People are by id; `warnings` are things to know that stop nothing."""

    definition: CohortDefinition
    participants: tuple[Participant, ...]
    raters: tuple[Rater, ...]
    assessors: tuple[Assessor, ...]
    warnings: tuple[Mistake, ...] = ()


def read_folder(
    path: Path, *, vendors: Collection[str] | Mapping[str, Tool], models: Mapping[str, ScoringModel] | None = None
) -> CohortFolder:
    """The cohort that a folder describes. `vendors` are the survey tools that this installation knows: their names, or
    with what each can say about a connection's settings. `models`: its scoring models; None: any may be named.

    Equal content gives an equal definition: the order of rows matters for framework, exercises and criteria only.

    Raises:
        FolderMistakes: with every mistake of every kind; correct them and read the folder again.
    """
    found = Findings()
    if not path.is_dir():
        found.mistake(path.name or ".", "is not a folder; give the folder that holds cohort.toml")
        raise FolderMistakes(found.mistakes)
    rules = read_rules(path, vendors, found, models)
    programme = read_programme(path, rules, found)
    people = read_people(path, rules, programme.context, found)
    check_model(rules, models or {}, len(people.participants), found)
    if found.mistakes or rules.toml is None:
        raise FolderMistakes(found.mistakes)
    warnings = tuple(sorted(found.warnings, key=lambda warning: warning.order))
    definition = _definition(rules.toml, programme)
    return CohortFolder(definition, people.participants, people.raters, people.assessors, warnings)


def _definition(toml: keys.CohortToml, programme: Programme) -> CohortDefinition:
    return CohortDefinition(
        cohort=toml.cohort,
        title=toml.title,
        opens=toml.opens,
        closes=toml.closes,
        time_zone=toml.time_zone,
        framework=framework_pack(programme.framework, toml.framework),
        connections={
            name: Connection.model_validate(section.model_dump()) for name, section in sorted(toml.connections.items())
        },
        evidence=_evidence(toml.evidence),
        weights=_shares(toml),
        disclosure=Disclosure(group_minimum=toml.disclosure.group_minimum),
        release=Release(policy=toml.release.policy),
        pool=Pool(policy=toml.pool.policy, levels=tuple(toml.pool.levels)),
        exercises=programme.exercises,
        criteria=programme.criteria,
        organisations=programme.organisations,
        form_fields=programme.form_fields,
        choices=programme.choices,
        scoring=toml.scoring and Scoring(model=toml.scoring.model),
        bands=toml.bands and _bands(toml.bands),
        thresholds=Thresholds(**toml.thresholds.model_dump()) if toml.thresholds else USUAL,
        targets=programme.targets,
    )


def _bands(section: keys.BandsSection) -> Bands:
    """Lowest first, whatever their order in the file."""
    return Bands(version=section.version, starts=dict(sorted(section.starts.items(), key=itemgetter(1))))


def _evidence(section: keys.EvidenceSection) -> Evidence:
    appraisal, day, written = section.appraisal_360, section.development_day, section.written_assessment
    return Evidence(
        appraisal_360=appraisal and AppraisalRequirement(responses=appraisal.responses),
        development_day=day and DayRequirement(exercises=tuple(day.exercises), assessors=day.assessors),
        written_assessment=written and WrittenRequirement(**written.model_dump()),
    )


def _shares(toml: keys.CohortToml) -> dict[Instrument, float]:
    """The weights of the evidence that is asked for, as shares of 1."""
    weights = toml.weights.model_dump()
    total = sum(share or 0.0 for share in weights.values())
    exact = abs(total - 1) <= 1e-9
    asked = toml.evidence.model_dump(exclude_none=True)
    return {
        instrument: weights[instrument] if exact else weights[instrument] / total
        for instrument in Instrument
        if instrument in asked
    }
