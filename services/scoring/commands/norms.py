"""Norm groups: made of cohorts' current results, kept for good, and a cohort's results placed in them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.scoring import store
from services.scoring.commands.figures import by_participant, figure_of
from services.scoring.core.norms.group import Contribution, NoNorms, norm_group
from services.scoring.core.norms.placing import Place, Terms
from services.scoring.core.observations import FigureKey
from services.scoring.store import norms
from shared import clock
from shared.cohort.store import definition_of
from shared.db import Database, UnitOfWork
from shared.ids import CohortId, ParticipantId
from shared.outbox import audited

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Placed:
    """One figure of one participant in a norm group."""

    participant: ParticipantId
    key: FigureKey
    estimate: float
    place: Place


@dataclass(frozen=True, slots=True)
class Placement:
    """A cohort's current results in a norm group. `reduced`: those that rest on reduced evidence."""

    places: tuple[Placed, ...]
    reduced: tuple[store.Reduced, ...]


def make_norms(db: Database, name: str, cohorts: Sequence[CohortId], *, by: str, description: str) -> norms.KeptNorms:
    """Freeze the current results of these cohorts as a norm group, under a name that is never used again.

    Raises:
        UnknownCohort: no such cohort is open here.
        NoNorms: the name is no code or taken, a cohort is named twice, or the results carry no norms.
    """
    if not NAME.fullmatch(name):
        raise NoNorms("a norm group's name is made of letters, digits and . _ -, at most 100")
    if len(set(cohorts)) < len(cohorts):
        raise NoNorms("a cohort was named twice; its people would count twice")
    with db.write() as uow:
        group = norm_group([_contribution(uow, cohort) for cohort in cohorts])
        kept = norms.KeptNorms(name, clock.now(), by, description, group)
        if not norms.keep(uow, kept):
            raise NoNorms(f"there is a norm group {name} already; norm groups are never changed, choose another name")
        audited(uow, actor=by, action="norms.made", subject=name, detail={"cohorts": list(cohorts), "hash": group.hash})
    return kept


def _contribution(uow: UnitOfWork, cohort: CohortId) -> Contribution:
    definition = definition_of(uow.connection, cohort)
    rows = store.results_of(uow.connection, cohort, competencies=True)
    people = [list(figures.values()) for figures in by_participant(rows).values()]
    return Contribution(cohort, definition.opens, definition.closes, definition.framework, people)


def place_cohort(db: Database, name: str, cohort: CohortId, *, competencies: bool = False) -> Placement:
    """Each current result of a cohort in a norm group.

    Raises:
        UnknownCohort, NoNorms: no such cohort, or no such group.
    """
    group = norms_named(db, name).group
    with db.read() as connection:
        definition = definition_of(connection, cohort)
        rows = store.results_of(connection, cohort, competencies=competencies)
    return Placement(tuple(_placed(Terms.of(group, definition.framework), rows)), store.reduced_of(rows))


def _placed(terms: Terms, rows: Sequence[store.ResultRow]) -> Iterator[Placed]:
    for row in rows:
        figure = figure_of(row)
        yield Placed(row.participant, figure.key, row.estimate, terms.place(figure, (row.low, row.high)))


def norms_named(db: Database, name: str) -> norms.KeptNorms:
    """One norm group. Raises NoNorms."""
    with db.read() as connection:
        found = norms.named(connection, name)
    if found is None:
        raise NoNorms(f"there is no norm group {name[:100]!r}; `talentline norms list` shows those there are")
    return found
