"""Which question asks which statement. A pure function of words: neither the order of questions nor their references
count, and no statement is proposed for two questions.

In three passes. Equal words (apart from case, spacing, numbering and the like) are certain. A reference that ends in a
code, such as `ratings/sl1a`, is nearly so where the title says nothing else. What is left is compared word by word with
rapidfuzz: a question gets a statement if it is near (`PROPOSED_FROM`), clearly nearer than the next (`CLEARLY`), and
nearest to it in turn. A question that turns a statement into its opposite is never the same, however near its words.
"""

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from services.intake.core.mapping.targets import Target
from services.intake.core.text import folded

PROPOSED_FROM = 80
"""Confidence, of 100, from which something is proposed; below it a row is left open."""
CLEARLY = 8
"""By how much the best must be nearer than the second best."""
CERTAIN, BY_CODE = 100, 90
WITHIN = 0.95
"""What a statement that stands whole within a longer title counts, of 1."""
LONG_ENOUGH = 15
"""Letters from which a statement within a title is no accident."""

_NEGATION = frozenset(
    {"not", "never", "no", "without", "rarely", "seldom", "hardly", "fails", "cannot", "lacks", "avoids", "unable"}
)
_NUMBERING = re.compile(r"^(?:(?:q|question)\s*)?\d{1,3}[a-z]?\s*[.):\-–]\s*", re.IGNORECASE)
_MARKUP = re.compile(
    r"<[^>]{0,200}>|\{\{[^}]{0,200}\}\}|\$\{[^}]{0,200}\}|\[[^\]]{0,60}\]|[*_]{1,2}(?=\w)|(?<=\w)[*_]{1,2}"
)
_WORDS = re.compile(r"[^\w']+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as far as its words go."""

    ref: str
    title: str


@dataclass(frozen=True, slots=True)
class Near:
    """A target and how near a question is to it, of 100."""

    code: str
    confidence: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a question asks: the best target, or why none is proposed. `runner_up` is the next best."""

    best: Near | None
    runner_up: Near | None = None
    reason: str = ""


@lru_cache(maxsize=4096)
def plain_title(title: str) -> str:
    """A title without markup and numbering, as it is compared.

    >>> plain_title("3. <b>Listens</b> before  answering.") == plain_title("listens before answering")
    True
    """
    text = _MARKUP.sub(" ", html.unescape(title))
    return folded(_NUMBERING.sub("", text.strip())).strip(" .:;?!…*")


def matched(questions: Iterable[Asked], targets: Iterable[Target]) -> dict[str, Verdict]:
    """What each question asks, by its reference."""
    left = _Left({each.ref: each for each in questions}, {each.code: each for each in targets})
    found: dict[str, Verdict] = {}
    for take in (_equal, _coded, _nearest):
        now = take(left)
        found |= now
        left = left.without(now)
    return found


@dataclass(frozen=True, slots=True)
class _Left:
    """What is not decided yet."""

    questions: Mapping[str, Asked]
    targets: Mapping[str, Target]

    def without(self, found: Mapping[str, Verdict]) -> "_Left":
        taken = {verdict.best.code for verdict in found.values() if verdict.best}
        return _Left(
            {ref: each for ref, each in self.questions.items() if ref not in found},
            {code: each for code, each in self.targets.items() if code not in taken},
        )


def _equal(left: _Left) -> dict[str, Verdict]:
    """Questions that ask a statement in its own words. Of two that ask the same, neither is chosen."""
    asks: dict[str, list[str]] = defaultdict(list)
    says: dict[str, set[str]] = defaultdict(set)
    for ref, each in left.questions.items():
        asks[plain_title(each.title)].append(ref)
    for code, target in left.targets.items():
        for statement in target.statements:
            says[plain_title(statement)].add(code)
    claims: dict[str, list[str]] = defaultdict(list)
    found: dict[str, Verdict] = {}
    for words, codes in says.items():
        for ref in asks.get(words, ()) if words else ():
            if len(codes) > 1:
                found[ref] = Verdict(None, None, f"its words are those of {_listed(codes)} alike; say which it is")
            else:
                claims[next(iter(codes))].append(ref)
    return found | _claimed(claims, CERTAIN, "asks it in its own words")


def _coded(left: _Left) -> dict[str, Verdict]:
    """Questions whose reference ends in a code, where the title is blank or no more than that reference or code."""
    by_code = {_parts(code): code for code in left.targets}
    claims: dict[str, list[str]] = defaultdict(list)
    for ref, each in left.questions.items():
        code = code_in(ref, by_code)
        if code is not None and (not each.title.strip() or code_in(each.title, by_code) == code):
            claims[code].append(ref)
    return _claimed(claims, BY_CODE, "has its code as reference")


def code_in(ref: str, by_code: Mapping[tuple[str, ...], str]) -> str | None:
    """The code that a reference ends in, the longest that does.

    >>> code_in("q3_sl1a", {("sl1a",): "SL1a"}), code_in("day/EX1.SL1", {("ex1", "sl1"): "EX1:SL1"}), code_in("x", {})
    ('SL1a', 'EX1:SL1', None)
    """
    parts = _parts(ref)
    ends = (by_code.get(parts[start:]) for start in range(len(parts)))
    return next((code for code in ends if code is not None), None)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r"[\W_]+", text.casefold()) if part)


def _claimed(claims: Mapping[str, Sequence[str]], confidence: int, how: str) -> dict[str, Verdict]:
    """Each target goes to the one question that claims it; where several do, to none."""
    found: dict[str, Verdict] = {}
    for code, refs in claims.items():
        for ref in refs:
            others = [other for other in refs if other != ref]
            if others:
                reason = f"{how} ({code}), and so does {_listed(others)}; keep one of them"
                found[ref] = Verdict(None, Near(code, confidence), reason)
            else:
                found[ref] = Verdict(Near(code, confidence), None)
    return found


def _nearest(left: _Left) -> dict[str, Verdict]:
    """What is near enough, clearly nearer than anything else, and so in both directions."""
    near = {
        ref: sorted((Near(code, _nearness(each.title, target)) for code, target in left.targets.items()), key=_order)
        for ref, each in left.questions.items()
    }
    by_code = {_parts(code): code for code in left.targets}
    wanted: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for ref, ranks in near.items():
        for each in ranks:
            wanted[each.code].append((each.confidence, ref))
    return {ref: _judged(left.questions[ref], ranks, wanted, left, by_code) for ref, ranks in near.items()}


def _judged(
    asked: Asked,
    ranks: Sequence[Near],
    wanted: Mapping[str, Sequence[tuple[int, str]]],
    left: _Left,
    by_code: Mapping[tuple[str, ...], str],
) -> Verdict:
    if not asked.title.strip():
        return Verdict(None, None, "the tool does not say what this field asks; look it up in the form")
    if not ranks:
        return Verdict(None, None, "everything that is rated has a field already")
    best, second = ranks[0], ranks[1] if len(ranks) > 1 else None
    others = [(confidence, ref) for confidence, ref in wanted[best.code] if ref != asked.ref]
    rival = max(others, default=(0, ""))
    coded = code_in(asked.ref, by_code)
    if best.confidence < PROPOSED_FROM:
        hint = f"; its reference names {coded}" if coded else ""
        reason = f"the nearest is {best.code} ({best.confidence}), below {PROPOSED_FROM}{hint}"
    elif _is_opposite(asked.title, left.targets[best.code]):
        reason = f"its words are near {best.code}, but one of the two is negated"
    elif coded is not None and coded != best.code:
        reason = f"its words are near {best.code}, its reference names {coded}"
    elif second is not None and best.confidence - second.confidence < CLEARLY:
        reason = f"{best.code} ({best.confidence}) and {second.code} ({second.confidence}) are too near each other"
    elif best.confidence - rival[0] < CLEARLY:
        reason = f"{best.code} fits {rival[1]} ({rival[0]}) as well as this field ({best.confidence})"
    else:
        return Verdict(best, second)
    return Verdict(None, best if best.confidence else None, reason)


def _order(near: Near) -> tuple[int, str]:
    return (-near.confidence, near.code)


def _nearness(title: str, target: Target) -> int:
    return max((_alike(plain_title(title), plain_title(statement)) for statement in target.statements), default=0)


def _alike(title: str, statement: str) -> int:
    """How alike two texts are, of 99: equal ones were found before."""
    whole = (fuzz.ratio(title, statement) + fuzz.token_sort_ratio(title, statement)) / 2
    within = 0.0
    if LONG_ENOUGH <= len(statement) <= len(title):
        within = WITHIN * fuzz.partial_ratio(statement, title)
    return min(99, int(max(whole, within)))


def _is_opposite(title: str, target: Target) -> bool:
    return all(_is_negated(title) != _is_negated(statement) for statement in target.statements)


def _is_negated(text: str) -> bool:
    words = _WORDS.split(folded(text).replace("\u2019", "'"))
    return any(word in _NEGATION or word.endswith("n't") for word in words)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
