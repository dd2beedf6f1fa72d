"""The pilot cohort from webhook to .eml, on SQLite and on PostgreSQL: the figures that the pilot is known for."""

import json
from collections import Counter
from email import message_from_bytes
from email.policy import default
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from services.intake.store import quarantined, refusals
from services.reporting.store import latest_report, plans_of, pool_of
from services.scoring.store import results_of
from shared.cohort.folder import CohortFolder
from shared.db import Database
from shared.ids import CohortId
from tests.builders.bench import PILOT, Bench
from tests.builders.recorded_figures import recorded_figures

COHORT = CohortId("pilot-p")
RECORDED = Path(__file__).parent.parent / "samples" / "scoring" / "rater-means-1" / "hashes.json"
"""The pilot's results by participant: the same evidence gives the same bytes on any machine and in any order."""


@pytest.fixture
def bench(any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(any_db, tmp_path, monkeypatch)


@pytest.fixture
def small_bench(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """For what does not depend on the database."""
    return Bench(db, tmp_path, monkeypatch)


def fed(bench: Bench) -> CohortFolder:
    """Everything but what comes late."""
    opened, _ = bench.open(PILOT)
    bench.feed(PILOT, COHORT)
    return opened


def fed_late(bench: Bench) -> None:
    bench.deliver((PILOT / "late" / "deliveries").glob("*.json"))
    bench.upload(COHORT, list((PILOT / "late" / "written").glob("*.csv")))
    bench.work()


def test_the_pilot_from_webhook_to_mail(bench: Bench) -> None:
    opened, _ = bench.open(PILOT)
    answers = bench.deliver((PILOT / "deliveries").glob("*.json"))
    assert [answer for answer in answers if not answer.as_expected] == []
    assert Counter(answer.status for answer in answers if answer.kind == "forged_signature") == {401: 1}
    uploads = bench.upload(COHORT, [*(PILOT / "development_day").glob("*"), *(PILOT / "written").glob("*.csv")])
    assert {upload.status for upload in uploads} == {202}
    (rejected,) = bench.upload(COHORT, list((PILOT / "rejected").glob("*")))
    assert rejected.status == 422
    bench.work()

    before = bench.status(opened)
    assert {participant for participant, status in before.items() if status.scored} == {
        "P-0001",
        "P-0002",
        "P-0004",
        "P-0005",
        "P-0006",
    }
    assert [words for words in before["P-0003"].missing if "W3: markers differ by 5, a third mark is needed" in words]
    assert len(before["P-0003"].missing) == 1
    assert [words for words in before["P-0007"].missing if "direct reports: 1 of 3" in words]
    assert len(before["P-0007"].missing) == 1
    with bench.db.read() as connection:
        held = quarantined(connection, COHORT)
        assert len(held) == 4
        assert sum(refusal.count for refusal in refusals(connection, COHORT)) == 1
    words = " ".join(each.reason for each in held)
    assert "P-9999" in words
    assert "zz9UNKNOWN" in words
    assert bench.mails() == []

    bench.run(COHORT)
    assert len(bench.mails()) == 5
    fed_late(bench)
    assert all(status.scored for status in bench.status(opened).values())
    assert len(bench.mails()) == 5
    bench.run(COHORT)

    recipients = Counter(
        message_from_bytes(mail.read_bytes(), policy=default)["To"].addresses[0].addr_spec for mail in bench.mails()
    )
    assert recipients == Counter({person.email: 1 for person in opened.participants})
    with bench.db.read() as connection:
        plans = plans_of(connection, COHORT)
        assert [(plan.participant, plan.revision, plan.sent) for plan in plans] == [
            (person.participant, 1, True) for person in opened.participants
        ]
        records = pool_of(connection, cohort=COHORT)
        assert {(record.participant, record.level, record.status) for record in records} == {
            (person.participant, person.pool_consent, "proposed") for person in opened.participants
        }
        report = latest_report(connection, COHORT)
    assert report is not None
    weakest: dict[str, str] = {}
    for gap in report.document.gaps:
        assert gap.n == 7
        weakest.setdefault(gap.facet, gap.domain)
    assert weakest == {"know": "IK", "apply": "IK"}
    estimates = [gap.figure.estimate for gap in report.document.gaps if gap.figure]
    assert estimates == sorted(estimates)


def test_everything_again_changes_nothing(bench: Bench) -> None:
    fed(bench)
    fed_late(bench)
    bench.run(COHORT)
    with bench.db.read() as connection:
        results = results_of(connection, COHORT, every=True)
    mails = {mail: mail.read_bytes() for mail in bench.mails()}
    assert len(mails) == 7
    fed(bench)
    fed_late(bench)
    bench.run(COHORT)
    with bench.db.read() as connection:
        assert results_of(connection, COHORT, every=True) == results
    assert {mail: mail.read_bytes() for mail in bench.mails()} == mails


def test_the_order_of_arrival_changes_no_result(bench: Bench, tmp_path: Path) -> None:
    bench.open(PILOT)
    deliveries = sorted((PILOT / "deliveries").glob("*.json")) + sorted((PILOT / "late" / "deliveries").glob("*.json"))
    bench.upload(COHORT, [*(PILOT / "late" / "written").glob("*"), *(PILOT / "written").glob("*")])
    list(bench.sender.deliveries(list(reversed(deliveries))))
    bench.upload(COHORT, list((PILOT / "development_day").glob("*")))
    bench.work()
    assert recorded_figures(bench.db, COHORT) == json.loads(RECORDED.read_text())


def test_a_mail_holds_the_plan_and_no_score(small_bench: Bench) -> None:
    fed(small_bench)
    small_bench.run(COHORT)
    for mail in small_bench.mails():
        message = message_from_bytes(mail.read_bytes(), policy=default)
        (attachment,) = message.iter_attachments()
        assert attachment.get_content_type() == "application/pdf"
        assert attachment.get_content().startswith(b"%PDF-")
        for kind in ("plain", "html"):
            body = message.get_body(preferencelist=(kind,))
            assert body is not None
            assert "improvement know-how" not in body.get_content().lower()


def test_no_rater_is_named_to_a_participant(small_bench: Bench) -> None:
    opened = fed(small_bench)
    small_bench.run(COHORT)
    names = {rater.name for rater in opened.raters if rater.relationship != "self"}
    ids = {rater.rater for rater in opened.raters}
    own = {person.name for person in opened.participants}
    for mail in small_bench.mails():
        message = message_from_bytes(mail.read_bytes(), policy=default)
        (attachment,) = message.iter_attachments()
        text = " ".join(page.extract_text() for page in PdfReader(BytesIO(attachment.get_content())).pages)
        assert not [name for name in (names - own) | ids if name in text]
