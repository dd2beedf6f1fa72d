"""Where a plan sees a domain too rarely, leaves places empty, or lets an assessor watch their own organisation."""

from collections import Counter
from collections.abc import Iterator

from services.scoring.core.design.assignments import Design, Finding, Watch, named
from shared.ids import ParticipantId, RaterId
from shared.words import Instrument


def coverage(design: Design) -> Iterator[Finding]:
    """Every domain that the day shows in fewer exercises or by fewer assessors than the cohort calls usual."""
    day = design.definition.evidence.development_day
    if day is None or Instrument.DEVELOPMENT_DAY not in design.sources:
        return
    usual = design.definition.thresholds
    for domain in design.definition.framework.domains:
        showing = design.exercises_of[domain.code]
        if len(showing) < usual.exercises:
            count = f"{len(showing)} exercise" + ("" if len(showing) == 1 else "s")
            needed = f"{usual.exercises} are needed to tell it from how somebody did in one of them"
            words = f"{domain.name} is shown by {count}; {needed}"
            yield Finding("exercises", words, mend=True, about=(domain.code,))
        few = _seen_by_few(design, domain.code) if showing else ()
        if few:
            words = f"{domain.name} is seen by fewer than {usual.assessors} assessors in {named(few)}"
            yield Finding("assessors", words, mend=True, about=few)
        elif not design.watches and day.assessors < usual.assessors:
            words = f"{domain.name}: the cohort asks for {day.assessors} assessor an exercise, so one may see all of it"
            yield Finding("assessors", words, mend=True, about=(domain.code,))


def _seen_by_few(design: Design, domain: str) -> tuple[ParticipantId, ...]:
    if not design.watches:
        return ()
    showing = design.exercises_of[domain]
    return tuple(
        who
        for who in sorted(design.participants)
        if len({watch.assessor for watch in design.watches_of.get(who, ()) if watch.exercise in showing})
        < design.definition.thresholds.assessors
    )


def gaps_in(design: Design) -> Iterator[Finding]:
    """Exercises in which a participant has fewer assessors than the cohort asks for. Silent without a plan."""
    day = design.definition.evidence.development_day
    if day is None or not design.watches:
        return
    count = Counter((watch.participant, watch.exercise) for watch in design.watches)
    short = tuple(
        f"{who}/{exercise}"
        for who in sorted(design.participants)
        for exercise in day.exercises
        if count[who, exercise] < day.assessors
    )
    if short:
        words = f"fewer than the {day.assessors} assessors asked for are to watch {named(short)}"
        yield Finding("short", words, mend=True, about=short)


def own_organisation(design: Design) -> tuple[Watch, ...]:
    """Whom an assessor is to watch although both are of one organisation, where that is known."""
    return tuple(
        watch
        for watch in sorted(design.watches)
        if design.assessors.get(watch.assessor) == design.participants.get(watch.participant, "")
    )


def loads(design: Design) -> dict[RaterId, int]:
    """How many times each assessor watches somebody; those who are to do nothing are in it."""
    count = Counter(watch.assessor for watch in design.watches)
    return {assessor: count[assessor] for assessor in sorted({*design.assessors, *count})}
