"""Reading again: whatever the mapping becomes, and in whatever steps, what counts is what stands."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.intake.core.evidence import Evidence, EvidenceKey, Said, occasions
from services.intake.core.rereading import Amount, add, restated, revised
from shared.ids import CohortId, ParticipantId, RaterId, SubmissionId
from shared.words import Instrument, Relationship

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
Reading = dict[str, tuple[str, float]]
"""Submission → rater and rating that it is read as; a rater "" says nothing at all."""


def a_statement(submission: str, rater: str, rating: float, minute: int, *, dated: bool = True) -> Said:
    at = START + timedelta(minutes=minute)
    evidence = Evidence(
        cohort=CohortId("c-1"),
        participant=ParticipantId("P-1"),
        instrument=Instrument.APPRAISAL_360,
        by=RaterId(rater),
        ratings={"SL1a": rating},
        relationship=Relationship.PEER,
        submitted_at=at if dated else None,
    )
    return Said(SubmissionId(submission), at, evidence)


class Ledger:
    """What the database would hold: every statement, and every piece that was published."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.published: dict[str, Said] = {}

    def read(self, submission: str, now: Sequence[Said], *, whole: bool = True) -> None:
        before = [each for each in self.said if each.submission == submission]
        revision = revised(before, now, whole=whole)
        self.said = [replace(each, standing=False) if each in revision.fallen else each for each in self.said]
        for key in {each.evidence.key for each in (*now, *revision.said, *revision.fallen)}:
            history = [each for each in self.said if each.evidence.key == key]
            self.said += add(history, [each for each in revision.said if each.evidence.key == key])
            more = restated(history)
            if more is not None:
                self.said += add(history, [more])
            for piece in occasions(history):
                self.published.setdefault(piece.evidence_id, piece.said)

    def counting(self) -> dict[str, float]:
        """What scoring works out from the published pieces alone: rater → rating. An empty piece takes back."""
        best: dict[EvidenceKey, tuple[datetime, str]] = {}
        for evidence_id, said in self.published.items():
            key = said.evidence.key
            best[key] = max(best.get(key, (said.as_of, evidence_id)), (said.as_of, evidence_id))
        ratings = {key.by: self.published[evidence_id].evidence.ratings for key, (_, evidence_id) in best.items()}
        return {by: rating for by, each in ratings.items() for rating in each.values() if rating is not None}


def expected(order: Sequence[str], reading: Reading) -> dict[str, float]:
    """Of each rater the response that was submitted last."""
    return {rater: rating for submission in order for rater, rating in [reading[submission]] if rater}


SUBMISSIONS = ("s1", "s2", "s3")
readings = st.fixed_dictionaries(
    {name: st.tuples(st.sampled_from(["R-1", "R-2", ""]), st.sampled_from([1.0, 4.0])) for name in SUBMISSIONS}
)


@given(st.lists(readings, min_size=1, max_size=4), st.booleans())
def test_after_any_changes_of_the_mapping_each_raters_latest_response_counts_as_it_is_read_now(
    changes: list[Reading], dated: bool
) -> None:
    ledger = Ledger()
    for reading in changes:
        for minute, submission in enumerate(SUBMISSIONS):
            rater, rating = reading[submission]
            now = [a_statement(submission, rater, rating, minute, dated=dated)] if rater else []
            ledger.read(submission, now)
    assert ledger.counting() == expected(SUBMISSIONS, changes[-1])


@given(st.lists(readings, min_size=1, max_size=3))
def test_reading_again_under_the_same_mapping_says_nothing_new(changes: list[Reading]) -> None:
    ledger = Ledger()
    for reading in [*changes, changes[-1]]:
        before = (list(ledger.said), dict(ledger.published))
        for minute, submission in enumerate(SUBMISSIONS):
            rater, rating = reading[submission]
            ledger.read(submission, [a_statement(submission, rater, rating, minute)] if rater else [])
    assert (ledger.said, ledger.published) == before


def test_what_can_no_longer_be_read_stays_as_it_was_read() -> None:
    ledger = Ledger()
    ledger.read("s1", [a_statement("s1", "R-1", 4, 0)])
    ledger.read("s1", [], whole=False)
    assert ledger.counting() == {"R-1": 4}


def test_the_amounts_are_those_of_what_stood_and_of_what_stands() -> None:
    old = a_statement("s1", "R-1", 4, 0)
    new = replace(old, evidence=replace(old.evidence, ratings={"SL1a": 4, "SL1b": None}))
    assert revised([old], [new], whole=True).amounts([old]) == ({"P-1": Amount(1, 0)}, {"P-1": Amount(1, 1)})
