"""A changed mapping and back-fill: what a page brought is read again too, and nothing is taken twice because of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.intake import commands, store, tables
from services.intake.commands.mapping import Drafting, from_deliveries, looked_through
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Reading, Responses, Secrets
from services.intake.invariants import INVARIANTS
from services.intake.settings import IntakeSettings
from services.intake.vendors import VENDORS
from services.intake.vendors.typeform import Typeform
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import Database
from tests.builders.described_folder import described
from tests.builders.described_folder import replace as put
from tests.builders.intake import PILOT_SECRET, PILOT_SECRET_ENV, open_pilot
from tests.servers.survey_tools import TOKEN
from tests.services import test_intake_backfill
from tests.services.test_intake_backfill import (
    COHORT,
    NAME,
    ask,
    deliver,
    evidence,
    genuine,
    listed,
    poll,
    states,
    tool_with,
    work,
)

CHOICES = "programme/choices.csv"
WAS, IS = "2 - Rarely,2", "2 - Rarely,1"
FIRST = "4 - Often"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    monkeypatch.setenv(f"{PILOT_SECRET_ENV}_TOKEN", TOKEN)


@pytest.fixture
def folder(any_db: Database, tmp_path: Path) -> Path:
    """The pilot's folder, open, in which a label may be given another worth."""
    path = described(tmp_path / "cohort")
    open_pilot(any_db, path)
    return path


def relabel(db: Database, folder: Path, was: str = WAS, now: str = IS) -> None:
    """Give a label another worth, and have read again what arrived."""
    put(folder / CHOICES, was, now)
    open_pilot(db, folder)
    work(db, tool_with([]))


def counting(db: Database) -> dict[tuple[str, str], dict[str, float | None]]:
    """What each rater says now about whom."""
    pieces, found = tables.pieces.c, {}
    with db.read() as connection:
        for row in connection.execute(sa.select(tables.pieces).order_by(pieces.as_of)).mappings():
            found[row["participant"], row["given_by"]] = row["document"]["ratings"]
    return found


def known(db: Database) -> list[tuple[Any, ...]]:
    """What is known of each response: who brought which state of it."""
    r = tables.responses.c
    with db.read() as connection:
        rows = connection.execute(sa.select(r.response, r.submission, r.as_of, r.polled).order_by(r.response))
        return [tuple(row) for row in rows]


def outcomes(db: Database) -> dict[str, int]:
    with db.read() as connection:
        summary = store.latest_rereading(connection, COHORT)
    return {} if summary is None else dict(summary.outcomes)


def holds(db: Database) -> None:
    with db.read() as connection:
        assert {name: rule(connection) for name, rule in INVARIANTS.items()} == {name: [] for name in INVARIANTS}


def fed(db: Database, *, webhooks: slice, page_size: int = 1000) -> None:
    """Some responses come by webhook, and all by asking."""
    bodies = genuine()
    deliver(db, bodies[webhooks])
    tool = tool_with(bodies, page_size)
    work(db, tool)
    ask(db)
    work(db, tool)


