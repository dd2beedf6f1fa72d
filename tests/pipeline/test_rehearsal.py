"""The cohorts that deploy/verify.sh rehearses with: copies of the pilot that stand beside each other."""

import json
from pathlib import Path

from deploy.rehearsal import _copied
from services.intake.vendors import VENDORS
from shared.cohort.folder import read_folder
from tests.builders.bench import PILOT


def test_a_copy_of_the_pilot_is_a_cohort_of_its_own_with_the_same_bodies_and_signatures(tmp_path: Path) -> None:
    copy = _copied("round-1", tmp_path / "round-1")
    found = read_folder(copy, vendors=VENDORS)
    assert found.definition.cohort == "round-1"
    assert list(found.definition.connections) == ["round-1"]
    originals = sorted(PILOT.rglob("deliveries/*.json"))
    assert len(originals) == 94
    for file in originals:
        before, after = (json.loads(each.read_text()) for each in (file, copy / file.relative_to(PILOT)))
        assert after["request"].pop("path") == "/webhooks/round-1"
        assert before["request"].pop("path") == "/webhooks/appraisal-360"
        assert after == before
