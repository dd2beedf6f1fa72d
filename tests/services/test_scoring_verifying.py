"""The replay receipt: what was scored is computed again to the byte, and whatever was tampered with is seen."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from services.scoring.commands.verifying import Verified, verify
from services.scoring.core.canonical import canonical, hashed
from services.scoring.store.replays import NoSuchResult
from services.scoring.tables import calibrations, evidence, results
from shared.cohort.store import definitions
from shared.db import Database
from shared.ids import CohortId
from shared.words import Relationship
from tests.builders.scoring_case import a_response, complete_evidence
from tests.builders.simulated_cohort import a_simulated_cohort
from tests.services import test_scoring_calibration as calibrated
from tests.services import test_scoring_handlers as small

ANNA, BEN = small.ANNA, small.BEN


def scored(db: Database) -> Database:
    """Anna with two versions, Ben with one."""
    small.record(small.opened(db), ANNA, complete_evidence())
    small.record(db, ANNA, [a_response("P1", Relationship.PEER, 5, after=9)])
    small.record(db, BEN, complete_evidence())
    return db


def altered(db: Database, table: sa.Table, where: Any, **values: Any) -> list[Verified]:
    """What verifying finds after somebody has changed a row."""
    with db.write() as uow:
        assert uow.execute(sa.update(table).where(where).values(values)).rowcount
    return [each for each in verify(db, ["small"]) if not each.same]


def test_every_version_of_a_cohort_comes_out_as_recorded(any_db: Database) -> None:
    found = verify(scored(any_db), ["small"])
    assert [(each.what, each.version, each.same) for each in found] == [
        (ANNA, 1, True),
        (ANNA, 2, True),
        (BEN, 1, True),
    ]


def test_one_participant_and_one_result_are_named_by_their_ids(db: Database) -> None:
    scored(db)
    with db.read() as connection:
        one = connection.execute(sa.select(results.c.id).where(results.c.participant == BEN)).scalar_one()
    assert [each.what for each in verify(db, [ANNA], CohortId("small"))] == [ANNA, ANNA]
    assert [each.what for each in verify(db, [one])] == [BEN]
    with pytest.raises(NoSuchResult, match="P-Z"):
        verify(db, ["P-Z"])
    with pytest.raises(NoSuchResult, match="in elsewhere"):
        verify(db, [ANNA], CohortId("elsewhere"))


def test_a_document_that_was_changed_is_seen(db: Database) -> None:
    scored(db)
    with db.read() as connection:
        document = connection.execute(sa.select(results.c.document).where(results.c.participant == BEN)).scalar_one()
    raised = document.replace('"estimate":2.4,', '"estimate":4.2,')
    assert raised != document
    mine = results.c.participant == BEN
    (found,) = altered(db, results, mine, document=raised)
    assert found.differences == ("the document was changed: its hash is not the one recorded",)
    (found,) = altered(db, results, mine, document=raised, hash=hashed(raised))
    assert any("recorded 4.2, now 2.4" in line for line in found.differences)


def test_evidence_that_was_changed_is_seen(db: Database) -> None:
    scored(db)
    where = sa.and_(evidence.c.participant == BEN, evidence.c.by == "P2")
    (found,) = altered(db, evidence, where, ratings={"A1k": 1, "B1k": 5})
    assert found.what == BEN
    assert any(line.startswith("domains.0.") for line in found.differences)


def test_evidence_that_is_gone_is_named(db: Database) -> None:
    scored(db)
    with db.write() as uow:
        uow.execute(sa.delete(evidence).where(evidence.c.participant == BEN, evidence.c.by == "P2"))
    (found,) = (each for each in verify(db, ["small"]) if not each.same)
    assert "is gone" in found.differences[0]


def test_a_definition_that_is_gone_is_told_of(db: Database) -> None:
    scored(db)
    with db.write() as uow:
        uow.execute(sa.delete(definitions))
    assert all("definition" in each.differences[0] for each in verify(db, ["small"]))


def test_a_result_of_a_release_before_layers_is_compared_in_what_it_has(db: Database) -> None:
    scored(db)
    with db.read() as connection:
        document = json.loads(
            connection.execute(sa.select(results.c.document).where(results.c.participant == BEN)).scalar_one()
        )
    older = canonical({name: value for name, value in document.items() if name not in LATER})
    assert altered(db, results, results.c.participant == BEN, document=older, hash=hashed(older)) == []


LATER = {"layers", "domains", "flags", "receipt", "calibration", "thresholds"}


def test_a_layer_that_this_release_no_longer_has_is_not_called_equal(db: Database) -> None:
    scored(db)
    with db.read() as connection:
        document = connection.execute(sa.select(results.c.document).where(results.c.participant == BEN)).scalar_one()
    other = document.replace('"version":"domain/1"', '"version":"domain/0"')
    (found,) = altered(db, results, results.c.participant == BEN, document=other, hash=hashed(other))
    assert found.differences == ("layer domain was domain/0, this release has domain/1: it can't be compared",)


def test_calibrations_are_fitted_again_and_compared(db: Database) -> None:
    cohort = a_simulated_cohort(32, seed=4)
    calibrated.opened(db, cohort)
    for each in cohort.participants:
        calibrated.record(db, each, cohort.pieces[each])
    calibrated.run(db)
    found = verify(db, ["simulated"])
    assert len(found) == 1 + 2 * 32
    assert all(each.same for each in found), [each for each in found if not each.same][:3]
    with db.write() as uow:
        document = json.loads(uow.execute(sa.select(calibrations.c.document)).scalar_one())
        document["parts"][2]["variance"]["severity"] += 0.1
        uow.execute(sa.update(calibrations).values(document=canonical(document), hash=hashed(canonical(document))))
    different = next(each for each in verify(db, ["simulated"]) if each.what == "calibration")
    assert "parts.2.variance.severity" in different.differences[0]