class Editable(Typeform):
    """As if the tool said when a response was edited."""

    def read(self, request: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        return dated(super().read(request, answers))

    def read_page(self, page: RawRequest, answers: Sequence[ApiAnswer] = ()) -> Reading:
        return dated(super().read_page(page, answers))


def dated(reading: Reading) -> Reading:
    assert isinstance(reading, Responses)
    each = tuple(replace(one, revised_at=one.submitted_at, revision=str(one.submitted_at)) for one in reading.each)
    return replace(reading, each=each)


def edited(body: dict[str, Any]) -> dict[str, Any]:
    """The same response a while later, one rating changed."""
    changed: dict[str, Any] = json.loads(json.dumps(body).replace(FIRST, "1 - Never", 1))
    changed["form_response"]["submitted_at"] = "2017-03-20T10:00:00Z"
    return changed


def standing(db: Database) -> list[tuple[str, str, str]]:
    """Who is read now to have said what: person, submission and ratings."""
    p = tables.pieces.c
    with db.read() as connection:
        rows = connection.execute(sa.select(p.given_by, p.submission, p.document).where(p.standing)).all()
    return [(by, submission, json.dumps(document["ratings"], sort_keys=True)) for by, submission, document in rows]


def test_what_a_page_brought_means_the_same_as_if_webhooks_had_brought_it(
    any_db: Database, folder: Path, sqlite_template: Path, tmp_path: Path
) -> None:
    fed(any_db, webhooks=slice(0, None, 2), page_size=10)
    before = counting(any_db)
    relabel(any_db, folder)
    path = tmp_path / "webhooks.db"
    path.write_bytes(sqlite_template.read_bytes())
    other = Database(f"sqlite:///{path}")
    open_pilot(other, folder)
    deliver(other, genuine())
    work(other, tool_with([]))
    assert counting(any_db) == counting(other) != before
    assert outcomes(any_db)["changed"] > 0
    other.close()
    holds(any_db)


def test_what_is_known_of_responses_stays_and_asking_again_takes_nothing_in(any_db: Database, folder: Path) -> None:
    fed(any_db, webhooks=slice(0, None, 2))
    said, settled = known(any_db), states(any_db)
    relabel(any_db, folder)
    assert (known(any_db), states(any_db)) == (said, settled)
    before = evidence(any_db)
    tool = tool_with(genuine())
    ask(any_db)
    work(any_db, tool)
    deliver(any_db, genuine()[1::2])
    work(any_db, tool)
    assert evidence(any_db) == before
    assert poll(any_db).news == 0
    assert states(any_db) == settled | {("set_aside", "nothing_new"): len(genuine()[1::2])}


def test_a_change_and_its_reversal_leave_what_counts_as_it_was(any_db: Database, folder: Path) -> None:
    fed(any_db, webhooks=slice(0, None, 3))
    before, said = counting(any_db), known(any_db)
    relabel(any_db, folder)
    assert counting(any_db) != before
    relabel(any_db, folder, IS, WAS)
    assert (counting(any_db), known(any_db)) == (before, said)
    holds(any_db)


@pytest.mark.parametrize("first", ["webhook", "page"])
def test_a_state_that_was_overtaken_is_read_again_and_neither_withdrawn_nor_known_as_the_latest(
    any_db: Database, folder: Path, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one response an earlier state came one way and a later one the other way."""
    monkeypatch.setattr(test_intake_backfill, "VENDORS", {**VENDORS, "typeform": Editable()})
    body = next(each for each in genuine() if FIRST in json.dumps(each))
    for number, state in enumerate((body, edited(body))):
        by_webhook = (first == "webhook") == (number == 0)
        if by_webhook:
            deliver(any_db, [state])
        else:
            ask(any_db)
        work(any_db, tool_with([state]))
    said = known(any_db)
    before = {(state, rating) for _, state, rating in standing(any_db)}
    assert len(before) == 2
    assert states(any_db) == {("recorded", None): 2}
    relabel(any_db, folder, "4 - Often,4", "4 - Often,5")
    assert states(any_db) == {("recorded", None): 2}
    assert known(any_db) == said
    assert outcomes(any_db) == {"changed": 2}
    now = {(state, rating) for _, state, rating in standing(any_db)}
    assert {state for state, _ in now} == {state for state, _ in before}, "both still say something"
    assert not now & before
    holds(any_db)


def test_a_probe_stays_set_aside_when_all_else_is_read_again(any_db: Database, folder: Path) -> None:
    vendor = VENDORS["typeform"]
    made = vendor.probe("a mark", Secrets(PILOT_SECRET), clock.now())
    assert made is not None
    with any_db.write() as uow:
        assert isinstance(commands.accept_webhook(uow, IntakeSettings(), NAME, made), commands.Taken)
    fed(any_db, webhooks=slice(0, 4))
    before = states(any_db)
    relabel(any_db, folder)
    assert states(any_db) == before
    assert [reason for state, reason in before if state == "set_aside"]


def test_a_check_of_the_mapping_counts_each_response_once(db: Database, tmp_path: Path) -> None:
    path = described(tmp_path / "cohort")
    open_pilot(db, path)
    fed(db, webhooks=slice(0, None, 2))
    deliver(db, genuine()[1:3])
    work(db, tool_with([]))
    check = looked_through(db, definition(db), NAME)
    assert check.answered.total() == len(genuine())


def test_a_mapping_is_drafted_from_pages_too(db: Database, tmp_path: Path) -> None:
    open_pilot(db, described(tmp_path / "cohort"))
    fed(db, webhooks=slice(0, 0))
    drafting = Drafting.of(definition(db), NAME)
    with db.read() as connection:
        (form,) = from_deliveries(drafting, store.deliveries_of(connection, COHORT, NAME)).forms
    asked = {each.ref for each in form.questions}
    refs = {each.field_ref for each in definition(db).form_fields if each.connection == NAME}
    assert refs <= asked
    assert listed(genuine()[0])["hidden"].keys() <= asked


def definition(db: Database) -> CohortDefinition:
    with db.read() as connection:
        return definition_of(connection, COHORT)
