"""A draft of a mapping: a row for each field of a form, and for each label of its answers, for a coordinator to
confirm. What is not sure is left open, with the reason; a row that is open is refused by `cohort open` until somebody
decides it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.intake.core.form import Asks, Form, Option, Question
from services.intake.core.instruments import COMMENT, IDENTITY, cell_for
from services.intake.core.mapping.identity_fields import BY_WORDS, Known, comment_kind, is_text, who
from services.intake.core.mapping.labels import Worth, worth_of
from services.intake.core.mapping.statements import Asked, Near, Verdict, matched
from services.intake.core.mapping.targets import targets_of
from services.intake.core.text import folded, number_of
from shared.cohort.definition import CohortDefinition, FormField
from shared.words import IdentityBy, Instrument

AS_MAPPED = 100
"""The confidence of what the cohort has mapped already."""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A row of form_fields.csv. `maps_to` None: left open for `reason`."""

    form_id: str
    field_ref: str
    title: str
    maps_to: str | None
    confidence: int = 0
    runner_up: Near | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """A row of choices.csv. `label` is what the tool sends, `reads` what people read, if that is something else."""

    label: str
    reads: str
    worth: Worth


@dataclass(frozen=True, slots=True)
class Draft:
    """The rows for the forms of one connection, in the order of the forms."""

    fields: tuple[FieldRow, ...]
    choices: tuple[ChoiceRow, ...]


def drafted(forms: Sequence[Form], definition: CohortDefinition, connection: str, known: Known | None = None) -> Draft:
    """What the fields of a connection's forms may be mapped to, and their labels. What the cohort has mapped already
    stays, and is proposed for nothing else.
    """
    instrument = definition.connections[connection].instrument
    fields: list[FieldRow] = []
    rated: list[Question] = []
    for form in forms:
        mine = _Form(form, definition, instrument, connection, known or Known())
        rows = mine.rows()
        fields += rows
        rated += mine.rated(rows)
    labelled = instrument is not Instrument.WRITTEN_ASSESSMENT  # marks are always numbers
    return Draft(tuple(fields), tuple(_choices(rated, definition)) if labelled else ())


@dataclass(frozen=True, slots=True)
class _Form:
    form: Form
    definition: CohortDefinition
    instrument: Instrument
    connection: str
    known: Known

    def rows(self) -> list[FieldRow]:
        mapped = self._mapped()
        found = {
            each.ref: self._as_mapped(each, mapped[each.ref]) for each in self.form.questions if each.ref in mapped
        }
        taken = {field.maps_to for field in mapped.values()}
        found |= self._people([each for each in self.form.questions if each.ref not in found], taken)
        left = [each for each in self.form.questions if each.ref not in found]
        found |= self._rated([each for each in left if not is_text(each) and each.asks is not Asks.HIDDEN], taken)
        found |= self._texts([each for each in self.form.questions if each.ref not in found], taken)
        return [found[each.ref] for each in self.form.questions]

    def rated(self, rows: Iterable[FieldRow]) -> list[Question]:
        """The questions that are proposed, or mapped already, as something rated."""
        named = {row.field_ref: row.maps_to for row in rows}
        return [
            each
            for each in self.form.questions
            if (code := named[each.ref]) is not None and cell_for(self.definition, self.instrument, code) is not None
        ]

    @property
    def _by(self) -> IdentityBy:
        return self.definition.connections[self.connection].identity

    def _mapped(self) -> Mapping[str, FormField]:
        return {
            each.field_ref: each
            for each in self.definition.form_fields
            if (each.connection, each.form_id) == (self.connection, self.form.form_id)
        }

    def _row(self, question: Question, maps_to: str | None, confidence: int, reason: str = "") -> FieldRow:
        return FieldRow(self.form.form_id, question.ref, question.title, maps_to, confidence, None, reason)

    def _as_mapped(self, question: Question, field: FormField) -> FieldRow:
        return self._row(question, field.maps_to, AS_MAPPED, "as it is mapped now")

    def _people(self, questions: Sequence[Question], taken: set[str]) -> dict[str, FieldRow]:
        """Fields that say who: each of these words for one field only."""
        claims: dict[str, list[tuple[Question, int]]] = defaultdict(list)
        for question in questions:
            if found := who(question, self.instrument, self.known, self._by):
                claims[found[0]].append((question, found[1]))
        rows: dict[str, FieldRow] = {}
        for word, several in claims.items():
            for question, confidence in several:
                rows[question.ref] = self._row(question, word, confidence)
                if word in taken or len(several) > 1:
                    others = [other.ref for other, _ in several if other.ref != question.ref] or ["another field"]
                    reason = f"it says {word.removeprefix(IDENTITY)}, and so does {', '.join(sorted(others))}"
                    rows[question.ref] = self._row(question, None, 0, reason)
        return rows

    def _rated(self, questions: Sequence[Question], taken: set[str]) -> dict[str, FieldRow]:
        """Fields that ask what is rated. What could be a comment, and is near to nothing, is left for the texts."""
        targets = [each for each in targets_of(self.definition, self.instrument) if each.code not in taken]
        verdicts = matched([Asked(each.ref, each.title) for each in questions], targets)
        by_ref = {each.ref: each for each in questions}
        return {
            ref: self._decided(by_ref[ref], verdict)
            for ref, verdict in verdicts.items()
            if verdict.best or by_ref[ref].options or comment_kind(by_ref[ref]) is None
        }

    def _decided(self, question: Question, verdict: Verdict) -> FieldRow:
        best = verdict.best
        return FieldRow(
            self.form.form_id,
            question.ref,
            question.title,
            best.code if best else None,
            best.confidence if best else 0,
            verdict.runner_up,
            verdict.reason,
        )

    def _texts(self, questions: Sequence[Question], taken: set[str]) -> dict[str, FieldRow]:
        kinds: dict[str, list[Question]] = defaultdict(list)
        rows: dict[str, FieldRow] = {}
        for question in questions:
            kind = None if question.asks is Asks.HIDDEN else comment_kind(question)
            if kind is None:
                what = "hidden field" if question.asks is Asks.HIDDEN else "free text"
                reason = f"{what}; write {COMMENT}<kind> or {IDENTITY}<who>, or take the row out"
                rows[question.ref] = self._row(question, None, 0, reason)
            else:
                kinds[kind].append(question)
        for kind, several in kinds.items():
            for question in several:
                rows[question.ref] = self._row(question, kind, BY_WORDS)
                if kind in taken or len(several) > 1:
                    reason = f"its words say {kind}, and so do those of another field; choose a kind for each"
                    rows[question.ref] = self._row(question, None, 0, reason)
        return rows


