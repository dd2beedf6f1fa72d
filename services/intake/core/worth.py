"""What one answer is worth: the rating that it stands for, or its words."""

from collections.abc import Mapping

from services.intake.core.errors import Reason, ReasonCode
from services.intake.core.instruments import Cell
from services.intake.core.text import folded, number_of, plain, shown, spelled
from services.intake.core.vendor import AnswerValue
from shared.cohort.definition import FormField


def rating_of(
    value: AnswerValue, field: FormField, cell: Cell, choices: Mapping[str, float | None]
) -> float | Reason | None:
    """The rating that an answer stands for: by its label, else by its number."""
    where = f"field {field.field_ref} ({field.maps_to}) of form {field.form_id}"
    label = _label(value)
    if label is None:
        several = f"{where} has several choices at once; allow one, and ask for the response again"
        return Reason(ReasonCode.UNMAPPED_CHOICE, several)
    if cell.labelled:
        if label in choices:
            return choices[label]
        for known, rating in choices.items():
            if folded(known) == folded(label):
                return rating
    number = number_of(value if isinstance(value, float | int) else label)
    if number is None:
        return Reason(
            ReasonCode.UNMAPPED_CHOICE,
            f"{where} was answered “{shown(label)}”, which is not in programme/choices.csv; add the label with its"
            " rating (empty for “not observed”) and update the cohort",
            shown(label),
        )
    if not cell.minimum <= number <= cell.maximum:
        return Reason(
            ReasonCode.OFF_SCALE,
            f"{where} was answered {shown(number)}, which is not between {cell.minimum:g} and {cell.maximum:g};"
            " correct the form's scale, or add the answer to programme/choices.csv, and update the cohort",
            shown(number),
        )
    return number


def _label(value: AnswerValue) -> str | None:
    if isinstance(value, tuple):
        return value[0].strip() if len(value) == 1 else None
    return value.strip() if isinstance(value, str) else spelled(value)


def words_of(value: AnswerValue) -> str:
    if isinstance(value, tuple):
        return plain(", ".join(value))
    return plain(value) if isinstance(value, str) else spelled(value)
