"""What every scoring model keeps to, and that a released one still gives the results it was recorded with.

A model without a recording fails: `python -m tests.contracts.test_scoring_models MODEL` writes one, once, at release.
"""

import hashlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.calibration.of_cohort import calibration_on
from services.scoring.core.canonical import canonical, hashed
from services.scoring.core.figures import Figure
from services.scoring.core.model import Model
from services.scoring.core.observations import Observations, Rating, figure_keys, keys_of
from services.scoring.core.requirements import NOTHING
from services.scoring.core.results import Rules, assess, result_on
from services.scoring.models import MODELS
from shared.ids import RaterId
from shared.words import Facet, Instrument
from tests.builders.pilot_evidence import pilot_evidence, pilot_folder
from tests.builders.scoring_case import COMPETENCIES, FRAMEWORK
from tests.builders.simulated_cohort import a_simulated_cohort

RECORDINGS = Path(__file__).parents[1] / "samples" / "scoring"
IN_FULL = ("P-0003", "P-0007")
"""Participants whose documents are recorded in full, to see what changed; of the others the hash is."""

SHOWN = 1e-4
"""Logits and points: two digits beyond what anybody is shown."""

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


def given_by(model: Model, ratings: list[Rating]) -> tuple[Figure, ...]:
    return model.figures(observed(ratings))


def pilot_figures(model: Model) -> dict[str, list[dict[str, Any]]]:
    """The figures of each of the pilot's participants: what a model is released with. Layers have versions of their
    own.
    """
    rules, found = Rules(pilot_folder().definition, model), {}
    for participant, pieces in sorted(pilot_evidence(late=True).items()):
        due = assess(rules, pieces, None).due
        assert due is not None
        found[str(participant)] = json.loads(result_on(due, rules, participant, pieces).document)["figures"]
    return found


def file_hash(model: Model) -> str:
    """SHA-256 of the file that a model's class is in: that which adjusts, where there is one."""
    return hashlib.sha256(Path(inspect.getfile(type(model.adjusts or model.describes))).read_bytes()).hexdigest()


def calibrated_places(model: Model) -> dict[str, list[list[float]]]:
    """Place, error and estimate of each participant of a simulated cohort, domain by domain: of the last three, who are
    not in the calibration, as placed against it.
    """
    cohort = a_simulated_cohort(40, seed=7)
    cases = [(each, tuple(cohort.pieces[each])) for each in cohort.participants]
    calibrating = [(*case, NOTHING) for case in cases[:-3]]
    rules = Rules(cohort.definition, model, calibration_on(Rules(cohort.definition, model), calibrating))
    found = {}
    for participant, pieces in cases:
        due = assess(rules, pieces, None).due
        assert due is not None
        domains = json.loads(result_on(due, rules, participant, pieces).document)["domains"]
        found[str(participant)] = [[each["place"], each["place_error"], each["estimate"]] for each in domains]
    return found


def folder_of(model: Model) -> Path:
    return RECORDINGS / model.id.replace("/", "-")


def test_a_model_is_registered_under_its_own_id() -> None:
    assert {name: model.id for name, model in MODELS.items()} == {name: name for name in MODELS}


@every_model
def test_a_released_model_reproduces_its_recorded_results(model: Model) -> None:
    figures = pilot_figures(model)
    for participant in IN_FULL:
        recorded = json.loads((folder_of(model) / f"{participant}.json").read_text(encoding="utf-8"))
        assert figures[participant] == recorded["figures"]
    assert hashes_of(figures) == json.loads((folder_of(model) / "hashes.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("model", [each for each in MODELS.values() if each.adjusts], ids=lambda each: each.id)
def test_a_released_model_calibrates_and_places_as_recorded(model: Model) -> None:
    recorded = json.loads((folder_of(model) / "calibrated.json").read_text(encoding="utf-8"))
    found = calibrated_places(model)
    assert found.keys() == recorded.keys()
    for participant, domains in recorded.items():
        for shown, kept in zip(found[participant], domains, strict=True):
            assert shown == pytest.approx(kept, abs=SHOWN)


@every_model
def test_the_file_of_a_released_model_is_never_edited(model: Model) -> None:
    recorded = (folder_of(model) / "file.sha256").read_text(encoding="utf-8").strip()
    assert file_hash(model) == recorded, f"{model.id} is released: a better model is a new file with a new id"


@every_model
@LAW
@given(RATINGS, st.data())
def test_the_order_of_ratings_changes_nothing(model: Model, ratings: list[Rating], data: st.DataObject) -> None:
    assert given_by(model, data.draw(st.permutations(ratings))) == given_by(model, ratings)


@every_model
@LAW
@given(RATINGS)
def test_a_figure_is_given_where_there_is_evidence_and_nowhere_else(model: Model, ratings: list[Rating]) -> None:
    carried = {key for rating in ratings for key in keys_of(FRAMEWORK, rating)}
    keys = [figure.key for figure in given_by(model, ratings)]
    assert keys == [key for key in figure_keys(FRAMEWORK) if key in carried]


@every_model
@LAW
@given(RATINGS)
def test_estimates_and_intervals_lie_on_the_scale(model: Model, ratings: list[Rating]) -> None:
    hair = 1e-9
    for figure in given_by(model, ratings):
        assert 1 - hair <= figure.low <= figure.estimate + hair <= figure.high + 2 * hair <= 5 + 3 * hair
        assert figure.standard_error > 0
        for source in figure.sources:
            assert 1 - hair <= source.low <= source.estimate + hair <= source.high + 2 * hair <= 5 + 3 * hair


@every_model
@LAW
@given(RATINGS)
def test_each_figure_counts_the_people_and_items_behind_it(model: Model, ratings: list[Rating]) -> None:
    for figure in given_by(model, ratings):
        behind = [rating for rating in ratings if figure.key in keys_of(FRAMEWORK, rating)]
        assert figure.raters == len({(rating.instrument, rating.unit) for rating in behind})
        assert figure.items == len({(rating.instrument, rating.item) for rating in behind})


def record(model: Model) -> None:
    """Write a model's results of the pilot. Never over those of a released model."""
    folder_of(model).mkdir(parents=True)
    figures = pilot_figures(model)
    for participant in IN_FULL:
        text = json.dumps({"figures": figures[participant]}, indent=1, ensure_ascii=False)
        (folder_of(model) / f"{participant}.json").write_text(text + "\n", encoding="utf-8")
    (folder_of(model) / "hashes.json").write_text(json.dumps(hashes_of(figures), indent=1) + "\n", encoding="utf-8")
    if model.adjusts:
        places = json.dumps(calibrated_places(model))
        (folder_of(model) / "calibrated.json").write_text(places + "\n", encoding="utf-8")
    (folder_of(model) / "file.sha256").write_text(file_hash(model) + "\n", encoding="utf-8")


def hashes_of(figures: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Of each participant's figures."""
    return {participant: hashed(canonical(each)) for participant, each in figures.items()}


if __name__ == "__main__":
    record(MODELS[sys.argv[1]])
