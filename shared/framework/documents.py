"""Packs and crosswalks as files: their JSON, its schema, and everything that is wrong with one, told at once.

A pack file is one framework at one version. The recorded schemas in `schemas/` are for other people's tools; what they
can't say (a code has one meaning, every reference leads somewhere) is checked here. docs/framework-packs.md explains
the formats.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shared.errors import PermanentError
from shared.framework.pack import Competency, Domain, FrameworkPack, Item, Scale
from shared.words import Facet

MOST_BYTES = 5 * 2**20
SHOWN = 60
SCHEMAS = Path(__file__).parent / "schemas"

Code = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
    Field(description="letters A to Z, digits and . _ -, a letter or digit first, at most 100"),
]
Text = Annotated[str, StringConstraints(pattern=r"\S", max_length=1000)]


class FaultyDocument(PermanentError):
    """A pack or crosswalk can't be used as it is. `mistakes` holds every one, each with its place in the document."""

    def __init__(self, name: str, mistakes: Sequence[str]) -> None:
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = f"{len(mistakes)} mistake{'' if len(mistakes) == 1 else 's'}"
        super().__init__(f"{name} has {count}:\n{lines}")
        self.name = name
        self.mistakes = tuple(mistakes)


class Part(BaseModel):
    """A value in a document. Unknown keys are mistakes: a misspelt rule must not be a rule that nobody set."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ScalePart(Part):
    """The rating scale, both ends included."""

    minimum: float
    maximum: float


class DomainPart(Part):
    """A domain."""

    code: Code
    name: Text


class CompetencyPart(Part):
    """A competency of a domain."""

    code: Code
    name: Text
    domain: Code


class ItemPart(Part):
    """A statement that raters answer."""

    code: Code
    competency: Code
    statement: Text
    facet: Annotated[Facet, Field(strict=False)]


class Document(Part):
    """A whole file."""

    kind: ClassVar[str]
    schema_: str | None = Field(default=None, alias="$schema", description="where this schema is; not looked at")


class PackDocument(Document):
    """One framework at one version."""

    kind: ClassVar[str] = "pack"

    pack: Code
    version: Code
    licence: Text = Field(description="under which its words may be used, such as CC-BY-4.0")
    scale: ScalePart
    domains: Annotated[list[DomainPart], Field(min_length=1)]
    competencies: Annotated[list[CompetencyPart], Field(min_length=1)]
    items: list[ItemPart]


D = TypeVar("D", bound=Document)


def parsed(text: str | bytes, model: type[D], name: str) -> D:
    """A document of the model's shape. Raises FaultyDocument, with every mistake of shape."""
    found = loaded(text, name)
    try:
        document = model.model_validate(found)
    except ValidationError as error:
        raise FaultyDocument(name, [_worded(each) for each in error.errors(include_url=False)]) from None
    controlled = list(_control_signs(found))
    if controlled:
        raise FaultyDocument(name, controlled)
    return document


def loaded(text: str | bytes, name: str) -> Any:
    """The JSON in a text: no doubled keys, no NaN, not larger than it may be. Raises FaultyDocument."""
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > MOST_BYTES:
        raise FaultyDocument(name, [f"is larger than {MOST_BYTES // 2**20} MiB"])
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except UnicodeDecodeError:
        reason = "is not written in UTF-8"
    except RecursionError:
        reason = "nests too deeply"
    except json.JSONDecodeError as error:
        reason = f"is not JSON: {error.msg} on line {error.lineno}, column {error.colno}"
    except ValueError as error:
        reason = f"is not JSON: {error}"
    raise FaultyDocument(name, [reason])


def read_pack(text: str | bytes, name: str = "the pack") -> FrameworkPack:
    """The pack that a file holds. Raises FaultyDocument, with every mistake."""
    document = parsed(text, PackDocument, name)
    mistakes = list(_mistakes(document))
    if mistakes:
        raise FaultyDocument(name, mistakes)
    return FrameworkPack(
        pack=document.pack,
        version=document.version,
        licence=document.licence,
        scale=Scale(minimum=document.scale.minimum, maximum=document.scale.maximum),
        domains=tuple(Domain(**each.model_dump()) for each in document.domains),
        competencies=tuple(Competency(**each.model_dump()) for each in document.competencies),
        items=tuple(Item(**each.model_dump()) for each in document.items),
    )


def written(pack: FrameworkPack) -> str:
    """The file of a pack: read again it is the same pack, and written again the same bytes."""
    return json.dumps(pack.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def schema_of(model: type[Document]) -> str:
    """The JSON Schema (draft 2020-12) of a document, as it is recorded in `schemas/`."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _mistakes(document: PackDocument) -> Iterator[str]:
    if not document.scale.minimum < document.scale.maximum:
        yield "scale: has no width; its minimum must be below its maximum"
    lists: Sequence[tuple[str, Sequence[DomainPart | CompetencyPart | ItemPart]]] = (
        ("domains", document.domains),
        ("competencies", document.competencies),
        ("items", document.items),
    )
    yield from doubled((f"{name}[{n}].code", each.code) for name, some in lists for n, each in enumerate(some))
    domains = {each.code for each in document.domains}
    competencies = {each.code for each in document.competencies}
    for n, each in enumerate(document.competencies):
        yield from unknown(f"competencies[{n}].domain", each.domain, domains, "a domain of the pack")
    for n, item in enumerate(document.items):
        yield from unknown(f"items[{n}].competency", item.competency, competencies, "a competency of the pack")
    for n, domain in enumerate(document.domains):
        if domain.code not in {each.domain for each in document.competencies}:
            yield f"domains[{n}]: “{domain.code}” has no competency"


def doubled(codes: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A mistake for each code that stands at two places, capital letters or not."""
    first: dict[str, str] = {}
    for place, code in codes:
        earlier = first.setdefault(code.casefold(), place)
        if earlier != place:
            yield f"{place}: “{code}” is the code at {earlier} already; a code has one meaning"


def unknown(place: str, code: str, known: Iterable[str], what: str) -> Iterator[str]:
    """A mistake if a code is not among those known."""
    codes = sorted(known)
    if code not in codes:
        near = get_close_matches(code, codes, n=1)
        yield f"{place}: “{shown(code)}” is not {what}" + (f"; did you mean “{near[0]}”?" if near else "")


def shown(value: object) -> str:
    """A value as a mistake shows it: printable, at most 60 signs."""
    text = "".join(sign if sign.isprintable() else "�" for sign in str(value))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _no_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key “{shown(twice)}” stands twice in one object")
    return found


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number that JSON knows")


def _control_signs(value: Any, place: str = "") -> Iterator[str]:
    """Line breaks and control signs: in names and statements they would spoil tables and forms."""
    if isinstance(value, str):
        if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in value):
            yield f"{place}: holds a line break or control sign; take it out"
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _control_signs(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _control_signs(inner, f"{place}[{n}]")


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that is known here",
    "string_type": "must be text in quotes",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "enum": "must be “know” or “apply”",
    "too_short": "is empty; it needs at least one",
    "string_too_long": "is longer than 1,000 signs",
    "string_pattern_mismatch": "is blank, or no code (letters A to Z, digits and . _ -, at most 100)",
}


def _worded(error: Mapping[str, Any]) -> str:
    """A mistake of shape in our words; the kind of error decides, what stands there is shown where it is short text."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    value = error["input"]
    said = f"“{shown(value)}” " if isinstance(value, str | int | float) and error["type"] != "extra_forbidden" else ""
    return f"{shown(place) or 'the document'}: {said}{_WORDS.get(error['type'], error['msg'])}"
