"""What may stand in one cell of a CSV file or behind one key of cohort.toml: types that refuse with a reason in words.

What a cell may refer to (organisations, items, …) is not known to a type: it comes in as pydantic's validation context,
a dictionary of `Known`.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from shared.cohort.mistakes import did_you_mean, listed
from shared.framework import Scale

N = TypeVar("N", int, float)

HIDDEN = "hidden"
"""The error type of a value that must not be shown: it could be a name, an address or a secret."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CODE_RULE = "use only the letters A to Z, digits and . _ - (at most 100, a letter or digit first)"
_EMAIL = re.compile(
    r"[^\s@<>(),;:\"\[\]\\]{1,64}@[^\s@<>(),;:\"\[\]\\.-][^\s@<>(),;:\"\[\]\\]*\.[^\s@<>(),;:\"\[\]\\.]{2,}"
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class Known:
    """The codes that a cell may name, and the file where they are. None: that file could not be read, so anything
    goes for now.
    """

    codes: Collection[str] | None
    where: str


def refused(reason: str, *, show: bool = True) -> PydanticCustomError:
    """The error of a cell: `reason` completes a sentence; `show` tells whether the value may be shown."""
    return PydanticCustomError("mistake" if show else HIDDEN, "{reason}", {"reason": reason})


def _clean(text: str) -> str:
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text):
        raise refused("holds a line break or control character; take it out", show=False)
    return text


def _given(text: str) -> str:
    if not text.strip():
        raise refused("is blank")
    return text


def _code(text: str, *, show: bool = True) -> str:
    if not _CODE.fullmatch(_given(text)):
        raise refused(f"is not a code; {_CODE_RULE}", show=show)
    return text


def _email(text: str) -> str:
    if len(text) > 254 or ".." in text or not _EMAIL.fullmatch(text):
        raise refused("is not an e-mail address of the shape name@example.org", show=False)
    return text


def _blank_is_none(text: str) -> str | None:
    return text.strip() or None


Text = Annotated[str, AfterValidator(_clean), AfterValidator(_given)]
"""Any words, not blank."""
OptionalText = Annotated[str, AfterValidator(_clean)]
Code = Annotated[str, AfterValidator(_clean), AfterValidator(_code)]
"""An id that is safe in addresses and file names."""
PersonCode = Annotated[str, AfterValidator(_clean), AfterValidator(lambda text: _code(text, show=False))]
"""A person's id. A wrong one is not shown: it could be a name or an address."""
Email = Annotated[str, AfterValidator(_clean), AfterValidator(_given), AfterValidator(_email)]
OptionalEmail = Annotated[str, AfterValidator(_clean), AfterValidator(lambda text: _email(text) if text else text)]


def _of(info: ValidationInfo, what: str) -> Any:
    """Something of the validation context."""
    return (info.context or {})[what]


def known(what: str, *, optional: bool = False, person: bool = False) -> Any:
    """A validator: the cell names one of the context's `what`; a blank cell is a mistake unless `optional`.

    `person`: it names a person, so what is no code is not shown: it could be a name or an address.
    """

    def check(text: str | None, info: ValidationInfo) -> str | None:
        if not text:
            if optional:
                return text
            raise refused("is blank")
        there: Known = _of(info, what)
        if there.codes is not None and text not in there.codes:
            if person and not _CODE.fullmatch(text):
                raise refused(f"is not in {there.where}", show=False)
            near = did_you_mean(text, (code for code in there.codes if not person or _CODE.fullmatch(code)))
            raise refused(f"is not in {there.where}{near}")
        return text

    return AfterValidator(check)


def word(vocabulary: type[StrEnum], *, optional: bool = False) -> Any:
    """A validator: the cell is one word of a vocabulary; a blank cell is a mistake unless `optional`: then None."""

    def check(value: object) -> object:
        words = [str(member) for member in vocabulary]
        if optional and value == "":
            return None
        if value == "":
            raise refused(f"is blank; write one of {listed(words)}")
        if value not in words:
            raise refused(f"is not one of {listed(words)}{did_you_mean(str(value), words)}")
        return vocabulary(str(value))

    return BeforeValidator(check)


