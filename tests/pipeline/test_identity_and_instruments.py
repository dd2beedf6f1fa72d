"""From a folder to a result where a tool has no hidden fields, and where sheets and marks come by webhook as well."""

import csv
import json
import shutil
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from services.intake.commands import PersonalLink, UnusableLink
from services.scoring.store import results_of
from shared import people
from shared.cohort.folder import FolderMistakes
from shared.cohort.store import definition_of
from shared.db import Database
from shared.ids import CohortId
from shared.tables import metadata
from tests.builders.bench import PILOT, PILOT_SECRET, Bench
from tests.builders.intake import typeform_body, typeform_signature

COHORT = CohortId("pilot-p")
SL1A = "ccb1c51d-0eba-4ea8-8770-a08716e6fec3"
KEY = "a long random key for links"
LINK = "https://form.example.org/to/wNe360aT#token={token}"
AT = datetime(2017, 2, 6, 9, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "cohort"
    shutil.copytree(PILOT, path)
    return path


@pytest.fixture
def bench(any_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(any_db, tmp_path / "data", monkeypatch)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def known_by(folder: Path, how: str) -> None:
    """Have the 360's connection tell people in another way."""
    change(folder / "cohort.toml", 'instrument = "appraisal_360"', f'instrument = "appraisal_360"\nidentity = "{how}"')


def send(bench: Bench, body: bytes, connection: str = "appraisal-360") -> None:
    headers = {"Typeform-Signature": typeform_signature(body, PILOT_SECRET)}
    assert bench.client.post(f"/webhooks/{connection}", content=body, headers=headers).status_code == 200


def a_body(event: str, hidden: dict[str, str], **more: Any) -> bytes:
    """A response to the pilot's form whose link carries only `hidden`."""
    body = json.loads(typeform_body(event=event, at=AT, labels={SL1A: "4 - Often"}, form="wNe360aT", **more))
    body["form_response"]["hidden"] = hidden
    return json.dumps(body).encode()


def counted(db: Database) -> set[tuple[str, str]]:
    """(participant, rater) of all evidence of the 360."""
    latest = tables.latest.c
    with db.read() as connection:
        rows = connection.execute(sa.select(latest.participant, latest.given_by).where(latest.element == ""))
        return {(row.participant, row.given_by) for row in rows}


def quarantined(db: Database) -> dict[str, str]:
    with db.read() as connection:
        return {each.code: each.reason for each in store.quarantined(connection, COHORT)}


def test_a_responder_is_known_by_the_address_in_raters_csv_and_the_address_stays_with_people(
    bench: Bench, folder: Path
) -> None:
    known_by(folder, "responder_email")
    with (folder / "programme/form_fields.csv").open("a", encoding="utf-8") as fields:
        fields.write("appraisal-360,typeform,wNe360aT,address,identity:email\n")
    bench.open(folder)
    with bench.db.read() as connection:
        rater = people.raters_of(connection, COHORT)[0]
    send(bench, a_body("e1", {"address": f" {rater.email.upper()} "}))
    bench.work()
    assert counted(bench.db) == {(rater.participant, rater.rater)}
    send(bench, a_body("e2", {"address": "stranger@example.org"}))
    send(bench, a_body("e3", {}))
    bench.work()
    reasons = quarantined(bench.db)
    assert set(reasons) == {"unknown_rater", "identity_missing"}
    with bench.db.read() as connection:
        kept = connection.execute(sa.select(tables.submissions.c.reason_words, tables.submissions.c.detail)).all()
    assert "@" not in repr(kept)


def made(bench: Bench, pattern: str = LINK, key: str | None = KEY) -> list[PersonalLink]:
    with bench.db.write() as uow:
        definition = definition_of(uow.connection, COHORT)
        return commands.personal_links(uow, definition, "appraisal-360", pattern, key, actor="test")


def test_personal_links_name_their_rater_are_the_same_when_made_again_and_stand_in_no_table(
    bench: Bench, folder: Path
) -> None:
    known_by(folder, "link_token")
    bench.open(folder)
    links = made(bench)
    assert links == made(bench)
    tokens = {each.person: each.link.partition("token=")[2] for each in links}
    assert len(set(tokens.values())) == len(links) == 84
    with bench.db.read() as connection:
        stored = [repr(connection.execute(sa.select(table)).all()) for table in metadata.sorted_tables]
    assert not [who for who, token in tokens.items() if any(token in rows for rows in stored)]
    send(bench, a_body("e1", {"token": tokens[links[0].person]}))
    bench.work()
    assert counted(bench.db) == {(links[0].participant, links[0].person)}
    send(bench, a_body("e2", {"token": tokens[links[0].person], "participant": links[-1].participant}))
    send(bench, a_body("e3", {"token": "made-up"}))
    bench.work()
    assert set(quarantined(bench.db)) == {"rater_of_somebody_else", "unknown_rater"}


@pytest.mark.parametrize(
    ("pattern", "key", "why"),
    [
        (LINK, None, "TALENTLINE_LINK_KEY is not set"),
        ("https://form.example.org/#rater={rater}", KEY, "must hold {token}"),
        ("https://form.example.org/#who={name}", KEY, "in braces there may be"),
        ("https://form.example.org/", KEY, "all links are the same"),
        ("form.example.org/{token}", KEY, "https://"),
    ],
)
def test_links_that_would_not_work_are_refused_with_the_cure(
    bench: Bench, folder: Path, pattern: str, key: str | None, why: str
) -> None:
    known_by(folder, "link_token")
    bench.open(folder)
    with pytest.raises(UnusableLink, match=why):
        made(bench, pattern, key)


def test_links_for_hidden_fields_carry_the_ids_and_no_token(bench: Bench, folder: Path) -> None:
    bench.open(folder)
    first = made(
        bench, "https://f.example.org/#participant={participant}&rater={rater}&relationship={relationship}", None
    )[0]
    about = f"participant={first.participant}&rater={first.person}&relationship={first.relationship}"
    assert first.link == f"https://f.example.org/#{about}"
    with pytest.raises(UnusableLink, match="would not be read"):
        made(bench)


MISTAKES = [
    (
        "cohort.toml",
        'identity = "questions"',
        "programme/form_fields.csv, form_id: “wNe360aT” has no question for identity:",
    ),
    ("cohort.toml", 'identity = "mail"', "identity: “mail” is not one of hidden_fields, questions, responder_email"),
]


@pytest.mark.parametrize(("file", "line", "told"), MISTAKES)
def test_a_way_of_identity_that_cannot_work_is_a_mistake_of_the_folder(
    bench: Bench, folder: Path, file: str, line: str, told: str
) -> None:
    change(folder / file, 'instrument = "appraisal_360"', f'instrument = "appraisal_360"\n{line}')
    with pytest.raises(FolderMistakes) as refused:
        bench.open(folder)
    assert any(told in str(mistake) for mistake in refused.value.mistakes), refused.value.mistakes


def test_an_address_is_mapped_only_where_the_cohort_goes_by_it_and_two_raters_never_share_one(
    bench: Bench, folder: Path
) -> None:
    with (folder / "programme/form_fields.csv").open("a", encoding="utf-8") as fields:
        fields.write("appraisal-360,typeform,wNe360aT,address,identity:email\n")
    with pytest.raises(FolderMistakes, match='needs identity = "responder_email"'):
        bench.open(folder)
    known_by(folder, "responder_email")
    bench.open(folder)
    rows = (folder / "raters.csv").read_text(encoding="utf-8").splitlines()
    about = [row for row in rows if ",P-0001," in row][:2]
    shared = about[1].rpartition(",")[2]
    change(folder / "raters.csv", about[0], f"{about[0].rpartition(',')[0]},{shared}")
    with pytest.raises(FolderMistakes, match="nobody can tell who of them answered"):
        bench.open(folder, update=True)


def test_a_cohort_may_be_opened_before_its_forms_are_mapped(bench: Bench, folder: Path) -> None:
    for name in ("form_fields", "choices"):
        path = folder / f"programme/{name}.csv"
        path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    found, _ = bench.open(folder)
    assert any("waits in quarantine" in str(warning) for warning in found.warnings)


# All three instruments by webhook


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def with_all_connections(folder: Path) -> None:
    """The pilot's rules, with a form for the development day and one for the written assessment."""
    more = "".join(
        f'\n[connections.{name}]\nvendor = "typeform"\ninstrument = "{instrument}"\n'
        'secret_env = "TALENTLINE_SECRET_APPRAISAL_360"\n'
        for name, instrument in (("day", "development_day"), ("written", "written_assessment"))
    )
    path = folder / "cohort.toml"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    exercises = list(csv.DictReader(lines_of(folder / "programme/exercises.csv")))
    criteria = list(csv.DictReader(lines_of(folder / "programme/written_criteria.csv")))
    with (folder / "programme/form_fields.csv").open("a", encoding="utf-8") as fields:
        for row in exercises:
            fields.write(
                f"day,typeform,day-form,{row['exercise']}-{row['competency']},{row['exercise']}:{row['competency']}\n"
            )
        fields.writelines(f"written,typeform,marks-form,m-{row['criterion']},{row['criterion']}\n" for row in criteria)


def day_responses(folder: Path) -> list[tuple[str, str, dict[str, str]]]:
    """(assessor, participant, answers) of the score sheets."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for path in sorted((folder / "development_day").glob("*.xlsx")):
        book = openpyxl.load_workbook(path)
        assessor = str(book["About"]["B1"].value)
        for sheet in book:
            if sheet.title == "About":
                continue
            heading, *rows = sheet.iter_rows(values_only=True)
            for row in rows:
                cells = dict(zip(heading[1:], row[1:], strict=True))
                for competency, rating in cells.items():
                    label = "Not observed" if rating is None or str(rating).strip() in {"", "N"} else str(rating)
                    found[assessor, str(row[0])][f"{sheet.title}-{competency}"] = label
    return [(assessor, participant, answers) for (assessor, participant), answers in sorted(found.items())]


def mark_responses(folder: Path) -> list[tuple[str, str, dict[str, str]]]:
    """(marker, participant, answers) of the marks."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for row in csv.DictReader(lines_of(folder / "written/marks.csv")):
        found[row["marker"], row["participant"]][f"m-{row['criterion']}"] = row["mark"]
    return [(marker, participant, answers) for (marker, participant), answers in sorted(found.items())]


def figures(bench: Bench) -> list[tuple[Any, ...]]:
    with bench.db.read() as connection:
        return [
            (row.participant, row.domain, row.facet, row.estimate, row.low, row.high)
            for row in results_of(connection, COHORT)
        ]


def test_sheets_and_marks_that_come_by_webhook_give_the_results_of_those_that_are_uploaded(
    bench: Bench, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_template: Path
) -> None:
    with_all_connections(folder)
    bench.open(folder)
    bench.deliver((folder / "deliveries").glob("*.json"))
    bench.work()
    for number, (who, about, answers) in enumerate(day_responses(folder)):
        hidden = {"participant": about, "assessor": who}
        body = json.loads(a_body(f"day-{number}", hidden))
        body["form_response"] |= {"form_id": "day-form", "answers": _answers(answers)}
        send(bench, json.dumps(body).encode(), "day")
    for number, (who, about, answers) in enumerate(mark_responses(folder)):
        body = json.loads(a_body(f"marks-{number}", {"participant": about, "marker": who}))
        body["form_response"] |= {"form_id": "marks-form", "answers": _answers(answers)}
        send(bench, json.dumps(body).encode(), "written")
    bench.work()
    shutil.copy(sqlite_template, tmp_path / "uploaded.db")
    uploaded = Bench(Database(f"sqlite:///{tmp_path / 'uploaded.db'}"), tmp_path / "other", monkeypatch)
    uploaded.open(PILOT)
    uploaded.feed(PILOT, COHORT)
    assert figures(bench) == figures(uploaded)
    assert len(figures(bench)) > 0
    uploaded.db.close()


def _answers(answers: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"type": "choice", "choice": {"label": label}, "field": {"id": ref, "ref": ref, "type": "multiple_choice"}}
        for ref, label in answers.items()
    ]
