"""What an answer's label is worth on the cohort's scale. What is not known here is left to the coordinator.

A label is understood by its number (`4 - Often`, `Often (4)`), by being one of the known ways to say "not observed", or
as a word of a known series (`Never` … `Always`), if the question offers as many of the series as the scale has points.
Labels in other languages are not guessed. Where number and word say opposite things, as on a scale that is turned
round, neither is believed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.intake.core.form import Option
from services.intake.core.text import folded
from shared.framework import Scale

BY_NUMBER, BY_SERIES, KNOWN_WORD = 95, 85, 90

NOT_OBSERVED = frozenset(
    {"not observed", "not seen", "not applicable", "n/a", "na", "n.a", "no opportunity to observe", "unable to comment"}
    | {
        "unable to rate",
        "unable to say",
        "unable to judge",
        "unable to assess",
        "cannot say",
        "can't say",
        "cannot comment",
    }
    | {"can't comment", "cannot rate", "can't rate", "don't know", "do not know", "dont know", "not known", "unsure"}
    | {"no basis for judgement", "no basis for judgment", "insufficient evidence", "not able to comment", "no opinion"}
    | {"have not observed", "i have not observed this", "not able to observe", "no answer", "prefer not to say"}
    | {"not relevant", "don't know / not observed", "not observed / not applicable", "n/o", "unobserved"}
)
"""Ways to say that somebody could not see it. Never zero."""

SERIES: tuple[tuple[frozenset[str], ...], ...] = tuple(
    tuple(frozenset(step.split("|")) for step in series)
    for series in (
        ("strongly disagree", "disagree", "neither agree nor disagree|neutral|neither", "agree", "strongly agree"),
        ("strongly disagree", "disagree", "agree", "strongly agree"),
        ("never", "rarely|seldom", "sometimes|occasionally", "often|frequently|usually", "always|consistently"),
        ("rarely|seldom", "occasionally", "sometimes", "often|frequently", "consistently|always"),
        ("never", "sometimes|occasionally", "often|usually|frequently", "always|consistently"),
        ("very poor", "poor", "fair|average|adequate|acceptable", "good", "very good|excellent"),
        ("poor", "fair", "good", "very good", "excellent|outstanding"),
        ("poor", "fair", "good", "excellent"),
        ("very ineffective", "ineffective", "neither effective nor ineffective", "effective", "very effective"),
        ("not at all", "slightly|a little", "moderately|somewhat", "very|quite a bit", "extremely|completely"),
        ("not at all", "to a small extent", "to some extent", "to a large extent", "to a very large extent"),
        ("never", "almost never", "rarely", "sometimes", "often", "almost always", "always"),
    )
)
"""Answers from the lowest to the highest; words that stand for one step are divided by a bar."""

_LEADING = re.compile(r"^\s*[(\[]?(-?\d+(?:\.\d+)?)[)\]]?\s*(?:[-–—:.=)]\s*|\s+|$)(.*)$", re.DOTALL)
_TRAILING = re.compile(r"^(.*?)\s*[-–—:=]?\s*[(\[](-?\d+(?:\.\d+)?)[)\]]\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Worth:
    """What an answer is worth. `rating` None with a confidence is "not observed"; confidence 0: left open, `reason`."""

    rating: float | None
    confidence: int
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the coordinator has to say it."""
        return self.confidence == 0


def worth_of(options: Sequence[Option], scale: Scale, *, all_known: bool) -> dict[str, Worth]:
    """What each of a question's options is worth, by what is sent. The order of the options does not count.

    `all_known`: these are all that may be chosen, so their number says something about the form's scale.
    """
    words = {option.sent: numbered(option.label) for option in options}
    rated = {sent: each for sent, each in words.items() if folded(each[1] or "") not in NOT_OBSERVED}
    series = _series([word for _, word in rated.values()], scale) if all_known else None
    whole = all_known and _is_other_scale([number for number, _ in rated.values() if number is not None], scale)
    found = {}
    for option in options:
        number, word = words[option.sent]
        found[option.sent] = _worth(option.label, number, word, series, scale)
        if whole and option.sent in rated and number is not None:
            reason = f"the form's numbers are not those of the cohort's scale, {scale.minimum:g} to {scale.maximum:g}"
            found[option.sent] = Worth(None, 0, reason)
    return found


def numbered(label: str) -> tuple[float | None, str]:
    """The number that stands before or behind the words of a label, and the words.

    >>> numbered("4 - Often"), numbered("Often (4)"), numbered("5"), numbered("Often"), numbered("4/5")
    ((4.0, 'Often'), (4.0, 'Often'), (5.0, ''), (None, 'Often'), (None, '4/5'))
    """
    if leading := _LEADING.match(label):
        return float(leading[1]), leading[2].strip()
    if trailing := _TRAILING.match(label):
        return float(trailing[2]), trailing[1].strip()
    return None, label.strip()


def _worth(label: str, number: float | None, word: str, series: Mapping[str, float] | None, scale: Scale) -> Worth:
    if folded(word).rstrip(".") in NOT_OBSERVED or folded(label).rstrip(".") in NOT_OBSERVED:
        return Worth(None, KNOWN_WORD)
    by_word = (series or {}).get(folded(word))
    if number is not None:
        doubt = _doubt(number, word, by_word, scale)
        return Worth(None, 0, doubt) if doubt else Worth(number, BY_NUMBER)
    if by_word is not None:
        return Worth(by_word, BY_SERIES)
    return Worth(None, 0, "it is no label that is known here; write its rating, or leave it blank for “not observed”")


def _doubt(number: float, word: str, by_word: float | None, scale: Scale) -> str:
    """Why a label's number can't be believed; empty if it can."""
    if not scale.holds(number):
        return f"its number is off the scale {scale.minimum:g} to {scale.maximum:g}"
    if by_word is not None and by_word != number:
        return f"its number says {number:g}, its word {by_word:g}: is the scale turned round?"
    if _says_otherwise(word, number, scale):
        return f"its number says {number:g}, its word the other end of a scale: is it turned round?"
    return ""


def _series(words: Sequence[str], scale: Scale) -> Mapping[str, float] | None:
    """The ratings of the words, if they are one known series with as many steps as the scale has points."""
    points = scale.maximum - scale.minimum + 1
    there = [folded(word) for word in words]
    for series in SERIES:
        if len(series) != points or len(there) != points:
            continue
        steps = [next((at for at, step in enumerate(series) if word in step), None) for word in there]
        if sorted(step if step is not None else -1 for step in steps) == list(range(len(series))):
            return {word: scale.minimum + (step or 0) for word, step in zip(there, steps, strict=True)}
    return None


def _says_otherwise(word: str, number: float, scale: Scale) -> bool:
    """Whether a word is known as one end of a series, and its number is in the other half."""
    middle = (scale.minimum + scale.maximum) / 2
    low = any(folded(word) in series[0] for series in SERIES)
    high = any(folded(word) in series[-1] for series in SERIES)
    return (low and not high and number > middle) or (high and not low and number < middle)


def _is_other_scale(numbers: Sequence[float], scale: Scale) -> bool:
    """Whether the numbers of all options do not reach from end to end of the scale."""
    return bool(numbers) and (min(numbers), max(numbers)) != (scale.minimum, scale.maximum)
