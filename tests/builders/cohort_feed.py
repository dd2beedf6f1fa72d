"""Decides what arrives about a generated cohort, and when: answers, sheets, marks, and what comes late or wrong."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.builders.cohort_description import CLOSES, OPENS, Description, Rater
from tests.builders.cohort_evidence import Mark, Survey, write_marks, write_recordings, write_sheets


@dataclass(slots=True)
class Feed:
    """What arrives about one cohort."""

    of: Description
    waiting: dict[str, str] = field(default_factory=dict)
    """Participant → what they wait for."""

    def write(self, *, incomplete: bool, oddities: bool) -> None:
        """deliveries/, development_day/, written/ and late/."""
        if incomplete:
            self.decide_who_waits()
        self.answer(oddities=oddities)
        if self.of.rules.assessors:
            self.observe()
        if self.of.rules.markers:
            self.mark()

    def decide_who_waits(self) -> None:
        """The last participants, one for each kind of evidence that can be late."""
        rules = self.of.rules
        kinds = ["direct_report"] if rules.responses.get("direct_report", 0) > 1 else []
        kinds += ["moderation"] if rules.markers > 1 else []
        kinds += ["assessor"] if rules.assessors else []
        ids = [person.participant for person in self.of.people][::-1]
        self.waiting = dict(zip(ids, kinds, strict=False))

    def answer(self, *, oddities: bool) -> None:
        """deliveries/ and late/deliveries/."""
        survey = self._survey()
        prompt, late = self._who_answers()
        self.of.fate.shuffle(prompt)
        recordings = [self._response(survey, rater, self._moment()) for rater in prompt]
        if oddities:
            recordings = self._with_oddities(survey, prompt, recordings)
        write_recordings(self.of.path / "deliveries", recordings)
        if late:
            after = datetime(CLOSES.year, CLOSES.month, CLOSES.day, 12, tzinfo=UTC) + timedelta(days=3)
            late_ones = (self._response(survey, rater, after) for rater in late)
            write_recordings(self.of.path / "late" / "deliveries", late_ones)

    def _survey(self) -> Survey:
        items = {row.item: row for row in self.of.rules.framework()}
        low, high = self.of.rules.scale
        domains = sorted({row.domain for row in items.values()})
        levels = {
            (person.participant, domain): self.of.fate.uniform(low + (high - low) * 0.3, high - (high - low) * 0.1)
            for person in self.of.people
            for domain in domains
        }
        return Survey(self.of.rules, self.of.connection, self.of.secret, items, levels, self.of.fate)

    def _who_answers(self) -> tuple[list[Rater], list[Rater]]:
        """Raters who answer in time and those who answer late: as many as needed always do, one more now and then."""
        prompt, late = [], []
        given: dict[tuple[str, str], int] = defaultdict(int)
        for rater in self.of.raters:
            _, participant, relationship = rater
            given[participant, relationship] += 1
            needed = self.of.rules.responses[relationship]
            is_late = relationship == "direct_report" == self.waiting.get(participant)
            if is_late and 1 < given[participant, relationship] <= needed:
                late.append(rater)
            elif given[participant, relationship] <= needed or (not is_late and self.of.fate.random() < 0.7):
                prompt.append(rater)
        return prompt, late

    def _moment(self) -> datetime:
        start = datetime(OPENS.year, OPENS.month, OPENS.day, 8, tzinfo=UTC)
        return start + timedelta(minutes=self.of.fate.randrange(60 * 24 * 60))

    def _response(self, survey: Survey, who: Rater, at: datetime, kind: str = "response") -> dict[str, Any]:
        return survey.recorded(kind, who[0], self._body(survey, who, at))

    def _body(self, survey: Survey, who: Rater, at: datetime) -> dict[str, Any]:
        rater, participant, relationship = who
        form = self.of.forms["self" if relationship == "self" else "others"]
        hidden = {"participant": participant, "rater": rater, "relationship": relationship}
        return survey.body(form, hidden, at, survey.answers(form, participant, rater))

    def _with_oddities(
        self, survey: Survey, prompt: Sequence[Rater], recordings: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Duplicates at random places; the rest at the end, where order matters."""
        for recording in self.of.fate.sample(recordings, min(3, len(recordings))):
            place = self.of.fate.randrange(recordings.index(recording) + 1, len(recordings) + 1)
            recordings.insert(place, {**recording, "kind": "duplicate"})
        who, soon = prompt[0], datetime(CLOSES.year, CLOSES.month, CLOSES.day, 9, tzinfo=UTC)
        before = datetime(OPENS.year, OPENS.month, OPENS.day, 7, tzinfo=UTC)
        unknown = self._body(survey, who, soon)
        unknown["form_response"]["hidden"] = {"participant": "NOBODY-1", "rater": "NOBODY-2", "relationship": "peer"}
        other_form = self._body(survey, who, soon)
        other_form["form_response"]["form_id"] = "n0tAFrm1"
        unmapped = self._body(survey, who, soon)
        unmapped["form_response"]["answers"][0]["choice"]["label"] = "Once in a blue moon"
        forged = survey.recorded(
            "forged_signature", who[0], self._body(survey, who, soon), expect="401", secret="wrong"
        )
        return [
            *recordings,
            self._response(survey, who, soon, "resubmission"),
            self._response(survey, who, before, "out_of_order"),
            forged,
            survey.recorded("unknown_participant", who[0], unknown),
            survey.recorded("unknown_form", who[0], other_form),
            survey.recorded("unmapped_choice", who[0], unmapped),
            survey.recorded(
                "broken_json", who[0], '{"event_id":"BROKEN","form_response":{"form_id"', expect="2xx or 400"
            ),
        ]

    def observe(self) -> None:
        """development_day/ and late/development_day/: a rota in which everybody sees everybody now and then."""
        sheets: dict[str, dict[str, dict[str, list[int | None]]]] = {}
        late: dict[str, dict[str, dict[str, list[int | None]]]] = {}
        assessors = self.of.assessors
        for number, person in enumerate(self.of.people):
            for turn, (exercise, competencies) in enumerate(self.of.rules.grid().items()):
                for place in range(self.of.rules.assessors):
                    missing = turn == place == 0 and self.waiting.get(person.participant) == "assessor"
                    assessor = assessors[(number + 2 * turn + place) % len(assessors)]
                    rows = (late if missing else sheets).setdefault(assessor, {}).setdefault(exercise, {})
                    rows[person.participant] = self._ratings(len(competencies))
        write_sheets(self.of.path / "development_day", sheets, self.of.rules)
        if late:
            write_sheets(self.of.path / "late" / "development_day", late, self.of.rules)

    def _ratings(self, count: int) -> list[int | None]:
        low, high = self.of.rules.scale
        ratings: list[int | None] = [self.of.fate.randint(low + 1, high) for _ in range(count)]
        if count > 1 and self.of.fate.random() < 0.1:
            ratings[-1] = None
        return ratings

    def mark(self) -> None:
        """written/marks.csv and, for whom markers disagree about, late/written/moderated_marks.csv."""
        rules, fate = self.of.rules, self.of.fate
        marks: list[Mark] = []
        moderated: list[Mark] = []
        markers = [f"MRK-{number}" for number in range(1, rules.markers + 2)]
        for number, person in enumerate(self.of.people):
            turned = markers[number % len(markers) :] + markers[: number % len(markers)]
            for criterion, (_, most) in rules.criteria().items():
                apart = criterion == "K1" and self.waiting.get(person.participant) == "moderation"
                base = fate.randint(1, max(1, most - rules.moderate_above - 2))
                for place, marker in enumerate(turned[: rules.markers]):
                    usual = fate.randint(0, min(2, rules.moderate_above))
                    step = (rules.moderate_above + 1) * min(place, 1) if apart else usual
                    marks.append((person.participant, marker, criterion, base + step))
                if apart:
                    moderated.append((person.participant, turned[-1], criterion, base + 1))
        write_marks(self.of.path / "written" / "marks.csv", marks, rules)
        if moderated:
            write_marks(self.of.path / "late" / "written" / "moderated_marks.csv", moderated, rules)
