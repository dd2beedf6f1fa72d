"""`talentline deliveries …` as an operator types it, on an installation where some things could not be delivered."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import migrations
from shared.chains import whereabouts_of
from shared.db import Cause, Database
from shared.delivery import run
from shared.errors import PermanentError
from shared.events import CohortReported, SubmissionReceived
from shared.http_client import ApiRefused
from shared.ids import CohortId, DeliveryId, RunId
from shared.timers import set_timer
from tests.builders.bus import a_delivery, handled_by, row
from tests.builders.shell import environment_of, typed_here

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "command.md"


class Desk:
    """An operator's terminal. Two deliveries are parked for their own reasons, one waits."""

    def __init__(self, place: Path) -> None:
        self.place = place
        migrations.migrate(f"sqlite:///{place}/talentline.db")
        self.db = Database(f"sqlite:///{place}/talentline.db")
        self.refused, self.forbidden, self.waiting = (a_delivery(self.db, f"s-{number}") for number in range(3))
        self._park(self.refused, PermanentError("the roster lacks P-9; add it"))
        self._park(self.forbidden, ApiRefused("api.example.org", "said 403", 403))

    def _park(self, delivery: DeliveryId, error: Exception) -> None:
        def handler(uow: Any, event: SubmissionReceived) -> None:
            raise error

        assert not run(self.db, delivery, handled_by(handler))

    def type(self, *words: str, status: int = 0) -> str:
        """Run `talentline deliveries` with these words; it must end with this status. Gives what it printed."""
        done = typed_here(environment_of(self.place), "deliveries", *words)
        assert done.status == status, done.out + done.err
        return done.out + done.err

    def json(self, *words: str) -> Any:
        return json.loads(self.type(*words, "--json"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.db.close()


def documented(command: str) -> Any:
    """The JSON that docs/command.md shows for `deliveries …`."""
    found = re.search(
        rf"^`deliveries {command}.*?```json\n(.*?)\n```", DOCUMENTATION.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found
    return json.loads(found[1])


def shape(value: Any) -> Any:
    """The keys of an object, all the way down; of a list, those of its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else None


def test_listing_showing_and_explaining_print_what_is_documented(desk: Desk) -> None:
    desk.type("retry", str(desk.refused), "--no-wait", "--by", "A. Operator", "--why", "roster put right")
    desk._park(desk.refused, PermanentError("still not"))
    with desk.db.read() as connection:
        found = whereabouts_of(connection, desk.refused)
    assert found is not None
    with desk.db.write(Cause(found.delivery.correlation, found.delivery.event_id)) as uow:
        set_timer(uow, "t", timedelta(hours=1), CohortReported(run=RunId("r"), cohort=CohortId("c")))

    listing = desk.json("list")
    assert shape(listing) == shape(documented("list"))
    assert [(each["id"], each["state"], each["reason"]) for each in listing["deliveries"]] == [
        (desk.refused, "parked", "validation"),
        (desk.forbidden, "parked", "vendor"),
        (desk.waiting, "pending", None),
    ]
    shown = desk.json("show", str(desk.refused))
    assert shape(shown) == shape(documented("show"))
    assert [(each["actor"], each["why"]) for each in shown["decisions"]] == [("A. Operator", "roster put right")]
    words = desk.json("explain", str(desk.refused))
    assert shape(words) == shape(documented("explain"))
    assert words["why"].endswith("still not")


def test_people_read_the_same_without_json(desk: Desk) -> None:
    assert "the roster lacks P-9" in desk.type("list", "--parked")
    assert re.search(r"intake\.submission_received\.v1\s+│\s+1\s+│\s+intake\s+│\s+parked", desk.type("show", "1"))
    said = desk.type("explain", str(desk.forbidden))
    assert "Somebody outside refused it: ApiRefused: api.example.org said 403" in said
    assert f"talentline deliveries retry {desk.forbidden}" in said


def test_all_that_are_parked_for_one_reason_are_retried_together(desk: Desk) -> None:
    assert "1 delivery(ies) will be tried again" in desk.type("retry", "--reason", "vendor", "--no-wait")
    assert (row(desk.db, desk.forbidden).state, row(desk.db, desk.refused).state) == ("pending", "parked")


def test_retrying_wants_to_know_which(desk: Desk) -> None:
    assert "Say which" in desk.type("retry", "1", "--reason", "vendor", status=2)
    said = desk.type("retry", str(desk.waiting), "404", "--no-wait", status=1)
    assert f"Delivery {desk.waiting} is neither parked nor discarded" in said
    assert "Delivery 404" in said


def test_discarding_wants_a_reason_and_ends_the_alarm(desk: Desk) -> None:
    assert "Say why" in desk.type("discard", str(desk.refused), "--because", " ", status=2)
    desk.type("discard", str(desk.refused), "--because", "a test of the tool", "--by", "A. Operator")
    assert f"Delivery {desk.waiting} is not parked" in desk.type(
        "discard", str(desk.waiting), "--because", "too slow", status=1
    )
    assert [each["id"] for each in desk.json("list", "--parked")["deliveries"]] == [desk.forbidden]
    assert [each["id"] for each in desk.json("list", "--discarded")["deliveries"]] == [desk.refused]
    assert "laid aside by A. Operator" in desk.type("explain", str(desk.refused))


def test_an_id_that_was_never_given_is_named_with_what_to_do(desk: Desk) -> None:
    assert "There is no delivery 404; `talentline deliveries list`" in desk.type("show", "404", status=1)
