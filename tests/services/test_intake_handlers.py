"""From a stored submission to evidence, comments or quarantine: the pilot's files, and what happens out of order."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from services.intake.commands import Taken
from services.intake.core.submission import RawRequest
from services.intake.invariants import INVARIANTS
from services.intake.settings import IntakeSettings
from shared import bus, people
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import Database
from shared.events import EvidenceRecorded, Piece, SubmissionQuarantined, SubmissionReceived
from shared.ids import CohortId, ParticipantId, SubmissionId
from shared.tables import metadata
from tests.builders.intake import (
    PILOT,
    PILOT_SECRET,
    PILOT_SECRET_ENV,
    handle_all,
    open_pilot,
    recorded_evidence,
    recorded_requests,
    typeform_body,
    typeform_request,
    workbook,
)

COHORT = CohortId("pilot-p")
FORM = "wNe360aT"
EARLY = datetime(2017, 2, 6, 9, tzinfo=UTC)
Key = tuple[str, str, str, str]


@pytest.fixture
def pilot(any_db: Database, monkeypatch: pytest.MonkeyPatch) -> CohortDefinition:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    return open_pilot(any_db)


@pytest.fixture
def small(db: Database, monkeypatch: pytest.MonkeyPatch) -> CohortDefinition:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    return open_pilot(db)


def deliver(db: Database, request: RawRequest) -> SubmissionId:
    with db.write() as uow:
        taken = commands.accept_webhook(uow, IntakeSettings(), "appraisal-360", request)
    assert isinstance(taken, Taken)
    return taken.submission


def deliver_recorded(db: Database, recorded: Sequence[dict[str, Any]]) -> None:
    for each in recorded:
        request = each["request"]
        with db.write() as uow:
            raw = RawRequest(request["body"].encode(), tuple(request["headers"].items()))
            commands.accept_webhook(uow, IntakeSettings(), "appraisal-360", raw)


def submit(db: Database, content: bytes, name: str = "file") -> commands.Accepted:
    with db.write() as uow:
        return commands.submit_file(uow, definition_of(uow.connection, COHORT), name, content, actor="test")


def a_response(**changes: Any) -> RawRequest:
    """A response of R-P-0001-PE1 about P-0001."""
    refs = {"SL1a": "ccb1c51d-0eba-4ea8-8770-a08716e6fec3", "strengths": "52d31e1b-8c0d-4033-bc23-25a9f8fdd208"}
    rating, words = changes.pop("rating", "4 - Often"), changes.pop("words", None)
    defaults: dict[str, Any] = {
        "participant": "P-0001",
        "rater": "R-P-0001-PE1",
        "form": FORM,
        "at": EARLY,
        "labels": {refs["SL1a"]: rating},
        "texts": {refs["strengths"]: words} if words else {},
    }
    return typeform_request(typeform_body(**defaults | changes), PILOT_SECRET)


def counting(found: Sequence[EvidenceRecorded]) -> dict[Key, Piece]:
    """Of each key the piece that counts, as whoever listens works it out."""
    best: dict[Key, Piece] = {}
    for event in found:
        for piece in event.pieces:
            key = (event.participant, str(piece.instrument), piece.by, piece.element)
            if key not in best or (piece.as_of, piece.evidence) > (best[key].as_of, best[key].evidence):
                best[key] = piece
    return best


def comments(db: Database, participant: str = "P-0001") -> list[str]:
    with db.read() as connection:
        return [each.text for each in people.comments_about(connection, COHORT, ParticipantId(participant))]


def holds(db: Database) -> None:
    """Every invariant of intake."""
    with db.read() as connection:
        assert {name: rule(connection) for name, rule in INVARIANTS.items()} == {name: [] for name in INVARIANTS}


def states(db: Database) -> Counter[str]:
    with db.read() as connection:
        return Counter(connection.execute(sa.select(tables.submissions.c.state)).scalars())


def told(db: Database, name: str) -> int:
    with db.read() as connection:
        query = sa.select(sa.func.count()).select_from(bus.events).where(bus.events.c.name == name)
        return connection.execute(query).scalar_one()


def test_the_pilots_deliveries_become_evidence_and_four_are_quarantined(db: Database, small: CohortDefinition) -> None:
    deliver_recorded(db, recorded_requests())
    handle_all(db)
    assert states(db) == {"recorded": 83, "quarantined": 4}
    with db.read() as connection:
        held = store.quarantined(connection, COHORT)
    assert [each.code for each in held] == ["unknown_participant", "unknown_form", "unmapped_choice", "broken_json"]
    words = [each.reason for each in held]
    assert "P-9999" in words[0]
    assert "zz9UNKNOWN" in words[1]
    assert "5b" in words[2] or "SL" in words[2]
    assert "JSON" in words[3]
    assert {each.connection for each in held} == {"appraisal-360"}
    assert told(db, SubmissionQuarantined.name) == 4
    found = recorded_evidence(db)
    assert len(found) == 83
    assert {len(event.pieces) for event in found} == {1}
    best = counting(found)
    assert len(best) == 81
    assert best["P-0006", "appraisal_360", "R-P-0006-DI2", ""].as_of == datetime(2017, 2, 14, 2, 25, tzinfo=UTC)
    assert best["P-0005", "appraisal_360", "R-P-0005-PE2", ""].as_of == datetime(2017, 2, 14, 1, 25, tzinfo=UTC)
    holds(db)


def test_the_order_of_arrival_changes_nothing_that_counts(
    db: Database, small: CohortDefinition, tmp_path: Path
) -> None:
    few = [each for each in recorded_requests() if each["rater"].startswith(("R-P-0005-P", "R-P-0006-D"))]
    assert {each["kind"] for each in few} >= {"resubmission", "out_of_order"}
    deliver_recorded(db, few)
    handle_all(db)
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    metadata.create_all(other.engine)
    open_pilot(other)
    deliver_recorded(other, few[::-1])
    handle_all(other)
    assert counting(recorded_evidence(other)) == counting(recorded_evidence(db))
    for participant in ("P-0005", "P-0006"):
        assert comments(other, participant) == comments(db, participant)
    other.close()


def test_sheets_and_marks_become_evidence_of_everybody_in_them(any_db: Database, pilot: CohortDefinition) -> None:
    for path in sorted([*(PILOT / "development_day").glob("*"), *(PILOT / "written").glob("*")]):
        assert submit(any_db, path.read_bytes(), path.name).new
    handle_all(any_db)
    assert states(any_db) == {"recorded": 5}
    best = counting(recorded_evidence(any_db))
    assert Counter(instrument for _, instrument, _, _ in best) == {"development_day": 56, "written_assessment": 70}
    assert dict(best["P-0002", "development_day", "A-01", "EX2"].ratings) == {"IK1": 3, "IK2": 5, "IK3": 1, "SL3": 3}
    assert dict(best["P-0006", "development_day", "A-01", "EX2"].ratings)["IK2"] is None
    assert dict(best["P-0003", "written_assessment", "M-03", "W3"].ratings) == {"W3": 8}
    assert not any(piece.late for piece in best.values())
    holds(any_db)


def test_undated_evidence_has_the_same_id_whenever_it_arrives(db: Database, small: CohortDefinition) -> None:
    content = (PILOT / "written" / "marks.csv").read_bytes()
    submit(db, content)
    handle_all(db)
    first = recorded_evidence(db)
    submit(db, content + b"\n")
    handle_all(db)
    assert recorded_evidence(db) == first
    assert states(db) == {"recorded": 2}


def marks_of(mark: float, *, blank_lines: int = 0) -> bytes:
    heading = "participant,marker,criterion,mark,max_mark\n"
    return (heading + f"P-0001,M-01,W1,{mark},10\n" + "\n" * blank_lines).encode()


def test_a_mark_that_is_changed_and_changed_back_counts_as_it_was_said_last(
    db: Database, small: CohortDefinition
) -> None:
    for mark, lines in ((6, 0), (7, 0), (6, 1)):
        submit(db, marks_of(mark, blank_lines=lines))
    handle_all(db)
    found = recorded_evidence(db)
    assert [dict(event.pieces[0].ratings)["W1"] for event in found] == [6, 7, 6]
    assert dict(counting(found)["P-0001", "written_assessment", "M-01", "W1"].ratings) == {"W1": 6}
    holds(db)


def test_handling_the_same_event_again_changes_nothing(db: Database, small: CohortDefinition) -> None:
    submission = deliver(db, a_response(words="Kind."))
    broken = deliver(db, typeform_request(b"{", PILOT_SECRET))
    submit(db, marks_of(6))
    handle_all(db)
    before = recorded_evidence(db), states(db), told(db, SubmissionQuarantined.name), comments(db)
    with db.write() as uow:
        uow.execute(sa.update(bus.deliveries).where(bus.deliveries.c.service == "intake").values(state="pending"))
    assert handle_all(db) == 3
    assert (recorded_evidence(db), states(db), told(db, SubmissionQuarantined.name), comments(db)) == before
    assert submission != broken


def test_an_erased_submission_is_passed_over(db: Database, small: CohortDefinition) -> None:
    submission = deliver(db, a_response())
    with db.write() as uow:
        uow.execute(sa.delete(tables.submissions).where(tables.submissions.c.id == submission))
    assert handle_all(db) == 1
    assert recorded_evidence(db) == []


def test_the_latest_words_of_a_rater_stay_whichever_arrives_last(db: Database, small: CohortDefinition) -> None:
    later = EARLY + timedelta(days=1)
    deliver(db, a_response(event="e2", words="Second thoughts.", at=later))
    deliver(db, a_response(event="e1", words="First thoughts.", at=EARLY))
    handle_all(db)
    assert comments(db) == ["Second thoughts."]
    deliver(db, a_response(event="e3", at=later + timedelta(days=1)))
    handle_all(db)
    assert comments(db) == []
    deliver(db, a_response(event="e4", words="Once more.", at=later))
    handle_all(db)
    assert comments(db) == []


def test_words_go_to_the_people_and_never_into_an_event(db: Database, small: CohortDefinition) -> None:
    deliver(db, a_response(words="Secret praise."))
    handle_all(db)
    with db.read() as connection:
        payloads = str(connection.execute(sa.select(bus.events.c.payload)).all())
        (comment,) = people.comments_about(connection, COHORT, ParticipantId("P-0001"))
    assert "Secret praise." not in payloads
    assert (comment.kind, comment.evidence) == ("strengths", recorded_evidence(db)[0].pieces[0].evidence)


def test_what_comes_after_the_closing_day_is_flagged(db: Database, small: CohortDefinition) -> None:
    deliver(db, a_response(event="e1", at=datetime(2017, 3, 31, 22, 59, tzinfo=UTC)))
    deliver(db, a_response(event="e2", at=datetime(2017, 3, 31, 23, 0, tzinfo=UTC)))
    handle_all(db)
    assert [event.pieces[0].late for event in recorded_evidence(db)] == [False, True]


def retry(db: Database, ids: list[SubmissionId] | None = None) -> list[SubmissionId]:
    with db.write() as uow:
        return commands.retry(uow, ids, actor="Ada")


def test_after_the_roster_is_put_right_a_retry_turns_quarantine_into_evidence(
    any_db: Database, pilot: CohortDefinition, tmp_path: Path
) -> None:
    stranger = deliver(any_db, a_response(participant="P-0008", rater="R-P-0008-PE1", words="New here."))
    deliver(any_db, typeform_request(b"{", PILOT_SECRET))
    handle_all(any_db)
    assert states(any_db) == {"quarantined": 2}
    assert retry(any_db, [stranger, SubmissionId("unknown")]) == [stranger]
    handle_all(any_db)
    assert states(any_db) == {"quarantined": 2}
    assert told(any_db, SubmissionQuarantined.name) == 2

    with any_db.write() as uow:
        uow.execute(
            sa.insert(people.participants).values(
                cohort=COHORT,
                participant="P-0008",
                given_name="Zoë",
                family_name="Example",
                email="zoe@example.org",
                organisation="CCG",
            )
        )
        uow.execute(
            sa.insert(people.raters).values(
                cohort=COHORT,
                rater="R-P-0008-PE1",
                participant="P-0008",
                relationship="peer",
                name="Ann Example",
                email="ann@example.org",
            )
        )
    assert len(retry(any_db)) == 2
    handle_all(any_db)
    assert states(any_db) == {"quarantined": 1, "recorded": 1}
    (event,) = recorded_evidence(any_db)
    assert (event.participant, event.submission) == ("P-0008", stranger)
    assert comments(any_db, "P-0008") == ["New here."]
    assert told(any_db, SubmissionReceived.name) == 2 + 1 + 2
    with any_db.read() as connection:
        actions = connection.execute(sa.select(bus.audit.c.actor).where(bus.audit.c.action == "quarantine.retried"))
        assert [row.actor for row in actions] == ["Ada"] * 3
        reasons = connection.execute(
            sa.select(tables.submissions.c.reason).where(tables.submissions.c.id == stranger)
        ).scalar_one()
    assert reasons is None
    holds(any_db)


def test_a_retry_keeps_the_correlation_of_whoever_asks(db: Database, small: CohortDefinition) -> None:
    deliver(db, typeform_request(b"{", PILOT_SECRET))
    handle_all(db)
    with db.write() as uow:
        commands.retry(uow, None, actor="test")
        chain = uow.cause.correlation
    with db.read() as connection:
        query = sa.select(bus.events.c.correlation).order_by(bus.events.c.id.desc()).limit(1)
        assert connection.execute(query).scalar_one() == chain


def test_a_quarantined_submission_shows_what_was_sent_and_no_answers(db: Database, small: CohortDefinition) -> None:
    submission = deliver(db, a_response(event="e7", participant="P-0009", words="Secret praise."))
    handle_all(db)
    with db.read() as connection:
        detail = store.quarantined_one(connection, submission)
    assert detail is not None
    shown = detail.shown()
    assert (shown["id"], shown["form"], shown["participant"], shown["rater"]) == (
        submission,
        FORM,
        "P-0009",
        "R-P-0001-PE1",
    )
    assert (shown["delivery_id"], shown["code"]) == ("e7", "unknown_participant")
    assert isinstance(shown["size"], int)
    assert "praise" not in str(shown)


def test_a_sheet_whose_participant_left_the_roster_is_quarantined_with_the_place(
    db: Database, small: CohortDefinition
) -> None:
    submit(db, workbook({"About": [["assessor", "A-01"]], "EX1": [["participant", "SL1"], ["P-0001", 3]]}))
    with db.write() as uow:
        uow.execute(sa.delete(people.participants).where(people.participants.c.participant == "P-0001"))
    handle_all(db)
    with db.read() as connection:
        (held,) = store.quarantined(connection)
    assert (held.code, held.connection) == ("file_refused", "upload")
    assert "sheet EX1, row 2, column participant: “P-0001”" in held.reason


def test_a_partial_response_is_set_aside(db: Database, small: CohortDefinition) -> None:
    body = a_response().body.replace(b'"form_response"', b'"form_response_partial"', 1)
    deliver(db, typeform_request(body, PILOT_SECRET))
    handle_all(db)
    assert states(db) == {"set_aside": 1}
    assert recorded_evidence(db) == []
    holds(db)


@pytest.mark.parametrize("text", ["\x00", "\ud800", "\U0001f600 ok", "x" * 200_000])
def test_any_text_can_be_kept(any_db: Database, pilot: CohortDefinition, text: str) -> None:
    deliver(any_db, a_response(event="e1", words=text))
    deliver(any_db, a_response(event="e2", participant=text, rater=text, relationship=text, form=text, rating=text))
    handle_all(any_db)
    assert states(any_db)["quarantined"] >= 1
    assert states(any_db)["received"] == 0
    (kept,) = comments(any_db)
    assert kept.strip("x\ufffd\U0001f600 ok") == ""


def test_the_invariants_see_what_breaks_them(db: Database, small: CohortDefinition) -> None:
    lost = deliver(db, a_response(event="e1"))
    mute = deliver(db, a_response(event="e2", at=EARLY + timedelta(hours=1)))
    with db.write() as uow:
        mine = sa.update(tables.submissions)
        uow.execute(sa.update(bus.deliveries).values(state="done"))
        uow.execute(mine.where(tables.submissions.c.id == mute).values(state="recorded"))
        uow.execute(
            sa.insert(tables.latest).values(
                cohort=COHORT, participant="P", instrument="i", given_by="R", element="", evidence="never-told"
            )
        )
    with db.read() as connection:
        assert {name.split(".")[1]: rule(connection) for name, rule in INVARIANTS.items()} == {
            "every_received_submission_is_on_its_way": [lost],
            "every_unread_submission_says_why": [],
            "every_recorded_submission_said_something": [mute],
            "every_piece_that_counts_was_published": ["never-told"],
        }
