"""What every scoring model keeps to, and that a released one still gives the results it was recorded with.

A model without a recording fails: `python -m tests.contracts.test_scoring_models MODEL` writes one, once, at release.
"""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.figures import Figure, ScoringModel
from services.scoring.core.observations import Observations, Rating, figure_keys, keys_of
from services.scoring.core.results import Rules, assess, result_on
from services.scoring.models import MODELS
from shared.ids import RaterId
from shared.words import Facet, Instrument
from tests.builders.pilot_evidence import pilot_evidence, pilot_folder
from tests.builders.scoring_case import COMPETENCIES, FRAMEWORK

RECORDINGS = Path(__file__).parents[1] / "samples" / "scoring"
IN_FULL = ("P-0003", "P-0007")
"""Participants whose documents are recorded in full, to see what changed; of the others the hash is."""

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
LAW = settings(max_examples=40, deadline=None)

RATINGS = st.lists(
    st.builds(
        Rating,
        st.sampled_from(Instrument),
        st.sampled_from([RaterId(unit) for unit in "abcdefgh"]),
        st.sampled_from(["i1", "i2", "i3"]),
        st.sampled_from(sorted(COMPETENCIES)),
        st.sampled_from(Facet),
        st.sampled_from([1.0, 2.0, 2.6, 3.0, 4.0, 5.0]),
    ),
    max_size=40,
)


def observed(ratings: list[Rating]) -> Observations:
    weights = {Instrument.APPRAISAL_360: 0.5, Instrument.DEVELOPMENT_DAY: 0.3, Instrument.WRITTEN_ASSESSMENT: 0.2}
    return Observations(FRAMEWORK, weights, tuple(ratings))


def given_by(model: ScoringModel, ratings: list[Rating]) -> tuple[Figure, ...]:
    return model.figures(observed(ratings))


def pilot_documents(model: ScoringModel) -> dict[str, tuple[str, str]]:
    """Hash and document of each of the pilot's participants."""
    rules, found = Rules(pilot_folder().definition, model), {}
    for participant, pieces in sorted(pilot_evidence(late=True).items()):
        due = assess(rules, pieces, None).due
        assert due is not None
        result = result_on(due, rules, participant, pieces)
        found[str(participant)] = (result.hash, result.document)
    return found


def folder_of(model: ScoringModel) -> Path:
    return RECORDINGS / model.id.replace("/", "-")


def test_a_model_is_registered_under_its_own_id() -> None:
    assert {name: model.id for name, model in MODELS.items()} == {name: name for name in MODELS}


@every_model
def test_a_released_model_reproduces_its_recorded_results(model: ScoringModel) -> None:
    documents = pilot_documents(model)
    for participant in IN_FULL:
        recorded = json.loads((folder_of(model) / f"{participant}.json").read_text(encoding="utf-8"))
        assert json.loads(documents[participant][1]) == recorded
    hashes = {participant: each for participant, (each, _) in documents.items()}
    assert hashes == json.loads((folder_of(model) / "hashes.json").read_text(encoding="utf-8"))


@every_model
@LAW
@given(RATINGS, st.data())
def test_the_order_of_ratings_changes_nothing(model: ScoringModel, ratings: list[Rating], data: st.DataObject) -> None:
    assert given_by(model, data.draw(st.permutations(ratings))) == given_by(model, ratings)


@every_model
@LAW
@given(RATINGS)
def test_a_figure_is_given_where_there_is_evidence_and_nowhere_else(model: ScoringModel, ratings: list[Rating]) -> None:
    carried = {key for rating in ratings for key in keys_of(FRAMEWORK, rating)}
    keys = [figure.key for figure in given_by(model, ratings)]
    assert keys == [key for key in figure_keys(FRAMEWORK) if key in carried]


@every_model
@LAW
@given(RATINGS)
def test_estimates_and_intervals_lie_on_the_scale(model: ScoringModel, ratings: list[Rating]) -> None:
    hair = 1e-9
    for figure in given_by(model, ratings):
        assert 1 - hair <= figure.low <= figure.estimate + hair <= figure.high + 2 * hair <= 5 + 3 * hair
        assert figure.standard_error > 0
        for source in figure.sources:
            assert 1 - hair <= source.low <= source.estimate + hair <= source.high + 2 * hair <= 5 + 3 * hair


@every_model
@LAW
@given(RATINGS)
def test_each_figure_counts_the_people_and_items_behind_it(model: ScoringModel, ratings: list[Rating]) -> None:
    for figure in given_by(model, ratings):
        behind = [rating for rating in ratings if figure.key in keys_of(FRAMEWORK, rating)]
        assert figure.raters == len({(rating.instrument, rating.unit) for rating in behind})
        assert figure.items == len({(rating.instrument, rating.item) for rating in behind})


def record(model: ScoringModel) -> None:
    """Write a model's results of the pilot. Never over those of a released model."""
    folder_of(model).mkdir(parents=True)
    documents = pilot_documents(model)
    for participant in IN_FULL:
        text = json.dumps(json.loads(documents[participant][1]), indent=1, ensure_ascii=False)
        (folder_of(model) / f"{participant}.json").write_text(text + "\n", encoding="utf-8")
    hashes = {participant: each for participant, (each, _) in documents.items()}
    (folder_of(model) / "hashes.json").write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(MODELS[sys.argv[1]])
