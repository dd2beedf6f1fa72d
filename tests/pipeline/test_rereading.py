"""A mapping that is changed after evidence came: what arrived is read again, through the bus, in lots, exactly once."""

import json
import multiprocessing
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake import store, tables
from services.intake.core.rereading import Amount
from services.intake.handlers import handlers, rereading
from services.intake.invariants import INVARIANTS
from services.intake.settings import IntakeSettings
from services.scoring.store import results_of
from shared import bus, delivery, people
from shared.cohort.folder import CohortFolder
from shared.cohort.opening import Opening
from shared.db import Database, database_now
from shared.events import MappingChanged
from shared.ids import CohortId, DeliveryId, ParticipantId
from tests.builders.bench import PILOT, PILOT_SECRET, Bench
from tests.builders.intake import typeform_body, typeform_signature

COHORT = CohortId("pilot-p")
CHOICES, FIELDS = Path("programme/choices.csv"), Path("programme/form_fields.csv")
SL1A, SL1B = "ccb1c51d-0eba-4ea8-8770-a08716e6fec3", "e5316960-6ce1-43c2-aeef-a279b02e3d8d"
STRENGTHS = "52d31e1b-8c0d-4033-bc23-25a9f8fdd208"
KILLED = 137


@dataclass
class Pilot:
    """The pilot, fed and read, in a folder that a test may change."""

    bench: Bench
    folder: Path
    opened: CohortFolder

    def change(self, file: Path, old: str, new: str) -> Opening:
        """Change a file of the folder, and take the folder over."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return self.bench.open(self.folder, update=True)[1]

    def ratings(self) -> dict[tuple[str, str], dict[str, float | None]]:
        """What each rater says now about whom, as scoring knows it."""
        found: dict[tuple[str, str], dict[str, float | None]] = {}
        latest, evidence = tables.latest.c, tables.pieces.c
        with self.bench.db.read() as connection:
            query = sa.select(tables.latest).where(latest.instrument == "appraisal_360")
            keys = connection.execute(query).mappings().all()
            for key in keys:
                mine = (evidence.participant == key["participant"], evidence.given_by == key["given_by"])
                rows = connection.execute(sa.select(tables.pieces).where(*mine)).mappings()
                last = max((row["as_of"], row["document"]["ratings"]) for row in rows if not row["element"])
                found[key["participant"], key["given_by"]] = last[1]
        return found

    def estimates(self) -> list[tuple[Any, ...]]:
        """Every current figure."""
        with self.bench.db.read() as connection:
            rows = results_of(connection, COHORT)
        return [(row.participant, row.domain, row.facet, row.estimate, row.low, row.high) for row in rows]

    def outcomes(self) -> dict[str, int]:
        """What the last re-reading came to."""
        with self.bench.db.read() as connection:
            summary = store.latest_rereading(connection, COHORT)
        return {} if summary is None else dict(summary.outcomes)

    def states(self) -> set[str]:
        with self.bench.db.read() as connection:
            return set(connection.execute(sa.select(tables.submissions.c.state)).scalars())

    def comments(self) -> set[tuple[str, str]]:
        """Who wrote what about P-0001."""
        with self.bench.db.read() as connection:
            found = people.comments_about(connection, COHORT, ParticipantId("P-0001"))
        return {(each.rater, each.text) for each in found}

    def holds(self) -> None:
        """Every invariant of intake."""
        with self.bench.db.read() as connection:
            assert {name: rule(connection) for name, rule in INVARIANTS.items()} == {name: [] for name in INVARIANTS}


@pytest.fixture
def pilot(any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pilot:
    folder = tmp_path / "cohort"
    shutil.copytree(PILOT, folder)
    bench = Bench(any_db, tmp_path / "data", monkeypatch)
    opened, _ = bench.open(folder)
    bench.feed(folder, COHORT)
    return Pilot(bench, folder, opened)


def test_a_label_that_is_worth_something_else_changes_evidence_and_results_and_says_so(pilot: Pilot) -> None:
    before, ratings = pilot.estimates(), pilot.ratings()
    opening = pilot.change(CHOICES, "2 - Rarely,2", "2 - Rarely,1")
    pilot.bench.work()
    assert opening.rereading is not None
    after = pilot.ratings()
    assert after == {
        who: {item: 1.0 if rating == 2 else rating for item, rating in each.items()} for who, each in ratings.items()
    }
    assert pilot.estimates() != before
    with pilot.bench.db.read() as connection:
        summary = store.rereading_summary(connection, opening.rereading)
    assert summary is not None
    changed = {who for who, each in ratings.items() if 2 in each.values()}
    assert {each.participant for each in summary.changes} == {participant for participant, _ in changed}
    assert all(each.before == each.after for each in summary.changes)
    assert summary.outcomes["changed"] >= len(changed)
    pilot.holds()


def test_changed_and_changed_back_gives_the_figures_from_before(pilot: Pilot) -> None:
    before, ratings = pilot.estimates(), pilot.ratings()
    for old, new in (("2 - Rarely,2", "2 - Rarely,1"), ("2 - Rarely,1", "2 - Rarely,2")) * 2:
        pilot.change(CHOICES, old, new)
        pilot.bench.work()
    assert (pilot.estimates(), pilot.ratings()) == (before, ratings)
    pilot.holds()


def test_two_questions_that_were_confused_are_told_apart(pilot: Pilot) -> None:
    ratings = pilot.ratings()
    path = pilot.folder / FIELDS
    text = path.read_text(encoding="utf-8")
    swapped = text.replace(f"{SL1A},SL1a", f"{SL1A},SL1b!").replace(f"{SL1B},SL1b", f"{SL1B},SL1a").replace("b!", "b")
    path.write_text(swapped, encoding="utf-8")
    pilot.bench.open(pilot.folder, update=True)
    pilot.bench.work()
    other = {"SL1a": "SL1b", "SL1b": "SL1a"}
    assert pilot.ratings() == {
        who: {other.get(item, item): rating for item, rating in each.items()} for who, each in ratings.items()
    }


def test_a_field_that_is_no_longer_mapped_takes_its_ratings_back_and_the_amounts_say_so(pilot: Pilot) -> None:
    opening = pilot.change(FIELDS, f"appraisal-360,typeform,wNe360aT,{SL1B},SL1b\n", "")
    pilot.bench.work()
    assert all("SL1b" not in each for each in pilot.ratings().values())
    assert opening.rereading is not None
    with pilot.bench.db.read() as connection:
        summary = store.rereading_summary(connection, opening.rereading)
    assert summary is not None
    for each in summary.changes:
        before, after = each.before, each.after
        assert before.given + before.not_observed - after.given - after.not_observed == each.submissions
        assert each.before != Amount()


def test_what_can_no_longer_be_read_stays_as_it_was_waits_in_quarantine_and_comes_back(pilot: Pilot) -> None:
    before, ratings = pilot.estimates(), pilot.ratings()
    waiting = pilot.states()
    pilot.change(CHOICES, "4 - Often,4\n", "")
    pilot.bench.work()
    assert (pilot.estimates(), pilot.ratings()) == (before, ratings)
    assert pilot.outcomes()["unread"] > 50
    pilot.holds()
    pilot.change(CHOICES, "Not observed,", "4 - Often,4\nNot observed,")
    pilot.bench.work()
    assert (pilot.estimates(), pilot.ratings(), pilot.states()) == (before, ratings, waiting)
    assert pilot.outcomes()["unread"] < 10
    pilot.holds()


def test_what_waited_for_its_mapping_is_read_without_being_retried_by_hand(pilot: Pilot) -> None:
    with pilot.bench.db.read() as connection:
        codes = {each.code for each in store.quarantined(connection, COHORT)}
    assert "unmapped_choice" in codes
    unknown = "Sometimes-ish"
    pilot.change(CHOICES, "Not observed,", f"{unknown},4\nNot observed,")
    pilot.bench.work()
    with pilot.bench.db.read() as connection:
        assert "unmapped_choice" not in {each.code for each in store.quarantined(connection, COHORT)}


def test_comments_are_filed_under_their_new_kind(pilot: Pilot) -> None:
    def kinds() -> set[str]:
        with pilot.bench.db.read() as connection:
            return {each.kind for each in people.comments_about(connection, COHORT, ParticipantId("P-0001"))}

    assert "strengths" in kinds()
    pilot.change(FIELDS, "comment:strengths", "comment:praise")
    pilot.bench.work()
    assert "strengths" not in kinds()
    assert "praise" in kinds()


def test_what_turns_out_to_be_somebody_elses_is_withdrawn_and_the_response_before_counts_again(
    any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cohort"
    shutil.copytree(PILOT, folder)
    with (folder / FIELDS).open("a", encoding="utf-8") as fields:
        fields.write("appraisal-360,typeform,wNe360aT,colleague,identity:rater\n")
    bench = Bench(any_db, tmp_path / "data", monkeypatch)
    pilot = Pilot(bench, folder, bench.open(folder)[0])
    one, other = "R-P-0001-PE1", "R-P-0001-PE2"
    for day, (true, label, words) in enumerate(
        [(one, "4 - Often", "First words."), (other, "1 - Never", "Others.")], 6
    ):
        body = json.loads(
            typeform_body(
                event=f"e{day}",
                participant="P-0001",
                rater=true,
                at=datetime(2017, 2, day, tzinfo=UTC),
                labels={SL1A: label},
                texts={STRENGTHS: words},
                form="wNe360aT",
            )
        )
        body["form_response"]["hidden"]["colleague"] = one
        sent = json.dumps(body).encode()
        bench.client.post(
            "/webhooks/appraisal-360",
            content=sent,
            headers={"Typeform-Signature": typeform_signature(sent, PILOT_SECRET)},
        )
    bench.work()
    assert pilot.ratings() == {("P-0001", one): {"SL1a": 1.0}}
    assert pilot.comments() == {(one, "Others.")}
    pilot.change(FIELDS, "colleague,identity:rater", "rater,identity:rater")
    bench.work()
    assert pilot.ratings() == {("P-0001", one): {"SL1a": 4.0}, ("P-0001", other): {"SL1a": 1.0}}
    assert pilot.comments() == {(one, "First words."), (other, "Others.")}
    pilot.holds()


def test_nothing_is_read_again_for_a_change_that_means_nothing_to_what_arrived(pilot: Pilot) -> None:
    assert pilot.change(Path("cohort.toml"), "written_assessment = 0.2", "written_assessment = 0.3").rereading is None


def test_it_is_done_in_lots_each_with_its_own_event(pilot: Pilot) -> None:
    pilot.change(CHOICES, "2 - Rarely,2", "2 - Rarely,1")
    pilot.bench.work()
    with pilot.bench.db.read() as connection:
        told = sa.select(sa.func.count()).select_from(bus.events).where(bus.events.c.name == MappingChanged.name)
        count = sa.select(sa.func.count()).where(tables.submissions.c.kind == "webhook")
        lots = connection.execute(count).scalar_one() // rereading.AT_ONCE + 1
        assert connection.execute(told).scalar_one() == lots > 2


def due(db: Database) -> list[DeliveryId]:
    d = bus.deliveries.c
    with db.read() as connection:
        return list(connection.execute(sa.select(d.id).where(d.service == "intake", d.state == "pending")).scalars())


def dies_after(url: str, first: Sequence[DeliveryId], lots: int) -> None:
    """A worker that is killed in the middle of a lot: all is done but the commit."""
    done = 0
    real = store.note_reread

    def dying(*args: Any, **more: Any) -> None:
        nonlocal done
        real(*args, **more)
        if done == lots:
            os._exit(KILLED)
        done += 1

    rereading.store.note_reread = dying  # type: ignore[attr-defined]
    db = Database(url)
    waiting = list(first)
    while waiting:
        for each in waiting:
            delivery.run(db, each, handlers(IntakeSettings()))
        waiting = due(db)


@pytest.mark.parametrize("lots", [0, 2])
def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_undone_and_nothing_done_twice(
    pilot: Pilot, lots: int
) -> None:
    ratings = pilot.ratings()
    pilot.change(CHOICES, "2 - Rarely,2", "2 - Rarely,1")
    url = pilot.bench.db.url.render_as_string(hide_password=False)
    process = multiprocessing.get_context("spawn").Process(target=dies_after, args=(url, due(pilot.bench.db), lots))
    process.start()
    process.join(60)
    assert process.exitcode == KILLED
    assert 0 <= sum(pilot.outcomes().values()) <= lots * rereading.AT_ONCE
    with pilot.bench.db.write() as uow:
        uow.execute(sa.update(bus.deliveries).values(lease_until=database_now()))
    pilot.bench.work()
    assert pilot.ratings() == {
        who: {item: 1.0 if rating == 2 else rating for item, rating in each.items()} for who, each in ratings.items()
    }
    with pilot.bench.db.read() as connection:
        count = sa.select(sa.func.count()).where(tables.submissions.c.kind == "webhook")
        assert sum(pilot.outcomes().values()) == connection.execute(count).scalar_one()
    pilot.holds()
