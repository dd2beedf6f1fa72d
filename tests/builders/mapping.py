"""What a draft is made of: the questionnaire of the recorded deliveries as a cohort, and the forms that they show."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.intake.core.form import Form
from services.intake.core.mapping.draft import Draft, drafted
from services.intake.core.mapping.identity_fields import Known
from services.intake.core.mapping.seen import seen
from shared.cohort.definition import CohortDefinition
from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.words import Facet
from tests.builders.intake import a_definition
from tests.builders.vendor_samples import Sample

CONNECTION = "appraisal"
STATEMENTS: Mapping[str, str] = {
    "C01": "Explains decisions clearly",
    "C02": "Listens before answering",
    "C03": "Shares information early",
    "C04": "Keeps promises to colleagues",
    "C05": "Gives useful feedback",
    "C06": "Handles pressure calmly",
    "C07": "Delegates with trust",
    "C08": "Includes quieter voices",
    "C09": "Learns from mistakes",
    "C10": "Plans work realistically",
    "C11": "Puts patient safety first",
    "C12": "Works across departments",
}
WHO = {"participant_id": "identity:participant", "rater_id": "identity:rater", "rater_role": "identity:relationship"}


def a_questionnaire(statements: Mapping[str, str] = STATEMENTS, **changes: Any) -> CohortDefinition:
    """A cohort with these items and nothing mapped."""
    return a_definition(
        framework=FrameworkPack(
            pack="compass",
            version="1",
            licence="CC0-1.0",
            scale=Scale(minimum=1, maximum=5),
            domains=(Domain(code="D", name="Domain"),),
            competencies=(Competency(code="K", name="Competency", domain="D"),),
            items=tuple(
                Item(code=code, competency="K", statement=statement, facet=Facet.APPLY)
                for code, statement in statements.items()
            ),
        ),
        **{"form_fields": (), "choices": {}} | changes,
    )


def shown_by(samples: Sequence[Sample]) -> tuple[Form, ...]:
    """The forms that recorded deliveries show."""
    said = [form for each in samples for form in each.plugin.forms(each.request.kept, each.answers)]
    return seen(said, [response for each in samples for response in each.responses().each])


def a_draft(forms: Sequence[Form], known: Known | None = None, **changes: Any) -> Draft:
    """The draft for forms of the questionnaire."""
    return drafted(forms, a_questionnaire(**changes), CONNECTION, known)


def right_mapping(sample: Sample) -> dict[str, str]:
    """What each field of a sample's form is; every comment is just `comment:`."""
    fields = sample.content["form"]["fields"]
    kinds = {"rating": "{}", "text": "comment:", "hidden": "{}"}
    return {ref: WHO.get(spec["item"], kinds[spec["kind"]].format(spec["item"])) for ref, spec in fields.items()}
