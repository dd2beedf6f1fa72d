"""Results and cohorts for tests of reporting, with values that a test can follow by hand."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from shared.clock import now
from shared.cohort.definition import (
    AppraisalRequirement,
    CohortDefinition,
    Disclosure,
    Evidence,
    Organisation,
    Pool,
    Release,
)
from shared.cohort.store import cohorts, definitions
from shared.db import Database
from shared.events import (
    CohortScored,
    EvidenceRef,
    Figure,
    Gap,
    GroupFigure,
    ParticipantScored,
    ScoredResult,
    SourceFigure,
)
from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.ids import CohortId, EvidenceId, OrganisationId, ParticipantId, RaterId, ResultId, RunId
from shared.people import Comment, participants, raters
from shared.words import Facet, Instrument, PoolPolicy, Relationship, ReleasePolicy

COHORT = CohortId("pilot")
P1, P2, P3 = (ParticipantId(f"P-{n}") for n in (1, 2, 3))
SELF, MANAGER, PEER, REPORT, PARTNER = Relationship
SHOWN = {MANAGER: 1, PEER: 4, REPORT: 3}
"""Raters of a participant whose groups can all be shown."""
COMPETENCIES = {"A1": "A", "A2": "A", "A3": "A", "B1": "B", "B2": "B", "B3": "B", "C1": "C", "C2": "C"}
NAMES = {"A1": "Seeing the whole", "B1": "Testing change"}
"""Competencies that the pilot's action library knows; the others have names of their own."""


def a_framework(competencies: Mapping[str, str] = COMPETENCIES, pack: str = "aspiring-talent") -> FrameworkPack:
    """A framework with a competency code → domain code each; names follow from the codes."""
    domains = dict.fromkeys(competencies.values())
    return FrameworkPack(
        pack=pack,
        version="1",
        licence="CC0-1.0",
        scale=Scale(minimum=1, maximum=5),
        domains=tuple(Domain(code=code, name=f"Domain {code}") for code in domains),
        competencies=tuple(
            Competency(code=code, name=NAMES.get(code, f"Competency {code}"), domain=domain)
            for code, domain in competencies.items()
        ),
        items=tuple(
            Item(code=f"{code}a", competency=code, statement=f"Does {code} well", facet=Facet.APPLY)
            for code in competencies
        ),
    )


def a_definition(
    *,
    policy: ReleasePolicy = ReleasePolicy.AT_RUN,
    pool: PoolPolicy = PoolPolicy.PROPOSE,
    minimum: int = 3,
    framework: FrameworkPack | None = None,
    **changes: Any,
) -> CohortDefinition:
    """A cohort with three organisations."""
    settled: dict[str, Any] = {
        "cohort": COHORT,
        "title": "Aspiring leaders",
        "opens": date(2026, 1, 5),
        "closes": date(2026, 3, 31),
        "time_zone": "Europe/London",
        "framework": framework or a_framework(),
        "connections": {},
        "evidence": Evidence(appraisal_360=AppraisalRequirement(responses={SELF: 1, MANAGER: 1, PEER: 3})),
        "weights": {Instrument.APPRAISAL_360: 0.5, Instrument.DEVELOPMENT_DAY: 0.5},
        "disclosure": Disclosure(group_minimum=minimum),
        "release": Release(policy=policy),
        "pool": Pool(policy=pool, levels=("local", "regional")),
        "exercises": (),
        "criteria": (),
        "organisations": tuple(Organisation(code=code, name=f"Trust {code}") for code in ("N", "S", "W")),
        "form_fields": (),
        "choices": {
            f"{n} - {word}": float(n) for n, word in enumerate(("Never", "Rarely", "Sometimes", "Often", "Always"), 1)
        }
        | {"Not observed": None},
    }
    return CohortDefinition(**settled | changes)


def a_rater(relationship: Relationship, number: int, participant: str = P1) -> RaterId:
    """A rater's id, as `refs_of` gives them."""
    return RaterId(f"R-{participant}-{relationship.value}-{number}")


def refs_of(
    groups: Mapping[Relationship, int], changed: Iterable[RaterId] = (), participant: str = P1
) -> tuple[EvidenceRef, ...]:
    """Evidence of so many raters of each relationship, a self, two assessors; `changed` raters answered anew."""
    anew = set(changed)
    found = [
        _ref(Instrument.APPRAISAL_360, a_rater(relationship, n, participant), anew, relationship=relationship)
        for relationship, count in {SELF: 1, **groups}.items()
        for n in range(1, count + 1)
    ]
    day = (_ref(Instrument.DEVELOPMENT_DAY, RaterId(f"A-{n}"), anew, element=f"EX{n}") for n in (1, 2))
    return (*found, *day)


def _ref(instrument: Instrument, by: RaterId, changed: set[RaterId], **fields: Any) -> EvidenceRef:
    return EvidenceRef(evidence=evidence_of(by, anew=by in changed), instrument=instrument, by=by, **fields)


def evidence_of(rater: RaterId, *, anew: bool = False) -> EvidenceId:
    """The id of a rater's evidence."""
    return EvidenceId(hashlib.sha256(f"{rater}{'again' if anew else ''}".encode()).hexdigest())


