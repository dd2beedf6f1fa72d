"""Results as figures that may be compared: with those of another time, or of a norm group."""

from collections import defaultdict
from collections.abc import Iterable

from services.scoring.core.observations import FigureKey
from services.scoring.core.remeasuring.cohort import Figures
from services.scoring.core.remeasuring.pairing import Figure, Source
from services.scoring.models import model_named
from services.scoring.store import ResultRow
from shared.ids import ParticipantId
from shared.words import Instrument


def figure_of(row: ResultRow) -> Figure:
    """A row of a result: means, as what a model corrects for raters lies on a scale of its cohort's own."""
    sources = {
        Instrument(each["instrument"]): Source(
            each["weight"], each["estimate"], each["standard_error"], each["raters"], each["anchored"]
        )
        for each in row.sources
    }
    key = (row.domain, row.facet, row.competency)
    return Figure(key, row.estimate, sources, model_named(row.model).describes.id)


def by_participant(rows: Iterable[ResultRow]) -> dict[ParticipantId, Figures]:
    """Everybody's figures."""
    found: defaultdict[ParticipantId, dict[FigureKey, Figure]] = defaultdict(dict)
    for row in rows:
        figure = figure_of(row)
        found[row.participant][figure.key] = figure
    return dict(found.items())
