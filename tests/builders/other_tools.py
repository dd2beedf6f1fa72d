"""The pilot's responses as other tools would have sent them: half by Microsoft Forms, half by SurveyMonkey.

A rater uses one tool, whatever comes of them, so that a second response or a repeat reaches the tool of the first. What
was wrong with a delivery stays wrong with it.
"""

import base64
import csv
import hmac
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.builders.bench import PILOT

FORMS, MONKEY = "forms-360", "monkey-360"
"""The two connections."""
FORMS_SECRET, MONKEY_SECRET, CLIENT = "forms-secret-for-tests", "monkey-secret-for-tests", "app-for-tests"
FORMS_ENV, MONKEY_ENV = "TEST_SECRET_FORMS_360", "TEST_SECRET_MONKEY_360"
WHO = {name: f"r{number:032x}" for number, name in enumerate(("participant", "rater", "relationship"), start=10_000)}
"""Microsoft Forms has no hidden fields: the questions that say who speaks about whom."""
FORM, SURVEY = "wNe360aT", "401230011"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to the door, and the status that its sender must see."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    expected: int = 200


class OtherTools:
    """The pilot by other tools. `documents` are what SurveyMonkey's API answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents: dict[str, Mapping[str, Any]] = {f"/surveys/{SURVEY}/details": self._survey()}
        self._seen: list[str] = []

    @cached_property
    def _fields(self) -> dict[str, str]:
        """Typeform's reference of each mapped field → what it maps to."""
        with (PILOT / "programme" / "form_fields.csv").open(encoding="utf-8") as file:
            return {row["field_ref"]: row["maps_to"] for row in csv.DictReader(file)}

    @cached_property
    def _labels(self) -> list[str]:
        with (PILOT / "programme" / "choices.csv").open(encoding="utf-8") as file:
            return [row["label"] for row in csv.DictReader(file)]

    def describe(self) -> Path:
        """The pilot's folder with two connections in place of Typeform's."""
        shutil.copytree(PILOT, self.folder)
        rules = (PILOT / "cohort.toml").read_text(encoding="utf-8")
        start, end = rules.index("[connections."), rules.index("[evidence.appraisal_360]")
        links = f"""
[connections.{FORMS}]
vendor = "msforms_powerautomate"
instrument = "appraisal_360"
secret_env = "{FORMS_ENV}"

[connections.{MONKEY}]
vendor = "surveymonkey"
instrument = "appraisal_360"
secret_env = "{MONKEY_ENV}"
settings = {{ client_id = "{CLIENT}" }}

"""
        (self.folder / "cohort.toml").write_text(rules[:start] + links + rules[end:], encoding="utf-8")
        with (self.folder / "programme" / "form_fields.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(("connection", "vendor", "form_id", "field_ref", "maps_to"))
            for ref, maps_to in self._fields.items():
                table.writerow((FORMS, "msforms_powerautomate", FORM, self._question(ref), maps_to))
                table.writerow((MONKEY, "surveymonkey", SURVEY, self._number(ref), maps_to))
            for name, ref in WHO.items():
                table.writerow((FORMS, "msforms_powerautomate", FORM, ref, f"identity:{name}"))
        return self.folder

    def deliveries(self, files: Sequence[Path]) -> Iterator[Sent]:
        """The pilot's recorded deliveries, each as one of the tools sends it."""
        for file in sorted(files):
            recording = json.loads(file.read_text(encoding="utf-8"))
            try:
                event = json.loads(recording["request"]["body"])
            except ValueError:  # cut off on its way: of a thin webhook too little to be lost
                yield self._flow(recording["request"]["body"].encode())
                continue
            forged = recording["kind"] == "forged_signature"
            by_forms = self._turn(recording["rater"])
            yield self._by_forms(event, forged=forged) if by_forms else self._by_monkey(event, forged=forged)

    def _turn(self, rater: str) -> bool:
        """Whether a rater uses Microsoft Forms: every second one does."""
        if rater not in self._seen:
            self._seen.append(rater)
        return self._seen.index(rater) % 2 == 0

    # Microsoft Forms: the whole response, every answer a text, who speaks in questions

    def _by_forms(self, event: Mapping[str, Any], *, forged: bool) -> Sent:
        said = event["form_response"]
        at = datetime.fromisoformat(said["submitted_at"])
        response = {"responder": "anonymous", "submitDate": f"{at:%m/%d/%Y %I:%M:%S %p}"}
        response |= {self._question(ref): "" for ref in self._fields}
        response |= {self._question(ref): text for ref, text in _answers(said)}
        response |= {WHO[name]: value for name, value in said["hidden"].items()}
        body = {
            "template": "msforms.v1",
            "form_id": said["form_id"],
            "response_id": said["token"],
            "response": response,
        }
        return self._flow(json.dumps(body).encode(), forged=forged)

    def _flow(self, body: bytes, *, forged: bool = False) -> Sent:
        headers = {"Content-Type": "application/json", "X-Intake-Token": FORMS_SECRET[forged:]}
        return Sent(f"/webhooks/{FORMS}", headers, body, 401 if forged else 200)

    # SurveyMonkey: a notification, and the response at its API, choices and rows as ids

    def _by_monkey(self, event: Mapping[str, Any], *, forged: bool) -> Sent:
        said = event["form_response"]
        survey = SURVEY if said["form_id"] == FORM else "999999999"
        self.documents[f"/surveys/{survey}/responses/{said['token']}/details"] = self._details(said, survey)
        notice = {
            "event_type": "response_completed",
            "event_id": event["event_id"],
            "object_type": "response",
            "object_id": said["token"],
            "resources": {"survey_id": survey},
        }
        body = json.dumps(notice).encode()
        key = f"{CLIENT}&{MONKEY_SECRET[forged:]}".encode()
        headers = {
            "Content-Type": "application/vnd.surveymonkey.response.v1+json",
            "Sm-Apikey": CLIENT,
            "Sm-Signature": base64.b64encode(hmac.digest(key, body, "sha1")).decode(),
        }
        return Sent(f"/webhooks/{MONKEY}", headers, body, 401 if forged else 200)

    def _details(self, said: Mapping[str, Any], survey: str) -> Mapping[str, Any]:
        choices = {label: number for number, label in enumerate(self._labels)}
        answered = [
            {
                "id": self._number(ref),
                "answers": [{"choice_id": str(choices[text])} if text in choices else {"text": text}],
            }
            for ref, text in _answers(said)
        ]
        return {
            "id": said["token"],
            "survey_id": survey,
            "response_status": "completed",
            "collection_mode": "default",
            "custom_variables": said["hidden"],
            "date_modified": said["submitted_at"].replace("Z", "+00:00"),
            "pages": [{"id": "1", "questions": answered}],
        }

    def _survey(self) -> Mapping[str, Any]:
        choices = [{"id": str(number), "text": label} for number, label in enumerate(self._labels)]
        questions = [{"id": self._number(ref), "answers": {"choices": choices}} for ref in self._fields]
        return {"id": SURVEY, "pages": [{"id": "1", "questions": questions}]}

    def _question(self, ref: str) -> str:
        """A question of Microsoft Forms: `r` and 32 hexadecimal digits."""
        return f"r{ref.replace('-', '')}"

    def _number(self, ref: str) -> str:
        """A question of SurveyMonkey, which no choice has the id of."""
        return str(600_000_000 + list(self._fields).index(ref)) if ref in self._fields else "699999999"


def _answers(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Reference and label or text of each answer of a Typeform response."""
    for answer in said["answers"]:
        yield answer["field"]["ref"], str(answer["choice"]["label"] if "choice" in answer else answer[answer["type"]])