def a_figure(domain: str, estimate: float, half: float = 0.3, **changes: Any) -> Figure:
    """A figure that rests on the 360 appraisal and the development day, both with the same estimate and interval."""
    raters = changes.pop("appraisal_raters", 8)
    interval = {
        "estimate": estimate,
        "standard_error": half / 2,
        "low": max(1, estimate - half),
        "high": min(5, estimate + half),
    }
    sources = tuple(
        SourceFigure(instrument=instrument, weight=0.5, raters=n, items=6, anchored=n < 3, **interval)
        for instrument, n in ((Instrument.APPRAISAL_360, raters), (Instrument.DEVELOPMENT_DAY, 2))
    )
    fields = {"raters": raters + 2, "items": 12, "sources": sources, "anchored": True} | interval
    return Figure(domain=domain, **fields | changes)


def a_scored(
    estimates: Mapping[str, float] | None = None,
    *,
    competencies: Mapping[str, str] = COMPETENCIES,
    groups: Mapping[Relationship, int] = SHOWN,
    shown: Sequence[tuple[Relationship, ...]] = ((MANAGER,), (PEER,), (REPORT,)),
    half: float = 0.3,
    version: int = 1,
    changed: Iterable[RaterId] = (),
    **changes: Any,
) -> ParticipantScored:
    """A result with an estimate for each competency; a domain's is the mean of its own."""
    participant = changes.get("participant", P1)
    given = {code: 3.0 + 0.2 * n for n, code in enumerate(competencies)} | dict(estimates or {})
    raters = sum(n for relationship, n in groups.items() if relationship not in changes.get("withheld", ()))
    figures: list[Figure] = []
    for domain in dict.fromkeys(competencies.values()):
        own = [given[code] for code, its in competencies.items() if its == domain]
        mean = sum(own) / len(own)
        group_figures = tuple(
            GroupFigure(relationships=group, raters=sum(groups[r] for r in group), estimate=mean) for group in shown
        )
        figures.append(a_figure(domain, mean, half, appraisal_raters=raters, groups=group_figures, self_rating=mean))
        figures.append(a_figure(domain, mean, half, appraisal_raters=raters, facet=Facet.APPLY))
    figures += [
        a_figure(domain, given[code], half, appraisal_raters=raters, competency=code, self_rating=given[code])
        for code, domain in competencies.items()
    ]
    fields: dict[str, Any] = {
        "cohort": COHORT,
        "participant": P1,
        "result": ResultId(f"result-{participant}-{version}"),
        "version": version,
        "model": "rater-means/1",
        "framework": "aspiring-talent/1",
        "hash": hashlib.sha256(f"{participant}{version}".encode()).hexdigest(),
        "evidence": refs_of(groups, changed, participant),
        "figures": tuple(figures),
    }
    return ParticipantScored(**fields | changes)


def a_cohort_scored(scored: Iterable[ParticipantId] = (P1,), run: str = "run-1", **changes: Any) -> CohortScored:
    """A run in which these participants were found scored."""
    results = tuple(ScoredResult(participant=each, result=ResultId(f"result-{each}-1"), version=1) for each in scored)
    fields: dict[str, Any] = {"run": RunId(run), "cohort": COHORT, "scored": results, "waiting": (), "gaps": ()}
    return CohortScored(**fields | changes)


def a_gap(domain: str, n: int, estimate: float = 3.0, organisation: str | None = None, **changes: Any) -> Gap:
    """A gap of a group of participants."""
    fields: dict[str, Any] = {"facet": Facet.APPLY, "low": estimate - 0.4, "high": estimate + 0.4}
    code = None if organisation is None else OrganisationId(organisation)
    return Gap(domain=domain, n=n, estimate=estimate, organisation=code, **fields | changes)


def a_comment(rater: RaterId, text: str, kind: str = "strengths") -> Comment:
    """A comment that came with the rater's evidence."""
    return Comment(rater, kind, evidence_of(rater), text)


def put_cohort(db: Database, definition: CohortDefinition, people: Mapping[ParticipantId, str | None]) -> None:
    """Open a cohort the short way: its definition, and a roster of participant → pool level agreed."""
    key = {"cohort": definition.cohort, "digest": definition.digest}
    with db.write() as uow:
        uow.execute(sa.insert(cohorts).values(**key, opened_at=now()))
        uow.execute(sa.insert(definitions).values(**key, document=definition.model_dump_json(), since=now()))
        for participant, level in people.items():
            uow.execute(sa.insert(participants).values(a_person(participant, level)))


def a_person(participant: ParticipantId, level: str | None = "local") -> dict[str, str | None]:
    """A row of the roster."""
    return {
        "cohort": COHORT,
        "participant": participant,
        "given_name": "Siân",
        "family_name": f"Llŷr-{participant}",
        "email": f"{participant.lower()}@example.org",
        "organisation": "N",
        "pool_consent": level,
    }


def put_rater(db: Database, rater: RaterId, relationship: Relationship, name: str) -> None:
    """A rater of P1."""
    row = {"cohort": COHORT, "rater": rater, "participant": P1, "relationship": relationship, "name": name}
    with db.write() as uow:
        uow.execute(sa.insert(raters).values(**row, email="rater@example.org"))
