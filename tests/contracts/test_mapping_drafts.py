"""Over the registry: a draft made from each tool's recorded deliveries, or from a recorded definition, proposes right.

Run with `-s` to see the figures: of what is proposed how much is right (precision), of what is to be found how much is
proposed (recall), and how many fields bear the item's statement as their title.
"""

import json
import sys
from collections.abc import Sequence

import pytest

from services.intake.core.form import Form
from services.intake.core.mapping.draft import FieldRow
from services.intake.core.mapping.identity_fields import Known
from services.intake.core.mapping.statements import plain_title
from services.intake.core.vendor import ApiAnswer, RequestNeeded
from services.intake.vendors import VENDORS
from tests.builders.mapping import STATEMENTS, a_draft, right_mapping, shown_by
from tests.builders.vendor_samples import Sample, every

READABLE = {"positive", "edited"}
WITHOUT_WORDS = {"formbricks", "google_forms_pubsub", "limesurvey_plugin", "msforms_powerautomate", "qualtrics", "snap"}
"""Tools whose deliveries neither say what a question asks nor have a code in its reference."""


def samples_of(vendor: str) -> list[Sample]:
    """The genuine deliveries of one form that hold whole responses."""
    return [
        each
        for each in every()
        if each.vendor == vendor
        and each.expected["verified"] is not False
        and (each.kind in READABLE or each.scheme == "polled")
    ]


def agrees(row: FieldRow, right: str | None) -> bool:
    return row.maps_to is not None and right is not None and row.maps_to.startswith(right)


def people(sample: Sample) -> Known:
    """The ids that the cohort would know."""
    fields = {"participant_id": set(), "rater_id": set()}  # type: dict[str, set[str]]
    for response in sample.expected.get("responses", [sample.expected]):
        for name, values in fields.items():
            values.add(response.get("identity", {}).get(name, ""))
    return Known(frozenset(fields["participant_id"] - {""}), frozenset(fields["rater_id"] - {""}))


def measured(name: str, forms: Sequence[Form], sample: Sample, known: Known | None) -> tuple[float, float, int]:
    """Precision and recall over all mapped fields, and how many have the item's statement as their title."""
    right = right_mapping(sample)
    rows = {row.field_ref: row for row in a_draft(forms, known).fields}
    proposed = [row for row in rows.values() if row.maps_to]
    hits = sum(agrees(row, right.get(row.field_ref)) for row in proposed)
    titled = [
        ref
        for ref, item in right.items()
        if item in STATEMENTS and ref in rows and plain_title(rows[ref].title) == plain_title(STATEMENTS[item])
    ]
    assert all(agrees(rows[ref], right[ref]) for ref in titled)
    precision, recall = hits / len(proposed) if proposed else 1.0, hits / len(right)
    sys.stdout.write(
        f"{name:<34} precision {precision:.2f}  recall {recall:.2f}  statement as title {len(titled):>2}" + "\n"
    )
    return precision, recall, len(titled)


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_a_draft_from_deliveries_proposes_nothing_wrong_and_every_field_that_bears_its_statement(vendor: str) -> None:
    samples = samples_of(vendor)
    assert samples
    precision, recall, titled = measured(vendor, shown_by(samples), samples[0], people(samples[0]))
    assert precision == 1.0
    assert (titled > 0 or recall > 0.8) == (vendor not in WITHOUT_WORDS)


def definition_of(sample: Sample) -> Form:
    """The form as the recorded answer of the tool's API defines it."""
    form_id = sample.content["form"]["form_id"]
    needed = sample.plugin.define(form_id)
    assert isinstance(needed, RequestNeeded)
    (answer,) = (each for each in sample.recorded.api if each["url"] == needed.url.partition("?")[0])
    form = sample.plugin.define(form_id, [ApiAnswer(json.dumps(answer["json"]).encode())])
    assert isinstance(form, Form)
    assert form.form_id == form_id
    return form


def test_a_draft_from_a_recorded_definition_proposes_everything() -> None:
    sample = samples_of("surveymonkey")[0]
    figures = measured("surveymonkey, its API's definition", [definition_of(sample)], sample, None)
    assert figures == (1.0, 1.0, 12)


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_a_definition_is_asked_for_at_the_tools_own_hosts_with_the_token_left_out(vendor: str) -> None:
    sample = samples_of(vendor)[0]
    needed = sample.plugin.define(sample.content["form"]["form_id"])
    if needed is None:
        return
    assert isinstance(needed, RequestNeeded)
    host = needed.url.split("/")[2]
    assert host in sample.plugin.api_hosts
    assert any(
        "{token}" in part for part in (needed.url, needed.body.decode(), *(value for _, value in needed.headers))
    )
