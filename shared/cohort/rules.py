"""Reading cohort.toml, and the checks that need more than one of its keys."""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from shared.cohort import keys
from shared.cohort.cells import HIDDEN, Known
from shared.cohort.csv_file import read_text
from shared.cohort.mistakes import Findings, did_you_mean, listed
from shared.cohort.toml_lines import key_lines, line_of
from shared.words import IdentityBy, Instrument

FILE = "cohort.toml"

S = TypeVar("S", bound=keys.Section)

_WORDS = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": 'must be a list in square brackets, such as ["a", "b"]',
    "model_type": "must be a table: its name in square brackets on a line of its own, its keys below",
    "dict_type": "must be a table: its name in square brackets on a line of its own, its keys below",
}
_KEYS = {
    name
    for model in vars(keys).values()
    if isinstance(model, type) and issubclass(model, BaseModel)
    for name in model.model_fields
}


@dataclass(frozen=True, slots=True)
class Rules:
    """cohort.toml as far as it could be understood. `toml` is None if anything in it is wrong."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    toml: keys.CohortToml | None = None
    readable: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)

    def at(self, *path: str) -> Any:
        """What stands behind a path of keys; None if nothing does."""
        value: Any = self.raw
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def section(self, model: type[S], *path: str) -> S | None:
        """One table by itself, even if others hold mistakes; None if it is absent or wrong."""
        try:
            return model.model_validate(self.at(*path), context=self.context)
        except ValidationError:
            return None

    def asks_for(self, instrument: Instrument) -> bool:
        """Whether the evidence of an instrument is required."""
        return self.at("evidence", instrument) is not None

    def mistake(self, found: Findings, reason: str, *path: str, value: str | None = None) -> None:
        """Note a mistake at a key, on the line of the key or of the nearest table around it."""
        found.mistake(FILE, reason, line=line_of(self.lines, path), column=".".join(path), value=value)

    def warn(self, found: Findings, reason: str, *path: str, value: str | None = None) -> None:
        """Note a warning at a key."""
        found.warn(FILE, reason, line=line_of(self.lines, path), column=".".join(path), value=value)


class Tool(Protocol):
    """A survey tool as far as a cohort's rules must know it."""

    def setting_mistakes(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """What is wrong with a connection's settings: setting → reason that completes a sentence."""


class ScoringModel(Protocol):
    """A scoring model as far as a cohort's rules must know it."""

    @property
    def adjusts_from(self) -> int | None:
        """Participants from which it corrects for who rated; None if it never does."""


def read_rules(
    folder: Path,
    vendors: Collection[str] | Mapping[str, Tool],
    found: Findings,
    models: Collection[str] | None = None,
) -> Rules:
    """cohort.toml; every mistake in it is noted in `found`."""
    text = read_text(folder, FILE, found, needed=True)
    if text is None:
        return Rules()
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        last = text.count("\n") + 1
        reason = f"is not valid TOML: {_without_place(str(error))}"
        found.mistake(FILE, reason, line=int(line[1]) if line else last)
        return Rules()
    models_there = None if models is None else frozenset(models)
    context = {
        "vendor": Known(frozenset(vendors), f"the survey tools that are known here ({listed(sorted(vendors))})"),
        "model": Known(models_there, f"the scoring models that are known here ({listed(sorted(models or ()))})"),
    }
    lines = key_lines(text)
    rules = Rules(raw, lines, _validated(raw, context, lines, found), readable=True, context=context)
    _check_days(rules, found)
    _check_connections(rules, found)
    _check_settings(rules, vendors, found)
    _check_evidence(rules, found)
    _check_weights(rules, found)
    _check_disclosure(rules, found)
    _check_bands(rules, found)
    return rules


def check_model(rules: Rules, models: Mapping[str, ScoringModel], participants: int, found: Findings) -> None:
    """A roster too small for what the cohort's model is there for."""
    model = models.get(str(rules.at("scoring", "model")))
    if model is not None and model.adjusts_from is not None and participants < model.adjusts_from:
        reason = (
            f"corrects for who rated from {model.adjusts_from} participants on, and the roster has {participants}: "
            "results will say that they are not adjusted"
        )
        rules.warn(found, reason, "scoring", "model", value=str(rules.at("scoring", "model")))


def _without_place(message: str) -> str:
    message = re.sub(r"\s*\(at [^)]*\)", "", message)
    return f"{message[:1].lower()}{message[1:]}" or "it nests too deeply"


def _validated(
    raw: Mapping[str, Any], context: Mapping[str, Any], lines: Mapping[tuple[str, ...], int], found: Findings
) -> keys.CohortToml | None:
    try:
        return keys.CohortToml.model_validate(raw, context=context)
    except ValidationError as error:
        rules = Rules(raw, lines)
        for detail in error.errors(include_url=False):
            path = tuple(str(part) for part in detail["loc"] if part != "[key]" and not isinstance(part, int))
            kind, value = detail["type"], detail["input"]
            hidden = kind in {HIDDEN, "extra_forbidden"} or path[-1] == "secret_env"
            shown = str(value) if isinstance(value, str | int | float) and not hidden else None
            rules.mistake(found, _reason(kind, detail["msg"], path[-1]), *path, value=shown)
        return None


def _reason(kind: str, message: str, key: str) -> str:
    if kind == "extra_forbidden" and key == "secret":
        return "is not a key: a secret never stands in a file; secret_env names the variable that holds it"
    if kind == "extra_forbidden":
        return f"is not a key that is known here{did_you_mean(key, _KEYS)}"
    if kind in {"mistake", HIDDEN}:
        return message
    return _WORDS.get(kind, message[:1].lower() + message[1:])


def _check_days(rules: Rules, found: Findings) -> None:
    opens, closes = rules.at("opens"), rules.at("closes")
    if type(opens) is date and type(closes) is date and opens > closes:
        rules.mistake(found, f"is before the day it opens, {opens}", "closes", value=str(closes))


def _check_connections(rules: Rules, found: Findings) -> None:
    connections = rules.at("connections")
    names = list(connections) if isinstance(connections, dict) else []
    instruments = {name: rules.at("connections", name, "instrument") for name in names}
    if rules.asks_for(Instrument.APPRAISAL_360) and Instrument.APPRAISAL_360 not in instruments.values():
        reason = 'have none with instrument = "appraisal_360", so no answers could arrive; add [connections.<name>]'
        rules.mistake(found, reason, "connections")
    for name, instrument in instruments.items():
        if instrument in set(Instrument) and not rules.asks_for(instrument):
            reason = f"feeds evidence that the cohort does not ask for: there is no [evidence.{instrument}]"
            rules.warn(found, reason, "connections", name)
        by = rules.at("connections", name, "identity")
        if instrument == Instrument.WRITTEN_ASSESSMENT and by in {IdentityBy.RESPONDER_EMAIL, IdentityBy.LINK_TOKEN}:
            reason = "can't be for a written assessment: its markers are in no list; use hidden_fields or questions"
            rules.mistake(found, reason, "connections", name, "identity", value=by)


def _check_settings(rules: Rules, vendors: Collection[str] | Mapping[str, Tool], found: Findings) -> None:
    """Settings of connections are judged by their survey tool."""
    if rules.toml is None or not isinstance(vendors, Mapping):
        return
    for name, connection in rules.toml.connections.items():
        wrong = vendors[connection.vendor].setting_mistakes(connection.settings)
        for setting, reason in sorted(wrong.items()):
            path = ("connections", name, "settings", setting)
            rules.mistake(found, reason, *path, value=connection.settings.get(setting))


def _check_evidence(rules: Rules, found: Findings) -> None:
    evidence = rules.at("evidence")
    if isinstance(evidence, dict) and not any(rules.asks_for(instrument) for instrument in Instrument):
        names = listed([f"[evidence.{instrument}]" for instrument in Instrument])
        rules.mistake(found, f"asks for nothing; add one of {names}", "evidence")


def _check_weights(rules: Rules, found: Findings) -> None:
    weights = rules.section(keys.WeightsSection, "weights")
    if weights is None or not isinstance(rules.at("evidence"), dict):
        return
    shares: dict[str, float | None] = weights.model_dump()
    for instrument in Instrument:
        share, asked = shares[instrument], rules.asks_for(instrument)
        if asked and share is None:
            rules.mistake(found, f"is missing, yet [evidence.{instrument}] asks for it", "weights", instrument)
        elif asked and share == 0:
            rules.warn(found, "is 0: this evidence is asked for and counts for nothing", "weights", instrument)
        elif share and not asked:
            reason = f"is above 0, yet there is no [evidence.{instrument}]; take it out or add the table"
            rules.mistake(found, reason, "weights", instrument, value=f"{share:g}")
    total = sum(share or 0.0 for share in shares.values())
    if not total:
        rules.mistake(found, "has nothing above 0; at least one kind of evidence must count", "weights")
    elif abs(total - 1) > 1e-9:
        rules.warn(found, f"adds up to {total:g}, not 1; each weight is divided by {total:g}", "weights")


def _check_bands(rules: Rules, found: Findings) -> None:
    bands, framework = rules.section(keys.BandsSection, "bands"), rules.section(keys.FrameworkSection, "framework")
    if bands is None or framework is None:
        return
    low, high = framework.scale.minimum, framework.scale.maximum
    starts = sorted(bands.starts.values())
    if starts[0] != low:
        reason = f"must begin with a band at the scale's minimum, {low:g}, so that every result has a band"
        rules.mistake(found, reason, "bands", "from", value=f"{starts[0]:g}")
    if starts[-1] >= high:
        reason = f"has a band that begins at or beyond the scale's maximum, {high:g}"
        rules.mistake(found, reason, "bands", "from", value=f"{starts[-1]:g}")


def _check_disclosure(rules: Rules, found: Findings) -> None:
    section = rules.section(keys.DisclosureSection, "disclosure")
    if section is not None and section.group_minimum < 3:
        reason = "is below 3: raters in so small a group can often be told apart"
        rules.warn(found, reason, "disclosure", "group_minimum", value=str(section.group_minimum))
