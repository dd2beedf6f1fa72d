"""Writes the description of a generated cohort: cohort.toml, programme/ and the lists of people."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random

from tests.builders.cohort_evidence import Form
from tests.builders.cohort_people import InventedPerson, a_name, people
from tests.builders.cohort_rules import CohortRules, random_form, random_reference

OPENS, CLOSES = date(2019, 9, 2), date(2019, 11, 29)
ORGANISATIONS = (
    "Valley Hospitals Trust",
    "Harbour Community Services",
    "St Brigid’s Mental Health Trust",
    "Moorland Primary Care",
    "Estuary Ambulance Service",
    "Northern Commissioning Board",
)

Rater = tuple[str, str, str]
"""Rater, participant, relationship."""

TOML = """\
cohort = "{cohort}"
title = "Leaders of {cohort}"
opens = {opens}
closes = {closes}
time_zone = "Europe/Dublin"

[framework]
pack = "{pack}"
version = "1"
licence = "CC-BY-4.0"
scale = {{ minimum = {low}, maximum = {high} }}

[connections.{connection}]
vendor = "typeform"
instrument = "appraisal_360"
secret_env = "{secret_env}"

[evidence.appraisal_360]
{responses}
{evidence}
[weights]
{weights}

[disclosure]
group_minimum = {group_minimum}

[release]
policy = "{release}"

[pool]
policy = "{pool}"
levels = [{levels}]
"""


@dataclass(slots=True)
class Description:
    """One cohort as described; what arrives about it is made from this."""

    path: Path
    cohort: str
    connection: str
    secret: str
    rules: CohortRules
    fate: Random
    people: list[InventedPerson] = field(default_factory=list)
    raters: list[Rater] = field(default_factory=list)
    forms: dict[str, Form] = field(default_factory=dict)
    """`self` and `others`: self has a form of its own."""

    @property
    def secret_env(self) -> str:
        """The variable that holds the secret."""
        return f"TALENTLINE_SECRET_{self.cohort.upper().replace('-', '_')}"

    @property
    def assessors(self) -> list[str]:
        """Ids of the assessors: always more than an exercise needs."""
        return [f"OBS-{number}" for number in range(1, max(5, self.rules.assessors + 2) + 1)]

    def write(self, participants: int, organisations: int) -> None:
        """cohort.toml, programme/ and the lists of people."""
        codes = [f"ORG-{number}" for number in range(1, organisations + 1)]
        self.people = people(self.cohort, participants, codes, self.rules.levels, self.fate)
        self.forms = {who: self._form(comments=who == "others") for who in ("self", "others")}
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "cohort.toml").write_text(self._toml(), encoding="utf-8")
        names = [ORGANISATIONS[number % len(ORGANISATIONS)] for number in range(organisations)]
        self._csv("programme/organisations.csv", ["organisation", "name"], zip(codes, names, strict=True))
        self._programme()
        self._lists()

    def _form(self, *, comments: bool) -> Form:
        asks = [row.item for row in self.rules.framework()]
        asks += ["comment:strengths", "comment:development"] if comments else []
        return Form(random_form(self.fate), {random_reference(self.fate): what for what in asks})

    def _toml(self) -> str:
        rules, evidence = self.rules, ""
        if rules.assessors:
            codes = _quoted(rules.grid())
            evidence += f"\n[evidence.development_day]\nexercises = [{codes}]\nassessors = {rules.assessors}\n"
        if rules.markers:
            limit = f"moderate_above = {rules.moderate_above}"
            evidence += f"\n[evidence.written_assessment]\nmarkers = {rules.markers}\n{limit}\n"
        return TOML.format(
            cohort=self.cohort,
            opens=OPENS,
            closes=CLOSES,
            pack="our-own" if rules.own_framework else "aspiring-talent",
            low=rules.scale[0],
            high=rules.scale[1],
            connection=self.connection,
            secret_env=self.secret_env,
            responses="\n".join(f"{who} = {count}" for who, count in rules.responses.items()),
            evidence=evidence,
            weights="\n".join(f"{what} = {share}" for what, share in rules.weights.items()),
            group_minimum=rules.group_minimum,
            release=rules.release,
            pool=rules.pool,
            levels=_quoted(rules.levels),
        )

    def _programme(self) -> None:
        rules = self.rules
        items = rules.framework()
        self._csv("programme/framework.csv", list(items[0]._fields), items)
        fields = [
            (self.connection, "typeform", form.form_id, reference, asks)
            for form in self.forms.values()
            for reference, asks in form.fields.items()
        ]
        self._csv("programme/form_fields.csv", ["connection", "vendor", "form_id", "field_ref", "maps_to"], fields)
        choices = [(label, "" if rating is None else rating) for label, rating in rules.choices().items()]
        self._csv("programme/choices.csv", ["label", "rating"], choices)
        if rules.assessors:
            cells = [(code, f"Exercise {code}", which, "apply") for code, row in rules.grid().items() for which in row]
            self._csv("programme/exercises.csv", ["exercise", "name", "competency", "facet"], cells)
        if rules.markers:
            columns = ["criterion", "competency", "name", "max_mark", "facet"]
            rows = [(code, of, f"Criterion {code}", most, "know") for code, (of, most) in rules.criteria().items()]
            self._csv("programme/written_criteria.csv", columns, rows)

    def _lists(self) -> None:
        columns = ["participant", "given_name", "family_name", "email", "organisation", "pool_consent"]
        self._csv("roster.csv", columns, ([getattr(person, column) for column in columns] for person in self.people))
        rows = []
        for person in self.people:
            for relationship, count in self.rules.raters_listed().items():
                for number in range(1, count + 1):
                    rater = f"{person.participant}.{relationship}.{number}"
                    self.raters.append((rater, person.participant, relationship))
                    rows.append(
                        (rater, person.participant, relationship, a_name(self.fate), f"{rater}@raters.example.org")
                    )
        self._csv("raters.csv", ["rater", "participant", "relationship", "name", "email"], rows)
        if self.rules.assessors:
            assessors = [(code, a_name(self.fate), f"{code.lower()}@assessors.example.org") for code in self.assessors]
            self._csv("assessors.csv", ["assessor", "name", "email"], assessors)

    def _csv(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