def _number(text: object, info: ValidationInfo) -> float:
    written = str(text).replace(",", ".") if _of(info, "decimal_comma") else str(text)
    if not _NUMBER.fullmatch(written):
        raise refused("is blank" if not written else "is not a number such as 3 or 3.5")
    return float(written)


def _on_scale(rating: float, info: ValidationInfo) -> float:
    scale: Scale | None = _of(info, "scale")
    if scale is not None and not scale.holds(rating):
        raise refused(f"is not on the scale {scale.minimum:g} to {scale.maximum:g}")
    return rating


Rating = Annotated[float, BeforeValidator(_number), AfterValidator(_on_scale)]
"""A number on the cohort's scale."""


def _optional_rating(text: object, info: ValidationInfo) -> float | None:
    return None if text == "" else _on_scale(_number(text, info), info)


OptionalRating = Annotated[float | None, BeforeValidator(_optional_rating)]
"""A number on the cohort's scale, or blank: "not observed"."""


def at_least(least: N, *, above: bool = False) -> Callable[[N], N]:
    """A check: not below `least` (with `above`: not `least` itself either)."""

    def check(number: N) -> N:
        if number < least or (above and number == least):
            raise refused(f"is too small; it must be {'above ' if above else ''}{least:g}{'' if above else ' or more'}")
        return number

    return check


def at_most(most: N) -> Callable[[N], N]:
    """A check: not above `most`."""

    def check(number: N) -> N:
        if number > most:
            raise refused(f"is too large; it must be {most:g} or less")
        return number

    return check


MaxMark = Annotated[float, BeforeValidator(_number), AfterValidator(at_least(0.0, above=True))]


IDENTITY_WORDS = ("participant", "rater", "assessor", "marker", "relationship", "email", "token")
"""What a field may say about who speaks about whom."""


def _maps_to(text: str, info: ValidationInfo) -> str:
    prefix, colon, rest = text.partition(":")
    if colon and prefix == "comment":
        if not _CODE.fullmatch(rest) or len(rest) > 50:
            raise refused("needs a kind of comment after the colon, such as comment:strengths")
        return text
    if colon and prefix == "identity":
        if rest not in IDENTITY_WORDS:
            near = did_you_mean(rest, IDENTITY_WORDS)
            raise refused(f"needs one of {listed(list(IDENTITY_WORDS))} after the colon{near}")
        return text
    rated: Known | None = _of(info, "rated by").get(info.data.get("connection"))
    if rated is not None and rated.codes is not None and _given(text) not in rated.codes:
        raise refused(f"is neither {rated.where} nor comment:<kind>{did_you_mean(text, rated.codes)}")
    return text


MapsTo = Annotated[str, AfterValidator(_clean), AfterValidator(_given), AfterValidator(_maps_to)]
"""What a form's field means, by its connection's instrument: an item's code (360 appraisal), `EXERCISE:COMPETENCY`
(development day) or a criterion's code (written assessment); or `comment:<kind>`; or `identity:` and who.
"""


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        raise refused(f"is not a time zone such as Europe/London{did_you_mean(name, _time_zones())}")
    return name


def _connection_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?", name):
        raise refused("can't stand in a webhook's address; use only a to z, 0 to 9 and - (not at the ends)")
    return name


def _environment_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,199}", name):
        reason = (
            "is not the name of an environment variable, such as TALENTLINE_SECRET_APPRAISAL; never the secret itself"
        )
        raise refused(reason, show=False)
    return name


def _day(value: object) -> object:
    if type(value) is not date:
        raise refused("is not a date; write it without quotes, such as 2017-01-23", show=isinstance(value, str))
    return value


TimeZone = Annotated[str, AfterValidator(_time_zone)]
ConnectionKey = Annotated[str, AfterValidator(_connection_name)]
EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
Day = Annotated[date, BeforeValidator(_day)]