def _choices(rated: Sequence[Question], definition: CohortDefinition) -> list[ChoiceRow]:
    """Labels of the questions that are rated, each once. What is a number on the scale already needs no row."""
    scale = definition.framework.scale
    known = {folded(label): rating for label, rating in definition.choices.items()}
    found: dict[str, dict[str, Worth]] = defaultdict(dict)
    reads: dict[str, str] = {}
    for question in rated:
        options = _options(question)
        for sent, worth in worth_of(options, scale, all_known=question.whole).items():
            label = next(option.label for option in options if option.sent == sent)
            found[folded(sent)][question.ref] = worth
            reads.setdefault(sent, "" if label == sent else label)
    rows: list[ChoiceRow] = []
    done: set[str] = set()
    for sent, label in reads.items():
        if folded(sent) in done:
            continue
        done.add(folded(sent))
        worth = _agreed(found[folded(sent)].values())
        if folded(sent) in known:
            worth = _with_known(known[folded(sent)], worth)
        elif worth.rating is not None and number_of(sent) == worth.rating:
            continue
        rows.append(ChoiceRow(sent, label, worth))
    return rows


def _options(question: Question) -> tuple[Option, ...]:
    """What may be chosen, as far as it is known: what the tool says, and what was chosen."""
    said = {option.sent for option in question.options}
    return (*question.options, *(Option(each, each) for each in sorted(question.given - said)))


def _agreed(each: Iterable[Worth]) -> Worth:
    """What one label is worth in all questions that have it: choices.csv holds one rating for it."""
    worths = list(each)
    sure = {worth.rating for worth in worths if not worth.is_open}
    if len(sure) > 1:
        return Worth(None, 0, "it is worth different ratings in different questions, and a label has one; rename it")
    doubtful = [worth for worth in worths if worth.is_open]
    return doubtful[0] if doubtful else worths[0]


def _with_known(rating: float | None, worth: Worth) -> Worth:
    if not worth.is_open and worth.rating != rating:
        said = "not observed" if worth.rating is None else f"{worth.rating:g}"
        now = "“not observed”" if rating is None else f"{rating:g}"
        return Worth(None, 0, f"it is {now} in choices.csv now, and looks like {said}")
    return Worth(rating, AS_MAPPED, "as it is in choices.csv now")


def unasked(fields: Iterable[FieldRow], definition: CohortDefinition, instrument: Instrument) -> list[str]:
    """Codes that no row of the draft is for."""
    asked = {row.maps_to for row in fields}
    return [each.code for each in targets_of(definition, instrument) if each.code not in asked]
