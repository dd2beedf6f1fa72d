"""Self beside others: of a cohort's results, and of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.scoring import store
from services.scoring.commands.files import opened
from services.scoring.core.analysis.long_table import UnreadableTable
from services.scoring.core.analysis.wide_table import read_numbers
from services.scoring.core.self_others.cohort import DomainPicture, Profile, Views, pictures, profiles
from services.scoring.core.self_others.comparing import Others
from services.scoring.core.self_others.surface import SelfOthers, self_others
from shared.cohort.store import definition_of
from shared.db import Database
from shared.ids import CohortId
from shared.words import Instrument


@dataclass(frozen=True, slots=True)
class OfCohort:
    """Self beside others in a cohort. `reduced`: results that rest on reduced evidence."""

    profiles: Sequence[Profile]
    pictures: Sequence[DomainPicture]
    reduced: tuple[store.Reduced, ...]


def of_cohort(db: Database, cohort: CohortId, *, competencies: bool = False) -> OfCohort:
    """Each scored participant's profile, and the group's picture in each domain.

    Raises:
        UnknownCohort: no such cohort is open here.
    """
    with db.read() as connection:
        scale = definition_of(connection, cohort).framework.scale
        rows = store.results_of(connection, cohort, competencies=competencies)
    views = [views_of(row) for row in rows]
    return OfCohort(profiles(views, scale), pictures(views, scale), store.reduced_of(rows))


def views_of(row: store.ResultRow) -> Views:
    """What one figure of a result says of both views."""
    sources = {Instrument(source["instrument"]): source for source in row.sources}
    said = sources.pop(Instrument.APPRAISAL_360, None)
    others = None
    if said is not None:
        others = Others(said["estimate"], said["standard_error"], said["raters"], said["items"], said["anchored"])
    outcomes = {instrument: source["estimate"] for instrument, source in sources.items()}
    return Views(row.participant, (row.domain, row.facet, row.competency), row.self_rating, others, outcomes)


def of_file(file: Path, *, own: str, others: str, outcome: str, scale: tuple[float, float]) -> SelfOthers:
    """Of a CSV with one row a person, gzipped or not. `scale`: lowest and highest answer of self and others.

    Raises:
        UnreadableTable: what is wrong with the file, where, and what to do.
    """
    with opened(file) as lines:
        found = read_numbers(lines, {"self": own, "others": others, "outcome": outcome})
        for what in ("self", "others"):
            _check_scale(found[what], what, scale)
    return self_others(found["self"], found["others"], found["outcome"], midpoint=sum(scale) / 2)


def _check_scale(values: NDArray[np.float64], what: str, scale: tuple[float, float]) -> None:
    """What lies off the scale has another scale, and another middle."""
    lowest, highest = scale
    off = values[(values < lowest) | (values > highest)]
    if len(off):
        raise UnreadableTable(
            f"{what}: {off[0]:g} is not on the scale {lowest:g} to {highest:g}; say --lowest and --highest"
        )
